"""Nonlinear operators that act on single elements, and normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from ..table import operator
from ..values import Home, Value, constant
from ..walk import Place

_ACTIVATIONS = {"leaky_relu": "leaky-relu"}  # the names of `spatialgraph.network.ACTIVATIONS`

_UNARY = (
    *(
        "relu",
        "relu6",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "elu",
        "selu",
        "celu",
        "leaky_relu",
        "rrelu",
        "hardtanh",
        "hardswish",
    ),
    *(
        "hardsigmoid",
        "softplus",
        "mish",
        "log_sigmoid",
        "softshrink",
        "hardshrink",
        "threshold",
        "prelu",
        "_prelu_kernel",
    ),
    *(
        "exp",
        "expm1",
        "log",
        "log1p",
        "abs",
        "sqrt",
        "rsqrt",
        "square",
        "reciprocal",
        "sin",
        "cos",
        "tan",
        "atan",
        "erf",
    ),
    *("clamp", "clamp_min", "clamp_max", "sign", "round", "floor", "ceil", "sinh", "cosh"),
)
_POWERS = ("aten.pow.Tensor_Scalar",)


@operator(*(f"aten.{name}.default" for name in _UNARY), *_POWERS)
def activation(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Act on every unit by a nonlinear function, which is what makes them units."""
    name = str(at.node.target).split(".")[1].lstrip("_").removesuffix("_kernel")
    if name in ("pow", "square") and _is_of_a_norm(at.node):
        return spread(at, value)
    return at.nonlinearity([value], _ACTIVATIONS.get(name, name))


@operator("aten.maximum.default", "aten.minimum.default", "aten.atan2.default")
def of_two(at: Place, one: Any, other: Any) -> Value:
    """Act on the elements of two values together."""
    values = [value for value in (one, other) if isinstance(value, Value) and value.parts]
    labels = ("factor1", "factor2") if len(values) > 1 else ("",)
    return at.nonlinearity(values, str(at.node.target).split(".")[1], labels)


@operator("aten.glu.default")
def gated(at: Place, value: Value, dim: int = -1) -> Value:
    """Multiply one half of the features by the sigmoid of the other half."""
    half, gate = (value.reshaped(index) for index in value.index.chunk(2, dim))
    return at.nonlinearity([half, gate], "glu", ("factor1", "factor2"))


@operator("aten.softmax.int", "aten._softmax.default", "aten.log_softmax.int", "aten._log_softmax.default")
def softmax(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Make shares of attention scores; of other features, units."""
    return at.nonlinearity([value], str(at.node.target).split(".")[1].lstrip("_"))


@operator(
    "aten.batch_norm.default",
    "aten._native_batch_norm_legit_no_training.default",
    "aten.cudnn_batch_norm.default",
    "aten.native_batch_norm.default",
)
def batch_norm(at: Place, value: Value, weight: Any, bias: Any, *arguments: Any, **named: Any) -> Any:
    """Scale every channel by gain / spread, as it was in training."""
    del bias
    flags = [argument for argument in arguments if isinstance(argument, bool)]
    mean, variance = (a for a in arguments if isinstance(a, Tensor))
    epsilon = [argument for argument in arguments if isinstance(argument, float)][-1]
    if flags and flags[0]:
        raise ValueError(at.unfit("a batch norm in evaluation mode", "one that is training"))
    del mean
    factor = 1 / (variance.double() + epsilon).sqrt() * (1 if weight is None else weight.double())
    result = _named_after(at, at.scaled(value, factor.reshape(-1, *[1] * (value.index.ndim - 2))))
    if isinstance(at.output, Tensor):
        return result
    return (result, *(constant(output, value.home) for output in at.output[1:]))


@operator("aten.layer_norm.default", "aten.native_layer_norm.default", "aten.rms_norm.default")
def layer_norm(at: Place, value: Value, shape: Sequence[int], weight: Any = None, *arguments: Any, **named: Any) -> Any:
    """Scale every feature by its gain; that its example's mean and spread are taken out is left out."""
    at.leave_out("the mean and the spread of each example, which layer norms take out")
    result = _named_after(at, value if weight is None else at.scaled(value, weight))
    if isinstance(at.output, Tensor):
        return result
    return (result, *(constant(output, value.home) for output in at.output[1:]))


@operator("aten.group_norm.default", "aten.instance_norm.default")
def group_norm(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Scale every channel by its gain; that its group's mean and spread are taken out is left out."""
    at.leave_out("the mean and the spread of each example, which group norms take out")
    weight = next((a for a in arguments if isinstance(a, Tensor)), None)
    factor = None if weight is None else weight.reshape(-1, *[1] * (value.index.ndim - 2))
    return _named_after(at, value if factor is None else at.scaled(value, factor))


@operator("aten.native_group_norm.default")
def native_group_norm(at: Place, value: Value, weight: Any, *arguments: Any, **named: Any) -> Any:
    """Scale every channel by its gain, as a group norm does."""
    first = replace_output(at, at.output[0])
    return (group_norm(first, value, 1, weight), *(constant(output, value.home) for output in at.output[1:]))


@operator("aten.linalg_vector_norm.default", "aten.norm.ScalarOpt_dim", "aten.var.correction", "aten.std.correction")
def spread(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Take the spread of each example, by which it is then divided: it is left out."""
    at.leave_out("the spread of each example, by which it is divided")
    return constant(at.output, value.home)


@operator("aten.zeros_like.default", "aten.ones_like.default", "aten.full_like.default", "aten.empty_like.default")
def filled(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Make a constant of the same shape."""
    return constant(at.output, value.home)


@operator("aten.argmax.default", "aten.argmin.default")
def position(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Say where the largest element is, which is no unit's activation."""
    return constant(at.output, value.home)


@operator("aten.embedding.default")
def embedding(at: Place, weight: Any, indices: Any, *arguments: Any, **named: Any) -> Value:
    """Look up the vector of a token: its dimensions are inputs of the network."""
    if isinstance(weight, Value):
        raise ValueError(at.unfit("a table that is the same in every example", "one that depends on the inputs"))
    index = torch.arange(weight.shape[1]).expand(at.output.shape)
    return at.walk.enter(at.node, Home(at.module, "dimension"), "dimension", None, index, weight.shape[1], 1, ())


# What root-mean-square norms that are written by hand do with the squares of what they divide.
_OF_NORMS = (("mean",), ("add", "clamp", "clamp_min"), ("rsqrt", "sqrt"))


def _is_of_a_norm(node: Node) -> bool:
    """Return whether squares are averaged, and their root taken."""
    for names in _OF_NORMS:
        users = [user for user in node.users if str(user.target).split(".")[1] in names]
        if len(users) != len(node.users) or len(users) != 1:
            return False
        (node,) = users
    return True


def _named_after(at: Place, value: Value) -> Value:
    """Return features that are called after the norm, unless no nonlinearity acted on them since they were made."""
    return value if value.home.fresh else Value(value.index, value.size, value.parts, at.home(value.home.unit))


def replace_output(at: Place, output: Any) -> Place:
    """Return the place of an operator of whose outputs one is meant."""
    return Place(at.walk, at.node, at.module, output)
