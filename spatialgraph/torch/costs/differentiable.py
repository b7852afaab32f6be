"""Roots and quotients whose gradients are finite where those of PyTorch are not."""

from __future__ import annotations

import torch
from torch import Tensor


def root(square: Tensor) -> Tensor:
    """Return square roots; the gradient of a root of 0 is taken as 0.

    Example:
        >>> x = torch.tensor([4.0, 0.0], requires_grad=True)
        >>> root(x).sum().backward()
        >>> x.grad
        tensor([0.2500, 0.0000])
    """
    some = square > 0
    return torch.where(some, square, 1.0).sqrt() * some


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return quotients; 0, with a gradient of 0, where the denominator is 0.

    Example:
        >>> quotient(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0]))
        tensor([0.5000, 0.0000])
    """
    some = denominator != 0
    return torch.where(some, numerator, 0.0) / torch.where(some, denominator, 1.0)
