"""What values settings may have: converters and validators, and the error of a value that is not allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs


class SettingError(ValueError):
    """A setting that does not exist, or has a value that is not allowed."""

    exit_status = 2  # of the command line: wrong usage


_LARGEST = 3.0e38  # float32 ends at 3.4e38
LARGEST_SIZE = 2**31 - 1  # of anything that is counted
_SHOWN = 200


def sequence(value: object) -> object:
    """Return a list as a tuple, anything else as it is."""
    return tuple(value) if isinstance(value, (list, tuple)) else value


def number(value: object) -> object:
    """Return a whole number as a floating-point one, anything else as it is."""
    return float(value) if type(value) is int and abs(value) <= _LARGEST else value


def numbers(value: object) -> object:
    """Return a number as it is, and a list of numbers as a tuple: a grid."""
    return tuple(number(part) for part in value) if isinstance(value, (list, tuple)) else number(value)


Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def check(expected: str, fits: Callable[[Any], bool]) -> Validator:
    """Return a validator whose error names the setting, the value expected and the value found."""

    def validate(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not fits(value):
            raise SettingError(f"{attribute.name}: expected {expected}, found {shown(value)}")

    return validate


def shown(value: object) -> str:
    """Return a value as a message shows it, cut after `_SHOWN` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists nested too deeply
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def whole(value: object, at_least: int, at_most: int) -> bool:
    """Return whether a value is a whole number within bounds."""
    return type(value) is int and at_least <= value <= at_most


def integer(at_least: int, at_most: int = LARGEST_SIZE) -> Validator:
    """Return a validator of whole numbers; its error names the upper end, which is rarely reached, only if exceeded."""

    def validate(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not whole(value, at_least, at_most):
            end = f" and at most {at_most}" if type(value) is int and value > at_most else ""
            expected = f"a whole number of at least {at_least}{end}"
            raise SettingError(f"{attribute.name}: expected {expected}, found {shown(value)}")

    return validate


def finite(value: object) -> bool:
    """Return whether a value is a floating-point number that float32, in which networks train, can hold."""
    return type(value) is float and abs(value) <= _LARGEST


def real(expected: str, fits: Callable[[float], bool]) -> Validator:
    """Return a validator of finite numbers."""
    return check(f"{expected}, finite in float32", lambda v: finite(v) and fits(v))


def real_or_grid(expected: str, fits: Callable[[float], bool]) -> Validator:
    """Return a validator of finite numbers, or of tuples of different ones."""

    def all_fit(value: object) -> bool:
        values = value if isinstance(value, tuple) else (value,)
        return all(finite(v) and fits(v) for v in values) and len(set(values)) == len(values) > 0

    return check(f"{expected}, finite in float32, or a list of different ones such as [0.5, 1]", all_fit)


def one_of(*allowed: str) -> Validator:
    """Return a validator of words."""
    return check(f"one of {', '.join(allowed)}", lambda v: v in allowed)


def many(expected: str, each: Callable[[Any], bool], at_least: int = 1, *, distinct: bool = True) -> Validator:
    """Return a validator of tuples of at least so many values, each of which fits."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) >= at_least
            and all(each(v) for v in value)
            and (not distinct or len(set(value)) == len(value))
        )

    return check(expected, fits)
