"""What training may do to networks besides descending a gradient, one file for each way, all in `WAYS`.

A new way is one class with ``@way("name", symbol=…, default=…, …)``, in any file. Settings, names of networks, records
and checkpoints follow from it.
"""

from __future__ import annotations

# Imported to enter their ways in `WAYS`, in the order of lists.
# isort: off
from .way import WAYS, Facts, Group, Way, way
from . import dropout, swap, pruned
# isort: on

__all__ = ["WAYS", "Facts", "Group", "Way", "dropout", "pruned", "swap", "way"]
