"""Traced models under masks: equal to masks set by hand, and to dense networks."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from spatialgraph.network import Connection, Evaluation, Layer, Network
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.splits import apply
from spatialgraph.torch import capture

TASKS = {"one": [0, 1, 2], "other": [3, 4]}


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


class Conv(nn.Module):
    """A small residual network of channels."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(x + self.bn2(self.conv2(x)))
        return self.fc(x.mean(dim=(2, 3)))


class Transformer(nn.Module):
    """Attention over patches, with a class token."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), self.embed(x)], dim=1)
        return self.fc(self.layer(x)[:, 0])


class Recurrent(nn.Module):
    """A recurrent network that reads a sequence."""

    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(4, 7, **options)
        self.fc = nn.Linear(7 * (2 if self.rnn.bidirectional else 1), 5)

    def forward(self, x):
        sequence, _ = self.rnn(x)
        return self.fc(sequence[:, -1] if self.rnn.batch_first else sequence[-1])


def spread(model):
    """Give every parameter and statistic a value at which nothing is 0 or 1 by default."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def labels_of(count):
    return torch.stack([torch.randint(0, 3, (count,)), torch.randint(-1, 2, (count,))], dim=1)


def accuracies(outputs, labels):
    """The accuracy in each task, by hand."""
    found = []
    for columns, of_task in zip(TASKS.values(), labels.T, strict=True):
        known = of_task >= 0
        found.append((outputs[known][:, columns].argmax(1) == of_task[known]).double().mean().item())
    return found


def mean_of(emitted, dims):
    return emitted.mean(dim=dims, keepdim=True)


def compare(model, captured, inputs, labels, name, keep, hooked):
    """Compare the runner with a function that runs the model by hand: ablation → outputs."""
    runner = captured.runner([(inputs[:17], labels[:17]), (inputs[17:], labels[17:])])
    mask = {captured.graph.number(name): keep.numpy()}
    for ablation in ABLATIONS:
        with torch.no_grad():
            expected = hooked(ablation)
        [found] = list(runner._outputs([_run(mask, ablation)]))
        torch.testing.assert_close(found[2][0], expected, rtol=1e-5, atol=1e-5)
        assert runner.accuracy([mask], ablation)[0].tolist() == pytest.approx(accuracies(expected, labels), abs=1e-12)
        assert not torch.allclose(expected, model(inputs), atol=1e-3)


def _run(mask, ablation):
    from spatialgraph.torch.runner import _Run

    return _Run(mask, ablation)


def test_neurons_are_masked_as_by_a_hook():
    model = spread(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Sigmoid(), nn.Dropout(), nn.Linear(6, 5)))
    inputs, labels, keep = torch.randn(40, 4), labels_of(40), torch.tensor([1, 0, 1, 0, 0, 1], dtype=torch.bool)
    captured = capture(model, inputs[:2], TASKS)

    def hooked(ablation):
        emitted = model[:3](inputs)
        alone = torch.sigmoid(model[1](model[0].bias[None]))
        constant = {"zero": torch.zeros(1), "mean": emitted.mean(0), "incoming": alone}[ablation]
        return model[3:](torch.where(keep, emitted, constant))

    compare(model, captured, inputs, labels, "0", keep, hooked)


@pytest.mark.parametrize("name", ["conv1", "conv2"])
def test_channels_are_masked_as_by_a_hook(name):
    model = spread(Conv())
    inputs, labels, keep = torch.randn(40, 2, 5, 5), labels_of(40), torch.arange(6) % 3 != 0
    captured = capture(model, inputs[:2], TASKS)
    assert [p.name for p in captured.graph.populations] == ["input", "conv1", "conv2", "fc"]

    def constants(emitted, alone, ablation):
        return {"zero": torch.zeros(1), "mean": mean_of(emitted, (0, 2, 3)), "incoming": alone}[ablation]

    def hooked(ablation):
        """Both nonlinearities are functions, so that the forward pass is written out."""
        m, blank = model, torch.zeros(1, 6, 5, 5)
        first = torch.relu(m.bn1(m.conv1(inputs)))
        if name == "conv1":
            alone = torch.relu(m.bn1(m.conv1(torch.zeros(1, 2, 5, 5))))
            first = torch.where(keep[:, None, None], first, constants(first, alone, ablation))
        second = torch.relu(first + m.bn2(m.conv2(first)))
        if name == "conv2":
            alone = torch.relu(m.bn2(m.conv2(blank)))
            second = torch.where(keep[:, None, None], second, constants(second, alone, ablation))
        return m.fc(second.mean(dim=(2, 3)))

    compare(model, captured, inputs, labels, name, keep, hooked)


def attention(layer, x):
    """What the heads of an attention emit, written out, ``(examples, tokens, heads, dimensions)``."""
    q, k, v = (
        part.unflatten(-1, (2, 4)).transpose(1, 2)
        for part in nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
    )
    shares = torch.softmax(q @ k.mT / math.sqrt(4), dim=-1)
    return (shares @ v).transpose(1, 2)


@pytest.mark.parametrize("which", ["head", "neuron"])
def test_heads_and_neurons_of_a_transformer_are_masked_as_by_a_hook(which):
    model = spread(Transformer())
    inputs, labels = torch.randn(40, 3, 6), labels_of(40)
    captured = capture(model, inputs[:2], TASKS)
    name, size = ("layer.self_attn", 2) if which == "head" else ("layer.linear1", 12)
    keep = torch.arange(size) % 2 == 0
    layer = model.layer

    def constants(emitted, alone, ablation):
        return {"zero": torch.zeros(1), "mean": mean_of(emitted, (0, 1)), "incoming": alone}[ablation]

    def hooked(ablation):
        x = torch.cat([model.token.expand(40, -1, -1), model.embed(inputs)], dim=1)
        heads = attention(layer.self_attn, layer.norm1(x))
        if which == "head":
            # Nothing enters but biases: of the stream the class token and the bias of the embedding.
            blank = torch.cat([model.token, model.embed.bias.expand(1, 3, -1)], dim=1)
            alone = attention(layer.self_attn, layer.norm1(blank))
            heads = torch.where(keep[:, None], heads, constants(heads, alone, ablation))
        x = x + layer.self_attn.out_proj(heads.flatten(2))
        hidden = torch.relu(layer.linear1(layer.norm2(x)))
        if which == "neuron":
            blank = torch.cat([model.token, model.embed.bias.expand(1, 3, -1)], dim=1) + layer.self_attn.out_proj.bias
            alone = torch.relu(layer.linear1(layer.norm2(blank)))
            hidden = torch.where(keep, hidden, constants(hidden, alone, ablation))
        return model.fc((x + layer.linear2(hidden))[:, 0])

    compare(model, captured, inputs, labels, name, keep, hooked)


def gru_cell(rnn, x, h):
    return nn.GRUCell.forward(_cell(rnn, nn.GRUCell), x, h)


def _cell(rnn, kind):
    cell = kind(rnn.input_size, rnn.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in rnn.state_dict().items()})
    return cell


@pytest.mark.parametrize("kind", ["gru", "rnn", "lstm"])
def test_states_are_masked_at_every_step_as_by_a_loop(kind):
    layers = {"gru": (nn.GRU, nn.GRUCell), "rnn": (nn.RNN, nn.RNNCell), "lstm": (nn.LSTM, nn.LSTMCell)}
    of_layer, of_cell = layers[kind]
    model = spread(Recurrent(of_layer, batch_first=True))
    inputs, labels, keep = torch.randn(40, 6, 4), labels_of(40), torch.arange(7) % 3 != 1
    captured = capture(model, inputs[:2], TASKS)
    cell = _cell(model.rnn, of_cell)
    alone_cell = _cell(model.rnn, of_cell)
    with torch.no_grad():
        alone_cell.weight_ih.zero_()
        alone_cell.weight_hh.zero_()

    def states(of, x, replace=lambda step, h: h):
        h, c, found = torch.zeros(len(x), 7), torch.zeros(len(x), 7), []
        for step in range(6):
            if kind == "lstm":
                h, c = of(x[:, step], (h, c))
            else:
                h = of(x[:, step], h)
            h = replace(step, h)
            found.append(h)
        return torch.stack(found, 1)

    def hooked(ablation):
        whole = states(cell, inputs)
        alone = states(alone_cell, torch.zeros(1, 6, 4))[0]
        constant = {"zero": torch.zeros(6, 1), "mean": mean_of(whole, (0, 1))[0].expand(6, -1), "incoming": alone}[
            ablation
        ]
        masked = states(cell, inputs, lambda step, h: torch.where(keep, h, constant[step]))
        return model.fc(masked[:, -1])

    compare(model, captured, inputs, labels, "rnn.l0", keep, hooked)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize(
    "options", [{"batch_first": True, "num_layers": 2, "bidirectional": True}, {"num_layers": 2}, {"bias": False}]
)
def test_recurrences_step_by_step_are_those_of_pytorch(kind, options):
    """Masks that keep every unit run the layers step by step."""
    model = spread(Recurrent(kind, **options))
    inputs = torch.randn(*((9, 6) if options.get("batch_first") else (6, 9)), 4)
    if not options.get("batch_first"):
        inputs = inputs[:, :9]
        wrapped = nn.Sequential(_TimeFirst(), model)
        model, inputs = wrapped.eval(), inputs.transpose(0, 1)
    captured = capture(model, inputs[:2], TASKS)
    runner = captured.runner([(inputs, labels_of(9))])
    keep = {k: np.ones(captured.graph.populations[k].size, bool) for k in runner._hidden}
    [found] = list(runner._outputs([_run(keep, "zero")]))
    torch.testing.assert_close(found[2][0], model(inputs).detach(), rtol=1e-4, atol=1e-5)


class _TimeFirst(nn.Module):
    def forward(self, x):
        return x.transpose(0, 1)


def dense_network(rng, activation="tanh"):
    sizes = (5, 8, 6, 5)
    layers = [
        Layer(
            "input" if not k else f"layer{k}",
            size,
            activation if 0 < k < 3 else "",
            rng.normal(size=size) if k else None,
            split=k > 0,
        )
        for k, size in enumerate(sizes)
    ]
    weights = [rng.normal(size=pair[::-1]) for pair in itertools.pairwise(sizes)]
    connections = [Connection(k, k + 1, weight) for k, weight in enumerate(weights)]
    return Network(layers, connections, [0, 0, 0, 1, 1], {"tasks": ["one", "other"]})


ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "gelu": nn.GELU}


def module_of(network):
    """The same network as a module of PyTorch."""
    parts = []
    for connection, layer in zip(network.connections, network.layers[1:], strict=True):
        linear = nn.Linear(*connection.weight.shape[::-1])
        linear.weight.data, linear.bias.data = torch.tensor(connection.weight), torch.tensor(layer.bias)
        parts += [linear] + ([ACTIVATIONS[layer.activation]()] if layer.activation else [])
    return nn.Sequential(*parts).eval()


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_a_dense_network_is_what_it_is_without_pytorch(activation):
    rng = np.random.default_rng(0)
    network = dense_network(rng, activation)
    inputs = rng.normal(size=(60, 5)).astype(np.float32)
    probes = {task: rng.normal(size=(3, 4, 5)).astype(np.float32) for task in network.tasks}
    examples = Evaluation(inputs, np.stack([rng.integers(0, 3, 60), rng.integers(-1, 2, 60)], 1), probes=probes)
    captured = capture(module_of(network), torch.from_numpy(inputs[:3]), TASKS)
    one, other = DenseRunner(network, examples), captured.runner(examples)
    assert (one.full == other.full).all()
    assert (one.guessed == other.guessed).all()
    hidden = [1, 2]
    for k in hidden:
        np.testing.assert_allclose(one.deviation(hidden)[k], other.deviation(hidden)[k], rtol=1e-5)
        np.testing.assert_allclose(
            one.statistics(hidden).mean[k], other.statistics(hidden).mean[k], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(one.statistics(hidden).variance[k], other.statistics(hidden).variance[k], rtol=1e-4)
        np.testing.assert_allclose(one.task_variance(hidden)[k], other.task_variance(hidden)[k], rtol=1e-4)
    for ablation in ABLATIONS:
        effects, traced = one.single_ablation(ablation), other.single_ablation(ablation)
        np.testing.assert_allclose(effects.loss, traced.loss, rtol=1e-5)
        for k in hidden:
            np.testing.assert_allclose(effects.loss_increase[k], traced.loss_increase[k], atol=1e-5)
            np.testing.assert_allclose(effects.accuracy_drop[k], traced.accuracy_drop[k], atol=1e-12)
    for method in ("greedy", "ablation", "activation-mean", "task-variance", "spectral", "leiden"):
        split, traced = apply(method, network.graph, one), apply(method, captured.graph, other)
        for k in (1, 2, 3):
            assert (split.labels(k) == traced.labels(k)).all(), method
        for of_dense, of_traced in zip(
            one.performances([split], ABLATIONS)[0], other.performances([traced], ABLATIONS)[0], strict=True
        ):
            for name in ("full", "own", "leaked", "kept", "lesioned"):
                assert (getattr(of_dense, name) == getattr(of_traced, name)).all(), (method, name)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_gradients_of_masks_are_those_of_dense_networks(ablation):
    rng = np.random.default_rng(0)
    network = dense_network(rng)
    examples = Evaluation(rng.normal(size=(30, 5)).astype(np.float32), rng.integers(0, 2, (30, 2)))
    captured = capture(module_of(network), torch.zeros(2, 5), TASKS)
    one, other = DenseRunner(network, examples), captured.runner(examples)
    keep = {k: rng.uniform(size=network.layers[k].size).astype(np.float32) for k in (1, 2, 3)}
    chosen = np.array([3, 7, 7, 20])
    for task in (0, 1):
        (loss, gradient), (traced, of_traced) = (r.mask_gradient(keep, task, chosen, ablation) for r in (one, other))
        assert loss == pytest.approx(traced, rel=1e-5)
        for k in keep:
            np.testing.assert_allclose(gradient[k], of_traced[k], rtol=1e-4, atol=1e-6)


@pytest.fixture(
    scope="module",
    params=[
        (Conv, (2, 5, 5)),
        (Transformer, (3, 6)),
        (partial(Recurrent, nn.GRU, batch_first=True, num_layers=2), (6, 4)),
    ],
    ids=["convolution", "transformer", "gru"],
)
def doubled(request):
    """A model in double precision that was captured, and what runs it on eight examples."""
    make, shape = request.param
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = spread(make()).double()
        inputs, labels = torch.randn(8, *shape, dtype=torch.float64), torch.randint(0, 2, (8, 2))
    captured = capture(model, inputs[:2], TASKS)
    return captured, captured.runner([(inputs, labels)])


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_gradients_of_masks_are_differences_of_losses(doubled, ablation):
    captured, runner = doubled
    rng = np.random.default_rng(0)
    keep = {k: rng.uniform(0.2, 0.8, p.size).astype(np.float32) for k, p in enumerate(captured.graph.populations) if k}
    loss, gradient = runner.mask_gradient(keep, 0, np.arange(8), ablation)
    assert loss > 0
    for k, unit in [(k, int(rng.integers(len(keep[k])))) for k in keep]:
        around = []
        for step in (-2e-3, 2e-3):
            moved = {**keep, k: keep[k].copy()}
            moved[k][unit] += step
            around.append((runner.mask_gradient(moved, 0, np.arange(8), ablation)[0], float(moved[k][unit])))
        (low, at_low), (high, at_high) = around
        assert gradient[k][unit] == pytest.approx((high - low) / (at_high - at_low), rel=2e-2, abs=1e-4)


def test_learned_masks_are_made_of_traced_models():
    rng = np.random.default_rng(0)
    network = dense_network(rng)
    examples = Evaluation(rng.normal(size=(60, 5)).astype(np.float32), rng.integers(0, 2, (60, 2)))
    captured = capture(module_of(network), torch.zeros(2, 5), TASKS)
    runners = (DenseRunner(network, examples), captured.runner(examples))
    dense, traced = (apply("learned-mask:steps=40", runner.graph, runner, seed=3) for runner in runners)
    for k in (1, 2, 3):
        assert (dense.membership[k] == traced.membership[k]).all()
