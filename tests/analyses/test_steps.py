"""Results know their code: what was edited is computed again, and nothing else; plugins in processes and in tables."""

import dataclasses
import io
import sys
import textwrap
from collections import Counter
from itertools import pairwise

import commands
import pandas as pd
import pytest
from analysed_run import without_summary
from builders import small_evaluation, two_module_network
from rich.console import Console

from spatialgraph import plugins
from spatialgraph.analyses import analysis, scoring
from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.figures import FIGURES
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.scoring import Plan
from spatialgraph.files import digest
from spatialgraph.metrics import METRICS
from spatialgraph.nulls import NULLS
from spatialgraph.splits import SPLITS
from spatialgraph.store import write_evaluation, write_network

PLUGIN = """
import pandas as pd
from matplotlib.figure import Figure

from spatialgraph.analyses.figures import Drawing, figure
from spatialgraph.metrics import metric
from spatialgraph.nulls import null_model
from spatialgraph.splits import Split, split_method


@split_method("halves", sees="weights")
def halves(graph):
    "Give a half of each layer to the first task."
    labels = {k: [int(2 * unit >= graph.populations[k].size) for unit in range(graph.populations[k].size)]
              for k in graph.split_populations}
    return Split.from_labels("halves", labels, len(graph.tasks))


@metric("strongest", of="split", better="high", weights=True, bounds=(0, float("inf")))
def strongest(graph, split):
    "Measure the largest strength of a connection."
    return 1.0 * max(float(abs(connection.weight).max()) for connection in graph.split_connections)


@null_model("turned")
def turned(graph, connection, generator):
    "Turn the order of the rows."
    return connection.weight[::-1] * 1.0


@figure("count")
def count(results, choice):
    "Show how many networks there are."
    drawing = Figure(figsize=(2, 2))
    drawing.add_subplot().bar(["networks"], [len(results.members)])
    yield Drawing("count", drawing, pd.DataFrame({"networks": [len(results.members)]}), "How many networks there are.")
"""


@pytest.fixture
def run(tmp_path):
    units = 8
    evaluation = tmp_path / "evaluation.h5"
    write_evaluation(evaluation, small_evaluation(units))
    named = {"file": evaluation.name, "sha256": digest(evaluation)}
    network = two_module_network(units, cross=0.1, seed=0)
    known = {"kind": "spatial", "inputs": "mix", "evaluation": named, "name": "net"}
    network = dataclasses.replace(network, metadata=network.metadata | known)
    write_network(tmp_path / "networks" / "net.h5", network, {0: network})
    return tmp_path


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(PLUGIN), encoding="utf-8")
    yield path
    for module in [module for name, module in sys.modules.items() if name.startswith("spatialgraph_plugin_")]:
        plugins.unload(module)


@pytest.fixture
def done(monkeypatch):
    """Return what is done: how often each method split and each metric measured something."""
    counts = Counter()
    apply, measure = scoring.apply, scoring.measure

    def counted_apply(method, *arguments):
        counts[method] += 1
        return apply(method, *arguments)

    def counted_measure(metric, *arguments):
        counts[metric] += 1
        return measure(metric, *arguments)

    monkeypatch.setattr(scoring, "apply", counted_apply)
    monkeypatch.setattr(scoring, "measure", counted_measure)
    monkeypatch.setattr(analysis, "write_summary", without_summary)
    return counts


STARTS = ("@split_method", "@metric", "@null_model")
CHOICES = {"splits": ["greedy", "halves", "louvain"], "metrics": ["cut", "strongest", "share", "accuracy"]}
CHOICES |= {"ablations": ["zero"], "nulls": 2}


def analysed(run, plugin, done=None, out="results", jobs=1, fresh=False, **changes):
    """Analyse, and return what was done and the bytes of the tables."""
    if done is not None:
        done.clear()
    plugins.load(plugin)
    plan = Plan.choose(**(CHOICES | changes))
    how = {"jobs": jobs, "fresh": fresh, "plugins": [plugin], "console": Console(file=io.StringIO())}
    analyze(run, run / out, plan=plan, **how)
    names = ("scores", "nulls", "agreement", "notes")
    return dict(done or {}), {name: (run / out / f"{name}.csv").read_bytes() for name in names}


def edited(plugin, old, new):
    text = plugin.read_text(encoding="utf-8")
    assert old in text
    plugin.write_text(text.replace(old, new), encoding="utf-8")


def test_the_same_command_does_nothing_again(run, plugin, done):
    first, tables = analysed(run, plugin, done)
    assert first["greedy"] > 3
    assert first["strongest"] > 3
    again, same = analysed(run, plugin, done)
    assert again == {}
    assert same == tables
    fresh, same = analysed(run, plugin, done, fresh=True)
    assert fresh == first
    assert same == tables


def test_a_file_that_was_edited_is_computed_again_and_nothing_else(run, plugin, done):
    """The method, the metric and the null model of one file are one piece of code."""
    analysed(run, plugin, done)
    edited(plugin, "2 * unit >=", "4 * unit >=")
    again, tables = analysed(run, plugin, done)
    # Its method on the network, on the draws of five null models of weights, and untrained; its metric of all splits.
    assert set(again) == {"halves", "strongest", "cut", "share", "accuracy", "greedy", "louvain"}
    scores = pd.read_csv(run / "results" / "scores.csv")
    assert scores[(scores["split"] == "halves") & (scores["metric"] == "share")]["value"].tolist() == [0.25, 0.75]
    edited(plugin, "4 * unit >=", "2 * unit >=")
    _, fresh = analysed(run, plugin, done, out="fresh")
    _, tables = analysed(run, plugin, done)
    assert tables == fresh
    edited(plugin, '"Give a half of each layer', '"Give one half of each layer')  # a docstring makes no number
    assert analysed(run, plugin, done)[0] == {}


def test_an_edited_method_is_computed_again_and_nothing_else(run, tmp_path, plugin, done):
    head, method, metric, null = (PLUGIN[a:b] for a, b in pairwise([0, *map(PLUGIN.index, STARTS), len(PLUGIN)]))
    files = {name: tmp_path / f"{name}.py" for name in ("method", "null")} | {"metric": plugin}
    for name, text in {"method": method, "metric": metric, "null": null}.items():
        files[name].write_text(head + text, encoding="utf-8")

    def again(file=None, old="", new=""):
        """Return what is done after an edit, and whether it ends as if all were done again."""
        if file is not None:
            edited(file, old, new)
        plugins.load(files["method"])
        plugins.load(files["null"])
        counts, tables = analysed(run, plugin, done)
        return counts, tables == analysed(run, plugin, done, out="fresh", fresh=True)[1]

    again()
    draws = 2 * len(NULLS) + 1  # of each null model of weights, and the untrained network
    counts, same = again(files["method"], "2 * unit >=", "4 * unit >=")
    assert counts == {"halves": 1 + draws, "cut": 1 + draws, "strongest": 1 + draws, "share": 1, "accuracy": 1 + 2}
    assert same
    counts, same = again(files["metric"], "1.0 * max", "2.0 * max")
    # Draws are split again, since another metric is of them; the network itself is not.
    assert counts == {"strongest": 3 * (1 + draws)} | dict.fromkeys(["greedy", "halves", "louvain"], draws)
    assert same
    counts, same = again(files["null"], "[::-1] * 1.0", "[::-1] * 2.0")
    assert counts == {"greedy": 2, "halves": 2, "louvain": 2, "cut": 6, "strongest": 6}
    assert same


def test_more_methods_and_metrics_are_added_to_what_is_there(run, plugin, done):
    analysed(run, plugin, done)
    more, tables = analysed(run, plugin, done, splits=["greedy", "halves", "spectral", "louvain"])
    assert more["spectral"] == 1 + 4 + 2 * len(NULLS) + 1
    assert not {"greedy", "halves", "louvain"} & set(more)
    _, fresh = analysed(run, plugin, out="fresh", splits=["greedy", "halves", "spectral", "louvain"])
    assert tables == fresh
    fewer, tables = analysed(run, plugin, done, splits=["louvain"], metrics=["cut", "ncut"])
    assert set(fewer) == {"louvain", "ncut"}  # the draws are split again, since another metric is of them
    _, fresh = analysed(run, plugin, out="fewer", splits=["louvain"], metrics=["cut", "ncut"])
    assert tables == fresh


def test_another_seed_or_number_of_draws_is_another_analysis(run, plugin, done):
    analysed(run, plugin, done)
    other, _ = analysed(run, plugin, done, nulls=3)
    assert other["halves"] == 3 * len(NULLS) + 1  # not the scores, which are of no draws
    other, _ = analysed(run, plugin, done, nulls=3, seed=1)
    assert other["halves"] == 1 + 3 * len(NULLS) + 1


def test_a_plugin_is_used_by_other_processes_in_tables_and_in_figures(run, plugin):
    command = ["analyze", run, "--jobs", "2", "--plugin", plugin, "--nulls", "2", "--ablations", "zero"]
    command += ["--splits", "greedy,halves", "--metrics", "cut,strongest,accuracy,accuracy-drop,modularity"]
    done = commands.run(*command)
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(run / "results" / "scores.csv")
    assert {"halves"} <= set(scores["split"])
    assert {"strongest"} <= set(scores["metric"])
    nulls = pd.read_csv(run / "results" / "nulls.csv")
    assert "turned" in set(nulls["null"])
    assert "halves" in done.stdout
    _, alone = analysed(run, plugin, out="alone", splits=["greedy", "halves"], metrics=command[-1].split(","))
    assert (run / "results" / "scores.csv").read_bytes() == alone["scores"]
    assert (run / "results" / "nulls.csv").read_bytes() == alone["nulls"]
    for name in ("report", "figures"):
        refused = commands.run(name, run / "results")
        assert refused.returncode == 1
        assert refused.stderr == (
            f"error: {run / 'results'}: expected split methods and measures that are known, found halves, strongest: "
            f"name the plugin {plugin} (--plugin FILE)\n"
        )
    named = ("--plugin", plugin)
    drawn = commands.run("figures", run / "results", *named, "--only", "count,methods", "--format", "svg")
    assert drawn.returncode == 0, drawn.stderr
    assert (run / "results" / "figures" / "count.svg").is_file()
    assert "halves" in (run / "results" / "figures" / "methods-zero.md").read_text(encoding="utf-8")
    assert commands.run("report", run / "results", *named).returncode == 0
    assert '"halves"' in (run / "results" / "report.html").read_text(encoding="utf-8")
    listed = commands.run("analyze", "--list", *named).stdout
    assert all(name in listed for name in ("halves", "strongest", "turned"))


def test_results_of_a_plugin_are_read_where_it_is_known(run, plugin):
    analysed(run, plugin)
    assert "halves" in Results.load(run / "results").methods
    entered = [(SPLITS, "halves"), (METRICS, "strongest"), (NULLS, "turned"), (FIGURES, "count")]
    assert all(name in registry for registry, name in entered)
    plugins.unload(plugins.load(plugin))
    assert not any(name in registry for registry, name in entered)
    with pytest.raises(ValueError, match=r"split methods and measures that are known, found halves, strongest"):
        Results.load(run / "results")
