"""Results on a terminal: their numbers, and that no line is longer than the terminal is wide."""

import io

import pytest
from results_builder import build_results
from rich.console import Console

from spatialgraph.analyses.results import FULL, Results
from spatialgraph.analyses.terminal import terminal_table_one


def rendered(renderable, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return Results.load(build_results(folder, inputs=("mix", "concatenate", "sequential"), seeds=(0, 1, 2)))


def test_table_one_is_shown_within_80_columns(built):
    lines = rendered(terminal_table_one(built)).splitlines()
    assert max(map(len, lines)) <= 80
    assert "Accuracy before and after the split (greedy)" in lines[0]
    assert lines[1].split() == ["Concatenation", "Mixing", "Sequential"]
    assert lines[2].split() == ["Regular", "Spatial"] * 3
    labels = [line[:9].strip() for line in lines[3:] if not line.startswith("─")]
    assert labels[:10] == ["Full", "zero", "split", "drop", "incoming", "split", "drop", "mean", "split", "drop"]
    drop = next(line for line in lines if line.startswith(" drop"))
    assert drop.split() == ["drop", *["0.320±.020", "0.040±.020"] * 3]


@pytest.mark.parametrize(("width", "parts"), [(40, 3), (60, 2), (76, 2), (77, 1), (200, 1)])
def test_table_one_goes_on_below_where_it_is_too_wide(built, width, parts):
    text = rendered(terminal_table_one(built, width), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("Full ") == parts
    assert text.count("0.040±.020") == 3


def test_input_modes_with_long_names_go_below(tmp_path):
    folder = build_results(
        tmp_path, inputs=("mix", "a very long name", "sequential", "other"), kinds=("regular", "spatial")
    )
    text = rendered(terminal_table_one(Results.load(folder)))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Full ") == 2
    assert all(word in text for word in ("Mixing", "a very long name", "Sequential", "other"))


def test_table_one_of_one_seed_has_no_deviations(tmp_path):
    text = rendered(terminal_table_one(Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,)))))
    assert "±" not in text
    assert "One seed." in text


def test_without_a_split_there_is_no_table_one(built):
    whole = Results(built.folder, built.scores[built.scores["split"] == FULL], {}, built.run)
    assert "no Table 1" in str(terminal_table_one(whole))
