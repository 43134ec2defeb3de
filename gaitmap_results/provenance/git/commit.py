"""Describe a commit and where it can be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.remote import remote_url, start_settings

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
    commit
        The commit; by default the one that is checked out.
    """

    def __init__(self, processes: GitProcesses, folder: Path, commit: str | None = None) -> None:
        self._processes = processes
        self._describe = processes.start(folder, "describe", "--tags", "--always", *filter(None, [commit]))
        # The output is empty if a remote-tracking branch holds the commit.
        self._not_pushed = processes.start(folder, "rev-list", "--max-count=1", commit or "HEAD", "--not", "--remotes")
        self._settings = start_settings(processes, folder)

    def answer(self, branch: str | None) -> CommitFacts:
        """Wait for git and return its answers; None for each that failed.

        Parameters
        ----------
        branch
            The branch that is checked out.
        """
        described, not_pushed, settings = map(
            self._processes.answer_or_none, (self._describe, self._not_pushed, self._settings)
        )
        return CommitFacts(
            describe=described.strip().decode("utf-8", "backslashreplace") if described else None,
            remote=remote_url(settings or b"", branch),
            pushed=None if not_pushed is None else not not_pushed,
        )
