"""Doses: families, lines and the setting that varies, of metadata and of labels; and the table of networks."""

import json

import numpy as np
import pandas as pd
import pytest
from builders import two_module_network
from swept_results import swept_tables

from spatialgraph.analyses.doses import described, doses, in_label
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.members import MEMBER_COLUMNS, from_labels, member_row, read_members
from spatialgraph.analyses.total import total_strength


def of_labels(*kinds):
    return doses({kind: in_label(kind) for kind in kinds}).set_index("kind")


def l1(value, **more):
    return described({"family": "l1", "settings": {"l1": value, **more}, "symbols": {"l1": "λ", "rate": "η"}})


def test_a_line_of_one_dose_and_a_line_of_three():
    table = of_labels("regular", "l1 λ=0.5", "l1 λ=2", "l1 λ=10")
    assert table["line"].tolist() == ["regular", "l1", "l1", "l1"]
    assert table["symbol"].tolist() == ["", "λ", "λ", "λ"]
    assert np.isnan(table.loc["regular", "dose"])
    assert table["dose"].tolist()[1:] == [0.5, 2, 10]


def test_of_several_settings_the_first_is_the_dose_and_the_others_make_lines():
    table = of_labels("spatial α=1 β=3", "spatial α=2 β=3", "spatial α=1 β=0", "spatial α=2 β=0")
    assert table["dose"].tolist() == [1, 2, 1, 2]
    assert table["line"].tolist() == ["spatial β=3", "spatial β=3", "spatial β=0", "spatial β=0"]
    rates = doses({"a": l1(0.5, rate=0.1), "b": l1(1, rate=0.1), "c": l1(0.5, rate=0.2), "d": l1(1, rate=0.2)})
    assert rates["line"].tolist() == ["l1 η=0.1", "l1 η=0.1", "l1 η=0.2", "l1 η=0.2"]
    assert rates["setting"].unique().tolist() == ["l1"]


def test_a_setting_that_does_not_vary_is_no_dose():
    table = doses({"a": l1(0.5, rate=0.1), "b": l1(0.5, rate=0.2)})
    assert table["setting"].tolist() == ["rate", "rate"]
    assert table["line"].tolist() == ["l1", "l1"]
    assert doses({"a": l1(0.5)})["dose"].isna().all()


def test_a_kind_that_does_not_say_its_dose_has_none():
    table = of_labels("spatial", "spatial α=2")
    assert table["line"].tolist() == ["spatial", "spatial"]
    assert np.isnan(table.loc["spatial", "dose"])


def test_kinds_that_no_number_tells_apart_are_lines_of_their_own():
    same = described({"family": "mine", "settings": {}, "kind": "mine"})
    assert doses({"mine deep": same, "mine wide": same})["line"].tolist() == ["mine deep", "mine wide"]


@pytest.mark.parametrize("settings", [None, ["l1"], "λ=0.5"])
def test_metadata_of_others_that_are_no_settings_leave_the_label(settings):
    one = described({"kind": "l1 λ=0.5", "family": "lasso", "settings": settings})
    assert (one.family, dict(one.settings)) == ("l1", {"λ": 0.5})


def test_texts_and_truths_among_settings_are_no_doses():
    one = described({"family": "l1", "settings": {"l1": 1, "positions": "fixed", "bias": True}})
    assert dict(one.settings) == {"l1": 1.0}


def test_the_strength_of_split_layers_by_hand():
    # Each of three connections enters a split layer: 4 · 4 to itself, 2 · 1 to the other of its half, nothing across.
    assert total_strength(two_module_network(4).graph) == 3 * (4 * 4.0 + 4 * 1.0)


def test_a_row_of_a_network():
    known = {"run": "r", "network": "a", "kind": "l1 λ=0.5", "inputs": "mix", "seed": 0, "strength": 2.0}
    assert member_row(known, {"validation_accuracy": [0.9, 0.8]})["validation_accuracy"] == pytest.approx(0.85)
    for odd in (None, "high", {"a": 1}):
        assert np.isnan(member_row(known, {"validation_accuracy": odd})["validation_accuracy"])


def test_networks_csv_is_read_as_it_was_written(tmp_path):
    tables = swept_tables(("l1",), seeds=2)
    networks = tables["networks"]
    assert tuple(networks.columns) == MEMBER_COLUMNS
    assert json.loads(networks["settings"].iloc[-1]) == {"l1": 3.0, "learning_rate": 0.005}
    networks.to_csv(tmp_path / "networks.csv", index=False)
    again = read_members(tmp_path, tables["scores"])
    for name in ("line", "symbol", "dose", "strength", "validation_accuracy"):
        pd.testing.assert_series_equal(again[name], networks[name], check_dtype=False)


def test_results_of_an_earlier_version_have_the_doses_of_their_labels(tmp_path):
    scores = swept_tables(("l1",), seeds=2)["scores"]
    known = read_members(tmp_path, scores)
    pd.testing.assert_frame_equal(known, from_labels(scores))
    assert known["validation_accuracy"].isna().all()
    assert Evidence(scores).members["dose"].dropna().unique().tolist() == [0.3, 1.0, 3.0]


def test_a_table_that_lacks_a_column_is_one_line(tmp_path):
    tables = swept_tables(("l1",), seeds=1)
    tables["networks"].drop(columns="line").to_csv(tmp_path / "networks.csv", index=False)
    with pytest.raises(ValueError, match=r"networks\.csv: expected columns run, .*; line missing, found run, "):
        read_members(tmp_path, tables["scores"])


def test_names_are_spelled_in_the_table_of_networks_too():
    tables = swept_tables(("l1",), seeds=1)
    renamed = Evidence(tables["scores"], members=tables["networks"]).renamed(str.upper)
    assert set(renamed.members["line"]) == {"REGULAR", "L1"}
    assert set(renamed.members["network"]) == set(renamed.scores["network"])
