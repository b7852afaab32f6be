"""A choice of kinds: figures and tables show these alone, whatever else a grid of settings has."""

import re

import pandas as pd
import pytest

from spatialgraph.analyses.figures import draw, drawings
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import all_tables, write_tables
from spatialgraph.analyses.terminal import terminal_table_one

REGULAR, LITTLE, MUCH = KINDS = ("regular", "spatial α=2 β=3", "spatial α=10 β=3")


@pytest.mark.parametrize(
    ("patterns", "kinds"),
    [
        ([MUCH], [MUCH]),
        ([MUCH, REGULAR], [REGULAR, MUCH]),  # in the order of all kinds
        (["spatial*"], [LITTLE, MUCH]),
        (["*β=3", "reg*", "spatial*"], KINDS),
        (["*α=[12] *"], [LITTLE]),
        (["spatial α=?? β=3"], [MUCH]),
    ],
)
def test_kinds_are_chosen_by_name_and_by_pattern(grid, patterns, kinds):
    chosen = grid.of_kinds(patterns)
    assert chosen.kinds == tuple(kinds)
    expected = grid.members[grid.members["kind"].isin(kinds)].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen.members, expected)
    assert set(chosen.splits) == set(expected["network"])
    assert grid.kinds == KINDS


def test_a_name_is_meant_as_it_stands(grid):
    named = Results(
        grid.folder, grid.scores.replace({"kind": {LITTLE: "mine [a]", MUCH: "mine*"}}), grid.splits, grid.run
    )
    assert named.of_kinds(["mine [a]"]).kinds == ("mine [a]",)
    assert named.of_kinds(["mine*"]).kinds == ("mine*",)
    assert named.of_kinds(["mine?*"]).kinds == ("mine [a]", "mine*")


def test_kinds_that_the_results_lack(grid):
    known = re.escape(", ".join(KINDS))
    with pytest.raises(ValueError, match=rf"^unknown kind 'spatial'; known: {known}$"):
        grid.of_kinds(["regular", "spatial"])
    with pytest.raises(ValueError, match=rf"^unknown kind 'Reg\*'; known: {known}$"):
        grid.of_kinds(["Reg*"])
    with pytest.raises(ValueError, match=r"^kinds: expected names of kinds of network, found none$"):
        grid.of_kinds([])


def test_what_is_written_is_of_the_kinds_chosen(grid, tmp_path):
    chosen = grid.of_kinds([REGULAR, MUCH])
    written = draw(chosen, tmp_path, ["svg"], only=["agreement", "masking", "nulls"])
    written += write_tables(chosen, tmp_path)
    numbers = [path for path in written if path.suffix == ".csv"]
    assert len(numbers) == 4 + 2 * len(grid.ablations)
    for path in numbers:
        assert set(pd.read_csv(path)["kind"]) == {REGULAR, MUCH}, path.name
    for path in written:
        if path.suffix in (".md", ".txt"):
            assert "α=2" not in path.read_text(encoding="utf-8"), path.name
    assert "α=2" not in str(terminal_table_one(chosen, 80))


def test_numbers_of_a_kind_do_not_depend_on_its_company(grid):
    alone, beside = ({t.name: t.numbers for t in all_tables(results)} for results in (grid.of_kinds([MUCH]), grid))
    assert set(alone) == set(beside)
    for name, numbers in alone.items():
        same = beside[name][beside[name]["kind"] == MUCH].reset_index(drop=True)
        pd.testing.assert_frame_equal(numbers.reset_index(drop=True), same)
    for name in ("masking", "nulls", "selectivity"):
        for drawing, more in zip(drawings(grid.of_kinds([MUCH]), name), drawings(grid, name), strict=True):
            same = more.numbers[more.numbers["kind"] == MUCH].reset_index(drop=True)
            pd.testing.assert_frame_equal(drawing.numbers.reset_index(drop=True), same)
