"""A plugin with one entry of each kind, which the suite's contract tests are also run with: `pytest -p one_of_each`.

It holds what a user's own file would, and keeps what each kind of entry promises.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialgraph.analyses.figures import SINGLE, Drawing, figure
from spatialgraph.graph import adjacency
from spatialgraph.metrics import measure, metric
from spatialgraph.nulls import null_model
from spatialgraph.splits import Split, split_method

ROUNDS = 100


@split_method("propagation", sees="weights")
def propagation(graph):
    """Give each neuron the task that most of its strength leads to, and let tasks spread from the outputs.

    It cannot say that a neuron serves several tasks. "Learning from labeled and unlabeled data with label propagation",
    Zhu & Ghahramani 2002.
    """
    strength = abs(adjacency(graph))
    strength = strength + strength.T
    task = np.concatenate([graph.task_of[k] for k in graph.split_populations])
    known = np.equal.outer(task, np.arange(len(graph.tasks))) * 1.0
    share = known.copy()
    for _ in range(ROUNDS):
        share = strength @ share
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
        share[task >= 0] = known[task >= 0]
    label = np.where(share.any(axis=1), share.argmax(axis=1), -1)
    return Split.from_labels("propagation", {k: label[place] for k, place in graph.places().items()}, len(graph.tasks))


@metric("inside", of="split", better="high", weights=True, bounds=(0, 1))
def inside(graph, split):
    """Measure the share of the strength that lies inside groups."""
    (cut,) = measure("cut", graph, split)
    return 1 - cut.value


@null_model("renumbered")
def renumbered(graph, connection, generator):
    """Give the units of the source other numbers, which tells the two sides of a module apart."""
    return connection.weight[:, generator.permutation(connection.shape[1])]


@figure("networks-by-kind")
def networks_by_kind(results, choice):
    """Show how many networks of each kind there are."""
    count = results.members.groupby("kind").size()
    drawing = Figure(figsize=(SINGLE, 2))
    ax = drawing.add_subplot()
    ax.bar(list(count.index), count.to_numpy())
    ax.set_ylabel("networks")
    numbers = pd.DataFrame({"kind": count.index, "networks": count.to_numpy()})
    yield Drawing("networks-by-kind", drawing, numbers, "How many networks of each kind there are.")
