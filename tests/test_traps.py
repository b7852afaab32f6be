"""The traps of this field, each with a test that shows that the tool does not fall into it.

Geometry that looks modular, and p-values that count ties: `tests/spatialgraph/nulls/`. ReLU neurons that are
rescaled: `tests/spatialgraph/test_strengths.py`.
"""

import dataclasses

import numpy as np
import pytest
from hand_worked import chain, random_network, separate

from spatialgraph.agreement import agreement
from spatialgraph.analyses.chance import against
from spatialgraph.analyses.scoring import Plan, score_subject, subject_of
from spatialgraph.analyses.statistics import cells
from spatialgraph.graph import Connection
from spatialgraph.metrics import METRICS, directed_modularity, layered_modularity, modularity, signed_modularity
from spatialgraph.nulls import chance, draw
from spatialgraph.splits import Split, apply


def with_weights(graph, change):
    """Return the graph with other weights."""
    connections = tuple(dataclasses.replace(c, weight=change(c.weight)) for c in graph.connections)
    return dataclasses.replace(graph, connections=connections)


def strongest(share):
    """Return a function that keeps the strongest share of the weights of a matrix."""

    def keep(weight):
        return np.where(np.abs(weight) >= np.quantile(np.abs(weight), 1 - share), weight, 0)

    return keep


def untrained(seed):
    return random_network(seed, sizes=(1, 40, 60, 10), skips=False, density=1.0).graph


def test_density_makes_modularity_and_the_nulls_take_it_out():
    """A random network of which few connections are kept has a high modularity, and so have its draws."""
    found = {}
    for share in (1.0, 0.05):
        values, p = [], []
        for seed in range(10):
            graph = with_weights(untrained(seed), strongest(share))
            values.append(modularity(graph, apply("greedy", graph)))
            drawn = [draw("shuffle", graph, [seed, number]) for number in range(19)]
            p.append(chance(values[-1], np.array([modularity(d, apply("greedy", d)) for d in drawn]), "high").p)
        found[share] = np.mean(values), np.mean(np.array(p) <= 0.05)
    assert found[0.05][0] > 3 * found[1.0][0]
    assert max(rejected for _, rejected in found.values()) <= 0.3  # 5 % of ten networks, by chance rarely three


def test_a_method_that_optimises_is_run_again_on_every_draw():
    """A split that was fitted to a random network looks better than chance on draws that it was not fitted to."""
    graph = untrained(0)
    plan = Plan.choose(["greedy"], metrics=["modularity"], nulls=39)
    subject = subject_of(graph, None, plan)
    (found,) = against("shuffle", subject, score_subject(subject, plan), plan, lambda *_: None)
    fitted = apply("greedy", graph)
    fixed = [modularity(draw("shuffle", graph, [0, number]), fitted) for number in range(39)]
    assert chance(modularity(graph, fitted), np.array(fixed), "high").p == 1 / 40
    assert found.chance.p > 0.05
    assert found.values.mean() > max(fixed)


def test_a_partition_by_layer_is_punished_by_newmans_expectation_and_not_by_the_layered_one():
    """Newman's expectation counts connections within a layer, which cannot exist."""
    graph = chain(np.ones((6, 1)), np.ones((6, 6)), tasks=np.repeat([0, 1], 3)).graph
    by_layer = Split.from_labels("by layer", {1: [0] * 6, 2: [1] * 6}, tasks=2)
    assert modularity(graph, by_layer) == pytest.approx(-1 / 2)
    assert layered_modularity(graph, by_layer) == 0


def test_signs_change_the_signed_modularity_alone():
    """Modularity of raw signs would be meaningless: measures of strength take no notice of them."""
    graph = untrained(1)
    split = apply("greedy", graph)
    flipped = with_weights(graph, np.abs)
    for measure in (modularity, directed_modularity, layered_modularity):
        assert measure(flipped, split) == measure(graph, split)
    assert apply("greedy", flipped).labels(1).tolist() == split.labels(1).tolist()
    assert signed_modularity(flipped, split) == pytest.approx(modularity(flipped, split))
    assert signed_modularity(flipped, split) != pytest.approx(signed_modularity(graph, split))
    assert "signed-modularity" in METRICS


@pytest.mark.parametrize("method", ["louvain", "leiden"])
def test_many_near_optimal_partitions_are_told_by_the_agreement_between_seeds(method):
    """On a random network communities are arbitrary, on one of separate parts they are not, and the result says so."""
    plan = Plan.choose([method], metrics=["modularity"])

    def between_seeds(graph):
        (found,) = [
            a for a in score_subject(subject_of(graph, None, plan), plan).agreements if a.measure == "adjusted-rand"
        ]
        assert (found.split, found.other) == (method, method)
        return found.value

    assert between_seeds(separate(units=12).graph) == 1
    assert between_seeds(untrained(2)) < 0.9
    assert any("agree" in str(note) for note in apply(method, untrained(2)).notes)


def test_the_unit_is_the_training_seed():
    """Two tasks of three networks are three values, not six."""
    import pandas as pd

    rows = [
        ("r", f"net-{seed}", "spatial", "mix", seed, "greedy", "zero", "accuracy", task, 0.5 + seed / 10 + task_adds)
        for seed in range(3)
        for task, task_adds in (("a", 0.0), ("b", 0.2))
    ]
    columns = ["run", "network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
    (cell,) = cells(pd.DataFrame(rows, columns=columns)).to_dict("records")
    assert cell["n"] == 3
    assert cell["mean"] == pytest.approx(0.7)
    assert cell["sd"] == pytest.approx(0.1)


def test_clusters_are_aligned_with_tasks_before_they_are_scored():
    """A clustering numbers its clusters as it likes; what is scored does not depend on it."""
    network = separate(units=8)
    turned = dataclasses.replace(network, output_task=1 - network.output_task)
    one, other = apply("spectral", network.graph), apply("spectral", turned.graph)
    assert one.labels(network.output_layer).tolist() == network.output_task.tolist()
    assert other.labels(network.output_layer).tolist() == turned.output_task.tolist()
    assert agreement(one, other)["adjusted-rand"] == 1


def test_what_is_not_connected_or_dead_is_reported():
    dead = chain(np.ones((3, 2)), [[1, 0, 0], [0, 0, 0]], [[1, 0], [0, 0]], tasks=[0, 1])
    for method in ("greedy", "spectral", "min-cut", "louvain", "leiden", "spectral-anchored"):
        assert any("serve" in str(note) for note in apply(method, dead.graph).notes), method
    assert any("components" in str(note) for note in apply("spectral", separate().graph).notes)
    assert isinstance(dead.connections[0], Connection)
