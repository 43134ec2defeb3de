"""Run many entries, each once, and return their outcomes.

The machinery is imported by the call only: every fresh process of a suite imports this module with the user's program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gaitmap_results.suites.outcome import EntryOutcome

__all__ = ["run_entries"]


def run_entries(
    entries: Iterable[Any],
    *,
    executor: Executor | None = None,
    max_workers: int = 1,
    skip: Literal["same-commit", "recorded"] | None = "same-commit",
    on_outcome: Callable[[EntryOutcome], None] | None = None,
) -> list[EntryOutcome]:
    """Run entries that are not recorded yet, and return their outcomes.

    Nothing is retried silently: failed and lost entries are named, and calling this again runs them.
    The results folder decides what is done: an entry whose process died after storing its run counts as recorded.

    Parameters
    ----------
    entries
        Functions that are decorated with :func:`gaitmap_results.record_run`, partials of them, and
        :class:`gaitmap_results.Entry` objects.
    executor
        Where they run: any ``concurrent.futures.Executor``, such as that of :func:`gaitmap_results.dask_executor`.
        By default each entry runs in its own fresh process, so that a dying process affects no other entry.
    max_workers
        The number of these processes that run at the same time.
    skip
        Which entries are not run again.
        ``"same-commit"``: those with an official run of the same name, function, arguments, commit, packages and other
        repositories, unless there are uncommitted changes.
        ``"recorded"``: those with any official run of the same name, function and arguments, and of the current version
        of the challenge.
        A run that was made without a function (by ``save_run`` or ``recorded_run``) counts by name and challenge.
        ``None``: none.
        An entry that is running in another program is skipped in any case.
    on_outcome
        Called with each outcome as soon as it is known, instead of printing where a run was stored.
        If the program is interrupted, it is also called for each entry that was running or not started.
        If it raises an error, no other entry is started, those that run are recorded, and the error is raised.

    Returns
    -------
    outcomes
        One for each entry, in the order given.

    Raises
    ------
    GaitmapResultsError
        Before anything runs, if an entry, an option or the config is wrong.
    KeyboardInterrupt
        If the program is interrupted; running entries are ended first.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from gaitmap_results import Entry, run_entries
    >>> entries = [Entry(name, challenge, optimizer, path="results") for name in ("a", "b")]
    >>> with ThreadPoolExecutor(2) as threads:
    ...     outcomes = run_entries(entries, executor=threads)
    >>> [outcome.status for outcome in outcomes]
    ['recorded', 'recorded']
    """
    from gaitmap_results.suites.planning import plan_entries
    from gaitmap_results.suites.run_planned import run_planned

    planned = plan_entries(entries, is_reported=on_outcome is not None)
    tell = None if on_outcome is None else lambda _, outcome: on_outcome(outcome)
    return run_planned(planned, executor=executor, max_workers=max_workers, skip=skip, on_outcome=tell)
