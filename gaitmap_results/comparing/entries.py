"""Compare the entries of a challenge, or any runs, by their stored scores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from gaitmap_results._pandas import require_pandas
from gaitmap_results.comparing.aligned_scores import match_scores
from gaitmap_results.comparing.choosing import SEEDS, LeftOut, choose, eligible
from gaitmap_results.comparing.comparability import reasons_against
from gaitmap_results.comparing.comparison import EntryComparison, Options
from gaitmap_results.comparing.paired_statistics import check_direction, check_limits, compare_paired, require_scipy
from gaitmap_results.comparing.verdicts import Test
from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, NotComparableError
from gaitmap_results.reading.index import RunSummary, read_summary
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.reading.selecting import find_runs
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.score_directions import direction_problems
from gaitmap_results.typed_results.scores import Scores

__all__ = ["check_options", "compare_chosen", "compare_entries", "compare_runs"]

_MAX_SHOWN: Final = 12
# What to do about a reason that contains this text.
_HINTS: Final = {
    "it is a debug run": "Include debug runs with include_debug=True (--include-debug).",
    "another version of": "Choose one with version=... (--version).",
}


def compare_entries(
    challenge: Any,
    base_path: str | Path,
    *,
    score: str | None = None,
    baseline: str | tuple[str, ...] | None = None,
    direction: str | None = None,
    version: str | None = None,
    include_debug: bool = False,
    runs: str = "latest",
    smallest_effect: float | None = None,
    alpha: float = 0.05,
) -> EntryComparison:
    """Compare the entries of a challenge by the scores of the same participants.

    Parameters
    ----------
    challenge
        The class of the challenge, an instance, or its full name.
    base_path
        The results folder, or a folder above it.
    score
        The score to compare by; without it, the main score.
    baseline
        The entry that all others are compared with, fixed before you looked at the scores.
        Without it, all pairs are compared, and the tests are adjusted for all of them.
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score, if the records do not say it.
    version
        The version of the challenge, needed if the latest runs of the entries are of several.
    include_debug
        Whether debug runs count, too.
    runs
        ``"latest"`` takes the latest run of each entry.
        ``"mean"`` averages, for each participant, all runs of an entry that differ only in a seed.
    smallest_effect
        The smallest difference that matters, in the unit of the score.
    alpha
        The level of the tests; the intervals cover ``1 - alpha``.

    Returns
    -------
    comparison
        ``table`` has a row for each comparison, see :func:`compare_scores`.
        ``scores`` has a row for each unit and a column for each entry.
        ``left_out`` names each run that could not be used, with the reason.

    Raises
    ------
    MissingExtraError
        If pandas or SciPy is not installed.
    RunNotFoundError
        If there is no run of the challenge in ``base_path``.
    NotComparableError
        If fewer than two entries have a run that can be compared, or the runs differ in more than the entry;
        see its ``reasons``.
    InvalidOptionError
        If the score is unknown, the baseline has no run that can be compared, or another option makes no sense.

    Examples
    --------
    >>> from gaitmap_results import compare_entries
    >>> comparison = compare_entries(StrideTime, "results", baseline="as_published")
    >>> comparison.table[["entry", "n", "better", "verdict"]]
              entry  n  better verdict
    0  recalibrated  8       8  better
    """
    options = check_options(score, direction, smallest_effect, alpha)
    if runs not in ("latest", "mean"):
        raise InvalidOptionError(f"runs is {runs!r}; it takes 'latest' or 'mean'.")
    declared = _declared(challenge)
    found, skipped = find_runs(challenge, base_path)
    left_out = [LeftOut(Path(each.folder), each.reason) for each in skipped]
    candidates = eligible(found, left_out, include_debug=include_debug, version=version)
    chosen = choose(candidates, runs, left_out)
    fixed = None if baseline is None else entry_text(baseline)
    return compare_chosen(chosen, left_out, options, baseline=fixed, declared=declared, one_challenge=True)


def compare_runs(
    runs: Mapping[str, str | Path],
    *,
    score: str | None = None,
    baseline: str | None = None,
    direction: str | None = None,
    include_debug: bool = False,
    smallest_effect: float | None = None,
    alpha: float = 0.05,
) -> EntryComparison:
    """Compare any runs of one challenge, even of one entry, by the scores of the same participants.

    Parameters
    ----------
    runs
        The run folder for each name to show: ``{"before": path, "after": path}``.
    score
        The score to compare by; without it, the main score.
    baseline
        The name that all others are compared with, fixed before you looked at the scores.
        Without it, all pairs are compared, and the tests are adjusted for all of them.
    direction
        Whether to ``"minimize"`` or ``"maximize"`` the score, if the records do not say it.
    include_debug
        Whether debug runs count, too.
    smallest_effect
        The smallest difference that matters, in the unit of the score.
    alpha
        The level of the tests; the intervals cover ``1 - alpha``.

    Returns
    -------
    comparison
        ``table`` has a row for each comparison, see :func:`compare_scores`.
        ``scores`` has a row for each unit and a column for each name.
        ``left_out`` names each run that could not be used, with the reason.

    Raises
    ------
    RunNotFoundError, CorruptRunError
        If there is no run at one of the paths, or it cannot be read.
    MissingExtraError
        If pandas or SciPy is not installed.
    NotComparableError
        If fewer than two of the runs can be compared, or they differ in more than the entry; see its ``reasons``.
    InvalidOptionError
        If the score or the baseline is unknown, or another option makes no sense.

    Examples
    --------
    >>> from gaitmap_results import compare_runs, get_all_result_paths, get_latest_result
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> runs = {"before": latest["as_published",], "after": latest["recalibrated",]}
    >>> compare_runs(runs, baseline="before").table.verdict[0]
    'better'
    """
    options = check_options(score, direction, smallest_effect, alpha)
    if baseline is not None and not isinstance(baseline, str):
        raise InvalidOptionError(f"baseline is {baseline!r}; it takes one of the names of the runs.")
    given: Any = runs
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and isinstance(path, (str, Path)) for name, path in given.items()
    ):
        raise InvalidOptionError(f"runs is {runs!r}; it takes a dictionary such as {{'before': path, 'after': path}}.")
    left_out: list[LeftOut] = []
    chosen: dict[str, list[RunSummary]] = {}
    for name, path in runs.items():
        kept = eligible([_summary_at(path)], left_out, include_debug=include_debug)
        chosen |= {name: kept} if kept else {}
    return compare_chosen(chosen, left_out, options, baseline=baseline)


def _summary_at(path: str | Path) -> RunSummary:
    folder = Path(path).expanduser().absolute()
    try:
        return read_summary(str(folder))
    except CorruptRunError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=folder) from error


def check_options(score: object, direction: object, smallest_effect: object, alpha: object) -> Options:
    """Check the options of a comparison before anything is read."""
    require_pandas("Comparing entries")
    require_scipy()
    if score is not None and not isinstance(score, str):
        raise InvalidOptionError(f"score is {score!r}; it takes the name of a score.")
    checked = None if direction is None else check_direction(direction)
    return Options(score, checked, *check_limits(smallest_effect, alpha))


def compare_chosen(
    chosen: Mapping[str, list[RunSummary]],
    left_out: list[LeftOut],
    options: Options,
    *,
    baseline: str | None = None,
    declared: Mapping[str, str] | None = None,
    one_challenge: bool = False,
    may_be_untested: bool = False,
) -> EntryComparison:
    """Compare the runs that were chosen for each entry.

    Parameters
    ----------
    chosen
        The runs of each entry, by its name.
    left_out
        The runs left out so far; more may be added.
    options
        How to compare.
    baseline
        The entry that all others are compared with.
    declared
        The ``SCORES`` of the challenge class, if available, for records that do not say it.
    one_challenge
        Whether all runs belong to one challenge, whatever its names.
    may_be_untested
        Whether to show scores without a direction untested, instead of refusing them.
    """
    scores = _scores_of(chosen, left_out)
    usable = {name: [run for run in runs if run.folder in scores] for name, runs in chosen.items()}
    usable = {name: runs for name, runs in usable.items() if runs}
    _refuse_few(usable, left_out)
    # Runs that are averaged over seeds may also have different seeds in the challenge.
    averaging = any(len(of_entry) > 1 for of_entry in usable.values())
    reasons = reasons_against(usable, one_challenge=one_challenge, but_for=SEEDS if averaging else ())
    if reasons:
        raise _not_comparable("These runs differ in more than the entry", reasons)
    declared = declared or {}
    score = options.score or next(iter(declared), None) or _main_score(scores, any_will_do=may_be_untested)
    matched = match_scores(usable, scores, score, left_out)
    _refuse_few(matched.runs, left_out)
    direction = _direction(matched.runs, scores, score, given=options.direction, declared=declared.get(score))
    if direction is None and not may_be_untested:
        raise InvalidOptionError(
            f"The records do not say whether to minimize or to maximize {score}. Give direction='minimize' or "
            "direction='maximize'."
        )
    if baseline is not None and baseline not in matched.runs:
        why = "".join(f"\n  {path}: {reason}" for path, reason in left_out if baseline in str(path))
        known = ", ".join(matched.runs)
        raise InvalidOptionError(
            f"The baseline {baseline!r} has no run that can be compared. The entries are: {known}.{why}"
        )
    table = None
    if direction is not None:
        test = Test(direction, options.smallest_effect, options.alpha)
        names: list[Hashable] = list(matched.runs)
        values = matched.table.to_numpy()
        table = compare_paired(values, names, test, baseline=baseline, fold_ratios=matched.fold_ratios)
    return EntryComparison.of(matched, table, options, score, direction, baseline, left_out)


def _declared(challenge: Any) -> Mapping[str, str]:
    """Return the ``SCORES`` of a challenge, if its class is available."""
    declared = getattr(challenge, "SCORES", None)
    if declared is None or isinstance(declared, property):
        return {}
    problems = list(direction_problems(declared))
    if problems:
        raise InvalidOptionError(" ".join(problems))
    return cast("Mapping[str, str]", declared)


def _scores_of(chosen: Mapping[str, list[RunSummary]], left_out: list[LeftOut]) -> dict[str, Scores]:
    """Return the scores of each run that has them, by its folder."""
    scores = {}
    for run in (run for runs in chosen.values() for run in runs):
        try:
            found = read_scores(run.folder)
        except CorruptRunError as error:
            left_out.append(LeftOut(run.path, str(error)))
            continue
        if found is None or not found.rows:
            left_out.append(LeftOut(run.path, "it has no scores"))
        else:
            scores[run.folder] = found
    return scores


def _refuse_few(runs: Mapping[str, list[RunSummary]], left_out: list[LeftOut]) -> None:
    if len(runs) > 1:
        return
    only = f"only {next(iter(runs))} has a run" if runs else "no entry has a run"
    reasons = [f"{path}: {reason}" for path, reason in left_out]
    raise _not_comparable(f"There is nothing to compare: {only} that can be compared", reasons)


def _not_comparable(what: str, reasons: list[str]) -> NotComparableError:
    shown = "".join(f"\n  {reason}" for reason in reasons[:_MAX_SHOWN])
    more = f"\n  and {len(reasons) - _MAX_SHOWN} more" if len(reasons) > _MAX_SHOWN else ""
    hints = [f"\n{hint}" for sign, hint in _HINTS.items() if any(sign in reason for reason in reasons)]
    message = f"{what}{':' if reasons else '.'}{shown}{more}{''.join(hints)}"
    return NotComparableError(message, reasons=reasons or [what])


def _main_score(scores: Mapping[str, Scores], *, any_will_do: bool) -> str:
    mains = list(dict.fromkeys(each.main_score for each in scores.values()))
    if len(mains) == 1 and mains[0] is not None:
        return mains[0]
    names = list(dict.fromkeys(name for each in scores.values() for name in each.directions))
    if any_will_do and names and not any(mains):
        return names[0]
    what = "The runs have different main scores" if any(mains) else "None of the scores is the main score"
    raise InvalidOptionError(f"{what}. Name one with score=... (--score): {', '.join(names)}.")


def _direction(
    runs: Mapping[str, list[RunSummary]],
    scores: Mapping[str, Scores],
    score: str,
    *,
    given: str | None,
    declared: str | None,
) -> str | None:
    said: dict[str, list[str]] = {}
    for name, of_entry in runs.items():
        for run in of_entry:
            direction = scores[run.folder].directions.get(score)
            if direction is not None:
                said.setdefault(direction, []).append(f"{name} ({run.folder})")
    if len(said) > 1:
        lines = [f"{direction} {score}: {', '.join(names)}" for direction, names in said.items()]
        raise _not_comparable(f"The runs disagree about the direction of {score}", lines)
    recorded = next(iter(said), None)
    for what, said_there in (("direction is", given), ("SCORES of the challenge says to", declared)):
        if None not in (said_there, recorded) and said_there != recorded:
            raise InvalidOptionError(f"{what} {said_there!r}, but the records say to {recorded} {score}.")
    return recorded or given or declared
