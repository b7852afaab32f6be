"""Units done by jobs of SLURM, which share a folder: each job takes units from it until its minutes are nearly over.

A unit that is taken is renamed, so that one job has it; what a job that is gone had taken is given to another. Units
are kept as submitit keeps what it submits, in a folder that nobody but the user may enter.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import submitit
from submitit.core.utils import DelayedSubmission

from ..marks import LOG, job_number
from ..workers import LostError
from . import Slurm

_HIDDEN = ".slurm"
_LOOK = 1.0  # seconds between two looks at what is done
_ASK = 5.0  # seconds between two questions to SLURM
_LINGER = 30.0  # seconds that a job without work waits for more
_EARLY = 60.0  # SLURM may send its signal so many seconds too early
_GRACE = 90.0  # seconds before the time limit at which jobs are asked to end
_ENDING = 10.0  # seconds that jobs which are cancelled may take to end
_TRIES = 4  # so often may a unit's job end under it
_IDLE_SUBMISSIONS = 6  # so often are jobs submitted of which none takes anything

_TODO, _TAKEN, _ENDS, _LOGS, _CLOSED = "todo", "taken", "ends", "logs", "closed"


@dataclass(frozen=True)
class _Job:
    """A job, as squeue tells of it."""

    number: str
    state: str
    reason: str

    @property
    def runs(self) -> bool:
        return self.state in ("R", "CG", "S", "CF")


class SlurmExecutor(Executor):
    """An executor whose calls are made by jobs of SLURM.

    Nothing is submitted before the first call. A job that ends under a unit, by `scancel`, a node that fails or a time
    limit that is too short, is followed by another; a unit under which four jobs ended raises `LostError`. Jobs that an
    earlier process with the same folder left are cancelled: who uses the executor holds the folder.

    Args:
        settings: of the jobs.
        folder: where a hidden folder is made for the time of the work; all nodes must see it.
        tell: is called with lines for the user.

    Raises:
        RuntimeError: there is no SLURM on this machine.
    """

    def __init__(self, settings: Slurm, folder: Path, tell: Callable[[str], None]) -> None:
        if shutil.which("sbatch") is None or shutil.which("squeue") is None:
            raise RuntimeError("--on slurm: expected a machine that submits jobs (sbatch, squeue), found none")
        self._settings, self._tell = settings, tell
        self._above = Path(folder).resolve() / _HIDDEN
        self._name = f"spatialgraph-{uuid4().hex[:8]}"
        self._folder = self._above / self._name
        self._lock = threading.Lock()
        self._futures: dict[str, Future[Any]] = {}
        self._lost: dict[str, int] = {}
        self._count, self._submissions, self._said, self._failed = 0, 0, "", False
        self._asked = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        """Let a job call a function, which it can import; its value must be one that JSON has."""
        if self._over.is_set():
            raise RuntimeError("expected an executor that is open, found one that was shut down")
        if self._thread is None:
            self._begin()
        future: Future[Any] = Future()
        with self._lock:
            number, self._count = f"{self._count:07d}", self._count + 1
            self._futures[number] = future
        hidden = self._folder / f".{number}"
        DelayedSubmission(function, *arguments, **more).dump(hidden)
        hidden.rename(self._folder / _TODO / number)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel the jobs; what they do then is saved as far as it is, and no longer waited for."""
        self._over.set()
        if self._thread is None:
            return
        self._thread.join()
        (self._folder / _CLOSED).touch()
        _run("scancel", "--name", self._name, "--quiet")
        until = time.monotonic() + _ENDING
        while time.monotonic() < until and _jobs(self._name):
            time.sleep(0.2)
        if self._failed:  # errors name logs, which stay
            for part in (_TODO, _TAKEN, _ENDS):
                shutil.rmtree(self._folder / part, ignore_errors=True)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)
            with suppress(OSError):  # logs of others are in it
                self._above.rmdir()

    def _begin(self) -> None:
        self._above.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in self._above.glob("spatialgraph-*/"):
            (old / _CLOSED).touch()
            _run("scancel", "--name", old.name, "--quiet")
            shutil.rmtree(old, ignore_errors=True)
        for part in (_TODO, _TAKEN, _ENDS, _LOGS):
            (self._folder / part).mkdir(parents=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK):
            try:
                self._settle()
                if self._futures and time.monotonic() - self._asked >= _ASK:
                    self._asked = time.monotonic()
                    self._ask()
            except Exception as error:  # of submitit, sbatch or the file system: nobody else would hear of it
                self._fail_all(f"{type(error).__name__}: {error}")

    def _settle(self) -> None:
        """Take what jobs have done."""
        for path in sorted((self._folder / _ENDS).glob("[!.]*")):
            end = json.loads(path.read_text(encoding="utf-8"))
            path.unlink()
            self._submissions = 0  # jobs work
            with self._lock:
                future = self._futures.pop(path.name, None)
            if future is None or not future.set_running_or_notify_cancel():
                continue
            if "errors" in end:
                self._failed = True
                future.set_exception(_error_of(end))
            else:
                future.set_result(end["value"])

    def _ask(self) -> None:
        """Give back what lost jobs had taken, and submit jobs if there are too few."""
        taken = list((self._folder / _TAKEN).glob("[!.]*"))  # before SLURM is asked: their jobs had begun by then
        jobs = _jobs(self._name)
        if jobs is None:
            self._say("SLURM does not answer (squeue); waiting for it")
            return
        running = {job.number for job in jobs if job.runs}
        for path in taken:
            number, _, job = path.name.partition(".")
            if job not in running:
                self._give_back(path, number, job)
        self._cancel()
        waiting = sum(1 for _ in (self._folder / _TODO).glob("[!.]*"))
        missing = min(self._settings.array, len(self._futures)) - len(jobs)
        if waiting and missing > 0:
            self._submit(min(missing, waiting))
        elif jobs:
            reasons = ", ".join(sorted({job.reason for job in jobs if job.state == "PD"}))
            held = sum(job.state == "PD" for job in jobs)
            self._say(f"{len(running)} jobs run" + (f", {held} wait ({reasons})" if held else ""))

    def _cancel(self) -> None:
        """Take back units that nobody waits for any more."""
        with self._lock:
            cancelled = [number for number, future in self._futures.items() if future.cancelled()]
            for number in cancelled:
                del self._futures[number]
        for number in cancelled:
            (self._folder / _TODO / number).unlink(missing_ok=True)

    def _give_back(self, path: Path, number: str, job: str) -> None:
        if (self._folder / _ENDS / number).exists() or not path.exists():
            return
        self._submissions = 0
        self._lost[number] = self._lost.get(number, 0) + 1
        if self._lost[number] >= _TRIES:
            path.unlink(missing_ok=True)
            self._fail(
                number, f"{_TRIES} jobs ended while they did it, the last {job}{_fate(job)}; log {self._log(job)}"
            )
            return
        with suppress(FileNotFoundError):  # its job did it, or gave it back, just now
            path.rename(self._folder / _TODO / number)

    def _log(self, job: str) -> Path:
        return self._folder / _LOGS / f"{job}_0_log.out"

    def _submit(self, count: int) -> None:
        self._submissions += 1
        if self._submissions > _IDLE_SUBMISSIONS:
            logs = sorted((self._folder / _LOGS).glob("*.out"))
            self._fail_all(f"jobs ended before they took anything; log {logs[-1] if logs else self._folder / _LOGS}")
            return
        self._start_jobs(count)
        self._say(f"submitted {count} job{'s' * (count != 1)}; logs in {self._folder / _LOGS}")

    def _start_jobs(self, count: int) -> None:
        executor = submitit.AutoExecutor(folder=self._folder / _LOGS, cluster="slurm")
        executor.update_parameters(**_parameters(self._settings, self._name))
        minutes = self._settings.minutes
        with executor.batch():
            for _ in range(count):
                executor.submit(take, str(self._folder), minutes, _LINGER)

    def _say(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._tell(f"slurm: {line}")

    def _fail(self, number: str, why: str) -> None:
        self._failed = True
        with self._lock:
            future = self._futures.pop(number, None)
        if future is not None and future.set_running_or_notify_cancel():
            future.set_exception(LostError(why))

    def _fail_all(self, why: str) -> None:
        for number in list(self._futures):
            (self._folder / _TODO / number).unlink(missing_ok=True)
            self._fail(number, why)


def _parameters(settings: Slurm, name: str) -> dict[str, Any]:
    """Return submitit's parameters of jobs."""
    given = {
        "name": name,
        "timeout_min": settings.minutes,
        "cpus_per_task": settings.cpus,
        "gpus_per_node": settings.gpus,
        "mem_gb": settings.memory,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_qos": settings.qos,
        "slurm_constraint": settings.constraint,
    }
    asked = {key: value for key, value in given.items() if value}
    asked |= {"slurm_array_parallelism": settings.array, "stderr_to_stdout": True}
    asked |= {"slurm_signal_delay_s": int(_grace(settings.minutes))}
    return asked | {"slurm_additional_parameters": {"requeue": True}}


def _grace(minutes: float) -> float:
    """Return how many seconds before the end of its time a job is asked to end."""
    return min(_GRACE, minutes * 60 / 4)


def _run(*command: str) -> str | None:
    """Return what a command of SLURM says; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _jobs(name: str) -> list[_Job] | None:
    """Return the jobs of a name that are not over, each of an array; None if SLURM does not answer."""
    listed = _run("squeue", "--noheader", "--array", "--name", name, "--format", "%i|%t|%r")
    if listed is None:
        return None
    return [_Job(*line.strip().split("|", 2)) for line in listed.splitlines() if line.count("|") >= 2]


def _fate(job: str) -> str:
    """Say how a job ended, as far as SLURM still knows."""
    said = _run("scontrol", "show", "job", "--oneliner", job) or ""
    facts = dict(word.split("=", 1) for word in said.split() if "=" in word)
    state, reason = facts.get("JobState", ""), facts.get("Reason", "None")
    if not state:
        return ""
    return f" ({state}" + (f", {reason}" if reason not in ("None", state) else "") + ")"


def _error_of(end: dict[str, Any]) -> Exception:
    """Return the error that a job wrote down, as the nearest of Python's own."""
    message = f"{end['message']} (job {end['job']}, log {end['log']})"
    for name in end["errors"]:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
            return kind(message)
    return RuntimeError(f"{end['errors'][0]}: {message}")


class _StoppedError(BaseException):
    """A signal asked the job to end."""


def _stop(*_: object) -> None:
    raise _StoppedError


def take(folder: str, minutes: float, linger: float) -> None:
    """Take units from a folder, and do them, until there are none or the time of the job is nearly over.

    Args:
        folder: of the executor.
        minutes: the time limit of the job.
        linger: how many seconds to wait for more units.
    """
    until = time.monotonic() + minutes * 60 - _grace(minutes)
    job, place = job_number(), Path(folder)
    log = place / _LOGS / f"{job}_0_log.out"
    os.environ[LOG] = str(log)
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, _stop)
    for left in (place / _TAKEN).glob(f"*.{job}"):  # by this job, before it was requeued
        _rename(left, place / _TODO / left.name.partition(".")[0])
    taken: Path | None = None
    try:
        for taken in _taken(place, job, until, linger):
            _do(place, taken, job, log)
            taken = None
    except (_StoppedError, KeyboardInterrupt):
        pass
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for left in (place / _TAKEN).glob(f"*.{job}"):
        _rename(left, place / _TODO / left.name.partition(".")[0])
    if not place.is_dir() or (place / _CLOSED).exists():
        sys.stderr.flush()
        os._exit(0)  # at once: submitit would write down what nobody waits for, into a folder that is removed
    # Not after scancel, nor where SLURM gave the node to another job, which it requeues by itself.
    nearly_over = time.monotonic() > until - _EARLY
    if nearly_over and not (place / _CLOSED).exists() and any((place / _TODO).glob("[!.]*")):
        _run("scontrol", "requeue", os.environ.get("SLURM_JOB_ID", job))
        time.sleep(60)  # SLURM ends this process


def _taken(place: Path, job: str, until: float, linger: float) -> Iterator[Path]:
    """Yield units that this job has taken."""
    draw = random.Random(job)  # noqa: S311 - jobs that begin at different ends of the list seldom want the same unit
    waited = time.monotonic()
    while time.monotonic() < until and not (place / _CLOSED).exists():
        numbers = [path.name for path in (place / _TODO).glob("[!.]*")]
        start = draw.randrange(len(numbers)) if numbers else 0
        for number in sorted(numbers)[start:] + sorted(numbers)[:start]:
            if time.monotonic() >= until:
                return
            taken = place / _TAKEN / f"{number}.{job}"
            if _rename(place / _TODO / number, taken):
                yield taken
                waited = time.monotonic()
        if time.monotonic() - waited > linger:
            return
        time.sleep(0.5)


def _rename(path: Path, to: Path) -> bool:
    """Rename a file; return whether it was there."""
    try:
        path.rename(to)
    except FileNotFoundError:
        return False
    return True


def _do(place: Path, taken: Path, job: str, log: Path) -> None:
    """Do a unit, and write down how it ended."""
    end: dict[str, Any]
    try:
        end = {"value": DelayedSubmission.load(taken).result()}
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        end = {"errors": kinds, "message": " ".join(str(error).split()), "job": job, "log": str(log)}
    hidden = place / _ENDS / f".{taken.name}"
    with suppress(FileNotFoundError):  # the folder is gone, and with it who waits
        hidden.write_text(json.dumps(end), encoding="utf-8")
        hidden.rename(place / _ENDS / taken.name.partition(".")[0])
    taken.unlink(missing_ok=True)


def waiting(folder: Path) -> Sequence[str]:
    """Return lines about the jobs that work for a folder, one for each state, for `spatialgraph status`."""
    lines = []
    for name in sorted(path.name for path in (Path(folder) / _HIDDEN).glob("spatialgraph-*/")):
        jobs = _jobs(name) or []
        states: dict[tuple[str, str], list[str]] = {}
        for job in jobs:
            states.setdefault((job.state, job.reason), []).append(job.number)
        for (state, reason), numbers in sorted(states.items()):
            more = f" and {len(numbers) - 4} more" if len(numbers) > 4 else ""
            lines.append(f"slurm    {len(numbers)} jobs {state} ({reason}): {', '.join(numbers[:4])}{more}")
    return lines
