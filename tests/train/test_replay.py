"""Steps on a GPU: they stay there, never wait for it, and may be recorded and replayed.

Where there is none, shapes and devices alone are followed (`FakeTensorMode`), and a stand-in records the operations.
"""

import gc
import weakref
from contextlib import nullcontext
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from spatialgraph.train import pair_costs
from spatialgraph.train.data import Dataset, Examples
from spatialgraph.train.grid import batches_of
from spatialgraph.train.inputs import Batches, evaluation
from spatialgraph.train.kinds import SHIPPED
from spatialgraph.train.loop import Training
from spatialgraph.train.replay import Replayed
from spatialgraph.train.settings import Experiment

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CLASSES = (3, 2)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def datasets():
    draw = np.random.default_rng(0)
    made = []
    for name, count, classes in zip(("one", "other"), (40, 30), CLASSES, strict=True):
        part = Examples(draw.integers(0, 256, (count, 9), dtype=np.uint8), np.arange(count) % classes)
        made.append(Dataset(name, part, part, classes, (3, 3)))
    return made


DATASETS = datasets()
EVALUATION = {mode: evaluation(mode, DATASETS) for mode in ("mix", "concatenate", "sequential")}


def training_on(device, **settings):
    plain = {"tasks": ["one", "other"], "inputs": ["mix"], "hidden": [6, 5], "batch_size": 10, "seeds": [0, 7]}
    experiment = Experiment(**{**plain, "penalised_layers": ["hidden2", "output"], **settings})
    (batch,) = batches_of(experiment)
    batches = Batches(batch.inputs, DATASETS, experiment.batch_size, device)
    return Training(experiment, batch, batches, EVALUATION[batch.inputs], CLASSES, device)


def tensors(*values):
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


def test_memory_is_free_as_soon_as_nobody_trains():
    gc.disable()
    try:
        training = training_on(CPU)
        training.run_epoch()
        held = [weakref.ref(one) for one in (training, training._step, training._adam, training.stack.weights[0])]
        del training
        assert [reference() for reference in held] == [None] * 4
    finally:
        gc.enable()


class OnDevice(TorchDispatchMode):
    """Raises where an operation reads or makes numbers that are not on the GPU, or has to be waited for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        for tensor in tensors(args, kwargs, result):
            if tensor.device.type != "cuda":
                raise RuntimeError(f"{function} has to do with {tensor.device}")
            if "index_put" in str(function) and tensor.dtype == torch.bool:  # which a GPU counts first
                raise RuntimeError(f"{function} by a mask waits")
        return result


LEAVING = {
    "a tensor elsewhere": lambda x: x + torch.ones(3, device="cpu"),
    "a number elsewhere": lambda x: x * torch.tensor(2.0),
    "a fetched number": lambda x: x.sum().item(),
    "a question": lambda x: bool((x > 0).any()),
    "what a mask keeps": lambda x: x[x > 0],
    "what a mask replaces": lambda x: x.index_put_((x > 0,), x),
    "indices of a list": lambda x: x[[0, 2]],
    "numbers of a list": lambda x: x.new_tensor([1.0, 2.0]),
    "how many there are": lambda x: x.nonzero(),
    "repeats": lambda x: x.repeat_interleave(x.to(torch.int64)),
    "a copy there": lambda x: x.cpu(),
    "a copy here": lambda x: x.copy_(torch.ones(3)),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_whatever_leaves_the_device_or_waits_for_it_is_noticed(leave):
    with FakeTensorMode():
        x = torch.ones(3, device=CUDA)
        with pytest.raises(RuntimeError), OnDevice():
            leave(x)


SETTINGS = [
    *({"inputs": [mode]} for mode in EVALUATION),
    *({"activation": function} for function in ("tanh", "relu")),
    {"strength": "squared", "transport_average": "units", "dimensions": 1},
    {"transport": [0, 1], "density": [0, 3], "learning_rate": [0.01, 0.1]},
    {"seeds": [4, 0, 2], "transport": [1, 2]},
    {"kinds": ["regular"]},
    {"kinds": ["spatial", "fixed-grid", "swap", "dropout", "pruned"], "learning_rate": [0.005, 0.02]},
    {"precision": "tf32"},
]
# Automatic differentiation asks a driver, which imagined devices do not have.
DIFFERENTIATED = {"kinds": list(SHIPPED), "learning_rate": [0.005, 0.02], "seeds": [0]}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_step_never_leaves_its_device_and_never_waits_for_it(monkeypatch, settings):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # needs a driver
    monkeypatch.setattr(torch.Tensor, "numpy", lambda tensor: np.zeros(tensor.shape))  # needs numbers
    with FakeTensorMode(allow_fallback_kernels=False):
        training = training_on(CUDA, **settings)
        learn = training._take.function

        def watched():
            with OnDevice():
                learn()

        training._take = Mock(side_effect=watched)
        accuracy = training.run_epoch()
    assert training._take.call_count == training.steps
    assert accuracy.shape == (len(training.batch.members), 2)
    assert all(tensor.device.type == "cuda" for tensor in training._step.gradient.tensors)
    # Adam counts on the device, as it must where its steps are recorded.
    assert all(tensor.device.type == "cuda" for _, tensor in training._kept())


class Recording(TorchDispatchMode):
    """A stand-in for a CUDA graph: operations are recorded, not done, and repeated on the memory they were given."""

    def __init__(self):
        super().__init__()
        self._operations = []
        self.replays = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = zip(function._schema.arguments, args, strict=False)
        by_name = ((argument, kwargs.get(argument.name)) for argument in function._schema.arguments)
        written = tensors([v for a, v in (*given, *by_name) if a.alias_info and a.alias_info.is_write])
        before = [tensor.clone() for tensor in written]
        result = function(*args, **kwargs)
        for tensor, value in zip(written, before, strict=True):
            tensor.copy_(value)
        self._operations.append((function, args, kwargs, result))
        return result

    @torch.no_grad()
    def replay(self):
        self.replays += 1
        for function, args, kwargs, result in self._operations:
            for place, value in zip(tensors(result), tensors(function(*args, **kwargs)), strict=True):
                if place.data_ptr() != value.data_ptr():  # no view, and not written in place
                    place.copy_(value)


@pytest.fixture
def recordings(monkeypatch):
    """Put the stand-in in the place of what PyTorch records with, and return those that are made."""
    made = []

    def recording():
        made.append(Recording())
        return made[-1]

    monkeypatch.setattr(torch.cuda, "CUDAGraph", recording)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: graph)
    for name in ("device", "stream"):
        monkeypatch.setattr(torch.cuda, name, lambda _: nullcontext())
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda _: Mock())
    return made


def test_on_a_cpu_a_function_is_just_called(recordings):
    function = Mock()
    call = Replayed(function, CPU)
    for _ in range(6):
        call()
    assert function.call_count == 6
    assert recordings == []


def test_a_function_is_called_three_times_recorded_once_and_then_replayed(recordings):
    total, calls = torch.zeros(2), []

    def add():
        calls.append(total.clone())
        total.add_(torch.arange(2) + 1)

    call = Replayed(add, CUDA)
    done = []
    for _ in range(7):
        call()
        done.append(total.tolist())
    assert done == [[k, 2 * k] for k in range(1, 8)]  # also the call that records is done, and done once
    assert len(calls) == 4
    assert [recording.replays for recording in recordings] == [4]


def test_the_stand_in_shows_what_a_recording_forgets(recordings):
    counts = {"python": 0, "tensor": torch.zeros(())}

    def count():
        counts["python"] += 1
        counts["tensor"] = counts["tensor"] + 1  # other memory in every call

    call = Replayed(count, CUDA)
    for _ in range(7):
        call()
    assert counts == {"python": 4, "tensor": 4}


def epochs(training, number=2):
    for _ in range(number):
        training.run_epoch()
    return training.state()


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, **tolerance)


@pytest.mark.parametrize("settings", [*SETTINGS, DIFFERENTIATED], ids=str)
def test_a_replayed_step_does_what_the_step_does(recordings, monkeypatch, settings):
    monkeypatch.setattr(pair_costs, "kernel", lambda: None)  # a GPU has PyTorch's operations
    called, replayed = training_on(CPU, **settings), training_on(CPU, **settings)
    replayed._take = Replayed(replayed._take.function, CUDA)
    assert_same(epochs(replayed), epochs(called), rtol=0)
    assert [recording.replays for recording in recordings] == [2 * called.steps - 3]


def test_training_that_was_restored_is_recorded_too(recordings, monkeypatch):
    monkeypatch.setattr(pair_costs, "kernel", lambda: None)
    begun, resumed = training_on(CPU), training_on(CPU)
    resumed._take = Replayed(resumed._take.function, CUDA)
    resumed.restore(epochs(begun), 2)
    assert_same(epochs(resumed), epochs(begun), rtol=0)
    assert len(recordings) == 1


@needs_gpu
@pytest.mark.parametrize("settings", [*SETTINGS, DIFFERENTIATED], ids=str)
def test_a_gpu_replays_what_it_does_itself(settings):
    called, replayed = training_on(CUDA, **settings), training_on(CUDA, **settings)
    called._take = called._take.function
    assert_same(epochs(replayed), epochs(called), rtol=1e-5, atol=1e-6)
    assert replayed._take._graph is not None


@needs_gpu
def test_a_gpu_and_a_cpu_train_the_same_networks():
    found, expected = epochs(training_on(CUDA)), epochs(training_on(CPU))
    kept = [name for name in expected if name.startswith(("weight", "bias", "position"))]
    assert_same({n: found[n] for n in kept}, {n: expected[n] for n in kept}, rtol=1e-2, atol=1e-3)
