"""A run: what is written, what is carried on, and that neither company nor interruption changes a network."""

import dataclasses
import io
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import commands
import numpy as np
import pytest
import torch
from rich.console import Console

from spatialgraph.files import locked
from spatialgraph.graph.named import class_names, image_shapes
from spatialgraph.network import graph_of
from spatialgraph.store import (
    read_arrays,
    read_evaluation,
    read_network,
    read_snapshot,
    read_snapshots,
    write_arrays,
)
from spatialgraph.train import run as run_module
from spatialgraph.train import trainer
from spatialgraph.train.checks import SettingError
from spatialgraph.train.export import DivergedError
from spatialgraph.train.loop import Training
from spatialgraph.train.memory import Limit
from spatialgraph.train.model import initial_parameters
from spatialgraph.train.progress import Reporter
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment
from spatialgraph.train.writer import Writer

SETTINGS = {
    "tasks": ["digits", "letters"],
    "inputs": ["mix"],
    "seeds": [0, 1],
    "hidden": [12, 10],
    "penalised_layers": ["hidden2", "output"],
    "epochs": 3,
    "batch_size": 200,
    "checkpoint_seconds": 0,
}


def experiment(**changes):
    return Experiment(**{**SETTINGS, **changes})


def train_quietly(settings, run):
    return train(settings, run, device="cpu", console=Console(file=io.StringIO()))


def networks(run):
    return {path.stem: read_network(path) for path in sorted((run / "networks").glob("*.h5"))}


def arrays(network):
    yield from (connection.weight for connection in network.connections)
    yield from (layer.bias for layer in getattr(network, "layers", ()) if layer.bias is not None)
    yield from (p.position for p in graph_of(network).populations if p.position is not None)
    yield from network.history.values()


def assert_same(one, other, tolerance=0.0):
    assert one.keys() == other.keys()
    for name in one:
        for a, b in zip(arrays(one[name]), arrays(other[name]), strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("finished") / "run"
    assert train_quietly(experiment(), run) == 4
    return run


def test_every_network_is_written_with_what_is_known_of_it(finished):
    found = networks(finished)
    assert sorted(found) == ["mix-regular-0", "mix-regular-1", "mix-spatial-0", "mix-spatial-1"]
    spatial, regular = found["mix-spatial-1"], found["mix-regular-1"]
    assert [layer.name for layer in spatial.layers] == ["input", "hidden1", "hidden2", "output"]
    assert [layer.size for layer in spatial.layers] == [64, 12, 10, 20]
    assert spatial.graph.split_populations == (2, 3)
    assert spatial.tasks == ("digits", "letters")
    assert (spatial.metadata["kind"], spatial.metadata["inputs"], spatial.metadata["seed"]) == ("spatial", "mix", 1)
    assert spatial.metadata["experiment"]["transport"] == 1.0
    assert regular.metadata["experiment"]["transport"] == 0.0
    assert [layer.position is not None for layer in spatial.layers] == [False, True, True, True]
    assert not regular.graph.has_positions


def test_the_network_before_training_is_a_snapshot_that_its_seed_settles(finished):
    files = {name: finished / "networks" / f"{name}.h5" for name in networks(finished)}
    before = {name: read_snapshot(file, 0) for name, file in files.items()}
    start = initial_parameters(experiment(), (64, 12, 10, 20), seed=1)
    for k, connection in enumerate(before["mix-spatial-1"].connections, start=1):
        assert np.array_equal(connection.weight, start[f"weight/{k}"].T)
        assert np.array_equal(connection.weight, before["mix-regular-1"].connections[k - 1].weight)
        assert not np.array_equal(connection.weight, before["mix-spatial-0"].connections[k - 1].weight)
        assert not np.array_equal(connection.weight, read_network(files["mix-spatial-1"]).connections[k - 1].weight)
    assert np.array_equal(before["mix-spatial-1"].layers[2].position, start["position/2"])


def test_history_has_every_cost_and_accuracy(finished):
    found = networks(finished)
    spatial, regular = found["mix-spatial-0"].history, found["mix-regular-0"].history
    assert {name: values.shape for name, values in spatial.items()} == {
        "loss": (3,),
        "task_loss": (3, 2),
        "accuracy": (3, 2),
        "transport": (3,),
        "density": (3,),
    }
    assert set(regular) == {"loss", "task_loss", "accuracy"}
    np.testing.assert_allclose(regular["loss"], regular["task_loss"].mean(axis=1), rtol=1e-5)
    assert (spatial["loss"] > spatial["task_loss"].mean(axis=1)).all()
    assert found["mix-spatial-0"].metadata["accuracy"] == pytest.approx(spatial["accuracy"][-1].tolist())


def test_the_held_out_examples_are_beside_the_networks(finished):
    evaluation = read_evaluation(finished / "evaluation-mix.h5")
    assert evaluation.inputs.shape == (360, 64)
    assert networks(finished)["mix-spatial-0"].metadata["evaluation"]["file"] == "evaluation-mix.h5"
    assert list((finished / "checkpoints").iterdir()) == []


def test_networks_know_what_their_inputs_and_outputs_stand_for(finished):
    network = networks(finished)["mix-spatial-0"]
    assert class_names(network.graph) == (tuple("0123456789"), tuple("ABCDEFGHIJ"))
    assert image_shapes(network.metadata, network.layers[0].size) == ((8, 8),)


def test_training_again_trains_nothing(finished):
    before = {path: path.stat().st_mtime_ns for path in (finished / "networks").iterdir()}
    assert train_quietly(experiment(), finished) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (finished / "networks").iterdir()}


def test_a_network_comes_out_the_same_alone_and_among_others(finished, tmp_path):
    train_quietly(experiment(seeds=[1], kinds=["spatial"]), tmp_path)
    among = {"mix-spatial-1": networks(finished)["mix-spatial-1"]}
    assert_same(networks(tmp_path), among, tolerance=2e-5)


def test_both_kinds_of_a_seed_see_the_same_examples(tmp_path):
    # A spatial network without costs is a regular one: only other examples or another start could set them apart.
    train_quietly(experiment(transport=0, density=0, seeds=[4]), tmp_path)
    found = networks(tmp_path)
    assert_same({"": found["mix-spatial-4"]}, {"": found["mix-regular-4"]}, tolerance=1e-6)


def test_more_seeds_train_what_is_missing_and_leave_the_rest(finished, tmp_path):
    train_quietly(experiment(seeds=[0]), tmp_path)
    before = (tmp_path / "networks" / "mix-spatial-0.h5").read_bytes()
    assert train_quietly(experiment(seeds=[0, 1]), tmp_path) == 2
    assert (tmp_path / "networks" / "mix-spatial-0.h5").read_bytes() == before
    assert_same(networks(tmp_path), networks(finished), tolerance=2e-5)


def test_other_settings_are_refused(finished):
    with pytest.raises(SettingError, match=r"was trained with epochs = 3, not 4: choose another --out, or the same"):
        train_quietly(experiment(epochs=4), finished)


def test_a_run_that_another_process_trains_is_refused(tmp_path):
    code = f"""
import time
import weakref
from spatialgraph.files import locked
with locked({str(tmp_path)!r}, "training"):
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        with pytest.raises(RuntimeError, match="in use by another process"):
            train_quietly(experiment(), tmp_path)
        other.kill()
    with locked(tmp_path, "training"):
        pass


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_run_stopped_after_any_epoch_ends_with_the_same_numbers(finished, tmp_path, monkeypatch, epochs):
    def stop(self, batch, epoch, total, accuracy):
        if epoch == epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train_quietly(experiment(), tmp_path)
    assert networks(tmp_path) == {}
    assert train_quietly(experiment(), tmp_path) == 4
    assert_same(networks(tmp_path), networks(finished))


def test_a_checkpoint_goes_on_with_its_own_networks_when_seeds_are_added(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_quietly(experiment(), tmp_path)
    assert train_quietly(experiment(seeds=[0, 1, 2]), tmp_path) == 6
    found = networks(tmp_path)
    assert_same({name: found[name] for name in networks(finished)}, networks(finished))


def test_a_checkpoint_of_another_version_is_refused_in_a_line(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_quietly(experiment(), tmp_path)
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.h5")
    arrays, metadata = read_arrays(checkpoint, "checkpoint")
    old = {name: array for name, array in arrays.items() if name != "adam/0/2/exp_avg"}
    write_arrays(checkpoint, "checkpoint", old, metadata)
    text = rf"^{checkpoint}: expected 'adam/0/2/exp_avg' of shape \(4, 10, 20\), found nothing: the state of another"
    with pytest.raises(SettingError, match=text):
        train_quietly(experiment(), tmp_path)


def test_a_run_that_is_asked_to_stop_saves_the_epoch_that_runs(finished, tmp_path, monkeypatch):
    original = Reporter.epoch

    def interrupt(self, *arguments):
        original(self, *arguments)
        signal.raise_signal(signal.SIGINT)

    settings = experiment(checkpoint_seconds=3600)  # no checkpoint but the one for the stop
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_quietly(settings, tmp_path)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert read_arrays(checkpoint, "checkpoint")[1]["epoch"] == 2
    assert train_quietly(settings, tmp_path) == 4
    assert_same(networks(tmp_path), networks(finished))


@pytest.fixture
def diverging(monkeypatch):
    """Let the weights of the spatial networks end as no numbers."""
    original = Training.trained

    def trained(self):
        found = original(self)
        for row, member in enumerate(found.batch.members):
            found.arrays["weight/1"][row] += np.float32("inf" if member.costs else 0)
        return found

    monkeypatch.setattr(Training, "trained", trained)


@pytest.mark.usefixtures("diverging")
def test_networks_that_diverge_do_not_take_the_others_with_them(finished, tmp_path):
    text = r"expected finite weights, found others in mix-spatial-0, mix-spatial-1: not written"
    for _ in range(2):  # asked again, it says so again, without training again
        with pytest.raises(DivergedError, match=text):
            train_quietly(experiment(), tmp_path)
    assert sorted(networks(tmp_path)) == ["mix-regular-0", "mix-regular-1"]
    regular = {name: network for name, network in networks(finished).items() if "regular" in name}
    assert_same(networks(tmp_path), regular)


def test_a_batch_that_the_device_has_no_memory_for_is_halved(finished, tmp_path, monkeypatch):
    class Small(Training):
        def __init__(self, settings, batch, *rest):
            if len(batch.members) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__init__(settings, batch, *rest)

    monkeypatch.setattr("spatialgraph.train.trainer.Training", Small)
    said = io.StringIO()
    assert train(experiment(), tmp_path, device="cpu", console=Console(file=said, width=200)) == 4
    assert "mix: the memory of cpu is too small, 2 networks at a time" in said.getvalue()
    assert_same(networks(tmp_path), networks(finished), tolerance=2e-5)


def test_a_batch_is_gone_before_the_next_needs_its_memory(tmp_path, monkeypatch):
    alive, before = [], []

    class Watched(Training):
        def __init__(self, *arguments):
            before.append(sum(reference() is not None for reference in alive))
            super().__init__(*arguments)
            alive.append(weakref.ref(self))

    monkeypatch.setattr("spatialgraph.train.trainer.Training", Watched)
    monkeypatch.setattr("spatialgraph.train.run.networks_at_once", lambda *_: Limit(2, "what memory holds"))
    train_quietly(experiment(inputs=["mix", "concatenate"], epochs=1), tmp_path)
    assert before == [0, 0, 0, 0]


def test_a_device_without_memory_for_one_network_is_said_in_a_line(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("spatialgraph.train.trainer.Training", full)
    with pytest.raises(SettingError, match=r"^device: expected memory for 1 networks of 'mix' inputs on cpu, found"):
        train_quietly(experiment(seeds=[0], kinds=["spatial"]), tmp_path)


@pytest.fixture
def beside(monkeypatch):
    """Let files be written as beside a GPU, by two processes: to start one takes longer than to train."""
    monkeypatch.setattr("spatialgraph.train.writer._JOBS", 2)
    monkeypatch.setattr("spatialgraph.train.trainer.Writer", lambda device, tell: Writer(torch.device("meta"), tell))


@pytest.mark.usefixtures("beside")
def test_files_written_beside_training_are_those_written_at_once(finished, tmp_path):
    assert train_quietly(experiment(snapshots=6), tmp_path) == 4
    writers = {process.pid for process in multiprocessing.active_children()}
    assert_same(networks(tmp_path), networks(finished))
    assert len(read_snapshots(tmp_path / "networks" / "mix-spatial-0.h5")) == 5
    assert list((tmp_path / "checkpoints").iterdir()) == []
    # The next run has the same processes: none is taken for one that leaks memory.
    train_quietly(experiment(snapshots=6), tmp_path / "next")
    assert {process.pid for process in multiprocessing.active_children()} == writers


@pytest.mark.usefixtures("diverging", "beside")
def test_networks_that_diverge_are_said_when_those_beside_are_written(tmp_path):
    with pytest.raises(DivergedError, match=r"found others in mix-spatial-0, mix-spatial-1: not written"):
        train_quietly(experiment(), tmp_path)
    assert sorted(networks(tmp_path)) == ["mix-regular-0", "mix-regular-1"]


def test_a_precision_is_kept_and_a_run_has_one(tmp_path):
    train_quietly(experiment(epochs=1, precision="float32"), tmp_path)
    assert networks(tmp_path)["mix-spatial-0"].metadata["experiment"]["precision"] == "float32"
    with pytest.raises(SettingError, match="precision = 'float32', not 'tf32'"):
        train_quietly(experiment(epochs=1), tmp_path)


def test_tasks_of_unequal_length_and_classes_train_together(tmp_path):
    draw = np.random.default_rng(0)
    sets = {}
    for part, count in (("train", 150), ("test", 40)):
        sets[f"{part}_labels"] = np.arange(count) % 3
        sets[f"{part}_images"] = draw.integers(0, 256, (count, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "noise.npz", **sets)
    tasks = ["digits", str(tmp_path / "noise.npz"), "letters"]
    train_quietly(experiment(tasks=tasks, inputs=["sequential"], seeds=[0], dimensions=3), tmp_path / "run")
    network = networks(tmp_path / "run")["sequential-spatial-0"]
    assert network.tasks == ("digits", "noise", "letters")
    assert np.bincount(network.output_task).tolist() == [10, 3, 10]
    assert network.layers[2].position.shape == (10, 3)
    evaluation = read_evaluation(tmp_path / "run" / "evaluation-sequential.h5")
    assert (evaluation.labels >= 0).sum(axis=0).tolist() == [360, 40, 360]


def test_killed_and_stopped_processes_end_with_the_numbers_of_one_that_was_not(tmp_path, noise):
    toml = tmp_path / "small.toml"
    lines = [
        f"{name} = {value!r}"
        for name, value in {**SETTINGS, "tasks": noise, "batch_size": 20, "epochs": 30, "snapshots": 60}.items()
    ]
    toml.write_text("\n".join(lines))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = ["train", toml, "--device", "cpu", "--out"]
    assert commands.run(*command, whole).returncode == 0
    for epoch, number in ((1, signal.SIGKILL), (3, signal.SIGINT), (5, signal.SIGKILL), (7, signal.SIGTERM)):
        process = commands.Command(*command, killed)
        wait_for_epoch(killed, epoch, process.pid)
        os.kill(process.pid, number)
        process.communicate()
        assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert networks(killed) == {}
    assert commands.run(*command, killed).returncode == 0
    assert_same(networks(killed), networks(whole))
    for name in networks(whole):
        kept = read_snapshots(whole / "networks" / f"{name}.h5")
        assert len(kept) == 59
        assert_same(read_snapshots(killed / "networks" / f"{name}.h5"), kept)


def wait_for_epoch(run, epoch, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        os.kill(process, 0)  # raises if it has ended
        for path in (run / "checkpoints").glob("*.h5"):
            if read_arrays(path, "checkpoint")[1]["epoch"] >= epoch:
                return
        time.sleep(0.02)  # to read a checkpoint takes about as long as to train an epoch
    raise AssertionError("the process took too long to be killed")


# What another program, a full disk or a hand left in the folder.


@pytest.fixture(scope="module")
def stopped_run(tmp_path_factory):
    """Return a run that was stopped after its first epoch, which tests only copy."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_quietly(experiment(), run)
    return run


@pytest.fixture
def checkpoint(stopped_run, tmp_path):
    """Return the checkpoint of a stopped run, which may be changed."""
    run = Path(shutil.copytree(stopped_run, tmp_path / "stopped"))
    (file,) = (run / "checkpoints").glob("*.h5")
    return file


@pytest.fixture
def copied(finished, tmp_path):
    """Return a finished run whose files may be changed."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_files_of_another_program_in_a_folder_of_checkpoints_stay_and_are_not_read(tmp_path):
    foreign = [
        tmp_path / "checkpoints" / name for name in ("model/weights.pt", "model.h5", "._mix-00000000.h5", "5.h5")
    ]
    for file in foreign:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
    assert train_quietly(experiment(epochs=1, seeds=[0], kinds=["regular"]), tmp_path) == 1
    assert [file.read_text() for file in foreign] == ["precious"] * 4


def test_a_network_file_that_is_empty_is_trained_again(copied, finished):
    (copied / "networks" / "mix-regular-1.h5").write_bytes(b"")
    assert train_quietly(experiment(), copied) == 1
    assert_same(networks(copied), networks(finished), tolerance=2e-5)


@pytest.mark.parametrize("name", ["networks/mix-regular-1.h5", "evaluation-mix.h5"])
def test_a_file_that_is_cut_off_or_of_another_program_is_named_and_stays(copied, name):
    whole = (copied / name).read_bytes()
    for content in (whole[:3000], b"precious"):
        (copied / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{copied / name}: .*; a file that is removed is made again$"):
            train_quietly(experiment(), copied)
        assert (copied / name).read_bytes() == content
    write_arrays(copied / name, "mine", {}, {})
    with pytest.raises(ValueError, match=r"expected a file of spatialgraph\.\w+, found spatialgraph\.mine; a file"):
        train_quietly(experiment(), copied)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"")], ids=["missing", "empty"])
def test_held_out_examples_that_are_missing_are_made_again(copied, finished, damage):
    damage(copied / "evaluation-mix.h5")
    assert train_quietly(experiment(), copied) == 0
    assert (copied / "evaluation-mix.h5").read_bytes() == (finished / "evaluation-mix.h5").read_bytes()


@pytest.mark.parametrize("seeds", [[0, 1], [0, 1, 2]])
def test_other_held_out_examples_are_not_put_in_the_place_of_those_that_networks_name(copied, monkeypatch, seeds):
    (copied / "evaluation-mix.h5").unlink()
    original = run_module.evaluation
    for module in (run_module, trainer):
        monkeypatch.setattr(module, "evaluation", lambda *a: dataclasses.replace(original(*a), scale=0.5))
    with pytest.raises(SettingError, match="expected the held-out examples that networks of the run name, found none"):
        train_quietly(experiment(seeds=seeds), copied)
    assert not (copied / "evaluation-mix.h5").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("epoch"),
        lambda m: m.pop("members"),
        lambda m: m.pop("inputs"),
        lambda m: m.update(epoch=-1),
        lambda m: m.update(epoch="3"),
        lambda m: m.update(epoch=1.5),
        lambda m: m.update(members=[["mix-spatial-0"]]),
        lambda m: m.update(members=[]),
    ],
)
def test_a_checkpoint_whose_metadata_were_changed_is_refused_in_a_line(checkpoint, change):
    arrays, metadata = read_arrays(checkpoint, "checkpoint")
    change(metadata)
    write_arrays(checkpoint, "checkpoint", arrays, metadata)
    with pytest.raises(ValueError, match=rf"^{checkpoint}: expected metadata with inputs, members and epoch, found"):
        train_quietly(experiment(), checkpoint.parents[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, metadata: metadata.update(epoch=2),
        lambda arrays, metadata: arrays.pop("history/accuracy"),
        lambda arrays, metadata: arrays.update({"history/transport": np.zeros((1, 3), np.float32)}),
    ],
)
def test_a_checkpoint_that_does_not_fit_itself_is_refused_in_a_line(checkpoint, change):
    arrays, metadata = read_arrays(checkpoint, "checkpoint")
    change(arrays, metadata)
    write_arrays(checkpoint, "checkpoint", arrays, metadata)
    with pytest.raises(SettingError, match=rf"^{checkpoint}: expected 'history/\w+' of shape .*, found"):
        train_quietly(experiment(), checkpoint.parents[1])
