"""Convert a run for MLflow: its name, times, parameters, metrics and tags, under names that MLflow accepts."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gaitmap_results.exporting.runs_to_export import RunToExport
from gaitmap_results.reading.attestations import attested_id
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.showing.text import number
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import run_folder_start
from gaitmap_results.store.safe_text import safe_text

__all__ = ["COMPLETE", "RUN_ID", "WITHDRAWN", "MlflowRun", "artifact_name", "mlflow_run"]

_OWN: Final = "gaitmap_results."
#: The tag that identifies a run.
RUN_ID: Final = f"{_OWN}run_id"
#: The tag that is set last; without it, a run is incomplete.
COMPLETE: Final = f"{_OWN}complete"
#: The tag that says why a run was withdrawn.
WITHDRAWN: Final = f"{_OWN}withdrawn"
_RUNTIME: Final = "runtime_s"
_PARAMETERS: Final = ("challenge", "pipeline", "dataset")
# MLflow would cut longer ones silently.
_MAX_PARAMETER: Final = 6000
_MAX_TAG: Final = 8000
# MLflow refuses longer names.
_MAX_NAME: Final = 250

# Characters that MLflow refuses; on Windows, file names cannot contain colons.
_REFUSED: Final = re.compile(r"[^\w/.\- ]" if os.name == "nt" else r"[^\w/.\- :]")
# MLflow puts file names into URLs without escaping, and loses what follows a # or a ?.
_LOST_IN_ADDRESSES: Final = re.compile("[#?%\\\\\x00-\x1f\x7f\ud800-\udfff]")
# `_x0025_` is how Office Open XML writes characters that it cannot hold (ECMA-376, part 1, 22.4.2.4).
_ESCAPED: Final = re.compile(r"_x(?:([0-9A-F]{4,6})?)_")
# In an escaped name, no other underscore may look like an escape.
_LIKE_AN_ESCAPE: Final = re.compile(r"_(?=x)")
_EMPTY: Final = "_x_"
_KEPT: Final = 200
_HASH: Final = 16


@dataclass(frozen=True)
class MlflowRun:
    """A run as MLflow stores it; times are in milliseconds since 1970."""

    name: str
    start: int | None
    end: int | None
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def mlflow_run(run: RunToExport) -> MlflowRun:
    """Convert a run for MLflow.

    Raises
    ------
    ValueError
        If two parameters or two scores would get the same name.
    """
    summary, metadata = run.summary, run.metadata
    start = summary.start
    if start is None and (moment := run_folder_start(summary.path.name)) is not None:
        start = moment.timestamp()
    end = number(metadata.get("run_end_datetime_utc"))
    if end is None and start is not None and summary.runtime is not None:
        end = start + summary.runtime
    long_names: dict[str, str] = {}
    params = _named("parameters", _parameters(metadata), long_names)
    scores = known_scores(summary.folder)
    means = {name: mean for name, mean in (scores.means() if scores else {}).items() if mean is not None}
    # Keep a score of that name: the challenge measured it, and start and end also give the duration.
    if summary.runtime is not None and _RUNTIME not in means:
        means[_RUNTIME] = summary.runtime
    return MlflowRun(
        name=entry_text(summary.entry),
        start=_milliseconds(start),
        end=_milliseconds(end),
        params={name: _cut(value, _MAX_PARAMETER) for name, value in params.items()},
        metrics=_named("scores", means.items(), long_names),
        tags={name: _cut(value, _MAX_TAG) for name, value in (*_tags(run), *long_names.items()) if value},
    )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _named(what: str, values: Iterable[tuple[str, Any]], long_names: dict[str, str]) -> dict[str, Any]:
    """Return values by names that MLflow accepts; if a name is cut, note the whole one as a tag."""
    named: dict[str, Any] = {}
    originals: dict[str, str] = {}
    for name, value in values:
        taken = mlflow_name(name)
        if taken in named:
            raise ValueError(f"two {what} would both be called {taken!r} in MLflow: {originals[taken]!r} and {name!r}")
        named[taken], originals[taken] = value, name
        if len(name) > _MAX_NAME:
            long_names[f"{_OWN}name.{taken[-16:]}"] = name
    return named


def _parameters(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    described = metadata.get("parameters")
    if not isinstance(described, dict):
        # Records of gaitmap_challenges hold only texts.
        for what, key in zip(_PARAMETERS, ("repr_challenge", "repr_pipeline", "dataset_name"), strict=True):
            if isinstance(metadata.get(key), str):
                yield what, metadata[key]
        return
    for what in _PARAMETERS:
        found = described.get(what)
        if isinstance(found, dict):
            if isinstance(found.get("class"), str):
                yield what, found["class"]
            if isinstance(found.get("parameters"), dict):
                yield from _flat(what, found["parameters"])


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict) and value:
            yield from _flat(name, value)
        elif isinstance(value, (list, dict)):
            yield name, json.dumps(value, ensure_ascii=False)
        else:
            yield name, str(value)


def _tags(run: RunToExport) -> Iterator[tuple[str, str]]:
    summary, metadata = run.summary, run.metadata
    found = metadata.get("git")
    git: dict[str, Any] = found if isinstance(found, dict) else {}
    yield RUN_ID, attested_id(summary)
    yield f"{_OWN}challenge", summary.challenge_name
    yield f"{_OWN}challenge_version", summary.challenge_version
    yield f"{_OWN}official", str(not summary.is_debug_run).lower()
    yield f"{_OWN}kind", summary.kind
    yield f"{_OWN}debug_reasons", ", ".join(summary.debug_reasons)
    yield WITHDRAWN, run.withdrawn or ""
    yield f"{_OWN}recorder_version", _text(metadata.get("recorder_version"))
    yield "mlflow.source.type", "LOCAL"
    yield "mlflow.source.name", _text(metadata.get("caller_file_path"))
    yield "mlflow.source.git.commit", summary.git_commit_hash or ""
    yield "mlflow.source.git.branch", _text(git.get("branch"))
    yield "mlflow.source.git.repoURL", _text(git.get("remote"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str, length: int) -> str:
    text = safe_text(text)  # databases refuse lone surrogates
    if len(text) <= length:
        return text
    end = f" … ({len(text)} characters; metadata.json has all of them)"
    return text[: length - len(end)] + end


def mlflow_name(name: str) -> str:
    """Return a name that MLflow accepts; :func:`original_name` restores it.

    A name that is too long is cut and ends in a hash; it cannot be restored.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_content import mlflow_name
    >>> mlflow_name("f1_score"), mlflow_name("f1 (%)")
    ('f1_score', 'f1 _x0028__x0025__x0029_')
    """
    changed = _escaped(name, _REFUSED, always=_is_another_path(name))
    if _is_another_path(changed):
        changed = changed.replace("/", "_x002F_")
    if _is_another_path(changed):
        changed = f"_x002E_{changed[1:]}" if changed else _EMPTY
    if len(changed) > _MAX_NAME:
        return f"{changed[:_KEPT]}...{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_HASH]}"
    return changed


def artifact_name(name: str) -> str:
    """Return a file name that arrives intact at a server; :func:`original_name` restores it.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_content import artifact_name
    >>> artifact_name("results/left foot (2).csv"), artifact_name("run#2.csv")
    ('results/left foot (2).csv', 'run_x0023_2.csv')
    """
    return _escaped(name, _LOST_IN_ADDRESSES)


def original_name(name: str) -> str:
    """Restore the name that :func:`mlflow_name` has escaped.

    Examples
    --------
    >>> from gaitmap_results.exporting.mlflow_content import original_name
    >>> original_name("f1 _x0028__x0025__x0029_")
    'f1 (%)'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", name)


def _escaped(name: str, refused: re.Pattern[str], *, always: bool = False) -> str:
    if always or refused.search(name) or _ESCAPED.search(name):
        return refused.sub(_escape, _LIKE_AN_ESCAPE.sub(_escape, name))
    return name


def _escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _is_another_path(name: str) -> bool:
    """Say whether MLflow would store a file of this name under another one."""
    path = posixpath.normpath(name)
    return path != name or path == "." or path.startswith(("..", "/"))
