"""Define the demo's challenge, the example of how to make one from an evaluation: find the steps of unseen people.

A challenge says three things: on which data, with which cross-validation, and by which scores entries are compared.
The data are lab recordings of three people with a sensor at the lower back.
Each person in turn is held out, while an entry may be tuned on the other two.
A detected initial contact is correct if it is within 0.5 s of one of the reference system's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mobgap.data import GenericMobilisedDataset
from mobgap.initial_contacts.evaluation import icd_score
from mobgap.utils.evaluation import EvaluationCV
from sklearn.model_selection import LeaveOneGroupOut
from tpcp.validate import DatasetSplitter

from gaitmap_results.mobgap_evaluation import EvaluationChallenge

__all__ = ["InitialContactChallenge", "lab_dataset", "scores_by_person"]

PERSON = ["cohort", "participant_id"]


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


class InitialContactChallenge(EvaluationChallenge):
    """Compare how well algorithms detect initial contacts.

    Parameters
    ----------
    dataset
        The trials, see ``lab_dataset``.
    """

    VERSION = "1.0.0"
    SCORES = {  # noqa: RUF012  # a constant, and the example to be read
        "f1_score": "maximize",
        "precision": "maximize",
        "recall": "maximize",
        "tp_absolute_timing_error_s": "minimize",
    }

    def __init__(self, dataset: GenericMobilisedDataset) -> None:
        self.dataset = dataset
        one_person_held_out = DatasetSplitter(LeaveOneGroupOut(), groupby=PERSON)
        super().__init__(EvaluationCV(dataset, icd_score, one_person_held_out, cv_params={"return_optimizer": True}))

    def get_scores(self) -> pd.DataFrame:
        """Return the scores of each participant, by which entries are compared."""
        return scores_by_person(self.get_core_results())[list(self.SCORES)]


def scores_by_person(results: dict[str, Any]) -> pd.DataFrame:
    """Return F1 score, precision, recall and timing error of each person who was held out.

    Parameters
    ----------
    results
        The results of a run, as ``load_run`` returns them.
    """
    # "combined": every initial contact of a person has the same weight, however long its trial is.
    scores = results["aggregated_results"].filter(like="combined__").rename(columns=lambda name: name.split("__")[1])
    first_trials = [trials[0] for trials in results["folds"]["test__data_labels"]]
    people = [f"{trial.cohort} {trial.participant_id}" for trial in first_trials]
    return scores.set_axis(pd.Index(people, name="participant"))
