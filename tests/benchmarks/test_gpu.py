"""The command for a GPU, on a CPU with tiny networks: every part of it, and what becomes of a part that fails."""

import importlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PARTS = ["machine", "processor", "recorded", "repeated", "company", "interrupted", "cut", "speed", "table1", "files"]


@pytest.fixture
def gpu(monkeypatch):
    """Return the program as a module."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])  # undoes what the program adds, too
    return importlib.import_module("gpu")


def run(out, *arguments):
    """Run a program in another folder as where the checkout is not installed; return what became of it, and numbers."""
    # Without `site`, packages are found, and not what an editable installation points to.
    command = [sys.executable, "-S", *arguments, "--quick", "--device", "cpu", "--out", out]
    packages = os.pathsep.join(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    environment = os.environ | {"PYTHONPATH": packages}
    done = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)
    file = out / "gpu.json"
    assert file.exists(), done.stderr
    return done, json.loads(file.read_text(encoding="utf-8"))


def test_every_part_runs_and_holds(tmp_path):
    done, found = run(tmp_path, BENCHMARKS / "gpu.py")
    assert {name: found[name]["state"] for name in found} == dict.fromkeys([*PARTS, "float32"], "done")
    assert done.returncode == 0, done.stdout + done.stderr
    assert found["table1"]["networks"] == found["files"]["files"] == found["float32"]["networks"] == 12
    assert found["cut"]["told"] == ["mix: 4 networks, 2 at a time: what the memory of cpu holds"]
    # A processor has no TF32 products: the same networks.
    cells = found["float32"]["accuracies, float32 and TF32"]
    assert len(cells) == 6
    assert {cell["difference"] for cell in cells.values()} == {0.0}
    speed = found["speed"]["networks × epochs per second"]
    assert {"1", "2", "4", "plain loop", "limit"} <= speed.keys()
    assert all(0 < own["least"] <= own["median"] <= own["largest"] for own in speed.values())
    assert {file.name for file in tmp_path.iterdir()} == {"gpu.json", "training.png", "training.svg"}


def test_a_part_that_fails_loses_no_other(gpu, tmp_path, monkeypatch):
    def broken(work):
        raise OSError("no such thing")

    def doubtful(work):
        return {"seen": 3, gpu.HOLDS: {"it is true": True, "it is good": False}}

    def late(work):
        raise gpu.SkippedError("too late")

    monkeypatch.setattr(gpu, "PARTS", gpu.PARTS | {"cut": broken, "company": doubtful, "files": late})
    parts = ["cut", "company", "files", "repeated", "float32"]
    arguments = ["--quick", "--device", "cpu", "--out", str(tmp_path), "--only", *parts]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *arguments])
    with pytest.raises(SystemExit) as end:
        gpu.main()
    assert end.value.code == 1
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert {name: found[name]["state"] for name in found} == {
        "cut": "failed: OSError: no such thing",
        "company": "does not hold: it is good",
        "files": "skipped: too late",
        "repeated": "done",
        "float32": "skipped: at least 2 seeds are compared, tf32 has 0",
    }
    assert found["company"]["seen"] == 3
    assert 'raise OSError("no such thing")' in found["cut"]["traceback"]
