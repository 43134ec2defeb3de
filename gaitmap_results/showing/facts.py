"""List what is known about a run as labelled facts, for terminals, notebooks and reports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitmap_results.showing.text import (
    counted,
    duration,
    local_time,
    number,
    one_line,
    run_kind,
    size,
    without_addresses,
)
from gaitmap_results.store.files import list_files
from gaitmap_results.store.layout import MANIFEST_FILE

__all__ = ["Fact", "fact_lines", "files_of", "parameter_text", "run_facts", "run_title"]

# In this order; a gait researcher asks for these first.
_PACKAGES: Final = (
    *("gaitmap", "gaitmap-algos", "gaitmap-mad", "gaitmap-challenges", "gaitmap-datasets", "gaitmap-results", "mobgap"),
    *("tpcp", "numpy", "pandas", "scipy", "scikit-learn", "optuna", "torch", "tensorflow"),
)
_MAX_SCORES: Final = 8
_MAX_NESTED: Final = 6
_MAX_REPR_LINES: Final = 12
_MAX_TEXT: Final = 1000  # characters
# At a terminal; other facts are shown completely.
_MAX_LINES: Final = {"Files": 8, "Not known": 6, "About": 12, "Scores": 12}
# How tpcp writes the number of data points in a repr.
_POINTS: Final = re.compile(r"\[(\d+) groups/rows\]")


@dataclass(frozen=True)
class Fact:
    """One thing that is known about a run.

    Attributes
    ----------
    label
        The topic, in a word or two.
    lines
        The fact, in plain text.
    is_detail
        Whether it may be folded where space is short.
    """

    label: str
    lines: tuple[str, ...]
    is_detail: bool = False


def run_facts(
    metadata: Any,
    custom_metadata: Any = None,
    *,
    files: Sequence[tuple[str, int]] = (),
    withdrawn: str | None = None,
    reproduced: str | None = None,
    scores: Sequence[str] = (),
    n_participants: int | None = None,
) -> list[Fact]:
    """Return the known facts about a run, the most important first.

    The metadata may come from another version or be damaged, so that every value is checked.

    Parameters
    ----------
    metadata, custom_metadata
        The stored metadata.
    files
        The name and the size in bytes of each file of the run.
    withdrawn
        Why the run was withdrawn, if it was.
    reproduced
        The verdict of its last reproduction, if there was one.
    scores
        A line for each of its scores.
    n_participants
        The number of participants in its data labels, used if its scores do not say it.
    """
    record = metadata if isinstance(metadata, dict) else {}
    facts = [
        Fact("Withdrawn", () if withdrawn is None else (withdrawn,)),
        Fact("Kind", tuple(_kind(record))),
        Fact("Reproduced", () if reproduced is None else (reproduced,)),
        Fact("When", tuple(_when(record))),
        Fact("Scores", tuple(scores), is_detail=len(scores) > _MAX_SCORES),
        Fact("Code", tuple(_code(record))),
        Fact("Other code", tuple(_other_code(record))),
        Fact("Caller", tuple(_caller(record))),
        Fact("Data", tuple(_data(record, n_participants))),
        Fact("Challenge", tuple(_parameters(record, "challenge")), is_detail=True),
        Fact("Pipeline", tuple(_parameters(record, "pipeline")), is_detail=True),
        Fact("Data set", tuple(_parameters(record, "dataset")), is_detail=True),
        Fact("Machine", tuple(_machine(record)), is_detail=True),
        Fact("Packages", tuple(_packages(record)), is_detail=True),
        Fact("About", tuple(_about(custom_metadata)), is_detail=True),
        Fact("Files", tuple(_files(files)), is_detail=True),
        Fact("Not known", tuple(_unknown(record)), is_detail=True),
    ]
    return [Fact(each.label, tuple(map(_cleaned, each.lines)), each.is_detail) for each in facts if each.lines]


def _cleaned(line: str) -> str:
    line = without_addresses(line)
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]} …"


def run_title(metadata: Any) -> str:
    """Return the challenge and its version on one line."""
    record = metadata if isinstance(metadata, dict) else {}
    return "  ".join(one_line(record[key]) for key in ("challenge_name", "challenge_version") if record.get(key))


def _part(record: Any, key: str) -> dict[str, Any]:
    part = record.get(key) if isinstance(record, dict) else None
    return part if isinstance(part, dict) else {}


def _list(record: Any, key: str) -> list[Any]:
    part = record.get(key) if isinstance(record, dict) else None
    return part if isinstance(part, list) else []


def _dicts(record: Any, key: str) -> list[dict[str, Any]]:
    return [each for each in _list(record, key) if isinstance(each, dict)]


def _kind(record: dict[str, Any]) -> Iterator[str]:
    kind = run_kind(record)
    reasons = _dicts(record, "debug_reasons")
    yield f"{kind}, because" if reasons and kind == "debug" else kind
    if kind == "debug":
        for reason in reasons:
            code, message = reason.get("code"), reason.get("message")
            yield f"- {message} ({code})" if message and code else f"- {message or code}"


def _when(record: dict[str, Any]) -> Iterator[str]:
    started = local_time(number(record.get("run_start_datetime_utc")), seconds=True)
    took = duration(record.get("runtime"))
    if (started, took) != ("unknown", "unknown"):
        yield f"{started}, took {took}"
    repaired = record.get("repaired")
    if isinstance(repaired, (dict, list)) and "run_start_datetime_utc" in repaired:
        yield "(gaitmap_challenges stored a wrong time in UTC; this is the corrected one)"


def _code(record: dict[str, Any]) -> Iterator[str]:
    commit, dirty = record.get("git_commit_hash"), record.get("git_dirty")
    git = _part(record, "git")
    if not commit:
        code = _part(git, "problem").get("code")
        yield f"no commit is known ({code})" if code else "no commit is known"
    else:
        branch = f" on {git['branch']}" if git.get("branch") else ""
        state = "with uncommitted changes" if dirty else "clean" if dirty is False else "state unknown"
        yield f"commit {commit}{branch}, {state}"
        if git.get("remote"):
            yield str(git["remote"])
        if git.get("pushed") is False:
            yield "the commit was not on any remote: push it, so that others can fetch it"
    kinds = ("conflicted", "staged", "unstaged", "submodules", "untracked")
    paths = list(dict.fromkeys(str(path) for kind in kinds for path in _list(git, kind)))
    if dirty and paths:
        yield f"uncommitted: {', '.join(paths)}"
    if git.get("changed_during_run") is True:
        yield "the repository changed during the run; this is the commit at its start"
    created = _list(git, "created_during_run")
    if created:
        yield f"created during the run: {', '.join(map(str, created))}"


def _other_code(record: dict[str, Any]) -> Iterator[str]:
    """Say where code outside the commit came from, and which code nobody else can fetch."""
    code = _part(record, "code")
    for each in _dicts(code, "repositories"):
        remote = f" of {each['remote']}" if each.get("remote") else ""
        yield f"{each.get('path')}: commit {each.get('commit')}{remote}"
    yield from (f"unidentified: {each.get('file')}, {each.get('reason')}" for each in _dicts(code, "unidentified"))
    yield from (f"vouched for: {each.get('path')}" for each in _dicts(code, "vouched"))
    for name, source in sorted(_part(_part(record, "system_info"), "packages_direct_url").items()):
        if isinstance(source, dict) and source.get("dirty") is True:
            yield f"{name} is installed as an editable package with uncommitted changes"


def _caller(record: dict[str, Any]) -> Iterator[str]:
    caller = _part(record, "caller")
    file = record.get("caller_file_path")
    where = f"{file}, line {caller['line']}" if file and caller.get("line") else file or caller.get("kind")
    if where:
        yield f"{where}, function {caller['function']}" if caller.get("function") else str(where)
    command = record.get("command")
    if isinstance(command, list) and command:
        yield f"command: {shlex.join(map(str, command))}"


def _data(record: dict[str, Any], n_participants: int | None) -> Iterator[str]:
    data, dataset = _part(record, "data"), _part(_part(record, "parameters"), "dataset")
    name = record.get("dataset_name") or data.get("class") or dataset.get("class")
    columns = _list(record, "dataset_columns")
    if not name and not data:
        return
    written = _POINTS.search(str(record.get("repr_dataset")))
    known = (data.get("n_datapoints"), dataset.get("n_data_points"), int(written[1]) if written else None)
    points = next((each for each in known if isinstance(each, int)), None)
    described = f": {', '.join(map(str, columns))}" if columns else ""
    counts = [(points, "data point"), (n_participants, "participant")]
    counted_ones = (counted(count, what) for count, what in counts if count is not None)
    yield ", ".join([f"{name or 'unknown data set'}{described}", *counted_ones])
    files = _part(data, "files")
    n_bytes = number(files.get("bytes"))
    if isinstance(files.get("count"), int):
        yield counted(files["count"], "file") + ("" if n_bytes is None else f", {size(n_bytes)}")


def _parameters(record: dict[str, Any], what: str) -> Iterator[str]:
    """Yield the class and every parameter; for records without structured parameters, the repr."""
    described = _part(_part(record, "parameters"), what)
    parameters = described.get("parameters")
    if not isinstance(parameters, dict):
        text = record.get(f"repr_{what}")
        lines = text.splitlines() if isinstance(text, str) and what != "dataset" else []
        yield from lines[:_MAX_REPR_LINES]
        if len(lines) > _MAX_REPR_LINES:
            yield f"… {counted(len(lines) - _MAX_REPR_LINES, 'more line')}"
        return
    # An object without parameters is described by its value.
    yield parameter_text(described["value"]) if "value" in described else str(described.get("class"))
    for name, value in parameters.items():
        yield f"{name} = {parameter_text(value)}"


def parameter_text(value: Any, depth: int = 0) -> str:
    """Return a stored parameter as it is written in Python.

    Examples
    --------
    >>> from gaitmap_results.showing.facts import parameter_text
    >>> parameter_text({"class": "gait.Filter", "parameters": {"order": 4, "kind": "low"}})
    "gait.Filter(order=4, kind='low')"
    """
    if isinstance(value, dict) and depth < _MAX_NESTED:
        if set(value) == {"class", "parameters"} and isinstance(value["parameters"], dict):
            inner = ", ".join(f"{name}={parameter_text(each, depth + 1)}" for name, each in value["parameters"].items())
            return f"{value['class']}({inner})"
        if set(value) == {"class", "attributes"} and not value["attributes"]:
            return str(value["class"])
        if set(value) in ({"class", "repr"}, {"class"}, {"function"}, {"type"}):
            return str(list(value.values())[-1])
    if isinstance(value, list) and depth < _MAX_NESTED:
        return f"[{', '.join(parameter_text(each, depth + 1) for each in value)}]"
    return repr(value)


def _machine(record: dict[str, Any]) -> Iterator[str]:
    system = _part(record, "system_info")
    cpu, memory, os_info = (_part(system, key) for key in ("cpu", "memory", "os"))
    total = number(memory.get("total"))
    parts = [
        cpu.get("brand_raw"),
        f"{cpu['count']} processors" if cpu.get("count") else None,
        f"{size(total)} memory" if total else None,
        " ".join(str(os_info[key]) for key in ("system", "release") if os_info.get(key)) or None,
    ]
    if any(parts):
        yield ", ".join(str(part) for part in parts if part)
    version = str(system.get("python_version") or "").split()
    if version:
        yield f"Python {version[0]} ({system.get('python_implementation') or 'unknown implementation'})"


def _packages(record: dict[str, Any]) -> Iterator[str]:
    packages = _part(_part(record, "system_info"), "packages_info")
    if not packages:
        return
    installed = {str(name).lower().replace("_", "-"): f"{name} {version}" for name, version in packages.items()}
    own = str(record.get("challenge_name")).partition(".")[0].lower().replace("_", "-")
    shown = [installed[name] for name in dict.fromkeys([own, *_PACKAGES]) if name in installed]
    rest = len(installed) - len(shown)
    yield ", ".join(shown) + (f"{' and ' if shown else ''}{rest} more" if rest else "")


def _about(custom: Any) -> Iterator[str]:
    items = list(custom.items()) if isinstance(custom, dict) else [] if custom is None else [("value", custom)]
    for key, value in items:
        yield f"{key}: {' '.join((value if isinstance(value, str) else repr(value)).split())}"


def _files(files: Sequence[tuple[str, int]]) -> Iterator[str]:
    yield from (f"{name}  {size(n_bytes)}" for name, n_bytes in files)
    if files and not any(name == MANIFEST_FILE for name, _ in files):
        yield "(no manifest: whether they are as they were cannot be checked)"


def _unknown(record: dict[str, Any]) -> Iterator[str]:
    for error in _dicts(record, "collection_errors"):
        yield f"{error.get('what')}: {error.get('error')}"


def fact_lines(facts: Iterable[Fact]) -> Iterator[tuple[str, list[str]]]:
    """Yield the label and the lines of each fact for a terminal; cut long lists and say how many lines are missing."""
    for fact in facts:
        most = _MAX_LINES.get(fact.label, len(fact.lines))
        rest = len(fact.lines) - most
        more = [f"… {rest} more; --json prints all"] if rest > 0 else []
        yield fact.label, [*map(one_line, fact.lines[:most]), *more]


def files_of(path: Path | None) -> list[tuple[str, int]]:
    """Return the name and the size in bytes of every file of a run; links are left out."""
    try:
        return [] if path is None else [(file.name, file.path.lstat().st_size) for file in list_files(path)]
    except OSError:  # the folder or its disk may be gone
        return []
