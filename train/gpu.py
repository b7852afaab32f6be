"""Kernels for a GPU, in Triton, which comes with PyTorch there.

They do what PyTorch's operations do elsewhere, and what `costs.c` does on a processor. A step of many small networks
waits for memory: operations write what the next ones read, and the costs pass over all pairs of neurons some thirty
times. A kernel reads what it needs once, and writes results alone. Sums are in a fixed order: the same networks give
the same bits.
"""

# ruff: noqa: ANN001, ANN202  # what Triton compiles has no types

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

# How many neurons a program sums up the pulls at, and over how many others at a time; how many inputs it shows; and of
# how many units, by how many examples at a time, it computes the gradient. All are powers of 2.
_OWN, _OTHER, _INPUTS, _UNITS, _EXAMPLES = 32, 64, 1024, 64, 32
_VALUES = 1024  # how many hidden values a program computes


def try_out(like: Tensor) -> None:
    """Raise an exception if kernels cannot be compiled and run on the device of a tensor."""
    number = like.new_ones(1)
    with torch.cuda.device_of(number):
        _clear[1,](number)
    if number.item():
        raise RuntimeError("a kernel did nothing")


@triton.jit
def _clear(number):
    tl.store(number, 0.0)


def show(images: Tensor, layout: Tensor, index: Tensor, out: Tensor) -> None:
    """Write inputs to which the images of each task are added, from some place on.

    Args:
        images: of all tasks, one after the other, uint8.
        layout: ``(tasks, 3)`` int64: where the images of a task begin, how many pixels each has, and the input that the
            first of them is added to.
        index: ``(tasks, examples)``, which images.
        out: ``(examples, inputs)``.
    """
    tasks, examples = index.shape
    with torch.cuda.device_of(out):
        _show[examples, math.ceil(out.shape[1] / _INPUTS)](
            *(images, layout, index, out, examples, out.shape[1]), tasks=tasks, block=_INPUTS
        )


@triton.jit
def _show(images, layout, index, out, examples, inputs, tasks: tl.constexpr, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * block + tl.arange(0, block)
    total = tl.zeros((block,), dtype=tl.float32)
    for task in tl.static_range(tasks):
        begin, pixels, first = (
            tl.load(layout + 3 * task),
            tl.load(layout + 3 * task + 1),
            tl.load(layout + 3 * task + 2),
        )
        image = tl.load(index + task * examples + row).to(tl.int64)
        pixel = place - first
        shown = (pixel >= 0) & (pixel < pixels)
        total += tl.load(images + begin + image * pixels + pixel, mask=shown, other=0).to(tl.float32)
    tl.store(out + row * inputs + place, total, mask=place < inputs)


def activate(values: Tensor, bias: Tensor, activation: str) -> None:
    """Replace the values of a hidden layer by what it emits.

    Args:
        values: ``(networks, examples, units)``, without the biases.
        bias: ``(networks, 1, units)``.
        activation: one of `model.ACTIVATIONS`.
    """
    networks, examples, units = values.shape
    with torch.cuda.device_of(values):
        _activate[networks, math.ceil(examples * units / _VALUES)](
            *(values, bias, examples * units, units), activation=activation, block=_VALUES
        )


@triton.jit
def _activate(values, bias, count, units, activation: tl.constexpr, block: tl.constexpr):
    network = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * block + tl.arange(0, block)
    known = place < count
    here = values + network * count + place
    x = tl.load(here, mask=known, other=0.0) + tl.load(bias + network * units + place % units, mask=known, other=0.0)
    if activation == "sigmoid":
        small = tl.exp(-tl.abs(x))  # which no number is too large for
        x = tl.where(x < 0, small, 1.0) / (1 + small)
    elif activation == "tanh":
        small = tl.exp(-2 * tl.abs(x))
        size = (1 - small) / (1 + small)
        square = x * x  # near 0, where the difference loses digits, the first terms of the series
        series = x * (1 - square / 3 + square * square * (2 / 15 - square * 17 / 315))
        x = tl.where(tl.abs(x) < 0.1, series, tl.where(x < 0, -size, size))
    elif activation == "clipped-relu":
        x = tl.where(x < 0, 0.0, tl.where(x > 1, 1.0, x))
    else:
        x = tl.where(x < 0, 0.0, x)
    tl.store(here, x, mask=known)


def differentiate(gradient: Tensor, values: Tensor, by_bias: Tensor, activation: str) -> None:
    """Replace what a hidden layer emits by the gradient before its activation, and write the gradient by its biases.

    Args:
        gradient: by what the layer emits, ``(networks, examples, units)``.
        values: what it emits, of the same shape.
        by_bias: ``(networks, 1, units)``.
        activation: one of `model.ACTIVATIONS`.
    """
    networks, examples, units = values.shape
    with torch.cuda.device_of(values):
        _differentiate[networks, math.ceil(units / _UNITS)](
            *(gradient, values, by_bias, examples, units),
            activation=activation,
            unit_block=_UNITS,
            example_block=_EXAMPLES,
        )


@triton.jit
def _differentiate(
    gradient,
    values,
    by_bias,
    examples,
    units,
    activation: tl.constexpr,
    unit_block: tl.constexpr,
    example_block: tl.constexpr,
):
    network = tl.program_id(0).to(tl.int64)
    unit = tl.program_id(1) * unit_block + tl.arange(0, unit_block)
    is_unit = unit < units
    total = tl.zeros((unit_block,), dtype=tl.float32)
    for start in range(0, examples, example_block):
        example = start + tl.arange(0, example_block)
        known = (example < examples)[:, None] & is_unit[None, :]
        place = network * examples * units + example[:, None] * units + unit[None, :]
        g, v = tl.load(gradient + place, mask=known, other=0.0), tl.load(values + place, mask=known, other=0.0)
        if activation == "sigmoid":
            g = g * (1 - v) * v
        elif activation == "tanh":
            g = g * (1 - v * v)
        elif activation == "clipped-relu":
            g = tl.where((v > 0) & (v < 1), g, 0.0)
        else:
            g = tl.where(v > 0, g, 0.0)
        tl.store(values + place, g, mask=known)
        total += tl.sum(g, axis=0)
    tl.store(by_bias + network * units + unit, total, mask=is_unit)


def add_transport(
    weight: Tensor,
    by_weight: Tensor,
    strength: Tensor,
    position: Tensor,
    pull: Tensor,
    firsts: tuple[int, int],
    share: float,
    *,
    squared: bool,
) -> None:
    """Add the gradients of share · Σ strength · distance over the connections of a layer.

    Args:
        weight: ``(networks, source units, units)``.
        by_weight: of the same shape; α times the gradient by the weights is added to it.
        strength: α of each network.
        position: ``(networks, units of all layers, dim)``.
        pull: of the same shape; the gradient by the positions is added to it.
        firsts: the first unit of the source, and that of the layer.
        share: the factor of the sum.
        squared: whether the strength of a connection is w² instead of |w|.
    """
    networks, units, dim = position.shape
    sources, targets = weight.shape[1:]
    source, target = (firsts[0], sources, targets), (firsts[1], targets, 1)
    with torch.cuda.device_of(position):
        for own, other, with_weights in ((target, source, True), (source, target, False)):
            _transport[networks, math.ceil(own[1] / _OWN)](
                *(weight, by_weight, strength, position, pull, units, *own, *other, share),
                dim=dim,
                axes=triton.next_power_of_2(dim),
                squared=squared,
                with_weights=with_weights,
                own_block=_OWN,
                other_block=_OTHER,
            )


@triton.jit
def _transport(
    weight,
    by_weight,
    strength,
    position,
    pull,
    units,
    own_first,  # which neurons: the first, their number, and the step between their weights
    own_count,
    own_step,
    other_first,
    other_count,
    other_step,
    share,
    dim: tl.constexpr,
    axes: tl.constexpr,  # dim, or the next power of 2
    squared: tl.constexpr,
    with_weights: tl.constexpr,
    own_block: tl.constexpr,
    other_block: tl.constexpr,
):
    network = tl.program_id(0).to(tl.int64)
    own = tl.program_id(1) * own_block + tl.arange(0, own_block)
    is_own = own < own_count
    places = position + network * units * dim
    here = places + (own_first + own) * dim
    connections = network * own_count * other_count
    total = tl.zeros((own_block, axes), dtype=tl.float32)
    for start in range(0, other_count, other_block):
        other = start + tl.arange(0, other_block)
        is_other = other < other_count
        there = places + (other_first + other) * dim
        distance = _distances(here, there, is_own, is_other, dim)
        is_pair = is_own[:, None] & is_other[None, :]
        index = connections + own[:, None] * own_step + other[None, :] * other_step
        w = tl.load(weight + index, mask=is_pair, other=0.0)
        size = w * w if squared else tl.abs(w)
        total += _pulls(size, distance, here, there, is_own, is_other, dim, axes)
        if with_weights:
            slope = 2 * w if squared else (w > 0).to(tl.float32) - (w < 0).to(tl.float32)
            factor = tl.load(strength + network) * share
            before = tl.load(by_weight + index, mask=is_pair, other=0.0)
            tl.store(by_weight + index, before + factor * slope * distance, mask=is_pair)
    axis = tl.arange(0, axes)[None, :]
    sums, is_sum = pull + (network * units + own_first + own)[:, None] * dim + axis, is_own[:, None] & (axis < dim)
    tl.store(sums, tl.load(sums, mask=is_sum, other=0.0) + share * total, mask=is_sum)


def write_density(position: Tensor, pull: Tensor, closeness: Tensor, first: int, count: int, share: float) -> None:
    """Write share · Σ exp(−distance) over all ordered pairs of a layer's neurons, and its gradient.

    Args:
        position: ``(networks, units of all layers, dim)``.
        pull: of the same shape; those of the layer are replaced by the gradient by its positions.
        closeness: ``(networks, units of all layers)``; those of the layer are replaced by each neuron's part of it.
        first: the first unit of the layer.
        count: how many it has.
        share: the factor of the sum.
    """
    networks, units, dim = position.shape
    with torch.cuda.device_of(position):
        _density[networks, math.ceil(count / _OWN)](
            *(position, pull, closeness, units, first, count, share),
            dim=dim,
            axes=triton.next_power_of_2(dim),
            own_block=_OWN,
            other_block=_OTHER,
        )


@triton.jit
def _density(
    position,
    pull,
    closeness,
    units,
    first,
    count,
    share,
    dim: tl.constexpr,
    axes: tl.constexpr,  # dim, or the next power of 2
    own_block: tl.constexpr,
    other_block: tl.constexpr,
):
    network = tl.program_id(0).to(tl.int64)
    own = tl.program_id(1) * own_block + tl.arange(0, own_block)
    is_own = own < count
    places = position + (network * units + first) * dim
    here = places + own * dim
    total = tl.zeros((own_block, axes), dtype=tl.float32)
    near = tl.zeros((own_block,), dtype=tl.float32)
    for start in range(0, count, other_block):
        other = start + tl.arange(0, other_block)
        is_other = other < count
        there = places + other * dim
        distance = _distances(here, there, is_own, is_other, dim)
        close = tl.where(is_own[:, None] & is_other[None, :], tl.exp(-distance), 0.0)
        near += tl.sum(close, axis=1)
        total += _pulls(close, distance, here, there, is_own, is_other, dim, axes)
    axis = tl.arange(0, axes)[None, :]
    sums = pull + (network * units + first + own)[:, None] * dim + axis
    # Every pair counts twice in the sum, once from either side.
    tl.store(sums, -2 * share * total, mask=is_own[:, None] & (axis < dim))
    tl.store(closeness + network * units + first + own, share * near, mask=is_own)


@triton.jit
def _distances(here, there, is_own, is_other, dim: tl.constexpr):
    square = (is_own[:, None] & is_other[None, :]).to(tl.float32) * 0  # zeros of the shape
    for k in tl.static_range(dim):
        one, two = tl.load(here + k, mask=is_own, other=0.0), tl.load(there + k, mask=is_other, other=0.0)
        apart = one[:, None] - two[None, :]
        square += apart * apart
    return tl.sqrt(square)


@triton.jit
def _pulls(size, distance, here, there, is_own, is_other, dim: tl.constexpr, axes: tl.constexpr):
    """Return Σ_j size_ij / d_ij (p_i − q_j) along each axis; coincident neurons do not pull at each other."""
    force = tl.where(distance > 0, size, 0.0) / tl.where(distance > 0, distance, 1.0)
    axis = tl.arange(0, axes)[None, :]
    pulls = (is_own[:, None] & (axis < 0)).to(tl.float32)
    for k in tl.static_range(dim):
        one, two = tl.load(here + k, mask=is_own, other=0.0), tl.load(there + k, mask=is_other, other=0.0)
        along = tl.sum(force * (one[:, None] - two[None, :]), axis=1)
        pulls += tl.where(axis == k, along[:, None], 0.0)
    return pulls
