"""Networks × splits × ablations × metrics → tidy scores."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import spatialgraph
from spatialgraph.files import atomic, digest, locked
from spatialgraph.masking import ABLATIONS, Masking
from spatialgraph.metrics import METRICS, Measurement, measure, measure_of
from spatialgraph.network import Evaluation, Network, NotApplicableError
from spatialgraph.splits import SPLITS, Split, apply
from spatialgraph.store import read_evaluation, read_network, write_splits

from .results import COLUMNS, FULL

# How many examples may be judged differently by two programs that round differently: a near tie between two outputs.
_ROUNDING = 0.0005


@dataclass(frozen=True)
class Plan:
    """What is asked of every network.

    Attributes:
        splits: names of split methods.
        ablations: what disabled neurons emit.
        metrics: names of metrics.
        seed: settles all that split methods draw at random; every network gets random numbers of its own.
    """

    splits: tuple[str, ...]
    ablations: tuple[str, ...]
    metrics: tuple[str, ...]
    seed: int = 0

    @classmethod
    def choose(
        cls,
        splits: Sequence[str] | None = None,
        ablations: Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        seed: int = 0,
    ) -> Plan:
        """Make a plan of the names given, of all there are where none are.

        Raises:
            ValueError: an unknown name; the message lists those that are known.
        """
        modes = ABLATIONS if ablations is None else tuple(dict.fromkeys(ablations))
        for mode in modes:
            if mode not in ABLATIONS:
                raise ValueError(f"unknown ablation mode {mode!r}; known: {', '.join(ABLATIONS)}")
        return cls(tuple(SPLITS.select(splits)), modes, tuple(METRICS.select(metrics)), seed)

    def metrics_of(self, subject: str) -> list[str]:
        """Return the names of the metrics that are measures of a network, of a split, or of function."""
        return [name for name in self.metrics if measure_of(name) == subject]


@dataclass(frozen=True)
class Scored:
    """What is found out about one network.

    Attributes:
        rows: its rows of the scores, without the columns that are the same for all of them.
        splits: method to split.
        notes: (split method, what it could not do, or what could not be measured).
    """

    rows: list[dict[str, object]]
    splits: dict[str, Split]
    notes: list[tuple[str, str]]


def score(network: Network, evaluation: Evaluation | None, plan: Plan) -> Scored:
    """Split a network by every method of a plan and score each split.

    Args:
        network: the network.
        evaluation: its held-out examples; None leaves out all that needs them, with a note.
        plan: what is asked.

    Raises:
        ValueError: the evaluation does not fit the network, or the network, run on it, has other accuracies than those
            that training stored.

    Example:
        >>> from spatialgraph.network import Connection, Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[3.0, 0.0], [1.0, 2.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> score(network, None, Plan.choose(["greedy"], metrics=["cut"])).rows[0]["value"]  # 1 of 6 runs between
        0.16666666666666666
    """
    rows: list[dict[str, object]] = []
    notes: list[tuple[str, str]] = []
    splits: dict[str, Split] = {}

    def add(split: str, ablation: str, metric: str, measured: list[Measurement]) -> None:
        for m in measured:
            name = f"{metric}:{m.layer}" if m.layer else metric
            rows.append({"split": split, "ablation": ablation, "metric": name, "task": m.task, "value": m.value})

    masking = _masking(network, evaluation, notes)
    if masking is not None and "accuracy" in plan.metrics:
        full = zip(network.tasks, masking.full, strict=True)
        add(FULL, "", "accuracy", [Measurement(float(value), task) for task, value in full])
    for metric in plan.metrics_of("network"):
        with _noting(notes, FULL):
            add(FULL, "", metric, measure(metric, network))
    for method in plan.splits:
        with _noting(notes, method):
            splits[method] = apply(method, network, evaluation, _seed(plan.seed, network.name, method))
    for method, split in splits.items():
        notes.extend((method, note) for note in split.notes)
        for metric in plan.metrics_of("split"):
            with _noting(notes, method):
                add(method, "", metric, measure(metric, network, split))
        if masking is None or not plan.metrics_of("function"):
            continue
        for ablation in plan.ablations:
            performance = masking.performance(split, ablation)
            for metric in plan.metrics_of("function"):
                add(method, ablation, metric, measure(metric, performance))
    # What the network lacks is noted once, not again for every split that would need it.
    return Scored(rows, splits, list({text: (split, text) for split, text in reversed(notes)}.values())[::-1])


@contextmanager
def _noting(notes: list[tuple[str, str]], split: str) -> Iterator[None]:
    """Turn a measure or a method that does not apply into a note."""
    try:
        yield
    except NotApplicableError as error:
        notes.append((split, str(error)))


def _masking(network: Network, evaluation: Evaluation | None, notes: list[tuple[str, str]]) -> Masking | None:
    """Return what masks the network, its unmasked accuracy compared with the one that training stored."""
    if evaluation is None:
        notes.append((FULL, "its metadata names no evaluation: nothing of function is measured"))
        return None
    if not network.executable:
        notes.append((FULL, "it cannot be run: nothing of function is measured"))
        return None
    masking = Masking(network, evaluation)
    stored = network.metadata.get("accuracy")
    if stored is not None:
        scored = np.maximum((evaluation.labels >= 0).sum(axis=0), 1)
        allowed = np.maximum(_ROUNDING, 2 / scored)
        if not (np.abs(masking.full - np.array(stored)) <= allowed).all():
            expected, found = (", ".join(f"{a:.4f}" for a in values) for values in (stored, masking.full))
            raise ValueError(
                f"network {network.name!r}: expected the accuracies {expected} that its metadata states, "
                f"found {found} on its evaluation: it is not the network, or not the evaluation, that was measured"
            )
    return masking


def _seed(seed: int, *parts: object) -> int:
    """Return a seed for one use, so that no two networks or methods share random numbers."""
    text = json.dumps([seed, *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def analyze(
    run: Path,
    results: Path,
    *,
    splits: Sequence[str] | None = None,
    ablations: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    console: Console | None = None,
) -> int:
    """Score every network of a run, and write ``scores.csv``, ``splits.h5``, ``notes.csv`` and ``analysis.json``.

    Args:
        run: the folder of the run.
        results: the folder to write into; what an earlier analysis wrote there is replaced.
        splits: names of split methods; None for all.
        ablations: names of ablation modes; None for all.
        metrics: names of metrics; None for all.
        seed: of the split methods that draw at random.
        console: where to show progress and what could not be done.

    Returns:
        How many scores there are.

    Raises:
        ValueError: unknown names, or a file that is not what it should be.
        FileNotFoundError: there are no networks, or an evaluation is missing.
        InUseError: another process writes into the folder of the results.
    """
    plan = Plan.choose(splits, ablations, metrics, seed)
    files = sorted((run / "networks").glob("*.h5"))
    if not files:
        raise FileNotFoundError(f"{run / 'networks'}: expected networks (*.h5) of a training run, found none")
    console = console or Console(stderr=True)
    rows: list[dict[str, object]] = []
    found: dict[str, dict[str, Split]] = {}
    notes: list[dict[str, str]] = []
    with locked(results, "analysis"), _bar(console) as progress:
        bar = progress.add_task("analysing", total=len(files))
        for file in files:
            progress.update(bar, description=f"analysing {file.stem}")
            network = read_network(file)
            scored = score(network, _evaluation(run, network, file), plan)
            known = {key: network.metadata.get(key, "") for key in ("kind", "inputs", "seed")}
            first = {"run": run.resolve().name, "network": file.stem, **known}
            rows.extend(first | row for row in scored.rows)
            notes.extend({"network": file.stem, "split": split, "note": note} for split, note in scored.notes)
            found[file.stem] = scored.splits
            progress.advance(bar)
        _write(run, results, plan, rows, found, notes)
    _tell(notes, results, console)
    return len(rows)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("networks · left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _evaluation(run: Path, network: Network, file: Path) -> Evaluation | None:
    """Return the held-out examples that a network names, if it names any."""
    named = network.metadata.get("evaluation")
    if named is None:
        return None
    path = run / named["file"]
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the evaluation that {file} names, found nothing")
    evaluation, found = _read_evaluation(path, path.stat().st_mtime_ns)
    if found != named["sha256"]:
        raise ValueError(f"{path}: expected SHA-256 {named['sha256'][:12]}… that {file} names, found {found[:12]}…")
    return evaluation


@lru_cache(maxsize=2)  # networks of one input mode share their evaluation, and come one after the other
def _read_evaluation(path: Path, _changed: int) -> tuple[Evaluation, str]:
    return read_evaluation(path), digest(path)


def _write(
    run: Path,
    results: Path,
    plan: Plan,
    rows: list[dict[str, object]],
    splits: dict[str, dict[str, Split]],
    notes: list[dict[str, str]],
) -> None:
    write_splits(results / "splits.h5", splits)
    with atomic(results / "notes.csv") as temporary:
        pd.DataFrame(notes, columns=["network", "split", "note"]).to_csv(temporary, index=False)
    facts = {
        "run": os.path.relpath(run.resolve(), results.resolve()),
        "version": spatialgraph.__version__,
        "splits": list(plan.splits),
        "ablations": list(plan.ablations),
        "metrics": list(plan.metrics),
        "seed": plan.seed,
    }
    with atomic(results / "analysis.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    with atomic(results / "scores.csv") as temporary:
        pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(temporary, index=False)


def _tell(notes: list[dict[str, str]], results: Path, console: Console) -> None:
    """Say in a line for each split method what it could not do; everything is in ``notes.csv``."""
    if not notes:
        return
    console.print("What could not be done, or was odd; of each split method the most frequent note:")
    for split, own in pd.DataFrame(notes).groupby("split", sort=False):
        networks, most = own["network"].nunique(), own["note"].mode()[0]
        line = f"{split:<20}{networks:>3} network{' ' if networks == 1 else 's'}  {most}"
        console.print(line, style="dim", highlight=False, markup=False, no_wrap=True, overflow="ellipsis")
    console.print(f"all notes: {results / 'notes.csv'}", highlight=False, soft_wrap=True)
