"""The null model that keeps nothing but the distribution of the weights."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import possible
from .null import null_model


@null_model("shuffle")
def shuffle(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle the weights of a connection matrix: their distribution is kept exactly, and nothing else.

    Every order is equally likely; where no unit of a population is connected with itself, none is in the draws. A
    network without modules can still differ from its draws: because some neurons are strong and others weak, or because
    neurons that are close have stronger connections. By this comparison, every spatial network is modular.

    Args:
        graph: the graph.
        connection: the connection.
        generator: draws the order.
    """
    weight = connection.weight.copy(order="C")  # of a copy in column order, `reshape` would make another copy
    allowed = possible(connection, weight)
    if allowed.all():
        generator.shuffle(weight.reshape(-1))
    else:
        weight[allowed] = generator.permutation(weight[allowed])
    return weight
