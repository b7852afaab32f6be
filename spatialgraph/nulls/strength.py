"""The null model that keeps the strength of every neuron."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import prepared, redrawn
from .null import null_model


@null_model("strength")
def strength(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle what the strengths of two neurons do not say of their connection, and keep the strengths.

    The null hypothesis is |w_ij| = a_i b_j ε_ij, with ε independent and equal in distribution: strong neurons have
    strong connections, and no pair is special. Kept are the summed size of the weights of every neuron, in this
    connection matrix, and the distribution of the weights; how, and how exactly, is told by `kept.redrawn`. What is
    left of a measure is not due to some neurons being strong. As in "Weight-conserving characterization of complex
    functional brain networks", Rubinov & Sporns 2011, doi:10.1016/j.neuroimage.2011.03.069.

    Args:
        graph: the graph.
        connection: the connection.
        generator: of the order.
    """
    return redrawn(prepared(graph, connection), generator)
