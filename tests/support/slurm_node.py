"""A Slurm cluster of one node, this machine, that lives as long as a test needs it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

__all__ = ["PROGRAMS", "slurm_node"]

#: What Debian's packages slurm-wlm and munge install.
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")

_CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobRequeue=1
KillWait=10
MinJobAge=600
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} DefMemPerCPU=500 Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
"""


@contextmanager
def slurm_node(folder: Path) -> Iterator[dict[str, str]]:
    """Start munge's and Slurm's daemons in a folder; yield what the environment of its commands needs."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder,
            host=socket.gethostname().partition(".")[0],
            user=pwd.getpwuid(os.getuid()).pw_name,
            ports=_free_ports(2),
            cpus=os.cpu_count(),
            memory=psutil.virtual_memory().total * 9 // 10 // 2**20,
        )
    )
    environment = {"SLURM_CONF": str(config)}
    munge = ["--key-file", key, "--socket", folder / "munge.socket", "--pid-file", folder / "munge.pid"]
    munge += ["--log-file", folder / "munge.log", "--seed-file", folder / "munge.seed", "--force", "--foreground"]
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for command in (["munged", *munge], ["slurmctld", "-D"], ["slurmd", "-D"]):
            program = shutil.which(str(command[0])) or f"/usr/sbin/{command[0]}"
            with (folder / f"{command[0]}.out").open("wb") as log:
                daemons.append(
                    subprocess.Popen(
                        [program, *map(str, command[1:])], env={**os.environ, **environment}, stdout=log, stderr=log
                    )
                )
            time.sleep(1)
        _wait_until_idle(folder, environment)
        yield environment
    finally:
        _end_all_jobs({**os.environ, **environment})
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(30)


def _end_all_jobs(environment: dict[str, str]) -> None:
    for _ in range(40):
        subprocess.run(["scancel", f"--user={os.getuid()}"], env=environment, check=False)
        done = subprocess.run(["squeue", "--noheader"], env=environment, capture_output=True, text=True, check=False)
        if not done.stdout.strip():
            return
        time.sleep(0.5)


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    for _ in range(60):
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.out"))
    raise RuntimeError(f"Slurm did not start: {done.stdout}{done.stderr}\n{logs}")


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
