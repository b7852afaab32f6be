"""A run of networks → a folder of results.

The work is divided into steps: the scores of a network, then each null model of it. What a step finds out is a file of
its own, so that steps run side by side and an analysis that was stopped carries on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TextIO

import joblib
import pandas as pd
from rich.console import Console
from rich.text import Text

import spatialgraph
from spatialgraph.console import PlainConsole
from spatialgraph.faults import name_faults
from spatialgraph.files import atomic, digest, locked
from spatialgraph.marks import mark_of
from spatialgraph.metrics import METRICS
from spatialgraph.nulls import NULLS, RANDOM_SPLIT
from spatialgraph.plugins import files_of, load_all
from spatialgraph.progress import progress_bar
from spatialgraph.splits import function_of
from spatialgraph.splits.table import networks_of, read_rows
from spatialgraph.store import read_header, write_splits
from spatialgraph.workers import LostError, Workers

from .asked import FILE, PARTS, networks_in
from .chance import null_models
from .columns import COLUMNS
from .evidence import note_row
from .frames import to_csv
from .labels import reference_of
from .members import member_row, with_doses
from .runs import NO_MODELS, Models
from .scoring import Plan
from .steps import Step, codes_of, do, get_ready, read_drawn, read_scores, steps_of
from .summary import write_summary
from .total import STRENGTH, strength_of

_TABLES = (
    *(f"{name}.csv" for name in ("scores", "nulls", "agreement", "notes", "networks", "summary", "comparisons")),
    *(f"{name}.csv" for name in ("doses", "fair")),
    "splits.h5",
    "summary.md",
)

NULL_COLUMNS = (*COLUMNS[:-1], "null", "tail", "value", "draws", "mean", "sd", "z", "p", "p_opposite")
"""The columns of ``nulls.csv``: one row is one score beside one null model; ``task`` stands before."""

NOTE_COLUMNS = ("network", "split", "note", "code", "values")
"""The columns of ``notes.csv``."""

AGREEMENT_COLUMNS = ("run", "network", "kind", "inputs", "seed", "split", "other", "measure", "value")
"""The columns of ``agreement.csv``."""

_NAMED = 4  # of many steps, or networks, so many are named


class UnfinishedError(RuntimeError):
    """Steps of an analysis are missing, since the processes that did them ended."""


def analyze(
    run: str | Path,
    results: str | Path,
    *,
    plan: Plan | None = None,
    reference: str | None = None,
    jobs: int = 1,
    evaluations: Sequence[Path] = (),
    plugins: Sequence[str | Path] = (),
    models: Models = NO_MODELS,
    fresh: bool = False,
    prepare: bool = False,
    executor: Executor | None = None,
    console: Console | None = None,
    quiet: bool = False,
) -> int:
    """Score every network of a run, compare the scores with chance and with each other, and write the tables.

    Written are ``scores.csv``, ``nulls.csv``, ``agreement.csv``, ``notes.csv``, ``networks.csv``, ``splits.h5``,
    ``summary.csv``, ``comparisons.csv``, ``doses.csv``, ``fair.csv``, ``summary.md`` and, last, ``analysis.json``; and
    ``parts/``, what each step found out, the values on all draws included. An analysis that was stopped carries on with
    the steps that have no part yet; until then ``analysis.json`` says that it is not finished. A network is called by
    its file's name.

    Args:
        run: the folder of the run.
        results: the folder to write into; what an earlier analysis wrote there is replaced.
        plan: what is asked of every network; None for everything, without null models.
        reference: the kind that every other kind is compared with; None for the first in the order of tables. With
            another one only the tables are written again, no step is done.
        jobs: how many steps are done at a time, each by a process, -1 for as many as there are cores.
        evaluations: files of held-out examples outside the run. A network that names its examples gets those whose
            SHA-256 it names, wherever they lie; one that names none gets the only file that is given.
        plugins: Python files with split methods, metrics and null models of one's own; those who do the steps import
            them. A file that defines a function that this process knows already need not be named.
        models: what runs the networks that are graphs of models; runners are known to this process alone.
        fresh: whether all is done again, also what is there and was made by the same code.
        prepare: whether no step is done: what is asked is written down, for `Asked` to name and do the steps.
        executor: does the steps in place of processes of this machine; those that work for it see the same folders.
        console: where to show progress and what could not be done.
        quiet: whether what could not be done is told by ``notes.csv`` alone.

    Returns:
        How many scores there are; 0 if the steps are only prepared.

    Raises:
        ValueError: a file that is not what it should be or whose name cannot be a network's, a number of jobs that
            is not allowed, or a reference that no network is of.
        FileNotFoundError: there are no networks, or an evaluation is missing.
        FileExistsError: the folder has a file of another program, which would be replaced.
        InUseError: another process writes into the folder of the results.
        UnfinishedError: processes that did steps ended, killed for want of memory for example. All other steps are
            done, so that the same call does what is missing.
    """
    load_all(plugins)
    run, results, plan = Path(run), Path(results), plan or Plan.choose()
    if jobs == 0 or jobs < -1:
        raise ValueError(f"jobs: expected a number of at least 1, or -1 for as many as there are cores, found {jobs}")
    if executor is not None:  # whose workers may be in other folders
        run, results, evaluations = run.resolve(), results.resolve(), [path.resolve() for path in evaluations]
    files = networks_in(run)
    if not files:
        raise FileNotFoundError(f"{run / 'networks'}: expected networks (*.h5) of a training run, found none")
    for fault in (fault for file in files for fault in name_faults(f"{run / 'networks'}: a file's name", file.stem)):
        raise ValueError(str(fault))
    _require_networks(plan, [file.stem for file in files])
    console = console or PlainConsole(stderr=True)
    alone = jobs == 1 and executor is None
    if models.runners and not alone:
        raise ValueError(f"jobs: expected 1, since the models are known to this process alone, found {jobs}")
    imported = tuple(Path(path).resolve() for path in plugins) if alone else _plugins_of(plan, plugins)
    _require_own(results)
    at_once = len(files) * (len(null_models()) if plan.nulls else 1)
    with (
        locked(results, "analysis"),
        _processes(jobs, executor, console, 0 if prepare else at_once, results, plan.splits) as workers,
    ):
        digests = {file: digest(file) for file in files}
        given = _given(evaluations)
        codes = codes_of(plan)
        steps = [
            steps_of(run, file, results / PARTS / file.stem, plan, digests[file], given, imported, models, codes)
            for file in files
        ]
        if fresh:
            for step in (step for of in steps for step in of):
                step.part.unlink(missing_ok=True)
        _require_used(given, steps)
        known: dict[str, object] = {"reference": reference_of(_kinds_of(files), reference)}
        if given:
            known["evaluations"] = {os.path.relpath(p, results): sha256 for sha256, p in given.items()}
        if imported:
            known["plugins"] = [os.path.relpath(path, results) for path in imported]
        if models.file is not None:
            known["models"] = os.path.relpath(models.file, results)
        # From now on, parts and tables may be of two analyses.
        _write_analysis_json(run, results, plan, finished=False, **known)
        if prepare:
            return 0
        _do_missing(steps, workers, console)
        for step in (step for of in steps for step in of):  # of processes that were killed
            mark_of(step.part).unlink(missing_ok=True)
        count, notes = _write(run, results, steps)
        written = {name: digest(results / name) for name in _TABLES}
        read = {file.stem: sha256 for file, sha256 in digests.items()}
        _write_analysis_json(run, results, plan, finished=True, networks=read, tables=written, **known)
    if not quiet:
        _tell(notes, results, console)
    return count


def _plugins_of(plan: Plan, named: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return the files that other processes import to know what a plan names."""
    used: list[object] = [function_of(method) for method in plan.splits]
    used += [METRICS[metric] for metric in plan.metrics]
    used += [NULLS[null] for null in (NULLS if plan.nulls else ())]
    return tuple(dict.fromkeys([*(Path(path).resolve() for path in named), *files_of(used)]))


def _kinds_of(files: Iterable[Path]) -> set[str]:
    """Return the kinds of networks."""
    return {str(read_header(file).metadata.get("kind", "")) for file in files}


def _require_networks(plan: Plan, networks: Sequence[str]) -> None:
    """Refuse files of splits that name networks which the run has not."""
    for path in plan.files.values():
        for name in networks_of(read_rows(path)):
            if name not in networks:
                known = ", ".join(networks[:_NAMED]) + (" …" if len(networks) > _NAMED else "")
                raise ValueError(f"{path}: expected networks of the run ({known}), found {name!r}")


def _given(evaluations: Iterable[Path]) -> dict[str, Path]:
    """Return files of held-out examples by their SHA-256."""
    for path in evaluations:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected a file of held-out examples, found nothing")
    return {digest(path): path for path in evaluations}


def _require_used(given: Mapping[str, Path], steps: Sequence[Sequence[Step]]) -> None:
    """Refuse held-out examples that are given for no network."""
    used = {of[0].evaluation for of in steps}
    for sha256, path in given.items():
        if path not in used:
            raise ValueError(
                f"{path}: expected held-out examples of a network of the run, found SHA-256 {sha256[:12]}…, which no "
                "network names"
            )


def _require_own(results: Path) -> None:
    """Refuse to replace files in a folder that shows no trace of an earlier analysis."""
    if (results / FILE).exists() or any((results / PARTS).glob("*/*.h5")):
        return
    for name in _TABLES:
        if (results / name).exists():
            raise FileExistsError(
                f"{results / name}: expected a folder that is new or that an analysis wrote, found one with this file "
                "and without analysis.json: choose another --out"
            )


@contextmanager
def _processes(
    jobs: int, given: Executor | None, console: Console, at_once: int, results: Path, methods: Sequence[str]
) -> Iterator[Executor | None]:
    """Yield who does the steps: an executor from outside, processes, or None for this process alone.

    Where nothing is done yet, processes start now, and import what steps need while this one reads what is to be done.

    Args:
        jobs: how many processes; -1 for as many as there are cores.
        given: the executor from outside.
        console: where to show processes that are stopped.
        at_once: how many steps can be done at once.
        results: the folder of the results.
        methods: the split methods of the steps.
    """
    jobs = joblib.cpu_count() if jobs == -1 else jobs
    if given is not None or jobs == 1:
        yield given
        return
    with Workers(jobs, partial(_tell_line, console)) as workers:
        for _ in range(0 if (results / PARTS).exists() else min(jobs, at_once)):
            workers.submit(get_ready, methods=methods)
        yield workers


def _tell_line(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _do_missing(steps: Sequence[Sequence[Step]], executor: Executor | None, console: Console) -> None:
    """Do the steps of each network that have no part yet, side by side."""
    # The null models need the splits, so scores come first. Of the rest the longest begin first: none is left alone.
    first, rest = [of[0] for of in steps], [step for of in steps for step in of[1:]]
    rest.sort(key=lambda step: step.name != RANDOM_SPLIT)
    lost: list[Step] = []
    with progress_bar(console) as progress:
        bar = progress.add_task("analysing", total=len(first) + len(rest))
        for phase in (first, rest):
            unscored = {step.file for step in lost}
            missing = [step for step in phase if not step.is_done]
            progress.update(bar, advance=len(phase) - len(missing))
            lost += [step for step in missing if step.file in unscored]
            for step, done in _outcomes([step for step in missing if step.file not in unscored], executor):
                try:
                    done()
                except (LostError, BrokenExecutor, MemoryError) as error:
                    lost.append(step)
                    reason = "too little memory" if isinstance(error, MemoryError) else " ".join(str(error).split())
                    _tell_line(console, f"{step}: not done, {reason}; the others go on")
                progress.update(bar, description=str(step), advance=1)
    if lost:
        ordered = [step for step in (*first, *rest) if step in lost]
        hint = "; fewer --jobs take less memory" if executor is None or isinstance(executor, Workers) else ""
        raise UnfinishedError(_unfinished_line(ordered, len(first) + len(rest)) + hint)


def _outcomes(steps: Sequence[Step], executor: Executor | None) -> Iterator[tuple[Step, Callable[[], object]]]:
    """Yield steps as they are done, each with a function that raises what its step raised."""
    if executor is None:
        yield from ((step, partial(do, step)) for step in steps)
        return
    futures = {executor.submit(do, step): step for step in steps}
    try:
        yield from ((futures[future], future.result) for future in as_completed(futures))
    finally:
        for future in futures:
            future.cancel()


def _unfinished_line(lost: Sequence[Step], of: int) -> str:
    names = ", ".join(map(str, lost[:_NAMED])) + (f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else "")
    return (
        f"{len(lost)} of {of} steps {'is' if len(lost) == 1 else 'are'} missing ({names}), and with them the tables: "
        "the same command does what is missing"
    )


def _write_analysis_json(run: Path, results: Path, plan: Plan, *, finished: bool, **more: object) -> None:
    """Write ``analysis.json``: the run, what was asked, whether it is answered, and the SHA-256 of files."""
    origin = {"run": os.path.relpath(run.resolve(), results.resolve()), "version": spatialgraph.__version__}
    asked = asdict(plan)
    asked["files"] = {name: os.path.relpath(path, results) for name, path in plan.files.items()}
    text = json.dumps(origin | asked | {"finished": finished} | more, indent=1)
    with atomic(results / FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _write(run: Path, results: Path, steps: Iterable[Sequence[Step]]) -> tuple[int, pd.DataFrame]:
    """Write the tables of an analysis, network by network; return how many scores there are, and the notes."""
    splits, members, noted, count = {}, [], [], 0
    columns = {"scores": COLUMNS, "nulls": NULL_COLUMNS, "agreement": AGREEMENT_COLUMNS, "notes": NOTE_COLUMNS}
    with ExitStack() as stack:
        files = {name: stack.enter_context(_table(results / f"{name}.csv")) for name in columns}
        for name, table in files.items():
            table.write(to_csv(_frame({}, [], columns[name])))
        for of_network in steps:
            network = of_network[0].file.stem
            known, scored = read_scores(of_network[0].part)
            file = of_network[0].file
            if STRENGTH not in known:  # a part of an earlier version, which is still right
                known[STRENGTH] = strength_of(file)
            first = {"run": run.resolve().name, "network": network, **known}
            members.append(member_row(first, read_header(file).metadata))
            notes, compared = list(scored.notes), []
            for step in of_network[1:]:
                drawn, more = read_drawn(step.part, scored)
                compared += [asdict(d.score) | {"null": d.null, "tail": d.tail} | asdict(d.chance) for d in drawn]
                notes += more
            splits[network] = scored.splits
            rows = {
                "scores": [asdict(score) for score in scored.scores],
                "nulls": compared,
                "agreement": [asdict(agreement) for agreement in scored.agreements],
                "notes": [note_row(split, note) for split, note in notes],
            }
            frames = {name: _frame(first, rows[name], columns[name]) for name in columns}
            for name, frame in frames.items():
                files[name].write(to_csv(frame, header=False))
            noted.append(frames["notes"])
            count += len(frames["scores"])
    write_splits(results / "splits.h5", splits)
    with _table(results / "networks.csv") as table:
        table.write(to_csv(with_doses(members)))
    write_summary(results)
    return count, pd.concat(noted, ignore_index=True)


@contextmanager
def _table(path: Path) -> Iterator[TextIO]:
    """Yield a table to write, which takes its place when the block ends."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        yield file
        file.flush()


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
        console.print(Text(line), style="dim")
    console.print(Text(f"all notes: {results / 'notes.csv'}"), soft_wrap=True)
