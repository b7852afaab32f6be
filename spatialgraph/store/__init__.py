"""Read, write and check the project's HDF5 files. ``FORMAT.md``, beside this file, is their specification.

`hdf5` is how files are written and read at all, `networks` what is a network, a graph and a snapshot, and `others` what
is an evaluation, a split, or arrays of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..faults import Fault
from .hdf5 import EVALUATION, FORMATS, NETWORK, NEWEST, SPLITS, FormatError, Header, Reader, examine, read_by
from .networks import (
    parse_network,
    parse_snapshots,
    read,
    read_graph,
    read_network,
    read_snapshot,
    read_snapshots,
    snapshot_names,
    write_network,
)
from .others import (
    parse_arrays,
    parse_evaluation,
    parse_splits,
    read_arrays,
    read_evaluation,
    read_splits,
    write_arrays,
    write_evaluation,
    write_splits,
)

__all__ = [
    "EVALUATION",
    "FORMATS",
    "NETWORK",
    "NEWEST",
    "SPLITS",
    "FormatError",
    "Header",
    "faults",
    "read",
    "read_arrays",
    "read_evaluation",
    "read_graph",
    "read_header",
    "read_network",
    "read_snapshot",
    "read_snapshots",
    "read_splits",
    "write_arrays",
    "write_evaluation",
    "write_network",
    "write_splits",
]

_PARSERS: dict[str, Callable[[Reader], Any]] = {
    NETWORK: parse_network,
    EVALUATION: parse_evaluation,
    SPLITS: parse_splits,
}


def read_header(path: str | Path) -> Header:
    """Read what a file says of itself, and none of its arrays.

    Raises:
        FormatError: the file is damaged or of no format of this project.
        OSError: there is no such file, or it may not be read.
    """

    def header(reader: Reader) -> Header:
        metadata = reader.metadata() if reader.has("", "metadata") else None
        version = reader.attribute("", "version", int)
        epochs = tuple(map(float, snapshot_names(reader)))
        return Header(reader.attribute("", "format", str) or "", version or 0, metadata or {}, epochs)

    return read_by(path, dict.fromkeys((*_PARSERS, ""), header))


def faults(path: str | Path) -> list[Fault]:
    """Return everything that is wrong with a file of any of the project's formats; nothing if it is good.

    Raises:
        OSError: there is no such file, or it may not be read.
    """
    return examine(path, {**_PARSERS, NETWORK: parse_snapshots, "": parse_arrays})[1]
