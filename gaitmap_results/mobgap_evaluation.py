"""Turn an evaluation of mobgap into a challenge that can be recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from gaitmap_results.challenge import BaseChallenge, check_challenge
from gaitmap_results.cross_validation import collect_opti_results
from gaitmap_results.exceptions import GaitmapResultsWarning, InvalidChallengeError, InvalidOptionError
from gaitmap_results.typed_results.files import load_typed, save_typed
from gaitmap_results.typed_results.scores import PARTICIPANT_COLUMNS
from gaitmap_results.user_code.user_warnings import warn_user

__all__ = ["EvaluationChallenge"]

_TABLES: Final = ("aggregated_results", "single_results", "train_aggregated_results", "train_single_results")
_RAW_FILE: Final = "raw_results.json"
_EVALUATION_FILE: Final = "evaluation.json"


class EvaluationChallenge(BaseChallenge):
    """Turn an ``Evaluation`` or ``EvaluationCV`` of mobgap into a challenge.

    Write a class for each benchmark: its runs are stored and compared under its name and ``VERSION``.

    Parameters
    ----------
    evaluation
        The evaluation, not yet run: data set, scoring and cross-validation.
        It is not changed: ``run`` runs a clone.
    raw_results
        Which raw results (``raw__...``) of the scoring function to store: all, none, or those with these names.
        They can be large.

    Attributes
    ----------
    evaluation_
        The evaluation after its run, with all that mobgap offers.
    dataset_
        The data set that was used.
    optimizer
        What was given to ``run``.

    Examples
    --------
    >>> from gaitmap_results.mobgap_evaluation import EvaluationChallenge
    >>> class LabInitialContacts(EvaluationChallenge):
    ...     VERSION = "1.0.0"
    >>> def record(evaluation, pipeline):
    ...     with recorded_run("shin_improved", path="results"):
    ...         LabInitialContacts(evaluation).run(pipeline)
    """

    VERSION: ClassVar[str]

    def __init__(self, evaluation: Any, *, raw_results: bool | Sequence[str] = False) -> None:
        self.evaluation = evaluation
        self.raw_results = raw_results

    @classmethod
    def of_finished(cls, evaluation: Any, *, raw_results: bool | Sequence[str] = False) -> EvaluationChallenge:
        """Make a challenge from an evaluation that has already run, for ``save_run``.

        Parameters
        ----------
        evaluation
            The evaluation, after its run.
        raw_results
            Which raw results (``raw__...``) of the scoring function to store: all, none, or those with these names.

        Raises
        ------
        InvalidChallengeError, InvalidOptionError
            If it has not run, or its results could not be stored as asked for.
        """
        if not hasattr(evaluation, "results_"):
            raise InvalidChallengeError(
                f"This {type(evaluation).__name__} has not run, so it has no results. Use {cls.__name__}(...) and "
                "call its run in a recorded block."
            )
        challenge = cls(evaluation, raw_results=raw_results)
        challenge._check()
        challenge._take_results(evaluation)
        times = getattr(evaluation, "perf_", {})
        names = ("start_datetime_utc_timestamp", "start_datetime", "end_datetime_utc_timestamp", "end_datetime")
        measured = {f"run_{name}_": times.get(name) for name in names}
        vars(challenge).update(measured, runtime_=times.get("runtime_s"))
        return challenge

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the evaluation and its parameters, with nested names as tpcp writes them."""
        own = {"evaluation": self.evaluation, "raw_results": self.raw_results}
        get_nested = getattr(self.evaluation, "get_params", None)
        nested = get_nested() if deep and get_nested is not None else {}
        return {**own, **{f"evaluation__{name}": value for name, value in nested.items()}}

    def run(self, optimizer: Any) -> EvaluationChallenge:
        """Run the evaluation with one entry: a pipeline for an ``Evaluation``, an optimizer for an ``EvaluationCV``.

        Raises
        ------
        InvalidChallengeError, InvalidOptionError
            Before anything is computed, if the results could not be stored as asked for.
        """
        self._check()
        self.optimizer = optimizer
        with self._measure_time():
            evaluation = self.evaluation.clone().run(optimizer)
        self._take_results(evaluation)
        return self

    def _check(self) -> None:
        """Refuse now what would otherwise fail only when the results are saved."""
        check_challenge(self)
        if not all(hasattr(self.evaluation, name) for name in ("clone", "get_aggregated_results_as_df")):
            raise InvalidChallengeError(
                f"{type(self).__name__} takes an Evaluation or EvaluationCV of mobgap, not {self.evaluation!r}."
            )
        names = self.raw_results
        if not isinstance(names, bool) and (isinstance(names, str) or not all(isinstance(each, str) for each in names)):
            raise InvalidOptionError(f"raw_results is {names!r}; it takes True, False, or a list of names.")

    def _take_results(self, evaluation: Any) -> None:
        self.evaluation_ = evaluation
        self.cv_results_ = evaluation.results_
        self.dataset_ = evaluation.dataset
        self.optimizer = getattr(evaluation, "optimizer", None) or evaluation.pipeline

    def get_core_results(self) -> dict[str, Any]:
        """Return the results to store.

        Returns
        -------
        results
            ``aggregated_results`` and ``single_results``: tables, as the methods of the evaluation return them.
            ``train_aggregated_results`` and ``train_single_results``: the same for the training data of a
            cross-validation that was told to score it.
            ``raw_results``: a dictionary of those that were asked for.
            ``timings``: the ``perf_`` of the evaluation.
            ``folds``: data labels and times of each fold.
            ``optimization``: best parameters and score of each fold, where the optimizers were returned.
        """
        evaluation, results = self.evaluation_, self.evaluation_.results_
        tables = {
            "aggregated_results": evaluation.get_aggregated_results_as_df(),
            "single_results": evaluation.get_single_results_as_df(),
        }
        if any(key.startswith("train__agg__") for key in results):
            tables["train_aggregated_results"] = evaluation.get_aggregated_results_as_df(group="train")
        if any(key.startswith("train__single__") for key in results):
            tables["train_single_results"] = evaluation.get_single_results_as_df(group="train")
        return {**tables, "raw_results": self._chosen_raw_results(), **self._about_the_evaluation()}

    def get_scores(self) -> Any:
        """Return the scores of each participant, averaged over their data points.

        If the score of one data point is missing, so is the participant's.
        Where the data set has no column that names participants, the scores are those of each fold.
        Name the scores to compare by in ``SCORES``, or override this method.
        """
        single = self.evaluation_.get_single_results_as_df()
        participant = next((name for name in PARTICIPANT_COLUMNS if name in single.index.names), None)
        if participant is None:
            return None  # the folds in cv_results_ count
        # Participant numbers are unique only within a cohort.
        levels = [name for name in single.index.names if name in ("cohort", participant)]
        numbers = single[[name for name in single if _are_numbers(single[name])]].astype(float)
        return numbers.groupby(level=levels, sort=False).agg(lambda values: values.mean(skipna=False))

    def _about_the_evaluation(self) -> dict[str, Any]:
        results = self.evaluation_.results_
        folds = {key: list(results[key]) for key in results if key.endswith("data_labels") or key.startswith("debug__")}
        timings = dict(getattr(self.evaluation_, "perf_", {}))
        return {"timings": timings, "folds": folds, "optimization": collect_opti_results(results)}

    def _chosen_raw_results(self) -> dict[str, Any]:
        if self.raw_results is False:
            return {}
        found: dict[str, Any] = self.evaluation_.get_raw_results()
        if self.raw_results is True:
            return found
        unknown = [name for name in self.raw_results if name not in found]
        if unknown:
            # Only a warning: an error now would lose the finished evaluation.
            warn_user(
                f"raw_results names {', '.join(unknown)}, but the scoring function returned only: "
                f"{', '.join(found) or 'none'}. All else is stored.",
                GaitmapResultsWarning,
            )
        return {name: found[name] for name in self.raw_results if name in found}

    def save_core_results(self, folder_path: Path) -> None:
        """Write tables and timings as JSON that restores them exactly."""
        results = self.get_core_results()
        for name in _TABLES:
            if name in results:
                save_typed(folder_path / f"{name}.json", results.pop(name), name)
        raw = results.pop("raw_results")
        save_typed(folder_path / _EVALUATION_FILE, results, "evaluation")
        if raw:
            save_typed(folder_path / _RAW_FILE, raw, "raw_results")

    @classmethod
    def load_core_results(cls, folder_path: Path) -> dict[str, Any]:
        """Return what ``get_core_results`` returned when the run was saved."""
        folder = Path(folder_path)
        files = {name: folder / f"{name}.json" for name in _TABLES}
        tables = {name: load_typed(file) for name, file in files.items() if file.is_file()}
        raw = load_typed(folder / _RAW_FILE) if (folder / _RAW_FILE).is_file() else {}
        return {**tables, "raw_results": raw, **load_typed(folder / _EVALUATION_FILE)}


def _are_numbers(values: Any) -> bool:
    try:
        values.astype(float)
    except (TypeError, ValueError):
        return False
    return True
