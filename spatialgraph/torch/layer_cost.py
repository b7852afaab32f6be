"""What costs of any module have in common: the layers that pay, where their units lie, devices and precision."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import array_of, floats
from ..faults import Fault, array_faults, shown
from .wiring import unwrapped, wiring

# The stream of random numbers that a seed has for positions: the same as in training, and another than
# `torch.manual_seed(seed)` begins, from which a model may have its weights.
_POSITIONS = 2


class LayerCost(nn.Module):
    """The layers of a model that pay, and what they read; positions of their units, if the cost has some.

    The model is not changed and is no part of this module; its weights are read at each call.

    Args:
        model: any module, also compiled or wrapped for data parallelism.
        layers: the names of the layers that pay, or patterns; None for all that can.
        sources: layer that pays to what it reads.

    Raises:
        ValueError: it is no model, there is no such layer, it cannot pay, or sizes do not fit.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str] | str | None,
        sources: Mapping[str, str | Sequence[str]] | None,
    ) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise ValueError(str(Fault("model", "a torch.nn.Module", f"a {type(model).__name__}")))
        self._model = (unwrapped(model),)  # in a tuple: a module of its own would be registered
        self._wiring = wiring(self._model[0], layers, sources)
        weights = [entry.weight(self._model[0]) for own in self._wiring.incoming.values() for entry in own]
        self._made_on, self._made_as = weights[0].device, precise(*(weight.dtype for weight in weights))
        self._placed: tuple[str, ...] = ()  # the populations that have positions

    def _lay_out(self, dim: int, seed: int, given: Mapping[str, Any] | None) -> None:
        """Give every population a parameter of positions, as given or drawn."""
        self._placed = tuple(self._wiring.sizes)
        for name, position in _initial(self._wiring.sizes, dim, seed, given or {}).items():
            self.register_parameter(key_of("positions", name), nn.Parameter(position.to(self._made_on, self._made_as)))

    @property
    def positions(self) -> dict[str, Tensor]:
        """A copy of the positions of every population that has some, ``(units, dim)``, in arbitrary units of length."""
        return {name: self._position(name).detach().clone() for name in self._placed}

    def _position(self, name: str) -> Tensor:
        position: Tensor = getattr(self, key_of("positions", name))
        return position

    def _reads(self) -> list[str]:
        """Return what each population that pays reads, as ``repr`` shows it."""
        incoming = self._wiring.incoming.items()
        return [f"{name} ← {' + '.join(', '.join(entry.sources) for entry in own)}" for name, own in incoming]


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which nothing is computed in another precision than it has."""
    on = torch.is_autocast_enabled(device.type)
    return torch.autocast(device.type, enabled=False) if on else nullcontext()  # entering it takes a tenth of the cost


def precise(*types: torch.dtype) -> torch.dtype:
    """Return the type that costs are computed in: half precision has too few digits for differences of positions."""
    return functools.reduce(torch.promote_types, types, torch.float32)


def key_of(kind: str, name: str) -> str:
    """Return a parameter's name: without dots, which PyTorch forbids, and the name of no attribute."""
    return f"{kind}/{name.replace('.', '/')}"


def _initial(sizes: Mapping[str, int], dim: int, seed: int, given: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the initial positions of every population, as given or drawn: what is drawn depends on no given ones."""
    draw = np.random.default_rng([seed, _POSITIONS])
    for name in given:
        if name not in sizes:
            raise ValueError(str(Fault("positions", f"populations of {', '.join(sizes)}", shown(name))))
    initial = {}
    for name, size in sizes.items():
        key, drawn = f"positions[{name!r}]", draw.standard_normal((size, dim), dtype=np.float32)
        own = array_of(key, given.get(name, drawn))
        for fault in array_faults(key, floats(key, own), (size, dim)):
            raise ValueError(str(fault))
        initial[name] = torch.tensor(own.astype(np.float64))
    return initial


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise ValueError unless an argument is one of those allowed."""
    if value not in allowed:
        raise ValueError(str(Fault(name, " or ".join(map(repr, allowed)), shown(value))))


def check_whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless an argument is a whole number of at least `least`."""
    if not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(str(Fault(name, f"a whole number of at least {least}", shown(value))))


def check_number(name: str, value: object) -> None:
    """Raise ValueError unless an argument is a finite number of at least 0."""
    if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
        raise ValueError(str(Fault(name, "a number of at least 0", shown(value))))
