from fractions import Fraction
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, mutual_info_score, normalized_mutual_info_score

from spatialgraph.agreement import agreement
from spatialgraph.splits import Split

MEASURES = ("adjusted-rand", "mutual-information", "variation-of-information")
EQUAL = dict(zip(MEASURES, (1.0, 1.0, 0.0), strict=True))


def split(*layers, tasks=3):
    return Split.from_labels("m", dict(enumerate(layers, start=1)), tasks)


def test_agreement_is_that_worked_out_by_hand():
    found = agreement(split([0, 0, 0], [1, 1, 1]), split([0, 0, 1], [1, 1, 1]))
    # Pairs that are together: 3 + 3, 1 + 6 and, in both, 1 + 3, of 15.
    expected = Fraction(6 * 7, 15)
    assert found["adjusted-rand"] == pytest.approx(float((4 - expected) / (Fraction(6 + 7, 2) - expected)), abs=1e-12)
    one, other = log(2), log(3) - 2 / 3 * log(2)
    both = 1 / 2 * log(2) + 1 / 3 * log(3) + 1 / 6 * log(6)
    assert found["mutual-information"] == pytest.approx(2 * (one + other - both) / (one + other), abs=1e-12)
    assert found["variation-of-information"] == pytest.approx(2 * both - one - other, abs=1e-12)


labels = st.lists(st.integers(-1, 2), min_size=2, max_size=30)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_agreement_equals_that_of_scikit_learn(data):
    one = data.draw(labels)
    other = data.draw(st.lists(st.integers(-1, 2), min_size=len(one), max_size=len(one)))
    found = agreement(split(one[:1], one[1:]), split(other[:1], other[1:]))
    assert found["adjusted-rand"] == pytest.approx(adjusted_rand_score(one, other), abs=1e-9)
    assert found["mutual-information"] == pytest.approx(normalized_mutual_info_score(one, other), abs=1e-9)
    entropies = sum(entropy(np.unique(label, return_counts=True)[1]) for label in (one, other))
    assert found["variation-of-information"] == pytest.approx(entropies - 2 * mutual_info_score(one, other), abs=1e-9)
    assert agreement(split(other), split(one)) == agreement(split(one), split(other))


@settings(deadline=None, max_examples=30)
@given(labels, st.permutations(range(4)))
def test_what_the_tasks_are_called_makes_no_difference(one, names):
    renamed = [names[label] for label in one]
    assert agreement(split(one), split(renamed, tasks=4)) == EQUAL


def test_communities_are_compared_where_they_were_found():
    one = Split.from_labels("m", {1: [0, 0, 0, 0]}, 2, communities={1: [0, 1, 2, -1]})
    assert agreement(one, split([0, 1, 2, -1])) == EQUAL
    assert agreement(one, split([0, 0, 0, 0])) != EQUAL


def test_neurons_of_the_same_several_tasks_are_together():
    one = Split("m", {1: [[1, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]})
    assert agreement(one, split([0, 0, 1, 1, 2])) == EQUAL
    assert agreement(one, split([0, 0, 1, 1, 0]))["adjusted-rand"] < 1


def test_many_tasks_have_sets_of_their_own():
    assert agreement(Split("m", {1: np.eye(20)}), split(np.arange(20) % 3))["adjusted-rand"] == 0
    assert agreement(Split("m", {1: np.eye(20)}), Split("m", {1: np.eye(20)[::-1]})) == EQUAL


def test_splits_that_put_every_neuron_together_agree():
    assert agreement(split([0, 0, 0]), split([-1, -1, -1])) == EQUAL
    found = agreement(split([0, 0, 0, 0]), split([0, 0, 1, 1]))
    assert tuple(found.values()) == (0.0, 0.0, pytest.approx(log(2), abs=1e-12))
    assert agreement(split([0]), split([1])) == EQUAL


@pytest.mark.parametrize(
    ("other", "found"),
    [(split([0, 1], [0]), "{1: 2} and {1: 2, 2: 1}"), (split([0, 1, 0]), "{1: 2} and {1: 3}")],
)
def test_splits_of_other_neurons_are_not_compared(other, found):
    with pytest.raises(ValueError, match="expected as many neurons") as error:
        agreement(split([0, 1]), other)
    start = "agreement of splits 'm' and 'm': expected as many neurons in the same layers, found "
    assert str(error.value) == start + found


def test_splits_of_nothing_are_not_compared():
    with pytest.raises(ValueError, match=r"found \{\} and \{\}"):
        agreement(Split("m", {}), Split("m", {}))
