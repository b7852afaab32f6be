"""What the page says of the whole run: its summary, its table, and the rows of ``scores.csv`` behind every number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt

import spatialgraph
from spatialgraph import escapes
from spatialgraph.graph.plane import MIN_INPUT_STRENGTH
from spatialgraph.splits import summary_of

from ..columns import FULL
from ..frames import read_csv
from ..headline import Headline, functional_ablation
from ..labels import METRICS, ablation_label, family, inputs_label, kind_label
from ..results import Results, numbers
from .packing import Pack

MEASURES = ("accuracy", "accuracy-drop", "leaked-accuracy", "modularity", "cut")
"""The metrics of the table."""

_WHOLE = "Accuracy of the whole network"
_CELL = ("kind", "inputs", "split", "ablation", "metric")
_NUMBERS = ("n", "mean", "low", "high")


def content(results: Results, cells: pd.DataFrame, told: Headline, method: str) -> dict[str, Any]:
    """Return what the page says of the run, as JSON can hold it.

    Args:
        results: the results.
        cells: rows of ``summary.csv``: means over seeds with their intervals.
        told: the sentence that the page opens with, and the networks that it is about.
        method: the split method that the page opens with: the one that findings are told of.
    """
    return {
        "run": _title(results),
        "version": spatialgraph.__version__,
        "inputs": _labelled(results.inputs, inputs_label),
        "kinds": _labelled(results.kinds, kind_label),
        "ablations": _labelled(results.ablations, ablation_label),
        "methods": [{"name": name, "about": summary_of(name)} for name in results.methods],
        "method": method,
        "ablation": functional_ablation(results.ablations),
        "reference": results.reference,
        "opening": {"inputs": told.inputs, "kind": told.kinds[1] if told.kinds else ""},
        "latex": escapes.LATEX,
        "leastInput": MIN_INPUT_STRENGTH,
        "measures": [{"name": "", "label": _WHOLE}, *_labelled(MEASURES, METRICS.__getitem__)],
        "members": json.loads(results.members.to_json(orient="records")),
        "cells": _cells(cells),
        "groups": [list(group) for group in dict.fromkeys(zip(*_columns(results.members), strict=True))],
    }


def read_cells(path: Path) -> pd.DataFrame:
    """Read ``summary.csv``: means over seeds with their intervals.

    Raises:
        ValueError: the file is not what an analysis writes.
    """
    table = read_csv(path)
    missing = [name for name in (*_CELL, *_NUMBERS) if name not in table.columns]
    if missing:
        raise ValueError(f"{path}: expected the columns {', '.join(missing)}, found {', '.join(table.columns)}")
    if "degenerate" not in table:  # written by an earlier version, which counted none
        table["degenerate"] = "0"
    return table.assign(**{name: numbers(table[name], path) for name in (*_NUMBERS, "degenerate")})


def _title(results: Results) -> str:
    """Return what the run is called: its folder's name, or if that says nothing, the name of the folder around it."""
    run = results.run.resolve()
    return run.parent.name if run.name == "run" else run.name


def _labelled(names: tuple[str, ...], label: Callable[[str], str]) -> list[dict[str, str]]:
    return [{"name": name, "label": label(name)} for name in names]


def is_of_paper(results: Results) -> bool:
    """Return whether networks of the run were trained as those of the paper that the page cites were."""
    spatial = results.members[results.members["kind"].map(family) == "spatial"]
    return any("experiment" in results.network(name).metadata for name in spatial["network"])


def _columns(members: pd.DataFrame) -> tuple[list[str], list[str]]:
    return members["inputs"].tolist(), members["kind"].tolist()


def _cells(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the cells of the table: mean, interval, and how many seeds and degenerate splits there are."""
    shown = cells["metric"].isin(MEASURES) & ((cells["split"] != FULL) | (cells["metric"] == "accuracy"))
    rows: list[dict[str, Any]] = json.loads(
        cells.loc[shown, [*_CELL, *_NUMBERS, "degenerate"]].to_json(orient="records", double_precision=6)
    )
    return rows


def behind(results: Results) -> tuple[dict[str, list[str]], Pack]:
    """Return the rows of ``scores.csv`` that the table's numbers are means of.

    Returns:
        names, the values of the columns that are texts; and the packed columns: ``line``, the row's line of the file,
        ``value``, and of every text the place in its names.
    """
    scores = results.scores
    rows = scores[scores["metric"].isin(MEASURES)]
    names, pack = dict[str, list[str]](), Pack()
    for column in ("network", "split", "ablation", "metric", "task"):
        codes, known = pd.factorize(rows[column])
        names[column] = known.tolist()
        pack.add(column, codes.astype(np.uint16))
    # Of the lines of a table the first is its heading; no value of it has several lines.
    pack.add("line", (rows.index.to_numpy() + 2).astype(np.uint32))
    pack.add("value", rows["value"].to_numpy(np.float64))
    return names, pack


def html(markdown: str) -> list[tuple[str, str]]:
    r"""Return the sections of a summary as HTML, each its title and its text.

    Text in it that looks like HTML is shown as it stands.

    Example:
        >>> html("# Summary\n\n## What holds\n\n**All** of <it>.\n")
        [('What holds', '<p><strong>All</strong> of &lt;it&gt;.</p>\n')]
    """
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    sections = markdown.split("\n## ")[1:]
    parts = (section.partition("\n") for section in sections)
    return [(title.strip(), renderer.render(text.strip())) for title, _, text in parts]
