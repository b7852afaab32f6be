"""Which layers pay, what they read, and the errors that say what is allowed."""

import pytest
import torch
from plain_spatial import matrix, mlp, plain_cost
from torch import nn

from spatialgraph.torch import SpatialCost
from spatialgraph.torch.layers import Map, Units, spatial_layer


def reads(cost):
    return dict(part.split(" ← ") for part in cost.extra_repr().split(", ")[2:])


def heads():
    """A trunk and two heads; the second does not read the first."""
    return nn.ModuleDict({"trunk": nn.Linear(5, 4), "one": nn.Linear(4, 1), "other": nn.Linear(4, 2)})


def test_the_source_is_the_nearest_layer_before_that_fits():
    assert reads(SpatialCost(mlp(5, 4, 3, 2))) == {"fc1": "input", "fc2": "fc1", "out": "fc2"}
    assert reads(SpatialCost(mlp(5, 4, 3, 2), layers=["out"])) == {"out": "fc2"}
    assert reads(SpatialCost(heads(), layers=["one", "other"])) == {"one": "trunk", "other": "trunk"}


def test_layers_are_named_by_patterns_in_their_order():
    model = nn.ModuleDict({"encoder": mlp(5, 4, 3), "decoder": nn.Sequential(nn.Linear(3, 5), nn.ReLU())})
    assert list(SpatialCost(model, layers=["decoder.*", "encoder.fc?"]).parts()) == ["decoder.0", "encoder.fc1"]
    assert list(SpatialCost(model, layers="*").parts()) == ["encoder.fc1", "encoder.out", "decoder.0"]
    assert list(SpatialCost(model, layers=["encoder.out", "enc*"]).parts()) == ["encoder.out", "encoder.fc1"]
    gru = nn.ModuleDict({"gru": nn.GRU(3, 4, 2)})
    assert list(SpatialCost(gru, layers=["gru"]).parts()) == ["gru.l0", "gru.l1"]
    assert list(SpatialCost(gru, layers=["gru.l1"]).positions) == ["gru.l0", "gru.l1"]


def test_sources_can_be_given():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "c": nn.Linear(4, 2)})
    assert reads(SpatialCost(model, ["c"], sources={"c": "a"})) == {"c": "a"}
    assert reads(SpatialCost(model, ["b"], sources={"b": "input"})) == {"b": "input"}
    wide = nn.ModuleDict({"a": nn.Linear(4, 3), "b": nn.Linear(3, 5), "c": nn.Linear(8, 2)})
    cost = SpatialCost(wide, ["c"], sources={"c": ["a", "b"]})
    assert cost().isfinite()
    assert list(cost.positions) == ["a", "b", "c"]
    blocks = matrix(2, 8, lambda t, s: wide["c"].weight[t, s])
    torch.testing.assert_close(cost(), plain_cost(cost, {"c": [(blocks, ["a", "b"])]}))


def test_a_sum_is_read_from_every_summand():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4), "c": nn.Linear(4, 2)})
    cost = SpatialCost(model, ["c"], sources={"c": ["a", "b"]})
    assert reads(cost) == {"c": "a + b"}
    blocks = matrix(2, 4, lambda t, s: model["c"].weight[t, s])
    torch.testing.assert_close(cost(), plain_cost(cost, {"c": [(blocks, ["a"]), (blocks, ["b"])]}))


def test_a_kind_of_layer_of_ones_own_can_pay():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = nn.Parameter(torch.ones(2, 3))

    @spatial_layer(Own)
    def own(module):
        return (Units(2, (Map(3, lambda module: module.matrix[None]),)),)

    assert SpatialCost(Own()).parts()["own"].transport > 0


# Errors

SUPPORTED = "Linear, Conv1d to Conv3d and their transposes, MultiheadAttention"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"layers": ["fc9"]}, "layers: expected names or patterns of fc1, fc2, out, found 'fc9'"),
        ({"layers": ["conv*"]}, "layers: expected names or patterns of fc1, fc2, out, found 'conv*'"),
        ({"layers": []}, "layers: expected one or more of fc1, fc2, out, found none"),
        ({"sources": {"fc9": "fc1"}}, "sources: expected layers that pay: fc1, fc2, out, found 'fc9'"),
        ({"sources": {"out": "fc9"}}, "sources['out']: expected input or layers of fc1, fc2, out, found 'fc9'"),
        (
            {"sources": {"out": "fc1"}},
            "sources['out']: expected 3 units (or a number that divides it, of channels or heads), "
            "as the weight of 'out' has, found 'fc1' with 4",
        ),
        (
            {"sources": {"out": ["fc1", "fc2"]}},
            "sources['out']: expected 3 units each (a sum) or in all (side by side), as the weight of 'out' has, "
            "found 'fc1' with 4, 'fc2' with 3",
        ),
        ({"positions": {"fc9": [[0.0, 0.0]]}}, "positions: expected populations of input, fc1, fc2, out, found 'fc9'"),
        ({"positions": {"out": [[0.0, 0.0]]}}, "positions['out']: expected shape (2, 2), found shape (1, 2)"),
        (
            {"positions": {"out": [[0.0, 0.0], [0.0, float("nan")]]}},
            "positions['out']: expected finite values, found 1 that are not, the first at (1, 1)",
        ),
        ({"layers": [0]}, "layers: expected names or patterns of fc1, fc2, out, found 0"),
        ({"average": "neurons"}, "average: expected 'connections' or 'units', found 'neurons'"),
        ({"strength": "cubed"}, "strength: expected 'absolute' or 'squared', found 'cubed'"),
        ({"transport": -1}, "transport: expected a number of at least 0, found -1"),
        ({"density": float("nan")}, "density: expected a number of at least 0, found nan"),
        ({"dim": 0}, "dim: expected a whole number of at least 1, found 0"),
        ({"seed": 0.5}, "seed: expected a whole number of at least 0, found 0.5"),
    ],
)
def test_errors_say_what_is_allowed(arguments, expected):
    with pytest.raises(ValueError, match="expected") as raised:
        SpatialCost(mlp(5, 4, 3, 2), **arguments)
    assert str(raised.value) == expected


def test_a_convolution_reads_as_many_channels_as_it_has():
    model = nn.ModuleDict({"a": nn.Conv2d(3, 4, 3), "b": nn.Conv2d(8, 2, 3)})
    with pytest.raises(ValueError, match=r"^layer 'b': expected a layer before it with 8 units, found 'a' with 4"):
        SpatialCost(model)
    with pytest.raises(
        ValueError, match=r"^sources\['b'\]: expected 8 units, as the weight of 'b' has, found 'a' with 4$"
    ):
        SpatialCost(model, sources={"b": "a"})


def test_positions_are_an_array():
    with pytest.raises(ValueError, match=r"^positions\['out'\]: expected an array of numbers, found a list"):
        SpatialCost(mlp(5, 4, 3, 2), positions={"out": [[0.0, 0.0], [1.0]]})


def test_a_layer_without_a_source_that_fits_names_both():
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.Linear(6, 2)})
    with pytest.raises(ValueError, match="expected") as raised:
        SpatialCost(model)
    assert str(raised.value) == (
        "layer 'b': expected a layer before it with 6 units (or a number that divides it, of channels or heads), "
        "found 'a' with 4, and none that fits: "
        "say what it reads by sources={'b': 'a'}, or 'input' for the model's inputs"
    )


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (nn.BatchNorm1d(4), "BatchNorm1d"),
        (nn.Embedding(4, 4), "Embedding"),
        (nn.MultiheadAttention(4, 2, kdim=3), "MultiheadAttention"),
        (nn.LSTM(4, 4, proj_size=2), "LSTM"),
        (nn.Identity(), "Identity"),
    ],
)
def test_layers_of_other_kinds_cannot_pay(layer, kind):
    model = nn.ModuleDict({"a": nn.Linear(4, 4), "other": layer})
    with pytest.raises(ValueError, match=f"^layers: expected layers of the kinds {SUPPORTED}.*'other', a {kind}"):
        SpatialCost(model, layers=["a", "other"])


def test_a_group_of_layers_is_named_by_a_pattern():
    model = nn.ModuleDict({"encoder": mlp(5, 4, 3)})
    with pytest.raises(ValueError, match=r"found 'encoder', a ModuleDict: 'encoder\.\*' names the layers in it$"):
        SpatialCost(model, layers=["encoder"])


def test_what_is_no_model_cannot_pay():
    with pytest.raises(ValueError, match=r"^model: expected a torch\.nn\.Module, found a list$"):
        SpatialCost([nn.Linear(2, 2)])


def test_a_model_without_layers_cannot_pay():
    with pytest.raises(ValueError, match=f"^layers: expected names or patterns of layers of the kinds {SUPPORTED}"):
        SpatialCost(nn.ReLU())


def test_lazy_layers_have_no_sizes_yet():
    model = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(ValueError, match=r"^layer '0': expected sizes that are known, found a lazy layer"):
        SpatialCost(model)
    model(torch.ones(1, 2))
    assert SpatialCost(model)().isfinite()
