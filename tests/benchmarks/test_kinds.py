"""The benchmark of kinds of training: the command times every kind beside spatial and regular ones."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from spatialgraph.train.kinds import SHIPPED

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_kind_is_timed_and_its_ratios_are_to_steps_of_the_same_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])  # undoes what the program adds, too
    arguments = ("--quick", "--repeats", "1", "--device", "cpu", "--out", str(tmp_path / "kinds.json"))
    monkeypatch.setattr(sys, "argv", ["kinds.py", *arguments])
    importlib.import_module("kinds").main()
    numbers = json.loads((tmp_path / "kinds.json").read_text(encoding="utf-8"))
    times = {kind: spread["median"] for kind, spread in numbers["seconds per step"].items()}
    assert set(times) == set(SHIPPED)
    for base in ("spatial", "regular"):
        assert numbers[f"times a {base} step"] == pytest.approx(
            {kind: own / times[base] for kind, own in times.items()}
        )
