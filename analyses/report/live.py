"""What the page needs to run a network itself: weights, and activations of the sample where masks begin to matter.

Layers that no mask of split layers changes need not be run again, so that the page has their activations on the sample
and not the weights before them, which are most of a network's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spatialgraph.graph import Graph
from spatialgraph.network import Evaluation
from spatialgraph.runners import ABLATIONS, DenseRunner, Runner
from spatialgraph.runners.activations import forward
from spatialgraph.runners.gradient import changed, unchanged
from spatialgraph.runners.reading import input_gradients
from spatialgraph.threads import one_thread

from ..runs import CAPTURE
from .packing import Pack

EXAMPLES = 256
"""Held-out examples that the page has, of those labelled for the same tasks: an accuracy has a standard error of at
most 0.031, and 18 networks of the paper's Table 1 take two megabytes."""

SAMPLE_SEED = 0


class _Precision(NamedTuple):
    """How finely numbers are kept, see `Pack.levels`.

    Attributes:
        weight: the bits of a weight.
        power: how much finer small weights are: weights have heavy tails.
        activation: the bits of an activation.
    """

    weight: int
    power: float
    activation: int


# The first that there is room for. With the last, 18 networks of Table 1 answer under masks one of 256 examples in five
# masks otherwise than in full precision (`benchmarks/lesions.py`).
_PRECISIONS = (_Precision(16, 2.0, 16), _Precision(10, 2.0, 6))

# Maps of what neurons read, as sums of so many: they hold 98 % and more of most maps of Table 1's networks.
_MAP_RANK, _MAP_BITS = 20, 8

_MOST_EXCITING = 8
NOTHING_EXCITES = 2**16 - 1
"""In place of an example's number: the neuron's activation is the same on all examples."""


@dataclass(frozen=True, eq=False)
class Live:
    """A network that the page can run.

    Attributes:
        description: values for JSON.
        pack: the arrays.
        sample: the examples that its activations are of.
    """

    description: dict[str, Any]
    pack: Pack
    sample: Evaluation


@dataclass(frozen=True, eq=False)
class _Maps:
    """What every neuron reads in the input, each map of size 1, as sums of a few maps that all share.

    The few are those that hold most of all (singular vectors): neurons of a layer read the same things in different
    mixtures, and a map for each would be larger than everything else on the page.

    Attributes:
        mixture: ``(units, maps)``.
        common: ``(maps, inputs)``.
        kept: ``(units,)``, the share of each neuron's map that is left, 0 to 1; 0 for one that reads nothing.
    """

    mixture: NDArray[np.float64]
    common: NDArray[np.float64]
    kept: NDArray[np.float64]

    @classmethod
    def of(cls, runner: DenseRunner, sample: Evaluation) -> _Maps:
        gradients = input_gradients(runner.network, sample.values(sample.inputs), runner.populations)
        maps = np.concatenate([gradients[k] for k in runner.populations]).astype(np.float64)
        size = np.linalg.norm(maps, axis=1, keepdims=True)
        maps = np.divide(maps, size, where=size > 0, out=np.zeros_like(maps))
        with one_thread():
            mixture, share, common = np.linalg.svd(maps, full_matrices=False)
        mixture, common = mixture[:, :_MAP_RANK] * share[:_MAP_RANK], common[:_MAP_RANK]
        lost = ((maps - mixture @ common) ** 2).sum(axis=1)
        return cls(mixture, common, np.where(size[:, 0] > 0, np.clip(1 - lost, 0, 1), 0))


def live(network: Graph, runner: Runner | None, room: int) -> Live | str:
    """Pack what the page runs a network by.

    Args:
        network: the network.
        runner: what runs it; None if nothing does.
        room: the characters that the page has for it; 0 if it has none.

    Returns:
        the network; or if the page cannot run it, why, a sentence.
    """
    if CAPTURE in network.metadata:
        return "It was captured from a model, which a page cannot run."
    if not isinstance(runner, DenseRunner):
        return "Its weights or its held-out examples are not there to be run."
    if not runner.populations:
        return "No layer of it is split."
    if not room:
        return "This page runs the networks of the first seeds only, to stay small."
    sample = runner.sample(EXAMPLES, SAMPLE_SEED).evaluation
    activations, maps = forward(runner.network, sample.values(sample.inputs)), _Maps.of(runner, sample)
    for precision in _PRECISIONS:
        packed = Live(*_packed(runner, activations, maps, precision), sample)
        if (size := len(packed.pack.text())) <= room:
            return packed
    return f"It takes {size / 1e6:.1f} MB to run, and this page has {room / 1e6:.1f} MB for it."


def _packed(
    runner: DenseRunner, activations: list[NDArray[np.float32]], maps: _Maps, precision: _Precision
) -> tuple[dict[str, Any], Pack]:
    network = runner.network
    hidden = [k for k in runner.populations if k != network.output_layer]
    known, computed = unchanged(network, hidden, []), sorted(changed(network, hidden, []))
    pack = Pack()
    for k in known:
        pack.levels(f"known:{k}", activations[k].T, precision.activation)
    entering = []
    for number, connection in enumerate(network.connections):
        if connection.target in computed:
            pack.levels(f"weight:{number}", connection.weight, precision.weight, power=precision.power, around=0)
            entering.append({"number": number, "source": connection.source, "target": connection.target})
    for k in computed:
        bias = network.layers[k].bias
        pack.add(f"bias:{k}", np.zeros(network.layers[k].size, np.float32) if bias is None else bias)
    pack.add("task", network.output_task.astype(np.uint16))
    constants = [runner.constants(ablation) for ablation in ABLATIONS]
    pack.add("constants", np.stack([np.concatenate([of[k] for k in runner.populations]) for of in constants]))
    pack.add("exciting", np.concatenate([_exciting(activations[k]) for k in runner.populations]))
    pack.levels("map:mixture", maps.mixture, _MAP_BITS, around=0)
    pack.levels("map:common", maps.common, _MAP_BITS, around=0)
    pack.add("map:kept", np.rint(100 * maps.kept).astype(np.uint8))
    description = {
        "known": known,
        "computed": [{"layer": k, "activation": network.layers[k].activation} for k in computed],
        "entering": entering,
        "output": network.output_layer,
        "numbers": list(runner.populations),
        "ablations": list(ABLATIONS),
        "weighed": [all(c.source == 0 for c in network.connections if c.target == k) for k in runner.populations],
    }
    return description, pack


def _exciting(activations: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the examples that excite each neuron most, ``(units, examples shown)``, the most exciting first."""
    order = np.argsort(-activations, axis=0, kind="stable")[:_MOST_EXCITING].T
    constant = np.ptp(activations, axis=0) == 0
    return np.where(constant[:, None], NOTHING_EXCITES, order).astype(np.uint16)
