"""Null models: areas are of the draws, points are the scores, and z and p are theirs."""

import numpy as np
import pandas as pd
import pytest
from meaningless import analysed, one_output_each
from results_builder import build_results

from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.figures.chance import Compared, areas, compared, verdict
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError


def test_scores_stand_among_their_draws(results):
    found = compared(results, Choice(), "greedy", "modularity")
    assert {one.row for one in found} == {"shuffle", "strength"}
    assert len(found) == 2 * 8
    one = next(one for one in found if one.network == "sequential-spatial-1")
    assert one.value == pytest.approx(0.46)
    np.testing.assert_allclose(one.draws, np.linspace(-0.05, 0.05, 10))
    assert one.chance.p == pytest.approx(1 / 11)


def test_accuracies_are_averaged_over_tasks(results):
    found = compared(results, Choice(("sequential-spatial-0",)), "greedy", "accuracy")
    assert [one.row for one in found] == ["incoming", "mean", "zero"]
    scores = results.per_network("accuracy")
    rows = (
        (scores["network"] == "sequential-spatial-0") & (scores["split"] == "greedy") & (scores["ablation"] == "zero")
    )
    assert found[2].value == pytest.approx(scores.loc[rows, "value"].item())
    np.testing.assert_allclose(found[2].draws, found[2].value - 0.2 + np.linspace(-0.05, 0.05, 10))


def test_areas_are_as_high_as_one_another():
    def of(kind, draws):
        return Compared("n", kind, "mix", "shuffle", 0.0, np.array(draws, float))

    shares = areas({"regular": [of("regular", [0, 0, 0, 1]), of("regular", [0, 1, np.nan])], "spatial": []})
    assert shares["kind"].unique().tolist() == ["regular"]
    assert shares["height"].iloc[0] == 1.0
    assert shares["height"].iloc[-1] == 0.5  # two draws of 1, four of 0
    assert (shares["low"].iloc[0], shares["high"].iloc[-1]) == (0.0, 1.0)
    equal = areas({"regular": [of("regular", [0.3, 0.3])]})
    assert equal["height"].max() == 1.0


def test_networks_whose_draws_are_all_equal_do_not_count():
    varied = [Compared("n", "a", "mix", "shuffle", 2.0, np.arange(20) / 20 + shift) for shift in (0.0, 5.0)]
    equal = Compared("n", "a", "mix", "shuffle", 2.0, np.full(20, 0.3))
    told = verdict(varied)
    assert told.endswith("p ≤ 0.05: 1 of 2")
    assert verdict([*varied, equal]) == told
    assert verdict([varied[0], equal]).endswith("p ≤ 0.05: 1 of 1")  # said as of others, and not as p
    assert verdict([equal]) == "draws all equal"


def test_networks_whose_split_is_degenerate_do_not_count():
    good, wrong = (Compared("n", "a", "mix", "shuffle", 2.0, np.arange(20) / 20, flag) for flag in (False, True))
    assert verdict([good, wrong]) == verdict([good])
    assert verdict([wrong]) == "degenerate"
    assert areas({"a": [wrong]}).empty


def test_a_panel_says_z_and_how_many_networks_exceed_chance(made):
    figure = made["nulls-modularity"].figure
    assert [ax.get_ylabel() for ax in figure.axes[::2]] == ["shuffle", "strength"]
    spread = np.linspace(-0.05, 0.05, 10).std(ddof=1)
    z = np.median([0.45 / spread, 0.46 / spread])  # the first method's modularity: 0.45, and 0.01 more for seed 1
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [f"z = {z:.1f}; 10 draws show no p ≤ 0.05"] * 2  # none is below 1/11


def test_one_network_has_a_p_of_its_own(results):
    drawing = drawings(results, "nulls", Choice(("sequential-spatial-0",)))[0]
    assert [text.get_text() for text in drawing.figure.axes[0].texts] == ["z = 13.4, p = 0.091"]
    statistics = drawing.numbers.groupby("statistic", sort=False).size()
    assert statistics.to_dict() == {"value": 2, "mean": 2, "sd": 2, "z": 2, "p": 2, "draw": 20}


def test_results_without_draws(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,)))
    with pytest.raises(NotApplicableError, match=r"^expected at least 5 draws of a null model .*, found none$"):
        drawings(results, "nulls")


def test_too_few_draws_have_no_distribution(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,), draws=4))
    assert pd.read_csv(results.folder / "nulls.csv")["draws"].max() == 4
    with pytest.raises(NotApplicableError):
        drawings(results, "nulls")


def test_the_function_of_tasks_that_cannot_fail_is_not_compared(tmp_path):
    results = Results.load(analysed(tmp_path, one_output_each(), splits=("greedy",), nulls=5))
    assert [drawing.name for drawing in drawings(results, "nulls")] == ["nulls-modularity"]
    for name, asked in (("masking", "accuracy"), ("modularity-drop", "modularity and accuracy-drop")):
        said = f"^expected scores {asked} of splits by greedy, in tasks that can fail, found none$"
        with pytest.raises(NotApplicableError, match=said):
            drawings(results, name)
