"""Batches as units of work: the same bytes whoever trains them, also twice, and one done alone."""

import io
import shutil
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from spatialgraph.cli import app
from spatialgraph.files import locked
from spatialgraph.train import units
from spatialgraph.train.checks import SettingError
from spatialgraph.train.export import DivergedError
from spatialgraph.train.loop import Training
from spatialgraph.train.progress import Reporter
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment
from spatialgraph.train.units import UnfinishedError, do, read_units


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    files = [str(folder / name) for name in ("one.npz", "other.npz")]
    for file in files:
        images = {f"{part}_images": draw.integers(0, 256, (40, 4, 4), dtype=np.uint8) for part in ("train", "test")}
        np.savez(file, **images, **{f"{part}_labels": np.arange(40) % 2 for part in ("train", "test")})
    return {
        "tasks": files,
        "inputs": ["mix"],
        "seeds": [0, 1],
        "hidden": [6, 4],
        "penalised_layers": ["hidden2", "output"],
        "epochs": 4,
        "batch_size": 20,
        "snapshots": 5,
        "checkpoint_seconds": 0,
    }


def trained(settings, run, **how):
    console = Console(file=io.StringIO(), width=200)
    count = train(Experiment(**settings), run, device="cpu", together=2, console=console, **how)
    return count, console.file.getvalue()


def files(run):
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(settings, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    assert trained(settings, run)[0] == 4
    return files(run)


def asked(*arguments):
    found = CliRunner().invoke(app, list(map(str, arguments)))
    return found.output, found.exit_code


def test_an_executor_trains_the_same_bytes(settings, whole, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        count, said = trained(settings, tmp_path / "run", executor=executor)
    assert count == 4
    assert "100 % · mix" in said
    assert files(tmp_path / "run") == whole


def test_a_prepared_run_is_trained_batch_by_batch(settings, whole, tmp_path):
    run = tmp_path / "run"
    assert trained(settings, run, prepare=True)[0] == 0
    names = [unit.name for unit in read_units(run)]
    assert len(names) == 2
    said, _ = asked("status", run)
    assert said.splitlines()[1:] == ["  2 missing"]
    commands = asked("steps", run)[0].splitlines()
    assert commands == [f"spatialgraph step {run} {name}" for name in names]
    said, status = asked("step", run, names[1])
    assert (said.splitlines()[-1], status) == (f"{names[1]}: done", 0)
    assert asked("step", run, names[1]) == (f"{names[1]}: was done already\n", 0)
    with locked(run, "training"):
        assert asked("status", run, "--all")[0].splitlines()[1:] == [
            "  1 done, 1 queued",
            f"  queued   {names[0]}  2 networks, epoch 0 of 4",
            f"  done     {names[1]}",
        ]
    assert asked("step", run, names[0])[1] == 0
    trained(settings, run)
    assert asked("status", run)[0].splitlines()[1:] == ["  4 done"]
    assert files(run) == whole
    assert asked("step", run, "mix-00000000")[0].startswith("error: mix-00000000: expected a batch of ")
    (run / "units.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match=r"units\.json: expected batches to train, found a fault"):
        read_units(run)


def test_a_batch_that_two_processes_train_at_once_ends_with_the_same_bytes(settings, whole, tmp_path):
    run = tmp_path / "run"
    trained(settings, run, prepare=True)
    every = [unit for unit in read_units(run) for _ in range(3)]
    with ThreadPoolExecutor(3) as executor:
        assert [one for found in executor.map(do, every) for one in found] == []
    trained(settings, run)
    assert files(run) == whole


def test_a_batch_that_another_process_finished_meanwhile_is_left(settings, whole, tmp_path, monkeypatch):
    """As where a worker that was taken for dead goes on: at its next epoch, the networks are there."""
    run, other = tmp_path / "run", tmp_path / "other"
    trained(settings, other)
    trained(settings, run, prepare=True)
    epoch, epochs = Reporter.epoch, []

    def meanwhile(self, batch, number, *rest):
        epochs.append(number)
        shutil.copytree(other / "networks", run / "networks", dirs_exist_ok=True)
        return epoch(self, batch, number, *rest)

    monkeypatch.setattr(Reporter, "epoch", meanwhile)
    assert do(read_units(run)[0]) == []
    assert epochs == [1]
    assert list((run / "checkpoints").iterdir()) == []


def test_a_checkpoint_of_networks_that_are_written_is_removed(settings, whole, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(settings, run)
    kept = shutil.copytree(run / "checkpoints", tmp_path / "kept")
    trained(settings, run)
    shutil.copytree(kept, run / "checkpoints", dirs_exist_ok=True)
    (run / "checkpoints" / "mine.h5").write_text("precious")
    assert trained(settings, run)[0] == 0
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["mine.h5"]


def test_what_an_executor_loses_is_told_and_the_same_call_trains_it(settings, whole, tmp_path):
    class Losing(Executor):
        def submit(self, function, unit):
            future = Future()
            if unit.name == read_units(run)[0].name:
                future.set_exception(BrokenExecutor("its job was killed"))
            else:
                future.set_result(function(unit))
            return future

    run = tmp_path / "run"
    with pytest.raises(UnfinishedError, match=r"^1 of 2 batches is missing \(mix-\w+\): the same command does what is"):
        trained(settings, run, executor=Losing())
    assert len(list((run / "networks").iterdir())) == 2
    with ThreadPoolExecutor(1) as executor:
        assert trained(settings, run, executor=executor)[0] == 2
    assert files(run) == whole


def test_networks_that_diverge_elsewhere_are_named(settings, tmp_path, monkeypatch):
    original = Training.trained

    def broken(self):
        found = original(self)
        for array in found.arrays.values():
            array[0] = np.nan
        return found

    monkeypatch.setattr(Training, "trained", broken)
    with ThreadPoolExecutor(1) as executor, pytest.raises(DivergedError, match="found others in mix-spatial-0, mix-sp"):
        trained(settings, tmp_path / "run", executor=executor)


def test_why_a_batch_failed_is_said_by_status(settings, tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setattr(units, "_loaded", lambda *_: (_ for _ in ()).throw(SettingError("data: gone")))
    with ThreadPoolExecutor(1) as executor, pytest.raises(SettingError, match="data: gone"):
        trained(settings, run, executor=executor)
    said = asked("status", run)[0]
    assert "failed" in said
    assert "SettingError: data: gone (process " in said


def test_a_number_of_networks_together_that_is_none_is_refused(settings, tmp_path):
    with pytest.raises(SettingError, match="together: expected at least 1 network, found 0"):
        train(Experiment(**settings), tmp_path, together=0)
