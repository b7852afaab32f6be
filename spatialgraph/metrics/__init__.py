"""What can be measured: of a network, of a split of it, and of what the parts of a split can still do.

A new metric is one function with ``@metric("name", of=…, better=…, weights=…)`` in a module that is imported here. The
command line's choices, what null models do with it and the contract test follow from it.
"""

from __future__ import annotations

# Imported in the order in which the metrics are entered in `METRICS`, which is that of tables.
# isort: off
from .metric import METRICS, Better, Facts, Measurement, Metric, Of, facts, measure, metric
from .community import (
    cut,
    directed_modularity,
    layered_modularity,
    modularity,
    ncut,
    participation,
    participation_coefficients,
    share,
    signed_modularity,
    strength_assortativity,
)
from .alignment import communities, task_alignment
from .geometry import inter_intra_distance, silhouette, wiring
from .function import accuracy, accuracy_drop, accuracy_without, double_dissociation, leaked_accuracy
# isort: on

__all__ = [
    "METRICS",
    "Better",
    "Facts",
    "Measurement",
    "Metric",
    "Of",
    "accuracy",
    "accuracy_drop",
    "accuracy_without",
    "communities",
    "cut",
    "directed_modularity",
    "double_dissociation",
    "facts",
    "inter_intra_distance",
    "layered_modularity",
    "leaked_accuracy",
    "measure",
    "metric",
    "modularity",
    "ncut",
    "participation",
    "participation_coefficients",
    "share",
    "signed_modularity",
    "silhouette",
    "strength_assortativity",
    "task_alignment",
    "wiring",
]
