import numpy as np
import pytest
from hand_worked import chain, random_network

from spatialgraph.splits import apply


@pytest.mark.parametrize("seed", range(5))
def test_the_sizes_are_those_of_the_greedy_split_and_outputs_are_given(seed):
    network = random_network(seed, (2, 20, 20, 6), tasks=3, density=0.2)
    greedy, random = apply("greedy", network), apply("random", network, seed=seed)
    for layer in network.split_layers:
        sizes = [np.bincount(split.labels(layer) + 1, minlength=4).tolist() for split in (greedy, random)]
        assert sizes[0] == sizes[1]
    assert np.array_equal(random.labels(3), network.output_task)


def test_another_seed_is_another_draw():
    network = random_network(0, (2, 30, 30, 4))
    draws = {tuple(apply("random", network, seed=seed).labels(1).tolist()) for seed in range(5)}
    assert len(draws) == 5


def test_what_greedy_could_not_do_is_noted():
    network = chain([[1], [1]], [[1, 0], [0.5, 0]], tasks=[0, 1])
    assert len(apply("random", network).notes) == 1
    assert "greedy split" in apply("random", network).notes[0]
    assert apply("random", random_network(0, density=1.0)).notes == ()
