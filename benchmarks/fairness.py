"""How far comparisons of families of kinds can be believed: the numbers on sweeps in docs/statistics.

    python benchmarks/fairness.py [--repetitions 2000] [--out docs/statistics/fairness.csv]

A repetition invents a whole run: a reference and 13 families at 5 doses, in 3 input modes, with 5 or 8 seeds. A dose
takes 0.002, 0.005, 0.01, 0.02 or 0.04 of the accuracy, so that the third is accurate enough by luck alone, which is
what a winner's curse needs. Doses are chosen on validation accuracy as `fair.dose_table` chooses them, and compared by
`joint_p` on other examples. The noise of a network is in its accuracy on both sets of examples, and half of the noise
of the accuracy that its split costs is the same. Noise is of the distributions of ``calibration.py``, less its mean, or
has ties (rounded to whole deviations); with equal deviations for all kinds, or unequal ones (0.3 to 3 times).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from calibration import DATA
from numpy.typing import NDArray

from spatialgraph.analyses.fair import WITHIN
from spatialgraph.analyses.specification import shuffled
from spatialgraph.analyses.statistics import LEVEL, holm, joint_p, sign_flip_p, signs_of

Array = NDArray[np.float64]

SEEDS = (5, 8)
LINES, MODES = 13, 3
COSTS = np.array([0.002, 0.005, 0.01, 0.02, 0.04])  # of accuracy, by dose
FIXED = 2  # the dose that is compared if none is chosen
NOISE, MEASURING, DROP = 0.004, 0.002, 0.02  # deviations: of accuracies, of measuring them, of drops
EFFECTS = (1.0, 2.0, 4.0)  # in deviations of a drop
ANALYSES = 4 * 3 * MODES  # of a specification curve, for each dose: split methods, ablations and input modes
DISTRIBUTIONS = (*DATA, "ties")


def noise(data: str, draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return noise of mean 0 and deviation 1, about."""
    if data == "ties":
        return np.round(draw.normal(size=shape))
    make, mean = DATA[data]
    deviation = {"normal": 1.0, "exponential": 1.0, "log-normal": 2.16, "mostly 0": 0.6}[data]
    return (make(draw, shape) - mean) / deviation


def run(data: str, n: int, unequal: bool, effect: float, draw: np.random.Generator) -> tuple[Array, Array, Array]:
    """Invent a run; the drops of all kinds but the reference's are `effect` deviations smaller.

    Returns:
        validation accuracies, held-out accuracies, and drops, ``(kinds, modes, seeds)``: the reference first, then the
        doses of each line, from weak to strong.
    """
    kinds = 1 + LINES * len(COSTS)
    shape = (kinds, MODES, n)
    own = np.geomspace(0.3, 3, kinds)[draw.permutation(kinds), None, None] if unequal else np.ones((1, 1, 1))
    common, of_drop = noise(data, draw, shape) * own, noise(data, draw, shape) * own
    cost = np.concatenate([[0.0], np.tile(COSTS, LINES)])[:, None, None]
    accuracy = 0.9 - cost + NOISE * common
    validation, held_out = (accuracy + MEASURING * draw.normal(size=shape) for _ in range(2))
    shift = np.concatenate([[0.0], np.full(kinds - 1, effect)])[:, None, None]
    return validation, held_out, 0.3 + DROP * ((common + of_drop) / np.sqrt(2) - shift)


def strongest(accuracy: Array) -> NDArray[np.intp]:
    """Return the kind that is compared at equal accuracy, −1 where none is, ``(lines, modes)``."""
    means = accuracy.mean(axis=-1)
    allowed = (means[:1] - means[1:] <= WITHIN).reshape(LINES, len(COSTS), MODES)
    last = len(COSTS) - 1 - np.argmax(allowed[:, ::-1], axis=1)
    kind = 1 + len(COSTS) * np.arange(LINES)[:, None] + last
    return np.where(allowed.any(axis=1), kind, -1)


def differences(chosen: NDArray[np.intp], values: Array) -> tuple[Array, Array]:
    """Return the reference, then the first line, less every line, at the chosen doses, ``(comparisons, seeds)``."""
    beside, rivals = [], []
    for mode in range(MODES):
        own = [values[kind, mode] for kind in chosen[:, mode] if kind >= 0]
        beside += [values[0, mode] - one for one in own]
        rivals += [own[0] - one for one in own[1:]]
    return np.array(beside), np.array(rivals).reshape(-1, values.shape[-1])


def chosen_doses(
    data: str, n: int, unequal: bool, repetitions: int, draw: np.random.Generator
) -> Iterator[tuple[str, float]]:
    """Yield how often anything is told where no drop differs, and by how much accuracies of chosen doses flatter."""
    fixed = np.tile(1 + len(COSTS) * np.arange(LINES)[:, None] + FIXED, MODES)
    told: dict[str, list[float]] = {}
    for _ in range(repetitions):
        validation, held_out, drop = run(data, n, unequal, 0.0, draw)
        ways = {
            "fixed": fixed,
            "chosen on validation": strongest(validation),
            "chosen on held-out": strongest(held_out),
        }
        for way, chosen in ways.items():
            both = np.vstack(differences(chosen, drop))
            told.setdefault(f"any told, doses {way}", []).append((joint_p(both) <= LEVEL).any())
            below = np.mean(differences(chosen, held_out)[0])
            true = [COSTS[(kind - 1) % len(COSTS)] for kind in chosen.ravel() if kind >= 0]
            told.setdefault(f"accuracy flattered, doses {way}", []).append(np.mean(true) - below)
        by_holm = holm(sign_flip_p(np.vstack(differences(fixed, drop))))
        told.setdefault("any told by Holm's p, doses fixed", []).append((by_holm <= LEVEL).any())
    yield from ((what, float(np.mean(values))) for what, values in told.items())


def power(data: str, n: int, effect: float, repetitions: int, draw: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Yield how many of the differences from the reference are told, all of which are there."""
    told: dict[str, list[float]] = {}
    for _ in range(repetitions):
        validation, _, drop = run(data, n, False, effect, draw)
        beside, rivals = differences(strongest(validation), drop)
        both = np.vstack([beside, rivals])
        ways = {"together": joint_p(both), "by Holm": holm(sign_flip_p(both)), "not corrected": sign_flip_p(both)}
        for way, p in ways.items():
            told.setdefault(f"told of {effect:g} deviations, {way}", []).append((p[: len(beside)] <= LEVEL).mean())
    yield from ((what, float(np.mean(values))) for what, values in told.items())


def curves(
    data: str, n: int, effect: float, repetitions: int, draw: np.random.Generator
) -> Iterator[tuple[str, float]]:
    """Yield how often a specification curve of a family at five doses and the reference has p of at most 0.05.

    Half of the variance of a drop is the network's, and in all analyses; the rest is of the analysis.
    """
    signs, found = signs_of(n), []
    for _ in range(repetitions):
        of_network = noise(data, draw, (1 + len(COSTS), 1, n))
        values = (of_network + noise(data, draw, (1 + len(COSTS), ANALYSES, n))) / np.sqrt(2)
        statistics, _ = shuffled((values[1:] - effect - values[:1]).reshape(-1, n), signs)
        found.append((statistics >= statistics[:, :1] - 1e-12).mean(axis=1) <= LEVEL)
    for what, share in zip(("agree in sign", "significant", "median"), np.mean(found, axis=0), strict=True):
        yield f"specification curve, {effect:g} deviations: {what}", float(share)


def measured(repetitions: int) -> Iterator[dict[str, object]]:
    """Yield every share: what, of which data, how many seeds."""
    for number, data in enumerate(DISTRIBUTIONS):
        for n in SEEDS:
            draw = np.random.default_rng([number, n])
            for unequal in (False, True):
                name = f"{data}, unequal" if unequal else data
                for what, value in chosen_doses(data, n, unequal, repetitions, draw):
                    yield {"what": what, "data": name, "n": n, "value": value, "repetitions": repetitions}
            fewer = max(1, repetitions // 4)
            for effect in EFFECTS:
                for what, value in power(data, n, effect, fewer, draw):
                    yield {"what": what, "data": data, "n": n, "value": value, "repetitions": fewer}
            for effect, times in ((0.0, repetitions), (1.0, fewer)):
                for what, value in curves(data, n, effect, times, draw):
                    yield {"what": what, "data": data, "n": n, "value": value, "repetitions": times}


def main() -> None:
    """Measure, write, and print as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs/statistics/fairness.csv"))
    arguments = parser.parse_args()
    table = pd.DataFrame(measured(arguments.repetitions))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out, index=False, lineterminator="\n", float_format="%.5f")
    wide = table.pivot(index=["what", "data"], columns="n", values="value")
    print(wide.reindex(table[["what", "data"]].drop_duplicates()).round(4).to_string(na_rep=""))  # noqa: T201


if __name__ == "__main__":
    main()
