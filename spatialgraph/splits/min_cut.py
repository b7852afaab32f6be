"""The split of least strength between tasks: minimum cuts between their outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import BoolArray, Graph, IntArray, by_population
from ..graph.split import Split
from ..notes import Note
from .counting import hidden_word, note_on_units
from .greedy import greedy
from .method import all_pairs, split_method
from .strengths import among, output_tasks, undirected, with_outputs

# Capacities are scaled so that the greedy split's strongest cut around one task has this value. No flow is larger,
# except by rounding, and a capacity of `_MOST` (too large for a minimum cut) plus a flow still fits SciPy's 32 bits.
_SCALE = 2**29
_MOST = 2**30 - 1


@dataclass(frozen=True)
class _Cuts:
    """Cuts between each task's outputs and those of all others.

    Attributes:
        sides: ``(tasks, neurons)``, the smallest set of neurons on each task's side of a minimum cut; disjoint.
        strength: ``(tasks,)``, the strength of each cut.
    """

    sides: BoolArray
    strength: NDArray[np.float64]


@split_method("min-cut", sees="weights", memory=all_pairs(5))
def min_cut(graph: Graph) -> Split:
    """Divide the neurons so that the strength between the tasks' modules is as small as possible.

    With two tasks, this is a minimum cut between their outputs in the undirected graph of strengths, computed exactly
    as a maximum flow ("Maximal flow through a network", Ford & Fulkerson 1956, doi:10.4153/CJM-1956-045-5). With more
    tasks, the problem is NP-hard; the union of the minimum cuts between each task's outputs and all others, without the
    heaviest one, is at most 2 − 2/tasks times the minimum ("The complexity of multiterminal cuts", Dahlhaus et al.
    1994, doi:10.1137/S0097539792225297). If the greedy split cuts less, it is returned in place of that union, which is
    noted.

    SciPy's flows are whole numbers: strengths are scaled so that the strongest cut F around a task of the greedy split
    is 2²⁹, and rounded up. "Exactly" therefore means: above the minimum by at most the number of connections in the
    minimum cut × F / 2²⁹, in units of the unscaled strengths. Of equally small cuts, the one with the fewest neurons
    for the first task is taken. With more tasks, it is the one with the fewest neurons for every task except that with
    the heaviest cut, which gets all neurons of no other module. The number of neurons that another minimum cut would
    give to another task is noted.

    It cannot prevent small modules: in a network without modules the cheapest cut is around the outputs of a task,
    which is no division of labour, see `degenerate.why_degenerate`. A neuron from which no path leads to an output
    serves no task, as in `greedy`.

    Args:
        graph: the graph.
    """
    populations, tasks = with_outputs(graph), len(graph.tasks)
    start = greedy(graph)
    labels = np.concatenate([start.labels(k) if k in start.membership else graph.task_of[k] for k in populations])
    given = output_tasks(graph, populations)
    split = np.concatenate([np.full(graph.populations[k].size, k in start.membership) for k in populations])
    divided = np.flatnonzero((given < 0) & (labels >= 0) & split)
    alone = {k: int((~members.any(axis=1)).sum()) for k, members in start.membership.items()}
    notes = [note_on_units("no-path", graph, k, count) for k, count in alone.items() if count]
    if tasks > 1 and len(divided):
        strengths = _contracted(undirected(graph, populations), divided, given, tasks)
        labels[divided], ties = _smallest(graph, strengths, labels[divided])
        notes += ties
    by_layer = by_population(graph, labels, populations)
    return Split.from_labels("min-cut", {k: by_layer[k] for k in graph.split_populations}, tasks, notes)


def _smallest(graph: Graph, strengths: NDArray[np.float64], start: IntArray) -> tuple[IntArray, list[Note]]:
    """Return the tasks of the neurons that are divided, and notes.

    Args:
        graph: the graph.
        strengths: ``(neurons + tasks, neurons + tasks)``, as `_contracted` gives them.
        start: ``(neurons,)``, the tasks that the greedy split gives them.
    """
    notes, tasks, neurons = list[Note](), graph.tasks, len(start)
    cuts = _isolating_cuts(strengths, _around_each(strengths, start).max(), len(tasks))
    # With two tasks both cuts are minimum cuts between the same outputs, and rounding should not choose.
    rest = len(tasks) - 1 if len(tasks) == 2 else int(cuts.strength.argmax())
    labels = np.full(neurons, rest)
    for task in set(range(len(tasks))) - {rest}:
        labels[cuts.sides[task]] = task
    if _around_each(strengths, start).sum() < _around_each(strengths, labels).sum():
        labels = start
        notes.append(Note("greedy-cuts-less"))
    elif undecided := np.count_nonzero(~cuts.sides.any(axis=0)):
        values = {"count": undecided, "of": neurons, "units": hidden_word(graph), "task": tasks[rest]}
        notes.append(Note("undecided", values))
    return labels, notes


def _contracted(
    strengths: NDArray[np.float64], neurons: NDArray[np.intp], given: IntArray, tasks: int
) -> NDArray[np.float64]:
    """Return the strengths among some neurons and the outputs, contracted to one node for each task, which come last.

    Args:
        strengths: ``(units, units)``.
        neurons: their numbers.
        given: ``(units,)``, the task of each output, -1 for other units.
        tasks: how many there are.
    """
    outputs = np.flatnonzero(given >= 0)
    to_tasks = among(strengths, neurons, outputs) @ (given[outputs][:, None] == np.arange(tasks))
    between = among(strengths, neurons, neurons)
    np.fill_diagonal(between, 0)  # no cut separates a neuron from itself
    contracted = np.zeros((len(neurons) + tasks,) * 2)
    contracted[: len(neurons), : len(neurons)] = between
    contracted[: len(neurons), len(neurons) :] = to_tasks
    contracted[len(neurons) :, : len(neurons)] = to_tasks.T
    return contracted


def _around_each(strengths: NDArray[np.float64], labels: IntArray) -> NDArray[np.float64]:
    """Return ``(tasks,)``, the strength between the module of each task and the others."""
    tasks = len(strengths) - len(labels)
    members = np.concatenate([labels, np.arange(tasks)])[:, None] == np.arange(tasks)
    between = members.T @ (strengths @ members)
    np.fill_diagonal(between, 0)
    around: NDArray[np.float64] = between.sum(axis=1)
    return around


def _isolating_cuts(strengths: NDArray[np.float64], bound: float, tasks: int) -> _Cuts:
    """Return the minimum cut around each task.

    Args:
        strengths: ``(neurons + tasks, neurons + tasks)``, as `_contracted` gives them.
        bound: the strength of the strongest cut around a task of the greedy split.
        tasks: how many there are.
    """
    # If the greedy split cuts nothing, neither does a minimum cut, and any capacities above 0 find it.
    scale = _SCALE / bound if bound > 0 else _SCALE / strengths.max()
    # Rounded up, so that no connection vanishes: a neuron that is weakly connected to one task alone stays with it.
    capacity = np.minimum(np.ceil(strengths * scale), _MOST).astype(np.int32)
    neurons = len(strengths) - tasks
    if tasks == 2:
        sides = np.stack(_smallest_sides(capacity))
    else:
        sides = np.stack([_smallest_sides(_one_against_all(capacity, tasks, task))[0] for task in range(tasks)])
    strength = []
    for task, side in enumerate(sides):
        inside = np.concatenate([side, np.arange(tasks) == task])
        strength.append(strengths[inside][:, ~inside].sum())
    return _Cuts(sides[:, :neurons], np.array(strength))


def _one_against_all(capacity: NDArray[np.int32], tasks: int, task: int) -> NDArray[np.int32]:
    """Contract the outputs of all tasks but one: return capacities among neurons, that task and the others."""
    neurons = len(capacity) - tasks
    own = capacity[:neurons, neurons + task]
    # The sums may exceed 32 bits before they are limited.
    others = np.minimum(capacity[:neurons, neurons:].sum(axis=1, dtype=np.int64) - own, _MOST)
    ends = np.column_stack([own, others.astype(np.int32)])
    return np.block([[capacity[:neurons, :neurons], ends], [ends.T, np.zeros((2, 2), np.int32)]])


def _smallest_sides(capacity: NDArray[np.int32]) -> tuple[BoolArray, BoolArray]:
    """Return the smallest sides of minimum cuts between the last two nodes, ``(neurons,)`` each, without those nodes.

    The smallest source side has the nodes that the source still reaches in the residual graph of a maximum flow; the
    smallest sink side has those that still reach the sink. The sides of every minimum cut contain them.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import maximum_flow

    source, sink = len(capacity) - 2, len(capacity) - 1
    # SciPy's own conversion of a matrix takes half as long as the flow.
    of, to = np.divmod(np.flatnonzero(capacity).astype(np.int32), np.int32(len(capacity)))
    ends = np.searchsorted(of, np.arange(len(capacity) + 1)).astype(np.int32)
    flow = maximum_flow(sparse.csr_array((capacity[of, to], to, ends), capacity.shape), source, sink).flow
    open_ = capacity > flow.toarray()
    return _reached(open_, source)[:source], _reached(open_.T, sink)[:source]


def _reached(steps: BoolArray, start: int) -> BoolArray:
    """Return the nodes that are reached from one, ``(nodes,)``; ``steps`` are from nodes (rows) to nodes."""
    reached = np.zeros(len(steps), bool)
    new = reached.copy()
    new[start] = True
    while new.any():
        reached |= new
        new = steps[new].any(axis=0) & ~reached
    return reached
