"""The how-to pages on suites and on a study's repository, carried out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from documents import TOP, File, Page
from git_repository import GitRepository
from processes import python_environment
from suites import runs_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pages show a shell of Linux")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the study of the pages: its folder, and what types a command in it."""
    repository = GitRepository(tmp_path_factory.mktemp("study") / "study")
    for name in ("study_repository.md", "suite.md"):
        for step in Page.read(TOP / "docs" / "how_to" / name).steps():
            if isinstance(step, File):
                repository.write(step.name, step.text)
    repository.commit()
    environment = python_environment({"STUDY_RESULTS": str(repository.path / "results")})

    def type_command(*command):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=repository.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return repository.path, type_command


def test_from_one_script_to_a_suite(study):
    """The script and the suite that it becomes record official runs, though logs and figures are written meanwhile."""
    folder, type_command = study
    for place in ("logs", "figures"):
        (folder / place).mkdir()
        (folder / place / "output.txt").write_text("something")
    (folder / "notes.md").write_text("an idea")
    type_command("one.py")
    run = ("-c", "from gaitmap_results.cli import main; main()", "run", "benchmark.py", "--workers", "2")
    table = type_command(*run)
    assert table.count("official") == 3, table
    assert [
        json.loads((path / "metadata.json").read_text())["debug_reasons"] for path in runs_in(folder / "results")
    ] == [[]] * 4
    assert table.count("recorded") == 3
    assert type_command(*run).count("skipped") == 3
