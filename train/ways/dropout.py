"""Dropout: hidden neurons are switched off at random while a network trains."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .way import Group, Way, way

_STREAM = 5  # of random numbers, another than those of weights, positions and examples

# Factors of a hash of 32 bits in which every bit of a result depends on every bit of the number, as signed numbers
# (Wellons 2018, Prospecting for hash functions, "lowbias32").
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - 2**32
_HALF, _LOW = 0x7FFFFFFF, 0x1FFFF  # the bits that stay when a number is shifted by 1, by 15


@way(
    "dropout",
    symbol="p",
    default=0.1,
    reason="0.5, published for wide layers, keeps the demo's networks, of 64 neurons a layer, from learning.",
    allowed="a number of at least 0 and below 1",
    fits=lambda value: 0 <= value < 1,
)
class Dropout(Way):
    r"""Switch off every hidden neuron with a probability, for each example of each step anew.

    What the others emit is divided by 1 − p, so that nothing changes when a trained network is judged, with all its
    neurons (Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting, JMLR 15;
    that it makes networks modular: Lange et al. 2022, Clustering units in neural networks, arXiv 2203.16680).

    Which neurons are off is a hash of the seed, the step, the example and the neuron: the same on every device.
    """

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        seeds = tuple(dict.fromkeys(group.seeds))
        device = group.stack.position.device
        units = [bias.shape[2] for bias in group.stack.biases[:-1]]
        shape = (len(seeds), group.experiment.batch_size)
        keys = [np.random.default_rng([seed, _STREAM]).integers(-(2**31), 2**31, len(units)) for seed in seeds]
        self._keys = torch.tensor(np.stack(keys), dtype=torch.int32, device=device)  # (seeds, layers)
        places = [_hashed(torch.arange(shape[1] * n, dtype=torch.int32, device=device)) for n in units]
        self._places = [place.view(1, shape[1], n) for place, n in zip(places, units, strict=True)]
        self._drawn = torch.empty(shape[0] * shape[1] * max(units), dtype=torch.int32, device=device)
        self._of_seed = torch.tensor([seeds.index(seed) for seed in group.seeds], device=device)
        kept = 1 - group.value
        self._share = kept[:, None, None]
        # Numbers up to this threshold, of 2³¹ that are equally likely, keep a neuron.
        self._threshold = (kept.double() * 2**31 - 1).to(torch.int32)[:, None, None]
        self._kept: dict[int, Tensor] = {}
        for layer, n in enumerate(units, start=1):
            self._kept[layer] = torch.empty(len(group.seeds), shape[1], n, dtype=group.value.dtype, device=device)

    def forward(self, layer: int, values: Tensor) -> None:
        """Multiply what a layer emits by 0, or by 1 / (1 − p)."""
        place = self._places[layer - 1]
        drawn = self._drawn[: len(self._keys) * place.numel()].view(-1, *place.shape[1:])
        step = self.group.taken.to(torch.int32) * _FIRST  # wraps around
        key = _hashed(self._keys[:, layer - 1] ^ step)
        torch.bitwise_xor(place, key[:, None, None], out=drawn)
        _hash(drawn)
        drawn.bitwise_and_(_HALF)
        torch.le(drawn.index_select(0, self._of_seed), self._threshold, out=self._kept[layer])
        self._kept[layer].div_(self._share)
        values.mul_(self._kept[layer])

    def backward(self, layer: int, gradient: Tensor, values: Tensor) -> None:
        """Multiply the gradient by the same, and restore what kept neurons emit."""
        gradient.mul_(self._kept[layer])
        values.mul_(self._share)  # of a neuron that was off, the gradient is 0 whatever its value is


def _hash(numbers: Tensor) -> None:
    """Replace 32-bit numbers by a hash of each."""
    # Shifts of signed numbers repeat the sign, which is taken off.
    numbers.bitwise_xor_((numbers >> 16) & 0xFFFF)
    numbers.mul_(_FIRST)
    numbers.bitwise_xor_((numbers >> 15) & _LOW)
    numbers.mul_(_SECOND)
    numbers.bitwise_xor_((numbers >> 16) & 0xFFFF)


def _hashed(numbers: Tensor) -> Tensor:
    numbers = numbers.clone()
    _hash(numbers)
    return numbers
