"""Say how a commit is called and where it can be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gaitmap_results.provenance.git.processes import GitProcesses
from gaitmap_results.provenance.git.remote import remote_url, start_settings

__all__ = ["CommitFacts", "PendingCommitFacts"]


@dataclass(frozen=True)
class CommitFacts:
    """What can be told about a commit once a run has ended.

    Attributes
    ----------
    describe
        The commit in the words of ``git describe --tags --always``.
    remote
        The URL of the remote, without user, password, query and fragment.
    pushed
        Whether a remote-tracking branch holds the commit, as far as is known here; None if git could not say.
    """

    describe: str | None
    remote: str | None
    pushed: bool | None


class PendingCommitFacts:
    """What git was asked about a commit; no remote is asked.

    Parameters
    ----------
    processes
        Where git is started.
    folder
        A folder of the work tree.
    commit
        The commit; that which is checked out if not given.
    """

    def __init__(self, processes: GitProcesses, folder: Path, commit: str | None = None) -> None:
        self._processes = processes
        self._describe = processes.start(folder, "describe", "--tags", "--always", *filter(None, [commit]))
        # Nothing is left of a commit's history without what the remotes' branches hold, if one of them holds it.
        self._not_pushed = processes.start(folder, "rev-list", "--max-count=1", commit or "HEAD", "--not", "--remotes")
        self._settings = start_settings(processes, folder)

    def answer(self, branch: str | None) -> CommitFacts:
        """Wait for git and return what it said; what it could not say is None.

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
