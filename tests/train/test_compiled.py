"""The costs' kernel has the numbers of PyTorch's operations, and is done without where it cannot be had."""

import shutil

import numpy as np
import pytest
import torch

from spatialgraph import compiled
from spatialgraph.train import pair_costs
from spatialgraph.train.compiled import kernel
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of
from spatialgraph.train.inputs import Batches, evaluation
from spatialgraph.train.loop import Training
from spatialgraph.train.settings import Experiment


def trained():
    """Return the history and the parameters of a few networks after three epochs."""
    draw = np.random.default_rng(0)
    parts = [Examples(draw.integers(0, 256, (40, 9), dtype=np.uint8), np.arange(40) % 3) for _ in range(2)]
    datasets = [Dataset(name, part, part, 3, (3, 3)) for name, part in zip(("one", "other"), parts, strict=True)]
    layers = {"hidden": [7, 5], "penalised_layers": ["hidden2", "output"]}
    experiment = Experiment(tasks=["one", "other"], inputs=["mix"], batch_size=10, seeds=[0, 1], **layers)
    (batch,) = batches_of(experiment)
    device = torch.device("cpu")
    batches = Batches("mix", datasets, experiment.batch_size, device)
    training = Training(experiment, batch, batches, evaluation("mix", datasets), (3, 3), device)
    for _ in range(3):
        training.run_epoch()
    return type(training._step.paid._pairs[0][1]._way), training.state()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_training_without_a_kernel_has_the_same_numbers(monkeypatch, tmp_path):
    way, compiled_state = trained()
    assert way is pair_costs._Compiled
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiled, "compiled", compiled.compiled.__wrapped__)
    monkeypatch.setattr("spatialgraph.train.compiled.compiled", compiled.compiled)
    assert kernel() is None
    way, state = trained()
    assert way is pair_costs._Operations
    assert compiled_state.keys() == state.keys()
    for name, values in state.items():
        np.testing.assert_allclose(compiled_state[name], values, rtol=0, atol=1e-5 * np.abs(values).max(), err_msg=name)
