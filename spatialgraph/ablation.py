"""What disabled neurons emit, and what each neuron is worth alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from .activations import activate
from .network import FloatArray, Layer, Network

ABLATIONS = ("zero", "incoming", "mean")
"""What a disabled neuron emits: ``zero``: 0. ``incoming``: what it emits when all that enters it is 0, that is, its
activation function of its bias ("Biologically-Inspired Spatial Neural Networks", arXiv 1910.02776, as its published
code does it). ``mean``: the mean of its activation over the evaluation set. The conclusion can depend on the choice, so
compare all three."""


def emitted(
    network: Network, layers: Iterable[int], ablation: str, means: Callable[[], Mapping[int, FloatArray]]
) -> dict[int, FloatArray]:
    """Return what disabled neurons emit.

    Args:
        network: the network.
        layers: the numbers of the layers.
        ablation: one of `ABLATIONS`.
        means: gives the mean activation of every neuron of the layers, each ``(units,)``; asked only under ``mean``.

    Returns:
        layer number to ``(units,)``. An entry of the input layer has no incoming weights and no bias: it emits 0 under
        ``incoming``.

    Raises:
        ValueError: there is no such ablation.
    """
    if ablation not in ABLATIONS:
        raise ValueError(f"ablation: expected one of {', '.join(ABLATIONS)}, found {ablation!r}")
    if ablation == "mean":
        found = means()
        return {k: found[k] for k in layers}
    if ablation == "zero":
        return {k: np.zeros(network.layers[k].size, np.float32) for k in layers}
    return {k: _without_input(network.layers[k]) for k in layers}


def _without_input(layer: Layer) -> FloatArray:
    """Return what each neuron of a layer emits when all that enters it is 0, ``(units,)``."""
    alone: FloatArray = activate(layer.activation, [np.zeros((1, layer.size), np.float32)], layer.bias)[0]
    return alone
