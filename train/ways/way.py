"""What training may do to networks besides descending a gradient: the registry of ways, and what a way is given."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from spatialgraph.registry import Registry

if TYPE_CHECKING:  # settings know the ways, not the other way round
    from ..model import Stack
    from ..settings import Experiment


@dataclass(frozen=True, eq=False)
class Group:
    """Networks of a batch that are trained in one way: adjacent ones, whose tensors are views of the batch's.

    Attributes:
        experiment: the settings.
        stack: their parameters, which training moves in place.
        values: the value of the way's setting for each network.
        seeds: the seed of each network.
        steps: how many steps an epoch has.
        taken: how many steps were taken before the one that is computed, an integer without axes on the device.
    """

    experiment: Experiment
    stack: Stack
    values: Sequence[float]
    seeds: Sequence[int]
    steps: int
    taken: Tensor

    @functools.cached_property
    def value(self) -> Tensor:
        """The values on the device, ``(networks,)``."""
        return self.stack.position.new_tensor(self.values)

    @property
    def all_steps(self) -> int:
        """How many steps the whole training has."""
        return self.steps * self.experiment.epochs


class Way:
    """A way of training a group of networks; it does nothing where a method is not overridden.

    What `forward`, `backward` and `after_step` do is recorded on a GPU and repeated: they read and write memory of the
    device at the same addresses in every call, and never wait for it. What is random depends on a network's seed and
    the number of the step alone.

    Args:
        group: the networks.
    """

    def __init__(self, group: Group) -> None:
        self.group = group

    def forward(self, layer: int, values: Tensor) -> None:
        """Change in place what a hidden layer emits, ``(networks, examples, units)``; hidden1 is layer 1."""

    def backward(self, layer: int, gradient: Tensor, values: Tensor) -> None:
        """Change in place the gradient by what `forward` made of a hidden layer's values, and undo it on the values.

        The activation function is differentiated at `values` next.
        """

    def after_step(self) -> None:
        """Change the parameters in place after every step of the optimiser."""

    def between_steps(self, taken: int) -> None:
        """Change the parameters in place after so many steps; is never recorded, and may wait for the device."""

    @property
    def state(self) -> Mapping[str, Tensor]:
        """What a checkpoint must keep so that training can be carried on, by name; is filled in place."""
        return {}


@dataclass(frozen=True)
class Facts:
    """The properties of a way of training that settings and names of networks go by.

    Attributes:
        symbol: of the value of its setting.
        default: the value of who names none.
        reason: why that is the default, in a sentence.
        allowed: which values are allowed, in words.
        fits: whether a value is allowed.
        positions: the positions that its networks need (`spatialgraph.train.kinds.POSITIONS`); ``""`` for any or none.
    """

    symbol: str
    default: float
    reason: str
    allowed: str
    fits: Callable[[float], bool]
    positions: str = ""


WAYS: Registry[Callable[[Group], Way], Facts] = Registry("way of training", ("group",))
"""Every way of training, by name: classes that are made of a `Group`."""

Class = TypeVar("Class", bound=Callable[..., Way])


def way(
    name: str,
    *,
    symbol: str,
    default: float,
    reason: str,
    allowed: str,
    fits: Callable[[float], bool],
    positions: str = "",
) -> Callable[[Class], Class]:
    """Return a decorator that enters a way of training, a `Way` in any file; its setting has its name.

    Args:
        name: letters, digits, ``.``, ``-`` and ``_``.
        symbol: of the value of its setting, one word.
        default: the value of who names none.
        reason: why, in a sentence.
        allowed: which values are allowed, in words.
        fits: whether a value is allowed.
        positions: the positions that its networks need; ``""`` for any or none.

    Raises:
        ValueError: the name is taken, the class has no docstring, or the default is not allowed.

    Example:
        >>> @way("louder", symbol="g", default=2.0, reason="Only an example.", allowed="a number", fits=lambda v: True)
        ... class Louder(Way):
        ...     '''Multiply what hidden neurons emit.'''
        ...     def forward(self, layer, values):
        ...         values.mul_(self.group.value[:, None, None])
        ...     def backward(self, layer, gradient, values):
        ...         gradient.mul_(self.group.value[:, None, None])
        ...         values.div_(self.group.value[:, None, None])
        >>> WAYS.facts("louder").symbol
        'g'
        >>> WAYS.forget("louder")
    """
    if not symbol or len(symbol.split()) != 1 or "=" in symbol:
        raise ValueError(f"way of training {name!r}: expected a symbol of one word without '=', found {symbol!r}")
    if not fits(default):
        raise ValueError(f"way of training {name!r}: expected a default that is {allowed}, found {default!r}")
    facts = Facts(symbol, float(default), reason, allowed, fits, positions)
    return WAYS.register(name, facts)  # type: ignore[return-value]  # leaves a class as it is
