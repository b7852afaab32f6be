"""Units done by a Dask cluster: one that runs, or one that is started on this machine."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import dask
import distributed
import joblib
from distributed.scheduler import KilledWorker

from ..workers import LostError

_CONNECTING = 10.0  # seconds that a scheduler has to answer
_PATIENCE = 300.0  # seconds that a scheduler that is gone is waited for
_QUIETLY = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL + 1}
_RETRIES = 2  # of a unit that could not read or write a file, or that another fault of the system ended


@dataclass(eq=False)
class _Unit:
    """A function, its arguments, and the future that waits for its value."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    more: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class DaskExecutor(Executor):
    """An executor whose calls are made by the workers of a Dask cluster.

    What a worker that dies was doing is done by another, and nothing else is lost; a unit that ended three workers
    raises `LostError`. If the scheduler goes, it is waited for, and what is not done is given to the one that takes its
    place at the same address.

    Args:
        address: that of a scheduler; ``""`` to start a cluster on this machine: a process for each GPU, or else for
            each core.
        tell: is called with lines for the user.
        patience: seconds that a scheduler that is gone is waited for.

    Raises:
        RuntimeError: nobody answers at the address.
    """

    def __init__(self, address: str, tell: Callable[[str], None], patience: float = _PATIENCE) -> None:
        self._tell, self._patience = tell, patience
        self._lock = threading.RLock()
        self._closed, self._gone = threading.Event(), ""
        # What Dask says of its connections is said in a line of our own.
        self._logger = logging.getLogger("distributed")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL + 1)
        self._cluster: Any = None
        if not address:
            self._cluster = _cluster()
        self._address: str = address or self._cluster.scheduler_address
        try:
            self._client = self._connected()
        except OSError as error:
            self.shutdown()
            raise RuntimeError(
                f"--on dask: expected a scheduler at {address}, found none in {_CONNECTING:g} s ({error}): "
                "`dask scheduler` starts one"
            ) from None
        self._tell(self._described())

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        """Let a worker call a function, which it can import, with arguments that can be pickled."""
        if self._closed.is_set():
            raise RuntimeError("expected an executor that is open, found one that was shut down")
        unit = _Unit(function, arguments, more)
        self._give(unit, self._client)
        return unit.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; what it does then is given up, and no longer waited for."""
        self._closed.set()
        for part in (getattr(self, "_client", None), self._cluster):
            if part is not None:
                with suppress(Exception):  # whatever stays is ended with this process
                    part.close(timeout=_CONNECTING)
        self._logger.setLevel(self._level)

    def _connected(self) -> distributed.Client:
        return distributed.Client(self._address, timeout=_CONNECTING, set_as_default=False, name="spatialgraph")

    def _described(self) -> str:
        """Return a line about the cluster."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        count = f"{len(workers)} worker{'s' * (len(workers) != 1)}" if workers else "no workers yet, waiting for them"
        several = any(worker["nthreads"] > 1 for worker in workers)
        threads = "; each does one unit at a time, so that --nthreads 1 wastes no cores" if several else ""
        return f"dask: {self._address}, {count}{threads}; dashboard {self._client.dashboard_link}"

    def _give(self, unit: _Unit, client: distributed.Client) -> None:
        """Let a cluster do a unit."""
        key = f"{unit.function.__name__}-{uuid4().hex}"
        try:
            given = client.submit(_do, unit.function, unit.arguments, unit.more, key=key, pure=False, retries=_RETRIES)
        except Exception as error:  # whatever a client raises whose scheduler has just gone
            threading.Thread(target=self._give_again, args=(unit, client, error), daemon=True).start()
            return
        given.add_done_callback(lambda done: self._ended(unit, client, done))

    def _ended(self, unit: _Unit, client: distributed.Client, done: distributed.Future) -> None:
        """Take the end of a unit from the cluster."""
        if self._closed.is_set() or unit.future.done():
            return
        if done.status == "finished":
            try:
                value, error = done.result(timeout=_CONNECTING)
            except Exception as lost:  # the scheduler went before it handed over the value
                self._give_again(unit, client, lost)
                return
            self._settle(unit, value, error)
        elif done.status == "error":
            error = done.exception()
            self._settle(unit, None, _lost(error) if isinstance(error, KilledWorker) else error)
        else:
            self._give_again(unit, client, None)

    @staticmethod
    def _settle(unit: _Unit, value: object, error: BaseException | None) -> None:
        if unit.future.set_running_or_notify_cancel():
            if error is None:
                unit.future.set_result(value)
            else:
                unit.future.set_exception(error)

    def _give_again(self, unit: _Unit, client: distributed.Client, _: Exception | None) -> None:
        """Wait for a scheduler in the place of the one that is gone, and let it do the unit."""
        with self._lock:
            if client is self._client and not self._gone:
                self._renew()
        if self._closed.is_set():
            return
        if self._gone:
            self._settle(unit, None, LostError(self._gone))
        else:
            self._give(unit, self._client)

    def _renew(self) -> None:
        self._tell(f"dask: the scheduler {self._address} is gone; waiting for it, {self._patience:g} s at most")
        until = time.monotonic() + self._patience
        old = self._client
        threading.Thread(target=old.close, kwargs={"timeout": 0}, daemon=True).start()
        while not self._closed.is_set():
            try:
                self._client = self._connected()
            except OSError:
                if time.monotonic() >= until:
                    self._gone = f"the scheduler {self._address} is gone"
                    return
                self._closed.wait(1)
            else:
                self._tell(self._described())
                return


def _lost(error: KilledWorker) -> LostError:
    return LostError(f"{error.allowed_failures + 1} workers ended while they did it, the last {error.last_worker}")


_one_at_a_time = threading.Lock()  # of a process: the number of threads of linear algebra is one for all of its threads


def _do(function: Callable[..., Any], arguments: tuple[Any, ...], more: dict[str, Any]) -> tuple[Any, Exception | None]:
    """Do a unit in a worker; return its value, or its error where doing it again would change nothing."""
    with _one_at_a_time:
        try:
            return function(*arguments, **more), None
        except (ValueError, TypeError, RuntimeError, FileNotFoundError) as error:
            return None, error


def _cluster() -> Any:
    """Start a cluster on this machine."""
    gpus = _gpus()
    workers = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus] or [{} for _ in range(joblib.cpu_count())]
    # No daemons, since these may have no processes of their own; no limit of memory, since data stay in files.
    with dask.config.set({"distributed.worker.daemon": False}):
        return distributed.SpecCluster(
            workers={
                number: {"cls": distributed.Nanny, "options": {**_QUIETLY, "env": environment}}
                for number, environment in enumerate(workers)
            },
            scheduler={"cls": distributed.Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": ":0"}},
            silence_logs=logging.CRITICAL + 1,
        )


def _gpus() -> list[str]:
    """Return the names by which a process can be given one GPU, without loading PyTorch."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return [line.rpartition("UUID: ")[2].rstrip(") \n") for line in listed.splitlines() if "UUID: GPU" in line]
