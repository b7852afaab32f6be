"""Scores beside null models: what cannot be drawn is a note, and the other null models go on."""

import numpy as np
import pytest
from builders import small_evaluation, two_module_network
from hand_worked import labelled, random_network, zoo

from spatialgraph.analyses.chance import against, null_models
from spatialgraph.analyses.scoring import Plan, score_subject, seed_of, split_by, subject_of
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection
from spatialgraph.network import Layer, Network, graph_of
from spatialgraph.notes import Note
from spatialgraph.nulls import NULLS, draw
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import SPLITS
from spatialgraph.splits.strengths import undirected
from spatialgraph.strengths import STRENGTHS

PLAN = Plan.choose(["greedy", "random"], nulls=3)
# Whether masks are learned to the end makes no difference here.
EVERY_SPLIT = ["learned-mask:steps=20" if name == "learned-mask" else name for name in SPLITS]


def found(network, evaluation=None):
    """Return what every null model gives, and its notes."""
    runner = None if evaluation is None else DenseRunner(network, evaluation)
    subject = subject_of(network.graph, runner, PLAN)
    scored = score_subject(subject, PLAN)
    notes = []
    return {
        null: against(null, subject, scored, PLAN, lambda note: notes.append((note.split, note.note)))
        for null in null_models()
    }, notes


@pytest.mark.parametrize("split", [True, False])
def test_a_network_without_connected_split_layers_has_a_note_for_each_null_model(split):
    layers = (Layer("input", 2), Layer("hidden", 3), Layer("output", 2, split=split))
    connections = (Connection(0, 1, np.ones((3, 2))), Connection(1, 2, np.ones((2, 3))))
    drawn, notes = found(Network(layers, connections, [0, 1], {"name": "n", "tasks": ["a", "b"]}))
    assert not any(drawn.values())
    for null in NULLS:
        expected = f"null model {null!r}: expected connected split layers in 'n', found none"
        assert ("none", Note("not-applicable", {"message": expected})) in notes


def test_what_one_null_model_lacks_does_not_stop_the_others():
    drawn, notes = found(two_module_network(8, positions=False, seed=0), small_evaluation(8))
    assert {null for null, rows in drawn.items() if rows} == {*NULLS, "random-split"} - {"distance"}
    assert [str(note).split(":")[0] for _, note in notes] == ["null model 'distance'", "null model 'untrained'"]
    assert all(row.values.shape == (3,) for rows in drawn.values() for row in rows)


def test_the_communities_of_every_draw_are_scored_as_they_were_found():
    network = random_network(0, (3, 12, 12, 4), skips=False)
    plan = Plan.choose(["louvain"], metrics=["modularity", "communities", "task-alignment"], nulls=3)
    subject = subject_of(network.graph, None, plan)
    scored = score_subject(subject, plan)
    rows = {row.score.metric: row.values for row in against("shuffle", subject, scored, plan, lambda *_: None)}
    for number in range(3):
        graph = draw("shuffle", network.graph, seed_of(0, network.name, "shuffle", number))
        split = split_by("louvain", subject, plan, graph=graph)
        assert rows["communities"][number] == len(np.unique(np.concatenate(list(split.communities.values()))))
        strength = undirected(graph)
        found = np.concatenate([split.communities[k] for k in graph.split_populations])
        of = found[:, None] == np.arange(found.max() + 1)
        between = of.T @ strength @ of / strength.sum()
        expected = np.trace(between) - (between.sum(axis=1) ** 2).sum()
        assert rows["modularity"][number] == pytest.approx(expected)
    assert set(rows) == {"modularity", "communities", "task-alignment"}


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", zoo())
def test_every_network_is_compared_with_chance_as_far_as_it_can_be(name, strength):
    network = zoo()[name]
    graph, plan = graph_of(network), Plan.choose(EVERY_SPLIT, nulls=2, strength=strength)
    runner = DenseRunner(network, labelled(network, 20)) if isinstance(network, Network) else None
    if strength == "activation" and runner is None:
        with pytest.raises(NotApplicableError, match="expected a network that is run on examples"):
            subject_of(graph, runner, plan)
        return
    subject = subject_of(graph, runner, plan, graph)
    scored = score_subject(subject, plan)
    for null in null_models():
        for row in against(null, subject, scored, plan, lambda *_: None):
            assert row.values.shape == ((1,) if null == "untrained" else (2,))
            p = row.chance.p
            assert np.isnan(p) or 0 < p <= 1
