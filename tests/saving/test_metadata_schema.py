"""The JSON Schema of metadata.json: real records of every kind keep to it, and it names every key that they have."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import dataclass

import jsonschema
import pytest
from challenges import ExampleChallenge
from documents import TOP
from git_repository import GitRepository

from gaitmap_results import (
    LocalConfig,
    load_run_metadata,
    recorded_run,
    recover_run,
    save_run,
    set_config,
    unfinished_runs,
)

FILE = TOP / "docs" / "reference" / "metadata.schema.json"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
pytestmark = pytest.mark.filterwarnings("ignore::gaitmap_results.GaitmapResultsWarning")


def closed(schema):
    """Return a schema that allows only the keys it names, so that a key without a description is noticed."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    conditions = ("if", "then", "else")
    inner = {key: value if key in conditions else closed(value) for key, value in schema.items()}
    return inner | ({"additionalProperties": False} if schema.get("type") and "properties" in schema else {})


VALIDATOR = jsonschema.Draft202012Validator
OPEN, CLOSED = VALIDATOR(SCHEMA, format_checker=VALIDATOR.FORMAT_CHECKER), VALIDATOR(closed(SCHEMA))


def check(folder):
    """Check the record in a run folder as a program would that has nothing but the schema; return it."""
    record = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    problems = [f"{'.'.join(map(str, each.path))}: {each.message}" for each in OPEN.iter_errors(record)]
    problems += [f"{'.'.join(map(str, each.path))}: {each.message}" for each in CLOSED.iter_errors(record)]
    assert problems == []
    return record


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository with one commit, in which the test runs."""
    repository = GitRepository(tmp_path / "repository")
    repository.write("code.py", "1")
    repository.commit()
    monkeypatch.chdir(repository.path)
    return repository


def record_one(**options):
    """Record a run of the example and return its folder."""
    with recorded_run("entry", path="results", **options) as recorder:
        ExampleChallenge().run(1)
    return recorder.path_


def test_the_schema_is_a_schema():
    """The file is valid JSON Schema of the version that it names, and describes no key twice."""

    def once(pairs):
        assert len(pairs) == len(dict(pairs)), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(FILE.read_text(encoding="utf-8"), object_pairs_hook=once)
    VALIDATOR.check_schema(SCHEMA)


def test_an_official_run(repository):
    """An official run from a repository with a remote and a tag keeps to the schema."""
    repository.git("remote", "add", "origin", "https://example.org/a.git")
    repository.git("tag", "v1")
    record = check(record_one(debug_run=False))
    assert (record["is_debug_run"], record["debug_reasons"], record["git_dirty"]) == (False, [], False)


def test_a_debug_run_with_every_kind_of_change(repository):
    """A debug run with staged, changed, unknown and ignored files keeps to the schema."""
    repository.write("code.py", "2")
    repository.write("staged.py", "1")
    repository.git("add", "staged.py")
    repository.write("new.py", "1")
    repository.write("docs/page.md", "1")
    record = check(record_one(debug_run=False, git_dirty_ignore=["docs"]))
    assert record["git"]["ignored"] == ["docs/"]
    assert [reason["code"] for reason in record["debug_reasons"]] == ["git.dirty"]


def test_a_repository_without_a_commit(tmp_path, monkeypatch):
    """A record without any commit keeps to the schema."""
    monkeypatch.chdir(GitRepository(tmp_path / "empty").path)
    assert check(record_one(debug_run=False))["git_commit_hash"] is None


def test_no_repository():
    """A record from outside of any repository keeps to the schema."""
    assert check(record_one())["git"]["problem"]["code"] == "git.not_a_repository"


def test_git_that_fails(repository):
    """A record from a repository that git cannot read keeps to the schema."""
    (repository.path / ".git" / "HEAD").write_text("broken")
    assert check(record_one(debug_run=False))["git_dirty"] is None


def test_git_that_is_not_asked(repository):
    """A record without git keeps to the schema, an official one as well."""
    record = check(record_one(use_git=False, debug_run=False))
    assert (record["is_debug_run"], record["git"]) == (False, None)


def test_a_commit_during_the_run(repository):
    """A record of a repository that changed during the run keeps to the schema."""
    with recorded_run("entry", path="results", debug_run=False) as recorder:
        repository.write("new.py", "1")
        ExampleChallenge().run(repository.commit)
    assert check(recorder.path_)["git"]["changed_during_run"] is True


def test_sampled_resources(repository):
    """A record of a run whose processes were looked at in between keeps to the schema."""
    assert check(record_one(sample_resources_s=0.01))["resources"]["peak_memory_bytes"]["sampled"]["n_looks"] >= 1


def test_save_run_and_nested_entry(repository):
    """A record of save_run, which has seen neither start nor resources, keeps to the schema."""
    folder = save_run(ExampleChallenge().run(1), ("group", "entry"), custom_metadata={}, path="results")
    record = check(folder)
    assert (record["entry_name"], record["resources"], record["block_id"]) == (["group", "entry"], None, None)


def test_a_challenge_that_says_nothing(tmp_path):
    """A record of a challenge without data set, pipeline, times, and with a repr that raises keeps to the schema."""

    class Silent:
        VERSION = "1"

        def __repr__(self):
            raise RuntimeError("no")

        def save_core_results(self, folder_path):
            pass

    record = check(save_run(Silent(), "entry", custom_metadata={}, path=tmp_path / "results"))
    assert (record["runtime"], record["repr_dataset"], record["timing_source"]) == (None, None, None)


def test_a_data_set_a_config_and_a_slurm_job(tmp_path, monkeypatch):
    """A record with all that is usually null keeps to the schema."""

    @dataclass
    class Index:
        columns = ("participant", "trial")

    class Trials:
        index = Index()

    class WithData(ExampleChallenge):
        def run(self, optimizer=None):
            self.dataset_ = Trials()
            return super().run(optimizer)

    for name, value in {"JOB_ID": "7", "ARRAY_TASK_ID": "3", "JOB_START_TIME": "1", "JOB_END_TIME": "9"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    set_config(LocalConfig(results_dir=tmp_path / "results", cache_dir="cache", datasets={"lab": "data"}, n_jobs=2))
    with recorded_run("entry", stored_filenames_relative_to=tmp_path) as recorder:
        WithData().run(1)
    record = check(recorder.path_)
    assert record["dataset_columns"] == ["participant", "trial"]
    assert record["system_info"]["slurm"]["time_limit_s"] == 8
    assert record["config"]["n_jobs"] == 2


def run_program(folder, *arguments, then=""):
    """Run a program that records, given on the command line or as input."""
    program = f"import os, sys; sys.path.insert(0, {str(TOP / 'tests' / 'support')!r})\n"
    program += "from challenges import ExampleChallenge\nfrom gaitmap_results import recorded_run\n"
    program += f"with recorded_run('entry', path='results'):\n    ExampleChallenge().run(1)\n    {then or 'pass'}\n"
    given = [*arguments, program] if arguments == ("-c",) else arguments
    subprocess.run([sys.executable, *given], input=program, text=True, cwd=folder, capture_output=True, check=not then)


def test_a_recovered_run(tmp_path):
    """A record of a run whose program died, put together later from what it had left behind, keeps to the schema."""
    run_program(tmp_path, "-", then="os._exit(1)")
    (left,) = unfinished_runs("results")
    record = check(recover_run(left.run_id, "results"))
    assert record["debug_reasons"][-1]["code"] == "recovered"


@pytest.mark.parametrize("argument", ["-c", "-"], ids=["command", "stdin"])
def test_a_caller_without_a_file(tmp_path, argument):
    """A record that was started without any file keeps to the schema."""
    run_program(tmp_path, argument)
    (folder,) = (path.parent for path in tmp_path.glob("results/*/*/*/*/metadata.json"))
    assert check(folder)["caller_file_path"] is None


def test_a_wrong_record_is_refused():
    """The schema refuses an official run with a reason, a debug run without one, and a key that is missing."""
    record = load_run_metadata(record_one())
    wrong = [{**record, "is_debug_run": False}, {**record, "debug_reasons": []}, {**record, "run_id": None}]
    missing = copy.deepcopy(record)
    del missing["git"]
    for each in (*wrong, missing, {**record, "schema_version": 2}):
        assert not OPEN.is_valid(each)
    assert OPEN.is_valid(record)
    assert not CLOSED.is_valid({**record, "new_key": 1})
