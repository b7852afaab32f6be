"""A RESULTS folder as it is read, and what is said of one that is not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from results_builder import build_results

from spatialgraph.analyses import results as results_module
from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.results import Results, read_scores
from spatialgraph.faults import NotApplicableError
from spatialgraph.store import write_network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_results(tmp_path_factory.mktemp("built"))


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "results"))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_load_reads_typed_scores_splits_and_networks(folder):
    results = Results.load(folder)
    assert results.scores["seed"].dtype == "Int64"
    assert results.scores["value"].dtype == np.float64
    assert set(results.scores["ablation"]) == {"", "zero", "incoming", "mean"}
    assert results.inputs == ("concatenate", "sequential")  # the paper's order, not the file's
    assert results.kinds == ("regular", "spatial")
    assert results.methods == ("greedy", "spectral", "random")
    assert results.ablations == ("zero", "incoming", "mean")
    assert results.members["network"].tolist()[:3] == [
        "concatenate-regular-0",
        "concatenate-regular-1",
        "concatenate-spatial-0",
    ]
    assert results.splits["sequential-spatial-1"]["greedy"].method == "greedy"
    network = results.network("sequential-spatial-1")
    assert network.metadata["seed"] == 1
    assert results.network("sequential-spatial-1") is network


def test_snapshots_are_the_moments_of_training_and_the_trained_network_last(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(1,)))
    trained = results.network("mix-spatial-1")
    for epochs, expected in ((3, [0.0, 0.25, 3.0]), (0.25, [0.0, 0.25])):
        made = replace(trained, metadata={**trained.metadata, "epochs": epochs})
        earlier = {epoch: replace(made, connections=_scaled(made.connections, epoch)) for epoch in (0.25, 0)}
        write_network(results.run / "networks" / "mix-spatial-1.h5", made, earlier)
        again = Results.load(results.folder)
        found = again.snapshots("mix-spatial-1")
        assert [epoch for epoch, _ in found] == expected
        assert again.snapshot_epochs("mix-spatial-1") == (0.0, 0.25)
        assert found[-1][1] is again.network("mix-spatial-1")
        assert found[0][1].connections[-1].weight.max() == 0
        assert again.snapshots("mix-spatial-1") is found


def test_of_a_large_network_some_moments_are_read(tmp_path, monkeypatch):
    built = build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(1,))
    trained = Results.load(built).network("mix-spatial-1")
    made = replace(trained, metadata={**trained.metadata, "epochs": 10})
    earlier = {float(epoch): made for epoch in range(10)}
    write_network(tmp_path / "run" / "networks" / "mix-spatial-1.h5", made, earlier)
    size = sum(c.weight.nbytes for c in made.connections if c.target in made.split_populations)
    for most, expected in ((10, [*range(10), 10]), (4, [0, 3, 6, 9, 10]), (0, [0, 9, 10])):
        monkeypatch.setattr(results_module, "_MOST_BYTES", most * size)
        assert [epoch for epoch, _ in Results.load(built).snapshots("mix-spatial-1")] == expected


def _scaled(connections, factor):
    return [replace(connection, weight=factor * connection.weight) for connection in connections]


def test_a_network_that_does_not_say_how_long_it_was_trained_has_no_moments(folder):
    with pytest.raises(
        NotApplicableError, match=r"concatenate-spatial-0\.h5: expected metadata\.epochs, a number, found None"
    ):
        Results.load(folder).snapshots("concatenate-spatial-0")


def test_per_network_averages_tasks_and_leaves_out_other_metrics(copy):
    edit(copy / "scores.csv", "accuracy-drop,digits", "share:hidden3,digits")
    results = Results.load(copy)
    drop = results.per_network("accuracy-drop")
    assert list(drop.columns) == ["network", "kind", "inputs", "seed", "split", "ablation", "value"]
    spatial = drop[(drop["network"] == "sequential-spatial-1") & (drop["split"] == "greedy")]
    # 0.02 for a spatial network, divided by the number of the ablation, and 0.02 for its seed
    np.testing.assert_allclose(spatial["value"], [0.04, 0.03, 0.02 / 3 + 0.02])
    assert results.per_network("nothing").empty


def test_per_network_is_the_mean_over_tasks(folder):
    results = Results.load(folder)
    means = results.per_network("accuracy")
    full = means[(means["network"] == "concatenate-regular-0") & (means["split"] == "none")]["value"].item()
    accuracy = results.network("concatenate-regular-0").metadata["accuracy"]
    assert full == pytest.approx(sum(accuracy) / 2)


def test_a_method_that_the_first_network_lacks_keeps_its_place(copy):
    lines = (copy / "scores.csv").read_text().splitlines(keepends=True)
    first = lines[1].split(",")[1]
    (copy / "scores.csv").write_text("".join(x for x in lines if not (first in x and ",spectral," in x)))
    assert Results.load(copy).methods == ("greedy", "spectral", "random")


def test_seeds_and_values_may_be_missing(copy):
    edit(copy / "scores.csv", ",0,none,,accuracy,digits,", ",,none,,accuracy,digits,")
    edit(copy / "scores.csv", "modularity,,0.45", "modularity,,")
    scores = Results.load(copy).scores
    assert scores["seed"].isna().sum() == 1
    assert scores["value"].isna().sum() == 1


def test_a_network_may_be_named_like_a_missing_value(tmp_path):
    folder = build_results(tmp_path, inputs=("NA",), kinds=("None",), seeds=(0,))
    results = Results.load(folder)
    assert results.inputs == ("NA",)
    assert results.kinds == ("None",)


def test_kinds_of_a_grid_follow_what_they_are_kinds_of_and_are_ordered_by_their_numbers(folder):
    expected = (
        "regular",
        "regular η=1e-05",
        "regular η=0.01",
        "spatial",
        "spatial α=0.5",
        "spatial α=2",
        "spatial α=2 β=6",
        "spatial α=10",
        "spatial β=6",
        "brainy 2",
        "brainy 10",
    )
    scores = Results.load(folder).scores
    rows = pd.concat([scores[:1].assign(kind=kind, network=kind) for kind in sorted(expected)], ignore_index=True)
    results = Results(Path(), rows, {}, Path())
    assert results.kinds == expected
    assert tuple(results.members["kind"]) == expected


@pytest.mark.parametrize("name", ["scores.csv", "splits.h5", "analysis.json"])
def test_a_folder_without_a_file(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError) as error:
        Results.load(copy)
    assert str(error.value) == f"{copy}: expected a folder that `spatialgraph analyze` wrote, found one without {name}"


def test_no_folder(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"nowhere: expected a folder that `spatialgraph analyze` wrote, found no"
    ):
        Results.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("network,kind", "network,sort", "kind missing, found run, network, sort"),
        (",0,none,", ",zero,none,", "expected numbers in the column seed, found 'zero' in line 2"),
        (",0,none,", ",0.5,none,", "expected whole numbers in the column seed, found 0.5"),
        ("modularity,,0.45", "modularity,,good", "expected numbers in the column value, found 'good' in line 4"),
    ],
)
def test_scores_that_are_not(copy, old, new, message):
    edit(copy / "scores.csv", old, new)
    with pytest.raises(ValueError, match=r"scores\.csv: ") as error:
        Results.load(copy)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "run,network\n", 'a,"b\n'])
def test_scores_that_are_empty_or_torn(copy, text):
    (copy / "scores.csv").write_text(text)
    with pytest.raises(ValueError, match=r"scores\.csv: expected"):
        Results.load(copy)


def test_scores_with_a_header_alone(copy):
    (copy / "scores.csv").write_text((copy / "scores.csv").read_text().splitlines()[0] + "\n")
    with pytest.raises(ValueError, match="expected at least one score, found none"):
        Results.load(copy)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"run": 3}'])
def test_an_analysis_without_a_run(copy, text):
    (copy / "analysis.json").write_text(text)
    with pytest.raises(ValueError, match=r'analysis\.json: expected a JSON object with "run"'):
        Results.load(copy)


def test_a_run_that_moved(copy):
    (copy / "analysis.json").write_text(json.dumps({"run": "../gone"}))
    with pytest.raises(FileNotFoundError, match=r"expected the network 'mix' of .*scores\.csv, found nothing"):
        Results.load(copy).network("mix")


def test_a_run_named_by_its_whole_path(copy, folder):
    run = (folder / "../run").resolve()
    (copy / "analysis.json").write_text(json.dumps({"run": str(run)}))
    assert Results.load(copy).network("concatenate-spatial-0").tasks == ("digits", "clothes")


@pytest.mark.parametrize("seeds", [[2**53, 2**53 + 1, -1], [2**64 - 1, 3, 0], [0, 2**63 - 1, -(2**63)]])
def test_seeds_keep_all_their_digits(tmp_path, seeds):
    lines = [f"r,net-{k},spatial,mix,{seed},none,,accuracy,a,0.5" for k, seed in enumerate([*seeds, "", "7.0"])]
    (tmp_path / "scores.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    found = read_scores(tmp_path / "scores.csv")["seed"]
    assert [None if seed is pd.NA else int(seed) for seed in found] == [*seeds, None, 7]


def test_seeds_that_64_bits_do_not_hold_together_are_refused(tmp_path):
    lines = [f"r,net-{k},spatial,mix,{seed},none,,accuracy,a,0.5" for k, seed in enumerate([-1, 2**64 - 1])]
    (tmp_path / "scores.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    with pytest.raises(
        ValueError, match=r"scores\.csv: expected seeds that fit into 64 bits together, found -1 to 18446"
    ):
        read_scores(tmp_path / "scores.csv")


def test_what_was_perhaps_meant_is_said_of_what_is_no_folder_of_results(copy, tmp_path):
    expected = "expected a folder that `spatialgraph analyze` wrote, found"
    run = tmp_path / "run"
    (run / "networks").mkdir(parents=True)
    assert refused(run) == f"{run}: {expected} a run"
    shutil.copytree(copy, run / "results")
    assert refused(run) == f"{run}: {expected} a run: its results are in {run / 'results'}"
    assert refused(copy / "scores.csv") == f"{copy / 'scores.csv'}: {expected} a file: its results are in {copy}"
    assert refused(tmp_path / "none") == f"{tmp_path / 'none'}: {expected} nothing"
    with pytest.raises(
        TypeError, match=r"^Results: expected what was read of a folder, found .* Results\.load\(folder"
    ):
        Results(copy)


def refused(folder):
    with pytest.raises(FileNotFoundError) as error:
        Results.load(str(folder))
    return str(error.value)
