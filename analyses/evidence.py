"""What findings are read from: the scores, their statistics, null models, agreements and notes of one analysis."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import is_
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialgraph.graph.graph import BoolArray
from spatialgraph.notes import DEGENERATE, Note
from spatialgraph.nulls import RANDOM_SPLIT
from spatialgraph.splits import base

from .chance import null_models
from .columns import DEFAULT_METHOD, FULL, GUESSED
from .frames import read_csv
from .labels import reference_of
from .members import MEMBER_COLUMNS, from_labels, read_members
from .results import Results, asked_reference, numbers, read_scores
from .statistics import INTERVAL, LEAST_SEEDS, LEVEL, cells, combined_p, comparisons, holm
from .validity import accuracies, certain, kept, lost, still
from .wording import between, counted, listed

DROP = "accuracy-drop"
"""The metric that tells what a split costs, 0 to 1."""

RANDOM = "random"
"""The split method that is a control, with parameters or without: random, of the sizes of the greedy split."""

LEAST_DRAWS = math.ceil(1 / LEVEL) - 1
"""With fewer draws of a null model no p is as low as `LEVEL`."""

Row = Mapping[str, Any]
"""A row of a frame, by the names of its columns."""

_OF = ("network", "kind", "inputs", "split")
_NULLS = (*_OF, "ablation", "metric", "task", "null", "value", "draws", "mean", "sd", "z", "p")
_AGREEMENT = (*_OF, "other", "measure", "value")
_NOTES = ("network", "split", "note")
_NUMBERS = ("value", "draws", "mean", "sd", "z", "p", "p_opposite")

# The columns with names that whoever trained the networks gave. A metric may be of a layer or of a module.
_NAMES = ("network", "kind", "inputs", "metric", "task", "family", "line")

# The spread of draws, relative to their mean, that is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Evidence:
    """The tables of an analysis, and the statistics derived from them.

    Attributes:
        scores: rows with the columns of ``scores.csv``.
        nulls: rows of ``nulls.csv``: scores beside null models; empty if there are none.
        agreement: rows of ``agreement.csv``: measures of two splits of a network; empty if there are none.
        notes: rows of ``notes.csv``: remarks of split methods; empty if there are none. Notes of earlier versions,
            which have no codes, get the codes of their texts, see `Note.of_old_text`. The column task is the task that
            a note names.
        asked: the kind that others are compared with; None for the first in the order of tables. Where nothing was
            measured of it, nothing is compared.
        members: rows of ``networks.csv``: what is known of each network; where it is not given, what scores say.
        main: the split method whose scores findings on kinds use; None for `method`'s own choice.
    """

    scores: pd.DataFrame
    nulls: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_NULLS)))
    agreement: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_AGREEMENT)))
    notes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_NOTES)))
    asked: str | None = None
    members: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(MEMBER_COLUMNS)))
    main: str | None = None

    def __post_init__(self) -> None:
        if "code" not in self.notes:
            object.__setattr__(self, "notes", _coded(self.notes))
        if "task" not in self.notes:
            object.__setattr__(self, "notes", self.notes.assign(task=_tasks_of(self.notes)))
        if self.members.empty and len(self.scores):
            object.__setattr__(self, "members", from_labels(self.scores))

    @classmethod
    def load(cls, folder: str | Path) -> Evidence:
        """Read the tables of an analysis from its folder; only ``scores.csv`` is required.

        Raises:
            FileNotFoundError: there is no ``scores.csv``.
            ValueError: a file lacks a column, or ``analysis.json`` is broken.
        """
        folder = Path(folder)
        if not (folder / "scores.csv").is_file():
            raise FileNotFoundError(f"{folder / 'scores.csv'}: expected the scores of an analysis, found nothing")
        scores = read_scores(folder / "scores.csv")
        return cls(
            scores,
            _in_order(_read(folder / "nulls.csv", _NULLS)),
            read_agreement(folder),
            _read(folder / "notes.csv", _NOTES),
            asked_reference(folder),
            read_members(folder, scores),
        )

    @classmethod
    @lru_cache(maxsize=4)  # figures and tables of the same results ask for it, and for what is derived from it
    def of(cls, results: Results) -> Evidence:
        """Read the tables of the folder of results, and keep their networks and ablations, which may be some of them.

        The dose of a network stays what it is among all networks of the folder. Results without a folder have their
        scores alone. What was read once of the same `Results` is not read again.

        Raises:
            ValueError: a file lacks a column, or ``analysis.json`` is broken.
        """
        if not (results.folder / "scores.csv").is_file():
            return cls(results.scores, asked=results.reference)
        names, whole = results.members["network"], cls.load(results.folder)
        tables = (whole.scores, whole.nulls, whole.agreement, whole.notes, whole.members)
        scores, nulls, agreement, notes, members = (table[table["network"].isin(names)] for table in tables)
        asked = ["", *results.ablations]
        scores, nulls = (table[table["ablation"].isin(asked)] for table in (scores, nulls))
        return cls(scores, nulls, agreement, notes, results.reference, members)

    def renamed(self, spell: Callable[[str], str]) -> Evidence:
        """Return the evidence with other names of networks, kinds, input modes, tasks, layers and modules.

        Args:
            spell: returns the new name of a name, a different one for each; names of this program's own stay.

        Returns:
            this evidence itself if no name changes.
        """
        own = (self.scores, self.nulls, self.agreement, self.notes, self.members)
        tables = [_renamed(table, spell) for table in own]
        if all(map(is_, tables, own)):
            return self
        scores, nulls, agreement, notes, members = tables
        return Evidence(scores, nulls, agreement, notes, spell(self.reference), members, self.main)

    def with_method(self, method: str) -> Evidence:
        """Return the same evidence, of which findings on kinds use the splits by a method."""
        return replace(self, main=method)

    @cached_property
    def results(self) -> Results:
        """The scores, with the orders in which tables show their kinds, input modes and methods."""
        return Results(Path(), self.scores.reset_index(drop=True), {}, Path())

    @cached_property
    def groups(self) -> list[tuple[str, str]]:
        """The pairs of kind and input mode that have networks, in the order of tables."""
        members = self.results.members
        return list(dict.fromkeys(zip(members["kind"], members["inputs"], strict=True)))

    @cached_property
    def method(self) -> str:
        """The split method whose scores findings on kinds use: greedy, or else the first; ``""`` if there is none.

        The control and methods whose splits are all degenerate are used only if there is no other method, or if `main`
        names them.
        """
        if self.main is not None:
            return self.main
        methods = [method for method in self.results.methods if method not in self.always_degenerate]
        methods = [method for method in methods if method != RANDOM] or list(self.results.methods)
        return DEFAULT_METHOD if DEFAULT_METHOD in methods else next(iter(methods), "")

    @cached_property
    def reference(self) -> str:
        """The kind that every other kind is compared with."""
        return reference_of(self.results.kinds) if self.asked is None else self.asked

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The kinds that are compared with the reference, in the order of tables; none if there is one kind."""
        return tuple(kind for kind in self.results.kinds if kind != self.reference)

    @cached_property
    def few(self) -> bool:
        """Whether no cell has enough seeds for a test: findings are then only hints."""
        return bool(self.cells["n"].max() < LEAST_SEEDS)

    @cached_property
    def degenerate(self) -> pd.DataFrame:
        """The degenerate splits: network, split, kind, inputs; one row each."""
        wrong = self.noted(*DEGENERATE)
        return wrong[["network", "split"]].drop_duplicates().merge(self.results.members, on="network")

    def noted(self, *codes: str) -> pd.DataFrame:
        """Return the notes of some codes."""
        return self.notes[self.notes["code"].isin(codes)]

    @cached_property
    def always_degenerate(self) -> tuple[str, ...]:
        """The split methods whose splits are all degenerate."""
        good = self.without_degenerate(self.scores)["split"].unique()
        return tuple(method for method in self.results.methods if method not in good)

    @cached_property
    def lost(self) -> pd.DataFrame:
        """The tasks that networks did not learn, see `validity.lost`; one row each."""
        return lost(self._whole)

    @cached_property
    def certain(self) -> pd.DataFrame:
        """The tasks of networks in which no answer can be wrong, see `validity.certain`; one row each."""
        return certain(self._whole)

    @cached_property
    def _whole(self) -> pd.DataFrame:
        """The accuracies of whole networks, see `validity.accuracies`."""
        return accuracies(self.scores)

    @cached_property
    def still(self) -> pd.DataFrame:
        """The rows of scores beside null models whose draws lack spread, see `validity.still`.

        Rows of degenerate splits, and of measures that the null model keeps by construction, are left out.
        """
        rows = self.without_degenerate(self.telling(self.nulls))
        return rows[still(rows) & ~kept(rows)]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The statistics of every cell, with the number of its degenerate splits in the column degenerate."""
        counts = self.degenerate.groupby(["kind", "inputs", "split"]).size().rename("degenerate").reset_index()
        table = cells(self.scores).merge(counts, how="left", on=["kind", "inputs", "split"])
        return table.assign(degenerate=table["degenerate"].fillna(0).astype(int))

    @cached_property
    def kept(self) -> pd.DataFrame:
        """The meaningful scores, without degenerate splits, on which comparisons and findings are based."""
        return self.without_degenerate(self.telling(self.scores))

    @cached_property
    def kept_cells(self) -> pd.DataFrame:
        """The statistics of every cell without degenerate splits."""
        return cells(self.kept) if len(self.kept) < len(self.scores) else self.cells

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """The comparisons of kinds and of methods, without degenerate splits."""
        return comparisons(self.kept, self.reference)

    @cached_property
    def losses(self) -> pd.DataFrame:
        """The cells of the accuracy that splits cost."""
        cells = self.kept_cells
        return cells[(cells["metric"] == DROP) & (cells["split"] != FULL)]

    @cached_property
    def worst(self) -> pd.DataFrame:
        """The cells of the accuracy that splits cost, each split under the ablation with the largest cost."""
        keys = ["kind", "inputs", "split"]
        ordered = self.losses.sort_values("mean", ascending=False, kind="stable")
        return ordered.drop_duplicates(keys).sort_index()

    @cached_property
    def chances(self) -> pd.DataFrame:
        """Every score beside a null model, a row for each network: what counts is what holds for each of its tasks.

        Columns network, kind, inputs, split, ablation, metric, null; value, mean and z (means over tasks); p, and
        p_opposite of the other tail (the largest; missing where it was not counted); draws; and spread: whether the
        draws differ, see `validity.still`, and not by rounding alone, see `validity.kept`. Where they do not there is
        no z, and p says nothing. Without degenerate splits and what says nothing.
        """
        rows = self.without_degenerate(self.telling(self.nulls))
        rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, "p_opposite"])))
        equal = rows["sd"].astype(float) <= _ROUNDING * rows["mean"].astype(float).abs().clip(lower=1)
        spread = ~(equal | still(rows) | kept(rows))
        keys = ["network", "kind", "inputs", "split", "ablation", "metric", "null"]
        groups = rows.assign(spread=spread, z=rows["z"].where(spread)).groupby(keys, sort=False)
        aggregated = groups.agg(
            **{name: (name, "mean") for name in ("value", "mean", "z")},
            **{name: (name, "max") for name in ("p", "p_opposite")},
            **{name: (name, "min") for name in ("draws", "spread")},
        )
        return aggregated.dropna(subset=["value", "mean"]).reset_index().astype({"spread": bool})

    @cached_property
    def controlled(self) -> bool:
        """Whether random splits of the sizes of the splits were drawn."""
        return bool((self.nulls["null"] == RANDOM_SPLIT).any())

    @cached_property
    def controls(self) -> pd.DataFrame:
        """What splits cost beside random splits of the same sizes.

        A row for each kind, inputs, split and ablation, with the columns of `against_chance`: better and worse count
        the networks in which the split costs less, or more, p at most 0.05 for every task. Without controls.
        """
        rows = self.chances[(self.chances["null"] == RANDOM_SPLIT) & (self.chances["metric"] == DROP)]
        return against_chance(rows[~are_controls(rows["split"])], ["kind", "inputs", "split", "ablation"])

    def telling(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that say something: none of networks that lost a task, no function of tasks that are certain.

        Args:
            rows: with columns network, ablation and task.
        """
        if self.lost.empty and self.certain.empty:
            return rows
        known = set(zip(self.certain["network"], self.certain["task"], strict=True))
        sure = [key in known for key in zip(rows["network"], rows["task"], strict=True)]
        function = (rows["ablation"] != "") | rows["metric"].isin(["accuracy", GUESSED])
        return rows[~rows["network"].isin(self.lost["network"]) & ~(np.array(sure, bool) & function)]

    def without_degenerate(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows, with columns network and split, that are not of a degenerate split."""
        if self.degenerate.empty:
            return rows
        wrong = set(zip(self.degenerate["network"], self.degenerate["split"], strict=True))
        kept = [key not in wrong for key in zip(rows["network"], rows["split"], strict=True)]
        return rows[np.array(kept, bool)]  # a list without entries would choose columns

    def of_kinds(self, metric: str, split: str) -> list[Row]:
        """Return the comparisons of kinds with the reference, which is one, in a metric of a split.

        Only those that have values; kind is the kind that is compared.
        """
        rows = self.comparisons
        rows = rows[(rows["comparison"] == "kinds") & (rows["metric"] == metric) & (rows["split"] == split)]
        return records(rows[rows["n"] > 0].assign(kind=lambda frame: frame["other"]))

    def of_methods(self, metric: str, one: str, other: str) -> list[Row]:
        """Return the comparisons of two methods in a metric that have values, as a family of their own."""
        rows = self.comparisons
        rows = rows[(rows["comparison"] == "methods") & (rows["metric"] == metric) & (rows["n"] > 0)]
        return planned(flipped(row, one) for row in records(rows) if {row["one"], row["other"]} == {one, other})

    def networks(self, kind: str, inputs: str, split: str) -> list[str]:
        """Return the networks of a kind and input mode that a method split."""
        rows = self.scores
        rows = rows[(rows["kind"] == kind) & (rows["inputs"] == inputs) & (rows["split"] == split)]
        return list(rows["network"].unique())


def are_controls(methods: Iterable[str]) -> BoolArray:
    """Return of each split method whether it is a control, ``(methods,)``; see `is_control`."""
    return np.array([is_control(method) for method in methods], bool)  # a list without entries would have no type


def is_control(method: str) -> bool:
    """Return whether a split method is a control, not one among others.

    Example:
        >>> is_control("random"), is_control("random:sizes=balanced"), is_control("greedy")
        (True, True, False)
    """
    return base(method) == RANDOM


def against_chance(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Count in groups of networks those that are better, and worse, than by chance, and combine their p.

    Args:
        rows: some rows of `Evidence.chances`; those whose null model has no spread do not count.
        by: the columns that make a group.

    Returns:
        the columns of `by`; value and chance (means over networks of value and mean), z (the median), better and worse
        (networks with p, and p of the other tail, at most 0.05), networks, p_better and p_worse (see `combined_p`; a
        family of Holm's correction with both tails of all groups).
    """
    rows = rows[rows["spread"]]
    groups = rows.assign(better=rows["p"] <= LEVEL, worse=rows["p_opposite"] <= LEVEL).groupby(by, sort=False)
    table = groups.agg(
        value=("value", "mean"),
        chance=("mean", "mean"),
        z=("z", "median"),
        better=("better", "sum"),
        worse=("worse", "sum"),
        networks=("better", "size"),
        p_better=("p", lambda p: combined_p(p.to_numpy(np.float64))),
        p_worse=("p_opposite", lambda p: combined_p(p.to_numpy(np.float64))),
    ).reset_index()
    corrected = holm(table[["p_better", "p_worse"]].to_numpy(np.float64).ravel()).reshape(-1, 2)
    return table.assign(p_better=corrected[:, 0], p_worse=corrected[:, 1])


def unvaried(rows: pd.DataFrame) -> str:
    """Say how many networks do not count in some rows of `Evidence.chances`, as their null model has no spread."""
    count = rows.loc[~rows["spread"], "network"].nunique()
    if not count:
        return ""
    nulls = listed(f"`{null}`" for null in rows.loc[~rows["spread"], "null"].unique())
    return f" Not counted: {counted(count)} of which all draws of {nulls} are equal. They have no z."


def records(table: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame, by the names of its columns."""
    names = [str(name) for name in table.columns]
    # Five times as fast as to_dict, which makes a series of every column.
    return [dict(zip(names, row, strict=True)) for row in table.to_numpy(dtype=object).tolist()]


def verdict(row: Row) -> str:
    """Return what a test of a comparison says, never p without n."""
    if math.isnan(row["p"]):
        return f"n = {row['n']}, no test"
    p = f"n = {row['n']}, p = {row['p']:.2g}"
    if row["comparisons"] > 1:
        p += f", {row['p_holm']:.2g} corrected for {row['comparisons']} comparisons"
    return p if can_tell(row) else f"{p}, no less than so few seeds can give"


def can_tell(row: Row) -> bool:
    """Return whether the seeds are enough for a corrected p of at most 0.05, were all differences of one sign."""
    return bool(row["p_least"] * row["comparisons"] <= LEVEL)


def planned(rows: Iterable[Row]) -> list[Row]:
    """Return comparisons as a table of their own: Holm's correction is for these, which are asked for beforehand."""
    rows = list(rows)
    p = np.array([row["p"] for row in rows], np.float64)
    count = np.count_nonzero(~np.isnan(p))
    return [{**row, "p_holm": value, "comparisons": count} for row, value in zip(rows, holm(p), strict=True)]


def differs(row: Row) -> bool:
    """Return whether a comparison shows a difference: by a corrected p of at most 0.05."""
    return can_tell(row) and bool(row["p_holm"] <= LEVEL)


def hinted(row: Row) -> bool:
    """Return whether a comparison hints at a difference: too few seeds for a test, but its interval leaves out 0."""
    return not can_tell(row) and bool(row["low"] > 0 or row["high"] < 0)


def seen(row: Row) -> bool:
    """Return whether a comparison shows a difference, or hints at one."""
    return differs(row) or hinted(row)


def mark(row: Row) -> str:
    """Return the mark of a difference, or of a hint, that `told_by` explains."""
    return "*" if differs(row) else "°" if hinted(row) else ""


def flipped(row: Row, first: str) -> Row:
    """Return a comparison with the sides in the order that makes `first` its `one`."""
    if row["one"] == first:
        return row
    swapped = {}
    for one, other in (("one", "other"), ("mean_one", "mean_other")):
        swapped[one], swapped[other] = row[other], row[one]
    return {**row, **swapped, "difference": -row["difference"], "low": -row["high"], "high": -row["low"]}


def told_by(rows: Sequence[Row], marks: bool = True) -> str:
    """Return sentences: the number of seeds of comparisons, and the criterion of a difference, or its marks."""
    tested = [can_tell(row) for row in rows]
    parts = [f"n = {between([row['n'] for row in rows])} seeds."]
    interval = f"the {INTERVAL} of the difference leaves out 0"
    if any(tested):
        parts.append(f"*: corrected p ≤ {LEVEL}." if marks else f"A difference is told by a corrected p ≤ {LEVEL}.")
    if not all(tested):
        said = f"°, a hint from too few seeds for a test: {interval}."
        parts.append(said if marks else f"Where seeds are too few for a test, it is a hint: {interval}.")
    return " ".join(parts)


def _renamed(table: pd.DataFrame, spell: Callable[[str], str]) -> pd.DataFrame:
    """Return a table with other names, itself if all stay as they are."""
    names = {column: {name: spell(name) for name in table[column].unique()} for column in _NAMES if column in table}
    changed = {column: table[column].map(new) for column, new in names.items() if any(a != b for a, b in new.items())}
    return table.assign(**changed) if changed else table


def note_row(split: str, note: Note) -> dict[str, Any]:
    """Return the entries of a row of ``notes.csv``, less the network: the values are JSON."""
    return {"split": split, "note": str(note), "code": note.code, "values": json.dumps(dict(note.values))}


def _coded(notes: pd.DataFrame) -> pd.DataFrame:
    """Return notes of an earlier version with codes and values, the texts as they are."""
    made = [note_row(split, Note.of_old_text(text)) for split, text in zip(notes["split"], notes["note"], strict=True)]
    return notes.assign(code=[row["code"] for row in made], values=[row["values"] for row in made])


def _tasks_of(notes: pd.DataFrame) -> list[str]:
    """Return the task that each note names among its values; ``""`` if it names none."""
    if "values" not in notes:
        return [""] * len(notes)
    found = [json.loads(values) if values else {} for values in notes["values"]]
    return [str(values.get("task", "")) for values in found]


def _in_order(nulls: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by null model, in the order in which they are run, and others after them."""
    rank = {null: number for number, null in enumerate(null_models())}
    return nulls.sort_values("null", key=lambda names: names.map(rank).fillna(len(rank)), kind="stable")


def read_agreement(folder: Path) -> pd.DataFrame:
    """Return the rows of ``agreement.csv`` of an analysis, none if it has no such file.

    Raises:
        ValueError: the file lacks a column.
    """
    return _read(folder / "agreement.csv", _AGREEMENT)


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a table that an analysis may have written, empty if it has not."""
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    table = read_csv(path)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise ValueError(f"{path}: expected columns {', '.join(columns)}; {', '.join(missing)} missing, found {found}")
    for name in _NUMBERS:
        if name in table.columns:
            table[name] = numbers(table[name], path)
    return table
