"""The cost of any module against its equation, and what becomes of it in copies, precisions, wrappers and steps."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from plain_spatial import matrix, mlp, plain_cost
from torch import nn

from spatialgraph.torch import SpatialCost

DEVICES = [torch.device("cpu"), *([torch.device("cuda", 0)] if torch.cuda.is_available() else [])]


# Each case: a model, and what its populations pay for, {population: [(blocks, sources)]}, of the model's own weights.


def dense():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    return model, {
        "0": [(matrix(4, 3, lambda t, s: model[0].weight[t, s]), ["input"])],
        "2": [(matrix(2, 4, lambda t, s: model[2].weight[t, s]), ["0"])],
    }


def convolutions():
    """A convolution, one in groups with gaps, and a dense layer on what is flattened: 4 channels of 6 numbers."""
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, (1, 2), groups=2, dilation=2), nn.Flatten(), nn.Linear(24, 3)
    )

    def grouped(t, s):
        return model[2].weight[t, s % 3] if t // 2 == s // 3 else None

    return model, {
        "0": [(matrix(6, 2, lambda t, s: model[0].weight[t, s]), ["input"])],
        "2": [(matrix(4, 6, grouped), ["0"])],
        "4": [(matrix(3, 4, lambda t, s: model[4].weight[t, 6 * s : 6 * s + 6]), ["2"])],
    }


def transposed():
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ConvTranspose1d(4, 6, 2, groups=2), nn.ConvTranspose3d(6, 1, 2))

    def grouped(t, s):
        return model[1].weight[s, t % 3] if t // 3 == s // 2 else None

    return model, {
        "0": [(matrix(4, 2, lambda t, s: model[0].weight[t, s]), ["input"])],
        "1": [(matrix(6, 4, grouped), ["0"])],
        "2": [(matrix(1, 6, lambda t, s: model[2].weight[s, t]), ["1"])],
    }


def attention():
    """Heads of three rows in each of three maps; the map that follows has a column for each value of a head."""
    model = nn.ModuleDict({"embed": nn.Linear(5, 6), "attend": nn.MultiheadAttention(6, 2)})
    rows = model["attend"].in_proj_weight

    def head(t, s):
        return torch.stack([rows[6 * part + 3 * t + row, s] for part in range(3) for row in range(3)])

    return model, {
        "embed": [(matrix(6, 5, lambda t, s: model["embed"].weight[t, s]), ["input"])],
        "attend": [(matrix(2, 6, head), ["embed"])],
        "attend.out_proj": [
            (matrix(6, 2, lambda t, s: model["attend"].out_proj.weight[t, 3 * s : 3 * s + 3]), ["attend"])
        ],
    }


def gated(module, ending, kind, gates=3):
    hidden = module.hidden_size
    weight = getattr(module, f"weight_{kind}_{ending}")
    return lambda t, s: torch.stack([weight[gate * hidden + t, s] for gate in range(gates)])


def recurrent(hidden=4):
    """Two layers in both directions; what reads them has the states of both directions side by side."""
    model = nn.ModuleDict({"gru": nn.GRU(3, hidden, 2, bidirectional=True), "read": nn.Linear(2 * hidden, 2)})
    described = {}
    for layer, features in (0, 3), (1, 2 * hidden):
        for way in ("", "_reverse"):
            ending = f"l{layer}{way}"
            below = ["gru.l0", "gru.l0_reverse"] if layer else ["input"]
            described[f"gru.{ending}"] = [
                (matrix(hidden, features, gated(model["gru"], ending, "ih")), below),
                (matrix(hidden, hidden, gated(model["gru"], ending, "hh")), [f"gru.{ending}"]),
            ]
    sources = ["gru.l1", "gru.l1_reverse"]
    return model, described | {"read": [(matrix(2, 2 * hidden, lambda t, s: model["read"].weight[t, s]), sources)]}


def one_way(hidden=4):
    """An LSTM has four gates, a plain recurrent layer one; a cell is like a layer."""
    layers = {"lstm": nn.LSTM(3, hidden), "rnn": nn.RNN(hidden, hidden), "cell": nn.GRUCell(hidden, hidden)}
    model = nn.ModuleDict(layers)
    described = {}
    for name, gates, features, below in ("lstm", 4, 3, "input"), ("rnn", 1, hidden, "lstm.l0"):
        described[f"{name}.l0"] = [
            (matrix(hidden, features, gated(model[name], "l0", "ih", gates)), [below]),
            (matrix(hidden, hidden, gated(model[name], "l0", "hh", gates)), [f"{name}.l0"]),
        ]
    cell = {kind: getattr(model["cell"], f"weight_{kind}") for kind in ("ih", "hh")}

    def of(kind):
        return lambda t, s: cell[kind][t::hidden, s]

    described["cell"] = [
        (matrix(hidden, hidden, of("ih")), ["rnn.l0"]),
        (matrix(hidden, hidden, of("hh")), ["cell"]),
    ]
    return model, described


CASES = [dense, convolutions, transposed, attention, recurrent, one_way]
# A difference for each weight: two units show what four do.
FEWER = {recurrent: partial(recurrent, hidden=2), one_way: partial(one_way, hidden=2)}


def case(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        try:
            return make()
        finally:
            torch.set_default_dtype(torch.float32)


def gradients(value, *modules):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.autograd.grad(value, parameters, materialize_grads=True)


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
@pytest.mark.parametrize("make", CASES)
def test_value_and_gradient_equal_the_equation(make, strength, average):
    model, described = case(make)
    cost = SpatialCost(model, average=average, strength=strength, transport=0.7, density=2.0, seed=3)
    assert list(cost.parts()) == list(described)
    expected = plain_cost(cost, described, average, strength)
    assert cost().item() == pytest.approx(expected.item(), rel=1e-12)
    found, right = gradients(cost(), model, cost), gradients(expected, model, cost)
    torch.testing.assert_close(found, right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("strength", ["absolute", "squared"])
@pytest.mark.parametrize("make", CASES)
def test_gradients_equal_finite_differences(make, strength):
    model, _ = case(FEWER.get(make, make))
    cost = SpatialCost(model, strength=strength)
    parameters = [*dict(model.named_parameters()).values(), *cost.parameters()]
    weights = [parameter for parameter in parameters if parameter.dim() > 1]
    assert torch.autograd.gradcheck(lambda *_: cost(), weights)


def test_a_long_strong_connection_costs_its_product():
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[-2.0], [1.0]])
    places = {"input": [[0.0, 0.0]], "linear": [[3.0, 4.0], [0.0, 1.0]]}
    cost = SpatialCost(model, density=0, positions=places)
    assert cost().item() == 5.5  # (2 · 5 + 1 · 1) / 2
    assert SpatialCost(model, density=0, positions=places, strength="squared")().item() == 10.5
    apart = 18**0.5  # (3, 4) to (0, 1)
    part = cost.parts()["linear"]
    assert part.transport == 5.5
    assert part.density == pytest.approx((1 + np.exp(-apart)) / 2)


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("strength", ["absolute", "squared"])
def test_the_papers_chain_costs_what_it_costs_in_training(average, strength):
    """The same weights, positions, seed: costs and gradients are those of the networks that `train` makes."""
    from spatialgraph.train.grid import batches_of
    from spatialgraph.train.model import initial_stack
    from spatialgraph.train.pair_costs import PairCosts
    from spatialgraph.train.settings import Experiment

    sizes, seed = (12, 16, 15, 14, 13, 6), 7
    reading = {"transport_average": average, "strength": strength}
    alone = {"inputs": ["mix"], "kinds": ["spatial"], "seeds": [seed]}
    experiment = Experiment(tasks=["a", "b"], hidden=sizes[1:-1], **reading, **alone)
    stack = initial_stack(experiment, sizes, batches_of(experiment)[0].members, torch.device("cpu"))
    gradient = stack.zeros()
    costs = PairCosts(experiment, stack, gradient, torch.ones(1), torch.full((1,), 3.0), compiled=False)()

    model = mlp(*sizes)
    for layer, weight in zip(model.values(), stack.weights, strict=True):
        layer.weight.data = weight[0].T.clone()
    cost = SpatialCost(model, layers=["fc3", "fc4", "out"], seed=seed, average=average, strength=strength)
    names = ["fc2", "fc3", "fc4", "out"]
    assert list(cost.positions) == names
    for name, units in zip(names, stack.units.values(), strict=True):
        assert torch.equal(cost.positions[name], stack.position[0, units])
    cost().backward()
    assert cost().item() == pytest.approx((costs.transport + 3 * costs.density).item(), rel=1e-6)
    for parameter, units in zip(cost.parameters(), stack.units.values(), strict=True):
        torch.testing.assert_close(parameter.grad, gradient.position[0, units])
    for layer, by in zip(model.values(), gradient.weights, strict=True):
        found = torch.zeros_like(layer.weight) if layer.weight.grad is None else layer.weight.grad
        torch.testing.assert_close(found, by[0].T)


def test_only_positions_are_parameters():
    model = mlp(5, 4, 3, 2)
    cost = SpatialCost(model, layers=["fc2", "out"])
    assert {name: tuple(p.shape) for name, p in cost.named_parameters()} == {
        "positions/fc1": (4, 2),
        "positions/fc2": (3, 2),
        "positions/out": (2, 2),
    }
    assert list(cost.state_dict()) == [name for name, _ in cost.named_parameters()]
    assert list(cost.modules()) == [cost]


def test_layers_can_have_any_name():
    model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), "density": nn.Linear(4, 2)})
    assert list(SpatialCost(model).positions) == ["input", "body.0", "body.1", "density"]
    assert list(SpatialCost(nn.Sequential(nn.ModuleDict({"input": nn.Linear(2, 2)}))).positions) == ["input", "0.input"]
    assert list(SpatialCost(nn.ModuleDict({"input": nn.Linear(2, 3)})).positions) == ["model input", "input"]


def test_positions_are_drawn_from_the_seed_alone():
    model = mlp(5, 4, 3)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (SpatialCost(model, seed=seed).positions for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, position in one.items():
        assert torch.equal(position, same[name])
        assert not torch.equal(position, other[name])
    precise = SpatialCost(mlp(5, 4, 3).double(), seed=1).positions
    assert all(torch.equal(precise[name], position.double()) for name, position in one.items())


def test_positions_can_be_given_and_kept():
    model = mlp(5, 4, 3)
    place = np.arange(8.0).reshape(4, 2)
    cost = SpatialCost(model, positions={"fc1": place}, seed=1)
    assert cost.positions["fc1"].tolist() == place.tolist()
    assert torch.equal(cost.positions["out"], SpatialCost(model, seed=1).positions["out"])  # drawn as ever
    cost.requires_grad_(False)
    cost().backward()
    assert model["fc1"].weight.grad is not None
    assert all(parameter.grad is None for parameter in cost.parameters())


def test_positions_that_were_asked_for_stay_as_they_were():
    cost = SpatialCost(mlp(5, 4, 3))
    before = cost.positions
    with torch.no_grad():
        cost.get_parameter("positions/fc1").add_(1)
    torch.testing.assert_close(cost.positions["fc1"], before["fc1"] + 1)


def test_what_is_loaded_costs_the_same():
    model = mlp(5, 4, 3)
    cost, other = SpatialCost(model, seed=1), SpatialCost(model, seed=2)
    assert cost().item() != other().item()
    other.load_state_dict(cost.state_dict())
    assert cost().item() == other().item()


def test_a_copy_belongs_to_the_copy_of_its_model():
    whole = nn.ModuleDict({"model": mlp(5, 4, 3)})
    whole["cost"] = SpatialCost(whole["model"])
    twin = copy.deepcopy(whole)
    before = whole["cost"]().item()
    with torch.no_grad():
        twin["model"]["out"].weight.mul_(10)
    assert whole["cost"]().item() == before
    assert twin["cost"]().item() > before


def test_weights_are_read_at_each_call():
    model = mlp(5, 4, 3)
    cost = SpatialCost(model, layers=["out"], density=0)
    before = cost().item()
    with torch.no_grad():
        model["out"].weight.mul_(2)
    assert cost().item() == pytest.approx(2 * before)
    model["out"] = nn.Linear(4, 3)
    model["out"].weight.data.zero_()
    assert cost().item() == 0
    model["out"] = nn.Linear(4, 2)
    expected = r"^layer 'out': expected the sizes \(3, 4\) that it had, found \(2, 4\)$"
    with pytest.raises(ValueError, match=expected):
        cost()


def test_tied_and_parametrised_weights_pay():
    model = nn.ModuleDict({"one": nn.Linear(4, 4), "other": nn.Linear(4, 4)})
    model["other"].weight = model["one"].weight
    tied = SpatialCost(model, density=0)
    tied().backward()
    assert tied.parts()["other"].transport > 0
    model = mlp(5, 4, 3)
    plain = SpatialCost(model, density=0)().item()
    nn.utils.parametrize.register_parametrization(model["out"], "weight", Doubled())
    cost = SpatialCost(model, layers=["out"], density=0)
    cost().backward()
    assert list(cost.positions) == ["fc1", "out"]
    assert cost().item() > plain / 2
    assert model["out"].parametrizations.weight.original.grad.abs().sum() > 0


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_costs_of_half_precision_are_computed_in_float32(dtype):
    model = mlp(5, 4, 3).to(dtype)
    cost = SpatialCost(model)
    assert all(position.dtype == torch.float32 for position in cost.positions.values())
    precise = copy.deepcopy(model).float()
    expected = SpatialCost(precise)
    assert cost().dtype == torch.float32
    assert cost().item() == expected().item()
    cost().backward()
    expected().backward()
    assert torch.equal(model["out"].weight.grad, precise["out"].weight.grad.to(dtype))
    cost.to(dtype)  # positions, too, as when they are part of a module that is
    assert cost().dtype == torch.float32


def test_autocast_changes_nothing():
    cost = SpatialCost(mlp(5, 4, 3))
    expected = cost().item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = cost()
    assert value.dtype == torch.float32
    assert value.item() == expected


def test_wrapped_models_have_the_names_of_what_they_wrap():
    model = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3))
    expected = SpatialCost(model)
    compiled = torch.compile(model, backend="eager")
    for wrapped in (compiled, nn.DataParallel(model), nn.DataParallel(compiled)):
        cost = SpatialCost(wrapped, layers=["2"])
        assert list(cost.positions) == ["0", "2"]
    assert SpatialCost(compiled)().item() == expected().item()
    model[0] = torch.compile(model[0], backend="eager")
    assert SpatialCost(model)().item() == expected().item()


def test_the_cost_can_stand_in_a_compiled_step():
    model = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3))
    cost = SpatialCost(model)

    def loss(inputs):
        return model(inputs).square().mean() + cost()

    inputs = torch.ones(2, 5)
    compiled = torch.compile(loss, backend="eager")
    torch.testing.assert_close(compiled(inputs), loss(inputs))
    found, right = gradients(compiled(inputs), model, cost), gradients(loss(inputs), model, cost)
    torch.testing.assert_close(found, right)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_moved_positions_are_on_the_device_of_the_model(device):
    model = mlp(5, 4, 3).to(device)
    cost = SpatialCost(model, seed=1)
    assert all(position.device.type == device.type for position in cost.positions.values())
    expected = SpatialCost(mlp(5, 4, 3), seed=1)
    torch.testing.assert_close(cost().cpu(), expected())
    cost.cpu()  # also where they were left behind
    cost().backward()
    torch.testing.assert_close(cost().cpu(), expected())
    assert model["out"].weight.grad.device.type == device.type


def test_training_brings_connected_units_together():
    model = mlp(5, 4, 3)
    cost = SpatialCost(model, density=0)
    optimiser = torch.optim.Adam(cost.parameters(), lr=0.05)
    before = cost().item()
    for _ in range(50):
        optimiser.zero_grad()
        cost().backward()
        optimiser.step()
    assert cost().item() < before / 4


def test_the_weights_of_the_costs_may_change_while_training():
    cost = SpatialCost(mlp(5, 4, 3))
    parts = cost.parts().values()
    cost.transport, cost.density = 0.0, 0.5
    assert cost().item() == pytest.approx(0.5 * np.mean([part.density for part in parts]))
    cost.transport, cost.density = 2.0, 0.0
    assert cost().item() == pytest.approx(2 * np.mean([part.transport for part in parts]))
    cost.transport = 0.0
    assert cost().item() == 0
