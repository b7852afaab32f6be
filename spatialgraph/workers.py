"""Processes that work for this one: one that is killed loses its own call, and one that is stopped is noticed."""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from joblib.externals.loky.backend import get_context

_LOOK = 5.0  # seconds between two looks at whether a process is stopped
_PATIENCE = 60.0  # seconds that a process may be stopped before it is told

# Linear algebra of a worker runs in one thread, since there are as many workers as cores.
_ONE_THREAD = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
        *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
    ),
    "1",
)


class LostError(RuntimeError):
    """A process ended before it answered."""


class Workers(ThreadPoolExecutor):
    """An executor whose calls are made by processes, each of which makes one call at a time.

    A thread stands for each process, and waits for it. A process that ends, killed by the system for want of memory
    for example, is followed by another; its call raises `LostError`, and the other calls go on. A process that is
    stopped by a signal is told after a minute, and waited for. When the block ends, processes are killed: what is not
    done by then is given up.

    Args:
        most: how many processes there may be.
        tell: is called with a line about each process that is stopped; a call is named by its arguments, or by its
            function if it has none.

    Example:
        >>> with Workers(2, tell=print) as workers:
        ...     list(workers.map(abs, [-1, -2]))
        [1, 2]
    """

    def __init__(self, most: int, tell: Callable[[str], None]) -> None:
        super().__init__(most)
        self._tell = tell
        self._own = threading.local()
        self._processes: list[Any] = []

    def __exit__(self, *_: object) -> None:
        super().shutdown(wait=False, cancel_futures=True)
        # A thread that has just begun may start one more process, which is killed in turn.
        while any(thread.is_alive() for thread in self._threads):
            self._kill()
            time.sleep(0.01)
        self._kill()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        """Let a process call a function, which it can import, with arguments that can be pickled."""
        return super().submit(self._call, function, arguments, more)

    def _kill(self) -> None:
        for process in list(self._processes):
            if process.exitcode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.join()

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
        if not hasattr(self._own, "process"):
            self._own.process, self._own.pipe = self._start()
        pipe, process = self._own.pipe, self._own.process
        try:
            pipe.send((function, arguments, more))
            self._await(pipe, process.pid, " ".join(map(str, arguments)) or function.__name__)
            value, error = pipe.recv()
        except (EOFError, ConnectionError):
            process.join()
            pipe.close()
            self._processes.remove(process)
            del self._own.process, self._own.pipe
            raise LostError(f"its process {_end(process.exitcode)}") from None
        if error is not None:
            raise error
        return value

    def _start(self) -> tuple[Any, Connection]:
        # loky's processes do not import the script that runs, so that it needs no guard.
        here, there = multiprocessing.Pipe()
        process = get_context("loky").Process(target=_serve, args=(there,), env=_ONE_THREAD, daemon=True)
        process.start()
        there.close()  # so that this end says when the other one is gone
        self._processes.append(process)
        return process, here

    def _await(self, pipe: Connection, pid: int, call: str) -> None:
        patience = _Patience(pid)
        while not pipe.poll(_LOOK):
            if patience.is_over():
                self._tell(f"{call}: {_stopped_line(pid)}")


def _serve(pipe: Connection) -> None:
    """Answer calls until the process that asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the one that asks ends
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments, more = pipe.recv()
            value, raised = None, None
            try:
                value = function(*arguments, **more)
            except Exception as error:
                raised = _portable(error)
            pipe.send((value, raised))


def _end_with_parent() -> None:
    """End this process when the one that gives it work is gone: nobody waits for what it does."""
    parent = multiprocessing.parent_process()
    while parent is not None and os.getppid() == parent.pid:
        time.sleep(0.5)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return an error as another process can raise it, with a note of where it came from."""
    error.add_note(traceback.format_exc())
    try:
        copy.copy(error)  # made anew from its arguments, as the other process does
    except Exception:  # whatever an error of a library does there
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end(exit_code: int | None) -> str:
    """Say how a process ended.

    Example:
        >>> _end(-9), _end(1)
        ('was killed (SIGKILL), perhaps for want of memory', 'ended with status 1')
    """
    if exit_code is None or exit_code >= 0:
        return f"ended with status {exit_code}"
    with suppress(ValueError):
        name = signal.Signals(-exit_code).name
        return f"was killed ({name})" + ", perhaps for want of memory" * (name == "SIGKILL")
    return f"was killed (signal {-exit_code})"


def _stopped_line(pid: int) -> str:
    return f"its process is stopped; `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` gives it up"


class _Patience:
    """Notices once that a process was stopped for long, each time that it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid, self._since, self._reported = pid, 0.0, False

    def is_over(self) -> bool:
        """Return True at the first look at which the process was stopped for long enough."""
        now = time.monotonic()
        if not is_stopped(self._pid):
            self._since, self._reported = 0.0, False
            return False
        self._since = self._since or now
        over = now - self._since >= _PATIENCE and not self._reported
        self._reported |= over
        return over


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped by a signal; False where the system does not tell (it has no ``/proc``)."""
    with suppress(OSError, IndexError):
        # The second field is the program's name in parentheses, which may have any character.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "T"
    return False


@contextmanager
def watched(work: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of processes that this one started and that are stopped for a minute while a block waits for them.

    Args:
        work: what they do, for the line.
        tell: is called with the line.
    """
    over = threading.Event()

    def watch() -> None:
        patience: dict[int, _Patience] = {}
        while not over.wait(_LOOK):
            for child in multiprocessing.active_children():
                if child.pid and patience.setdefault(child.pid, _Patience(child.pid)).is_over():
                    tell(f"{work}: {_stopped_line(child.pid)}")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
