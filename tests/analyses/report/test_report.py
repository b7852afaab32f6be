"""What the report is made of: each number that the page shows is one that an analysis wrote."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from analysed_run import MOMENTS, SPLITS, UNITS, write_analysed_run
from hand_worked import random_network
from hypothesis import given
from hypothesis import strategies as st

from spatialgraph.analyses import report
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.headline import headline
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.content import behind, content, html, read_cells
from spatialgraph.analyses.report.moments import flow
from spatialgraph.analyses.report.packing import unpack
from spatialgraph.analyses.report.places import places_by_connections
from spatialgraph.analyses.report.portrait import Budget, portrait
from spatialgraph.analyses.report.structure import strongest_connections
from spatialgraph.analyses.results import Results
from spatialgraph.graph import Connection
from spatialgraph.graph.planted import planted
from spatialgraph.metrics import cut
from spatialgraph.nulls import NULLS
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import Split, counted
from spatialgraph.store import read_evaluation, read_network

FIRST = "concatenate-spatial-0"
RIGHT = "<i>right</i>"  # the second task
BUDGET = Budget(connections=50, frame=20)
NO_AGREEMENT = pd.DataFrame(columns=["network", "split", "other", "measure", "value"])


@pytest.fixture(scope="module")
def folder(small_results):
    return small_results


@pytest.fixture(scope="module")
def results(folder):
    return Results.load(folder)


@pytest.fixture(scope="module")
def drawn(results, folder):
    agreement = Evidence.load(folder).agreement
    return {name: portrait(results, agreement, name, BUDGET) for name in results.members["network"]}


def array(portrait, name):
    return unpack(portrait.pack.entries[name], portrait.pack.text())


def test_neurons_have_the_tasks_that_methods_give_them(results, drawn):
    methods = drawn[FIRST].description["methods"]
    assert methods == list(results.methods)
    members = array(drawn[FIRST], "membership")
    for row, method in enumerate(methods):
        split = results.splits[FIRST][method]
        assert np.array_equal(members[row], np.concatenate(list(split.membership.values())))


def test_strengths_are_those_that_greedy_compares(results, drawn):
    for name, found in drawn.items():
        methods = found.description["methods"]
        strength = array(found, "strength")
        own, label = (
            strength[methods.index("greedy")],
            array(found, "membership")[methods.index("greedy")].argmax(axis=1),
        )
        assert np.array_equal(own[: 2 * UNITS].argmax(axis=1), label[: 2 * UNITS])
        assert np.isnan(own[2 * UNITS :]).all()  # outputs, which nothing follows
        network, shared = results.network(name), results.splits[name]["greedy-shared"].membership
        layer = network.split_populations[1]
        expected = np.abs(network.split_connections[-1].weight).T @ shared[network.output_populations[0]]
        assert np.allclose(strength[methods.index("greedy-shared")][UNITS : 2 * UNITS], expected, atol=1e-3)
        assert network.split_connections[-1].source == layer


def test_numbers_that_methods_count_are_theirs(results, folder):
    evaluation = read_evaluation(folder.parent / "evaluation-concatenate.h5")
    network = read_network(folder.parent / "networks" / f"{FIRST}.h5")
    runner = DenseRunner(network, evaluation)
    found = portrait(results, NO_AGREEMENT, FIRST, dataclasses.replace(BUDGET, live=10**6))
    methods = found.description["methods"]
    assert set(found.description["counted"]) == {"greedy", "greedy-shared", "task-variance"}
    for method, what in found.description["counted"].items():
        expected = counted(network.graph, results.splits[FIRST][method], runner)
        assert what == expected.what
        values = array(found, f"counted:{methods.index(method)}")
        for layer, place in enumerate(network.graph.split_populations[:2]):
            own = values[layer * UNITS : (layer + 1) * UNITS]
            assert np.allclose(own, expected.values[place], atol=1e-3, equal_nan=True)
        assert np.isnan(values[2 * UNITS :]).all()  # outputs, whose tasks are given
    less = portrait(results, NO_AGREEMENT, FIRST, BUDGET).description["counted"]
    assert set(less) == {"greedy", "greedy-shared"}  # the others would run the network


def test_methods_that_do_not_apply_to_a_network_are_left_out_of_it(drawn):
    assert "positions" not in drawn["mix-regular-0"].description["methods"]
    assert sorted(drawn[FIRST].description["methods"]) == sorted(SPLITS)


def test_positions_are_those_of_the_network_and_missing_where_it_has_none(results, drawn):
    network = results.network(FIRST)
    places = np.concatenate([network.populations[number].position for number in network.split_populations])
    assert np.allclose(array(drawn[FIRST], "position"), places, atol=1e-3)
    assert drawn["mix-regular-0"].description["dimensions"] == 0
    assert "position" not in drawn["mix-regular-0"].pack.entries


def test_the_strongest_connections_come_first(results, drawn):
    weights = np.concatenate([np.abs(c.weight).ravel() for c in results.network(FIRST).split_connections])
    found = array(drawn[FIRST], "weight")
    assert np.allclose(found, np.sort(weights)[::-1][:50], rtol=1e-3)
    assert drawn[FIRST].description["connections"] == {"kept": 50, "total": int(np.count_nonzero(weights))}


@given(seed=st.integers(0, 2**31), most=st.integers(0, 40))
def test_the_strongest_connections_are_those_of_sorting_them_all(seed, most):
    draw = np.random.default_rng(seed)
    connections = [Connection(0, 1, draw.integers(-3, 4, (4, 3))), Connection(1, 2, draw.integers(-3, 4, (2, 4)))]
    source, target, weight = strongest_connections(connections, {0: slice(0, 3), 1: slice(3, 7), 2: slice(7, 9)}, most)
    every = [
        (-abs(float(c.weight[i, j])), j + first, i + after, float(c.weight[i, j]))
        for c, first, after in zip(connections, (0, 3), (3, 7), strict=True)
        for i, j in np.ndindex(c.weight.shape)
        if c.weight[i, j]
    ]
    sizes = [size for size, *_ in sorted(every)[:most]]
    assert (-np.abs(weight)).tolist() == sizes
    assert {(s, t, w) for s, t, w in zip(source, target, weight, strict=True)} <= {row[1:] for row in every}


def test_selectivity_is_the_share_of_task_variance(results, drawn):
    network = results.network(FIRST)
    evaluation = read_evaluation(results.run / network.metadata["evaluation"]["file"])
    runner = DenseRunner(read_network(results.run / "networks" / f"{FIRST}.h5"), evaluation)
    variance = np.concatenate(list(runner.task_variance(network.split_populations).values()))
    expected = variance / variance.sum(axis=1, keepdims=True)
    assert np.allclose(array(drawn[FIRST], "selectivity"), expected, atol=1e-4)


def test_what_is_lost_without_a_module_is_that_of_the_scores(results, drawn):
    found = array(drawn[FIRST], "without")
    rows = results.scores[results.scores["network"] == FIRST]
    for task, name in enumerate(("left", RIGHT)):
        own = rows[(rows["metric"] == "accuracy-without:left") & (rows["task"] == name) & (rows["ablation"] == "mean")]
        own = own.set_index("split")["value"]
        for row, method in enumerate(results.methods):
            assert found[row, results.ablations.index("mean"), 0, task] == pytest.approx(own[method], abs=1e-4)


def test_controls_are_the_means_of_random_splits(results, drawn, folder):
    nulls = pd.read_csv(folder / "nulls.csv", keep_default_na=False)
    own = nulls[(nulls["network"] == FIRST) & (nulls["null"] == "random-split") & (nulls["split"] == "greedy")]
    own = own[(own["metric"] == f"accuracy-without:{RIGHT}") & (own["ablation"] == "zero") & (own["task"] == "left")]
    found = array(drawn[FIRST], "without-control")
    place = results.methods.index("greedy"), results.ablations.index("zero"), 1, 0
    assert found[place] == pytest.approx(float(own["mean"].item()), abs=1e-4)


def test_distributions_are_those_of_the_null_models(drawn, folder):
    nulls = pd.read_csv(folder / "nulls.csv", keep_default_na=False)
    own = nulls[(nulls["network"] == FIRST) & (nulls["split"] == "louvain")]
    shown = {(entry["metric"], entry["null"], entry["ablation"]): entry for entry in drawn[FIRST].description["nulls"]}
    assert {null for metric, null, _ in shown if metric == "modularity"} == set(NULLS)
    row = own[(own["metric"] == "modularity") & (own["null"] == "strength")].iloc[0]
    observed, z, p = shown["modularity", "strength", ""]["observed"]["louvain"]
    assert (observed, z, p) == pytest.approx((float(row["value"]), float(row["z"]), float(row["p"])))
    values = array(drawn[FIRST], "draws:modularity:strength:")[drawn[FIRST].description["methods"].index("louvain")]
    assert values.mean() == pytest.approx(float(row["mean"]), abs=1e-4)
    drop = shown["accuracy-drop", "random-split", "zero"]
    rows = own[(own["metric"] == "accuracy-drop") & (own["ablation"] == "zero")]
    assert drop["observed"]["louvain"][0] == pytest.approx(rows["value"].astype(float).mean())
    values = array(drawn[FIRST], drop["array"])[drawn[FIRST].description["methods"].index("louvain")]
    assert values.mean() == pytest.approx(rows["mean"].astype(float).mean(), abs=1e-4)


def test_agreement_is_the_same_from_both_sides(drawn, folder):
    table = pd.read_csv(folder / "agreement.csv")
    own = table[(table["network"] == FIRST) & (table["measure"] == "adjusted-rand")]
    found = array(drawn[FIRST], "agreement:adjusted-rand")
    methods = drawn[FIRST].description["methods"]
    for row in own.itertuples():
        one, other = methods.index(row.split), methods.index(row.other)
        assert found[one, other] == pytest.approx(row.value, abs=1e-4)
        assert found[other, one] == found[one, other]


def test_the_film_has_every_moment(results, drawn):
    film = drawn[FIRST].description["film"]
    assert film["epochs"] == [*MOMENTS, 4]
    positions = array(drawn[FIRST], "film-position")
    assert positions.shape == (len(MOMENTS) + 1, 3 * UNITS, 2)
    assert array(drawn[FIRST], "film-source").shape == (len(MOMENTS) + 1, 20)
    still = portrait(results, NO_AGREEMENT, FIRST, Budget(5, 0))
    assert still.description["film"] is None
    assert array(still, "flow").shape == (1, len(SPLITS), 4)


def test_a_network_without_positions_has_moments_too(drawn):
    assert drawn["mix-regular-0"].description["film"]["epochs"] == [*MOMENTS, 4]
    assert "film-position" not in drawn["mix-regular-0"].pack.entries


def test_what_crosses_is_the_cut_of_the_split_at_every_moment(results, drawn):
    methods = drawn[FIRST].description["methods"]
    found = array(drawn[FIRST], "flow")[:, methods.index("greedy")]
    expected = [cut(was, results.splits[FIRST]["greedy"]) for _, was in results.snapshots(FIRST)]
    assert found[:, 0] == pytest.approx(expected, abs=1e-4)
    assert found[:, 1] == pytest.approx(0, abs=1e-4)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_shares_of_strength_are_those_of_sums_over_all_connections():
    network = random_network(0, skips=True).graph
    tasks = len(network.tasks)
    draw = np.random.default_rng(0)
    members = {k: draw.integers(0, 2, (network.populations[k].size, tasks)) for k in network.split_populations}
    found = flow([network], {"mine": Split("mine", members)})[0, 0]
    sums, total = np.zeros(2 + tasks), 0.0
    for connection in network.split_connections:
        for (target, source), weight in np.ndenumerate(np.abs(connection.weight)):
            one, other = members[connection.source][source], members[connection.target][target]
            total += weight
            sums[0] += weight * (one.any() and other.any() and not (one & other).any())
            sums[1] += weight * (not one.any() or not other.any())
            sums[2:] += weight * (one & other)
    assert found == pytest.approx(sums / total)


def test_places_by_connections_keep_modules_apart_and_see_no_split():
    graph, labels = planted(0.1)
    places = places_by_connections(graph)
    assert np.abs(places).max() < 1
    assert np.array_equal(places, places_by_connections(graph))
    side, block = places[:, 0] > 0, np.concatenate(list(labels.values()))
    assert np.array_equal(side, block == block[side.argmax()])


def test_few_or_very_many_units_have_no_places_by_connections(monkeypatch):
    assert places_by_connections(planted(0.1, sizes=(2, 2))[0]) is not None
    monkeypatch.setattr(report.places, "MOST_UNITS", 3)
    assert places_by_connections(planted(0.1, sizes=(2, 2))[0]) is None


def test_the_rows_behind_the_table_are_lines_of_the_file(results, folder):
    names, pack = behind(results)
    lines = (folder / "scores.csv").read_text(encoding="utf-8").splitlines()
    found = {name: unpack(entry, pack.text()) for name, entry in pack.entries.items()}
    for k in range(0, len(found["line"]), 37):
        fields = lines[found["line"][k] - 1].split(",")
        assert fields[1] == names["network"][found["network"][k]]
        assert fields[5:9] == [names[name][found[name][k]] for name in ("split", "ablation", "metric", "task")]
        assert float(fields[9]) == found["value"][k]


def test_cells_are_those_of_the_summary(results, folder):
    cells = read_cells(folder / "summary.csv")
    found = content(results, cells, headline(Evidence.load(folder)), "greedy")
    assert found["run"] == "small"
    assert found["ablation"] == "incoming"
    one = next(c for c in found["cells"] if c["metric"] == "modularity" and c["split"] == "greedy")
    own = cells[(cells["metric"] == "modularity") & (cells["split"] == "greedy") & (cells["kind"] == one["kind"])]
    own = own[own["inputs"] == one["inputs"]].iloc[0]
    assert (one["mean"], one["n"]) == pytest.approx((own["mean"], own["n"]))
    alone = [cell for cell in found["cells"] if cell["n"] == 1]
    assert alone
    assert all(cell["low"] is None for cell in alone)


def test_the_same_results_give_the_same_bytes(folder, small_report, tmp_path):
    page = write_report(folder, tmp_path / "again.html").read_bytes()
    assert page == small_report.read_bytes()
    assert str(tmp_path).encode() not in page


def test_scripts_are_whole_and_used(small_report):
    text = small_report.read_text(encoding="utf-8")
    assets = {path.stem for path in report._ASSETS.glob("*.js")}
    assert assets == {*report._SCRIPTS, "inflate"}
    assert not re.search(r"\{\{|\{%", text.split('"use strict"')[0])


def test_a_page_of_many_networks_stays_small():
    names = [f"net-{number}" for number in range(600)]
    budgets = report._budgets(names)
    assert sum(budget.connections for budget in budgets.values()) <= 600 * 400
    assert sum(budget.frame > 0 for budget in budgets.values()) == 18
    assert report._budgets(["one"])["one"].connections == 6000


def test_a_page_of_more_networks_shows_those_of_the_first_seeds_and_tables_of_all(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_MOST_NETWORKS", 4)
    page = write_report(folder, tmp_path / "report.html").read_text(encoding="utf-8")
    told = json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)[1])
    shown = [network["name"] for network in told["networks"]]
    assert shown == ["concatenate-regular-0", "concatenate-spatial-0", "mix-regular-0", "mix-spatial-0"]
    assert [member["network"] for member in told["members"]] == Results.load(folder).members["network"].tolist()
    assert len(told["members"]) == 6


def test_the_scores_of_a_network_are_its_rows(results):
    rows = results.scores
    assert results.scores_of(FIRST).equals(rows[rows["network"] == FIRST])
    assert results.scores_of("none").empty


def test_results_without_null_models_snapshots_or_evaluation_have_a_report(tmp_path):
    folder = write_analysed_run(tmp_path, splits=("greedy",), nulls=0, inputs=("mix",))
    shutil.rmtree(folder / "parts")
    for path in (folder.parent).glob("evaluation-*.h5"):
        path.unlink()
    found = portrait(Results.load(folder), NO_AGREEMENT, "mix-spatial-0", BUDGET)
    assert found.description["nulls"] == []
    assert found.description["selectivity"] is False
    assert write_report(folder).stat().st_size > 10_000


def test_a_folder_that_is_no_result_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder that `spatialgraph analyze` wrote, found nothing"):
        write_report(tmp_path / "none")


def test_a_missing_or_a_damaged_summary_is_named(folder, tmp_path):
    copy = tmp_path / "small" / "results"
    shutil.copytree(folder, copy)
    known = json.loads((copy / "analysis.json").read_text(encoding="utf-8"))
    del known["tables"]  # as an earlier version left it, which does not tell that a table was changed
    (copy / "analysis.json").write_text(json.dumps(known), encoding="utf-8")
    (copy / "summary.csv").write_text("kind,inputs\nspatial,mix\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"summary\.csv: expected the columns split, ablation, .*, found kind, inputs"):
        write_report(copy)
    (copy / "summary.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"summary\.csv: expected what `spatialgraph analyze` wrote"):
        write_report(copy)


def test_without_jinja2_the_extra_is_named(folder):
    code = "import sys; sys.modules['jinja2'] = None\nfrom spatialgraph.cli import main\nmain(['report', sys.argv[1]])"
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    expected = 'error: the report needs the package jinja2, found none: pip install "spatialgraph[report]"\n'
    assert done.stderr == expected


def test_text_of_a_summary_is_not_html():
    ((_, text),) = html("# Summary\n\n## A\n\n| <b> | `x` |\n| --- | ---: |\n| <script>alert(1)</script> | 2 |\n")
    assert "<script>" not in text
    assert "<table>" in text
    assert "<code>x</code>" in text


def test_a_budget_is_not_negative():
    with pytest.raises(ValueError, match="budget: expected numbers of at least 0"):
        Budget(-1, 0)
