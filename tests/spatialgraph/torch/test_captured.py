"""Capturing models: tasks, outputs, names, positions, precisions, and what is refused."""

import hashlib
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from spatialgraph.notes import Note
from spatialgraph.splits import apply
from spatialgraph.store import read, read_snapshot
from spatialgraph.torch import capture


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 4)).eval()


class Heads(nn.Module):
    """A trunk with two heads, returned as asked."""

    def __init__(self, form):
        super().__init__()
        self.trunk, self.left, self.right = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 2)
        self.form = form

    def forward(self, x):
        x = self.trunk(x).relu()
        left, right = self.left(x), self.right(x)
        return {"left": left, "right": right} if self.form == "dict" else (left, right)


class Words(nn.Module):
    """A model of token sequences, with an output at every token and tied embeddings."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 6)
        self.layer = nn.TransformerEncoderLayer(6, 2, 10, batch_first=True)

    def forward(self, tokens):
        return self.layer(self.embed(tokens)) @ self.embed.weight.T


class Fixed(nn.Module):
    """A model whose code fixes the number of examples."""

    def __init__(self):
        super().__init__()
        self.first, self.out = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.first(x.reshape(3, 4)).relu())


def shape_of(captured):
    return [(p.name, p.size, p.unit, p.activation, p.split) for p in captured.graph.populations]


def test_a_model_becomes_populations_named_by_its_modules():
    model = mlp()
    with torch.no_grad():
        model[1].running_var.fill_(4)
        model[1].weight.fill_(3)
    captured = capture(model, torch.randn(5, 6), {"even": [0, 2], "odd": [1, 3]}, metadata={"name": "mine", "seed": 3})
    assert shape_of(captured) == [
        ("input", 6, "neuron", None, False),
        ("0", 8, "neuron", "relu", True),
        ("4", 4, "neuron", "", True),
    ]
    scale = 3 / np.sqrt(4 + model[1].eps)
    np.testing.assert_allclose(captured.graph.connections[0].weight, model[0].weight.detach() * scale, rtol=1e-6)
    assert captured.graph.task_of[2].tolist() == [0, 1, 0, 1]
    assert captured.graph.tasks == ("even", "odd")
    assert captured.graph.name == "mine"
    assert captured.error == 0
    assert apply("greedy", captured.graph).membership[1].shape == (8, 2)


def test_the_model_is_left_as_it_is():
    model = mlp()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hooks = len(model[0]._forward_hooks)
    capture(model, torch.randn(5, 6)).runner([(torch.randn(9, 6), torch.zeros(9).long())]).single_ablation("mean")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert len(model[0]._forward_hooks) == hooks
    assert model(torch.randn(2, 6)).requires_grad


@pytest.mark.parametrize("form", ["dict", "tuple"])
def test_heads_are_tasks(form):
    model, inputs = Heads(form).eval(), torch.randn(12, 6)
    captured = capture(model, inputs)
    names = ("left", "right") if form == "dict" else ("task1", "task2")
    assert captured.graph.tasks == names
    assert [captured.graph.populations[k].name for k in captured.graph.output_populations] == ["left", "right"]
    assert [set(captured.graph.task_of[k]) for k in (2, 3)] == [{0}, {1}]
    labels = torch.stack([torch.randint(0, 3, (12,)), torch.randint(0, 2, (12,))], dim=1)
    returned = model(inputs)
    answers = [out.argmax(1) for out in (returned.values() if form == "dict" else returned)]
    expected = [(found == of).double().mean().item() for found, of in zip(answers, labels.T, strict=True)]
    runner = captured.runner([(inputs, labels)])
    assert runner.full.tolist() == pytest.approx(expected)
    given = captured.runner([(inputs, dict(zip(names, labels.T, strict=True)))])
    assert given.full.tolist() == pytest.approx(expected)
    # A disabled unit of the trunk changes both heads.
    split = apply("greedy", captured.graph, runner)
    assert runner.performances([split], ["zero"])[0][0].own.shape == (2,)
    assert capture(model, inputs, ["a", "b"]).graph.tasks == ("a", "b")
    if form == "dict":
        assert capture(model, inputs, {"only": "right"}).graph.task_of[2].tolist() == [-1, -1, -1]


def test_labels_that_are_numbers_of_outputs_are_classes_of_their_task():
    captured = capture(mlp(), torch.randn(5, 6), {"odd": [3, 1], "even": slice(0, 4, 2)})
    runner = captured.runner([(torch.randn(5, 6), torch.tensor([0, 1, 2, 3, -1]))])
    assert torch.stack(runner.examples.labels, dim=1).tolist() == [[-1, 0], [0, -1], [-1, 1], [1, -1], [-1, -1]]
    assert runner.labelled.sum(axis=0).tolist() == [2, 2]


def test_every_place_of_a_sequence_is_answered():
    model, tokens = Words().eval(), torch.randint(0, 7, (6, 5))
    captured = capture(model, tokens)
    assert [(p.name, p.size, p.unit) for p in captured.graph.populations] == [
        ("embed", 6, "dimension"),
        ("layer.self_attn", 2, "head"),
        ("layer.linear1", 10, "neuron"),
        ("output", 7, "neuron"),
    ]
    labels = torch.randint(0, 7, (6, 5))
    runner = captured.runner([(tokens[:4], labels[:4]), (tokens[4:], labels[4:])])
    assert runner.labelled.shape == (30, 1)
    assert runner.full[0] == pytest.approx((model(tokens).argmax(-1) == labels).double().mean().item())
    assert runner.single_ablation("zero").accuracy_drop[1].shape == (2, 1)
    assert runner.statistics([1]).mean[1].shape == (2, 1)


def test_a_model_for_one_number_of_examples_runs_on_others():
    model, inputs = Fixed().eval(), torch.randn(3, 4)
    captured = capture(model, inputs)
    assert captured.program.batch == 3
    more, labels = torch.randn(7, 4), torch.randint(0, 3, (7,))
    runner = captured.runner([(more, labels)])
    outputs = torch.cat([model(more[:3]), model(more[3:6]), model(more[6:].expand(3, -1))[:1]])
    assert runner.full[0] == pytest.approx((outputs.argmax(1) == labels).double().mean().item())
    loss, gradient = runner.mask_gradient({1: np.ones(6, np.float32)}, 0, np.arange(7), "zero")
    assert loss == pytest.approx(nn.functional.cross_entropy(outputs, labels).item(), rel=1e-5)
    assert gradient[1].any()


def test_a_score_of_ones_own_judges_a_regression():
    model, inputs = mlp(), torch.randn(40, 6)
    targets = model(inputs).detach() + 0.1 * torch.randn(40, 4)
    targets[3, 1] = np.nan

    def r2(outputs, labels):
        return 1 - ((outputs - labels) ** 2).sum() / ((labels - labels.mean(axis=0)) ** 2).sum()

    captured = capture(model, inputs, {"one": [0, 1], "other": [2, 3]})
    runner = captured.runner([(inputs[:30], targets[:30]), (inputs[30:], targets[30:])], score=r2)
    known = np.arange(40) != 3
    outputs = model(inputs).detach().numpy()
    expected = [r2(outputs[known, :2], targets.numpy()[known, :2]), r2(outputs[:, 2:], targets.numpy()[:, 2:])]
    assert runner.full.tolist() == pytest.approx(expected, rel=1e-5)
    assert np.isnan(runner.guessed).all()
    effects = runner.single_ablation("mean")
    np.testing.assert_allclose(effects.loss_increase[1], effects.accuracy_drop[1])
    assert (effects.accuracy_drop[1].max(axis=0) > 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_is_captured(dtype):
    model, inputs = mlp().to(dtype), torch.randn(9, 6, dtype=dtype)
    captured = capture(model, inputs)
    runner = captured.runner([(inputs, torch.zeros(9).long())])
    assert captured.graph.connections[0].weight.dtype == np.float32
    assert 0 <= runner.full[0] <= 1
    assert np.isfinite(runner.single_ablation("incoming").loss_increase[1]).all()


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_what_is_wrapped_is_the_model_itself(wrap):
    model, inputs = mlp(), torch.randn(3, 6)
    wrapped = capture(wrap(model).eval(), inputs)
    assert shape_of(wrapped) == shape_of(capture(model, inputs))


def test_a_single_example_is_enough():
    captured = capture(mlp(), torch.randn(1, 6))
    assert captured.runner([(torch.randn(1, 6), torch.zeros(1).long())]).labelled.shape == (1, 1)


def test_populations_are_chosen_named_and_placed():
    inputs, place = torch.randn(3, 6), np.arange(16.0).reshape(8, 2)
    captured = capture(mlp(), inputs, split=[], names={"0": "hidden"}, positions={"hidden": torch.tensor(place)})
    assert [p.split for p in captured.graph.populations] == [False, False, True]
    assert (captured.graph.populations[1].position == place).all()
    assert [p.split for p in capture(mlp(), inputs, split="in*").graph.populations] == [True, False, True]


def test_what_the_graph_leaves_out_is_a_note():
    captured = capture(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2)).eval(), torch.randn(3, 4))
    [note] = captured.notes
    assert note.code == "left-out"
    assert note.values["modules"] == ("0",)
    assert Note(**captured.graph.metadata["capture"]["notes"][0]) == note


def test_a_captured_model_is_written_with_its_untrained_state(tmp_path):
    model, inputs = mlp(), torch.randn(3, 6)
    before = capture(model, inputs)
    with torch.no_grad():
        model[0].weight.add_(1)
    after = capture(model, inputs, untrained=before)
    path = after.write(tmp_path / "networks" / "mine-0.h5", kind="plain", seed=4)
    graph = read(path)
    assert (graph.name, graph.metadata["kind"], graph.metadata["seed"]) == ("mine-0", "plain", 4)
    assert (graph.connections[0].weight == after.graph.connections[0].weight).all()
    assert (read_snapshot(path, 0).connections[0].weight == before.graph.connections[0].weight).all()
    assert after.of(graph).graph is graph
    with pytest.raises(ValueError, match=r"network 'mine-0': expected the model that was captured, .* digest \w{12}…"):
        before.of(graph)


class Ordered(nn.Module):
    """A model that has its parameters in another order than it uses them in, and asks for something of its input."""

    def __init__(self, ask):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(8))
        self.first, self.out = nn.Linear(6, 8), nn.Linear(8, 3)
        self.ask = ask

    def forward(self, x):
        x = self.first(x) + self.ask(x)
        return self.out((x * self.scale).relu())


@pytest.mark.parametrize(
    "ask",
    [lambda x: 0.0, len, lambda x: torch.zeros(8).mul_(2), lambda x: torch.zeros(8)[:4].fill_(0).sum()],
    ids=["known", "len", "written", "written in part"],
)
def test_the_digest_of_a_model_is_that_of_its_parameters_in_their_order(ask):
    """Whether its program is taken apart or not: files have it."""
    model = Ordered(ask).eval()
    captured = capture(model, torch.randn(3, 6))
    assert captured.program.batch is None
    digest = captured.graph.metadata["capture"]["parameters"]
    numbers = b"".join(parameter.detach().numpy().tobytes() for parameter in model.parameters())
    assert digest == hashlib.sha256(numbers).hexdigest()


X = torch.zeros(5, 6)
REFUSED = {
    "training": (
        lambda m: capture(m.train(), X),
        r"model: .* found training mode in the model: call model.eval\(\) first",
    ),
    "part in training": (lambda m: (m[1].train(), capture(m, X)), r"found training mode in module '1'"),
    "no module": (lambda _: capture(3, X), r"model: expected a torch.nn.Module, found 'int'"),
    "no example": (lambda m: capture(m, X[:0]), "inputs: expected tensors of at least one example, found none"),
    "no tensor": (lambda m: capture(m, [1]), "inputs: expected tensors of at least one example, found none"),
    "another device": (
        lambda m: capture(m, X.to("meta")),
        "inputs: expected tensors on cpu, where the model is, found one on meta",
    ),
    "output in two tasks": (
        lambda m: capture(m, X, {"a": [0, 1], "b": [1]}),
        "tasks: expected each output in one task, found output 1 in 'a' and 'b'",
    ),
    "no such output": (lambda m: capture(m, X, {"a": slice(0, 9)}), "task 'a': expected outputs from 0 to 3, found"),
    "no output": (lambda m: capture(m, X, {"a": []}), r"task 'a': expected outputs from 0 to 3, found \[\]"),
    "no task": (lambda m: capture(m, X, {}), "tasks: expected at least one, found none"),
    "no head of that name": (
        lambda m: capture(m, X, {"a": "h"}),
        "task 'a': expected the name of a head, but none has one, found 'h'",
    ),
    "more names than heads": (
        lambda m: capture(m, X, ["a", "b"]),
        "expected a name for each of the model's 1 heads, found 2; name to a slice of its 4 outputs divides them",
    ),
    "task of another kind": (lambda m: capture(m, X, {"a": 3}), "task 'a': expected a slice or a list of outputs"),
    "no such population": (lambda m: capture(m, X, split="conv*"), r"split: .* 'conv\*'|split: expected names"),
    "no such name": (lambda m: capture(m, X, names={"q": "r"}), "names: expected names of populations, input, 0, 4"),
    "positions of another size": (
        lambda m: capture(m, X, positions={"0": np.zeros((3, 2))}),
        r"position of layer '0': expected shape \(8, dim\), found \(3, 2\)",
    ),
    "untrained model of another kind": (
        lambda m: capture(m, X, untrained=capture(nn.Linear(6, 4).eval(), X)),
        r"untrained: expected the populations of the model, found \('output', 4\) for \('0', 8\)",
    ),
    "inputs that the model refuses": (
        lambda m: capture(m, X[:, :5]),
        "inputs: expected some that the model can be called with, found RuntimeError: mat1 and mat2",
    ),
    "inputs of another shape": (lambda _: run([(X[:, :5], Y)]), r"inputs: expected shape \(examples, 6\), found"),
    "inputs of another kind": (
        lambda _: run([({"x": X}, Y)]),
        "inputs: expected 1 tensor, as the model was captured with, found a dict of x",
    ),
    "no batch": (lambda _: run(iter([])), r"batches: expected at least one \(inputs, labels\), found none"),
    "no batches": (lambda _: run(None), r"batches: expected \(inputs, labels\), several times, found a NoneType"),
    "no pair": (lambda _: run([X]), r"batch 0: expected \(inputs, labels\), found a Tensor"),
    "labels of no output": (
        lambda _: run([(X, Y + 4)]),
        "labels: expected numbers of outputs from 0 to 3, or -1 for none, found 4 to 4",
    ),
    "labels of no class": (
        lambda _: run([(X, torch.full((5, 1), 4))]),
        "labels of task 'task': expected classes from 0 to 3, or -1, found 4 to 4",
    ),
    "labels of another shape": (lambda _: run([(X, torch.zeros(5, 3))]), r"labels: expected shape \(examples, 1\)"),
    "labels that are no tensor": (
        lambda _: run([(X, (Y, Y))]),
        r"labels: expected one tensor, \(examples, 1\) with .* or a dict {'task': …} of .*, found 2 values in a tuple",
    ),
    "labels of another length": (lambda _: run([(X, Y[:3])]), "batches: expected labels for 5 examples, found 3"),
    "labels of other tasks": (lambda _: run([(X, {"b": Y})]), "labels: expected those of the tasks task, found 'b'"),
}
Y = torch.zeros(5).long()


@cache
def captured_once():
    return capture(mlp(), X)


def run(batches):
    return captured_once().runner(batches).full


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case):
    function, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as raised:
        function(mlp())
    assert "\n" not in str(raised.value)


class Drawn(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        return self.out(x) + torch.randn(2)


class Nothing(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Drawn, "outputs of the traced program that differ by at most 0.0001 .* the model may draw at random"),
        (Nothing, "model: expected an output that depends on its inputs, found none"),
    ],
)
def test_models_that_cannot_be_followed_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        capture(model().eval(), X)


class Several(nn.Module):
    """A model that is called with any number of inputs."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.out = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(8, 2)

    def forward(self, *parts):
        return self.out(torch.cat([self.left(parts[0]), self.right(parts[1])], dim=1).relu())


def test_several_inputs_are_populations_of_their_own():
    model, inputs = Several().eval(), (torch.randn(5, 3), torch.randn(5, 2))
    captured = capture(model, inputs)
    assert captured.program.batch is None
    sizes = [(p.size, p.activation) for p in captured.graph.populations]
    assert sizes == [(3, None), (2, None), (8, "relu"), (2, "")]
    expected = torch.block_diag(model.left.weight, model.right.weight).detach().numpy()
    found = np.concatenate([c.weight for c in captured.graph.connections[:2]], axis=1)
    np.testing.assert_allclose(found, expected)
    runner = captured.runner([(inputs, torch.zeros(5).long())])
    assert runner.full[0] == pytest.approx((model(*inputs).argmax(1) == 0).double().mean().item())
