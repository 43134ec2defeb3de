"""Describe a commit and where it can be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.changes import Head, shown
from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.remote import remote_settings, remote_url, start_settings
from gaitmap_results.provenance.git.repository_files import RepositoryFiles

__all__ = ["CommitFacts", "PendingCommitFacts"]


@dataclass(frozen=True)
class CommitFacts:
    """What is known about a commit after a run.

    Attributes
    ----------
    describe
        The output of ``git describe --tags --always``.
    remote
        The URL of the remote, without user, password, query and fragment.
    pushed
        Whether a local remote-tracking branch holds the commit; None if git could not say.
    """

    describe: str | None
    remote: str | None
    pushed: bool | None


class PendingCommitFacts:
    """The pending answers of git about a commit; no remote is contacted.

    Parameters
    ----------
    processes
        Starts git.
    folder
        A folder of the working tree.
    files
        The files of the repository.
    commit
        The commit; by default the one that is checked out.
    """

    def __init__(
        self, processes: GitProcesses, folder: Path, files: RepositoryFiles, commit: str | None = None
    ) -> None:
        self._processes = processes
        self._folder = folder
        self._commit = commit
        # Without a commit it is that of HEAD, which may move.
        tags = None if commit is None else files.tags
        self._describe = processes.start(
            folder, "describe", "--tags", "--always", *filter(None, [commit]), valid_for=tags
        )
        self._settings = start_settings(processes, folder, valid_for=files.settings)

    def answer(self, head: Head, branch: str | None) -> CommitFacts:
        """Wait for git and return its answers; None for each that failed.

        Parameters
        ----------
        head
            What is checked out now.
        branch
            The branch that was checked out with the commit.
        """
        described, answer = map(self._processes.answer_or_none, (self._describe, self._settings))
        settings = remote_settings(answer)
        return CommitFacts(
            describe=described.strip().decode("utf-8", "backslashreplace") if described else None,
            remote=remote_url(settings, branch),
            pushed=self._is_pushed(head, settings),
        )

    def _is_pushed(self, head: Head, settings: Mapping[str, str]) -> bool | None:
        current = None if head.commit is None else head.commit.decode()
        commit = self._commit or current
        if commit is None:
            return None
        if not any(name.startswith("remote.") for name in settings):
            return False
        # A branch can also follow another one of this repository, whose remote is then called ".".
        upstream = None if head.branch is None else settings.get(f"branch.{shown(head.branch)}.remote")
        if head.is_at_upstream and upstream not in (None, ".") and commit == current:
            return True
        asked = self._processes.start(self._folder, "rev-list", "--max-count=1", commit, "--not", "--remotes")
        # The output is empty if a remote-tracking branch holds the commit.
        found = self._processes.answer_or_none(asked)
        return None if found is None else not found
