"""What makes modules: told as it was planted, by corrected tests, with caveats first."""

import numpy as np
import pandas as pd
import pytest
from swept_results import swept_tables

from spatialgraph.analyses.caveats import caveats
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.fair_findings import LESS, MIXED, MORE, SAME, verdicts, what_makes_modules
from spatialgraph.analyses.findings import FINDINGS
from spatialgraph.analyses.summary import summary

FAMILIES = ("spatial", "l2", "fixed", "splitnet")


def planted(drops, seeds=8, spread=0.004, **asked):
    """Return evidence in which families lose at the split what is given, at every dose, a little different by seed."""
    tables = swept_tables(tuple(drops), seeds=seeds, **asked)
    scores = tables["scores"]
    family = scores["kind"].str.split(" ").str[0]
    level = family.map({"regular": 0.3} | drops).astype(float)
    noise = np.random.default_rng(0).normal(0, spread, len(scores))
    is_drop = scores["metric"] == "accuracy-drop"
    scores["value"] = scores["value"].where(~is_drop, level + noise)
    return Evidence(scores, tables["nulls"], members=tables["networks"])


def test_what_was_planted_is_told():
    drops = {"spatial": 0.05, "l2": 0.3, "fixed": 0.15, "splitnet": 0.0}
    finding = what_makes_modules(planted(drops, inputs=("mix", "sequential")))
    assert finding.holds
    assert not finding.hint
    text = finding.text
    assert text.startswith(
        "**What makes modules?** At equal accuracy, spatial, fixed and splitnet networks lose less than regular ones "
        "when they are split. This is so in every input mode where they are compared, and under every ablation. Less "
        "than spatial networks, in some input mode, lose splitnet."
    )
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if line.startswith("| ")}
    assert rows["L2"].startswith("| L2 | the square of weights costs, at any distance | – | ")
    assert rows["L2"].endswith("| more: Mixing and Sequential |")
    assert rows["SplitNet"].endswith("| less: Mixing and Sequential |")
    assert rows["Spatial"].endswith("| – |")
    assert "| question | at | less than regular | more than spatial | less than spatial |" in text
    assert "| Is it the size or the number of weights? | equal accuracy | 0 of 2 | 2 of 2 | 0 of 2 |" in text
    assert "| Is it positions, though none are learned? | equal accuracy | 2 of 2 |" in text
    assert "families of 14 comparisons (equal accuracy)" in text  # four lines and three, in two input modes
    # Three doses of three other families in two input modes: all those of splitnet lose less.
    assert "Along the whole sweep, 6 of 18 doses of other families lose less than spatial networks at equal" in text


def test_it_is_the_first_finding_and_stands_under_what_holds():
    evidence = planted({"spatial": 0.05, "l2": 0.3})
    assert FINDINGS[0] is what_makes_modules
    holds = summary(evidence).split("## What holds")[1].split("## What does not")[0]
    assert holds.strip().startswith("**What makes modules?**")


def test_nothing_is_told_where_nothing_differs():
    assert what_makes_modules(planted({"spatial": 0.3, "l2": 0.3}, spread=0.05)) is None


def test_two_kinds_without_doses_are_no_question():
    assert what_makes_modules(planted({"spatial": 0.05}, doses=(1.0,))) is None


def test_five_seeds_give_a_hint_and_a_caveat():
    evidence = planted({"spatial": 0.05, "l2": 0.3}, seeds=5)
    finding = what_makes_modules(evidence)
    assert finding.hint
    assert "n = 5 seeds, paired." in finding.text
    assert "The seeds are too few for a test. A difference is a hint: its 95 % t interval leaves out 0." in finding.text
    assert "5 seeds can tell no families of kinds apart" in [caveat.short for caveat in caveats(evidence)]


def test_families_of_no_comparisons_are_not_spoken_of():
    drops = {"spatial": 0.05, "l2": 0.3}
    text = what_makes_modules(planted(drops)).text
    assert "corrected together, in families of " in text
    assert " of 0 comparisons" not in what_makes_modules(planted(drops, seeds=3)).text


def test_kinds_of_a_users_own_are_answered_too():
    evidence = planted({"spatial": 0.05, "l2": 0.3})
    tables = [table.replace({"l2": "wires"}) for table in (evidence.scores, evidence.nulls, evidence.members)]
    tables = [t.assign(kind=t["kind"].str.replace("l2 ", "wires ")) for t in tables]
    text = what_makes_modules(Evidence(tables[0], tables[1], members=tables[2])).text
    assert "| Is it wires? | equal accuracy | 0 of 1 |" in text


def test_another_reference_and_no_spatial_networks():
    tables = swept_tables(("l1", "fixed"), seeds=8)
    finding = what_makes_modules(Evidence(tables["scores"], tables["nulls"], members=tables["networks"]))
    assert "spatial networks" not in finding.text.split("Splits are by")[0]
    assert "Along the whole sweep" not in finding.text


ROW = {"basis": "equal accuracy", "against": "reference", "inputs": "mix", "line": "l1", "other": "l1 λ=1", "n": 8}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(0.1, 0.01), (0.1, 0.05)], LESS),
        ([(-0.1, 0.01), (-0.1, 0.05)], MORE),
        ([(0.1, 0.01), (0.1, 0.06)], MIXED),
        ([(0.1, 0.01), (-0.1, 0.01)], MIXED),
        ([(0.1, 0.06), (-0.1, 0.9)], SAME),
    ],
)
def test_a_verdict_needs_every_ablation(rows, expected):
    # Intervals say nothing where a test can tell.
    table = [
        {**ROW, "difference": difference, "low": 0.05, "high": 0.2, "p_joint": p, "p_least": 0.0078}
        for difference, p in rows
    ]
    assert verdicts(pd.DataFrame(table))["verdict"].tolist() == [expected]


def test_doses_that_are_chosen_by_their_outcome_are_said_first():
    tables = swept_tables(FAMILIES, seeds=2, validation=False)
    short = [caveat.short for caveat in caveats(Evidence(tables["scores"], members=tables["networks"]))]
    assert "Doses are chosen on the examples that score them" in short
    tables = swept_tables(("spatial",), doses=(1.0,), seeds=2, validation=False)
    assert caveats(Evidence(tables["scores"], members=tables["networks"])) == []


def test_families_without_a_dose_are_said_first():
    tables = swept_tables(("spatial", "l2"), seeds=8)
    networks = tables["networks"]
    networks.loc[networks["family"] == "l2", "validation_accuracy"] = 0.5
    (caveat,) = caveats(Evidence(tables["scores"], members=networks))
    assert caveat.short == "No dose is accurate enough in 1 of 2 cells of families and inputs"
    assert caveat.text.startswith("l2 mix. At every dose they are more than 0.01 less accurate than regular networks.")


def test_the_summary_of_a_large_sweep_stays_short():
    tables = swept_tables(seeds=2, families=("spatial", "l1", "l2", "fixed"), doses=range(1, 11))
    evidence = Evidence(tables["scores"], tables["nulls"], members=tables["networks"])
    text = summary(evidence)
    assert max(map(len, text.splitlines())) < 1500
    assert "- 82 networks of 41 kinds in 1 input mode, 2 of each." in text
