"""Evidence: what is read, how it is ordered, and when a comparison shows a difference."""

import math

import pandas as pd
import pytest

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.evidence import (
    LEAST_DRAWS,
    Evidence,
    against_chance,
    differs,
    flipped,
    hinted,
    mark,
    planned,
    seen,
    told_by,
    unvaried,
    verdict,
)
from spatialgraph.analyses.summary import summary


def comparison(p, *, n=10, comparisons=3, low=0.1, high=0.3, p_holm=None):
    least = 2 / 2**n if n >= 5 else math.nan
    row = {"n": n, "p": p, "p_least": least, "comparisons": comparisons, "low": low, "high": high}
    return row | {"p_holm": min(1, p * comparisons) if p_holm is None else p_holm}


def test_a_corrected_p_decides_where_it_can():
    assert differs(comparison(2 / 2**10))
    assert not differs(comparison(0.04))  # 0.12 corrected, whatever the interval
    assert differs(comparison(0.01, low=-0.1))


@pytest.mark.parametrize(("low", "high", "expected"), [(0.1, 0.3, True), (-0.3, -0.1, True), (-0.1, 0.3, False)])
@pytest.mark.parametrize(
    "row", [comparison(math.nan, n=3), comparison(2 / 2**5, n=5), comparison(1.0, comparisons=105)]
)
def test_the_interval_hints_where_no_test_can_tell(row, low, high, expected):
    row = row | {"low": low, "high": high}
    assert hinted(row) == seen(row) == expected
    assert not differs(row)  # a hint is no difference that holds
    assert mark(row) == ("°" if expected else "")


def test_where_a_test_can_tell_there_are_no_hints():
    assert not hinted(comparison(0.5))
    assert mark(comparison(0.5)) == ""
    assert mark(comparison(2 / 2**10)) == "*"


def test_one_seed_shows_no_difference():
    assert not seen(comparison(math.nan, n=1, low=math.nan, high=math.nan))


def test_p_never_stands_without_n():
    assert verdict(comparison(math.nan, n=3)) == "n = 3, no test"
    assert verdict(comparison(2 / 2**10)) == "n = 10, p = 0.002, 0.0059 corrected for 3 comparisons"
    assert verdict(comparison(0.5, comparisons=1)) == "n = 10, p = 0.5"
    expected = "n = 5, p = 0.062, 0.19 corrected for 3 comparisons, no less than so few seeds can give"
    assert verdict(comparison(2 / 2**5, n=5)) == expected


def test_marks_say_what_they_rest_on():
    few, many = comparison(math.nan, n=3), comparison(0.01)
    assert told_by([many]) == "n = 10 seeds. *: corrected p ≤ 0.05."
    interval = "the 95 % t interval of the difference leaves out 0."
    hint = f"°, a hint from too few seeds for a test: {interval}"
    assert told_by([few]) == f"n = 3 seeds. {hint}"
    assert told_by([few, many]) == f"n = 3 to 10 seeds. *: corrected p ≤ 0.05. {hint}"
    assert told_by([few, many], marks=False) == (
        "n = 3 to 10 seeds. A difference is told by a corrected p ≤ 0.05. Where seeds are too few for a test, it is a "
        f"hint: {interval}"
    )


def test_planned_comparisons_are_a_family_of_their_own():
    rows = planned([comparison(0.01, comparisons=105), comparison(0.04, comparisons=105), comparison(math.nan, n=3)])
    assert [row["p_holm"] for row in rows[:2]] == [0.02, 0.04]
    assert [row["comparisons"] for row in rows] == [2, 2, 2]
    assert planned([]) == []


def test_a_comparison_can_be_turned():
    row = {"one": "a", "other": "b", "mean_one": 1.0, "mean_other": 3.0, "difference": -2.0, "low": -4.0, "high": -1.0}
    assert flipped(row, "a") == row
    expected = {
        "one": "b",
        "other": "a",
        "mean_one": 3.0,
        "mean_other": 1.0,
        "difference": 2.0,
        "low": 1.0,
        "high": 4.0,
    }
    assert flipped(row, "b") == expected


def scores(rows):
    full = [("run", f"{kind}-{seed}", kind, "mix", seed, *rest) for kind, seed, *rest in rows]
    return pd.DataFrame(full, columns=list(COLUMNS)).astype({"seed": "Int64"})


def test_the_worst_ablation_is_that_of_the_largest_mean():
    rows = [
        ("a", seed, "greedy", ablation, "accuracy-drop", "", value)
        for ablation, value in (("zero", 0.1), ("incoming", 0.3), ("mean", 0.2))
        for seed in (0, 1)
    ]
    worst = Evidence(scores(rows)).worst
    assert worst[["split", "ablation", "mean"]].to_numpy().tolist() == [["greedy", "incoming", 0.3]]


def test_the_reference_method_is_greedy_or_the_first():
    rows = [("a", 0, split, "", "cut", "", 0.1) for split in ("spectral", "greedy")]
    assert Evidence(scores(rows)).method == "greedy"
    assert Evidence(scores(rows[:1])).method == "spectral"
    assert Evidence(scores([("a", 0, "none", "", "wiring", "", 1.0)])).method == ""


def cuts_of(*kinds):
    return scores([(kind, seed, "greedy", "", "cut", "", len(kind) / 10) for kind in kinds for seed in (0, 1)])


def test_every_kind_is_compared_with_the_first_of_tables():
    evidence = Evidence(cuts_of("brainy", "spatial", "regular"))
    assert (evidence.reference, evidence.others) == ("regular", ("spatial", "brainy"))
    assert [row["kind"] for row in evidence.of_kinds("cut", "greedy")] == ["spatial", "brainy"]
    assert {row["mean_one"] for row in evidence.of_kinds("cut", "greedy")} == {0.7}
    assert Evidence(cuts_of("brainy")).others == ()


def test_every_kind_is_compared_with_the_one_asked_for():
    evidence = Evidence(cuts_of("brainy", "spatial", "regular"), asked="brainy")
    assert (evidence.reference, evidence.others) == ("brainy", ("regular", "spatial"))
    rows = evidence.of_kinds("cut", "greedy")
    assert {(row["one"], row["other"], row["mean_one"], row["mean_other"]) for row in rows} == {
        ("brainy", "regular", 0.6, 0.7),
        ("brainy", "spatial", 0.6, 0.7),
    }


def test_nothing_is_compared_with_a_kind_that_has_no_scores():
    evidence = Evidence(cuts_of("brainy", "spatial"), asked="regular")
    assert (evidence.reference, evidence.others) == ("regular", ("spatial", "brainy"))
    assert not evidence.of_kinds("cut", "greedy")
    assert "kind regular: nothing is compared with it, since no score of it is left." in summary(evidence)


def test_of_a_grid_the_first_kind_is_the_reference():
    kinds = ("spatial α=10", "spatial α=2", "regular η=0.01", "regular η=0.1")
    assert Evidence(cuts_of(*kinds)).reference == "regular η=0.01"
    assert Evidence(cuts_of(*kinds[:2])).reference == "spatial α=2"


def test_the_reference_of_other_names_is_the_same_kind():
    # By its new name another kind would be the first.
    evidence = Evidence(cuts_of("a", "b")).renamed({"a": "z", "b": "b"}.get)
    assert (evidence.reference, evidence.others) == ("z", ("b",))


def test_the_reference_is_that_of_the_analysis(tmp_path):
    cuts_of("regular", "spatial").to_csv(tmp_path / "scores.csv", index=False)
    assert Evidence.load(tmp_path).reference == "regular"
    (tmp_path / "analysis.json").write_text('{"reference": "spatial"}')
    assert Evidence.load(tmp_path).reference == "spatial"
    (tmp_path / "analysis.json").write_text('{"reference": 3}')
    with pytest.raises(ValueError, match=r'analysis\.json: expected "reference", the name of a kind, found 3$'):
        Evidence.load(tmp_path)


def test_a_folder_is_read_with_what_is_there(tmp_path):
    table = scores([("a", 0, "greedy", "", "cut", "", 0.1)])
    table.to_csv(tmp_path / "scores.csv", index=False)
    assert Evidence.load(tmp_path).nulls.empty
    pd.DataFrame({"network": ["a-0"], "split": ["greedy"], "note": ["NA"]}).to_csv(tmp_path / "notes.csv", index=False)
    nulls = table.assign(null="distance", draws=3, mean=0.2, sd="", z="", p=0.25)
    nulls.to_csv(tmp_path / "nulls.csv", index=False)
    evidence = Evidence.load(tmp_path)
    assert evidence.notes["note"].tolist() == ["NA"]
    assert evidence.notes[["code", "values"]].to_numpy().tolist() == [["text", '{"text": "NA"}']]  # an earlier version
    assert evidence.nulls[["draws", "mean", "p"]].to_numpy().tolist() == [[3, 0.2, 0.25]]
    assert evidence.chances["z"].isna().all()
    assert evidence.agreement.empty


def test_a_folder_without_scores_and_a_table_without_a_column_are_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"scores\.csv: expected the scores of an analysis, found nothing$"):
        Evidence.load(tmp_path)
    scores([("a", 0, "greedy", "", "cut", "", 0.1)]).to_csv(tmp_path / "scores.csv", index=False)
    pd.DataFrame({"network": ["a-0"], "note": ["x"]}).to_csv(tmp_path / "notes.csv", index=False)
    expected = r"notes\.csv: expected columns network, split, note; split missing, found network, note$"
    with pytest.raises(ValueError, match=expected):
        Evidence.load(tmp_path)


# Chance


def beside(rows, **columns):
    table = scores(rows)
    return table.assign(**({"null": "distance", "draws": 100, "mean": 0.5, "sd": 0.1, "z": 2.0, "p": 0.01} | columns))


def test_a_null_model_without_spread_has_no_z_and_does_not_count():
    rows = [("a", seed, "greedy", "", "modularity", "", 0.6) for seed in range(3)]
    nulls = beside(rows, sd=[0.1, 0.0, 1e-10], z=[2.0, 3.0, 1e9], p_opposite=[0.99, 1.0, 1.0])
    chances = Evidence(scores(rows), nulls).chances
    assert chances["spread"].tolist() == [True, False, False]
    assert chances["z"].isna().tolist() == [False, True, True]
    (group,) = against_chance(chances, ["kind"]).to_dict("records")
    assert (group["better"], group["worse"], group["networks"], group["z"]) == (1, 0, 1, 2.0)
    assert unvaried(chances) == (" Not counted: 2 networks of which all draws of `distance` are equal. They have no z.")
    assert unvaried(chances[chances["spread"]]) == ""


def test_one_draw_is_no_null_model_without_spread():
    rows = [("a", 0, "greedy", "", "modularity", "", 0.6)]
    assert Evidence(scores(rows), beside(rows, draws=1, sd=math.nan, z=math.nan)).chances["spread"].all()
    assert LEAST_DRAWS == 19  # 1/20 is 0.05


def test_what_counts_in_both_tails_is_the_largest_p_of_the_tasks():
    rows = [("a", 0, "greedy", "zero", "accuracy-drop", task, 0.6) for task in "ab"]
    chances = Evidence(scores(rows), beside(rows, p=[0.9, 0.8], p_opposite=[0.03, 0.2])).chances
    assert chances[["p", "p_opposite"]].to_numpy().tolist() == [[0.9, 0.2]]


def test_the_p_of_networks_are_combined_and_corrected_for_both_tails():
    rows = [("a", seed, "greedy", "zero", "accuracy-drop", "", 0.6) for seed in range(2)]
    p = {"p": [0.2, 0.1], "p_opposite": [0.9, 1.0]}
    (row,) = Evidence(scores(rows), beside(rows, null="random-split", **p)).controls.to_dict("records")
    combined = 0.02 * (1 - math.log(0.02))  # P(U1 U2 <= 0.02)
    assert row["p_better"] == pytest.approx(2 * combined)
    assert row["p_worse"] == pytest.approx(0.9 * (1 - math.log(0.9)))
    # Without the other tail it is not known, and corrected for nothing.
    (row,) = Evidence(scores(rows), beside(rows, null="random-split", p=[0.2, 0.1])).controls.to_dict("records")
    assert row["p_better"] == pytest.approx(combined)
    assert math.isnan(row["p_worse"])


def test_controls_with_parameters_are_controls_too():
    rows = [
        ("a", 0, split, "zero", "accuracy-drop", "", 0.6) for split in ("random", "random:sizes=balanced", "greedy")
    ]
    controls = Evidence(scores(rows), beside(rows, null="random-split")).controls
    assert controls["split"].tolist() == ["greedy"]
