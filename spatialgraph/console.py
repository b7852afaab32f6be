"""The terminal, on which text from files is shown as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from .escapes import plain


class PlainConsole(Console):
    r"""A console that takes no text for markup, and writes control characters out: colours are rich's styles alone.

    Args:
        options: those of rich's `Console`.

    Example:
        >>> import io
        >>> console = PlainConsole(file=io.StringIO())
        >>> console.print("[red]\x1b[2J")
        >>> print(console.file.getvalue(), end="")
        [red]\x1b[2J
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "highlight": False, "emoji": False} | options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is shown: everything passes here on its way to the terminal."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else "\n".join(map(plain, text.split("\n"))), style, control)
