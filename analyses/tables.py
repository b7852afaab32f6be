"""Tables of a paper: first the numbers, as a tidy frame, then their text in Markdown, LaTeX, CSV or for the terminal.

Means and deviations are over networks, that is over the seeds of training; tasks are averaged before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from spatialgraph.files import atomic

from .results import FULL, Results, label, slug

DEFAULT_METHOD = "greedy"
"""The split method of Table 1: the paper's."""

TERMINAL_WIDTH = 80

_Key = tuple[str, str, str, str]  # block, row, inputs, kind
_Heading = tuple[str, dict[str, int]]  # inputs; the width of each kind's column, in characters
_ACCURACY, _DROP = "accuracy", "accuracy-drop"
_FULL_ROW, _SPLIT_ROW, _DROP_ROW = "Full network", "Split network", "Accuracy drop"
_MEASURES = {_DROP: "Accuracy drop", "modularity": "Modularity", "cut": "Cut"}


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a table.

    Attributes:
        name: the name of its files, without an ending.
        caption: what the numbers are, one or two sentences.
        numbers: one row per cell, with columns block, row, inputs, kind, mean, sd (the sample standard deviation, NaN
            for one network) and n (networks). Rows and columns of the table stand in the order in which they come.
    """

    name: str
    caption: str
    numbers: pd.DataFrame

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns of the table: input mode and kind."""
        return list(dict.fromkeys(zip(self.numbers["inputs"], self.numbers["kind"], strict=True)))

    @property
    def groups(self) -> list[tuple[str, list[str]]]:
        """The input modes with their kinds: the columns under one heading."""
        modes = dict.fromkeys(inputs for inputs, _ in self.columns)
        return [(mode, [kind for inputs, kind in self.columns if inputs == mode]) for mode in modes]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The rows of the table: block and row."""
        return list(dict.fromkeys(zip(self.numbers["block"], self.numbers["row"], strict=True)))

    def cells(self) -> dict[_Key, tuple[float, float]]:
        """Return the mean and the deviation of every cell, by block, row, inputs and kind."""
        numbers = self.numbers
        keys = zip(numbers["block"], numbers["row"], numbers["inputs"], numbers["kind"], strict=True)
        return dict(zip(keys, zip(numbers["mean"], numbers["sd"], strict=True), strict=True))


def over_networks(values: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean, sample standard deviation and number of the values of each group, in the order of appearance.

    Args:
        values: a frame with a column ``value`` and those of `by`.
        by: the columns that make a group.

    Returns:
        the columns of `by`, then mean, sd (divisor n - 1; NaN for n = 1) and n.

    Example:
        >>> frame = pd.DataFrame({"kind": ["a", "a", "b"], "value": [1.0, 3.0, 5.0]})
        >>> over_networks(frame, ["kind"]).round(3).to_dict("list")
        {'kind': ['a', 'b'], 'mean': [2.0, 5.0], 'sd': [1.414, nan], 'n': [2, 1]}
    """
    return values.groupby(by, sort=False)["value"].agg(mean="mean", sd="std", n="count").reset_index()


def default_method(results: Results) -> str:
    """Return the split method that tables and figures show when none is named: greedy, or the first there is.

    Raises:
        ValueError: the scores have no split method.
    """
    if not results.methods:
        raise ValueError(f"{results.folder / 'scores.csv'}: expected scores of at least one split method, found none")
    return DEFAULT_METHOD if DEFAULT_METHOD in results.methods else results.methods[0]


def table_one(results: Results, ablation: str, method: str | None = None) -> Table:
    """Return Table 1 of the paper: the accuracy before and after the split, and the drop, each 0 to 1.

    Source: Wołczyk et al., "Biologically-Inspired Spatial Neural Networks", arXiv:1910.02776, Table 1.

    Args:
        results: the results.
        ablation: how the neurons of the other task are disabled.
        method: the split method; `default_method` if None.

    Raises:
        ValueError: the results have no such ablation or split method.
    """
    method = default_method(results) if method is None else _known(method, "a split method", results.methods, results)
    _known(ablation, "an ablation", results.ablations, results)
    accuracy, drop = results.per_network(_ACCURACY), results.per_network(_DROP)
    parts = {
        _FULL_ROW: accuracy[accuracy["split"] == FULL],
        _SPLIT_ROW: accuracy[(accuracy["split"] == method) & (accuracy["ablation"] == ablation)],
        _DROP_ROW: drop[(drop["split"] == method) & (drop["ablation"] == ablation)],
    }
    caption = (
        f"Accuracy on held-out examples before and after the split (method: {method}; neurons of other tasks disabled: "
        f"{label(ablation)}), averaged over tasks."
    )
    return _table(f"table1-{slug(ablation)}", caption, [("", row, values) for row, values in parts.items()])


def methods_table(results: Results, ablation: str) -> Table:
    """Return how much accuracy each split method costs (0 to 1), and the modularity and the cut of its splits.

    Args:
        results: the results.
        ablation: how the neurons of the other task are disabled.

    Raises:
        ValueError: the results have no such ablation.
    """
    _known(ablation, "an ablation", results.ablations, results)
    parts = []
    for metric, title in _MEASURES.items():
        scores = results.per_network(metric)
        scores = scores[scores["ablation"] == (ablation if metric == _DROP else "")]
        parts += [(title, method, scores[scores["split"] == method]) for method in results.methods]
    caption = (
        f"Split methods: accuracy lost (neurons of other tasks disabled: {label(ablation)}), modularity, and share of "
        "the connection strength between modules."
    )
    return _table(f"methods-{slug(ablation)}", caption, parts)


def all_tables(results: Results) -> Iterator[Table]:
    """Yield every table that has numbers: Table 1 and the split methods, for each ablation."""
    for ablation in results.ablations:
        for table in (table_one(results, ablation), methods_table(results, ablation)):
            if len(table.numbers):
                yield table


def write_tables(results: Results, out: str | Path) -> list[Path]:
    """Write every table as Markdown, LaTeX and CSV, each file whole or not at all.

    Args:
        results: the results.
        out: the folder to write to, made if it is missing.

    Returns:
        the files: ``table1-<ablation>`` and ``methods-<ablation>``, with the endings md, tex and csv.
    """
    written = []
    for table in all_tables(results):
        for ending, render in (("md", markdown), ("tex", latex), ("csv", csv)):
            path = Path(out) / f"{table.name}.{ending}"
            with atomic(path) as temporary:
                temporary.write_text(render(table), encoding="utf-8", newline="\n")
            written.append(path)
    return written


def markdown(table: Table) -> str:
    """Return a table as Markdown, its caption first; ``–`` is a cell without a score."""
    cells, columns = table.cells(), table.columns
    head = [f"{label(inputs)}, {label(kind).lower()}" for inputs, kind in columns]
    lines = [
        f"{table.caption} {_spread(table)}",
        "",
        _pipes(["", *map(_plain, head)]),
        _pipes(["---", *["---:"] * len(columns)]),
    ]
    block = ""
    for row_block, row in table.rows:
        if row_block != block:
            lines.append(_pipes([f"**{_plain(row_block)}**", *[""] * len(columns)]))
            block = row_block
        values = [_cell(cells.get((row_block, row, *column)), " ± ", "–") for column in columns]
        lines.append(_pipes([_plain(row), *values]))
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    r"""Return a table as a LaTeX float that needs the package booktabs; input modes head their columns."""
    cells, columns = table.cells(), table.columns
    heads, rules, first = [], [], 2
    for mode, kinds in table.groups:
        last = first + len(kinds) - 1
        heads.append(rf"\multicolumn{{{len(kinds)}}}{{c}}{{{_tex(label(mode))}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{last}}}")
        first = last + 1
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering\small",
        rf"  \caption{{{_tex(f'{table.caption} {_spread(table)}')}}}",
        rf"  \label{{tab:{table.name}}}",
        rf"  \begin{{tabular}}{{l{'c' * len(columns)}}}",
        r"    \toprule",
        f"    & {' & '.join(heads)} " + r"\\",
        f"    {' '.join(rules)}",
        f"    & {' & '.join(_tex(label(kind)) for _, kind in columns)} " + r"\\",
    ]
    block = None
    for row_block, row in table.rows:
        if row_block != block:
            lines.append(r"    \midrule")
            block = row_block
            if block:
                lines.append(rf"    \multicolumn{{{len(columns) + 1}}}{{l}}{{\emph{{{_tex(block)}}}}} \\")
        values = [_cell(cells.get((row_block, row, *column)), r" \pm ", "") for column in columns]
        lines.append(f"    {_tex(row)} & " + " & ".join(f"${value}$" if value else "--" for value in values) + r" \\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"


def csv(table: Table) -> str:
    """Return the numbers of a table as CSV, in full precision; the deviation of one network is empty."""
    numbers = table.numbers.rename(columns={"block": "measure"})
    if (numbers["measure"] == "").all():
        numbers = numbers.drop(columns="measure")
    first = [name for name in ("measure", "inputs", "kind", "row") if name in numbers.columns]
    return numbers[[*first, "mean", "sd", "n"]].to_csv(index=False, lineterminator="\n")


def terminal_table(results: Results) -> RenderableType:
    """Return Table 1 for the terminal: the full network, then each ablation, within 80 columns.

    Input modes that do not fit side by side follow one another.
    """
    tables = [table_one(results, ablation) for ablation in results.ablations]
    tables = [table for table in tables if len(table.numbers)]
    if not tables:
        return Text(f"{results.folder / 'scores.csv'} has no accuracies of split networks, so there is no Table 1.")
    title = Text.assemble(("Accuracy before and after the split", "bold"), f" ({default_method(results)})")
    names = [table.name.removeprefix("table1-") for table in tables]
    meaning = " · ".join(f"{name}: {label(name)}" for name in names if label(name) != name)
    return Group(title, *_chunks(tables), Text(f"{_spread(tables[0])}\n{meaning}".strip(), style="dim"))


def _known(name: str, word: str, known: tuple[str, ...], results: Results) -> str:
    if name not in known:
        where = results.folder / "scores.csv"
        raise ValueError(f"{where}: expected {word} that was scored ({', '.join(known)}), found {name!r}")
    return name


def _table(name: str, caption: str, parts: list[tuple[str, str, pd.DataFrame]]) -> Table:
    """Put the scores of each (block, row) together as a table; a row of which there is no score is left out."""
    frames = [
        over_networks(values, ["inputs", "kind"]).assign(block=block, row=row)
        for block, row, values in parts
        if len(values)
    ]
    columns = ["block", "row", "inputs", "kind", "mean", "sd", "n"]
    return Table(name, caption, pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns))


def _spread(table: Table) -> str:
    """Say what the numbers of the cells are."""
    counts = sorted(set(table.numbers["n"]))
    if counts == [1]:
        return "One seed."
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Mean ± sample standard deviation over {seeds} seeds."


def _number(value: float) -> str:
    """Return a number with three decimals; what rounds to nothing has no sign."""
    text = f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _cell(cell: tuple[float, float] | None, sign: str, missing: str) -> str:
    if cell is None:
        return missing
    mean, deviation = cell
    return _number(mean) + ("" if math.isnan(deviation) else sign + _number(deviation))


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{character}" if character in r"\|*_`<[" else character for character in text)


def _tex(text: str) -> str:
    r"""Return text that LaTeX shows as it is.

    Example:
        >>> print(_tex("5 % of a_b ± 1"))
        5 \% of a\_b $\pm$ 1
    """
    special = {character: f"\\{character}" for character in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"±": r"$\pm$", "×": r"$\times$", "<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(special.get(character, character) for character in text)


def _chunks(tables: list[Table]) -> Iterator[RichTable]:
    """Yield the tables of the terminal, each with as many input modes as fit into its width."""
    texts = {table.name: {key: _short(cell) for key, cell in table.cells().items()} for table in tables}
    groups = dict.fromkeys((mode, tuple(kinds)) for table in tables for mode, kinds in table.groups)
    first = max(len(" split"), *(len(table.name.removeprefix("table1-")) for table in tables))
    room, chunk = TERMINAL_WIDTH - first, list[_Heading]()
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
            room, chunk = TERMINAL_WIDTH - first, []
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
    table.add_row(Text("Full", style="bold"), *line(tables[0].name, _FULL_ROW))
    for one in tables:
        table.add_section()
        table.add_row(Text(one.name.removeprefix("table1-"), style="bold cyan"))
        table.add_row(" split", *line(one.name, _SPLIT_ROW))
        table.add_row(" drop", *line(one.name, _DROP_ROW))
    return table


def _short(cell: tuple[float, float]) -> Text:
    """Return a cell of the terminal, the deviation dim and, as it is below 1, without its zero."""
    mean, deviation = cell
    text = Text(_number(mean))
    if not math.isnan(deviation):
        text.append(f"±{_number(deviation).removeprefix('0')}", style="dim")
    return text
