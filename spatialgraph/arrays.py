"""What users give as an array → NumPy's arrays, which cannot be written to; what cannot be one is refused in a line.

Given may be anything that NumPy reads: lists of lists, numbers of any precision, and tensors of PyTorch, which is not
imported here: also those that a gradient is asked of, or that lie on a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_SHOWN = 80  # characters of what NumPy says


def array_of(key: str, values: Any) -> NDArray[Any]:
    """Return values as NumPy holds them.

    Args:
        key: where they are, for messages.
        values: numbers in lists, an array of any program, or a tensor. A tensor is copied: an optimiser writes into it.

    Raises:
        ValueError: they are no array: lists of different lengths, for example.

    Example:
        >>> array_of("weight", [[1, 2], [3, 4]]).shape
        (2, 2)
    """
    try:
        return _of_tensor(values.detach().cpu()) if hasattr(values, "detach") else np.asarray(values)
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{key}: expected an array of numbers, found {_description(values, error)}") from None


def floats(key: str, values: Any) -> NDArray[np.float32]:
    """Return values as float32 that cannot be written to.

    Args:
        key: where they are, for messages.
        values: as `array_of` takes them.

    Raises:
        ValueError: they are no real numbers, or a finite one of them is more than float32 holds.

    Example:
        >>> floats("bias", [0.5, 1]).dtype, floats("bias", [0.5, 1e300])
        Traceback (most recent call last):
        ValueError: bias: expected numbers that float32 holds, up to 3.4e+38, found 1e+300 at (1,)
    """
    given = array_of(key, values)
    try:
        if given.dtype.kind == "c":
            raise TypeError("complex numbers")
        with np.errstate(over="ignore"):  # said below, with its place
            result = given.astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key}: expected an array of numbers, found {_description(values, error)}") from None
    if given.dtype.kind == "f" and given.dtype.itemsize > result.dtype.itemsize:
        for first in np.argwhere(np.isinf(result) & np.isfinite(given))[:1].tolist() if np.isinf(result).any() else ():
            too_large = f"{given[tuple(first)]:g} at {tuple(first)}"
            raise ValueError(f"{key}: expected numbers that float32 holds, up to 3.4e+38, found {too_large}")
    return _frozen(result)


def integers(key: str, values: Any) -> NDArray[np.int64]:
    """Return values as int64 that cannot be written to.

    Args:
        key: where they are, for messages.
        values: as `array_of` takes them; floats if they are whole.

    Raises:
        ValueError: some of them are not whole, or are more than int64 holds.

    Example:
        >>> integers("labels", [0.0, 1.0]).tolist()
        [0, 1]
    """
    given = array_of(key, values)
    try:
        with np.errstate(invalid="ignore"):  # of what is no number
            whole = given.astype(np.int64)
    except (TypeError, ValueError):
        whole = np.empty(0, np.int64)
    if not np.array_equal(whole, given):
        raise ValueError(f"{key}: expected whole numbers, as int64 holds them, found others, of {given.dtype}")
    return _frozen(whole)


def stored(key: str, values: Any) -> NDArray[Any]:
    """Return inputs of networks as files store them, and that cannot be written to: float32, or unsigned integers.

    Floats of another precision become float32, and integers of a type with a sign the type without.

    Args:
        key: where they are, for messages.
        values: as `array_of` takes them.

    Raises:
        ValueError: integers below 0, which must be given as floats; or what `floats` refuses.

    Example:
        >>> stored("inputs", [[0.5]]).dtype, stored("inputs", [[True, False]]).dtype, stored("inputs", [[3]]).dtype
        (dtype('float32'), dtype('uint8'), dtype('uint64'))
    """
    given = array_of(key, values)
    if given.dtype.kind == "i" and given.size and given.min() < 0:
        raise ValueError(f"{key}: expected floats, or integers of at least 0, found the integer {given.min()}")
    if given.dtype.kind in "bi":
        return _frozen(given.astype(f"u{given.dtype.itemsize}"))
    return _frozen(given) if given.dtype.kind == "u" else floats(key, given)


def plain_value(value: Any) -> Any:
    """Return a NumPy scalar as Python's number or text, which is what files hold, and anything else as it is."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and not value.ndim else value


def _of_tensor(tensor: Any) -> NDArray[Any]:
    """Return a copy of a tensor."""
    try:
        return np.asarray(tensor).copy()
    except TypeError:  # NumPy has no bfloat16, and float32 holds all of its numbers
        return np.asarray(tensor.float()).copy()


def _frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array that cannot be written to; the caller's own can."""
    view = values.view()
    view.setflags(write=False)
    return view


def _description(values: Any, error: Exception) -> str:
    """Return a description of a value that was given in place of an array, and why it is not an array."""
    why = " ".join(str(error).split())
    return f"a {type(values).__name__}: {why if len(why) <= _MOST_SHOWN else f'{why[:_MOST_SHOWN]} …'}"
