"""The spatial costs of any module, written with loops over pairs of units, to be differentiated automatically."""

from itertools import pairwise

import torch
from torch import nn


def norm(block):
    return block.reshape(-1).square().sum().sqrt()


def matrix(units, sources, block):
    """Return what `block` returns of every pair (units, sources): a connection's weights, or None if there is none."""
    return [[block(t, s) for s in range(sources)] for t in range(units)]


def plain_transport(entries, own, average, strength):
    """Sum over pairs of (blocks, source positions): the equation as one reads it."""
    total, count = 0, 0
    for blocks, source in entries:
        for t, row in enumerate(blocks):
            for s, block in enumerate(row):
                if block is not None:
                    size = norm(block) if strength == "absolute" else norm(block) ** 2
                    square = (own[t] - source[s]).square().sum()
                    total = total + (size * square.sqrt() if square > 0 else 0)  # the root's gradient at 0 is infinite
                    count += 1
    return total / (count if average == "connections" else len(own))


def plain_cost(cost, described, average="connections", strength="absolute"):
    """Return the cost of what a case describes: population to its entries (blocks, names of sources)."""
    place = {name: cost.get_parameter("positions/" + name.replace(".", "/")) for name in cost.positions}
    parts = []
    for name, entries in described.items():
        entries = [(blocks, torch.cat([place[source] for source in sources])) for blocks, sources in entries]
        distance = (place[name][:, None] - place[name][None]).square().sum(-1)
        distance = torch.where(distance > 0, distance, 1.0).sqrt() * (distance > 0)
        parts.append(
            cost.transport * plain_transport(entries, place[name], average, strength)
            + cost.density * torch.exp(-distance).mean()
        )
    return sum(parts) / len(parts)


def mlp(*sizes):
    """Return layers fc1, fc2 … out of these sizes."""
    names = [*(f"fc{k}" for k in range(1, len(sizes) - 1)), "out"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.ModuleDict(dict(zip(names, made, strict=True)))
