"""Models that a user's file loads: the whole way from a model to tables, in Python and on the command line."""

import json
import shutil
import subprocess
import sys

import commands
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import spatialgraph as sg
from spatialgraph.store import read
from spatialgraph.torch import capture
from spatialgraph.torch.models import runner_of

FILE = """
import torch
from torch import nn


def load(name):
    torch.manual_seed(int(name[-1]))
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    inputs = torch.randn(40, 2, 6, 6)
    labels = torch.stack([torch.randint(0, 2, (40,)), torch.randint(0, 2, (40,))], dim=1)
    return model, [(inputs[:25], labels[:25]), (inputs[25:], labels[25:])]
"""
TASKS = {"one": [0, 1], "other": [2, 3]}


def load(name):
    names = {}
    exec(FILE, names)
    model, batches = names["load"](name)
    return model.eval(), batches


@pytest.fixture(scope="module")
def trained():
    """Two captured models, by name."""
    captured = {}
    with torch.random.fork_rng():
        for seed in (0, 1):
            model, batches = load(f"mine-{seed}")
            untrained = capture(model, batches[0][0], TASKS)
            captured[f"mine-{seed}"] = capture(model, batches[0][0], TASKS, untrained=untrained)
    return captured


def written(folder, trained):
    """Write a run of two captured models into a folder, and the file that loads them."""
    for name, captured in trained.items():
        captured.write(folder / "run" / "networks" / f"{name}.h5", kind="small", seed=int(name[-1]))
    (folder / "models.py").write_text(FILE, encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path, trained):
    """A run of two captured models, and the file that loads them."""
    return written(tmp_path, trained)


def scores_of(folder):
    return pd.read_csv(folder / "scores.csv")


ASKED = {"splits": ["greedy", "ablation", "random"], "nulls": 3}


def analyse(run, jobs):
    """Analyse a run with its models on the command line."""
    asked = ("--splits", "greedy,ablation,random", "--nulls", "3", "--jobs", jobs, "--models", run / "models.py")
    done = commands.run("analyze", run / "run", *asked)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def analysed(tmp_path_factory, trained):
    """Such a run, analysed with its models on the command line, for tests that change nothing in it."""
    run = written(tmp_path_factory.mktemp("analysed"), trained)
    analyse(run, jobs=1)
    return run


def test_the_command_line_runs_models(analysed, tmp_path):
    run = shutil.copytree(analysed, tmp_path / "copy")
    results = run / "run" / "results"
    scores = scores_of(results)
    assert set(scores["split"]) == {"none", "greedy", "ablation", "random"}
    assert {"zero", "incoming", "mean"} <= set(scores["ablation"].dropna())
    assert json.loads((results / "analysis.json").read_text())["models"] == "../../models.py"
    nulls = pd.read_csv(results / "nulls.csv")
    assert {"shuffle", "strength", "untrained", "random-split"} <= set(nulls["null"])

    # In Python the same is found, and what is there is kept until the file is another.
    part = results / "parts" / "mine-0" / "scores.h5"
    before = part.stat().st_mtime_ns
    sg.analyze(run / "run", models=run / "models.py", **ASKED)
    assert part.stat().st_mtime_ns == before
    (run / "models.py").write_text(FILE + "\nedited = True\n", encoding="utf-8")
    sg.analyze(run / "run", models=run / "models.py", **ASKED)
    assert part.stat().st_mtime_ns > before
    pd.testing.assert_frame_equal(scores_of(results), scores)


def test_another_process_runs_models(analysed, tmp_path):
    """One process is enough to see it: each must import PyTorch."""
    run = shutil.copytree(analysed, tmp_path / "copy")
    results = run / "run" / "results"
    tables = {name: (results / name).read_bytes() for name in ("scores.csv", "nulls.csv")}
    parts = [results / "parts" / "mine-1" / f"{name}.h5" for name in ("scores", "random-split")]
    for part in parts:
        part.unlink()
    analyse(run, jobs=2)
    assert all(part.is_file() for part in parts)
    assert {name: (results / name).read_bytes() for name in tables} == tables


def test_without_models_structure_is_measured_and_a_note_says_what_was_not(run):
    frame = sg.analyze(run / "run", **ASKED)
    notes = pd.read_csv(run / "run" / "results" / "notes.csv")
    assert "no-models" in set(notes["code"])
    assert set(frame["split"]) == {"none", "greedy", "random"}
    assert "modularity" in set(frame["metric"])
    assert "accuracy" not in set(frame["metric"])
    made = commands.run("report", run / "run" / "results")
    assert made.returncode == 0, made.stderr


def test_a_process_without_models_never_loads_pytorch(run):
    code = (
        "import sys, spatialgraph as sg; "
        f"sg.analyze({str(run / 'run')!r}, splits='greedy', nulls=0); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_captured_models_are_analysed_as_their_files_are(analysed, tmp_path):
    expected = scores_of(analysed / "run" / "results")
    captured = {}
    for name in ("mine-0", "mine-1"):
        with torch.random.fork_rng():
            model, batches = load(name)
        metadata = {"kind": "small", "seed": int(name[-1])}
        before = capture(model, batches[0][0], TASKS)
        captured[name] = capture(model, batches[0][0], TASKS, untrained=before, metadata=metadata), batches
    frame = sg.analyze(captured, **ASKED, out=tmp_path / "live")
    columns = ["network", "kind", "split", "ablation", "metric", "task", "value"]
    found = pd.read_csv(tmp_path / "live" / "scores.csv")[columns]
    pd.testing.assert_frame_equal(found, expected[columns], check_exact=False, rtol=1e-6)
    assert frame.attrs["results"] == str(tmp_path / "live")
    assert len(frame) == len(expected)
    assert sg.figure("methods", frame.attrs["results"]) is not None
    one, batches = captured["mine-0"]
    alone = sg.analyze(one, batches, splits="greedy", nulls=0)
    assert alone["network"].unique().tolist() == ["network"]
    nothing = sg.analyze(one, splits="greedy", nulls=0)
    assert set(nothing["ablation"].dropna()) <= {""}
    with pytest.raises(ValueError, match="jobs: expected 1, since the models are known to this process alone, found 2"):
        sg.analyze(one, batches, splits="greedy", jobs=2)


def test_notebooks_split_and_measure_captured_models(trained):
    captured, (_, batches) = trained["mine-0"], load("mine-0")
    runner = captured.runner(batches)
    one, other = (sg.split(captured, "ablation", examples) for examples in (batches, runner))
    assert all((one.membership[k] == other.membership[k]).all() for k in one.membership)
    frame = sg.measure(captured, one, ["modularity", "accuracy"], runner, "mean")
    assert set(frame["metric"]) == {"modularity", "accuracy", "guessed-accuracy"}
    expected = runner.performance(one, "mean").own
    found = frame[(frame["metric"] == "accuracy") & (frame["ablation"] == "mean")]["value"].to_numpy()
    np.testing.assert_allclose(found, expected)
    assert len(sg.split_frame(sg.split(captured), captured)) == 10


def test_other_examples_are_other_results(tmp_path):
    with torch.random.fork_rng():
        model, batches = load("mine-0")
    captured = capture(model, batches[0][0], TASKS)
    values = [
        sg.analyze(captured, of, splits="greedy", nulls=0, metrics="accuracy", out=tmp_path)["value"].tolist()
        for of in (batches, batches[:1], batches)
    ]
    assert values[0] == values[2] != values[1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", r"models.py: expected a function load\(name\) that returns \(model, batches\), found none"),
        ("def load(name): return 3", r"load\('mine-0'\): expected \(model, batches\) or .*, found \(int\)"),
        ("def load(name): return {}[name]", r"load\('mine-0'\): expected \(model, batches\), found KeyError in line 1"),
        (FILE.replace("return model, [", "return model, () and ["), r"expected batches of \(inputs, labels\)"),
        (
            FILE.replace("int(name[-1])", "7"),
            r"load\('mine-0'\): network 'mine-0': expected the model that was captured",
        ),
        (FILE.replace("(inputs[25:], labels[25:])]", "(inputs[25:], labels[20:])]"), "expected labels for 40 examples"),
    ],
)
def test_a_file_that_loads_something_else_is_an_error_of_one_line(run, source, message):
    (run / "models.py").write_text(source, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        runner_of(run / "models.py", "mine-0", read(run / "run" / "networks" / "mine-0.h5"))
    assert "\n" not in str(raised.value)


def test_the_command_line_says_in_a_line_what_is_wrong_with_the_file(run):
    (run / "models.py").write_text("x = 1", encoding="utf-8")
    done = commands.run(
        "analyze", run / "run", "--splits", "greedy", "--nulls", "0", "--jobs", "1", "--models", run / "models.py"
    )
    assert done.returncode == 1
    assert "models.py: expected a function load(name)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_options_of_the_runner_are_given_with_the_model(run):
    source = (
        FILE.replace("labels[25:])]", "labels[25:])], {'score': score}")
        + "\n\ndef score(outputs, labels):\n    return 0.5\n"
    )
    (run / "models.py").write_text(source, encoding="utf-8")
    runner = runner_of(run / "models.py", "mine-0", read(run / "run" / "networks" / "mine-0.h5"))
    assert runner.full.tolist() == [0.5, 0.5]
    assert np.isnan(runner.guessed).all()


def test_a_batch_norm_between_tasks_is_part_of_what_was_captured():
    """Statistics are parameters of a kind: a model with others is another model."""
    with torch.random.fork_rng():
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).eval()
    one = capture(model, torch.zeros(2, 3)).graph.metadata["capture"]["parameters"]
    model[1].running_mean += 1
    assert capture(model, torch.zeros(2, 3)).graph.metadata["capture"]["parameters"] != one
