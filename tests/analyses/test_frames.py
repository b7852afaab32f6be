"""Tables as CSV: names come back as they were, numbers stay as they are."""

import csv

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.frames import read_csv, to_csv

NAMES = ["=HYPERLINK(1)", "+1", "-1", "@a", "'=1", "", "plain", 'a "b", c', "NA"]


def test_names_come_back(tmp_path):
    table = pd.DataFrame({"kind": NAMES, "value": range(len(NAMES))})
    (tmp_path / "table.csv").write_text(to_csv(table), encoding="utf-8")
    assert read_csv(tmp_path / "table.csv")["kind"].tolist() == NAMES


def test_no_cell_of_text_begins_like_a_formula(tmp_path):
    (tmp_path / "table.csv").write_text(to_csv(pd.DataFrame({"kind": NAMES}, dtype=object)), encoding="utf-8")
    with (tmp_path / "table.csv").open(newline="") as file:
        formulas = {row[0] for row in csv.reader(file) if row and row[0].startswith(tuple("=+-@"))}
    assert formulas <= {"+1", "-1"}  # numbers, which do no harm


@pytest.mark.parametrize("dtype", [object, None])
def test_ordinary_tables_are_written_as_pandas_does(dtype):
    rows = {"name": ["a", "b"], "seed": [2**63 + 1, None], "value": [-0.25, np.nan], "n": [1, -2]}
    table = pd.DataFrame(rows, dtype=dtype)
    assert to_csv(table, "%.6g") == table.to_csv(index=False, lineterminator="\n", float_format="%.6g")


def test_a_table_without_rows():
    assert to_csv(pd.DataFrame(columns=["a", "b"])) == "a,b\n"
