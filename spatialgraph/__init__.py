"""How modular is a trained network, and can its modules do what we think they do?

    import spatialgraph as sg

    network = sg.read("run/networks/mix-spatial-0.h5")
    split = sg.split(network, "greedy")                    # list(sg.SPLITS) names the methods
    sg.measure(network, split, examples="run/evaluation-mix.h5")        # a pandas.DataFrame
    scores = sg.analyze("run", splits=["greedy", "random"], nulls=19)   # every network of a run, beside chance
    sg.figure("methods", scores.attrs["results"])          # a matplotlib Figure

Read and write files: `read`, `write`, `to_networkx`. Split, measure, draw: `split`, `measure`, `analyze`, `figure`.

Splits of your own, as data frames, CSV or JSON: `split_frame`, `write_split`, and ``"file:mine.csv"`` wherever a method
is named.

What they work with: `Network` (made of `Layer` and `Connection`) and the `Evaluation` that judges it, `Graph` (made of
`Population` and `Connection`), `Split`, `DenseRunner`.

Functions of your own, in a cell or a file: `split_method`, `metric`, `null_model`, `strength`. What there is already:
`SPLITS`, `METRICS`, `NULLS`, `STRENGTHS`, `ABLATIONS`.

Nothing is imported before it is used, so that ``import spatialgraph`` and the command line start at once; PyTorch is
imported by training and by `spatialgraph.torch` alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .faults import NotApplicableError as NotApplicableError
    from .front import analyze as analyze
    from .front import figure as figure
    from .front import measure as measure
    from .front import read as read
    from .front import split as split
    from .front import split_frame as split_frame
    from .front import write as write
    from .front import write_split as write_split
    from .graph import Connection as Connection
    from .graph import Graph as Graph
    from .graph import Population as Population
    from .graph import to_networkx as to_networkx
    from .graph.split import Split as Split
    from .metrics import METRICS as METRICS
    from .metrics import Measurement as Measurement
    from .metrics import metric as metric
    from .network import Evaluation as Evaluation
    from .network import Layer as Layer
    from .network import Network as Network
    from .nulls import NULLS as NULLS
    from .nulls import null_model as null_model
    from .runners import ABLATIONS as ABLATIONS
    from .runners import DenseRunner as DenseRunner
    from .runners import Performance as Performance
    from .splits import SPLITS as SPLITS
    from .splits import split_method as split_method
    from .strengths import STRENGTHS as STRENGTHS
    from .strengths import strength as strength

# Where each name of the front door is defined; the same as above, for the interpreter.
_HOMES = {
    "front": ("analyze", "figure", "measure", "read", "split", "split_frame", "write", "write_split"),
    "graph": ("Connection", "Graph", "Population", "to_networkx"),
    "graph.split": ("Split",),
    "network": ("Evaluation", "Layer", "Network"),
    "runners": ("ABLATIONS", "DenseRunner", "Performance"),
    "splits": ("SPLITS", "split_method"),
    "metrics": ("METRICS", "Measurement", "metric"),
    "nulls": ("NULLS", "null_model"),
    "strengths": ("STRENGTHS", "strength"),
    "faults": ("NotApplicableError",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # who checks types reads the imports above, and is told of names that there are not

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOME_OF))}")
        value = getattr(importlib.import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
