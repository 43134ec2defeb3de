"""Measures what a suite costs: many short entries in fresh processes, and a dry run over a store of many runs.

The floor of the first is a Python process for each entry that imports the same modules and takes as long; that of the
second is to list the store.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from large_stores import write_store
from measuring import COLUMNS, Plan, Table, added_row, in_turn, less_is_better
from running import run_alone
from surroundings import commit_all, environment, make_repository
from timed_commands import seconds_of

__all__ = ["measure"]

_STUDY = """
import os, time
from gaitmap_results import BaseChallenge, Entry

class Short(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, number):
        time.sleep(0.01)
        self.number_ = number
    def save_core_results(self, folder):
        (folder / "number.txt").write_text(str(self.number_))
    @classmethod
    def load_core_results(cls, folder):
        return (folder / "number.txt").read_text()

STORE = os.environ.get("BENCH_STORE")
ENTRIES = [Entry(f"entry_{n}", Short(), n, path=STORE) for n in range(int(os.environ.get("BENCH_N", 0)))]
"""
_LOADED = """
import sys
import gait_entry as study
study.ENTRIES[0]()
open("loaded.txt", "w").write("\\n".join(name for name in sys.modules if getattr(sys.modules[name], "__spec__", None)))
"""
_LIKE_AN_ENTRY = """
import contextlib, importlib, time
for name in open("loaded.txt").read().split():
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
import gait_entry as study
time.sleep(0.01)
"""
# A process of the floor in turn with each entry, so that a slow minute of the machine meets both.
_SUITE = """
import json, resource, subprocess, sys, time
from gaitmap_results import run_entries
import gait_entry as study
seconds = {"suite": [], "floor": []}
def mark(name):
    global last
    now = time.perf_counter()
    seconds[name].append(now - last)
    last = now
def ended(outcome):
    assert outcome.status == "recorded", outcome
    mark("suite")
    subprocess.run([sys.executable, "-W", "ignore", "like_an_entry.py"], check=True)
    mark("floor")
if __name__ == "__main__":
    last = time.perf_counter()
    run_entries(study.ENTRIES, on_outcome=ended)
    print(json.dumps({"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""
_ENTRIES_OF_STORE = """
from gaitmap_results import Entry
from gait_entry import Short
NAMES = [("gaitmap", f"algorithm_{n:02d}", "default") for n in range(20)]
ENTRIES = [Entry(name, Short(), 1, path=STORE) for name in NAMES]
"""
_MAIN = "from gaitmap_results.cli import main; main()"


def measure(plan: Plan) -> list[Table]:
    """Measure both."""
    return [_fresh_processes(plan), _dry_run(plan)]


def _fresh_processes(plan: Plan) -> Table:
    n_entries, at_once = plan.size(full=1000, quick=4), plan.size(full=50, quick=2)
    few = plan.size(full=20, quick=2)
    folder = _study(plan, "fresh")
    _python(plan, folder, "-c", _LOADED)
    shutil.rmtree(folder / "runs")
    (folder / "suite.py").write_text(_SUITE)
    (folder / "like_an_entry.py").write_text(_LIKE_AN_ENTRY)
    commit_all(folder)  # as before an official run: a changed repository takes longer to describe

    def suite(number: int) -> dict[str, Any]:
        return json.loads(_python(plan, folder, "suite.py", n_entries=number).splitlines()[-1])

    memory_of_few = suite(few)["memory"]
    measured = suite(n_entries)
    each = {
        name: [statistics.fmean(seconds[start : start + at_once]) for start in range(0, n_entries, at_once)]
        for name, seconds in measured["seconds"].items()
    }
    rows = [
        less_is_better(
            f"one of {n_entries:,} runs of 10 ms in fresh processes",
            each["suite"],
            "a Python process that imports the same and takes as long",
            each["floor"],
            at_most=1.3,
        ),
        added_row(
            "memory of the program at its peak",
            [measured["memory"]],
            f"that of {few:,} entries",
            [memory_of_few],
            at_most=5e6,
            unit="B",
        ),
    ]
    ratio = statistics.fmean(each["suite"]) / statistics.fmean(each["floor"])
    note = (
        f"Means of {at_once} entries in one suite, in turn with processes of the floor; all in all {ratio:.2f} times. "
        "Each process makes all of the entries, that of the floor as well."
    )
    return Table("Suites in fresh processes", COLUMNS, rows, [note])


def _dry_run(plan: Plan) -> Table:
    n_runs, rounds = plan.size(full=10_000, quick=400), plan.size(full=7, quick=2)
    folder = _study(plan, "dry")
    store = folder / "store"
    write_store(store, n_runs)
    (folder / "many.py").write_text(f"STORE = {str(store)!r}\n{_ENTRIES_OF_STORE}")
    ways = {
        "list": seconds_of(plan, "-W", "ignore", "-c", _MAIN, "list", str(store), "--json", folder=folder),
        "dry": seconds_of(plan, "-W", "ignore", "-c", _MAIN, "run", "many.py", "--dry-run", folder=folder),
    }
    seconds = in_turn(ways, rounds, warm_up=1)
    what = f"run --dry-run of 20 entries in a store of {n_runs:,} runs"
    rows = [less_is_better(what, seconds["dry"], "gaitmap-results list", seconds["list"], at_most=1.5)]
    return Table("A dry run over a large store", COLUMNS, rows, [f"{rounds} rounds, each a new process."])


def _study(plan: Plan, name: str) -> Path:
    source = plan.folder / f"{name}.py"
    source.write_text(_STUDY)
    make_repository(plan.folder / name, script=source)
    return plan.folder / name


def _python(plan: Plan, folder: Path, *arguments: str, n_entries: int = 1) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=folder,
        env={**environment(plan.folder), "BENCH_STORE": str(folder / "runs"), "BENCH_N": str(n_entries)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{arguments} failed: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    run_alone(measure)
