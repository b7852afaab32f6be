"""The greedy split: backwards from the outputs, each neuron to the task that it sends most strength to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..network import IntArray, Network
from .split import Split, split_method


@split_method("greedy", sees="weights")
def greedy(network: Network) -> Split:
    """Give each neuron, going backwards from the outputs, to the task that it has the strongest connections to.

    g(n) = argmax_i Σ |w_nm| over the neurons m of later layers with g(m) = i;  the tasks of the outputs are given.
    "Biologically-Inspired Spatial Neural Networks", Wołczyk et al. 2019, arXiv 1910.02776, for any number of tasks and
    any connections between layers: the sum is over all connections into split layers and outputs.

    It cannot leave a neuron out that serves every task alike, nor correct an early choice, and nothing keeps its
    modules from being of very different sizes. A neuron without strength towards any task serves none; of equally
    strong tasks it takes the first. Both are noted.

    Args:
        network: the network.
    """
    labels: dict[int, IntArray] = {network.output_layer: network.output_task}
    notes = []
    for k in reversed([k for k in network.split_layers if k != network.output_layer]):
        strength = strength_to_tasks(network, k, labels)
        strongest = strength.max(axis=1)
        labels[k] = np.where(strongest > 0, strength.argmax(axis=1), -1)
        layer = network.layers[k]
        if (unconnected := np.count_nonzero(strongest == 0)) > 0:
            notes.append(
                f"{layer.name}: {unconnected} of {layer.size} neurons have no connection to any task and serve none"
            )
        tied = ((strength == strongest[:, None]).sum(axis=1) > 1) & (strongest > 0)
        if tied.any():
            notes.append(
                f"{layer.name}: {np.count_nonzero(tied)} of {layer.size} neurons are connected equally strongly to "
                "several tasks and go to the first of them"
            )
    split = {k: labels[k] for k in network.split_layers}
    return Split.from_labels("greedy", split, len(network.tasks), tuple(reversed(notes)))


def strength_to_tasks(network: Network, layer: int, labels: dict[int, IntArray]) -> NDArray[np.float64]:
    """Sum the strengths of the connections from each neuron of a layer to the neurons of each task.

    Args:
        network: the network.
        layer: the number of the layer.
        labels: layer number to ``(units,)``, the tasks of the neurons of later layers, -1 for none; connections to
            other layers do not count.

    Returns:
        ``(units, tasks)`` float64, at least 0.
    """
    strength = np.zeros((network.layers[layer].size, len(network.tasks)))
    for connection in network.connections:
        if connection.source == layer and connection.target in labels:
            members = labels[connection.target][:, None] == np.arange(len(network.tasks))
            # In float64, in which sums of float32 strengths are exact enough for ties to be ties.
            strength += np.abs(connection.weight.T).astype(np.float64) @ members
    return strength
