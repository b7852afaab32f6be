"""Batches beside each other: on a CPU each core trains one, and nothing else changes."""

import io
import signal
import threading
import time

import numpy as np
import pytest
import torch
from rich.console import Console

from spatialgraph.train.loop import Training
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment

SETTINGS = {
    "inputs": ["mix", "sequential"],
    "seeds": [0],
    "hidden": [10, 8],
    "penalised_layers": ["hidden2", "output"],
    "epochs": 3,
    "batch_size": 40,
    "snapshots": 4,
    "checkpoint_seconds": 1000,
}


@pytest.fixture
def two_cores():
    """Let training find two cores: tests run with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a function that trains each network as a batch of its own, and returns what is in the folder."""
    draw, folder = np.random.default_rng(0), tmp_path_factory.mktemp("noise")
    for name in ("one", "other"):
        images = {f"{part}_images": draw.integers(0, 256, (200, 6, 6), dtype=np.uint8) for part in ("train", "test")}
        np.savez(
            folder / f"{name}.npz", **images, **{f"{part}_labels": np.arange(200) % 4 for part in ("train", "test")}
        )
    experiment = Experiment(tasks=[str(folder / "one.npz"), str(folder / "other.npz")], **SETTINGS)

    def train_in(run):
        train(experiment, run, device="cpu", together=1, console=Console(file=io.StringIO()))
        return contents(run)

    return train_in


def contents(run):
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def in_turn(trained, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("in_turn") / "run")


@pytest.mark.usefixtures("two_cores")
def test_files_are_those_of_batches_in_turn(trained, tmp_path, in_turn, monkeypatch):
    beside, at_a_time = [], set()
    epoch = Training.run_epoch

    def run_epoch(training, after_step):
        beside.append(torch.get_num_threads())
        at_a_time.add(training.batch)
        return epoch(training, after_step)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    assert trained(tmp_path / "run") == in_turn
    assert beside == [1] * 12
    assert len(at_a_time) == 4
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_cores")
def test_the_longest_batches_begin_first(trained, tmp_path, monkeypatch):
    begun = []
    epoch = Training.run_epoch

    def run_epoch(training, after_step):
        begun.append(training.batch.inputs)
        return epoch(training, after_step)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    trained(tmp_path / "run")
    assert begun[:4].count("sequential") >= 3  # of as many networks, with twice the steps


@pytest.mark.usefixtures("two_cores")
def test_a_fault_in_a_batch_stops_the_others_after_their_epoch(trained, tmp_path, in_turn, monkeypatch):
    epoch = Training.run_epoch

    def run_epoch(training, after_step):
        if training.batch.inputs == "sequential" and training.epoch == 1:
            raise OSError("no space left")
        return epoch(training, after_step)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    with pytest.raises(OSError, match="no space left"):
        trained(tmp_path / "run")
    assert not list((tmp_path / "run" / "networks").glob("*sequential*"))
    monkeypatch.undo()
    assert trained(tmp_path / "run") == in_turn


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_all_after_their_epoch_and_a_second_one_at_once(trained, tmp_path, in_turn, monkeypatch, times):
    epoch, left = Training.run_epoch, [signal.SIGINT] * times

    def run_epoch(training, after_step):
        def asked(step):
            if step >= 2 and left:
                signal.pthread_kill(threading.get_ident(), left.pop())  # this thread is told, the main one sleeps
                time.sleep(0.3)  # the main thread hears of it before these few steps are over
            after_step(step)

        return epoch(training, asked)

    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "run")
    if times == 1:
        assert len(list((tmp_path / "run" / "checkpoints").glob("*.h5"))) == 2
    monkeypatch.undo()
    assert trained(tmp_path / "run") == in_turn
