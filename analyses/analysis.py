"""A run of networks → a folder of results. Each network's part is a file of its own, so that an analysis carries on."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import spatialgraph
from spatialgraph.files import atomic, digest, locked
from spatialgraph.network import Evaluation, Network
from spatialgraph.splits import Split
from spatialgraph.store import (
    read_arrays,
    read_evaluation,
    read_header,
    read_network,
    read_snapshot,
    write_arrays,
    write_splits,
)

from .chance import Drawn, against_chance
from .results import COLUMNS
from .scoring import Agreement, Plan, Score, Scored, score_subject, subject_of
from .summary import write_summary

_PART, _PARTS = "analysis-part", "parts"

# Raised when the same plan gives other numbers than before, so that parts made by older code are made again.
_EDITION = 1

# A network of more bytes that is not run is read in pieces, whenever a connection is looked at.
_LARGE = 2**28

NULL_COLUMNS = (*COLUMNS[:-1], "null", "tail", "value", "draws", "mean", "sd", "z", "p")
"""The columns of ``nulls.csv``: one row is one score beside one null model; ``task`` stands before."""

NOTE_COLUMNS = ("network", "split", "note")
"""The columns of ``notes.csv``."""

AGREEMENT_COLUMNS = ("run", "network", "kind", "inputs", "seed", "split", "other", "measure", "value")
"""The columns of ``agreement.csv``."""


@dataclass(frozen=True, eq=False)
class Part:
    """What an analysis found out about one network.

    Attributes:
        network: the name of its file, without ending.
        known: its kind, inputs and seed, ``""`` where its metadata do not say.
        scored: its scores, splits, agreements and notes.
        drawn: its scores beside the draws of the null models.
    """

    network: str
    known: dict[str, object]
    scored: Scored
    drawn: list[Drawn]


def analyze(
    run: Path,
    results: Path,
    *,
    plan: Plan | None = None,
    jobs: int = 1,
    console: Console | None = None,
) -> int:
    """Score every network of a run, compare the scores with chance and with each other, and write the tables.

    Written are ``scores.csv``, ``nulls.csv``, ``agreement.csv``, ``notes.csv``, ``splits.h5``, ``summary.csv``,
    ``comparisons.csv``, ``summary.md`` and ``analysis.json``; and ``parts/``, what was found out of each network, the
    values on all draws included. An analysis that was stopped carries on with the networks that have no part yet.

    Args:
        run: the folder of the run.
        results: the folder to write into; what an earlier analysis wrote there is replaced.
        plan: what is asked of every network; None for everything, without null models.
        jobs: how many networks are analysed at a time, -1 for as many as there are cores. The work is given to joblib:
            within ``joblib.parallel_config(backend="dask")`` it runs on a cluster that sees the same folders.
        console: where to show progress and what could not be done.

    Returns:
        How many scores there are.

    Raises:
        ValueError: a file that is not what it should be, or a number of jobs that is not allowed.
        FileNotFoundError: there are no networks, or an evaluation is missing.
        InUseError: another process writes into the folder of the results.
    """
    plan = plan or Plan.choose()
    if jobs == 0 or jobs < -1:
        raise ValueError(f"jobs: expected a number of at least 1, or -1 for as many as there are cores, found {jobs}")
    files = sorted((run / "networks").glob("*.h5"))
    if not files:
        raise FileNotFoundError(f"{run / 'networks'}: expected networks (*.h5) of a training run, found none")
    console = console or Console(stderr=True)
    with locked(results, "analysis"):
        parts = {file: results / _PARTS / f"{file.stem}.h5" for file in files}
        keys = {file: _key(file, plan) for file in files}
        missing = [file for file in files if not _is_current(parts[file], keys[file])]
        with _bar(console) as progress:
            bar = progress.add_task("analysing", total=len(files), completed=len(files) - len(missing))
            work = (delayed(_make_part)(run, file, parts[file], keys[file], plan) for file in missing)
            for name in Parallel(n_jobs=min(jobs, len(missing)) or 1, return_as="generator_unordered")(work):
                progress.update(bar, description=f"analysed {name}", advance=1)
        notes = _write(run, results, plan, map(_read_part, parts.values()))
    _tell(notes, results, console)
    return len(pd.read_csv(results / "scores.csv", usecols=["metric"]))


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


# --------------------------------------------------------------------------------------------------------------------
# One network
# --------------------------------------------------------------------------------------------------------------------


def _make_part(run: Path, file: Path, path: Path, key: str, plan: Plan) -> str:
    """Analyse one network, write its part, and return its name."""
    _end_with_parent()
    header = read_header(file)
    named = header.metadata.get("evaluation")
    network = read_network(file, in_pieces=named is None and file.stat().st_size > _LARGE)
    untrained = read_snapshot(file, 0) if plan.nulls and 0 in header.snapshots else None
    notes: list[tuple[str, str]] = []

    def note(split: str, text: str) -> None:
        notes.append((split, text))

    subject = subject_of(network, _evaluation(run, network, file), plan, note, untrained)
    scored = score_subject(subject, plan, notes)
    notes.clear()
    drawn = against_chance(subject, scored, plan, note)
    scored = Scored(scored.scores, scored.splits, scored.agreements, [*scored.notes, *notes])
    known = {name: network.metadata.get(name, "") for name in ("kind", "inputs", "seed")}
    _write_part(path, key, Part(file.stem, known, scored, drawn))
    return file.stem


@cache
def _end_with_parent() -> None:
    """Let a worker process end when the process that gives it work is gone: nobody waits for what it does."""
    parent = multiprocessing.parent_process()
    if parent is None or os.getppid() != parent.pid:
        return

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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


def _key(file: Path, plan: Plan) -> str:
    """Return what tells whether a part is of this network and this plan, made by this code."""
    facts = [spatialgraph.__version__, _EDITION, asdict(plan), digest(file)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _is_current(path: Path, key: str) -> bool:
    """Return whether there is a part with a key; one that cannot be read is made again."""
    try:
        return bool(read_header(path).metadata.get("key") == key)
    except (OSError, ValueError):
        return False


def _write_part(path: Path, key: str, part: Part) -> None:
    scored = part.scored
    # Numbers lie in arrays, where they may be nan; what they are of lies in the metadata.
    number = {score.key: row for row, score in enumerate(scored.scores)}
    arrays: dict[str, NDArray[np.generic]] = {
        "scores": np.array([score.value for score in scored.scores], np.float64),
        "agreements": np.array([found.value for found in scored.agreements], np.float64),
    }
    by_null: dict[str, list[Drawn]] = {}
    for drawn in part.drawn:
        by_null.setdefault(drawn.null, []).append(drawn)
    for null, of_null in by_null.items():
        arrays[f"drawn/{null}"] = np.stack([drawn.values for drawn in of_null])
    for method, split in scored.splits.items():
        for layer, members in split.membership.items():
            arrays[f"splits/{method}/{layer}"] = members
    metadata = {
        "key": key,
        "network": part.network,
        "known": part.known,
        "scores": [score.key for score in scored.scores],
        "agreements": [astuple(found)[:-1] for found in scored.agreements],
        "drawn": {null: [number[drawn.score.key] for drawn in of_null] for null, of_null in by_null.items()},
        "splits": {method: list(split.notes) for method, split in scored.splits.items()},
        "notes": scored.notes,
    }
    write_arrays(path, _PART, arrays, metadata)


def _read_part(path: Path) -> Part:
    arrays, known = read_arrays(path, _PART)
    scores = [
        Score(split, ablation, metric, task, value)
        for (split, ablation, metric, task), value in zip(known["scores"], arrays["scores"].tolist(), strict=True)
    ]
    agreements = [
        Agreement(split, other, measure, value)
        for (split, other, measure), value in zip(known["agreements"], arrays["agreements"].tolist(), strict=True)
    ]
    splits = {}
    for method, notes in known["splits"].items():
        prefix = f"splits/{method}/"
        layers = {int(name.removeprefix(prefix)): name for name in arrays if name.startswith(prefix)}
        splits[method] = Split(method, {layer: arrays[name] for layer, name in layers.items()}, tuple(notes))
    drawn = [
        Drawn(scores[row], null, drawn)
        for null, rows in known["drawn"].items()
        for row, drawn in zip(rows, arrays[f"drawn/{null}"], strict=True)
    ]
    notes = [(split, text) for split, text in known["notes"]]
    scored = Scored(scores, splits, agreements, notes)
    return Part(known["network"], known["known"], scored, drawn)


# --------------------------------------------------------------------------------------------------------------------
# All networks
# --------------------------------------------------------------------------------------------------------------------


def _write(run: Path, results: Path, plan: Plan, parts: Iterable[Part]) -> pd.DataFrame:
    """Write the tables of an analysis; return its notes."""
    rows: dict[str, list[pd.DataFrame]] = {"notes": [], "nulls": [], "agreement": [], "scores": []}
    splits = {}
    for part in parts:
        first = {"run": run.resolve().name, "network": part.network, **part.known}
        scored, compared = (
            part.scored,
            [asdict(d.score) | {"null": d.null, "tail": d.tail} | asdict(d.chance) for d in part.drawn],
        )
        rows["scores"].append(_frame(first, [asdict(score) for score in scored.scores], COLUMNS))
        rows["nulls"].append(_frame(first, compared, NULL_COLUMNS))
        rows["agreement"].append(_frame(first, [asdict(found) for found in scored.agreements], AGREEMENT_COLUMNS))
        rows["notes"].append(
            _frame(first, [{"split": split, "note": note} for split, note in scored.notes], NOTE_COLUMNS)
        )
        splits[part.network] = scored.splits
    write_splits(results / "splits.h5", splits)
    facts = {
        "run": os.path.relpath(run.resolve(), results.resolve()),
        "version": spatialgraph.__version__,
        **asdict(plan),
    }
    with atomic(results / "analysis.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    frames = {name: pd.concat(of_parts, ignore_index=True) for name, of_parts in rows.items()}
    for name, frame in frames.items():
        with atomic(results / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)
    write_summary(results)
    return frames["notes"]


def _frame(first: dict[str, object], rows: list[dict[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([first | row for row in rows], columns=list(columns), dtype=object)


def _tell(notes: pd.DataFrame, results: Path, console: Console) -> None:
    """Say in a line for each split method what it could not do; everything is in ``notes.csv``."""
    if notes.empty:
        return
    console.print("What could not be done, or was odd; of each split method the most frequent note:")
    for split, own in notes.groupby("split", sort=False):
        networks, most = own["network"].nunique(), own["note"].mode()[0]
        line = f"{split:<20}{networks:>3} network{' ' if networks == 1 else 's'}  {most}"
        console.print(line, style="dim", highlight=False, markup=False, no_wrap=True, overflow="ellipsis")
    console.print(f"all notes: {results / 'notes.csv'}", highlight=False, soft_wrap=True)
