"""What ``claims.py`` compares for each claim, and the tests of all comparisons as one family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialgraph.analyses.finding import MATTERS
from spatialgraph.analyses.labels import ABLATIONS, INPUTS
from spatialgraph.analyses.statistics import interval_of_mean, joint_p

TESTED = "incoming"
"""The ablation of the tests: what the authors' code does, which reproduces the paper's table."""

MODES = ("mix", "sequential")
"""The input modes in which claims are compared, besides those on input modes."""

LABELS: Mapping[str, Mapping[str, str]] = {
    "accuracy": {"sigmoid": "sigmoid"},
    "activation": {
        "sigmoid": "sigmoid",
        "tanh": "tanh",
        "clipped-relu": "clipped ReLU",
        "relu": "ReLU",
        "relu-balanced": "ReLU balanced",
    },
    "inputs": {"sigmoid": "sigmoid"},
    "tasks": {"sigmoid": "two tasks", "three-tasks": "three tasks", "four-tasks": "four tasks"},
    "dimensions": {
        "one-dimension": "one dimension",
        "sigmoid": "two dimensions",
        "three-dimensions": "three dimensions",
    },
}
"""What variants are called, claim by claim, in the order of figures."""

COLUMNS = ("claim", "question", "variant", "inputs", "ablation", "n", "estimate", "low", "high", "p")


class Side(NamedTuple):
    """One measurement of the networks of a group, a number for each seed."""

    variant: str
    inputs: str
    kind: str
    measure: str


@dataclass(frozen=True)
class Comparison:
    """A sum of measurements less another one, seed by seed.

    Attributes:
        claim, question, variant, inputs, ablation: what it is of; ablation is ``""`` where nothing is disabled.
        more, less: the two sums.
        margin: above 0, the difference is tested to be within ± the margin; else to be another than 0.
        tested: whether it belongs to the family; others have an interval and no p.
    """

    claim: str
    question: str
    variant: str
    inputs: str
    ablation: str
    more: tuple[Side, ...]
    less: tuple[Side, ...]
    margin: float = 0.0

    @property
    def tested(self) -> bool:
        """Whether it belongs to the family of tests; others have an interval and no p."""
        return self.ablation in ("", TESTED)


def _gain(
    claim: str, variant: str, inputs: str, ablation: str, question: str = "gain", beside: str | None = None
) -> Comparison:
    """Return how much more regular networks lose by the split than spatial ones; and that less another variant's."""
    regular, spatial = (Side(variant, inputs, kind, f"drop-{ablation}") for kind in ("regular", "spatial"))
    if beside is None:
        return Comparison(claim, question, variant, inputs, ablation, (regular,), (spatial,))
    other_regular, other_spatial = (side._replace(variant=beside) for side in (regular, spatial))
    return Comparison(claim, question, variant, inputs, ablation, (regular, other_spatial), (spatial, other_regular))


def _of_accuracy() -> Iterator[Comparison]:
    for inputs in INPUTS:
        spatial, regular = (Side("sigmoid", inputs, kind, "accuracy") for kind in ("spatial", "regular"))
        for question, margin in (("accuracy", 0.0), ("equivalence", MATTERS)):
            yield Comparison("accuracy", question, "sigmoid", inputs, "", (spatial,), (regular,), margin)


def _of_activation() -> Iterator[Comparison]:
    for inputs in MODES:
        for variant in LABELS["activation"]:
            for ablation in ABLATIONS:
                yield _gain("activation", variant, inputs, ablation)
                if variant not in ("sigmoid", "relu-balanced"):
                    yield _gain("activation", variant, inputs, ablation, "beside sigmoid", "sigmoid")
            sides = {k: [Side(variant, inputs, k, m) for m in ("modularity", "chance")] for k in ("spatial", "regular")}
            (more, chance), (less, by_chance) = sides["spatial"], sides["regular"]
            yield Comparison("activation", "modularity", variant, inputs, "", (more, by_chance), (less, chance))
        spatial, regular = (Side("relu", inputs, kind, "strength") for kind in ("spatial", "regular"))
        yield Comparison("activation", "escape", "relu", inputs, "", (spatial,), (regular,))


def _of_inputs() -> Iterator[Comparison]:
    for inputs in MODES:
        for ablation in ABLATIONS:
            other, first = (Side("sigmoid", mode, "regular", f"drop-{ablation}") for mode in (inputs, "concatenate"))
            yield Comparison("inputs", "regular loses more", "sigmoid", inputs, ablation, (other,), (first,))


def _of_tasks() -> Iterator[Comparison]:
    for inputs in MODES:
        for variant in LABELS["tasks"]:
            yield from (_gain("tasks", variant, inputs, ablation) for ablation in ABLATIONS)


def _of_dimensions() -> Iterator[Comparison]:
    for inputs in MODES:
        for variant in LABELS["dimensions"]:
            for ablation in ABLATIONS:
                yield _gain("dimensions", variant, inputs, ablation)
                if variant != "sigmoid":
                    here, plane = (Side(v, inputs, "spatial", f"drop-{ablation}") for v in (variant, "sigmoid"))
                    yield Comparison("dimensions", "spatial loses more", variant, inputs, ablation, (here,), (plane,))


CLAIMS: Mapping[str, Callable[[], Iterator[Comparison]]] = {
    "accuracy": _of_accuracy,
    "activation": _of_activation,
    "inputs": _of_inputs,
    "tasks": _of_tasks,
    "dimensions": _of_dimensions,
}
"""The comparisons of each claim."""


def family_of(table: pd.DataFrame, claims: Iterable[str], seeds: Sequence[int]) -> pd.DataFrame:
    """Return every comparison of the claims with its test; all tests are corrected together, see `joint_p`.

    Args:
        table: columns variant, inputs, kind, seed, measure and value; of the networks that count.
        claims: names in `CLAIMS`.
        seeds: the seeds there may be; a comparison has those of which it has all measurements.

    Returns:
        the columns `COLUMNS`; n counts seeds, low and high are the 95 % t interval of the estimate. p of an equivalence
        is the larger one of two tests, that the difference is above −margin and below the margin; it is 1 where the
        estimate is outside of them.
    """
    values = table.set_index(["variant", "inputs", "kind", "measure", "seed"])["value"]
    comparisons = [comparison for claim in claims for comparison in CLAIMS[claim]()]
    differences = [_difference(values, comparison, seeds) for comparison in comparisons]
    shifts = [(one.margin, -one.margin) if one.margin else (0.0,) for one in comparisons]
    tests = [
        (row, differences[row] + shift, shift)
        for row, one in enumerate(comparisons)
        if one.tested
        for shift in shifts[row]
    ]
    found = joint_p(np.array([test for _, test, _ in tests]))
    p = np.full(len(comparisons), np.nan)
    for (row, test, shift), one in zip(tests, found, strict=True):
        inside = shift == 0 or np.isnan(one) or np.sign(np.nanmean(test)) == np.sign(shift)
        p[row] = np.fmax(p[row], one if inside else 1.0)
    rows = [_row(one, difference) for one, difference in zip(comparisons, differences, strict=True)]
    return pd.DataFrame(rows).assign(p=p)[list(COLUMNS)]


def _difference(values: pd.Series[float], comparison: Comparison, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Return the difference of each seed; NaN where a measurement is missing."""
    total = np.zeros(len(seeds))
    for sides, sign in ((comparison.more, 1), (comparison.less, -1)):
        for side in sides:
            keys = [(side.variant, side.inputs, side.kind, side.measure, seed) for seed in seeds]
            total += sign * np.array([values.get(key, np.nan) for key in keys], np.float64)
    return total


def _row(comparison: Comparison, difference: NDArray[np.float64]) -> dict[str, object]:
    known = difference[~np.isnan(difference)]
    row = {name: getattr(comparison, name) for name in COLUMNS[:5]}
    row |= {"n": len(known), "estimate": np.nan, "low": np.nan, "high": np.nan}
    if len(known):
        (low,), (high,) = interval_of_mean(known[None])
        row |= {"estimate": known.mean(), "low": low, "high": high}
    return row
