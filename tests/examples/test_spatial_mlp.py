"""What the example trains, on data that ship with the package: deep sigmoid networks learn little from them."""

import importlib.util
from pathlib import Path

import pytest
import torch

from spatialgraph.train.data import load

PATH = Path(__file__).parents[2] / "examples" / "spatial_mlp.py"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(PATH.parent))
    spec = importlib.util.spec_from_file_location("spatial_mlp", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def transport(cost):
    return sum(part.transport for part in cost.parts().values())


def test_the_spatial_network_has_shorter_connections(example):
    tasks = [load("digits"), load("letters")]
    settings = {"epochs": 5, "batch": 64, "hidden": (32, 32, 32, 32)}
    trained = {spatial: example.train(0, tasks, spatial=spatial, **settings) for spatial in (True, False)}
    assert transport(trained[True][1]) < transport(trained[False][1]) / 3
    assert list(trained[True][1].positions) == ["fc2", "fc3", "fc4", "out"]


def test_the_seed_settles_a_network(example):
    tasks = [load("digits"), load("letters")]
    state = torch.get_rng_state()
    one, other = (example.train(3, tasks, epochs=1, hidden=(8, 8, 8, 8)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, one[0].state_dict().values(), other[0].state_dict().values()))
    assert all(map(torch.equal, one[1].state_dict().values(), other[1].state_dict().values()))
