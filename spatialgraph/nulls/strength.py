"""The null model that keeps the strength of every neuron."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import prepared, redrawn
from .null import null_model


@null_model("strength")
def strength(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Keep the strength of every neuron, and shuffle the part of each weight that the strengths do not explain.

    The null hypothesis is |w_ij| = a_i b_j ε_ij, with ε independent and identically distributed: strong neurons have
    strong connections, and no pair is special. The draws keep the summed absolute weights of every neuron in this
    connection matrix, and the distribution of the weights; `kept.redrawn` describes the method and its precision. A
    measure that differs from its values on the draws is not explained by some neurons being strong. As in
    "Weight-conserving characterization of complex functional brain networks", Rubinov & Sporns 2011,
    doi:10.1016/j.neuroimage.2011.03.069.

    Args:
        graph: the graph.
        connection: the connection.
        generator: draws the order.
    """
    return redrawn(prepared(graph, connection), generator)
