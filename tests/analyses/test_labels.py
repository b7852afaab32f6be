"""Labels: a table for each vocabulary, so that a name of one is never written as that of another."""

import pytest
from results_builder import build_results

from spatialgraph.analyses import labels
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import all_tables, latex, markdown
from spatialgraph.analyses.terminal import terminal_table_one
from spatialgraph.console import PlainConsole


def test_each_vocabulary_has_labels_of_its_own():
    assert labels.ablation_label("mean") == "activation = mean"
    assert labels.inputs_label("mean") == labels.kind_label("mean") == "mean"
    assert labels.inputs_label("spatial") == labels.ablation_label("spatial") == "spatial"
    assert labels.kind_label("mix") == labels.ablation_label("mix") == "mix"


@pytest.mark.parametrize("label", [labels.kind_label, labels.inputs_label, labels.ablation_label, labels.kind_in_text])
def test_a_name_without_a_label_stands_as_it_is(label):
    assert [label(name) for name in ("MyNet α=2", "")] == ["MyNet α=2", "(not named)"]


def test_an_input_mode_and_a_kind_called_as_an_ablation_is_keep_their_names(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mean",), kinds=("zero", "mix"), seeds=(0,)))
    for table in all_tables(results):
        assert "| mean, mix | mean, zero |" in markdown(table)
        assert r"\multicolumn{2}{c}{mean}" in latex(table)
        assert "& mix & zero" in latex(table)
    console = PlainConsole(width=80)
    with console.capture() as shown:
        console.print(terminal_table_one(results, 80))
    lines = [line.split() for line in shown.get().splitlines()]
    assert lines[lines.index(["mix", "zero"]) - 1] == ["mean"]


def test_the_first_kind_of_tables_is_the_reference_unless_another_is_asked_for():
    kinds = ("dropout", "spatial", "regular")
    assert labels.reference_of(kinds) == "regular"
    assert labels.reference_of(kinds[:1]) == "dropout"
    assert labels.reference_of(("swap", "l1")) == "l1"
    assert labels.reference_of(kinds, "dropout") == "dropout"
    assert labels.reference_of(()) == ""
    assert labels.reference_of(("", "a"), "") == ""


def test_an_unknown_reference_is_one_line_with_those_known():
    with pytest.raises(
        ValueError, match=r"^reference: unknown kind 'regula'; known: regular, spatial α=2, \(not named\)$"
    ):
        labels.reference_of(("", "spatial α=2", "regular"), "regula")
