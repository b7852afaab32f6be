import weakref

import numpy as np
import pytest
from hand_worked import pair, random_network
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import adjacency, sums
from spatialgraph.graph.sums import weighted_sums
from spatialgraph.metrics import METRICS, facts, groups, measure
from spatialgraph.metrics.groups import group_sums, strengths_to_groups
from spatialgraph.splits import Split

QUANTITIES = {
    "absolute": np.abs,
    "positive": lambda weight: np.where(weight > 0, weight, 0),
    "negative": lambda weight: np.where(weight < 0, -weight, 0),
    "squared": lambda weight: weight**2,
    "present": lambda weight: (weight != 0).astype(float),
}


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    of=st.sampled_from(list(QUANTITIES)),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    vectors=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    piece=st.sampled_from([1, 7, 1 << 16]),
)
def test_sums_are_products_with_the_quantity_of_each_weight(seed, of, shape, vectors, piece):
    draw = np.random.default_rng(seed)
    weight = (draw.normal(size=shape) * draw.integers(0, 2, shape)).astype(np.float32)
    sources, targets = draw.normal(size=(vectors[0], shape[1])), draw.normal(size=(vectors[1], shape[0]))
    quantity = QUANTITIES[of](weight.astype(float))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sums, "PIECE", piece)
        received, sent = weighted_sums(weight, of, sources, targets)
    np.testing.assert_allclose(received, sources @ quantity.T, atol=1e-12)
    np.testing.assert_allclose(sent, targets @ quantity, atol=1e-12)


def test_neurons_without_a_task_are_communities_of_their_own():
    found = group_sums(pair().graph, Split.from_labels("m", {1: [-1, -1], 2: [0, 1]}, 2))
    assert found.between.tolist() == [[[0, 0, 0], [0, 0, 0], [4, 2, 0]]]
    assert found.within.tolist() == [0, 0, 0, 0]
    assert found.leaving.tolist() == [0, 0, 3, 3]
    assert found.entering.tolist() == [4, 2, 0, 0]
    assert found.total == 6


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), lowest=st.sampled_from([-1, 0]))
def test_sums_are_those_of_the_matrix_of_strengths(seed, lowest):
    graph = random_network(seed).graph
    draw = np.random.default_rng(seed)
    labels = {k: draw.integers(lowest, 2, graph.populations[k].size) for k in graph.split_populations}
    split = Split.from_labels("drawn", labels, 2)
    label, matrix = np.concatenate(list(labels.values())), adjacency(graph).toarray()
    members = np.column_stack([label == 0, label == 1, label == -1])
    found = group_sums(graph, split)
    alone = members[:, 2]
    np.testing.assert_allclose(found.between.sum(axis=0), members.T @ matrix @ members, atol=1e-12)
    np.testing.assert_allclose(found.alone_leaving, matrix.sum(axis=1)[alone], atol=1e-12)
    np.testing.assert_allclose(found.alone_entering, matrix.sum(axis=0)[alone], atol=1e-12)
    strengths = np.concatenate(list(strengths_to_groups(graph, split).values()), axis=1)
    np.testing.assert_allclose(strengths, members.T @ (matrix + matrix.T), atol=1e-12)


def test_measures_of_communities_share_one_pass_over_the_weights(monkeypatch):
    graph, split = random_network(0).graph, Split.from_labels("m", {1: [0] * 4, 2: [1] * 5, 3: [0, 1, 0, 1]}, 2)
    passes = []
    monkeypatch.setattr(groups, "sums_in_thread", lambda *args: passes.append(args) or sums.sums_in_thread(*args))
    for name in ("modularity", "directed-modularity", "layered-modularity", "cut", "ncut"):
        assert name in METRICS
        assert facts(name).of == "split"
        measure(name, graph, split)
    assert len(passes) == len(graph.split_connections)


def test_graphs_are_not_kept_for_their_sums():
    graph, split = random_network(0).graph, Split.from_labels("m", {1: [0] * 4, 2: [1] * 5, 3: [0, 1, 0, 1]}, 2)
    group_sums(graph, split)
    of_graph, of_split = weakref.ref(graph), weakref.ref(split)
    del graph
    assert of_graph() is None
    del split
    assert of_split() is None


def test_sums_need_a_split_of_the_network():
    with pytest.raises(ValueError, match="expected membership of shapes"):
        group_sums(random_network(0).graph, Split.from_labels("m", {1: [0, 1], 2: [0, 1]}, 2))
    with pytest.raises(NotApplicableError, match="it is no partition"):
        group_sums(pair().graph, Split("shared", {1: np.ones((2, 2)), 2: np.eye(2)}))
