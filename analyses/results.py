"""A folder of results, as tables and figures read it: the scores, the splits, and the networks they belong to."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from os.path import normpath
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialgraph.faults import NotApplicableError
from spatialgraph.files import digest
from spatialgraph.graph import Graph
from spatialgraph.graph.split import Split
from spatialgraph.metrics import METRICS
from spatialgraph.network import graph_of
from spatialgraph.splits import base, is_known
from spatialgraph.splits.degenerate import is_degenerate
from spatialgraph.splits.file import rows_of
from spatialgraph.splits.table import NETWORK
from spatialgraph.store import read_graph, read_header, read_snapshots, read_splits

from .columns import COLUMNS, FULL, GUESSED
from .frames import read_csv
from .labels import ordered_inputs, ordered_kinds, reference_of

# What the moments of a network's training take.
_MOST_BYTES = 2**29

_ANALYSIS = "analysis.json"
_EXPECTED = "expected a folder that `spatialgraph analyze` wrote"


def _not_read() -> Any:
    """Say that a folder is read by `Results.load`: nothing else than a folder was given."""
    raise TypeError("Results: expected what was read of a folder, found its name alone: Results.load(folder) reads it")


@dataclass(frozen=True, eq=False)
class Results:
    """What an analysis found out.

    Attributes:
        folder: the RESULTS folder.
        scores: one row per score, with the columns `COLUMNS`. ``split`` is `FULL` for the whole network; ``ablation``
            is ``""`` where nothing was disabled, ``task`` where a score is of all tasks; ``seed`` is missing where a
            network has none; ``value`` is a number in the metric's own unit (accuracies and drops of accuracy: 0 to 1).
        splits: network name to split method to `Split`.
        run: the folder of the run whose networks were scored.
        facts: what ``analysis.json`` says; of older versions without digests of files.
    """

    folder: Path
    scores: pd.DataFrame = field(default_factory=_not_read)
    splits: Mapping[str, Mapping[str, Split]] = field(default_factory=_not_read)
    run: Path = field(default_factory=_not_read)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _networks: dict[str, Graph] = field(default_factory=dict, repr=False)
    _snapshots: dict[str, list[tuple[float, Graph]]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: str | Path) -> Results:
        """Read a RESULTS folder; its networks are read when they are asked for.

        Raises:
            FileNotFoundError: there is no such folder, or it lacks a file that an analysis writes.
            ValueError: a file of the folder is not what an analysis writes, or not of the same analysis as the others;
                or the analysis is not finished.
        """
        folder = Path(folder)
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            raise FileNotFoundError(f"{folder}: {_EXPECTED}, found {found}{_elsewhere(folder.parent)}")
        analysis: dict[str, Any] = {}
        for name in (_ANALYSIS, "scores.csv", "splits.h5"):
            if not (folder / name).is_file():
                found = (
                    f"a run{_elsewhere(folder / 'results')}"
                    if (folder / "networks").is_dir()
                    else f"one without {name}"
                )
                raise FileNotFoundError(f"{folder}: {_EXPECTED}, found {found}")
            analysis = analysis or _read_analysis(folder / _ANALYSIS)
        results = cls(
            folder,
            read_scores(folder / "scores.csv"),
            read_splits(folder / "splits.h5"),
            folder / analysis["run"],
            analysis,
        )
        results._require_known()
        for name, sha256 in results._digests("tables").items():
            if (folder / name).is_file() and digest(folder / name) != sha256:
                raise ValueError(
                    f"{folder / name}: expected what the analysis wrote that {folder / _ANALYSIS} tells of, found "
                    "another file: run `spatialgraph analyze` again"
                )
        return results

    def _require_known(self) -> None:
        """Refuse scores of split methods or metrics of a plugin that this process has not imported."""
        methods = {base(name) for name in self.scores["split"].unique() if not is_known(name)} - {FULL}
        metrics = {name.split(":")[0] for name in self.scores["metric"].unique()} - {GUESSED}
        unknown = sorted(methods) + sorted(metrics - set(METRICS))
        if unknown:
            named = [normpath(self.folder / file) for file in self.facts.get("plugins", [])]
            files = ", ".join(named) or "that defines them"
            raise ValueError(
                f"{self.folder}: expected split methods and measures that are known, found {', '.join(unknown)}: name "
                f"the plugin {files} (--plugin FILE)"
            )

    def require_current(self) -> None:
        """Make sure that the folder is still of the analysis that was read: what was made of it may be shown.

        Raises:
            ValueError: another analysis began meanwhile.
        """
        if self.facts and _read_analysis(self.folder / _ANALYSIS) != self.facts:
            raise ValueError(f"{self.folder}: expected the analysis that was read, found another that has ended since")

    def _digests(self, what: str) -> dict[str, str]:
        """Return the SHA-256 of the networks or of the tables of the analysis, by name; none of an older version's."""
        known = self.facts.get(what, {})
        if not isinstance(known, dict):
            raise ValueError(f'{self.folder / _ANALYSIS}: expected "{what}", an object of digests, found {known!r}')
        return known

    def scores_of(self, name: str) -> pd.DataFrame:
        """Return the scores of a network; all rows are looked through once, not for every network."""
        rows: pd.DataFrame = self.scores.iloc[self._rows_of.get(name, [])]
        return rows

    @cached_property
    def _rows_of(self) -> Mapping[Hashable, Any]:
        return self.scores.groupby("network", sort=False).indices

    @cached_property
    def members(self) -> pd.DataFrame:
        """The networks, a row each: network, kind, inputs, seed; in the order of tables, then by seed."""
        members = self.scores[["network", "kind", "inputs", "seed"]].drop_duplicates("network")
        ranks = members.assign(
            inputs=members["inputs"].map(self.inputs.index), kind=members["kind"].map(self.kinds.index)
        )
        order = ranks.sort_values(["inputs", "kind", "seed", "network"]).index
        return members.loc[order].reset_index(drop=True)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The input modes, in the order of tables."""
        return ordered_inputs(self.scores["inputs"])

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of network, in the order of tables."""
        return ordered_kinds(self.scores["kind"])

    @cached_property
    def reference(self) -> str:
        """The kind that others are compared with: the analysis's, or by default the first of those that are left."""
        asked = self.facts.get("reference")
        return reference_of(self.kinds, asked if asked in self.kinds else None)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The split methods, without `FULL`: those of the network that has most, in its order, then the others."""
        split = self.scores[self.scores["split"] != FULL].drop_duplicates(["network", "split"])
        # A method that does not apply to the first networks would come last if the order were that of the scores.
        most = (
            split.groupby("network", sort=False)["split"].transform("size").sort_values(ascending=False, kind="stable")
        )
        return tuple(split.loc[most.index, "split"].unique())

    @cached_property
    def ablations(self) -> tuple[str, ...]:
        """The ablation modes, in the order of the scores."""
        return tuple(name for name in self.scores["ablation"].unique() if name)

    def of_kinds(self, patterns: Sequence[str]) -> Results:
        """Return the results of some kinds of network alone; their order stays.

        Args:
            patterns: names of kinds, or patterns as in a shell, such as ``spatial*`` or ``*β=3``.

        Raises:
            ValueError: no kind is named, or a pattern fits none; the message lists the kinds that there are.
        """
        if not patterns:
            raise ValueError("kinds: expected names of kinds of network, found none")
        chosen: set[str] = set()
        for pattern in patterns:
            # A name is meant as it stands, even if other programs gave it brackets or stars.
            fitting = {pattern}.intersection(self.kinds) or {kind for kind in self.kinds if fnmatchcase(kind, pattern)}
            if not fitting:
                raise ValueError(f"unknown kind {pattern!r}; known: {', '.join(self.kinds)}")
            chosen |= fitting
        scores = self.scores[self.scores["kind"].isin(chosen)]
        networks = set(scores["network"])
        splits = {name: split for name, split in self.splits.items() if name in networks}
        return replace(self, scores=scores, splits=splits)

    @cached_property
    def degenerate(self) -> dict[str, list[str]]:
        """The degenerate splits: method to the names of the networks of which its split is one, in order."""
        networks: dict[str, list[str]] = {}
        for network in self.members["network"]:
            for method, split in self.splits.get(network, {}).items():
                if is_degenerate(split):
                    networks.setdefault(method, []).append(network)
        return {method: networks[method] for method in self.methods if method in networks}

    def without_degenerate(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows, with columns network and split, that are not of a degenerate split."""
        wrong = pd.Series(False, index=rows.index)
        for method, networks in self.degenerate.items():
            wrong |= (rows["split"] == method) & rows["network"].isin(networks)
        return rows[~wrong]

    def per_network(self, metric: str) -> pd.DataFrame:
        """Return the mean over tasks of a metric, for every network, split and ablation.

        The unit of replication is the network, that is the seed of its training, so tasks are averaged first.

        Args:
            metric: the name of a metric; scores of other metrics, also its variants per layer, are left out.

        Returns:
            a frame with columns network, kind, inputs, seed, split, ablation, value; empty if there is no such score.
        """
        rows = self.scores[self.scores["metric"] == metric]
        keys = ["network", "split", "ablation"]
        means = rows.groupby(keys, sort=False)["value"].mean().dropna().reset_index()
        return self.members.merge(means, on="network", how="inner")

    def network(self, name: str) -> Graph:
        """Return the graph of a network of the run, called as it is here, by its file's name; it is read once.

        Raises:
            FileNotFoundError: the run, or its file of this network, is not where the analysis found it.
            ValueError: the file was replaced after the analysis, or has a fault.
        """
        if name not in self._networks:
            path, expected = self._file(name), self._digests("networks").get(name)
            if expected and (sha256 := digest(path)) != expected:
                raise ValueError(
                    f"{path}: expected the network that was analysed, of SHA-256 {expected[:12]}…, found "
                    f"{sha256[:12]}…: run `spatialgraph analyze` again"
                )
            self._networks[name] = _called(name, read_graph(path))
        return self._networks[name]

    def split_rows(self, method: str) -> list[Mapping[str, object]]:
        """Return the splits that a method made of the networks as rows, see `spatialgraph.splits.table`.

        Raises:
            ValueError: the method split no network; the message lists those that did.
        """
        if method not in self.methods:
            raise ValueError(f"unknown split method {method!r}; known: {', '.join(self.methods)}")
        return [
            {NETWORK: name, **row}
            for name, methods in self.splits.items()
            if method in methods
            for row in rows_of(methods[method], self.network(name))
        ]

    def snapshot_epochs(self, name: str) -> tuple[float, ...]:
        """Return after how many epochs the file of a network holds snapshots, in ascending order; none is read.

        Raises:
            FileNotFoundError: the run, or its file of this network, is not where the analysis found it.
        """
        return read_header(self._file(name)).snapshots

    def snapshots(self, name: str) -> list[tuple[float, Graph]]:
        """Return a network at the moments of its training that its file holds; they are read once.

        Of a large network these are some of the moments, evenly chosen, the first among them: they take half a GiB
        of memory at most, or are two and the end.

        Returns:
            numbers of epochs in ascending order, each with the network as it was then. The last is the trained network,
            and the only one if the file has no snapshots.

        Raises:
            FileNotFoundError: the run, or its file of this network, is not where the analysis found it.
            NotApplicableError: the metadata of the network do not say how many epochs it was trained for.
        """
        if name not in self._snapshots:
            trained = self.network(name)
            epochs = trained.metadata.get("epochs")
            if not isinstance(epochs, (int, float)):
                raise NotApplicableError(f"{self._file(name)}: expected metadata.epochs, a number, found {epochs!r}")
            kept = [epoch for epoch in self.snapshot_epochs(name) if epoch < epochs]
            moments = read_snapshots(self._file(name), _some(kept, trained))
            earlier = [(epoch, _called(name, graph_of(was))) for epoch, was in moments.items()]
            self._snapshots[name] = [*earlier, (float(epochs), trained)]
        return self._snapshots[name]

    def _file(self, name: str) -> Path:
        """Return the file of a network."""
        path = self.run / "networks" / f"{name}.h5"
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: expected the network {name!r} of {self.folder / 'scores.csv'}, found nothing; "
                f"the run stands in {self.folder / _ANALYSIS}"
            )
        return path


def _elsewhere(folder: Path) -> str:
    """Return that a folder is one of results, if it is, which was perhaps meant."""
    return f": its results are in {folder}" if (folder / _ANALYSIS).is_file() else ""


def read_scores(path: Path) -> pd.DataFrame:
    """Read ``scores.csv``, and name what is wrong with it.

    Args:
        path: the file.

    Returns:
        the columns `COLUMNS`, as `Results.scores` has them.

    Raises:
        ValueError: the file is not what an analysis writes.
    """
    # Only a value may be missing: a network may well be called "NA", and an empty ablation is a name as well.
    try:
        scores = read_csv(path)
    except ValueError as error:  # pandas' own errors of parsing are ValueErrors
        raise ValueError(
            f"{path}: expected a table of scores with columns {', '.join(COLUMNS)}, found {error}"
        ) from None
    missing = [name for name in COLUMNS if name not in scores.columns]
    if missing:
        found = ", ".join(map(str, scores.columns))
        raise ValueError(f"{path}: expected columns {', '.join(COLUMNS)}; {', '.join(missing)} missing, found {found}")
    if scores.empty:
        raise ValueError(f"{path}: expected at least one score, found none")
    return scores.assign(seed=_seeds(scores["seed"], path), value=numbers(scores["value"], path))[list(COLUMNS)]


def _seeds(column: pd.Series[str], path: Path) -> pd.Series[int]:
    """Return the seeds of a column, missing where it is empty: integers of all digits, which float64 would round."""
    numbers(column, path)
    seeds = [None if text.lower() in ("", "nan") else _whole(text, path) for text in column]
    known = [seed for seed in seeds if seed is not None]
    try:
        values = pd.array(seeds, dtype="UInt64" if max(known, default=0) >= 2**63 else "Int64")
    except OverflowError:
        found = f"{min(known)} to {max(known)}"
        raise ValueError(f"{path}: expected seeds that fit into 64 bits together, found {found}") from None
    return pd.Series(values, index=column.index)


def _whole(text: str, path: Path) -> int:
    """Return the whole number that a text is, also one with a point and zeros, as a spreadsheet may write it."""
    try:
        return int(text)
    except ValueError:
        if not float(text).is_integer():
            raise ValueError(f"{path}: expected whole numbers in the column seed, found {float(text)}") from None
        return int(float(text))


def asked_reference(folder: Path) -> str | None:
    """Return the kind that ``analysis.json`` of a folder names as reference; None if it names none, or is missing."""
    path = folder / _ANALYSIS
    try:
        reference = json.loads(path.read_text(encoding="utf-8")).get("reference") if path.is_file() else None
    except (ValueError, AttributeError):
        raise ValueError(f"{path}: expected a JSON object, found none") from None
    if not isinstance(reference, str | None):
        raise ValueError(f'{path}: expected "reference", the name of a kind, found {reference!r}')
    return reference


def _read_analysis(path: Path) -> dict[str, Any]:
    """Return what ``analysis.json`` says of a finished analysis."""
    try:
        analysis = json.loads(path.read_text(encoding="utf-8"))
        run = analysis["run"]
    except (ValueError, KeyError, TypeError):
        analysis, run = {}, None
    if not isinstance(run, str) or not run:
        raise ValueError(f'{path}: expected a JSON object with "run", the folder of the networks, found none')
    if not analysis.get("finished", True):  # older versions wrote it of finished ones alone
        raise ValueError(
            f"{path.parent}: expected a finished analysis, found one that is running or was stopped: wait for it, or "
            "run `spatialgraph analyze` again"
        )
    return dict(analysis)


def _some(epochs: Sequence[float], network: Graph) -> list[float]:
    """Return the moments of training that memory is taken for, evenly chosen."""
    split = set(network.split_populations)
    size = sum(c.shape[0] * c.shape[1] * 4 for c in network.connections if c.target in split)
    most = max(2, _MOST_BYTES // max(size, 1))
    if len(epochs) <= most:
        return list(epochs)
    return [epochs[place] for place in np.linspace(0, len(epochs) - 1, most).round().astype(int)]


def _called(name: str, network: Graph) -> Graph:
    """Return a network under another name: its own may be that of another file of the run, or missing."""
    return network if network.name == name else replace(network, metadata={**network.metadata, "name": name})


def numbers(column: pd.Series[str], path: Path) -> pd.Series[float]:
    """Return the numbers of a column, NaN where it is empty."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = numbers.isna() & ~column.str.lower().isin(["", "nan"])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        found = f"{column.iloc[row]!r} in line {row + 2}"
        raise ValueError(f"{path}: expected numbers in the column {column.name}, found {found}")
    return numbers
