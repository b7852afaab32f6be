"""Kernels for a GPU against PyTorch's operations and the public equations; Triton's interpreter where there is none."""

import importlib

import numpy as np
import pytest
import torch
from charged import PAID, Case, assert_equations, case, equations, in_float64

from spatialgraph.train import inputs, pair_costs, step
from spatialgraph.train.compiled import gpu_kernels
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of
from spatialgraph.train.inputs import INPUT_MODES, Batches, InputMode, _Adder, _combined, _Task, evaluation, input_mode
from spatialgraph.train.loop import Training
from spatialgraph.train.model import ACTIVATIONS, Stack
from spatialgraph.train.pair_costs import Costs, _OnGPU
from spatialgraph.train.settings import Experiment

pytest.importorskip("triton")
TWO = [
    Dataset(name, part, part, 2, (1, 3))
    for name, part in (
        ("one", Examples(np.arange(15, dtype=np.uint8).reshape(5, 3), np.arange(5) % 2)),
        ("other", Examples(np.arange(200, 209, dtype=np.uint8).reshape(3, 3), np.arange(3) % 2)),
    )
]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="module")
def kernels():
    """The kernels as a GPU runs them, or as Python does (`conftest` asks for it)."""
    return importlib.import_module("spatialgraph.train.gpu")


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("units", [3, 65])
def test_layers_emit_what_operations_make_and_differentiate_it_so(kernels, activation, units):
    values, bias = drawn(2, 40, units), drawn(2, 1, units, seed=1)
    values[0, 0, :3], bias[0, 0, :3] = torch.tensor([0.0, 1e-4, -90.0]), 0.0
    expected = ACTIVATIONS[activation].apply(values + bias)
    kernels.activate(values, bias, activation)
    torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-7)
    gradient, by_bias = drawn(2, 40, units, seed=2), drawn(2, 1, units, seed=3)
    ACTIVATIONS[activation].differentiate(gradient, expected := expected.clone())
    kernels.differentiate(gradient, values, by_bias, activation)
    torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(by_bias, expected.sum(dim=1, keepdim=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", [mode for mode in INPUT_MODES if input_mode(mode, TWO).places])
def test_inputs_are_those_that_the_mode_combines(kernels, monkeypatch, mode):
    monkeypatch.setattr("spatialgraph.train.inputs.gpu_kernels", lambda like: kernels)
    how, tasks = input_mode(mode, TWO), [_Task.of(dataset.train, DEVICE) for dataset in TWO]
    index = torch.tensor([[0, 4, 2, 5, 1], [3, 1, 0, 2, 3]], dtype=torch.int32, device=DEVICE)  # the last is of none
    out = drawn(5, how.inputs)
    _Adder.of(how, tasks).show(index, out)
    assert torch.equal(out, _combined(how, tasks, index).float())


def test_a_mode_that_does_more_than_add_is_left_to_operations(kernels, monkeypatch):
    monkeypatch.setattr("spatialgraph.train.inputs.gpu_kernels", lambda like: kernels)
    tasks = [_Task.of(dataset.train, DEVICE) for dataset in TWO]
    assert _Adder.of(InputMode(4, together=True, combine=max), tasks) is None


@pytest.mark.parametrize(
    ("average", "strength", "dimensions"), [("connections", "absolute", 2), ("units", "squared", 3)]
)
def test_costs_equal_the_equations(kernels, average, strength, dimensions):
    assert_right(
        kernels, case((5, 40, 3), PAID[:2], transport_average=average, strength=strength, dimensions=dimensions)
    )


@pytest.mark.parametrize("units", [(1, 2), (33, 2, 1, 8), (2, 65)])
def test_costs_equal_the_equations_whatever_the_shape(kernels, units):
    assert_right(kernels, case(units, PAID[1:3], seed=5, dimensions=1))


def assert_right(kernels, case):
    tensors = [tensor.to(DEVICE) for tensor in case.stack.tensors]
    there = Case(case.experiment, case.paid, Stack.of(tensors, case.stack.units))
    gradient = there.stack.zeros()
    strengths = there.stack.position.new_tensor(there.paid).T.contiguous()
    costs = _OnGPU(there.experiment, there.stack, gradient, *strengths, kernels)
    costs()
    for weight in gradient.weights:
        weight.zero_()  # what a second call adds to; it replaces everything else
    found = costs()
    gradient = Stack.of([tensor.cpu() for tensor in gradient.tensors], gradient.units)
    found = Costs(found.transport.cpu(), found.density.cpu())
    assert_equations((found, gradient), equations(in_float64(case)), 2e-6)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_networks_learn_as_by_operations(kernels, monkeypatch, mode):
    plain = {"tasks": ["one", "other"], "inputs": [mode], "hidden": [3, 4], "penalised_layers": ["hidden2", "output"]}
    experiment = Experiment(**plain, batch_size=2, seeds=[0, 3], kinds=["spatial", "regular", "dropout"])
    (batch,) = batches_of(experiment)
    monkeypatch.setattr(pair_costs, "kernel", lambda: None)  # of the processor

    def trained_by(found):
        for module in (inputs, pair_costs, step):
            monkeypatch.setattr(module, "gpu_kernels", lambda like: found)
        batches = Batches(mode, TWO, experiment.batch_size, DEVICE)
        training = Training(experiment, batch, batches, evaluation(mode, TWO), (2, 2), DEVICE)
        training.run_epoch()
        return training

    by_operations, by_kernels = (trained_by(found) for found in (None, kernels))
    for one, other in zip(by_kernels.stack.tensors, by_operations.stack.tensors, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    for name, values in by_kernels.history.items():
        np.testing.assert_allclose(values, by_operations.history[name], rtol=1e-5, err_msg=name)


def test_only_a_gpu_with_float32_has_kernels():
    assert gpu_kernels(torch.zeros(1)) is None
    assert gpu_kernels(torch.zeros(1, dtype=torch.float64, device=DEVICE)) is None
    found = gpu_kernels(torch.zeros(1, device=DEVICE))
    assert (found is None) == (DEVICE.type == "cpu")
