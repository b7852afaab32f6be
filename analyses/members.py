"""What is known of each network besides its scores: ``networks.csv``, a row for each network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .doses import DOSE_COLUMNS, Described, described, doses, in_label
from .frames import read_csv

MEMBER_COLUMNS = (
    *("run", "network", "kind", "inputs", "seed", *DOSE_COLUMNS[1:]),
    *("settings", "validation_accuracy", "strength"),
)
"""The columns of ``networks.csv``: settings are JSON, validation_accuracy is the mean over tasks, 0 to 1, and strength
the total strength of the split layers, see `total.total_strength`; the last two are empty where they are not known."""

FILE = "networks.csv"

_NUMBERS = ("dose", "validation_accuracy", "strength")


def member_row(known: Mapping[str, object], metadata: Mapping[str, Any]) -> dict[str, object]:
    """Return what is known of one network alone; `with_doses` makes a row of ``networks.csv`` of it.

    Args:
        known: run, network, kind, inputs, seed and strength.
        metadata: those of the network's file.
    """
    one = described({**metadata, "kind": known["kind"]})
    return {**known, "validation_accuracy": _mean(metadata.get("validation_accuracy")), "described": one}


def with_doses(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return ``networks.csv`` of what `member_row` returned; of equal kinds, the first network says the settings."""
    rows = list(rows)
    kinds: dict[str, Described] = {}
    for row in rows:
        kinds.setdefault(str(row["kind"]), row["described"])
    settings = {kind: json.dumps(dict(one.settings), ensure_ascii=False) for kind, one in kinds.items()}
    table = pd.DataFrame(rows).merge(doses(kinds), on="kind", how="left")
    return table.assign(settings=table["kind"].map(settings))[list(MEMBER_COLUMNS)]


def from_labels(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what scores alone say of their networks: doses by the labels of kinds, and no numbers.

    Args:
        scores: rows with the columns of ``scores.csv``.
    """
    members = scores[["run", "network", "kind", "inputs", "seed"]].drop_duplicates("network")
    known = doses({str(kind): in_label(str(kind)) for kind in members["kind"].unique()})
    table = members.merge(known, on="kind", how="left").assign(settings="", validation_accuracy=np.nan, strength=np.nan)
    return table[list(MEMBER_COLUMNS)]


def read_members(folder: Path, scores: pd.DataFrame) -> pd.DataFrame:
    """Return ``networks.csv`` of an analysis; of one of an earlier version, which has none, what scores say.

    Raises:
        ValueError: the file lacks a column, or has texts for numbers.
    """
    path = folder / FILE
    if not path.is_file():
        return from_labels(scores)
    table = read_csv(path)
    missing = [name for name in MEMBER_COLUMNS if name not in table.columns]
    if missing:
        expected, found = ", ".join(MEMBER_COLUMNS), ", ".join(map(str, table.columns))
        raise ValueError(f"{path}: expected columns {expected}; {', '.join(missing)} missing, found {found}")
    for name in _NUMBERS:
        table[name] = pd.to_numeric(table[name].replace("", np.nan), errors="coerce").astype(float)
    return table


def _mean(accuracies: object) -> float:
    """Return the mean of numbers; NaN if there are none."""
    try:
        return float(np.mean(np.asarray(accuracies, np.float64)))
    except (TypeError, ValueError):
        return np.nan
