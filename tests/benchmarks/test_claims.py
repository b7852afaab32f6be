"""The paper's further claims: comparisons, sentences and made tasks are right, the program runs, and its sentences are
those of the document."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialgraph.analyses.statistics import sign_flip_p
from spatialgraph.train.data import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "modules"
SEEDS = range(6)


@pytest.fixture(scope="module")
def claims():
    sys.path.insert(0, str(ROOT / "benchmarks"))  # it is in several files
    try:
        return importlib.import_module("claims")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def told(claims):
    return sys.modules["claims_told"]


@pytest.fixture(scope="module")
def compared(claims):
    return sys.modules["claims_compared"]


def measurements(groups):
    """Return a table of (variant, inputs, kind, measure) to the values of the seeds."""
    keys = ["variant", "inputs", "kind", "measure"]
    rows = [(*key, f"{key[1]}-{key[2]}-{s}", s, v) for key, values in groups.items() for s, v in enumerate(values)]
    return pd.DataFrame(rows, columns=[*keys, "network", "seed", "value"])


def family(claim, rows):
    """Return rows of a family of tests: (question, variant, inputs, estimate, p)."""
    of = [(claim, q, v, i, "" if q in ("accuracy", "equivalence", "modularity", "escape") else "incoming", 8, e, e - 0.1, e + 0.1, p) for q, v, i, e, p in rows]  # fmt: skip  # noqa: E501
    names = ["claim", "question", "variant", "inputs", "ablation", "n", "estimate", "low", "high", "p"]
    return pd.DataFrame(of, columns=names)


def verdict(text):
    return text.split("**")[1]


@pytest.mark.parametrize("name", ["digits", "letters"])
def test_turned_tasks_are_the_same_images_on_their_side(claims, tmp_path, name):
    path = claims.turned(name, tmp_path)
    before = path.read_bytes()
    assert claims.turned(name, tmp_path).read_bytes() == before
    upright, made = load(name), load(str(path))
    assert (made.name, made.classes, made.pixels) == (f"turned-{name}", 10, upright.pixels)
    for one, other in ((upright.train, made.train), (upright.test, made.test)):
        assert np.array_equal(one.labels, other.labels)
        first, second = (part.images[5].reshape(8, 8) for part in (one, other))
        assert np.array_equal(np.rot90(first), second)
        assert not np.array_equal(first, second)


def test_variants_name_settings_that_there_are(claims, tmp_path):
    for variant in claims.VARIANTS:
        experiment = claims.read_experiment("modules", claims.settings(variant, tmp_path, range(2), None))
        assert (experiment.hidden, experiment.epochs, len(experiment.seeds)) == ((64, 64, 64, 128), 140, 2)
        assert len(experiment.tasks) == 2 + variant.turned
    assert set(claims.USED) == set(claims.CLAIMS)
    used = {name for names in claims.USED.values() for name in names}
    assert used == {variant.name for variant in claims.VARIANTS}


def test_differences_are_paired_by_seed_and_tested_together(compared):
    regular, spatial = np.array([0.3, 0.4, 0.35, 0.5, 0.45, 0.4]), np.array([0.1, 0.12, 0.1, 0.3, 0.2, np.nan])
    table = measurements(
        {
            ("sigmoid", "mix", "regular", "drop-incoming"): regular,
            ("sigmoid", "mix", "spatial", "drop-incoming"): spatial,
        }
    ).dropna()
    rows = compared.family_of(table, ["tasks"], SEEDS)
    known = rows[rows["n"] > 0]
    assert len(known) == 1
    row = known.iloc[0]
    assert (row["question"], row["variant"], row["inputs"], row["n"]) == ("gain", "sigmoid", "mix", 5)
    difference = (regular - spatial)[:5]
    assert row["estimate"] == pytest.approx(difference.mean())
    assert row["p"] == pytest.approx(sign_flip_p(difference[None])[0])  # the only test that there is
    assert rows.loc[rows["n"] == 0, "p"].isna().all()


def test_a_gain_beside_another_is_the_difference_of_both(compared):
    values = {"sigmoid": (0.3, 0.1), "tanh": (0.5, 0.45)}
    table = measurements(
        {
            (variant, "mix", kind, "drop-incoming"): np.full(6, drop)
            for variant, drops in values.items()
            for kind, drop in zip(("regular", "spatial"), drops, strict=True)
        }
    )
    rows = compared.family_of(table, ["activation"], SEEDS)
    row = rows[(rows["question"] == "beside sigmoid") & (rows["n"] > 0)].iloc[0]
    assert row["estimate"] == pytest.approx(0.05 - 0.2)


@pytest.mark.parametrize(("difference", "equivalent"), [(0.002, True), (-0.002, True), (0.03, False), (-0.03, False)])
def test_equal_accuracy_needs_both_tests(compared, difference, equivalent):
    noise = np.array([0.001, -0.001, 0.0005, -0.0005, 0.0002, -0.0002])
    table = measurements(
        {
            ("sigmoid", "mix", "regular", "accuracy"): 0.9 + noise,
            ("sigmoid", "mix", "spatial", "accuracy"): 0.9 + difference + noise[::-1],
        }
    )
    rows = compared.family_of(table, ["accuracy"], SEEDS)
    row = rows[(rows["question"] == "equivalence") & (rows["inputs"] == "mix")].iloc[0]
    assert (row["p"] <= 0.05) == equivalent
    assert row["estimate"] == pytest.approx(difference)


def test_the_sentence_on_accuracy_names_each_mode_by_its_test(told):
    rows = [
        ("accuracy", "sigmoid", "concatenate", -0.002, 0.01),
        ("equivalence", "sigmoid", "concatenate", -0.002, 0.002),
        ("accuracy", "sigmoid", "mix", -0.03, 0.002),
        ("equivalence", "sigmoid", "mix", -0.03, 1.0),
        ("accuracy", "sigmoid", "sequential", -0.006, 0.2),
        ("equivalence", "sigmoid", "sequential", -0.006, 0.4),
    ]
    text = told.SENTENCES["accuracy"](family("accuracy", rows))
    assert verdict(text) == (
        "The costs do not lower accuracy by 0.01 or more with concatenated inputs; the costs lower accuracy with mixed "
        "inputs; whether the costs lower accuracy by 0.01 cannot be told with sequential inputs"
    )
    assert "p of no difference: mix (−0.030 [−0.130, 0.070], n = 8, p = 0.002)" in text
    assert "outside of ±0.01: concatenate (−0.002 [−0.102, 0.098], n = 8, p = 0.002) and sequential" in text


@pytest.mark.parametrize(
    ("claim", "question", "variant", "estimate", "p", "expected"),
    [
        ("inputs", "regular loses more", "sigmoid", 0.2, 0.01, "Concatenated inputs help the regular network"),
        ("inputs", "regular loses more", "sigmoid", -0.2, 0.01, "It is not shown that concatenated inputs help"),
        ("inputs", "regular loses more", "sigmoid", 0.2, 0.06, "It is not shown that concatenated inputs help"),
        ("tasks", "gain", "three-tasks", 0.2, 0.01, "With more than two tasks, spatial networks still lose less"),
        ("tasks", "gain", "three-tasks", 0.005, 0.01, "It is not shown that spatial networks lose less with more"),
        ("dimensions", "spatial loses more", "one-dimension", 0.2, 0.01, "The number of dimensions matters"),
        ("dimensions", "spatial loses more", "one-dimension", 0.2, np.nan, "That the number of dimensions matters is"),
        ("activation", "beside sigmoid", "tanh", -0.2, 0.01, "The activation function matters"),
        ("activation", "beside sigmoid", "tanh", -0.2, 0.5, "Whether the activation function matters cannot be told"),
    ],
)
def test_verdicts_follow_from_tests(told, claim, question, variant, estimate, p, expected):
    rows = family(claim, [(question, variant, inputs, estimate, p) for inputs in ("mix", "sequential")])
    text = told.SENTENCES[claim](rows)
    assert verdict(text).startswith(expected)
    assert f"mix{' (' if claim == 'inputs' else ': '}" in text
    assert ".." not in text


def test_one_mode_of_two_is_told_as_such(told):
    rows = [
        ("regular loses more", "sigmoid", "mix", 0.2, 0.4),
        ("regular loses more", "sigmoid", "sequential", 0.2, 0.01),
    ]
    text = told.SENTENCES["inputs"](family("inputs", rows))
    assert verdict(text) == "Concatenated inputs help the regular network in some comparisons"
    assert (
        "loses more with sequential (0.200 [0.100, 0.300], n = 8, p = 0.01) than with concatenated inputs; whether"
        in text
    )


@pytest.mark.parametrize(
    ("estimate", "p", "expected"),
    [(-0.3, 0.01, "rescale their neurons"), (0.3, 0.01, "It is not shown"), (-0.3, 0.3, "It is not shown")],
)
def test_rescaling_is_told_as_a_factor(told, estimate, p, expected):
    rows = [("escape", "relu", "mix", estimate, p), ("gain", "relu-balanced", "mix", 0.2, 0.01)]
    text = told.SENTENCES["activation"](family("activation", rows)).split("\n\n")[1]
    assert expected in verdict(text)
    assert f"mix ({10**estimate:.3f} [" in text
    assert "Split by balanced strengths, spatial networks lose less" in text


def test_networks_that_did_not_learn_are_named_and_left_out(claims):
    groups = {("sigmoid", "mix", "regular", "learned"): [1, 0, 1], ("sigmoid", "mix", "regular", "accuracy"): [0.9] * 3}
    table = measurements(groups)
    assert claims.left_out(table, range(4)) == ["sigmoid mix regular 1", "sigmoid mix regular 3"]  # 3 has no file
    assert sorted(set(claims.of_learned(table)["seed"])) == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "message"), [(["--seeds", "few"], "claims: seeds: expected"), (["--epochs", "-1"], "claims: epochs")]
)
def test_faults_are_told_in_a_line(claims, tmp_path, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        claims.main(["--runs", str(tmp_path), "--out", str(tmp_path), "--only", "accuracy", *arguments])
    assert str(stopped.value).startswith(message)
    assert "\n" not in str(stopped.value)


def test_regular_networks_of_the_plane_stand_for_all_dimensions(claims, tmp_path, monkeypatch):
    def measured(run, strength="absolute"):
        modes = ("concatenate", "mix", "sequential") if run.name == "sigmoid" else ("mix", "sequential")
        kinds = ("regular", "spatial") if run.name == "sigmoid" else ("spatial",)
        return measurements({("", mode, kind, "accuracy"): [0.9] for mode in modes for kind in kinds}).drop(
            columns="variant"
        )

    monkeypatch.setattr(claims, "measured", measured)
    table = claims.collected(tmp_path, claims.USED["dimensions"])
    groups = set(table[["variant", "inputs", "kind"]].itertuples(index=False, name=None))
    assert len(groups) == len(table) == 6 + 4 + 4
    assert ("one-dimension", "mix", "regular") in groups


def test_the_program_runs_and_carries_on(claims, tmp_path, monkeypatch, capsys):
    small = claims.Variant("sigmoid", {"inputs": ["mix"], "hidden": [8, 8, 8, 8]})
    monkeypatch.setattr(claims, "VARIANTS", (small,))
    asked = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--only", "accuracy"]
    asked += ["--seeds", "0:1", "--epochs", "1"]
    claims.main(asked)
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    named = {"claims.csv", "claims.txt"} | {f"claims-accuracy.{e}" for e in ("png", "csv", "txt")}
    assert set(written) == named
    text = written["claims.txt"].decode()
    assert "Whether the costs lower accuracy by 0.01 cannot be told" in text
    assert "Left out, since a task was not learned: " in text
    trained = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/networks/*.h5")}
    assert len(trained) == 2
    claims.main(asked)
    assert trained == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/networks/*.h5")}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert "claims.txt" in capsys.readouterr().out


@pytest.mark.skipif(not (FOLDER / "claims.txt").exists(), reason="the claims were not told yet")
def test_the_document_says_what_was_told():
    document = (FOLDER / "claims.md").read_text(encoding="utf-8")
    for part in (FOLDER / "claims.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        assert part in document
