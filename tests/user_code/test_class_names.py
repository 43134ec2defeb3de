"""The name of a challenge that a script defines is the same whatever runs the script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import python_environment, run_python

# Each way to write a class leaves other traces of the module that it is in.
CLASSES = {
    "with methods": "class Own(ExampleChallenge):\n    def run(self, optimizer=None):\n        return super().run(1)\n",
    "without methods": "class Own(ExampleChallenge):\n    pass\n",
    "dataclass": "@dataclasses.dataclass\nclass Own(ExampleChallenge):\n    value: int = 0\n",
    "local": "def make():\n    class Own(ExampleChallenge):\n        pass\n    return Own\n\n\nOwn = make()\n",
}
SCRIPT = """
import dataclasses
from threading import Thread

from challenges import ExampleChallenge
from gaitmap_results import recorded_run


{}

if __name__ in ("__main__", "<run_path>"):
    with recorded_run("main", path="results", use_git=False):
        Own().run(1)

    def record():
        with recorded_run("thread", path="results", use_git=False):
            Own().run(1)

    thread = Thread(target=record)
    thread.start()
    thread.join()
"""
# As memory_profiler does it: the script's variables begin as a copy of the profiler's own.
PROFILER = """
import sys

_CLEAN = globals().copy()

def main(name):
    with open(name) as file:
        code = compile(file.read(), name, "exec")
    names = dict(_CLEAN)
    exec(code, names, names)

if __name__ == "__main__":
    main(sys.argv[1])
"""
RUNPY = "import runpy; runpy.run_path('entry.py'{})"
WAYS = {
    "script": (["entry.py"], "entry.Own"),
    "module": (["-m", "package.study"], "package.study.Own"),
    "cProfile": (["-m", "cProfile", "-o", os.devnull, "entry.py"], "entry.Own"),
    "cProfile of a module": (["-m", "cProfile", "-o", os.devnull, "-m", "package.study"], "package.study.Own"),
    "profile": (["-m", "profile", "-o", os.devnull, "entry.py"], "entry.Own"),
    "trace": (["-m", "trace", "--count", "--missing", "-C", "counts", "entry.py"], "entry.Own"),
    "pdb": (["-m", "pdb", "-c", "continue", "-c", "quit", "entry.py"], "entry.Own"),
    "pdb of a module": (["-m", "pdb", "-c", "continue", "-c", "quit", "-m", "package.study"], "package.study.Own"),
    "runpy as the program": (["-c", RUNPY.format(", run_name='__main__'")], "entry.Own"),
    "runpy": (["-c", RUNPY.format("")], "entry.Own"),
    "a profiler with its own variables": (["-m", "own_profiler", "entry.py"], "entry.Own"),
}


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("way", WAYS)
def test_a_class_of_a_script_has_one_name(tmp_path: Path, way: str, kind: str) -> None:
    """Under profilers, runners and debuggers a challenge is stored where it is stored without them."""
    text = SCRIPT.format(CLASSES[kind])
    files = {"entry.py": text, "package/__init__.py": "", "package/study.py": text}
    for name, content in {**files, "site-packages/own_profiler.py": PROFILER}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    arguments, expected = WAYS[way]
    if way == "trace":
        _skip_where_wrapt_cannot_be_traced(tmp_path)
    paths = [str(tmp_path), str(tmp_path / "site-packages"), python_environment()["PYTHONPATH"]]
    run_python(*arguments, cwd=tmp_path, env={"PYTHONPATH": os.pathsep.join(paths)}, stdin="quit\n" * 9)
    found = [json.loads(file.read_text("utf-8")) for file in tmp_path.glob("results/*/*/*/*/metadata.json")]
    names = {each["entry_name"]: each["challenge_name"] for each in found}
    assert names == {"main": expected, "thread": expected}


def _skip_where_wrapt_cannot_be_traced(folder: Path) -> None:
    """Skip where Python 3.10 forgets a class body's variables while it traces the import of wrapt 2."""
    (folder / "probe.py").write_text("import wrapt\n", encoding="utf-8")
    command = [sys.executable, "-m", "trace", "--count", "-C", "counts", "probe.py"]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("wrapt cannot be imported while this Python traces")
