"""Arrays as text that a page carries: each as few bytes as its precision needs, all of them one text."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Typed arrays of JavaScript must start where their type's size divides the offset.
_ALIGNMENT = 8

_PLAIN = {
    "uint8": "Uint8Array",
    "uint16": "Uint16Array",
    "uint32": "Uint32Array",
    "float32": "Float32Array",
    "float64": "Float64Array",
}
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
        ([2, 2], 8, 24)
        >>> [round(value, 4) for value in unpack(pack.entries["values"], pack.text()).tolist()]
        [0.0, 0.5, nan]
    """

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _bytes: bytearray = field(default_factory=bytearray)

    def add(self, name: str, array: NDArray[Any], **how: Any) -> None:
        """Add an array as it is.

        Args:
            name: its name, of no other array.
            array: of unsigned integers of up to 32 bits, or of floats.
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

    def levels(
        self, name: str, rows: NDArray[Any], bits: int, *, power: float = 1.0, around: float | None = None
    ) -> None:
        """Add rows of numbers with a few bits each, every row on a scale of its own.

        A number is  c + h · sign(t) |t|^power,  t one of 2^bits − 1 evenly spaced levels from -1 to 1, c the middle of
        its row and h half its range. Powers above 1 give small numbers finer levels than large ones.

        Args:
            name: its name, of no other array.
            rows: ``(rows, columns)``, finite.
            bits: of a number, 2 to 16.
            power: how much finer small numbers are.
            around: the c of all rows, to which numbers that equal it return exactly; None for the middle of each.
        """
        values = np.asarray(rows, np.float64)
        low, high = values.min(axis=1, initial=np.inf), values.max(axis=1, initial=-np.inf)
        if not values.shape[1]:
            low = high = np.zeros(len(values))
        centre = (low + high) / 2 if around is None else np.full(len(values), around)
        half = np.maximum(high - centre, centre - low)
        share = np.divide(values - centre[:, None], half[:, None], where=half[:, None] > 0, out=np.zeros_like(values))
        most = 2 ** (bits - 1) - 1
        steps = np.rint(np.sign(share) * np.abs(share) ** (1 / power) * most).astype(np.int64) + most
        self.add(f"{name}:centre", centre.astype(np.float32))
        self.add(f"{name}:half", half.astype(np.float32))
        # The high bytes first, then the low ones: like stands by like, and is deflated to less.
        planes = [steps >> 8, steps & 255] if bits > 8 else [steps]
        stored = np.stack(planes).astype(np.uint8)
        self.add(name, stored.reshape(len(planes), *values.shape), most=most, power=power)

    def text(self) -> str:
        """Return all arrays, deflated (zlib's format), as base64."""
        return base64.b64encode(zlib.compress(bytes(self._bytes), 9)).decode("ascii")


def unpack_levels(entries: dict[str, dict[str, Any]], name: str, text: str) -> NDArray[np.float64]:
    """Return what `Pack.levels` packed, ``(rows, columns)``, as the page reads it.

    Args:
        entries: `Pack.entries`.
        name: the name of the array.
        text: what `Pack.text` returned.
    """
    centre, half = (unpack(entries[f"{name}:{part}"], text).astype(np.float64)[:, None] for part in ("centre", "half"))
    stored = unpack(entries[name], text).astype(np.int64)
    steps = (stored[0] if len(stored) == 1 else stored[0] * 256 + stored[1]) / entries[name]["most"] - 1
    values: NDArray[np.float64] = centre + half * np.sign(steps) * np.abs(steps) ** entries[name]["power"]
    return values


def unpack(entry: dict[str, Any], text: str) -> NDArray[Any]:
    """Return an array as the page reads it.

    Args:
        entry: that of the array in `Pack.entries`.
        text: what `Pack.text` returned.
    """
    dtype = next(name for name, javascript in _PLAIN.items() if javascript == entry["type"])
    data = zlib.decompress(base64.b64decode(text))
    count = int(np.prod(entry["shape"]))
    array = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), count, entry["offset"]).reshape(entry["shape"])
    if "step" not in entry:
        return array
    values = np.where(array == _MISSING, np.nan, entry["low"] + entry["step"] * array)
    return np.exp(values) if entry["logarithms"] else values
