"""How numbers, lists and groups of networks are written in sentences and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

MANY, _FIRST = 24, 6
"""Of more names than `MANY`, such as those of the kinds of a sweep, not all are written."""


def number(value: float, digits: int = 3, minus: str = "−") -> str:
    """Return a number with a fixed number of decimals; what rounds to nothing has no sign.

    Example:
        >>> number(-0.25), number(-0.0001), number(-0.25, 1, minus="-"), number(float("nan"))
        ('−0.250', '0.000', '-0.2', '–')
    """
    if math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", minus)


def interval(mean: float, low: float, high: float) -> str:
    """Return a mean and its interval, which is left out if there is none.

    Example:
        >>> interval(0.1, 0.05, 0.2), interval(0.1, float("nan"), float("nan"))
        ('0.100 [0.050, 0.200]', '0.100')
    """
    return number(mean) + ("" if math.isnan(low) else f" [{number(low)}, {number(high)}]")


def p_said(p: float) -> str:
    """Return a p in a sentence; smaller ones are known no better.

    Example:
        >>> p_said(0.0312), p_said(1e-9), p_said(float("nan"))
        ('p = 0.031', 'p < 0.0001', 'p not known')
    """
    return "p not known" if math.isnan(p) else "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def counted(count: int, word: str = "network") -> str:
    """Return how many there are.

    Example:
        >>> counted(1), counted(2)
        ('1 network', '2 networks')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return names as a part of a sentence.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def some(names: Sequence[str]) -> str:
    """Return names as a part of a sentence, of very many the first and how many more there are.

    Example:
        >>> some(["a", "b"]), some([str(number) for number in range(40)])
        ('a and b', '0, 1, 2, 3, 4, 5 and 34 more')
    """
    return listed(names) if len(names) <= MANY else listed([*names[:_FIRST], f"{len(names) - _FIRST} more"])


def between(values: Sequence[int]) -> str:
    """Return the range of whole numbers.

    Example:
        >>> between([3, 3]), between([20, 18])
        ('3', '18 to 20')
    """
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def group_name(kind: str, inputs: str) -> str:
    """Return what networks of a kind and an input mode are called in a sentence.

    Example:
        >>> group_name("spatial", "mix"), group_name("", "mix"), group_name("", "")
        ('spatial mix', 'mix', 'all')
    """
    return " ".join(part for part in (kind, inputs) if part) or "all"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts that are Markdown, the first column to the left and the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
