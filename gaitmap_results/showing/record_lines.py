"""Says in a few lines each what the record of a run holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gaitmap_results.showing.repr_lines import repr_lines
from gaitmap_results.showing.text import duration, local_time, size
from gaitmap_results.store.layout import MANIFEST_FILE

__all__ = ["record_lines"]

# In this order; what a gait researcher asks for first.
_PACKAGES = (
    *("gaitmap", "gaitmap-algos", "gaitmap-mad", "gaitmap-challenges", "gaitmap-datasets", "gaitmap-results", "mobgap"),
    *("tpcp", "numpy", "pandas", "scipy", "scikit-learn", "optuna", "torch", "tensorflow"),
)
_WIDTH = 86  # characters, of a line of the pipeline
_MAX_TEXT = 160  # characters
_MAX_PACKAGES = 10
_MAX_PATHS = 6
_MAX_FILES = 8
_MAX_LINES = 14
_MAX_CUSTOM = 8


def record_lines(
    path: Path, metadata: dict[str, Any], custom: Any, files: Sequence[tuple[str, int]]
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the parts of a record, each with its heading and its lines; a part may have none.

    Parameters
    ----------
    path
        The run folder.
    metadata, custom
        What is stored.
    files
        The name and the size in bytes of each file of the core results.
    """
    yield "When", _when(metadata)
    yield "Kind", _kind(metadata)
    yield "Code", _code(metadata)
    yield "Caller", _caller(metadata)
    yield "Machine", _machine(metadata)
    yield "Packages", _packages(metadata)
    yield "Data", _data(metadata)
    yield "Pipeline", _pipeline(metadata)
    yield "About", _about(custom)
    yield "Results", _results(path, files)
    yield "Not known", _unknown(metadata)


def _part(record: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a part of a record, empty where it is not known."""
    part = record.get(key)
    return part if isinstance(part, dict) else {}


def _list(record: dict[str, Any], key: str) -> list[Any]:
    part = record.get(key)
    return part if isinstance(part, list) else []


def _when(metadata: dict[str, Any]) -> Iterator[str]:
    start = metadata.get("run_start_datetime_utc")
    known = isinstance(start, (int, float)) and not isinstance(start, bool)
    yield f"{local_time(start if known else None, seconds=True)}, took {duration(metadata.get('runtime'))}"
    if "run_start_datetime_utc" in _repaired(metadata):
        yield "(gaitmap_challenges stored a wrong time in UTC; this is the repaired one)"


def _repaired(metadata: dict[str, Any]) -> Any:
    repaired = metadata.get("repaired")
    return repaired if isinstance(repaired, (dict, list)) else ()


def _kind(metadata: dict[str, Any]) -> Iterator[str]:
    if not metadata["is_debug_run"]:
        yield "official"
        return
    reasons = [each for each in _list(metadata, "debug_reasons") if isinstance(each, dict)]
    yield "debug, because" if reasons else "debug"
    for reason in reasons:
        yield f"- {reason.get('message') or reason.get('code')}"


def _code(metadata: dict[str, Any]) -> Iterator[str]:
    commit, dirty = metadata.get("git_commit_hash"), metadata.get("git_dirty")
    git = _part(metadata, "git")
    if not commit:
        code = _part(git, "problem").get("code")
        yield f"no commit is known ({code})" if code else "no commit is known"
        return
    branch = f" on {git['branch']}" if git.get("branch") else ""
    state = "with changes that the commit does not hold" if dirty else "clean" if dirty is False else "state unknown"
    yield f"{commit}{branch}, {state}"
    if git.get("remote"):
        yield str(git["remote"])
    paths = [
        path for kind in ("conflicted", "staged", "unstaged", "submodules", "untracked") for path in _list(git, kind)
    ]
    if dirty and paths:
        more = f" and {len(paths) - _MAX_PATHS} more" if len(paths) > _MAX_PATHS else ""
        yield f"changed: {', '.join(map(str, dict.fromkeys(paths[:_MAX_PATHS])))}{more}"
    if git.get("changed_during_run"):
        yield "the repository changed during the run; this is the commit at its start"


def _caller(metadata: dict[str, Any]) -> Iterator[str]:
    caller = _part(metadata, "caller")
    file = metadata.get("caller_file_path")
    where = f"{file}, line {caller['line']}" if file and caller.get("line") else file or caller.get("kind")
    if where:
        function = f", function {caller['function']}" if caller.get("function") else ""
        yield f"{where}{function}"


def _machine(metadata: dict[str, Any]) -> Iterator[str]:
    system = _part(metadata, "system_info")
    cpu, memory, os_info = (_part(system, key) for key in ("cpu", "memory", "os"))
    total = next((value for key, value in memory.items() if "total" in key and isinstance(value, (int, float))), None)
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


def _packages(metadata: dict[str, Any]) -> Iterator[str]:
    packages = _part(_part(metadata, "system_info"), "packages_info")
    if not packages:
        return
    installed = {str(name).lower().replace("_", "-"): f"{name} {version}" for name, version in packages.items()}
    own = str(metadata["challenge_name"]).partition(".")[0].lower().replace("_", "-")
    shown = [installed[name] for name in dict.fromkeys([own, *_PACKAGES]) if name in installed][:_MAX_PACKAGES]
    rest = len(installed) - len(shown)
    yield ", ".join(shown) + (f"{' and ' if shown else ''}{rest} more" if rest else "")


def _data(metadata: dict[str, Any]) -> Iterator[str]:
    columns = _list(metadata, "dataset_columns")
    if metadata.get("dataset_name"):
        described = f": {', '.join(map(str, columns))}" if columns else ""
        yield f"{metadata['dataset_name']}{described}"


def _pipeline(metadata: dict[str, Any]) -> Iterator[str]:
    text = metadata.get("repr_pipeline")
    if not isinstance(text, str):
        return
    lines = repr_lines(text, _WIDTH)
    yield from (_shortened(line) for line in lines[:_MAX_LINES])
    if len(lines) > _MAX_LINES:
        yield f"… {len(lines) - _MAX_LINES} more lines; --json prints all"


def _about(custom: Any) -> Iterator[str]:
    items = list(custom.items()) if isinstance(custom, dict) else [] if custom is None else [("value", custom)]
    for key, value in items[:_MAX_CUSTOM]:
        text = " ".join((value if isinstance(value, str) else repr(value)).split())
        yield f"{key}: {_shortened(text)}"
    if len(items) > _MAX_CUSTOM:
        yield f"… {len(items) - _MAX_CUSTOM} more; --json prints all"


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"


def _results(path: Path, files: Sequence[tuple[str, int]]) -> Iterator[str]:
    if not files:
        yield "no files"
    for name, n_bytes in files[:_MAX_FILES]:
        yield f"{name}  {size(n_bytes)}"
    if len(files) > _MAX_FILES:
        rest = files[_MAX_FILES:]
        yield f"… {len(rest)} more, {size(sum(n_bytes for _, n_bytes in rest))}"
    if not (path / MANIFEST_FILE).exists():
        yield "(no manifest: whether they are as they were cannot be checked)"


def _unknown(metadata: dict[str, Any]) -> Iterator[str]:
    for error in _list(metadata, "collection_errors")[:_MAX_PATHS]:
        if isinstance(error, dict):
            yield f"{error.get('what')}: {error.get('error')}"
