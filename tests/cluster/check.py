"""Train 24 networks and analyse them on Dask and on SLURM while things are killed, and compare every byte.

``python tests/cluster/check.py`` does all, ``… dask`` or ``… slurm`` a part; ``--out FILE`` keeps what came out. What
one process leaves is the measure: the files of a run and its results, hidden ones included.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from dask_cluster import Cluster  # noqa: E402
from slurm_here import missing, slurm  # noqa: E402

SETTINGS = """\
tasks = ["one.npz", "other.npz"]
inputs = ["concatenate", "mix"]
seeds = "0:6"
hidden = [8, 8]
penalised_layers = ["hidden2", "output"]
batch_size = 20
epochs = 40
snapshots = 6
checkpoint_seconds = 0.0
"""

COMMANDS = {
    "train": ("train", "small.toml", "--out", "run", "--device", "cpu", "--together", "4"),
    "analyze": ("analyze", "run", "--splits", "greedy,random", "--ablations", "zero", "--nulls", "3"),
}
PATIENCE = 1200  # seconds that a command may take


def prepared(folder):
    """Write the experiment and its data sets, which are read at once."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in ("one.npz", "other.npz"):
        images = {f"{part}_images": draw.integers(0, 256, (200, 8, 8), dtype=np.uint8) for part in ("train", "test")}
        np.savez(folder / name, **images, **{f"{part}_labels": np.arange(200) % 10 for part in ("train", "test")})
    (folder / "small.toml").write_text(SETTINGS)
    return folder


def start(command, folder, environment, *more):
    """Start a command in a process group of its own."""
    arguments = [sys.executable, "-m", "spatialgraph", *COMMANDS[command], *more]
    with (folder / "output.txt").open("ab") as output:
        return subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def again(command, folder, environment, *more, most=6):
    """Give a command until it ends well; return how often."""
    for count in range(1, most + 1):
        if start(command, folder, environment, *more).wait(PATIENCE) == 0:
            return count
    raise SystemExit((folder / "output.txt").read_text())


def left(folder):
    """Return the digest of each file of a run, by name."""
    files = (path for path in sorted((folder / "run").rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Check:
    """The runs of one executor, each compared with what one process leaves."""

    def __init__(self, above, wanted, on, environment, draw, chosen=""):
        self.above, self.wanted, self.on, self.environment, self.draw = above, wanted, on, environment, draw
        self.found, self.chosen = [], chosen

    @contextmanager
    def trial(self, what):
        """Prepare a folder, and compare what is in it in the end."""
        folder, started = prepared(self.above / f"{len(self.found)}"), time.monotonic()
        known = {"on": self.on.partition(":")[0], "what": what, "commands": 0}
        yield folder, known
        found = left(folder)
        different = [
            name for name in sorted(self.wanted.keys() | found.keys()) if self.wanted.get(name) != found.get(name)
        ]
        known |= {"seconds": round(time.monotonic() - started), "different": different}
        self.found.append(known)
        sys.stdout.write(f"{json.dumps(known)}\n")
        sys.stdout.flush()

    def whole(self, what="nothing is killed"):
        """Train and analyse, undisturbed."""
        if self.chosen not in what:
            return
        with self.trial(what) as (folder, known):
            for command in COMMANDS:
                known["commands"] += again(command, folder, self.environment, "--on", self.on)

    def disturbed(self, what, times, disturb, between=(2.0, 8.0), each=COMMANDS):
        """Train and analyse, and disturb at random moments; a command that is disturbed too much is given again."""
        if self.chosen not in what:
            return
        with self.trial(what) as (folder, known):
            done = 0
            for command in COMMANDS:
                process = start(command, folder, self.environment, "--on", self.on)
                end = time.monotonic() + PATIENCE
                while process.poll() is None:
                    if time.monotonic() > end:
                        raise SystemExit((folder / "output.txt").read_text())
                    time.sleep(self.draw.uniform(*between))
                    if process.poll() is None and command in each and done < times and disturb(process, folder):
                        done += 1
                known["commands"] += 1
                if process.returncode:
                    known["said"] = (folder / "output.txt").read_text().splitlines()[-1]
                    known["commands"] += again(command, folder, self.environment, "--on", self.on)
            known["times"] = done

    def leader_killed(self, times=3):
        """Kill the process that gives out the work, and give the command again."""
        what = "the command is killed and given again"
        if self.chosen not in what:
            return
        with self.trial(what) as (folder, known):
            known["times"] = 0
            for command in COMMANDS:
                for _ in range(times):
                    process = start(command, folder, self.environment, "--on", self.on)
                    time.sleep(self.draw.uniform(5, 25))
                    if process.poll() is None:
                        os.kill(process.pid, signal.SIGKILL)
                        known["times"] += 1
                    process.wait()
                    known["commands"] += 1
                known["commands"] += again(command, folder, self.environment, "--on", self.on)


def on_dask(above, wanted, draw, chosen):
    """Yield what came out on Dask."""
    with Cluster(workers=3) as cluster:
        check = Check(
            above / "dask", wanted, f"dask:{cluster.address}", os.environ | {"OMP_NUM_THREADS": "1"}, draw, chosen
        )
        check.whole()

        def kill_worker(*_):
            cluster.kill_worker(draw.randrange(len(cluster.workers)))
            cluster.start_worker()
            return True

        def kill_scheduler(*_):
            cluster.kill_scheduler()
            for worker in cluster.workers:
                worker.kill()
            cluster.workers.clear()
            time.sleep(2)
            cluster.start_scheduler()
            for _ in range(3):
                cluster.start_worker()
            return True

        check.disturbed("a worker is killed", 10, kill_worker)
        check.disturbed("the scheduler is killed and started anew", 3, kill_scheduler, (8.0, 16.0))
        check.leader_killed()
        return check.found


def on_slurm(above, wanted, draw, chosen):
    """Yield what came out on SLURM."""
    with slurm(cpus=2) as environment:
        environment = environment | {"OMP_NUM_THREADS": "1"}

        def said(*command):
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout

        def running():
            return said("squeue", "--noheader", "--array", "--states=R", "--format=%i").split()

        def one(*command):
            def do(*_):
                jobs = running()
                if jobs:
                    said(*command, draw.choice(jobs))
                return bool(jobs)

            return do

        def node(*_):
            name = said("sinfo", "--noheader", "--format=%n").strip()
            if not running():
                return False
            said("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=check")
            time.sleep(5)
            said("scontrol", "update", f"NodeName={name}", "State=RESUME")
            return True

        check = Check(above / "slurm", wanted, "slurm:minutes=30,array=2", environment, draw, chosen)
        check.whole()
        check.disturbed("scancel of a job", 3, one("scancel"))
        check.disturbed("requeue of a job", 2, one("scontrol", "requeue"))
        check.disturbed("preemption by SIGTERM", 2, one("scancel", "--signal=TERM"))
        check.disturbed("preemption by SIGUSR2", 2, one("scancel", "--signal=USR2"))
        check.disturbed("the node is set down, and resumed", 1, node, each=("train",))
        check.on = "slurm:minutes=1,array=2"
        check.whole("a time limit of a minute, which is too short")
        check.on = "slurm:minutes=30,array=2"
        check.leader_killed(1)
        return check.found


def main():
    """Do all, or a part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["dask", "slurm"], help="dask, slurm")
    parser.add_argument("--what", default="", help="a word of what is to be done: the others are left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file of what came out, as JSON")
    options = parser.parse_args()
    draw, found = random.Random(options.seed), []
    with tempfile.TemporaryDirectory() as folder:
        alone = prepared(Path(folder) / "alone")
        for command in COMMANDS:
            again(
                command,
                alone,
                os.environ | {"OMP_NUM_THREADS": "1"},
                *(["--jobs", "1"] if command == "analyze" else []),
            )
        wanted = left(alone)
        sys.stdout.write(f"one process leaves {len(wanted)} files\n")
        for part in options.parts:
            if part == "slurm" and missing():
                sys.stdout.write(f"left out: {missing()}\n")
                continue
            found += {"dask": on_dask, "slurm": on_slurm}[part](Path(folder), wanted, draw, options.what)
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n")
    if any(one["different"] for one in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
