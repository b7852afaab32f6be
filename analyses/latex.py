r"""Tables of a paper as LaTeX: as many floats as fit a page of text, `TEXT_WIDTH` wide, one below another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from spatialgraph import escapes

from .labels import inputs_label, kind_label
from .wording import number

if TYPE_CHECKING:
    from .tables import Key, Table

TEXT_WIDTH = 397.0
"""Points: the text of a page of LaTeX's article at 12 points, and about that of a page of a journal."""

MANY_ROWS = 30
"""Tables of more rows are set smaller, so that they fit the height of a page."""

# Points of a letter and of a digit, rather too wide, and between columns; at 9 points, and at 8.
_LETTER, _DIGIT, _APART = {9: 4.9, 8: 4.4}, {9: 4.7, 8: 4.3}, 3.0
_SIZES = {9: r"\small", 8: r"\footnotesize"}

_Columns = Sequence[tuple[str, str]]  # inputs, kind


def latex(table: Table) -> str:
    r"""Return a table as LaTeX floats that need the package booktabs; input modes head their columns.

    Columns that do not fit side by side into `TEXT_WIDTH` follow in floats of their own. The best cell is bold, ``†``
    marks cells with degenerate splits, and what the table leaves out stands below it.
    """
    size = 8 if len(table.rows) + len({block for block, _ in table.rows}) > MANY_ROWS else 9
    pieces = list(_pieces(table, size))
    floats = [_float(table, columns, number, size) for number, columns in enumerate(pieces)]
    return "% \\usepackage{booktabs}\n" + "\n".join(floats)


def _pieces(table: Table, size: int) -> Iterator[_Columns]:
    """Yield as many columns at a time as fit side by side."""
    room = TEXT_WIDTH - max(len(row) for _, row in table.rows) * _LETTER[size] - _APART
    piece: list[tuple[str, str]] = []
    for inputs, kinds in table.groups:
        own = [(inputs, kind) for kind in kinds]
        if piece and _width(table, [*piece, *own], size) > room:  # an input mode stays together if it can
            yield piece
            piece = []
        for column in own:
            if piece and _width(table, [*piece, column], size) > room:
                yield piece
                piece = []
            piece.append(column)
    if piece:
        yield piece


def _width(table: Table, columns: _Columns, size: int) -> float:
    """Return about how many points columns take."""
    cells, widths = table.cells, {}
    for inputs, kind in columns:
        shown = [_characters(table, key) for key in cells if key[2:] == (inputs, kind)]
        widths[inputs, kind] = max(len(kind_label(kind)) * _LETTER[size], max(shown, default=1) * _DIGIT[size])
    total = sum(widths.values()) + 2 * _APART * len(columns)
    for inputs in dict.fromkeys(inputs for inputs, _ in columns):
        under = sum(width + 2 * _APART for (mode, _), width in widths.items() if mode == inputs)
        total += max(0.0, len(inputs_label(inputs)) * _LETTER[size] - under)
    return total


def _characters(table: Table, key: Key) -> float:
    """Return how many digits wide a cell is: its deviation and its marks are smaller."""
    mean, deviation = table.cells[key]
    return len(number(mean)) + (0 if math.isnan(deviation) else 4.4) + (key in table.degenerate) + (key in table.best)


def _float(table: Table, columns: _Columns, place: int, size: int) -> str:
    """Return one float; the first has the whole caption and the notes."""
    caption, label = escapes.latex(f"{table.caption} {table.spread}"), f"tab:{table.name}"
    if place:
        caption, label = rf"Table~\ref{{{label}}}, continued.", f"{label}-{place + 1}"
    lines = [
        r"\begin{table}[htbp]",
        rf"  \centering{_SIZES[size]}\setlength{{\tabcolsep}}{{{_APART:g}pt}}",
        rf"  \caption{{{caption}}}\vskip 4pt",
        rf"  \label{{{label}}}",
        rf"  \begin{{tabular}}{{@{{}}l{'c' * len(columns)}@{{}}}}",
        r"    \toprule",
        *_head(columns),
        *_body(table, columns),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]
    if table.notes and not place:
        notes = escapes.latex(" ".join(table.notes))
        lines += [r"  \par\smallskip", rf"  \begin{{minipage}}{{\linewidth}}\footnotesize {notes}\end{{minipage}}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _head(columns: _Columns) -> Iterator[str]:
    """Yield the lines of a head: input modes, and below them the kinds of each."""
    modes, rules, first = [], [], 2
    for inputs in dict.fromkeys(inputs for inputs, _ in columns):
        count = sum(mode == inputs for mode, _ in columns)
        modes.append(rf"\multicolumn{{{count}}}{{c}}{{{escapes.latex(inputs_label(inputs))}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    yield f"    & {' & '.join(modes)} " + r"\\"
    yield f"    {' '.join(rules)}"
    yield f"    & {' & '.join(escapes.latex(kind_label(kind)) for _, kind in columns)} " + r"\\"


def _body(table: Table, columns: _Columns) -> Iterator[str]:
    """Yield the rows, those of a block under its name."""
    cells, block = table.cells, None
    for row_block, row in table.rows:
        if row_block != block:
            yield r"    \midrule"
            block = row_block
            if block:
                yield rf"    \multicolumn{{{len(columns) + 1}}}{{@{{}}l}}{{\emph{{{escapes.latex(block)}}}}} \\"
        keys = [(row_block, row, *column) for column in columns]
        values = [_cell(cells.get(key), key in table.best, table.degenerate.get(key, 0) > 0) for key in keys]
        yield f"    {escapes.latex(row)} & " + " & ".join(values) + r" \\"


def _cell(cell: tuple[float, float] | None, bold: bool, degenerate: bool) -> str:
    """Return a cell: the deviation smaller and without its zero, so that six columns fit."""
    if cell is None:
        return "--"
    mean, deviation = cell
    text = number(mean, minus="-")
    text = rf"\mathbf{{{text}}}" if bold else text
    if not math.isnan(deviation):
        text += rf"\,{{\scriptstyle\pm{number(deviation).removeprefix('0')}}}"
    dagger = r"^{\dagger}" if degenerate else ""
    return f"${text}{dagger}$"
