"""Each example runs from a checkout, on data that ship with the packages, and writes its table and its figure."""

import runpy
from pathlib import Path

import pandas as pd
import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
FEW = ["--seeds=1", "--epochs=1", "--examples=256", "--held-out=60", "--nulls=1", "--splits", "greedy", "random"]
FIGURES = {
    "two_task_mlp": "connections",
    "cnn": "methods",
    "resnet": "methods",
    "gru_rows": "connections",
    "transformer": "connections",
    "spatial_mlp": "connections",
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs an example, and returns the folder of its results."""

    def run(name, *more):
        monkeypatch.syspath_prepend(str(EXAMPLES))
        monkeypatch.setattr("sys.argv", [name, *FEW, *more, "--out", str(tmp_path / name)])
        state = torch.get_rng_state()
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        torch.set_rng_state(state)
        torch.set_flush_denormal(False)
        return tmp_path / name

    return run


@pytest.mark.parametrize("name", FIGURES)
def test_an_example_writes_its_table_and_its_figure(run, name, capsys):
    results = run(name)
    table = (results / "table.md").read_text()
    assert capsys.readouterr().out.endswith(f"{table}\n")
    scores = pd.read_csv(results / "scores.csv", keep_default_na=False)
    kinds = scores[["inputs", "kind"]].drop_duplicates()
    assert "untrained" in set(kinds["kind"])
    assert len(table.splitlines()) == 2 + 2 * len(kinds)  # a line for each method, below the head
    assert not scores[scores["metric"] == "accuracy-drop"].empty
    assert not scores[scores["metric"] == "modularity"].empty
    assert (results / f"{FIGURES[name]}.png").stat().st_size > 1000


def test_every_example_is_tried():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*FIGURES, "common"}
