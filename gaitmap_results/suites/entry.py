"""Declare a competitor in a challenge without writing a function for it."""

from __future__ import annotations

import dataclasses
from typing import Any

from gaitmap_results.challenge import check_challenge
from gaitmap_results.provenance.described_values import hash_json
from gaitmap_results.provenance.parameters import describe_challenge, describe_parameters
from gaitmap_results.recording.decorated_call import run_in_block
from gaitmap_results.recording.recorded_run import block_options
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.save_run import check_offset
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.user_code.caller import find_caller
from gaitmap_results.user_code.entry import Entry as Call
from gaitmap_results.user_code.entry import describe_suite_entry

__all__ = ["Entry"]


class Entry:
    """One entry of a suite: a challenge, and what to run it with.

    Parameters
    ----------
    name
        The name of the entry; a tuple of strings makes nested folders.
    challenge
        The challenge. Each run gets a copy of its own.
    optimizer
        The argument of ``challenge.run``.
    **options
        Every option of :func:`gaitmap_results.recorded_run`, for example ``debug_run=False``.

    Raises
    ------
    InvalidNameError
        If the name cannot be a part of a path.
    InvalidChallengeError
        If the challenge is a class, or not a challenge.
    TypeError
        If there is no such option.

    Notes
    -----
    ``caller_file_path`` is the file that creates the entry.

    Examples
    --------
    >>> from gaitmap_results import Entry
    >>> Entry(("shin", "tuned"), challenge, optimizer, path="results")
    Entry(('shin', 'tuned'))
    """

    def __init__(self, name: str | tuple[str, ...], challenge: Any, optimizer: Any, **options: Any) -> None:
        check_entry_name(name)
        check_challenge(challenge, before_run=True)
        self.name = name
        self.challenge = challenge
        self.optimizer = optimizer
        self.options = options
        block_options(name, **options)  # refuse an unknown option now, not when the entry runs
        self.caller = find_caller(check_offset(options.get("_caller_file_path_stack_offset", 0)))
        self._source = describe_suite_entry(entry_text(name), self.caller.file)

    def __repr__(self) -> str:
        return f"Entry({self.name!r})"

    @property
    def call(self) -> Call:
        """The identity of the entry: name, file, and hashes of the descriptions of challenge and optimizer."""
        try:
            challenge = [describe_challenge(self.challenge), str(getattr(self.challenge, "VERSION", None))]
            arguments = {"challenge": hash_json(challenge), "optimizer": hash_json(describe_parameters(self.optimizer))}
        except Exception:  # noqa: BLE001 - the user's objects may raise anything
            return self._source
        return dataclasses.replace(self._source, arguments=arguments)

    def __call__(self) -> Any:
        """Run the entry and record it."""
        # Given by name, too: `run` of a class without our base class cannot be observed.
        options = block_options(self.name, challenge=self.challenge, **self.options)
        return run_in_block(Recorder(options, self.caller, self.call), self.challenge.run, (self.optimizer,), {})
