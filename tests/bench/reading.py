"""Measures listing, filtering and finding the latest of many runs; run it with ``tox -e bench``.

Each way runs in a process of its own, in turn, so that none profits from another and a slow minute of the machine
meets all of them.
The floor is what nobody can do without: to scan the folders, and to read and parse each metadata.json once.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from store import CHALLENGES, write_store

_FLOOR = """
import os, orjson
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
_IMPORT = "from {}import filter_results, get_all_result_paths, get_latest_result\n"
_OURS = _IMPORT.format("gaitmap_results ") + "start()\n" + _STEPS
_AGAIN = _IMPORT.format("gaitmap_results ") + _STEPS + "start()\n" + _STEPS
_THEIRS = _IMPORT.format("gaitmap_challenges.results ") + "start()\n" + _STEPS
# Imports are not measured, memory is that of the whole process.
_AROUND = """
import json, sys, time
CHALLENGES = {challenges!r}
started = time.perf_counter()
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


def main() -> int:
    """Measure, print the table, and say by the exit code whether the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", type=Path, help="use this results folder instead of writing one")
    parser.add_argument("--other-python", help="a Python with gaitmap_challenges")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder)
        if options.store is None or not store.exists():
            print(f"Writing {options.runs} runs ...", flush=True)
            write_store(store, options.runs)
        return _measure(store, options)


def _measure(store: Path, options: argparse.Namespace) -> int:
    ways = {
        "floor: scan, read, parse": (sys.executable, "start()\n" + _FLOOR),
        "gaitmap_results: list, filter, latest": (sys.executable, _OURS),
        "gaitmap_results: the same again": (sys.executable, _AGAIN),
    }
    if options.other_python or importlib.util.find_spec("gaitmap_challenges"):
        ways["gaitmap_challenges: list, filter, latest"] = (options.other_python or sys.executable, _THEIRS)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    memory: dict[str, int] = {}
    for _ in range(options.repeats):
        for name, (python, way) in ways.items():
            done = subprocess.run(
                [python, "-c", _AROUND.format(challenges=CHALLENGES, way=way), str(store)],
                capture_output=True,
                text=True,
                check=True,
            )
            measured = json.loads(done.stdout)
            seconds[name].append(measured["seconds"])
            memory[name] = max(memory.get(name, 0), measured["memory"] or 0)
            assert measured["n"] == options.runs, measured
    floor = statistics.median(next(iter(seconds.values())))
    print(f"{options.runs} runs, median of {options.repeats} interleaved repeats")
    print(f"{'':42}{'time':>10}{'times the floor':>18}{'peak memory':>14}")
    for name, values in seconds.items():
        ratio = statistics.median(values) / floor
        print(f"{name:42}{statistics.median(values):>8.2f} s{ratio:>18.2f}{memory[name] / 1e6:>11.0f} MB")
    ours = "gaitmap_results: list, filter, latest"
    ratio = statistics.median(seconds[ours]) / floor
    is_good = ratio <= 1.5 and memory[ours] <= 100e6
    print("Within 1.5 times the floor and 100 MB." if is_good else "MORE than 1.5 times the floor or 100 MB.")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
