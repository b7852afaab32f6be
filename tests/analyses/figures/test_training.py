"""Training: curves are what networks recorded, and modularity is of every moment that was kept."""

from dataclasses import replace

import numpy as np
import pytest
from results_builder import build_results

from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError
from spatialgraph.metrics import modularity
from spatialgraph.splits import apply
from spatialgraph.store import write_network


def test_training_shows_what_the_networks_recorded(results, made):
    numbers = made["training"].numbers
    network = results.network("sequential-spatial-1")
    own = numbers[(numbers["network"] == network.name) & (numbers["quantity"] == "accuracy")]
    for index, task in enumerate(network.tasks):
        np.testing.assert_allclose(own.loc[own["task"] == task, "value"], network.history["accuracy"][:, index])
    assert own["epoch"].tolist() == [1, 2, 3, 4] * 2
    assert set(numbers.loc[numbers["quantity"] == "transport", "kind"]) == {"spatial"}
    axes = made["training"].figure.axes
    assert [ax.get_ylabel() for ax in axes[::2]] == ["loss", "transport cost", "density cost", "accuracy", "modularity"]
    assert len(axes[0].lines) == 2 * 2 + 2  # two seeds and a mean for each kind
    losses = [results.network(f"sequential-spatial-{seed}").history["loss"] for seed in (0, 1)]
    np.testing.assert_allclose(axes[1].lines[-1].get_ydata(), np.mean(losses, axis=0))
    assert {ax.get_xscale() for ax in axes} == {"linear"}  # one kind of time
    assert len({ax.get_xlim() for ax in axes}) == 1


def test_modularity_is_that_of_every_moment_split_anew(results, made):
    numbers = made["training"].numbers
    own = numbers[(numbers["quantity"] == "modularity") & (numbers["network"] == "sequential-regular-1")]
    moments = results.snapshots("sequential-regular-1")
    assert own["epoch"].tolist() == [epoch for epoch, _ in moments] == [0, 0.25, 0.63, 1.59, 4]
    expected = [modularity(was, apply("greedy", was)) for _, was in moments]
    np.testing.assert_allclose(own["value"].astype(float), expected)
    assert "split by greedy, made anew" in made["training"].caption


def test_a_method_that_sees_weights_splits_the_moments(results):
    (drawing,) = drawings(results, "training", Choice(method="spectral"))
    assert "split by spectral" in drawing.caption
    (drawing,) = drawings(results, "training", Choice(method="random"))
    assert "split by greedy" in drawing.caption


def test_modularity_is_left_out_where_only_start_and_end_are_kept(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,)))
    (drawing,) = drawings(results, "training")
    assert "modularity" not in drawing.numbers["quantity"].tolist()
    assert "modularity" not in drawing.caption


def with_costs(results, folder, costs):
    """Write networks that pay costs of these names, and say so; return their results."""
    for name in results.members["network"]:
        network = results.network(name)
        history = {cost: np.linspace(1, 2, 4) for cost in costs} | {"loss": np.ones(4), "mood": np.ones(4)}
        metadata = dict(network.metadata) | {"symbols": dict.fromkeys([*costs, "learning_rate"], "x")}
        write_network(folder / "networks" / f"{name}.h5", replace(network, history=history, metadata=metadata))
    return Results(results.folder, results.scores, {}, folder)


def test_every_cost_that_networks_say_they_pay_is_shown_in_their_order(results, tmp_path):
    (drawing,) = drawings(with_costs(results, tmp_path, ["l1", "b", "a"]), "training")
    assert [ax.get_ylabel() for ax in drawing.figure.axes[::2]] == ["loss", "l1 cost", "b cost", "a cost"]
    assert "l1 cost, b cost, a cost and accuracy" in drawing.caption


def test_more_costs_than_a_page_has_room_for_are_left_out_and_it_is_said(results, tmp_path):
    (drawing,) = drawings(with_costs(results, tmp_path, list("abcde")), "training")
    assert [ax.get_ylabel() for ax in drawing.figure.axes[::2]] == ["loss"]
    assert "The 5 costs that kinds of network pay are not shown." in drawing.caption


def test_networks_without_a_history(results, tmp_path):
    for name in results.members["network"]:
        bare = replace(results.network(name), history={})
        write_network(tmp_path / "networks" / f"{name}.h5", bare)
    with pytest.raises(
        NotApplicableError, match=r"^expected networks with a history of loss, costs or accuracy, found none$"
    ):
        drawings(Results(results.folder, results.scores, {}, tmp_path), "training")
