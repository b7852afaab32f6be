"""Doses at which kinds of network are compared: at equal accuracy, and at equal total strength of the split layers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from .columns import FULL
from .evidence import Evidence
from .wording import MANY

WITHIN = 0.01
"""So much less accurate than the reference a network may be at equal accuracy."""

FACTOR = 1.5
"""Total strengths that differ by a larger factor are not equal: no dose is then compared, and nothing extrapolated."""

SPATIAL = "spatial"
"""The family whose total strength others are matched with, and that every family is compared with."""

VALIDATION, HELD_OUT = "validation", "held-out"
"""The examples on which doses are chosen."""

CHOICE_COLUMNS = (
    *("inputs", "family", "line", "kind", "symbol", "dose", "n", "accuracy", "examples", "below", "equal_accuracy"),
    *("strength", "ratio", "equal_strength"),
)
"""The columns of ``doses.csv``."""

_KIND = ["inputs", "family", "line", "kind", "symbol", "dose"]  # what networks of one dose share


@lru_cache(maxsize=4)  # findings, caveats and tables of one analysis ask for it
def dose_table(evidence: Evidence) -> pd.DataFrame:
    """Return the doses of every line, and which of them are compared, for each input mode: ``doses.csv``.

    At equal accuracy, the strongest dose whose mean accuracy is at most `WITHIN` below the reference's is compared. The
    accuracy is that on validation examples, which are for choosing alone; where a network has none, that on held-out
    examples, for all networks. At equal strength, the dose is compared whose total strength of the split layers is
    closest, as a ratio, to that of the first line of the family `SPATIAL` at its dose of equal accuracy, if the factor
    between them is at most `FACTOR`. A dose that its kind does not say is the weakest.

    Returns:
        a row for each input mode and kind, in the order of tables, with columns `CHOICE_COLUMNS`: n networks;
        accuracy (their mean, 0 to 1) on examples (`VALIDATION` or `HELD_OUT`); below, how far it is below the
        reference's; strength (mean) and its ratio to the spatial line's; and whether the dose is compared at
        equal_accuracy and at equal_strength. What is not known is missing.
    """
    known = evidence.members
    on_validation = len(known) > 0 and known["validation_accuracy"].notna().all()
    source = VALIDATION if on_validation else HELD_OUT
    accuracy = known.set_index("network")["validation_accuracy"] if on_validation else _held_out(evidence)
    table = known.assign(accuracy=known["network"].map(accuracy).astype(float), examples=source)
    groups = table.groupby([*_KIND, "examples"], sort=False, dropna=False)
    means = groups.agg(n=("network", "size"), accuracy=("accuracy", "mean"), strength=("strength", "mean"))
    table = _in_order(means.reset_index(), evidence)
    whole = table[table["kind"] == evidence.reference].set_index("inputs")["accuracy"]
    table["below"] = table["inputs"].map(whole).astype(float) - table["accuracy"]
    table["equal_accuracy"] = _strongest(table, evidence.reference)
    target = table[(table["family"] == SPATIAL) & table["equal_accuracy"]].drop_duplicates("inputs")
    table["ratio"] = table["strength"] / table["inputs"].map(target.set_index("inputs")["strength"]).astype(float)
    table["equal_strength"] = _closest(table, evidence.reference) | table.index.isin(target.index)
    return table[list(CHOICE_COLUMNS)]


def lines(evidence: Evidence) -> tuple[str, ...]:
    """Return the lines that are compared with the reference, in the order of tables: all with another kind than it."""
    table = dose_table(evidence)
    return tuple(table.loc[table["kind"] != evidence.reference, "line"].unique())


@lru_cache(maxsize=4)
def is_sweep(evidence: Evidence) -> bool:
    """Return whether there is something to choose: a line with several doses, or several lines beside the reference."""
    known = evidence.members  # without accuracies: most analyses are no sweep, and have no use for `dose_table`
    others = known[known["kind"] != evidence.reference].drop_duplicates(_KIND)
    several = others.groupby(["inputs", "line"]).size().max() > 1 if len(others) else False
    return bool(several) or others["line"].nunique() > 1


def main_groups(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the pairs of kind and input mode that are shown one by one: all, or of a large sweep those compared.

    Of more than `MANY` pairs in a sweep these are the reference and the doses of equal accuracy, if there are any.
    """
    if len(evidence.groups) <= MANY or not is_sweep(evidence):
        return evidence.groups
    table = dose_table(evidence)
    if not table["equal_accuracy"].any():
        return evidence.groups
    shown = table[table["equal_accuracy"] | (table["kind"] == evidence.reference)]
    kept = set(zip(shown["kind"], shown["inputs"], strict=True))
    return [group for group in evidence.groups if group in kept]


def of_main_groups(evidence: Evidence, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are of `main_groups`, by their columns kind and inputs."""
    shown = set(main_groups(evidence))
    return rows[np.array([group in shown for group in zip(rows["kind"], rows["inputs"], strict=True)], bool)]


def main_groups_said(evidence: Evidence, file: str) -> str:
    """Return a sentence on what is shown of a large sweep, and which file has the rest; ``""`` if all is shown."""
    return "" if len(main_groups(evidence)) == len(evidence.groups) else f" Doses of equal accuracy; all: {file}."


def spatial_kind(evidence: Evidence, inputs: str) -> str:
    """Return the kind that stands for the family `SPATIAL`: at equal accuracy; ``""`` if there is none."""
    table = dose_table(evidence)
    own = table[(table["family"] == SPATIAL) & table["equal_accuracy"] & (table["inputs"] == inputs)]
    return str(own["kind"].iloc[0]) if len(own) else ""


def _held_out(evidence: Evidence) -> pd.Series[float]:
    """Return the accuracy of each whole network on the examples that score it."""
    rows = evidence.results.per_network("accuracy")
    return rows[rows["split"] == FULL].set_index("network")["value"]


def _in_order(table: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return kinds in the order of tables, those of one line together and by dose."""
    rank = {kind: place for place, kind in enumerate(evidence.results.kinds)}
    mode = {inputs: place for place, inputs in enumerate(evidence.results.inputs)}
    place = table["kind"].map(rank)
    table = table.assign(_mode=table["inputs"].map(mode), _line=place.groupby(table["line"]).transform("min"))
    ordered = table.assign(_kind=place).sort_values(["_mode", "_line", "dose", "_kind"], na_position="first")
    return ordered.drop(columns=["_mode", "_line", "_kind"]).reset_index(drop=True)


def _strongest(table: pd.DataFrame, reference: str) -> pd.Series[bool]:
    """Return for each row whether it is the strongest dose of its line that is accurate enough."""
    allowed = table[(table["below"] <= WITHIN + 1e-9) & (table["kind"] != reference)]  # rows ascend by dose
    last = allowed.drop_duplicates(["inputs", "line"], keep="last").index
    return pd.Series(table.index.isin(last), table.index)


def _closest(table: pd.DataFrame, reference: str) -> pd.Series[bool]:
    """Return for each row whether it is the dose of its line with the closest strength, if that is close enough."""
    ratio = table["ratio"].where(table["ratio"] > 0)
    factor = np.maximum(ratio, 1 / ratio)
    allowed = table[(factor <= FACTOR) & (table["kind"] != reference) & (table["family"] != SPATIAL)]
    first = allowed.assign(_factor=factor).sort_values("_factor", kind="stable").drop_duplicates(["inputs", "line"])
    return pd.Series(table.index.isin(first.index), table.index)
