"""Trained models of PyTorch: their graphs, what runs them, and the spatial costs for any module.

    from spatialgraph.torch import SpatialCost, capture

    cost = SpatialCost(model, layers=["fc3", "out"])            # in any training loop: loss = task_loss + cost()
    sparse = Cost("l1", model, ["fc3", "out"])                  # as every other cost of COSTS; your own: @cost
    captured = capture(model.eval(), inputs, tasks={"digits": slice(0, 10), "letters": slice(10, 20)})
    captured.graph                                              # split, measured, exported like every graph
    sg.analyze(captured, batches)                               # as every network of a run

An operator that a model has and `capture` does not know is one function with `operator`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .any_cost import Cost as Cost
    from .captured import Captured as Captured
    from .captured import capture as capture
    from .costs import COSTS as COSTS
    from .costs import cost as cost
    from .costs import density_cost as density_cost
    from .costs import transport_cost as transport_cost
    from .program import Inputs as Inputs
    from .runner import TracedRunner as TracedRunner
    from .spatial import SpatialCost as SpatialCost
    from .table import OPERATORS as OPERATORS
    from .table import operator as operator

# Looked up when they are first used: training needs the costs alone, and tracing takes a while to import.
_HOMES = {
    "any_cost": ("Cost",),
    "captured": ("Captured", "capture"),
    "costs": ("COSTS", "cost", "density_cost", "transport_cost"),
    "program": ("Inputs",),
    "runner": ("TracedRunner",),
    "spatial": ("SpatialCost",),
    "table": ("OPERATORS", "operator"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF)]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # who checks types reads the imports above, and is told of names that there are not

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOME_OF))}")
        value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
