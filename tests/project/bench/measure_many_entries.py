"""Measures what a suite costs: many short entries in fresh processes, and a dry run over a store of many runs.

The floor of the first is a Python process for each entry that imports the same modules and takes as long; that of the
second is to list the store.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

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
_SUITE = """
import resource, sys
from gaitmap_results import run_entries
import gait_entry as study
if __name__ == "__main__":
    outcomes = run_entries(study.ENTRIES)
    assert {outcome.status for outcome in outcomes} == {"recorded"}, outcomes
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
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
    # 1,000 entries in all, in turn with as many processes.
    n_entries, rounds = plan.size(full=100, quick=3), plan.size(full=10, quick=2)
    folder = _study(plan, "fresh")
    _python(plan, folder, "-c", _LOADED)
    shutil.rmtree(folder / "runs")
    (folder / "suite.py").write_text(_SUITE)
    commit_all(folder)  # as before an official run: a changed repository takes longer to describe
    # As many as there are on average while 1,000 entries run.
    write_store(folder / "runs", plan.size(full=500, quick=4))

    def floor() -> float:
        started = time.perf_counter()
        for _ in range(n_entries):
            _python(plan, folder, "-c", _LIKE_AN_ENTRY, n_entries=n_entries)
        return time.perf_counter() - started

    memory: dict[int, list[float]] = {n_entries: [], max(n_entries // 10, 1): []}

    def suite(number: int) -> float:
        started = time.perf_counter()
        memory[number].append(float(_python(plan, folder, "suite.py", n_entries=number).split()[-1]))
        return time.perf_counter() - started

    seconds = in_turn({"floor": floor, "suite": lambda: suite(n_entries)}, rounds, warm_up=0)
    few = max(n_entries // 10, 1)
    for _ in range(rounds):
        suite(few)
    beside = f"{n_entries:,} Python processes that import the same and take as long"
    rows = [
        less_is_better(f"{n_entries:,} entries of 10 ms", seconds["suite"], beside, seconds["floor"], at_most=1.3),
        added_row(
            "memory of the program at its peak",
            memory[n_entries],
            f"that of {few:,} entries",
            [statistics.median(memory[few])] * rounds,
            at_most=5e6,
            unit="B",
        ),
    ]
    return Table(
        "Suites in fresh processes",
        COLUMNS,
        rows,
        [f"{rounds} rounds, one process at a time, in a store of 500 runs and more."],
    )


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
    what = f"run --dry-run of 20 entries over {n_runs:,} runs"
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
