"""Arrays as text that a page carries: each as few bytes as its precision needs, all of them one base64 string."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Typed arrays of JavaScript must start where their type's size divides the offset.
_ALIGNMENT = 8

_PLAIN = {"uint8": "Uint8Array", "uint16": "Uint16Array", "uint32": "Uint32Array", "float64": "Float64Array"}
_STEPS = 2**16 - 2
_MISSING = 2**16 - 1


@dataclass(frozen=True)
class Pack:
    """Arrays, put together piece by piece.

    Attributes:
        entries: name to where the array is and how it is read: type (of JavaScript), shape, offset in bytes, and of a
            quantised one low, step and whether it holds logarithms.

    Example:
        >>> pack = Pack()
        >>> pack.add("labels", np.array([[0, 1], [1, 0]], np.uint8))
        >>> pack.quantise("values", [0.0, 0.5, np.nan])
        >>> pack.entries["labels"]["shape"], pack.entries["values"]["offset"], len(pack.text())
        ([2, 2], 8, 20)
        >>> [round(value, 4) for value in unpack(pack.entries["values"], pack.text()).tolist()]
        [0.0, 0.5, nan]
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _bytes: bytearray = field(default_factory=bytearray)

    def add(self, name: str, array: NDArray[Any], **how: Any) -> None:
        """Add an array as it is.

        Args:
            name: its name, of no other array.
            array: of unsigned integers of up to 32 bits, or of float64.
            how: what else its reader has to know.

        Raises:
            ValueError: there is an array of this name, or the type is none of those.
        """
        if name in self.entries:
            raise ValueError(f"pack: expected a new name, found {name!r} again")
        if array.dtype.name not in _PLAIN:
            raise ValueError(f"pack: array {name!r}: expected one of {', '.join(_PLAIN)}, found {array.dtype}")
        self._bytes.extend(b"\0" * (-len(self._bytes) % _ALIGNMENT))
        entry = {"type": _PLAIN[array.dtype.name], "shape": list(array.shape), "offset": len(self._bytes)}
        self.entries[name] = entry | how
        self._bytes.extend(array.astype(array.dtype.newbyteorder("<")).tobytes())

    def quantise(self, name: str, values: ArrayLike, *, logarithms: bool = False) -> None:
        """Add numbers with 16 bits each: evenly spaced between the least and the greatest, nan for those not finite.

        Args:
            name: its name, of no other array.
            values: of any shape.
            logarithms: whether the logarithms are evenly spaced, for strengths over several orders of magnitude;
                numbers of 0 or less are then nan.
        """
        numbers = np.asarray(values, np.float64)
        if logarithms:
            numbers = np.log(numbers, where=numbers > 0, out=np.full(numbers.shape, np.nan))
        known = numbers[np.isfinite(numbers)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        step = (high - low) / _STEPS or 1.0
        steps = np.where(np.isfinite(numbers), np.rint((numbers - low) / step), _MISSING)
        self.add(name, steps.astype(np.uint16), low=low, step=step, logarithms=logarithms)

    def text(self) -> str:
        """Return all arrays as base64."""
        return base64.b64encode(bytes(self._bytes)).decode("ascii")


def unpack(entry: dict[str, Any], text: str) -> NDArray[Any]:
    """Return an array as the page reads it.

    Args:
        entry: that of the array in `Pack.entries`.
        text: what `Pack.text` returned.
    """
    dtype = next(name for name, javascript in _PLAIN.items() if javascript == entry["type"])
    data = base64.b64decode(text)
    count = int(np.prod(entry["shape"]))
    array = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), count, entry["offset"]).reshape(entry["shape"])
    if "step" not in entry:
        return array
    values = np.where(array == _MISSING, np.nan, entry["low"] + entry["step"] * array)
    return np.exp(values) if entry["logarithms"] else values
