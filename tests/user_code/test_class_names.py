"""The name of a challenge that a script defines is the same whatever runs the script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import python_environment, run_python

SCRIPT = """
import dataclasses
from threading import Thread

from challenges import ExampleChallenge
from gaitmap_results import recorded_run

# Each way to write a class leaves other traces of the module that it is in.
class WithMethods(ExampleChallenge):
    def run(self, optimizer=None):
        return super().run(1)

class WithoutMethods(ExampleChallenge):
    pass

@dataclasses.dataclass
class OfFields(ExampleChallenge):
    value: int = 0

def make():
    class Local(ExampleChallenge):
        pass
    return Local

if __name__ in ("__main__", "<run_path>"):
    def record(where):
        for kind in (WithMethods, WithoutMethods, OfFields, make()):
            with recorded_run((where, kind.__name__), path="results", use_git=False):
                kind().run(1)

    record("main")
    thread = Thread(target=record, args=("thread",))
    thread.start()
    thread.join()
"""
KINDS = ("WithMethods", "WithoutMethods", "OfFields", "Local")
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
    "script": (["entry.py"], "entry"),
    "module": (["-m", "package.study"], "package.study"),
    "cProfile": (["-m", "cProfile", "-o", os.devnull, "entry.py"], "entry"),
    "profile": (["-m", "profile", "-o", os.devnull, "entry.py"], "entry"),
    "trace": (["-m", "trace", "--count", "--missing", "-C", "counts", "entry.py"], "entry"),
    "pdb": (["-m", "pdb", "-c", "continue", "-c", "quit", "entry.py"], "entry"),
    "runpy as the program": (["-c", RUNPY.format(", run_name='__main__'")], "entry"),
    "runpy": (["-c", RUNPY.format("")], "entry"),
    "a profiler with its own variables": (["-m", "own_profiler", "entry.py"], "entry"),
    "a profiler in a package": (["-m", "profiling.own_profiler", "entry.py"], "entry"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_class_of_a_script_has_one_name(tmp_path: Path, way: str) -> None:
    """Under profilers, runners and debuggers a challenge is stored where it is stored without them."""
    files = {"entry.py": SCRIPT, "package/__init__.py": "", "package/study.py": SCRIPT}
    profilers = dict.fromkeys(("site-packages/own_profiler.py", "site-packages/profiling/own_profiler.py"), PROFILER)
    for name, content in {**files, **profilers}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    arguments, module = WAYS[way]
    if way == "trace":
        _skip_where_wrapt_cannot_be_traced(tmp_path)
    paths = [str(tmp_path), str(tmp_path / "site-packages"), python_environment()["PYTHONPATH"]]
    run_python(*arguments, cwd=tmp_path, env={"PYTHONPATH": os.pathsep.join(paths)}, stdin="quit\n" * 9)
    found = [json.loads(file.read_text("utf-8")) for file in tmp_path.rglob("results/**/metadata.json")]
    names = {tuple(each["entry_name"]): each["challenge_name"] for each in found}
    assert names == {(where, kind): f"{module}.{kind}" for where in ("main", "thread") for kind in KINDS}


def _skip_where_wrapt_cannot_be_traced(folder: Path) -> None:
    """Skip where Python 3.10 forgets a class body's variables while it traces the import of wrapt 2."""
    (folder / "probe.py").write_text("import wrapt\n", encoding="utf-8")
    command = [sys.executable, "-m", "trace", "--count", "-C", "counts", "probe.py"]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("wrapt cannot be imported while this Python traces")
