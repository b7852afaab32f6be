"""The specification curve: one contrast of two kinds, by every analysis that could have been chosen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from spatialgraph.faults import NotApplicableError

from .columns import FULL
from .evidence import DROP, Evidence, are_controls
from .fair import SPATIAL
from .statistics import LEAST_SEEDS, LEVEL, interval_of_mean, over_seeds, signs_of

CHOICES = ("split", "ablation", "dose_one", "dose_other", "null", "inputs")
"""What an analysis chooses: the split method, what disabled neurons emit, the kind of either side where a family has
several, the null model whose mean is taken off (``""`` for none), and the input mode."""

SHARES = ("agree in sign", "significant", "median")
"""What a curve is judged by, see `Curve.verdicts`."""

# So many patterns of signs are tried at most; up to 12 seeds these are all.
_DRAWS = 2**11
_BAND = 500  # patterns whose sorted curves make the band
_PATTERNS = 64  # at once: each has a number for every analysis
_ROUNDING = 1e-12  # relative: smaller sums of differences are 0

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """The estimates of a contrast by all analyses, and what they are under shuffled labels.

    Attributes:
        one: a kind, or a family of kinds.
        other: another.
        metric: the measure that is compared.
        estimates: a row for each analysis, in ascending order of the estimate: the columns `CHOICES`, n (seeds that
            both sides have), estimate (the mean of one − other over these seeds), low and high (its interval; missing
            where all differences are equal), significant (whether the interval leaves out 0), and null_low and
            null_high (the middle 95 % of the estimate at the same rank under shuffled labels).
        verdicts: a row for each of `SHARES`, with columns statistic, value and p: the larger of the shares of analyses
            with a positive and with a negative estimate; the larger of the shares that are significantly so; and the
            median estimate. p is the share of patterns of labels in which it is at least as large (the median: in
            size); missing for fewer than `LEAST_SEEDS` seeds.
        seeds: how many seeds there are.
        patterns: how many patterns of labels were tried.
        exact: whether these are all.
    """

    one: str
    other: str
    metric: str
    estimates: pd.DataFrame
    verdicts: pd.DataFrame
    seeds: int
    patterns: int
    exact: bool


def default_contrast(evidence: Evidence) -> tuple[str, str]:
    """Return what is compared if nothing is named: the family `SPATIAL`, or the first other, and the reference.

    Raises:
        NotApplicableError: there is one family.
    """
    families = dict(zip(evidence.members["kind"], evidence.members["family"], strict=True))
    others = list(dict.fromkeys(families[kind] for kind in evidence.others if kind in families))
    own = families.get(evidence.reference, evidence.reference)
    others = [family for family in others if family != own]
    if not others:
        found = ", ".join(evidence.results.kinds)
        raise NotApplicableError(f"expected kinds of at least two families to compare, found {found}")
    return (SPATIAL if SPATIAL in others else others[0]), evidence.reference


def kinds_called(evidence: Evidence, name: str) -> tuple[str, ...]:
    """Return the kinds that a name means: those of a family, of a line, or one kind; in the order of tables.

    Raises:
        ValueError: there is none; the message lists the families and kinds.
    """
    members = evidence.members
    for column in ("family", "line", "kind"):
        found = set(members.loc[members[column] == name, "kind"])
        if found:
            return tuple(kind for kind in evidence.results.kinds if kind in found)
    known = dict.fromkeys([*members["family"], *evidence.results.kinds])
    raise ValueError(f"contrast: unknown kind or family {name!r}; known: {', '.join(known)}")


def specification_curve(
    evidence: Evidence, contrast: tuple[str, str] | None = None, metric: str = DROP, seed: int = 0
) -> Curve:
    """Estimate a contrast by every analysis, and compare the curve with those of shuffled labels.

    "Specification curve analysis", Simonsohn, Simmons & Nelson 2020, doi:10.1038/s41562-020-0912-z. Analyses are all
    combinations of `CHOICES` that the scores hold, without degenerate splits, controls and what says nothing; the
    estimate of each is the mean difference over the seeds, its interval Student's t. Labels are shuffled by exchanging
    the two kinds of a seed in all analyses at once, which turns the sign of all differences of the seed: all 2^n
    patterns up to 12 seeds, else random ones. So analyses keep how they depend on one another, and the unit is the
    seed. That most analyses agree in sign is no surprise under shuffled labels, since they share their networks; the
    share that is significant, and the median, tell more.

    Args:
        evidence: the tables of an analysis; scores alone suffice.
        contrast: two names of kinds or families, see `kinds_called`; `default_contrast` if None.
        metric: a measure of splits.
        seed: determines random patterns.

    Raises:
        ValueError: a name is unknown, or both mean the same kind.
        NotApplicableError: there is nothing to compare.

    Example:
        >>> columns = ["run", "network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
        >>> rows = [
        ...     ("run", f"{kind}-{seed}", kind, "mix", seed, split, "zero", "accuracy-drop", "", drop + spread * seed)
        ...     for kind, drop, spread in (("regular", 0.3, 0.02), ("spatial", 0.1, 0.01))
        ...     for split in ("greedy", "leiden")
        ...     for seed in range(6)
        ... ]
        >>> curve = specification_curve(Evidence(pd.DataFrame(rows, columns=columns)))
        >>> curve.estimates[["split", "estimate"]].round(3).to_numpy().tolist()
        [['greedy', -0.225], ['leiden', -0.225]]
        >>> curve.verdicts.round(5).to_numpy().tolist()[1]  # 2 of 64 patterns
        ['significant', 1.0, 0.03125]
    """
    one, other = default_contrast(evidence) if contrast is None else contrast
    sides = kinds_called(evidence, one), kinds_called(evidence, other)
    if set(sides[0]) & set(sides[1]):
        raise ValueError(f"contrast: expected two sides without a kind in common, found {one!r} and {other!r}")
    choices, differences = _differences(_values(evidence, metric), *sides)
    if not len(choices):
        raise NotApplicableError(f"expected scores {metric} of splits of {one} and of {other} by one seed, found none")
    seeds = differences.shape[1]
    exact = 2 ** (seeds - 1) <= _DRAWS
    signs = signs_of(seeds, seed, _DRAWS)
    statistics, band = shuffled(differences, signs)
    p = (statistics >= statistics[:, :1] - _ROUNDING).mean(axis=1)
    values = statistics[:, 0] * [1, 1, np.sign(np.nanmedian(_means(differences)))]
    verdicts = pd.DataFrame({"statistic": SHARES, "value": values, "p": p if seeds >= LEAST_SEEDS else np.nan})
    table = _estimates(choices, differences).sort_values("estimate", kind="stable", ignore_index=True)
    table = table.assign(null_low=band[0], null_high=band[1])
    return Curve(one, other, metric, table, verdicts, seeds, len(signs), exact)


def _values(evidence: Evidence, metric: str) -> pd.DataFrame:
    """Return a value for each split, ablation, null model, input mode, kind and seed (unit)."""
    rows = evidence.kept[(evidence.kept["metric"] == metric) & (evidence.kept["split"] != FULL)]
    parts = [rows.assign(metric="")]
    beside = evidence.chances
    beside = beside[(beside["metric"] == metric) & beside["spread"]]
    seeds = evidence.results.members[["network", "seed"]]
    named = beside.assign(metric=beside["null"], value=beside["value"] - beside["mean"], task="")
    parts.append(named[["network", "kind", "inputs", "split", "ablation", "metric", "task", "value"]].merge(seeds))
    values = over_seeds(pd.concat([part for part in parts if len(part)] or parts, ignore_index=True))
    values = values.rename(columns={"metric": "null"})
    return values[~are_controls(values["split"])]


def _differences(values: pd.DataFrame, ones: Sequence[str], others: Sequence[str]) -> tuple[pd.DataFrame, _Array]:
    """Return the analyses, rows of `CHOICES`, and their differences, ``(analyses, seeds)``, NaN where missing."""
    keys = ["split", "ablation", "null", "inputs"]
    tables = {
        kind: values[values["kind"] == kind].pivot(index=keys, columns="unit", values="value")
        for kind in (*ones, *others)
    }
    units = sorted({unit for table in tables.values() for unit in table.columns})
    parts, rows = [], []
    for one, other in itertools.product(ones, others):
        common = tables[one].index.intersection(tables[other].index, sort=False)
        rows.append(common.to_frame(index=False).assign(dose_one=one, dose_other=other)[list(CHOICES)])
        sides = [tables[kind].reindex(common).reindex(columns=units).to_numpy(np.float64) for kind in (one, other)]
        parts.append(sides[0] - sides[1])
    differences = np.vstack(parts)
    known = ~np.isnan(differences)
    choices, differences = pd.concat(rows, ignore_index=True)[known.any(axis=1)], differences[known.any(axis=1)]
    return choices.reset_index(drop=True), differences[:, known.any(axis=0)]


def _means(differences: _Array) -> _Array:
    return np.asarray(np.nanmean(differences, axis=1), np.float64)


def _estimates(choices: pd.DataFrame, differences: _Array) -> pd.DataFrame:
    """Return the analyses with n, estimate, interval and significance."""
    known = ~np.isnan(differences)
    n = known.sum(axis=1)
    low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for size in np.unique(n):
        rows = np.flatnonzero(n == size)
        low[rows], high[rows] = interval_of_mean(differences[rows][known[rows]].reshape(len(rows), size))
    significant = (low > 0) | (high < 0)
    return choices.assign(n=n, estimate=_means(differences), low=low, high=high, significant=significant)


def shuffled(differences: _Array, signs: _Array) -> tuple[_Array, _Array]:
    """Return the statistics of a curve under each pattern of signs, and the band of its sorted estimates.

    Returns:
        ``(len(SHARES), patterns)``, and low and high, ``(2, analyses)``.
    """
    own, n = np.nan_to_num(differences), np.count_nonzero(~np.isnan(differences), axis=1)
    squares, size = (own**2).sum(axis=1), np.abs(own).sum(axis=1)
    freedom = np.maximum(n - 1, 1)  # one seed has no variance, and is never significant
    critical = special.stdtrit(freedom, 1 - LEVEL / 2)
    statistics, curves = [], []
    for start in range(0, len(signs), _PATTERNS):
        sums = signs[start : start + _PATTERNS] @ own.T  # (patterns, analyses)
        sums[np.abs(sums) <= _ROUNDING * size] = 0.0
        variance = (squares - sums**2 / n) / freedom
        varied = variance > _ROUNDING * squares
        reached = varied & (np.abs(sums) > critical * np.sqrt(n * np.where(varied, variance, 1.0)))
        up, down = sums > 0, sums < 0
        shares = [np.maximum((up & of).mean(axis=1), (down & of).mean(axis=1)) for of in (np.True_, reached)]
        statistics.append(np.stack([*shares, np.abs(np.median(sums / n, axis=1))]))
        if start < _BAND:
            curves += [np.sort(sums / n, axis=1), np.sort(-sums / n, axis=1)]
    return np.hstack(statistics), np.quantile(np.vstack(curves), [LEVEL / 2, 1 - LEVEL / 2], axis=0)
