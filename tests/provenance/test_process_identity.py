"""Whether a process is still alive, seen from outside."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import fields, replace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results.provenance import process_identity as _process
from gaitmap_results.provenance.process_identity import ProcessIdentity, current_process, process_is_gone

SAY_WHO_AND_WAIT = (
    "import json, sys; from gaitmap_results.provenance.process_identity import current_process;"
    "print(json.dumps(current_process().to_json()), flush=True); sys.stdin.read()"
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux tells")
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such processes")
has_name_of_its_own = platform.node().lower() not in _process._SHARED_HOST_NAMES


@pytest.fixture
def child():
    """Start a process that says who it is and then waits; its identity is ``child.identity``."""
    command = [sys.executable, "-c", SAY_WHO_AND_WAIT]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        process.identity = ProcessIdentity.from_json(json.loads(process.stdout.readline()))
        yield process
        process.kill()


def test_a_process_that_runs_is_alive(child):
    """A process that asks about itself and another one are certainly alive while they run."""
    assert process_is_gone(current_process()) is False
    assert child.identity.pid == child.pid
    assert process_is_gone(child.identity) is False


def test_a_killed_process_is_gone(child):
    """After a kill nothing is left to wait for."""
    child.kill()
    child.wait()
    assert process_is_gone(child.identity) is True


@on_unix
def test_a_zombie_is_gone(child):
    """A process that ended counts as gone before its parent has asked for the exit status."""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process_is_gone(child.identity) is True


@on_linux
def test_a_number_given_anew_is_another_process(child):
    """A process with the same number and another start is not the one that was meant."""
    for shift in (-1, 1):
        other = replace(child.identity, start_ticks=child.identity.start_ticks + shift)
        assert process_is_gone(other) is True


@pytest.mark.skipif(not has_name_of_its_own, reason="this computer has a name that many have")
@on_linux
def test_a_restart_of_the_computer_ends_every_process(child):
    """Another boot of the same computer means that the process is gone, even if its number is in use."""
    assert process_is_gone(replace(child.identity, boot_id="00000000-0000-0000-0000-000000000000")) is True


def test_another_computer_cannot_be_judged(child):
    """Nothing is said about a process on another computer."""
    assert process_is_gone(replace(child.identity, host=f"not-{child.identity.host}")) is None


@on_linux
def test_another_numbering_cannot_be_judged(child):
    """Numbers of another container, or of another system under the same name, are not compared with ours."""
    assert process_is_gone(replace(child.identity, pid_namespace="pid:[1]")) is None
    assert process_is_gone(replace(child.identity, pid_namespace=None)) is None
    assert process_is_gone(replace(child.identity, pid_namespace=None, boot_id="other")) is None


@on_linux
def test_a_name_that_many_computers_have_proves_nothing(child, monkeypatch):
    """A computer called localhost is recognised by its boot only."""
    monkeypatch.setattr(platform, "node", lambda: "localhost")
    identity = replace(child.identity, host="localhost")
    assert process_is_gone(identity) is False
    assert process_is_gone(replace(identity, boot_id="other")) is None
    assert process_is_gone(replace(identity, boot_id=None)) is None


@on_linux
def test_an_unknown_start_is_no_proof_of_life(child):
    """A number in use says nothing without the start, but a number that is free says that the process is gone."""
    identity = replace(child.identity, start_ticks=None)
    assert process_is_gone(identity) is None
    child.kill()
    child.wait()
    assert process_is_gone(identity) is True


def test_without_proc_the_time_of_the_start_counts(child, monkeypatch):
    """Where there is no /proc, the time of the start tells processes apart, give or take two seconds."""
    monkeypatch.setattr(_process, "start_ticks", lambda pid: None)
    start = psutil.Process(child.pid).create_time()
    identity = replace(child.identity, create_time=start)
    for shift, gone in ((0, False), (1.5, False), (-1.5, False), (5, True), (-5, True)):
        assert process_is_gone(replace(identity, create_time=start + shift)) is gone
    assert process_is_gone(replace(identity, create_time=None)) is None
    child.kill()
    child.wait()
    assert process_is_gone(identity) is True


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may make a namespace")
@pytest.mark.parametrize("own_proc", [["--mount-proc"], []])
def test_a_real_container_cannot_be_judged(own_proc):
    """A process with a numbering of its own is unknown from outside; without a fitting /proc even to itself."""
    script = (
        "import json, sys;"
        "from gaitmap_results.provenance.process_identity import current_process, process_is_gone as gone;"
        "me = current_process(); print(json.dumps([me.to_json(), gone(me)]), flush=True); sys.stdin.read()"
    )
    command = ["unshare", "--pid", "--fork", *own_proc, sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        line = process.stdout.readline()
        if not line:
            pytest.skip("namespaces are not allowed here")
        data, seen_inside = json.loads(line)
        identity = ProcessIdentity.from_json(data)
        assert identity.pid == 1
        assert seen_inside is (False if own_proc else None)
        assert process_is_gone(identity) is None
        process.stdin.close()
    assert process_is_gone(identity) is None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may become another user")
def test_processes_of_another_user_can_be_judged(child, tmp_path):
    """Whoever lists unfinished runs on a shared computer sees whether those of others are alive."""
    script = (
        "import json, os, sys;"
        "from gaitmap_results.provenance.process_identity import ProcessIdentity, process_is_gone;"
        "os.setuid(65534); print(process_is_gone(ProcessIdentity.from_json(json.loads(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", script, json.dumps(child.identity.to_json())]
    assert subprocess.run(command, stdout=-1, text=True, check=True).stdout == "False\n"
    child.kill()
    child.wait()
    assert subprocess.run(command, stdout=-1, text=True, check=True).stdout == "True\n"


@on_unix
def test_a_forked_child_is_another_process():
    """The identity is read anew in each process."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(current_process().to_json()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        identity = ProcessIdentity.from_json(json.load(pipe))
    os.waitpid(pid, 0)
    assert identity.pid == pid
    assert process_is_gone(identity) is True
    assert process_is_gone(current_process()) is False


def test_the_slurm_job_belongs_to_the_identity(monkeypatch):
    """The number of the Slurm job is kept, as it is evidence where the computer cannot be asked."""
    assert current_process().slurm_job_id is None
    monkeypatch.setenv("SLURM_JOB_ID", "812")
    assert current_process().slurm_job_id == "812"


@pytest.mark.parametrize("missing", [field.name for field in fields(ProcessIdentity)])
def test_a_journal_may_lack_any_key(child, missing):
    """A journal of another version of this package is read, and what it lacks is unknown."""
    data = child.identity.to_json()
    del data[missing]
    identity = ProcessIdentity.from_json(data)
    assert process_is_gone(identity) is (None if missing in ("host", "pid", "pid_namespace", "start_ticks") else False)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(changes=st.dictionaries(st.sampled_from([field.name for field in fields(ProcessIdentity)]), anything))
def test_a_damaged_journal_never_raises(changes):
    """Whatever stands in a journal, the answer is one of the three, and never 'alive' for a number that is none."""
    identity = ProcessIdentity.from_json({**current_process().to_json(), **changes})
    assert process_is_gone(identity) in (True, False, None)
    if "pid" in changes and changes["pid"] != os.getpid():
        assert process_is_gone(identity) is not False


def test_an_identity_survives_json():
    """What is stored is what is read back."""
    identity = current_process()
    assert ProcessIdentity.from_json(json.loads(json.dumps(identity.to_json()))) == identity
    assert (identity.start_ticks is None) != (identity.create_time is None)
