"""The table of operators, its page, and what is said of models that cannot be followed."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from spatialgraph.torch import capture
from spatialgraph.torch.operators import OPERATORS
from spatialgraph.torch.table import described

PAGE = Path(__file__).parents[3] / "docs" / "models" / "operators.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_has_every_operator():
    table = PAGE.read_text(encoding="utf-8").split("a test compares. -->\n\n")[1].rstrip("\n")
    assert table == described()


def test_the_examples_of_the_page_print_what_they_say():
    said, names = [], {}
    try:
        for code in blocks("python"):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(code, str(PAGE), "exec"), names)
            said.append(printed.getvalue())
    finally:
        if "mine.swish.default" in OPERATORS:
            OPERATORS.forget("mine.swish.default")
    assert said == blocks("text")


class Of(nn.Module):
    """A model of some modules and a function of them and the input."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def of_scores(function):
    """Return a model that does something odd with attention scores."""
    return Of(
        lambda m, x: function(m, m.q(x) @ m.k(x).mT, m.k(x)), q=nn.Linear(3, 4), k=nn.Linear(3, 4), out=nn.Linear(5, 2)
    )


SCORES = (
    "expected features, or attention scores that are only scaled, masked, shared out by a nonlinearity and multiplied "
    "by values, found attention scores used otherwise; see docs/models/operators.md"
)
PAGE_NAME = "see docs/models/operators.md"
ERRORS = {
    "not in the table": (
        Of(lambda m, x: m.out(torch.fft.rfft(m.a(x)).real), a=nn.Linear(3, 4), out=nn.Linear(3, 2)),
        "operator in the model's own forward: expected an operator that spatialgraph knows, found "
        'aten._fft_r2c.default; a function with @operator("aten._fft_r2c.default") from spatialgraph.torch adds it, '
        + PAGE_NAME,
    ),
    "in a module": (
        nn.Sequential(nn.Linear(3, 4), Of(lambda m, x: torch.fft.rfft(x).real)),
        "operator in module '1': expected an operator that spatialgraph knows, found aten._fft_r2c.default; a "
        'function with @operator("aten._fft_r2c.default") from spatialgraph.torch adds it, ' + PAGE_NAME,
    ),
    "scores that are read by a layer": (
        of_scores(lambda m, scores, k: m.out(scores)),
        f"operator in module 'out': {SCORES}",
    ),
    "scores that are put together": (
        of_scores(lambda m, scores, k: torch.cat([scores, scores])),
        f"operator in the model's own forward: {SCORES}",
    ),
    "scores that are added to features": (
        of_scores(lambda m, scores, k: scores + k[..., :1]),
        f"operator in the model's own forward: {SCORES}",
    ),
    "weights that depend on the inputs": (
        Of(lambda m, x: functional.linear(x[0], m.a(x[0])), a=nn.Linear(3, 3)),
        "operator in the model's own forward: expected weights that are the same in every example, found some "
        f"that depend on the inputs; {PAGE_NAME}",
    ),
    "a state that is projected": (
        Of(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(3, 4, proj_size=2, batch_first=True)),
        "operator in module 'rnn': expected layers without a projection of their state, found an LSTM with proj_size; "
        + PAGE_NAME,
    ),
    "elements chosen by the inputs": (
        Of(lambda m, x: m.a(x).gather(2, x.argmax(1, keepdim=True).expand(-1, 5, -1)), a=nn.Linear(3, 4)),
        "operator in the model's own forward: expected elements that are moved alike in every example, found units "
        f"chosen by the inputs; {PAGE_NAME}",
    ),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_followed_is_one_line_that_says_where(name):
    model, message = ERRORS[name]
    with pytest.raises(ValueError, match=r"^operator ") as error:
        capture(model.eval(), torch.zeros(2, 5, 3))
    # The name of the operator is PyTorch's, which numbers them.
    assert re.sub(r"^operator \w+", "operator", str(error.value)) == message


def test_control_flow_that_depends_on_values_is_said_to_be_so():
    model = Of(lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), a=nn.Linear(3, 4), b=nn.Linear(3, 4)).eval()
    with pytest.raises(ValueError, match="Could not guard on data-dependent expression") as error:
        capture(model, torch.zeros(2, 3))
    assert str(error.value).startswith(
        "model: expected one that torch.export traces, whose control flow does not depend on the values of tensors, "
        "found "
    )
    assert "\n" not in str(error.value)


def test_training_mode_is_refused_with_its_module():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"^model: expected evaluation mode, found training mode in module '1'"):
        capture(model, torch.zeros(2, 3))
