"""Groups of units, one for each task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .cost import Shape


def output_groups(shape: Shape) -> tuple[NDArray[np.int64], int]:
    """Return the group of each output, its task's, and how many groups there are: tasks are counted from 0, as found.

    Raises:
        ValueError: no task is known.

    Example:
        >>> output_groups(Shape({}, [], np.array([3, 3, 7])))
        (array([0, 0, 1]), 2)
    """
    if not len(shape.tasks):
        raise ValueError("tasks: expected the task of every output, for one group of units each, found none")
    tasks, group = np.unique(shape.tasks, return_inverse=True)
    return group, len(tasks)


def even_groups(size: int, groups: int) -> NDArray[np.int64]:
    """Return the group of each unit, where units that follow one another are divided evenly.

    Example:
        >>> even_groups(5, 2)
        array([0, 0, 0, 1, 1])
    """
    return np.arange(size) * groups // size
