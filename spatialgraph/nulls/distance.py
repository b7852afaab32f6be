"""The null model that keeps the strength of every neuron and the decrease of strength with distance."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import prepared, redrawn
from .null import null_model


# The distribution of strength over distances is kept, and with it the sum of strength × distance.
@null_model("distance", needs=["positions"], keeps=["wiring"])
def distance(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Keep the neurons' strengths and the decrease with distance, and shuffle the rest of each weight.

    The null hypothesis is |w_ij| = a_i b_j f(d_ij) ε_ij, with d the distance of the two neurons, f any function and ε
    independent and identically distributed: only geometry and the neurons' strengths matter. The draws keep all that
    `strength` keeps, and the distribution of the total strength over distances; `kept.redrawn` describes the method and
    its precision. A measure that differs from its values on the draws is not explained by geometry. Spatial null models
    are reviewed in "Comparing spatial null models for brain maps", Markello & Misic 2021,
    doi:10.1016/j.neuroimage.2021.118052; random networks that keep weight, length and strengths together are those of
    "The contribution of geometry to the human connectome", Roberts et al. 2016, doi:10.1016/j.neuroimage.2015.09.009.

    Args:
        graph: the graph.
        connection: the connection.
        generator: draws the order.

    Raises:
        NotApplicableError: a split layer has no positions.
    """
    return redrawn(prepared(graph, connection, lengths=True), generator)
