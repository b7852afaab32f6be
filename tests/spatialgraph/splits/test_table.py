"""Tables of splits: files that are none, names that spreadsheets would compute."""

import pytest

from spatialgraph.splits.table import label_of, read_rows, write_rows


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv: expected a file of a split, found nothing"):
        read_rows(tmp_path / "gone.csv")
    for write_or_read in (read_rows, lambda path: write_rows(path, [])):
        with pytest.raises(ValueError, match=r"mine\.txt: expected .*, found 'mine\.txt'"):
            write_or_read(tmp_path / "mine.txt")
    path = tmp_path / "mine.json"
    for text in ("{}", "[1]", "{", "[" * 100_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"mine\.json: expected a table with columns layer, unit, module, found "):
            read_rows(path)
    (tmp_path / "mine.csv").write_bytes(b"layer,unit,module\n\xff,0,a\n")
    with pytest.raises(ValueError, match=r"mine\.csv: expected a table with columns .*'utf-8' codec can't decode"):
        read_rows(tmp_path / "mine.csv")


def test_names_that_look_like_formulas_are_escaped_and_come_back(tmp_path):
    rows = [{"layer": "=1+1", "unit": 0, "module": "-a"}, {"layer": "=1+1", "unit": 1, "module": ""}]
    write_rows(tmp_path / "mine.csv", rows)
    assert (tmp_path / "mine.csv").read_text() == "layer,unit,module\n'=1+1,0,'-a\n'=1+1,1,\n"
    assert read_rows(tmp_path / "mine.csv") == [{**row, "unit": str(row["unit"])} for row in rows]
    write_rows(tmp_path / "mine.json", rows)
    assert read_rows(tmp_path / "mine.json") == rows


def test_a_file_whose_name_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match=r"expected a name in one line, without blanks around it, found 'a.nb'"):
        label_of("a\nb.csv")
