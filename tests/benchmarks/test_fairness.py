"""How far comparisons of families of kinds hold: the program runs, and its numbers are those of the document."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.fair import _strongest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "statistics"
DATA = ("normal", "exponential", "log-normal", "mostly 0", "ties")
LEVEL = 0.06  # the level, and what 4000 repetitions leave open


@pytest.fixture(scope="module")
def fairness():
    sys.path.insert(0, str(ROOT / "benchmarks"))  # it draws from the distributions of another program
    try:
        specification = importlib.util.spec_from_file_location("fairness", ROOT / "benchmarks" / "fairness.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.fixture(scope="module")
def measured():
    table = pd.read_csv(FOLDER / "fairness.csv")
    return table.pivot(index=["what", "data"], columns="n", values="value")[8].unstack("data")


@pytest.mark.parametrize("data", DATA)
def test_noise_has_the_mean_and_the_deviation_that_is_said(fairness, data):
    drawn = fairness.noise(data, np.random.default_rng(0), (200_000,))
    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(1, abs=0.15)


def test_doses_are_chosen_as_the_analysis_chooses_them(fairness):
    # Of each line the third dose is just accurate enough, the fourth is not; in another mode none is.
    accuracy = np.full((1 + 13 * 5, 3, 2), 0.9)
    accuracy[1:] -= np.tile([0.0, 0.02, 0.00999, 0.011, 0.5], 13)[:, None, None]
    accuracy[1:, 2] = 0.1
    chosen = fairness.strongest(accuracy)
    assert chosen[:, 0].tolist() == [1 + 5 * line + 2 for line in range(13)]
    assert (chosen[:, 2] == -1).all()
    beside, rivals = fairness.differences(chosen, accuracy)
    assert beside.shape == (26, 2)  # of two modes
    assert rivals.shape == (24, 2)
    assert np.allclose(beside, 0.00999)
    assert np.allclose(rivals, 0)


@pytest.mark.parametrize("seed", range(3))
def test_doses_of_invented_runs_are_those_of_the_table_of_doses(fairness, seed):
    validation, *_ = fairness.run("normal", 5, True, 0.0, np.random.default_rng(seed))
    rows = [
        ("mix", "reference" if kind == 0 else f"line {(kind - 1) // 5:02d}", kind, (kind - 1) % 5, accuracy)
        for kind, accuracy in enumerate(validation[:, 1].mean(axis=-1))
    ]
    table = pd.DataFrame(rows, columns=["inputs", "line", "kind", "dose", "accuracy"])
    table["below"] = table.loc[0, "accuracy"] - table["accuracy"]
    chosen = table.loc[_strongest(table, 0), "kind"].tolist()
    assert chosen == [kind for kind in fairness.strongest(validation)[:, 1] if kind >= 0]


def test_the_program_writes_every_number(fairness, measured, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fairness, "SEEDS", (6,))
    monkeypatch.setattr(sys, "argv", ["fairness.py", "--repetitions", "2", "--out", str(tmp_path / "new" / "x.csv")])
    fairness.main()
    table = pd.read_csv(tmp_path / "new" / "x.csv")
    assert set(table["what"]) == set(measured.index)
    assert table["value"].abs().le(1).all()
    assert "any told" in capsys.readouterr().out


def test_what_was_measured_holds(measured):
    told = [what for what in measured.index if what.startswith("any told")]
    assert len(told) == 4
    assert (measured.loc[told, list(DATA)] <= LEVEL).all(axis=None)
    symmetric = [f"{data}, unequal" for data in ("normal", "ties")]
    assert (measured.loc[told, symmetric] <= LEVEL).all(axis=None)
    assert (measured.loc["told of 4 deviations, together", list(DATA)] >= 0.9).all()
    assert (measured.loc["specification curve, 0 deviations: significant", list(DATA)] <= LEVEL).all()
    validation, held_out = (
        measured.loc[f"accuracy flattered, doses chosen on {on}"] for on in ("validation", "held-out")
    )
    assert (validation < held_out).all()
    assert (held_out < 0.001).all()


def test_the_document_shows_what_was_measured(measured):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    missing = []
    for what, row in measured.iterrows():
        if what == "accuracy flattered, doses fixed":
            continue
        digits = 4 if what.startswith("accuracy flattered") else 3
        cells = " | ".join(f"{row[data]:.{digits}f}" for data in DATA)
        missing += [] if f"| {cells} |" in text else [what]
    assert missing == []
