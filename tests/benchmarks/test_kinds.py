"""The benchmark of kinds of training: the command times every kind beside spatial and regular ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgraph.train.kinds import SHIPPED

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kinds.py"


def test_every_kind_is_timed_and_its_ratios_are_to_steps_of_the_same_turn(tmp_path):
    command = [
        sys.executable,
        BENCHMARK,
        "--quick",
        "--repeats",
        "1",
        "--device",
        "cpu",
        "--out",
        tmp_path / "kinds.json",
    ]
    subprocess.run(command, check=True, capture_output=True)
    numbers = json.loads((tmp_path / "kinds.json").read_text(encoding="utf-8"))
    times = {kind: spread["median"] for kind, spread in numbers["seconds per step"].items()}
    assert set(times) == set(SHIPPED)
    for base in ("spatial", "regular"):
        assert numbers[f"times a {base} step"] == pytest.approx(
            {kind: own / times[base] for kind, own in times.items()}
        )
