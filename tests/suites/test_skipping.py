"""Skipping: what the results folder holds already is not run again, and nothing else is left out."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from git_repository import GitRepository
from processes import python_environment
from suites import runs_in

from gaitmap_results import Entry, run_entries, save_run
from gaitmap_results.suites.planning import plan_entries
from gaitmap_results.suites.skipping import StoreJudge

pytestmark = pytest.mark.filterwarnings("ignore::gaitmap_results.GaitmapResultsWarning")

STUDY = """
import json
from gaitmap_results import BaseChallenge, record_run

class Steps(BaseChallenge):
    VERSION = "1.0.0"
    def __init__(self, cohort="all"): self.cohort = cohort
    def run(self, n):
        self.n_ = n
        return self
    def save_core_results(self, folder): (folder / "n.json").write_text(json.dumps(str(self.n_)))
    @classmethod
    def load_core_results(cls, folder): return json.loads((folder / "n.json").read_text())

class Turns(Steps): pass

@record_run(path="results", debug_run=False)
def first(value=1): Steps().run(value)
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a module of a study that is committed, in whose repository the test is."""
    repository = GitRepository(tmp_path / "study")
    repository.write("skipped_study.py", STUDY)
    repository.write(".gitignore", "results\n__pycache__\n")
    repository.commit()
    monkeypatch.chdir(repository.path)
    monkeypatch.syspath_prepend(repository.path)
    module = importlib.import_module("skipped_study")
    module.repository = repository
    yield module
    del sys.modules["skipped_study"]


def run(entries, **options):
    """Run entries in a thread and return what became of each."""
    with ThreadPoolExecutor(1) as executor:
        return run_entries(entries, executor=executor, **options)


def statuses(entries, **options):
    """Run entries in a thread and return the status of each."""
    return [outcome.status for outcome in run(entries, **options)]


def standing(entry, skip="same-commit"):
    """Return what a dry run tells of an entry."""
    planned = plan_entries([entry])
    found = StoreJudge(skip, planned).judge(planned[0])
    return found.status, found.why


def test_entries_of_one_name_are_told_apart(study):
    """Entries that share a name, but not the challenge, its parameters, the optimizer or arguments, each have a run."""
    made = [(study.Steps(), 1), (study.Turns(), 1), (study.Steps("ms"), 1), (study.Steps(), 2)]
    entries = [Entry("shin", *each, path="results", debug_run=False) for each in made]
    entries += [study.first, functools.partial(study.first, 2), functools.partial(study.first, value=3)]
    recorded = run(entries)
    assert [outcome.status for outcome in recorded] == ["recorded"] * 7
    again = run(entries)
    assert [outcome.status for outcome in again] == ["skipped"] * 7
    assert [outcome.path for outcome in again] == [outcome.path for outcome in recorded]
    assert statuses([functools.partial(study.first, 4)]) == ["recorded"]
    assert statuses([Entry("shin", study.Turns(), 2, path="results", debug_run=False)]) == ["recorded"]


def test_paths_in_arguments_are_known_again(study):
    """An argument that is stored in another form, because it is a path, is the same argument."""
    data = str(study.repository.path / "data")
    options = {"path": "results", "debug_run": False, "stored_filenames_relative_to": str(study.repository.path)}
    entries = [functools.partial(study.first, data), Entry("private", study.Steps(data), data, **options)]
    assert statuses(entries) == ["recorded"] * 2
    assert statuses(entries) == ["skipped"] * 2


def test_what_could_change_the_numbers_makes_an_entry_run_again(study):
    """Another commit, uncommitted changes or a debug run are no reason to skip, and a dry run names them."""
    assert standing(study.first) == ("missing", "")
    assert statuses([study.first]) == ["recorded"]
    assert standing(study.first) == ("recorded", "")
    study.repository.write("more.py", "x = 1\n")
    status, why = standing(study.first)
    assert status == "missing"
    assert "there are uncommitted changes" in why
    assert statuses([study.first]) == ["recorded"]  # a debug run
    study.repository.commit()
    status, why = standing(study.first)
    assert status == "missing"
    assert "git.dirty" in why
    assert statuses([study.first], skip="recorded") == ["skipped"]
    assert statuses([study.first]) == ["recorded"]
    assert statuses([study.first], skip=None) == ["recorded"]


def test_packages_and_other_repositories_make_an_entry_run_again(study, tmp_path, monkeypatch):
    """Another version of a package or another commit of an imported repository is named, and the entry runs again."""
    other = GitRepository(tmp_path / "lab_code")
    other.write("lab_filters.py", "ORDER = 4\n")
    other.commit()
    installed = tmp_path / "site" / "gaitlib-1.0.dist-info" / "METADATA"
    installed.parent.mkdir(parents=True)
    installed.write_text("Metadata-Version: 2.1\nName: gaitlib\nVersion: 1.0\n")
    for folder in (other.path, installed.parent.parent):
        monkeypatch.syspath_prepend(folder)
    importlib.import_module("lab_filters")
    try:
        assert statuses([study.first]) == ["recorded"]
        assert standing(study.first)[0] == "recorded"

        installed.parent.rename(installed.parent.with_name("gaitlib-2.0.dist-info"))
        newer = tmp_path / "site" / "gaitlib-2.0.dist-info" / "METADATA"
        newer.write_text(newer.read_text().replace("1.0", "2.0"))
        status, why = standing(study.first)
        assert (status, why.partition("differs: ")[2]) == ("missing", "packages: gaitlib 1.0 → 2.0")
        newer.write_text(newer.read_text().replace("2.0", "1.0"))
        newer.parent.rename(installed.parent)
        assert standing(study.first)[0] == "recorded"

        other.write("lab_filters.py", "ORDER = 5\n")
        assert "lab_code has uncommitted changes" in standing(study.first)[1]
        before, after = other.git("rev-parse", "HEAD").strip(), other.commit()
        assert f"lab_code: {before[:8]} → {after[:8]}" in standing(study.first)[1]
        assert statuses([study.first]) == ["recorded"]
        assert len(runs_in("results")) == 2
    finally:
        del sys.modules["lab_filters"]


def test_runs_without_a_function_count_by_name_and_challenge(study):
    """With skip="recorded", a run by save_run or recorded_run counts if it can belong to one entry only."""
    for number, name in enumerate(("first", "made")):
        save_run(study.Steps().run(number), name, debug_run=False, path="results", custom_metadata={})
    made, other = (Entry("made", each(), 1, path="results", debug_run=False) for each in (study.Steps, study.Turns))
    assert "only with skip='recorded'" in standing(study.first)[1]
    for entry in (study.first, made):
        status, why = standing(entry, "recorded")
        assert (status, "was made without a function, and counts" in why) == ("recorded", True)
    assert "is of another challenge" in standing(other, "recorded")[1]
    outcomes = run([study.first, made, other, other], skip="recorded")
    assert [outcome.status for outcome in outcomes] == ["skipped", "skipped", "recorded", "recorded"]
    assert "without a function" in outcomes[0].error
    twice = plan_entries([study.first, functools.partial(study.first, 2)])
    assert "several entries here have its name" in StoreJudge("recorded", twice).judge(twice[0]).why


def test_ctrl_c_while_the_store_is_looked_at_names_what_was_not_run(study):
    """Each entry has an outcome and is named, though nothing has been started yet."""
    run([study.first])
    told = []

    def interrupt(outcome):
        told.append(outcome.status)
        if outcome.status == "skipped":
            raise KeyboardInterrupt

    entries = [study.first, Entry("second", study.Steps(), 2, path="results")]
    with pytest.raises(KeyboardInterrupt) as raised:
        run(entries, on_outcome=interrupt)
    assert told == ["skipped", "not started"]
    if sys.version_info >= (3, 11):
        assert raised.value.__notes__ == ["Not run to their end: second. The same call runs them."]


def test_another_version_of_the_challenge_was_not_recorded(study, monkeypatch):
    """Even where any commit is good enough, a run of another version of the challenge is not."""
    assert statuses([study.first], skip="recorded") == ["recorded"]
    monkeypatch.setattr(study.Steps, "VERSION", "2.0.0")
    assert statuses([study.first], skip="recorded") == ["recorded"]


def test_arguments_that_are_no_plain_values_are_told(study):
    """An entry whose runs nobody can know again runs each time, and a dry run says why."""
    entry = functools.partial(study.first, frozenset({1}))
    assert statuses([entry]) == ["recorded"]
    assert "not plain values" in standing(entry)[1]


def test_what_another_program_records_meanwhile_is_not_run_again(study):
    """Before each entry starts, the results folder is looked at again."""
    second = functools.partial(study.first, 2)
    told = []

    def tell(outcome):
        told.append(outcome.status)
        if len(told) == 1:
            assert statuses([second]) == ["recorded"]  # as another program would

    outcomes = run_entries([study.first, second], on_outcome=tell)
    assert [outcome.status for outcome in outcomes] == ["recorded", "skipped"]


def test_the_command_takes_the_results_folder(study):
    """RESULTS takes the place of the config's folder; an entry whose code names another path is refused."""
    study.repository.write("free_study.py", STUDY.replace('path="results", ', ""))
    program = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "run"]
    how = {"env": python_environment(), "capture_output": True, "text": True, "check": False}
    refused = subprocess.run([*program, "skipped_study.py", "elsewhere", "--dry-run"], **how)
    assert (refused.returncode, "Leave out one of the two" in refused.stderr) == (1, True), refused.stderr
    done = subprocess.run([*program, "free_study.py", "elsewhere", "--json"], **how)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)[0]["path"]).is_relative_to(study.repository.path / "elsewhere")


def test_an_entry_that_waits_for_a_worker_is_looked_up_again(study):
    """What another program has recorded since a suite gave an entry to a busy executor is not run again."""
    program = "import skipped_study; skipped_study.first()"

    class BusyExecutor(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            subprocess.run([sys.executable, "-c", program], env=python_environment(), check=True)
            return super().submit(*args, **kwargs)

    with BusyExecutor(1) as executor:
        (outcome,) = run_entries([study.first], executor=executor)
    assert (outcome.status, [outcome.path]) == ("skipped", runs_in(Path("results").absolute()))
    assert "recorded already" in outcome.error
    with BusyExecutor(1) as executor:
        (outcome,) = run_entries([study.first], executor=executor, skip=None)
    assert outcome.status == "recorded"
    with ThreadPoolExecutor(1) as executor:
        twice = run_entries([functools.partial(study.first, 7)] * 2, executor=executor)
    assert [each.status for each in twice] == ["recorded", "recorded"], "a list may hold an entry twice"


def test_the_command_plans_runs_and_skips(study):
    """The command skips what is recorded and says so; as JSON it prints one object for each entry."""

    def command(*options):
        program = [sys.executable, "-c", "from gaitmap_results.cli import main; main()", "run", "skipped_study.py"]
        done = subprocess.run(
            [*program, "--json", *options], env=python_environment(), capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)[0]

    assert command("--dry-run") == {"entry_name": "first", "status": "missing", "path": None}
    recorded = command()
    assert recorded["status"] == "recorded"
    assert command("--dry-run") == {"entry_name": "first", "status": "recorded", "path": recorded["path"]}
    skipped = command()
    assert (skipped["status"], skipped["path"]) == ("skipped", recorded["path"])
    assert len(runs_in("results")) == 1


def test_a_file_that_records_at_its_import_is_refused(study):
    """A dry run imports a file to find its entries; a script without a function must not record a run by that."""
    study.repository.write("script.py", "import skipped_study\nskipped_study.first()\n")
    program = "from gaitmap_results.cli import main; main()"
    command = [sys.executable, "-c", program, "run", "script.py", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_environment())
    assert done.returncode != 0
    assert "records a run as soon as it is imported" in done.stderr
    assert not (study.repository.path / "results").exists()
