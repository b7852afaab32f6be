"""Splits side by side and their agreement: votes, shades and orders are those worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from spatialgraph.analyses import plots
from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.figures.splits import by_similarity, majority, similarities
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph.split import Split
from spatialgraph.notes import Note


def with_splits(results, name, labels):
    """Return the results with other splits of a network, given by method as labels of the neurons of every layer."""
    network = results.network(name)
    made = {
        method: Split.from_labels(
            method, {k: np.full(network.populations[k].size, label) for k in network.split_populations}, 2
        )
        for method, label in labels.items()
    }
    return Results(results.folder, results.scores, {**results.splits, name: made}, results.run)


def test_the_majority_of_methods_and_how_many_disagree():
    labels = [[0, 0, 1, -1], [0, 1, 1, -1], [1, 1, 1, 0], [0, -1, 1, 1]]
    made = [Split.from_labels("by hand", {3: row}, tasks=2) for row in labels]
    most, share = majority(made, 2)
    assert most[3].tolist() == [0, 1, 1, -1]
    assert share[3].tolist() == [0.25, 0.5, 0.0, 0.5]


def test_ties_go_to_the_first_task_and_to_none_last():
    made = [Split.from_labels("by hand", {1: row}, tasks=2) for row in ([0, -1, -1], [1, 1, 0])]
    assert majority(made, 2)[0][1].tolist() == [0, 1, 0]


def test_full_colours_mark_the_neurons_on_which_methods_disagree(results):
    name = "concatenate-spatial-0"
    changed = with_splits(results, name, {"greedy": 0, "spectral": 0, "random": 1})
    (drawing,) = drawings(changed, "splits")
    shares = drawing.numbers.groupby("split", sort=False)["disagree"].agg(["min", "max"])
    # The reference has no vote, comes last, and departs everywhere.
    assert shares.index.tolist() == ["most methods", "greedy", "spectral", "random"]
    assert shares["max"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert shares["min"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert "(greedy, spectral)" in drawing.caption
    panels = [ax for ax in drawing.figure.axes if ax.axison]
    assert [ax.get_title() for ax in panels] == shares.index.tolist()
    faces = [to_hex(ax.collections[0].get_facecolors()[0]) for ax in panels]
    first, second = plots.task_colours(["digits", "clothes"]).values()
    assert faces == [plots.paler(first, 0.0)] * 3 + [second.lower()]


def test_half_of_the_methods_or_more_that_disagree_make_a_full_colour(results):
    (drawing,) = drawings(with_splits(results, "concatenate-spatial-0", {"greedy": 1, "spectral": 0}), "splits")
    most = drawing.numbers[drawing.numbers["split"] == "most methods"]
    assert set(most["task"]) == {"digits"}  # a tie
    assert set(most["disagree"]) == {0.5}
    assert set(drawing.numbers.loc[drawing.numbers["split"] == "greedy", "disagree"]) == {1.0}
    face = drawing.figure.axes[0].collections[0].get_facecolors()[0]
    assert to_hex(face).upper() == plots.task_colours(["digits"])["digits"]


def test_degenerate_splits_are_named_as_such(results):
    name = "concatenate-spatial-0"
    changed = with_splits(results, name, {"greedy": 0, "spectral": 0})
    wrong = replace(changed.splits[name]["spectral"], notes=(Note("degenerate", {"reason": "by hand"}),))
    splits = {**changed.splits, name: {**changed.splits[name], "spectral": wrong}}
    (drawing,) = drawings(replace(changed, splits=splits), "splits")
    assert [ax.get_title() for ax in drawing.figure.axes if ax.axison][-1] == "spectral\n(degenerate)"
    assert "Degenerate, no task modules: spectral." in drawing.caption
    assert "(greedy)" in drawing.caption  # the other has no vote


def test_only_the_first_network_is_shown_unless_others_are_chosen(results, made):
    assert set(made["splits"].numbers["network"]) == {"concatenate-spatial-0"}
    names = ("sequential-spatial-0", "concatenate-spatial-1")
    chosen = drawings(results, "splits", Choice(names))
    assert [drawing.name for drawing in chosen] == [f"splits-{name}" for name in names]


def test_a_network_of_which_every_split_is_shared(results):
    network = results.network("concatenate-spatial-0")
    shared = Split("greedy", {k: np.ones((network.populations[k].size, 2), bool) for k in network.split_populations})
    changed = Results(results.folder, results.scores, {network.name: {"greedy": shared}}, results.run)
    with pytest.raises(NotApplicableError, match=r"^concatenate-spatial-0: expected a partition by at least one "):
        drawings(changed, "splits")


def test_similar_methods_are_neighbours():
    near = {("a", "c"): 0.9, ("b", "d"): 0.8}
    pairs = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    means = pd.DataFrame([(*pair, near.get(pair, 0.1)) for pair in pairs], columns=["split", "other", "mean"])
    matrix = similarities(means, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(matrix, matrix.T)
    order = by_similarity(matrix[None])
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_what_is_not_known_of_one_kind_is_taken_from_the_other():
    known = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    missing = np.full((3, 3), np.nan)
    assert by_similarity(np.stack([known, missing])) == by_similarity(known[None])


def test_agreement_is_the_mean_over_networks(results, made):
    numbers = made["agreement"].numbers
    table = pd.read_csv(results.folder / "agreement.csv")
    own = table[(table["measure"] == "adjusted-rand") & (table["kind"] == "spatial")]
    own = own[(own["split"] == "greedy") & (own["other"] == "random")]
    shown = numbers[(numbers["kind"] == "spatial") & (numbers["split"] == "greedy") & (numbers["other"] == "random")]
    assert shown["mean"].item() == pytest.approx(own["value"].mean())
    assert shown["networks"].item() == 4
    texts = {text.get_text() for text in made["agreement"].figure.axes[1].texts}
    assert f"{100 * own['value'].mean():.0f}".replace("-", "−") in texts
    assert "100" in texts


def test_results_without_agreements(results, tmp_path):
    bare = Results(tmp_path, results.scores, results.splits, results.run)
    results.scores.to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(NotApplicableError, match=r"^expected agreements \(adjusted-rand\) .*, found none$"):
        drawings(bare, "agreement")
