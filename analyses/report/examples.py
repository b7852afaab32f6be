"""Held-out examples that the page has, once for all networks that were evaluated on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatialgraph.graph.named import image_shapes
from spatialgraph.network import Evaluation

from .packing import Pack

# Grey values of pictures as large as a thumb: accuracies do not depend on them.
_BITS = 4

_MOST_BYTES = 400_000


def pack_examples(sample: Evaluation, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], Pack]:
    """Pack a sample of held-out examples.

    Args:
        sample: the examples.
        metadata: of a network that was evaluated on them: it knows the shapes of images.

    Returns:
        values for JSON: how many examples there are, and how many of each task; whether the page has their inputs,
        which is so if they are not too large; the shapes of the images that an input is made of, none if they are not
        known. And the arrays: ``inputs`` and ``labels``.
    """
    pack = Pack()
    values = sample.values(sample.inputs)
    pack.levels("inputs", values.reshape(1, -1), _BITS)
    if not (kept := len(pack.text()) <= _MOST_BYTES):
        pack = Pack()
    pack.add("labels", (sample.labels + 1).astype(np.uint16))
    description = {
        "count": len(values),
        "labelled": (sample.labels >= 0).sum(axis=0).tolist(),
        "inputs": values.shape[1],
        "drawn": kept,
        "images": image_shapes(metadata, values.shape[1]),
    }
    return description, pack
