"""What each split method is worth: numbers worked out by hand."""

import math

import pandas as pd
import pytest

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.evidence import LEAST_DRAWS, Evidence
from spatialgraph.analyses.worth import worth


def scores(rows):
    """Return scores of rows (kind, seed, split, ablation, metric, task, value)."""
    full = [("run", f"{kind}-{seed}", kind, "mix", seed, *rest) for kind, seed, *rest in rows]
    return pd.DataFrame(full, columns=list(COLUMNS)).astype({"seed": "Int64"})


def beside(rows, null, p, draws=100):
    """Return scores beside a null model, with a p for each."""
    return scores(rows).assign(null=null, draws=draws, mean=0.5, sd=0.1, z=-1.0, p=p)


def drops(split, *values, ablation="zero", kind="spatial", task=0):
    return [(kind, seed, split, ablation, "accuracy-drop", task, value) for seed, value in enumerate(values)]


def modularities(split, *values, kind="spatial"):
    return [(kind, seed, split, "", "modularity", "", value) for seed, value in enumerate(values)]


def only(table):
    (row,) = table.to_dict("records")
    return row


def test_the_drop_is_a_mean_over_seeds_under_the_worst_ablation():
    rows = [*drops("greedy", 0.1, 0.3, ablation="mean"), *drops("greedy", 0.0, 0.1, ablation="zero")]
    row = only(worth(Evidence(scores([*rows, *modularities("greedy", 0.25, 0.5)]))))
    assert (row["kind"], row["inputs"], row["split"], row["ablation"]) == ("spatial", "mix", "greedy", "mean")
    assert row["drop"] == pytest.approx(0.2)
    assert row["drop_sd"] == pytest.approx(0.1 * math.sqrt(2))
    assert (row["modularity"], row["seeds"], row["degenerate"]) == (0.375, 2, 0)
    assert math.isnan(row["drop_networks"])  # no null model was run


def test_a_network_counts_where_every_task_loses_less_than_by_random_splits():
    # Two seeds, two tasks: p of the second seed is above 0.05 for one task.
    rows = [*drops("greedy", 0.1, 0.1, task=0), *drops("greedy", 0.1, 0.1, task=1)]
    other = drops("greedy", 0.05, 0.05, ablation="mean")  # costs less, so that its chance is not told
    nulls = [beside(rows, "random-split", [0.01, 0.05, 0.01, 0.06]), beside(other, "random-split", 0.01)]
    row = only(worth(Evidence(scores([*rows, *other]), pd.concat(nulls))))
    assert (row["ablation"], row["drop_better"], row["drop_networks"]) == ("zero", 1, 2)


def test_modularity_is_beside_the_null_model_that_keeps_most():
    rows = modularities("greedy", 0.5, 0.5)
    of = {"shuffle": [0.01, 0.01], "untrained": [0.01, 0.01], "distance": [0.01, 0.2], "strength": [0.01, 0.01]}
    row = only(worth(Evidence(scores(rows), pd.concat([beside(rows, null, p) for null, p in of.items()]))))
    assert (row["null"], row["modularity_better"], row["modularity_networks"]) == ("distance", 1, 2)
    del of["distance"]
    row = only(worth(Evidence(scores(rows), pd.concat([beside(rows, null, p) for null, p in of.items()]))))
    assert (row["null"], row["modularity_better"], row["modularity_networks"]) == ("strength", 2, 2)


@pytest.mark.parametrize(("draws", "told"), [(18, False), (19, True)])
def test_chance_is_told_only_where_the_draws_are_enough(draws, told):
    assert LEAST_DRAWS == 19  # 1/20 is 0.05
    rows = drops("greedy", 0.1)
    row = only(worth(Evidence(scores(rows), beside(rows, "random-split", 1 / (draws + 1), draws))))
    assert math.isnan(row["drop_networks"]) == (not told)


@pytest.mark.parametrize("sd", [0.0, 1e-12])
def test_a_null_model_without_spread_is_not_counted(sd):
    rows = modularities("greedy", 0.5, 0.5)
    row = only(worth(Evidence(scores(rows), beside(rows, "distance", 0.01).assign(sd=[0.1, sd]))))
    assert (row["modularity_better"], row["modularity_networks"]) == (1, 1)
    row = only(worth(Evidence(scores(rows), beside(rows, "distance", 0.01).assign(sd=sd))))
    assert math.isnan(row["modularity_networks"])


@pytest.mark.parametrize("control", ["random", "random:sizes=balanced"])
def test_random_splits_are_no_better_than_themselves(control):
    rows = drops(control, 0.4)
    row = only(worth(Evidence(scores(rows), beside(rows, "random-split", 0.01))))
    assert math.isnan(row["drop_networks"])


def test_degenerate_splits_are_counted_and_left_out():
    rows = [*drops("min-cut", 0.2, 0.4), *drops("min-cut", 0.9, kind="regular")]
    notes = pd.DataFrame(
        [(network, "min-cut", "degenerate: no hidden neuron") for network in ("spatial-1", "regular-0")],
        columns=["network", "split", "note"],
    )
    table = worth(Evidence(scores(rows), notes=notes)).set_index("kind")
    assert table.loc["spatial", ["drop", "seeds", "degenerate"]].tolist() == [0.2, 1, 1]
    assert math.isnan(table.loc["regular", "drop"])
    assert table.loc["regular", "degenerate"] == 1


def test_of_other_measures_nothing_is_told():
    assert worth(Evidence(scores([("spatial", 0, "greedy", "", "cut", "", 0.1)]))).empty
