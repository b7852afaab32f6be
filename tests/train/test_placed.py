"""Positions of files: networks that keep those of networks that were trained before."""

import dataclasses
import io
import shutil

import numpy as np
import pytest
from rich.console import Console
from scipy.spatial.distance import cdist

from spatialgraph.store import read_network, read_snapshot, write_network
from spatialgraph.train.checks import SettingError
from spatialgraph.train.progress import Reporter
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment, experiment_from, settings_of

SMALL = {
    "tasks": ["digits", "letters"],
    "inputs": ["mix"],
    "seeds": [0, 1],
    "hidden": [12, 10],
    "penalised_layers": ["hidden2", "output"],
    "epochs": 2,
    "batch_size": 200,
    "checkpoint_seconds": 0,
}


def trained(run, **changes):
    train(Experiment(**{**SMALL, **changes}), run, device="cpu", console=Console(file=io.StringIO()))
    return {path.stem: read_network(path) for path in sorted((run / "networks").glob("*.h5"))}


def positions(network):
    return [layer.position for layer in network.layers if layer.position is not None]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run of spatial networks."""
    run = tmp_path_factory.mktemp("first")
    trained(run, kinds={"spatial": {"transport": 10}})
    return run


def placed(run):
    return {"placed": {"transport": 1, "positions": f"{run}/networks/{{inputs}}-spatial-{{seed}}.h5"}}


def test_networks_keep_the_positions_of_the_file_of_their_own_seed(first, tmp_path):
    found = trained(tmp_path, kinds=placed(first))
    for seed in (0, 1):
        wanted = positions(read_network(first / "networks" / f"mix-spatial-{seed}.h5"))
        for network in (found[f"mix-placed-{seed}"], read_snapshot(tmp_path / f"networks/mix-placed-{seed}.h5", 0.0)):
            assert len(positions(network)) == 3
            for one, other in zip(positions(network), wanted, strict=True):
                assert np.array_equal(one, other)
        assert found[f"mix-placed-{seed}"].metadata["positions"].endswith(f"mix-spatial-{seed}.h5")


def test_initial_weights_and_the_transport_cost_are_those_of_the_seed_and_of_the_places(first, tmp_path):
    trained(tmp_path, kinds=placed(first), epochs=1, batch_size=1437)  # one step: the cost that is kept is after it
    start = read_snapshot(tmp_path / "networks/mix-placed-0.h5", 0.0)
    own = read_snapshot(first / "networks/mix-spatial-0.h5", 0.0)
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(start.connections, own.connections, strict=True))
    end = read_network(tmp_path / "networks/mix-placed-0.h5")
    costs = [
        (np.abs(end.connections[k].weight) * cdist(end.layers[k + 1].position, end.layers[k].position)).mean()
        for k in (1, 2)
    ]
    assert end.history["transport"][-1] == pytest.approx(np.mean(costs), rel=1e-5)


def test_distances_that_are_shuffled_are_those_of_the_places(first, tmp_path):
    far, name = tmp_path / "far.h5", "mix-spatial-0.h5"
    network = read_network(first / "networks" / name)
    near = tuple(
        dataclasses.replace(layer, position=None if layer.position is None else np.zeros_like(layer.position))
        for layer in network.layers
    )
    write_network(far, dataclasses.replace(network, layers=near))  # nothing is far from anything: nothing is paid
    kinds = {
        "near": {"shuffled": 3, "positions": str(far)},
        "placed": {"shuffled": 3, "positions": str(first / "networks" / name)},
    }
    found = trained(tmp_path / "run", kinds=kinds, seeds=[0])
    assert found["mix-near-0"].history["shuffled"][-1] == 0
    assert found["mix-placed-0"].history["shuffled"][-1] > 0


def test_a_run_that_is_stopped_goes_on_with_the_same_places(first, tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole", kinds=placed(first))

    def interrupt(self, batch, epoch, total, accuracy):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "run", kinds=placed(first))
    trained(tmp_path / "run", kinds=placed(first))
    for name in whole:
        one, other = (tmp_path / part / "networks" / f"{name}.h5" for part in ("whole", "run"))
        assert one.read_bytes() == other.read_bytes()


def test_a_file_that_has_changed_since_is_refused(first, tmp_path, monkeypatch):
    copy = tmp_path / "first"
    shutil.copytree(first, copy)

    def interrupt(self, batch, epoch, total, accuracy):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "run", kinds=placed(copy))
    (copy / "networks" / "mix-spatial-1.h5").unlink()
    shutil.copy(copy / "networks" / "mix-spatial-0.h5", copy / "networks" / "mix-spatial-1.h5")
    with pytest.raises(SettingError) as error:
        trained(tmp_path / "run", kinds=placed(copy))
    assert "positions of mix-placed-1: expected those with which its training began, found others in " in str(
        error.value
    )
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seeds": [0, 2]}, "positions: expected the file of a network, found {first}/networks/mix-spatial-2.h5: "),
        ({"hidden": [12, 9]}, "positions: expected 9 units in 2 dimensions in layer 2, found those of 10 units in 2 "),
        ({"dimensions": 3}, "positions: expected 12 units in 3 dimensions in layer 1, found those of 12 units in 2 "),
        ({"penalised_layers": ["hidden1"]}, "positions: expected 64 units in 2 dimensions in layer 0, found none in "),
    ],
)
def test_files_that_do_not_have_them_are_refused_before_training(first, tmp_path, changes, text):
    with pytest.raises(SettingError) as error:
        trained(tmp_path / "run", kinds=placed(first), **changes)
    assert str(error.value).startswith(text.format(first=first))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "networks").exists()


def test_settings_are_written_with_the_places_as_they_were_given():
    kinds = {"placed": {"transport": 1.0, "positions": "runs/{inputs}-spatial-{seed}.h5"}}
    experiment = Experiment(**{**SMALL, "kinds": kinds})
    assert settings_of(experiment)["kinds"] == kinds
    assert experiment_from(settings_of(experiment)) == experiment
