"""Results on a terminal: their numbers, and that no line is longer than the terminal is wide."""

import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from results_builder import build_results
from rich.console import Console
from swept_results import swept_tables

from spatialgraph.analyses.columns import FULL
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.terminal import terminal_methods, terminal_table_one
from spatialgraph.notes import Note


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


@pytest.fixture(scope="module")
def kinds_of_a_grid(tmp_path_factory):
    kinds = ("regular", *(f"spatial α={alpha} β=3" for alpha in (0.5, 1, 2, 10)))
    return Results.load(build_results(tmp_path_factory.mktemp("grid"), inputs=("mix",), kinds=kinds))


@pytest.mark.parametrize(("width", "parts"), [(40, 4), (80, 2), (200, 1)])
def test_the_kinds_of_a_grid_go_below_where_they_do_not_fit(kinds_of_a_grid, width, parts):
    text = rendered(terminal_table_one(kinds_of_a_grid, width), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("Full ") == text.count("Mixing") == parts
    places = [text.index(label) for label in ("Regular", *(f"Spatial α={alpha} β=3" for alpha in (0.5, 1, 2, 10)))]
    assert places == sorted(places)
    assert "…" not in text


def test_table_one_of_one_seed_has_no_deviations(tmp_path):
    text = rendered(terminal_table_one(Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,)))))
    assert "±" not in text
    assert "One seed." in text


def test_without_a_split_there_is_no_table_one(built):
    whole = Results(built.folder, built.scores[built.scores["split"] == FULL], {}, built.run)
    assert "no Table 1" in str(terminal_table_one(whole))


def evidence_of(built, nulls=None, notes=()):
    """Return the evidence of invented results, with scores beside null models as `nulls` gives their p by kind."""
    scores = built.scores
    tables = []
    for (metric, null), p in (nulls or {}).items():
        rows = scores[(scores["metric"] == metric) & (scores["split"] != FULL) & scores["kind"].isin(p)]
        tables.append(rows.assign(null=null, draws=100, mean=0.5, sd=0.1, z=1.0, p=rows["kind"].map(p)))
    noted = pd.DataFrame(list(notes), columns=["network", "split", "note"])
    return Evidence(scores, pd.concat(tables) if tables else Evidence(scores).nulls, notes=noted)


@pytest.fixture(scope="module")
def compared(built):
    nulls = {
        ("accuracy-drop", "random-split"): {"regular": 0.5, "spatial": 0.01},
        ("modularity", "strength"): {"regular": 0.01, "spatial": 0.01},
        ("modularity", "distance"): {"spatial": 0.2},
    }
    return evidence_of(built, nulls)


def test_methods_are_shown_in_a_block_for_each_input_mode(compared):
    lines = rendered(terminal_methods(compared)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "What each split method is worth"
    heads = [line.split()[0] for line in lines if "accuracy 0." in line]
    assert heads == ["Concatenation", "Mixing", "Sequential"]
    assert lines[2].split() == ["Concatenation", "Regular,", "accuracy", "0.884", "Spatial,", "accuracy", "0.844"]
    assert lines[3].split() == ["accuracy", "drop", "modularity"] * 2
    # Of three seeds: 0.3 and 0.02 for every seed; modularity 0.45 and 0.01 for every seed.
    assert lines[4].split() == [
        *("greedy", "0.320±.020z", "0/3", "0.46", "3/3"),
        *("0.040±.020z", "3/3", "0.46", "0/3"),
    ]
    assert [line.split()[0] for line in lines[4:7]] == ["greedy", "spectral", "random"]
    assert lines[6].split() == ["random", "0.500±.020z", "0.36", "3/3", "0.052±.020z", "0.36", "0/3"]


def test_the_ablation_of_every_value_is_named_and_two_kinds_fit_beside_one_another(tmp_path):
    methods = ("greedy", "activation-variance")
    results = Results.load(build_results(tmp_path, inputs=("mix",), methods=methods, seeds=range(12)))
    rows = results.scores
    # Of the spatial networks most is lost where neurons are at their mean.
    swapped = rows["ablation"].map({"zero": "mean", "mean": "zero"}).fillna(rows["ablation"])
    scores = rows.assign(ablation=swapped.where(rows["kind"] == "spatial", rows["ablation"]))
    nulls = {
        ("accuracy-drop", "random-split"): {"regular": 0.5, "spatial": 0.01},
        ("modularity", "strength"): {"regular": 0.01, "spatial": 0.01},
    }
    evidence = evidence_of(replace(results, scores=scores), nulls)
    lines = rendered(terminal_methods(evidence)).splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (line.split() for line in lines if line.startswith("activation-variance"))
    assert [value[-1] for value in row if "±" in value] == ["z", "m"]
    assert row[2] == "0/12"
    one = Evidence(scores[scores["ablation"].isin(["", "zero"])])
    text = rendered(terminal_methods(one))
    assert "over 12 seeds, under zero." in text
    assert not re.search(r"±\.\d+z", text)


def test_what_the_numbers_of_methods_are_is_said(compared):
    text = " ".join(rendered(terminal_methods(compared)).split("\n\n")[-1].split())
    assert text == (
        "Accuracy drop: mean ± sample standard deviation over 3 seeds, under the ablation that costs most (z: zero, "
        "i: incoming, m: mean). The best for Spatial come first. 2/3: so many of 3 networks beat chance (p ≤ 0.05). "
        "They lose less of each task than random splits with equally large modules. Their modularity is above that of "
        "the null model strength (Regular) or distance (Spatial). The rest: summary.csv, nulls.csv."
    )


def test_few_draws_say_nothing_of_chance(built):
    evidence = evidence_of(built, {("modularity", "strength"): {"regular": 0.25, "spatial": 0.25}})
    text = rendered(terminal_methods(Evidence(built.scores, evidence.nulls.assign(draws=3))))
    assert "/3" not in text
    assert "Not compared with chance: p ≤ 0.05 needs at least 19 draws of a null model." in text
    assert "chance" not in rendered(terminal_methods(evidence_of(built)))


@pytest.mark.parametrize(("width", "tables"), [(30, 6), (40, 6), (60, 6), (80, 3), (200, 3)])
def test_kinds_of_networks_follow_one_another_where_the_terminal_is_narrow(compared, width, tables):
    text = rendered(terminal_methods(compared, width), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count(", accuracy 0.") == 6
    assert sum("accuracy drop" in line for line in text.splitlines()) == tables
    assert ("3/3" in text) == (width >= 40)


def test_a_long_list_of_methods_is_cut_after_the_best(tmp_path):
    methods = ("greedy", "random", *(f"leiden:resolution=0.{number}" for number in range(1, 9)))
    results = Results.load(build_results(tmp_path, inputs=("mix",), methods=methods[::-1]))
    lines = rendered(terminal_methods(Evidence(results.scores))).splitlines()
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines if "±" in line and "seeds" not in line]
    # A later method costs more: the list was given the other way round, and greedy stands last.
    assert names == [*(f"leiden:resolution=0.{number}" for number in range(8, 2, -1)), "random", "greedy"]
    assert "… 2 more" in lines


def test_one_method_is_not_left_out_to_say_so(tmp_path):
    methods = ("greedy", "random", *(f"leiden:resolution=0.{number}" for number in range(1, 8)))
    results = Results.load(build_results(tmp_path, inputs=("mix",), methods=methods))
    text = rendered(terminal_methods(Evidence(results.scores)))
    assert "leiden:resolution=0.7" in text
    assert "more" not in text


def test_degenerate_splits_are_marked(built):
    notes = [(f"mix-spatial-{seed}", "greedy", "degenerate: none") for seed in (0, 1)]
    notes += [(f"mix-regular-{seed}", "greedy", "degenerate: none") for seed in (0, 1, 2)]
    text = rendered(terminal_methods(evidence_of(built, notes=notes)))
    row = next(line for line in text.split("Mixing")[1].splitlines() if line.startswith("greedy"))
    assert row.split() == ["greedy", "degenerate", "–", "0.060z†", "0.47†"]
    assert "†: without degenerate splits." in text
    assert "†" not in rendered(terminal_methods(evidence_of(built)))


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (lambda rows: rows[rows["kind"] == "regular"], "Regular, accuracy 0.884"),
        (
            lambda rows: rows[rows["metric"] == "modularity"],
            "Modularity: mean ± sample standard deviation over 3 seeds.",
        ),
        (lambda rows: rows[rows["metric"] == "accuracy-drop"], "greedy          0.320±.020z    0.040±.020z"),
        (lambda rows: rows[rows["seed"] == 0], "Accuracy drop: one seed, under"),
        (lambda rows: rows.assign(kind="", inputs=""), "Networks, accuracy 0."),
        (lambda rows: rows.assign(seed=pd.array([pd.NA] * len(rows), dtype="Int64")), "over 3 seeds"),
        (
            lambda rows: rows.assign(kind=rows["seed"].astype(str) + rows["kind"]),
            "best for the rightmost kind come first",
        ),
        (lambda rows: rows[rows["split"] == FULL], "No accuracy drop and no modularity of a split was measured."),
        (lambda rows: rows[rows["metric"] == "cut"], "No accuracy drop and no modularity of a split was measured."),
    ],
    ids=["one kind", "modularity", "drop", "one seed", "no names", "no seeds", "many kinds", "no split", "cut"],
)
def test_part_of_the_results_is_shown_too(built, keep, expected):
    text = rendered(terminal_methods(Evidence(keep(built.scores))))
    assert max(map(len, text.splitlines())) <= 80
    assert expected in text
    assert "nan" not in text


def test_kinds_side_by_side_all_have_their_accuracy_or_none_has(built):
    scores = built.scores[built.scores["inputs"] == "mix"]
    assert rendered(terminal_methods(Evidence(scores))).count(", accuracy 0.") == 2
    named = scores.assign(kind=scores["kind"].str.replace("spatial", "spatial α=0.1 β=3 η=0.005"))
    text = rendered(terminal_methods(Evidence(named)))
    heads = next(line for line in text.splitlines() if line.startswith("Mixing"))
    assert "Regular" in heads
    assert "Spatial α=0.1" in heads
    assert "accuracy" not in heads


def test_the_most_modular_method_comes_first_where_accuracy_was_not_measured(built):
    rows = built.scores[(built.scores["metric"] == "modularity") & (built.scores["inputs"] == "mix")]
    turned = rows.assign(value=-rows["value"])
    for scores, order in ((rows, ["greedy", "spectral", "random"]), (turned, ["random", "spectral", "greedy"])):
        lines = rendered(terminal_methods(Evidence(scores))).splitlines()
        assert [line.split()[0] for line in lines[4:7]] == order


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_colours_change_nothing_but_the_colour(built, compared, width):
    for renderable in (terminal_table_one(built, width), terminal_methods(compared, width)):
        console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(renderable)
        coloured = console.file.getvalue()
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == rendered(renderable, width)


def test_of_a_large_sweep_the_doses_that_are_compared_are_shown():
    tables = swept_tables(seeds=2, families=("spatial", "l1", "l2"), doses=range(1, 11))
    evidence = Evidence(tables["scores"], tables["nulls"], members=tables["networks"])
    text = rendered(terminal_methods(evidence))
    assert text.count("greedy") == 2  # two kinds stand side by side
    assert "Shown are 4 doses of equal accuracy of 31." in text


def test_degenerate_splits_are_marked_in_table_one(built):
    own = built.splits["mix-spatial-1"]
    wrong = replace(own["greedy"], notes=(Note("degenerate", {"reason": "by hand"}),))
    text = rendered(
        terminal_table_one(replace(built, splits={**built.splits, "mix-spatial-1": {**own, "greedy": wrong}}))
    )
    assert text.count("†") == 2 * len(built.ablations) + 1
    assert "†: some splits are degenerate, and count here." in text
    assert "†" not in rendered(terminal_table_one(built))
