"""Agreement of classifications, against scikit-learn, from whose functions the numbers differ by rounding."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from spatialgraph.contingency import adjusted_mutual_information, adjusted_rand, contingency


@pytest.mark.parametrize("seed", range(60))
def test_the_numbers_are_those_of_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    things = int(draw.integers(2, 80))
    one, other = (draw.integers(0, draw.integers(1, 9), things) for _ in range(2))
    if seed % 5 == 0:
        other = 3 * one + 1
    table = contingency(one, other)
    assert adjusted_rand(table) == adjusted_rand_score(one, other)
    assert adjusted_mutual_information(table) == pytest.approx(adjusted_mutual_info_score(one, other), abs=1e-12)


def test_worked_out_by_hand():
    # I = 0, and of the three ways to make two pairs of four one is the other's: E[I] = ln 2 / 3.
    table = contingency(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert table.tolist() == [[1, 1], [1, 1]]
    assert adjusted_rand(table) == -0.5
    assert adjusted_mutual_information(table) == pytest.approx(-0.5)
    everything = contingency(np.zeros(3, int), np.zeros(3, int))
    assert adjusted_rand(everything) == adjusted_mutual_information(everything) == 1.0
