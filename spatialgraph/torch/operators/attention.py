"""Attention: its heads are units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...graph.graph import IntArray
from ..maps import Units
from ..table import operator
from ..values import Value, constant, distinct
from ..walk import Entering, Place


@operator("aten.scaled_dot_product_attention.default")
def attention(at: Place, query: Any, key: Any, value: Any, *arguments: Any, **named: Any) -> Value:
    """Let every place read from others as much as its query meets their keys, softmax(q kᵀ / √d) v."""
    query, key, value = (v if isinstance(v, Value) else constant(v, at.home("head")) for v in (query, key, value))
    if named.get("enable_gqa"):
        groups = query.index.shape[-3] // key.index.shape[-3]
        key, value = (v.reshaped(v.index.repeat_interleave(groups, dim=-3)) for v in (key, value))
    lead = np.broadcast_shapes(*(v.index.shape[:-2] for v in (query, key, value)))
    slices = torch.arange(math.prod(lead)).reshape(*lead, 1, 1)
    return heads(at, slices, (query, key), value)


def product(at: Place, one: Value, other: Value) -> Value:
    """Return the product of two values as matrices: attention scores, or what is read by them."""
    if one.scores is not None and other.scores is None and other.parts:
        return heads(at, one.index, one.scores, other)
    if one.scores is None and other.scores is None:
        if distinct(one.index)[0].shape[-1] == 1 and distinct(other.index)[0].shape[-2] == 1:
            # Sums over places of products of two features, as pooling by attention makes them.
            rows, columns = one.reshaped(one.index[..., :1]), other.reshaped(other.index[..., :1, :])
            return at.nonlinearity([rows, columns], "product", ("factor1", "factor2"))
        lead = at.output.shape[:-2]
        slices = torch.arange(math.prod(lead)).reshape(*lead, 1, 1).expand(at.output.shape)
        keys = other.reshaped(other.index.mT)
        return Value(slices, int(slices.numel()), (), one.home, scores=(one, keys))
    raise ValueError(at.unfit("queries times keys, or attention scores times values", "a product of other streams"))


def heads(at: Place, slices: Tensor, scores: tuple[Value, Value], value: Value) -> Value:
    """Enter the heads of an attention; slices of matrices that read the same features are one head.

    Args:
        at: the operator that makes what the heads emit.
        slices: ``(..., 1 or more, 1 or more)``, for each matrix of scores the number that it had when it was made.
        scores: queries and keys, ``(..., places, dimensions)``; their leading dimensions are those that it had then.
        value: what is read, ``(..., places, dimensions)``.
    """
    lead, width = at.output.shape[:-2], at.output.shape[-1]
    number = slices[..., 0, 0].broadcast_to(lead).flatten()
    origin = np.broadcast_shapes(scores[0].index.shape[:-2], scores[1].index.shape[:-2])
    values = {"query": scores[0], "key": scores[1], "value": value}
    leads = {"query": origin, "key": origin, "value": lead}
    numbers = {label: torch.unravel_index(number % math.prod(leads[label]), leads[label]) for label in values}
    matrices = {label: v.index.broadcast_to(*leads[label], *v.index.shape[-2:]) for label, v in values.items()}
    # The features that the first place of each matrix reads tell the heads apart.
    read = torch.cat([matrices[label][..., 0, :][numbers[label]] for label in values], dim=1)
    head, first = _numbered(read)
    entering = []
    for label, of in values.items():
        rows, units = _readers(matrices[label][tuple(n[first] for n in numbers[label])])
        entering.append(Entering(label, of.selected(rows, torch.arange(len(rows))), Units(units, len(first))))
    size = len(first)
    element = (head[:, None] * width + torch.arange(width)).reshape(*lead, 1, width).expand(at.output.shape)
    return at.population(
        at.home("head"), "head", "attention", element, size, width, [e for e in entering if e.value.parts]
    )


def _numbered(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Number rows that are equal alike, in the order in which they come; return the numbers and the first of each."""
    distinct_rows, inverse = torch.unique(rows, dim=0, return_inverse=True)
    first = torch.full((len(distinct_rows),), len(rows)).scatter_reduce(0, inverse, torch.arange(len(rows)), "amin")
    order = first.argsort()
    return order.argsort()[inverse], first[order]


def _readers(matrices: Tensor) -> tuple[IntArray, IntArray]:
    """Return the features that each head reads: ``(readings,)`` features, and the head of each."""
    rows, units = [], []
    for head, matrix in enumerate(matrices):
        features = torch.unique(matrix)
        features = features[features >= 0]
        rows.append(features.numpy())
        units.append(np.full(len(features), head))
    return np.concatenate(rows), np.concatenate(units)
