"""What intervals hold and how often tests reject: the numbers in docs/statistics.

    python benchmarks/calibration.py [--repetitions 10000] [--out docs/statistics/calibration.csv]

Values are drawn from distributions whose mean is known: normal, skewed (exponential, log-normal) and mostly 0 (80 %
zeros, the rest exponential), for 3, 5, 12 and 30 seeds or networks. An interval should hold the mean in 95 of 100
samples, a test should reject a null hypothesis that is true in at most 5 of 100. Everything is computed by the
functions that write ``summary.md``. The standard error of a share near 0.05 is 0.002 with 10000 repetitions.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from spatialgraph.analyses.figures.scores import rank_correlation
from spatialgraph.analyses.statistics import LEAST_SEEDS, LEVEL, combined_p, holm, interval_of_mean, sign_flip_p

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

SIZES = (3, 5, 12, 30)
DRAWS = 100  # of a null model, as `analyze` makes by default
MODES = 3  # input modes in a family of comparisons of kinds
FEWER, RESAMPLES = 5, 999  # bootstraps take long: a fifth of the repetitions, and so many resamples
SHIFT = 1.0  # in deviations of the null model: what the power of combined p is measured at


def mostly_zero(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return values of which four of five are 0."""
    return np.where(draw.random(shape) < 0.8, 0.0, draw.exponential(size=shape))


DATA: dict[str, tuple[Draw, float]] = {
    "normal": (lambda draw, shape: draw.normal(size=shape), 0.0),
    "exponential": (lambda draw, shape: draw.exponential(size=shape), 1.0),
    "log-normal": (lambda draw, shape: draw.lognormal(size=shape), float(np.exp(0.5))),
    "mostly 0": (mostly_zero, 0.2),
}
"""Distributions, each with its mean."""


def held(what: str, ends: tuple[Array, Array], mean: float) -> Iterator[tuple[str, float]]:
    """Yield in how many samples there is an interval, in how many of those it is finite, and holds the mean."""
    low, high = ends
    there = ~np.isnan(low)
    yield f"{what}: there is an interval", there.mean()
    if np.isinf(ends).any():
        yield f"{what}: it is finite", np.isfinite(ends).all(axis=0)[there].mean()
    yield f"{what}: it holds the mean", ((low <= mean) & (mean <= high))[there].mean()


def intervals(data: str, n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield the coverage of intervals of means, of differences of exchangeable pairs, and of what else there is."""
    make, mean = DATA[data]
    yield from held("mean", interval_of_mean(make(draw, (repetitions, n))), mean)
    difference = make(draw, (repetitions, n)) - make(draw, (repetitions, n))
    yield from held("difference", interval_of_mean(difference), 0.0)
    values = make(draw, (max(1, repetitions // FEWER), n))
    yield from held("mean, BCa bootstrap", bca(values, draw), mean)
    yield from held("mean, bootstrap t", bootstrap_t(values, draw), mean)


def bca(values: Array, draw: np.random.Generator) -> tuple[Array, Array]:
    """Return SciPy's bias-corrected and accelerated bootstrap intervals of the mean of each row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an interval that is not defined is NaN
        bootstrap = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, batch=100, vectorized=True, axis=-1, random_state=draw
        )
    return bootstrap.confidence_interval.low, bootstrap.confidence_interval.high


def bootstrap_t(values: Array, draw: np.random.Generator) -> tuple[Array, Array]:
    """Return bootstrap intervals of the mean of each row by its t: infinite where resamples have no spread."""
    n, mean = values.shape[1], values.mean(axis=1)
    error = values.std(axis=1, ddof=1) / np.sqrt(n)
    tails = np.full((len(values), 2), np.nan)
    for row in np.flatnonzero(error > 0):
        again = values[row][draw.integers(0, n, (RESAMPLES, n))]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (again.mean(axis=1) - mean[row]) / (again.std(axis=1, ddof=1) / np.sqrt(n))
        tails[row] = np.quantile(t[~np.isnan(t)], [1 - LEVEL / 2, LEVEL / 2], method="nearest")
    return mean - tails[:, 0] * error, mean - tails[:, 1] * error


def tests(data: str, n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield how often the sign-flip test rejects without a difference, alone and in a family with Holm's correction."""
    if n < LEAST_SEEDS:
        return
    make, mean = DATA[data]
    symmetric = make(draw, (repetitions, n)) - make(draw, (repetitions, n))
    yield "sign-flip p: exchangeable pairs", np.mean(sign_flip_p(symmetric) <= LEVEL)
    yield (
        "sign-flip p: skewed differences of mean 0",
        np.mean(sign_flip_p(make(draw, (repetitions, n)) - mean) <= LEVEL),
    )
    kinds = make(draw, (3, repetitions * MODES, n))
    p = np.stack([sign_flip_p(kinds[one] - kinds[other]) for one, other in ((0, 1), (0, 2), (1, 2))], axis=1)
    families = p.reshape(repetitions, -1)
    any_rejected = [bool((holm(family) <= LEVEL).any()) for family in families]
    yield f"Holm's p: any of {families.shape[1]} comparisons", np.mean(any_rejected)


def references(data: str, n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield how often any kind is told to differ from the reference, in any input mode, where all kinds are equal."""
    if n < LEAST_SEEDS:
        return
    make, _ = DATA[data]
    for kinds in (3, 4):
        reference, *others = make(draw, (kinds, repetitions * MODES, n))
        p = np.stack([sign_flip_p(reference - other) for other in others], axis=1)
        families = p.reshape(repetitions, -1)
        any_rejected = [bool((holm(family) <= LEVEL).any()) for family in families]
        what = f"Holm's p: {kinds} kinds, any of {families.shape[1]} comparisons with the reference"
        yield what, np.mean(any_rejected)


def networks(data: str, n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield how often n networks that are like their null model are told to be above it."""
    make, _ = DATA[data]
    p = monte_carlo_p(make(draw, (repetitions, n)), make(draw, (repetitions, n, DRAWS)))
    yield "networks: combined p", np.mean([combined_p(row) <= LEVEL for row in p])
    yield "networks: most have p ≤ 0.05", np.mean((p <= LEVEL).sum(axis=1) > n / 2)


def monte_carlo_p(value: Array, drawn: Array) -> Array:
    """Return the p of every network, as null models give it: ties count."""
    return ((drawn >= value[..., None]).sum(axis=-1) + 1) / (drawn.shape[-1] + 1)


def powers(n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield how often ways to combine p find that all networks are a little above their null model."""
    p = monte_carlo_p(draw.normal(SHIFT, 1, (repetitions, n)), draw.normal(size=(repetitions, n, DRAWS)))
    yield "power at z = 1: Fisher (combined p)", np.mean([combined_p(row) <= LEVEL for row in p])
    stouffer = stats.norm.sf(stats.norm.isf(np.minimum(p, DRAWS / (DRAWS + 1))).sum(axis=1) / np.sqrt(n))
    yield "power at z = 1: Stouffer", np.mean(stouffer <= LEVEL)
    count = stats.binom.sf((p <= LEVEL).sum(axis=1) - 1, n, LEVEL)
    yield "power at z = 1: count of p ≤ 0.05", np.mean(count <= LEVEL)
    yield "power at z = 1: most have p ≤ 0.05", np.mean((p <= LEVEL).sum(axis=1) > n / 2)


def correlations(n: int, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield the coverage of the interval of a rank correlation of normal values."""
    for of in (0.0, 0.5, 0.9):
        true = 6 / np.pi * np.arcsin(of / 2)  # Spearman's correlation of normal values whose Pearson's is `of`
        x, y = draw.normal(size=(2, repetitions, n))
        ends = [rank_correlation(*pair) for pair in zip(x, of * x + np.sqrt(1 - of**2) * y, strict=True)]
        yield f"rank correlation {true:.2f}", np.mean([low <= true <= high for _, low, high in ends])


def measured(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield every share: what, of which data, how many seeds or networks."""
    for number, data in enumerate(DATA):
        for n in SIZES:
            draw = np.random.default_rng([number, n])
            for part in (intervals, tests, networks):
                for what, value in part(data, n, repetitions, draw):
                    yield {"what": what, "data": data, "n": n, "share": value, "repetitions": repetitions}
    for number, data in enumerate(DATA, len(DATA) + 1):
        for n in SIZES:
            for what, value in references(data, n, repetitions, np.random.default_rng([number, n])):
                yield {"what": what, "data": data, "n": n, "share": value, "repetitions": repetitions}
    for n in SIZES:
        draw = np.random.default_rng([len(DATA), n])
        parts = [powers] if n < LEAST_SEEDS else [powers, correlations]
        for one in parts:
            for what, value in one(n, repetitions, draw):
                yield {"what": what, "data": "normal", "n": n, "share": value, "repetitions": repetitions}


def main() -> None:
    """Measure, write, and print as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("docs/statistics/calibration.csv"))
    arguments = parser.parse_args()
    table = pd.DataFrame(measured(arguments.repetitions))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out, index=False, lineterminator="\n", float_format="%.4f")
    wide = table.pivot(index=["what", "data"], columns="n", values="share")
    print(wide.reindex(table[["what", "data"]].drop_duplicates()).round(3).to_string(na_rep=""))  # noqa: T201


if __name__ == "__main__":
    main()
