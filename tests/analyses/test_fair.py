"""Fair comparisons: the doses that are chosen, and every line beside the reference and the spatial line."""

import numpy as np
import pandas as pd
import pytest
from swept_results import swept_tables

from spatialgraph.analyses import fair
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.fair import dose_table, is_sweep, lines, spatial_kind
from spatialgraph.analyses.fair_comparisons import common_null, fair_comparisons, measures


def evidence_of(**asked):
    tables = swept_tables(**asked)
    return Evidence(tables["scores"], tables["nulls"], members=tables["networks"])


def with_accuracies(accuracy, strength=None, reference=0.9, column="validation_accuracy"):
    """Return evidence whose kinds have the accuracies and strengths that are given, by kind."""
    tables = swept_tables(("spatial", "l1"), seeds=2)
    networks = tables["networks"]
    networks[column] = networks["kind"].map({"regular": reference} | accuracy)
    if strength:
        networks["strength"] = networks["kind"].map({"regular": 100.0} | strength)
    return Evidence(tables["scores"], members=networks)


ACCURATE = {"spatial α=0.3": 0.9, "spatial α=1": 0.895, "spatial α=3": 0.80}


def chosen(evidence, which):
    table = dose_table(evidence)
    return table.loc[table[which], "kind"].tolist()


def test_the_strongest_dose_that_is_accurate_enough():
    # 0.89 is just within 0.01 of 0.9; a weaker dose that is not does not matter.
    evidence = with_accuracies(ACCURATE | {"l1 λ=0.3": 0.85, "l1 λ=1": 0.91, "l1 λ=3": 0.89})
    assert chosen(evidence, "equal_accuracy") == ["spatial α=1", "l1 λ=3"]
    assert spatial_kind(evidence, "mix") == "spatial α=1"


def test_no_dose_is_accurate_enough():
    evidence = with_accuracies(ACCURATE | {"l1 λ=0.3": 0.889, "l1 λ=1": 0.5, "l1 λ=3": 0.1})
    assert chosen(evidence, "equal_accuracy") == ["spatial α=1"]
    rows = fair_comparisons(evidence)
    assert set(rows.loc[rows["basis"] == "equal accuracy", "line"]) == {"spatial"}


def test_the_closest_strength_by_ratio_and_none_that_is_too_far():
    # Of 50: 80 is 1.6 times as much, 35 a 1.43rd and 70 a 1.4th.
    same = dict.fromkeys(("l1 λ=0.3", "l1 λ=1", "l1 λ=3"), 0.9)
    spatial = {"spatial α=0.3": 90.0, "spatial α=1": 50.0, "spatial α=3": 10.0}
    near = with_accuracies(ACCURATE | same, spatial | {"l1 λ=0.3": 80.0, "l1 λ=1": 70.0, "l1 λ=3": 35.0})
    assert chosen(near, "equal_strength") == ["spatial α=1", "l1 λ=1"]
    table = dose_table(near).set_index("kind")
    assert table.loc["l1 λ=1", "ratio"] == 1.4
    far = with_accuracies(ACCURATE | same, spatial | {"l1 λ=0.3": 80.0, "l1 λ=1": 0.0, "l1 λ=3": 33.0})
    assert chosen(far, "equal_strength") == ["spatial α=1"]


def test_doses_are_chosen_on_validation_examples_and_otherwise_on_those_that_score():
    tables = swept_tables(("spatial", "l1"), seeds=3)
    table = dose_table(Evidence(tables["scores"], members=tables["networks"]))
    assert set(table["examples"]) == {"validation"}
    networks = tables["networks"]
    networks.loc[0, "validation_accuracy"] = np.nan  # one network without is enough
    table = dose_table(Evidence(tables["scores"], members=networks)).set_index("kind")
    assert set(table["examples"]) == {"held-out"}
    whole = tables["scores"].query("kind == 'l1 λ=1' and split == 'none' and metric == 'accuracy'")
    assert table.loc["l1 λ=1", "accuracy"] == pytest.approx(whole["value"].mean())


def test_what_is_compared_with_what():
    rows = fair_comparisons(evidence_of(families=("spatial", "l1"), seeds=6))
    own = rows[(rows["metric"] == "accuracy-drop") & (rows["ablation"] == "zero")]
    by_basis = own.groupby("basis", sort=False)
    # Spatial and l1 with the reference, l1 with spatial; in the sweep each has three doses, spatial its own as well.
    assert by_basis.size().to_dict() == {"equal accuracy": 3, "equal strength": 3, "sweep": 6 + 3 + 2}
    assert (own["comparisons"] == by_basis["basis"].transform("size")).all()
    assert set(own.loc[own["against"] == "spatial", "one"]) == {
        spatial_kind(evidence_of(families=("spatial", "l1"), seeds=6), "mix")
    }
    assert (own["p_joint"] >= own["p"] - 1e-12).all()


def test_differences_are_those_of_the_seeds():
    evidence = evidence_of(families=("spatial", "l1"), seeds=6)
    rows = fair_comparisons(evidence).query("basis == 'sweep' and metric == 'modularity' and against == 'reference'")
    values = measures(evidence).query("metric == 'modularity'").set_index(["kind", "unit"])["value"]
    for _, row in rows.iterrows():
        difference = values[row["one"]] - values[row["other"]]
        assert row["difference"] == pytest.approx(difference.mean())
        assert row["n"] == 6


def test_a_seed_that_one_side_lacks_does_not_count():
    tables = swept_tables(("spatial", "l1"), seeds=7)
    scores = tables["scores"].query("not (kind == 'spatial α=1' and seed == 3)")
    rows = fair_comparisons(Evidence(scores, members=tables["networks"]))
    sweep = rows.query("basis == 'sweep' and metric == 'accuracy' and against == 'reference'").set_index("other")
    assert sweep["n"].to_dict() == dict.fromkeys(sweep.index, 7) | {"spatial α=1": 6}


def test_modularity_is_compared_beyond_a_null_model_that_every_kind_has():
    tables = swept_tables(("spatial", "l1"), seeds=6)
    nulls = tables["nulls"]
    spatial = nulls[nulls["kind"].str.startswith("spatial") & (nulls["null"] == "strength")].assign(null="distance")
    evidence = Evidence(tables["scores"], pd.concat([nulls, spatial]), members=tables["networks"])
    assert common_null(evidence) == "strength"
    rows = measures(evidence)
    plain, beyond = (rows[rows["metric"] == metric]["value"] for metric in ("modularity", "modularity-beyond:strength"))
    assert np.allclose(beyond, plain.to_numpy() - 0.1)
    assert common_null(evidence_of(nulls=False)) == ""


def test_without_spatial_networks_lines_are_compared_with_the_reference_alone():
    evidence = evidence_of(families=("l1", "fixed"), seeds=5)
    rows = fair_comparisons(evidence)
    assert set(rows["against"]) == {"reference"}
    assert set(rows["basis"]) == {"equal accuracy", "sweep"}
    assert dose_table(evidence)["ratio"].isna().all()


def test_any_reference():
    tables = swept_tables(("spatial", "l1"), seeds=5)
    evidence = Evidence(tables["scores"], asked="l1 λ=1", members=tables["networks"])
    assert lines(evidence) == ("regular", "spatial", "l1")
    rows = fair_comparisons(evidence)
    assert set(rows.loc[rows["against"] == "reference", "one"]) == {"l1 λ=1"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"families": ("spatial",), "doses": (1.0,)}, False),
        ({"families": ("spatial",)}, True),
        ({"families": ("l1", "l2"), "doses": (1.0,)}, True),
    ],
    ids=["one dose of one family", "a sweep", "two families"],
)
def test_there_is_something_to_choose(asked, expected):
    assert is_sweep(evidence_of(seeds=2, **asked)) is expected


def test_nothing_is_compared_of_one_kind():
    evidence = evidence_of(families=(), seeds=2)
    assert fair_comparisons(evidence).empty
    assert not is_sweep(evidence)
    assert lines(evidence) == ()
    assert fair.dose_table(evidence)["equal_accuracy"].tolist() == [False]
