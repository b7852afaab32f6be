"""Kill train, analyze, figures and report at random moments, give the same command again, and compare the ends.

``python benchmarks/kills.py 25 --out docs/robustness/kills.json`` does it 25 times with each command, on a small run
with letters. Every other time the command's process alone is killed, else its whole group. Then the same command runs
to its end, and what it leaves, hidden files included, must be equal byte for byte to what it leaves if nobody kills it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

SETTINGS = """\
tasks = ["digits", "letters"]
inputs = ["concatenate"]
seeds = [0]
hidden = [8, 8]
penalised_layers = ["hidden2", "output"]
epochs = 6
snapshots = 4
checkpoint_seconds = 0.0
"""

COMMANDS: dict[str, Sequence[str]] = {
    "train": ("train", "tiny.toml", "--out", "run"),
    "analyze": ("analyze", "run", "--nulls", "5", "--jobs", "2"),
    "figures": ("figures", "run/results", "--format", "svg,png"),
    "report": ("report", "run/results"),
}
"""Each goes on from where the one before ended."""

# A report's title is the name of the folder of the run.
NAME = "small"

LIVED_ON = "and a process lived on"


def start(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a command in a folder, in a process group and with a folder of temporary files of its own."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", "spatialgraph", *COMMANDS[command]]
    output = (folder / "output.txt").open("wb")
    with output:
        return subprocess.Popen(arguments, cwd=folder, env=environment, stdout=output, stderr=output, process_group=0)


def finish(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """Run a command to its end."""
    process = start(command, folder)
    process.wait()
    return process


def left(folder: Path) -> dict[str, str]:
    """Return the digest of each file that commands left, hidden and temporary ones too, by name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / "output.txt")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shared(pids: set[int] | None = None) -> set[str]:
    """Return what lies in the memory that processes share, of all or of some, whose numbers are in its names."""
    names = {path.name for path in Path("/dev/shm").glob("*")}  # noqa: S108
    if pids is None:
        return names
    return {name for name in names if pids.intersection(map(int, re.findall(r"(?<=[-_])\d+(?=[-_])", name)))}


def alive(group: int) -> bool:
    """Return whether a process of a group is there."""
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def kill(process: subprocess.Popen[bytes], seconds: float, *, whole_group: bool) -> str:
    """Kill a process after some time; return whether it had ended by itself, or a process of its group lived on."""
    time.sleep(seconds)
    ended = process.poll() is not None
    if not ended:
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 10
    while alive(process.pid):
        if time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
            return LIVED_ON
        time.sleep(0.05)
    return "after its end" if ended else "at work"


def killed_and_finished(
    command: str, folder: Path, wanted: dict[str, str], seconds: float, whole_group: bool
) -> tuple[str, str]:
    """Kill a command, then run it to its end; return when it was killed, and what differs from what is wanted."""
    before, others = left(folder), shared()
    first = start(command, folder)
    moment = kill(first, seconds, whole_group=whole_group)
    moment = "before its first file" if moment == "at work" and left(folder) == before else moment
    second = finish(command, folder)
    found = left(folder)
    names = [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
    names += ["a process that lived on"] if moment == LIVED_ON else []
    names += [f"/dev/shm/{name}" for name in shared({first.pid, second.pid}) - others]  # noqa: S108
    if second.returncode:
        names.append(f"status {second.returncode}: {(folder / 'output.txt').read_text()}")
    return moment, ", ".join(names)


def trials(count: int, commands: Sequence[str], folder: Path, seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield for each kill the command, when it was, and what differs at the end: nothing, if all is well."""
    draw = random.Random(seed)  # noqa: S311 - moments need not be secret
    before = folder / "0" / NAME
    before.mkdir(parents=True)
    (before / "tiny.toml").write_text(SETTINGS)
    for number, command in enumerate(COMMANDS, 1):
        whole = Path(shutil.copytree(before, folder / str(number) / NAME))
        started = time.monotonic()
        if finish(command, whole).returncode:
            raise SystemExit((whole / "output.txt").read_text())
        seconds, wanted = time.monotonic() - started, left(whole)
        for trial in range(count if command in commands else 0):
            here = Path(shutil.copytree(before, folder / "trial" / NAME))
            yield command, *killed_and_finished(command, here, wanted, draw.uniform(0, seconds), trial % 2 == 0)
            shutil.rmtree(here)
        before = whole


def main() -> None:
    """Kill each command so many times, and say how often the end was equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=25, help="kills of each command")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="with commas between")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file of the counts, as JSON")
    options = parser.parse_args()
    counts = {command: Counter[str]() for command in options.commands.split(",")}
    with tempfile.TemporaryDirectory() as folder:
        for command, moment, unequal in trials(options.count, list(counts), Path(folder), options.seed):
            counts[command].update([moment, "unequal" if unequal else "equal"])
            sys.stdout.write(f"{command:8} killed {moment:22} {unequal or 'equal'}\n")
            sys.stdout.flush()
    for command, own in counts.items():
        sys.stdout.write(f"{command:8} " + ", ".join(f"{number} {what}" for what, number in sorted(own.items())) + "\n")
    if options.out:
        options.out.write_text(json.dumps(counts, indent=1) + "\n")
    if any(own["unequal"] for own in counts.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
