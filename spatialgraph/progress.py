"""The bar of work that takes long: one line, on terminals of any width."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

# What stands after the bar, with a space before each part: 100%, 0:00:00, left.
_AFTER = 1 + 4 + 1 + 7 + 1 + 4


class _Description(ProgressColumn):
    """What is being done, cut off where there is no room for it beside the bar."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def render(self, task: Task) -> Text:
        """Return the text in the room that there is now: a window may have been made smaller."""
        text = Text(task.description, no_wrap=True)
        text.truncate(max(1, self._console.width - _bar_width(self._console) - 1 - _AFTER), overflow="ellipsis")
        return text


def progress_bar(console: Console) -> Progress:
    """Return a bar that stands on a terminal while its block lasts, and nowhere else.

    A line is what is done, the bar, the share that is done, and the time that is left. The names in a description come
    from files, and are shown as they are.

    Args:
        console: where to show it.

    Example:
        >>> import io
        >>> console = Console(file=io.StringIO(), width=40)
        >>> bar = progress_bar(console)
        >>> _ = bar.add_task("concatenate · regular 0.913", total=4, completed=1)
        >>> console.print(bar.get_renderable())
        >>> print(console.file.getvalue().rstrip())
        concatenate … ━━        25% -:--:-- left
    """
    bar = BarColumn(bar_width=_bar_width(console))
    columns = (_Description(console), bar, TaskProgressColumn(), TimeRemainingColumn(), TextColumn("left"))
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _bar_width(console: Console) -> int:
    return min(24, console.width // 5)
