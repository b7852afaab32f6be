"""Tables of splits: files, CSV or JSON (a list of objects), with a row for each unit of the split layers.

=========  =========================================================================================================
column     meaning
=========  =========================================================================================================
layer      the layer's name, or its number
unit       the number of the unit in its layer, from 0
module     the name of its task, of several with ``+`` between, empty for none; other names are those of communities
network    which network the row is of, as its file is called; without this column, rows are of every network
=========  =========================================================================================================
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..escapes import cell, uncell
from ..faults import name_faults, shown
from ..files import atomic
from .method import FILE

COLUMNS = ("layer", "unit", "module")
"""The columns that every file has."""

NETWORK = "network"
"""The column that a file of several networks has."""

Row = Mapping[str, Any]


def label_of(path: str | Path) -> str:
    """Return how tables call the split of a file.

    Raises:
        ValueError: the name of the file is none that can be shown.

    Example:
        >>> label_of("splits/mine.csv")
        'file:mine'
    """
    name = Path(path).stem
    for fault in name_faults(f"{path}: name of a file", name):
        raise ValueError(str(fault))
    return f"{FILE}:{name}"


def read_rows(path: str | Path) -> list[Row]:
    """Read the rows of a file, as they are written there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no such table; the message says what was expected.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise ValueError(f"{path}: expected a split as CSV (*.csv) or JSON (*.json), found {path.name!r}")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file of a split, found nothing")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets write a mark before it
        rows = _rows_of_csv(text) if path.suffix == ".csv" else _rows_of_json(text)
    except (ValueError, RecursionError, csv.Error) as error:  # text of another encoding is a ValueError
        raise ValueError(f"{path}: expected a table with columns {', '.join(COLUMNS)}, found {error}") from None
    require_columns(rows, str(path))
    return rows


def require_columns(rows: Sequence[Row], where: str) -> None:
    """Raise ValueError unless there are rows, each with the columns that every row has.

    Args:
        rows: the rows.
        where: where they are from, for the message.
    """
    if not rows:
        raise ValueError(f"{where}: expected a row for each unit, with columns {', '.join(COLUMNS)}, found none")
    for number, row in enumerate(rows, 1):
        if missing := [column for column in COLUMNS if column not in row]:
            columns = f"{', '.join(map(str, row))} without {' and '.join(missing)}"
            raise ValueError(f"{where}, row {number}: expected columns {', '.join(COLUMNS)}, found {columns}")


def _rows_of_csv(text: str) -> list[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{name: uncell(value or "") for name, value in row.items() if name is not None} for row in reader]


def _rows_of_json(text: str) -> list[Row]:
    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f'no list of objects such as {{"layer": "hidden1", "unit": 0, "module": "a"}}: {shown(rows)}')
    return rows


def write_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Write rows to a file, CSV or JSON by its ending, whole or not at all.

    Raises:
        ValueError: the ending is another.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".csv", ".json"):
        raise ValueError(f"{path}: expected a file *.csv or *.json for a split, found {path.name!r}")
    if path.suffix == ".csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, list(rows[0]) if rows else COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: cell(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows)
        text = file.getvalue()
    else:
        text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def networks_of(rows: Iterable[Row]) -> list[str]:
    """Return the networks that rows name, none if they are of every network."""
    return list(dict.fromkeys(str(row[NETWORK]) for row in rows if NETWORK in row))
