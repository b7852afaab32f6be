"""The layers that can pay spatial costs: their units, and the weights that enter them.

A unit is what a nonlinearity acts on: a neuron, a channel, a head, the state of a recurrent cell. The strength of a
connection is the Frobenius norm of the block of the layer's linear map between its two units. A kind of layer is one
function with `spatial_layer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

SUPPORTED = (
    "Linear, Conv1d to Conv3d and their transposes, MultiheadAttention with kdim = vdim = embed_dim, "
    "RNN, GRU and LSTM without proj_size, and their cells"
)
"""The kinds of layers that come with the library, for messages."""


@dataclass(frozen=True)
class Map:
    """A linear map that enters units.

    Attributes:
        features: the numbers that it reads: of all groups together.
        read: returns the weights of a module, ``(groups, units of a group, features of a group, *block)``; what lies
            along the axes of the block belongs to the same two units.
        sources: the endings of the units that it reads, side by side, if they are of the same module; none of the layer
            before.
        flattens: whether several features may be of one unit, as after ``nn.Flatten``.
    """

    features: int
    read: Callable[[Any], Tensor]
    sources: tuple[str, ...] = ()
    flattens: bool = False


@dataclass(frozen=True)
class Units:
    """Units of one module.

    Attributes:
        size: how many.
        maps: what enters them.
        ending: what their name has after the module's, where a module has several.
        returned: whether the layer that follows reads them.
        spread: whether several features may be of one of them: the places of a channel, the values of a head.
    """

    size: int
    maps: tuple[Map, ...]
    ending: str = ""
    returned: bool = True
    spread: bool = False


_Function = Callable[[Any], tuple[Units, ...]]
_KINDS: dict[type, _Function] = {}


def spatial_layer(*types: type[nn.Module]) -> Callable[[_Function], _Function]:
    """Enter a function that returns the units of modules of these types, and of types derived from them.

    Args:
        types: the types; a function that is entered later replaces an earlier one.

    Example:
        >>> class Scaled(nn.Module):
        ...     def __init__(self) -> None:
        ...         super().__init__()
        ...         self.matrix = nn.Parameter(torch.ones(2, 3))
        >>> @spatial_layer(Scaled)
        ... def scaled(module: Scaled) -> tuple[Units, ...]:
        ...     return (Units(2, (Map(3, lambda module: module.matrix[None]),)),)
        >>> [units.size for units in units_of(Scaled())]
        [2]
    """

    def enter(function: _Function) -> _Function:
        _KINDS.update(dict.fromkeys(types, function))
        return function

    return enter


def units_of(module: nn.Module) -> tuple[Units, ...]:
    """Return the units of a module; none if it is of no kind that can pay.

    Example:
        >>> units_of(nn.Conv2d(3, 8, 5))[0].size, units_of(nn.BatchNorm2d(8))
        (8, ())
    """
    return next((_KINDS[kind](module) for kind in type(module).__mro__ if kind in _KINDS), ())


def block_strengths(weight: Tensor, sources: int) -> Tensor:
    """Return the strength of every connection, the Frobenius norm of its block; of a single weight the weight itself.

    Args:
        weight: ``(groups, units, features, *block)``, a group's own units and features.
        sources: the source units of a group; each has as many of the features, one after another.

    Returns:
        ``(groups, units, sources)``. The gradient of a norm of 0 is taken as 0.

    Example:
        >>> block_strengths(torch.tensor([[[3.0, 4.0, 0.0, 2.0]]]), sources=2)
        tensor([[[5., 2.]]])
    """
    if weight.shape[2] != sources:
        weight = torch.unflatten(weight, 2, (sources, -1))
    return weight if weight.dim() == 3 else torch.linalg.vector_norm(weight, dim=tuple(range(3, weight.dim())))


def _dense_weight(module: nn.Linear) -> Tensor:
    return module.weight[None]


@spatial_layer(nn.Linear)
def _dense(module: nn.Linear) -> tuple[Units, ...]:
    """Neurons: the norm of a 1 × 1 block is |w|."""
    return (Units(module.out_features, (Map(module.in_features, _dense_weight, flattens=True),)),)


def _kernels(module: nn.modules.conv._ConvNd) -> Tensor:
    weight = torch.unflatten(module.weight, 0, (module.groups, -1))
    return weight.transpose(1, 2) if module.transposed else weight


@spatial_layer(nn.modules.conv._ConvNd)
def _convolution(module: nn.modules.conv._ConvNd) -> tuple[Units, ...]:
    """Channels: a block is a kernel, all its taps; channels of different groups are not connected."""
    return (Units(module.out_channels, (Map(module.in_channels, _kernels),), spread=True),)


def _projections(module: nn.MultiheadAttention) -> Tensor:
    heads = torch.unflatten(module.in_proj_weight, 0, (3, module.num_heads, -1))  # (maps, heads, rows, features)
    return heads.permute(1, 3, 0, 2)[None]


@spatial_layer(nn.MultiheadAttention)
def _attention(module: nn.MultiheadAttention) -> tuple[Units, ...]:
    """Heads: a block is a column of a head's rows of the query, key and value maps."""
    if not module._qkv_same_embed_dim:  # three maps of different widths, of several sources
        return ()
    return (Units(module.num_heads, (Map(module.embed_dim, _projections),), spread=True),)


def _gates(module: nn.Module, name: str, hidden: int) -> Tensor:
    weight: Tensor = getattr(module, name)
    return torch.unflatten(weight, 0, (-1, hidden)).permute(1, 2, 0)[None]  # (1, units, features, gates)


@spatial_layer(nn.RNNBase)
def _recurrent(module: nn.RNNBase) -> tuple[Units, ...]:
    """Units of the state, for each layer and direction: a block is a column of a unit's rows, one for each gate."""
    if module.proj_size:
        return ()
    hidden, ways = module.hidden_size, ["", "_reverse"][: 1 + module.bidirectional]
    found = []
    for layer in range(module.num_layers):
        below = tuple(f".l{layer - 1}{way}" for way in ways) if layer else ()
        for way in ways:
            ending, last = f"l{layer}{way}", layer == module.num_layers - 1
            features = hidden * len(ways) if layer else module.input_size
            entering, own = (partial(_gates, name=f"weight_{kind}_{ending}", hidden=hidden) for kind in ("ih", "hh"))
            maps = (Map(features, entering, below, flattens=not layer), Map(hidden, own, (f".{ending}",)))
            found.append(Units(hidden, maps, f".{ending}", returned=last))
    return tuple(found)


@spatial_layer(nn.RNNCellBase)
def _cell(module: nn.RNNCellBase) -> tuple[Units, ...]:
    """Units of the state, as of a recurrent layer."""
    hidden = module.hidden_size
    entering, own = (partial(_gates, name=f"weight_{kind}", hidden=hidden) for kind in ("ih", "hh"))
    return (Units(hidden, (Map(module.input_size, entering, flattens=True), Map(hidden, own, ("",)))),)
