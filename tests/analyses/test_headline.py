"""The report's first sentence: what was found, with its numbers, or that nothing was."""

from planted_scores import drops, notes_of, rows_of, scores_of

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.findings import FINDINGS
from spatialgraph.analyses.headline import headline


def cuts(spatial=0.02, regular=0.4, **options):
    return rows_of(lambda kind, *_: spatial if kind == "spatial" else regular, **options)


def losses(spatial=0.0, regular=0.2, **options):
    return drops(lambda kind, *_: spatial if kind == "spatial" else regular, ablations=("zero", "incoming"), **options)


def test_a_difference_is_told_with_its_numbers_and_n():
    found = headline(Evidence(scores_of(cuts(), losses())))
    assert found.text == (
        "Spatial networks are more modular than regular ones: 2 % of their strength crosses between task modules "
        "on average (regular: 40 %) and cut apart (incoming weights = 0) they lose 0.000 of accuracy (regular: 0.200) "
        "(6 seeds of each, corrected p ≤ 0.05)."
    )
    assert (found.verdict, found.kinds, found.inputs) == ("holds", ("regular", "spatial"), "mix")


def test_from_few_seeds_it_is_a_hint():
    found = headline(Evidence(scores_of(cuts(seeds=3), losses(seeds=3))))
    assert found.text.startswith("Hint: spatial networks are more modular than regular ones: 2 % of")
    assert found.text.endswith("(3 seeds of each, too few for a test).")
    assert found.verdict == "hint"


def test_the_more_modular_kind_is_named_first():
    found = headline(Evidence(scores_of(cuts(spatial=0.4, regular=0.02))))
    assert found.text.startswith("Regular networks are more modular than spatial ones: 2 % of their strength")
    assert "(spatial: 40 %)" in found.text


def test_measures_that_disagree_are_told_as_a_difference():
    found = headline(Evidence(scores_of(cuts(), losses(spatial=0.3))))
    assert found.text.startswith("Spatial networks differ from regular ones: 2 % of their strength")


def test_the_input_mode_in_which_accuracy_differs_comes_first():
    def loss(kind, inputs, *_):
        return 0.2 if (kind, inputs) == ("regular", "sequential") else 0.0

    modes = ("mix", "sequential")
    lost = drops(loss, ablations=("incoming",), inputs=modes, seeds=8)
    found = headline(Evidence(scores_of(cuts(inputs=modes, seeds=8), lost)))
    assert found.inputs == "sequential"
    assert "(Sequential, 8 seeds of each" in found.text


def test_where_kinds_are_alike_the_first_finding_is_told_or_nothing():
    alike = Evidence(scores_of(cuts(spatial=0.4)))
    assert all(find(alike) is None for find in FINDINGS)
    found = headline(alike)
    assert found.verdict == "nothing"
    assert found.text.startswith("Nothing was found that tells kinds of network apart")
    alone = headline(Evidence(scores_of(cuts(kinds=("spatial",)))))
    assert alone.text.startswith("There is one kind of network and nothing to compare it with: no null model was run")


def test_where_every_split_is_degenerate_it_says_so():
    scores = scores_of(cuts())
    notes = notes_of(scores, "greedy", "degenerate: a has 0 of 10 hidden neurons")
    found = headline(Evidence(scores, notes=notes))
    assert found.verdict == "meaningless"
    assert found.text.startswith("Nothing can be said")
    assert any("degenerate" in caveat for caveat in found.caveats)


def test_an_ablation_that_changes_the_conclusion_is_a_caveat():
    def loss(kind, _inputs, _split, ablation):
        return 0.2 if (kind, ablation) == ("regular", "incoming") else 0.0

    found = headline(Evidence(scores_of(cuts(), drops(loss, ablations=("incoming", "mean")))))
    assert found.caveats[0] == "It depends on what a disabled neuron emits"
