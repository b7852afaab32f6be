"""Writing while training goes on: a GPU does not wait for files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import nullcontext
from typing import Any

import joblib
import torch

from spatialgraph.workers import watched

Call = tuple[Callable[..., Any], tuple[Any, ...]]

_JOBS = 4


class Writer:
    """Makes calls that write files, one group of them after another.

    Beside a GPU, the calls of a group are made by other processes, and the caller goes on; on a CPU, which has nothing
    to gain by that, they are made at once. What a process is given must not change until the next group is written.

    Args:
        device: where networks train.

    Attributes:
        jobs: how many calls of a group are made at a time.
    """

    def __init__(self, device: torch.device, tell: Callable[[str], None]) -> None:
        self._beside = device.type != "cpu"
        self.jobs = _JOBS if self._beside else 1
        self._tell = tell
        self._calls: Sequence[Call] = ()
        self._pending: Iterator[Any] = iter(())
        self._then: Callable[[list[Any]], None] | None = None

    def write(self, calls: Sequence[Call], then: Callable[[list[Any]], None] | None = None) -> None:
        """Make calls, after those of the group before.

        Args:
            calls: functions and their arguments, independent of each other.
            then: called in this process with the list of their results, when all of them have returned.

        Raises:
            Exception: any exception of a call of the group before, or, on a CPU, of one of these.
        """
        self.wait()
        self._calls, self._then = calls, then
        if self._beside:
            parallel = joblib.Parallel(n_jobs=self.jobs, return_as="generator")
            self._pending = parallel(joblib.delayed(function)(*arguments) for function, arguments in calls)
        else:
            self._pending = (function(*arguments) for function, arguments in calls)
            self.wait()

    def wait(self) -> None:
        """Return when everything is written.

        Raises:
            Exception: any exception that a call raised.
        """
        calls, pending, then = self._calls, self._pending, self._then
        self._calls, self._pending, self._then = (), iter(()), None
        try:
            with watched("writing files", self._tell) if self._beside else nullcontext():
                results = list(pending)
        except BrokenExecutor:
            self._tell("writing files: a process was killed, perhaps for want of memory; its files are written again")
            results = [function(*arguments) for function, arguments in calls]
        if then:
            then(results)
