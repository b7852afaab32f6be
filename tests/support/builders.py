"""Small networks and evaluations that several tests share."""

import dataclasses
from itertools import product

import numpy as np

from spatialgraph.files import digest
from spatialgraph.graph import Connection
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.store import write_evaluation, write_network

TASKS = ("left", "right")


def two_module_network(units: int = 4, cross: float = 0.0, positions: bool = True, seed: int | None = None) -> Network:
    """Return a network whose first half of units does the first task without fault, and the second half the second.

    Args:
        units: neurons of every layer, even: each task has units / 2 classes.
        cross: weight between the halves; 0 keeps the two modules apart.
        positions: whether the split layers have positions, the halves at -1 and +1.
        seed: adds Gaussian noise of deviation 0.01 to every weight.
    """
    module = np.arange(units) // (units // 2)
    weight = np.where(np.equal.outer(module, module), 5.0 * np.eye(units) - 1.0, cross)
    draw = np.random.default_rng(seed)
    weights = [weight + (0.0 if seed is None else draw.normal(0.0, 0.01, weight.shape)) for _ in range(3)]
    position = np.column_stack([2.0 * module - 1.0, np.linspace(-0.5, 0.5, units)]) if positions else None
    layers = (
        Layer("input", units),
        Layer("hidden1", units, "sigmoid", np.full(units, -2.0), position, split=True),
        Layer("hidden2", units, "sigmoid", np.full(units, -2.0), position, split=True),
        Layer("output", units, "", np.zeros(units), position, split=True),
    )
    connections = tuple(Connection(k, k + 1, weight) for k, weight in enumerate(weights))
    metadata = {"name": "two-modules", "tasks": list(TASKS), "accuracy": [1.0, 1.0], "kind": "spatial", "seed": 0}
    history = {"loss": np.array([1.0, 0.5]), "accuracy": np.array([[0.5, 0.25], [1.0, 1.0]])}
    return Network(layers, connections, module, metadata, history=history)


def small_evaluation(units: int = 4) -> Evaluation:
    """Return every pair of classes once, each input two one-hot halves, with a probe for each task."""
    classes = units // 2
    labels = np.array(list(product(range(classes), repeat=2)))
    inputs = np.hstack([np.eye(classes)[labels[:, task]] for task in (0, 1)]).astype(np.float32)
    grid = inputs.reshape(classes, classes, units)  # (class of the first task, class of the second, units)
    return Evaluation(inputs, labels, probes={TASKS[0]: grid.transpose(1, 0, 2), TASKS[1]: grid})


UNITS = 8  # of a layer of the networks of a small run


def write_run(folder, seeds=(0, 1), snapshots=True):
    """Write a run of small networks of two modules, with their evaluation."""
    evaluation = folder / "evaluation-mix.h5"
    write_evaluation(evaluation, small_evaluation(UNITS))
    named = {"file": evaluation.name, "sha256": digest(evaluation)}
    for seed in seeds:
        network = two_module_network(UNITS, cross=0.1, seed=seed)
        known = {"kind": "spatial", "inputs": "mix", "seed": seed, "evaluation": named, "name": f"net-{seed}"}
        network = dataclasses.replace(network, metadata=network.metadata | known)
        before = dataclasses.replace(two_module_network(UNITS, cross=4.0, seed=100 + seed), metadata=network.metadata)
        write_network(folder / "networks" / f"net-{seed}.h5", network, {0: before} if snapshots else None)
    return folder
