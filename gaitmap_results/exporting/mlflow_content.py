"""Convert a run for MLflow: its name, times, parameters, metrics and tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gaitmap_results.exporting.mlflow_names import MAX_NAME, mlflow_name
from gaitmap_results.exporting.runs_to_export import RunToExport
from gaitmap_results.reading.attestations import attested_id
from gaitmap_results.reading.scores import known_scores
from gaitmap_results.showing.text import number
from gaitmap_results.store.entry_names import entry_text
from gaitmap_results.store.layout import run_folder_start
from gaitmap_results.store.safe_text import safe_text

__all__ = ["COMPLETE", "RUN_ID", "WITHDRAWN", "MlflowRun", "mlflow_run"]

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
        if len(name) > MAX_NAME:
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
