"""Measures of where strength lies: within the tasks of a split, or between them."""

from __future__ import annotations

import numpy as np

from ..communities import Communities, communities
from ..network import Network, NotApplicableError
from ..splits.split import Split
from .metric import Measurement, metric


@metric("modularity", of="split", better="high", weights=True)
def modularity(network: Network, split: Split) -> float:
    """Measure how much more strength lies within tasks than expected of the neurons' total strengths.

    Q = Σ_c [L_c / m − (k_c / 2m)²],  L_c the strength within community c, k_c the summed strengths of its neurons, m
    the total strength; directions are ignored. "Finding and evaluating community structure in networks", Newman &
    Girvan 2004, arXiv cond-mat/0308217, with weights as in "Analysis of weighted networks", Newman 2004, arXiv
    cond-mat/0407503. From −1/2 to 1. The expectation includes connections within layers, which cannot exist, and values
    are not comparable between networks of different density.

    Args:
        network: the network.
        split: a partition; a neuron that serves no task is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    found = _with_strength(network, split)
    degree = found.leaving + found.entering
    return float((found.within / found.total - (degree / (2 * found.total)) ** 2).sum())


@metric("directed-modularity", of="split", better="high", weights=True)
def directed_modularity(network: Network, split: Split) -> float:
    """Measure how much more strength lies within tasks than expected of what leaves and what enters the neurons.

    Q = Σ_c [L_c / m − (out_c · in_c) / m²],  the symbols as in `modularity`, out_c and in_c the strengths that leave
    and enter the neurons of community c. "Community structure in directed networks", Leicht & Newman 2008, arXiv
    0709.4500. From −1 to 1.

    Args:
        network: the network.
        split: a partition; a neuron that serves no task is a community of its own.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    found = _with_strength(network, split)
    return float((found.within / found.total - found.leaving * found.entering / found.total**2).sum())


@metric("cut", of="split", better="low", weights=True)
def cut(network: Network, split: Split) -> float:
    """Measure the share of the total strength that runs between neurons of different tasks.

    From 0 to 1. A connection of a neuron that serves no task is part of the total and runs between no two tasks.

    Args:
        network: the network.
        split: a partition.

    Raises:
        NotApplicableError: the split is no partition, or there is no strength.
    """
    found = _with_strength(network, split)
    of_tasks = found.between.sum(axis=0)[:-1, :-1]
    return float((of_tasks.sum() - of_tasks.trace()) / found.total)


@metric("share", of="split", better="", weights=False)
def share(network: Network, split: Split) -> list[Measurement]:
    """Measure which fraction of the neurons serves each task, in each split layer and in all of them together.

    From 0 to 1. The shares of a layer add up to 1 if every neuron serves just one task.

    Args:
        network: the network.
        split: any split.

    Raises:
        NotApplicableError: no layer is split.
    """
    if not split.membership:
        raise NotApplicableError(f"share: expected split layers in network {network.name!r}, found none")
    parts = {network.layers[k].name: members for k, members in split.membership.items()}
    parts[""] = np.concatenate(list(parts.values()))
    return [
        Measurement(float(value), task, layer)
        for layer, members in parts.items()
        for task, value in zip(network.tasks, members.mean(axis=0), strict=True)
    ]


def _with_strength(network: Network, split: Split) -> Communities:
    """Return the strengths between communities; raise NotApplicableError if there are none."""
    found = communities(network, split)
    if not found.total > 0:
        raise NotApplicableError(
            f"measures of communities: expected connections between the split layers of {network.name!r}, found none"
        )
    return found
