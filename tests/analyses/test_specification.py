"""The specification curve: which analyses it has, its shares and p worked out by hand, and its figure."""

import re

import numpy as np
import pandas as pd
import pytest
from planted_scores import drops, notes_of, nulls_of, rows_of, scores_of
from swept_results import swept_tables, write_swept_results

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.figures import Choice, draw, drawings
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.specification import CHOICES, default_contrast, specification_curve
from spatialgraph.faults import NotApplicableError


def verdict(curve, statistic):
    row = curve.verdicts.set_index("statistic").loc[statistic]
    return row["value"], row["p"]


def two_analyses(first, second):
    """Return evidence of two methods whose differences, spatial − regular, are given for each seed."""
    rows = []
    for split, differences in (("greedy", first), ("leiden", second)):
        for seed, difference in enumerate(differences):
            for kind, value in (("regular", 0.5), ("spatial", 0.5 + difference)):
                rows.append(("run", f"{kind}-{seed}", kind, "mix", seed, split, "zero", "accuracy-drop", "", value))
    return Evidence(scores_of(rows))


def test_shares_and_p_by_hand():
    # The first is negative in every seed, the second has either sign.
    steady, odd = [-0.2, -0.25, -0.2, -0.15, -0.2], [0.1, -0.12, 0.1, -0.1, 0.12]
    curve = specification_curve(two_analyses(steady, odd))
    assert curve.estimates["split"].tolist() == ["greedy", "leiden"]
    assert np.allclose(curve.estimates["estimate"], [-0.2, 0.02])
    assert curve.estimates["significant"].tolist() == [True, False]
    assert (curve.seeds, curve.patterns, curve.exact) == (5, 16, True)
    # Of two signs either one alone, or both: half agree always.
    assert verdict(curve, "agree in sign") == (0.5, 1.0)
    # An interval leaves out 0 where all signs are alike: of the first in 1 of 16 patterns, and of the second in 1.
    assert verdict(curve, "significant") == (0.5, 2 / 16)


def test_labels_are_exchanged_in_all_analyses_at_once():
    # Both analyses are the same: under any labels they agree, and they are significant together.
    steady = [-0.2, -0.25, -0.2, -0.15, -0.2, -0.22]
    curve = specification_curve(two_analyses(steady, steady))
    assert verdict(curve, "agree in sign") == (1.0, 1.0)
    assert verdict(curve, "significant") == (1.0, 1 / 32)
    assert verdict(curve, "median")[1] == 1 / 32
    assert (curve.estimates["null_high"] >= 0.12).all()


def test_what_has_no_spread_is_not_significant():
    curve = specification_curve(two_analyses([-0.25] * 6, [-0.25] * 6))
    assert curve.estimates[["low", "high"]].isna().all(axis=None)
    assert verdict(curve, "significant")[0] == 0


def test_fewer_than_five_seeds_have_no_p():
    curve = specification_curve(two_analyses([-0.2, -0.25, -0.2, -0.15], [0.1, -0.1, 0.1, -0.1]))
    assert curve.verdicts["p"].isna().all()


def test_an_analysis_of_one_seed_has_no_interval_and_is_not_significant():
    evidence = two_analyses([-0.2, -0.25, -0.2], [0.1, -0.1, 0.1])
    rows = evidence.scores
    curve = specification_curve(Evidence(rows[(rows["split"] != "leiden") | (rows["seed"] == 0)]))
    assert curve.estimates[["split", "n", "significant"]].to_numpy().tolist() == [
        ["greedy", 3, True],
        ["leiden", 1, False],
    ]
    assert verdict(curve, "significant")[0] == 0.5
    single = specification_curve(Evidence(rows[rows["seed"] == 0]))
    assert np.allclose(single.estimates["estimate"], [-0.2, 0.1])


def test_analyses_are_all_combinations_that_the_scores_hold():
    tables = swept_tables(("spatial", "l1"), doses=(0.5, 1.0), seeds=2, inputs=("mix", "sequential"))
    evidence = Evidence(tables["scores"], tables["nulls"], members=tables["networks"])
    curve = specification_curve(evidence)
    # Two methods, two ablations, two doses of spatial, two input modes; drops have no null model here.
    assert len(curve.estimates) == 2 * 2 * 2 * 2
    assert not curve.estimates.duplicated(list(CHOICES)).any()
    both = specification_curve(evidence, ("spatial", "l1"), "modularity")
    # Modularity has no ablation; as it is, and beyond each of two null models; two doses of l1 as well.
    assert len(both.estimates) == 2 * 2 * 2 * 2 * 3
    assert set(both.estimates["null"]) == {"", "strength", "shuffle"}
    one = specification_curve(evidence, ("spatial α=1", "l1 λ=1"))
    assert set(one.estimates["dose_one"]) == {"spatial α=1"}
    assert len(one.estimates) == 8


def test_null_models_controls_and_degenerate_splits():
    methods = ("greedy", "leiden", "random")
    scores = scores_of(drops(lambda kind, *_: 0.1 if kind == "spatial" else 0.3, methods=methods))
    nulls = nulls_of(scores, "random-split", 0.05, better=lambda row: True, split="greedy", metric="accuracy-drop")
    notes = notes_of(scores, "leiden", "a task has no neurons", kind="spatial")
    notes = notes.assign(code="few-neurons", values="{}")
    curve = specification_curve(Evidence(scores, nulls, notes=notes))
    found = set(zip(curve.estimates["split"], curve.estimates["null"], strict=True))
    assert ("random", "") not in found
    assert {("greedy", ""), ("greedy", "random-split")} <= found
    assert np.allclose(curve.estimates["estimate"], -0.2, atol=0.001)


def test_scores_alone_suffice():
    scores = swept_tables(("spatial", "l1"), seeds=5)["scores"]
    assert default_contrast(Evidence(scores)) == ("spatial", "regular")
    assert len(specification_curve(Evidence(scores)).estimates) == 2 * 2 * 3


def test_without_spatial_networks_the_first_other_family_is_compared():
    scores = swept_tables(("fixed", "l1"), seeds=2)["scores"]
    assert default_contrast(Evidence(scores)) == ("l1", "regular")


@pytest.mark.parametrize(
    ("contrast", "message"),
    [
        (("spatial", "swap"), "contrast: unknown kind or family 'swap'; known: regular, spatial, l1, spatial α=0.3, "),
        (("l1", "l1 λ=1"), "contrast: expected two sides without a kind in common, found 'l1' and 'l1 λ=1'"),
    ],
)
def test_contrasts_that_cannot_be(contrast, message):
    evidence = Evidence(swept_tables(("spatial", "l1"), seeds=2)["scores"])
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        specification_curve(evidence, contrast)


def test_one_kind_cannot_be_compared():
    scores = scores_of(rows_of(lambda *_: 0.3, kinds=("regular",), metric="accuracy-drop", where=[("greedy", "zero")]))
    with pytest.raises(NotApplicableError, match="expected kinds of at least two families to compare, found regular"):
        specification_curve(Evidence(scores))
    with pytest.raises(NotApplicableError, match="expected scores cut of splits of spatial and of regular by one"):
        specification_curve(two_analyses([0.1, 0.2], [0.1, 0.2]), metric="cut")


def test_many_seeds_have_random_patterns_that_a_seed_repeats():
    draw_ = np.random.default_rng(1)
    differences = draw_.normal(0.1, 0.1, (2, 14))
    curve, again, other = (specification_curve(two_analyses(*differences), seed=seed) for seed in (0, 0, 1))
    assert not curve.exact
    assert curve.patterns == 2**11 + 1
    pd.testing.assert_frame_equal(curve.verdicts, again.verdicts)
    assert not curve.verdicts.equals(other.verdicts)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    return Results.load(write_swept_results(folder, families=("spatial", "l1"), seeds=6, inputs=("mix", "sequential")))


def test_the_figure_shows_the_curve_and_its_choices(results, tmp_path):
    (drawing,) = drawings(results, "specification")
    top, bottom = drawing.figure.axes
    assert top.get_ylabel() == "Accuracy drop\nspatial − regular"
    texts = [label.get_text() for label in bottom.get_yticklabels()]
    assert texts == [
        "greedy",
        "leiden",
        "activation = 0",
        "activation = mean",
        "α=0.3",
        "α=1",
        "α=3",
        "Mixing",
        "Sequential",
    ]
    rows = drawing.numbers[drawing.numbers["statistic"] == "estimate"]
    assert rows["value"].is_monotonic_increasing
    assert len(rows) == 2 * 2 * 3 * 2
    assert "by 24 analyses (Simonsohn, Simmons & Nelson 2020)" in drawing.caption
    assert "(all 32 different patterns)" in drawing.caption
    written = draw(results, tmp_path, ["png"], only=["specification"])
    assert [path.name for path in written] == ["specification.png", "specification.csv", "specification.txt"]


def test_the_contrast_and_the_measure_of_the_figure_are_chosen(results):
    choice = Choice(contrast=("l1", "spatial"), measure="modularity")
    (drawing,) = drawings(results, "specification", choice)
    assert drawing.figure.axes[0].get_ylabel() == "Modularity\nl1 − spatial"
    with pytest.raises(ValueError, match=r"^unknown measure 'size'; known: modularity, accuracy-drop$"):
        drawings(results, "specification", Choice(measure="size"))
    for contrast in (("l1",), ("l1", "l1"), ("l1", "l2", "fixed")):
        with pytest.raises(ValueError, match=r"^contrast: expected two kinds or families, found l1"):
            Choice(contrast=contrast)


def test_kinds_that_are_left_out_keep_the_doses_of_the_others(results):
    (drawing,) = drawings(results.of_kinds(["regular", "spatial α=1"]), "specification")
    rows = drawing.numbers[drawing.numbers["statistic"] == "estimate"]
    assert set(rows["dose_one"]) == {"spatial α=1"}
