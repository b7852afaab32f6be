"""What a split method is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from ..graph.split import Split
from ..registry import Registry

Method = Callable[..., Split]
MethodFunction = TypeVar("MethodFunction", bound=Method)
Sees = Literal["weights", "activations", "positions", "sizes"]

SPLITS: Registry[Method] = Registry("split method")
"""Every split method, by name. A method is a function of a `Graph` and, as it needs them, of a ``runner`` and a
``seed``; it returns a `Split` or raises `NotApplicableError`."""

_SEES: dict[str, Sees] = {}


def split_method(name: str, *, sees: Sees) -> Callable[[MethodFunction], MethodFunction]:
    """Return a decorator that enters a function in `SPLITS`.

    Args:
        name: the method's name.
        sees: what it makes its split of: ``"weights"``: the strengths of connections; a null model that changes them
            must run it again. ``"activations"``: what neurons do on held-out examples. ``"positions"``: where neurons
            lie. ``"sizes"``: how many neurons another split gives to each task, and nothing of the network.

    Raises:
        ValueError: there is a method of this name.
    """

    def enter(function: MethodFunction) -> MethodFunction:
        SPLITS.register(name)(function)
        _SEES[name] = sees
        return function

    return enter


def sees(method: str) -> Sees:
    """Return what a split method, named with parameters or without, makes its split of, as `split_method` says.

    Raises:
        ValueError: there is no such method.

    Example:
        >>> import spatialgraph.splits
        >>> sees("greedy"), sees("positions")
        ('weights', 'positions')
    """
    name = method.split(":")[0]
    SPLITS[name]
    return _SEES[name]
