"""A SLURM of one node on this machine, with ports, keys and folders of its own; started as root, ended with its block.

``python tests/cluster/slurm_here.py COMMAND…`` runs a command beside it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")

CONFIGURATION = """\
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
KillWait=5
MinJobAge=300
InactiveLimit=0
Waittime=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Return why there can be no SLURM here; nothing if there can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if absent:
        return f"SLURM is not installed: {', '.join(absent)} missing (Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "SLURM's programs are started as root"


def _ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def slurm(cpus=2):
    """Start SLURM; yield the environment in which its commands find it."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(mode=0o755)
    folder.chmod(0o755)
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": os.environ["PATH"] + ":/usr/sbin"}
    (folder / "munge" / "key").write_bytes(os.urandom(1024))
    (folder / "munge" / "key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, ports=_ports(2), folder=folder, cpus=cpus))
    munge = folder / "munge"
    options = [f"--key-file={munge}/key", f"--socket={munge}/socket", f"--pid-file={munge}/pid"]
    options += [f"--log-file={munge}/log", f"--seed-file={munge}/seed", "--foreground", "--force"]
    processes = []
    try:
        for command in (["munged", *options], ["slurmctld", "-D"], ["slurmd", "-D"]):
            with (folder / f"{command[0]}.out").open("wb") as output:
                processes.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output))
            time.sleep(1)
        end = time.monotonic() + 60
        while "idle" not in _said(environment, "sinfo", "--noheader", "--format=%T"):
            if time.monotonic() > end:
                raise RuntimeError("\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.out"))))
            time.sleep(0.5)
        yield environment
    finally:
        _said(environment, "scancel", "--user=root", "--quiet")
        time.sleep(1)
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _said(environment, *command):
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    if missing():
        raise SystemExit(missing())
    with slurm() as found:
        raise SystemExit(subprocess.run(sys.argv[1:], env=found, check=False).returncode)
