"""Graphs that no layered network is go through the whole analysis, their figures and their report."""

import dataclasses
import io
from fractions import Fraction

import pytest
from any_graph import BY_HAND, random_graph
from rich.console import Console

from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.figures import draw
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.scoring import Plan
from spatialgraph.nulls import NULLS
from spatialgraph.splits import SPLITS, sees
from spatialgraph.store import write_network

# Of the greedy split and the minimum cut, which are the same here: within, less what chance gives; cut; ends of it.
WORKED_OUT = {
    "recurrent": (Fraction(12, 14) - Fraction(22**2 + 6**2, 28**2), Fraction(2, 14), Fraction(2, 22) + Fraction(2, 6)),
    "cycle": (Fraction(15, 17) - Fraction(20**2 + 14**2, 34**2), Fraction(2, 17), Fraction(2, 20) + Fraction(2, 14)),
    "two heads": (Fraction(10, 12) - Fraction(16**2 + 8**2, 24**2), Fraction(2, 12), Fraction(2, 16) + Fraction(2, 8)),
    "parallel": (Fraction(7, 10) - Fraction(11**2 + 9**2, 20**2), Fraction(3, 10), Fraction(3, 11) + Fraction(3, 9)),
    # Unit 2 serves no task, and is a community of its own.
    "one task": (1 - Fraction(10**2 + 2**2, 12**2), Fraction(0), Fraction(0)),
    "one unit": (Fraction(9, 11) - Fraction(16**2 + 6**2, 22**2), Fraction(2, 11), Fraction(2, 16) + Fraction(2, 6)),
}
SEEDS = ("by hand", 0)
# Figures that need examples, or snapshots, or a history of training: graphs have none of these here.
OF_NETWORKS_THAT_RUN = {"film", "masking", "modularity-drop", "selectivity", "specification", "trade", "training"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the RESULTS folder of every graph worked out by hand, and of a larger one connected as each."""
    run = tmp_path_factory.mktemp("any")
    for kind, make in BY_HAND.items():
        for seed in SEEDS:
            graph, name = make() if seed == "by hand" else random_graph(kind, seed), f"{kind} {seed}"
            graph = dataclasses.replace(graph, metadata=graph.metadata | {"name": name, "kind": kind})
            write_network(run / "networks" / f"{name}.h5", graph)
    analyze(run, run / "results", plan=Plan.choose(nulls=5), console=Console(file=io.StringIO()))
    return run / "results"


@pytest.fixture(scope="module")
def evidence(folder):
    return Evidence.load(folder)


@pytest.mark.parametrize("method", ["greedy", "min-cut"])
@pytest.mark.parametrize("kind", BY_HAND)
def test_scores_are_those_worked_out_by_hand(evidence, kind, method):
    rows = evidence.scores[(evidence.scores["network"] == f"{kind} by hand") & (evidence.scores["split"] == method)]
    value = rows.set_index("metric")["value"]
    expected = dict(zip(("modularity", "cut", "ncut"), map(float, WORKED_OUT[kind]), strict=True))
    assert value[list(expected)].to_dict() == pytest.approx(expected, abs=1e-12)


def test_every_method_splits_every_graph_or_a_note_says_why_not(evidence):
    names = {f"{kind} {seed}" for kind in BY_HAND for seed in SEEDS}
    notes = evidence.notes
    for method in SPLITS:
        rows = evidence.scores[evidence.scores["split"] == method]
        missing = names - set(rows[rows["metric"] == "modularity"]["network"])
        if sees(method) == "activations":
            assert missing == names
        told = notes[(notes["split"] == method) & (notes["code"] == "not-applicable")]
        assert missing <= set(told["network"])


def test_every_null_model_of_weights_draws_every_graph(evidence):
    drawn = evidence.nulls[evidence.nulls["metric"] == "modularity"].groupby("null")["network"].nunique()
    assert set(drawn.index) == {name for name in NULLS if name not in ("untrained", "random-split")}
    assert (drawn == len(BY_HAND) * len(SEEDS)).all()


def test_every_figure_of_structure_and_the_report_are_made(folder, tmp_path):
    said = []
    draw(Results.load(folder), tmp_path, ["svg"], progress=said.append)
    left_out = {line.split()[1]: line for line in said if "left out" in line}
    assert set(left_out) == OF_NETWORKS_THAT_RUN, left_out.values()
    assert "one unit 0" in write_report(folder).read_text(encoding="utf-8")
