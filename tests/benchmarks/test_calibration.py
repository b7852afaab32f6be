"""What intervals hold and how often tests reject: the program runs, and its numbers are those of the documents."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "statistics"


@pytest.fixture(scope="module")
def calibration():
    specification = importlib.util.spec_from_file_location("calibration", ROOT / "benchmarks" / "calibration.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shares():
    return pd.read_csv(FOLDER / "calibration.csv").pivot(index=["what", "data"], columns="n", values="share")


@pytest.mark.parametrize("n", [3, 5])
def test_intervals_of_few_normal_values_hold_the_mean(calibration, n):
    draw = calibration.np.random.default_rng(n)
    ends = calibration.interval_of_mean(draw.normal(size=(4000, n)))
    assert dict(calibration.held("mean", ends, 0.0)) == {
        "mean: there is an interval": 1.0,
        "mean: it holds the mean": pytest.approx(0.95, abs=0.02),
    }


def test_what_is_held_by_hand(calibration):
    nan, inf = float("nan"), float("inf")
    ends = calibration.np.array([[0.0, nan, 2.0, -inf], [1.0, nan, 3.0, inf]])
    assert dict(calibration.held("x", ends, 0.5)) == {
        "x: there is an interval": 0.75,
        "x: it is finite": pytest.approx(2 / 3),
        "x: it holds the mean": pytest.approx(2 / 3),
    }


def test_the_program_writes_every_share(calibration, shares, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calibration, "SIZES", (3, 6))
    monkeypatch.setattr(calibration, "RESAMPLES", 19)
    monkeypatch.setattr(
        sys, "argv", ["calibration.py", "--repetitions", "10", "--out", str(tmp_path / "new" / "x.csv")]
    )
    calibration.main()
    table = pd.read_csv(tmp_path / "new" / "x.csv")
    finite = table["what"].str.endswith("it is finite")
    known = set(shares.index.get_level_values("what"))
    assert set(table.loc[~finite, "what"]) == {what for what in known if not what.endswith("it is finite")}
    assert table["share"].dropna().between(0, 1).all()
    assert "sign-flip p" in capsys.readouterr().out


def test_what_was_measured_holds(shares):
    normal = shares.xs("normal", level="data")
    assert normal.loc["mean: it holds the mean"].between(0.94, 0.96).all()
    assert (shares.xs("difference: it holds the mean") >= 0.94).all(axis=None)
    tests = ["sign-flip p: exchangeable pairs", "Holm's p: any of 9 comparisons", "networks: combined p"]
    tests += [f"Holm's p: {kinds} kinds, any of {3 * (kinds - 1)} comparisons with the reference" for kinds in (3, 4)]
    for test in tests:
        assert (shares.xs(test).fillna(0) <= 0.055).all(axis=None)


def test_the_document_shows_what_was_measured(shares):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown = [name for name, _ in shares.index if not name.endswith(("there is an interval", "it is finite"))]
    missing = [name for name, row in shares.loc[shown].iterrows() if _cells(row) not in text]
    assert missing == []


def _cells(row):
    return " | ".join("–" if pd.isna(value) else f"{value:.3f}" for value in row)
