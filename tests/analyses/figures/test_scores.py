"""Scores: every seed is shown, and means and correlations are what they are by hand."""

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.figures import drawings
from spatialgraph.analyses.figures.scores import rank_correlation
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError


def offsets(figure, panel):
    return np.vstack([c.get_offsets() for c in figure.axes[panel].collections if len(c.get_offsets())])


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
    drawn = drawn[drawn["statistic"] != "sd"]
    np.testing.assert_allclose(sorted(panel[:, 0]), sorted(drawn["value"].astype(float)))


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
