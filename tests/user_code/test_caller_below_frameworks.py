"""Who is stored as the caller where installed code, which nobody has a list of, stands between us and the user."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from processes import python_environment, run_python

# A framework as there are many: it is called by a script, or it imports the user's function itself.
FRAMEWORK = {
    "batchrunner/__init__.py": """
def launch(function, *args):
    return _call(function, args)


def _call(function, args):
    return function(*args)
""",
    "batchrunner/__main__.py": """
import importlib, sys
from batchrunner import launch
module, name = sys.argv[1].split(":")
launch(getattr(importlib.import_module(module), name))
""",
    "batchrunner/blocks.py": """
from gaitmap_results import recorded_run, save_run


def block(name, challenge, offset=0):
    with recorded_run(name, path="results", use_git=False, _caller_file_path_stack_offset=offset):
        challenge.run(1)


def save(name, challenge, offset=0):
    inner(name, challenge.run(1), offset)


def inner(name, challenge, offset):
    options = dict(custom_metadata={}, path="results", use_git=False, _caller_file_path_stack_offset=offset)
    save_run(challenge, name, **options)
""",
}
WORK = """
from challenges import ExampleChallenge
from gaitmap_results import record_run, recorded_run


@record_run("decorated", path="results", use_git=False)
def decorated():
    ExampleChallenge().run(1)


def block():
    with recorded_run("block", path="results", use_git=False):
        ExampleChallenge().run(1)
"""


class Study:
    """A folder of a user's, a framework beside it, and the runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve() / "study"
        self.installed = path.resolve() / "env" / "site-packages"
        self.install_into(self.installed)
        self.write({"work.py": WORK})

    def install_into(self, folder: Path) -> None:
        for name, text in FRAMEWORK.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> dict[str, str | None]:
        """Run Python, and return the caller of each entry."""
        setup = self.path / "sitecustomize.py"
        setup.write_text(f"import sys; sys.path.append({str(self.installed)!r})\n", encoding="utf-8")
        env = {"PYTHONPATH": os.pathsep.join([str(self.path), python_environment()["PYTHONPATH"]])}
        run_python(*arguments, cwd=self.path, env=env)
        found = [json.loads(file.read_text("utf-8")) for file in self.path.glob("results/*/*/*/*/metadata.json")]
        return {each["entry_name"]: _relative(each["caller_file_path"], self.path) for each in found}


def _relative(file: str | None, folder: Path) -> str | None:
    return None if file is None else Path(file).relative_to(folder.parent).as_posix()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study beside an installed framework."""
    return Study(tmp_path)


def test_click_is_not_the_caller(study: Study) -> None:
    """Of an entry with options, the caller is the script that click was called in."""
    command = "import click\nfrom work import decorated\nclick.command()(decorated)()\n"
    study.write({"script.py": command})
    assert study.run("script.py") == {"decorated": "study/script.py"}


def test_a_framework_called_by_a_script_is_not_the_caller(study: Study) -> None:
    """Below any installed framework the caller is the file of the user's that is next further out."""
    study.write(
        {
            "script.py": "from between import go\ngo()\n",
            "between.py": "from batchrunner import launch\nfrom work import block, decorated\n\n\n"
            "def go():\n    launch(decorated)\n    launch(block)\n",
        }
    )
    assert study.run("script.py") == {"decorated": "study/between.py", "block": "study/work.py"}


@pytest.mark.parametrize("what", ["decorated", "block"])
def test_a_framework_that_is_the_program_is_not_the_caller(study: Study, what: str) -> None:
    """Where the whole stack is the framework's, the caller is the function's own file, or the one with the block."""
    assert study.run("-m", "batchrunner", f"work:{what}") == {what: "study/work.py"}


def test_a_worker_of_a_framework_is_not_the_caller(study: Study) -> None:
    """A command that starts the framework's worker is not the user's; one that calls the entry is."""
    start = "import batchrunner, work\nbatchrunner.launch(work.decorated)"
    assert study.run("-c", start) == {"decorated": "study/work.py"}


def test_a_command_that_calls_the_entry_is_the_caller(study: Study) -> None:
    """``python -c`` of the user's has no file."""
    assert study.run("-c", "import work; work.decorated()") == {"decorated": None}


def test_a_folder_that_an_installer_filled_is_not_the_users(study: Study, tmp_path: Path) -> None:
    """Packages that ``pip install --target`` put elsewhere are installed, too."""
    study.installed = tmp_path.resolve() / "dependencies"
    study.install_into(study.installed)
    (study.installed / "batchrunner-1.0.dist-info").mkdir()
    study.write({"script.py": "from batchrunner import launch\nfrom work import decorated\nlaunch(decorated)\n"})
    assert study.run("script.py") == {"decorated": "study/script.py"}


def test_an_installed_package_that_records_is_not_the_caller(study: Study) -> None:
    """A block or a save in an installed package is the user's, whether or not the package counts its own frames."""
    lines = [
        "from batchrunner import blocks",
        "from challenges import ExampleChallenge",
        *(f"blocks.block('block{n}', ExampleChallenge(), {n})" for n in (0, 1)),
        *(f"blocks.save('save{n}', ExampleChallenge(), {n})" for n in (0, 1, 2)),
    ]
    lines[2:] = ["def go():", *(f"    {line}" for line in lines[2:])]
    study.write({"script.py": "import between\nbetween.go()\n", "between.py": "\n".join(lines) + "\n"})
    callers = study.run("script.py")
    assert callers == dict.fromkeys(["block0", "block1", "save0", "save1", "save2"], "study/between.py")


def test_only_installed_code_leaves_the_file_that_opened_the_block(study: Study) -> None:
    """Where there is no file of the user's at all, the file that opened the block is told."""
    command = "from batchrunner import blocks\nfrom challenges import ExampleChallenge\n"
    target = study.installed / "benchmark.py"
    target.write_text(command + "blocks.block('block', ExampleChallenge())\n", encoding="utf-8")
    assert study.run("-m", "benchmark") == {"block": "env/site-packages/batchrunner/blocks.py"}
