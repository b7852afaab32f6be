"""Results on a terminal: Table 1, and what each split method is worth, within the width that there is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from .evidence import number
from .results import Results, label
from .tables import DROP_ROW, FULL_ROW, SPLIT_ROW, Table, default_method, table_one

WIDTH = 80
"""The characters of a line, where nobody says how many there are."""

_Key = tuple[str, str, str, str]  # block, row, inputs, kind
_Heading = tuple[str, dict[str, int]]  # inputs; the width of each kind's column, in characters


def terminal_table_one(results: Results, width: int = WIDTH) -> RenderableType:
    """Return Table 1 for the terminal: the full network, then each ablation.

    Input modes that do not fit side by side follow one another.

    Args:
        results: the results.
        width: how many characters a line may have.
    """
    tables = [table_one(results, ablation) for ablation in results.ablations]
    tables = [table for table in tables if len(table.numbers)]
    if not tables:
        return Text(f"{results.folder / 'scores.csv'} has no accuracies of split networks, so there is no Table 1.")
    title = Text.assemble(("Accuracy before and after the split", "bold"), f" ({default_method(results)})")
    names = [table.name.removeprefix("table1-") for table in tables]
    meaning = " · ".join(f"{name}: {label(name)}" for name in names if label(name) != name)
    return Group(title, *_chunks(tables, width), Text(f"{tables[0].spread}\n{meaning}".strip(), style="dim"))


def _chunks(tables: list[Table], width: int) -> Iterator[RichTable]:
    """Yield the tables of the terminal, each with as many input modes as fit into its width."""
    texts = {table.name: {key: _short(*cell) for key, cell in table.cells().items()} for table in tables}
    groups = dict.fromkeys((mode, tuple(kinds)) for table in tables for mode, kinds in table.groups)
    first = max(len(" split"), *(len(table.name.removeprefix("table1-")) for table in tables))
    room, chunk = width - first, list[_Heading]()
    for mode, kinds in groups:
        widths = {kind: len(label(kind)) for kind in kinds}
        for own in texts.values():
            for (_, _, inputs, kind), text in own.items():
                if inputs == mode:
                    widths[kind] = max(widths[kind], text.cell_len)
        widths[kinds[-1]] += max(0, len(label(mode)) - _span(widths))
        need = 2 + _span(widths)
        if chunk and need > room:
            yield _chunk(tables, texts, chunk)
            room, chunk = width - first, []
        room -= need
        chunk.append((mode, widths))
    yield _chunk(tables, texts, chunk)


def _span(widths: dict[str, int]) -> int:
    """Return the characters that the kinds of one input mode take side by side."""
    return sum(widths.values()) + len(widths) - 1


def _chunk(tables: list[Table], texts: dict[str, dict[_Key, Text]], headings: list[_Heading]) -> RichTable:
    """Return one table of the terminal. A column is an input mode, whose kinds stand in it at fixed places."""

    def line(name: str, row: str) -> list[Text]:
        joined = []
        for mode, widths in headings:
            parts = [texts[name].get(("", row, mode, kind), Text("–", style="dim")).copy() for kind in widths]
            for part, width in zip(parts, widths.values(), strict=True):
                part.align("right", width)
            joined.append(Text(" ").join(parts))
        return joined

    table = RichTable(box=box.HORIZONTALS, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, border_style="dim")
    table.add_column(no_wrap=True)
    for mode, widths in headings:
        kinds = " ".join(label(kind).rjust(width) for kind, width in widths.items())
        table.add_column(Text(f"{label(mode).center(_span(widths))}\n{kinds}", style="bold"), no_wrap=True)
    table.add_row(Text("Full", style="bold"), *line(tables[0].name, FULL_ROW))
    for one in tables:
        table.add_section()
        table.add_row(Text(one.name.removeprefix("table1-"), style="bold cyan"))
        table.add_row(" split", *line(one.name, SPLIT_ROW))
        table.add_row(" drop", *line(one.name, DROP_ROW))
    return table


def _short(mean: float, deviation: float) -> Text:
    """Return a number of the terminal, its deviation dim and, as it is below 1, without its zero."""
    text = Text(number(mean))
    if not math.isnan(deviation):
        text.append(f"±{number(deviation).removeprefix('0')}", style="dim")
    return text
