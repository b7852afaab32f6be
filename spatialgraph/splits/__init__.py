"""Ways to split a network into task modules: one function per method, all of them in `SPLITS`.

A new method is one function with ``@split_method("name", sees=…)`` in a module that is imported here. It takes a
`Network` and, if it needs them, parameters named ``evaluation`` and ``seed``; the same arguments give the same split.
Its docstring says how the method works, where it comes from and what it cannot do; what it could not do this time goes
into the split's notes.
"""

from __future__ import annotations

import inspect

from ..network import Evaluation, Network, NotApplicableError
from .split import SPLITS, Split, sees, split_method

# Imported to enter their methods in `SPLITS`, in the order in which tables and figures show them.
# isort: off
from . import greedy
from . import spectral
from . import anchored
from . import min_cut
from . import communities
from . import activation
from . import positions
from . import ablation
from . import random
# isort: on

__all__ = [
    "SPLITS",
    "NotApplicableError",
    "Split",
    "ablation",
    "activation",
    "anchored",
    "apply",
    "communities",
    "greedy",
    "min_cut",
    "positions",
    "random",
    "sees",
    "spectral",
    "split_method",
]


def apply(
    method: str,
    network: Network,
    evaluation: Evaluation | None = None,
    seed: int = 0,
    *,
    strengths: Network | None = None,
) -> Split:
    """Split a network by a method, giving the method what it asks for.

    Args:
        method: a name in `SPLITS`.
        network: the network.
        evaluation: held-out examples, for the methods that run the network.
        seed: of the methods that draw at random; the same seed gives the same split.
        strengths: the network with other strengths as weights, which methods that see weights are given; None for
            the network itself.

    Raises:
        NotApplicableError: no layer is to be split, or the method asks for something that is not there.
        ValueError: there is no such method.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 1.0], [-2.0, 5.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> apply("greedy", network).labels(0).tolist()
        [0, 1]
    """
    function = SPLITS[method]
    if not network.split_layers:
        raise NotApplicableError(f"split {method!r}: expected split layers in network {network.name!r}, found none")
    offered = {"evaluation": evaluation, "seed": seed}
    asked = inspect.signature(function).parameters
    if "evaluation" in asked and evaluation is None:
        raise NotApplicableError(f"split {method!r}: expected an evaluation, found none")
    seen = network if strengths is None or sees(method) != "weights" else strengths
    split = function(seen, **{name: value for name, value in offered.items() if name in asked})
    split.require_for(network)
    return split
