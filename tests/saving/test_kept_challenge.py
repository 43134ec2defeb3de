"""A challenge that cannot save its results is kept, and one that never could is refused before it runs."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenges import ExampleChallenge
from documents import TOP
from processes import python_environment
from stores import TwoFiles, runs_of, unfinished_of

from gaitmap_results import BaseChallenge, observe_challenges, recorded_run, recover_run, save_run
from gaitmap_results.exceptions import (
    CoreResultsError,
    IncompleteProvenanceWarning,
    InvalidChallengeError,
    SaveError,
    UnloadableResultsWarning,
)
from gaitmap_results.saving import kept_challenge
from gaitmap_results.saving.kept_challenge import how_to_load, keep_challenge

pytestmark = pytest.mark.filterwarnings("ignore::gaitmap_results.exceptions.SaveFailedWarning")


class Faulty(ExampleChallenge):
    """Returns a NumPy integer and writes it with json, as many do."""

    def run(self, optimizer: Any) -> Faulty:
        """Hold what is worth keeping."""
        super().run(optimizer)
        self.errors_ = [np.int64(41), np.int64(42)]
        return self

    def save_core_results(self, folder_path: Path) -> None:
        """Fail after the first file."""
        (folder_path / "first.txt").write_text("1")
        (folder_path / "errors.json").write_text(json.dumps(self.errors_))


class Unpicklable(Faulty):
    """Holds something that no pickle can hold."""

    __slots__ = ("in_a_slot",)

    def run(self, optimizer: Any) -> Unpicklable:
        """Hold a function without a name."""
        super().run(optimizer)
        self.callback = lambda: None
        self.in_a_slot = "kept"
        return self


class Exiting(Faulty):
    """Ends the program where its results are saved, as some libraries do."""

    def save_core_results(self, folder_path: Path) -> None:
        """Leave."""
        sys.exit(3)


class CannotBeLoaded(Exception):
    """An error whose pickle is refused when it is loaded, as that of many libraries."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")

    def __reduce__(self) -> Any:
        # Libraries such as tblib, which comes with dask, make the pickles of other errors loadable.
        return CannotBeLoaded, self.args


def load_as_described(message: str) -> Any:
    """Carry out the three lines of a message; return what they load."""
    lines = message[message.index("  import pickle") :].splitlines()[:3]
    names: dict[str, Any] = {}
    exec(textwrap.dedent("\n".join(lines)), names)
    return names.get("challenge", names.get("attributes"))


@pytest.mark.parametrize("by", ["block", "save_run"])
def test_the_challenge_is_kept_beside_the_journal(by, tmp_path):
    """The error says where it is and how to load it; loaded and corrected, it is stored with the times it measured."""
    challenge = Faulty()
    with pytest.raises(CoreResultsError, match="not JSON serializable") as raised:
        if by == "block":
            with recorded_run("entry", path=tmp_path, use_git=False):
                challenge.run(42)
        else:
            save_run(challenge.run(42), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    assert "default=lambda value: value.tolist()" in str(raised.value)
    assert 'save_run(challenge, "entry", custom_metadata={})' in str(raised.value)
    (run,) = unfinished_of(tmp_path)
    assert (run.status, run.core_results) == ("save_failed", "partial")
    assert run.challenge_file == run.path / "challenge.pickle"
    assert (run.path / "results" / "first.txt").exists()
    loaded = load_as_described(str(raised.value))
    assert (type(loaded), loaded.errors_) == (Faulty, challenge.errors_)
    loaded.errors_ = list(map(int, loaded.errors_))
    path = save_run(loaded, "entry", custom_metadata={}, path=tmp_path / "again", use_git=False)
    stored = json.loads((path / "metadata.json").read_text())
    assert stored["run_start_datetime"] == challenge.run_start_datetime_


def test_a_script_is_told_once_before_the_error(tmp_path):
    """Where no logging is set up, the error stream shows the warning, then the error, and no third copy."""
    script = tmp_path / "script.py"
    script.write_text(
        "from test_kept_challenge import Faulty\n"
        "from gaitmap_results import recorded_run\n"
        f"with recorded_run('entry', path={str(tmp_path / 'results')!r}, use_git=False):\n"
        "    Faulty().run(42)\n"
    )
    command = [sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_environment())
    assert "SaveFailedWarning" in done.stderr
    assert done.stderr.count("The challenge itself is kept in") == 2


def test_recover_explains_how_to_load_it(tmp_path):
    """There is nothing to publish yet; the three lines are told again, whole."""
    with pytest.raises(CoreResultsError), recorded_run("entry", path=tmp_path, use_git=False):
        Faulty().run(42)
    (run,) = unfinished_of(tmp_path)
    with pytest.raises(SaveError, match="only a part of its core results") as raised:
        recover_run(run.run_id, tmp_path)
    assert load_as_described(str(raised.value)).errors_ == [41, 42]


def test_what_cannot_be_pickled_costs_only_itself(tmp_path):
    """Every other attribute is kept in a dictionary, those in slots, too."""
    challenge = Unpicklable()
    with pytest.raises(CoreResultsError) as raised, recorded_run("entry", path=tmp_path, use_git=False):
        challenge.run(42)
    (run,) = unfinished_of(tmp_path)
    assert run.challenge_file == run.path / "challenge_attributes.pickle"
    attributes = load_as_described(str(raised.value))
    assert attributes["errors_"] == [41, 42]
    assert attributes["in_a_slot"] == "kept"
    assert "callback" not in attributes


def test_what_could_not_be_loaded_costs_only_itself(tmp_path):
    """A pickle that can be written but not loaded is noticed while the challenge is still there."""
    challenge = Faulty().run(42)
    challenge.last_error = CannotBeLoaded(code=3)
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(challenge))
    file = keep_challenge(challenge, tmp_path)
    assert file == tmp_path / "challenge_attributes.pickle"
    assert pickle.loads(file.read_bytes())["errors_"] == [41, 42]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_challenge_of_a_script_can_be_loaded_elsewhere(tmp_path):
    """No other program can import its class, hence its attributes are kept."""
    script = textwrap.dedent(
        """
        import json
        from gaitmap_results import BaseChallenge, recorded_run

        class Steps(BaseChallenge):
            VERSION = "1.0.0"
            def run(self, optimizer):
                self.steps_ = {1, 2, 3}
            def save_core_results(self, folder_path):
                (folder_path / "steps.json").write_text(json.dumps(self.steps_))
            @classmethod
            def load_core_results(cls, folder_path):
                return None

        with recorded_run("entry", path="results", use_git=False):
            Steps().run(1)
        """
    )
    (tmp_path / "entry.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "entry.py"],
        cwd=tmp_path,
        env=python_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "set is not JSON serializable" in done.stderr
    (run,) = unfinished_of(tmp_path / "results")
    assert pickle.loads(run.challenge_file.read_bytes()) == {"steps_": {1, 2, 3}}


STUDY = """
import json
from gaitmap_results import BaseChallenge

class Steps(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, optimizer):
        self.optimizer = optimizer
        self.steps_ = {1, 2, 3}
    def save_core_results(self, folder_path):
        (folder_path / "steps.json").write_text(json.dumps(self.steps_))
    @classmethod
    def load_core_results(cls, folder_path):
        return None
"""
SCRIPT = """
import enum
from dataclasses import dataclass, field
from typing import NamedTuple
from gaitmap_results import recorded_run

class Side(enum.Enum):
    LEFT = 1

class Range(NamedTuple):
    low: int
    high: int

def threshold():
    return 3

@dataclass
class Algorithm:
    threshold: int = 3
    band: Range = Range(1, 2)
    more: list = field(default_factory=lambda: [Side.LEFT, threshold, Range])

with recorded_run("entry", path="results", use_git=False):
    Steps().run(Algorithm())
"""


@pytest.mark.parametrize("challenge_in", ["module", "script"])
def test_what_a_script_defines_can_be_loaded_elsewhere(challenge_in, tmp_path):
    """An algorithm is mostly defined in the script; its class costs neither its attributes nor the challenge."""
    (tmp_path / "study.py").write_text(STUDY)
    (tmp_path / "entry.py").write_text((STUDY if challenge_in == "script" else "from study import Steps") + SCRIPT)
    load = "import pickle, sys; kept = pickle.load(open(sys.argv[1], 'rb')); print(kept)"
    load += "; kept = kept if isinstance(kept, dict) else vars(kept); print(kept['steps_'], vars(kept['optimizer']))"

    def run(*command: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=python_environment({"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}),
            capture_output=True,
            text=True,
            check=False,
        )

    assert "set is not JSON serializable" in run("entry.py").stderr
    (kept,) = unfinished_of(tmp_path / "results")
    assert kept.challenge_file.name == ("challenge_attributes" if challenge_in == "script" else "challenge") + ".pickle"
    loaded = run("-c", load, kept.challenge_file)
    assert "{1, 2, 3} {'threshold': 3, 'band': (1, 2), 'more': [" in loaded.stdout, loaded.stderr


@pytest.mark.parametrize("by", ["block", "attach", "save_run"])
def test_a_save_that_ends_the_program_keeps_the_challenge(by, tmp_path):
    """The exit goes on, and the run says that saving failed."""
    challenge = Exiting()
    if by != "block":  # not seen running
        challenge.run(42)
    with pytest.raises(SystemExit):
        if by == "save_run":
            save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False)
        else:
            with recorded_run("entry", path=tmp_path, use_git=False) as r:
                r.attach(challenge) if by == "attach" else challenge.run(42)
    (run,) = unfinished_of(tmp_path)
    assert run.status == "save_failed"
    assert pickle.loads(run.challenge_file.read_bytes()).errors_ == [41, 42]


def test_the_first_pickle_stays(tmp_path):
    """It is what the challenge held when its `run` returned; what it holds later is something else."""
    challenge = Faulty().run(42)
    file = keep_challenge(challenge, tmp_path)
    challenge.errors_.clear()
    assert keep_challenge(challenge, tmp_path) == file
    assert pickle.loads(file.read_bytes()).errors_ == [41, 42]


def test_a_loaded_challenge_is_official_only_after_it_ran_again(tmp_path):
    """Another program ran what a pickle holds, perhaps with other code: its numbers never count as the commit's."""

    def reasons(challenge):
        path = save_run(challenge, "entry", custom_metadata={}, path=tmp_path / "results")
        return [reason["code"] for reason in json.loads((path / "metadata.json").read_text())["debug_reasons"]]

    kept = ExampleChallenge()
    kept.run(42)
    loaded = pickle.loads(keep_challenge(kept, tmp_path).read_bytes())
    assert "recovered" in reasons(loaded)
    assert "recovered" not in reasons(kept)
    loaded.run(42)
    assert "recovered" not in reasons(loaded)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_the_pickle_is_readable_whatever_umask_the_challenge_left(tmp_path):
    """A library that forgot its umask does not lock the owner out of what is kept."""
    challenge = Faulty().run(42)
    before = os.umask(0o777)
    try:
        file = keep_challenge(challenge, tmp_path)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o400


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    """The pickle goes to a rescue folder; the error and the list say where."""
    keep = kept_challenge.keep_challenge

    def full(challenge, folder):
        if folder.is_relative_to(tmp_path / "results"):
            raise OSError(28, "No space left on device")
        return keep(challenge, folder)

    monkeypatch.setattr(kept_challenge, "keep_challenge", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(CoreResultsError) as raised, recorded_run("entry", path=tmp_path / "results", use_git=False):
        Faulty().run(42)
    (run,) = unfinished_of(tmp_path / "results")
    assert not run.challenge_file.is_relative_to(tmp_path / "results")
    assert str(run.challenge_file) in str(raised.value)
    assert load_as_described(str(raised.value)).errors_ == [41, 42]


def test_the_lines_are_python_for_any_path(tmp_path):
    """A path with quotes and backslashes is written so that the lines run."""
    folder = tmp_path / 'o\'brien \\ "x"'
    if os.name == "nt":
        folder = tmp_path / "o'brien"
    folder.mkdir()
    file = keep_challenge(Faulty().run(42), folder)
    assert load_as_described(how_to_load(file)).errors_ == [41, 42]


# Refused before the run


class _NoSave(BaseChallenge):
    VERSION = "1.0.0"

    def run(self, optimizer: Any) -> Any:
        """Tell that it ran."""
        self.has_run = True
        return self

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        """Return nothing."""


class _NoLoad(_NoSave):
    load_core_results = BaseChallenge.load_core_results

    def save_core_results(self, folder_path: Path) -> None:
        """Write something."""
        (folder_path / "a.txt").write_text("a")


class _NoVersion(TwoFiles):
    VERSION = None

    def run(self, optimizer: Any) -> Any:
        """Tell that it ran."""
        self.has_run = True
        return self


class _SaveWithoutFolder(_NoLoad):
    load_core_results = _NoSave.load_core_results

    def save_core_results(self) -> None:  # type: ignore[override]
        """Take no folder."""


class _LoadOfAnObject(_NoLoad):
    def load_core_results(self, folder_path: Path) -> Any:
        """Need an object, which nobody has later."""


@observe_challenges
class _NotDerived:
    VERSION = "1.0.0"
    run = _NoSave.run
    save_core_results = _NoLoad.save_core_results


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (_NoSave, "save_core_results"),
        (_NoLoad, "load_core_results"),
        (_NoVersion, "VERSION"),
        (_SaveWithoutFolder, "folder alone: too many positional arguments"),
        (_LoadOfAnObject, r"folder alone: missing a required argument.* class method `load_core_results"),
        (_NotDerived, "load_core_results"),
    ],
)
@pytest.mark.parametrize("named", [False, True], ids=["seen running", "given"])
def test_a_challenge_that_lacks_something_is_refused_before_it_runs(kind, missing, named, tmp_path):
    """The mistake shows while nothing has been computed, with the name of what is missing."""
    challenge = kind()
    options = {"challenge": challenge} if named else {}
    with (
        pytest.raises(InvalidChallengeError, match=missing),
        recorded_run("e", path=tmp_path, use_git=False, **options),
    ):
        challenge.run(1)
    assert not hasattr(challenge, "has_run")
    assert runs_of(tmp_path) == []


def test_a_decorated_method_may_show_another_signature(tmp_path):
    """What a decorator adds is not asked for: `functools.wraps` shows the inner signature."""

    def with_format(method: Any) -> Any:
        @functools.wraps(method)
        def inner(self: Any, *args: Any) -> Any:
            return method(self, "txt", *args)

        return inner

    class Decorated(ExampleChallenge):
        @with_format
        def save_core_results(self, ending: str, folder_path: Path) -> None:  # type: ignore[override]
            """Write a file with the ending."""
            (folder_path / f"a.{ending}").write_text("a")

    with recorded_run("e", path=tmp_path, use_git=False) as r:
        Decorated().run(1)
    assert (r.path_ / "results" / "a.txt").exists()


def test_save_run_publishes_what_cannot_be_loaded_yet(tmp_path):
    """It comes after the run: the results count more than the method, which can still be written."""
    with pytest.warns(UnloadableResultsWarning, match="load_core_results"):
        path = save_run(_NoLoad().run(1), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    assert (path / "results" / "a.txt").exists()


def test_save_run_keeps_a_challenge_that_cannot_save(tmp_path):
    """What nobody refused before its run is not lost after it."""
    challenge = _NoSave().run(1)
    with pytest.raises(InvalidChallengeError, match="save_core_results") as raised:
        save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False)
    (run,) = unfinished_of(tmp_path)
    assert run.path == raised.value.path
    assert pickle.loads(run.challenge_file.read_bytes()).has_run


def test_a_method_of_a_mixin_or_of_the_object_counts(tmp_path):
    """A method that is inherited from elsewhere, or set on the object, is a method of its own."""

    class Mixin:
        def save_core_results(self, folder_path: Path) -> None:
            (folder_path / "a.txt").write_text("a")

        load_core_results = classmethod(lambda cls, folder_path: None)

    class Mixed(Mixin, BaseChallenge):
        VERSION = "1.0.0"

        def run(self, optimizer: Any) -> Any:
            return self

    challenge = _NoSave()
    challenge.save_core_results = lambda folder_path: (folder_path / "a.txt").write_text("a")
    for each in (Mixed(), challenge):
        with recorded_run("entry", path=tmp_path, use_git=False):
            each.run(1)
    assert len(list(tmp_path.glob("*/1.0.0/entry/*/results/a.txt"))) == 2


def test_the_challenge_of_the_readme_survives_numpy(tmp_path):
    """The first challenge that anybody copies saves what gait algorithms return."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("\nwith recorded_run")[0]
    names: dict[str, Any] = {"__name__": "readme"}
    exec(code, names)
    challenge = names["StrideTimeChallenge"]()
    challenge.errors_ = {"a": np.int64(1), "b": np.float32(0.5), "c": np.arange(2), "d": np.bool_(True), "e": 1.5}
    challenge.save_core_results(tmp_path)
    assert challenge.load_core_results(tmp_path) == {"a": 1, "b": 0.5, "c": [0, 1], "d": True, "e": 1.5}


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
def test_a_save_that_would_only_begin(kind, tmp_path):
    """`async` or `yield` in `save_core_results` is refused before the run, and after it costs no result."""

    class Beginning(ExampleChallenge):
        if kind == "coroutine":

            async def save_core_results(self, folder_path: Path) -> None:
                super().save_core_results(folder_path)

        else:

            def save_core_results(self, folder_path: Path):
                yield super().save_core_results(folder_path)

    with pytest.raises(InvalidChallengeError, match="plain method"), recorded_run("e", path=tmp_path, use_git=False):
        Beginning().run(pytest.fail)
    assert not list(tmp_path.glob("*/*/e/*"))
    challenge = Beginning().run(1)
    with pytest.raises(CoreResultsError, match="plain method"):
        save_run(challenge, "e", custom_metadata={}, path=tmp_path, use_git=False)
    assert any(run.challenge_file for run in unfinished_of(tmp_path))
    assert not list(tmp_path.glob("*/*/e/*"))


def test_a_save_that_writes_nothing_is_told(tmp_path):
    """A file that was written to the working directory is not in the run; the user hears of it."""

    class Elsewhere(ExampleChallenge):
        def save_core_results(self, folder_path: Path) -> None:
            (tmp_path / "result.json").write_text("1")

    with pytest.warns(IncompleteProvenanceWarning, match="wrote no file"):
        with recorded_run("e", path=tmp_path / "store", use_git=False):
            Elsewhere().run(1)


def test_attributes_that_ask_to_end_the_program_cost_no_result(tmp_path):
    """Whatever is looked up in a challenge before its run and after it, its results are published first."""

    class Asking(ExampleChallenge):
        runtime_ = property(lambda self: sys.exit(3))

        def __getattr__(self, name: str) -> Any:
            sys.exit(4)

        def run(self, optimizer: Any = None) -> Asking:
            self.result_ = 1
            return self

    with contextlib.suppress(SystemExit), recorded_run("e", path=tmp_path, use_git=False):
        Asking().run()
    assert len(list(tmp_path.glob("*/*/e/*/results/result.json"))) == 1
