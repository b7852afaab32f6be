"""Linear operators: dense layers, convolutions, sums, products with constants, means and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from ...graph.graph import IntArray
from ..maps import Weights, kernel_map, matrix_map, weights_of_matrix
from ..table import operator
from ..values import Part, Value, constant, distinct, readings
from ..walk import Place


@operator("aten.linear.default")
def linear(at: Place, value: Value, weight: Any, bias: Any = None) -> Value:
    """Read features by a dense layer, y = W x + b."""
    del bias
    return dense(at, value, weight, 1)


@operator("aten.addmm.default")
def addmm(at: Place, bias: Any, value: Any, weight: Any, **named: Any) -> Value:
    """Read features by a dense layer that is written as a product of matrices."""
    product = _matmul(at, value, weight, 1)
    return at.added([product, bias]) if isinstance(bias, Value) else product


@operator("aten.matmul.default", "aten.mm.default", "aten.bmm.default")
def matmul(at: Place, one: Any, other: Any) -> Value:
    """Multiply matrices: a dense layer if one is constant, else attention or a product of two streams."""
    return _matmul(at, one, other, 0)


def _matmul(at: Place, one: Any, other: Any, first: int) -> Value:
    """Multiply matrices, the arguments ``first`` and the next of the operator."""
    from .attention import product

    if isinstance(one, Value) and isinstance(other, Value):
        return product(at, one, other)
    if isinstance(one, Value):
        make = dense if other.ndim == 2 else _dense_by_slice
        return make(at, one, other.mT, first + 1, turned=True)
    if one.ndim == 2:
        return dense(at, other, one, first, axis=-2)
    turned = replace(at, output=at.output.mT)
    made = _dense_by_slice(turned, other.reshaped(other.index.mT), one, first)
    return made.reshaped(made.index.mT)


def _dense_by_slice(at: Place, value: Value, weight: Tensor, argument: int, *, turned: bool = False) -> Value:
    """Return what dense layers make, one for each slice along the dimensions before the last two.

    Args:
        at: the operator.
        value: what they read, along its last dimension.
        weight: ``(..., outputs, inputs)``.
        argument: the place of the weights among the operator's arguments.
        turned: whether their last two dimensions are the other way round there.
    """
    lead = weight.shape[:-2]
    shape = np.broadcast_shapes(value.index.shape, (*lead, 1, weight.shape[-1]))
    index = value.index.broadcast_to(shape).movedim(list(range(-2 - len(lead), -2)), list(range(-1 - len(lead), -1)))
    # The inputs of all slices lie beside each other, and so do the outputs, each slice reading its own.
    beside = at.read(value.reshaped(index.flatten(-1 - len(lead))), -1)
    blocks = sparse.block_diag([numbers(part) for part in weight.flatten(0, -3)], format="csr")
    where = weights_of_matrix(at.node, (argument,), weight.shape, turned=turned)
    outer = matrix_map(sparse.csr_array(blocks), where)
    made = beside.through(outer, torch.arange(blocks.shape[0]), at.home("neuron"))
    outputs = made.index.reshape(*lead, 1, weight.shape[-2])
    return made.reshaped(outputs.broadcast_to(at.output.shape))


def dense(at: Place, value: Value, weight: Any, argument: int, *, axis: int = -1, turned: bool = False) -> Value:
    """Return what a dense layer makes of the features along an axis.

    Args:
        at: the operator.
        value: what it reads.
        weight: ``(outputs, inputs)``, constant.
        argument: the place of the weights among the operator's arguments.
        axis: where the inputs lie; the outputs lie there too.
        turned: whether the weights' dimensions are the other way round in the argument.
    """
    if isinstance(weight, Value):
        raise ValueError(at.unfit("weights that are the same in every example", "some that depend on the inputs"))
    where = weights_of_matrix(at.node, (argument,), weight.shape, turned=turned)
    return at.linear(at.read(value, axis), matrix_map(numbers(weight), where), axis, "neuron")


@operator(
    "aten.conv1d.default", "aten.conv2d.default", "aten.conv3d.default", "aten.conv2d.padding", "aten.conv1d.padding"
)
def convolution(
    at: Place,
    value: Value,
    weight: Any,
    bias: Any = None,
    stride: Sequence[int] = (1,),
    padding: Any = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Value:
    """Read channels by a convolution: the strength is the norm over the taps of the kernel."""
    del bias
    if isinstance(weight, Value):
        raise ValueError(at.unfit("a kernel that is the same in every example", "one that depends on the inputs"))
    grid = weight.ndim - 2
    steps, gaps = _each(stride, grid), _each(dilation, grid)
    if isinstance(padding, str):
        sides = [
            (gap * (size - 1)) // 2 if padding == "same" else 0
            for gap, size in zip(gaps, weight.shape[2:], strict=True)
        ]
    else:
        sides = list(_each(padding, grid))
    axis = -grid - 1
    where = _of_kernel(at, weight, groups)
    outer = kernel_map(numbers(weight), groups=groups, stride=steps, dilation=gaps, padding=sides, weights=where)
    return at.linear(at.read(value, axis), outer, axis, "channel")


@operator("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")
def transposed_convolution(
    at: Place,
    value: Value,
    weight: Any,
    bias: Any = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Value:
    """Read channels by a transposed convolution: the strength is the norm over the taps of the kernel."""
    del bias, stride, padding, output_padding, dilation
    grid = weight.ndim - 2
    kernel = numbers(weight)  # (channels in, channels out / groups, *grid)
    within = kernel.reshape(groups, -1, *kernel.shape[1:]).swapaxes(1, 2)
    kernel = within.reshape(-1, *within.shape[2:])
    # Which taps reach a place depends on the place, so that no two taps of two layers are said to be the same.
    where = _of_kernel(at, weight, groups)
    where = replace(where, rows=where.columns, columns=where.rows)
    taps = kernel_map(kernel, groups=groups, dilation=(1,) * grid, padding=(0,) * grid, weights=where)
    return at.linear(at.read(value, -grid - 1), taps.apart(), -grid - 1, "channel")


def _of_kernel(at: Place, weight: Tensor, groups: int) -> Weights:
    """Return where the numbers of a kernel stand, ``(channels out, channels in / groups, *grid)``."""
    out, within = weight.shape[:2]
    ends = [1] * (weight.ndim - 2)
    columns = np.arange(out)[:, None] // (out // groups) * within + np.arange(within)
    return Weights(at.node, (1,), np.arange(out).reshape(out, 1, *ends), columns.reshape(out, within, *ends))


@operator("aten.convolution.default")
def any_convolution(
    at: Place,
    value: Value,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Value:
    """Read channels by a convolution of any kind."""
    if transposed:
        return transposed_convolution(at, value, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolution(at, value, weight, bias, stride, padding, dilation, groups)


@operator("aten.add.Tensor", "aten.add.Scalar")
def add(at: Place, one: Any, other: Any, *, alpha: float = 1) -> Value:
    """Add values: every summand's map goes to the reader."""
    return at.added([one, at.scaled(other, alpha) if isinstance(other, Value) else other])


@operator("aten.sub.Tensor", "aten.sub.Scalar")
def sub(at: Place, one: Any, other: Any, *, alpha: float = 1) -> Value:
    """Subtract values."""
    return at.added([one, at.scaled(other, -alpha) if isinstance(other, Value) else other])


@operator("aten.rsub.Scalar", "aten.rsub.Tensor")
def rsub(at: Place, one: Any, other: Any, alpha: float = 1) -> Value:
    """Subtract the first value from the second."""
    return at.added([at.scaled(one, -alpha) if isinstance(one, Value) else one, other])


@operator("aten.neg.default")
def neg(at: Place, value: Value) -> Value:
    """Turn the sign of every feature."""
    return at.scaled(value, -1.0)


@operator("aten.mul.Tensor", "aten.mul.Scalar")
def mul(at: Place, one: Any, other: Any) -> Value:
    """Multiply by a constant, which scales features; or two values, whose products are units of their own."""
    if isinstance(one, Value) and isinstance(other, Value) and one.parts and other.parts:
        return at.nonlinearity([one, other], "product", ("factor1", "factor2"))
    value, factor = (one, other) if isinstance(one, Value) and (one.parts or one.scores) else (other, one)
    return _by_constant(at, value, factor, lambda constant: constant)


@operator("aten.div.Tensor", "aten.div.Scalar")
def div(at: Place, one: Any, other: Any) -> Value:
    """Divide by a constant, which scales features; or by a value, which makes units of their own."""
    if isinstance(other, Value) and other.parts:
        streams = [value for value in (one, other) if isinstance(value, Value) and value.parts]
        return at.nonlinearity(streams, "quotient", ("factor1", "factor2") if len(streams) > 1 else ("",))
    return _by_constant(at, one, other, lambda constant: 1 / constant)


def _by_constant(at: Place, value: Value, factor: Any, change: Any) -> Value:
    """Scale a value by a constant; one that depends on the example but on no unit leaves it as it is."""
    if isinstance(factor, Value):
        return replace(value, index=at.like_output(value))
    return at.scaled(value, change(factor))


@operator("aten.mean.dim", "aten.mean.default", "aten.sum.dim_IntList", "aten.sum.default")
def mean(at: Place, value: Value, dim: Any = None, keepdim: bool = False, **named: Any) -> Value:
    """Add or average elements: over places a feature stays what it is, different features are added up."""
    average = "mean" in str(at.node.target)
    index, combined = _combined(value, dim, keepdim)
    if combined is None:
        return replace(value, index=index.broadcast_to(at.output.shape))
    matrix = combined.matrix(value.size, average=average)
    return replace(
        value.through(matrix_map(matrix, None), index.broadcast_to(at.output.shape)), home=at.home(value.home.unit)
    )


@operator(
    "aten.max_pool1d.default",
    "aten.max_pool2d.default",
    "aten.max_pool3d.default",
    "aten.avg_pool1d.default",
    "aten.avg_pool2d.default",
    "aten.avg_pool3d.default",
    "aten.adaptive_avg_pool1d.default",
    "aten.adaptive_avg_pool2d.default",
    "aten.adaptive_avg_pool3d.default",
    "aten._adaptive_avg_pool2d.default",
    "aten.upsample_nearest1d.vec",
    "aten.upsample_nearest2d.vec",
    "aten.upsample_bilinear2d.vec",
    "aten.upsample_nearest2d.default",
    "aten.upsample_bilinear2d.default",
)
def pooled(at: Place, value: Value, *arguments: Any, **named: Any) -> Value:
    """Pool places, or make more of them: a channel stays the channel that it is."""
    if not value.parts:
        return constant(at.output, value.home)
    axis = 1
    columns, features = readings(value.index, axis)
    if len(np.unique(columns)) != value.index.shape[axis] or len(columns) != value.index.shape[axis]:
        raise ValueError(at.unfit("one channel at each place of dimension 1", "other units at other places"))
    shape = [1] * at.output.ndim
    shape[axis] = -1
    index = torch.from_numpy(features).reshape(shape).expand(at.output.shape)
    steps = [max(1, before // after) for before, after in zip(value.index.shape[2:], at.output.shape[2:], strict=True)]
    return replace(value, index=index, parts=tuple(Part(p.source, p.map.coarser(steps)) for p in value.parts))


@operator(
    "aten.max_pool2d_with_indices.default", "aten.adaptive_max_pool2d.default", "aten.adaptive_max_pool1d.default"
)
def max_pooled(at: Place, value: Value, *arguments: Any, **named: Any) -> tuple[Value, Value]:
    """Take the largest of several places, and say which: a channel stays the channel that it is."""
    first = replace(at, output=at.output[0])
    return pooled(first, value), constant(at.output[1], value.home)


@operator("aten.amax.default", "aten.amin.default")
def largest(at: Place, value: Value, dim: Any = (), keepdim: bool = False) -> Value:
    """Take the largest of several elements: over places a feature stays what it is; of features, it is a unit."""
    index, combined = _combined(value, dim or None, keepdim)
    if combined is None:
        return replace(value, index=index.broadcast_to(at.output.shape))
    outer = matrix_map(combined.matrix(value.size, average=False), None)
    made = value.through(outer, index.broadcast_to(at.output.shape))
    return at.nonlinearity([made], "max")


@operator("aten.max.dim", "aten.min.dim")
def largest_and_where(at: Place, value: Value, dim: int, keepdim: bool = False) -> tuple[Value, Value]:
    """Take the largest of several elements, and say which."""
    first = replace(at, output=at.output[0])
    return largest(first, value, [dim], keepdim), constant(at.output[1], value.home)


@operator("aten.cumsum.default", "aten.sort.default", "aten.topk.default")
def along(at: Place, value: Value, *arguments: Any, **named: Any) -> Any:
    """Add up, order or choose places: a feature stays what it is."""
    output = at.output if isinstance(at.output, Tensor) else at.output[0]
    number = 1 if "topk" in str(at.node.target) else 0
    dim = named.get("dim", arguments[number] if len(arguments) > number else -1)
    few = distinct(value.index)[0]
    if few.shape[dim] > 1:
        raise ValueError(at.unfit("places of the same unit along the dimension", "several units"))
    result = replace(value, index=few.expand(output.shape))
    return result if isinstance(at.output, Tensor) else (result, constant(at.output[1], value.home))


class _Combined:
    """Which features are combined to one.

    Args:
        rows: ``(features, members)``, the numbers of the features that each is made of, `NOTHING` for none.
    """

    def __init__(self, rows: IntArray) -> None:
        self._rows = rows

    def matrix(self, size: int, *, average: bool) -> sparse.csr_array:
        """Return the matrix of the sums, or means, of features, in which a feature at several places counts once."""
        count, members = self._rows.shape
        row, column = np.repeat(np.arange(count), members), self._rows.ravel()
        row, column = row[column >= 0], column[column >= 0]
        made = sparse.coo_array((np.ones(len(row), np.float32), (row, column)), (count, size)).tocsr()
        made.data = made.data / members if average else np.ones_like(made.data)
        return made


def _combined(value: Value, dim: Any, keepdim: bool) -> tuple[Tensor, _Combined | None]:
    """Return the index after some dimensions are reduced; and which features are combined, None if none are.

    The index has size 1 along dimensions in which it is the same.
    """
    dims = list(range(value.index.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    dims = sorted(d % value.index.ndim for d in dims)
    (index,) = distinct(value.index)
    moved = index.movedim(dims, list(range(-len(dims), 0))).flatten(-len(dims))
    if moved.shape[-1] == 1:
        result, combined = moved[..., 0], None
    else:
        rows, inverse = torch.unique(moved.flatten(0, -2).sort(dim=1).values, dim=0, return_inverse=True)
        result, combined = inverse.reshape(moved.shape[:-1]), _Combined(rows.numpy())
    if keepdim:
        for d in dims:
            result = result.unsqueeze(d)
    return result, combined


def numbers(tensor: Tensor) -> NDArray[Any]:
    """Return a constant tensor as NumPy has it, in float64 if it is, else in float32."""
    tensor = tensor.detach().cpu()
    return (tensor if tensor.dtype == torch.float64 else tensor.float()).numpy()


def _each(given: Any, grid: int) -> tuple[int, ...]:
    """Return one number for each dimension of a grid."""
    numbers = (given,) if isinstance(given, int) else tuple(given)
    return numbers * grid if len(numbers) == 1 else numbers
