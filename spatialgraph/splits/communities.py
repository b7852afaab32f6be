"""The splits by communities: parts of the graph that are more strongly connected than expected, however many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import Graph, IntArray, by_population
from ..graph.split import Split
from ..notes import Note
from .alignment import align_communities
from .method import split_method
from .strengths import undirected

if TYPE_CHECKING:
    from scipy import sparse

# The number of runs. Each takes about 10 ms on a network of 400 neurons, and the methods are run on hundreds of random
# networks; more runs agree no better on a network without communities.
_RUNS = 3

# Pairs of neurons stay connected in the consensus graph if more than this share of the runs put them together.
_MAJORITY = 0.5

# Rounds until the runs must agree; they hardly ever need more than three.
_ROUNDS = 10

# scikit-network stops when a pass gains no more modularity than this. Its default, 0.001, is a fortieth of the
# modularity of a network without modules, and loses as much; a tenth of the default loses next to nothing.
_TOLERANCE = 1e-4

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


@split_method("louvain", sees="weights")
def louvain(graph: Graph, seed: int, resolution: float = 1.0, consensus: bool = False) -> Split:
    """Find communities of high modularity by moving single neurons, then whole communities, and give them to tasks.

    Increases  Q = Σ_c [L_c / m − γ (k_c / 2m)²],  L_c the strength within community c, k_c the summed strengths of its
    neurons, m the total, γ the resolution, in the undirected graph of strengths: "Fast unfolding of communities in
    large networks", Blondel et al. 2008, arXiv 0803.0476, by scikit-network. Of three runs in random order, the one
    with the highest modularity is taken; it need not be the maximum. A community goes to the task of its outputs, see
    `alignment.align_communities`.

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
    from sknetwork.clustering import Louvain  # takes a third of a second to import

    def maximise(strengths: NDArray[np.float64], seed: int) -> IntArray:
        return _maximise(Louvain, strengths, seed, resolution)

    return _split("louvain", graph, seed, resolution, maximise, consensus=consensus)


@split_method("leiden", sees="weights")
def leiden(
    graph: Graph,
    seed: int,
    resolution: float = 1.0,
    library: str = "scikit-network",
    consensus: bool = False,
) -> Split:
    """Find communities of high modularity that do not fall apart, and give them to tasks.

    As `louvain`, but communities are divided anew before they are moved as a whole: "From Louvain to Leiden:
    guaranteeing well-connected communities", Traag et al. 2019, arXiv 1810.08473. scikit-network runs once over the
    graph. Its refinement uses random numbers of the C library, which cannot be seeded, and is replaced here: single
    neurons are moved within each community. igraph repeats until nothing improves, which takes twice as long and finds
    a few percent more modularity where communities are not clear. A community that is not connected is divided.

    Where communities are clear, it finds no more than `louvain`. For the rest, see `louvain`.

    Args:
        graph: the graph.
        seed: determines the orders in which neurons are visited.
        resolution: greater than 0; larger for more and smaller communities.
        library: ``"scikit-network"``, or ``"igraph"``, whose licence is the GPL: ``pip install spatialgraph[igraph]``.
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


def _leiden_of_scikit_network(resolution: float) -> _Algorithm:
    return lambda strengths, seed: _maximise(_leiden(), strengths, seed, resolution)


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


_LEIDEN = {"scikit-network": _leiden_of_scikit_network, "igraph": _leiden_of_igraph}


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
    strengths = strengths[np.ix_(attached, attached)]
    strengths /= strengths.sum()  # so that tolerances mean the same for weak and for strong networks
    outcome = (_consensus if consensus else _best)(strengths, seed, algorithm, resolution)
    labels = outcome.labels
    if connected:
        from scipy import sparse

        _, labels = sparse.csgraph.connected_components(_within(sparse.csr_matrix(strengths), labels), directed=False)
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
    from sklearn.metrics import adjusted_rand_score  # takes seconds to import

    pairs = [(i, j) for i in range(len(runs)) for j in range(i)]
    return float(np.mean([adjusted_rand_score(runs[i], runs[j]) for i, j in pairs]))


def _modularity(strengths: NDArray[np.float64], labels: IntArray, resolution: float) -> float:
    """Return Newman's modularity of communities in a graph of total strength (each connection twice) 1."""
    members = labels[:, None] == np.arange(labels.max() + 1)
    between = members.T @ (strengths @ members)
    return float(between.trace() - resolution * (between.sum(axis=1) ** 2).sum())


def _maximise(estimator: Any, strengths: NDArray[np.float64], seed: int, resolution: float) -> IntArray:
    """Return the communities that a class of scikit-network finds in one run."""
    if not strengths.any():  # a consensus graph of neurons that are all alone
        return np.arange(len(strengths))
    from scipy import sparse

    labels = estimator(
        resolution=resolution,
        modularity="newman",
        tol_optimization=_TOLERANCE,
        tol_aggregation=_TOLERANCE,
        shuffle_nodes=True,
        return_probs=False,
        return_aggregate=False,
        random_state=seed,
    ).fit_predict(sparse.csr_matrix(strengths))
    return np.asarray(labels, np.int64)


def _leiden() -> Any:
    """Return scikit-network's Leiden with a refinement that depends on its seed alone."""
    from scipy import sparse
    from sknetwork.clustering import Leiden

    class SettledLeiden(Leiden):  # type: ignore[misc]
        def _optimize_refine(
            self,
            labels: NDArray[Any],
            labels_refined: NDArray[Any],
            adjacency: sparse.csr_matrix,
            out_weights: NDArray[Any],
            in_weights: NDArray[Any],
        ) -> NDArray[Any]:
            inside = _within(adjacency, labels)
            refined, _ = self._optimize(labels_refined, inside, out_weights, in_weights)
            _, connected = sparse.csgraph.connected_components(_within(inside, np.asarray(refined)), directed=False)
            return np.asarray(connected)

    return SettledLeiden


def _within(adjacency: sparse.csr_matrix, labels: NDArray[Any]) -> sparse.csr_matrix:
    """Return the connections whose ends have the same label."""
    from scipy import sparse

    source = np.repeat(np.arange(adjacency.shape[0]), np.diff(adjacency.indptr))
    data = np.where(labels[source] == labels[adjacency.indices], adjacency.data, 0)
    inside = sparse.csr_matrix((data, adjacency.indices.copy(), adjacency.indptr.copy()), adjacency.shape)
    inside.eliminate_zeros()
    return inside
