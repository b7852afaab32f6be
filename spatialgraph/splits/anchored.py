"""The anchored clustering: a neuron belongs to the task whose outputs random walks from it meet."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import BoolArray, Graph, IntArray, by_population
from ..graph.split import Split
from ..notes import Note
from ..threads import one_thread
from .counting import hidden_word
from .method import DIRECT, Counted, split_method, weights_once
from .moves import pieces
from .products import Strengths
from .strengths import among, output_tasks, undirected, with_outputs

# Scores closer to each other than this share of the larger are equal but for the rounding of the linear solver.
_ROUNDING = 1e-9

# Steps of the iterative solver, which needs some tens of them, and the error that ends it, relative to the right side.
_STEPS, _ERROR = 2000, 1e-13


def _chances(graph: Graph) -> Counted:
    populations = with_outputs(graph)
    labels = output_tasks(graph, populations)
    score, reached = _scores(graph, populations, labels)
    values = np.full((len(labels), len(graph.tasks)), np.nan)
    values[reached] = score
    by_layer = by_population(graph, values, populations)
    what = "how often random walks from it end at each task's outputs, the mean of all neurons being 1"
    return Counted(what, {k: by_layer[k] for k in graph.split_populations})


@split_method("spectral-anchored", sees="weights", memory=weights_once, counts=_chances)
def spectral_anchored(graph: Graph) -> Split:
    """Give each neuron to the task whose outputs a random walk from it meets more often than one from other neurons.

    A walk steps along connections, in either direction, with probabilities in proportion to their strengths, until it
    meets an output. p_ni, the probability that one from neuron n meets an output of task i first, is the harmonic
    function  (D_uu − W_uu) p = W_ul y  of "Semi-supervised learning using Gaussian fields and harmonic functions", Zhu,
    Ghahramani & Lafferty 2003 (ICML), with W the strengths, D their sums, u the other neurons, l the outputs and y
    their tasks; it is solved directly, or, if there are more than 2000 neurons, by conjugate gradients. Neuron n goes
    to  argmax_i p_ni / mean_m p_mi:  their class mass normalisation, with equal masses. Most walks lose the memory of
    their start before they meet an output. Without the normalisation, every neuron would therefore go to the task whose
    outputs have the strongest connections, however clear the modules.

    Because the tasks of the outputs are given, it cannot put all outputs on one side, as a clustering can. It ignores
    directions. It compares neurons with their mean, so it never gives all neurons to one task: it divides even a
    network without modules. A neuron from which no walk meets an output serves no task; of equally good tasks it takes
    the first. Both are noted.

    Args:
        graph: the graph.

    Raises:
        NotApplicableError: there are more than 2000 neurons, and the connections to outputs are so weak that the
            conjugate gradients do not converge.
    """
    populations, tasks = with_outputs(graph), len(graph.tasks)
    labels = output_tasks(graph, populations)
    hidden = np.flatnonzero(labels < 0)
    score, reached = _scores(graph, populations, labels)
    tied = np.zeros(len(reached), bool)
    if len(reached):
        equal = score >= (1 - _ROUNDING) * score.max(axis=1, keepdims=True)
        labels[reached] = equal.argmax(axis=1)
        tied = equal.sum(axis=1) > 1
    odd = {"unreached": len(hidden) - len(reached), "tied-walks": np.count_nonzero(tied)}
    values = {"of": len(hidden), "units": hidden_word(graph, populations)}
    notes = [Note(code, values | {"count": count}) for code, count in odd.items() if count]
    by_layer = by_population(graph, labels, populations)
    return Split.from_labels("spectral-anchored", {k: by_layer[k] for k in graph.split_populations}, tasks, notes)


def _scores(graph: Graph, populations: Sequence[int], labels: IntArray) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return  p_ni / mean_m p_mi  of the neurons from which walks meet outputs.

    Args:
        graph: the graph.
        populations: the numbers of those whose units walks visit.
        labels: ``(units,)``, the task of each output, -1 for neurons.

    Returns:
        ``(neurons, tasks)``, for the neurons with a path to an output; and their numbers.
    """
    chances, reached = (_chances_of_large if len(labels) > DIRECT else _chances_of_all)(graph, populations, labels)
    if not len(reached):
        return chances, reached
    mean = chances.mean(axis=0)
    # A task that no walk meets has outputs without connections.
    return np.divide(chances, mean, out=np.zeros_like(chances), where=mean > 0), reached


def _chances_of_all(
    graph: Graph, populations: Sequence[int], labels: IntArray
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how probably a walk from each neuron first meets an output of each task, as `_scores` does."""
    strengths, outputs = undirected(graph, populations), np.flatnonzero(labels >= 0)
    reached = _reached(pieces(strengths, np.zeros(len(strengths), np.int64)), labels)
    task_of = labels[outputs][:, None] == np.arange(len(graph.tasks))
    return _probabilities(strengths, reached, outputs, task_of), reached


def _reached(component: IntArray, labels: IntArray) -> NDArray[np.intp]:
    """Return the numbers of the neurons that have a path to an output and are not outputs."""
    return np.flatnonzero((labels < 0) & np.isin(component, component[labels >= 0]))


def _chances_of_large(
    graph: Graph, populations: Sequence[int], labels: IntArray
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return what `_chances_of_all` returns, from products with the matrix of strengths, which is not held."""
    from scipy.sparse.linalg import LinearOperator, cg

    strengths = Strengths.of(graph, populations)
    with one_thread():
        reached = _reached(strengths.components(), labels)
        if not len(reached):
            return np.empty((0, len(graph.tasks))), reached
        volume = strengths.times(np.ones((1, len(labels))))[0, reached]

        def met(start: NDArray[np.float64]) -> NDArray[np.float64]:
            whole = np.zeros((1, len(labels)))
            whole[0, reached] = start.reshape(-1)
            found: NDArray[np.float64] = strengths.times(whole)[0, reached]
            return found

        shape = (len(reached), len(reached))
        laplacian = LinearOperator(shape, lambda p: volume * p.reshape(-1) - met(p), dtype=np.float64)
        diagonal = LinearOperator(shape, lambda p: p.reshape(-1) / volume, dtype=np.float64)
        columns = []
        for task in range(len(graph.tasks)):
            to_task = strengths.times((labels == task).astype(np.float64)[None])[0, reached]
            solved, steps = cg(laplacian, to_task, rtol=_ERROR, maxiter=_STEPS, M=diagonal)
            if steps:
                raise NotApplicableError(
                    f"split 'spectral-anchored' of network {graph.name!r}: expected walks that meet an output, found "
                    f"connections to outputs so weak that {_STEPS} steps of conjugate gradients do not tell where"
                )
            columns.append(np.maximum(solved, 0))
    return np.stack(columns, axis=1), reached


def _probabilities(
    strengths: NDArray[np.float64], neurons: NDArray[np.intp], outputs: NDArray[np.intp], task_of: BoolArray
) -> NDArray[np.float64]:
    """Return ``(neurons, tasks)``: how probably a walk from each neuron first meets an output of each task.

    Args:
        strengths: ``(all neurons, all neurons)``, symmetric.
        neurons: the numbers of those that walks start from; each has a path to an output.
        outputs: the numbers of the outputs.
        task_of: ``(outputs, tasks)``.
    """
    from scipy.linalg import LinAlgError, LinAlgWarning, solve  # takes longer to import than the rest of the splits

    if not len(neurons):
        return np.empty((0, task_of.shape[1]))
    between = among(strengths, neurons, neurons)
    np.fill_diagonal(between, 0)  # a step to where a walk is makes no difference to where it ends
    to_tasks = among(strengths, neurons, outputs) @ task_of
    laplacian = np.diag(between.sum(axis=1) + to_tasks.sum(axis=1)) - between
    with one_thread(), warnings.catch_warnings(), suppress(LinAlgError, LinAlgWarning):
        warnings.simplefilter("error", LinAlgWarning)
        probabilities: NDArray[np.float64] = solve(laplacian, to_tasks, assume_a="pos")
        if np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=_ROUNDING):
            return probabilities
    return eliminate(between, to_tasks)


def eliminate(between: NDArray[np.float64], to_tasks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities that walks end with each task, however weak the connections to outputs are.

    Neurons are taken out one by one, the walks through them becoming connections between those that are left. Nothing
    is subtracted, so nothing is lost when strengths differ by more than the precision of numbers, where a solver sees a
    singular matrix: "Regenerative analysis and steady state distributions for Markov chains", Grassmann, Taksar &
    Heyman 1985, doi:10.1287/opre.33.5.1107. Ten times as slow as a solver.

    Args:
        between: ``(neurons, neurons)``, strengths among neurons, symmetric, the diagonal 0.
        to_tasks: ``(neurons, tasks)``, summed strengths to the outputs of each task.

    Returns:
        ``(neurons, tasks)``, 0 to 1.

    Example:
        >>> eliminate(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])).round(6).tolist()
        [[0.666667, 0.333333], [0.333333, 0.666667]]
    """
    between, result = between.copy(), to_tasks.copy()
    for last in range(len(between) - 1, -1, -1):
        total = between[last, :last].sum() + result[last].sum()
        between[last, :last] /= total
        result[last] /= total
        through = between[:last, last]
        result[:last] += np.outer(through, result[last])
        between[:last, :last] += np.outer(through, between[last, :last])
        np.fill_diagonal(between[:last, :last], 0)  # a walk that comes back starts again
    for neuron in range(1, len(between)):
        result[neuron] += between[neuron, :neuron] @ result[:neuron]
    return result
