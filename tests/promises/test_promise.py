"""Whatever happens in whatever order: every run whose challenge finished is on the disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from faults import error_at, killed_at, run_in_child
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from stores import TwoFiles, foreign_reader, record, runs_of, save, unfinished_of

from gaitmap_results import discard_run, recorded_run, recover_run
from gaitmap_results.exceptions import GaitmapResultsError

pytestmark = pytest.mark.exhaustive

if not hasattr(os, "fork"):
    pytest.skip("needs processes that can be forked and killed", allow_module_level=True)


def value_in(folder: Path) -> int | None:
    """Return which run the core results in a folder are of, if they are all there."""
    files = [folder / "results" / name for name in ("result.json", "again/result.json")]
    values = {json.loads(file.read_text())["value"] for file in files if file.exists()}
    return values.pop() if len(values) == 1 and all(file.exists() for file in files) else None


class Promise(RuleBasedStateMachine):
    """A store, and what must be on the disk after all that has happened to it.

    Each run has a value of its own, by which it is known again wherever it lies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp())
        self.store = self.top / "store"
        self.temporary = self.top / "temporary"
        self.temporary.mkdir()
        self.real_temporary, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        self.real_folder = Path.cwd()
        os.chdir(self.temporary)
        self.next_value = 0
        self.finished: set[int] = set()
        self.discarded: set[int] = set()

    def teardown(self) -> None:
        tempfile.tempdir = self.real_temporary
        os.chdir(self.real_folder)
        shutil.rmtree(self.top)

    def new_value(self) -> int:
        self.next_value += 1
        return self.next_value

    @initialize()
    def start(self) -> None:
        self.store.mkdir()

    @rule(change=st.booleans(), by_hand=st.booleans())
    def record(self, change, by_hand):
        value = self.new_value()
        if by_hand:
            save(self.store, value=value)
        else:
            record(self.store, value=value, change=change)
        self.finished.add(value)

    @rule(finished=st.booleans(), error=st.sampled_from([ValueError, KeyboardInterrupt, SystemExit, GeneratorExit]))
    def fail(self, finished, error):
        value = self.new_value()
        with pytest.raises(error), recorded_run("entry", path=self.store, use_git=False):
            if finished:
                TwoFiles(value).run(42)
                self.finished.add(value)
            raise error

    @rule(number=st.integers(1, 110), by_hand=st.booleans(), change=st.booleans())
    def kill(self, number, by_hand, change):
        value = self.new_value()

        def until_killed(tell):
            with killed_at(self.store, number):
                if by_hand:
                    save(self.store, tell, value=value)
                else:
                    record(self.store, tell, value=value, change=change)

        told, status = run_in_child(until_killed)
        assert status in (0, -signal.SIGKILL)
        if "s" in told:
            self.finished.add(value)

    @rule(
        number=st.integers(1, 110),
        code=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT]),
        for_ever=st.booleans(),
        by_hand=st.booleans(),
    )
    def break_disk(self, number, code, for_ever, by_hand):
        value = self.new_value()
        told: list[str] = []
        raised = None
        try:
            with error_at(self.store, number, code, for_ever=for_ever):
                (save if by_hand else record)(self.store, told.append, value=value)
        except GaitmapResultsError as error:
            raised = error
        if "r" in "".join(told):
            self.finished.add(value)
            if raised is not None:
                assert raised.path is not None
                assert value_in(raised.path) == value

    def choose(self, which):
        """Return one of the unfinished runs, if there is any; which there are is not up to hypothesis."""
        there = unfinished_of(self.store) if self.store.exists() else []
        return there[which % len(there)] if there else None

    @rule(which=st.integers(0, 9), even_if_running=st.booleans())
    def recover(self, which, even_if_running):
        run = self.choose(which)
        if run is None:
            return
        n_runs = len(foreign_reader(self.store))
        try:
            path = recover_run(run.run_id, self.store, even_if_running=even_if_running)
        except GaitmapResultsError:
            assert run.core_results != "complete" or run.status == "running"
        else:
            assert path.is_dir()
            assert len(foreign_reader(self.store)) == n_runs + 1
            assert run.run_id not in {other.run_id for other in unfinished_of(self.store)}

    @rule(which=st.integers(0, 9))
    def discard(self, which):
        run = self.choose(which)
        if run is None:
            return
        value = value_in(run.path)
        try:
            discard_run(run.run_id, self.store)
        except GaitmapResultsError:
            assert run.status == "running"
        else:
            self.discarded.add(value)
            assert run.run_id not in {other.run_id for other in unfinished_of(self.store)}

    @rule(which=st.integers(0, 9), number=st.integers(1, 40))
    def kill_recovery(self, which, number):
        run = self.choose(which)
        if run is None:
            return

        def until_killed(tell):
            with killed_at(self.store, number):
                recover_run(run.run_id, self.store)

        run_in_child(until_killed)

    @invariant()
    def every_finished_run_is_on_the_disk(self) -> None:
        published = [value_in(path) for path in runs_of(self.store)]
        assert len(published) == len(set(published)), "a run was published twice"
        unfinished = unfinished_of(self.store)
        complete = [value_in(run.rescued_to or run.path) for run in unfinished if run.core_results == "complete"]
        rescued = [value_in(file.parent) for file in self.temporary.rglob("metadata.json")]
        rescued += [value_in(file.parent) for file in self.temporary.rglob("journal.json")]
        there = {*published, *complete, *rescued}
        assert self.finished - self.discarded <= there
        # What has a run of its own is not unfinished, too.
        assert not set(published) & set(complete)


TestPromise = Promise.TestCase
TestPromise.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
