"""Which moments of training are kept, and that a run ends with them whatever happens to it on the way."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from spatialgraph.graph import Graph
from spatialgraph.network import Network, graph_of
from spatialgraph.store import read_header, read_network, read_snapshots, write_arrays
from spatialgraph.train.moments import forget_orphans, moments
from spatialgraph.train.progress import Reporter
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment

SETTINGS = {
    "tasks": ["digits", "letters"],
    "inputs": ["mix"],
    "seeds": [0, 1],
    "hidden": [12, 10, 8],
    "penalised_layers": ["hidden3", "output"],
    "epochs": 3,
    "batch_size": 200,
    "checkpoint_seconds": 0,
    "snapshots": 8,
}
STEPS = 7  # of an epoch: 1437 examples in batches of 200


def trained(run, **changes):
    settings = Experiment(**{**SETTINGS, **changes})
    train(settings, run, device="cpu", console=Console(file=io.StringIO()))
    return {file.stem: file for file in sorted((run / "networks").glob("*.h5"))}


def arrays(network):
    yield from ((c.source, c.target, c.weight.tobytes()) for c in network.connections)
    arrays = [layer.bias for layer in getattr(network, "layers", ())]
    arrays += [population.position for population in graph_of(network).populations]
    yield from ((array.shape, array.tobytes()) for array in arrays if array is not None)


def contents(files):
    """Return the bytes of all arrays of every network, of all its moments."""
    return {
        name: [list(arrays(network)) for network in (read_network(file), *read_snapshots(file).values())]
        for name, file in files.items()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("whole"))


@given(steps=st.integers(1, 30_000), count=st.integers(2, 200))
def test_moments_begin_at_the_start_end_at_the_end_and_differ(steps, count):
    found = moments(steps, count)
    assert len(found) == min(count, steps + 1)
    assert (found[0], found[-1]) == (0, steps)
    assert all(np.diff(found) > 0)


def test_half_of_the_moments_lie_in_the_first_tenth_at_growing_distances():
    found = moments(11_750, 50)
    early = [step for step in found if step <= 1175]
    assert len(early) == 25
    assert early[:4] == [0, 1, 2, 3]
    assert all(np.diff(early[1:]) > 0)
    late = np.diff(found[24:])
    assert late.min() >= 422
    assert late.max() <= 424
    ratios = np.array(early[-8:]) / early[-9:-1]
    np.testing.assert_allclose(ratios, 1175 ** (1 / 23), rtol=0.01)


def test_networks_hold_the_moments_of_their_training(whole):
    expected = [round(step / STEPS, 6) for step in moments(3 * STEPS, 8)[:-1]]
    for file in whole.values():
        assert read_header(file).snapshots == tuple(expected)
    spatial = read_snapshots(whole["mix-spatial-1"])
    assert [type(snapshot) for snapshot in spatial.values()] == [Network] + 6 * [Graph]
    last = spatial[expected[-1]]
    assert [(c.source, c.target) for c in last.connections] == [(2, 3), (3, 4)]
    assert [population.position is not None for population in last.populations] == [False, False, True, True, True]
    path = np.stack([graph_of(snapshot).populations[3].position for snapshot in spatial.values()])
    assert (np.abs(np.diff(path, axis=0)).max(axis=(1, 2)) > 0).all()
    assert not read_snapshots(whole["mix-regular-1"])[expected[-1]].has_positions


def test_a_moment_at_the_end_of_an_epoch_is_the_network_trained_for_so_long(whole, tmp_path):
    steps = moments(3 * STEPS, 22)
    assert {STEPS, 2 * STEPS} <= set(steps)
    longer = trained(tmp_path / "all", snapshots=22)["mix-spatial-0"]
    shorter = trained(tmp_path / "short", epochs=2, snapshots=2)["mix-spatial-0"]
    kept, ended = read_snapshots(longer)[2.0], read_network(shorter)
    for connection in kept.connections:
        (same,) = (c for c in ended.connections if c.target == connection.target)
        assert np.array_equal(connection.weight, same.weight)
    for k in (2, 3, 4):
        assert np.array_equal(kept.populations[k].position, ended.layers[k].position)


def test_keeping_moments_changes_no_network(whole, tmp_path):
    without = trained(tmp_path, snapshots=2)
    assert {name: read_header(file).snapshots for name, file in without.items()} == dict.fromkeys(whole, (0.0,))
    for name, file in whole.items():
        assert list(arrays(read_network(file))) == list(arrays(read_network(without[name])))


def test_seeds_choose_the_networks_whose_moments_are_kept(whole, tmp_path):
    chosen = trained(tmp_path, snapshot_seeds=[1])
    assert [len(read_header(file).snapshots) for file in chosen.values()] == [1, 7, 1, 7]
    ones = {name for name in whole if name.endswith("1")}
    assert {n: contents(chosen)[n] for n in ones} == {n: contents(whole)[n] for n in ones}


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_stopped_run_ends_with_the_moments_of_one_that_was_not(whole, tmp_path, monkeypatch, epoch):
    def stop(self, batch, done, total, accuracy):
        if done == epoch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path)
    (folder,) = (tmp_path / "checkpoints").glob("*/")
    steps = [int(file.stem) for file in folder.iterdir()]
    assert sorted(steps) == [step for step in moments(3 * STEPS, 8)[1:-1] if step <= epoch * STEPS]
    # What was kept after the checkpoint, and by a run that has none, is not trusted: another machine rounds otherwise.
    for file in (folder / f"{3 * STEPS - 1}.h5", folder.parent / "mix-00000000" / "5.h5"):
        write_arrays(file, "moment", {"mix-spatial-0": np.zeros(3)}, {"step": 5})
    if epoch == 3:
        (folder / f"{3 * STEPS - 1}.h5").unlink()  # it would be of before the checkpoint
    assert contents(trained(tmp_path)) == contents(whole)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def moment(file):
    write_arrays(file, "moment", {"mix-spatial-0": np.zeros(3)}, {"step": 5})


def text(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("precious")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("my_model/weights.pt", text),
        ("my_model/5.h5", moment),  # no folder of this program has such a name
        ("mix-00000000/weights.pt", text),
        ("mix-00000000/5.h5", text),
        ("mix-00000000/sub/5.h5", moment),
        ("mix-00000000/5.h5", lambda file: write_arrays(file, "checkpoint", {}, {})),
        ("mix-00000000/last.h5", moment),
    ],
)
def test_what_is_not_a_moment_of_this_program_is_not_removed(tmp_path, name, make):
    make(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    moment(tmp_path / "mix-00000000" / "7.h5")
    forget_orphans(tmp_path)
    assert (tmp_path / name).read_bytes() == before
    assert not (tmp_path / "mix-00000000" / "7.h5").exists()


def test_a_link_to_a_folder_or_a_file_of_moments_is_not_followed(tmp_path):
    moment(tmp_path / "elsewhere" / "5.h5")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mix-00000000").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "checkpoints" / "mix-11111111").mkdir()
    (tmp_path / "checkpoints" / "mix-11111111" / "5.h5").symlink_to(tmp_path / "elsewhere" / "5.h5")
    before = sorted((tmp_path / "checkpoints").rglob("*"))
    forget_orphans(tmp_path / "checkpoints")
    assert sorted((tmp_path / "checkpoints").rglob("*")) == before
    assert (tmp_path / "elsewhere" / "5.h5").exists()


def test_moments_may_be_asked_for_when_a_run_is_carried_on(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, snapshots=2)
    files = trained(tmp_path, snapshot_seeds=[0])
    later = [round(step / STEPS, 6) for step in moments(3 * STEPS, 8)[1:-1] if step > STEPS]
    assert read_header(files["mix-spatial-0"]).snapshots == (0.0, *later)
    assert read_header(files["mix-spatial-1"]).snapshots == (0.0,)
    assert contents({"": files["mix-spatial-0"]})[""][2:] == contents({"": whole["mix-spatial-0"]})[""][-len(later) :]
