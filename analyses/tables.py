"""Tables of a paper: first the numbers, as a tidy frame, then their text in Markdown, LaTeX and CSV.

Means and deviations are over networks, that is over the seeds of training; tasks are averaged before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import or_
from pathlib import Path

import pandas as pd

from spatialgraph import escapes
from spatialgraph.files import atomic

from .best import Best, best_kind, best_method, best_said, scores_alone
from .columns import DEFAULT_METHOD, FULL
from .evidence import Evidence
from .fair import is_sweep
from .frames import to_csv
from .keeps import keeps, keeps_markdown
from .labels import METRICS, ablation_label, inputs_label, kind_in_text, slug
from .latex import latex
from .results import Results
from .wording import counted, listed, markdown_table, number

FULL_ROW, SPLIT_ROW, DROP_ROW = "Full network", "Split network", "Accuracy drop"
"""The rows of Table 1."""

Key = tuple[str, str, str, str]
"""A cell: block, row, inputs and kind."""

_ACCURACY, _DROP = "accuracy", "accuracy-drop"
_MEASURES = (_DROP, "modularity", "cut")


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a table.

    Attributes:
        name: the name of its files, without an ending.
        caption: what the numbers are, one or two sentences.
        numbers: one row per cell, with columns block, row, inputs, kind, mean, sd (the sample standard deviation, NaN
            for one network), n (networks) and degenerate (how many of them have a degenerate split). Rows and columns
            of the table stand in the order in which they come.
        best: the cells that are marked as the best, see `best`.
        notes: what stands below the table, sentences: marks, and what it leaves out.
    """

    name: str
    caption: str
    numbers: pd.DataFrame
    best: frozenset[Key] = frozenset()
    notes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """The columns of the table: input mode and kind."""
        return list(dict.fromkeys(zip(self.numbers["inputs"], self.numbers["kind"], strict=True)))

    @cached_property
    def groups(self) -> list[tuple[str, list[str]]]:
        """The input modes with their kinds: the columns under one heading."""
        modes = dict.fromkeys(inputs for inputs, _ in self.columns)
        return [(mode, [kind for inputs, kind in self.columns if inputs == mode]) for mode in modes]

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """The rows of the table: block and row."""
        return list(dict.fromkeys(zip(self.numbers["block"], self.numbers["row"], strict=True)))

    @cached_property
    def spread(self) -> str:
        """What the numbers of the cells are, a sentence."""
        counts = sorted(set(self.numbers["n"]))
        if counts == [1]:
            return "One seed."
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"Mean ± sample standard deviation over {seeds} seeds."

    @cached_property
    def degenerate(self) -> dict[Key, int]:
        """How many splits of each cell are degenerate, where any are."""
        own = self.numbers[self.numbers["degenerate"] > 0]
        keys = zip(own["block"], own["row"], own["inputs"], own["kind"], strict=True)
        return dict(zip(keys, own["degenerate"], strict=True))

    @cached_property
    def cells(self) -> dict[Key, tuple[float, float]]:
        """The mean and the deviation of every cell, by block, row, inputs and kind."""
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
        FULL_ROW: accuracy[accuracy["split"] == FULL],
        SPLIT_ROW: accuracy[(accuracy["split"] == method) & (accuracy["ablation"] == ablation)],
        DROP_ROW: drop[(drop["split"] == method) & (drop["ablation"] == ablation)],
    }
    caption = (
        f"Accuracy on held-out examples before and after the split (method: {method}; units of other tasks disabled: "
        f"{ablation_label(ablation)}), averaged over tasks."
    )
    asked = {FULL_ROW: (_ACCURACY, FULL, "", 1), SPLIT_ROW: (_ACCURACY, method, ablation, 1)}
    asked |= {DROP_ROW: (_DROP, method, ablation, -1)}
    of_rows = {row: best_kind(results, *measure) for row, measure in asked.items()}
    marked = frozenset(("", row, inputs, kind) for row, best in of_rows.items() for _, inputs, kind in best.cells)
    said = best_said(reduce(or_, of_rows.values()), kind_in_text(results.reference))
    more = (
        [f"Other ablations, in tables of their own: {listed(others)}."] if (others := _other(results, ablation)) else []
    )
    rows = [("", row, values) for row, values in parts.items()]
    return _table(results, f"table1-{slug(ablation)}", caption, rows, marked, [said, *more])


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
    for metric in _MEASURES:
        scores = results.per_network(metric)
        scores = scores[scores["ablation"] == (ablation if metric == _DROP else "")]
        parts += [(METRICS[metric], method, scores[scores["split"] == method]) for method in results.methods]
    caption = (
        f"Split methods: accuracy lost (units of other tasks disabled: {ablation_label(ablation)}), modularity, and "
        "share of the connection strength between modules."
    )
    best = best_method(results, ablation, default_method(results)) if results.methods else Best()
    marked = frozenset((METRICS[_DROP], *cell) for cell in best.cells)
    said = best_said(best, f"`{default_method(results)}`" if results.methods else "").replace("`", "")
    if best.cells:
        said += " Modularity and cut are not marked: some methods optimise them."
    left = "Left out: other measures (summary.csv), and what chance gives (nulls.csv)."
    return _table(results, f"methods-{slug(ablation)}", caption, parts, marked, [said, left])


def all_tables(results: Results, method: str | None = None) -> Iterator[Table]:
    """Yield every table that has numbers: Table 1, of a split method, and the split methods, for each ablation."""
    for ablation in results.ablations:
        for table in (table_one(results, ablation, method), methods_table(results, ablation)):
            if len(table.numbers):
                yield table


def write_tables(results: Results, out: str | Path, method: str | None = None) -> list[Path]:
    """Write every table as Markdown, LaTeX and CSV, each file whole or not at all.

    Args:
        results: the results.
        out: the folder to write to, made if it is missing.
        method: the split method of Table 1; `default_method` if None.

    Returns:
        the files: ``table1-<ablation>`` and ``methods-<ablation>``, with the endings md, tex and csv; and where kinds
        have doses, ``kinds.md`` and ``kinds.csv``: what each keeps at equal accuracy, see `keeps`.
    """
    written = []
    for table in all_tables(results, method):
        for ending, render in (("md", markdown), ("tex", latex), ("csv", csv)):
            path = Path(out) / f"{table.name}.{ending}"
            with atomic(path) as temporary:
                temporary.write_text(render(table), encoding="utf-8", newline="\n")
            written.append(path)
    evidence = Evidence.of(results) if method is None else Evidence.of(results).with_method(method)
    if is_sweep(evidence):
        for ending, text in (("md", keeps_markdown(evidence)), ("csv", to_csv(keeps(evidence)))):
            path = Path(out) / f"kinds.{ending}"
            with atomic(path) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    return written


def markdown(table: Table) -> str:
    """Return a table as Markdown, its caption first, then its notes; ``–`` is a cell without a score."""
    cells, columns = table.cells, table.columns
    head = [f"{inputs_label(inputs)}, {kind_in_text(kind)}" for inputs, kind in columns]
    lines, block = [], ""
    for row_block, row in table.rows:
        if row_block != block:
            lines.append([f"**{escapes.markdown(row_block)}**", *[""] * len(columns)])
            block = row_block
        keys = [(row_block, row, *column) for column in columns]
        values = [_cell(cells.get(key), key in table.best, table.degenerate.get(key, 0) > 0) for key in keys]
        lines.append([escapes.markdown(row), *values])
    caption = escapes.markdown(f"{table.caption} {table.spread}")
    notes = f"\n{escapes.markdown(' '.join(table.notes))}\n" if table.notes else ""
    return f"{caption}\n\n{markdown_table(['', *map(escapes.markdown, head)], lines)}\n{notes}"


def csv(table: Table) -> str:
    """Return the numbers of a table as CSV, in full precision; the deviation of one network is empty."""
    numbers = table.numbers.rename(columns={"block": "measure"})
    if (numbers["measure"] == "").all():
        numbers = numbers.drop(columns="measure")
    first = [name for name in ("measure", "inputs", "kind", "row") if name in numbers.columns]
    return to_csv(numbers[[*first, "mean", "sd", "n", "degenerate"]])


def _known(name: str, word: str, known: tuple[str, ...], results: Results) -> str:
    if name not in known:
        where = results.folder / "scores.csv"
        raise ValueError(f"{where}: expected {word} that was scored ({', '.join(known)}), found {name!r}")
    return name


def _other(results: Results, ablation: str) -> list[str]:
    return [ablation_label(name) for name in results.ablations if name != ablation]


def _table(
    results: Results,
    name: str,
    caption: str,
    parts: list[tuple[str, str, pd.DataFrame]],
    best: frozenset[Key],
    notes: list[str],
) -> Table:
    """Put the scores of each (block, row) together as a table; a row of which there is no score is left out."""
    keys = ["block", "row", "inputs", "kind"]
    columns = [*keys, "mean", "sd", "n", "degenerate"]
    frames = [values.assign(block=block, row=row) for block, row, values in parts if len(values)]
    numbers = pd.DataFrame(columns=columns)
    if frames:
        values = pd.concat(frames, ignore_index=True)
        wrong = ~values.index.isin(results.without_degenerate(values).index)
        counts = values.assign(degenerate=wrong).groupby(keys, sort=False)["degenerate"].sum()
        numbers = over_networks(values, keys).assign(degenerate=counts.to_numpy())[columns]
    table = Table(name, caption, numbers, best)
    return replace(table, notes=tuple(filter(None, [*notes, *_counted_said(results, table)])))


def _counted_said(results: Results, table: Table) -> Iterator[str]:
    """Say what counts here though it is left out of tests, and what is missing."""
    if table.degenerate:
        yield "†: some splits are degenerate, no task modules; they count here, and in no test."
    lost = scores_alone(results).lost["network"].nunique()
    if lost:
        yield (
            f"{counted(lost)} did not learn a task: it counts here, and in no test."
            if lost == 1
            else (f"{counted(lost)} did not learn a task: they count here, and in no test.")
        )
    if len(table.numbers) < len(table.rows) * len(table.columns):
        yield "–: no score, as the method does not apply or the measure is of partitions alone."


def _cell(cell: tuple[float, float] | None, bold: bool, degenerate: bool) -> str:
    if cell is None:
        return "–"
    mean, deviation = cell
    text = number(mean, minus="-") + ("" if math.isnan(deviation) else f" ± {number(deviation)}")
    return (f"**{text}**" if bold else text) + ("†" if degenerate else "")
