"""Strengths where streams meet: shortcuts, concatenation, gates, attention, recurrence; see `jacobians`."""

import numpy as np
import pytest
import torch
from jacobians import assert_exact, captured_strengths
from torch import nn
from torch.nn import functional

from spatialgraph.torch import capture


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def with_statistics(model):
    """Give norms other statistics, gains and shifts than those that they begin with."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.LayerNorm):
            nn.init.normal_(module.weight)
    return model


class Of(nn.Module):
    """A model of some modules and a function of them and the input."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def conv(i, o, k=3, **kw):
    return nn.Sequential(nn.Conv2d(i, o, k, padding=k // 2, bias=False, **kw), nn.BatchNorm2d(o))


def after_activation(m, x):
    x = functional.relu(m.stem(x))
    x = functional.relu(x + m.b(functional.relu(m.a(x))))
    return m.head(functional.relu(m.short(x) + m.d(functional.relu(m.c(x)))).mean((2, 3)))


def before_activation(m, x):
    x = m.stem(x)
    x = x + m.b(functional.relu(m.a(functional.relu(x))))
    x = m.short(x) + m.d(functional.relu(m.c(functional.relu(x))))
    return m.head(functional.relu(x).mean((2, 3)))


def residual(function):
    return Of(
        function,
        stem=conv(2, 4),
        a=conv(4, 3),
        b=conv(3, 4),
        c=conv(4, 5, stride=2),
        d=conv(5, 6),
        short=conv(4, 6, 1, stride=2),
        head=nn.Linear(6, 2),
    )


def concatenated(m, x):
    x = functional.relu(m.stem(x))
    for layer in (m.a, m.b, m.c):
        x = torch.cat([x, layer(functional.relu(x))], 1)
    return m.head(functional.relu(x).mean((2, 3)))


def squeezed(m, x):
    x = functional.relu(m.stem(x))
    gate = torch.sigmoid(m.b(functional.relu(m.a(x.mean((2, 3), keepdim=True)))))
    return m.head(functional.relu(m.c(x * gate)).mean((2, 3)))


def parallel(m, x):
    x = functional.relu(m.stem(x))
    return m.head(functional.relu(m.a(x) + m.b(x) + x).mean((2, 3)))


def used_twice(m, x):
    return m.head(functional.relu(m.a(functional.relu(m.a(functional.relu(m.stem(x)))))))


def in_place(m, x):
    x = m.stem(x)
    x += 1
    x.relu_()
    y = m.a(x)
    y.mul_(2).add_(x)
    y[:, 0] = 0
    return m.head(functional.relu_(y))


def in_place_beneath_others(m, x):
    x = m.stem(x)
    one, all_of_them = x[:, :1], functional.dropout(x, 0.5, training=False)
    x.relu_()
    y = m.a(torch.cat([one, all_of_them[:, 1:]], dim=1))
    y.tanh_()
    return y


def divided(m, x):
    one, other = functional.relu(m.stem(x)).chunk(2, dim=1)
    return m.head(torch.cat([other, m.a(one)], dim=1))


def gated(m, x):
    return m.head(functional.glu(m.stem(x)) * functional.silu(m.a(x)))


def written_into(m, x):
    x = functional.relu(m.stem(x))
    y = m.a(x).clone()
    y[:, :2] = m.b(x)[:, 1:]
    y[:, 2] = x[:, 0]
    return m.head(functional.relu(y))


def chosen(m, x):
    x = functional.relu(m.stem(x))
    return m.head(functional.relu(torch.where(torch.tensor([True, False, True, True]), m.a(x), -x)))


MODELS = {
    "residual, activation after": lambda: (residual(after_activation), numbers(2, 2, 12, 12)),
    "residual, activation before": lambda: (residual(before_activation), numbers(2, 2, 12, 12)),
    "concatenated": lambda: (
        Of(concatenated, stem=conv(2, 3), a=conv(3, 2), b=conv(5, 2), c=conv(7, 2), head=nn.Linear(9, 2)),
        numbers(2, 2, 10, 10),
    ),
    "squeeze and excite": lambda: (
        Of(squeezed, stem=conv(2, 4), a=nn.Conv2d(4, 2, 1), b=nn.Conv2d(2, 4, 1), c=conv(4, 3), head=nn.Linear(3, 2)),
        numbers(2, 2, 8, 8),
    ),
    "parallel convolutions": lambda: (
        Of(parallel, stem=conv(2, 4), a=conv(4, 4), b=conv(4, 4, 1), head=nn.Linear(4, 2)),
        numbers(2, 2, 8, 8),
    ),
    "used twice": lambda: (
        Of(used_twice, stem=nn.Linear(3, 4), a=nn.Linear(4, 4), head=nn.Linear(4, 2)),
        numbers(2, 3),
    ),
    "in place": lambda: (Of(in_place, stem=nn.Linear(3, 4), a=nn.Linear(4, 4), head=nn.Linear(4, 2)), numbers(2, 3)),
    "in place beneath others": lambda: (
        Of(in_place_beneath_others, stem=nn.Linear(3, 4), a=nn.Linear(4, 2)),
        numbers(2, 3),
    ),
    "written into": lambda: (
        Of(written_into, stem=nn.Linear(3, 4), a=nn.Linear(4, 4), b=nn.Linear(4, 3), head=nn.Linear(4, 2)),
        numbers(2, 3),
    ),
    "chosen": lambda: (Of(chosen, stem=nn.Linear(3, 4), a=nn.Linear(4, 4), head=nn.Linear(4, 2)), numbers(2, 3)),
    "divided": lambda: (Of(divided, stem=nn.Linear(3, 4), a=nn.Linear(2, 3), head=nn.Linear(5, 2)), numbers(2, 3)),
    "gated": lambda: (Of(gated, stem=nn.Linear(3, 8), a=nn.Linear(3, 4), head=nn.Linear(4, 2)), numbers(2, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_streams(name):
    model, inputs = MODELS[name]()
    assert_exact(with_statistics(model), inputs)


class Tokens(nn.Module):
    """A vision transformer in small: patches, a class token, positions, blocks, a head on the class token.

    Of its patches it asks how many examples there are, by `len` if so told, which is traced in another, slower way.
    """

    def __init__(self, *blocks, token=True, dim=8, count=lambda x: x.shape[0]):
        super().__init__()
        self.count = count
        self.patch = nn.Conv2d(2, dim, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, dim)) if token else None
        self.place = nn.Parameter(torch.randn(1, 4 + token, dim))
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(self.count(x), -1, -1), x], 1)
        return self.head(self.norm(self.blocks(x + self.place))[:, 0])


class Written(nn.Module):
    """A block of attention that is written by hand."""

    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return x + self.out(self.mix(q, k, v).transpose(1, 2).reshape(b, t, d))

    def mix(self, q, k, v):
        return (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) @ v


class Fused(Written):
    def mix(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)


class Multihead(nn.Module):
    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x):
        y = self.norm(x)
        return x + self.attention(y, y, y, need_weights=False)[0]


def encoder(**options):
    return nn.TransformerEncoderLayer(8, 2, 12, dropout=0.1, batch_first=True, **options)


TRANSFORMERS = {
    "fused": lambda: Tokens(Fused(), Fused(), token=False),
    "class token": lambda: Tokens(Fused(), encoder(norm_first=True), count=len),
    "multihead": lambda: Tokens(Multihead(), Multihead(), token=False),
    "norm first": lambda: Tokens(encoder(norm_first=True), encoder(norm_first=True), token=False),
    "norm last": lambda: Tokens(encoder(), encoder(activation="gelu"), token=False),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(name):
    assert_exact(with_statistics(TRANSFORMERS[name]()), numbers(2, 2, 8, 8))


def test_attention_written_by_hand_has_the_strengths_of_the_fused_operator():
    inputs, fused, written = numbers(2, 2, 8, 8), Tokens(Fused(), Fused()), Tokens(Written(), Written())
    written.load_state_dict(fused.state_dict())
    one, other = (captured_strengths(capture(m.double().eval(), inputs)) for m in (fused, written))
    assert one.keys() == other.keys()
    assert {label for _, _, label in one} == {"", "query", "key", "value"}
    for key, weight in one.items():
        np.testing.assert_allclose(other[key], weight, atol=1e-6)


def test_masks_bias_and_where_leave_attention_what_it_is():
    class Masked(Written):
        def mix(self, q, k, v):
            scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
            scores = torch.where(mask, scores, -1e9) + torch.arange(4.0)
            return functional.dropout(scores.masked_fill(~mask, float("-inf")).softmax(-1), 0.1, self.training) @ v

    inputs, fused, masked = numbers(2, 2, 8, 8), Tokens(Fused(), token=False), Tokens(Masked(), token=False)
    masked.load_state_dict(fused.state_dict())
    one, other = (captured_strengths(capture(m.double().eval(), inputs)) for m in (fused, masked))
    assert one.keys() == other.keys()
    for key, weight in one.items():
        np.testing.assert_allclose(other[key], weight, atol=1e-6)


def test_attention_across_two_streams():
    def across(m, x, y):
        return m.head(m.attention(m.a(x).relu(), m.b(y).relu(), m.b(y).relu(), need_weights=False)[0])

    model = Of(
        across,
        a=nn.Linear(3, 4),
        b=nn.Linear(2, 4),
        attention=nn.MultiheadAttention(4, 2, batch_first=True),
        head=nn.Linear(4, 2),
    )
    captured = assert_exact(model, (numbers(2, 5, 3), numbers(2, 6, 2)))
    assert {(k[0], k[2]) for k in captured_strengths(captured) if k[1] == "attention"} == {
        ("a", "query"),
        ("b", "key"),
        ("b#2", "value"),
    }


def test_heads_that_share_keys_and_values():
    def grouped(m, x):
        q = m.q(x).unflatten(-1, (4, 2)).transpose(1, 2)
        k, v = (f(x).unflatten(-1, (2, 2)).transpose(1, 2) for f in (m.k, m.v))
        return m.head(functional.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2).flatten(2))

    model = Of(grouped, q=nn.Linear(3, 8), k=nn.Linear(3, 4), v=nn.Linear(3, 4), head=nn.Linear(8, 2)).double().eval()
    captured = capture(model, numbers(2, 5, 3))
    strengths = captured_strengths(captured)
    population = captured.graph.populations[1]
    assert (population.size, population.unit) == (4, "head")
    for label, layer, head in (
        ("query", model.q, [0, 1, 2, 3]),
        ("key", model.k, [0, 0, 1, 1]),
        ("value", model.v, [0, 0, 1, 1]),
    ):
        norm = layer.weight.detach().unflatten(0, (-1, 2)).norm(dim=1)[head]
        np.testing.assert_allclose(
            strengths[captured.graph.populations[0].name, population.name, label], norm, atol=1e-6
        )


KINDS = {"tanh": (nn.RNN, 1), "gru": (nn.GRU, 3), "lstm": (nn.LSTM, 4)}


@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_layers(kind):
    layer, gates = KINDS[kind]
    rnn = layer(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    model = Of(lambda m, x: m.head(m.rnn(x)[0][:, -1]), rnn=rnn, head=nn.Linear(8, 2)).double().eval()
    captured = capture(model, numbers(2, 5, 3))
    strengths = captured_strengths(captured)
    source = captured.graph.populations[0].name
    of = ("l0", "l0_reverse", "l1", "l1_reverse")

    def norm(weight):
        return weight.detach().unflatten(0, (gates, -1)).norm(dim=0)

    expected = {("rnn." + name, "rnn." + name, ""): norm(getattr(rnn, f"weight_hh_{name}")) for name in of}
    expected |= {(source, "rnn." + name, ""): norm(getattr(rnn, f"weight_ih_{name}")) for name in of[:2]}
    for name in of[2:]:
        below = getattr(rnn, f"weight_ih_{name}")
        expected["rnn.l0", "rnn." + name, ""] = norm(below[:, :4])
        expected["rnn.l0_reverse", "rnn." + name, ""] = norm(below[:, 4:])
    weight = model.head.weight.detach().abs()
    expected |= {("rnn.l1", "head", ""): weight[:, :4], ("rnn.l1_reverse", "head", ""): weight[:, 4:]}
    assert strengths.keys() == expected.keys()
    for key, one in expected.items():
        np.testing.assert_allclose(strengths[key], one, atol=1e-6, err_msg=str(key))


def test_the_last_state_and_the_sequence_are_one_population():
    def both(m, x):
        sequence, last = m.rnn(x)
        return m.a(sequence[:, -1]) + m.b(last[0])

    model = Of(both, rnn=nn.GRU(3, 4, batch_first=True), a=nn.Linear(4, 2), b=nn.Linear(4, 2)).double().eval()
    captured = capture(model, numbers(2, 5, 3))
    weight = (model.a.weight + model.b.weight).detach().abs()
    np.testing.assert_allclose(captured_strengths(captured)["rnn.l0", "a", ""], weight, atol=1e-6)


def test_a_decoder_that_begins_with_the_state_of_an_encoder():
    def decoded(m, x, y):
        return m.head(m.decoder(y, m.encoder(x)[1])[0])

    model = (
        Of(
            decoded,
            encoder=nn.RNN(3, 4, batch_first=True),
            decoder=nn.RNN(2, 4, batch_first=True),
            head=nn.Linear(4, 2),
        )
        .double()
        .eval()
    )
    strengths = captured_strengths(capture(model, (numbers(2, 5, 3), numbers(2, 6, 2))))
    again = model.decoder.weight_hh_l0.detach().abs()
    np.testing.assert_allclose(strengths["encoder.l0", "decoder.l0", "initial"], again, atol=1e-6)
    np.testing.assert_allclose(strengths["decoder.l0", "decoder.l0", ""], again, atol=1e-6)


def test_embeddings_are_inputs_and_tied_outputs_read_by_the_same_weights():
    def language(m, words):
        x = m.words(words) + m.places(torch.arange(words.shape[1]))
        return functional.linear(m.norm(functional.gelu(m.a(x))), m.words.weight)

    model = (
        Of(language, words=nn.Embedding(7, 4), places=nn.Embedding(5, 4), a=nn.Linear(4, 4), norm=nn.LayerNorm(4))
        .double()
        .eval()
    )
    captured = capture(model, torch.arange(10).reshape(2, 5) % 7)
    assert [(p.name, p.size, p.unit, p.activation) for p in captured.graph.populations] == [
        ("words", 4, "dimension", None),
        ("a", 4, "neuron", "gelu"),
        ("output", 7, "neuron", ""),
    ]
    strengths = captured_strengths(captured)
    np.testing.assert_allclose(strengths["words", "a", ""], model.a.weight.detach().abs(), atol=1e-6)
    np.testing.assert_allclose(strengths["a", "output", ""], model.words.weight.detach().abs(), atol=1e-6)


def test_heads_with_a_matrix_each_are_those_of_one_matrix():
    class Einsum(Written):
        def __init__(self):
            super().__init__()
            self.into = nn.Parameter(torch.randn(3, 2, 8, 4))
            self.back = nn.Parameter(torch.randn(2, 4, 8))

        def forward(self, x):
            q, k, v = (torch.einsum("bpd,hde->bphe", self.norm(x), weight) for weight in self.into)
            shares = (torch.einsum("bqhe,bkhe->bhqk", q, k) / 2).softmax(-1)
            return x + torch.einsum("bqhe,hed->bqd", torch.einsum("bhqk,bkhe->bqhe", shares, v), self.back)

    inputs, einsum, fused = numbers(2, 2, 8, 8), Tokens(Einsum(), token=False), Tokens(Fused(), token=False)
    with torch.no_grad():
        block = einsum.blocks[0]
        fused.load_state_dict(einsum.state_dict(), strict=False)
        fused.blocks[0].qkv.weight.copy_(block.into.transpose(2, 3).reshape(24, 8))
        fused.blocks[0].out.weight.copy_(block.back.reshape(8, 8).T)
    one, other = (captured_strengths(capture(m.double().eval(), inputs)) for m in (fused, einsum))
    for weight, again in zip(one.values(), other.values(), strict=True):
        np.testing.assert_allclose(again, weight, atol=1e-6)


def by_slice(m, x):
    x = functional.relu(m.stem(x)).unflatten(-1, (2, 4))
    return m.head(functional.relu(torch.einsum("bphe,hef->bphf", x, m.weight)).flatten(2)).mean(1)


def root_mean_square(m, x):
    x = functional.relu(m.stem(x))
    return m.head(functional.relu(m.a(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * m.gain)))


def test_matrices_for_each_slice_are_blocks_of_one():
    model = Of(by_slice, stem=nn.Linear(3, 8), weight=nn.Parameter(torch.randn(2, 4, 3)), head=nn.Linear(6, 2))
    captured = capture(model.double().eval(), numbers(2, 5, 3))
    expected = torch.block_diag(*model.weight.detach().mT).abs()
    population = captured.graph.populations[2].name
    np.testing.assert_allclose(captured_strengths(captured)["stem", population, ""], expected, atol=1e-6)


def test_a_root_mean_square_norm_by_hand_is_its_gain():
    gain = nn.Parameter(torch.randn(4))
    model = Of(root_mean_square, stem=nn.Linear(3, 4), gain=gain, a=nn.Linear(4, 5), head=nn.Linear(5, 2))
    captured = capture(model.double().eval(), numbers(2, 3))
    assert [p.size for p in captured.graph.populations] == [3, 4, 5, 2]
    np.testing.assert_allclose(
        captured_strengths(captured)["stem", "a", ""], (model.a.weight * gain).detach().abs(), atol=1e-6
    )
    assert "spread" in str(captured.notes[0])
