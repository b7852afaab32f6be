"""Means and variances of what units emit, added up batch by batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..graph.graph import DoubleArray


class ElementSums:
    """Sums over examples, for each element of the units of a population and each column of weights.

    Args:
        size: the number of units.
        width: the number of elements of a unit.
    """

    def __init__(self, size: int, width: int) -> None:
        self._size, self._width = size, width
        self._shift: Tensor | None = None
        self._sum = self._square = self._count = torch.zeros(0)

    def add(self, emitted: Tensor, element: Tensor, weights: Tensor) -> None:
        """Add what units emit on some examples.

        Args:
            emitted: ``(examples, *places)``.
            element: ``(*places)``, the element that each number is, -1 for those of no unit.
            weights: ``(examples, columns)``, float64, how much each example counts in each column.
        """
        elements = self._size * self._width
        used = element.flatten() >= 0
        numbers = element.flatten()[used]
        values = emitted.flatten(1)[:, used].double()
        if self._shift is None:
            # Sums of differences from a value that occurs are exactly 0 where nothing varies.
            self._shift = torch.zeros(elements, dtype=torch.float64, device=values.device)
            self._shift[numbers] = values[0]
            columns = weights.shape[1]
            self._sum, self._square, self._count = torch.zeros(3, columns, elements, dtype=torch.float64).unbind()
        values = values - self._shift[numbers]
        self._sum = self._sum + weights.T @ self._by_element(values, numbers)
        self._square = self._square + weights.T @ self._by_element(values**2, numbers)
        places = torch.bincount(numbers.cpu(), minlength=elements).double()
        self._count = self._count + weights.sum(dim=0)[:, None] * places

    def _by_element(self, values: Tensor, numbers: Tensor) -> Tensor:
        """Return the sums over places, ``(examples, elements)``, on the processor."""
        total = values.new_zeros(len(values), self._size * self._width)
        return total.index_add_(1, numbers, values).cpu()

    def element_means(self) -> Tensor:
        """Return the mean of every element in the first column of weights, ``(elements,)``."""
        return self._means()[0]

    def mean(self) -> DoubleArray:
        """Return the mean of every unit over its elements, ``(units, columns)``; nan where nothing counts."""
        means: DoubleArray = self._means().unflatten(1, (-1, self._width)).mean(dim=2).T.numpy()
        return means

    def variance(self) -> DoubleArray:
        """Return the variance of every unit, the sum of those of its elements, ``(units, columns)``; nan as `mean`."""
        mean = self._sum / self._count
        variance = (self._square / self._count - mean**2).clamp(min=0)
        result: DoubleArray = variance.unflatten(1, (-1, self._width)).sum(dim=2).T.numpy()
        return result

    def _means(self) -> Tensor:
        shift = torch.zeros(1) if self._shift is None else self._shift.cpu()
        return self._sum / self._count + shift
