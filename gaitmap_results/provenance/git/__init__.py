"""Read the state of a git repository."""

from __future__ import annotations

from gaitmap_results.provenance.git.ignoring import check_git_dirty_ignore
from gaitmap_results.provenance.git.processes import GitUnreadableError
from gaitmap_results.provenance.git.state import GitState, PendingStatus, read_git_state

__all__ = ["GitState", "GitUnreadableError", "PendingStatus", "check_git_dirty_ignore", "read_git_state"]
