"""Many saves at the same time, in every way in which Python does many things at once."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from faults import run_in_child
from processes import run_python
from stores import TwoFiles, check_complete, foreign_reader, record, runs_of, unfinished_of

from gaitmap_results import recorded_run, save_run, unfinished_runs

pytestmark = pytest.mark.exhaustive

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked")


@FORKS
def test_64_processes_save_the_same_entry_in_the_same_second(tmp_path):
    """All runs are there, each complete and with its own results; only the folder names tell them apart."""
    # They share the start of the run, so that every one of them wants the same name.
    challenge = TwoFiles().run(42)
    reading, writing = os.pipe()
    children = []
    for value in range(64):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(writing)
                challenge.value = value
                os.read(reading, 1)  # until the parent closes its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                save_run(challenge, "entry", custom_metadata={}, path=tmp_path, use_git=False)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(reading)
    os.close(writing)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 64
    runs = runs_of(tmp_path)
    values = [json.loads((path / "results" / "result.json").read_text())["value"] for path in runs]
    assert sorted(values) == list(range(64))
    assert len({json.loads((path / "metadata.json").read_text())["run_id"] for path in runs}) == 64
    start = min(path.name for path in runs)
    assert {path.name for path in runs} == {start, *(f"{start}_{number}" for number in range(1, 64))}
    assert unfinished_of(tmp_path) == []


@FORKS
def test_processes_that_are_killed_among_others_that_save(tmp_path):
    """In a crowd, some of it killed at random, every result that was complete is there or can be recovered."""
    children = {}
    for value in range(24):
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                while True:
                    record(tmp_path, value=value)
            finally:
                os._exit(1)
        children[child] = value
    deadline = time.monotonic() + 500
    while len(foreign_reader(tmp_path)) < 48 and time.monotonic() < deadline:
        time.sleep(0.05)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    runs = runs_of(tmp_path)
    assert len(runs) >= 48
    identifiers = [json.loads((path / "metadata.json").read_text())["run_id"] for path in runs]
    assert len(set(identifiers)) == len(runs)
    unfinished = unfinished_of(tmp_path)
    assert len(unfinished) <= 24
    assert {run.status for run in unfinished} <= {"lost", "unknown"}
    assert not {run.run_id for run in unfinished} & set(identifiers)


@FORKS
def test_a_reader_never_sees_half_a_run_while_others_write(tmp_path):
    """Whoever reads during runs, as gaitmap_challenges does, finds complete runs only, and unfinished ones run."""
    store, enough = tmp_path / "store", tmp_path / "enough"
    store.mkdir()

    def keep_recording(tell):
        for value in itertools.count():
            record(store, value=value)
            tell("d")
            if enough.exists():
                return

    done: list[str] = []
    thread = threading.Thread(target=lambda: done.append(run_in_child(keep_recording)[0]))
    thread.start()
    n_seen = 0
    while thread.is_alive():
        for path in foreign_reader(store):
            check_complete(path, value=json.loads((path / "results" / "result.json").read_text())["value"])
            n_seen += 1
        for run in unfinished_runs(store):
            # One that has no journal yet can say nothing.
            assert run.status in ("running", "unknown")
            assert run.status == "running" or run.core_results != "complete"
        if n_seen > 40:
            enough.touch()
    thread.join()
    assert n_seen > 40
    assert len(runs_of(store)) == len(done[0])


def test_threads_that_record_at_the_same_time(tmp_path):
    """Each thread's block owns the challenge that runs in it."""
    barrier = threading.Barrier(16)
    paths: dict[int, Path] = {}

    def work(value: int) -> None:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            barrier.wait()
            TwoFiles(value).run(42)
            barrier.wait()
        paths[value] = recorder.path_

    threads = [threading.Thread(target=work, args=(value,)) for value in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(paths) == list(range(16))
    for value, path in paths.items():
        check_complete(path, value=value)
    assert len(runs_of(tmp_path)) == 16
    assert unfinished_of(tmp_path) == []


def test_asyncio_tasks_that_record_at_the_same_time(tmp_path):
    """Blocks of tasks that take turns do not mix; a task that is cancelled is interrupted, and the others go on."""

    async def work(value: int) -> Path:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            await asyncio.sleep(0.01)
            TwoFiles(value).run(42)
            await asyncio.sleep(0.01)
        return recorder.path_

    async def wait_for_ever() -> None:
        with recorded_run("cancelled", path=tmp_path, use_git=False):
            await asyncio.Event().wait()

    async def main() -> list[Path]:
        endless = asyncio.create_task(wait_for_ever())
        paths = await asyncio.gather(*(work(value) for value in range(16)))
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return paths

    for value, path in enumerate(asyncio.run(main())):
        check_complete(path, value=value)
    assert [(run.entry_name, run.status) for run in unfinished_of(tmp_path)] == [("cancelled", "interrupted")]


WORKER = """
import sys
from stores import record

def work(value):
    return str(record('store', value=value))
"""

PROGRAMS = {
    "joblib": """
        from joblib import Parallel, delayed
        paths = Parallel(n_jobs=2)(delayed(worker.work)(value) for value in range(4))
    """,
    "multiprocessing with fork": """
        import multiprocessing
        with multiprocessing.get_context('fork').Pool(2) as pool:
            paths = pool.map(worker.work, range(4))
    """,
    "multiprocessing with spawn": """
        import multiprocessing
        with multiprocessing.get_context('spawn').Pool(2) as pool:
            paths = pool.map(worker.work, range(4))
    """,
}


@FORKS
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_workers_that_record(program, tmp_path):
    """Runs that are recorded in the workers of a pool are all there when the pool is done."""
    (tmp_path / "worker.py").write_text(WORKER)
    lines = [line.strip(" ") if not line.startswith("            ") else line[4:] for line in program.splitlines()]
    body = "\n".join(f"    {line}" for line in lines if line.strip())
    main = f"import json, worker\nif __name__ == '__main__':\n{body}\n    print(json.dumps(paths))\n"
    (tmp_path / "main.py").write_text(main)
    paths = json.loads(run_python("main.py", cwd=tmp_path).stdout)
    assert len(paths) == 4
    for value, path in enumerate(paths):
        check_complete(tmp_path / path, value=value)
    assert unfinished_of(tmp_path / "store") == []


@FORKS
@pytest.mark.parametrize("ending", ["returns", "raises", "exits", "is killed"])
def test_a_forked_child_that_leaves_the_block_saves_nothing(ending, tmp_path):
    """The run is its parent's: whatever a child does with the block, there is one run, and its journal is untouched."""
    parent = os.getpid()

    class ChildError(Exception):
        pass

    try:
        with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
            TwoFiles().run(42)
            child = os.fork()
            if child == 0:
                if ending == "is killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                elif ending == "raises":
                    raise ChildError
                elif ending == "exits":
                    raise SystemExit(3)
            else:
                os.waitpid(child, 0)
                (run,) = unfinished_of(tmp_path)
                assert (run.status, run.core_results) == ("running", "complete")
    finally:
        if os.getpid() != parent:
            os._exit(0)
    assert runs_of(tmp_path) == [recorder.path_]
    assert unfinished_of(tmp_path) == []


@FORKS
def test_a_forked_child_can_record_a_run_of_its_own(tmp_path):
    """Inside a block that it inherited, a child's own block is its own run, and the parent's goes on."""
    with recorded_run("parent", path=tmp_path, use_git=False) as recorder:
        told, status = run_in_child(lambda tell: record(tmp_path, tell, value=7))
        assert (told, status) == ("ersx", 0)
        TwoFiles().run(42)
    assert len(recorder.paths_) == 1
    assert len(runs_of(tmp_path)) == 2
