"""Findings on chance: splits beside random ones, networks beside null models, told where they were planted."""

import numpy as np
import pandas as pd
import pytest
from planted_scores import drops, nulls_of, rows_of, scores_of

from spatialgraph.analyses.chance_findings import (
    better_than_sizes,
    beyond_chance,
    blind_to_sizes,
    sizes_alone,
    worse_than_sizes,
)
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.statistics import combined_p

# Sizes


def controlled(drop, control, better, worse=lambda row: False, ablations=("zero",)):
    scores = scores_of(drops(lambda *_: drop, methods=("greedy", "random"), ablations=ablations))
    return Evidence(scores, nulls_of(scores, "random-split", control, better, worse=worse, metric="accuracy-drop"))


def test_splits_that_are_not_told_apart_from_their_sizes():
    evidence = controlled(0.3, 0.29, lambda row: row["seed"] == 0)
    finding = sizes_alone(evidence)
    assert not finding.holds
    assert finding.text.startswith("**Some splits are not told apart from random splits with equally large modules.** ")
    assert "This is so in 2 of 2 cells (kind, inputs, method and ablation)." in finding.text  # not random
    assert "| `greedy` | regular mix | zero | 0.300 | 0.290 | 1 / 0 of 6 | – |" in finding.text
    assert better_than_sizes(evidence) is None
    assert worse_than_sizes(evidence) is None


def test_splits_that_lose_more_than_their_sizes_are_another_finding():
    evidence = controlled(0.4, 0.3, lambda row: False, lambda row: row["kind"] == "regular" and row["seed"] > 0)
    finding = worse_than_sizes(evidence)
    assert not finding.holds
    assert not finding.hint
    assert finding.text.startswith(
        "**Some splits lose more than random splits with equally large modules.** They cost at least 0.05 of accuracy"
    )
    assert "This is so in 1 of 2 cells" in finding.text
    assert "| `greedy` | regular mix | zero | 0.400 | 0.300 | 0 / 5 of 6 | – |" in finding.text
    assert "regular" not in sizes_alone(evidence).text
    few = evidence.scores["seed"] < 4, evidence.nulls["seed"] < 4
    assert worse_than_sizes(Evidence(evidence.scores[few[0]], evidence.nulls[few[1]])).hint


def test_without_the_other_tail_no_split_is_told_to_lose_more():
    evidence = controlled(0.4, 0.3, lambda row: False, lambda row: True)
    nulls = evidence.nulls.drop(columns="p_opposite")
    assert worse_than_sizes(Evidence(evidence.scores, nulls)) is None
    assert "in 2 of 2 cells" in sizes_alone(Evidence(evidence.scores, nulls)).text


def test_the_smallest_module_is_told():
    evidence = controlled(0.3, 0.29, lambda row: False)
    shares = [(*row[:6], "", f"share:h{layer}", task, share) for row in drops(lambda *_: 0, ablations=("zero",))
              for layer, task, share in ((1, "a", 0.02), (1, "b", 0.98), (2, "a", 0.4), (2, "b", 0.6))]  # fmt: skip
    scores = pd.concat([evidence.scores, scores_of(shares)])
    text = sizes_alone(Evidence(scores, evidence.nulls)).text
    assert "| smallest module in a layer |" in text
    assert "of 6 | 2 % |" in text


def test_controls_that_all_cost_the_same_do_not_count():
    evidence = controlled(0.3, 0.29, lambda row: False)
    equal = evidence.nulls["seed"] < 2
    nulls = evidence.nulls.assign(sd=evidence.nulls["sd"].mask(equal, 0.0))
    text = sizes_alone(Evidence(evidence.scores, nulls)).text
    assert "Not counted: 4 networks of which all draws of `random-split` are equal" in text
    assert "of 4 | – |" in text
    assert sizes_alone(Evidence(evidence.scores, nulls.assign(sd=0.0))) is None


def test_splits_that_are_better_than_their_sizes():
    evidence = controlled(0.1, 0.3, lambda row: row["seed"] < 4)
    finding = better_than_sizes(evidence)
    assert finding.holds
    assert finding.text.startswith(
        "**Splits by `greedy` beat random splits with equally large modules.** Under every ablation"
    )
    assert "- regular mix: `greedy` (1 of 1 methods)" in finding.text
    assert sizes_alone(evidence) is None


def test_a_few_methods_that_are_better_are_named_and_more_are_counted():
    scores = controlled(0.1, 0.3, lambda row: True)

    def sentence(count):
        tables = []
        for table in (scores.scores, scores.nulls):
            own, rest = table[table["split"] == "greedy"], table[table["split"] != "greedy"]
            tables.append(pd.concat([rest, *(own.assign(split=f"method-{number}") for number in range(count))]))
        return better_than_sizes(Evidence(*tables)).text

    assert sentence(2).startswith("**Splits by `method-0` and `method-1` beat random")
    assert sentence(4).startswith("**Splits by 4 of 4 methods beat random")


def test_splits_that_are_better_than_their_sizes_under_some_ablations_are_told_of():
    evidence = controlled(0.1, 0.3, lambda row: True, ablations=("zero", "incoming"))
    mild = evidence.nulls["ablation"] == "incoming"
    nulls = evidence.nulls.assign(p=evidence.nulls["p"].mask(mild, 0.5))
    finding = better_than_sizes(Evidence(evidence.scores, nulls))
    assert finding.holds
    assert finding.text.startswith(
        "**Splits by `greedy` beat random splits with equally large modules, under some ablations.** They lose less"
    )
    assert "- regular mix: `greedy` under zero (not under incoming: 0 of 6 networks, p = 1)" in finding.text


@pytest.mark.parametrize(
    ("draws", "seeds", "told"),
    [
        (99, 6, ""),
        (9, 6, "There at least 19 draws can show it (`analyze --nulls 19`), or more networks."),
        (19, 1, "They have 1 network and 19 draws of each. p is corrected over 4 comparisons. There at least 79 draws"),
    ],
)
def test_where_no_split_can_be_told_from_its_sizes(draws, seeds, told):
    evidence = controlled(0.1, 0.3, lambda row: True)
    nulls = evidence.nulls[evidence.nulls["seed"] < seeds].assign(draws=float(draws))
    said = blind_to_sizes(Evidence(evidence.scores, nulls))
    assert told in said
    assert bool(said) == bool(told)


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
    assert "| regular mix | zero | 0.300 | 0.300 | " in finding.text
    assert "| n = 9, p = " in finding.text
    assert "spatial" not in finding.text
    assert "flat" not in finding.text
    worse = worse_than_sizes(Evidence(scores))
    assert "| flat mix | zero | 0.300 | 0.100 | 0.200 [" in worse.text
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
    assert "Not counted: 1 network of which all draws of `distance` are equal. They have no z." in finding.text
    assert beyond_chance(Evidence(scores, nulls.assign(sd=0.0))) is None


def test_from_few_seeds_chance_is_a_hint():
    scores, nulls = chances()
    assert beyond_chance(Evidence(scores[scores["seed"] < 4], nulls[nulls["seed"] < 4])).hint


def test_too_few_draws_are_no_evidence_of_no_modules():
    scores, nulls = chances(draws=19)
    few = nulls["seed"] < 3
    finding = beyond_chance(Evidence(scores[scores["seed"] < 3], nulls[few].assign(p=0.05, p_opposite=1.0)))
    # Fisher's p of three networks at 1/20 is 0.0063; of three cells and both tails, 6 times as much.
    assert combined_p(np.full(3, 0.05)) * 6 < 0.05
    assert not finding.text.startswith("**There are too few")
    more = pd.concat([nulls[few], nulls[few].assign(null="strength"), nulls[few].assign(null="other")])
    finding = beyond_chance(Evidence(scores[scores["seed"] < 3], more.assign(p=0.05, p_opposite=1.0)))
    assert finding.hint
    assert not finding.holds
    assert finding.text.startswith(
        "**There are too few draws, or networks, to tell them from null models.** Corrected, no p can be below 0.0"
    )
    # The least of three networks, of 7 cells and both tails: Fisher's p of 1 / (m + 1) three times is below 0.05 / 14.
    assert combined_p(np.full(3, 1 / 25)) * 14 > 0.05 >= combined_p(np.full(3, 1 / 26)) * 14
    assert (
        "Of one network, 19 draws can show p = 0.05 at least. After correction over 14 comparisons, at least 25 draws "
        "of each of these networks can: `analyze --nulls 25`."
    ) in finding.text


def test_of_one_draw_no_claim_is_made():
    scores, nulls = chances()
    nulls = nulls[nulls["null"] == "shuffle"]
    untrained = nulls.assign(null="untrained", draws=1, mean=0.05, sd=np.nan, z=np.nan, p=0.5, p_opposite=1.0)
    text = beyond_chance(Evidence(scores, pd.concat([nulls, untrained]))).text
    assert "| networks | shuffle |" in text
    assert text.endswith(
        "- `untrained` has 1 draw of each network, too few for a p: 19 are needed. Modularity minus theirs, mean: "
        "regular mix 0.050, spatial mix 0.350."
    )
    assert "what geometry does is not known." in text
    assert beyond_chance(Evidence(scores, untrained)) is None


def test_without_null_models_nothing_is_told_of_chance():
    scores, nulls = chances()
    assert beyond_chance(Evidence(scores)) is None
    assert beyond_chance(Evidence(scores, nulls.assign(metric="cut"))) is None
    assert better_than_sizes(Evidence(scores, nulls)) is None
