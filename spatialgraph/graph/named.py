"""What metadata say of a network's inputs and outputs, if they say it: names of classes, shapes of images.

Metadata may hold anything under any key, and old files do. Where a value is not as `FORMAT.md` says, it is as
if nothing stood there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from ..faults import name_faults
from .graph import Graph


def class_names(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the names of the classes of each task, in the order of the task's outputs; none if they are not known.

    Example:
        >>> from spatialgraph.graph.planted import planted
        >>> from dataclasses import replace
        >>> graph = planted(0.1, sizes=(4, 2))[0]
        >>> class_names(replace(graph, metadata={**graph.metadata, "classes": [["cat"], ["dog"]]}))
        (('cat',), ('dog',))
        >>> class_names(replace(graph, metadata={**graph.metadata, "classes": 10}))
        ()
    """
    given = graph.metadata.get("classes")
    outputs = np.concatenate([graph.task_of[k] for k in graph.output_populations])
    wanted = np.bincount(outputs[outputs >= 0], minlength=len(graph.tasks)).tolist()
    if not _is_list(given) or not all(map(_is_list, given)) or [len(names) for names in given] != wanted:
        return ()
    if any(fault for names in given for name in names for fault in name_faults("classes", name)):
        return ()
    return tuple(tuple(names) for names in given)


def image_shapes(metadata: Mapping[str, Any], inputs: int) -> tuple[tuple[int, int], ...]:
    """Return the rows and columns of the images that an input is made of; none if they are not known.

    Args:
        metadata: of a network.
        inputs: the size of its input.

    Example:
        >>> image_shapes({"images": [[2, 3], [2, 2]]}, 10), image_shapes({"images": [[2, 3]]}, 10)
        (((2, 3), (2, 2)), ())
    """
    given = metadata.get("images")
    if not _is_list(given) or not all(_is_list(shape) and len(shape) == 2 for shape in given):
        return ()
    if not all(type(side) is int and side > 0 for shape in given for side in shape):
        return ()
    shapes = tuple((rows, columns) for rows, columns in given)
    return shapes if sum(rows * columns for rows, columns in shapes) == inputs else ()


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple))
