"""Analyse, tabulate, draw and report runs of up to thousands of small networks: time, memory, and how both grow.

``python benchmarks/many.py 1000 3000 10000 --out docs/benchmarks/many.json``. Seconds are of the processor, since other
work on the machine changes those of the clock; memory is the most that one process held.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spatialgraph.files import digest
from spatialgraph.graph import Connection
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.store import write_evaluation, write_network

UNITS = 8

COMMANDS: dict[str, Sequence[str]] = {
    "analyze": (
        *("analyze", "run", "--jobs", "1", "--splits", "greedy,random", "--metrics", "modularity,accuracy"),
        *("--ablations", "zero", "--nulls", "0"),
    ),
    "figures": ("figures", "run/results", "--format", "png", "--only", "methods,layers"),
    "report": ("report", "run/results"),
}


def write_run(folder: Path, count: int) -> None:
    """Write a run of small networks of two kinds, which share their held-out examples."""
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(20, UNITS)).astype(np.float32)
    labels = np.stack([np.arange(20) % (UNITS // 2)] * 2, axis=1)
    write_evaluation(folder / "evaluation-mix.h5", Evaluation(inputs, labels))
    named = {"file": "evaluation-mix.h5", "sha256": digest(folder / "evaluation-mix.h5")}
    names = ["input", "hidden1", "output"]
    for number in range(count):
        layers = [Layer("input", UNITS)]
        for name in names[1:]:
            position = draw.normal(size=(UNITS, 2)).astype(np.float32)
            layers.append(Layer(name, UNITS, "relu" if name != "output" else "", position=position, split=True))
        weights = [draw.normal(size=(UNITS, UNITS)).astype(np.float32) for _ in names[1:]]
        connections = [Connection(one, two, w) for one, two, w in zip(names, names[1:], weights, strict=False)]
        kind, seed = ("spatial", "regular")[number % 2], number // 2
        known = {"tasks": ["a", "b"], "kind": kind, "inputs": "mix", "seed": seed, "name": f"mix-{kind}-{seed}"}
        task = np.repeat([0, 1], UNITS // 2)
        network = Network(tuple(layers), connections, task, known | {"evaluation": named})
        write_network(folder / "networks" / f"{known['name']}.h5", network)


def measured(command: str, folder: Path) -> dict[str, float]:
    """Run a command; return its seconds of the processor and of the clock, and the most memory it took, in MB."""
    started = time.monotonic()
    arguments = [sys.executable, "-m", "spatialgraph", *COMMANDS[command]]
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(arguments, cwd=folder, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit((folder / "output.txt").read_text())
    seconds = used.ru_utime + used.ru_stime
    return {"cpu": round(seconds, 1), "clock": round(time.monotonic() - started), "mb": used.ru_maxrss // 1024}


def main() -> None:
    """Measure each number of networks, and the power of it that seconds grow with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for count in options.counts:
        with tempfile.TemporaryDirectory() as place:
            write_run(Path(place) / "run", count)
            own = found[str(count)] = {}
            for command in COMMANDS:
                own[command] = measured(command, Path(place))
                sys.stdout.write(f"{count} {command} {own[command]}\n")
                sys.stdout.flush()
            own["page"] = {"mb": round((Path(place) / "run" / "results" / "report.html").stat().st_size / 2**20, 1)}
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
