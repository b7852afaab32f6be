"""Findings: each is told where it was planted, with the numbers that were planted, and not told where it was not."""

import zlib

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.columns import COLUMNS
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
    worse_than_sizes,
)

SEEDS = 6
MISPLACED = "9 of 20 outputs lie in the cluster of another task; {most} of 20 outputs lie in one cluster"
SAME = "tasks a, b are labelled on the same examples, so this method cannot tell them apart"
DEGENERATE = "degenerate: 0 of 384 neurons besides its outputs serve task 'a'"


def jitter(seed, *of):
    """Return a small number that differs between seeds, in another order for other things, so that all has a spread."""
    number = zlib.crc32("/".join(of).encode())
    return 0.0002 * ((seed * (1 + number % 4) + number) % 5 - 2)


def rows_of(
    value, *, kinds=("regular", "spatial"), inputs=("mix",), seeds=SEEDS, where=(("greedy", ""),), metric="cut"
):
    """Return scores: value(kind, inputs, split, ablation) of every network, a little different for each seed."""
    return [
        (
            "run",
            f"{mode}-{kind}-{seed}",
            kind,
            mode,
            seed,
            split,
            ablation,
            metric,
            "",
            level + jitter(seed, kind, split, ablation),
        )
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


def nulls_of(scores, null, mean, better, draws=100, worse=lambda row: False, **where):
    """Return scores beside a null model, with p = 0.01 where better(row), 1 where worse(row) and 0.5 elsewhere."""
    rows = scores
    for name, value in where.items():
        rows = rows[rows[name] == value]
    p = [0.01 if better(row) else 1.0 if worse(row) else 0.5 for row in rows.to_dict("records")]
    low = [1.01 - one if one != 0.5 else 0.5 for one in p]
    return rows.assign(null=null, draws=draws, mean=mean, sd=0.01, z=(rows["value"] - mean) / 0.01, p=p, p_opposite=low)


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
    finding = kinds_differ(Evidence(scores))
    assert finding.hint
    hint = "a hint, too few seeds for a test: the 95 % t interval of the difference leaves out 0"
    assert f"({seeds} seeds; °: {hint})" in finding.text
    assert "| Mixing | 0.700 / 0.400° |" in finding.text


def test_the_kind_of_ablation_changes_the_size_where_all_differences_have_one_sign():
    planted = {
        ("regular", "incoming"): 0.3,
        ("regular", "zero"): 0.05,
        ("spatial", "incoming"): 0.02,
        ("spatial", "zero"): 0.02,
    }

    def value(kind, mode, split, ablation):
        return planted[kind, ablation]

    scores = scores_of(drops(value, ablations=("zero", "incoming"), inputs=("mix", "other"), seeds=7))
    finding = ablation_matters(Evidence(scores))
    assert finding.holds
    assert not finding.hint
    assert finding.text.startswith(
        "**The kind of ablation changes the size of the difference, not its sign.** It changes its size alone in "
        "Mixing and other. "
    )
    # Every contrast and every change of it are told, not the largest alone; 2 / 2^7, for two input modes.
    contrasts, changes = finding.text.split("How much larger")
    assert "| inputs | zero (activation = 0) | incoming (incoming weights = 0) |" in contrasts
    assert contrasts.count("| 0.030") == contrasts.count("| 0.280") == 2
    assert "| inputs | zero − incoming |" in changes
    assert changes.count("−0.250 [") == 2
    assert "(7 seeds; *: corrected p ≤ 0.05)" in changes


@pytest.mark.parametrize(
    ("planted", "changed"),
    [
        ({"zero": 0.2, "mean": -0.2}, True),
        ({"zero": 0.2, "mean": 0.0}, True),
        ({"zero": 0.2, "mean": 0.1}, False),
        ({"zero": -0.2, "mean": -0.1}, False),
    ],
    ids=["other sign", "none", "smaller", "both below"],
)
def test_the_conclusion_changes_with_the_sign_or_where_a_difference_ends(planted, changed):
    def value(kind, mode, split, ablation):
        return 0.3 + planted[ablation] * (kind == "regular")

    scores = scores_of(drops(value, seeds=8))
    if planted["mean"] == 0:  # differences that are no more than noise
        noise = scores["seed"].map(lambda seed: 0.002 * (-1) ** seed).astype(float)
        scores["value"] += noise.where((scores["ablation"] == "mean") & (scores["kind"] == "regular"), 0.0)
    text = ablation_matters(Evidence(scores)).text
    assert text.startswith("**The kind of ablation changes the conclusion.**") == changed
    assert ("It changes whether there is a difference, or its sign, in Mixing." in text) == changed
    assert ("It changes its size alone in Mixing." in text) != changed


def test_where_a_test_can_tell_it_decides():
    def value(kind, mode, split, ablation):
        return {"zero": 0.1, "mean": 0.0}[ablation] * (kind == "regular")

    scores = scores_of(drops(value, inputs=("mix", "b", "c"), seeds=7))
    changes = ablation_matters(Evidence(scores)).text.split("How much larger")[1]
    assert changes.count("]*") == 3  # p = 2/128, times three, is 0.047
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
    scores = scores_of(
        drops(lambda kind, *_: 0.4 if kind == "spatial" else 0.1, methods=("greedy", "spectral"), ablations=("zero",))
    )
    return scores, notes_of(scores, "spectral", MISPLACED.format(most=most), "spatial")


def test_clusters_that_are_not_tasks():
    scores, notes = clustered(19)
    finding = clusterings(Evidence(scores, notes=notes))
    assert not finding.holds
    assert (
        "- `spectral` has most outputs in one cluster in spatial mix (6 of 6 networks: 19 of 20 outputs, loses 0.400 "
        "(zero)). It keeps the tasks' outputs apart in regular mix (6 networks, loses 0.100 (zero))."
    ) in finding.text


def test_findings_read_codes_and_no_sentences():
    scores, notes = clustered(19)
    evidence = Evidence(scores, notes=notes)  # in which texts of an earlier version have got codes
    codes = evidence.notes.assign(note="said in other words")
    assert clusterings(Evidence(scores, notes=codes)) == clusterings(evidence)
    assert clusterings(Evidence(scores, notes=evidence.notes.assign(code="text"))) is None


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

    scores = scores_of(drops(value, methods=methods, inputs=("mix", "sequential"), ablations=("zero",)))
    finding = same_examples(Evidence(scores, notes=notes_of(scores, "activation-mean", SAME, inputs="mix")))
    assert not finding.holds
    assert (
        "- `activation-mean` fails by construction in regular mix (6 networks, loses 0.400 (zero)); spatial mix (6 "
        "networks, loses 0.400 (zero))."
    ) in finding.text
    assert "can: regular mix, loses 0.020 (zero); spatial mix, loses 0.020 (zero)." in finding.text
    assert "sequential" not in finding.text
    assert same_examples(Evidence(scores, notes=notes_of(scores, "spectral", MISPLACED))) is None


# Sizes


def controlled(drop, control, better, worse=lambda row: False):
    scores = scores_of(drops(lambda *_: drop, methods=("greedy", "random"), ablations=("zero",)))
    return Evidence(scores, nulls_of(scores, "random-split", control, better, worse=worse, metric="accuracy-drop"))


def test_splits_that_are_not_told_apart_from_their_sizes():
    evidence = controlled(0.3, 0.29, lambda row: row["seed"] == 0)
    finding = sizes_alone(evidence)
    assert not finding.holds
    assert finding.text.startswith("**Some splits are not told apart from their sizes.** In 2 of 2 cells")  # not random
    assert (
        "- `greedy`, regular mix, zero: 0.300, random splits 0.290; less than those in 1 and more in 0 of 6 networks "
        "(p ≤ 0.05)."
    ) in finding.text
    assert better_than_sizes(evidence) is None
    assert worse_than_sizes(evidence) is None


def test_splits_that_lose_more_than_their_sizes_are_another_finding():
    evidence = controlled(0.4, 0.3, lambda row: False, lambda row: row["kind"] == "regular" and row["seed"] > 0)
    finding = worse_than_sizes(evidence)
    assert not finding.holds
    assert not finding.hint
    assert finding.text.startswith(
        "**Some splits lose more than random splits of the same sizes.** In 1 of 2 cells (kind, inputs, method and "
        "ablation) a split costs at least 0.05 of accuracy"
    )
    assert "- `greedy`, regular mix, zero: 0.400, random splits 0.300; less than those in 0 and more in 5 of 6" in (
        finding.text
    )
    assert "regular" not in sizes_alone(evidence).text
    few = evidence.scores["seed"] < 4, evidence.nulls["seed"] < 4
    assert worse_than_sizes(Evidence(evidence.scores[few[0]], evidence.nulls[few[1]])).hint


def test_without_the_other_tail_no_split_is_told_to_lose_more():
    evidence = controlled(0.4, 0.3, lambda row: False, lambda row: True)
    nulls = evidence.nulls.drop(columns="p_opposite")
    assert worse_than_sizes(Evidence(evidence.scores, nulls)) is None
    assert "In 2 of 2 cells" in sizes_alone(Evidence(evidence.scores, nulls)).text


def test_the_smallest_module_is_told():
    evidence = controlled(0.3, 0.29, lambda row: False)
    shares = [(*row[:6], "", f"share:h{layer}", task, share) for row in drops(lambda *_: 0, ablations=("zero",))
              for layer, task, share in ((1, "a", 0.02), (1, "b", 0.98), (2, "a", 0.4), (2, "b", 0.6))]  # fmt: skip
    scores = pd.concat([evidence.scores, scores_of(shares)])
    text = sizes_alone(Evidence(scores, evidence.nulls)).text
    assert "6 networks (p ≤ 0.05); in one layer, the smallest module has 2 % of the neurons." in text


def test_controls_that_all_cost_the_same_do_not_count():
    evidence = controlled(0.3, 0.29, lambda row: False)
    equal = evidence.nulls["seed"] < 2
    nulls = evidence.nulls.assign(sd=evidence.nulls["sd"].mask(equal, 0.0))
    text = sizes_alone(Evidence(evidence.scores, nulls)).text
    assert "Not counted: 4 networks of which all draws of `random-split` are equal" in text
    assert "of 4 networks (p ≤ 0.05)." in text
    assert sizes_alone(Evidence(evidence.scores, nulls.assign(sd=0.0))) is None


def test_splits_that_are_better_than_their_sizes():
    evidence = controlled(0.1, 0.3, lambda row: row["seed"] < 4)
    finding = better_than_sizes(evidence)
    assert finding.holds
    assert finding.text.startswith("**These splits beat random splits of the same sizes.** Under every ablation they")
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
        return 0.3 + {"spatial": 0.2, "flat": -0.2}.get(kind, 0) * (split == "random")

    options = {"methods": ("greedy", "random"), "ablations": ("zero",), "seeds": 9}
    scores = scores_of(drops(value, kinds=("regular", "spatial", "flat"), **options))
    finding = sizes_alone(Evidence(scores))
    assert "- regular mix, zero: 0.300, `random` 0.300, difference " in finding.text
    assert "(n = 9, p = " in finding.text
    assert "spatial" not in finding.text
    assert "flat" not in finding.text
    worse = worse_than_sizes(Evidence(scores))
    assert "- flat mix, zero: 0.300, `random` 0.100, difference 0.200 [" in worse.text
    assert not worse.hint
    assert "regular" not in worse.text
    assert sizes_alone(Evidence(scores[scores["split"] == "greedy"])) is None
    assert worse_than_sizes(Evidence(scores[scores["split"] == "greedy"])) is None
    assert worse_than_sizes(Evidence(scores[scores["seed"] < 5])).hint


# Null models


SHARED = "networks with the same strengths and the same fall of strength with distance"


def chances(distance=0.3, draws=100):
    levels = {"regular": 0.1, "spatial": 0.4}
    scores = scores_of(rows_of(lambda kind, *_: levels[kind], metric="modularity"))
    tails = (lambda row: distance < 0.4), draws, (lambda row: distance > 0.44)
    spatial = nulls_of(scores, "distance", distance, *tails, kind="spatial")
    return scores, pd.concat([nulls_of(scores, "shuffle", 0.05, lambda row: row["seed"] < 5, draws), spatial])


def test_modularity_beyond_what_the_null_model_keeps():
    finding = beyond_chance(Evidence(*chances()))
    assert finding.holds
    assert not finding.hint
    assert finding.text.startswith(f"**Most spatial mix networks are more modular than {SHARED}.** ")
    assert "| networks | shuffle | distance |" in finding.text
    assert "| regular mix | 5 of 6 (z 5.0, p < 0.0001) | – |" in finding.text
    assert "| spatial mix | 5 of 6 (z 35.0, p < 0.0001) | 6 of 6 (z 10.0, p < 0.0001) |" in finding.text
    assert "fall of strength with distance. More modular: most spatial mix networks." in finding.text


def test_modularity_below_a_null_model_is_told():
    finding = beyond_chance(Evidence(*chances(distance=0.45)))
    assert not finding.holds
    assert finding.text.startswith(f"**In no group are most networks told to be more modular than {SHARED}.** ")
    assert "| spatial mix | 5 of 6 (z 35.0, p < 0.0001) | 0 of 6 (z −5.0, p = 1) ↓ |" in finding.text
    assert (
        "Less modular than the null model, which is no chance either: spatial mix (6 of 6, p < 0.0001)."
    ) in finding.text


def test_modularity_that_is_not_told_apart_from_a_null_model():
    finding = beyond_chance(Evidence(*chances(distance=0.42)))
    assert not finding.holds
    assert "↓ |" not in finding.text
    assert "fall of strength with distance. Not told apart: spatial mix." in finding.text


def test_a_few_networks_above_a_null_model_are_not_most():
    scores, nulls = chances()
    p = np.where((nulls["null"] == "distance") & (nulls["seed"] < 2), 0.001, 0.5)
    finding = beyond_chance(Evidence(scores, nulls.assign(p=p, p_opposite=1.0)))
    assert not finding.holds
    assert "More modular, but not in most: spatial mix." in finding.text


def test_a_null_model_without_spread_shows_no_z_and_is_counted_apart():
    scores, nulls = chances()
    flat = (nulls["null"] == "distance") & (nulls["seed"] == 0)
    finding = beyond_chance(Evidence(scores, nulls.assign(sd=nulls["sd"].mask(flat, 0), z=nulls["z"].mask(flat, 1e9))))
    assert "| 5 of 5 (z 10.0, p < 0.0001) |" in finding.text
    assert "Not counted: 1 network of which all draws of `distance` are equal, so that they have no z." in finding.text
    assert beyond_chance(Evidence(scores, nulls.assign(sd=0.0))) is None


def test_from_few_seeds_chance_is_a_hint():
    scores, nulls = chances()
    assert beyond_chance(Evidence(scores[scores["seed"] < 4], nulls[nulls["seed"] < 4])).hint


def test_of_one_draw_no_claim_is_made():
    scores, nulls = chances()
    nulls = nulls[nulls["null"] == "shuffle"]
    untrained = nulls.assign(null="untrained", draws=1, mean=0.05, sd=np.nan, z=np.nan, p=0.5, p_opposite=1.0)
    text = beyond_chance(Evidence(scores, pd.concat([nulls, untrained]))).text
    assert "| networks | shuffle |" in text
    assert text.endswith(
        "- `untrained` has 1 draw of each network, too few for a p. Modularity minus theirs, mean: regular mix 0.050, "
        "spatial mix 0.350."
    )
    assert "what geometry does is not known." in text
    assert beyond_chance(Evidence(scores, untrained)) is None


def test_without_null_models_nothing_is_told_of_chance():
    scores, nulls = chances()
    assert beyond_chance(Evidence(scores)) is None
    assert beyond_chance(Evidence(scores, nulls.assign(metric="cut"))) is None
    assert better_than_sizes(Evidence(scores, nulls)) is None


# Minimum cut


def cut_scores(seeds=SEEDS):
    levels = {"greedy": 0.05, "min-cut": 0.02}
    where = [("greedy", ""), ("min-cut", "")]
    return scores_of(
        rows_of(lambda kind, mode, split, _: levels[split], where=where, seeds=seeds),
        drops(lambda *_: 0.01, methods=("greedy", "min-cut"), ablations=("zero",), seeds=seeds),
    )


def test_the_size_of_the_minimum_cut_is_described_and_not_tested():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE, "regular")))
    assert not finding.holds
    assert finding.text.startswith(
        "**The minimum cut costs no other accuracy, as far as is told, than `greedy`.** That it cuts no more is so by "
        "construction, and was not tested (accuracy: 6 seeds; *: corrected p ≤ 0.05):"
    )
    assert "- spatial mix: 0.020 of the strength, `greedy` 0.050; accuracy lost, minus that of `greedy`: zero " in (
        finding.text
    )
    assert "p =" not in finding.text
    assert "- Degenerate, and left out: regular mix (6 of 6 networks)." in finding.text
    assert "regular mix:" not in finding.text


def test_what_the_minimum_cut_costs_is_tested():
    scores = cut_scores(seeds=7)
    costly = (scores["split"] == "min-cut") & (scores["metric"] == "accuracy-drop")
    finding = min_cut(Evidence(scores.assign(value=scores["value"] + 0.1 * costly)))
    assert finding.holds
    assert finding.text.startswith("**The minimum cut costs another accuracy than `greedy`.** ")
    assert finding.text.count("]*") == 2
    assert min_cut(Evidence(scores[scores["seed"] < 4].assign(value=scores["value"] + 0.1 * costly))).hint


def test_a_minimum_cut_that_is_always_degenerate():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE)))
    assert not finding.holds
    assert finding.text.startswith("**The minimum cut is degenerate.**")
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


def test_controls_and_splits_that_fail_by_construction_do_not_count_as_disagreement():
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", "")]))
    names = ("random", "random:sizes=balanced", "activation-mean", "min-cut")
    pairs = [("greedy", "louvain", 0.9), *(("greedy", name, 0.0) for name in names)]
    pairs += [(name, name, 0.0) for name in names]
    notes = [notes_of(scores, "activation-mean", SAME), notes_of(scores, "min-cut", DEGENERATE)]
    evidence = Evidence(scores, agreement=agreement_of(scores, pairs), notes=pd.concat(notes))
    finding = methods_agree(evidence)
    assert finding.text.startswith("**Methods find much the same modules.**")
    assert "- regular: 0.90 over 1 pair of methods and 6 networks" in finding.text
    assert seeds_disagree(evidence) is None


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
