"""The splits by communities: parts of the graph that are more strongly connected than expected, however many."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contingency import adjusted_rand, contingency
from ..faults import NotApplicableError
from ..graph.graph import Graph, IntArray, by_population
from ..graph.split import Split
from ..notes import Note
from .alignment import align_communities
from .method import all_pairs, split_method
from .moves import Rooms, climb, pieces, pooled
from .strengths import among, undirected

# The number of runs. Each takes a few milliseconds on a network of 400 neurons, and the methods are run on hundreds of
# random networks; more runs agree no better on a network without communities.
_RUNS = 5

# Pairs of neurons stay connected in the consensus graph if more than this share of the runs put them together.
_MAJORITY = 0.5

# Rounds until the runs must agree; they hardly ever need more than three.
_ROUNDS = 10

_Algorithm = Callable[[NDArray[np.float64], int], IntArray]


@dataclass(frozen=True)
class _Outcome:
    """The outcome of several runs of an algorithm.

    Attributes:
        labels: ``(neurons,)``, the number of each neuron's community.
        agreement: the mean adjusted Rand index over all pairs of runs, 1 if all runs are equal.
        code: the code of the note on it, which says whether the runs reached a consensus, if one was asked for.
        rounds: the number of rounds made for a consensus; None if none was asked for.
    """

    labels: IntArray
    agreement: float
    code: str = "communities"
    rounds: int | None = None


@split_method("louvain", sees="weights", memory=all_pairs(4))
def louvain(graph: Graph, seed: int, resolution: float = 1.0, consensus: bool = False) -> Split:
    """Find communities of high modularity by moving single neurons, then whole communities, and give them to tasks.

    Increases  Q = Σ_c [L_c / m − γ (k_c / 2m)²],  L_c the strength within community c, k_c the summed strengths of its
    neurons, m the total, γ the resolution, in the undirected graph of strengths: "Fast unfolding of communities in
    large networks", Blondel et al. 2008, arXiv 0803.0476, repeated from the communities found until nothing improves
    (`moves.climb`). Of five runs in random order, the one with the highest modularity is taken; it need not be the
    maximum. A community goes to the task of its outputs, see `alignment.align_communities`.

    With ``consensus``, the communities are those that all runs agree on. While the runs disagree, a graph whose
    strengths say how often two neurons were together (at least in two runs) is clustered in place of the network
    ("Consensus clustering in complex networks", Lancichinetti & Fortunato 2012, doi:10.1038/srep00336). A consensus
    depends less on the seed, and its modularity is lower: by up to a fifth in a network without communities.

    It does not use tasks: a community may hold outputs of several tasks, or no outputs, and then serves no task. It
    finds communities in any network, even a random one, and cannot resolve communities that are much smaller than the
    whole ("Resolution limit in community detection", Fortunato & Barthélemy 2007, arXiv physics/0607100). The number of
    communities, their modularity, and the agreement between runs are noted. A neuron without connections serves no
    task. Memory grows with the square of the number of neurons.

    Args:
        graph: the graph.
        seed: determines the orders in which neurons are visited.
        resolution: greater than 0; larger for more and smaller communities.
        consensus: whether to take the communities that all runs agree on, and not those of the best run.

    Raises:
        NotApplicableError: there are no connections, or the output layer is not split.
        ValueError: the resolution is outside its range.
    """
    return _split("louvain", graph, seed, resolution, _climbing(resolution, refine=False), consensus=consensus)


@split_method("leiden", sees="weights", memory=all_pairs(4))
def leiden(
    graph: Graph,
    seed: int,
    resolution: float = 1.0,
    library: str = "spatialgraph",
    consensus: bool = False,
) -> Split:
    """Find communities of high modularity that do not fall apart, and give them to tasks.

    As `louvain`, but communities are divided anew before they are moved as a whole: "From Louvain to Leiden:
    guaranteeing well-connected communities", Traag et al. 2019, arXiv 1810.08473. The parts of a community are found by
    moving its neurons, from single ones on, to where they gain most; igraph draws where they move. A community that is
    not connected is divided.

    Where communities are clear, it finds no more than `louvain`. What it cannot do is what `louvain` cannot.

    Args:
        graph: the graph.
        seed: determines the orders in which neurons are visited.
        resolution: greater than 0; larger for more and smaller communities.
        library: ``"spatialgraph"``, or ``"igraph"``, whose licence is the GPL: ``pip install spatialgraph[igraph]``.
        consensus: as in `louvain`.

    Raises:
        NotApplicableError: there are no connections, the output layer is not split, or igraph is asked for and not
            installed.
        ValueError: the resolution is outside its range, or there is no such library.
    """
    if library not in _LEIDEN:
        raise ValueError(f"library of split 'leiden': expected one of {', '.join(_LEIDEN)}, found {library!r}")
    algorithm = _LEIDEN[library](resolution)
    return _split("leiden", graph, seed, resolution, algorithm, consensus=consensus, connected=True)


def _climbing(resolution: float, *, refine: bool) -> _Algorithm:
    """Return an algorithm of this package, see `moves.climb`."""
    rooms: Rooms | None = None  # the same for all runs on a graph

    def maximise(strengths: NDArray[np.float64], seed: int) -> IntArray:
        nonlocal rooms
        if rooms is None or rooms.graph is not strengths:
            rooms = Rooms.of(strengths)
        return climb(strengths, np.random.default_rng(seed), resolution, refine=refine, rooms=rooms)

    return maximise


def _leiden_of_igraph(resolution: float) -> _Algorithm:
    try:
        import igraph
    except ModuleNotFoundError:
        raise NotApplicableError(
            "split 'leiden': expected the package igraph (pip install spatialgraph[igraph]), found none"
        ) from None

    def maximise(strengths: NDArray[np.float64], seed: int) -> IntArray:
        import random

        source, target = np.nonzero(np.triu(strengths))
        weights = strengths[source, target] / np.where(source == target, 2, 1)  # igraph counts loops at both ends
        graph = igraph.Graph(len(strengths), np.column_stack([source, target]))
        # igraph has one generator for the whole process; the default is restored afterwards.
        igraph.set_random_number_generator(random.Random(seed))  # noqa: S311
        try:
            partition = graph.community_leiden("modularity", weights=weights, resolution=resolution, n_iterations=-1)
        finally:
            igraph.set_random_number_generator(random)
        return np.array(partition.membership, np.int64)

    return maximise


_LEIDEN: dict[str, Callable[[float], _Algorithm]] = {
    "spatialgraph": lambda resolution: _climbing(resolution, refine=True),
    "igraph": _leiden_of_igraph,
}


def _split(
    method: str,
    graph: Graph,
    seed: int,
    resolution: float,
    algorithm: _Algorithm,
    *,
    consensus: bool,
    connected: bool = False,
) -> Split:
    """Find communities in several runs of an algorithm, give them to tasks, and note how well the runs agree.

    Args:
        method: the method's name.
        graph: the graph.
        seed: determines the runs.
        resolution: that of the modularity.
        algorithm: one run: a function of strengths, ``(neurons, neurons)``, and a seed to labels, ``(neurons,)``.
        consensus: whether to take the communities that all runs agree on, and not those of the best run.
        connected: whether communities that are not connected are divided.
    """
    if not resolution > 0:
        raise ValueError(f"resolution of split {method!r}: expected a number greater than 0, found {resolution}")
    strengths = undirected(graph)
    neurons, attached = len(strengths), np.flatnonzero(strengths.any(axis=1))
    if not len(attached):
        raise NotApplicableError(
            f"split {method!r} of network {graph.name!r}: expected connections between its split layers, found none"
        )
    if len(attached) < neurons:
        strengths = among(strengths, attached, attached)
    strengths = strengths / strengths.sum()  # so that tolerances mean the same for weak and for strong networks
    outcome = (_consensus if consensus else _best)(strengths, seed, algorithm, resolution)
    labels = outcome.labels
    if connected:
        labels = pieces(strengths, labels)
    communities = np.full(neurons, -1)
    communities[attached] = labels
    in_layers = by_population(graph, communities)
    of_tasks, aligned = align_communities(graph, in_layers)
    notes = [_note(outcome, labels.max() + 1, _modularity(strengths, labels, resolution)), *aligned]
    if len(attached) < neurons:
        units = graph.units_word(graph.split_populations)
        notes.append(Note("unattached", {"count": neurons - len(attached), "of": neurons, "units": units}))
    return Split.from_labels(method, of_tasks, len(graph.tasks), notes, in_layers)


def _note(outcome: _Outcome, count: int, modularity: float) -> Note:
    """Return the note on communities: their number, their modularity, and the agreement of the runs."""
    # Rounded as in the sentence, so that notes are equal if their sentences are.
    values = {"count": count, "modularity": round(modularity, 3), "runs": _RUNS}
    values |= {"agreement": round(outcome.agreement, 2)}
    return Note(outcome.code, values if outcome.rounds is None else values | {"rounds": outcome.rounds})


def _best(strengths: NDArray[np.float64], seed: int, algorithm: _Algorithm, resolution: float) -> _Outcome:
    """Run an algorithm several times and return the communities of the highest modularity."""
    seeds = np.random.SeedSequence(seed).generate_state(_RUNS).tolist()
    runs = [_canonical(algorithm(strengths, number)) for number in seeds]
    return _Outcome(max(runs, key=lambda run: _modularity(strengths, run, resolution)), _agreement(runs))


def _consensus(strengths: NDArray[np.float64], seed: int, algorithm: _Algorithm, resolution: float) -> _Outcome:
    """Run an algorithm several times, then on the consensus graph of its runs, until all runs agree."""
    seeds = iter(np.random.SeedSequence(seed).generate_state((_ROUNDS + 1) * _RUNS).tolist())
    runs = [_canonical(algorithm(strengths, next(seeds))) for _ in range(_RUNS)]
    agreement, rounds = _agreement(runs), 0
    while not (agreed := all(np.array_equal(run, runs[0]) for run in runs)) and rounds < _ROUNDS:
        together, group = _together(runs)
        together /= together.sum() or 1.0  # neurons may all be alone
        runs = [_canonical(algorithm(together, next(seeds))[group]) for _ in range(_RUNS)]
        rounds += 1
    code = "communities-agreed" if agreed else "communities-not-agreed"
    return _Outcome(max(runs, key=lambda run: _modularity(strengths, run, resolution)), agreement, code, rounds)


def _together(runs: list[IntArray]) -> tuple[NDArray[np.float64], IntArray]:
    """Return the consensus graph: how often two neurons are together, if they are in a majority of the runs.

    Neurons that are together in all runs form one node, connected with itself. A neuron that is not together with any
    other in most runs is connected with those that it is together with most often, so that it is not lost.

    Returns:
        ``(nodes, nodes)``, the share of the runs, summed over the pairs of neurons of two nodes; and ``(neurons,)``,
        the node of each neuron.
    """
    tuples, group, size = np.unique(np.stack(runs), axis=1, return_inverse=True, return_counts=True)
    share = (tuples[:, :, None] == tuples[:, None, :]).mean(axis=0)
    np.fill_diagonal(share, 0)
    most = share.max(axis=1)
    alone = np.flatnonzero((most <= _MAJORITY) & (size == 1))
    kept = share > _MAJORITY
    nearest = (share[alone] == most[alone, None]) & (share[alone] > 0)
    kept[alone] |= nearest
    kept[:, alone] |= nearest.T
    pairs = np.outer(size, size) - np.diag(size)  # a neuron and itself are no pair
    np.fill_diagonal(share, 1)
    np.fill_diagonal(kept, True)
    return np.where(kept, share * pairs, 0.0), group.reshape(-1).astype(np.int64)


def _canonical(labels: IntArray) -> IntArray:
    """Return labels numbered by their first neuron, so that equal partitions are equal arrays."""
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number].astype(np.int64)


def _agreement(runs: list[IntArray]) -> float:
    """Return the mean adjusted Rand index of every two runs."""
    return float(np.mean([adjusted_rand(contingency(*pair)) for pair in itertools.combinations(runs, 2)]))


def _modularity(strengths: NDArray[np.float64], labels: IntArray, resolution: float) -> float:
    """Return Newman's modularity of communities in a graph of total strength (each connection twice) 1."""
    linked = pooled(strengths, labels, int(labels.max()) + 1)
    within = linked[labels, np.arange(len(labels))].sum()
    return float(within - resolution * (linked.sum(axis=1) ** 2).sum())
