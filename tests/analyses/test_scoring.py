"""Scores: every row, by hand where it can be; what cannot be measured is a note; what does not fit is an error."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from spatialgraph.analyses.scoring import Plan, analyze, score
from spatialgraph.files import digest
from spatialgraph.metrics import METRICS
from spatialgraph.network import Connection, Evaluation, Layer, Network
from spatialgraph.splits import SPLITS
from spatialgraph.store import read_splits, write_evaluation, write_network

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


def rows_of(scored):
    frame = pd.DataFrame(scored.rows)
    return frame.set_index(["split", "ablation", "metric", "task"])["value"]


def test_scores_of_a_network_worked_out_by_hand():
    evaluation = Evaluation(INPUTS, LABELS)
    scored = score(separate_network(), evaluation, Plan.choose(["greedy"]))
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
    scored = score(separate_network(), evaluation, Plan.choose())
    rows = pd.DataFrame(scored.rows)
    assert set(rows["split"]) == {"none", *SPLITS}
    assert set(rows["ablation"]) == {"", "zero", "incoming", "mean"}
    assert {metric.split(":")[0] for metric in rows["metric"]} == set(METRICS)
    assert not rows.duplicated(["split", "ablation", "metric", "task"]).any()


def test_what_cannot_be_measured_is_a_note():
    network = separate_network()
    flat = Network(
        tuple(Layer(x.name, x.size, x.activation, x.bias, None, x.split) for x in network.layers),
        network.connections,
        network.output_task,
        network.metadata,
        executable=False,
    )
    scored = score(flat, Evaluation(INPUTS, LABELS), Plan.choose())
    notes = dict(scored.notes)
    assert "positions" not in scored.splits
    assert "positions" in notes
    assert "cannot be run" in dict(reversed(scored.notes))["none"]
    assert {row["metric"].split(":")[0] for row in scored.rows} == {"modularity", "directed-modularity", "cut", "share"}


def test_an_accuracy_that_training_did_not_measure_is_an_error():
    text = r"^network 'separate': expected the accuracies 1\.0000, 0\.2500 .*, found 1\.0000, 1\.0000 on its evaluation"
    with pytest.raises(ValueError, match=text):
        score(separate_network(accuracy=[1.0, 0.25]), Evaluation(INPUTS, LABELS), Plan.choose(["greedy"]))


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"splits": ["greedy", "gredy"]}, "unknown split method 'gredy'; known: greedy, spectral"),
        ({"ablations": ["none"]}, "unknown ablation mode 'none'; known: zero, incoming, mean"),
        ({"metrics": ["Q"]}, "unknown metric 'Q'; known: modularity, directed-modularity"),
    ],
)
def test_unknown_names_are_refused_with_those_known(choice, text):
    with pytest.raises(ValueError, match=text):
        Plan.choose(**choice)


@pytest.fixture
def run(tmp_path):
    write_evaluation(tmp_path / "evaluation-mix.h5", Evaluation(INPUTS, LABELS))
    named = {"file": "evaluation-mix.h5", "sha256": digest(tmp_path / "evaluation-mix.h5")}
    for seed in (0, 1):
        known = {"kind": "spatial", "inputs": "mix", "seed": seed, "evaluation": named, "name": f"net-{seed}"}
        write_network(tmp_path / "networks" / f"net-{seed}.h5", separate_network(**known))
    return tmp_path


def quietly(run, results, **choices):
    return analyze(run, results, console=Console(file=io.StringIO()), **choices)


def test_analyze_writes_tidy_scores_splits_and_notes(run):
    count = quietly(run, run / "results")
    scores = pd.read_csv(run / "results" / "scores.csv")
    columns = ["run", "network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
    assert list(scores.columns) == columns
    assert len(scores) == count
    assert set(scores["network"]) == {"net-0", "net-1"}
    assert set(scores["seed"]) == {0, 1}
    assert read_splits(run / "results" / "splits.h5")["net-1"]["greedy"].labels(1).tolist() == [0, 0, 1, 1]
    notes = pd.read_csv(run / "results" / "notes.csv")
    assert "task-variance" in set(notes["split"])


def test_the_same_analysis_gives_the_same_bytes_and_another_seed_other_random_splits(run):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        quietly(run, run / name, seed=seed, splits=["random", "spectral"])
    read = {name: (run / name / "scores.csv").read_bytes() for name in ("one", "two", "three")}
    assert read["one"] == read["two"]
    splits = {name: read_splits(run / name / "splits.h5") for name in read}
    drawn = {n: [s[f"net-{k}"]["random"].labels(1).tolist() for k in (0, 1)] for n, s in splits.items()}
    assert drawn["one"] == drawn["two"]
    assert drawn["one"] != drawn["three"] or drawn["one"][0] != drawn["one"][1]


def test_an_evaluation_that_is_not_the_one_named_is_refused(run):
    write_evaluation(run / "evaluation-mix.h5", Evaluation(INPUTS, LABELS[::-1].copy()))
    with pytest.raises(ValueError, match=r"evaluation-mix\.h5: expected SHA-256 [0-9a-f]{12}… that .*net-0\.h5 names"):
        quietly(run, run / "results")
    (run / "evaluation-mix.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected the evaluation that .*net-0\.h5 names, found nothing"):
        quietly(run, run / "results")


def test_a_folder_without_networks_is_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"networks: expected networks \(\*\.h5\) of a training run, found none"
    ):
        quietly(tmp_path, tmp_path / "results")
    assert not (tmp_path / "results").exists()
