"""Operators that move elements: they are run on the numbers of the features in place of the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..table import operator
from ..values import NOTHING, Home, Value, constant, distinct
from ..walk import SCORES, Place


@operator("aten.view.default", "aten._unsafe_view.default", "aten.reshape.default")
def viewed(at: Place, value: Value, *arguments: Any) -> Value:
    """Give a value another shape."""
    # The shape as it came out: an index may lie in memory in an order that has no such view.
    return value.reshaped(value.index.reshape(at.output.shape))


@operator(
    "aten.flatten.using_ints",
    "aten.unflatten.int",
    "aten.permute.default",
    "aten.transpose.int",
    "aten.t.default",
    "aten.mT.default",
    "aten.movedim.int",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
    "aten.expand.default",
    "aten.select.int",
    "aten.slice.Tensor",
    "aten.narrow.default",
    "aten.repeat.default",
    "aten.flip.default",
    "aten.roll.default",
    "aten.index_select.default",
    "aten.index.Tensor",
    "aten.gather.default",
    "aten.diagonal.default",
    "aten.unfold.default",
    "aten.pixel_shuffle.default",
    "aten.pixel_unshuffle.default",
    "aten.channel_shuffle.default",
)
def moved(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Move elements, or take some of them."""
    return value.reshaped(_run(at, value.index, *arguments, **named))


@operator("aten.split.Tensor", "aten.split_with_sizes.default", "aten.chunk.default", "aten.unbind.int")
def divided(at: Place, value: Value, *arguments: Any, **named: Any) -> tuple[Value, ...]:
    """Divide a value into several."""
    return tuple(value.reshaped(index) for index in _run(at, value.index, *arguments, **named))


@operator(
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.alias.default",
    "aten.detach.default",
    "aten.lift_fresh_copy.default",
    "aten._to_copy.default",
    "aten.to.dtype",
    "aten.dropout.default",
    "aten.feature_dropout.default",
    "aten.alpha_dropout.default",
)
def unchanged(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Leave a value as it is: a copy, another precision, dropout of a model that is not training."""
    del at, arguments, named
    return value


@operator("aten.copy.default")
def copied(at: Place, value: Any, other: Any, *arguments: Any, **named: Any) -> Value:
    """Put a value in the place of another, as an assignment in place does."""
    if not isinstance(other, Value):
        return constant(at.output, at.home("neuron"))
    return replace(other, index=at.like_output(other))


@operator("aten.cat.default", "aten.stack.default")
def joined(at: Place, values: Sequence[Any], dim: int = 0) -> Value:
    """Put values beside each other; features of different values are different features, if they read other things."""
    flowing = [value for value in values if isinstance(value, Value)]
    if any(value.scores is not None for value in flowing):
        raise ValueError(at.unfit(*SCORES))
    offset, indices, starts = 0, list[Tensor](), dict[int, int]()
    for value in values:
        if isinstance(value, Tensor):
            indices.append(torch.full(value.shape, NOTHING))
            continue
        # Features that were made at once are the same features, wherever their places are put.
        key = id(value.parts) if value.parts else None
        start = starts.setdefault(key, offset) if key is not None else offset
        offset = max(offset, start + value.size)
        indices.append(torch.where(value.index >= 0, value.index + start, NOTHING))
    chosen = {id(value.parts): value for value in flowing if value.parts}
    index = at.node.target(indices, dim)  # type: ignore[operator]
    parts = _joined_parts(list(chosen.values()), [starts[key] for key in chosen], offset)
    homes = {value.home.module: value.home for value in flowing if value.parts}
    home = next(iter(homes.values())) if len(homes) == 1 else Home(at.module, flowing[0].home.unit, fresh=False)
    emits = {value.emits for value in chosen.values()}
    return Value(index, offset, parts, home, emits.pop() if len(emits) == 1 else None)


def _joined_parts(values: Sequence[Value], starts: Sequence[int], size: int) -> Any:
    """Return what joined features read: those of each value stand after those of the values before."""
    from ..maps import addition, selection
    from ..values import Part

    if len(values) == 1 and starts[0] == 0 and values[0].size == size:
        return values[0].parts
    maps: dict[int, list[Any]] = {}
    for value, start in zip(values, starts, strict=True):
        rows = torch.full((size,), NOTHING)
        rows[start : start + value.size] = torch.arange(value.size)
        outer = selection(rows.numpy(), value.size)
        for part in value.parts:
            maps.setdefault(part.source, []).append(part.map.after(outer))
    return tuple(Part(source, addition(of)) for source, of in maps.items())


@operator("aten.constant_pad_nd.default", "aten.pad.default")
def padded(at: Place, value: Value, pad: Sequence[int], *arguments: Any, **named: Any) -> Value:
    """Put constants, or copies of the elements, around a value."""
    mode = arguments[0] if arguments and isinstance(arguments[0], str) else named.get("mode", "constant")
    if mode == "constant":
        return value.reshaped(torch.nn.functional.pad(value.index, tuple(pad), value=NOTHING))
    return _copied_padding(value, tuple(pad), mode)


@operator("aten.reflection_pad1d.default", "aten.reflection_pad2d.default")
def reflected(at: Place, value: Value, pad: Sequence[int]) -> Value:
    """Put reflections of the elements around a value."""
    del at
    return _copied_padding(value, tuple(pad), "reflect")


@operator("aten.replication_pad1d.default", "aten.replication_pad2d.default")
def replicated(at: Place, value: Value, pad: Sequence[int]) -> Value:
    """Put copies of the outermost elements around a value."""
    del at
    return _copied_padding(value, tuple(pad), "replicate")


def _copied_padding(value: Value, pad: tuple[int, ...], mode: str) -> Value:
    # PyTorch pads floating-point numbers alone; those of float64 hold every number of a feature.
    return value.reshaped(torch.nn.functional.pad(value.index.double(), pad, mode=mode).long())


@operator("aten.where.self")
def where(at: Place, condition: Any, one: Any, other: Any) -> Value:
    """Take elements of one value where a condition holds, and of another elsewhere."""
    values = [value for value in (one, other) if isinstance(value, Value) and value.flows]
    if isinstance(condition, Value) and condition.parts:
        labels = ("",) if not values else ("factor1", "factor2", "factor3")[: len(values) + 1]
        return at.nonlinearity([condition, *values], "where", labels)
    if not values:
        return constant(at.output, at.home("neuron"))
    if isinstance(condition, Value):  # what holds depends on the example, but on no unit
        return at.added(values)
    if len(values) == 1:
        return _masked(at, condition if values[0] is one else ~condition, values[0])
    if any(value.scores is not None for value in values):
        raise ValueError(at.unfit(*SCORES))
    first, second = joined_features(one, other)
    index = torch.where(condition.cpu(), at.like_output(first), at.like_output(second))
    return replace(first, index=index, home=at.home(one.home.unit, fresh=False))


@operator("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(at: Place, value: Any, mask: Any, filling: Any) -> Value:
    """Put a constant in place of elements."""
    del filling
    if not isinstance(value, Value):
        return constant(at.output, at.home("neuron"))
    if isinstance(mask, Value):  # which elements are replaced depends on the example
        return value.reshaped(at.like_output(value))
    return _masked(at, ~mask, value)


def _masked(at: Place, stays: Tensor, value: Value) -> Value:
    if value.scores is not None:
        return value.reshaped(at.like_output(value))
    return value.reshaped(torch.where(stays.cpu(), at.like_output(value), NOTHING))


@operator("aten.slice_scatter.default", "aten.select_scatter.default")
def scattered(at: Place, value: Any, part: Any, *arguments: Any, **named: Any) -> Value:
    """Put a value in place of some elements of another."""
    if isinstance(value, Value) and isinstance(part, Value) and value.parts and part.parts:
        kept, part = joined_features(value, part)
    else:
        kept = value if isinstance(value, Value) and (value.parts or not isinstance(part, Value)) else part
    index: Tensor = at.node.target(_index(value), _index(part), *arguments, **named)  # type: ignore[operator]
    return replace(kept, index=index, home=at.home(kept.home.unit, fresh=False))


def joined_features(one: Value, other: Value) -> tuple[Value, Value]:
    """Return two values with their features numbered together."""
    size = one.size + other.size
    parts = _joined_parts([one, other], [0, one.size], size)
    moved = torch.where(other.index >= 0, other.index + one.size, NOTHING)
    together = replace(one, size=size, parts=parts, emits=None)
    return together, replace(together, index=moved, home=other.home)


def _index(value: Any) -> Tensor:
    return value.index if isinstance(value, Value) else torch.full(value.shape, NOTHING)


def _run(at: Place, index: Tensor, *arguments: Any, **named: Any) -> Any:
    """Run the operator on the numbers of the features; places chosen by the inputs must be those of one feature."""

    def plain(leaf: Any) -> Any:
        if isinstance(leaf, Value):
            return torch.zeros(leaf.index.shape, dtype=torch.int64)
        return leaf.cpu() if isinstance(leaf, Tensor) else leaf

    leaves = torch.utils._pytree.tree_leaves((arguments, named))
    if any(isinstance(leaf, Value) for leaf in leaves):
        places = arguments[0]  # of `index` a list of places for each dimension, else the dimension
        dims = [d for d, place in enumerate(places) if place is not None] if isinstance(places, list) else [places]
        if any(distinct(index)[0].shape[d] > 1 for d in dims if not _is_each(places, d, index)):
            raise ValueError(at.unfit("elements that are moved alike in every example", "units chosen by the inputs"))
    return at.node.target(index, *torch.utils._pytree.tree_map(plain, arguments), **named)  # type: ignore[operator]


def _is_each(places: Any, dim: int, index: Tensor) -> bool:
    """Return whether a constant takes every entry of a dimension once, as that of examples."""
    return isinstance(places, list) and isinstance(places[dim], Tensor) and index.shape[dim] == len(places[dim])
