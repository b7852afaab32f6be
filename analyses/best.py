"""The best cells of tables: those that differ by a corrected test from what they are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from .evidence import DROP, Evidence, Row, are_controls, can_tell, differs, flipped, planned, records
from .results import Results
from .statistics import LEVEL, compare_kinds, compare_methods

Cell = tuple[str, str, str]
"""A cell of a row, or of a block: what stands in the row (of methods), the input mode and the kind."""


@dataclass(frozen=True)
class Best:
    """The best cells of a row or a block of a table.

    Attributes:
        cells: those that differ.
        tested: how many comparisons were tested.
        able: whether a test could have told any difference with so many seeds.
    """

    cells: frozenset[Cell] = frozenset()
    tested: int = 0
    able: bool = False

    def __or__(self, other: Best) -> Best:
        """Return the best cells of both."""
        return Best(self.cells | other.cells, self.tested + other.tested, self.able or other.able)


def best_kind(results: Results, metric: str, split: str, ablation: str, sign: int) -> Best:
    """Return the best kind of each input mode, if it differs from the reference, or the reference from all others.

    Args:
        results: the results.
        metric: the measure.
        split: the split method.
        ablation: the ablation; ``""`` for none.
        sign: 1 if a large value is good, −1 if a small one is.
    """
    table = _kinds_compared(results, split)
    found = records(table[(table["metric"] == metric) & (table["ablation"] == ablation) & (table["n"] > 0)])
    cells = set[Cell]()
    for inputs in dict.fromkeys(row["inputs"] for row in found):
        own = [row for row in found if row["inputs"] == inputs]
        best = _best([(row["other"], -sign * row["difference"], row) for row in own], results.reference)
        cells |= {("", inputs, best)} if best else set()
    return _of(cells, found)


def best_method(results: Results, ablation: str, main: str) -> Best:
    """Return the method that costs least accuracy of each kind and input mode, if it differs from the main method.

    The main method is best if it costs less than all others. Controls have no part in it.
    """
    table, cells, found = _methods_compared(results), set[Cell](), list[Row]()
    table = table[(table["ablation"] == ablation) & (table["n"] > 0)]
    table = table[(table["one"] == main) | (table["other"] == main)]
    for (kind, inputs), own in table.groupby(["kind", "inputs"], sort=False):
        asked = [flipped(row, main) for row in planned(records(own))]
        best = _best([(row["other"], row["difference"], row) for row in asked], main)
        cells |= {(best, str(inputs), str(kind))} if best else set()
        found += asked
    return _of(cells, found)


@lru_cache(maxsize=8)  # tables of all ablations ask for it
def _kinds_compared(results: Results, split: str) -> pd.DataFrame:
    """Compare kinds in the accuracies of whole networks, or in those of a split and what it costs."""
    rows = telling_scores(results)
    return compare_kinds(rows[rows["metric"].isin(["accuracy", DROP]) & (rows["split"] == split)], results.reference)


@lru_cache(maxsize=4)
def _methods_compared(results: Results) -> pd.DataFrame:
    """Compare split methods, other than controls, in what they cost."""
    rows = telling_scores(results)
    rows = rows[rows["metric"] == DROP]
    return compare_methods(rows[~are_controls(rows["split"])])


@lru_cache(maxsize=4)  # every row of a table rests on them
def telling_scores(results: Results) -> pd.DataFrame:
    """Return the scores on which tests rest: without degenerate splits and what says nothing."""
    return results.without_degenerate(scores_alone(results).telling(results.scores))


@lru_cache(maxsize=4)  # every table asks for it
def scores_alone(results: Results) -> Evidence:
    """Return the evidence of scores, without null models and what else their folder has."""
    return Evidence(results.scores)


def best_said(best: Best, against: str) -> str:
    """Say which cells are bold, or why none is; ``""`` if there is nothing to compare."""
    if best.cells:
        return (
            f"Bold: the best, where it differs from {against} (p ≤ {LEVEL} by sign flips, paired by seed, corrected by "
            "Holm's method)."
        )
    if not best.tested and not best.able:
        return ""
    why = f"nothing is told apart from {against}" if best.able else "too few seeds for a test"
    return f"Nothing is bold: {why}."


def _best(compared: Sequence[tuple[str, float, Row]], reference: str) -> str:
    """Return what gains most beside a reference and differs; the reference if all differ and lose; else ``""``.

    Args:
        compared: of each other its name, its gain, and the comparison.
        reference: the name of the reference.
    """
    better = [(gain, name) for name, gain, row in compared if differs(row) and gain > 0]
    if better:
        return max(better, key=lambda pair: pair[0])[1]
    return reference if compared and all(differs(row) and gain < 0 for _, gain, row in compared) else ""


def _of(cells: Iterable[Cell], found: Sequence[Row]) -> Best:
    return Best(frozenset(cells), len(found), any(map(can_tell, found)))
