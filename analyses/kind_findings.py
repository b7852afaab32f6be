"""Findings on kinds of network: how each differs from the reference, and whether that depends on the ablation.

All kinds are compared with one of them, and Holm's correction is for all of these comparisons together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence, Set

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import FULL
from .evidence import DROP, Evidence, Row, differs, mark, records, seen, told_by
from .fair import main_groups, main_groups_said
from .finding import MATTERS, Finding, difference_cell
from .labels import ablation_explained, inputs_label, kind_in_text, kind_label
from .statistics import holm, over_seeds, paired
from .wording import group_name, listed, markdown_table, number

_NAMED = 6  # of more kinds or cells it is said how many there are
_LINES = 24  # of a table before it is cut short: of a grid there may be hundreds

_Cell = tuple[str, str]  # kind, inputs


def kinds_differ(evidence: Evidence) -> Finding | None:
    """Tell in which measures kinds differ from the reference, of the whole network and of the reference split."""
    wanted = {"accuracy of the whole network": ("accuracy", FULL)}
    wanted |= {metric: (metric, evidence.method) for metric in ("modularity", "layered-modularity", "cut")}
    by_title = {title: {_cell_of(row): row for row in evidence.of_kinds(*measure)} for title, measure in wanted.items()}
    columns = {title: own for title, own in by_title.items() if own}
    rows = [row for own in columns.values() for row in own.values()]
    if not any(map(seen, rows)):
        return None
    shown = {row["kind"] for row in rows if seen(row)}
    names = [kind for kind in evidence.others if kind in shown]
    one = kind_in_text(evidence.reference)
    if len(evidence.others) == 1:
        other = kind_in_text(names[0])
        title, of = f"{kind_label(evidence.reference)} and {other} networks differ", f"of {other}"
    else:
        first, *more = names
        what = _some([kind_label(first), *map(kind_in_text, more)], len(evidence.others), "kinds of")
        title, of = f"{what} networks differ from {one} ones", "of the other"
    text = f"**{title}.** Mean of {one} / {of} networks, split by `{evidence.method}`. {told_by(rows)}\n\n" + _table(
        evidence, list(columns), lambda cell: [_both(own.get(cell)) for own in columns.values()]
    )
    rest = [kind_in_text(kind) for kind in evidence.others if kind not in shown]
    if rest:
        text += f"\n\nNot told apart from {one} networks: {_some(rest, len(evidence.others), 'kinds')}."
    return Finding(text, True, hint=not any(map(differs, rows)))


def ablation_matters(evidence: Evidence) -> Finding | None:
    """Tell whether the differences from the reference depend on what disabled neurons emit: their size, or more."""
    changes = _changes(_contrasts(evidence))
    changed = [row for row in changes if seen(row) and abs(row["difference"]) >= MATTERS]
    if not changed:
        return None
    own = {(*_cell_of(row), row["ablation"]): row for row in evidence.of_kinds(DROP, evidence.method)}
    more = {_cell_of(row) for row in changed if _turns(row, own)}
    size = {_cell_of(row) for row in changed} - more
    title = "changes the conclusion" if more else "changes the size of the difference, not its sign"
    parts = [f"It changes whether there is a difference, or its sign, in {_named(evidence, more)}."] if more else []
    parts += [f"It changes its size alone in {_named(evidence, size)}."] if size else []
    other = kind_in_text(evidence.others[0]) if len(evidence.others) == 1 else "other"
    text = (
        f"**The kind of ablation {title}.** {' '.join(parts)}\n\nAccuracy that `{evidence.method}` splits cost, "
        f"{kind_in_text(evidence.reference)} minus {other} networks, by what disabled units emit. "
        f"{told_by(list(own.values()))}\n\n{_contrast_table(evidence, own)}\n\n"
        "How much larger this difference is under one ablation than under another, for every two of them. "
        f"{told_by(changes)}\n\n{_change_table(evidence, changes)}"
    )
    return Finding(text, True, hint=not any(map(differs, changed)))


def _contrast_table(evidence: Evidence, own: Mapping[tuple[str, str, str], Row]) -> str:
    ablations = evidence.results.ablations

    def line(cell: _Cell) -> list[str]:
        return [difference_cell(own.get((*cell, ablation))) for ablation in ablations]

    return _table(evidence, list(map(ablation_explained, ablations)), line)


def _change_table(evidence: Evidence, changes: Sequence[Row]) -> str:
    pairs = list(dict.fromkeys((row["one"], row["other"]) for row in changes))
    by_cell = {(*_cell_of(row), row["one"], row["other"]): row for row in changes}

    def line(cell: _Cell) -> list[str]:
        return [difference_cell(by_cell.get((*cell, *pair))) for pair in pairs]

    return _table(evidence, [" − ".join(pair) for pair in pairs], line)


def _contrasts(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return the accuracy that splits cost, the reference's minus each other kind's.

    Returns:
        kind to a frame with a row for each input mode and seed, a column for each ablation.
    """
    values = over_seeds(evidence.kept[(evidence.kept["metric"] == DROP) & (evidence.kept["split"] == evidence.method)])
    wide = values.set_index(["inputs", "ablation", "unit", "kind"])["value"].unstack("kind")
    if evidence.reference not in wide:
        return {}
    contrasts = {
        kind: (wide[evidence.reference] - wide[kind]).dropna().unstack("ablation")
        for kind in evidence.others
        if kind in wide
    }
    return {kind: own.reindex(columns=list(evidence.results.ablations)) for kind, own in contrasts.items()}


def _changes(contrasts: Mapping[str, pd.DataFrame]) -> list[Row]:
    """Compare the difference from the reference under every two ablations, seed by seed, for each kind and input mode.

    Args:
        contrasts: see `_contrasts`.

    Returns:
        the columns of `paired`, p_holm and comparisons, of all together; kind and inputs; one and other, the
        ablations, in the order of columns.
    """
    asked: list[tuple[str, str, str, str]] = []
    sides: list[NDArray[np.float64]] = []  # of each its two sides, ``(2, seeds)``
    for kind, table in contrasts.items():
        for inputs in table.index.unique("inputs"):
            own = table.xs(inputs, level="inputs")
            values = dict(zip(own.columns, own.to_numpy(np.float64).T, strict=True))
            for one, other in itertools.combinations(values, 2):
                both = np.array([values[one], values[other]])
                both = both[:, ~np.isnan(both).any(axis=0)]
                if both.size:
                    asked.append((kind, inputs, one, other))
                    sides.append(both)
    if not asked:
        return []
    seeds = np.array([both.shape[1] for both in sides])
    parts = []
    for n in np.unique(seeds):  # all of as many seeds at once
        rows = np.flatnonzero(seeds == n)
        first, second = np.stack([sides[row] for row in rows], axis=1)
        parts.append(paired(first, second).set_index(rows))
    changes = pd.concat(parts).sort_index().join(pd.DataFrame(asked, columns=["kind", "inputs", "one", "other"]))
    p = changes["p"].to_numpy(np.float64)
    return records(changes.assign(p_holm=holm(p), comparisons=np.count_nonzero(~np.isnan(p))))


def _turns(change: Row, own: Mapping[tuple[str, str, str], Row]) -> bool:
    """Return whether the difference has another sign under another ablation, or is seen under one of them alone."""
    one, other = (own[*_cell_of(change), change[side]] for side in ("one", "other"))
    return bool(np.sign(one["difference"]) * seen(one) != np.sign(other["difference"]) * seen(other))


def _cell_of(row: Row) -> _Cell:
    """Return the kind that a row compares with the reference, and the input mode."""
    return row["kind"], row["inputs"]


def _cells(evidence: Evidence) -> dict[_Cell, str]:
    """Return the cells that are compared with the reference, in the order of tables, and the name of each.

    If there is a single kind, that is the input mode.
    """
    if len(evidence.others) == 1:
        return {(evidence.others[0], mode): inputs_label(mode) for mode in evidence.results.inputs}
    groups = set(main_groups(evidence))
    cells = itertools.product(evidence.results.inputs, evidence.others)
    return {(kind, mode): group_name(kind, mode) for mode, kind in cells if (kind, mode) in groups}


def _table(evidence: Evidence, head: Sequence[str], line: Callable[[_Cell], Sequence[str]]) -> str:
    """Return a table with a line for each cell that is compared; of many, the first."""
    cells = _cells(evidence)
    first = "inputs" if len(evidence.others) == 1 else "networks"
    lines = [[name, *line(cell)] for cell, name in itertools.islice(cells.items(), _LINES)]
    more = f"\n\n{len(cells) - _LINES} more cells are not shown." if len(cells) > _LINES else ""
    said = main_groups_said(evidence, "comparisons.csv").strip()
    return markdown_table([first, *head], lines) + (f"\n\n{said}" if said else "") + more


def _named(evidence: Evidence, cells: Set[_Cell]) -> str:
    known = _cells(evidence)
    return _some([name for cell, name in known.items() if cell in cells], len(known), "cells")


def _some(names: Sequence[str], of: int, word: str) -> str:
    """Return names as a part of a sentence, of many how many there are."""
    return listed(names) if len(names) <= _NAMED else f"{len(names)} of {of} {word}"


def _both(row: Row | None) -> str:
    return "–" if row is None else f"{number(row['mean_one'])} / {number(row['mean_other'])}{mark(row)}"
