"""The packages of a run as requirements, and the command that started it."""

from __future__ import annotations

import pytest
from command import in_process
from run_folders import write_run

from gaitmap_results.showing.requirements import requirement_lines

COMMIT = "59a7855b7a0d16171bf1a0e89fdc91646d2925e8"
PACKAGES = {"numpy": "2.1.0", "lab": "0.1", "mine": "0.2", "here": "1.0", "wheel-of": "3.0", "odd": None}
SOURCES = {
    "lab": {"url": "https://github.com/ana/lab", "editable": False, "vcs": "git", "commit": COMMIT},
    "mine": {"url": "file:///home/ana/mine", "editable": True, "commit": COMMIT, "dirty": True},
    "here": {"url": "file:///home/ana/here", "editable": False},
    "wheel-of": {"url": "https://x.org/w.whl", "editable": False, "archive_hash": "sha256=ab"},
}


@pytest.fixture
def run(tmp_path):
    """Return a run folder that knows its packages and its command."""
    system = {"packages_info": PACKAGES, "packages_direct_url": SOURCES}
    return write_run(tmp_path, system_info=system, command=["study/steps.py", "--name", "two words"])


def test_each_package_has_a_line():
    """A release is pinned, a VCS install names its commit, and what no index has is a comment that says so."""
    lines = list(requirement_lines({"system_info": {"packages_info": PACKAGES, "packages_direct_url": SOURCES}}))
    assert lines[:2] == ["numpy==2.1.0", f"lab @ git+https://github.com/ana/lab@{COMMIT}"]
    assert lines[4] == "wheel-of @ https://x.org/w.whl#sha256=ab"
    assert [line.startswith("# ") for line in lines] == [False, False, True, True, False, True]
    assert f"at commit {COMMIT}, with uncommitted changes" in lines[2]


def test_pip_understands_the_lines(run, tmp_path):
    """The output is a requirements file as pip and uv read it."""
    requirements = pytest.importorskip("packaging.requirements")
    done = in_process("show", run, "--requirements")
    assert (done.code, done.err) == (0, "")
    for line in done.out.splitlines():
        if not line.startswith("#"):
            requirements.Requirement(line)


def test_the_command_can_be_typed(run):
    """Show --command prints the command quoted for a shell, with the interpreter in front of a script."""
    assert in_process("show", run, "--command").out == "python study/steps.py --name 'two words'\n"


def test_the_original_command_counts(tmp_path):
    """What Python itself was given, a module for example, is preferred to what the script saw; redaction is told."""
    original = ["/x/bin/python3", "-m", "study.steps", "--token", "<redacted>"]
    done = in_process(
        "show", write_run(tmp_path, orig_argv=original, command=["/x/steps.py"], cwd="study"), "--command"
    )
    assert done.out == "python -m study.steps --token '<redacted>'\n"
    assert "In the folder study" in done.err
    assert "looked secret" in done.err


@pytest.mark.parametrize("option", ["--requirements", "--command"])
def test_what_is_not_stored_is_an_error(option, tmp_path):
    """A record without packages or command ends with a message, not with nothing."""
    done = in_process("show", write_run(tmp_path), option)
    assert (done.code, done.out) == (1, "")
    assert "does not say which" in done.err
    assert in_process("show", tmp_path, option, "--json").code == 2
