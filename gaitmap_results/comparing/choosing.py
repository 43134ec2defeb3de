"""Choose the runs that represent each entry, and name those left out, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from gaitmap_results.comparing.parameters import equal_parameters, parameters_in_repr
from gaitmap_results.reading import index
from gaitmap_results.reading.attestations import withdrawals
from gaitmap_results.reading.index import RunSummary, by_start
from gaitmap_results.store.entry_names import entry_text

__all__ = ["SEEDS", "ChosenRun", "LeftOut", "choose", "eligible", "grouped"]

#: Parameters that change only the random numbers of an algorithm.
SEEDS: Final = frozenset({"seed", "random_seed", "random_state"})

#: A run with the name under which it is compared.
ChosenRun = tuple[str, RunSummary]
T = TypeVar("T")


class LeftOut(NamedTuple):
    """A run that a comparison leaves out.

    Attributes
    ----------
    path
        The run folder.
    reason
        Why it was left out.

    Examples
    --------
    >>> from pathlib import Path
    >>> from gaitmap_results.comparing.choosing import LeftOut
    >>> LeftOut(Path("results/a/1.0.0/shin/_20261125_101500"), "it is a debug run").reason
    'it is a debug run'
    """

    path: Path
    reason: str


def eligible(
    runs: Iterable[ChosenRun], left_out: list[LeftOut], *, include_debug: bool, version: str | None = None
) -> list[ChosenRun]:
    """Return the runs that may be compared; add the other runs to ``left_out``."""
    withdrawn = withdrawals()
    kept = []
    for name, run in runs:
        reason = _why_not(run, withdrawn, include_debug=include_debug, version=version)
        if reason is None:
            kept.append((name, run))
        else:
            left_out.append(LeftOut(run.path, reason))
    return kept


def _why_not(
    run: RunSummary, withdrawn: Callable[[RunSummary], str | None], *, include_debug: bool, version: str | None
) -> str | None:
    said = withdrawn(run)
    if said is not None:
        return f"it was withdrawn: {said}"
    if "recovered" in run.debug_reasons:
        return "it was recovered: nobody saw the end of the run"
    if run.is_debug_run and not include_debug:
        reasons = f" ({', '.join(run.debug_reasons)})" if run.debug_reasons else ""
        return f"it is a debug run{reasons}"
    if version is not None and run.challenge_version != version:
        return f"it is of version {run.challenge_version}, not {version}"
    return None


def choose(
    runs: Iterable[RunSummary],
    left_out: list[LeftOut],
    *,
    which: str = "latest",
    include_debug: bool,
    version: str | None = None,
) -> list[ChosenRun]:
    """Return the latest eligible run of each entry; with ``which="mean"``, also those that differ only in a seed."""
    named = [(entry_text(run.entry), run) for run in runs]
    by_entry = grouped(eligible(named, left_out, include_debug=include_debug, version=version))
    chosen = []
    for name, of_entry in sorted(by_entry.items()):
        of_entry.sort(key=by_start)
        alike = of_entry[-1:] if which == "latest" else _like_the_latest(of_entry, left_out)
        chosen += [(name, run) for run in alike]
    return chosen


def _like_the_latest(runs: Sequence[RunSummary], left_out: list[LeftOut]) -> list[RunSummary]:
    latest = runs[-1]
    parameters = _parameters(index.read_metadata(latest.folder))
    alike = []
    for run in runs:
        if run.challenge_version != latest.challenge_version:
            reason = f"it is of version {run.challenge_version}; the latest run of its entry is of another one"
            left_out.append(LeftOut(run.path, reason))
        elif not equal_parameters(parameters, _parameters(index.read_metadata(run.folder)), but_for=SEEDS):
            left_out.append(LeftOut(run.path, "its parameters are not those of the latest run of its entry"))
        else:
            alike.append(run)
    return alike


def _parameters(metadata: Mapping[str, Any]) -> Any:
    """Return the parameters of entry and challenge; for older records, their reprs."""
    described = metadata.get("parameters")
    if isinstance(described, Mapping):
        return [described.get("pipeline"), described.get("challenge")]
    found = parameters_in_repr(str(metadata.get("repr_pipeline")))
    return {name.replace(".", "__"): value for name, value in found.items()}


def grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Return the values of each name."""
    groups: dict[str, list[T]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups
