"""Comparisons of families of kinds with the reference and with spatial networks, at doses that make them fair."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import FULL
from .evidence import DROP, Evidence
from .fair import dose_table, spatial_kind
from .statistics import joint_p, over_seeds, paired
from .worth import GRAPH_NULLS, MODULARITY

ACCURACY, STRENGTH, SWEEP = "equal accuracy", "equal strength", "sweep"
"""How doses are chosen: see `fair.dose_table`; in a sweep every dose is compared."""

REFERENCE, SPATIAL = "reference", "spatial"
"""What a line is compared with."""

BEYOND = "modularity-beyond"
"""The modularity of a split less its mean on the draws of a null model; the name of the null model follows a colon."""

COMPARISON_COLUMNS = (
    *("basis", "metric", "ablation", "inputs", "against", "line", "dose", "one", "other", "n", "mean_one"),
    *("mean_other", "difference", "low", "high", "effect", "superiority", "p", "p_joint", "comparisons", "p_least"),
)
"""The columns of ``fair.csv``."""

_Array = NDArray[np.float64]


@lru_cache(maxsize=4)  # findings and tables of one analysis ask for it
def fair_comparisons(evidence: Evidence) -> pd.DataFrame:
    """Compare every line with the reference and with the spatial line, paired by seed: ``fair.csv``.

    Measures are the accuracy of whole networks, the accuracy that the split by the main method costs under each
    ablation, its modularity, and that beyond a null model which every kind has. What is compared of one basis and one
    measure, all lines, input modes, doses and opponents, is one family, corrected together by `joint_p`.

    Returns:
        columns `COMPARISON_COLUMNS`: basis (`ACCURACY`, `STRENGTH` or `SWEEP`), against (`REFERENCE` or `SPATIAL`), one
        (that kind) and other (the kind of the line), the columns of `paired` (differences are one − other), p_joint
        (corrected), and comparisons (the number of tests in the family).
    """
    pairs, values = _pairs(evidence), measures(evidence)
    parts = []
    for (metric, ablation), own in values.groupby(["metric", "ablation"], sort=False):
        wide = own.pivot(index=["inputs", "kind"], columns="unit", values="value")
        for basis in (ACCURACY, STRENGTH, SWEEP):
            known = [
                (pair["inputs"], pair["one"]) in wide.index and (pair["inputs"], pair["other"]) in wide.index
                for pair in pairs[basis]
            ]
            chosen = pd.DataFrame([pair for pair, has in zip(pairs[basis], known, strict=True) if has])
            if len(chosen):
                sides = [
                    wide.loc[list(zip(chosen["inputs"], chosen[side], strict=True))].to_numpy(np.float64)
                    for side in ("one", "other")
                ]
                compared = _compared(*sides)
                parts.append(chosen.join(compared).assign(basis=basis, metric=str(metric), ablation=str(ablation)))
    parts = [part.dropna(subset="n") for part in parts]
    if not parts:
        return pd.DataFrame(columns=list(COMPARISON_COLUMNS))
    return pd.concat(parts, ignore_index=True).reindex(columns=list(COMPARISON_COLUMNS)).astype({"n": int})


def measures(evidence: Evidence) -> pd.DataFrame:
    """Return what is compared, a value for each measure, kind, input mode and seed; without what says nothing.

    Returns:
        columns metric, ablation, kind, inputs, unit (the seed) and value.
    """
    rows = evidence.kept
    whole = (rows["metric"] == "accuracy") & (rows["split"] == FULL)
    split = rows["metric"].isin([DROP, MODULARITY]) & (rows["split"] == evidence.method)
    values = over_seeds(pd.concat([rows[whole | split], _beyond(evidence)], ignore_index=True))
    return values[["metric", "ablation", "kind", "inputs", "unit", "value"]]


def common_null(evidence: Evidence) -> str:
    """Return the null model that modularity is compared with: of `GRAPH_NULLS` the first that every kind has.

    Null models that only some kinds have, such as that which keeps distances, would compare kinds by different rulers.

    Returns:
        ``""`` if there is none.
    """
    rows = evidence.chances
    rows = rows[(rows["metric"] == MODULARITY) & (rows["split"] == evidence.method) & rows["spread"]]
    kinds = {null: set(rows.loc[rows["null"] == null, "kind"]) for null in GRAPH_NULLS}
    return next((null for null in GRAPH_NULLS if kinds[null] == set(evidence.results.kinds)), "")


def _beyond(evidence: Evidence) -> pd.DataFrame:
    """Return how far modularity is beyond the common null model, as rows of scores."""
    null, rows = common_null(evidence), evidence.chances
    rows = rows[(rows["metric"] == MODULARITY) & (rows["split"] == evidence.method) & (rows["null"] == null)]
    seeds = evidence.results.members[["network", "seed"]]
    named = rows.assign(metric=f"{BEYOND}:{null}", value=rows["value"] - rows["mean"], task="")
    return named[["network", "kind", "inputs", "split", "ablation", "metric", "task", "value"]].merge(seeds)


def _pairs(evidence: Evidence) -> dict[str, list[dict[str, object]]]:
    """Return what is compared with what on each basis: inputs, line, dose, against, one and other."""
    table = dose_table(evidence)
    table = table[table["kind"] != evidence.reference]
    chosen = {ACCURACY: table[table["equal_accuracy"]], STRENGTH: table[table["equal_strength"]], SWEEP: table}
    spatial = {str(inputs): spatial_kind(evidence, str(inputs)) for inputs in table["inputs"].unique()}
    pairs: dict[str, list[dict[str, object]]] = {basis: [] for basis in chosen}
    for basis, rows in chosen.items():
        for row in rows[["inputs", "line", "dose", "kind"]].to_dict("records"):
            inputs, kind = str(row["inputs"]), str(row["kind"])
            opponents = {REFERENCE: evidence.reference, SPATIAL: spatial[inputs]}
            known = {"inputs": inputs, "line": row["line"], "dose": row["dose"], "other": kind}
            pairs[basis] += [
                {**known, "against": against, "one": one}
                for against, one in opponents.items()
                if one not in ("", kind) and not (against == SPATIAL and one == evidence.reference)
            ]
    return pairs


def _compared(one: _Array, other: _Array) -> pd.DataFrame:
    """Compare rows, ``(comparisons, seeds)``, each over the seeds that both sides have; those without any are left out.

    Returns:
        the columns of `paired`, p_joint and comparisons, by the number of the row.
    """
    known = ~(np.isnan(one) | np.isnan(other))
    counts, parts = known.sum(axis=1), []
    for n in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == n)
        own_one, own_other = (side[rows][known[rows]].reshape(len(rows), n) for side in (one, other))
        parts.append(paired(own_one, own_other).set_index(rows))
    if not parts:
        return pd.DataFrame(columns=["n"])
    p = joint_p(np.where(known, one - other, np.nan))
    return (
        pd.concat(parts).sort_index().assign(p_joint=lambda t: p[t.index], comparisons=np.count_nonzero(~np.isnan(p)))
    )
