"""Writing while training goes on: a GPU does not wait for files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import joblib
import torch

from spatialgraph.workers import watched

Call = tuple[Callable[..., Any], tuple[Any, ...]]
Then = Callable[[list[Any]], None]

_JOBS = 4
_WAITING = 2  # groups that may wait while another is written: what they are given takes memory


class Writer:
    """Makes calls that write files, one group of them after another.

    Beside a GPU, the calls of a group are made by other processes, and the caller goes on; on a CPU, which has nothing
    to gain by that, they are made at once. What a process is given must not change until it is written.

    When the block ends, everything is written; if it ends by an exception, no group is begun any more.

    Args:
        device: where networks train.
        tell: is called with a line about each process that is killed or stopped.

    Attributes:
        jobs: how many calls of a group are made at a time.
    """

    def __init__(self, device: torch.device, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._groups: deque[Future[None]] = deque()
        self._thread = None if device.type == "cpu" else ThreadPoolExecutor(1, "writer")
        self.jobs = _JOBS if self._thread else 1
        if self._thread:  # processes start while networks train
            self._thread.submit(_made_beside, [(_ready, ())] * self.jobs, self.jobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            if self._thread:
                self._thread.shutdown(cancel_futures=True)

    def write(self, calls: Sequence[Call], then: Then | None = None) -> None:
        """Make calls, after those of the groups before.

        Args:
            calls: functions and their arguments, independent of each other.
            then: called with the list of their results, when all of them have returned, before the next group.

        Raises:
            Exception: any exception of a call of a group before, after which no call is made; or, on a CPU, of one of
                these.
        """
        if self._thread is None:
            _end([function(*arguments) for function, arguments in calls], then)
            return
        self._wait_for_all_but(_WAITING)
        before = self._groups[-1] if self._groups else None
        self._groups.append(self._thread.submit(self._write, calls, then, before))

    def wait(self) -> None:
        """Return when everything is written.

        Raises:
            Exception: any exception that a call raised.
        """
        self._wait_for_all_but(0)

    def _wait_for_all_but(self, count: int) -> None:
        while len(self._groups) > count:
            try:
                self._groups[0].result()
            except Exception:
                self._groups.clear()  # the groups that follow one that failed are not written
                raise
            self._groups.popleft()

    def _write(self, calls: Sequence[Call], then: Then | None, before: Future[None] | None) -> None:
        if before is not None:
            before.result()  # raises what the group before did
        with watched("writing files", self._tell):
            try:
                results = _made_beside(calls, self.jobs)
            except BrokenExecutor:
                self._tell(
                    "writing files: a process was killed, perhaps for want of memory; its files are written again"
                )
                results = [function(*arguments) for function, arguments in calls]
        _end(results, then)


def _made_beside(calls: Sequence[Call], jobs: int) -> list[Any]:
    """Let other processes make calls, and return their results."""
    return list(joblib.Parallel(n_jobs=jobs)(joblib.delayed(function)(*arguments) for function, arguments in calls))


def _end(results: list[Any], then: Then | None) -> None:
    if then:
        then(results)


def _ready() -> None:
    """Import what writing networks needs."""
    from . import export  # noqa: F401
