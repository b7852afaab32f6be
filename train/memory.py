"""How many networks train at a time: what the memory of a device holds, and on a CPU what is fastest."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .model import EVALUATION_BLOCK, positioned
from .settings import Experiment

_SHARE = 0.7  # of the memory of a device, left for networks by other processes and by what libraries reserve
_FLOAT = 4  # bytes

# On a CPU, more networks at a time are slower, since what a step moves leaves the cache: measured with 1 to 64 networks
# of the paper on two cores (`benchmarks/training.py`). More threads need more to do.
_NETWORKS_OF_A_THREAD, _LEAST = 2, 4


class Limit(NamedTuple):
    """How many networks may train as one batch.

    Attributes:
        networks: at least 1.
        reason: why not more, as a person is told.
    """

    networks: int
    reason: str


def networks_at_once(experiment: Experiment, sizes: Sequence[int], data: int, device: torch.device) -> Limit:
    """Return how many networks are trained as one batch.

    Args:
        experiment: the settings.
        sizes: the number of units of every layer, the input first.
        data: bytes of what lies on the device for all networks.
        device: where they train.
    """
    room = min(memory_of(device) - data, 2.0**60)
    fitting = Limit(max(1, int(room // bytes_of_a_network(experiment, sizes))), f"what the memory of {device} holds")
    if device.type != "cpu":
        return fitting
    fastest = Limit(max(_LEAST, _NETWORKS_OF_A_THREAD * torch.get_num_threads()), "what is fastest on this processor")
    return min(fitting, fastest, key=lambda limit: limit.networks)


def bytes_of_a_network(experiment: Experiment, sizes: Sequence[int]) -> int:
    """Return about how many bytes training takes for each network: most at a step, or when it is judged."""
    parameters = sum((source + 1) * size for source, size in itertools.pairwise(sizes))
    parameters += experiment.dimensions * sum(sizes[k] for k in positioned(experiment))
    examples = experiment.batch_size * (sum(sizes) + max(sizes[1:]) + 5 * sizes[-1])
    pairs = max(sizes[k] * max(sizes[k - 1 : k + 1]) for k in experiment.penalised)
    judged = sizes[0] * sizes[1] + EVALUATION_BLOCK * 3 * max(sizes[1:])
    # Parameters: their values, their gradient and the two moments of Adam.
    return _FLOAT * (4 * parameters + examples + 2 * pairs + judged)


def memory_of(device: torch.device) -> float:
    """Return how many bytes of a device networks may take: a share of its memory, or what others have left of that."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return min(_SHARE * total, free)
    if hasattr(os, "sysconf"):
        return _SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float("inf")
