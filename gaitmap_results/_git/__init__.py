"""Reads the state of a git repository."""

from __future__ import annotations

from gaitmap_results._git.ignoring import check_git_dirty_ignore
from gaitmap_results._git.processes import GitUnreadableError
from gaitmap_results._git.state import GitState, StateReading, StateRereading, read_git_state, reread_git_state

__all__ = [
    "GitState",
    "GitUnreadableError",
    "StateReading",
    "StateRereading",
    "check_git_dirty_ignore",
    "read_git_state",
    "reread_git_state",
]
