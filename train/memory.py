"""How many networks train at a time: as many as a device's memory holds, or on a CPU as many as train fastest."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .checks import SettingError
from .data import Dataset
from .model import EVALUATION_BLOCK, positioned
from .settings import Experiment

_SHARE = 0.7  # of the memory of a device, left for networks by other processes and by what libraries reserve
_FLOAT = 4  # bytes

# On a CPU, each core trains a batch of its own, which is fastest when the data of a step stay in the cache: measured
# with 1 to 64 networks of the paper, of 5 MB each (`benchmarks/training.py`). Of small networks, more are needed.
_CACHE, _LEAST = 10 * 2**20, 4


class Limit(NamedTuple):
    """How many networks may train as one batch.

    Attributes:
        networks: at least 1.
        reason: why not more, in words for the user.
    """

    networks: int
    reason: str


def networks_at_once(
    experiment: Experiment, sizes: Sequence[int], data: int, device: torch.device, networks: int
) -> Limit:
    """Return how many networks are trained as one batch.

    Args:
        experiment: the settings.
        sizes: the number of units of every layer, the input first.
        data: bytes on the device that all networks share.
        device: where they train.
        networks: how many there are in all, of every input mode: on a CPU, each core is to have some.

    Raises:
        SettingError: not even one fits into all the memory that the device has.
    """
    _require_room(data + bytes_of_a_network(experiment, sizes), device)
    room = min(memory_of(device) - data, 2.0**60)
    each, held_by = bytes_of_a_network(experiment, sizes), f"what the memory of {device} holds"
    if device.type != "cpu":
        return Limit(max(1, int(room // each)), held_by)
    cores = torch.get_num_threads()
    fitting = Limit(max(1, int(room // (cores * each))), held_by)
    cached = max(_LEAST, _CACHE // bytes_of_a_step(experiment, sizes))
    fastest = Limit(min(cached, math.ceil(networks / cores)), "what is fastest on this processor")
    return min(fitting, fastest, key=lambda limit: limit.networks)


def _require_room(needed: int, device: torch.device) -> None:
    """Raise SettingError before anything is reserved if a network can never fit."""
    whole = whole_memory_of(device)
    if needed > whole:
        raise SettingError(
            f"hidden, dimensions, batch_size: expected a network that trains in the {whole / 2**30:.3g} GiB of "
            f"{device}, found one that takes {needed / 2**30:.3g} GiB"
        )


def bytes_of_examples(datasets: Sequence[Dataset], inputs: int) -> int:
    """Return how many bytes of a device the examples take: images to train on, and held-out inputs in float32."""
    return sum(dataset.train.images.nbytes + _FLOAT * inputs * len(dataset.test) for dataset in datasets)


def bytes_of_a_network(experiment: Experiment, sizes: Sequence[int]) -> int:
    """Return about how many bytes each network takes in training: those of a step and those of its evaluation."""
    judged = sizes[0] * sizes[1] + EVALUATION_BLOCK * 3 * max(sizes[1:])
    return bytes_of_a_step(experiment, sizes) + _FLOAT * judged


def bytes_of_a_step(experiment: Experiment, sizes: Sequence[int]) -> int:
    """Return about how many bytes a step moves for each network."""
    parameters = sum((source + 1) * size for source, size in itertools.pairwise(sizes))
    parameters += experiment.dimensions * sum(sizes[k] for k in positioned(experiment))
    examples = experiment.batch_size * (sum(sizes) + max(sizes[1:]) + 5 * sizes[-1])
    pairs = max(sizes[k] * max(sizes[k - 1 : k + 1]) for k in experiment.penalised)
    # Parameters: their values, their gradient and the two moments of Adam.
    return _FLOAT * (4 * parameters + examples + 2 * pairs)


def memory_of(device: torch.device) -> float:
    """Return how many bytes of a device networks may take: a share of its memory, or less if other processes use it."""
    share = _SHARE * whole_memory_of(device)
    return min(share, torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else share


def whole_memory_of(device: torch.device) -> float:
    """Return how many bytes of memory a device has, infinity if that is not known."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[1])
    if hasattr(os, "sysconf"):
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return float("inf")
