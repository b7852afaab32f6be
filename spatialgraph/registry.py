"""Named functions that extend the project: split methods, metrics, figures, input modes, data sets.

Each is one function with one decorator; the command line's choices, the defaults and the contract tests follow from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


class Registry(Mapping[str, Function], Generic[Function]):
    """A mapping from names to functions, filled by decorators, in the order of registration.

    Args:
        word: what the functions are, for messages, for example ``"split method"``.

    Example:
        >>> colours = Registry("colour")
        >>> @colours.register("red")
        ... def red() -> str:
        ...     '''The colour of a tomato.'''
        ...     return "#f00"
        >>> colours["red"](), colours.summary("red")
        ('#f00', 'The colour of a tomato.')
        >>> colours["blue"]
        Traceback (most recent call last):
        ValueError: unknown colour 'blue'; known: red
    """

    def __init__(self, word: str) -> None:
        self.word = word
        self._functions: dict[str, Function] = {}

    def register(self, name: str) -> Callable[[Function], Function]:
        """Return a decorator that enters a function under `name` and leaves it as it is."""

        def enter(function: Function) -> Function:
            if name in self._functions:
                raise ValueError(f"there is a {self.word} named {name!r} already")
            self._functions[name] = function
            return function

        return enter

    def __getitem__(self, name: str) -> Function:
        if name not in self._functions:
            raise ValueError(f"unknown {self.word} {name!r}; known: {', '.join(self._functions)}")
        return self._functions[name]

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def summary(self, name: str) -> str:
        """Return the first sentence of a function's docstring."""
        return (inspect.getdoc(self[name]) or "").split("\n\n")[0].replace("\n", " ")

    def select(self, names: Iterable[str] | None) -> list[str]:
        """Return the names asked for, each checked, in their order; every name if None."""
        chosen = list(self) if names is None else list(dict.fromkeys(names))
        for name in chosen:
            self[name]
        return chosen
