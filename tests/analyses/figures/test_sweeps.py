"""Figures of sweeps: what they show of every family, and what happens where there is no sweep."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from swept_results import FAMILIES, swept_tables, write_swept_results

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.fair_comparisons import measures
from spatialgraph.analyses.figures import DOUBLE, SINGLE, Choice, drawings, drawn_into
from spatialgraph.analyses.figures.trade import _far, frontier
from spatialgraph.analyses.labels import kind_label
from spatialgraph.analyses.plots import kind_styles
from spatialgraph.analyses.plots.sweeps import spread_apart, strip
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    return Results.load(write_swept_results(folder, families=("spatial", "l1"), seeds=3))


def test_dose_and_response_shows_every_seed_of_every_dose(few):
    drawing = {one.name: one for one in drawings(few, "dose-response")}["dose-response-zero"]
    numbers = drawing.numbers
    assert drawing.figure.get_figwidth() == SINGLE
    seeds = numbers[numbers["statistic"] == "seed"]
    # Three measures; two families of three doses and the reference, three seeds.
    assert len(seeds) == 3 * (2 * 3 + 1) * 3
    assert set(seeds["measure"]) == {"modularity beyond null", "accuracy drop", "accuracy"}
    means = numbers[(numbers["statistic"] == "mean") & (numbers["measure"] == "accuracy drop")].set_index("kind")
    values = measures(Evidence.of(few)).query("metric == 'accuracy-drop' and ablation == 'zero'")
    expected = values.groupby("kind")["value"].mean()
    assert np.allclose(means["value"], expected[means.index])
    assert means.loc["l1 λ=0.3", "dose"] == 0.3


def test_dose_and_response_of_modularity_where_there_are_no_null_models(tmp_path):
    results = Results.load(write_swept_results(tmp_path, families=("l1",), seeds=2, nulls=False))
    drawing = drawings(results, "dose-response")[0]
    assert [ax.get_ylabel() for ax in drawing.figure.axes] == ["modularity", "accuracy\ndrop", "accuracy"]
    assert "null model" not in drawing.caption


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Results of one family at three doses, beside the reference."""
    return Results.load(write_swept_results(tmp_path_factory.mktemp("alone"), families=("spatial",), seeds=3))


def test_a_single_family_has_its_doses_on_a_scale_of_their_own(alone):
    drawing = drawings(alone, "dose-response")[0]
    top, *_, bottom = drawing.figure.axes
    assert [tick.get_text() for tick in bottom.get_xticklabels()] == ["0.3", "1", "3"]
    places = bottom.get_xticks()
    assert np.allclose((places[2] - places[1]) / (places[1] - places[0]), np.log(3 / 1) / np.log(1 / 0.3))
    assert bottom.get_xlabel() == "spatial α (logarithmic)"
    assert [(text.get_text(), text.get_rotation()) for text in top.texts] == [("Spatial (grey: regular)", 0)]
    assert drawing.caption.startswith("Dose and response of spatial networks")
    assert "different families" not in drawing.caption
    bounds = drawing.numbers[drawing.numbers["statistic"].isin(["low", "high"])]
    for ax, measure in zip(drawing.figure.axes, ("modularity beyond null", "accuracy drop", "accuracy"), strict=True):
        own, (low, high) = bounds[bounds["measure"] == measure]["value"], ax.get_ylim()
        assert len(own) == 2 * 3
        assert low <= own.min()
        assert own.max() <= high


def test_wide_intervals_do_not_squeeze_what_is_seen():
    axes = [Figure().subplots() for _ in range(2)]
    points = pd.DataFrame({"line": "a", "place": [0, 0, 1, 1], "value": [0.0, 1.0, 0.0, 1.0]})
    means = pd.DataFrame({"line": "a", "place": [0, 1], "mean": 0.5, "low": -9.0, "high": 1.2, "chosen": False})
    for ax, whole in zip(axes, (False, True), strict=True):
        strip(ax, points, means, [], kind_styles(["a"]), None, whole=whole)
    (low, high), (lower, higher) = (ax.get_ylim() for ax in axes)
    assert high < 1.2 < higher < 1.3
    assert lower == pytest.approx(low - (high - low))


@pytest.mark.parametrize(
    ("measure", "title", "names"),
    [
        ("modularity", "modularity", ["dose-response"]),
        ("modularity-beyond", "modularity\nbeyond null", ["dose-response"]),
        ("accuracy-drop", "accuracy\ndrop", ["dose-response-zero", "dose-response-mean"]),
    ],
)
def test_one_measure_along_the_doses_is_one_panel(alone, measure, title, names):
    drawn = drawings(alone, "dose-response", Choice(measure=measure))
    assert [drawing.name for drawing in drawn] == names
    (ax,) = drawn[0].figure.axes
    assert ax.get_ylabel() == title
    seeds = drawn[0].numbers.query("statistic == 'seed' and kind == 'spatial α=1'")["value"]
    metric = "modularity-beyond:strength" if "beyond" in measure else measure
    values = measures(Evidence.of(alone)).query(f"metric == '{metric}' and kind == 'spatial α=1'")
    known = values[values["ablation"].isin(["", "zero"])]["value"]
    assert sorted(seeds) == pytest.approx(sorted(known))
    own, given = Figure().subplots(), Choice(measure=measure, ablation="zero")
    assert drawn_into(own, alone, "dose-response", given).figure is own.figure


def test_a_measure_that_has_no_doses_is_refused(alone):
    expected = (
        "measure: expected one of modularity, modularity-beyond, accuracy-drop, accuracy that was measured, found x"
    )
    scores = pd.concat([alone.scores, alone.scores[alone.scores["metric"] == "modularity"].assign(metric="x")])
    with pytest.raises(NotApplicableError, match=expected):
        drawings(Results(alone.folder, scores, {}, alone.run), "dose-response", Choice(measure="x"))


def test_many_lines_and_input_modes_take_several_pages(tmp_path):
    modes = ("a", "b", "c", "d")
    families = tuple(FAMILIES)[:6]
    folder = write_swept_results(tmp_path, families=families, doses=range(1, 21), seeds=1, inputs=modes)
    names = [drawing.name for drawing in drawings(Results.load(folder), "dose-response")]
    # Six lines of twenty doses on two pages, each for three modes and for one.
    assert names == [f"dose-response-{ablation}-{page}" for ablation in ("zero", "mean") for page in (1, 2, 3, 4)]


def test_the_trade_shows_each_dose_and_names_each_family(swept):
    drawing = {one.name: one for one in drawings(swept, "trade")}["trade-mean"]
    assert drawing.figure.get_figwidth() == DOUBLE
    numbers = drawing.numbers
    assert len(numbers) == 2 * (len(FAMILIES) * 5 + 1)
    for ax in drawing.figure.axes:
        assert {text.get_text() for text in ax.texts} == {kind_label(one) for one in ("regular", *FAMILIES)}
    own = numbers[(numbers["inputs"] == "mix") & (numbers["line"] == "spatial")]
    # The model has spatial networks lose less and less, and be less and less accurate: every dose is on the frontier.
    assert own["frontier"].all()
    values = measures(Evidence.of(swept)).query("metric == 'accuracy' and inputs == 'mix' and kind == 'spatial α=10'")
    assert own.loc[own["kind"] == "spatial α=10", "accuracy"].item() == pytest.approx(values["value"].mean())


def test_doses_far_below_the_reference_are_not_drawn_and_stay_in_the_numbers(tmp_path):
    frame = pd.DataFrame({"inputs": list("aaab"), "line": ["regular", "x", "x", "x"], "x": [0.9, 0.86, 0.84, 0.3]})
    assert _far(frame, "regular").tolist() == [
        False,
        False,
        True,
        False,
    ]  # where there is no reference, the best counts
    folder = write_swept_results(tmp_path, families=("l1",), seeds=2)
    scores = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    scores.loc[(scores["kind"] == "l1 λ=1") & (scores["metric"] == "accuracy"), "value"] -= 0.4
    scores.to_csv(folder / "scores.csv", index=False)
    drawing = drawings(Results.load(folder), "trade")[0]
    assert "Not drawn: 1 dose at which whole networks lose more than 0.05." in drawing.caption
    assert "l1 λ=1" in set(drawing.numbers["kind"])
    drawing = drawings(Results.load(folder), "dose-response")[0]
    assert drawing.caption.endswith("are not drawn: 1 dose more than 0.2 below the accuracy of the reference.")
    assert drawing.figure.axes[2].get_ylim()[0] > 0.8
    numbers = drawing.numbers.query("kind == 'l1 λ=1' and measure == 'accuracy' and statistic == 'mean'")
    assert numbers["value"].item() < 0.6


def test_a_frontier_by_hand():
    # Of the first line the second dose is worse in both; equal doses are both on it; lines are apart.
    rows = [("l1", 0.9, 0.2), ("l1", 0.8, 0.3), ("l1", 0.7, 0.1), ("l2", 0.5, 0.9), ("l2", 0.5, 0.9), ("l2", 0.5, 0.95)]
    frame = pd.DataFrame(rows, columns=["line", "x", "y"]).assign(inputs="mix")
    assert frontier(frame).tolist() == [True, False, True, True, True, False]


def test_names_stay_apart_and_inside():
    places = spread_apart(np.array([0.5, 0.5, 0.5, 0.99, 1.0]), 0.1)
    assert (np.diff(np.sort(places)) >= 0.1 - 1e-6).all()
    assert places.min() >= 0.05 - 1e-9
    assert places.max() <= 0.95 + 1e-9
    crowded = spread_apart(np.full(20, 0.5), 0.1)
    assert np.allclose(np.diff(np.sort(crowded)), 0.05, atol=0.01)


def test_the_split_method_is_chosen(few):
    (drawing, *_) = drawings(few, "trade", Choice(method="leiden"))
    greedy = drawings(few, "trade")[0]
    assert "split method: leiden" in drawing.caption
    assert np.allclose(drawing.numbers["drop"] - greedy.numbers["drop"], 0.02)


@pytest.mark.parametrize("name", ["dose-response", "trade"])
def test_two_kinds_without_doses_are_no_sweep(results, name):
    message = "expected kinds of network at several doses, or of several families, found neither"
    with pytest.raises(NotApplicableError, match=message):
        drawings(results, name)


def test_without_accuracies_there_is_no_trade(tmp_path):
    folder = write_swept_results(tmp_path, families=("l1",), seeds=2)
    scores = swept_tables(("l1",), seeds=2)["scores"].query("metric == 'modularity'")
    scores.to_csv(folder / "scores.csv", index=False)
    results = Results.load(folder)
    with pytest.raises(NotApplicableError, match="expected scores accuracy and accuracy-drop of splits by greedy"):
        drawings(results, "trade")
    (drawing,) = drawings(results, "dose-response")
    assert drawing.name == "dose-response"
    assert len(drawing.figure.axes) == 1


def test_differences_by_rounding_look_like_none(few):
    scores = few.scores.assign(value=few.scores["value"].where(few.scores["metric"] != "accuracy-drop", 1e-17))
    even = Results(few.folder / "nowhere", scores, {}, few.run)
    (drawing, *_) = drawings(even, "dose-response")
    (low, high) = drawing.figure.axes[1].get_ylim()
    assert high - low >= 0.005
    (drawing, *_) = drawings(even, "trade")
    (low, high) = drawing.figure.axes[0].get_ylim()
    assert high - low >= 0.005
