from fractions import Fraction

import numpy as np
import pytest
from hand_worked import chain, pair, random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from spatialgraph.faults import NotApplicableError
from spatialgraph.metrics import geometry, measure
from spatialgraph.splits import Split

PAIR_SPLIT = Split.from_labels("by hand", {1: [0, 1], 2: [0, 1]}, 2)


def value(name, *subject):
    (measurement,) = measure(name, *subject)
    assert (measurement.task, measurement.part) == ("", "")
    return measurement.value


def test_silhouette_is_that_worked_out_by_hand():
    # Task 0 at 0 and 1, task 1 at 4 and 5: (4.5 - 1) / 4.5 and (3.5 - 1) / 3.5, both twice.
    expected = (Fraction(7, 9) + Fraction(5, 7)) / 2
    assert value("silhouette", pair().graph, PAIR_SPLIT) == pytest.approx(float(expected), abs=1e-12)


def test_wiring_is_the_mean_of_strength_times_distance():
    # 3 over 1, 1 over 3, 0 over 5, 2 over 1; the connection of weight 0 counts among the four.
    assert value("wiring", pair().graph) == 2.0


def test_inter_intra_distance_is_that_worked_out_by_hand():
    # Between the tasks 4, 5, 3 and 4; within them 1 and 1.
    assert value("inter-intra-distance", pair().graph, PAIR_SPLIT) == 4.0


def test_inter_intra_distance_leaves_out_neurons_that_serve_no_task():
    network = chain([[1]] * 3, np.ones((2, 3)), tasks=[0, 1], positions=([[0.0], [1.0], [99.0]], [[2.0], [7.0]]))
    split = Split.from_labels("m", {1: [0, 0, -1], 2: [0, 1]}, 2)
    # Task 0 at 0, 1 and 2: 1, 1 and 2 within, and 7, 6 and 5 to the only one of task 1.
    assert value("inter-intra-distance", network.graph, split) == pytest.approx(6 / (4 / 3), abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), lowest=st.sampled_from([-1, 0]), piece=st.sampled_from([1, 20, 1 << 16]))
def test_measures_of_geometry_equal_those_over_all_pairs_at_once(seed, lowest, piece):
    graph = random_network(seed, (3, 6, 7, 6), tasks=3).graph
    draw = np.random.default_rng(seed)
    labels = {k: draw.integers(lowest, 3, graph.populations[k].size) for k in (1, 2, 3)}
    task, layer = np.concatenate(list(labels.values())), np.repeat((1, 2, 3), (6, 7, 6))
    distance = squareform(pdist(np.concatenate([graph.populations[k].position for k in (1, 2, 3)]).astype(float)))
    pairs = np.triu((task[:, None] >= 0) & (task >= 0), 1)
    same = task[:, None] == task
    expected = distance[pairs & ~same].mean() / distance[pairs & same].mean()
    strengths = [
        np.abs(c.weight) * distance[np.ix_(layer == c.target, layer == c.source)] for c in graph.split_connections
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geometry, "PIECE", piece)
        found = value("inter-intra-distance", graph, Split.from_labels("drawn", labels, 3))
        assert value("wiring", graph) == pytest.approx(np.concatenate(strengths, axis=None).mean(), abs=1e-9)
    assert found == pytest.approx(expected, abs=1e-9)


ONE_PLACE = chain([[1], [1]], np.eye(2), tasks=[0, 1], positions=([[1.0], [2.0]], [[1.0], [2.0]])).graph
NOT_APPLICABLE = {
    "wiring: expected positions in every split layer of 'chain', found none": (
        *("wiring", chain([[1], [1]], np.eye(2), tasks=[0, 1]).graph),
    ),
    "silhouette: expected positions in every split layer of 'chain', found none": (
        *("silhouette", chain([[1], [1]], np.eye(2), tasks=[0, 1]).graph, PAIR_SPLIT),
    ),
    "silhouette of split 'one': expected at least 2 groups with neurons and more neurons than that, found 1 and 4": (
        *("silhouette", pair().graph, Split.from_labels("one", {1: [0, 0], 2: [0, 0]}, 2)),
    ),
    "silhouette of split 'few': expected at least 2 groups with neurons and more neurons than that, found 2 and 2": (
        *("silhouette", pair().graph, Split.from_labels("few", {1: [-1, -1], 2: [0, 1]}, 2)),
    ),
    "inter-intra-distance of split 'one': expected pairs of neurons of different groups, and of one group in different "
    "places, found 4 of task0, 0 of task1": (
        *("inter-intra-distance", pair().graph, Split.from_labels("one", {1: [0, 0], 2: [0, 0]}, 2)),
    ),
    "inter-intra-distance of split 'few': expected pairs of neurons of different groups, and of one group in different "
    "places, found 1 of task0, 1 of task1": (
        *("inter-intra-distance", pair().graph, Split.from_labels("few", {1: [-1, -1], 2: [0, 1]}, 2)),
    ),
    "inter-intra-distance of split 'by hand': expected pairs of neurons of different groups, and of one group in "
    "different places, found 2 of task0, 2 of task1": ("inter-intra-distance", ONE_PLACE, PAIR_SPLIT),
}


@pytest.mark.parametrize("message", NOT_APPLICABLE)
def test_what_a_measure_of_geometry_does_not_apply_to(message):
    with pytest.raises(NotApplicableError) as error:
        measure(*NOT_APPLICABLE[message])
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["silhouette", "inter-intra-distance"])
def test_a_split_without_neurons_of_any_task_has_no_distances(name):
    with pytest.raises(NotApplicableError, match="found 0"):
        measure(name, pair().graph, Split.from_labels("none", {1: [-1, -1], 2: [-1, -1]}, 2))
