"""The greedy splits: backwards from the outputs, each neuron to the task, or tasks, that it sends most strength to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..network import BoolArray, Layer, Network
from .split import Split, split_method
from .strengths import strength_to_tasks

_Choice = Callable[[NDArray[np.float64], NDArray[np.float64]], BoolArray]


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

    def first_of_strongest(strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        first: BoolArray = np.equal.outer(strength.argmax(axis=1), np.arange(strength.shape[1]))
        return first

    return _backwards("greedy", network, first_of_strongest, ties="several tasks and go to the first of them")


@split_method("greedy-shared", sees="weights")
def greedy_shared(network: Network, tolerance: float = 0.2) -> Split:
    """Give each neuron, going backwards, to every task whose connections are about as strong as its strongest task's.

    As `greedy`, but neuron n serves every task i with  s_ni ≥ (1 − tolerance) · max_j s_nj,  s_ni = Σ |w_nm| over the
    neurons m of later layers that serve task i. A shared neuron counts for each of its tasks with all its strength:
    what is sent to it is of use to each of them. Tolerance 0 is greedy in which a neuron serves all its strongest
    tasks.

    It cannot tell a neuron that both tasks need from one that neither needs much, and it is no partition unless no
    neuron is shared: measures of partitions do not apply to it. How many neurons are shared is noted.

    Args:
        network: the network.
        tolerance: from 0 to 1. The default is what chance makes of a neuron that is indifferent: of two sums of ten
            half-normal strengths (ten outputs for each task, weights as they are before training), the smaller falls
            short of the larger by a median of 0.21.

    Raises:
        ValueError: the tolerance is outside its range.
    """
    if not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance of split 'greedy-shared': expected a share from 0 to 1, found {tolerance}")

    def nearly_strongest(strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        return strength >= (1 - tolerance) * strongest

    return _backwards("greedy-shared", network, nearly_strongest)


@split_method("probability", sees="weights")
def probability(network: Network, seed: int) -> Split:
    """Keep each neuron, going backwards, for each task at random, the likelier the stronger its connections to it.

    As `greedy_shared`, but neuron n serves task i with probability  s_ni / max_j s_nj,  independently for each task, so
    that its strongest task always keeps it. A random variant of `greedy` that the authors of "Biologically-Inspired
    Spatial Neural Networks", Wołczyk et al. 2019, arXiv 1910.02776, have in their code.

    It cannot be judged by one draw: compare several seeds. It is no partition unless no neuron is shared: measures of
    partitions do not apply to it. How many neurons are shared is noted.

    Args:
        network: the network.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)

    def in_proportion(strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        return draw.random(strength.shape) * strongest < strength

    return _backwards("probability", network, in_proportion)


def _backwards(method: str, network: Network, choose: _Choice, ties: str = "") -> Split:
    """Give the neurons of each layer to tasks by their strengths to the layers after it, the last layer first.

    Args:
        method: the method's name.
        network: the network.
        choose: which tasks neurons serve: a function of the strengths, ``(units, tasks)``, and each neuron's largest,
            ``(units, 1)``, to ``(units, tasks)``. Neurons without any strength serve none, whatever it says.
        ties: what equally strong tasks mean for a neuron, for a note; shared neurons are noted if it is empty.
    """
    tasks = np.arange(len(network.tasks))
    members: dict[int, BoolArray] = {network.output_layer: network.output_task[:, None] == tasks}
    notes = []
    for k in reversed([k for k in network.split_layers if k != network.output_layer]):
        strength = strength_to_tasks(network, k, members)
        strongest = strength.max(axis=1, keepdims=True)
        connected = strongest > 0
        members[k] = choose(strength, strongest) & connected
        layer = network.layers[k]
        if not connected.all():
            notes.append(unconnected(layer, int(np.count_nonzero(~connected))))
        several = np.count_nonzero((((strength == strongest) & connected) if ties else members[k]).sum(axis=1) > 1)
        if several and ties:
            notes.append(f"{layer.name}: {several} of {layer.size} neurons are connected equally strongly to {ties}")
        elif several:
            notes.append(f"{layer.name}: {several} of {layer.size} neurons serve several tasks")
    split = {k: members[k] for k in network.split_layers}
    return Split(method, split, tuple(reversed(notes)))


def unconnected(layer: Layer, neurons: int) -> str:
    """Return the note on how many neurons of a layer have no path to an output."""
    return f"{layer.name}: {neurons} of {layer.size} neurons have no connection to any task and serve none"
