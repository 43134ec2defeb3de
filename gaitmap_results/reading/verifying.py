"""Compare a run folder with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gaitmap_results.exceptions import RunNotFoundError
from gaitmap_results.reading.run_files import IN_ANNEX, is_in_annex, load_run_file, read_run_json
from gaitmap_results.store import files
from gaitmap_results.store.layout import MANIFEST_FILE, METADATA_FILE
from gaitmap_results.store.manifest import parse_manifest

__all__ = ["RunVerification", "verify_run"]


@dataclass(frozen=True)
class RunVerification:
    """The result of comparing a run folder with its manifest.

    Attributes
    ----------
    path
        The run folder.
    has_manifest
        Whether there is a manifest; gaitmap_challenges wrote none.
    missing
        Files in the manifest that do not exist.
    changed
        Files whose content differs from when the run was saved.
    extra
        Files that the manifest does not name.
    skipped
        What was not checked, with the reason: links, which are never in a manifest, and what cannot be read.
    n_files
        How many files were compared.

    All paths are relative to the run folder and use ``/``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gaitmap_results import RunVerification
    >>> folder = Path("20260102_030405")
    >>> RunVerification(folder, has_manifest=True, changed=("results/scores.json",)).status
    'changed'
    """

    path: Path
    has_manifest: bool
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    n_files: int = 0

    @property
    def status(self) -> Literal["intact", "changed", "no manifest", "unreadable"]:
        """Say in one or two words how the folder compares with its manifest.

        ``unreadable``: something could not be read; everything else is unchanged.
        """
        if self.missing or self.changed or self.extra:
            return "changed"
        if not self.has_manifest:
            return "no manifest"
        return "unreadable" if any(reason != _LINK for _, reason in self.skipped) else "intact"

    @property
    def is_intact(self) -> bool:
        """Whether every file exists unchanged; without a manifest, this is false."""
        return self.status == "intact"


_LINK = "a link, or no ordinary file"


def verify_run(path: str | Path, *, on_file: Callable[[int], object] | None = None) -> RunVerification:
    """Compare every file of a run folder with its manifest.

    Links are never followed, so that nothing outside the run folder is read.

    Parameters
    ----------
    path
        The run folder.
    on_file
        Called after each file with its size in bytes, to show progress.

    Returns
    -------
    verification
        The files that are missing, changed or extra.

    Raises
    ------
    RunNotFoundError
        If there is no run at ``path``.
    CorruptRunError
        If the manifest itself cannot be read.

    Examples
    --------
    >>> from gaitmap_results import get_all_result_paths, get_latest_result, verify_run
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> verify_run(latest["as_published",]).status
    'intact'
    >>> (latest["as_published",] / "results" / "notes.txt").touch()
    >>> verify_run(latest["as_published",]).extra
    ('results/notes.txt',)
    """
    folder = Path(path)
    expected = _expected(folder)
    if expected is None:
        return _without_manifest(folder)
    skipped: list[tuple[str, str]] = []
    changed: list[str] = []
    extra: list[str] = []
    found = set()
    for name, file in _files(folder, skipped):
        found.add(name)
        digest = expected.get(name)
        if digest is None:
            extra.append(name)
            continue
        try:
            if files.hash_file(file) == digest:
                pass
            elif is_in_annex(str(file)):
                skipped.append((name, IN_ANNEX))
            else:
                changed.append(name)
            if on_file is not None:
                on_file(file.lstat().st_size)
        except OSError as error:
            skipped.append((name, _reason(error)))
    not_readable = {name for name, reason in skipped if reason != _LINK}
    missing = [
        name for name in expected if name not in found and not any(_is_within(name, each) for each in not_readable)
    ]
    return RunVerification(
        path=folder,
        has_manifest=True,
        missing=tuple(sorted(missing)),
        changed=tuple(sorted(changed)),
        extra=tuple(sorted(extra)),
        skipped=tuple(sorted(skipped)),
        n_files=len(found) - len(extra),
    )


def _expected(folder: Path) -> dict[str, str] | None:
    """Return the digest of each file in the manifest; ``None`` without a manifest."""
    try:
        return load_run_file(folder, MANIFEST_FILE, lambda content: dict(parse_manifest(content)))
    except RunNotFoundError:
        return None


def _without_manifest(folder: Path) -> RunVerification:
    metadata = read_run_json(folder, METADATA_FILE)
    # This package always writes a manifest, so that somebody has removed it.
    was_taken_away = isinstance(metadata, dict) and "schema_version" in metadata
    return RunVerification(folder, has_manifest=False, missing=(MANIFEST_FILE,) if was_taken_away else ())


def _files(folder: Path, skipped: list[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    """Yield every regular file below a folder with its name in a manifest; note everything else in ``skipped``."""
    for name, path, kind in files.walk(folder, on_error=lambda name, error: skipped.append((name, _reason(error)))):
        if kind == "other":
            skipped.append((name, IN_ANNEX if is_in_annex(str(path)) else _LINK))
        elif kind == "file" and name != MANIFEST_FILE:
            yield name, path


def _is_within(name: str, folder: str) -> bool:
    return folder in (".", name) or name.startswith(f"{folder}/")


def _reason(error: OSError) -> str:
    return f"it cannot be read: {error.strerror or error}"
