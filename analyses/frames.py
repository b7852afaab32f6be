"""Tables as CSV: the one way in which frames are written, and read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from spatialgraph.escapes import cell, uncell


def to_csv(frame: pd.DataFrame, float_format: str | None = None, *, header: bool = True) -> str:
    r"""Return a frame as CSV. Text that spreadsheets take for a formula gets an apostrophe; `read_csv` takes it away.

    Args:
        frame: texts and numbers; numbers stay as they are, of whatever sign.
        float_format: how numbers that are not whole are written, as many digits as they have if None.
        header: whether the names of the columns stand first.

    Example:
        >>> to_csv(pd.DataFrame({"kind": ["=1+1"], "value": [-0.5]}))
        "kind,value\n'=1+1,-0.5\n"
    """
    texts = {str(name): _cells(column) for name, column in frame.items() if not is_numeric_dtype(column)}
    return frame.assign(**texts).to_csv(index=False, lineterminator="\n", float_format=float_format, header=header)


def read_csv(path: Path) -> pd.DataFrame:
    """Return the texts that a table of CSV holds, ``""`` where a cell is empty; nothing else is taken for missing.

    Raises:
        ValueError: the file is no table.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    escaped = [name for name in table.columns if table[name].str.startswith("'").any()]
    return table.assign(**{name: table[name].map(uncell) for name in escaped})


def _cells(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column whose texts are cells; its numbers stay as they are."""
    values = [cell(value) if isinstance(value, str) else value for value in column]
    return pd.Series(values, index=column.index, dtype=object)
