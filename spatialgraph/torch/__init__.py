"""What needs PyTorch: the spatial costs, for any module."""

from .costs import density_cost, transport_cost
from .spatial import SpatialCost

__all__ = ["SpatialCost", "density_cost", "transport_cost"]
