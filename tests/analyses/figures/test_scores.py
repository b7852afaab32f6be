"""Scores: every seed is shown, and means and correlations are what they are by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.figures.scores import rank_correlation
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError
from spatialgraph.notes import Note


def offsets(figure, panel):
    marks = [c for c in figure.axes[panel].collections if not hasattr(c, "get_segments")]
    return np.vstack([c.get_offsets() for c in marks if len(c.get_offsets())])


def test_methods_show_every_seed_and_the_means(results, made):
    numbers = made["methods"].numbers
    assert numbers["panel"].unique().tolist() == [
        "accuracy drop activation = 0",
        "accuracy drop incoming weights = 0",
        "accuracy drop activation = mean",
        "modularity",
    ]
    own = numbers[
        (numbers["panel"] == "modularity") & (numbers["inputs"] == "sequential") & (numbers["row"] == "spectral")
    ]
    own = own[own["kind"] == "spatial"].set_index("statistic")["value"]
    np.testing.assert_allclose(own["seed"], [0.40, 0.41])
    assert own["mean"] == pytest.approx(0.405)
    assert own["sd"] == pytest.approx(0.01 / np.sqrt(2))
    figure = made["methods"].figure
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["greedy", "spectral", "random"]  # the control last, on its band
    panel = offsets(figure, 7)  # the second row's modularity
    drawn = numbers[(numbers["panel"] == "modularity") & (numbers["inputs"] == "sequential")]
    drawn = drawn[drawn["statistic"].isin(["seed", "mean"])]
    np.testing.assert_allclose(sorted(panel[:, 0]), sorted(drawn["value"].astype(float)))


def with_degenerate(results, method):
    """Return results in which the split of a network by a method is degenerate."""
    name = "sequential-spatial-1"
    split = replace(results.splits[name][method], notes=(Note("degenerate", {"reason": "by hand"}),))
    return replace(results, splits={**results.splits, name: {**results.splits[name], method: split}})


def test_degenerate_splits_are_crosses_that_do_not_count(results):
    wrong = with_degenerate(results, "spectral")
    (drawing,) = drawings(wrong, "methods")
    numbers = drawing.numbers
    own = numbers[
        (numbers["panel"] == "modularity") & (numbers["inputs"] == "sequential") & (numbers["row"] == "spectral")
    ]
    own = own[own["kind"] == "spatial"].set_index("statistic")["value"].astype(float)
    assert own["degenerate seed"] == pytest.approx(0.41)
    assert own["mean"] == own["seed"] == pytest.approx(0.40)
    assert "Crosses: degenerate splits (spectral 1), which are no task modules" in drawing.caption
    crosses = [c for c in drawing.figure.axes[7].collections if c.get_label() == "degenerate"]
    assert [len(c.get_offsets()) for c in crosses] == [1]
    assert "degenerate split" in [text.get_text() for text in drawing.figure.legends[0].get_texts()]
    for name in ("masking", "modularity-drop", "nulls"):
        drawing = drawings(wrong, name, Choice(method="greedy"))[0]
        assert "degenerate" not in drawing.caption  # of another method
    wrong = with_degenerate(results, "greedy")
    for name in ("masking", "modularity-drop", "nulls"):
        assert "Crosses: degenerate splits (greedy 1)" in drawings(wrong, name)[0].caption
    (left,) = drawings(wrong, "selectivity")
    assert "Left out: 1 network whose split is degenerate." in left.caption
    assert "sequential-spatial-1" not in set(left.numbers["network"].dropna())


def test_networks_that_did_not_learn_a_task_are_left_out(results):
    scores = results.scores
    whole = scores[(scores["split"] == "none") & (scores["metric"] == "accuracy")]
    lost = whole["network"].eq("sequential-spatial-1") & whole["task"].eq("digits")
    guesses = whole.assign(metric="guessed-accuracy", value=np.where(lost, whole["value"], 0.1))
    some = replace(results, scores=pd.concat([scores, guesses], ignore_index=True))
    for name in ("methods", "modularity-drop", "masking", "selectivity", "nulls"):
        drawing = drawings(some, name)[0]
        assert (
            "Left out: 1 network without a task that it should have learned (sequential-spatial-1)." in drawing.caption
        )
        assert "sequential-spatial-1" not in set(drawing.numbers["network"].dropna())
        assert "sequential-spatial-0" in set(drawing.numbers["network"].dropna())
    none = replace(results, scores=pd.concat([scores, whole.assign(metric="guessed-accuracy")], ignore_index=True))
    for name in ("methods", "masking"):  # whoever tries out a model in a few minutes sees something
        assert (
            "No network learned all of its tasks: this figure says nothing of modules."
            in drawings(none, name)[0].caption
        )


def test_every_seed_of_a_group_has_a_place_of_its_own(made):
    own = [c.get_offsets() for c in made["methods"].figure.axes[0].collections if len(c.get_offsets()) > 2]
    for places in own:
        assert len({tuple(place) for place in places.tolist()}) == len(places)


def test_modularity_stands_beside_the_drop_of_the_same_split(made):
    numbers = made["modularity-drop"].numbers
    one = numbers[(numbers["network"] == "sequential-spatial-1") & (numbers["ablation"] == "incoming")].iloc[0]
    assert one["modularity"] == pytest.approx(0.46)
    assert one["accuracy-drop"] == pytest.approx(0.02 / 2 + 0.02)
    assert len(numbers) == 8 * 3
    assert numbers["rho"].isna().all()  # two seeds
    assert not [text for ax in made["modularity-drop"].figure.axes for text in ax.texts]


def test_ranks_of_five_seeds_are_correlated(results):
    scores = results.scores.copy()
    spread = {"modularity": [0.1, 0.2, 0.3, 0.4, 0.5], "accuracy-drop": [0.5, 0.3, 0.4, 0.2, 0.1]}
    base = scores[scores["network"] == "sequential-spatial-0"]
    rows = []
    for seed in range(5):
        own = base[base["metric"].isin(spread)].assign(network=f"n{seed}", seed=seed)
        rows.append(own.assign(value=own["metric"].map({name: values[seed] for name, values in spread.items()})))
    (drawing,) = drawings(
        Results(results.folder, pd.concat(rows, ignore_index=True), {}, results.run), "modularity-drop"
    )
    # One pair of neighbours is the wrong way round: 1 − 6 · 2 / (5 · 24), all of it falling.
    np.testing.assert_allclose(drawing.numbers["rho"].astype(float), -0.9)
    # tanh(artanh 0.9 ± 1.96 √((1 + 0.9²/2) / 2))
    assert [text.get_text() for text in drawing.figure.axes[0].texts] == ["ρ = −0.90 [−1.00, 0.17]"]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_interval_of_a_rank_correlation_ends_at_one(sign):
    values = np.arange(6.0)
    rho, low, high = rank_correlation(values, sign * values**3)
    assert rho == pytest.approx(sign)
    assert -1 <= low <= high <= 1


@pytest.mark.parametrize("name", ["methods", "modularity-drop"])
def test_results_without_measures(results, name):
    bare = Results(results.folder, results.scores[results.scores["metric"] == "cut"], results.splits, results.run)
    with pytest.raises(NotApplicableError, match=r"^expected scores .*accuracy-drop.*, found none$"):
        drawings(bare, name)
