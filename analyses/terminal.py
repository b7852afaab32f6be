"""Results on a terminal: Table 1, and what each split method is worth, within the width that there is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from .caveats import TITLE, Caveat, caveats, caveats_of
from .columns import FULL
from .evidence import LEAST_DRAWS, Evidence, Row, is_control, records
from .fair import main_groups
from .labels import ABLATIONS, inputs_label, kind_label, ordered_kinds
from .results import Results
from .statistics import LEVEL
from .tables import DROP_ROW, FULL_ROW, SPLIT_ROW, Key, Table, default_method, table_one
from .wording import between, counted, listed, number
from .worth import worth

WIDTH = 80
"""The characters of a line, where nobody says how many there are."""

BEST = 6
"""How many split methods are shown of an input mode, besides those that others are compared with."""

_APART = 2  # characters between the parts of a table

_Heading = tuple[str, dict[str, int]]  # inputs; the width of each kind's column, in characters


def terminal_table_one(results: Results, width: int = WIDTH, method: str | None = None) -> RenderableType:
    """Return Table 1 for the terminal: the full network, then each ablation.

    Input modes that do not fit side by side follow one another, and so do the kinds of one, such as those of a grid.

    Args:
        results: the results.
        width: how many characters a line may have.
        method: the split method; `default_method` if None.
    """
    if method is None and results.methods:
        method = default_method(results)
    tables = [table_one(results, ablation, method) for ablation in results.ablations]
    tables = [table for table in tables if len(table.numbers)]
    if not tables:
        return Text(f"{results.folder / 'scores.csv'} has no accuracies of split networks, so there is no Table 1.")
    opening = _opening(caveats_of(results))
    title = Text.assemble(("Accuracy before and after the split", "bold"), f" ({method})")
    names = [table.name.removeprefix("table1-") for table in tables]
    meaning = " · ".join(f"{name}: {ABLATIONS[name]}" for name in names if name in ABLATIONS)
    first, *others = _chunks(tables, width)
    parts = [first, *(part for chunk in others for part in ("", chunk))]
    wrong = any(table.degenerate for table in tables)
    marks = "†: some splits are degenerate, and count here." if wrong else ""
    lines = filter(None, [tables[0].spread, meaning, marks])
    return Group(*opening, title, *parts, Text("\n".join(lines), style="dim"))


def _texts(table: Table) -> dict[Key, Text]:
    """Return the text of every cell, marked where splits are degenerate."""
    wrong = table.degenerate
    return {key: _short(*cell).append("†" if key in wrong else "") for key, cell in table.cells.items()}


def _chunks(tables: list[Table], width: int) -> Iterator[RichTable]:
    """Yield the tables of the terminal, each with as many input modes and kinds as fit into its width."""
    texts = {table.name: _texts(table) for table in tables}
    first = max(len(" split"), *(len(table.name.removeprefix("table1-")) for table in tables))
    room, chunk = width - first, list[_Heading]()
    for mode, widths in _headings(tables, texts, width - first - _APART):
        need = _APART + _span(widths)
        if chunk and need > room:
            yield _chunk(tables, texts, chunk)
            room, chunk = width - first, []
        room -= need
        chunk.append((mode, widths))
    yield _chunk(tables, texts, chunk)


def _headings(tables: list[Table], texts: dict[str, dict[Key, Text]], room: int) -> Iterator[_Heading]:
    """Yield the input modes, one several times if not all of its kinds fit into the room."""
    for mode, kinds in dict.fromkeys((mode, tuple(kinds)) for table in tables for mode, kinds in table.groups):
        widths: dict[str, int] = {}
        for kind in kinds:
            own = (text for cells in texts.values() for key, text in cells.items() if key[2:] == (mode, kind))
            needed = {kind: max(len(kind_label(kind)), *(text.cell_len for text in own))}
            if widths and _span(widths | needed) > room:
                yield mode, _under(mode, widths)
                widths = {}
            widths |= needed
        yield mode, _under(mode, widths)


def _under(mode: str, widths: dict[str, int]) -> dict[str, int]:
    """Return the widths of kinds, the last one wider if the name of their input mode needs it."""
    last = list(widths)[-1]
    return widths | {last: widths[last] + max(0, len(inputs_label(mode)) - _span(widths))}


def _span(widths: dict[str, int]) -> int:
    """Return the characters that the kinds of one input mode take side by side."""
    return sum(widths.values()) + len(widths) - 1


def _chunk(tables: list[Table], texts: dict[str, dict[Key, Text]], headings: list[_Heading]) -> RichTable:
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
        kinds = " ".join(kind_label(kind).rjust(width) for kind, width in widths.items())
        table.add_column(Text(f"{inputs_label(mode).center(_span(widths))}\n{kinds}", style="bold"), no_wrap=True)
    table.add_row(Text("Full", style="bold"), *line(tables[0].name, FULL_ROW))
    for one in tables:
        table.add_section()
        table.add_row(Text(one.name.removeprefix("table1-"), style="bold cyan"))
        table.add_row(" split", *line(one.name, SPLIT_ROW))
        table.add_row(" drop", *line(one.name, DROP_ROW))
    return table


def _short(mean: float, deviation: float, decimals: int = 3) -> Text:
    """Return a number of the terminal, its deviation dim and, as it is below 1, without its zero."""
    text = Text(number(mean, decimals))
    if not math.isnan(deviation):
        text.append(f"±{number(deviation, decimals).removeprefix('0')}", style="dim")
    return text


@dataclass(frozen=True)
class _Measure:
    """A measure of the table of methods: its name in `worth`, its title, and how many decimals are shown."""

    name: str
    title: str
    decimals: int


_MEASURES = (_Measure("drop", "accuracy drop", 3), _Measure("modularity", "modularity", 2))

_Own = Mapping[str, Row]  # of one kind and input mode: method to what it is worth


@dataclass(frozen=True)
class _Layout:
    """How many characters the parts of the table of methods take.

    Attributes:
        method: the name of a method.
        values: of each measure that there is, its value, with the letter of its ablation.
        letters: the letters of ablations, where there are several.
        gap: what stands between value and count, a mark of degenerate splits or a space.
        count: in how many networks it is better than by chance; 0 where that is not shown.
        together: how many kinds stand side by side.
    """

    method: int
    values: Mapping[_Measure, int]
    letters: Mapping[str, str]
    gap: int
    count: int
    together: int = 1

    def column(self, measure: _Measure) -> int:
        """Return the characters of a measure: its value, the gap and the count; or its title."""
        return max(len(measure.title), self.values[measure] + self.gap + self.count)

    @property
    def kind(self) -> int:
        """The characters of a kind: its measures, two apart."""
        return sum(map(self.column, self.values)) + 2 * (len(self.values) - 1)


def terminal_methods(evidence: Evidence, width: int = WIDTH) -> RenderableType:
    """Return what each split method is worth: a block for each input mode, in which those that cost least come first.

    Args:
        evidence: the tables of an analysis.
        width: how many characters a line may have; kinds that do not fit side by side follow one another.
    """
    table, first = worth(evidence), list(_opening(caveats(evidence)))
    if table[["drop", "modularity"]].isna().all(axis=None):
        return Group(*first, Text("No accuracy drop and no modularity of a split was measured."))
    lines: list[RenderableType] = [*first, Text("What each split method is worth", style="bold")]
    layout = _layout(table, _letters(evidence.results.ablations), width)
    groups = set(main_groups(evidence))
    for mode in evidence.results.inputs:
        own = {kind: _own(table, kind, mode) for kind in evidence.results.kinds if (kind, mode) in groups}
        kinds = [kind for kind in own if own[kind]]
        for start in range(0, len(kinds), layout.together):
            shown = {kind: own[kind] for kind in kinds[start:][: layout.together]}
            lines += ["", *_block(evidence, mode, shown, layout)]
    return Group(*lines, "", *(Text(line, style="dim") for line in _explanation(evidence, table, layout)))


def _opening(entries: Sequence[Caveat]) -> Iterator[Text]:
    """Yield what stands before a table: the caveats, if there are any, and an empty line."""
    if entries:
        yield Text(TITLE, style="bold red")
        yield from (Text.assemble("• ", (caveat.short, "bold"), f". {caveat.text}") for caveat in entries)
        yield Text()


def _own(table: pd.DataFrame, kind: str, mode: str) -> _Own:
    return {row["split"]: row for row in records(table[(table["kind"] == kind) & (table["inputs"] == mode)])}


def _letters(ablations: Sequence[str]) -> dict[str, str]:
    """Return a letter, or as many as tell it apart, for each of several ablations.

    Example:
        >>> _letters(["zero", "incoming", "mean", "median"]), _letters(["zero"])
        ({'zero': 'z', 'incoming': 'i', 'mean': 'mea', 'median': 'med'}, {})
    """
    letters = dict[str, str]()
    for name in ablations if len(ablations) > 1 else ():
        others = [other for other in ablations if other != name]
        starts = (name[:end] for end in range(1, len(name)))
        letters[name] = next((start for start in starts if not any(other.startswith(start) for other in others)), name)
    return letters


def _layout(table: pd.DataFrame, letters: Mapping[str, str], width: int) -> _Layout:
    """Return the layout that fits: without counts if it must be, and with names of methods cut off if even so."""
    rows, method = records(table), max(map(len, table["split"]))
    measures = [measure for measure in _MEASURES if table[measure.name].notna().any()]
    values = {measure: max(_value(row, measure, letters).cell_len for row in rows) for measure in measures}
    count = max(_count(row, measure).cell_len for row in rows for measure in measures)
    marked = any(_marked(row, measure) for row in rows for measure in measures)
    layout = _Layout(method, values, letters, int(marked or count > 0), count)
    if method + 1 + layout.kind > width:
        layout = _Layout(method, values, letters, int(marked), 0)
    room = width - 1 - layout.kind
    more = min(max(0, room - method) // (layout.kind + 2), table["kind"].nunique() - 1)
    first = max(method, *(len(inputs_label(mode)) for mode in table["inputs"]))
    return replace(layout, method=max(1, min(first, room - more * (layout.kind + 2))), together=1 + more)


def _block(evidence: Evidence, mode: str, shown: Mapping[str, _Own], layout: _Layout) -> Iterator[Text]:
    """Yield the lines of an input mode and of some kinds: a head, then one for each method."""
    heads = _heads(evidence, mode, list(shown), layout.kind)
    yield _line(Text(inputs_label(mode) if mode else "", style="bold cyan"), heads, layout)
    titles = Text("  ").join(Text(one.title.rjust(layout.column(one)), style="dim") for one in layout.values)
    yield _line(Text(), [titles] * len(shown), layout)
    methods = [method for method in evidence.results.methods if any(method in own for own in shown.values())]
    order = sorted(methods, key=lambda method: _rank(method, shown, layout))
    references = [method for method in order if method == evidence.method or is_control(method)]
    best = [method for method in order if method not in references][:BEST]
    listed = [method for method in order if method in (*best, *references)]
    if len(listed) == len(order) - 1:
        listed = order  # to say that one is left out would take as much room
    for method in listed:
        cells = [_cell(own.get(method), layout) for own in shown.values()]
        yield _line(Text(method, style="dim" if is_control(method) else ""), cells, layout)
    if len(listed) < len(order):
        yield _line(Text(f"… {len(order) - len(listed)} more", style="dim"), [], layout)


def _line(first: Text, cells: Sequence[Text], layout: _Layout) -> Text:
    first.truncate(layout.method, overflow="ellipsis", pad=True)
    line = Text(" ").join([first, Text("  ").join(cells)])
    line.rstrip()
    line.no_wrap = True
    return line


def _heads(evidence: Evidence, mode: str, kinds: Sequence[str], width: int) -> list[Text]:
    """Return the names of kinds, and if there is room for all, the accuracies of their whole networks."""
    rows = evidence.results.per_network("accuracy")
    rows = rows[(rows["inputs"] == mode) & (rows["split"] == FULL)]
    names = [Text(kind_label(kind) if kind else "Networks", style="bold") for kind in kinds]
    values = [rows.loc[rows["kind"] == kind, "value"] for kind in kinds]
    said = [f", accuracy {number(float(own.mean()))}" if len(own) else "" for own in values]
    fits = all(name.cell_len + len(accuracy) <= width for name, accuracy in zip(names, said, strict=True))
    for name, accuracy in zip(names, said, strict=True):
        name.append(accuracy if fits else "", style="not bold")
        name.truncate(width, overflow="ellipsis")
        name.align("left", width)
    return names


def _rank(method: str, shown: Mapping[str, _Own], layout: _Layout) -> list[tuple[bool, float]]:
    """Return what methods are ordered by: the least drop, then the most modularity, of the last kind before others."""
    rank = []
    for measure in layout.values:
        for own in reversed(list(shown.values())):
            value = own[method][measure.name] if method in own else math.nan
            better = value if measure.name == "drop" else -value
            rank.append((math.isnan(value), round(np.nan_to_num(better), measure.decimals)))
    return rank


def _cell(row: Row | None, layout: _Layout) -> Text:
    """Return the measures of a method, each its value, a mark where degenerate splits are left out, and the count."""
    parts = []
    for measure in layout.values:
        value = _value(row, measure, layout.letters)
        value.align("right", layout.column(measure) - layout.gap - layout.count)
        value.append("†" if _marked(row, measure) else " " * layout.gap)
        count = _count(row, measure) if layout.count else Text()
        count.align("right", layout.count)
        parts.append(value + count)
    return Text("  ").join(parts)


def _marked(row: Row | None, measure: _Measure) -> bool:
    """Return whether a value is without some networks, whose splits are degenerate."""
    return row is not None and row["degenerate"] > 0 and not math.isnan(row[measure.name])


def _value(row: Row | None, measure: _Measure, letters: Mapping[str, str]) -> Text:
    """Return a value with its deviation and the letter of its ablation, or why there is none."""
    if row is None or math.isnan(row[measure.name]):
        degenerate = row is not None and row["degenerate"] > 0 and measure.name == "drop"
        return Text("degenerate" if degenerate else "–", style="dim")
    text = _short(row[measure.name], row.get(f"{measure.name}_sd", math.nan), measure.decimals)
    return text.append(letters.get(row["ablation"], "") if measure.name == "drop" else "", style="dim")


def _count(row: Row | None, measure: _Measure) -> Text:
    """Return in how many networks a measure is better than by chance, green if in most."""
    if row is None or math.isnan(row[f"{measure.name}_networks"]):
        return Text()
    better, networks = row[f"{measure.name}_better"], row[f"{measure.name}_networks"]
    return Text(f"{better:.0f}/{networks:.0f}", style="green" if better > networks / 2 else "dim")


def _explanation(evidence: Evidence, table: pd.DataFrame, layout: _Layout) -> Iterator[str]:
    """Yield what the numbers are, a sentence each."""
    first, ablations = next(iter(layout.values)), evidence.results.ablations
    seeds = between(table["seeds"].dropna().astype(int).tolist())
    over = "one seed" if seeds == "1" else f"mean ± sample standard deviation over {seeds} seeds"
    under = ""
    if first.name == "drop":
        named = ", ".join(f"{letter}: {name}" for name, letter in layout.letters.items())
        under = f", under the ablation that costs most ({named})" if named else f", under {listed(ablations)}"
    kinds, beside = evidence.results.kinds, layout.together
    by = "" if beside == 1 else f" for {kind_label(kinds[-1])}" if beside == len(kinds) else " for the rightmost kind"
    yield f"{first.title.capitalize()}: {over}{under}. The best{by} come first."
    if layout.count:
        yield f"2/3: so many of 3 networks beat chance (p ≤ {LEVEL}). {' '.join(_chances(table, layout))}"
    elif len(evidence.nulls) and table[["drop_networks", "modularity_networks"]].isna().all(axis=None):
        yield f"Not compared with chance: p ≤ {LEVEL} needs at least {LEAST_DRAWS} draws of a null model."
    if any(_marked(row, measure) for row in records(table) for measure in layout.values):
        yield "†: without degenerate splits."
    if len(main_groups(evidence)) < len(evidence.groups):
        yield f"Shown are {counted(len(main_groups(evidence)), 'dose')} of equal accuracy of {len(evidence.groups)}."
    yield "The rest: summary.csv, nulls.csv."


def _chances(table: pd.DataFrame, layout: _Layout) -> Iterator[str]:
    """Yield what chance is for each measure, a sentence each."""
    for measure in layout.values:
        counted = table[table[f"{measure.name}_networks"].notna()]
        if len(counted) and measure.name == "drop":
            yield "They lose less of each task than random splits with equally large modules."
        elif len(counted):
            kinds = counted.groupby("null", sort=False)["kind"].unique()
            of = [f"{null} ({', '.join(map(kind_label, ordered_kinds(own)))})" for null, own in kinds.items()]
            yield f"Their modularity is above that of the null model {' or '.join(of if len(of) > 1 else kinds.index)}."
