"""Find out what changed between two runs."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gaitmap_results.comparing.record_differences import compare_records, package_versions
from gaitmap_results.comparing.result_differences import ResultsDifference, compare_results
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError, printable
from gaitmap_results.reading.loading import load_run_metadata
from gaitmap_results.reading.scores import read_scores
from gaitmap_results.showing.text import counted, duration, number
from gaitmap_results.store.layout import RESULTS_DIR
from gaitmap_results.typed_results.scores import Scores

__all__ = ["RunDiff", "diff_runs", "score_line", "worst_line"]

_SECTIONS: Final = (
    *("challenge", "data", "code", "parameters", "packages", "Python", "machine", "config", "scores", "results"),
)
_MAX_LINES: Final = 12
_MAX_TEXT: Final = 60
_N_WORST: Final = 3


@dataclass(frozen=True)
class RunDiff:
    """The differences between two runs.

    Attributes
    ----------
    first, second
        The two run folders.
    sections
        The differences, in the order of likely cause.
        A list of ``{"name", "first", "second"}`` for each of challenge, data, code, parameters, packages, Python,
        machine and config.
        For ``scores`` a list with one dictionary for each score.
        For ``results`` a list with one dictionary that says how many values differ, and the columns that differ most.
        Sections without a difference are left out.
    same
        The names of the sections without a difference.
    runtime
        The runtimes in seconds, if both runs used the same processor; they do not count as a difference.
    n_packages
        The number of packages that either run had installed.

    Examples
    --------
    >>> from gaitmap_results import RunDiff
    >>> commits = [{"name": "commit", "first": "1f0c", "second": "77aa"}]
    >>> print(RunDiff("a", "b", {"code": commits}, ["data"], None))
    code
      commit  1f0c → 77aa
    the same: data
    """

    first: Path
    second: Path
    sections: dict[str, list[dict[str, Any]]]
    same: list[str]
    runtime: tuple[float, float] | None
    n_packages: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as JSON values."""
        runtime = None if self.runtime is None else {"first": self.runtime[0], "second": self.runtime[1]}
        paths = {"first": str(self.first), "second": str(self.second)}
        more = {"same": self.same, "runtime": runtime, "n_packages": self.n_packages}
        return {**paths, "sections": self.sections, **more}

    def __str__(self) -> str:
        return printable("\n".join(self._lines()))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    @property
    def _n_changed(self) -> int:
        return len({each["name"].partition(": ")[0] for each in self.sections["packages"]})

    def _lines(self) -> Iterator[str]:
        for name, differences in self.sections.items():
            yield f"packages ({self._n_changed} of {self.n_packages})" if name == "packages" else name
            describe = {"scores": score_line, "results": _results_lines}.get(name, _fact_line)
            lines = [line for each in differences for line in describe(each).splitlines()]
            yield from (f"  {line}" for line in lines[:_MAX_LINES])
            if len(lines) > _MAX_LINES:
                yield f"  … {len(lines) - _MAX_LINES} more; --json prints all"
        if self.runtime is not None and self.sections:
            yield f"runtime {duration(self.runtime[0])} → {duration(self.runtime[1])}, on the same processor"
        if self.same:
            yield f"the same: {', '.join(self.same)}"


def diff_runs(first: str | Path, second: str | Path) -> RunDiff:
    """Return what changed from one run to another.

    Values that differ between any two runs are left out: ids, times, paths, free memory.

    Parameters
    ----------
    first, second
        The two run folders; the second one is described as a change of the first.

    Returns
    -------
    diff
        Printed, it has a line for each difference; ``diff.sections`` is empty if there is none.

    Raises
    ------
    RunNotFoundError
        If there is no run in one of the folders.
    CorruptRunError
        If one of the runs cannot be read.

    Examples
    --------
    >>> from gaitmap_results import diff_runs, get_all_result_paths, get_latest_result
    >>> latest = get_latest_result(get_all_result_paths(StrideTime, "results"))
    >>> diff = diff_runs(latest["as_published",], latest["recalibrated",])
    >>> list(diff.sections)
    ['challenge', 'parameters', 'scores', 'results']
    """
    paths = Path(first), Path(second)
    records = [load_run_metadata(path) for path in paths]
    before, after = (number(each.get("runtime")) for each in records)
    found = compare_records(*records)
    scores = [_scores(path) for path in paths]
    found["scores"] = list(_score_differences(*scores))
    found["results"] = list(_results(compare_results(*(path / RESULTS_DIR for path in paths))))
    return RunDiff(
        *paths,
        sections={name: found[name] for name in _SECTIONS if found[name]},
        same=[name for name in _SECTIONS if not found[name]],
        runtime=None if found["machine"] or before is None or after is None else (before, after),
        n_packages=len({name for record in records for name in package_versions(record)}),
    )


def _scores(path: Path) -> Scores | None:
    try:
        return read_scores(path)
    except (RunNotFoundError, CorruptRunError):
        return None


def _score_differences(first: Scores | None, second: Scores | None) -> Iterator[dict[str, Any]]:
    """Yield how each score changed, unit by unit."""
    if first is None or second is None:
        if first is not second:
            yield {"name": "scores", "first": first and first.means(), "second": second and second.means()}
        return
    for name in first.directions | second.directions:
        one, other = ({row.unit: row.scores.get(name) for row in each.rows} for each in (first, second))
        if one == other:
            continue
        direction = second.directions.get(name) or first.directions.get(name)
        known = {
            unit: other_value - value
            for unit, value in one.items()
            if value is not None and (other_value := other.get(unit)) is not None
        }
        gains = {unit: -each if direction == "minimize" else each for unit, each in known.items()}
        worst = min(gains, key=lambda unit: gains[unit], default=None) if direction else None
        worst = max(known, key=lambda unit: abs(known[unit]), default=None) if worst is None else worst
        yield {
            "name": name,
            "first": first.mean(name) if name in first.directions else None,
            "second": second.mean(name) if name in second.directions else None,
            "direction": direction,
            "mean_difference": math.fsum(known.values()) / len(known) if known else None,
            "n_units": len(known),
            "n_only_in_one": len(one | other) - len(known),
            "n_better": sum(each > 0 for each in gains.values()) if direction else None,
            "n_worse": sum(each < 0 for each in gains.values()) if direction else None,
            "worst_unit": None if worst is None else list(worst),
            "worst_difference": None if worst is None else known[worst],
        }


def _results(difference: ResultsDifference) -> Iterator[dict[str, Any]]:
    columns = difference.results
    if columns:
        yield {
            "verdict": difference.verdict(),
            "n_values": sum(each.n_values for each in columns),
            "n_different": sum(each.n_different for each in columns),
            "n_columns": len(columns),
            "largest": _finite(columns[0].largest),
            "worst": [{**asdict(each), "largest": _finite(each.largest)} for each in columns[:_N_WORST]],
        }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _fact_line(difference: Mapping[str, Any]) -> str:
    return f"{difference['name']}  {_short(difference['first'])} → {_short(difference['second'])}"


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:5]))
        text = (shown + (f" and {len(value) - 5} more" if len(value) > 5 else "")) or "none"
    else:
        # An empty text is quoted, since nobody sees it otherwise.
        text = str(value) or repr(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"


def score_line(score: Mapping[str, Any]) -> str:
    """Say how one score changed, and for which unit most."""
    if score.get("mean_difference") is None:
        return _fact_line(score)
    text = f"{score['name']}  {_number(score['first'])} → {_number(score['second'])}"
    text += f", mean difference {score['mean_difference']:+.3g} over {score['n_units']} units"
    if score["direction"] is not None:
        text += f", {score['n_better']} better, {score['n_worse']} worse"
    if score["worst_unit"]:
        name = " ".join(map(str, score["worst_unit"]))
        word = _word_for(score)
        text += f", {word}: {name} ({score['worst_difference']:+.3g})"
    return text


def _word_for(score: Mapping[str, Any]) -> str:
    """Say what the unit is whose score got worse most, or gained least."""
    if not score["direction"]:
        return "largest"
    is_worse = score["worst_difference"] > 0 if score["direction"] == "minimize" else score["worst_difference"] < 0
    return "worst" if is_worse else "smallest gain"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _results_lines(results: Mapping[str, Any]) -> str:
    one, n_columns = results["n_different"] == 1, counted(results["n_columns"], "column")
    many = f"{results['n_different']:,} value{'' if one else 's'} in {n_columns} {'differs' if one else 'differ'}"
    agrees = ", within tolerance" if results["verdict"] == "within tolerance" else ""
    if results["largest"] is not None:
        many += f", at most by {100 * results['largest']:.3g} % of the largest value of their column{agrees}"
    return "\n".join([many, *(worst_line(each) for each in results["worst"])])


def worst_line(column: Mapping[str, Any]) -> str:
    """Say where in the results a column differs most, and from what to what."""
    where = f"{column['file']}: {column['column']}" if column["column"] else column["file"]
    row = f" [{column['row']}]" if column["row"] else ""
    return f"{where}{row}  {_short(column['first'])} → {_short(column['second'])}"
