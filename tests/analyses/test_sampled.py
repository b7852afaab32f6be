"""Random splits, and the split that they are compared with, are run on one sample of the examples."""

import numpy as np
import pytest
from hand_worked import labelled, random_network

from spatialgraph.analyses import chance
from spatialgraph.analyses.scoring import Plan, Scored, function, subject_of
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.splits import Split, apply


def test_a_sample_has_so_many_examples_of_each_kind_and_the_constants_of_all():
    network = random_network(0)
    runner = DenseRunner(network, labelled(network, 200))
    sample = runner.sample(20, seed=0)
    patterns, counts = np.unique(sample.labelled, axis=0, return_counts=True)
    assert counts.max() <= 20
    assert len(patterns) == len(np.unique(runner.labelled, axis=0))
    assert all((sample.constants("mean")[k] == values).all() for k, values in runner.constants("mean").items())
    assert runner.sample(200, seed=0) is runner
    again = runner.sample(20, seed=0)
    assert (again.evaluation.inputs == sample.evaluation.inputs).all()


def test_a_sample_answers_as_a_runner_of_its_examples():
    network = random_network(1)
    sample = DenseRunner(network, labelled(network, 200)).sample(30, seed=1)
    alone = DenseRunner(network, sample.evaluation)
    split = apply("greedy", network.graph)
    for ablation in ("zero", "incoming"):
        ours, theirs = sample.performance(split, ablation), alone.performance(split, ablation)
        np.testing.assert_array_equal(ours.kept, theirs.kept)
        np.testing.assert_array_equal(ours.full, theirs.full)


def test_a_random_split_that_is_the_split_has_its_score(monkeypatch):
    """A split that leaves nothing to permute is a tie with each of its draws, also on a sample."""
    network = random_network(2)
    runner = DenseRunner(network, labelled(network, 200))
    plan = Plan.choose(["greedy"], metrics=["accuracy", "accuracy-drop", "leaked-accuracy"], nulls=3)
    subject = subject_of(network.graph, runner, plan)
    monkeypatch.setattr(chance, "EXAMPLES", 25)
    labels = {k: np.zeros(network.graph.populations[k].size, int) for k in network.graph.split_populations}
    everything = Split.from_labels("greedy", labels, 2)
    scores = list(function("greedy", runner.performances([everything], ABLATIONS)[0], plan, lambda _: None))
    scored = Scored(scores, {"greedy": everything}, [], [])
    drawn = chance.against("random-split", subject, scored, plan, lambda _: None)
    assert drawn
    for one in drawn:
        if np.isfinite(one.score.value):
            assert one.values == pytest.approx(one.score.value, abs=1e-12)
            assert one.chance.p == 1.0
