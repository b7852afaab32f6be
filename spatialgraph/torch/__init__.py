"""Trained PyTorch models: their graphs, what runs them, and the spatial costs for any module."""

from __future__ import annotations

from .capture import Captured, capture
from .costs import density_cost, transport_cost
from .spatial import SpatialCost

__all__ = ["Captured", "SpatialCost", "capture", "density_cost", "transport_cost"]
