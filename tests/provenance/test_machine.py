"""The description of the machine."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
import sys

import psutil
import pytest

from gaitmap_results.provenance import machine as _system


def test_the_operating_system_is_this_one():
    """What Python says about the system is stored."""
    info = _system.os_info()
    assert (info["system"], info["release"]) == (platform.system(), platform.release())
    if sys.platform == "linux":
        assert re.match(r"glibc \d+\.\d+|musl", info["libc"])


def test_neither_computer_nor_user_is_named():
    """No collector of the machine's facts stores the names of the computer and the user."""
    collectors = (_system.os_info, _system.cpu_info, _system.memory_info, _system.limits_info)
    strings = re.findall(r'"([^"]*)"', json.dumps([collect() for collect in collectors]))
    assert strings
    assert platform.node() not in strings
    assert getpass.getuser() not in strings


@pytest.mark.parametrize(
    ("variable", "container"),
    [("APPTAINER_NAME", "apptainer"), ("SINGULARITY_NAME", "apptainer"), ("KUBERNETES_SERVICE_HOST", "kubernetes")],
)
def test_containers_say_so(monkeypatch, variable, container):
    """A container that announces itself is recognised, without storing what it is called."""
    for name in ("APPTAINER_NAME", "SINGULARITY_NAME", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "private-image.sif")
    assert _system.os_info()["container"] == container


def test_memory_is_in_bytes():
    """The machine's memory is what psutil tells, and no warning of psutil reaches the user."""
    info = _system.memory_info()
    assert info["total"] == psutil.virtual_memory().total
    assert 0 < info["available"] <= info["total"]
    assert info["swap_total"] == psutil.swap_memory().total


def test_limits_tell_how_many_processors_may_be_used():
    """The number of processors is known wherever psutil or Python know it."""
    affinity = _system.limits_info()["cpu_affinity"]
    if hasattr(psutil.Process, "cpu_affinity"):
        assert affinity == len(psutil.Process().cpu_affinity())
    else:
        assert affinity is None


def slurm_info_with(**environment):
    """Return what a process finds that has these variables of Slurm and no others."""
    script = "import json; from gaitmap_results.provenance.machine import slurm_info; print(json.dumps(slurm_info()))"
    others = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, env={**others, **environment}, stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


def test_outside_of_slurm_there_is_no_job():
    """A laptop has no job, whatever else of Slurm is configured."""
    assert slurm_info_with() is None
    assert slurm_info_with(SLURM_CONF="/etc/slurm.conf") is None


def test_a_job_of_an_array_is_described():
    """Size, limits and restarts of a job are stored, as numbers where they are numbers."""
    info = slurm_info_with(
        SLURM_JOB_ID="812",
        SLURM_ARRAY_JOB_ID="810",
        SLURM_ARRAY_TASK_ID="2",
        SLURM_RESTART_COUNT="1",
        SLURM_STEP_ID="0",
        SLURM_JOB_NUM_NODES="1",
        SLURM_CPUS_PER_TASK="8",
        SLURM_MEM_PER_NODE="16000",
        SLURM_JOB_START_TIME="1700000000",
        SLURM_JOB_END_TIME="1700003600",
        SLURM_JOB_PARTITION="work",
        SLURM_CLUSTER_NAME="woody",
    )
    expected = {
        "job_id": "812",
        "array_job_id": "810",
        "array_task_id": 2,
        "restart_count": 1,
        "step_id": "0",
        "n_nodes": 1,
        "cpus_per_task": 8,
        "memory_per_node_mib": 16000,
        "time_limit_s": 3600,
        "partition": "work",
        "cluster": "woody",
        "n_tasks": None,
    }
    assert {key: info[key] for key in expected} == expected


def test_people_computers_and_folders_of_a_job_are_left_out():
    """Only what is on the list of allowed variables is stored."""
    private = {
        "SLURM_JOB_USER": "doe-user",
        "SLURM_JOB_ACCOUNT": "doe-account",
        "SLURM_JOB_NODELIST": "doe-node",
        "SLURMD_NODENAME": "doe-node",
        "SLURM_SUBMIT_DIR": "/home/doe",
        "SLURM_SUBMIT_HOST": "doe-host",
        "SLURM_JOB_NAME": "doe-secret",
    }
    assert "doe" not in json.dumps(slurm_info_with(SLURM_JOB_ID="1", **private))


def test_values_that_are_no_numbers_are_unknown():
    """A variable with an unexpected value does not break the record."""
    info = slurm_info_with(
        SLURM_JOB_ID="1", SLURM_CPUS_PER_TASK="many", SLURM_JOB_END_TIME="", SLURM_ARRAY_TASK_ID="-1"
    )
    assert (info["cpus_per_task"], info["time_limit_s"], info["array_task_id"]) == (None, None, None)
