"""What a person sees while networks train: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from spatialgraph.progress import progress_bar

from .grid import Batch

_PARTS = 20  # where there is no bar, so many lines tell of the whole work


class Reporter:
    """Tell how training goes on.

    Args:
        networks: how many networks there are to train.
        epochs: how many epochs each is trained for.
        done: how many epochs of how many networks are done already, multiplied.
        console: where to tell it.
    """

    def __init__(self, networks: int, epochs: int, done: int, console: Console) -> None:
        self._console = console
        self._one_at_a_time = threading.RLock()  # batches train beside each other
        self._started = time.monotonic()
        self._work, self._done, self._skipped = networks * epochs, done, done
        self._reported = -1  # the part of the work, of _PARTS, that a line last told of
        self._progress = progress_bar(console)
        self._bar = self._progress.add_task("training", total=self._work, completed=done)

    def __enter__(self) -> Reporter:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def epoch(self, batch: Batch, epoch: int, epochs: int, accuracy: NDArray[np.float32]) -> None:
        """Tell that an epoch of a batch is over.

        Args:
            batch: the networks.
            epoch: how many epochs are done.
            epochs: how many there will be.
            accuracy: ``(networks, tasks)``, 0 to 1.
        """
        with self._one_at_a_time:
            self._done += len(batch.members)
            parts = [f"{kind} {text}" for kind, text in _accuracies(batch, accuracy).items()]
            text = f"{batch.inputs} · {' · '.join(parts)}"
            self._progress.update(self._bar, description=text, completed=self._done)
            part = self._done * _PARTS // self._work
            if not self._console.is_terminal and part > self._reported:
                self._reported = part
                elapsed = time.monotonic() - self._started
                left = elapsed / max(1, self._done - self._skipped) * (self._work - self._done)
                estimate = f", about {left:.0f} s left" if part else ""  # the first epoch loads what is loaded once
                self.tell(
                    f"{100 * self._done // self._work:3d} % · {batch.inputs} epoch {epoch}/{epochs} · accuracy "
                    f"{', '.join(parts)} · {elapsed:.0f} s elapsed{estimate}"
                )

    def trained(self, inputs: str, epochs: int) -> None:
        """Tell that another process trained networks for so many epochs, counted for each."""
        self._done += epochs
        self._progress.update(self._bar, description=inputs, completed=self._done)
        part = self._done * _PARTS // self._work
        if not self._console.is_terminal and part > self._reported:
            self._reported = part
            elapsed = time.monotonic() - self._started
            self.tell(f"{100 * self._done // self._work:3d} % · {inputs} · {elapsed:.0f} s elapsed")

    def tell(self, text: str) -> None:
        """Write a line, above the bar if there is one."""
        self._console.print(Text(text), soft_wrap=True)


def _accuracies(batch: Batch, accuracy: NDArray[np.float32]) -> dict[str, str]:
    """Return the mean accuracy of regular and of spatial networks; of a grid, its least and its largest mean."""
    means: dict[str, list[float]] = {}
    for kind in dict.fromkeys(member.kind for member in batch.members):
        rows = [k for k, member in enumerate(batch.members) if member.kind == kind]
        means.setdefault(kind.split()[0], []).append(float(accuracy[rows].mean()))
    ends = {kind: dict.fromkeys((min(own), max(own))) for kind, own in means.items()}
    return {kind: " to ".join(f"{value:.3f}" for value in own) for kind, own in ends.items()}
