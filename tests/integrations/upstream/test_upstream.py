"""Together with the real gaitmap_challenges 0.1.0: its challenges recorded unchanged, its readers on our folders."""

from __future__ import annotations

import json
import pickle
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from challenges import stored_runs
from processes import run_python
from run_folders import PUBLISHED

import gaitmap_results
from gaitmap_results import load_run, record_run, recorded_run, save_run
from gaitmap_results.config import LocalConfig, get_config, set_config

pytest.importorskip("gaitmap_challenges.results", reason="needs gaitmap_challenges: tox environment upstream")

import pandas as pd
import tpcp
from gaitmap_challenges import config as upstream_config
from gaitmap_challenges import results as upstream
from gaitmap_challenges.spatial_parameters import egait_adidas_2014
from gaitmap_datasets import EgaitAdidas2014
from step_challenges import LongStepChallenge, StepChallenge, Walks
from tpcp import Pipeline
from tpcp.optimize import DummyOptimize

pytestmark = pytest.mark.filterwarnings(
    "default:.*:DeprecationWarning", "default:.*:FutureWarning", "default:.*:UserWarning", "default:.*:RuntimeWarning"
)
HERE = str(Path(__file__).parent)
NAME = "step_challenges.StepChallenge"


@pytest.fixture(params=["UTC", "Asia/Kolkata"])
def time_zone(request, monkeypatch):
    """Test in two time zones: gaitmap_challenges stores wrong UTC stamps in all but one."""
    import time

    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    upstream.load_run_metadata.cache_clear()
    upstream.load_run_custom_metadata.cache_clear()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def record(path: Path, challenge: Any = None, entry: Any = "entry", **options: Any) -> Path:
    """Record a run and return its folder."""
    with recorded_run(entry, path=path, use_git=False, **options) as recorder:
        (challenge or StepChallenge(Walks())).run(5)
    assert len(recorder.paths_) == 1
    return recorder.path_


class TestImport:
    """The hook, in processes of its own."""

    IMPORTS = ("import gaitmap_results", "from gaitmap_challenges.challenge_base import BaseChallenge")

    @pytest.mark.parametrize("order", [1, -1])
    def test_order(self, tmp_path, order):
        """Challenges are seen running whichever package is imported first, and those defined before that, too."""
        first, second = self.IMPORTS[::order]
        script = f"""
        {first}
        {"import step_challenges" if order == -1 else ""}
        {second}
        import step_challenges
        with gaitmap_results.recorded_run("entry", path="results", use_git=False) as recorder:
            step_challenges.LongStepChallenge(step_challenges.Walks()).run(5)
        print(len(recorder.paths_))
        """
        (tmp_path / "script.py").write_text(textwrap.dedent(script))

        assert run_python("script.py", cwd=tmp_path, env={"PYTHONPATH": paths()}).stdout.split() == ["1"]

    def test_a_hook_that_fails_breaks_no_import(self, tmp_path):
        """If observing goes wrong, gaitmap_challenges is imported all the same, and the log says so."""
        script = """
        import gaitmap_results.integrations.import_hooks as integrations
        def fail(cls):
            raise RuntimeError("on purpose")
        integrations.observe_challenges = fail
        from gaitmap_challenges.challenge_base import BaseChallenge
        import step_challenges
        print(step_challenges.StepChallenge(step_challenges.Walks()).run(5).steps_)
        """
        (tmp_path / "script.py").write_text(textwrap.dedent(script))

        done = run_python("script.py", cwd=tmp_path, env={"PYTHONPATH": paths()})

        assert done.stdout.split() == ["5"]
        assert "could not prepare gaitmap_challenges.challenge_base" in done.stderr

    def test_it_is_not_imported_by_us(self, tmp_path):
        """Our import brings neither gaitmap_challenges nor tpcp."""
        code = "import sys, gaitmap_results; print('gaitmap_challenges' in sys.modules, 'tpcp' in sys.modules)"
        assert run_python("-c", code, cwd=tmp_path).stdout.split() == ["False", "False"]


def paths() -> str:
    """Return the path on which the tests' own modules and the package are found."""
    import os

    return os.pathsep.join(
        [HERE, str(Path(HERE).parents[1] / "support"), str(Path(gaitmap_results.__file__).parents[1])]
    )


class TestUnchanged:
    """What users do with challenges of gaitmap_challenges goes on to work."""

    def test_a_subclass_made_later(self, tmp_path):
        """A challenge class that is made while the program runs is seen running."""

        @dataclass(repr=False)
        class Later(StepChallenge):
            VERSION = "3"

            def run(self, optimizer: Any) -> Later:
                super().run(2 * optimizer)
                return self

        challenge = Later(Walks())
        folder = record(tmp_path, challenge)
        assert json.loads((folder / "results" / "steps.json").read_text()) == {"steps": 10}
        assert folder.parents[1].name == "3"

    def test_super(self, tmp_path):
        """A run that calls the run above it is one run, with the results of the whole."""
        folder = record(tmp_path, LongStepChallenge(Walks(), factor=2))
        assert load_run(LongStepChallenge, folder).results == {"steps": 11}

    def test_clone(self, tmp_path):
        """A clone has the parameters and none of the results, and is recorded as any other."""
        challenge = StepChallenge(Walks(), factor=3).run(5)
        clone = challenge.clone()
        assert clone.factor == 3
        assert not hasattr(clone, "steps_")
        assert load_run(StepChallenge, record(tmp_path, clone)).results == {"steps": 15}
        assert clone.get_params()["factor"] == 3

    @pytest.mark.parametrize("module", [pickle, cloudpickle])
    def test_pickles(self, module):
        """A challenge that has run, its class and its bound method survive a pickle."""
        challenge = StepChallenge(Walks()).run(5)
        assert module.loads(module.dumps(challenge)).steps_ == 5
        assert module.loads(module.dumps(StepChallenge)) is StepChallenge
        assert module.loads(module.dumps(challenge.run))(6).steps_ == 6

    def test_dataclass(self):
        """Fields, repr and signature are those of the class as it was written."""
        import dataclasses
        import inspect

        assert [field.name for field in dataclasses.fields(StepChallenge) if field.init] == ["dataset", "factor"]
        assert list(inspect.signature(StepChallenge.run).parameters) == ["self", "optimizer"]
        assert repr(StepChallenge(Walks())).startswith("StepChallenge(")

    def test_in_workers(self, tmp_path):
        """A decorated function with a challenge of a script records in the processes of joblib."""
        script = """
        from dataclasses import dataclass
        from joblib import Parallel, delayed
        from gaitmap_results import record_run
        from step_challenges import StepChallenge, Walks

        @dataclass(repr=False)
        class OfTheScript(StepChallenge):
            VERSION = "4"

            def run(self, optimizer):
                return super().run(optimizer)

        @record_run(path="results", use_git=False)
        def entry(number):
            return OfTheScript(Walks()).run(number).steps_

        if __name__ == "__main__":
            print(Parallel(n_jobs=2)(delayed(entry)(number) for number in range(2)))
        """
        (tmp_path / "script.py").write_text(textwrap.dedent(script))

        done = run_python("script.py", cwd=tmp_path, env={"PYTHONPATH": paths()})

        assert done.stdout.strip() == "[0, 1]"
        assert [run["challenge_name"] for run in stored_runs(tmp_path / "results")] == ["script.OfTheScript"] * 2

    def test_times_and_parameters(self, tmp_path, time_zone):
        """The challenge's own times are stored, in true UTC, and its parameters as tpcp 1 tells them."""
        folder = record(tmp_path, challenge := StepChallenge(Walks(), factor=3))

        metadata = json.loads((folder / "metadata.json").read_text())
        assert metadata["timing_source"] == "challenge"
        assert metadata["runtime"] == challenge.runtime_
        start = pd.Timestamp(challenge.run_start_datetime_)
        assert metadata["run_start_datetime_utc"] == pytest.approx(start.timestamp(), abs=1e-3)
        assert folder.name == f"_{start.tz_convert('UTC'):%Y%m%d_%H%M%S}"
        assert metadata["parameters"]["challenge"]["parameters"]["factor"] == 3
        assert metadata["parameters"]["dataset"]["n_data_points"] == 2


@pytest.mark.parametrize("debug", [True, False])
def test_save_run_as_upstream_tests_it(tmp_path, debug):
    """A dummy challenge is run and saved: the path, three facts of the metadata, and the underscore of debug runs."""
    challenge = StepChallenge(Walks()).run(5)

    path = save_run(
        challenge, ("group", "entry"), custom_metadata={"a": 1}, path=tmp_path, debug_run=debug, use_git=False
    )

    assert path.parent == tmp_path / NAME / "1.2.0" / "group" / "entry"
    assert path.name.startswith("_") is debug
    metadata = json.loads((path / "metadata.json").read_text())
    assert metadata["challenge_name"] == NAME
    assert metadata["challenge_version"] == "1.2.0"
    assert metadata["entry_name"] == ["group", "entry"]
    assert metadata["is_debug_run"] is debug
    assert json.loads((path / "custom_metadata.json").read_text()) == {"a": 1}
    assert load_run(StepChallenge, path).results == {"steps": 5}


class TestTheirReaders:
    """The functions of gaitmap_challenges read our folders."""

    def test_all_of_them(self, tmp_path, time_zone):
        """Paths, filters, the latest, a run, and the overview are those of the runs that were recorded."""
        first = record(tmp_path, entry=("one", "a"), custom_metadata={"short_description": "The first."})
        debug = record(tmp_path, entry=("two", "b"))
        official = record(tmp_path, entry=("two", "b"), debug_run=False)

        with recorded_run("open", path=tmp_path, use_git=False) as recorder:
            found = upstream.get_all_result_paths(StepChallenge, tmp_path)
            recorder.attach(StepChallenge(Walks()).run(1))

        assert {entry: set(paths) for entry, paths in found.items()} == {
            ("one", "a"): {first},
            ("two", "b"): {debug, official},
        }
        assert upstream.filter_results(found, "1.2.0", is_debug_run=False) == {("two", "b"): [official]}
        assert upstream.filter_results(found, "1.3.0") == {}
        latest = upstream.get_latest_result(found)
        assert latest == {("one", "a"): first, ("two", "b"): official}
        run = upstream.load_run(StepChallenge, official)
        assert run.results == {"steps": 5}
        assert run.metadata["is_debug_run"] is False
        table = upstream.generate_overview_table(latest)
        assert list(table["Entry"]) == [("one", "a"), ("two", "b")]
        assert table["Description"][0] == "The first."


class TestOurReaders:
    """Our functions read the folders of gaitmap_challenges."""

    def test_all_of_them(self, tmp_path, time_zone, capsys):
        """Its runs are found, filtered and loaded beside ours, and their UTC stamps are put right."""
        theirs = upstream.save_run(
            challenge := StepChallenge(Walks()).run(5),
            ("two", "b"),
            custom_metadata={"short_description": "Theirs."},
            path=tmp_path,
            debug_run=False,
            use_git=False,
        )
        ours = record(tmp_path, entry=("two", "b"), custom_metadata={"short_description": "Ours."})

        found = gaitmap_results.get_all_result_paths(StepChallenge, tmp_path)

        assert found == {("two", "b"): [theirs, ours]}
        assert gaitmap_results.filter_results(found, is_debug_run=False) == {("two", "b"): [theirs]}
        assert gaitmap_results.get_latest_result(found) == {("two", "b"): ours}
        run = load_run(StepChallenge, theirs)
        assert run.results == {"steps": 5}
        start = pd.Timestamp(challenge.run_start_datetime_).timestamp()
        assert run.metadata["run_start_datetime_utc"] == pytest.approx(start, abs=1)
        table = gaitmap_results.generate_overview_table(found)
        assert set(table["Description"]) == {"Theirs.", "Ours."}

    def test_config(self, tmp_path):
        """A config file that gaitmap_challenges made and somebody filled in is read as it is."""
        upstream_config.create_config_template(tmp_path / "config.json")
        content = json.loads((tmp_path / "config.json").read_text())
        content["gaitmap_challenges"]["results_dir"] = str(tmp_path / "results")
        (tmp_path / "config.json").write_text(json.dumps(content))

        set_config(tmp_path / "config.json")

        assert get_config() == LocalConfig(results_dir=tmp_path / "results", datasets=get_config().datasets)


class StridesOnly(EgaitAdidas2014):
    """The dataset of a real challenge, with strides that are in a table instead of the sensor data of its archive."""

    def __init__(self, strides: Any = None, *, groupby_cols: Any = None, subset_index: Any = None) -> None:
        self.strides = strides
        super().__init__(groupby_cols=groupby_cols, subset_index=subset_index)

    def create_index(self) -> pd.DataFrame:
        return self.strides[LABELS].drop_duplicates().reset_index(drop=True)

    def column(self, name: str) -> dict[str, pd.DataFrame]:
        rows = self.strides.merge(self.index, on=LABELS)
        return {
            foot: part.set_index("s_id")[[name]].rename(columns={name: "stride_length"})
            for foot, part in rows.groupby("foot")
        }

    @property
    def mocap_parameters_(self) -> dict[str, pd.DataFrame]:
        return self.column("reference")


class StoredPrediction(Pipeline):
    """An entry that has computed its strides before."""

    def run(self, datapoint: StridesOnly) -> StoredPrediction:
        self.parameters_ = datapoint.column("predicted")
        return self


LABELS = ["participant", "sensor", "stride_length", "stride_velocity", "repetition"]
PUBLISHED_RUN = (
    PUBLISHED
    / "gaitmap_challenges.spatial_parameters.egait_adidas_2014.Challenge/1.0.0/gaitmap/simple_integration/default"
    / "20230726_092659_0"
)


def made_up_strides() -> pd.DataFrame:
    """Return a few strides of five participants."""
    rows = [
        (f"{person:03}", "shimmer3", "high", "low", str(walk), foot, stride, 1.4 + person / 50, 1.4 + stride / 90)
        for person in range(5)
        for walk in range(1)
        for foot in ("left_sensor", "right_sensor")
        for stride in range(3)
    ]
    return pd.DataFrame(rows, columns=[*LABELS, "foot", "s_id", "predicted", "reference"])


def published_strides() -> pd.DataFrame:
    """Return real strides of five participants: what the published run measured, and the reference system."""
    strides = pd.read_csv(PUBLISHED_RUN / "results" / "stride_length.csv", dtype={0: str, 4: str})
    strides.columns = [*LABELS, "foot", "s_id", "predicted", "reference"]
    walks = strides[LABELS].drop_duplicates()
    chosen = walks.groupby("participant").head(1)
    people = chosen["participant"].drop_duplicates()[:5]
    return strides.merge(chosen[chosen["participant"].isin(people)], on=LABELS)


@pytest.mark.skipif(not tpcp.__version__.startswith("0."), reason="needs tpcp 0.x")
def test_a_real_challenge(tmp_path):
    """A challenge of the package is recorded unchanged; its scores of real strides are those that were published."""
    is_published = PUBLISHED_RUN.is_dir()
    strides = published_strides() if is_published else made_up_strides()
    challenge = egait_adidas_2014.Challenge(StridesOnly(strides), cv_params={"progress_bar": False})

    @record_run(("gaitmap", "stored"), path=tmp_path, use_git=False)
    def entry() -> None:
        challenge.run(DummyOptimize(StoredPrediction(), ignore_potential_user_error_warning=True))

    entry()

    (metadata,) = stored_runs(tmp_path)
    assert metadata["challenge_name"] == "gaitmap_challenges.spatial_parameters.egait_adidas_2014.Challenge"
    assert metadata["dataset_columns"] == LABELS
    found = upstream.get_all_result_paths(egait_adidas_2014.Challenge, tmp_path)
    (path,) = found[("gaitmap", "stored")]
    theirs, ours = (reader(egait_adidas_2014.Challenge, path).results for reader in (upstream.load_run, load_run))
    pd.testing.assert_frame_equal(theirs["cv_results"], ours["cv_results"])
    assert len(ours["cv_results"]) == 5
    if is_published:
        published = load_run(egait_adidas_2014.Challenge, PUBLISHED_RUN).results["cv_results"]
        assert errors_by_walk(ours["cv_results"]).items() <= errors_by_walk(published).items()


def errors_by_walk(cv_results: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Return the mean error of each walk, to the ten digits that gaitmap_challenges keeps."""
    return {
        tuple(label): round(error, 9)
        for labels, errors in zip(cv_results["test_data_labels"], cv_results["test_single_error_mean"], strict=True)
        for label, error in zip(labels, errors, strict=True)
    }
