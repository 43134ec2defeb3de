"""The demo's challenge, the example of how to write one's own: find the initial contacts of people never seen before.

A challenge says three things: on which data, with which cross-validation, and by which scores entries are compared.
Here these are lab recordings of three people with a sensor at the lower back; each person in turn is held out while an
entry may be tuned on the other two; and a found initial contact counts if it is within 0.5 s of one of the reference
system's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mobgap.data import GenericMobilisedDataset
from mobgap.initial_contacts.evaluation import icd_score
from sklearn.model_selection import LeaveOneGroupOut
from tpcp.optimize import BaseOptimize
from tpcp.validate import DatasetSplitter, cross_validate

from gaitmap_results import BaseChallenge

__all__ = ["InitialContactChallenge", "lab_dataset"]

PERSON = ["cohort", "participant_id"]
SCORES = ["f1_score", "precision", "recall", "tp_absolute_timing_error_s"]


def lab_dataset(recordings: Path) -> GenericMobilisedDataset:
    """Return the recorded trials in which the reference system saw a person walk."""
    trials = GenericMobilisedDataset(
        sorted(recordings.glob("*/*/data.mat")),
        test_level_names=GenericMobilisedDataset.COMMON_TEST_LEVEL_NAMES["tvs_lab"],
        parent_folders_as_metadata=PERSON,
        measurement_condition="laboratory",
        reference_system="INDIP",
    )
    return trials.get_subset(bool_map=[len(trial.reference_parameters_.wb_list) > 0 for trial in trials])


@dataclass
class InitialContactChallenge(BaseChallenge):
    """Compare how well algorithms detect initial contacts.

    Parameters
    ----------
    dataset
        The trials, see ``lab_dataset``.

    Attributes
    ----------
    dataset_
        The trials that were used.
    cv_results_
        Everything that tpcp's cross-validation returned.
    """

    VERSION = "1.0.0"

    dataset: GenericMobilisedDataset

    def run(self, optimizer: BaseOptimize) -> InitialContactChallenge:
        """Cross-validate one entry; this is what a recorded run observes."""
        self.optimizer = optimizer
        self.dataset_ = self.dataset
        with self._measure_time():
            self.cv_results_ = cross_validate(
                optimizer,
                self.dataset_,
                cv=DatasetSplitter(LeaveOneGroupOut(), groupby=PERSON),
                scoring=icd_score,
                return_optimizer=True,
            )
        return self

    def get_core_results(self) -> dict[str, Any]:
        """Return the scores for each held-out person, and their means."""
        folds: list[dict[str, Any]] = []
        for number, trials in enumerate(self.cv_results_["test__data_labels"]):
            # "combined": every initial contact of a person counts the same, however long the trial it is from.
            scores = {score: float(self.cv_results_[f"test__agg__combined__{score}"][number]) for score in SCORES}
            tuned_to = getattr(self.cv_results_["optimizer"][number], "best_params_", None)
            person = f"{trials[0].cohort} {trials[0].participant_id}"
            folds.append({"participant": person, "n_trials": len(trials), **scores, "tuned_to": tuned_to})
        return {"folds": folds, "mean": {score: fmean(fold[score] for fold in folds) for score in SCORES}}

    def save_core_results(self, folder_path: Path) -> None:
        """Write the scores as JSON, with all digits."""
        (folder_path / "scores.json").write_text(json.dumps(self.get_core_results(), indent=2), encoding="utf-8")

    @classmethod
    def load_core_results(cls, folder_path: Path) -> dict[str, Any]:
        """Return what ``get_core_results`` returned when the run was saved."""
        scores: dict[str, Any] = json.loads((folder_path / "scores.json").read_text(encoding="utf-8"))
        return scores
