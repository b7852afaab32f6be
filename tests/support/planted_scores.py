"""Scores, null models, notes and agreements in which differences are planted, for tests of findings."""

import zlib

import pandas as pd

from spatialgraph.analyses.results import COLUMNS

SEEDS = 6


def jitter(seed, *of):
    """Return a small number that differs between seeds, in another order for other things, so that all has a spread."""
    number = zlib.crc32("/".join(of).encode())
    return 0.0002 * ((seed * (1 + number % 4) + number) % 5 - 2)


def rows_of(
    value, *, kinds=("regular", "spatial"), inputs=("mix",), seeds=SEEDS, where=(("greedy", ""),), metric="cut"
):
    """Return scores: value(kind, inputs, split, ablation) of every network, a little different for each seed."""
    return [
        (
            "run",
            f"{mode}-{kind}-{seed}",
            kind,
            mode,
            seed,
            split,
            ablation,
            metric,
            "",
            level + jitter(seed, kind, split, ablation),
        )
        for mode in inputs
        for kind in kinds
        for seed in range(seeds)
        for split, ablation in where
        if (level := value(kind, mode, split, ablation)) is not None
    ]


def scores_of(*parts):
    return pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS)).astype({"seed": "Int64"})


def drops(value, methods=("greedy",), ablations=("zero", "mean"), **options):
    """Return scores of the accuracy that splits cost."""
    where = [(method, ablation) for method in methods for ablation in ablations]
    return rows_of(value, where=where, metric="accuracy-drop", **options)


def notes_of(scores, split, text, kind=None, inputs=None):
    """Return a note on a split for every network of a kind and input mode."""
    members = scores.drop_duplicates("network")
    chosen = members[
        (members["kind"] == (kind or members["kind"])) & (members["inputs"] == (inputs or members["inputs"]))
    ]
    return pd.DataFrame({"network": chosen["network"], "split": split, "note": text})


def nulls_of(scores, null, mean, better, draws=100, worse=lambda row: False, **where):
    """Return scores beside a null model, with p = 0.01 where better(row), 1 where worse(row) and 0.5 elsewhere."""
    rows = scores
    for name, value in where.items():
        rows = rows[rows[name] == value]
    p = [0.01 if better(row) else 1.0 if worse(row) else 0.5 for row in rows.to_dict("records")]
    low = [1.01 - one if one != 0.5 else 0.5 for one in p]
    return rows.assign(null=null, draws=draws, mean=mean, sd=0.01, z=(rows["value"] - mean) / 0.01, p=p, p_opposite=low)


def agreement_of(scores, pairs):
    members = scores.drop_duplicates("network")
    return pd.concat(
        [
            members[["run", "network", "kind", "inputs", "seed"]].assign(
                split=one, other=other, measure="adjusted-rand", value=value
            )
            for one, other, value in pairs
        ]
    )
