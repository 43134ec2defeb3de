"""Ask a challenge about itself after its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.provenance.data_identity import identify_data
from gaitmap_results.provenance.parameters import (
    dataset_columns,
    describe_challenge,
    describe_dataset,
    describe_parameters,
)
from gaitmap_results.store.json_values import safe_repr
from gaitmap_results.store.safe_text import error_text
from gaitmap_results.typed_results.given_scores import collect_scores

__all__ = ["ChallengeFacts"]


@dataclass(frozen=True)
class ChallengeFacts:
    """What a challenge says about itself after its run; ``None`` is unknown."""

    name: str
    version: str
    repr_challenge: str | None
    repr_pipeline: str | None
    repr_dataset: str | None
    dataset_name: str | None
    dataset_columns: list[str] | None
    parameters: dict[str, Any] | None
    data: dict[str, Any] | None
    scores: dict[str, Any] | None
    errors: tuple[dict[str, str], ...]

    @classmethod
    def not_asked(cls, name: str, version: str) -> ChallengeFacts:
        """Return the facts known without asking the challenge, which may take long or never end."""
        error = {"what": "repr_challenge", "error": "The run ended before the challenge had described itself."}
        return cls(name, version, None, None, None, None, None, None, None, None, (error,))

    @classmethod
    def of(cls, challenge: Any, name: str, version: str) -> ChallengeFacts:
        """Ask a challenge for its facts; a failure loses only the fact that it concerns."""
        collector = Collector()
        scores = _scores(collector, challenge)
        pipeline = collector.collect("repr_pipeline", getattr, challenge, "optimizer", None)
        dataset = collector.collect("repr_dataset", getattr, challenge, "dataset_", None)
        parameters = _parameters(collector, challenge, pipeline, dataset)
        return cls(
            name=name,
            version=version,
            repr_challenge=safe_repr(challenge),
            repr_pipeline=None if pipeline is None else safe_repr(pipeline),
            repr_dataset=None if dataset is None else safe_repr(dataset),
            dataset_name=None if dataset is None else type(dataset).__name__,
            dataset_columns=None if dataset is None else collector.collect("dataset_columns", dataset_columns, dataset),
            parameters=parameters,
            data=identify_data(challenge, dataset, parameters["dataset"], collector),
            scores=scores,
            errors=tuple(collector.errors),
        )


def _scores(collector: Collector, challenge: Any) -> dict[str, Any] | None:
    """Return the content of scores.json; an error of the challenge's ``get_scores`` must not cost the results."""
    try:
        scores = collect_scores(challenge, lambda problem: collector.note("scores", problem))
    except Exception as error:  # noqa: BLE001 - as the docstring says
        collector.note("scores", error_text(error))
        return None
    return None if scores is None else scores.to_json()


def _parameters(collector: Collector, challenge: Any, pipeline: Any, dataset: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"challenge": collector.collect("parameters", describe_challenge, challenge)}
    for name, item, describe in (
        ("pipeline", pipeline, describe_parameters),
        ("dataset", dataset, describe_dataset),
    ):
        described[name] = None if item is None else collector.collect(f"parameters of the {name}", describe, item)
    return described
