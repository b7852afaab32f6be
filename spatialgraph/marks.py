"""Who works on what: small hidden files beside results, that say so while a process lives, and why it failed.

A mark is a note for people. What is done is never read from it, but from results that are opened and whole.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

_BEAT = 15.0  # seconds between two signs of life
_FRESH = 90.0  # seconds after which a process without a sign of life counts as gone

LOG = "SPATIALGRAPH_LOG"
"""The variable of the environment that names the file into which a job's output goes."""

States = ("running", "failed", "lost", "queued", "missing", "done")
"""What a unit of work may be; *lost*: its process is gone without a word; *missing*: nobody is there to do it."""


@dataclass(frozen=True)
class Mark:
    """What a process says of its work.

    Attributes:
        work: what it does.
        why: why it failed; ``""`` while it works.
        host: the name of its machine.
        process: its number there.
        job: the number of its job, ``""`` if it is in none.
        log: the file of its output, ``""`` if it is not known.
        since: when it began, in seconds since 1970.
        age: how many seconds ago it gave a sign of life; not in the file.
    """

    work: str
    why: str = ""
    host: str = field(default_factory=platform.node)
    process: int = field(default_factory=os.getpid)
    job: str = field(default_factory=lambda: job_number())
    log: str = field(default_factory=lambda: os.environ.get(LOG, ""))
    since: float = field(default_factory=time.time)
    age: float = 0.0

    @property
    def is_here(self) -> bool:
        """Whether its process is, or was, of this machine."""
        return self.host == platform.node()

    @property
    def is_alive(self) -> bool:
        """Whether the process works, as far as can be known: on this machine it is looked up, else it gave a sign."""
        if self.why or self.age > _FRESH:
            return False
        return not self.is_here or _is_process(self.process)

    @property
    def by(self) -> str:
        """Who it is, in words."""
        return f"process {self.process} on {self.host}" + (f", job {self.job}" if self.job else "")


def job_number() -> str:
    """Return the number of the job of SLURM that this process is in, ``""`` if it is in none."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


# On Windows the signal 0 is Ctrl-C, for every process of the console.
_CAN_ASK = os.name == "posix"


def _is_process(number: int) -> bool:
    if not _CAN_ASK:
        return True  # signs of life tell
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def mark_of(result: Path) -> Path:
    """Return the file that says who works on the file of a result."""
    return result.with_name(f".{result.name}.unit")


def read_mark(path: Path) -> Mark | None:
    """Return what a mark says; None if there is none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        known = json.loads(path.read_text(encoding="utf-8"))
        return Mark(**known | {"age": time.time() - path.stat().st_mtime})
    return None


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark; it is no result, so that it need not be on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {name: value for name, value in asdict(mark).items() if name != "age"}
    path.write_text(json.dumps(known) + "\n", encoding="utf-8")


@contextmanager
def beating(path: Path, mark: Mark) -> Iterator[None]:
    """Give signs of life, by the time of change of a mark, while a block lasts; then remove it."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            with suppress(OSError):
                os.utime(path)

    with suppress(OSError):  # a folder that cannot be written to is the block's to tell
        write_mark(path, mark)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            path.unlink()


@contextmanager
def marked(result: Path, work: str) -> Iterator[None]:
    """Say who makes a result while a block does; where it fails, why stays beside it.

    Example:
        >>> from tempfile import mkdtemp
        >>> result = Path(mkdtemp()) / "scores.h5"
        >>> with marked(result, "net-0/scores"):
        ...     read_mark(mark_of(result)).is_alive
        True
        >>> read_mark(mark_of(result)) is None
        True
    """
    path, mark = mark_of(result), Mark(work)
    try:
        with beating(path, mark):
            yield
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        with suppress(OSError):
            write_mark(path, Mark(work, why, since=mark.since))
        raise


@dataclass(frozen=True)
class Standing:
    """How a unit of work stands.

    Attributes:
        name: of the unit.
        state: one of `States`.
        text: what is known besides.
    """

    name: str
    state: str
    text: str = ""


def standing(name: str, result: Path, *, done: bool, led: bool, progress: str = "") -> Standing:
    """Return how a unit stands.

    Args:
        name: of the unit.
        result: the file that it makes.
        done: whether that is there and whole.
        led: whether a process is there that gives out units.
        progress: how far it is.
    """
    if done:
        return Standing(name, "done")
    mark = read_mark(mark_of(result))
    before = f"{progress}, " if progress else ""
    if mark is None:
        return Standing(name, "queued" if led else "missing", progress)
    log = f"; log {mark.log}" if mark.log else ""
    if mark.why:
        return Standing(name, "failed", f"{before}{mark.why} ({mark.by}{log})")
    if mark.is_alive:
        return Standing(name, "running", f"{before}{mark.by}, for {duration(time.time() - mark.since)}")
    return Standing(name, "lost", f"{before}{mark.by} ended without a word{log}")


def duration(seconds: float) -> str:
    """Return a time in words.

    Example:
        >>> duration(42), duration(4000)
        ('42 s', '67 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 3600 * 3 else _hours(seconds)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
