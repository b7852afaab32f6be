"""The greedy splits: backwards from the outputs, each neuron to the task, or tasks, that it sends most strength to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import BoolArray, Graph
from ..graph.order import backward_order, is_cycle
from ..graph.split import Split
from ..notes import Note
from .counting import note_on_units
from .method import Counted, split_method
from .strengths import connection_to_tasks, strengths_in

_Choice = Callable[[int, NDArray[np.float64], NDArray[np.float64]], BoolArray]

# Rounds on a cycle until tasks must have settled.
_MOST_ROUNDS = 100


def _strengths(graph: Graph, split: Split) -> Counted:
    return Counted("strength to each task's neurons in later layers", strengths_in(graph, split))


@split_method("greedy", sees="weights", counts=_strengths)
def greedy(graph: Graph) -> Split:
    """Give each neuron, going backwards from the outputs, to the task that it has the strongest connections to.

    g(n) = argmax_i Σ |w_nm| over the neurons m of later layers with g(m) = i;  the tasks of the outputs are given.
    "Biologically-Inspired Spatial Neural Networks", Wołczyk et al. 2019, arXiv 1910.02776, for any number of tasks and
    any connections between layers: the sum is over all connections into split layers and outputs. Where connections
    form a cycle, its layers are gone through again, backwards, until no neuron changes its task; if that does not
    happen in 100 rounds, it is noted.

    It cannot leave out a neuron that serves all tasks equally, nor correct an early choice, and its modules may have
    very different sizes. A neuron without strength towards any task serves none; of equally strong tasks it takes the
    first. Both are noted.

    Args:
        graph: the graph.
    """

    def first_of_strongest(_: int, strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        first: BoolArray = np.equal.outer(strength.argmax(axis=1), np.arange(strength.shape[1]))
        return first

    return _backwards("greedy", graph, first_of_strongest, one_each=True)


@split_method("greedy-shared", sees="weights", counts=_strengths)
def greedy_shared(graph: Graph, tolerance: float = 0.2) -> Split:
    """Give each neuron, going backwards, to every task whose connections are about as strong as its strongest task's.

    As `greedy`, but neuron n serves every task i with  s_ni ≥ (1 − tolerance) · max_j s_nj,  s_ni = Σ |w_nm| over the
    neurons m of later layers that serve task i. A shared neuron counts with its full strength for each of its tasks,
    because its inputs are useful to each of them. With tolerance 0, a neuron serves all its strongest tasks.

    It cannot distinguish a neuron that both tasks need from one that neither needs much. It is a partition only if no
    neuron is shared; otherwise measures of partitions do not apply to it. The number of shared neurons is noted.

    Args:
        graph: the graph.
        tolerance: from 0 to 1. The default is about the difference by chance: of two sums of ten half-normal strengths
            (ten outputs for each task, weights as before training), the smaller is below the larger by a median share
            of 0.21.

    Raises:
        ValueError: the tolerance is outside its range.
    """
    if not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance of split 'greedy-shared': expected a share from 0 to 1, found {tolerance}")

    def nearly_strongest(_: int, strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        return strength >= (1 - tolerance) * strongest

    return _backwards("greedy-shared", graph, nearly_strongest)


@split_method("probability", sees="weights", counts=_strengths)
def probability(graph: Graph, seed: int) -> Split:
    """Keep each neuron, going backwards, for each task at random, the likelier the stronger its connections to it.

    As `greedy_shared`, but neuron n serves task i with probability  s_ni / max_j s_nj,  independently for each task, so
    that its strongest task always keeps it. A random variant of `greedy` that the authors of "Biologically-Inspired
    Spatial Neural Networks", Wołczyk et al. 2019, arXiv 1910.02776, have in their code.

    It cannot be judged by one draw: compare several seeds. It is a partition only if no neuron is shared; otherwise
    measures of partitions do not apply to it. The number of shared neurons is noted.

    Args:
        graph: the graph.
        seed: determines the draws.
    """
    draw = np.random.default_rng(seed)
    drawn: dict[int, NDArray[np.float64]] = {}

    def in_proportion(population: int, strength: NDArray[np.float64], strongest: NDArray[np.float64]) -> BoolArray:
        if population not in drawn:  # drawn once: with new draws in every round, a cycle would never settle
            drawn[population] = draw.random(strength.shape)
        return drawn[population] * strongest < strength

    return _backwards("probability", graph, in_proportion)


def _backwards(method: str, graph: Graph, choose: _Choice, *, one_each: bool = False) -> Split:
    """Give the units of each population to tasks by their strengths to later populations, the last population first.

    Populations on a cycle are visited again, each with the current tasks of the others, until nothing changes.

    Args:
        method: the method's name.
        graph: the graph.
        choose: returns the tasks that units serve, ``(units, tasks)``, from the population's number, the strengths,
            ``(units, tasks)``, and each unit's largest strength, ``(units, 1)``. Units without strength serve no task,
            whatever it returns.
        one_each: whether a unit serves one task at most: ties are noted then, otherwise shared units.
    """
    tasks = np.arange(len(graph.tasks))
    members = {k: graph.task_of[k][:, None] == tasks for k in graph.output_populations}
    divided = [k for k in graph.split_populations if (graph.task_of[k] < 0).any()]
    sums = _Sums(graph, divided)
    sums.settle([k for k in members if k not in divided], members)
    notes: list[Note] = []
    for together in backward_order(graph, divided):
        strengths = {}
        cycle = is_cycle(graph, together)
        for _ in range(_MOST_ROUNDS if cycle else 1):
            before = {k: members.get(k) for k in together}
            for k in together:
                strengths[k] = sums.towards(k, members)
                members[k] = _chosen(graph, k, strengths[k], choose)
            if all(was is not None and np.array_equal(was, members[k]) for k, was in before.items()):
                break
        else:
            if cycle:
                names = tuple(graph.populations[k].name for k in together)
                notes.append(Note("unsettled", {"layers": names, "rounds": _MOST_ROUNDS}))
        sums.settle(together, members)
        for k in together:
            notes += _notes(graph, k, strengths[k], members[k], one_each=one_each)
    split = {k: members[k] for k in graph.split_populations}
    return Split(method, split, tuple(reversed(notes)))


class _Sums:
    """Sums of strengths towards tasks, for which each connection is looked at once.

    Those into one population are looked at one after the other, as they stand in the graph: weights that are made when
    they are looked at may be made together.

    Args:
        graph: the graph.
        divided: the populations whose units are given to tasks.
    """

    def __init__(self, graph: Graph, divided: Sequence[int]) -> None:
        self._graph, self._open = graph, set(divided)
        self._settled: dict[int, NDArray[np.float64]] = {}

    def settle(self, populations: Sequence[int], members: Mapping[int, BoolArray]) -> None:
        """Sum up what leads to populations whose units have their tasks for good, from those whose units have not."""
        self._open -= set(populations)
        for number, connection in enumerate(self._graph.connections):
            if connection.target in populations and connection.source in self._open:
                self._settled[number] = connection_to_tasks(connection, members[connection.target])

    def towards(self, population: int, members: Mapping[int, BoolArray]) -> NDArray[np.float64]:
        """Return the strengths of a population's units to the tasks of what they lead to, ``(units, tasks)``."""
        strength = np.zeros((self._graph.populations[population].size, len(self._graph.tasks)))
        for number, connection in enumerate(self._graph.connections):
            if connection.source == population and number in self._settled:
                strength += self._settled[number]
            elif connection.source == population and connection.target in members:
                strength += connection_to_tasks(connection, members[connection.target])
        return strength


def _chosen(graph: Graph, population: int, strength: NDArray[np.float64], choose: _Choice) -> BoolArray:
    """Return the tasks that the units of a population serve, ``(units, tasks)``; outputs their own."""
    strongest = strength.max(axis=1, keepdims=True)
    chosen = choose(population, strength, strongest) & (strongest > 0)
    task = graph.task_of[population][:, None]
    members: BoolArray = np.where(task >= 0, task == np.arange(len(graph.tasks)), chosen)
    return members


def _notes(
    graph: Graph, population: int, strength: NDArray[np.float64], members: BoolArray, *, one_each: bool
) -> Iterator[Note]:
    """Yield notes on odd units of a population; outputs are left out."""
    free = graph.task_of[population] < 0
    strength, members = strength[free], members[free]
    strongest = strength.max(axis=1, keepdims=True)
    connected = strongest > 0
    if not connected.all():
        yield note_on_units("no-path", graph, population, np.count_nonzero(~connected))
    several = np.count_nonzero((((strength == strongest) & connected) if one_each else members).sum(axis=1) > 1)
    if several:
        yield note_on_units("tied" if one_each else "shared", graph, population, several)
