"""Findings: each is told where it was planted, with the numbers that were planted, and not told where it was not."""

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.findings import (
    FINDINGS,
    ablation_matters,
    better_than_sizes,
    beyond_chance,
    clusterings,
    kinds_differ,
    methods_agree,
    min_cut,
    same_examples,
    seeds_disagree,
    sizes_alone,
)
from spatialgraph.analyses.results import COLUMNS

SEEDS = 6
MISPLACED = "9 of 20 outputs lie in the cluster of another task; {most} of 20 outputs lie in one cluster"
SAME = "tasks a, b are labelled on the same examples, so this method cannot tell them apart"
DEGENERATE = "degenerate: 0 of 384 neurons besides its outputs serve task 'a'"


def jitter(seed):
    """Return a small number that differs between seeds, so that intervals and tests have something to do."""
    return 0.001 * ((seed * 7) % 5 - 2)


def rows_of(
    value, *, kinds=("regular", "spatial"), inputs=("mix",), seeds=SEEDS, where=(("greedy", ""),), metric="cut"
):
    """Return scores: value(kind, inputs, split, ablation) of every network, a little different for each seed."""
    return [
        ("run", f"{mode}-{kind}-{seed}", kind, mode, seed, split, ablation, metric, "", level + jitter(seed))
        for mode in inputs
        for kind in kinds
        for seed in range(seeds)
        for split, ablation in where
        if (level := value(kind, mode, split, ablation)) is not None
    ]


def scores_of(*parts):
    return pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS)).astype({"seed": "Int64"})


def drops(value, methods=("greedy",), ablations=("zero", "mean"), **options):
    """Return scores of the accuracy that splits cost."""
    where = [(method, ablation) for method in methods for ablation in ablations]
    return rows_of(value, where=where, metric="accuracy-drop", **options)


def notes_of(scores, split, text, kind=None, inputs=None):
    """Return a note on a split for every network of a kind and input mode."""
    members = scores.drop_duplicates("network")
    chosen = members[
        (members["kind"] == (kind or members["kind"])) & (members["inputs"] == (inputs or members["inputs"]))
    ]
    return pd.DataFrame({"network": chosen["network"], "split": split, "note": text})


def nulls_of(scores, null, mean, better, draws=100, **where):
    """Return scores beside a null model of a mean, with p = 0.01 where better(row) and 0.5 elsewhere."""
    rows = scores
    for name, value in where.items():
        rows = rows[rows[name] == value]
    p = [0.01 if better(row) else 0.5 for row in rows.to_dict("records")]
    return rows.assign(null=null, draws=draws, mean=mean, sd=0.01, z=(rows["value"] - mean) / 0.01, p=p)


def agreement_of(scores, pairs):
    members = scores.drop_duplicates("network")
    return pd.concat(
        [
            members[["run", "network", "kind", "inputs", "seed"]].assign(
                split=one, other=other, measure="adjusted-rand", value=value
            )
            for one, other, value in pairs
        ]
    )


# Kinds, and what the kind of ablation does


def test_kinds_that_differ_and_by_how_much():
    differ = {"regular": 0.1, "spatial": 0.4}
    scores = scores_of(
        rows_of(lambda kind, *_: differ[kind], metric="modularity"),
        rows_of(lambda *_: 0.9, where=[("none", "")], metric="accuracy"),
    )
    finding = kinds_differ(Evidence(scores))
    assert finding.holds
    assert finding.text.splitlines() == [
        "**Regular and spatial networks differ.** Mean of regular / of spatial networks, split by `greedy` "
        "(6 seeds; *: corrected p ≤ 0.05):",
        "",
        "| inputs | accuracy of the whole network | modularity |",
        "| --- | ---: | ---: |",
        "| Mixing | 0.900 / 0.900 | 0.100 / 0.400* |",
    ]


@pytest.mark.parametrize(
    "scores",
    [
        scores_of(rows_of(lambda *_: 0.3, metric="modularity")),
        scores_of(rows_of(lambda *_: 0.3, metric="modularity", kinds=("regular",))),
        scores_of(rows_of(lambda kind, *_: len(kind) / 10, metric="modularity", seeds=1, kinds=("regular", "flat"))),
    ],
    ids=["equal", "one kind", "one seed"],
)
def test_kinds_that_are_not_known_to_differ(scores):
    assert kinds_differ(Evidence(scores)) is None


@pytest.mark.parametrize("seeds", [4, 5])
def test_too_few_seeds_give_hints(seeds):
    # With five seeds p is at least 2/32, above 0.05, so no test can tell; the interval may.
    scores = scores_of(rows_of(lambda kind, *_: len(kind) / 10, metric="cut", seeds=seeds, kinds=("regular", "flat")))
    text = kinds_differ(Evidence(scores)).text
    assert f"({seeds} seeds; *: the interval of the difference leaves out 0; too few seeds for a test)" in text
    assert "| Mixing | 0.700 / 0.400* |" in text


def test_the_kind_of_ablation_changes_the_conclusion():
    planted = {
        ("regular", "incoming"): 0.3,
        ("regular", "zero"): 0.05,
        ("spatial", "incoming"): 0.02,
        ("spatial", "zero"): 0.02,
    }

    def value(kind, mode, split, ablation):
        return planted[kind, ablation]

    scores = scores_of(drops(value, ablations=("zero", "incoming"), inputs=("mix", "other")))
    finding = ablation_matters(Evidence(scores))
    assert finding.holds
    assert "| inputs | zero (activation = 0) | incoming (incoming weights = 0) |" in finding.text
    assert "| Mixing | 0.030 [0.030, 0.030]* | 0.280 [0.280, 0.280]* |" in finding.text
    # Equal differences in all 6 seeds: p = 2/64, two comparisons (one for each input mode).
    assert (
        "- other: the difference is 0.280 under incoming and 0.030 under zero, a change of 0.250 [0.250, 0.250] "
        "(n = 6, p = 0.031, 0.062 corrected for 2 comparisons, no less than so few seeds can give)."
    ) in finding.text


def test_where_a_test_can_tell_it_decides():
    def value(kind, mode, split, ablation):
        return {"zero": 0.1, "mean": 0.0}[ablation] * (kind == "regular")

    scores = scores_of(drops(value, inputs=("mix", "b", "c"), seeds=7))
    text = ablation_matters(Evidence(scores)).text
    assert text.count("(n = 7, p = 0.016, 0.047 corrected for 3 comparisons).") == 3
    # With one seed of seven against it, p is at least 2 · 2/128, and three times that is above 0.05.
    against = (scores["seed"] == 0) & (scores["kind"] == "regular") & (scores["ablation"] == "zero")
    assert ablation_matters(Evidence(scores.assign(value=scores["value"].mask(against, -0.05)))) is None


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular"), {}),
        (lambda kind, mode, split, ablation: 0.2 * (ablation == "zero"), {}),
        (lambda kind, mode, split, ablation: 0.004 * (kind == "regular") * (ablation == "zero"), {}),
        (lambda kind, mode, split, ablation: 0.2 * (ablation == "zero"), {"kinds": ("regular",)}),
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular"), {"ablations": ("zero",)}),
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular") * (ablation == "zero"), {"seeds": 1}),
    ],
    ids=["kinds alone", "ablations alone", "too little", "one kind", "one ablation", "one seed"],
)
def test_where_the_kind_of_ablation_changes_nothing(value, options):
    assert ablation_matters(Evidence(scores_of(drops(value, **options)))) is None


# Clusterings and statistics of activations


def clustered(most):
    scores = scores_of(drops(lambda kind, *_: 0.4 if kind == "spatial" else 0.1, methods=("greedy", "spectral")))
    return scores, notes_of(scores, "spectral", MISPLACED.format(most=most), "spatial")


def test_clusters_that_are_not_tasks():
    scores, notes = clustered(19)
    finding = clusterings(Evidence(scores, notes=notes))
    assert not finding.holds
    assert (
        "- `spectral` has most outputs in one cluster in spatial mix (6 of 6 networks: 19 of 20 outputs, loses 0.400). "
        "It keeps the tasks' outputs apart in regular mix (6 networks, loses 0.100)."
    ) in finding.text


def test_communities_are_clusters_too():
    scores, notes = clustered(19)
    notes = notes.assign(note=notes["note"].str.replace("cluster", "community"))
    assert "19 of 20 outputs" in clusterings(Evidence(scores, notes=notes)).text


def test_clusters_of_about_half_the_outputs_and_a_single_failure_are_not_told():
    scores, notes = clustered(11)
    assert clusterings(Evidence(scores, notes=notes)) is None
    scores, notes = clustered(20)
    assert clusterings(Evidence(scores, notes=notes.head(3))) is None  # of six networks
    assert clusterings(Evidence(scores)) is None


def test_activations_fail_by_construction_where_noted_and_task_variance_does_not():
    methods = ("greedy", "activation-mean", "task-variance")

    def value(kind, mode, split, ablation):
        return 0.4 if split == "activation-mean" else 0.02

    scores = scores_of(drops(value, methods=methods, inputs=("mix", "sequential")))
    finding = same_examples(Evidence(scores, notes=notes_of(scores, "activation-mean", SAME, inputs="mix")))
    assert not finding.holds
    assert (
        "- `activation-mean` fails by construction in regular mix (6 networks, loses 0.400); spatial mix (6 networks, "
        "loses 0.400)."
    ) in finding.text
    assert "can: regular mix, loses 0.020; spatial mix, loses 0.020." in finding.text
    assert "sequential" not in finding.text
    assert same_examples(Evidence(scores, notes=notes_of(scores, "spectral", MISPLACED))) is None


# Sizes


def controlled(drop, control, better):
    scores = scores_of(drops(lambda *_: drop, methods=("greedy", "random"), ablations=("zero",)))
    return Evidence(scores, nulls_of(scores, "random-split", control, better, metric="accuracy-drop"))


def test_splits_that_lose_by_their_sizes_alone():
    evidence = controlled(0.3, 0.29, lambda row: row["seed"] == 0)
    finding = sizes_alone(evidence)
    assert not finding.holds
    assert "In 2 of 2 cells" in finding.text  # random itself is no cell
    assert (
        "- `greedy`, regular mix, zero: 0.300, random splits 0.290, better than those in 1 of 6 networks."
        in finding.text
    )
    assert better_than_sizes(evidence) is None


def test_the_smallest_module_is_told():
    evidence = controlled(0.3, 0.29, lambda row: False)
    shares = [(*row[:6], "", f"share:h{layer}", task, share) for row in drops(lambda *_: 0, ablations=("zero",))
              for layer, task, share in ((1, "a", 0.02), (1, "b", 0.98), (2, "a", 0.4), (2, "b", 0.6))]  # fmt: skip
    scores = pd.concat([evidence.scores, scores_of(shares)])
    text = sizes_alone(Evidence(scores, evidence.nulls)).text
    assert "6 networks; in one layer, the smallest module has 2 % of the neurons." in text


def test_splits_that_are_better_than_their_sizes():
    evidence = controlled(0.1, 0.3, lambda row: row["seed"] < 4)
    finding = better_than_sizes(evidence)
    assert finding.holds
    assert "- regular mix: `greedy` (1 of 1 methods)" in finding.text
    assert sizes_alone(evidence) is None


def test_a_control_must_be_beaten_for_every_task():
    evidence = controlled(0.1, 0.3, lambda row: True)
    other = evidence.nulls.assign(task="b", p=0.06)
    both = Evidence(evidence.scores, pd.concat([evidence.nulls, other]))
    assert better_than_sizes(both) is None
    assert both.controls["better"].eq(0).all()


@pytest.mark.parametrize(("drop", "control"), [(0.03, 0.03), (0.2, 0.4)], ids=["loses little", "not worse"])
def test_splits_that_do_not_lose_by_their_sizes(drop, control):
    assert sizes_alone(controlled(drop, control, lambda row: False)) is None


def test_without_null_models_the_random_split_is_the_control():
    def value(kind, mode, split, ablation):
        return 0.3 + (0.2 if kind == "spatial" and split == "random" else 0)

    scores = scores_of(drops(value, methods=("greedy", "random"), ablations=("zero",), seeds=8))
    finding = sizes_alone(Evidence(scores))
    assert "- regular mix, zero: 0.300, `random` 0.300, difference 0.000 [0.000, 0.000] (n = 8, p = 1, 1 corrected" in (
        finding.text
    )
    assert "spatial" not in finding.text
    assert sizes_alone(Evidence(scores[scores["split"] == "greedy"])) is None


# Null models


def chances(distance=0.3, draws=100):
    levels = {"regular": 0.1, "spatial": 0.4}
    scores = scores_of(rows_of(lambda kind, *_: levels[kind], metric="modularity"))
    spatial = nulls_of(scores, "distance", distance, lambda row: distance < 0.4, draws, kind="spatial")
    return scores, pd.concat([nulls_of(scores, "shuffle", 0.05, lambda row: row["seed"] < 5, draws), spatial])


def test_modularity_beyond_geometry():
    finding = beyond_chance(Evidence(*chances()))
    assert finding.holds
    assert finding.text.startswith("**Modularity is more than geometry.** ")
    assert "| networks | shuffle | distance |" in finding.text
    assert "| regular mix | 5 of 6 (z 5.0) | – |" in finding.text
    assert "| spatial mix | 5 of 6 (z 35.0) | 6 of 6 (z 10.0) |" in finding.text
    assert finding.text.endswith("most spatial mix networks exceed it.")


def test_modularity_that_geometry_explains():
    finding = beyond_chance(Evidence(*chances(distance=0.45)))
    assert not finding.holds
    assert finding.text.startswith("**Modularity is no more than geometry.** ")
    assert "| spatial mix | 5 of 6 (z 35.0) | 0 of 6 (z −5.0) |" in finding.text
    assert finding.text.endswith("most spatial mix networks do not.")


def test_few_draws_are_told_by_the_sign_and_no_distances_are_missed():
    scores, nulls = chances(draws=1)
    nulls = nulls[nulls["null"] == "shuffle"].assign(null="untrained", p=0.5, z=np.nan)
    finding = beyond_chance(Evidence(scores, nulls))
    assert "| regular mix | 6 of 6* |" in finding.text
    assert "*: larger, p is not known from so few draws" in finding.text
    assert finding.text.endswith("what geometry does is not known.")


def test_without_null_models_nothing_is_told_of_chance():
    scores, nulls = chances()
    assert beyond_chance(Evidence(scores)) is None
    assert beyond_chance(Evidence(scores, nulls.assign(metric="cut"))) is None
    assert better_than_sizes(Evidence(scores, nulls)) is None


# Minimum cut


def cut_scores(least=0.02):
    levels = {"greedy": 0.05, "min-cut": least}
    where = [("greedy", ""), ("min-cut", "")]
    return scores_of(
        rows_of(lambda kind, mode, split, _: levels[split], where=where),
        drops(lambda *_: 0.01, methods=("greedy", "min-cut"), ablations=("zero",)),
    )


def test_the_minimum_cut_beside_greedy_and_where_it_is_degenerate():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE, "regular")))
    assert finding.holds
    assert (
        "- spatial mix: 0.020 against 0.050 of the strength, a difference of −0.030 [−0.030, −0.030] (n = 6, p = 0.031)"
        "; accuracy lost 0.010 against 0.010."
    ) in finding.text
    assert "- Degenerate, and left out: regular mix (6 of 6 networks)." in finding.text
    assert "regular mix:" not in finding.text


def test_a_minimum_cut_that_is_always_degenerate_or_no_better():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE)))
    assert not finding.holds
    assert finding.text.startswith("**The minimum cut is degenerate.**")
    assert min_cut(Evidence(cut_scores(0.05))) is None
    assert min_cut(Evidence(scores[scores["split"] == "greedy"])) is None


# Agreement


def test_seeds_that_disagree():
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", "")]))
    pairs = [("greedy", "greedy", 1.0), ("louvain", "louvain", 0.25), ("greedy", "louvain", 0.3)]
    finding = seeds_disagree(Evidence(scores, agreement=agreement_of(scores, pairs)))
    assert not finding.holds
    assert finding.text.endswith("| method | regular | spatial |\n| --- | ---: | ---: |\n| `louvain` | 0.25 | 0.25 |")
    assert "12 networks" in finding.text
    assert seeds_disagree(Evidence(scores, agreement=agreement_of(scores, [pairs[0], pairs[2]]))) is None


@pytest.mark.parametrize(("value", "holds"), [(0.3, False), (0.95, True)])
def test_methods_that_agree_and_do_not(value, holds):
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", ""), ("spectral", "")]))
    pairs = [("greedy", "louvain", value), ("greedy", "spectral", value + 0.04), ("greedy", "greedy", 0.0)]
    finding = methods_agree(Evidence(scores, agreement=agreement_of(scores, pairs)))
    assert finding.holds == holds
    assert (
        f"- regular: {value + 0.02:.2f} over 2 pairs of methods and 6 networks; `greedy` and `spectral` agree most "
        f"({value + 0.04:.2f}), `greedy` and `louvain` least ({value:.2f})."
    ) in finding.text
    assert methods_agree(Evidence(scores)) is None


# All of them


@pytest.mark.parametrize("options", [{}, {"kinds": ("",)}, {"kinds": ("a", "b", "c")}, {"seeds": 1}, {"inputs": ("",)}])
def test_where_nothing_was_planted_nothing_is_told(options):
    methods = ("greedy", "random", "spectral")
    scores = scores_of(
        drops(lambda *_: 0.01, methods=methods, **options),
        rows_of(lambda *_: 0.3, where=[(method, "") for method in methods], metric="modularity", **options),
    )
    assert [find.__name__ for find in FINDINGS if find(Evidence(scores)) is not None] == []


def test_degenerate_splits_are_left_out_of_every_finding():
    def value(kind, mode, split, ablation):
        return 0.9 if kind == "spatial" else 0.01

    scores = scores_of(drops(value), rows_of(value, metric="modularity"), rows_of(value, metric="cut"))
    nulls = nulls_of(scores, "shuffle", 0.1, lambda row: True, metric="modularity")
    evidence = Evidence(scores, nulls, notes=notes_of(scores, "greedy", DEGENERATE, "spatial"))
    assert kinds_differ(evidence) is None
    assert ablation_matters(evidence) is None
    assert set(evidence.losses["kind"]) == {"regular"}
    assert set(evidence.chances["kind"]) == {"regular"}
    assert evidence.comparisons.empty
    cells = evidence.cells[evidence.cells["metric"] == "modularity"]
    assert dict(zip(cells["kind"], cells["degenerate"], strict=True)) == {"regular": 0, "spatial": SEEDS}
