"""The front door, as a notebook uses it."""

import ast
import inspect
import json
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from analysed_run import write_analysed_run
from builders import small_evaluation, two_module_network
from matplotlib.figure import Figure
from typer.testing import CliRunner

import spatialgraph as sg
from spatialgraph.analyses import figures, scoring
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.results import Results
from spatialgraph.cli import analyze as command
from spatialgraph.cli import app

UNITS = 4
SCORES = ["split", "ablation", "metric", "task", "value"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of a small run, which is the folder around them."""
    return write_analysed_run(tmp_path_factory.mktemp("front"), splits=("greedy", "random"), nulls=0)


def test_every_name_is_there_and_the_same_for_editors_as_for_the_interpreter():
    tree = ast.parse(Path(sg.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    shown = {name.asname: node.module for node in block.body for name in node.names}
    assert shown == sg._HOME_OF
    assert set(sg.__all__) == {*shown, "__version__"}
    assert set(sg.__all__) <= set(dir(sg))
    for name in sg.__all__:
        assert getattr(sg, name) is not None
    modules = {path.stem for path in Path(sg.__file__).parent.iterdir()}
    assert not modules & set(shown), "importing the module of this name would replace what the front door has"


def test_a_name_that_is_not_there_is_an_error_that_names_those_that_are():
    with pytest.raises(AttributeError, match=r"no attribute 'analyse'; it has .*analyze.*write"):
        _ = sg.analyse
    code = "import spatialgraph as sg, spatialgraph.analyses.analysis; print(sg.strength.__name__, sg.split.__name__)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "strength split\n"


def test_help_shows_an_example_and_every_function():
    text = pydoc.plain(pydoc.render_doc(sg))
    assert 'network = sg.read("run/networks/mix-spatial-0.h5")' in text
    for name in ("analyze(", "figure(", "measure(", "read(", "split(", "write("):
        assert re.search(rf"^    {re.escape(name)}", text, re.MULTILINE), name


def test_what_is_written_is_read_by_the_format_of_its_file(tmp_path):
    network, evaluation = two_module_network(UNITS), small_evaluation(UNITS)
    split = sg.split(network)
    assert isinstance(sg.read(sg.write(tmp_path / "n.h5", network)), sg.Network)
    assert isinstance(
        sg.read(sg.write(tmp_path / "g.h5", sg.Graph((sg.Population("a", 1, task=[0]),), (), {"tasks": ["t"]}))),
        sg.Graph,
    )
    assert np.array_equal(sg.read(sg.write(tmp_path / "e.h5", evaluation)).labels, evaluation.labels)
    assert sg.read(sg.write(tmp_path / "s.h5", {"n": {"greedy": split}}))["n"]["greedy"].method == "greedy"
    with pytest.raises(TypeError, match=r"x\.h5: expected a network, a graph, an evaluation or splits, found a Split$"):
        sg.write(tmp_path / "x.h5", split)


def test_folders_are_read_if_they_hold_results_and_otherwise_say_what_to_do(results):
    assert isinstance(sg.read(results), Results)
    with pytest.raises(ValueError, match=r"found the folder of a run: its results are in .*small/results, and analyze"):
        sg.read(results.parent)
    with pytest.raises(FileNotFoundError, match="expected a folder that `spatialgraph analyze` wrote"):
        sg.read(results / "parts")
    with pytest.raises(
        ValueError, match=r"expected a file of .*, or a folder of results, found spatialgraph.analysis-part"
    ):
        sg.read(next((results / "parts").glob("*/scores.h5")))


def test_methods_that_see_activations_need_examples():
    network = two_module_network(UNITS)
    with pytest.raises(sg.NotApplicableError, match="expected a network that is run on examples, found a graph alone"):
        sg.split(network, "task-variance")
    found = sg.split(network, "task-variance", examples=small_evaluation(UNITS))
    assert found.labels(1).tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="expected one that can be run on the examples, found a graph alone"):
        sg.split(network.graph, "greedy", small_evaluation(UNITS))
    with pytest.raises(TypeError, match="expected a Network, a Graph, a captured model or a file, found a list"):
        sg.split([network])
    with pytest.raises(TypeError, match="examples: expected an Evaluation or a file of one, found a ndarray"):
        sg.split(network, examples=np.zeros(2))


def test_measuring_a_split_gives_what_the_analysis_gives(results):
    scores = sg.read(results).scores
    own = scores[(scores["network"] == "mix-spatial-0") & scores["split"].isin(["greedy", "none"])]
    run = results.parent
    split = sg.split(run / "networks" / "mix-spatial-0.h5", "greedy")
    frame = sg.measure(run / "networks" / "mix-spatial-0.h5", split, examples=run / "evaluation-mix.h5")
    assert list(frame.columns) == SCORES
    keys = SCORES[:-1]
    pd.testing.assert_frame_equal(
        frame.sort_values(keys, ignore_index=True),
        own[SCORES].sort_values(keys, ignore_index=True),
        check_dtype=False,
    )


def test_what_cannot_be_measured_is_said_and_left_out():
    network = two_module_network(UNITS, positions=False)
    split = sg.split(network)
    frame = sg.measure(network, split, ["cut", "accuracy", "inter-intra-distance"])
    assert frame["metric"].tolist() == ["cut"]
    first, last = frame.attrs["notes"]
    assert "expected positions" in first
    assert last == "accuracy: expected examples, on which the network is run, found none"
    with pytest.raises(ValueError, match="expected membership of shapes"):
        sg.measure(two_module_network(2), split)
    with pytest.raises(TypeError, match=r"split: expected a Split, as .* makes it, found a str"):
        sg.measure(network, "greedy")


def test_an_analysis_gives_the_scores_and_says_where_its_results_lie(results, capfd):
    frame = sg.analyze(results.parent, splits="greedy", metrics="cut", nulls=0, out=results.parent / "few")
    assert capfd.readouterr() == ("", "")
    assert frame.attrs["results"] == str(results.parent / "few")
    assert frame["metric"].unique().tolist() == ["cut"]
    pd.testing.assert_frame_equal(frame, sg.read(results.parent / "few").scores)
    assert isinstance(sg.figure("modularity-drop", results), Figure)


def test_an_analysis_compares_with_the_kind_that_is_asked_for(results):
    out = results.parent / "few"
    sg.analyze(results.parent, splits="greedy", metrics="cut", nulls=0, reference="spatial", out=out)
    assert json.loads((out / "analysis.json").read_text())["reference"] == "spatial"
    with pytest.raises(ValueError, match="reference"):
        sg.analyze(results.parent, splits="greedy", metrics="cut", nulls=0, reference="none", out=out)


def test_the_defaults_are_those_of_the_command_line():
    ours, theirs = (inspect.signature(function).parameters for function in (sg.analyze, command))
    for name in ("strength", "nulls", "seed", "reference", "fresh"):
        assert ours[name].default == theirs[name].default
    assert [ours[name].default for name in ("splits", "ablations", "metrics")] == [None] * 3


OWN = '''
import spatialgraph as sg

@sg.split_method("halves", sees="sizes")
def halves(graph):
    """Give the first half of every layer to the first task."""
    units = {k: graph.populations[k].size for k in graph.split_populations}
    labels = {k: [int(2 * unit >= size) for unit in range(size)] for k, size in units.items()}
    return sg.Split.from_labels("halves", labels, len(graph.tasks))

@sg.metric("heaviest", of="network", better="", weights=True, bounds=(0, float("inf")))
def heaviest(graph):
    """Measure the largest strength of a connection."""
    return max(float(abs(connection.weight).max()) for connection in graph.split_connections)
'''


def test_functions_of_a_cell_work_in_one_process_and_those_of_a_file_in_several(results, tmp_path, monkeypatch):
    asked = {"splits": ["halves", "greedy"], "metrics": ["heaviest", "cut"], "nulls": 0}
    exec(compile(OWN, "<cell>", "exec"), {"__name__": "a_notebook"})
    try:
        cell = sg.analyze(results.parent, **asked, out=tmp_path / "cell")
        with pytest.raises(ValueError, match="expected a function in a file, which other processes can import"):
            sg.analyze(results.parent, **asked, out=tmp_path / "two", jobs=2)
    finally:
        sg.SPLITS.forget("halves")
        sg.METRICS.forget("heaviest")
    (tmp_path / "of_a_file.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("of_a_file")
    try:
        file = sg.analyze(results.parent, **asked, out=tmp_path / "file", jobs=2)
    finally:
        sg.SPLITS.forget("halves")
        sg.METRICS.forget("heaviest")
    assert {"halves", "greedy", "none"} == set(file["split"])
    pd.testing.assert_frame_equal(cell, file)


def test_a_figure_is_drawn_into_axes_where_it_is_one_panel(results):
    alone = Figure()
    left, right = alone.subplots(1, 2)
    for ax, name in ((left, "positions"), (right, "layers")):
        assert sg.figure(name, str(results), ax=ax, networks="mix-spatial-0") is alone
        assert ax.collections
        assert {"left", "right"} <= {text.get_text() for text in ax.get_legend().get_texts()}
    assert len(alone.axes) == 2
    whole = sg.figure("positions", sg.read(results))
    assert len(whole.axes) == 2
    assert whole._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(
        TypeError, match="results: expected a folder that analyze wrote, or what read returns, found a N"
    ):
        sg.figure("positions", None)
    with pytest.raises(
        ValueError, match=r"^ax: expected a figure of one panel, found 'positions' of 2 here: choose less"
    ):
        sg.figure("positions", results, ax=left)
    with pytest.raises(ValueError, match=r"^ax, figure: expected one of them to draw into, found both$"):
        sg.figure("positions", results, left, figure=alone)
    with pytest.raises(ValueError, match=r"^ax: expected a figure that can be drawn into one \(.*\), found 'film'$"):
        sg.figure("film", results, left)
    with pytest.raises(ValueError, match="unknown figure 'position'; known: positions, "):
        sg.figure("position", results, ax=left)


def test_a_figure_of_several_panels_is_drawn_into_a_part_of_a_figure(results):
    whole = Figure()
    part, other = whole.subfigures(1, 2)
    assert sg.figure("methods", results, figure=part) is whole
    assert len(part.axes) > 1
    assert not other.axes
    mine = other.subplots()
    assert sg.figure("methods", results, mine, inputs="mix", measure="modularity") is whole
    assert mine.get_xlabel() == "modularity"


def test_a_contrast_and_its_measure_are_chosen(results):
    drawn = sg.figure("specification", results, contrast=["regular", "spatial"], measure="modularity")
    assert drawn.axes[0].get_ylabel() == "Modularity\nregular − spatial"
    with pytest.raises(ValueError, match="contrast: expected two kinds or families, found regular"):
        sg.figure("specification", results, contrast="regular")
    with pytest.raises(ValueError, match=r"unknown measure 'modular'; known: "):
        sg.figure("specification", results, measure="modular")


# A user's own splits, beside those of the methods.

NEW = {"ablations": "zero", "nulls": 0}


def exported(results, method, folder):
    """Return the file of the splits that a method made of all networks, written by the command line."""
    path = folder / "mine.csv"
    assert (
        main_says(["export", str(results / "splits.h5"), "--to", "csv", "--split", method, "--out", str(path)]) == path
    )
    return path


def main_says(arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return Path(done.output.strip())


def test_an_exported_split_scores_what_the_method_scored_in_one_process_and_in_two(results, tmp_path, monkeypatch):
    exported(results, "greedy", tmp_path)
    monkeypatch.chdir(tmp_path)
    how = {"ablations": "zero", "nulls": 2, "splits": ["greedy", "file:mine.csv"]}
    one = sg.analyze(results.parent, **how, out=tmp_path / "one")
    assert set(one["split"]) == {"greedy", "file:mine", "none"}
    columns = ["network", "ablation", "metric", "task", "value"]
    own, ours = (one.loc[one["split"] == name, columns].reset_index(drop=True) for name in ("greedy", "file:mine"))
    pd.testing.assert_frame_equal(own, ours)
    pd.testing.assert_frame_equal(one, sg.analyze(results.parent, **how, out=tmp_path / "two", jobs=2))
    drawn = pd.read_csv(tmp_path / "one" / "nulls.csv")
    of_file = drawn[(drawn["split"] == "file:mine") & (drawn["null"] == "shuffle")]
    assert set(of_file["metric"]) == set(
        drawn.loc[(drawn["split"] == "greedy") & (drawn["null"] == "shuffle"), "metric"]
    )
    known = json.loads((tmp_path / "one" / "analysis.json").read_text())
    assert known["files"] == {"file:mine": "../mine.csv"}
    assert sg.read(tmp_path / "one").splits["mix-spatial-0"]["file:mine"].method == "file:mine"
    loaded = sg.read(tmp_path / "one")
    asked = {"only": ["positions", "methods", "splits"], "choice": figures.Choice(method="file:mine")}
    drawn = figures.draw(loaded, tmp_path / "figures", ["png"], **asked)
    assert {"positions.png", "methods.png", "splits.png"} <= {path.name for path in drawn}
    assert "Read the split of a graph from a file, as it was given." in write_report(tmp_path / "one").read_text(
        encoding="utf-8"
    )


def test_an_edited_file_is_split_again_and_nothing_else(results, tmp_path, monkeypatch):
    path, made = exported(results, "greedy", tmp_path), []
    apply = scoring.apply
    monkeypatch.setattr(scoring, "apply", lambda method, *given: made.append(method) or apply(method, *given))
    how = {"splits": ["greedy", f"file:{path}"], "metrics": "share", **NEW, "out": tmp_path / "results"}
    before = sg.analyze(results.parent, **how)
    assert len(made) == 2 * before["network"].nunique()
    sg.analyze(results.parent, **how)
    assert len(made) == 2 * before["network"].nunique()
    made.clear()
    text = path.read_text()
    path.write_text(text.replace("mix-spatial-0,hidden1,0,left", "mix-spatial-0,hidden1,0,right"))
    after = sg.analyze(results.parent, **how)
    assert set(made) == {f"file:{path}"}
    changed = before[before["value"] != after["value"]]
    assert set(zip(changed["network"], changed["split"], strict=True)) == {("mix-spatial-0", "file:mine")}


def test_networks_that_a_file_does_not_name_are_noted_and_names_of_none_refused(results, tmp_path):
    path = tmp_path / "mine.json"
    frame = pd.read_csv(exported(results, "greedy", tmp_path), keep_default_na=False)
    frame[frame["network"] == "mix-spatial-0"].to_json(path, orient="records")
    scores = sg.analyze(results.parent, splits=f"file:{path}", metrics="share", **NEW, out=tmp_path / "results")
    assert set(scores["network"]) == {"mix-spatial-0"}
    notes = pd.read_csv(tmp_path / "results" / "notes.csv")
    assert f"{path}: expected the units of network 'mix-regular-0', found none" in set(notes["note"])
    frame.assign(network="mix-spatial-O").to_json(path, orient="records")
    with pytest.raises(ValueError, match=r"mine\.json: expected networks of the run \(c.* …\), found 'mix-spatial-O'"):
        sg.analyze(results.parent, splits=f"file:{path}", out=tmp_path / "results")
    for splits, message in {
        (f"file:{path}", f"file:{tmp_path / 'mine.csv'}"): "expected files of splits with different names, found ",
        ("file:none.csv",): r"none\.csv: expected a file of a split, found nothing",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            sg.analyze(results.parent, splits=splits, out=tmp_path / "results")


def test_a_data_frame_is_a_split_for_one_network_and_for_a_run(results, tmp_path):
    network = sg.read(results.parent / "networks" / "mix-spatial-0.h5")
    split = sg.split(network, "greedy-shared")
    frame = sg.split_frame(split, network)
    assert list(frame.columns) == ["layer", "unit", "module"]
    again = sg.split(network, frame)
    assert again.method == "file:frame"
    assert all(np.array_equal(again.membership[k], members) for k, members in split.membership.items())
    assert sg.split(network, f"file:{sg.write_split(tmp_path / 'mine.json', split, network)}").method == "file:mine"
    frame["module"] = np.where(frame["module"] == "left", "left", None)
    scores = sg.analyze(results.parent, splits=["greedy", frame], metrics="share", **NEW, out=tmp_path / "results")
    shares = scores[(scores["split"] == "file:frame1") & (scores["metric"] == "share") & (scores["task"] == "right")]
    assert len(shares) == scores["network"].nunique()
    assert (shares["value"] == 0).all()
    with pytest.raises(TypeError, match="split: expected the name of a method or a data frame, found a Split"):
        sg.split(network, split)


def test_every_split_is_written_on_the_command_line(results, tmp_path):
    network = results.parent / "networks" / "mix-spatial-0.h5"
    path = main_says(["export", str(network), "--to", "json", "--split", "louvain", "--out", str(tmp_path / "l.json")])
    communities, own = sg.split(network, f"file:{path}").communities, sg.split(network, "louvain").communities
    assert all(np.array_equal(communities[k], own[k]) for k in own)
    assert main_says(["export", str(results), "--to", "csv", "--split", "random"]) == results / "split-random.csv"
    for arguments, message in {
        ("--to", "csv"): "--to csv: expected --split METHOD, whose split is written, found none",
        ("--to", "csv", "--split", "leiden"): "unknown split method 'leiden'; known: greedy, random",
    }.items():
        done = CliRunner().invoke(app, ["export", str(results), *arguments])
        assert (done.exit_code, message in done.output) == (1, True)
