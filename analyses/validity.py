"""Which rows of an analysis say nothing: tasks that were not learned or cannot fail, and null models without spread."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialgraph.metrics import METRICS, facts
from spatialgraph.nulls import kept_measures

from .columns import FULL, GUESSED

LEARNED = 0.1
"""A task is learned if the whole network comes at least so far from guessing (0) to faultless (1): less of its accuracy
could be lost than that, so that a small loss would say nothing of modules. With ten equally frequent classes it is an
accuracy of 0.19, with two of 0.55; how many examples there are does not change what can be lost."""

_FEW = 3
"""Fewer draws may be the same by accident."""

_STILL = 1e-4
"""Draws of a null model are all the same if they differ by less than this share of the value or of their mean."""


def accuracies(scores: pd.DataFrame) -> pd.DataFrame:
    """Return what whole networks do: a row for each network and task for which it is known what guessing gives.

    Args:
        scores: rows with the columns of ``scores.csv``.

    Returns:
        columns network, kind, inputs, task, accuracy and guessed, 0 to 1.

    Example:
        >>> columns = ["network", "kind", "inputs", "split", "metric", "task", "value"]
        >>> of = ("a", "regular", "mix", "none")
        >>> rows = [(*of, "accuracy", "digits", 0.9), (*of, "guessed-accuracy", "digits", 0.1)]
        >>> accuracies(pd.DataFrame(rows, columns=columns)).to_numpy().tolist()
        [['a', 'regular', 'mix', 'digits', 0.9, 0.1]]
    """
    whole = scores[scores["split"] == FULL]
    full, guessed = (whole[whole["metric"] == metric] for metric in ("accuracy", GUESSED))
    table = full.merge(guessed[["network", "task", "value"]], on=["network", "task"], suffixes=("", "_guessed"))
    known = table.dropna(subset=["value", "value_guessed"]).rename(
        columns={"value": "accuracy", "value_guessed": "guessed"}
    )
    return known[["network", "kind", "inputs", "task", "accuracy", "guessed"]].reset_index(drop=True)


def certain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `accuracies` of tasks that nothing can get wrong: one answer is right for every example."""
    return table[table["guessed"] == 1]


def lost(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `accuracies` of tasks that were not learned, see `LEARNED`."""
    least = table["guessed"] + LEARNED * (1 - table["guessed"])
    return table[(table["guessed"] < 1) & (table["accuracy"] < least)]


def still(nulls: pd.DataFrame) -> pd.Series[bool]:
    """Return of each row of ``nulls.csv`` whether the draws are all the same and other than the value.

    Such a null model changed nothing that the measure sees but rounding, or was not what it should be: its z is a
    number divided by nearly nothing, and its p says that no draw can come near. Measures of function and counts are
    left alone: they take few values, and chance may well give one and the same.
    """
    of = {name: facts(name).of for name in METRICS}
    continuous = nulls["metric"].map(lambda metric: of.get(metric.split(":")[0]) in ("split", "network")).astype(bool)
    value, mean, sd, draws = (nulls[name].astype(float) for name in ("value", "mean", "sd", "draws"))
    least = _STILL * np.maximum(value.abs(), mean.abs())
    return continuous & (draws >= _FEW) & (sd <= least) & ((value - mean).abs() > least)


def kept(nulls: pd.DataFrame) -> pd.Series[bool]:
    """Return of each row of ``nulls.csv`` whether the null model keeps the measure by construction.

    The draws differ from the value by rounding alone, and say nothing of it. Unlike with `still`, that is as it should
    be, and nobody need be told.
    """
    pairs = zip(nulls["null"], nulls["metric"], strict=True)
    return pd.Series([name.split(":")[0] in kept_measures(null) for null, name in pairs], nulls.index, dtype=bool)
