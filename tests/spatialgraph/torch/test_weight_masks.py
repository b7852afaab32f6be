"""Masks of weights of traced models: equal to those of dense networks, and to weights multiplied by hand."""

import itertools
import re

import numpy as np
import pytest
import torch
from jacobians import captured_strengths
from torch import nn
from torch.nn import functional

from spatialgraph.faults import NotApplicableError
from spatialgraph.network import Connection, Evaluation, Layer, Network
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import apply
from spatialgraph.torch import capture
from spatialgraph.torch.maps import matrix_map
from spatialgraph.torch.operators import OPERATORS, operator

TASKS = {"one": [0, 1, 2], "other": [3, 4]}
SIZES = (5, 8, 6, 5)
HEADS = "scaled_dot_product_attention"


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def dense_and_traced():
    """Return what runs a dense network, and what runs the same network captured from PyTorch."""
    draw = np.random.default_rng(0)
    last = len(SIZES) - 1
    layers = [
        Layer(str(k), n, "tanh" if 0 < k < last else "", draw.normal(size=n) if k else None, split=k > 0)
        for k, n in enumerate(SIZES)
    ]
    weights = [draw.normal(size=(n, m)).astype(np.float32) for m, n in itertools.pairwise(SIZES)]
    connections = [Connection(k, k + 1, weight) for k, weight in enumerate(weights)]
    network = Network(layers, connections, [0, 0, 0, 1, 1], {"tasks": ["one", "other"]})
    modules = []
    for weight, layer in zip(weights, layers[1:], strict=True):
        linear = nn.Linear(*weight.shape[::-1])
        linear.weight.data, linear.bias.data = torch.tensor(weight), torch.tensor(np.asarray(layer.bias, np.float32))
        modules += [linear, nn.Tanh()]
    examples = Evaluation(draw.normal(size=(60, 5)).astype(np.float32), draw.integers(0, 2, (60, 2)))
    captured = capture(
        nn.Sequential(*modules[:-1]).eval(), torch.zeros(2, 5), TASKS, names={"0": "1", "2": "2", "4": "3"}
    )
    return DenseRunner(network, examples), captured.runner(examples)


def test_gradients_are_those_of_a_dense_network():
    runners, draw = dense_and_traced(), np.random.default_rng(1)
    shapes = {n: c.shape for n, c in enumerate(runners[0].graph.connections)}
    for masked in ([0, 1, 2], [1], [2]):
        keep = {n: draw.uniform(size=shapes[n]).astype(np.float32) for n in masked}
        for task, examples in ((0, np.array([3, 7, 7, 20])), (1, np.array([4]))):
            (loss, slopes), (traced, of_traced) = (r.weight_mask_gradient(keep, task, examples) for r in runners)
            assert loss == pytest.approx(traced, rel=1e-5)
            assert slopes.keys() == of_traced.keys()
            for n in keep:
                np.testing.assert_allclose(slopes[n], of_traced[n], rtol=1e-4, atol=1e-6)


def test_learned_masks_are_those_of_a_dense_network():
    one, other = (
        apply("learned-mask:over=weights:steps=60:sparsity=2", runner.graph, runner, seed=3)
        for runner in dense_and_traced()
    )
    assert 0 < np.mean(np.concatenate([one.membership[k].ravel() for k in (1, 2)])) < 1
    for k in (1, 2, 3):
        np.testing.assert_array_equal(one.membership[k], other.membership[k])
        np.testing.assert_array_equal(one.groups[k], other.groups[k])
    assert one.notes == other.notes


class Net(nn.Module):
    """Some modules, and a function of them and the input."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def convolutional(m, x):
    x = functional.max_pool2d(m.norm(m.a(x)).relu(), 2)
    return m.head(m.c(m.b(x).relu()).relu().permute(0, 2, 3, 1).flatten(1))


def attentive(m, x):
    q, k, v = m.b(m.a(x).relu()).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    heads = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    return m.head(heads).mean(1)


def recurrent(m, x):
    return m.head(torch.cat([m.gru(x)[0].mean(1), m.lstm(x)[0][:, -1]], 1))


def by_slices(m, x):
    x = m.a(x).tanh().unflatten(-1, (2, 4))
    x = torch.einsum("bpc,pcd->bpd", x, m.slices).tanh() @ m.all
    return m.head(x.tanh().flatten(1))


def residual(m, x):
    x = m.a(x).relu()
    y = m.b(x).relu()
    y = (m.c(y) + m.d(y) + x).relu()
    return m.head(y.mean((2, 3)))


def conv(*size, **options):
    return nn.Conv2d(*size, bias=options.pop("bias", False), **options)


def dense(*size):
    return nn.Linear(*size, bias=False)


def with_slices():
    net = Net(by_slices, a=dense(3, 8), head=dense(6, 5))
    net.slices, net.all = nn.Parameter(torch.randn(2, 4, 3)), nn.Parameter(torch.randn(3, 3))
    return net


MODELS = {
    "convolutional": (
        lambda: Net(
            convolutional,
            a=conv(2, 4, 3, padding=1, bias=True),
            norm=nn.BatchNorm2d(4),
            b=conv(4, 6, 3, groups=2, stride=2, padding=1),
            c=nn.ConvTranspose2d(6, 4, 2, groups=2, bias=False),
            head=dense(100, 5),
        ),
        (2, 16, 16),
    ),
    "attentive": (lambda: Net(attentive, a=dense(3, 8), b=dense(8, 24), head=dense(8, 5)), (6, 3)),
    "recurrent": (
        lambda: Net(
            recurrent,
            gru=nn.GRU(3, 4, 2, batch_first=True, bidirectional=True),
            lstm=nn.LSTM(3, 4, batch_first=True),
            head=dense(12, 5),
        ),
        (6, 3),
    ),
    "residual": (
        lambda: Net(
            residual,
            a=conv(2, 4, 3, padding=1),
            b=conv(4, 3, 3, padding=1),
            c=conv(3, 4, 1),
            d=conv(3, 4, 1),
            head=dense(4, 5),
        ),
        (2, 6, 6),
    ),
}


def of_units(*shape):
    """Return a matrix of numbers between 0 and 1."""
    return np.random.default_rng(shape).uniform(size=shape).astype(np.float32)


def blocks(keep, groups):
    """Return the blocks on the diagonal, one below the other: what a grouped convolution has of a matrix."""
    out, within = (size // groups for size in keep.shape)
    return torch.cat([keep[g * out : (g + 1) * out, g * within : (g + 1) * within] for g in range(groups)])


def factors(name, of):
    """Return what each parameter is multiplied by, written out by hand: ``of`` is source and target to a mask."""
    if name == "convolutional":
        return {
            "a.weight": of["input", "a"][:, :, None, None],
            "b.weight": blocks(of["a", "b"], 2)[:, :, None, None],
            "c.weight": blocks(of["b", "c"].T, 2)[:, :, None, None],
            "head.weight": of["c", "head"].repeat(1, 25),
        }
    if name == "attentive":
        parts = [of["a", HEADS, part].repeat_interleave(4, 0) for part in ("query", "key", "value")]
        return {
            "a.weight": of["input", "a"],
            "b.weight": torch.cat(parts),
            "head.weight": of[HEADS, "head"].repeat_interleave(4, 1),
        }
    if name == "recurrent":
        below = ("gru.l0", "gru.l0_reverse")
        found = {"lstm.weight_ih_l0": of["input", "lstm.l0"].repeat(4, 1)}
        found["lstm.weight_hh_l0"] = of["lstm.l0", "lstm.l0"].repeat(4, 1)
        for end in ("", "_reverse"):
            first, second = f"gru.l0{end}", f"gru.l1{end}"
            found[f"gru.weight_ih_l0{end}"] = of["input", first].repeat(3, 1)
            found[f"gru.weight_hh_l0{end}"] = of[first, first].repeat(3, 1)
            found[f"gru.weight_ih_l1{end}"] = torch.cat([of[k, second] for k in below], 1).repeat(3, 1)
            found[f"gru.weight_hh_l1{end}"] = of[second, second].repeat(3, 1)
        found["head.weight"] = torch.cat([of[k, "head"] for k in ("gru.l1", "gru.l1_reverse", "lstm.l0")], 1)
        return found
    two = of["b", "c"] if name == "residual" else None
    return {
        "a.weight": of["input", "a"][:, :, None, None],
        "b.weight": of["a", "b"][:, :, None, None],
        "c.weight": two[:, :, None, None],
        "d.weight": two[:, :, None, None],
        "head.weight": of["c", "head"],
    }


@pytest.mark.parametrize("name", ["convolutional", "attentive", "recurrent", "residual"])
def test_gradients_are_those_of_weights_multiplied_by_hand(name):
    make, shape = MODELS[name]
    model, inputs = make().double().eval(), torch.randn(7, *shape, dtype=torch.float64)
    labels = torch.randint(0, 2, (7, 2))
    captured = capture(model, inputs[:2], TASKS)
    runner, graph = captured.runner([(inputs, labels)]), captured.graph
    masked = runner.maskable(range(len(graph.connections)))
    names = {n: tuple(graph.populations[k].name for k in (c.source, c.target)) for n, c in enumerate(graph.connections)}
    names = {n: (*ends, c.label) if (c := graph.connections[n]).label else ends for n, ends in names.items()}
    left_out = [ends for n, ends in names.items() if n not in masked]
    assert left_out == ([("a", "c")] if name == "residual" else [])
    keep = {n: of_units(*graph.connections[n].shape) for n in masked}
    variables = {names[n]: torch.tensor(of, dtype=torch.float64, requires_grad=True) for n, of in keep.items()}
    known = dict(model.named_parameters())
    multiplied = {key: known[key].detach() * by.double() for key, by in factors(name, variables).items()}
    outputs = torch.func.functional_call(model, multiplied, (inputs,))
    expected = functional.cross_entropy(outputs[:, TASKS["one"]], labels[:, 0])
    expected.backward()
    loss, slopes = runner.weight_mask_gradient(keep, 0, np.arange(7))
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for n in masked:
        np.testing.assert_allclose(slopes[n], variables[names[n]].grad, rtol=1e-4, atol=1e-6, err_msg=str(names[n]))
        assert slopes[n].any()


def test_a_matrix_for_all_slices_is_shared_by_their_units_and_one_for_each_is_not():
    model, inputs = with_slices().eval(), torch.randn(7, 3)
    captured = capture(model, inputs[:2], TASKS)
    runner = captured.runner([(inputs, torch.randint(0, 2, (7, 2)))])
    assert runner.maskable([0, 1, 3]) == (0, 1, 3)
    with pytest.raises(NotApplicableError, match="found one in which units share the weights of 'matmul'"):
        runner.maskable([2])
    # Of the first matrices, each unit reads those of its own slice.
    keep = of_units(6, 8)
    _, slopes = runner.weight_mask_gradient({1: keep}, 0, np.arange(7))
    assert ((slopes[1] != 0) == np.kron(np.eye(2), np.ones((3, 4)))).all()


def stream(m, x):
    x = m.a(x)
    x = x + m.c(m.b(x).relu())
    return m.head(x)


def shared(m, x):
    x = m.a(x)
    return m.head(torch.relu(x) + torch.tanh(x))


def tied(m, x):
    return m.head(m.b(m.b(m.a(x).relu()).relu()).relu())


def shortcut(m, x):
    x = m.a(x).relu()
    return m.head((x + m.b(x)).relu())


def own(m, x):
    return m.head(torch.ops.mine.turned(m.a(x).relu()).relu())


REFUSED = {
    "a stream": (stream, "'input' → 'b'", "one that is composed of the weights of 'a' and 'b'"),
    "weights of two units": (shared, "'input' → 'a'", "one that shares the weights of 'a' with 'input' → 'a#2'"),
    "a layer used twice": (tied, "'a' → 'b'", "one that shares the weights of 'b' with 'b' → 'b#2'"),
    "a shortcut": (shortcut, "'a' → 'b'", "one that adds a shortcut without weights to them"),
    "an operator of one's own": (own, "'a' → 'relu'", "one whose weights an operator of your own does not tell"),
}


@pytest.fixture
def turned():
    """An operator that multiplies by a matrix which it does not show."""
    with torch.library._scoped_library("mine", "FRAGMENT") as library:
        library.define("turned(Tensor x) -> Tensor")
        library.impl("turned", lambda x: x.flip(-1), "CompositeExplicitAutograd")

        @operator("mine.turned.default")
        def of_units(at, value):
            """Turn features round."""
            return at.linear(at.read(value, -1), matrix_map(np.eye(4, dtype=np.float32)[::-1]), -1, "neuron")

        yield
        OPERATORS.forget("mine.turned.default")


@pytest.mark.parametrize("name", REFUSED)
def test_weights_that_are_not_of_one_connection_are_refused(name, turned):
    function, connection, found = REFUSED[name]
    model = Net(function, a=dense(3, 4), b=dense(4, 4), c=dense(4, 4), head=dense(4, 5)).eval()
    captured = capture(model, torch.randn(2, 3), TASKS, metadata={"name": "net"})
    runner = captured.runner([(torch.randn(4, 3), torch.zeros(4, 2, dtype=torch.int64))])
    said = (
        f"connection {connection} of network 'net': expected weights of its own in one operator, found {found}; "
        "split populations without it, or mask units"
    )
    with pytest.raises(NotApplicableError) as refused:
        apply("learned-mask:over=weights", captured.graph, runner)
    assert str(refused.value) == said
    ends = [
        (captured.graph.populations[c.source].name, captured.graph.populations[c.target].name)
        for c in captured.graph.connections
    ]
    number = ends.index(tuple(end.strip("'") for end in connection.split(" → ")))
    with pytest.raises(NotApplicableError, match="expected weights of its own"):
        runner.weight_mask_gradient(
            {number: np.ones(captured.graph.connections[number].shape, np.float32)}, 0, np.arange(2)
        )


def test_parts_of_one_parameter_are_of_connections_of_their_own():
    """Attention across two streams takes its queries and its keys from one parameter."""

    class Across(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = dense(3, 4), dense(3, 4)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x):
            x, y = self.a(x).relu(), self.b(x).relu()
            return self.attention(x, y, y, need_weights=False)[0].mean(1)

    captured = capture(Across().eval(), torch.randn(2, 6, 3), {"one": [0, 1], "other": [2, 3]})
    runner = captured.runner([(torch.randn(4, 6, 3), torch.zeros(4, 2, dtype=torch.int64))])
    assert {label for *_, label in captured_strengths(captured)} >= {"query", "key", "value"}
    assert runner.maskable(range(len(captured.graph.connections)))


def test_what_does_not_fit_is_refused():
    make, shape = MODELS["residual"]
    captured = capture(make().eval(), torch.randn(2, *shape), TASKS)
    inputs, labels = torch.randn(4, *shape), torch.zeros(4, 2, dtype=torch.int64)
    runner = captured.runner([(inputs, labels)])
    shortcut = next(n for n, c in enumerate(captured.graph.connections) if (c.source, c.target) == (1, 3))
    known = [n for n in range(len(captured.graph.connections)) if n != shortcut]
    ones = np.ones(captured.graph.connections[shortcut].shape, np.float32)
    for number, expected in ((shortcut, known), (9, [*known[:shortcut], shortcut, *known[shortcut:]])):
        said = re.escape(f"mask: expected numbers of connections from {expected}, found {number}")
        with pytest.raises(ValueError, match=f"^{said}$"):
            runner.weight_mask_gradient({number: ones}, 0, np.arange(2))
    scored = captured.runner([(inputs, labels)], score=lambda outputs, labels: 1.0)
    with pytest.raises(NotApplicableError, match="found a score without gradient"):
        scored.weight_mask_gradient({}, 0, np.arange(2))
