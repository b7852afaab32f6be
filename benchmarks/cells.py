"""The accuracies of a run of Table 1, cell by cell, and how two runs of the same seeds differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import checkout  # noqa: F401
import numpy as np
from scipy import stats

from spatialgraph.store import read_header

Cells = Mapping[str, Mapping[int, float]]
"""The accuracy of a network, the mean over tasks, by its cell, kind and inputs, and by its seed."""


def trained_cells(run: Path) -> Cells:
    """Return the accuracies of every network of a run."""
    cells: dict[str, dict[int, float]] = {}
    for file in sorted((run / "networks").glob("*.h5")):
        metadata = read_header(file).metadata
        accuracy = float(np.mean(metadata["accuracy"]))
        cells.setdefault(f"{metadata['kind']} {metadata['inputs']}", {})[metadata["seed"]] = accuracy
    return cells


def compare(one: Mapping[int, float], other: Mapping[int, float]) -> dict[str, object]:
    """Compare the accuracies of a cell in two runs, paired by the seeds that both have.

    Returns:
        Both means, the mean of other − one with its 95 % interval by Student's t, and the standard deviation over
        seeds. The interval is none where all differences are equal.
    """
    seeds = sorted(one.keys() & other.keys())
    before, after = (np.array([accuracy[seed] for seed in seeds]) for accuracy in (one, other))
    difference = after - before
    interval = None
    if np.ptp(difference) > 0:
        interval = list(map(float, stats.ttest_1samp(difference, 0).confidence_interval(0.95)))
    return {
        "seeds": len(seeds),
        "means": [float(before.mean()), float(after.mean())],
        "difference": float(difference.mean()),
        "95 % interval": interval,
        "standard deviation over seeds": float(before.std(ddof=1)),
    }
