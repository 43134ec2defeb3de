"""Measures listing, filtering and finding the latest of many runs, beside what nobody can do without.

Each way runs in a process of its own, in turn, so that none profits from another and a slow minute of the machine
meets all of them.
The floor is what nobody can do without: to scan the folders, and to read and parse each metadata.json once.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

from large_stores import CHALLENGES, write_store
from measuring import COLUMNS, Plan, Table, in_turn, less_is_better, missing_row, show_amount
from running import run_alone
from surroundings import environment

__all__ = ["measure"]

_FLOOR = """
import os, orjson
start()
n = 0
for folder, subfolders, files in os.walk(sys.argv[1]):
    if "metadata.json" in files:
        with open(os.path.join(folder, "metadata.json"), "rb") as file:
            orjson.loads(file.read())
        n += 1
        subfolders.clear()
"""
_STEPS = """
n = 0
for challenge in CHALLENGES:
    results = get_all_result_paths(challenge, sys.argv[1])
    n += sum(map(len, results.values()))
    official = filter_results(results, "1.0.0", is_debug_run=False)
    latest = get_latest_result(official)
    assert len(latest) == 20
"""
_IMPORT = "from {} import filter_results, get_all_result_paths, get_latest_result\n"
_OURS = _IMPORT.format("gaitmap_results") + "start()\n" + _STEPS
_AGAIN = _IMPORT.format("gaitmap_results") + _STEPS + "start()\n" + _STEPS
_THEIRS = _IMPORT.format("gaitmap_challenges.results") + "start()\n" + _STEPS
_COMMAND = """
import contextlib, io
from gaitmap_results.cli import list_runs, main
printed = io.StringIO()
start()
with contextlib.redirect_stdout(printed):
    main(["list", sys.argv[1]], standalone_mode=False)
n = printed.getvalue().count("algorithm_")
"""
# Imports are not measured, memory is that of the whole process.
_AROUND = """
import json, sys, time
CHALLENGES = {challenges!r}
def start():
    global started
    started = time.perf_counter()
{way}
seconds = time.perf_counter() - started
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
try:
    memory = peak()
except OSError:
    memory = None
json.dump({{"seconds": seconds, "memory": memory, "n": n}}, sys.stdout)
"""
_BESIDE = "scanning the folders, reading and parsing each metadata.json once"
_MOST_BYTES = 100e6


def measure(plan: Plan) -> list[Table]:
    """Measure each in a process of its own."""
    n_runs, rounds = plan.size(full=10_000, quick=400), plan.size(full=9, quick=2)
    store = plan.folder / "store"
    write_store(store, n_runs)
    sources = {"floor": _FLOOR, "ours": _OURS, "again": _AGAIN, "command": _COMMAND}
    if importlib.util.find_spec("gaitmap_challenges"):
        sources["theirs"] = _THEIRS
    memory: dict[str, list[int]] = {name: [] for name in sources}

    def read(name: str) -> float:
        measured = _read(plan, store, sources[name])
        assert measured["n"] == n_runs, measured
        memory[name].append(measured["memory"] or 0)
        return measured["seconds"]

    seconds = in_turn({name: lambda name=name: read(name) for name in sources}, rounds, warm_up=1)
    what = f"listing, filtering and finding the latest of {n_runs:,} runs"
    rows = [
        less_is_better(what, seconds["ours"], _BESIDE, seconds["floor"], at_most=1.5),
        less_is_better("the same again in that process", seconds["again"], _BESIDE, seconds["floor"], at_most=1.5),
        less_is_better("the command `list`", seconds["command"], _BESIDE, seconds["floor"], at_most=1.5),
        _memory_row(memory, "ours", "memory of the first process at most"),
        _memory_row(memory, "command", "memory of the command at most"),
        _upstream_row(what, seconds),
    ]
    note = f"{rounds} rounds, each a new process; imports are not counted."
    return [Table("Reading many runs", COLUMNS, rows, [note])]


def _read(plan: Plan, store: Path, way: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _AROUND.format(challenges=CHALLENGES, way=way), str(store)],
        env=environment(plan.folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _memory_row(memory: dict[str, list[int]], name: str, what: str) -> list[str]:
    ours, floor = max(memory[name]), statistics.median(memory["floor"])
    spread = f"{show_amount(min(memory[name]), 'B')} … {show_amount(ours, 'B')}"
    end = [f"≤ {show_amount(_MOST_BYTES, 'B')}", "yes" if ours <= _MOST_BYTES else "**no**"]
    return [
        what,
        show_amount(ours, "B"),
        _BESIDE,
        show_amount(floor, "B"),
        "-",
        spread,
        *end,
    ]


def _upstream_row(what: str, seconds: dict[str, list[float]]) -> list[str]:
    name = "the same with gaitmap_challenges 0.1.0"
    if "theirs" not in seconds:
        return missing_row(name, "gaitmap_challenges is not installed")
    row = less_is_better(name, seconds["theirs"], _BESIDE, seconds["floor"], at_most=1)
    return [*row[:-2], "-", "-"]


if __name__ == "__main__":
    run_alone(measure)
