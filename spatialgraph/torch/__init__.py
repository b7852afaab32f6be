"""Trained PyTorch models: their graphs, what runs them, and the spatial costs for any module."""

from __future__ import annotations

from .capture import Captured, capture
from .operators import operator

__all__ = ["Captured", "capture", "operator"]
