"""Any cost for any module: what it sees of the model, what it learns and keeps, and its errors."""

import copy
import math

import numpy as np
import pytest
import torch
from plain_spatial import mlp
from torch import nn

from spatialgraph.torch import COSTS, Cost, SpatialCost, cost
from spatialgraph.torch.costs import Layer, Paying, Population, Start

TASKS = {"one": slice(0, 1), "other": [1, 2]}
ROOT_PI = math.sqrt(math.pi)


def gradients(value, *modules):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return torch.autograd.grad(value, parameters, materialize_grads=True, allow_unused=True)


def emitted(model, examples=9):
    draw = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(examples, model[name].out_features, generator=draw, dtype=model[name].weight.dtype)
        for name in list(model)[:-1]
    }


@pytest.mark.parametrize("name", COSTS)
def test_every_cost_is_that_of_the_layers_matrices(name):
    model = mlp(5, 4, 6, 3).double()
    made = Cost(name, model, ["fc2", "out"], tasks=TASKS, seed=3)
    activations = emitted(model)
    places, own = made.positions, dict(made.named_parameters()) | dict(made.named_buffers())
    populations = {
        end: Population(end, size, places[end][None] if places else None, activations.get(end, torch.ones(1))[None])
        for end, size in (("fc1", 4), ("fc2", 6), ("out", 3))
    }
    populations["out"] = Population("out", 3, populations["out"].position, None, torch.tensor([0, 1, 1]))
    layers = [
        Layer(model[target].weight.T[None], populations[source], populations[target])
        for source, target in (("fc1", "fc2"), ("fc2", "out"))
    ]
    paying = Paying(layers, {key[4:]: tensor[None] for key, tensor in own.items() if key.startswith("own/")})
    expected = COSTS.facts(name).default * COSTS[name](paying)[0]
    value = made(activations)
    assert value.shape == ()
    torch.testing.assert_close(value, expected)
    assert any(gradient.abs().sum() > 0 for gradient in gradients(value, model, made))


@pytest.mark.parametrize("average", ["connections", "units"])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        mlp(5, 4, 3, 2),
        nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.ConvTranspose2d(6, 4, 2), nn.Flatten(), nn.Linear(36, 3)),
        nn.ModuleDict({"embed": nn.Linear(5, 6), "attend": nn.MultiheadAttention(6, 2)}),
    ],
    ids=["dense", "convolutions", "attention"],
)
def test_transport_and_density_cost_what_they_cost_together(model, squared, average):
    kept = {"seed": 2, "average": average}
    both = SpatialCost(model, transport=0.7, density=2.0, strength="squared" if squared else "absolute", **kept)
    one, other = Cost("transport", model, strength=0.7, squared=squared, **kept), Cost("density", model, strength=2.0)
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(one() + other(), both())
    expected, *found = (gradients(value, model, own) for value, own in ((both(), both), (one(), one), (other(), other)))
    torch.testing.assert_close(tuple(a + b for a, b in zip(*found, strict=True)), expected)


def test_l1_is_the_mean_size_of_weights():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].weight.data, model[1].weight.data = torch.tensor([[1.0, -2.0], [0.0, 3.0]]), torch.tensor([[-1.0, 1.0]])
    assert Cost("l1", model)().item() == pytest.approx(ROOT_PI * (6 / 4 + 1) / 2)
    assert Cost("l1", model, "1", strength=3)().item() == pytest.approx(3 * ROOT_PI)


def test_a_kernel_counts_by_its_norm():
    model = nn.Conv2d(1, 1, 2)
    model.weight.data = torch.tensor([[[[1.0, 2.0], [4.0, -2.0]]]])
    assert Cost("l1", model)().item() == pytest.approx(5 * ROOT_PI)
    assert Cost("l2", model, strength=1)().item() == 25


def test_a_population_that_reads_several_has_a_matrix_for_each():
    model = nn.ModuleDict({"gru": nn.GRU(3, 4), "read": nn.Linear(4, 2)})
    entering, own = (
        getattr(model["gru"], f"weight_{kind}_l0").unflatten(0, (3, 4)).square().sum(0) for kind in ("ih", "hh")
    )
    expected = torch.stack([entering.mean(), own.mean(), model["read"].weight.square().mean()]).mean()
    made = Cost("l2", model, strength=1)
    torch.testing.assert_close(made(), expected)
    assert repr(made) == "Cost('l2', μ=1.0, gru.l0 ← input + gru.l0, read ← gru.l0)"

    wide = nn.ModuleDict({"a": nn.Linear(4, 3), "b": nn.Linear(3, 5), "c": nn.Linear(8, 2)})
    made = Cost("l2", wide, ["c"], strength=1, sources={"c": ["a", "b"]})
    parts = wide["c"].weight.square().split([3, 5], dim=1)
    torch.testing.assert_close(made(), torch.stack([part.mean() for part in parts]).mean())


@pytest.mark.parametrize("name", [name for name in COSTS if name not in ("locality", "clusterability", "splitnet")])
def test_recurrent_and_branching_models_pay(name):
    model = nn.ModuleDict({"gru": nn.GRU(3, 4, 2, bidirectional=True), "read": nn.Linear(8, 2)})
    made = Cost(name, model)
    assert all(gradient.isfinite().all() for gradient in gradients(made(), model, made))


def test_units_are_of_one_group_wherever_they_are_read():
    model = nn.ModuleDict({"gru": nn.GRU(3, 4), "read": nn.Linear(4, 2)})
    made = Cost("splitnet", model, tasks={"one": [0], "other": [1]})
    assert [name for name, _ in made.named_parameters()] == ["own/logits/input", "own/logits/gru/l0"]
    assert made().isfinite()


def test_the_strength_is_the_costs_default_and_may_change():
    model = mlp(5, 4, 3)
    made = Cost("l2", model)
    assert made.strength == COSTS.facts("l2").default
    before = made().item()
    made.strength = made.strength * 3
    assert made().item() == pytest.approx(3 * before)
    made.strength = 0
    assert made().item() == 0


def test_what_is_learned_are_parameters_and_what_is_kept_are_buffers():
    model = mlp(5, 4, 3)
    assert not list(Cost("l1", model).parameters())
    made = Cost("splitnet", model, tasks=TASKS)
    assert {name: tuple(own.shape) for name, own in made.named_parameters()} == {
        "own/logits/input": (5, 2),
        "own/logits/fc1": (4, 2),
    }
    shuffled = Cost("shuffled", model)
    assert list(shuffled.state_dict()) == [
        "positions/input",
        "positions/fc1",
        "positions/out",
        "own/distance/input/fc1",
        "own/distance/fc1/out",
    ]
    assert list(shuffled.positions) == ["input", "fc1", "out"]
    other = Cost("shuffled", model, seed=1)
    assert other().item() != shuffled().item()
    other.load_state_dict(shuffled.state_dict())
    assert other().item() == shuffled().item()


def test_what_a_cost_begins_with_is_drawn_from_the_seed_alone():
    model = mlp(5, 4, 3)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (dict(Cost("splitnet", model, tasks=TASKS, seed=s).named_parameters()) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for key, logits in one.items():
        assert torch.equal(logits, same[key])
        assert not torch.equal(logits, other[key])


def test_given_positions_are_where_shuffled_distances_come_from():
    model = nn.ModuleDict({"out": nn.Linear(2, 2)})
    places = {"input": [[0.0, 0.0], [0.0, 1.0]], "out": [[3.0, 4.0], [0.0, 0.0]]}
    kept = Cost("shuffled", model, positions=places).state_dict()["own/distance/input/out"]
    torch.testing.assert_close(kept.flatten().sort().values, torch.tensor([0.0, 1.0, 18**0.5, 5.0]))


def test_descending_the_cost_of_splitnet_moves_weights_and_groups():
    model = mlp(5, 6, 3)
    made = Cost("splitnet", model, ["out"], tasks=TASKS)
    adam = torch.optim.Adam([*model.parameters(), *made.parameters()], lr=0.05)
    before = made().item()
    for _ in range(100):
        adam.zero_grad()
        made().backward()
        adam.step()
    assert made().item() < before / 4


def test_the_cost_of_ones_own_is_paid():
    @cost("bias-free", symbol="ψ", default=2.0, reason="Only a test.", begin=lambda shape, rng: Start({"scale": 3.0}))
    def own(paying):
        """Pay for the mean weight."""
        return paying.own["scale"] * paying.mean(lambda layer: layer.weight.mean(dim=(1, 2)))

    try:
        model = nn.Linear(2, 1)
        model.weight.data = torch.tensor([[1.0, 3.0]])
        made = Cost("bias-free", model)
        assert made().item() == 2 * 3 * 2
        assert repr(made) == "Cost('bias-free', ψ=2.0, linear ← input)"
    finally:
        COSTS.forget("bias-free")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    model = mlp(5, 4, 3).to(dtype)
    for name in ("communicability", "splitnet"):
        made, expected = (Cost(name, own, tasks=TASKS) for own in (model, copy.deepcopy(model).float()))
        assert made().dtype == torch.float32
        torch.testing.assert_close(made(), expected())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(made(), expected())
        made.to(dtype)
        assert made().dtype == torch.float32


def test_a_copy_belongs_to_the_copy_of_its_model():
    model = mlp(5, 4, 3)
    made = Cost("shuffled", model)
    twin, other = copy.deepcopy((model, made))
    with torch.no_grad():
        twin["out"].weight.mul_(10)
    assert other().item() > made().item() == Cost("shuffled", model)().item()


def test_the_cost_can_stand_in_a_compiled_step():
    model = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3))
    made = Cost("splitnet", model, tasks=TASKS)

    def loss(inputs):
        return model(inputs).square().mean() + made()

    inputs = torch.ones(2, 5)
    compiled = torch.compile(loss, backend="eager")
    torch.testing.assert_close(compiled(inputs), loss(inputs))
    torch.testing.assert_close(gradients(compiled(inputs), model, made), gradients(loss(inputs), model, made))


# Errors


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("l7", {}, "unknown cost 'l7'; known: transport, density, l1, "),
        ("l1", {"layers": ["fc9"]}, "layers: expected names or patterns of fc1, out, found 'fc9'"),
        ("l1", {"strength": -1}, "strength: expected a number of at least 0, found -1"),
        ("l1", {"average": "neurons"}, "average: expected 'connections' or 'units', found 'neurons'"),
        ("l1", {"seed": 0.5}, "seed: expected a whole number of at least 0, found 0.5"),
        ("l1", {"dim": 0}, "dim: expected a whole number of at least 1, found 0"),
        ("clusterability", {}, "tasks: expected the task of every output, for one group of units each, found none"),
        ("splitnet", {}, "tasks: expected the task of every output, for one group of units each, found none"),
        ("splitnet", {"tasks": ["one"]}, "tasks: expected name to units of 'out', found a list"),
        ("splitnet", {"tasks": {"a": 3}}, "task 'a': expected a slice or a list of units of 'out', found 3"),
        ("splitnet", {"tasks": {"a": "out"}}, "task 'a': expected a slice or a list of units of 'out', found 'out'"),
        ("splitnet", {"tasks": {"one": [0, 1]}}, "tasks: expected all 3 units of 'out', found none for unit 2"),
        ("splitnet", {"tasks": {"a": [0], "b": [3]}}, "task 'b': expected units of 'out', 0 to 2, found 3"),
        ("splitnet", {"tasks": {"a": [0, 1, 2], "b": [2]}}, "task 'b': expected each unit in one task, found unit 2"),
    ],
)
def test_errors_say_what_is_allowed(name, arguments, expected):
    with pytest.raises(ValueError, match=r"expected|known") as raised:
        Cost(name, mlp(5, 4, 3), **arguments)
    assert str(raised.value).startswith(expected)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("activations", "expected"),
    [
        (None, "activations: expected what units of fc1, out emit, as 'locality' needs it, found none"),
        ({"fc9": torch.ones(2, 2)}, "activations: expected populations of input, fc1, out, found 'fc9'"),
        ({"fc1": torch.ones(7, 3)}, "activations['fc1']: expected a tensor (examples, 4), found shape (7, 3)"),
        ({"fc1": np.ones((7, 4))}, "activations['fc1']: expected a tensor (examples, 4), found a ndarray"),
        (
            {"input": torch.ones(7, 5)},
            "locality: expected layers that enter units with activations, found 'fc1', 'out' ",
        ),
    ],
)
def test_activations_that_are_needed_and_do_not_fit(activations, expected):
    with pytest.raises(ValueError, match="expected") as raised:
        Cost("locality", mlp(5, 4, 3))(activations)
    assert str(raised.value).startswith(expected)


def test_convolutions_in_groups_are_refused():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, groups=2))
    expected = r"^layer '1': expected a layer whose units read all channels, found one in 2 groups; name the layers .*"
    with pytest.raises(ValueError, match=expected):
        Cost("l1", model)
    assert Cost("l1", model, ["0"])().isfinite()
