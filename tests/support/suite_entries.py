"""Entries that end in every way, for the tests of suites; what they need is in environment variables."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from gaitmap_results import BaseChallenge, Entry, record_run

STORE = os.environ.get("SUITE_STORE", "store")
LOG = Path(os.environ.get("SUITE_LOG", "log"))


class Steps(BaseChallenge):
    """Stores a number, and notes in a file that it ran."""

    VERSION = "1.0.0"
    SCORES = {"n_steps": "maximize"}

    def run(self, optimizer):
        """Run an entry: a number, or a function that returns one."""
        self.n_steps_ = optimizer() if callable(optimizer) else optimizer
        with LOG.open("a") as file:
            file.write(f"{self.n_steps_}\n")
        return self

    def get_scores(self):
        """Return the number as the score of one participant."""
        return {"n_steps": {"P1": float(self.n_steps_)}}

    def save_core_results(self, folder_path):
        """Write the number."""
        (folder_path / "steps.json").write_text(json.dumps(self.n_steps_))

    @classmethod
    def load_core_results(cls, folder_path):
        """Read the number."""
        return json.loads((folder_path / "steps.json").read_text())


class Yielding(Steps):
    """Yields while it runs."""

    def run(self, optimizer):
        """Yield, then run an entry."""
        yield 0
        super().run(optimizer)


class Awaited(Steps):
    """Has to be awaited."""

    async def run(self, optimizer):
        """Wait, then run an entry."""
        await asyncio.sleep(0)
        return super().run(optimizer)


class InPool(Steps):
    """Runs in a pool of threads."""

    def run(self, optimizer):
        """Return the future of the run."""
        return ThreadPoolExecutor(1).submit(setattr, self, "n_steps_", optimizer)


class Unobserved:
    """Has no base class, so that nobody sees it run, and returns nothing."""

    VERSION = "1.0.0"
    save_core_results = Steps.save_core_results
    load_core_results = Steps.load_core_results

    def run(self, optimizer):
        """Run an entry."""
        self.n_steps_ = optimizer
        with LOG.open("a") as file:
            file.write(f"{optimizer}\n")


def entry(function):
    """Record a function into the store of the test."""
    return record_run(path=STORE, use_git=False)(function)


@entry
def good(n_steps=1):
    """End well."""
    return Steps().run(n_steps)


@entry
async def waiting():
    """End well after waiting."""
    await asyncio.sleep(0)
    return Steps().run(2)


@entry
def stepwise():
    """Yield, then end well."""
    yield 1
    Steps().run(3)


@entry
def submitted():
    """Return the future of the work."""
    return ThreadPoolExecutor(1).submit(lambda: (time.sleep(0.1), Steps().run(21)))


@entry
def mapped():
    """Return an iterator that does the work."""
    return map(lambda number: Steps().run(number), [22])  # noqa: C417 - not a generator


@entry
def submitted_and_raising():
    """Return the future of work that raises."""
    return ThreadPoolExecutor(1).submit(raise_later)


def raise_later():
    """Raise after a while."""
    time.sleep(0.1)
    raise ValueError("too late")


@entry
def raising():
    """Raise before the challenge runs."""
    raise ValueError("no data")


@entry
def killed():
    """Die at once."""
    os.kill(os.getpid(), signal.SIGKILL)


@entry
def dying_after_the_run():
    """Die when the challenge has run."""
    Steps().run(11)
    os._exit(7)


@entry
def forking():
    """Let a forked child go on as the entry."""
    if os.fork() == 0:
        return None
    os.wait()
    return Steps().run(12)


@entry
def exiting():
    """Ask the program to end."""
    sys.exit(3)


@entry
def leaving():
    """End the process without any cleaning up."""
    os._exit(7)


def _double(number):
    return 2 * number


@entry
def pooled():
    """Leave a pool of processes open, as joblib does."""
    global POOL
    POOL = ProcessPoolExecutor(1)
    return Steps().run(POOL.submit(_double, 3).result())


@entry
def moving(folder):
    """Leave the working directory."""
    os.chdir(folder)
    return Steps().run(8)


@entry
def interrupted():
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


@entry
def held(number):
    """Say that it runs, and wait until it may go on."""
    LOG.with_suffix(f".{number}").write_text("running")
    while not LOG.with_suffix(".go_on").exists():
        time.sleep(0.02)
    return Steps().run(number)


@entry
def nothing():
    """Run no challenge."""


@entry
def slow():
    """Say that it runs, and take very long."""
    LOG.with_suffix(".slow").write_text("running")
    time.sleep(600)


@entry
def stubborn():
    """Ignore Ctrl-C, as a process that this one has started does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    LOG.with_suffix(".slow").write_text("running")
    time.sleep(600)


LONG = [slow, good, stepwise]
ENTRIES = [good, waiting, stepwise, Entry(("group", "made"), Steps(), 4, path=STORE, use_git=False)]
