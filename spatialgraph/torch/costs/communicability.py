"""The transport cost times communicability, for layers (Achterberg et al. 2023)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from .cost import Layer, Paying, cost

Blocks = dict[tuple[str, str], Tensor]
"""A symmetric matrix of all units by its blocks: two populations to ``(networks, units, units)``; none is all 0."""


@cost(
    "communicability",
    symbol="χ",
    default=1.0,
    reason="As the transport cost: the same, if all weights of a layer are of one size.",
    needs=["positions"],
)
def communicability(paying: Paying) -> Tensor:
    r"""Pay for the length of connections, weighted by their strength and by the communicability of their two units.

    .. math:: \frac{1}{L} \sum_l \frac{1}{N_l} \sum_{ij \in l} |w_{ij}| \, \lVert p_i - p_j \rVert \,
        \frac{c_{ij}}{c_l} \qquad c = \exp(S^{-1/2} |W| S^{-1/2})

    over the L paying layers, N_l their connections, |W| the undirected graph of all paying layers, S the strengths of
    its units: sums of |w| (Achterberg et al. 2023, Spatially embedded recurrent neural networks,
    doi:10.1038/s42256-023-00748-9; Crofts & Higham 2009, doi:10.1098/rsif.2008.0484).

    Communicability sums the walks between two units, those of k steps divided by k!. The sum ends at five steps. Where
    layers are in a chain only odd numbers of steps lead from a layer to the next: c = A + A³/3! + A⁵/5!, and as no
    eigenvalue of A = S^(−1/2) |W| S^(−1/2) is larger than 1, what is left out is a matrix of spectral norm 2.1·10⁻⁴ at
    most, sinh 1 − (1 + 1/3! + 1/5!). Where populations are in an odd cycle, or lead to themselves, even numbers of
    steps count, too; then it is 1.7·10⁻³ at most.

    Achterberg et al. do not divide by c_l, which is the communicability of the layer if all weights are of one size: a
    number that depends on the sizes of populations alone. With it a network whose weights are all alike pays what it
    pays for transport; connections that carry more of their units' strength than that pay more. c is of |w|, whatever
    `Paying.strength` is. A unit without connections communicates with none.
    """
    ends = [(layer.source.name, layer.target.name) for layer in paying.layers]
    whole = exponential(normalised(ends, [layer.weight.abs() for layer in paying.layers]), ends)
    equal = _of_equal_weights(paying.layers)
    costs = [
        paying.transport(layer, layer.distance * c) / scale
        for layer, c, scale in zip(paying.layers, whole, equal, strict=True)
    ]
    return torch.stack(costs).mean(dim=0)


def exponential(adjacency: Blocks, ends: Sequence[tuple[str, str]]) -> list[Tensor]:
    """Return some blocks of the exponential of a symmetric matrix, to the fifth power, without the matrix 1.

    Args:
        adjacency: the matrix A.
        ends: two populations each, of a block that is not all 0.

    Returns:
        ``(networks, units, units)`` for each of `ends`.
    """
    # With both ends of a layer in `side`, even powers lead from one to the other, too. Of a chain `side` is every other
    # population: A² and A⁴ are needed between those alone, which saves two thirds of the products.
    side = _side(adjacency, {x: block.shape[1] for (x, _), block in adjacency.items()})
    second = _squared(adjacency, side)
    fourth = _squared(second, side)
    odd = _sum(second, 1 / 6, fourth, 1 / 120)  # A³/3! + A⁵/5! is A times this
    even = _sum(second, 1 / 2, fourth, 1 / 24)
    found = []
    for source, target in ends:
        one, other = (source, target) if target in side else (target, source)
        block = adjacency[one, other]
        for step, rest in _steps(adjacency, odd, one, other):
            block = torch.baddbmm(block, step, rest)
        if one in side and (one, other) in even:
            block = block + even[one, other]
        found.append(block if other == target else block.mT)
    return found


def _sum(one: Blocks, factor: float, other: Blocks, other_factor: float) -> Blocks:
    scaled = {pair: block * other_factor for pair, block in other.items()}
    return scaled | {
        pair: block * factor if pair not in other else torch.add(scaled[pair], block, alpha=factor)
        for pair, block in one.items()
    }


def _steps(first: Blocks, second: Blocks, one: str, other: str) -> list[tuple[Tensor, Tensor]]:
    """Return the blocks whose products add up to that of two populations in the product of two matrices."""
    return [(block, second[z, other]) for (x, z), block in first.items() if x == one and (z, other) in second]


def _squared(matrix: Blocks, side: Sequence[str]) -> Blocks:
    """Return the square of a symmetric matrix at the populations of one side, transposed blocks once."""
    square: Blocks = {}
    for number, one in enumerate(side):
        for other in side[number:]:
            if steps := _steps(matrix, matrix, one, other):
                total = torch.bmm(*steps[0])
                for step in steps[1:]:
                    total = torch.baddbmm(total, *step)
                square[one, other] = total
                square[other, one] = total.mT
    return square


def normalised(ends: Sequence[tuple[str, str]], strengths: Sequence[Tensor]) -> Blocks:
    """Return the undirected graph of layers, divided by the roots of the strengths of both units.

    Args:
        ends: source and target of each layer.
        strengths: of its connections, at least 0, ``(networks, source units, target units)``.
    """
    once: Blocks = {}  # of two blocks that are each other's transpose, one
    for (source, target), strength in zip(ends, strengths, strict=True):
        pair, block = ((target, source), strength.mT) if (target, source) in once else ((source, target), strength)
        block = block + block.mT if source == target else block
        once[pair] = once[pair] + block if pair in once else block
    sums: dict[str, Tensor] = {}
    for (one, other), block in once.items():
        sums[one] = sums.get(one, 0) + block.sum(dim=2)
        if one != other:
            sums[other] = sums.get(other, 0) + block.sum(dim=1)
    scale = {name: _inverse_root(total) for name, total in sums.items()}
    graph = {(x, y): block * scale[x][:, :, None] * scale[y][:, None, :] for (x, y), block in once.items()}
    return graph | {(y, x): block.mT for (x, y), block in graph.items() if x != y}


def _inverse_root(strength: Tensor) -> Tensor:
    # A strength so small that the gradient of its inverse root overflows counts as none.
    some = strength > torch.finfo(strength.dtype).tiny ** 0.5
    inverse: Tensor = torch.where(some, strength, 1.0).rsqrt() * some
    return inverse


def _of_equal_weights(layers: Sequence[Layer]) -> list[float]:
    """Return the communicability of each layer if all weights are of one size."""
    ends = [(layer.source.name, layer.target.name) for layer in layers]
    # Units of a population are then alike: each population is one unit of a graph, with all connections of a layer as
    # one. Its communicability is that of two populations, the root of the number of pairs times that of two units.
    pairs = [layer.source.size * layer.target.size for layer in layers]
    whole = exponential(
        normalised(ends, [torch.tensor([[[float(pair)]]], dtype=torch.float64) for pair in pairs]), ends
    )
    return [block.item() / math.sqrt(pair) for block, pair in zip(whole, pairs, strict=True)]


def _side(pairs: Collection[tuple[str, str]], sizes: Mapping[str, int]) -> list[str]:
    """Return populations such that every pair has one of them, the smaller half of each part of the graph.

    Of a part that has an odd cycle, which no halves have, return all.
    """
    found: list[str] = []
    half: dict[str, bool] = {}
    for start in sizes:
        if start in half:
            continue
        half[start], part = True, [start]
        for name in part:  # grows meanwhile
            for other in (y for x, y in pairs if x == name and y not in half):
                half[other] = not half[name]
                part.append(other)
        if any(half[x] == half[y] for x, y in pairs if x in part):
            found += part
        else:
            halves = ([name for name in part if half[name] is which] for which in (True, False))
            found += min(halves, key=lambda names: sum(sizes[name] for name in names))
    return found
