"""Code that the commit does not hold although git does not say so at first sight: never official."""

from __future__ import annotations

import warnings

import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository
from processes import run_python

from gaitmap_results import recorded_run
from gaitmap_results.exceptions import InvalidNameError
from gaitmap_results.provenance.parameters import describe_parameters
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.store.privacy import Redactor


def reasons_of_a_run(path):
    """Record a run that asks to be official, and return the codes of what speaks against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with recorded_run("entry", path=path, debug_run=False) as recorder:
            ExampleChallenge().run(1)
    return [reason["code"] for reason in recorder.metadata_["debug_reasons"]]


def test_untracked_code_in_a_submodule_whose_settings_hide_it(tmp_path, monkeypatch):
    """A setting of the submodule does not hide what is new in it."""
    library = GitRepository(tmp_path / "library")
    library.write("library.py", "a = 1\n")
    library.commit()
    repository = GitRepository(tmp_path / "project")
    repository.git("submodule", "--quiet", "add", str(library.path), "library")
    repository.commit()
    inner = GitRepository(repository.path / "library", init=False)
    inner.git("config", "status.showUntrackedFiles", "no")
    monkeypatch.chdir(repository.path)
    assert reasons_of_a_run(tmp_path / "results") == []
    inner.write("new.py", "a = 1\n")
    assert reasons_of_a_run(tmp_path / "results") == ["git.dirty"]


def test_code_without_a_file_that_stores_into_its_own_folder(tmp_path):
    """Where nobody knows the caller's file, the folder it runs in counts as code, also if results are stored there."""
    repository = GitRepository(tmp_path / "project")
    repository.write("analysis/algorithm.py", "a = 1\n")
    repository.commit()
    repository.write("analysis/algorithm.py", "a = 2\n")
    script = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from challenges import ExampleChallenge\n"
        "from gaitmap_results import recorded_run\n"
        "with recorded_run('entry', path='.', debug_run=False) as r: ExampleChallenge().run(1)\n"
        "print([reason['code'] for reason in r.metadata_['debug_reasons']])"
    )
    done = run_python("-c", script, cwd=repository.path / "analysis")
    assert done.stdout.strip() == "['git.dirty', 'code.unidentified']"


def test_paths_that_are_keys_are_rewritten(tmp_path):
    """A dictionary whose keys are paths of the home folder is stored without it, and no two keys become one."""
    home = tmp_path / "home" / "alice"
    redactor = Redactor(tmp_path / "project", home=home, names=["alice"])
    shown = redactor.tree({"weights": {f"{home}/a.csv": 1, "~/a.csv": 2, "plain": 3}})
    assert shown == {"weights": {"~/a.csv": 1, "~/a.csv_": 2, "plain": 3}}


def test_secrets_of_any_type_are_taken_out_of_parameters():
    """Lists and numbers under a secret name are secrets, too."""
    described = describe_parameters({"api_keys": ["sk-1"], "password": 12345678, "window": 3})
    assert described["value"] == {"api_keys": "<redacted>", "password": "<redacted>", "window": 3}


def test_objects_that_refer_to_each_other_are_described_in_bounded_time_and_space():
    """A mesh of objects does not blow up the record."""

    class Node:
        def __init__(self):
            self.neighbours = []

    nodes = [Node() for _ in range(30)]
    for node in nodes:
        node.neighbours = [other for other in nodes if other is not node]
    assert len(str(describe_parameters(nodes[0]))) < 1_000_000


def test_a_path_that_no_file_system_holds_is_refused_before_the_run():
    """Many parts, each short enough, make a path that is too long."""
    with pytest.raises(InvalidNameError, match="in all"):
        check_entry_name(("a" * 100,) * 60)
