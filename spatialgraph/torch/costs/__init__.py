"""What networks may pay for besides their tasks, one file for each cost, all in `COSTS`.

A new cost is one function with ``@cost("name", symbol=…, default=…, reason=…)``, in any file. Training, its settings,
names and records follow from it, and `Cost` gives it to any module.
"""

from __future__ import annotations

# Imported to enter their costs in `COSTS`, in the order of lists.
# isort: off
from .cost import COSTS, Facts, Layer, Paying, Population, Shape, Start, cost
from .pairs import density_cost, distances, transport_cost, transport_sum
from . import transport, density, l1, l2, group_lasso, shuffled, clusterability, splitnet, locality, communicability
# isort: on

__all__ = [
    "COSTS",
    "Facts",
    "Layer",
    "Paying",
    "Population",
    "Shape",
    "Start",
    "clusterability",
    "communicability",
    "cost",
    "density",
    "density_cost",
    "distances",
    "group_lasso",
    "l1",
    "l2",
    "locality",
    "shuffled",
    "splitnet",
    "transport",
    "transport_cost",
    "transport_sum",
]
