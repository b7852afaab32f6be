"""The summary: its files, what they say of invented results, and of the measured ones that the documents show."""

import re
from functools import cache
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from results_builder import METHODS, build_results
from swept_results import FAMILIES, swept_tables

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.report.content import html
from spatialgraph.analyses.results import read_scores
from spatialgraph.analyses.statistics import CELL
from spatialgraph.analyses.summary import summary, write_summary
from spatialgraph.escapes import markdown

MEASURED = Path(__file__).parents[1] / "data" / "scores-of-three-seeds.csv"  # of the paper's Table 1
DOCS = Path(__file__).parents[2] / "docs"
CALIBRATION = DOCS / "statistics" / "calibration.csv"
DATA = ("normal", "exponential", "log-normal", "mostly 0")
FILES = ["summary.csv", "comparisons.csv", "doses.csv", "fair.csv", "summary.md"]
SECTIONS = (
    "Before anything else",
    "What was compared",
    "What holds",
    "What does not",
    "What each method is worth",
    "What was left out",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_results(tmp_path_factory.mktemp("built"), inputs=("mix", "sequential"), seeds=range(6))


@pytest.fixture(scope="module")
def evidence(folder):
    return Evidence.load(folder)


@pytest.fixture(scope="module")
def measured():
    return summary(Evidence(read_scores(MEASURED)))


def section(text, title):
    return text.split(f"\n## {title}\n\n")[1].split("\n## ")[0]


@cache
def told(evidence):
    """Return the summary of evidence, which several tests read."""
    return summary(evidence)


@cache
def twice(evidence):
    """Return evidence of twelve seeds instead of six."""
    rows = evidence.scores
    return Evidence(pd.concat([rows, rows.assign(seed=rows["seed"] + 6, network=rows["network"] + "+")]))


@cache
def few_of(evidence):
    """Return evidence of three seeds, too few for a test."""
    return Evidence(evidence.scores[evidence.scores["seed"] < 3])


@cache
def with_notes(evidence, split, note, kind):
    members = evidence.results.members
    names = members.loc[members["kind"] == kind, "network"]
    return Evidence(evidence.scores, notes=pd.DataFrame({"network": names, "split": split, "note": note}))


def test_five_files_are_written_whole_and_the_same_again(folder, tmp_path):
    written = write_summary(folder, tmp_path / "new")
    assert [path.name for path in written] == FILES
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in written}
    again = write_summary(Evidence.load(folder), tmp_path / "again")
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_the_files_lie_beside_the_scores_unless_it_is_said(tmp_path):
    folder = build_results(tmp_path, inputs=("mix",), seeds=(0,))
    assert write_summary(folder) == [folder / name for name in FILES]


def test_evidence_needs_a_folder_to_be_written_to(evidence):
    with pytest.raises(ValueError, match="expected a folder to write the summary of evidence to, found none"):
        write_summary(evidence)


def test_the_tables_hold_the_statistics(folder, evidence, tmp_path):
    cells, comparisons = (
        pd.read_csv(path, keep_default_na=False, na_values={"mean": "", "p": ""})
        for path in write_summary(folder, tmp_path)[:2]
    )
    assert list(cells.columns[:7]) == [*CELL, "n", "networks"]
    keys = ["regular", "mix", "greedy", "incoming", "accuracy-drop"]
    cell = cells[(cells[list(CELL)] == keys).all(axis=1)].iloc[0]
    assert cell["values"] == "0.15 0.17 0.19 0.21 0.23 0.25"  # 0.3 / 2 and 0.02 for every seed
    assert cell["seeds"] == "0 1 2 3 4 5"
    assert cell["mean"] == pytest.approx(0.2)
    assert len(comparisons) == len(evidence.comparisons)
    kinds = comparisons[
        (comparisons["comparison"] == "kinds") & (comparisons["table"] == "kinds: greedy, zero, accuracy-drop")
    ]
    assert kinds["p"].tolist() == [2 / 2**6] * 2
    assert kinds["p_holm"].astype(float).tolist() == [4 / 2**6] * 2
    assert kinds["difference"].astype(float).tolist() == pytest.approx([0.28] * 2)


def test_the_sections_stand_in_their_order(evidence):
    text = told(evidence)
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_one_network_is_no_group_of_equal_size(evidence):
    scores = evidence.scores
    one = scores[scores["network"] == scores["network"].iloc[0]]
    assert section(summary(Evidence(one)), "What was compared").startswith("- 1 network: regular mix.\n")


def test_what_was_compared(evidence):
    lines = section(told(evidence), "What was compared").splitlines()
    assert lines[0] == ("- 24 networks, 6 each: regular mix, spatial mix, regular sequential and spatial sequential.")
    assert lines[1] == "- The reference is the kind regular: 1 other kind is compared with it."
    assert (
        lines[2] == "- One data point is one trained network: at most 6 seeds of a kind and input mode. Tasks are "
        "averaged first."
    )
    assert lines[3] == "- 3 split methods: `greedy`, `spectral` and `random`."
    assert lines[4].startswith("- Ablations, by what a disabled unit (a neuron, or a channel, a head …) emits: zero (")
    assert lines[5] == "- No null model was run: what chance would give is not known."
    assert lines[6].startswith("- 0.1 [0.0, 0.2] is a mean over seeds with its 95 % t interval. ")
    assert "It assumes that differences are symmetric around 0" in lines[7]
    # With 6 seeds p is at least 2/64; of 3 pairs of methods the first needs 0.05/3.
    lines = [line for line in lines if line.startswith("- ")]
    assert lines[-2] == (
        "- Comparisons of methods: in 32 of 32 tables no corrected p can be 0.05 or less, whatever the data. From 6 "
        "seeds p is at least 0.031. The first of 3 comparisons needs 0.017: train 7 seeds, or compare fewer. Read "
        "their intervals."
    )
    assert lines[-1].endswith("it rests on intervals and is a hint (°).")


def test_networks_of_one_seed_and_unequal_groups_are_told(evidence):
    scores = evidence.scores
    twin = scores[scores["network"] == "mix-regular-0"].assign(network="twin")
    text = summary(Evidence(pd.concat([scores, twin])))
    assert "regular mix (7), spatial mix (6)" in text
    assert "Tasks are averaged first, and so are networks of one kind, inputs and seed." in text


def test_too_few_seeds_are_told(evidence):
    text = told(few_of(evidence))
    assert "No test was made: expected at least 5 seeds, found 3. Differences whose interval leaves out 0 are" in text
    assert "p =" not in text


def test_from_too_few_seeds_nothing_holds(evidence):
    few = few_of(evidence).scores
    rows = few[few["metric"] == "modularity"]
    nulls = rows.assign(null="distance", draws=100, mean=0.1, sd=0.1, z=4.0, p=0.01, p_opposite=1.0)
    text = summary(Evidence(few, nulls))
    assert section(text, "What holds") == "Nothing: from fewer than 5 seeds nothing is told to hold.\n"
    hints = section(text, "Hints")
    assert hints.startswith("These differences were seen, with too few seeds for a test. They hint, and do not hold")
    assert "networks are more modular than networks with the same strengths" in hints
    assert "## Hints" not in told(evidence)


def test_families_of_tests_are_counted(evidence):
    rows = evidence.comparisons[evidence.comparisons["p"].notna()]
    tables = rows["table"].nunique()
    lines = section(told(evidence), "What was compared").splitlines()
    (line,) = (line for line in lines if line.startswith("- comparisons.csv has "))
    assert line.startswith(f"- comparisons.csv has {len(rows)} tests in {tables} tables. Each table is a family")
    assert "If nothing differed" not in line  # two tests need 0.025, and 2/64 is more
    text = told(twice(evidence))
    assert (
        f"If nothing differed, {tables} × 0.05 = {tables * 0.05:.2g} tables at most would be expected to have a" in text
    )


def test_what_is_said_of_intervals_and_tests_was_measured(evidence):
    table = pd.read_csv(CALIBRATION).set_index(["what", "data", "n"])["share"]
    text = section(told(evidence), "What was compared")
    held = {(data, n): round(100 * table["mean: it holds the mean", data, n]) for data in DATA for n in (3, 12, 30)}
    assert all(held["normal", n] == 95 for n in (3, 12, 30))
    three, twelve, thirty = (held["log-normal", n] for n in (3, 12, 30))
    assert f"| log-normal values, which are skewed | {three} | {twelve} | {thirty} |" in text
    assert "| of 100 samples, the interval holds the mean in | 3 seeds | 12 seeds | 30 seeds |" in text
    assert "| normal values | 95 | 95 | 95 |" in text
    three, twelve, thirty = (held["mostly 0", n] for n in (3, 12, 30))
    assert f"| four in five values are 0 (samples that have an interval) | {three} | {twelve} | {thirty} |" in text
    skewed = [
        table["sign-flip p: skewed differences of mean 0", data, n]
        for data in DATA
        for n in (12, 30)
        if data != "normal"
    ]
    assert f"rejected in {round(100 * min(skewed))} to {round(100 * max(skewed))} of 100 cases instead of 5" in text


def test_null_models_are_named_with_their_draws(evidence):
    rows = evidence.scores[evidence.scores["metric"] == "modularity"]
    nulls = [
        rows.assign(null=null, draws=draws, mean=0.1, sd=0.1, z=1.0, p=0.2) for null, draws in (("x", 100), ("y", 1))
    ]
    assert "- Null models: x (100 draws) and y (1 draw)." in summary(Evidence(evidence.scores, pd.concat(nulls)))


def test_what_each_method_is_worth(evidence):
    text = section(told(evidence), "What each method is worth")
    assert text.startswith(
        "Accuracy lost under the ablation that costs most (of zero, incoming and mean). n = 6 seeds. The ablation is "
        "named. As it is chosen by these means, they are rather too large.\n"
    )
    rows = [line for line in text.split("In how many cells")[0].splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(METHODS)
    assert rows[0].startswith("| `greedy` | 0.350 [")  # zero costs most: 0.3 and 0.02 for every seed
    assert rows[0].split(" | ")[1].endswith("] zero")
    # Two methods beside greedy, 6 seeds: 2 · 2/64 is above 0.05.
    assert "In how many cells (kind, input mode and ablation) a method loses less accuracy than `greedy`" in text
    assert (
        "n = 6 seeds. Where seeds are too few for a test, it is a hint: the 95 % t interval of the difference" in text
    )
    assert "✓" not in text
    assert "†" not in text


def test_other_methods_are_counted_beside_the_reference(evidence):
    text = section(told(twice(evidence)), "What each method is worth")
    assert "n = 12 seeds. A difference is told by a corrected p ≤ 0.05." in text
    assert "| method | less | more | of |" in text
    assert "| `spectral` | 0 | 12 | 12 |" in text


def test_more_columns_than_fit_become_a_table_for_each_input_mode(evidence):
    scores = pd.concat(
        [evidence.scores.assign(inputs=name, network=evidence.scores["network"] + name) for name in "abcd"]
    )
    text = section(summary(Evidence(scores)), "What each method is worth")
    heads = [line for line in text.split("In how many cells")[0].splitlines() if line.startswith("| method")]
    assert heads == [f"| method | regular {name} | spatial {name} |" for name in "abcd"]


def test_splits_that_beat_their_controls_are_marked(evidence):
    rows = evidence.scores[evidence.scores["metric"] == "accuracy-drop"]
    mean, p = 0.5, np.where((rows["split"] == "greedy") & (rows["kind"] == "spatial"), 0.01, 0.3)
    nulls = rows.assign(null="random-split", draws=100, mean=mean, sd=0.1, z=-1.0, p=p)
    text = section(summary(Evidence(evidence.scores, nulls)), "What each method is worth")
    assert (
        "✓: beats random splits with equally large modules, under every ablation. This is so in most networks and in "
        "all together." in text
    )
    greedy = next(line for line in text.splitlines() if line.startswith("| `greedy`")).split(" | ")[1:]
    assert [cell.rstrip(" |").endswith("✓") for cell in greedy] == [False, True, False, True]


def test_degenerate_splits_are_counted_and_left_out(evidence):
    text = told(with_notes(evidence, "spectral", "degenerate: no hidden neuron", "regular"))
    row = next(line for line in text.splitlines() if line.startswith("| `spectral`"))
    assert row.split(" | ")[1] == row.split(" | ")[3] == "degenerate"
    assert section(text, "What was left out").splitlines()[0] == (
        "- Degenerate splits of `spectral`: regular mix 6 of 6, regular sequential 6 of 6 networks."
    )
    assert section(told(evidence), "What was left out") == "Nothing.\n"


def test_a_cell_of_which_some_are_degenerate_is_marked(evidence):
    noted = with_notes(evidence, "spectral", "degenerate: no hidden neuron", "regular")
    some = Evidence(evidence.scores, notes=noted.notes[noted.notes["network"].str.endswith(("0", "1"))])
    row = next(line for line in summary(some).splitlines() if line.startswith("| `spectral`"))
    assert [cell.rstrip(" |").endswith("†") for cell in row.split(" | ")[1:]] == [True, False, True, False]
    cells = some.cells[(some.cells["split"] == "spectral") & (some.cells["kind"] == "regular")]
    assert set(cells["n"]) == {6}
    assert set(cells["degenerate"]) == {2}
    pairs = some.comparisons[(some.comparisons["other"] == "spectral") & (some.comparisons["kind"] == "regular")]
    assert set(pairs["n"]) == {4}


def test_methods_that_were_not_applied_are_told(evidence):
    scores = evidence.scores
    text = summary(Evidence(scores[(scores["split"] != "spectral") | (scores["kind"] == "spatial")]))
    assert "- `spectral` was not applied to 12 of 24 networks (regular)." in text


def tags(text):
    return [(title, re.findall(r"</?\w+", part)) for title, part in html(text)]


def with_names(evidence, name):
    """Return evidence in which the names of kinds and input modes end with a name, or are that name."""
    named = {"regular": f"regular {name}", "mix": f"mix {name}", "spatial": name}
    return evidence.renamed(lambda known: named.get(known, known))


@pytest.fixture(scope="module")
def plain_tags(evidence):
    return tags(summary(with_names(evidence, "y")))


@pytest.mark.parametrize(
    "name",
    [
        *("a|b", "**b**", "_i_ _j_", "`", "[a](b)", "<h2>x</h2>", "&lt;", "# head", "- item", "1. item", "\\"),
        "> q",
        "---",
    ],
)
def test_no_name_changes_what_the_summary_is_made_of(evidence, plain_tags, name):
    text = summary(with_names(evidence, name))
    assert tags(text) == plain_tags
    words = unescape(re.sub(r"</?\w+[^>]*>", "", "".join(part for _, part in html(text))))
    assert f"regular {name} mix {name}" in words
    assert f"{name} sequential" in words


def test_ordinary_names_are_not_touched(evidence):
    assert evidence.renamed(str) is evidence
    assert evidence.renamed(markdown) is evidence


@pytest.mark.parametrize(
    "keep",
    [
        lambda rows: rows[rows["kind"] == "regular"],
        lambda rows: rows[rows["split"].isin(["greedy", "none"])],
        lambda rows: rows[rows["split"] == "none"],
        lambda rows: rows[rows["seed"] == 0],
        lambda rows: rows[rows["metric"] == "cut"],
        lambda rows: rows.assign(kind="", inputs=""),
        lambda rows: rows.assign(seed=pd.array([pd.NA] * len(rows), dtype="Int64")),
    ],
    ids=["one kind", "one method", "no method", "one seed", "no accuracies", "no names", "no seeds"],
)
def test_part_of_the_results_is_summarised_too(evidence, keep, tmp_path):
    written = write_summary(Evidence(keep(evidence.scores)), tmp_path)
    text = written[-1].read_text(encoding="utf-8")
    told = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert [title for title in told if title != "Hints"] == list(SECTIONS)
    assert "nan" not in text


def test_the_table_one_of_three_seeds_says_what_it_can_tell(measured):
    holds, fails, hints = (section(measured, title) for title in ("What holds", "What does not", "Hints"))
    assert holds == "Nothing: from fewer than 5 seeds nothing is told to hold.\n"
    assert "**The kind of ablation changes the conclusion.**" in hints
    assert (
        "It changes whether there is a difference, or its sign, in Sequential. It changes its size alone in Mixing."
        in hints
    )
    assert "**Regular and spatial networks differ.**" in hints
    assert "| Mixing | 0.891 / 0.887 | 0.139 / 0.452° | 0.347 / 0.047° |" in hints
    assert "| regular sequential | zero | 0.305 | 0.179 |" in fails
    assert "expected at least 5 seeds for a test" not in measured  # said once, not of every comparison
    assert "- `positions` was not applied to 9 of 18 networks (regular)." in measured
    # A loss is read beside what there is to lose.
    assert "| *whole network: accuracy* | 0.917 | 0.916 | 0.891 | 0.887 |" in section(
        measured, "What each method is worth"
    )
    assert sum(bool(re.search(r"\w", word)) for word in measured.split()) < 1050  # two minutes


LONGEST = 30
"""The most words of a sentence: what a reader keeps in mind whose first language is another."""


def sentences(text):
    """Return the sentences of a summary outside of its tables; what is code is one word."""
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "|#"]
    plain = [re.sub(r"`[^`]*`", "x", line.removeprefix("- ").replace("**", "")) for line in lines]
    return [one for line in plain for one in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9*°↓†✓x])", line)]


def words(sentence):
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def check_sentences(text):
    found = sentences(text)
    assert len(found) > 15
    assert max(map(words, found)) <= LONGEST, max(found, key=words)


def test_no_sentence_is_long(evidence, measured):
    noted = with_notes(evidence, "spectral", "degenerate: no hidden neuron", "regular")
    for one in (evidence, twice(evidence), noted, few_of(evidence)):
        check_sentences(told(one))
    check_sentences(measured)


def test_no_sentence_is_long_beside_null_models(evidence):
    rows = evidence.scores[evidence.scores["metric"].isin(["modularity", "accuracy-drop"])]
    null = np.where(rows["metric"] == "modularity", "strength", "random-split")
    for draws, p in ((100, 0.01), (9, 0.1)):
        nulls = rows.assign(null=null, draws=draws, mean=0.1, sd=0.1, z=1.0, p=p, p_opposite=1.0)
        once = nulls[nulls["null"] == "strength"].assign(null="untrained", draws=1, sd=np.nan, z=np.nan, p=0.5)
        text = summary(Evidence(evidence.scores, pd.concat([nulls, once])))
        assert "- Null models: " in text
        check_sentences(text)


@pytest.mark.parametrize("seeds", [2, 8])
def test_no_sentence_is_long_of_a_sweep(seeds):
    tables = swept_tables(tuple(FAMILIES), seeds=seeds, inputs=("mix", "sequential"))
    check_sentences(summary(Evidence(tables["scores"], tables["nulls"], members=tables["networks"])))


def test_no_sentence_is_long_where_tasks_were_lost_and_splits_are_degenerate():
    for name in ("table1/summary.md", "modules/summary.md", "modules/mnist-summary.md"):  # of 72 to 1944 networks
        check_sentences((DOCS / name).read_text(encoding="utf-8"))


def test_sentences_are_counted_as_people_do():
    text = "# Title\n\n- **One is `a, b`.** Two. P ≤ 0.05 is three.\n\n| no | sentence |\n"
    assert sentences(text) == ["One is x.", "Two.", "P ≤ 0.05 is three."]
    assert words("P ≤ 0.05 is three.") == 4
