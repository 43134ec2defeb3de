"""The description of what this process may use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from gaitmap_results.provenance.resource_limits import (
    THREAD_VARIABLES,
    cgroup_limits,
    limits_info,
    slurm_job_peak_memory,
)

PRINT_LIMITS = (
    "import json; from gaitmap_results.provenance.resource_limits import limits_info; print(json.dumps(limits_info()))"
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not have it")


def limits_of_a_process(before="", **environment):
    """Return the limits that a new process sees, after it has run the code ``before``."""
    answer = subprocess.run(
        [sys.executable, "-c", f"{before}\n{PRINT_LIMITS}"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(answer.stdout)


def write(folder, **values):
    """Write the files of a control group; ``cpu__max`` stands for ``cpu.max``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


@on_linux
def test_affinity_is_what_the_process_may_use():
    """A process that is bound to one processor says one, however many the machine has."""
    limits = limits_of_a_process("import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])")
    assert limits["cpu_affinity"] == 1
    assert limits_info()["cpu_affinity"] == len(os.sched_getaffinity(0))


@on_unix
def test_ulimits_are_those_of_the_process():
    """A limit that was set is stored, and one that is off is None."""
    limits = limits_of_a_process(
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (77, 77)); r.setrlimit(r.RLIMIT_CPU, (900, 900))"
    )["ulimits"]
    assert (limits["open_files"], limits["cpu_time"]) == (77, 900)
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        assert limits["address_space"] is None


def test_only_named_variables_are_stored(monkeypatch):
    """Variables that change the number of threads are stored, everything else of the environment never."""
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    limits = limits_of_a_process(OMP_NUM_THREADS="3", PYTHONHASHSEED="0", MY_API_TOKEN="s3cr3t-value")
    assert limits["environment_variables"] == {"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "0"}
    assert "s3cr3t-value" not in json.dumps(limits)


@on_unix
def test_a_variable_that_is_no_text_can_be_stored():
    """Bytes that are no text are written as escapes, so that the record can still be written as UTF-8."""
    environment = {**os.environb, b"OMP_PLACES": b"caf\xe9"}
    answer = subprocess.run([sys.executable, "-c", PRINT_LIMITS], env=environment, stdout=-1, check=True)
    value = json.loads(answer.stdout)["environment_variables"]["OMP_PLACES"]
    assert value.encode("utf-8").startswith(b"caf")


def test_the_smallest_limit_on_the_way_up_counts(tmp_path):
    """In version 2, a limit of an outer group holds for the inner ones, and 'max' is none."""
    own = tmp_path / "own"
    own.write_text("0::/slice/job/step\n")
    write(tmp_path, cgroup__controllers="cpu memory")
    write(tmp_path / "slice/job/step", cpu__max="max 100000", memory__max="8000000000")
    write(tmp_path / "slice/job", cpu__max="150000 100000", memory__max="4000000000")
    write(tmp_path / "slice", cpu__max="400000 100000", memory__max="max")
    assert cgroup_limits(own, tmp_path) == {"version": 2, "cpu_quota": 1.5, "memory_limit": 4_000_000_000}


@pytest.mark.parametrize("path", ["/docker/abc", "/../../docker/abc"])
def test_a_container_that_sees_the_machines_paths(tmp_path, path):
    """In version 1, the mounted group is often the container's own, while the path is still the machine's."""
    own = tmp_path / "own"
    own.write_text(f"5:cpu,cpuacct:{path}\n4:memory:{path}\n0::/\n")
    write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us=50000, cpu__cfs_period_us=100000)
    write(tmp_path / "memory", memory__limit_in_bytes=2**30)
    assert cgroup_limits(own, tmp_path) == {"version": 1, "cpu_quota": 0.5, "memory_limit": 2**30}
    # The numbers that stand for "no limit".
    write(tmp_path / "cpu,cpuacct", cpu__cfs_quota_us=-1)
    write(tmp_path / "memory", memory__limit_in_bytes=9223372036854771712)
    assert cgroup_limits(own, tmp_path) == {"version": 1, "cpu_quota": None, "memory_limit": None}


def test_without_control_groups_there_are_no_limits_of_them(tmp_path):
    """A system without control groups says None, not 'no limit'."""
    assert cgroup_limits(tmp_path / "missing", tmp_path) is None
    (tmp_path / "own").write_text("0::/\n")
    assert cgroup_limits(tmp_path / "own", tmp_path) is None


@on_linux
def test_a_real_control_group():
    """A process that the kernel really limits says so."""
    tree = Path("/sys/fs/cgroup")
    names = {"cpu": ("cpu.cfs_quota_us", "25000"), "memory": ("memory.limit_in_bytes", str(2**30))}
    if not all((tree / name / files[0]).exists() or (tree / name).is_dir() for name, files in names.items()):
        pytest.skip("control groups of version 1 are not mounted here")
    made = []
    try:
        for name, (file, value) in names.items():
            group = tree / name / f"gaitmap-results-{uuid.uuid4()}"
            group.mkdir()
            made.append(group)
            (group / file).write_text(value)
    except OSError:
        for group in made:
            group.rmdir()
        pytest.skip("control groups cannot be made here")
    enter = "; ".join(f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')" for group in made)
    try:
        assert limits_of_a_process(enter)["cgroup"] == {"version": 1, "cpu_quota": 0.25, "memory_limit": 2**30}
    finally:
        for group in made:
            group.rmdir()


@pytest.mark.parametrize("file", ["memory.peak", "memory.max_usage_in_bytes"])
def test_the_peak_of_a_slurm_job_is_that_of_the_whole_job(tmp_path, file):
    """The number is read from the job's group, not from that of one of its steps or of another job."""
    version_1 = file != "memory.peak"
    write(
        tmp_path, own=f"{'4:memory:' if version_1 else '0::'}/slurm/job_12/step_0/user/task_0", cgroup__controllers=""
    )
    job = tmp_path / ("memory" if version_1 else "") / "slurm/job_12"
    write(job / "step_0", **{file.replace(".", "__", 1): 5})
    write(job, **{file.replace(".", "__", 1): 123456})
    assert slurm_job_peak_memory("12", tmp_path / "own", tmp_path) == 123456
    assert slurm_job_peak_memory("13", tmp_path / "own", tmp_path) is None
