"""Trained PyTorch models: their graphs, what runs them, and the spatial costs for any module."""

from __future__ import annotations

from .capture import Captured, capture
from .spatial import Part, SpatialCost

__all__ = ["Captured", "Part", "SpatialCost", "capture"]
