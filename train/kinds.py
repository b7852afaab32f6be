"""Kinds of training: the costs that a network pays, its ways of training, and its positions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import NamedTuple

import attrs

from spatialgraph.torch.costs import COSTS

from .checks import SettingError, finite, numbers, shown
from .placed import in_file
from .ways.way import WAYS

POSITIONS: Mapping[str, str] = MappingProxyType(
    {
        "learned": "Drawn at first, and learned.",
        "fixed": "Drawn, and not learned.",
        "grid": "The places of a regular grid, dealt out at random, and not learned.",
        "….h5": "Those of a network that was trained before, and not learned; {inputs} and {seed} stand for its own.",
    }
)
"""What becomes of positions, each with a sentence."""

LEARNING_RATE = "learning_rate"

GENERAL = ("transport", "density", LEARNING_RATE)
"""Settings of kinds that an experiment has a value for, which holds for kinds that name none of their own."""

Values = tuple[float, ...]
Table = Mapping[str, "float | Values | str | None"]


class Shipped(NamedTuple):
    """A kind that can be named without a table.

    Attributes:
        table: its settings. None stands for the experiment's value of a setting, or for the setting's default.
        question: what it tests, in a sentence.
    """

    table: Table
    question: str


SHIPPED: Mapping[str, Shipped] = MappingProxyType(
    {
        "regular": Shipped({}, "Pays nothing besides its tasks."),
        "spatial": Shipped({"transport": None, "density": None}, "Learns positions, and pays for long connections."),
        "l1": Shipped({"l1": None}, "Is it sparsity? Pays for the size of weights."),
        "l2": Shipped({"l2": None}, "Is it shrinkage? Pays for the squares of weights."),
        "group-lasso": Shipped(
            {"group-lasso": None}, "Is it fewer neurons? Pays for the norm of each neuron's weights."
        ),
        "fixed": Shipped(
            {"transport": None, "positions": "fixed"}, "Must positions be learned? They stay where they were drawn."
        ),
        "fixed-grid": Shipped(
            {"transport": None, "positions": "grid"},
            "Must positions be learned? They are places of a regular grid.",
        ),
        "shuffled": Shipped(
            {"shuffled": None, "positions": "fixed"},
            "Is it geometry, or any uneven penalty? Each connection pays the distance of another.",
        ),
        "swap": Shipped(
            {"transport": None, "positions": "grid", "swap": None},
            "Does another way to learn positions do? Neurons of a grid exchange places.",
        ),
        "clusterability": Shipped(
            {"clusterability": None}, "Does function follow structure? Pays for weights between given blocks."
        ),
        "splitnet": Shipped(
            {"splitnet": None}, "How far can modules go? Learns groups of neurons, and pays for weights between them."
        ),
        "locality": Shipped(
            {"locality": None, "positions": "fixed"},
            "Does order of activity make modules? Near neurons are made to be active alike.",
        ),
        "communicability": Shipped(
            {"communicability": None, "density": None},
            "Does the path count? Pays for long connections by how well their ends communicate.",
        ),
        "dropout": Shipped({"dropout": None}, "Does noise make modules? Hidden neurons are off at random."),
        "pruned": Shipped({"pruned": None}, "Is it the number of connections? The weakest are removed in rounds."),
    }
)
"""The kinds that can be named without a table."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Choice(NamedTuple):
    """The values of a setting of a kind.

    Attributes:
        values: one, or those of a grid.
        key: where they are set: ``"transport"`` in the experiment, ``"wires/transport"`` in the table of a kind.
    """

    values: Values
    key: str


@attrs.frozen
class Kind:
    """A kind of training, as an experiment names it.

    Attributes:
        name: of the kind.
        table: its own settings, a number or several each, in the order of `settings_known`.
        general: the settings that have the experiment's values.
        positions: one of `POSITIONS`; the name of a file holds ``{inputs}`` and ``{seed}`` as they were written.
    """

    name: str
    table: tuple[tuple[str, float | Values], ...] = ()
    general: tuple[str, ...] = ()
    positions: str = "learned"

    def choices(self, general: Mapping[str, Values]) -> dict[str, Choice]:
        """Return every setting of the kind with its values.

        Args:
            general: the experiment's values of the settings `GENERAL`.
        """
        own = dict(self.table)
        found = {}
        for name in settings_known():
            if name in own:
                found[name] = Choice(values_of(own[name]), f"{self.name}/{name}")
            elif name in self.general or name == LEARNING_RATE:
                found[name] = Choice(general[name], name)
        return found

    def count(self, general: Mapping[str, Values]) -> int:
        """Return how many networks of one seed and input mode there are."""
        return prod(len(choice.values) for choice in self.choices(general).values())

    def described(self) -> dict[str, object]:
        """Return the table that makes this kind again, as TOML and JSON can hold it."""
        table: dict[str, object] = {k: list(v) if isinstance(v, tuple) else v for k, v in self.table}
        if self.name not in SHIPPED or self.positions != SHIPPED[self.name].table.get("positions", "learned"):
            table["positions"] = self.positions
        return table


def values_of(value: float | Values) -> Values:
    """Return a number as a tuple, and a tuple as it is."""
    return value if isinstance(value, tuple) else (value,)


def settings_known() -> tuple[str, ...]:
    """Return the names of numeric settings that a kind may have: costs, ways of training, and the learning rate."""
    return (*COSTS, *WAYS, LEARNING_RATE)


def symbol(setting: str) -> str:
    """Return the symbol of a setting of a kind.

    Example:
        >>> symbol("transport"), symbol("dropout"), symbol("learning_rate")
        ('α', 'p', 'η')
    """
    if setting == LEARNING_RATE:
        return "η"
    return COSTS.facts(setting).symbol if setting in COSTS else WAYS.facts(setting).symbol


def lists() -> dict[str, dict[str, str]]:
    """Return what can be chosen, for a terminal: title to name to a sentence."""
    costs = {n: f"{symbol(n)} = {COSTS.facts(n).default:g}  {COSTS.summary(n)}" for n in COSTS}
    ways = {n: f"{symbol(n)} = {WAYS.facts(n).default:g}  {WAYS.summary(n)}" for n in WAYS}
    return {
        'kinds that need no table (kinds = ["regular", "l1"])': {n: shipped.question for n, shipped in SHIPPED.items()},
        "costs, with the strength of who names none ([kinds.NAME] l1 = 0.5, or a list for a grid)": costs,
        "ways of training, with the value of who names none ([kinds.NAME] dropout = 0.2)": ways,
        'positions ([kinds.NAME] positions = "fixed")': dict(POSITIONS),
    }


def kinds_of(value: object) -> object:
    """Return kinds as an experiment names them, by a list of names or by tables: a tuple of `Kind`.

    Anything else is returned as it is, for the validator to refuse.

    Raises:
        SettingError: a kind that is not known, or a setting of a kind that is not allowed.

    Example:
        >>> kinds_of(["regular", "spatial"])[1].general
        ('transport', 'density')
        >>> kinds_of({"wires": {"transport": [0.5, 1], "positions": "fixed"}})[0].table
        (('transport', (0.5, 1.0)),)
    """
    if isinstance(value, Mapping):
        return tuple(_kind(str(name), table) for name, table in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(kind if isinstance(kind, Kind) else _kind(kind, {}) for kind in value)
    return value


def _kind(name: object, table: object) -> Kind:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingError(f"kinds: expected names of letters, digits, '.', '-' and '_', found {shown(name)}")
    where = f"kinds.{name}"
    if not isinstance(table, Mapping):
        raise SettingError(f"{where}: expected a table of settings, found {shown(table)}")
    if name not in SHIPPED and not table:
        close = difflib.get_close_matches(name, SHIPPED, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise SettingError(
            f"kinds: expected some of {', '.join(SHIPPED)}, or tables [kinds.{name}] of their own, found {name!r}{hint}"
        )
    known = (*settings_known(), "positions")
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingError(f"{where}: unknown setting {shown(key)}{hint} Known: {', '.join(known)}")
    whole = {**(SHIPPED[name].table if name in SHIPPED else {}), **table}
    positions = whole.get("positions", "learned")
    if positions not in POSITIONS and not (isinstance(positions, str) and in_file(positions)):
        raise SettingError(f"{where}.positions: expected one of {', '.join(POSITIONS)}, found {shown(positions)}")
    kind = Kind(
        name, tuple(_own(where, whole)), tuple(k for k in GENERAL if k in whole and whole[k] is None), str(positions)
    )
    _require_positions(where, kind)
    return kind


def _own(where: str, table: Mapping[str, object]) -> Iterator[tuple[str, float | Values]]:
    """Yield the settings with values of a kind's own; where None is given and the experiment has none, the default."""
    for name in settings_known():
        value = table.get(name)
        if name not in table or (value is None and name in GENERAL):
            continue
        if value is None:
            value = COSTS.facts(name).default if name in COSTS else WAYS.facts(name).default
        yield name, _checked(f"{where}.{name}", name, numbers(value))


def _checked(where: str, name: str, value: object) -> float | Values:
    if name in WAYS:
        allowed, fits = WAYS.facts(name).allowed, WAYS.facts(name).fits
    elif name == LEARNING_RATE:
        allowed, fits = "a number greater than 0", lambda v: v > 0
    else:
        allowed, fits = "a number of at least 0", lambda v: v >= 0
    values = value if isinstance(value, tuple) else (value,)
    if not (all(finite(v) and fits(v) for v in values) and len(set(values)) == len(values) > 0):
        expected = f"{allowed}, finite in float32, or a list of different ones"
        raise SettingError(f"{where}: expected {expected}, found {shown(value)}")
    return value  # type: ignore[return-value]  # all are floats


def _require_positions(where: str, kind: Kind) -> None:
    """Raise SettingError if a way of training needs other positions than the kind has."""
    for name, _ in kind.table:
        needed = WAYS.facts(name).positions if name in WAYS else ""
        if needed and needed != kind.positions:
            raise SettingError(f"{where}.positions: expected {needed!r}, which {name} needs, found {kind.positions!r}")


def joined(before: tuple[Kind, ...], asked: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """Return all kinds of a run and of an experiment that carries it on; a kind in both has all values of both."""
    kinds = {kind.name: kind for kind in before}
    for kind in asked:
        known = kinds.setdefault(kind.name, kind)
        table = {name: joined_values(dict(known.table).get(name, own), own) for name, own in kind.table}
        kinds[kind.name] = attrs.evolve(kind, table=tuple(table.items()))
    return tuple(kinds.values())


def joined_values(before: float | Values, asked: float | Values) -> float | Values:
    """Return all values of two lists, or of a number and a list; a number if both are the same one."""
    if not isinstance(before, tuple) and not isinstance(asked, tuple):
        return asked
    return tuple(dict.fromkeys([*values_of(before), *values_of(asked)]))
