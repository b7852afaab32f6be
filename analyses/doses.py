"""Doses: in each family of kinds, the setting that varies between its networks, such as the strength of a cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

DOSE_COLUMNS = ("kind", "family", "line", "setting", "symbol", "dose")
"""The columns of `doses`."""

_SETTING = re.compile(r"([^\s=]+)=([-+]?[\d.]+(?:e[-+]?\d+)?)")


@dataclass(frozen=True)
class Described:
    """What is known of how a kind of network was trained.

    Attributes:
        family: the kind without its settings.
        settings: the numeric settings, in their order of importance.
        symbols: the symbols by which labels call settings.
    """

    family: str
    settings: Mapping[str, float] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)


def described(metadata: Mapping[str, Any]) -> Described:
    """Return what the metadata of a network say of its training; what they do not say is read from the kind's label.

    Args:
        metadata: its keys ``family``, ``settings`` and ``symbols`` are read, and ``kind``.

    Example:
        >>> described({"kind": "l1 λ=0.5", "family": "l1", "settings": {"l1": 0.5}, "symbols": {"l1": "λ"}})
        Described(family='l1', settings={'l1': 0.5}, symbols={'l1': 'λ'})
    """
    from_label = in_label(str(metadata.get("kind", "")))
    family, settings = metadata.get("family"), metadata.get("settings")
    if not isinstance(family, str) or not isinstance(settings, Mapping):
        return from_label
    symbols = metadata.get("symbols")
    known = {str(name): float(value) for name, value in settings.items() if _is_number(value)}
    called = {str(name): str(text) for name, text in symbols.items()} if isinstance(symbols, Mapping) else {}
    return Described(family, known, called)


def in_label(kind: str) -> Described:
    """Return the family and the settings that the label of a kind names; a label without settings is a family.

    Example:
        >>> in_label("spatial α=0.5 β=3").family, dict(in_label("spatial α=0.5 β=3").settings)
        ('spatial', {'α': 0.5, 'β': 3.0})
        >>> in_label("my own")
        Described(family='my own', settings={}, symbols={})
    """
    first, *rest = kind.split(" ")
    found = [_SETTING.fullmatch(part) for part in rest]
    if not found or not all(found):
        return Described(kind)
    pairs = {one[1]: float(one[2]) for one in found if one is not None}
    return Described(first, pairs, {name: name for name in pairs})


def doses(kinds: Mapping[str, Described]) -> pd.DataFrame:
    """Return the dose of every kind: the value of the first setting that varies in its family.

    Kinds that differ in other settings too are of different lines: a line is a family with those settings, along
    which the dose alone varies. Kinds that no number tells apart are a line each.

    Args:
        kinds: kind to what is known of it.

    Returns:
        columns `DOSE_COLUMNS`: a row for each kind; setting and symbol are ``""``, and dose is NaN, where nothing
        varies in the family, or the kind does not say it.

    Example:
        >>> kinds = {name: in_label(name) for name in ("regular", "spatial α=1 β=3", "spatial α=2 β=3")}
        >>> doses(kinds)[["line", "symbol", "dose"]].to_numpy().tolist()
        [['regular', '', nan], ['spatial', 'α', 1.0], ['spatial', 'α', 2.0]]
    """
    rows: list[dict[str, object]] = []
    for family in dict.fromkeys(one.family for one in kinds.values()):
        rows += _of_family(family, {kind: one for kind, one in kinds.items() if one.family == family})
    table = pd.DataFrame(rows, columns=list(DOSE_COLUMNS)).astype({"dose": float})
    same = table.duplicated(["line", "dose"], keep=False)
    return table.assign(line=table["line"].where(~same, table["kind"]))


def dose_text(symbol: str, dose: float) -> str:
    """Return how a dose is written; ``""`` if there is none.

    Example:
        >>> dose_text("λ", 0.5), dose_text("", float("nan"))
        ('λ=0.5', '')
    """
    return "" if np.isnan(dose) else f"{symbol}={dose:g}"


def _of_family(family: str, kinds: Mapping[str, Described]) -> list[dict[str, object]]:
    """Return the rows of one family, its kinds in their order."""
    names = dict.fromkeys(name for one in kinds.values() for name in one.settings)
    varied = [name for name in names if len({one.settings.get(name) for one in kinds.values()}) > 1]
    first, others = (varied[0], varied[1:]) if varied else ("", [])
    rows: list[dict[str, object]] = []
    for kind, one in kinds.items():
        dose = one.settings.get(first, np.nan)
        symbol = one.symbols.get(first, first)
        line = " ".join([family, *_said(one, others)])
        rows.append({"kind": kind, "family": family, "line": line, "setting": first, "symbol": symbol, "dose": dose})
    return rows


def _said(one: Described, names: Sequence[str]) -> list[str]:
    return [f"{one.symbols.get(name, name)}={one.settings[name]:g}" for name in names if name in one.settings]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
