"""What runs a network: accuracies under masks, statistics of activations, what each unit is worth alone.

`Runner` says what can be asked. `DenseRunner` answers for the dense networks that files hold, in NumPy.
"""

from __future__ import annotations

from .dense import DenseRunner, masked_accuracy, performance
from .runner import ABLATIONS, Performance, Runner, SingleAblation, Statistics

__all__ = [
    "ABLATIONS",
    "DenseRunner",
    "Performance",
    "Runner",
    "SingleAblation",
    "Statistics",
    "masked_accuracy",
    "performance",
]
