"""Scores: every row, by hand where it can be; what cannot be measured is a note; what does not fit is an error."""

import re
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.scoring import Plan, score
from spatialgraph.graph import Connection
from spatialgraph.metrics import METRICS, facts
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.notes import Note
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import SPLITS

# Inputs 0 and 1 say the class of task a, inputs 2 and 3 that of task b; hidden neurons pass them on.
INPUTS = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], np.float32)
LABELS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def separate_network(**metadata):
    """Return a network of two modules: each hidden neuron carries one input to the output of its class."""
    position = [[0, 0], [0, 1], [9, 0], [9, 1]]
    return Network(
        layers=(
            Layer("input", 4),
            Layer("hidden", 4, "relu", np.zeros(4), position, split=True),
            Layer("output", 4, "", np.zeros(4), position, split=True),
        ),
        connections=(Connection(0, 1, np.eye(4)), Connection(1, 2, np.eye(4) + 0.125 * (1 - np.eye(4)))),
        output_task=[0, 0, 1, 1],
        metadata={"tasks": ["a", "b"], "name": "separate", **metadata},
    )


def scored_of(network, evaluation, plan):
    return score(network.graph, DenseRunner(network, evaluation), plan)


def rows_of(scored):
    frame = pd.DataFrame(map(asdict, scored.scores))
    return frame.set_index(["split", "ablation", "metric", "task"])["value"]


def test_scores_of_a_network_worked_out_by_hand():
    scored = scored_of(separate_network(), Evaluation(INPUTS, LABELS), Plan.choose(["greedy"]))
    found = rows_of(scored)
    assert scored.splits["greedy"].labels(1).tolist() == [0, 0, 1, 1]
    # Strengths: 4 of 1 and 12 of 1/8, 5.5 in all; within the tasks 4 + 4/8 = 4.5, between them 8/8 = 1.
    assert found["greedy", "", "cut", ""] == pytest.approx(1 / 5.5)
    assert found["greedy", "", "modularity", ""] == pytest.approx(4.5 / 5.5 - 1 / 2)
    # Distances between the layers: 0, 1, 9 and √82, each four times: (4·0·1 + (4·1 + 4·9 + 4·√82) / 8) / 16.
    assert found["none", "", "wiring", ""] == pytest.approx((4 + 36 + 4 * 82**0.5) / 8 / 16)
    for task in ("a", "b"):
        assert found["none", "", "accuracy", task] == 1
        assert found["greedy", "zero", "accuracy", task] == 1
        assert found["greedy", "zero", "accuracy-drop", task] == 0
        # The other task's neurons send the same to both outputs: always class 0, right for half of the examples.
        assert found["greedy", "zero", "leaked-accuracy", task] == 0.5
        assert found["greedy", "", "share:hidden", task] == 0.5


def test_every_split_ablation_and_metric_has_its_rows():
    evaluation = Evaluation(INPUTS, LABELS, probes={"a": INPUTS[None, [0, 2]], "b": INPUTS[None, [0, 1]]})
    scored = scored_of(separate_network(), evaluation, Plan.choose())
    rows = pd.DataFrame(map(asdict, scored.scores))
    assert set(rows["split"]) == {"none", *SPLITS}
    assert set(rows["ablation"]) == {"", "zero", "incoming", "mean"}
    # All its neurons are equally strong, so that their strengths cannot be correlated.
    assert {metric.split(":")[0] for metric in rows["metric"]} == {*METRICS, "guessed-accuracy"} - {
        "strength-assortativity"
    }
    assert not rows.duplicated(["split", "ablation", "metric", "task"]).any()


def test_what_cannot_be_measured_is_a_note():
    network = separate_network()
    populations = [replace(population, position=None) for population in network.graph.populations]
    scored = score(replace(network.graph, populations=populations), None, Plan.choose())
    notes = dict(scored.notes)
    assert "positions" not in scored.splits
    assert "positions" in notes
    assert dict(reversed(scored.notes))["none"] == Note("no-runner")
    measured = {score.metric.split(":")[0] for score in scored.scores}
    assert measured >= {
        *("modularity", "directed-modularity", "layered-modularity", "signed-modularity"),
        *("cut", "ncut", "participation", "share", "communities", "task-alignment"),
    }
    of_examples = {name for name in METRICS if facts(name).of == "function"}
    assert measured.isdisjoint(of_examples | {"wiring", "silhouette", "inter-intra-distance"})


def test_communities_are_scored_as_they_were_found_however_many_there_are():
    # Each hidden neuron leads to its output alone: four communities, of which two serve each task.
    apart = Network(
        separate_network().layers,
        (Connection(0, 1, np.eye(4)), Connection(1, 2, np.eye(4))),
        [0, 0, 1, 1],
        {"tasks": ["a", "b"], "name": "apart"},
    )
    scored = scored_of(apart, Evaluation(INPUTS, LABELS), Plan.choose(["greedy", "louvain"]))
    found, split = rows_of(scored).sort_index(), scored.splits["louvain"]
    assert split.communities[1].tolist() == [0, 1, 2, 3]
    assert split.labels(1).tolist() == [0, 0, 1, 1]
    assert found["louvain", "", "communities", ""] == 4
    assert found["louvain", "", "modularity", ""] == pytest.approx(1 - 4 / 16)
    assert found["greedy", "", "modularity", ""] == pytest.approx(1 - 2 / 4)
    assert ("greedy", "", "communities", "") not in found
    # Without the neuron of a task's second class both outputs are 0, and the first class is answered.
    lost = found["louvain", "zero"].unstack().loc[[f"accuracy-without:community{number}" for number in (1, 2, 3, 4)]]
    assert lost.to_numpy().tolist() == [[1, 1], [0.5, 1], [1, 1], [1, 0.5]]
    # What two splits agree on is told of the communities too.
    agreed = {(one.split, one.other): one.value for one in scored.agreements if one.measure == "adjusted-rand"}
    assert 0 < agreed["greedy", "louvain"] < 1


def test_degenerate_splits_are_noted_each_and_not_compared():
    # The second task's outputs have no strength worth having: every neuron goes to the first.
    weights = np.full((4, 4), 0.125)
    weights[:2] = 4
    lost = Network(
        separate_network().layers,
        (Connection(0, 1, np.eye(4)), Connection(1, 2, weights)),
        [0, 0, 1, 1],
        {"tasks": ["a", "b"], "name": "lost"},
    )
    scored = scored_of(lost, Evaluation(INPUTS, LABELS), Plan.choose(["greedy", "random", "positions"]))
    told = {split for split, note in scored.notes if note.is_degenerate}
    assert told == {"greedy", "random"}
    assert {(one.split, one.other) for one in scored.agreements} == {("positions", "positions")}


def test_an_accuracy_that_training_did_not_measure_is_an_error():
    text = r"^network 'separate': expected the accuracies 1\.0000, 0\.2500 .*, found 1\.0000, 1\.0000 on its evaluation"
    with pytest.raises(ValueError, match=text):
        scored_of(separate_network(accuracy=[1.0, 0.25]), Evaluation(INPUTS, LABELS), Plan.choose(["greedy"]))


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"splits": ["greedy", "gredy"]}, "unknown split method 'gredy'; known: greedy, greedy-shared"),
        ({"ablations": ["none"]}, "unknown ablation mode 'none'; known: zero, incoming, mean"),
        ({"metrics": ["Q"]}, "unknown metric 'Q'; known: modularity, directed-modularity"),
    ],
)
def test_unknown_names_are_refused_with_those_known(choice, text):
    with pytest.raises(ValueError, match=text):
        Plan.choose(**choice)


def test_a_network_of_one_task_is_scored_as_far_as_it_can_be():
    network = separate_network()
    one = Network(network.layers, network.connections, [0, 0, 0, 0], {"tasks": ["a"], "name": "one"})
    scored = scored_of(one, Evaluation(INPUTS, [[0], [1], [2], [3]]), Plan.choose())
    assert {score.split for score in scored.scores} >= {"greedy", "min-cut"}
    assert any("double-dissociation" in str(note) for _, note in scored.notes)


WRONG_PLANS = {
    "unknown split method 'greed'; known: greedy, ": {"splits": ["greed"]},
    "unknown ablation mode 'zeros'; known: zero, incoming, mean": {"ablations": "zeros"},
    "unknown metric 'cuts'; known: ": {"metrics": ["cut", "cuts"]},
    "unknown strength 'Absolute'; known: absolute, ": {"strength": "Absolute"},
    "draws of the null models: expected at least 0, found -1": {"nulls": -1},
    "draws of the null models: expected a whole number, found 2.5": {"nulls": 2.5},
    "seed: expected a whole number, found 'a'": {"seed": "a"},
    "splits of a plan: expected a list of names, found 5": {"splits": 5},
    "metrics of a plan: expected a list of names, found ['cut']": {"metrics": [["cut"]]},
}


@pytest.mark.parametrize("message", WRONG_PLANS)
@pytest.mark.parametrize("plan", [Plan.choose, partial(replace, Plan.choose())])
def test_a_plan_that_cannot_be_carried_out_is_refused(plan, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        plan(**WRONG_PLANS[message])


def test_a_name_stands_for_a_list_of_one():
    plan = Plan.choose("greedy", "zero", "cut", nulls=np.int64(3))
    assert plan == Plan(("greedy",), ("zero",), ("cut",), nulls=3) == Plan("greedy", "zero", ["cut", "cut"], nulls=3)
    assert type(plan.nulls) is int
    assert Plan.choose([], [], []) == Plan((), (), ())
