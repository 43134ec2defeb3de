"""Map the paths of a record to the working trees of a reproduction."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaitmap_results.reproducing.record import RecordedRun
from gaitmap_results.reproducing.repositories import LocalRepository
from gaitmap_results.store.files import expanded

__all__ = ["Places"]


@dataclass(frozen=True)
class Places:
    """The places where repositories are checked out.

    Attributes
    ----------
    main
        The repository of the recorded working directory.
    targets
        The new place of each repository.
    """

    main: LocalRepository
    targets: Mapping[LocalRepository, Path]

    @property
    def top(self) -> Path:
        """The top folder of the working tree of the recorded working directory."""
        return self.targets[self.main]

    def cwd(self, record: RecordedRun) -> Path:
        """Return the new working directory."""
        recorded = Path(record.text("cwd") or ".")
        return self.top if recorded.is_absolute() or recorded.parts[:1] == ("~",) else self.top / recorded

    def of(self, path: str | Path) -> Path | None:
        """Return the new place of a path; ``None`` if it was in none of the repositories."""
        wanted = expanded(str(path))
        for base, target in self._bases():
            for name in (wanted, Path(os.path.realpath(wanted))):
                if name.is_absolute() and name.is_relative_to(base):
                    return target / name.relative_to(base)
        return None

    def in_text(self, text: str) -> str:
        """Return an argument of a command with every path into a repository changed to its new place.

        Files that only the user's own working tree has, such as data that git ignores, keep their place.
        """
        text = str(expanded(text)) if text.startswith("~") else text
        for base, target in self._bases():
            for found in re.findall(rf"{re.escape(str(base))}(?:[/\\][^'\"\s,;]*)?(?![\w.-])", text):
                moved = target / Path(found).relative_to(base)
                if moved.exists() or not os.path.lexists(found):
                    text = text.replace(found, str(moved))
        return text

    def in_value(self, value: Any) -> Any:
        """Return a plain value with the paths in all its texts changed to their new places."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {key: self.in_value(each) for key, each in value.items()}
        return [self.in_value(each) for each in value] if isinstance(value, list) else value

    def _bases(self) -> Iterator[tuple[Path, Path]]:
        """Yield the recorded and the present place of each repository with its new place, the innermost first."""
        bases = {}
        for repository, target in self.targets.items():
            recorded = [] if repository.recorded.path is None else [expanded(repository.recorded.path)]
            bases.update({base: target for base in [*recorded, repository.top] if base.is_absolute()})
        yield from sorted(bases.items(), key=lambda pair: -len(pair[0].parts))
