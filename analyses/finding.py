"""A finding: a sentence that the data of an analysis support, and the differences that are worth one."""

from __future__ import annotations

from dataclasses import dataclass

from .evidence import Row, mark
from .wording import interval

MATTERS = 0.01
"""The least difference of accuracies that is spoken of: one example in a hundred."""

LOSES = 0.05
"""The least loss of accuracy that calls a split bad."""


@dataclass(frozen=True)
class Finding:
    """What the data show.

    Attributes:
        text: Markdown, its first sentence bold.
        holds: whether it tells what holds or what works; otherwise what does not.
        hint: whether it rests on too few seeds, or draws, for a test, and therefore holds as little as it does not.
    """

    text: str
    holds: bool
    hint: bool = False


def difference_cell(row: Row | None) -> str:
    """Return the difference of a comparison with its interval and mark, ``–`` if there is none."""
    return "–" if row is None else interval(row["difference"], row["low"], row["high"]) + mark(row)
