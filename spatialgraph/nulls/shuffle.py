"""The null model that keeps nothing but the distribution of the weights."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import possible
from .null import null_model


@null_model("shuffle")
def shuffle(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle the weights of a connection matrix: their distribution is kept, exactly, and nothing else.

    Every order is equally likely; where no unit of a population is connected with itself, none is in draws. A network
    can differ from its draws without any module: because some neurons are strong and others weak, or because near
    neurons are connected more strongly. It calls every spatial network modular.

    Args:
        graph: the graph.
        connection: the connection.
        generator: of the order.
    """
    weight = connection.weight.copy(order="C")  # of a copy in column order, `reshape` would make another copy
    allowed = possible(connection, weight)
    if allowed.all():
        generator.shuffle(weight.reshape(-1))
    else:
        weight[allowed] = generator.permutation(weight[allowed])
    return weight
