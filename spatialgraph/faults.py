"""Faults of values that come from a user or from a file, and their messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from .escapes import is_hidden

_Part = TypeVar("_Part")


class NotApplicableError(ValueError):
    """A method or measure needs something that this network does not have, such as positions."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a graph, a network, an evaluation or a file.

    Attributes:
        key: where it is, as a key of the file format, for example ``layers/3/bias``.
        expected: what should be there.
        found: what is there.
    """

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, found {self.found}"


def array_faults(key: str, array: NDArray[Any], shape: tuple[int | str, ...]) -> Iterator[Fault]:
    """Yield the faults of an array: of its shape (a word in `shape` stands for any length) or of its values."""
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        want = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
        yield Fault(key, f"shape {want}", f"shape {array.shape}{_hint(array.shape, shape)}")
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        yield Fault(key, "finite values", f"{len(bad)} that are not, the first at {tuple(int(i) for i in bad[0])}")


def _hint(shape: tuple[int, ...], wanted: tuple[int | str, ...]) -> str:
    """Return advice on how to convert weights of this shape to the one wanted, if that is clear."""
    if len(wanted) != 2 or "dim" in wanted:
        return ""
    if shape == wanted[::-1]:
        return ": transpose it, rows are of the layer that is entered, as in the weight of PyTorch's nn.Linear"
    if len(shape) in (3, 4) and all(isinstance(size, int) for size in wanted):
        axes = "2" if len(shape) == 3 else "(2, 3)"
        return (
            f": of a convolution give the strengths, np.linalg.norm(kernel, axis={axes}), in a "
            "Graph whose units are channels"
        )
    return ""


def name_faults(key: str, name: Any) -> Iterator[Fault]:
    r"""Yield why a value cannot be a name of a task, a layer, a kind, an input mode or a network; nothing if it can.

    A name is text in one line that people can tell from others by eye: at least one character, no blanks around it, and
    none that is hidden (`escapes.is_hidden`): no control characters, separators of lines, or what XML cannot hold.

    Args:
        key: where it is.
        name: any value.

    Example:
        >>> for fault in name_faults("metadata.kind", "from Windows\r"):
        ...     print(fault)
        metadata.kind: expected a name in one line, without blanks around it, found 'from Windows\r'
    """
    whole = isinstance(name, str) and name and name == name.strip() and not any(map(is_hidden, name))
    if not whole:
        yield Fault(key, "a name in one line, without blanks around it", shown(name))


def compared(name: Any) -> Any:
    """Return the form of a name for comparisons: names that differ in blanks or composed accents look the same."""
    return " ".join(normalize("NFC", name).split()) if isinstance(name, str) else shown(name)


def shown(value: Any) -> str:
    """Return a value as a message shows it: as JSON, or as Python writes it if JSON cannot; long texts are cut."""
    try:
        text = repr(value) if isinstance(value, (str, int, float)) else json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …"


_MOST_SHOWN = 200  # characters


def all_of(kind: type[_Part], key: str, parts: Iterable[Any]) -> tuple[_Part, ...]:
    """Return parts of a network, which are all of one kind.

    Raises:
        ValueError: they are not, or there is one in place of several.
    """
    if isinstance(parts, kind) or not isinstance(parts, Iterable):
        raise ValueError(str(Fault(key, f"a list of {kind.__name__}", f"a {type(parts).__name__}")))
    parts = tuple(parts)
    for number, part in enumerate(parts):
        if not isinstance(part, kind):
            raise ValueError(str(Fault(f"{key}/{number}", f"a {kind.__name__}", f"a {type(part).__name__}")))
    return parts
