"""Networks whose answers are worked out by hand, and random ones for comparisons of two ways to an answer.

All can be run, but for what is a graph alone in the `zoo`.
"""

import numpy as np

from spatialgraph.graph import Connection
from spatialgraph.network import Evaluation, Layer, Network

ONE_TASK = "degenerate: the graph has a single task, so that all neurons are one module"
"""The sentence on every split of neurons of one task."""


def chain(*weights, tasks, activation="", positions=None, skips=(), biases=None):
    """Return a network of split layers, all but the input: `weights` leads from each layer to the next.

    Args:
        weights: for each layer but the first, ``(units, source units)``.
        tasks: the task of each output.
        activation: of the hidden layers.
        positions: for each layer but the first, ``(units, dim)``.
        skips: more connections, (source, target, weight).
        biases: for each layer but the first, ``(units,)``.
    """
    weights = [np.array(weight, np.float32) for weight in weights]
    layers = [Layer("input", weights[0].shape[1])]
    for k, weight in enumerate(weights):
        last = k == len(weights) - 1
        layers.append(
            Layer(
                "output" if last else f"hidden{k + 1}",
                len(weight),
                "" if last else activation,
                None if biases is None else biases[k],
                None if positions is None else positions[k],
                split=True,
            )
        )
    connections = [Connection(k, k + 1, weight) for k, weight in enumerate(weights)]
    connections += [Connection(source, target, np.array(weight)) for source, target, weight in skips]
    names = [f"task{number}" for number in range(max(tasks) + 1)]
    return Network(layers, connections, tasks, {"name": "chain", "tasks": names})


def pair():
    """Return the network of the worked measures: two hidden neurons and two outputs, on a line.

    Strengths: hidden 0 to output 0: 3, hidden 1 to output 0: 1, hidden 1 to output 1: 2; the total is 6.
    """
    return chain(
        [[1], [1]], [[3, -1], [0, 2]], tasks=[0, 1], positions=([[0.0], [4.0]], [[1.0], [5.0]]), biases=([0, 0], [0, 0])
    )


def three_tasks():
    """Return a network of three tasks in which the connection that skips a layer decides about hidden neuron 1.0."""
    out = [[1, 0, 0.5], [-2, 0, 0.25], [0.5, -3, 0.25]]
    hidden = [[1, 0.5], [-1.5, 0.25], [1, 0]]
    return chain([[1], [1]], hidden, out, tasks=[0, 1, 2], skips=[(1, 3, [[0.75, 0], [0, -0.25], [0, 0]])])


def separate(units=4, positions=True):
    """Return a network of two parts without a connection between them, each doing one task."""
    part = np.arange(units) // (units // 2)
    weight = np.equal.outer(part, part) * (1.0 + np.eye(units))
    place = np.column_stack([10.0 * part, np.arange(units) * 0.1])
    three = (place, place, place)
    return chain(weight, weight, weight, tasks=part, activation="relu", positions=three if positions else None)


def labelled(network, examples=6, seed=0):
    """Return an evaluation of random examples for a network, with probes for every task."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(examples, network.layers[0].size)).astype(np.float32)
    classes = np.bincount(network.output_task)
    labels = np.column_stack([draw.integers(0, count, examples) for count in classes])
    for task in range(len(classes)):
        labels[task::7, task] = -1
    probes = {name: np.stack([inputs, inputs[::-1] * 2]) for name in network.tasks}
    return Evaluation(inputs, labels, probes=probes)


def random_network(seed, sizes=(3, 4, 5, 4), tasks=2, skips=True, activation="tanh", density=0.7, positions=True):
    """Return a network of random weights, some of them 0, with every connection that skips layers or none."""
    draw = np.random.default_rng(seed)

    def weight(source, target):
        shape = (sizes[target], sizes[source])
        return draw.normal(size=shape) * (draw.random(shape) < density)

    last = len(sizes) - 1
    skipping = [(s, t, weight(s, t)) for s in range(last) for t in range(s + 2, last + 1)] if skips else []
    return chain(
        *(weight(k, k + 1) for k in range(last)),
        tasks=np.arange(sizes[-1]) % tasks,
        activation=activation,
        positions=[draw.normal(size=(size, 2)) for size in sizes[1:]] if positions else None,
        biases=[draw.normal(size=size) for size in sizes[1:]],
        skips=skipping,
    )


def zoo():
    """Return networks, and a graph alone, that a method or a measure may stumble over, by name."""
    return {
        "random": random_network(0, skips=False),
        "skip connections": random_network(1),
        "three tasks": random_network(2, sizes=(3, 6, 6, 6), tasks=3),
        "three tasks by hand": three_tasks(),
        "not connected": separate(),
        "no positions": separate(positions=False),
        "all weights 0": random_network(3, density=0.0),
        "one neuron in a layer": random_network(4, sizes=(1, 1, 1, 2), skips=False),
        "one task": random_network(5, sizes=(2, 3, 3), tasks=1),
        "dead neurons": chain(np.ones((3, 2)), [[1, 0, 0], [0, 0, 0]], [[1, 0], [0, 0]], tasks=[0, 1]),
        "strengths only": chain(np.ones((2, 2)), np.eye(2), tasks=[0, 1]).graph,
    }


def said(notes):
    """Return the sentences of notes."""
    return tuple(map(str, notes))
