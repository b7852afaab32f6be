"""Findings: each is told where it was planted, with the numbers that were planted, and not told where it was not."""

import pandas as pd
import pytest
from planted_scores import SEEDS, agreement_of, drops, notes_of, nulls_of, rows_of, scores_of

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.findings import FINDINGS, clusterings, methods_agree, min_cut, same_examples, seeds_disagree
from spatialgraph.analyses.kind_findings import ablation_matters, kinds_differ

MISPLACED = "9 of 20 outputs lie in the cluster of another task; {most} of 20 outputs lie in one cluster"
SAME = "tasks a, b are labelled on the same examples, so this method cannot tell them apart"
DEGENERATE = "degenerate: 0 of 384 neurons besides its outputs serve task 'a'"


# Clusterings and statistics of activations


def clustered(most):
    scores = scores_of(
        drops(lambda kind, *_: 0.4 if kind == "spatial" else 0.1, methods=("greedy", "spectral"), ablations=("zero",))
    )
    return scores, notes_of(scores, "spectral", MISPLACED.format(most=most), "spatial")


def test_clusters_that_are_not_tasks():
    scores, notes = clustered(19)
    finding = clusterings(Evidence(scores, notes=notes))
    assert not finding.holds
    assert "| `spectral` | spatial mix | 6 of 6 | 19 of 20 | 0.400 (zero) |" in finding.text
    assert "| `spectral` | regular mix | 0 of 6 | – | 0.100 (zero) |" in finding.text


def test_findings_read_codes_and_no_sentences():
    scores, notes = clustered(19)
    evidence = Evidence(scores, notes=notes)  # in which texts of an earlier version have got codes
    codes = evidence.notes.assign(note="said in other words")
    assert clusterings(Evidence(scores, notes=codes)) == clusterings(evidence)
    assert clusterings(Evidence(scores, notes=evidence.notes.assign(code="text"))) is None


def test_communities_are_clusters_too():
    scores, notes = clustered(19)
    notes = notes.assign(note=notes["note"].str.replace("cluster", "community"))
    assert "| 19 of 20 |" in clusterings(Evidence(scores, notes=notes)).text


def test_clusters_of_about_half_the_outputs_and_a_single_failure_are_not_told():
    scores, notes = clustered(11)
    assert clusterings(Evidence(scores, notes=notes)) is None
    scores, notes = clustered(20)
    assert clusterings(Evidence(scores, notes=notes.head(3))) is None  # of six networks
    assert clusterings(Evidence(scores)) is None


def test_activations_fail_by_construction_where_noted_and_task_variance_does_not():
    methods = ("greedy", "activation-mean", "task-variance")

    def value(kind, mode, split, ablation):
        return 0.4 if split == "activation-mean" else 0.02

    scores = scores_of(drops(value, methods=methods, inputs=("mix", "sequential"), ablations=("zero",)))
    finding = same_examples(Evidence(scores, notes=notes_of(scores, "activation-mean", SAME, inputs="mix")))
    assert not finding.holds
    assert "`activation-mean` fail by construction. `task-variance` can" in finding.text
    assert "| networks | `activation-mean` | `task-variance` |" in finding.text
    assert "| regular mix | 6 fail, 0.400 (zero) | 0.020 (zero) |" in finding.text
    assert "| spatial mix | 6 fail, 0.400 (zero) | 0.020 (zero) |" in finding.text
    assert "sequential" not in finding.text
    assert same_examples(Evidence(scores, notes=notes_of(scores, "spectral", MISPLACED))) is None


# Minimum cut


def cut_scores(seeds=SEEDS):
    levels = {"greedy": 0.05, "min-cut": 0.02}
    where = [("greedy", ""), ("min-cut", "")]
    return scores_of(
        rows_of(lambda kind, mode, split, _: levels[split], where=where, seeds=seeds),
        drops(lambda *_: 0.01, methods=("greedy", "min-cut"), ablations=("zero",), seeds=seeds),
    )


def test_the_size_of_the_minimum_cut_is_described_and_not_tested():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE, "regular")))
    assert not finding.holds
    assert finding.text.startswith(
        "**The minimum cut costs no other accuracy, as far as is told, than `greedy`.** That it cuts no more is so by "
        "construction, and was not tested. Accuracy: n = 6 seeds. *: corrected p ≤ 0.05.\n\n"
    )
    assert "| spatial mix | 0.020 / 0.050 | 0.000" in finding.text
    assert "p =" not in finding.text
    assert "Degenerate, and left out, in networks: regular mix 6 of 6." in finding.text
    assert "| regular mix" not in finding.text


def test_what_the_minimum_cut_costs_is_tested():
    scores = cut_scores(seeds=7)
    costly = (scores["split"] == "min-cut") & (scores["metric"] == "accuracy-drop")
    finding = min_cut(Evidence(scores.assign(value=scores["value"] + 0.1 * costly)))
    assert finding.holds
    assert finding.text.startswith("**The minimum cut costs another accuracy than `greedy`.** ")
    assert finding.text.count("]*") == 2
    assert min_cut(Evidence(scores[scores["seed"] < 4].assign(value=scores["value"] + 0.1 * costly))).hint


def test_a_minimum_cut_that_is_always_degenerate():
    scores = cut_scores()
    finding = min_cut(Evidence(scores, notes=notes_of(scores, "min-cut", DEGENERATE)))
    assert not finding.holds
    assert finding.text.startswith("**The minimum cut is degenerate.**")
    assert min_cut(Evidence(scores[scores["split"] == "greedy"])) is None


# Agreement


def test_seeds_that_disagree():
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", "")]))
    pairs = [("greedy", "greedy", 1.0), ("louvain", "louvain", 0.25), ("greedy", "louvain", 0.3)]
    finding = seeds_disagree(Evidence(scores, agreement=agreement_of(scores, pairs)))
    assert not finding.holds
    assert finding.text.endswith("| method | regular | spatial |\n| --- | ---: | ---: |\n| `louvain` | 0.25 | 0.25 |")
    assert "12 networks" in finding.text
    assert seeds_disagree(Evidence(scores, agreement=agreement_of(scores, [pairs[0], pairs[2]]))) is None


@pytest.mark.parametrize(("value", "holds"), [(0.3, False), (0.95, True)])
def test_methods_that_agree_and_do_not(value, holds):
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", ""), ("spectral", "")]))
    pairs = [("greedy", "louvain", value), ("greedy", "spectral", value + 0.04), ("greedy", "greedy", 0.0)]
    finding = methods_agree(Evidence(scores, agreement=agreement_of(scores, pairs)))
    assert finding.holds == holds
    assert (
        f"- regular: {value + 0.02:.2f} over 2 pairs of methods and 6 networks. `greedy` and `spectral` agree most "
        f"({value + 0.04:.2f}), `greedy` and `louvain` least ({value:.2f})."
    ) in finding.text
    assert methods_agree(Evidence(scores)) is None


def test_one_pair_of_methods_is_neither_the_most_nor_the_least_alike():
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", "")]))
    finding = methods_agree(Evidence(scores, agreement=agreement_of(scores, [("greedy", "louvain", 0.3)])))
    line = "- regular: 0.30 over 1 pair of methods and 6 networks. They are `greedy` and `louvain`."
    assert line in finding.text.splitlines()
    assert "agree most" not in finding.text


def test_controls_and_splits_that_fail_by_construction_do_not_count_as_disagreement():
    scores = scores_of(rows_of(lambda *_: 0.1, where=[("greedy", ""), ("louvain", "")]))
    names = ("random", "random:sizes=balanced", "activation-mean", "min-cut")
    pairs = [("greedy", "louvain", 0.9), *(("greedy", name, 0.0) for name in names)]
    pairs += [(name, name, 0.0) for name in names]
    notes = [notes_of(scores, "activation-mean", SAME), notes_of(scores, "min-cut", DEGENERATE)]
    evidence = Evidence(scores, agreement=agreement_of(scores, pairs), notes=pd.concat(notes))
    finding = methods_agree(evidence)
    assert finding.text.startswith("**Methods find much the same modules.**")
    assert "- regular: 0.90 over 1 pair of methods and 6 networks" in finding.text
    assert seeds_disagree(evidence) is None


# All of them


@pytest.mark.parametrize("options", [{}, {"kinds": ("",)}, {"kinds": ("a", "b", "c")}, {"seeds": 1}, {"inputs": ("",)}])
def test_where_nothing_was_planted_nothing_is_told(options):
    methods = ("greedy", "random", "spectral")
    scores = scores_of(
        drops(lambda *_: 0.01, methods=methods, **options),
        rows_of(lambda *_: 0.3, where=[(method, "") for method in methods], metric="modularity", **options),
    )
    evidence = Evidence(scores)
    assert [find.__name__ for find in FINDINGS if find(evidence) is not None] == []


def test_degenerate_splits_are_left_out_of_every_finding():
    def value(kind, mode, split, ablation):
        return 0.9 if kind == "spatial" else 0.01

    scores = scores_of(drops(value), rows_of(value, metric="modularity"), rows_of(value, metric="cut"))
    nulls = nulls_of(scores, "shuffle", 0.1, lambda row: True, metric="modularity")
    evidence = Evidence(scores, nulls, notes=notes_of(scores, "greedy", DEGENERATE, "spatial"))
    assert kinds_differ(evidence) is None
    assert ablation_matters(evidence) is None
    assert set(evidence.losses["kind"]) == {"regular"}
    assert set(evidence.chances["kind"]) == {"regular"}
    assert evidence.comparisons.empty
    cells = evidence.cells[evidence.cells["metric"] == "modularity"]
    assert dict(zip(cells["kind"], cells["degenerate"], strict=True)) == {"regular": 0, "spatial": SEEDS}
