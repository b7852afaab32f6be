"""How fast masked networks are evaluated: against plain forward passes and against the limit of the matrix products.

    python benchmarks/masking.py [--masks 1000] [--draws 100] [--repeats 5] [--out docs/benchmarks/masking.json]

The network has the shape of the paper's (784-128-128-128-256-20, sigmoid; the last two hidden layers and the output are
split) and random weights, the evaluation 10,000 random examples; the numbers do not depend on what they show. Each mask
leaves every neuron with probability 1/2. The plain way is what one would write instead: for each mask a forward pass of
the whole network in which activations are overwritten. The limit is the time of the products of the neurons that are
left, layers before the first masked one aside, at the rate of a large float32 product. The controls are random splits
of the sizes of one split, in two halves, scored under every ablation. All run in one thread and are timed in turn,
several times; medians count, and ratios within one run. The outputs of both ways are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from report import report

from spatialgraph.graph import Connection
from spatialgraph.graph.graph import BoolArray, FloatArray
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.runners.activations import activate, blocks, count_right
from spatialgraph.runners.single import single_ablation
from spatialgraph.splits import Split
from spatialgraph.splits.controls import random_splits
from spatialgraph.threads import one_thread

SIZES, CLASSES, EXAMPLES = (784, 128, 128, 128, 256, 20), 10, 10_000
SPLIT = (3, 4, 5)
PLAIN_MASKS = 5  # of the plain way, which is the same for every mask
LIMIT = 30.0  # seconds that 1000 masks may take

Mask = dict[int, BoolArray]


def random_network(draw: np.random.Generator) -> Network:
    """Return a network of the paper's shape whose neurons neither saturate nor stand still."""
    last = len(SIZES) - 1
    layers = [Layer("input", SIZES[0])]
    connections = []
    for k in range(1, last + 1):
        bias = draw.normal(0, 0.5, SIZES[k])
        layers.append(Layer(f"layer{k}", SIZES[k], "sigmoid" if k < last else "", bias, split=k in SPLIT))
        scale = 2 / np.sqrt(SIZES[k - 1])
        connections.append(Connection(k - 1, k, draw.normal(0, scale, (SIZES[k], SIZES[k - 1])).astype(np.float32)))
    return Network(tuple(layers), tuple(connections), np.arange(SIZES[-1]) // CLASSES, {"tasks": ["one", "other"]})


def plain_outputs(masking: DenseRunner, mask: Mask, ablation: str) -> FloatArray:
    """Return the outputs under a mask by a forward pass of the whole network, ``(examples, outputs)``."""
    network, evaluation = masking.network, masking.evaluation
    constants = masking.constants(ablation)
    outputs = []
    with one_thread():
        for block in blocks(len(evaluation.inputs)):
            values = evaluation.values(evaluation.inputs[block])
            for k, connection in enumerate(network.connections, start=1):
                layer = network.layers[k]
                values = activate(layer.activation, [values @ connection.weight.T], layer.bias)
                if k in mask:
                    values[:, ~mask[k]] = constants[k][~mask[k]]
            outputs.append(values)
    return np.concatenate(outputs)


def plain_accuracy(masking: DenseRunner, masks: Sequence[Mask], ablation: str) -> NDArray[np.float64]:
    """Return the accuracy of both tasks under each mask, the plain way."""
    labels = masking.evaluation.labels
    right = [count_right(masking.network, plain_outputs(masking, mask, ablation), labels) for mask in masks]
    return np.array(right) / len(labels)


def product_flops(mask: Mask) -> int:
    """Return the operations of the products of the neurons that a mask leaves, from the first masked layer on."""
    third, fourth, outputs = (int(mask[k].sum()) for k in SPLIT)
    return 2 * EXAMPLES * (third * fourth + fourth * outputs)


def timed(function: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def product_rate() -> float:
    """Return the rate of a large float32 matrix product in one thread, operations per second: the best of several."""
    size = 1024
    one, other = np.random.default_rng(0).normal(size=(2, size, size)).astype(np.float32)
    with one_thread():
        return 2 * size**3 / min(timed(lambda: one @ other) for _ in range(8))


def measure(masks: int, draws: int, repeats: int) -> dict[str, object]:
    """Time everything in turn; return medians and their ratios."""
    draw = np.random.default_rng(0)
    network = random_network(draw)
    labels = draw.integers(0, CLASSES, (EXAMPLES, len(network.tasks)))
    evaluation = Evaluation(draw.random((EXAMPLES, SIZES[0]), dtype=np.float32), labels)
    random_masks = [{k: draw.random(SIZES[k]) < 0.5 for k in SPLIT} for _ in range(masks)]
    halves = {k: np.arange(SIZES[k]) % 2 for k in SPLIT} | {len(SIZES) - 1: network.output_task}
    split = Split.from_labels("halves", halves, len(network.tasks))
    masking = DenseRunner(network, evaluation)
    few = random_masks[:PLAIN_MASKS]
    differences = {
        ablation: max(
            float(np.abs(plain_outputs(masking, mask, ablation) - masking.outputs(mask, ablation)).max())
            for mask in few
        )
        for ablation in ABLATIONS
    }
    rate: list[float] = []
    calls: dict[str, Callable[[], object]] = {
        "setting up": lambda: DenseRunner(network, evaluation),
        "masks": lambda: masking.accuracy(random_masks, "zero"),
        "plain masks": lambda: plain_accuracy(masking, few, "zero"),
        "random controls": lambda: masking.performances(random_splits(network.graph, split, draws, 0), ABLATIONS),
        "every neuron alone": lambda: single_ablation(network, evaluation),
        "product rate": lambda: rate.append(product_rate()),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(timed(call))
    del times["product rate"]
    seconds = {name: statistics.median(values) for name, values in times.items()}
    per_mask = {"spatialgraph": seconds["masks"] / masks, "plain": seconds["plain masks"] / len(few)}
    per_mask["limit"] = statistics.mean(map(product_flops, random_masks)) / statistics.median(rate)
    neurons = sum(SIZES[k] for k in SPLIT[:-1])
    return {
        "counts": {"masks": masks, "plain masks": len(few), "draws of controls": draws, "neurons alone": neurons},
        "seconds": seconds,
        "spread (min, max)": {name: [min(values), max(values)] for name, values in times.items()},
        "seconds for 1000 masks": 1000 * per_mask["spatialgraph"],
        "limit for 1000 masks": LIMIT,
        "milliseconds per mask": {name: 1000 * value for name, value in per_mask.items()},
        "milliseconds per control and ablation": 1000 * seconds["random controls"] / (draws * len(ABLATIONS)),
        "times the plain way": {
            "masks": per_mask["plain"] / per_mask["spatialgraph"],
            "every neuron alone": neurons * per_mask["plain"] / seconds["every neuron alone"],
        },
        "share of the limit": per_mask["limit"] / per_mask["spatialgraph"],
        "largest difference of an output": differences,
    }


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    numbers = measure(arguments.masks, arguments.draws, arguments.repeats)
    np.testing.assert_allclose(list(numbers["largest difference of an output"].values()), 0, atol=1e-4)
    report(numbers, {"threads": 1, "repeats": arguments.repeats}, arguments.out)


if __name__ == "__main__":
    main()
