"""Describe the sources of packages that are not releases of an index, with the git state of editable installs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.provenance.packages import InstalledPackages, folder_of_url

if TYPE_CHECKING:
    from gaitmap_results.provenance.git import GitState

__all__ = ["direct_urls", "editable_folders"]


def direct_urls(
    collector: Collector, packages: InstalledPackages, state: GitState | None
) -> dict[str, dict[str, object]]:
    """Return the sources of packages that are not releases; an editable install gets its git state."""
    described = {}
    for name, facts in packages.direct_urls.items():
        folder = folder_of_url(str(facts.get("url", "")))
        if facts.get("editable") and folder is not None:
            own = collector.collect(f"git state of {name}", _state_of_package, folder, state)
            facts = {**facts, "commit": own.commit if own else None, "dirty": own.dirty if own else None}
        described[name] = facts
    return described


def _state_of_package(folder: Path, state: GitState | None) -> GitState | None:
    from gaitmap_results.provenance.git import GitUnreadableError, read_git_state

    if state is not None and folder.resolve().is_relative_to(state.base_dir.resolve()):
        return state
    try:
        return read_git_state(folder)
    except GitUnreadableError as error:
        # A folder without a repository is a fact, not a failure.
        if error.code != "git.not_a_repository":
            raise
        return None


def editable_folders(packages: InstalledPackages) -> dict[str, Path]:
    """Return the folders of editable installs, by package name."""
    urls = {name: str(facts.get("url", "")) for name, facts in packages.direct_urls.items() if facts.get("editable")}
    return {name: folder for name, url in urls.items() if (folder := folder_of_url(url)) is not None}
