"""The registry of the operators that a traced model may consist of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..registry import Registry

Operator = Callable[..., Any]
OperatorFunction = TypeVar("OperatorFunction", bound=Operator)

OPERATORS: Registry[Operator, None] = Registry("operator of a traced model", ("at",))
"""What each ATen operator does to the units of a graph, by its name. It is called with a `Place`, then with the
arguments of the operator: a `Value` for what depends on the model's inputs, a tensor for what is constant."""


def operator(*names: str) -> Callable[[OperatorFunction], OperatorFunction]:
    """Return a decorator that enters a function for one or several ATen operators, in any file.

    Args:
        names: as PyTorch writes them: ``"aten.conv2d.default"``.

    Raises:
        ValueError: there is a function of a name, or it has no docstring or no first parameter ``at``.

    Example:
        >>> from spatialgraph.torch.operators import OPERATORS, operator
        >>> @operator("mine.negative.default")
        ... def negative(at, value):
        ...     '''Turn the sign of every feature.'''
        ...     return at.scaled(value, -1.0)
        >>> OPERATORS.summary("mine.negative.default")
        'Turn the sign of every feature.'
        >>> OPERATORS.forget("mine.negative.default")
    """

    def enter(function: OperatorFunction) -> OperatorFunction:
        for name in names:
            OPERATORS.register(name, None)(function)
        return function

    return enter


def described() -> str:
    """Return a Markdown table of the operators that are known, those of one function in a row."""
    together: dict[Operator, list[str]] = {}
    for name, function in OPERATORS.items():
        together.setdefault(function, []).append(name)
    rows = [(OPERATORS.summary(names[0]), " ".join(f"`{name}`" for name in names)) for names in together.values()]
    return "\n".join(["| what it does | operators |", "|---|---|", *(f"| {what} | {names} |" for what, names in rows)])
