"""How many networks train at a time: the estimate against what training really reserves, and what decides."""

import pytest
import torch

from spatialgraph.train import memory
from spatialgraph.train.checks import SettingError
from spatialgraph.train.grid import batches_of
from spatialgraph.train.memory import bytes_of_a_network, networks_at_once
from spatialgraph.train.model import initial_stack, layer_sizes
from spatialgraph.train.settings import Experiment
from spatialgraph.train.step import Step

CPU = torch.device("cpu")
GPU = torch.device("cuda")


class NoExamples:
    """Stands for the examples, of which a step asks nothing before it is taken."""

    inputs = 784


def paper(**settings):
    return Experiment(tasks=["a", "b"], inputs=["mix"], kinds=["spatial"], **settings)


def tensors_of(value, seen):
    """Yield every tensor that an object holds, once for each memory."""
    if isinstance(value, torch.Tensor):
        memory_of_tensor = value.untyped_storage()
        if memory_of_tensor.data_ptr() not in seen:
            seen.add(memory_of_tensor.data_ptr())
            yield memory_of_tensor
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_of(part, seen)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_of(part, seen)
    elif hasattr(value, "__dict__"):
        yield from tensors_of(vars(value), seen)


@pytest.mark.parametrize("hidden", [[128, 128, 128, 256], [512, 512]])
def test_the_estimate_is_no_less_than_what_a_step_reserves_and_no_more_than_twice_that(hidden):
    experiment = paper(hidden=hidden, penalised_layers=["hidden2", "output"], seeds="0:3")
    (batch,) = batches_of(experiment)
    sizes = layer_sizes(experiment, 784, 20)
    stack = initial_stack(experiment, sizes, batch.members, CPU)
    step = Step(experiment, batch.members, (10, 10), NoExamples(), stack)
    reserved = sum(part.nbytes() for part in tensors_of(step, set()))  # without Adam's two moments
    parameters = sum(tensor.nbytes for tensor in stack.tensors)
    estimate = 3 * bytes_of_a_network(experiment, sizes)
    assert reserved + 2 * parameters <= estimate <= 2.5 * (reserved + 2 * parameters)


def test_a_gpu_takes_as_many_networks_as_its_memory_holds(monkeypatch):
    experiment = paper()
    sizes = layer_sizes(experiment, 784, 20)
    each = bytes_of_a_network(experiment, sizes)
    monkeypatch.setattr(memory, "whole_memory_of", lambda device: float("inf"))
    monkeypatch.setattr(memory, "memory_of", lambda device: 1000 + 10.5 * each)
    limit = networks_at_once(experiment, sizes, 1000, GPU, 99)
    assert limit == (10, "what the memory of cuda holds")
    assert networks_at_once(experiment, sizes, 10**12, GPU, 99).networks == 1


def test_a_processor_takes_few_at_a_time_and_fewer_if_its_memory_is_small(monkeypatch):
    experiment = paper()
    sizes = layer_sizes(experiment, 784, 20)
    assert networks_at_once(experiment, sizes, 0, CPU, 99) == (4, "what is fastest on this processor")
    small = paper(hidden=[16, 16], penalised_layers=["hidden2", "output"])
    assert networks_at_once(small, layer_sizes(small, 64, 20), 0, CPU, 99).networks == 38  # what a step moves is little
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    for networks, each in ((99, 4), (48, 3), (17, 2), (16, 1), (1, 1)):  # every core has some
        assert networks_at_once(experiment, sizes, 0, CPU, networks).networks == each
    monkeypatch.setattr(memory, "memory_of", lambda device: 16 * 3.5 * bytes_of_a_network(experiment, sizes))
    assert networks_at_once(experiment, sizes, 0, CPU, 99) == (3, "what the memory of cpu holds")


@pytest.mark.parametrize("settings", [{"hidden": [10**8] * 2}, {"dimensions": 2**31 - 1}, {"batch_size": 2**31 - 1}])
def test_a_network_that_no_memory_holds_is_refused_before_any_is_taken(settings):
    experiment = paper(**{"hidden": [64, 64], "penalised_layers": ["hidden2", "output"], **settings})
    with pytest.raises(SettingError, match=r"^hidden, dimensions, batch_size: expected a network that trains in the "):
        networks_at_once(experiment, layer_sizes(experiment, 784, 20), 0, CPU, 1)


def test_a_share_of_a_gpu_is_taken_or_what_others_leave(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (900, 1000))
    assert memory.memory_of(GPU) == 700
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (200, 1000))
    assert memory.memory_of(GPU) == 200
