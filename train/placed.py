"""Positions that networks take from files of networks that were trained before, and keep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spatialgraph.store import FormatError, read_network

from .checks import SettingError

SUFFIX = ".h5"
"""How positions end that are of files."""

INPUTS, SEED = "{inputs}", "{seed}"
"""What stands for the input mode and the seed of a network in the name of the file that it takes positions from."""


def in_file(positions: str) -> bool:
    """Return whether positions are those of a file.

    Example:
        >>> in_file("runs/first/networks/{inputs}-spatial-{seed}.h5"), in_file("fixed")
        (True, False)
    """
    return positions.endswith(SUFFIX)


def file_of(positions: str, inputs: str, seed: int) -> str:
    """Return the file whose positions a network takes; positions that are of no file as they are.

    Example:
        >>> file_of("runs/first/networks/{inputs}-spatial-{seed}.h5", "mix", 3)
        'runs/first/networks/mix-spatial-3.h5'
    """
    return positions.replace(INPUTS, inputs).replace(SEED, str(seed)) if in_file(positions) else positions


def read_positions(file: str, shapes: Mapping[int, tuple[int, int]]) -> dict[int, NDArray[np.float32]]:
    """Read the positions of some layers of a network.

    Args:
        file: of the network; relative to the folder that the program runs in.
        shapes: the number of each layer, the input is 0, and its units and dimensions.

    Raises:
        SettingError: the file cannot be read, or does not have positions of these shapes.
    """
    try:
        layers = read_network(Path(file)).layers
    except (OSError, FormatError) as error:
        raise SettingError(f"positions: expected the file of a network, found {file}: {error}") from None
    found = {}
    for k, shape in shapes.items():
        own = layers[k].position if k < len(layers) else None
        if own is None or own.shape != shape:
            have = "none" if own is None else f"those of {own.shape[0]} units in {own.shape[1]} dimensions"
            raise SettingError(
                f"positions: expected {shape[0]} units in {shape[1]} dimensions in layer {k}, found {have} in {file}"
            )
        found[k] = np.asarray(own, np.float32)
    return found
