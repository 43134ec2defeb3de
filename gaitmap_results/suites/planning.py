"""Determine what each entry of a suite will record, before anything runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from gaitmap_results.challenge import challenge_name
from gaitmap_results.exceptions import InvalidOptionError, InvalidTargetError
from gaitmap_results.recording.record_run import recorded_call
from gaitmap_results.recording.recorded_run import block_options
from gaitmap_results.saving.plan import SavePlan, make_plan
from gaitmap_results.suites.entry import Entry
from gaitmap_results.suites.sent_entry import Origin, Task, pickled
from gaitmap_results.user_code.entry import Entry as Call
from gaitmap_results.user_code.entry import describe_entry

__all__ = ["PlannedEntry", "plan_entries"]


@dataclass(frozen=True)
class PlannedEntry:
    """An entry whose options are checked, ready to be sent to another process.

    Attributes
    ----------
    entry_name
        The name as it will be stored.
    plan
        The checked options of its record.
    call
        The identity of the entry: its function or name, and its arguments.
    task
        The entry, ready to send.
    challenge
        The full name of its challenge; ``None`` for a function, which makes it only when it runs.
    """

    entry_name: str | tuple[str, ...]
    plan: SavePlan
    call: Call
    task: Task
    challenge: str | None = None

    @property
    def place(self) -> tuple[Path, tuple[str, ...]]:
        """The results folder, and the folders of the entry in it."""
        return self.plan.results_folder, self.plan.entry_parts


def plan_entries(entries: Iterable[Any], *, is_reported: bool = False) -> list[PlannedEntry]:
    """Check all entries of a suite.

    Parameters
    ----------
    entries
        The entries.
    is_reported
        Whether this process tells the user what each entry has stored.

    Raises
    ------
    InvalidTargetError
        If one of them is not an entry or cannot be sent to another process.
    GaitmapResultsError
        If the options of one of them, or the config, are wrong.
    """
    origin = Origin.of_this_process()
    planned = [_planned(entry, number, origin) for number, entry in enumerate(entries)]
    return [replace(each, task=replace(each.task, is_reported=is_reported)) for each in planned]


def _planned(entry: Any, number: int, origin: Origin) -> PlannedEntry:
    if isinstance(entry, Entry):
        planned = _checked(entry, make_plan(block_options(entry.name, **entry.options)), entry.call, origin)
        return replace(planned, challenge=challenge_name(entry.challenge))
    function, args, keywords = _unwrapped(entry)
    call = recorded_call(function)
    if call is None:
        raise InvalidTargetError(
            f"Entry {number} of the suite is {entry!r}. A suite takes functions that are decorated with @record_run, "
            "partials of them, and Entry(name, challenge, optimizer)."
        )
    plan = make_plan(block_options(call.name, **call.options))
    _check_arguments(function, args, keywords)
    return _checked(entry, plan, describe_entry(function, None, args, keywords), origin)


def _checked(entry: Any, plan: SavePlan, call: Call, origin: Origin) -> PlannedEntry:
    task = Task(pickled(entry, origin), str(uuid4()), plan.results_folder, plan.entry_parts, origin)
    return PlannedEntry(plan.entry_name, plan, call, task)


def _unwrapped(entry: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the function in a partial, and the arguments of the partial."""
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    while type(entry) is functools.partial:
        args, keywords = (*entry.args, *args), {**entry.keywords, **keywords}
        entry = entry.func
    return entry, args, keywords


def _check_arguments(function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    try:
        inspect.signature(function).bind(*args, **keywords)
    except TypeError as error:
        raise InvalidOptionError(
            f"The entry {function.__qualname__} cannot be called: {error}. Give the arguments with functools.partial."
        ) from error
