import numpy as np
import pytest

from spatialgraph.graph.planted import planted


@pytest.mark.parametrize("tasks", [2, 3])
@pytest.mark.parametrize("leakage", [0.0, 0.2, 0.5])
def test_the_leakage_is_the_share_of_each_connection_between_blocks(leakage, tasks):
    graph, labels = planted(leakage, sizes=(12, 15, 6), tasks=tasks, seed=1)
    assert list(labels) == list(graph.split_populations)
    for connection in graph.split_connections:
        strength = np.abs(connection.weight.astype(np.float64))
        between = np.not_equal.outer(labels[connection.target], labels[connection.source])
        assert strength[between].sum() / strength.sum() == pytest.approx(leakage, abs=1e-6)
        assert 0.5 <= strength[~between].min() < 0.7
        assert 1.3 < strength[~between].max() <= 1.5
        assert 0.3 < (connection.weight[~between] < 0).mean() < 0.7


def test_blocks_are_as_equal_as_can_be_and_in_random_order():
    graph, labels = planted(0.1, sizes=(10, 7, 3), tasks=3)
    assert [np.bincount(block).tolist() for block in labels.values()] == [[4, 3, 3], [3, 2, 2], [1, 1, 1]]
    assert labels[1].tolist() != sorted(labels[1])
    assert np.array_equal(graph.task_of[3], labels[3])


def test_the_seed_settles_it():
    weights = [planted(0.1, seed=seed)[0].connections[1].weight for seed in (0, 0, 1)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_one_block_has_nothing_to_leak_into():
    graph, labels = planted(0.5, sizes=(3, 2), tasks=1)
    assert all(not block.any() for block in labels.values())
    assert np.abs(graph.connections[1].weight).min() >= 0.5


def test_what_cannot_be_planted():
    with pytest.raises(ValueError, match=r"expected a share from 0 to below 1, found 1$"):
        planted(1)
    for sizes, tasks in [((4,), 2), ((4, 2), 3), ((4, 2), 0)]:
        with pytest.raises(ValueError, match=rf"at least one task, found sizes \(4,.*\) and {tasks} tasks$"):
            planted(0.1, sizes, tasks)
