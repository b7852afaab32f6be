"""Whether HDF5 comes to an end with the texts of variable length of a file: a damaged heap lets it read for ever."""

from __future__ import annotations

import mmap
from pathlib import Path

# What a heap of texts begins with: its signature, its version, and three bytes that are 0.
_START = b"GCOL\x01\0\0\0"


def heaps_end(path: str | Path, length: int = 8) -> bool:
    """Return whether a walk through each heap of a file, from object to object, comes to its end.

    HDF5 walks by the sizes that the objects declare, and goes round in circles where one leads nowhere or back. The
    format is that of "HDF5 File Format Specification", section III.E, "Global Heap".

    Args:
        path: the file.
        length: the bytes of a size in the file, as its first block declares.

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> import h5py
        >>> path = Path(mkdtemp()) / "a.h5"
        >>> with h5py.File(path, "w") as file:
        ...     file.attrs["text"] = "of any length"
        >>> content = path.read_bytes()
        >>> at = content.index(_START) + 16 + 8  # the size of the first object
        >>> whole = heaps_end(path)
        >>> _ = path.write_bytes(content[:at] + (2**64 - 16).to_bytes(8, "little") + content[at + 8 :])
        >>> whole, heaps_end(path)
        (True, False)
    """
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_START)
        while start >= 0:
            if not _ends(content, start, length):
                return False
            start = content.find(_START, start + len(_START))
    return True


def _ends(content: mmap.mmap, start: int, length: int) -> bool:
    """Return whether each object of a heap leads to another one behind it, within the heap."""

    def number(at: int, width: int) -> int:
        return int.from_bytes(content[at : at + width], "little")

    head = _aligned(8 + length)
    end, here = start + number(start + 8, length), start + head
    while here + head <= end and end <= len(content):  # HDF5 itself refuses a heap that the file does not hold
        size = number(here + 8, length)
        # Object 0 is what is free, its head included.
        step = size if number(here, 2) == 0 else head + _aligned(size)
        if not head <= step <= end - here:
            return False
        here += step
    return True


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8
