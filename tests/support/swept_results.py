"""Results of invented networks of many families of kinds at several doses, drawn from a model that is stated here.

The dose number j of k has the place u = (j + 1) / k in its sweep. Of a family with (gain, cost, held):

    accuracy     0.92 − cost · u² + noise of deviation 0.004
    drop         0.30 · (1 − gain · u) + noise of deviation 0.02, halved under the ablation "mean"
    modularity   0.10 + 0.5 · gain · u + noise of deviation 0.02; null models: 0.10, deviation 0.02
    strength     100 · (1 − held · u)

The reference has u = 0. Noise is drawn for each network; accuracy on validation examples has a noise of its own, of
deviation 0.002, and the noise of its network's accuracy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spatialgraph.analyses.columns import COLUMNS
from spatialgraph.analyses.members import member_row, with_doses
from spatialgraph.store import write_splits

FAMILIES = {
    "spatial": (0.95, 0.02, 0.6),
    "l1": (0.30, 0.03, 0.7),
    "l2": (0.05, 0.02, 0.5),
    "group-lasso": (0.35, 0.08, 0.6),
    "fixed": (0.75, 0.03, 0.6),
    "fixed-grid": (0.70, 0.03, 0.6),
    "shuffled": (0.30, 0.03, 0.6),
    "swap": (0.80, 0.03, 0.6),
    "clusterability": (0.50, 0.01, 0.2),
    "splitnet": (1.00, 0.06, 0.5),
    "locality": (0.15, 0.02, 0.1),
    "communicability": (0.60, 0.04, 0.7),
    "dropout": (0.20, 0.03, -0.2),
    "pruned": (0.25, 0.09, 0.7),
}
"""Family to gain, cost and the share of strength that the largest dose takes away."""

SYMBOLS = {"spatial": "α", "dropout": "p", "pruned": "ρ"}
TASKS = ("digits", "clothes")
DOSES = (0.1, 0.3, 1.0, 3.0, 10.0)
NULLS = ("strength", "shuffle")
OF_SWEEPS = ("dose-response", "trade")  # figures that need kinds at several doses, or of several families


def known_of(mode: str, family: str, dose: float | None, seed: int, validation: float | None) -> dict[str, object]:
    """Return the metadata of a network."""
    symbol = SYMBOLS.get(family, "λ")
    settings = {} if dose is None else {family: dose}
    known = {"family": family, "settings": settings | {"learning_rate": 0.005}, "inputs": mode, "seed": seed}
    known["symbols"] = {family: symbol, "learning_rate": "η"}
    known["kind"] = family if dose is None else f"{family} {symbol}={dose:g}"
    known["network"] = "-".join([mode, str(known["kind"]).replace(" ", "-"), str(seed)])
    return known if validation is None else known | {"validation_accuracy": [validation] * len(TASKS)}


def networks_of(
    families: Mapping[str, tuple[float, float, float]],
    doses: Sequence[float],
    seeds: int,
    inputs: Sequence[str],
    validation: bool,
) -> list[tuple[dict[str, object], dict[str, float]]]:
    """Return metadata and numbers (accuracy, drop, modularity, strength) of every network."""
    networks = []
    for mode in inputs:
        for family, (gain, cost, held) in {"regular": (0.0, 0.0, 0.0), **families}.items():
            for place, dose in enumerate([None] if family == "regular" else doses):
                for seed in range(seeds):
                    draw = np.random.default_rng([seed, place, len(mode), *family.encode()])
                    u = 0.0 if dose is None else (place + 1) / len(doses)
                    noise = draw.normal(size=5)
                    accuracy = 0.92 - cost * u**2 + 0.004 * noise[0]
                    known = known_of(mode, family, dose, seed, accuracy + 0.002 * noise[1] if validation else None)
                    numbers = {"accuracy": accuracy, "drop": 0.30 * (1 - gain * u) + 0.02 * noise[2]}
                    numbers["modularity"] = 0.10 + 0.5 * gain * u + 0.02 * noise[3]
                    numbers["strength"] = 100 * (1 - held * u) + noise[4]
                    networks.append((known, numbers))
    return networks


def rows_of(
    known: Mapping[str, object], numbers: Mapping[str, float], methods: Sequence[str]
) -> list[dict[str, object]]:
    """Return the scores of a network; each later method costs 0.02 more."""
    first = {"run": "run", **{name: known[name] for name in ("network", "kind", "inputs", "seed")}}
    first |= {"split": "none", "ablation": "", "task": ""}
    rows = [first | {"metric": "accuracy", "task": task, "value": numbers["accuracy"]} for task in TASKS]
    for place, method in enumerate(methods):
        own = first | {"split": method}
        rows.append(own | {"metric": "modularity", "value": numbers["modularity"] - 0.02 * place})
        for ablation, share in (("zero", 1.0), ("mean", 0.5)):
            for task in TASKS:
                drop = share * numbers["drop"] + 0.02 * place
                rows.append(own | {"ablation": ablation, "metric": "accuracy-drop", "task": task, "value": drop})
    return rows


def swept_tables(
    families: Sequence[str] = ("spatial", "l1", "fixed"),
    doses: Sequence[float] = DOSES[1:4],
    seeds: int = 8,
    inputs: Sequence[str] = ("mix",),
    methods: Sequence[str] = ("greedy", "leiden"),
    *,
    validation: bool = True,
    nulls: bool = True,
) -> dict[str, pd.DataFrame]:
    """Return ``scores``, ``nulls`` and ``networks`` of invented networks."""
    chosen = {family: FAMILIES[family] for family in families}
    rows, members = [], []
    for known, numbers in networks_of(chosen, doses, seeds, inputs, validation):
        rows += rows_of(known, numbers, methods)
        first = {"run": "run", **{name: known[name] for name in ("network", "kind", "inputs", "seed")}}
        members.append(member_row({**first, "strength": numbers["strength"]}, known))
    scores = pd.DataFrame(rows)[list(COLUMNS)].astype({"seed": "Int64"})
    drawn = [_beside(scores, null) for null in NULLS if nulls]
    empty = pd.DataFrame(columns=[*COLUMNS, "null", "draws", "mean", "sd", "z", "p", "p_opposite"])
    return {"scores": scores, "nulls": pd.concat(drawn) if drawn else empty, "networks": with_doses(members)}


def _beside(scores: pd.DataFrame, null: str) -> pd.DataFrame:
    """Return modularities beside a null model of mean 0.10 and deviation 0.02."""
    rows = scores[scores["metric"] == "modularity"]
    z = (rows["value"] - 0.10) / 0.02
    p = np.where(z > 2, 0.01, 0.5)
    return rows.assign(null=null, draws=100, mean=0.10, sd=0.02, z=z, p=p, p_opposite=1.01 - p)


def write_swept_results(folder: Path, **asked: object) -> Path:
    """Write a RESULTS folder of invented networks, see `swept_tables`, and return it; it has no files of networks."""
    results = folder / "results"
    results.mkdir(parents=True)
    for name, table in swept_tables(**asked).items():
        if len(table):
            table.to_csv(results / f"{name}.csv", index=False)
    write_splits(results / "splits.h5", {})
    (results / "analysis.json").write_text(json.dumps({"run": "../run", "version": 1}))
    return results
