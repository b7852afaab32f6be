"""What says nothing is said before anything else: on the terminal, in the summary, the figures and the report."""

import io
import json
from dataclasses import replace
from functools import cache
from shutil import copytree

import pandas as pd
import pytest
from meaningless import analysed, collapsed, not_learned, one_output_each, one_task
from rich.console import Console

from spatialgraph.analyses.caveats import caveats
from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.figures import draw
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.content import _cells, read_cells
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.summary import write_summary
from spatialgraph.analyses.terminal import terminal_methods
from spatialgraph.analyses.worth import worth
from spatialgraph.notes import Note

FIRST = "Before anything else"


@cache
def good(parent):
    """Return the results of a network that does both tasks, analysed once for all whose temporary folders lie here."""
    return analysed(parent / "good", {"good": not_learned()["good"]}, nulls=3)


def without_spread(folder, null="shuffle", metric="modularity", split="greedy"):
    """Return results in which a null model gave the same on every draw, all but rounding."""
    results = copytree(good(folder.parent).parent, folder, dirs_exist_ok=True) / "results"
    nulls = pd.read_csv(results / "nulls.csv", keep_default_na=False, dtype=str)
    wrong = (nulls["null"] == null) & (nulls["metric"] == metric) & (nulls["split"] == split)
    assert wrong.sum() == 1
    nulls.loc[wrong, ["value", "mean", "sd", "z", "p"]] = ["0.005", "0", "1.4e-8", "364538", "0.25"]
    # Of so small a network other null models have next to no draws that differ.
    nulls[nulls["null"] == null].to_csv(results / "nulls.csv", index=False)
    known = json.loads((results / "analysis.json").read_text(encoding="utf-8"))
    del known["tables"]  # the table is not the one that was written
    (results / "analysis.json").write_text(json.dumps(known), encoding="utf-8")
    write_summary(results)
    return results


CASES = {
    "not learned": (
        lambda folder: analysed(folder, not_learned()),
        "A task was not learned by 1 of 2 networks",
        "spatial lost, right: accuracy 0.000 where always the same answer gives 0.500.",
    ),
    "one task": (
        lambda folder: analysed(folder, one_task(), ("greedy", "louvain", "random")),
        "1 of 1 network has a single task",
        "one module. It is cut off from nothing and loses no accuracy",
    ),
    "one output each": (
        lambda folder: analysed(folder, one_output_each()),
        "The accuracy of 10 tasks is 1 by definition, in 1 of 1 network",
        "task0, task1, task2, and 7 more tasks: one answer is right for every example",
    ),
    "collapsed": (
        lambda folder: analysed(folder, collapsed()),
        "2 splits are degenerate, no division into task modules",
        "By method, of 1 network: greedy 1, random 1.",
    ),
    "without spread": (
        without_spread,
        "1 null model gave the same on every draw",
        "shuffle, modularity in 1 network.",
    ),
}


@pytest.fixture(scope="module")
def results_of(tmp_path_factory):
    """Return a function that returns the RESULTS folder of a case, analysed when it is asked for first."""
    return cache(lambda name: CASES[name][0](tmp_path_factory.mktemp("case")))


@pytest.fixture(params=CASES)
def case(request, results_of):
    _, short, text = CASES[request.param]
    return results_of(request.param), short, text


def test_the_summary_begins_with_it(case):
    results, short, text = case
    first = (results / "summary.md").read_text(encoding="utf-8").split("\n## ")[1]
    assert first.startswith(f"{FIRST}\n\n- **{short}.** ")
    assert text in first


def test_the_terminal_begins_with_it(case):
    results, short, text = case
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(terminal_methods(Evidence.load(results), 80))
    lines = console.file.getvalue().splitlines()
    assert lines[0] == FIRST
    assert max(map(len, lines)) <= 80
    told = " ".join(" ".join(lines[1:]).split())
    assert told.startswith(f"• {short}. ")
    assert text in told


def test_the_captions_of_figures_begin_with_it(case, tmp_path):
    results, short, _ = case
    draw(Results.load(results), tmp_path, ("svg",), only=["positions"])
    captions = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.txt")]
    assert captions
    assert all(caption.startswith(f"{FIRST} (summary.md says more): {short}") for caption in captions)


def test_the_page_of_the_report_begins_with_it(case, tmp_path):
    results, short, text = case
    page = write_report(results, tmp_path / "report.html").read_text(encoding="utf-8")
    main = page[page.index("<main>") :]
    opened = main.index("<details open>")
    assert opened == main.index("<details")
    first = main[opened : main.index("</details>")]
    assert f"<summary>{FIRST}</summary>" in first
    assert f"<strong>{short}.</strong>" in first
    assert text in first


def test_where_nothing_is_the_matter_it_is_said(tmp_path):
    results = analysed(tmp_path, {"good": not_learned()["good"]}, nulls=0)
    evidence = Evidence.load(results)
    assert caveats(evidence) == []
    assert "- Nothing is known that would make the numbers below meaningless." in (results / "summary.md").read_text()
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(terminal_methods(evidence, 80))
    assert console.file.getvalue().startswith("What each split method is worth")
    draw(Results.load(results), tmp_path / "figures", ("png",), only=["positions"])
    assert all(FIRST not in path.read_text() for path in (tmp_path / "figures").glob("*.txt"))


def test_methods_that_split_by_the_examples_that_score_them_are_named(tmp_path):
    results = analysed(tmp_path, {"good": not_learned()["good"]}, splits=("greedy", "ablation"), nulls=0)
    text = (results / "summary.md").read_text()
    assert "- ablation split networks by what they do on the examples that also score the splits." in text


def test_losses_stand_beside_what_whole_networks_do(results_of):
    text = (results_of("not learned") / "summary.md").read_text(encoding="utf-8")
    told = "- Read every loss beside the accuracy of whole networks: spatial good 1.000, spatial lost 0.500."
    assert told in text.split("\n## ")[1]


def test_a_network_that_lost_a_task_leads_no_table(results_of):
    evidence = Evidence.load(results_of("not learned"))
    assert set(worth(evidence)["inputs"]) == {"good"}
    assert set(evidence.kept["network"]) == set(evidence.chances["network"]) == {"good"}
    assert set(evidence.cells["inputs"]) == {"good", "lost"}  # summary.csv has everything


def test_what_a_task_with_one_answer_does_is_not_compared(results_of):
    evidence = Evidence.load(results_of("one output each"))
    kept = evidence.kept
    assert not kept["metric"].str.startswith(("accuracy", "leaked", "double", "guessed")).any()
    assert "modularity" in set(kept["metric"])


def test_a_degenerate_default_does_not_lead(results_of, tmp_path):
    results = results_of("collapsed")
    evidence = Evidence.load(results)
    assert evidence.always_degenerate == ("greedy", "random")
    assert evidence.method == "positions"
    text = "Findings are told of positions, since no split by greedy is left."
    assert text in (results / "summary.md").read_text(encoding="utf-8")
    assert set(evidence.kept["split"]) == {"none", "positions"}
    page = write_report(results, tmp_path / "report.html").read_text(encoding="utf-8")
    assert '"method":"positions"' in page  # the report opens on it
    cells = {cell["split"]: cell["degenerate"] for cell in _cells(read_cells(results / "summary.csv"))}
    assert (cells["greedy"], cells["positions"]) == (1, 0)


def test_the_most_frequent_reason_of_degenerate_splits_is_said(results_of):
    evidence = Evidence.load(results_of("collapsed"))
    (caveat,) = caveats(evidence)
    assert "Most often, in 2, task task1 has hardly any unit besides its outputs. notes.csv has" in caveat.text
    marked = caveats(evidence.renamed(lambda name: f"<{name}>"))[0]
    assert "task <task1> has" in marked.text
    own = [Note("outputs-elsewhere", {"count": 0, "of": 2, "task": "task0"})]
    noted = evidence.notes.assign(code=own[0].code, task="task0")
    assert (
        "task task0 has fewer than half of its outputs in its module" in caveats(replace(evidence, notes=noted))[0].text
    )


def test_a_null_model_without_spread_is_not_counted(results_of):
    evidence = Evidence.load(results_of("without spread"))
    rows = evidence.chances
    of = rows[(rows["metric"] == "modularity") & (rows["split"] == "greedy")]
    assert of[["null", "spread"]].to_numpy().tolist() == [["shuffle", False]]
    assert of["z"].isna().all()


def test_a_measure_that_a_null_model_keeps_is_not_counted_and_needs_no_word(tmp_path):
    evidence = Evidence.load(without_spread(tmp_path, "distance", "wiring", "none"))
    rows = evidence.chances
    of = rows[rows["metric"] == "wiring"]
    assert of[["null", "spread"]].to_numpy().tolist() == [["distance", False]]
    assert of["z"].isna().all()
    assert "wiring" not in set(evidence.still["metric"])
    assert not any("wiring" in caveat.text for caveat in caveats(evidence))


def invented(rows):
    full = [("run", network, "k", "i", 0, split, "", *rest) for network, split, *rest in rows]
    return pd.DataFrame(full, columns=list(COLUMNS)).astype({"seed": "Int64"})


@pytest.mark.parametrize(
    ("accuracy", "guessed", "lost"),
    [(0.189, 0.1, True), (0.191, 0.1, False), (0.54, 0.5, True), (0.56, 0.5, False), (0.085, 0.1, True), (1, 1, False)],
)
def test_a_task_is_learned_a_tenth_of_the_way_from_guessing_to_faultless(accuracy, guessed, lost):
    rows = [("n", "none", "accuracy", "a", accuracy), ("n", "none", "guessed-accuracy", "a", guessed)]
    evidence = Evidence(invented(rows))
    assert len(evidence.lost) == lost
    assert len(evidence.certain) == (guessed == 1)


def test_results_that_do_not_say_what_guessing_gives_have_no_lost_tasks():
    evidence = Evidence(invented([("n", "none", "accuracy", "a", 0.0)]))
    assert evidence.lost.empty
    assert len(evidence.kept) == 1


def test_communities_of_a_single_task_are_measured_but_no_module(results_of):
    evidence = Evidence.load(results_of("one task"))
    assert set(evidence.kept["split"]) == {"none", "louvain"}
    assert evidence.method == "louvain"
