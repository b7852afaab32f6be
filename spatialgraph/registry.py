"""Named functions that extend the project: split methods, metrics, null models, strengths, costs, figures, data sets.

Each is one function with one decorator, in any file. The decorator says all that the rest of the project must know of
it: the command line's choices, the defaults, the tables and the contract tests follow from the registry.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

Function = TypeVar("Function", bound=Callable[..., object])
Facts = TypeVar("Facts")

# Names that can be typed on a command line, shown in tables, and used in names of files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


_ALL: list[Registry[Any, Any]] = []


def registries() -> tuple[Registry[Any, Any], ...]:
    """Return every registry that was made for names that plugins may enter."""
    return tuple(_ALL)


class Registry(Mapping[str, Function], Generic[Function, Facts]):
    """A mapping from names to functions, filled by decorators, in the order of registration.

    Args:
        word: the noun for the functions in messages, for example ``"split method"``.
        parameters: the names of the parameters that every function has, in order.

    Example:
        >>> colours = Registry("colour")
        >>> @colours.register("red", "warm")
        ... def red() -> str:
        ...     '''The colour of a tomato.'''
        ...     return "#f00"
        >>> colours["red"](), colours.facts("red"), colours.summary("red")
        ('#f00', 'warm', 'The colour of a tomato.')
        >>> colours["blue"]
        Traceback (most recent call last):
        ValueError: unknown colour 'blue'; known: red
    """

    def __init__(self, word: str, parameters: tuple[str, ...] = ()) -> None:
        self.word = word
        self._parameters = parameters
        self._functions: dict[str, Function] = {}
        self._facts: dict[str, Facts] = {}
        _ALL.append(self)

    def register(self, name: str, facts: Facts) -> Callable[[Function], Function]:
        """Return a decorator that enters a function under `name` and leaves it as it is.

        Args:
            name: letters, digits, ``.``, ``-`` and ``_``.
            facts: the properties of the function that the rest of the project uses.

        Raises:
            ValueError: the name is none, is taken by a function of another file, or the function has other parameters
                or no docstring.
        """
        where = f"{self.word} {name!r}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{where}: expected a name of letters, digits, '.', '-' and '_'")

        def enter(function: Function) -> Function:
            known = self._functions.get(name)
            if known is not None and not _is_again(known, function):
                raise ValueError(f"there is a {self.word} named {name!r} already, in {known.__module__}")
            self.check(name, function)
            self._functions[name] = function
            self._facts[name] = facts
            return function

        return enter

    def check(self, name: str, function: Function) -> None:
        """Raise ValueError if a function cannot be called as those of the registry are, or says nothing of itself."""
        where = f"{self.word} {name!r}"
        if not callable(function):
            raise ValueError(f"{where}: expected a function, found a {type(function).__name__}")
        asked = tuple(inspect.signature(function).parameters)
        if asked[: len(self._parameters)] != self._parameters:
            expected, found = (", ".join(names) or "none" for names in (self._parameters, asked))
            raise ValueError(f"{where}: expected a function whose first parameters are {expected}, found {found}")
        if not inspect.getdoc(function):
            raise ValueError(f"{where}: expected a docstring, whose first sentence lists and help show, found none")

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

    def facts(self, name: str) -> Facts:
        """Return the properties of a function, as they were registered.

        Raises:
            ValueError: there is no such function.
        """
        self[name]
        return self._facts[name]

    def summary(self, name: str) -> str:
        """Return the first sentence of a function's docstring."""
        return (inspect.getdoc(self[name]) or "").split("\n\n")[0].replace("\n", " ")

    def summaries(self) -> dict[str, str]:
        """Return every name with the first sentence of its function's docstring."""
        return {name: self.summary(name) for name in self}

    def select(self, names: Iterable[str] | None) -> list[str]:
        """Return the names asked for, each checked, in their order; every name if None."""
        chosen = list(self) if names is None else list(dict.fromkeys(names))
        for name in chosen:
            self[name]
        return chosen

    def forget(self, name: str) -> None:
        """Take a function out, for tests and for whoever tries out one of their own."""
        del self._functions[name], self._facts[name]


def _is_again(known: Callable[..., object], function: Callable[..., object]) -> bool:
    """Return whether a function is another version of one that is known: its cell of a notebook was run again."""
    return (known.__module__, known.__qualname__) == (function.__module__, function.__qualname__)


def one_of(where: str, key: str, value: object, allowed: Iterable[object]) -> None:
    """Raise ValueError unless a value that a decorator is given is one of those allowed."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{where}: expected {key} to be one of {', '.join(map(repr, allowed))}, found {value!r}")
