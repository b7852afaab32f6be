"""Findings on kinds: each is told where it was planted, with the numbers planted, and not told where it was not."""

import pytest
from planted_scores import drops, notes_of, rows_of, scores_of

from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.kind_findings import ablation_matters, kinds_differ


def test_kinds_that_differ_and_by_how_much():
    differ = {"regular": 0.1, "spatial": 0.4}
    scores = scores_of(
        rows_of(lambda kind, *_: differ[kind], metric="modularity"),
        rows_of(lambda *_: 0.9, where=[("none", "")], metric="accuracy"),
    )
    finding = kinds_differ(Evidence(scores))
    assert finding.holds
    assert finding.text.splitlines() == [
        "**Regular and spatial networks differ.** Mean of regular / of spatial networks, split by `greedy`. "
        "n = 6 seeds. *: corrected p ≤ 0.05.",
        "",
        "| inputs | accuracy of the whole network | modularity |",
        "| --- | ---: | ---: |",
        "| Mixing | 0.900 / 0.900 | 0.100 / 0.400* |",
    ]


@pytest.mark.parametrize(
    "scores",
    [
        scores_of(rows_of(lambda *_: 0.3, metric="modularity")),
        scores_of(rows_of(lambda *_: 0.3, metric="modularity", kinds=("regular",))),
        scores_of(rows_of(lambda kind, *_: len(kind) / 10, metric="modularity", seeds=1, kinds=("regular", "flat"))),
    ],
    ids=["equal", "one kind", "one seed"],
)
def test_kinds_that_are_not_known_to_differ(scores):
    assert kinds_differ(Evidence(scores)) is None


@pytest.mark.parametrize("seeds", [4, 5])
def test_too_few_seeds_give_hints(seeds):
    # With five seeds p is at least 2/32, above 0.05, so no test can tell; the interval may.
    scores = scores_of(rows_of(lambda kind, *_: len(kind) / 10, metric="cut", seeds=seeds, kinds=("regular", "flat")))
    finding = kinds_differ(Evidence(scores))
    assert finding.hint
    hint = "°, a hint from too few seeds for a test: the 95 % t interval of the difference leaves out 0."
    assert f"n = {seeds} seeds. {hint}" in finding.text
    assert "| Mixing | 0.700 / 0.400° |" in finding.text


def test_the_kind_of_ablation_changes_the_size_where_all_differences_have_one_sign():
    planted = {
        ("regular", "incoming"): 0.3,
        ("regular", "zero"): 0.05,
        ("spatial", "incoming"): 0.02,
        ("spatial", "zero"): 0.02,
    }

    def value(kind, mode, split, ablation):
        return planted[kind, ablation]

    scores = scores_of(drops(value, ablations=("zero", "incoming"), inputs=("mix", "other"), seeds=7))
    finding = ablation_matters(Evidence(scores))
    assert finding.holds
    assert not finding.hint
    assert finding.text.startswith(
        "**The kind of ablation changes the size of the difference, not its sign.** It changes its size alone in "
        "Mixing and other.\n\n"
    )
    # Every contrast and every change of it are told, not the largest alone; 2 / 2^7, for two input modes.
    contrasts, changes = finding.text.split("How much larger")
    assert "| inputs | zero (activation = 0) | incoming (incoming weights = 0) |" in contrasts
    assert contrasts.count("| 0.030") == contrasts.count("| 0.280") == 2
    assert "| inputs | zero − incoming |" in changes
    assert changes.count("−0.250 [") == 2
    assert "n = 7 seeds. *: corrected p ≤ 0.05." in changes


@pytest.mark.parametrize(
    ("planted", "changed"),
    [
        ({"zero": 0.2, "mean": -0.2}, True),
        ({"zero": 0.2, "mean": 0.0}, True),
        ({"zero": 0.2, "mean": 0.1}, False),
        ({"zero": -0.2, "mean": -0.1}, False),
    ],
    ids=["other sign", "none", "smaller", "both below"],
)
def test_the_conclusion_changes_with_the_sign_or_where_a_difference_ends(planted, changed):
    def value(kind, mode, split, ablation):
        return 0.3 + planted[ablation] * (kind == "regular")

    scores = scores_of(drops(value, seeds=8))
    if planted["mean"] == 0:  # differences that are no more than noise
        noise = scores["seed"].map(lambda seed: 0.002 * (-1) ** seed).astype(float)
        scores["value"] += noise.where((scores["ablation"] == "mean") & (scores["kind"] == "regular"), 0.0)
    text = ablation_matters(Evidence(scores)).text
    assert text.startswith("**The kind of ablation changes the conclusion.**") == changed
    assert ("It changes whether there is a difference, or its sign, in Mixing." in text) == changed
    assert ("It changes its size alone in Mixing." in text) != changed


def test_where_a_test_can_tell_it_decides():
    def value(kind, mode, split, ablation):
        return {"zero": 0.1, "mean": 0.0}[ablation] * (kind == "regular")

    scores = scores_of(drops(value, inputs=("mix", "b", "c"), seeds=7))
    changes = ablation_matters(Evidence(scores)).text.split("How much larger")[1]
    assert changes.count("]*") == 3  # p = 2/128, times three, is 0.047
    # With one seed of seven against it, p is at least 2 · 2/128, and three times that is above 0.05.
    against = (scores["seed"] == 0) & (scores["kind"] == "regular") & (scores["ablation"] == "zero")
    assert ablation_matters(Evidence(scores.assign(value=scores["value"].mask(against, -0.05)))) is None


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular"), {}),
        (lambda kind, mode, split, ablation: 0.2 * (ablation == "zero"), {}),
        (lambda kind, mode, split, ablation: 0.004 * (kind == "regular") * (ablation == "zero"), {}),
        (lambda kind, mode, split, ablation: 0.2 * (ablation == "zero"), {"kinds": ("regular",)}),
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular"), {"ablations": ("zero",)}),
        (lambda kind, mode, split, ablation: 0.2 * (kind == "regular") * (ablation == "zero"), {"seeds": 1}),
    ],
    ids=["kinds alone", "ablations alone", "too little", "one kind", "one ablation", "one seed"],
)
def test_where_the_kind_of_ablation_changes_nothing(value, options):
    assert ablation_matters(Evidence(scores_of(drops(value, **options)))) is None


# Several kinds


def test_of_several_kinds_those_that_differ_are_named_and_so_are_the_others():
    levels = {"regular": 0.1, "spatial": 0.4, "MyNet": 0.1, "swap": 0.3}
    scores = scores_of(rows_of(lambda kind, *_: levels[kind], metric="modularity", kinds=tuple(levels), seeds=8))
    finding = kinds_differ(Evidence(scores))
    assert finding.holds
    assert finding.text.splitlines() == [
        "**Spatial and swap networks differ from regular ones.** Mean of regular / of the other networks, split by "
        "`greedy`. n = 8 seeds. *: corrected p ≤ 0.05.",
        "",
        "| networks | modularity |",
        "| --- | ---: |",
        "| spatial mix | 0.100 / 0.400* |",
        "| swap mix | 0.100 / 0.300* |",
        "| MyNet mix | 0.100 / 0.100 |",
        "",
        "Not told apart from regular networks: MyNet.",
    ]
    # Beside another reference the same numbers are read the other way round.
    text = kinds_differ(Evidence(scores, asked="swap")).text
    assert text.startswith("**Regular, spatial and MyNet networks differ from swap ones.** Mean of swap / of the other")
    assert "| regular mix | 0.300 / 0.100* |" in text
    assert "Not told apart" not in text


def test_the_correction_is_for_all_kinds_and_input_modes_together():
    # p of one comparison is 2/2^7; of three, three times that is 0.047, of four 0.0625.
    def found(kinds, inputs=("mix",)):
        scores = scores_of(rows_of(lambda kind, *_: len(kind) / 10, kinds=kinds, inputs=inputs, seeds=7))
        return kinds_differ(Evidence(scores))

    assert found(("regular", "a", "bb", "ccc")).text.count("*") == 1 + 4 + 3  # the title, the sentence, three cells
    assert not found(("regular", "a", "bb", "ccc")).hint
    for several in (found(("regular", "a", "bb", "ccc", "dddd")), found(("regular", "a", "bb"), ("mix", "other"))):
        assert several.hint
        assert several.text.count(" / ") == 1 + several.text.count("° |") == 1 + 4


def test_of_very_many_kinds_it_is_said_how_many_differ():
    kinds = ("regular", *(f"spatial α={number}" for number in range(30)))
    scores = scores_of(rows_of(lambda kind, *_: 0.1 + 0.1 * ("=" in kind), kinds=kinds, seeds=12))
    text = kinds_differ(Evidence(scores)).text
    assert text.startswith("**30 of 30 kinds of networks differ from regular ones.**")
    assert text.count("| spatial α=") == 24
    assert text.endswith("\n\n6 more cells are not shown.")


def test_of_several_kinds_it_is_named_for_which_the_ablation_matters():
    def value(kind, mode, split, ablation):
        return {"regular": {"zero": 0.3, "mean": 0.1}, "swap": {"zero": 0.0, "mean": 0.2}}.get(kind, {}).get(
            ablation, {"zero": 0.1, "mean": -0.1}[ablation]
        )

    scores = scores_of(drops(value, kinds=("regular", "spatial", "swap"), seeds=8))
    text = ablation_matters(Evidence(scores)).text
    assert text.startswith(
        "**The kind of ablation changes the conclusion.** It changes whether there is a difference, or its sign, in "
        "swap mix.\n\nAccuracy that `greedy` splits cost, regular minus other networks, by what disabled units emit. "
        "n = 8 seeds. *: corrected p ≤ 0.05."
    )
    contrasts, changes = text.split("How much larger")
    rows = {line.split(" |")[0]: line for part in (contrasts, changes) for line in part.splitlines()}
    assert "0.400" in rows["| swap mix"]
    assert rows["| spatial mix"].count("0.000") >= 1
    assert rows["| networks"] == "| networks | zero − mean |"


def test_kinds_without_a_name_are_compared_too():
    scores = scores_of(rows_of(lambda kind, *_: 0.1 + 0.2 * (kind == ""), kinds=("regular", ""), seeds=8))
    assert kinds_differ(Evidence(scores)).text.startswith(
        "**Regular and (not named) networks differ.** Mean of regular"
    )
    assert "of (not named) networks" in kinds_differ(Evidence(scores)).text


def test_where_nothing_is_left_of_the_reference_nothing_is_compared():
    scores = scores_of(drops(lambda kind, *_: len(kind) / 10), rows_of(lambda kind, *_: len(kind) / 10))
    notes = notes_of(scores, "greedy", "degenerate: nothing", "regular")
    evidence = Evidence(scores, notes=notes)
    assert kinds_differ(evidence) is None
    assert ablation_matters(evidence) is None
