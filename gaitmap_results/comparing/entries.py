"""Compare the entries of a challenge, or any runs, by their stored scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from gaitmap_results.comparing.aligned_scores import MatchedScores, ScoredRun, match_scores
from gaitmap_results.comparing.choosing import SEEDS, ChosenRun, LeftOut, choose, eligible, grouped
from gaitmap_results.comparing.comparability import reasons_against
from gaitmap_results.comparing.comparison import EntryComparison
from gaitmap_results.comparing.paired_statistics import COLUMNS, check_test, compare_paired
from gaitmap_results.comparing.verdicts import Test
from gaitmap_results.exceptions import CorruptRunError, InvalidOptionError, NotComparableError
from gaitmap_results.reading.index import RunSummary, read_summary
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.reading.selecting import find_runs
from gaitmap_results.showing.text import bulleted
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.files import expanded
from gaitmap_results.store.score_directions import DIRECTIONS, direction_problems

if TYPE_CHECKING:
    import pandas as pd

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
    test = check_options(score, direction, smallest_effect, alpha)
    if runs not in ("latest", "mean"):
        raise InvalidOptionError(f"runs is {runs!r}; it takes 'latest' or 'mean'.")
    declared = _declared(challenge)
    found, skipped = find_runs(challenge, base_path)
    left_out = [LeftOut(Path(each.folder), each.reason) for each in skipped]
    chosen = choose(found, left_out, which=runs, include_debug=include_debug, version=version)
    fixed = None if baseline is None else entry_text(baseline)
    return compare_chosen(chosen, left_out, test, score, baseline=fixed, declared=declared, one_challenge=True)


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
    test = check_options(score, direction, smallest_effect, alpha)
    if baseline is not None and not isinstance(baseline, str):
        raise InvalidOptionError(f"baseline is {baseline!r}; it takes one of the names of the runs.")
    given: Any = runs
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and isinstance(path, (str, Path)) for name, path in given.items()
    ):
        raise InvalidOptionError(f"runs is {runs!r}; it takes a dictionary such as {{'before': path, 'after': path}}.")
    left_out: list[LeftOut] = []
    named = [(name, _summary_at(path)) for name, path in runs.items()]
    chosen = eligible(named, left_out, include_debug=include_debug)
    return compare_chosen(chosen, left_out, test, score, baseline=baseline)


def _summary_at(path: str | Path) -> RunSummary:
    folder = expanded(path).absolute()
    try:
        return read_summary(str(folder))
    except CorruptRunError as error:
        raise CorruptRunError(f"The run in {folder} cannot be read: {error}.", path=folder) from error


def check_options(score: object, direction: object, smallest_effect: object, alpha: object) -> Test:
    """Check the options of a comparison before anything is read."""
    if score is not None and not isinstance(score, str):
        raise InvalidOptionError(f"score is {score!r}; it takes the name of a score.")
    return check_test(direction, smallest_effect, alpha, directions=(None, *DIRECTIONS))


def compare_chosen(
    chosen: Sequence[ChosenRun],
    left_out: list[LeftOut],
    test: Test,
    score: str | None = None,
    *,
    baseline: str | None = None,
    declared: Mapping[str, str] = MappingProxyType({}),
    one_challenge: bool = False,
    may_be_untested: bool = False,
) -> EntryComparison:
    """Compare the runs that were chosen for each entry; add those that do not fit to ``left_out``.

    Parameters
    ----------
    declared
        The ``SCORES`` of the challenge class, if available, for records that do not say it.
    one_challenge
        Whether all runs belong to one challenge, whatever its names.
    may_be_untested
        Whether to show scores without a direction untested, instead of refusing them.
    """
    runs = list(_scored(chosen, left_out))
    _refuse_few([each.entry for each in runs], left_out)
    # Runs that are averaged over seeds may also have different seeds in the challenge.
    averaging = len({each.entry for each in runs}) < len(runs)
    reasons = reasons_against(
        [(each.entry, each.run) for each in runs], one_challenge=one_challenge, but_for=SEEDS if averaging else ()
    )
    if reasons:
        raise _not_comparable("These runs differ in more than the entry", reasons)
    score = score or next(iter(declared), None) or _main_score(runs, any_will_do=may_be_untested)
    matched = match_scores(runs, score, left_out)
    names = list(matched.runs)
    _refuse_few(names, left_out)
    used = [each for each in runs if each.run in matched.runs.get(each.entry, ())]
    test = replace(test, direction=_direction(used, score, given=test.direction, declared=declared.get(score)))
    if test.direction is None and not may_be_untested:
        raise InvalidOptionError(
            f"The records do not say whether to minimize or to maximize {score}. Give direction='minimize' or "
            "direction='maximize'."
        )
    if baseline is not None and baseline not in names:
        why = "".join(f"\n  {path}: {reason}" for path, reason in left_out if baseline in str(path))
        raise InvalidOptionError(
            f"The baseline {baseline!r} has no run that can be compared. The entries are: {', '.join(names)}.{why}"
        )
    latest = matched.runs[names[0]][-1]
    return EntryComparison(
        table=_table(matched, test, baseline),
        scores=matched.table,
        left_out=list(left_out),
        challenge_name=latest.challenge_name,
        challenge_version=latest.challenge_version,
        score=score,
        direction=test.direction,
        baseline=baseline,
        smallest_effect=test.smallest_effect,
        alpha=test.alpha,
        _runs=matched.runs,
    )


def _table(matched: MatchedScores, test: Test, baseline: str | None) -> pd.DataFrame:
    """Return the table of comparisons, which is empty if nothing can be tested."""
    import pandas as pd

    if test.direction is None:
        return pd.DataFrame(columns=list(COLUMNS))
    names = list(matched.runs)
    values = matched.table.to_numpy()
    table = compare_paired(values, names, test, baseline=baseline, fold_ratios=matched.fold_ratios)
    common = f"averaged over {', '.join(matched.averaged_over)} first" if matched.averaged_over else ""
    table["note"] = [
        "; ".join(filter(None, [note, common, matched.notes.get(entry), matched.notes.get(other)]))
        for note, entry, other in zip(table["note"], table["entry"], table["baseline"], strict=True)
    ]
    return table


def _declared(challenge: Any) -> Mapping[str, str]:
    """Return the ``SCORES`` of a challenge, if its class is available."""
    declared = getattr(challenge, "SCORES", None)
    if declared is None or isinstance(declared, property):
        return {}
    problems = list(direction_problems(declared))
    if problems:
        raise InvalidOptionError(" ".join(problems))
    return cast("Mapping[str, str]", declared)


def _scored(chosen: Sequence[ChosenRun], left_out: list[LeftOut]) -> Iterator[ScoredRun]:
    """Yield the runs that have scores; add the others to ``left_out``."""
    for name, run in chosen:
        try:
            scores = read_scores(run.folder)
        except CorruptRunError as error:
            left_out.append(LeftOut(run.path, str(error)))
            continue
        if scores is None or not scores.rows:
            left_out.append(LeftOut(run.path, "it has no scores"))
        else:
            yield ScoredRun(name, run, scores)


def _refuse_few(entries: Sequence[str], left_out: list[LeftOut]) -> None:
    if len(set(entries)) > 1:
        return
    only = f"only {entries[0]} has a run" if entries else "no entry has a run"
    reasons = [f"{path}: {reason}" for path, reason in left_out]
    raise _not_comparable(f"There is nothing to compare: {only} that can be compared", reasons)


def _not_comparable(what: str, reasons: list[str]) -> NotComparableError:
    hints = [f"\n{hint}" for sign, hint in _HINTS.items() if any(sign in reason for reason in reasons)]
    message = f"{what}{':' if reasons else '.'}{bulleted(reasons, _MAX_SHOWN)}{''.join(hints)}"
    return NotComparableError(message, reasons=reasons or [what])


def _main_score(runs: Sequence[ScoredRun], *, any_will_do: bool) -> str:
    mains = list(dict.fromkeys(each.scores.main_score for each in runs))
    if len(mains) == 1 and mains[0] is not None:
        return mains[0]
    names = list(dict.fromkeys(name for each in runs for name in each.scores.directions))
    if any_will_do and names and not any(mains):
        return names[0]
    what = "The runs have different main scores" if any(mains) else "None of the scores is the main score"
    raise InvalidOptionError(f"{what}. Name one with score=... (--score): {', '.join(names)}.")


def _direction(runs: Sequence[ScoredRun], score: str, *, given: str | None, declared: str | None) -> str | None:
    said = grouped((known, str(each)) for each in runs if (known := each.scores.directions.get(score)) is not None)
    if len(said) > 1:
        lines = [f"{direction} {score}: {', '.join(names)}" for direction, names in said.items()]
        raise _not_comparable(f"The runs disagree about the direction of {score}", lines)
    recorded = next(iter(said), None)
    for what, said_there in (("direction is", given), ("SCORES of the challenge says to", declared)):
        if None not in (said_there, recorded) and said_there != recorded:
            raise InvalidOptionError(f"{what} {said_there!r}, but the records say to {recorded} {score}.")
    return recorded or given or declared
