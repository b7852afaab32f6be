"""The null model that keeps the strength of every neuron, and how strength falls with distance."""

from __future__ import annotations

import numpy as np

from ..graph.graph import Connection, FloatArray, Graph
from .kept import prepared, redrawn
from .null import null_model


# How the strength is spread over distances is kept, and so is the sum of strength × distance.
@null_model("distance", needs=["positions"], keeps=["wiring"])
def distance(graph: Graph, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle what strengths and distance do not say of a connection, and keep strengths and fall with distance.

    The null hypothesis is |w_ij| = a_i b_j f(d_ij) ε_ij, with d the distance of the two neurons, f any function and ε
    independent and equal in distribution: geometry and strong neurons, and nothing else. Kept are what `strength`
    keeps, and how the total strength is spread over distances; how, and how exactly, is told by `kept.redrawn`. What is
    left of a measure is beyond geometry. Spatial null models are reviewed in "Comparing spatial null models for brain
    maps", Markello & Misic 2021, doi:10.1016/j.neuroimage.2021.118052; random networks that keep weight, length and
    strengths together are those of "The contribution of geometry to the human connectome", Roberts et al. 2016,
    doi:10.1016/j.neuroimage.2015.09.009.

    Args:
        graph: the graph.
        connection: the connection.
        generator: of the order.

    Raises:
        NotApplicableError: a split layer has no positions.
    """
    return redrawn(prepared(graph, connection, lengths=True), generator)
