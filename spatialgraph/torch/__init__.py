"""What needs PyTorch: the spatial costs, for any module."""

from .costs import density_cost, transport_cost

__all__ = ["density_cost", "transport_cost"]
