"""Statistics over networks: summaries of each cell's scores, and comparisons of kinds and of split methods.

One data point is one seed of training: neurons, tasks and examples are not independent repetitions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special  # not scipy.stats, which takes as long to import as all else

from .columns import FULL, GUESSED
from .labels import ordered_kinds, reference_of

FloatArray = NDArray[np.float64]

LEAST_SEEDS = 5
"""Fewer seeds get no p: with four, the least two-sided p is 2/16."""

DRAWS = 9999
"""The number of draws of a Monte Carlo test."""

LEVEL = 0.05
"""The level of tests, and one minus the nominal coverage of intervals."""

INTERVAL = "95 % t interval"
"""The name of `interval_of_mean` in summaries and captions."""

CAVEAT = "exact for normal values, too narrow for skewed ones"
"""The remark that captions add to `INTERVAL`."""

CELL = ("kind", "inputs", "split", "ablation", "metric")
"""The columns that identify a cell."""

# Relative. Values that differ by less are equal: scores are differences of decimals without an exact binary form.
_ROUNDING = 1e-12
# The mean of shares over tasks is the same for every partition, and the accuracy of guessing for every network.
_UNCOMPARED = ("share", GUESSED)
_ROWS = 500  # cells or comparisons at once: each has up to `DRAWS` numbers of 8 bytes, so 40 MB


def per_network(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over tasks of every metric of every network, split and ablation.

    Args:
        scores: rows with the columns of ``scores.csv``.

    Returns:
        columns network, unit, kind, inputs, split, ablation, metric, value; missing scores are left out. ``unit`` is
        the unit of replication: the seed, or the network itself where its seed is not known.

    Example:
        >>> score = ("a", "regular", "mix", 3, "greedy", "", "cut")
        >>> rows = [(*score, "digits", 1.0), (*score, "clothes", 2.0)]
        >>> columns = ["network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
        >>> per_network(pd.DataFrame(rows, columns=columns))[["network", "unit", "value"]].to_numpy().tolist()
        [['a', '3', 1.5]]
    """
    keys = ["network", "split", "ablation", "metric"]
    means = scores.groupby(keys, sort=False)["value"].mean().dropna().reset_index()
    members = scores[["network", "kind", "inputs", "seed"]].drop_duplicates("network")
    seed = members["seed"]  # not converted: some have more digits than a 64-bit integer
    members = members.assign(unit=seed.astype(str).where(seed.notna(), members["network"]))
    # Looked up, not merged, which would take as long again as all else.
    known = members.iloc[pd.Index(members["network"]).get_indexer(means["network"])].set_axis(means.index)
    values: pd.DataFrame = pd.concat([means, known[["unit", "kind", "inputs"]]], axis=1)
    return values[["network", "unit", *CELL, "value"]]


def over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one value for each cell and seed.

    Networks that share kind, inputs and seed, such as those of a grid whose settings are not part of the kind, are not
    independent repetitions: they are averaged, so that they cannot make intervals narrow or p small.

    Args:
        scores: rows with the columns of ``scores.csv``.

    Returns:
        the columns `CELL`, then unit, value, and networks (the number averaged).
    """
    return _over_seeds(per_network(scores))


def _over_seeds(values: pd.DataFrame) -> pd.DataFrame:
    groups = values.groupby([*CELL, "unit"], sort=False)["value"]
    return groups.mean().reset_index().assign(networks=groups.size().to_numpy())


def cells(scores: pd.DataFrame) -> pd.DataFrame:
    """Summarise every cell over its seeds.

    The interquartile mean is the mean of the middle half: "Deep reinforcement learning at the edge of the statistical
    precipice", Agarwal et al. 2021, arXiv 2108.13264; a quarter of the values, rounded down, is left out at each end.

    Args:
        scores: rows with the columns of ``scores.csv``.

    Returns:
        the columns `CELL`, in the order of the scores, then n (seeds), networks, mean, sd (divisor n - 1; NaN for one
        seed), median, iqm, low and high (the interval of the mean, see `interval_of_mean`), seeds and values (texts, in
        the same order, separated by spaces).
    """
    values = over_seeds(scores)
    groups = values.groupby(list(CELL), sort=False)
    table = groups.agg(
        n=("value", "size"),
        networks=("networks", "sum"),
        mean=("value", "mean"),
        sd=("value", "std"),
        median=("value", "median"),
    ).reset_index()
    added = {name: np.full(len(table), np.nan) for name in ("iqm", "low", "high")}
    number = groups.ngroup().to_numpy()
    for rows, matrix in _by_size(number, values["value"].to_numpy(np.float64)):
        added["iqm"][rows] = _middle_half(matrix).mean(axis=1)
        added["low"][rows], added["high"][rows] = interval_of_mean(matrix)
    texts = {"seeds": values["unit"].tolist(), "values": list(map("{:.6g}".format, values["value"].tolist()))}
    return table.assign(**added, **{name: _joined(number, own) for name, own in texts.items()})


def _joined(number: NDArray[np.integer], texts: list[str]) -> pd.Series[str]:
    """Return the texts of each group, in their order, separated by spaces."""
    groups: list[list[str]] = [[] for _ in range(max(number, default=-1) + 1)]
    for group, text in zip(number.tolist(), texts, strict=True):
        groups[group].append(text)
    return pd.Series(list(map(" ".join, groups)), dtype=str)


def _middle_half(values: FloatArray) -> FloatArray:
    """Return each row without a quarter of its values, rounded down, at each end."""
    first, after = (n := values.shape[1]) // 4, n - n // 4
    return np.partition(values, (first, after - 1), axis=1)[:, first:after]


def interval_of_mean(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % interval of the mean of each row by Student's t.

    mean ± t · sd / √n, t the 0.975 quantile of n − 1 degrees of freedom: "The probable error of a mean", Student 1908,
    doi:10.1093/biomet/6.1.1. For normal values it contains the true mean in 95 of 100 samples, however small they are;
    for skewed values, and for values that are mostly 0, in fewer, as ``docs/statistics`` measures. It is symmetric, and
    may reach beyond the bounds of the measure, such as an accuracy of 1.

    Args:
        values: ``(rows, n)``, n at least 1.

    Returns:
        low and high, ``(rows,)``: NaN where n = 1 or all values are equal, so that the spread cannot be estimated.

    Example:
        >>> low, high = interval_of_mean(np.array([[0.0, 0.5, 1.0], [0.2, 0.2, 0.2]]))  # t = 4.30, sd = 0.5
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([-0.742, nan], [1.742, nan])
    """
    n = values.shape[1]
    mean = values.mean(axis=1)
    varied = np.abs(values - mean[:, None]).max(axis=1) > _ROUNDING * np.abs(values).max(axis=1)
    reach = np.full(len(mean), np.nan)
    if n > 1:
        reach[varied] = special.stdtrit(n - 1, 1 - LEVEL / 2) * values[varied].std(axis=1, ddof=1) / np.sqrt(n)
    return mean - reach, mean + reach


def sign_flip_p(differences: FloatArray, seed: int = 0, draws: int = DRAWS) -> FloatArray:
    """Return the two-sided p of each row of paired differences: how often flipped signs give as large a mean.

    The null hypothesis is that differences are symmetric around 0, as those of exchangeable pairs are: each difference
    is equally likely with the opposite sign. Skewed differences with a mean of 0 are not symmetric, and are rejected
    more often than the level says; ``docs/statistics`` measures how much more. A small p then shows that the
    distribution is not symmetric around 0, not that its mean differs from 0.

    All 2^n patterns of signs are tried if there are at most 2 · `draws`, which by default holds up to n = 14; p is then
    exact, and at least 2/2^n. Otherwise p = (b + 1) / (draws + 1), b the number of random patterns with as large a
    mean: "Permutation p-values should never be zero", Phipson & Smyth 2010, doi:10.2202/1544-6115.1585. Ties count.
    This is SciPy's ``permutation_test`` for samples, computed for all rows in one product.

    Args:
        differences: ``(rows, n)``, n at least 1.
        seed: determines the random patterns.
        draws: the number of random patterns.

    Returns:
        ``(rows,)``, above 0, at most 1.

    Example:
        >>> sign_flip_p(np.array([[0.1, 0.2, 0.1, 0.3, 0.2], [0.1, -0.1, 0.1, -0.1, 0.0]])).tolist()  # 2/32
        [0.0625, 1.0]
    """
    # A pattern and its opposite give means of the same size, so half of the patterns are enough.
    signs = signs_of(differences.shape[1], seed, draws)
    size = np.abs(differences).sum(axis=1)
    p = np.empty(len(differences))
    for start in range(0, len(p), _ROWS):
        rows = slice(start, start + _ROWS)
        observed = np.abs(differences[rows].sum(axis=1)) - _ROUNDING * size[rows]
        p[rows] = np.count_nonzero(np.abs(differences[rows] @ signs.T) >= observed[:, None], axis=1) / len(signs)
    return p


def signs_of(n: int, seed: int = 0, draws: int = DRAWS) -> FloatArray:
    """Return patterns of signs of n pairs, ``(patterns, n)``: the first is all 1, the pairs as they are.

    All 2^(n − 1) that differ by more than the sign of all are returned if there are at most `draws`, else that first
    one and as many random ones as `draws`, so that a share of patterns is a p in both cases (see `sign_flip_p`).

    Example:
        >>> signs_of(2).tolist()
        [[1.0, 1.0], [-1.0, 1.0]]
    """
    if 2 ** (n - 1) <= draws:
        bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
        return (1 - 2 * bits).astype(np.float64)
    drawn = np.random.default_rng([seed, n]).choice([-1.0, 1.0], (draws, n))
    return np.vstack([np.ones(n), drawn]).astype(np.float64)


def joint_p(differences: FloatArray, seed: int = 0, draws: int = DRAWS) -> FloatArray:
    """Correct many comparisons over the same seeds together, so that the chance of any false rejection is the level.

    The statistic of a comparison is r = |Σ d| / √(Σ d²) over its seeds, which grows with Student's t. The signs of
    *all* differences of a seed are flipped together, and a comparison's p is the share of patterns of signs in which
    the largest r, of it and of all comparisons with a smaller one, is at least its own; a p is never below that of a
    comparison with a larger r: step-down maxT, "Resampling-based multiple testing", Westfall & Young 1993, algorithm
    2.8; "Exact and approximate stepdown methods for multiple hypothesis testing", Romano & Wolf 2005,
    doi:10.1198/016214504000000539. Comparisons keep the dependence that they have, and the least p is that of one
    comparison, 2/2^n, however many there are; Holm's correction of k comparisons could give none below k · 2/2^n.

    It assumes that the differences of a seed, all together, are as likely with the opposite sign.
    ``docs/statistics`` measures how far the level holds where they are not: skewed values, one kind in many
    comparisons.

    Args:
        differences: ``(comparisons, n)``, a column for each seed; NaN where a comparison lacks a seed.
        seed: determines the random patterns.
        draws: the number of random patterns.

    Returns:
        ``(comparisons,)``; NaN for those with fewer than `LEAST_SEEDS` seeds, which do not count.

    Example:
        >>> joint_p(np.array([[1.0, 1.0, 1.0, 1.0, 1.1, 1.0], [0.0, 1.0, -1.0, 1.0, -1.0, 0.1]])).tolist()  # 2/64
        [0.03125, 1.0]
    """
    known = ~np.isnan(differences)
    tested = known.sum(axis=1) >= LEAST_SEEDS
    p = np.full(len(differences), np.nan)
    if not tested.any():
        return p
    flips, own = signs_of(differences.shape[1], seed, draws), np.nan_to_num(differences[tested])
    size = np.sqrt((own**2).sum(axis=1))
    own = own / np.where(size > 0, size, 1.0)[:, None]
    order = np.argsort(-np.abs(own.sum(axis=1)), kind="stable")
    least = np.abs(own[order].sum(axis=1)) - _ROUNDING * np.sqrt(own.shape[1])
    reached = np.zeros(len(order), int)
    for start in range(0, len(flips), _ROWS):
        r = np.abs(flips[start : start + _ROWS] @ own[order].T)  # (patterns, comparisons)
        largest = np.maximum.accumulate(r[:, ::-1], axis=1)[:, ::-1]  # of a comparison and all after it
        reached += np.count_nonzero(largest >= least, axis=0)
    stepped = np.maximum.accumulate(reached / len(flips))
    p[np.flatnonzero(tested)[order]] = stepped
    return p


def least_p(n: int, draws: int = DRAWS) -> float:
    """Return the least p that `sign_flip_p` can give for n pairs.

    Example:
        >>> least_p(5), least_p(10), least_p(30)
        (0.0625, 0.001953125, 0.0001)
    """
    return 2.0 ** (1 - n) if 2 ** (n - 1) <= draws else 1 / (draws + 1)


def holm(p: FloatArray) -> FloatArray:
    """Correct the p of one family of tests, so that the chance of any false rejection is at most the level.

    The i-th smallest of k values is multiplied by k − i + 1, raised to the largest corrected value before it if that is
    larger, and limited to 1: "A simple sequentially rejective multiple test procedure", Holm 1979, Scandinavian Journal
    of Statistics 6:65–70. SciPy corrects the false discovery rate only.

    Args:
        p: ``(tests,)``; NaN marks a missing test: it stays NaN and does not count.

    Example:
        >>> holm(np.array([0.03, 0.01, np.nan, 0.04])).tolist()  # 3 tests: 2 · 0.03, 3 · 0.01, and no less than 0.06
        [0.06, 0.03, nan, 0.06]
    """
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected = np.full(len(p), np.nan)
    factor = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factor), 1.0)
    return corrected


def combined_p(p: FloatArray) -> float:
    """Combine the p of independent networks into one p of the hypothesis that all their null hypotheses hold.

    If the p are uniform, −2 Σ ln p has a χ² distribution with 2n degrees of freedom: "Statistical methods for research
    workers", Fisher 1925; computed by SciPy. The p of Monte Carlo tests are stochastically no smaller than uniform, so
    that the combined test rejects no more often than its level says. The combined p is also small where only a few
    networks differ much from chance; their number is reported beside it.

    Args:
        p: ``(networks,)``, above 0, at most 1; NaN marks a missing test and does not count.

    Returns:
        NaN if there is no p.

    Example:
        >>> round(combined_p(np.array([0.05])), 9), round(combined_p(np.array([0.05, 0.05])), 4)
        (0.05, 0.0175)
    """
    known = p[~np.isnan(p)]
    return float(special.chdtrc(2 * len(known), -2 * np.log(known).sum())) if len(known) else np.nan


def paired(one: FloatArray, other: FloatArray, seed: int = 0) -> pd.DataFrame:
    """Compare two measurements of the same seeds, in each row.

    Args:
        one: ``(rows, n)``, n at least 1: a row is a comparison, a column a seed.
        other: ``(rows, n)``, of the same seeds.
        seed: determines the draws of Monte Carlo tests.

    Returns:
        a row for each comparison, with columns n; mean_one, mean_other; difference (of the means, one − other), low and
        high (see `interval_of_mean`, of the paired differences); effect (Cohen's d_z, the mean of the differences
        in units of their sample standard deviation; NaN if they are all equal); superiority (the share of seeds in
        which one is larger, ties counted half); p (see `sign_flip_p`; NaN under `LEAST_SEEDS` seeds) and p_least.

    Example:
        >>> paired(np.array([[3.0, 4.0, 5.0]]), np.array([[1.0, 1.0, 1.0]]))[["difference", "effect", "superiority"]]
           difference  effect  superiority
        0         3.0     3.0          1.0
    """
    rows, n = one.shape
    difference = one - other
    difference[np.abs(difference) <= _ROUNDING * np.maximum(np.abs(one), np.abs(other))] = 0.0
    mean = difference.mean(axis=1)
    low, high = interval_of_mean(difference)
    tested = n >= LEAST_SEEDS
    return pd.DataFrame(
        {
            "n": n,
            "mean_one": one.mean(axis=1),
            "mean_other": other.mean(axis=1),
            "difference": mean,
            "low": low,
            "high": high,
            "effect": _in_deviations(difference, mean),
            "superiority": ((difference > 0) + 0.5 * (difference == 0)).mean(axis=1),
            "p": sign_flip_p(difference, seed) if tested else np.full(rows, np.nan),
            "p_least": least_p(n) if tested else np.nan,
        }
    )


def compare_kinds(scores: pd.DataFrame, reference: str | None = None, seed: int = 0) -> pd.DataFrame:
    """Compare every kind of network with the reference, seed by seed, for each input mode, split, ablation and metric.

    A table, which is the family of Holm's correction, has one split, ablation and metric: its comparisons are those of
    all kinds and input modes.

    Args:
        scores: rows with the columns of ``scores.csv``.
        reference: the kind that others are compared with, ``one`` of each comparison; None for the first in the order
            of tables. If the reference has no scores, nothing is compared.
        seed: determines the draws of Monte Carlo tests.

    Returns:
        see `comparisons`.
    """
    return _kinds(per_network(_comparable(scores)), reference, seed)


def _kinds(values: pd.DataFrame, reference: str | None, seed: int) -> pd.DataFrame:
    values = _over_seeds(values).assign(pair=lambda frame: frame["unit"])
    kinds = ordered_kinds(values["kind"])
    reference = reference_of(kinds) if reference is None else reference
    pairs = [(reference, kind) for kind in kinds if kind != reference] if reference in kinds else []
    return _compare(values, "kind", pairs, ["split", "ablation", "metric"], ["inputs"], seed)


def compare_methods(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare every two split methods, network by network, for each kind, input mode, ablation and metric.

    A table, which is the family of Holm's correction, has one kind, input mode, ablation and metric: its comparisons
    are the pairs of methods. Differences within networks that share a seed are averaged.

    Args:
        scores: rows with the columns of ``scores.csv``.
        seed: determines the draws of Monte Carlo tests.

    Returns:
        see `comparisons`.
    """
    return _methods(per_network(_comparable(scores)), seed)


def _methods(values: pd.DataFrame, seed: int) -> pd.DataFrame:
    values = values[values["split"] != FULL].assign(pair=lambda frame: frame["network"])
    pairs = list(itertools.combinations(dict.fromkeys(values["split"]), 2))
    return _compare(values, "split", pairs, ["kind", "inputs", "ablation", "metric"], [], seed)


def comparisons(scores: pd.DataFrame, reference: str | None = None, seed: int = 0) -> pd.DataFrame:
    """Compare every kind of network with the reference, and every two split methods, paired by seed.

    Measures per layer (with the layer in the name) are not compared, nor is ``share``, whose mean over tasks is the
    same for every partition.

    Args:
        scores: rows with the columns of ``scores.csv``.
        reference: the kind that others are compared with; None for the first in the order of tables.
        seed: determines the draws of Monte Carlo tests.

    Returns:
        a row for each comparison, with comparison (``kinds`` or ``methods``), table (the family of Holm's correction),
        the columns `CELL` with ``""`` in the compared column, one and other (the two values compared), the columns of
        `paired`, p_holm, comparisons (the number of tests in the table) and reason (why p is missing).
    """
    values = per_network(_comparable(scores))
    frames = [frame for frame in (_kinds(values, reference, seed), _methods(values, seed)) if len(frame)]
    # Empty ones would affect the types of columns.
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(_COLUMNS))


_COLUMNS = (
    *("comparison", "table", *CELL, "one", "other", "n", "mean_one", "mean_other", "difference", "low", "high"),
    *("effect", "superiority", "p", "p_holm", "comparisons", "p_least", "reason"),
)


def _comparable(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores whose comparison is meaningful."""
    metric = scores["metric"]
    return scores[~metric.str.contains(":", regex=False) & ~metric.isin(_UNCOMPARED)]


def _compare(
    values: pd.DataFrame, across: str, pairs: list[tuple[str, str]], table: list[str], within: list[str], seed: int
) -> pd.DataFrame:
    """Compare pairs of kinds, or pairs of split methods.

    Args:
        values: columns `CELL`, unit, pair (rows with the same pair are compared), value.
        across: ``"kind"`` or ``"split"``, the column whose entries are compared.
        pairs: the entries of that column to compare, each ``one`` and ``other``.
        table: the columns that identify a table.
        within: the other columns in which comparisons of one table differ.
        seed: determines the draws of Monte Carlo tests.
    """
    by, word = [*table, *within], {"kind": "kinds", "split": "methods"}[across]
    if not pairs:
        return pd.DataFrame(columns=list(_COLUMNS))
    names = pd.Index(list(dict.fromkeys(itertools.chain(*pairs))))
    one, other = (names.get_indexer(pd.Index(side)) for side in zip(*pairs, strict=True))
    column = names.get_indexer(pd.Index(values[across]))  # -1, the last one, is that of all others
    row, rows = _numbered(values, [*by, "unit", "pair"])
    cell, cells = _numbered(rows, by)
    wide = np.full((len(rows), len(names) + 1), np.nan)
    wide[row, column] = values["value"]
    there = np.zeros((len(cells), len(names) + 1), bool)
    there[cell[row], column] = True
    # Comparisons have numbers: those of a pair are together, in the order of cells.
    pair, row = np.nonzero(~(np.isnan(wide[:, one]) | np.isnan(wide[:, other])).T)
    both = pd.DataFrame({"comparison": pair * len(cells) + cell[row], "unit": rows["unit"].to_numpy()[row]})
    both = both.assign(first=wide[row, one[pair]], second=wide[row, other[pair]])
    means = both.groupby(["comparison", "unit"], sort=False).mean().reset_index()
    number, compared = pd.factorize(means["comparison"].to_numpy())
    matrices = (_by_size(number, means[side].to_numpy(np.float64)) for side in ("first", "second"))
    results = [
        paired(first, second, seed).set_index(compared[places])
        for (places, first), (_, second) in zip(*matrices, strict=True)
    ]
    unpaired = np.setdiff1d(np.flatnonzero((there[:, one] & there[:, other]).T), compared)
    if len(unpaired):  # both sides have values, but share no seed
        results.append(pd.DataFrame({"n": 0}, index=unpaired))
    if not results:
        return pd.DataFrame(columns=list(_COLUMNS))
    found = pd.concat(results).loc[[*compared, *unpaired]]
    pair, cell = np.divmod(found.index.to_numpy(), len(cells))
    keys = cells.iloc[cell].assign(one=names[one[pair]], other=names[other[pair]])
    return _finish(pd.concat([frame.reset_index(drop=True) for frame in (keys, found)], axis=1), word, across, table)


def _numbered(frame: pd.DataFrame, columns: list[str]) -> tuple[NDArray[np.integer], pd.DataFrame]:
    """Return the number of each row among the rows that differ in some columns, and those rows."""
    number = frame.groupby(columns, sort=False).ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    return number, frame[columns].iloc[first]


def _finish(table: pd.DataFrame, word: str, across: str, family: list[str]) -> pd.DataFrame:
    """Add the names of the tables, Holm's correction and the reasons."""
    named = table[family].astype(str)
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *_COLUMNS])))
    table["comparison"] = word
    table["table"] = [f"{word}: " + ", ".join(part or "-" for part in row) for row in named.to_numpy()]
    table[across] = ""
    table["n"] = table["n"].astype(int)
    table["p"] = table["p"].astype(float)
    p = table["p"].to_numpy(np.float64)
    corrected, tests = np.full(len(p), np.nan), np.zeros(len(p), int)
    for rows in table.groupby("table", sort=False).indices.values():
        corrected[rows], tests[rows] = holm(p[rows]), np.count_nonzero(~np.isnan(p[rows]))
    table["p_holm"], table["comparisons"] = corrected, tests
    reasons = {n: f"expected at least {LEAST_SEEDS} seeds for a test, found {n}" for n in range(LEAST_SEEDS)}
    table["reason"] = table["n"].map(lambda n: reasons.get(n, ""))
    return table[list(_COLUMNS)]


def _by_size(group: NDArray[np.integer], values: FloatArray) -> Iterator[tuple[NDArray[np.intp], FloatArray]]:
    """Yield the groups of each size n: their numbers, ``(groups,)``, and their values, ``(groups, n)``."""
    order = np.argsort(group, kind="stable")
    size = np.bincount(group)
    start = np.cumsum(size) - size
    for n in np.unique(size):
        rows = np.flatnonzero(size == n)
        yield rows, values[order[start[rows, None] + np.arange(n)]]


def _in_deviations(difference: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the mean of each row in units of its standard deviation; NaN if that is 0 or the row has one value."""
    if difference.shape[1] == 1:
        return np.full(len(mean), np.nan)
    deviation = difference.std(axis=1, ddof=1)
    constant = deviation <= _ROUNDING * np.abs(difference).max(axis=1)
    return np.where(constant, np.nan, mean / np.where(constant, 1.0, deviation))
