"""A real challenge of gaitmap_challenges 0.1.0 and a real algorithm of gaitmap on real sensor data, recorded."""

from __future__ import annotations

import pytest
from challenges import stored_runs

from gaitmap_results import load_run, record_run

pytest.importorskip("gaitmap_challenges.results", reason="needs gaitmap_challenges: tox environment upstream")

import pandas as pd
import tpcp
from gaitmap_challenges import results as upstream
from gaitmap_challenges.stride_segmentation.egait_segmentation_validation_2014 import Challenge
from gaitmap_mad.stride_segmentation.dtw import BarthDtw
from real_walks import RealWalks, StrideSegmentation, unpack_recording
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from tpcp.optimize import GridSearch

pytestmark = [
    pytest.mark.filterwarnings("default:.*:DeprecationWarning", "default:.*:FutureWarning", "default:.*:UserWarning"),
    pytest.mark.skipif(not tpcp.__version__.startswith("0."), reason="needs tpcp 0.x"),
]
NAME = "gaitmap_challenges.stride_segmentation.egait_segmentation_validation_2014.Challenge"
SCORES = ["test_precision", "test_recall", "test_f1_score"]


def tuned() -> GridSearch:
    """Return an entry that chooses on one walk how far from its template a stride may be: 2.0 is too strict."""
    return GridSearch(
        StrideSegmentation(BarthDtw(max_match_length_s=2.5)),
        ParameterGrid({"segmentation__max_cost": [2.0, 4.0]}),
        scoring=Challenge.get_scorer(),
        return_optimized="f1_score",
        progress_bar=False,
    )


def test_strides_of_a_real_recording(tmp_path):
    """A challenge on sensor data is recorded with the scores that it has unrecorded, and read by both packages."""
    # The challenge's own five folds need more recordings; with two, each walk is once what the other is tuned for.
    challenge = Challenge(
        RealWalks(unpack_recording(tmp_path / "data")), StratifiedKFold(n_splits=2), {"progress_bar": False}
    )
    unrecorded = challenge.clone().run(tuned()).get_core_results()

    @record_run(("gaitmap", "barth_dtw"), path=tmp_path / "results", use_git=False)
    def entry() -> None:
        challenge.run(tuned())

    entry()

    (metadata,) = stored_runs(tmp_path / "results")
    assert metadata["challenge_name"] == NAME
    assert metadata["dataset_name"] == "RealWalks"
    assert metadata["dataset_columns"] == ["cohort", "test", "participant", "walk", "sensor"]
    assert metadata["parameters"]["dataset"]["n_data_points"] == 4
    assert metadata["parameters"]["pipeline"]["parameters"]["pipeline__segmentation__max_match_length_s"] == 2.5
    (path,) = upstream.get_all_result_paths(Challenge, tmp_path / "results")[("gaitmap", "barth_dtw")]
    theirs, ours = (reader(Challenge, path).results for reader in (upstream.load_run, load_run))
    pd.testing.assert_frame_equal(theirs["cv_results"], ours["cv_results"])
    assert theirs["cv_metadata"] == ours["cv_metadata"] == unrecorded["cv_metadata"]
    assert theirs["opti_results"] == ours["opti_results"] == unrecorded["opti_results"]
    loaded, computed = (results["cv_results"][SCORES] for results in (ours, unrecorded))
    # gaitmap_challenges stores ten digits, and 1.0 comes back as 1.
    pd.testing.assert_frame_equal(loaded, computed, check_dtype=False, rtol=1e-9)
    # Seen: 1.0 and 0.98, and 0 with the strides or the axes of the wrong foot.
    assert (loaded["test_f1_score"] > 0.9).all()
    assert [fold["best_params"] for fold in ours["opti_results"]] == [{"segmentation__max_cost": 4.0}] * 2
