"""A value beside its values under a null model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Tail = Literal["high", "low", ""]

TIE = 1e-9
"""Values that differ by less, relative to the largest of them, count as equal. Measures are sums of up to millions of
numbers, so that the same network summed in another order differs by rounding, up to 1e-12 here; no measure is known
more precisely than a weight, 1e-7. Values below 1e-12 all count as 0."""

LEAST_SPREAD = 1e-4
"""The draws count as equal if their standard deviation is a smaller share of their distance from the value: such small
differences are rounding, or the null model had nothing to change."""


@dataclass(frozen=True)
class Chance:
    """A value beside its values under a null model.

    Attributes:
        value: the measured value.
        draws: how many draws of the null model could be measured.
        mean: the mean over the draws, nan if there is none.
        sd: the sample standard deviation over the draws, nan if there are fewer than two; 0 if all are equal.
        z: (value − mean) / sd; nan where it is meaningless, as for draws without spread (see `LEAST_SPREAD`).
        p: the share of draws that are at least as extreme as the value, the value itself included; nan without draws.
        p_opposite: the same for the other tail: small where the value is *less* extreme than chance. For two tails, p.
    """

    value: float
    draws: int
    mean: float
    sd: float
    z: float
    p: float
    p_opposite: float


def chance(value: float, drawn: NDArray[np.float64], tail: Tail) -> Chance:
    """Compare a value with its values under a null model.

    p = (b + 1) / (m + 1), b the number of the m draws that are at least as extreme as the value, ties counted:
    "Permutation p-values should never be zero", Phipson & Smyth 2010, doi:10.2202/1544-6115.1585. Values within `TIE`
    of each other are ties.

    Args:
        value: the measured value.
        drawn: ``(draws,)``, the same measure on the draws; draws that could not be measured are nan.
        tail: which values are extreme: ``"high"``, ``"low"``, or ``""`` for both; p is then twice that of the nearer
            tail, at most 1.

    Example:
        >>> compared = chance(3.0, np.array([0.0, 1.0, 2.0, 3.0 + 1e-15, 4.0]), "high")  # one draw is a tie
        >>> compared.p, compared.p_opposite
        (0.5, 0.8333333333333334)
    """
    drawn = drawn[np.isfinite(drawn)]
    draws = len(drawn)
    least, most = (drawn.min(), drawn.max()) if draws else (0.0, 0.0)
    near = TIE * max(1e-3, -least, most, abs(value)) if math.isfinite(value) else 0.0
    mean = float(drawn.mean()) if draws else np.nan
    sd = float(drawn.std(ddof=1)) if draws > 1 else np.nan
    if draws > 1 and most - least <= near:
        sd = 0.0  # the spread of equal numbers is rounding
    z = (value - mean) / sd if sd > LEAST_SPREAD * abs(value - mean) else np.nan
    known = draws > 0 and math.isfinite(value)
    high = (np.count_nonzero(drawn >= value - near) + 1) / (draws + 1) if known else np.nan
    low = (np.count_nonzero(drawn <= value + near) + 1) / (draws + 1) if known else np.nan
    both = min(1.0, 2 * min(high, low))
    p, opposite = {"high": (high, low), "low": (low, high), "": (both, both)}[tail]
    return Chance(float(value), draws, mean, sd, float(z), float(p), float(opposite))
