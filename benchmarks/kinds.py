"""What a training step costs for each kind of training, against one of spatial networks and one of regular ones.

    python benchmarks/kinds.py [--device cuda] [--repeats 7] [--quick] [--out docs/benchmarks/kinds.json]

A batch is eight of the paper's networks (784-128-128-128-256-20, mixed inputs, batches of 256, costs on the last three
layers), all of one kind with its default settings, on drawn images. It takes `STEPS` steps; `swap`, which exchanges
places every 200 steps by default, does it once in these, five times as often. All kinds are timed in turn; a ratio is
the median of those within one turn, so that what else a machine does changes it little.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
from baselines import BATCH, drawn_datasets, experiment_of, timed, trainings_of
from report import report
from training import conditions, spread

from train.kinds import SHIPPED

STEPS, NETWORKS = 40, 8
QUICK = {"steps": 2, "networks": 1, "settings": {"hidden": [8, 8], "penalised_layers": ["hidden2", "output"]}}


def measure(
    repeats: int,
    device: torch.device,
    steps: int = STEPS,
    networks: int = NETWORKS,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Time an epoch of each kind, in turn."""
    datasets = drawn_datasets(BATCH * steps)
    trainings = {}
    for kind in SHIPPED:
        table = {"swap": steps} if kind == "swap" else {}
        experiment = experiment_of(range(networks), kinds={kind: table}, epochs=10**6, **(settings or {}))
        (trainings[kind],) = trainings_of(experiment, datasets, device)
        trainings[kind].run_epoch()
    times: dict[str, list[float]] = {kind: [] for kind in SHIPPED}
    for _ in range(repeats):
        for kind, training in trainings.items():
            times[kind].append(timed(training.run_epoch, device) / steps)
    return {
        "seconds per step": {kind: spread(seconds) for kind, seconds in times.items()},
        **{f"times a {base} step": ratios(times, base) for base in ("spatial", "regular")},
    }


def ratios(times: dict[str, list[float]], base: str) -> dict[str, float]:
    """Return how long each kind takes, in steps of another."""
    return {
        kind: statistics.median(own / other for own, other in zip(seconds, times[base], strict=True))
        for kind, seconds in times.items()
    }


def main() -> None:
    """Measure, print, and write numbers if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the benchmark itself")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    device = torch.device(arguments.device)
    numbers = measure(arguments.repeats, device, **(QUICK if arguments.quick else {}))
    report(numbers, conditions(device, arguments.repeats) | {"networks": NETWORKS}, arguments.out)


if __name__ == "__main__":
    main()
