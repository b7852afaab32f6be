"""What is printed is shown as it stands, in tables and bars too, and no control character but rich's own goes out."""

import io
import re

import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from spatialgraph.console import PlainConsole

NAME = "[red]a[/red] :smile: \x1b[2J\x07\x9b1m\x00"
SHOWN = r"[red]a[/red] :smile: \x1b[2J\x07\x9b1m\x00"


def console(**options):
    return PlainConsole(file=io.StringIO(), width=200, **options)


@pytest.mark.parametrize("make", [str, Text, lambda text: Text(text, style="bold red")])
def test_text_is_shown_as_it_stands(make):
    plain = console()
    plain.print(make(NAME))
    assert plain.file.getvalue().replace(r"\x07", "") == SHOWN.replace(r"\x07", "") + "\n"  # rich may drop a bell


def test_cells_titles_and_bars_are_text_too():
    coloured = console(force_terminal=True, color_system="truecolor")
    table = Table(title=NAME)
    table.add_column(NAME)
    table.add_row(NAME)
    coloured.print(table)
    with Progress(TextColumn("{task.description}", markup=False), console=coloured) as progress:
        progress.add_task(NAME)
    text = coloured.file.getvalue()
    assert text.count(r"\x1b") >= 3  # where there is no room for what is written out, it is cut
    left = re.sub(r"\x1b\[(?:[0-9;]*[mKA]|\?25[hl])|\r", "", text)  # rich's styles and moves of the cursor
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", left)


def test_lines_stay_lines_and_colours_stay_colours():
    coloured = console(force_terminal=True, color_system="truecolor")
    coloured.print(Text("a\nb", style="red"))
    assert coloured.file.getvalue() == "\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m\n"
