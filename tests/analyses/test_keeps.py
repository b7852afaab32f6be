"""The table of what kinds keep at equal accuracy: chosen doses, means and intervals."""

import numpy as np
import pandas as pd
import pytest
from swept_results import swept_tables, write_swept_results

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.fair import dose_table
from spatialgraph.analyses.keeps import KEPT_COLUMNS, keeps, keeps_markdown
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.statistics import interval_of_mean
from spatialgraph.analyses.tables import write_tables


@pytest.fixture(scope="module")
def tables():
    return swept_tables(("spatial", "l1"), seeds=4, inputs=("mix", "sequential"))


@pytest.fixture(scope="module")
def evidence(tables):
    return Evidence(tables["scores"], tables["nulls"], members=tables["networks"])


def test_each_line_is_at_its_dose_of_equal_accuracy(evidence):
    kept = keeps(evidence)
    assert tuple(kept.columns) == KEPT_COLUMNS
    table = dose_table(evidence)
    chosen = set(map(tuple, table.loc[table["equal_accuracy"], ["inputs", "kind"]].to_numpy()))
    assert set(map(tuple, kept[["inputs", "kind"]].to_numpy())) == chosen | {
        ("mix", "regular"),
        ("sequential", "regular"),
    }
    assert list(dict.fromkeys(zip(kept["inputs"], kept["line"], strict=True))) == [
        (mode, line) for mode in ("mix", "sequential") for line in ("regular", "spatial", "l1")
    ]


def test_means_and_intervals_are_over_seeds(evidence, tables):
    row = keeps(evidence).query("inputs == 'mix' and line == 'l1' and measure == 'modularity'").iloc[0]
    values = tables["scores"].query("inputs == 'mix' and split == 'greedy' and metric == 'modularity'")
    own = values.loc[values["kind"] == row["kind"], "value"].to_numpy()
    low, high = interval_of_mean(own[None])
    assert (row["mean"], row["low"], row["high"], row["n"]) == pytest.approx((own.mean(), low[0], high[0], 4))


def test_z_and_the_share_of_strength(evidence, tables):
    kept = keeps(evidence).query("inputs == 'mix'").set_index(["line", "measure", "detail"])["mean"]
    assert kept["l1", "z", "strength"] == pytest.approx((kept["l1", "modularity", ""] - 0.1) / 0.02)
    assert kept["regular", "strength", ""] == pytest.approx(1)
    strength = tables["networks"].query("inputs == 'mix'").groupby("kind")["strength"].mean()
    kind = keeps(evidence).query("inputs == 'mix' and line == 'spatial'")["kind"].iloc[0]
    assert kept["spatial", "strength", ""] == pytest.approx(strength[kind] / strength["regular"])


def test_a_line_without_a_dose_stands_without_numbers(tables):
    networks = tables["networks"].copy()
    networks.loc[networks["family"] == "l1", "validation_accuracy"] = 0.5
    evidence = Evidence(tables["scores"], members=networks)
    (row, _) = keeps(evidence).query("line == 'l1'").to_dict("records")
    assert row["kind"] == ""
    assert np.isnan(row["mean"])
    text = keeps_markdown(evidence)
    assert "| L1 | – | – | – | – | – | – |" in text


def test_the_table_as_markdown(evidence):
    lines = keeps_markdown(evidence).splitlines()
    assert lines[0].startswith("What kinds of network keep at equal accuracy: the strongest dose of each whose mean ")
    assert "validation examples" in lines[0]
    assert lines[2] == "**Mixing**"
    names = (
        "accuracy",
        "modularity",
        "drop (activation = 0)",
        "drop (activation = mean)",
        "z (strength)",
        "z (shuffle)",
    )
    assert lines[4] == f"| kind | dose | {' | '.join(names)} | strength |"
    assert lines[6].startswith("| Regular | – | 0.9")
    assert lines[7].startswith("| Spatial | α=")


def test_files_are_written_beside_the_other_tables_where_kinds_have_doses(tmp_path):
    results = Results.load(write_swept_results(tmp_path, families=("spatial", "l1"), seeds=2))
    names = [path.name for path in write_tables(results, tmp_path / "tables")]
    assert names[-2:] == ["kinds.md", "kinds.csv"]
    read = pd.read_csv(tmp_path / "tables" / "kinds.csv")
    assert tuple(read.columns) == KEPT_COLUMNS
    # Of the whole sweep the same dose is chosen if only some kinds are shown.
    few = results.of_kinds(["regular", "spatial α=0.3"])
    assert not any(path.name.startswith("kinds") for path in write_tables(few, tmp_path / "few"))
