"""The meaningless rows of an analysis: tasks that were not learned or cannot fail, and null models without spread."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialgraph.metrics import METRICS, facts
from spatialgraph.nulls import kept_measures
from spatialgraph.runners.runner import LEARNED

from .columns import FULL, GUESSED

_FEW = 3
"""Fewer draws may be equal by accident."""

_STILL = 1e-4
"""Draws of a null model are all the same if they differ by less than this share of the value or of their mean."""


def accuracies(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies of whole networks: a row for each network and task whose accuracy of guessing is known.

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
    # Looked up, not merged, which takes three times as long.
    of = dict(zip(zip(guessed["network"], guessed["task"], strict=True), guessed["value"], strict=True))
    known = [of.get(key, np.nan) for key in zip(full["network"], full["task"], strict=True)]
    table = full.assign(accuracy=full["value"], guessed=np.array(known, np.float64))
    columns = ["network", "kind", "inputs", "task", "accuracy", "guessed"]
    return table.dropna(subset=columns[-2:])[columns].reset_index(drop=True)


def certain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `accuracies` of tasks that cannot be answered wrongly: all examples have the same answer."""
    return table[table["guessed"] == 1]


def lost(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `accuracies` of tasks that were not learned, see `LEARNED`."""
    least = table["guessed"] + LEARNED * (1 - table["guessed"])
    return table[(table["guessed"] < 1) & (table["accuracy"] < least)]


def still(nulls: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row of ``nulls.csv`` whether all draws are equal to each other but differ from the value.

    Such a null model changed nothing that the measure sees except rounding, or has a fault: z is then divided by almost
    0, and p only shows that no draw comes near the value. Measures of function and counts are exempt: they take few
    values, so that draws may well be equal by chance.
    """
    of = {name: facts(name).of for name in METRICS}
    continuous = nulls["metric"].map(lambda metric: of.get(metric.split(":")[0]) in ("split", "network")).astype(bool)
    value, mean, sd, draws = (nulls[name].astype(float) for name in ("value", "mean", "sd", "draws"))
    least = _STILL * np.maximum(value.abs(), mean.abs())
    return continuous & (draws >= _FEW) & (sd <= least) & ((value - mean).abs() > least)


def kept(nulls: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row of ``nulls.csv`` whether the null model keeps the measure by construction.

    The draws then differ from the value by rounding only, and a comparison is meaningless. Unlike in `still`, this is
    expected and needs no caveat.
    """
    pairs = zip(nulls["null"], nulls["metric"], strict=True)
    return pd.Series([name.split(":")[0] in kept_measures(null) for null, name in pairs], nulls.index, dtype=bool)
