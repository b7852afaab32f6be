"""Statistics over networks: answers worked out by hand, SciPy's, and what must not depend on what."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.statistics import (
    DRAWS,
    LEAST_SEEDS,
    LEVEL,
    cells,
    combined_p,
    compare_kinds,
    compare_methods,
    comparisons,
    holm,
    interval_of_mean,
    joint_p,
    least_p,
    over_seeds,
    paired,
    per_network,
    sign_flip_p,
    signs_of,
)

ROWS = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 8)), elements=st.integers(-20, 20).map(float))


def frame(rows):
    """Return scores of rows (kind, inputs, seed, split, ablation, metric, task, value), one network for each seed."""
    full = [("run", f"{kind}-{inputs}-{seed}", kind, inputs, seed, *rest) for kind, inputs, seed, *rest in rows]
    return pd.DataFrame(full, columns=list(COLUMNS)).astype({"seed": "Int64"})


def cuts(kind="regular", split="greedy", inputs="mix", metric="cut", **values):
    """Return rows of one metric without tasks; s3=0.5 is the value of seed 3."""
    return [(kind, inputs, int(seed[1:]), split, "", metric, "", value) for seed, value in values.items()]


def seeds(values, first=0):
    return {f"s{first + place}": value for place, value in enumerate(values)}


def only(table, **where):
    """Return the one row of a table with these values."""
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


# Cells


def test_tasks_are_averaged_before_seeds():
    scores = frame(
        [
            ("regular", "mix", seed, "greedy", "zero", "accuracy", task, value)
            for (seed, task), value in {(0, "a"): 0.2, (0, "b"): 0.4, (1, "a"): 0.5, (1, "b"): 0.9}.items()
        ]
    )
    cell = only(cells(scores))
    assert (cell["n"], cell["networks"]) == (2, 2)
    assert cell["mean"] == pytest.approx(0.5)  # of 0.3 and 0.7
    assert cell["sd"] == pytest.approx(0.4 / math.sqrt(2))
    assert (cell["seeds"], cell["values"]) == ("0 1", "0.3 0.7")


def test_median_interquartile_mean_and_deviation_by_hand():
    cell = only(cells(frame(cuts(**seeds([9.0, 1.0, 2.0, 3.0, 4.0])))))
    assert cell["mean"] == pytest.approx(19 / 5)
    assert cell["median"] == 3.0
    assert cell["iqm"] == pytest.approx((2 + 3 + 4) / 3)  # 1 and 9, a quarter of five rounded down, are left out
    assert cell["sd"] == pytest.approx(math.sqrt(38.8 / 4))
    assert cell["low"] < 19 / 5 < cell["high"]


def test_one_seed_has_no_deviation_and_no_interval():
    cell = only(cells(frame(cuts(s0=0.5))))
    assert (cell["n"], cell["mean"], cell["median"], cell["iqm"]) == (1, 0.5, 0.5, 0.5)
    assert cell[["sd", "low", "high"]].isna().all()


def test_equal_values_have_no_interval():
    cell = only(cells(frame(cuts(**seeds([0.1] * 6)))))
    assert cell[["low", "high"]].isna().all()
    assert cell["sd"] == pytest.approx(0, abs=1e-15)


def test_networks_of_one_seed_are_one_repetition():
    scores = frame(cuts(**seeds([1.0, 2.0])))
    grid = scores.assign(network=scores["network"] + "-b", value=[3.0, 6.0])
    cell = only(cells(pd.concat([scores, grid])))
    assert (cell["n"], cell["networks"], cell["values"]) == (2, 4, "2 4")


def test_networks_without_a_seed_stand_for_themselves():
    scores = frame(cuts(**seeds([1.0, 2.0]))).assign(seed=pd.array([pd.NA, pd.NA], dtype="Int64"))
    cell = only(cells(scores))
    assert (cell["n"], cell["seeds"]) == (2, "regular-mix-0 regular-mix-1")


def test_missing_values_are_left_out():
    scores = frame(cuts(**seeds([1.0, math.nan, 3.0])))
    assert only(cells(scores))["values"] == "1 3"
    assert len(per_network(scores)) == len(over_seeds(scores)) == 2


def test_cells_come_in_the_order_of_the_scores_and_do_not_depend_on_one_another():
    draw = np.random.default_rng(0)
    parts = [cuts(kind, **seeds(draw.normal(size=n))) for kind, n in (("z", 6), ("a", 6), ("m", 9))]
    table = cells(frame([row for part in parts for row in part]))
    assert list(table["kind"]) == ["z", "a", "m"]
    alone = pd.concat([cells(frame(part)) for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(table, alone)


# Intervals


@pytest.mark.parametrize("n", [2, 3, 5, 10, 31])
def test_the_interval_is_scipy_s(n):
    values = np.random.default_rng(n).gamma(2.0, size=(7, n))
    for row, low, high in zip(values, *interval_of_mean(values), strict=True):
        assert (low, high) == pytest.approx(tuple(stats.ttest_1samp(row, 0).confidence_interval(0.95)))


@pytest.mark.parametrize("n", [3, 5, 12])
def test_the_interval_holds_the_mean_of_normal_values_as_often_as_it_says(n):
    low, high = interval_of_mean(np.random.default_rng(n).normal(size=(4000, n)))
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


def test_values_that_are_equal_up_to_rounding_have_no_interval():
    assert np.isnan(interval_of_mean(np.array([[0.1 + 0.2, 0.3, 0.3]]))).all()
    assert np.isnan(interval_of_mean(np.zeros((1, 4)))).all()


@settings(deadline=None, max_examples=30)
@given(ROWS, st.sampled_from([1e-3, 0.1, 7.0]), st.integers(-5, 5))
def test_the_interval_is_around_the_mean_and_moves_with_the_values(values, scale, shift):
    low, high = interval_of_mean(values)
    equal = np.ptp(values, axis=1) == 0
    assert np.array_equal(np.isnan(low), equal)
    assert np.array_equal(np.isnan(high), equal)
    np.testing.assert_allclose((low + high)[~equal] / 2, values.mean(axis=1)[~equal], atol=1e-9)
    moved = interval_of_mean(scale * values + shift)
    np.testing.assert_allclose(moved, (scale * low + shift, scale * high + shift), atol=1e-8)


# Tests


def test_five_differences_of_one_sign_have_p_2_of_32():
    assert sign_flip_p(np.array([[1.0, 2.0, 0.5, 0.1, 3.0]])).tolist() == [2 / 32]


def test_p_by_hand_with_one_difference_of_the_other_sign():
    # |±1 ±2 ±3 ±4 ±(-1)| >= 9: all up but the first 1 (9), all up but the last 1 (9), all up (11), and their opposites.
    assert sign_flip_p(np.array([[1.0, 2.0, 3.0, 4.0, -1.0]])).tolist() == [6 / 32]


def test_ties_count_although_decimals_are_rounded():
    # 0.1 + 0.2 is not 0.3 in binary: the sum of these is 0 up to rounding, which every pattern reaches.
    assert sign_flip_p(np.array([[0.1, 0.2, -0.3, 0.0, 0.0]])).tolist() == [1.0]
    assert sign_flip_p(np.zeros((1, 7))).tolist() == [1.0]


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_exact_p_is_scipy_s(differences):
    if differences.shape[1] == 1:
        differences = np.repeat(differences, 2, axis=1)
    expected = stats.permutation_test(
        (differences,),
        lambda sample, axis: sample.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=math.inf,
        axis=-1,
    )
    np.testing.assert_allclose(sign_flip_p(differences), expected.pvalue, rtol=1e-12)


def test_monte_carlo_p_is_near_the_exact_one_seeded_and_never_zero():
    differences = np.random.default_rng(3).normal(0.4, 1, size=(20, 11))
    exact = sign_flip_p(differences)
    drawn = sign_flip_p(differences, draws=1000)
    assert not np.array_equal(exact, drawn)
    np.testing.assert_allclose(drawn, exact, atol=5 * math.sqrt(0.25 / 1000))
    assert np.array_equal(drawn, sign_flip_p(differences, draws=1000))
    assert not np.array_equal(drawn, sign_flip_p(differences, seed=1, draws=1000))
    assert sign_flip_p(np.ones((1, 40))).tolist() == [1 / (DRAWS + 1)] == [least_p(40)]


@pytest.mark.parametrize("n", range(1, 15))
def test_the_least_p_is_that_of_differences_of_one_sign(n):
    assert sign_flip_p(np.ones((1, n))).tolist() == [least_p(n)] == [2 / 2**n]


def test_p_is_uniform_enough_without_a_difference():
    p = sign_flip_p(np.random.default_rng(5).normal(size=(2000, 8)))
    assert np.mean(p <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert np.mean(p <= 0.05) > 0.02


def test_holm_by_hand():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    # sorted 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04 -> 0.06
    assert holm(p).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
    assert holm(np.array([0.2])).tolist() == [0.2]
    assert holm(np.array([])).tolist() == []
    assert np.isnan(holm(np.array([np.nan, np.nan]))).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p):
    p = np.array(p)
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(p * len(p), 1)).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


def test_the_p_of_networks_combine_to_one():
    # Of two p, P(U1 U2 <= x) = x (1 - ln x).
    assert combined_p(np.array([0.2, 0.1, np.nan])) == pytest.approx(0.02 * (1 - math.log(0.02)))
    assert combined_p(np.array([0.3])) == pytest.approx(0.3)
    assert combined_p(np.ones(5)) == 1
    assert math.isnan(combined_p(np.array([np.nan])))


# Pairs


def test_effect_and_superiority_by_hand():
    row = paired(np.array([[3.0, 5.0, 4.0, 2.0, 6.0]]), np.array([[1.0, 2.0, 4.0, 3.0, 1.0]])).iloc[0]
    difference = np.array([2.0, 3.0, 0.0, -1.0, 5.0])
    assert (row["n"], row["mean_one"], row["mean_other"], row["difference"]) == (5, 4.0, 2.2, pytest.approx(1.8))
    assert row["effect"] == pytest.approx(1.8 / difference.std(ddof=1))
    assert row["superiority"] == 3.5 / 5
    assert row["p"] == 8 / 32  # 2 + 3 + 5 ± 1 reach 9, either with ±0, and so do their opposites


@pytest.mark.parametrize(("shift", "superiority", "p"), [(0.0, 0.5, 1.0), (0.25, 1.0, 2 / 64), (-0.1, 0.0, 2 / 64)])
def test_equal_differences_have_no_effect_size(shift, superiority, p):
    other = np.array([[0.1, 0.2, 0.3, 0.7, 0.9, 0.4]])
    row = paired(other + shift, other).iloc[0]
    assert math.isnan(row["effect"])
    assert (row["superiority"], row["p"]) == (superiority, p)
    assert row[["low", "high"]].isna().all()


def test_under_five_seeds_there_is_no_p_and_a_reason():
    four = comparisons(frame(cuts("regular", **seeds([1, 2, 3, 4])) + cuts("spatial", **seeds([5, 6, 8, 9]))))
    row = only(four)
    assert row["n"] == 4
    assert row[["p", "p_holm", "p_least"]].isna().all()
    assert row["comparisons"] == 0
    assert row["reason"] == "expected at least 5 seeds for a test, found 4"
    assert row["difference"] == -4.5
    assert row["low"] < -4.5 < row["high"]


def test_five_seeds_have_a_p_and_no_reason():
    five = frame(cuts("regular", **seeds([1, 2, 3, 4, 5])) + cuts("spatial", **seeds([5, 6, 8, 9, 9])))
    row = only(comparisons(five))
    assert (row["p"], row["p_holm"], row["p_least"], row["comparisons"], row["reason"]) == (
        2 / 32,
        2 / 32,
        2 / 32,
        1,
        "",
    )
    assert (row["one"], row["other"], row["kind"], row["split"]) == ("regular", "spatial", "", "greedy")


def test_only_common_seeds_are_paired():
    scores = frame(cuts("spatial", s0=1.0, s1=2.0, s5=9.0) + cuts("regular", s1=5.0, s5=10.0, s7=100.0))
    row = only(compare_kinds(scores))
    assert (row["n"], row["mean_one"], row["mean_other"], row["difference"]) == (2, 7.5, 5.5, 2.0)


def test_without_a_common_seed_nothing_is_compared_and_it_is_said():
    row = only(compare_kinds(frame(cuts("regular", s0=1.0) + cuts("spatial", s1=2.0))))
    assert (row["n"], row["reason"]) == (0, "expected at least 5 seeds for a test, found 0")
    assert math.isnan(row["difference"])


def test_methods_are_compared_within_networks_also_of_one_seed():
    scores = frame(cuts(**seeds([1.0, 2.0])) + cuts(split="spectral", s0=5.0, s1=4.0))
    # Of seed 1 there is another network, which has no spectral split: its greedy split is not compared with any.
    other = scores.iloc[[1]].assign(network="another", value=100.0)
    row = only(compare_methods(pd.concat([scores, other])))
    assert (row["one"], row["other"], row["n"], row["difference"]) == ("greedy", "spectral", 2, -3.0)
    # With one, the seed's difference is the mean of its networks'.
    second = scores.iloc[[3]].assign(network="another", value=90.0)
    row = only(compare_methods(pd.concat([scores, other, second])))
    assert (row["n"], row["difference"]) == (2, pytest.approx((-4 + (-2 + 10) / 2) / 2))


def test_the_whole_network_is_no_split_method():
    scores = frame(
        cuts(**seeds([1, 2])) + cuts(split="none", **seeds([1, 2])) + cuts("spatial", "none", **seeds([1, 2]))
    )
    assert compare_methods(scores).empty
    assert only(compare_kinds(scores))["split"] == "none"


def test_one_kind_and_one_method_leave_nothing_to_compare():
    assert comparisons(frame(cuts(**seeds([1, 2, 3, 4, 5])))).empty
    assert list(comparisons(frame([])).columns) == list(comparisons(frame(cuts(s0=1.0))).columns)


def test_each_kind_is_compared_with_the_reference_and_every_two_methods():
    rows = [
        row
        for kind, split, inputs in product(("b", "a", "c"), ("z", "y", "x"), ("mix", "other"))
        for row in cuts(kind, split, inputs, **seeds(np.random.default_rng(len(kind)).normal(size=5)))
    ]
    table = comparisons(frame(rows))
    kinds, methods = table[table["comparison"] == "kinds"], table[table["comparison"] == "methods"]
    assert set(zip(kinds["one"], kinds["other"], strict=True)) == {("a", "b"), ("a", "c")}
    assert set(zip(methods["one"], methods["other"], strict=True)) == {("z", "y"), ("z", "x"), ("y", "x")}
    assert len(kinds) == 2 * 3 * 2
    assert len(methods) == 3 * 3 * 2
    # A table of kinds is one split, ablation and metric; one of methods is one kind, inputs, ablation and metric.
    assert set(kinds["table"]) == {f"kinds: {split}, -, cut" for split in "xyz"}
    assert set(methods["table"]) == {
        f"methods: {kind}, {inputs}, -, cut" for kind in "abc" for inputs in ("mix", "other")
    }
    assert set(kinds["comparisons"]) == {4}
    assert set(methods["comparisons"]) == {3}


def test_kinds_are_compared_with_the_reference_asked_for():
    rows = [row for kind in "abc" for row in cuts(kind, **seeds([ord(kind), ord(kind) + 1]))]
    table = compare_kinds(frame(rows), "b")
    assert table[["one", "other", "difference"]].to_numpy().tolist() == [["b", "a", 1.0], ["b", "c", -1.0]]
    assert compare_kinds(frame(rows[:4]), "c").empty  # nothing was measured of the reference


@pytest.mark.parametrize("n", [3, 5, 12])
@pytest.mark.parametrize("kinds", [3, 4])
def test_holm_over_kinds_and_input_modes_keeps_its_level(kinds, n):
    # Each metric is a repetition: a family of comparisons of equal kinds with the reference, in three input modes.
    repetitions, modes = 400, 3
    draw = np.random.default_rng([kinds, n])
    where = product(map(str, range(repetitions)), map(str, range(modes)), map(str, range(kinds)), range(n))
    metrics, inputs, names, seeds = map(list, zip(*where, strict=True))
    values = pd.DataFrame({"metric": metrics, "inputs": inputs, "kind": names, "seed": seeds})
    values = values.assign(network=inputs, split="greedy", ablation="", task="", value=draw.normal(size=len(values)))
    values["network"] = values["inputs"] + values["kind"] + "-" + values["seed"].astype(str)
    table = compare_kinds(values)
    assert len(table) == repetitions * modes * (kinds - 1)
    assert set(table["comparisons"]) == {0 if n < LEAST_SEEDS else modes * (kinds - 1)}
    rejected = (table["p_holm"] <= LEVEL).groupby(table["table"]).any()
    assert rejected.mean() <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / repetitions)
    assert rejected.any() == (n == 12)  # five seeds cannot, however far they are


def test_holm_is_over_the_tests_of_the_table():
    rows = []
    for inputs, count in (("mix", 6), ("other", 7), ("few", 3)):
        rows += cuts("regular", inputs=inputs, **seeds(np.arange(count) + 1.0)) + cuts(
            "spatial", inputs=inputs, **seeds(np.zeros(count))
        )
    table = compare_kinds(frame(rows)).set_index("inputs")
    assert set(table["comparisons"]) == {2}  # the third has too few seeds
    assert table.loc["other", "p_holm"] == 2 * (2 / 2**7)
    assert table.loc["mix", "p_holm"] == 2 / 2**6
    assert math.isnan(table.loc["few", "p_holm"])


def test_layers_and_shares_are_not_compared():
    rows = [
        row for kind in ("a", "b") for metric in ("share", "share:h", "cut") for row in cuts(kind, metric=metric, s0=1)
    ]
    assert only(comparisons(frame(rows)))["metric"] == "cut"


def test_the_same_scores_give_the_same_numbers_and_another_seed_others():
    draw = np.random.default_rng(1)
    rows = [row for kind in "ab" for split in "xyz" for row in cuts(kind, split, **seeds(draw.normal(size=16)))]
    scores = frame(rows)
    for function in (cells, comparisons):
        pd.testing.assert_frame_equal(function(scores), function(scores.copy()))
    assert not np.allclose(comparisons(scores)["p"], comparisons(scores, seed=1)["p"], rtol=1e-6)


def test_a_comparison_does_not_depend_on_the_others():
    draw = np.random.default_rng(1)
    scores = frame(
        [row for kind in "ab" for metric in "xyz" for row in cuts(kind, metric=metric, **seeds(draw.normal(size=8)))]
    )
    whole = comparisons(scores)
    parts = [comparisons(scores[scores["metric"] == metric]) for metric in "xyz"]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))


# Many comparisons together


@given(ROWS)
def test_one_comparison_alone_has_the_p_of_the_sign_flip_test(rows):
    first = rows[:1]
    expected = sign_flip_p(first) if first.shape[1] >= LEAST_SEEDS else [np.nan]
    assert np.allclose(joint_p(first), expected, equal_nan=True)


def test_p_of_many_comparisons_by_hand():
    # Of the 16 patterns of 5 signs, one makes the first r its largest, √5, and one the second. The second is 3/√5 as it
    # is: that is reached by itself in the one pattern with |Σ| = 5 and the five with |Σ| = 3.
    one, other = [1.0] * 5, [1.0, 1.0, 1.0, 1.0, -1.0]
    assert joint_p(np.array([other])).tolist() == [6 / 16]
    assert joint_p(np.array([one, other])).tolist() == [2 / 16, 6 / 16]


def test_the_least_p_does_not_grow_with_the_number_of_comparisons():
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(300, 8))
    p = joint_p(np.vstack([noise, 1 + 0.01 * noise[:1]]))
    assert p[-1] == 1 / 128
    assert holm(sign_flip_p(np.vstack([noise, 1 + 0.01 * noise[:1]])))[-1] == 1


@given(ROWS)
def test_comparisons_together_are_no_more_significant_than_alone_and_in_the_order_of_their_r(rows):
    if rows.shape[1] < LEAST_SEEDS:
        return
    p, alone = joint_p(rows), sign_flip_p(rows)
    assert (p >= alone - 1e-12).all()
    size = np.sqrt((rows**2).sum(axis=1))
    r = np.abs(rows.sum(axis=1)) / np.where(size > 0, size, 1)
    for one, other in product(range(len(rows)), repeat=2):
        assert r[one] < r[other] + 1e-9 or p[one] <= p[other]


def test_comparisons_with_few_seeds_are_not_tested_and_those_with_none_of_a_seed_are():
    rows = np.array([[1.0, 1.1, 0.9, 1.0, 1.2, 1.0], [1.0, 2.0, 3.0, 4.0, np.nan, np.nan], [1.0] * 5 + [np.nan]])
    p = joint_p(rows)
    assert np.isnan(p[1])
    assert p[[0, 2]].tolist() == joint_p(rows[[0, 2]]).tolist()
    assert np.isnan(joint_p(rows[1:2])).all()


def test_random_patterns_of_signs_begin_with_the_pairs_as_they_are():
    signs = signs_of(20, seed=1, draws=50)
    assert signs.shape == (51, 20)
    assert (signs[0] == 1).all()
    assert joint_p(np.ones((1, 20)), draws=50)[0] == 1 / 51
