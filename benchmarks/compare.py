"""This checkout against another one, such as that of an earlier commit: how long an analysis takes, and what it finds.

    git worktree add --detach ../before COMMIT
    python benchmarks/compare.py --before ../before --run runs/table1 [--python ../before/.venv/bin/python]
                                 [--out docs/benchmarks/compare.json]

*Steps*: one network of Table 1, all methods, measures, ablations, agreement, and 100 draws of every null model, step by
step. Each checkout runs in a process of its own, in one thread, and they take turns, so that others who use the
machine slow both; a small analysis comes first, which loads what is loaded once. Medians of processor seconds, and of
the ratios within a turn. Beside them, the largest difference of a score that depends on no random draw, over all
networks of the run.

*Command*: the same analysis as `spatialgraph analyze` does it, on all cores, with its start, tables and summary, by the
clock; both checkouts take turns. The other checkout is installed in the environment whose Python `--python` names.

*Communities*: the modularity that `louvain` and `leiden` find on the networks of the run with three seeds, on a draw of
each from the null model `strength`, and on 200 random graphs with and without planted communities.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
SEEDS, RANDOM = 3, 200
METHODS = ("louvain", "leiden")


def use(tree: Path) -> None:
    """Make the library and the analysis stage importable from a checkout, whatever is installed."""
    sys.path.insert(0, str(tree))
    import spatialgraph

    folder = tree / "analyses"
    spec = importlib.util.spec_from_file_location(
        "spatialgraph.analyses", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["spatialgraph.analyses"] = spatialgraph.analyses = module
    spec.loader.exec_module(module)


def steps(run: Path, name: str, nulls: int) -> dict[str, float]:
    """Return the processor seconds of each step of the analysis of a network."""
    from spatialgraph.analyses.chance import against, null_models
    from spatialgraph.analyses.scoring import Plan, score_subject, subject_of
    from spatialgraph.network import graph_of
    from spatialgraph.runners import DenseRunner
    from spatialgraph.store import read_evaluation, read_network, read_snapshot

    file = run / "networks" / f"{name}.h5"
    network = read_network(file)
    evaluation = read_evaluation(run / network.metadata["evaluation"]["file"])
    untrained = graph_of(read_snapshot(file, 0))
    seconds = {}
    for draws in (1, nulls):
        plan = Plan.choose(nulls=draws)
        start = time.process_time()
        subject = subject_of(network.graph, DenseRunner(network, evaluation), plan, untrained, name)
        scored = score_subject(subject, plan)
        seconds["scores"] = time.process_time() - start
        for null in null_models():
            # A runner of its own for each step, as in an analysis: what it computes once is part of the step.
            start = time.process_time()
            subject = subject_of(network.graph, DenseRunner(network, evaluation), plan, untrained, name)
            against(null, subject, scored, plan, lambda _: None)
            seconds[null] = time.process_time() - start
    return seconds


def scores(run: Path) -> dict[str, float]:
    """Return all scores and agreements that depend on no random draw, of all networks of a run."""
    from spatialgraph.analyses.scoring import Plan, score_subject, subject_of
    from spatialgraph.runners import DenseRunner
    from spatialgraph.splits import SPLITS, draws_at_random
    from spatialgraph.store import read_evaluation, read_network

    plan = Plan.choose([method for method in SPLITS if not draws_at_random(method)])
    found = {}
    for file in sorted((run / "networks").glob("*.h5")):
        network = read_network(file)
        evaluation = read_evaluation(run / network.metadata["evaluation"]["file"])
        scored = score_subject(subject_of(network.graph, DenseRunner(network, evaluation), plan), plan)
        found |= {" ".join((file.stem, *score.key)): score.value for score in scored.scores}
        found |= {" ".join((file.stem, a.split, a.other, a.measure)): a.value for a in scored.agreements}
    return found


def random_graphs() -> Iterator[Any]:
    """Yield graphs of one population with log-normal strengths, of many densities, every other one planted."""
    from spatialgraph.graph import Connection, Graph, Population

    draw = np.random.default_rng(0)
    for number in range(RANDOM):
        units, density, spread = int(draw.integers(20, 200)), draw.uniform(0.05, 1), draw.uniform(0.1, 1.5)
        weight = np.where(draw.random((units, units)) < density, draw.lognormal(0, spread, (units, units)), 0)
        if number % 2:
            of = draw.integers(0, draw.integers(2, 8), units)
            weight *= np.where(of[:, None] == of, 1, draw.uniform(0.1, 1))
        task = np.full(units, -1)
        task[:2] = 0, 1
        population = Population("units", units, split=True, task=task)
        yield Graph((population,), (Connection(0, 0, np.triu(weight, 1).astype(np.float32)),), {"tasks": ["a", "b"]})


def found(run: Path) -> dict[str, list[float]]:
    """Return the modularity that each method finds with each seed on each graph."""
    from spatialgraph.metrics import modularity
    from spatialgraph.nulls import draw
    from spatialgraph.splits import apply
    from spatialgraph.store import read_graph

    files = sorted((run / "networks").glob("*.h5"))
    graphs = {f"network {file.stem}": read_graph(file) for file in files}
    graphs |= {name.replace("network", "draw"): draw("strength", graph, 0) for name, graph in graphs.items()}
    graphs |= {f"random {number}": graph for number, graph in enumerate(random_graphs())}
    return {
        f"{method} {name}": [modularity(graph, apply(method, graph, seed=seed)) for seed in range(SEEDS)]
        for name, graph in graphs.items()
        for method in METHODS
    }


def child(tree: Path, what: str, run: Path, *more: str) -> Any:
    """Return what a checkout gives, in a process of its own."""
    command = [sys.executable, __file__, "--tree", str(tree), "--what", what, "--run", str(run), *more]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | threads).stdout
    return json.loads(output.splitlines()[-1])


def compared_steps(before: Path, run: Path, network: str, nulls: int, repeats: int) -> dict[str, Any]:
    """Time both checkouts in turns."""
    taken: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeats):
        was, now = (child(tree, "steps", run, "--network", network, "--nulls", str(nulls)) for tree in (before, ROOT))
        for seconds in (was, now):
            seconds["together"] = sum(seconds.values())
        for step, seconds in was.items():
            taken.setdefault(step, []).append((seconds, now[step]))
    return {
        step: {
            "before, s": statistics.median(was for was, _ in pairs),
            "now, s": statistics.median(now for _, now in pairs),
            "ratio": statistics.median(was / now for was, now in pairs),
        }
        for step, pairs in taken.items()
    }


def compared_commands(python: Path, run: Path, network: str, nulls: int, repeats: int) -> dict[str, Any]:
    """Time the command of both checkouts in turns, by the clock."""
    from spatialgraph.store import read_network

    file = run / "networks" / f"{network}.h5"
    evaluation = read_network(file).metadata["evaluation"]["file"]
    pairs = []
    with tempfile.TemporaryDirectory() as made:
        one = Path(made, "run")
        (one / "networks").mkdir(parents=True)
        shutil.copy(file, one / "networks")
        shutil.copy(run / evaluation, one / evaluation)
        for number in range(repeats):
            seconds = []
            for name, interpreter in (("before", str(python)), ("now", sys.executable)):
                results = str(Path(made, f"{name}-{number}"))
                command = [interpreter, "-m", "spatialgraph", "analyze", str(one), "--out", results]
                start = time.monotonic()
                subprocess.run([*command, "--nulls", str(nulls)], check=True, capture_output=True, cwd=made)
                seconds.append(time.monotonic() - start)
            pairs.append(seconds)
    return {
        "before, s": statistics.median(was for was, _ in pairs),
        "now, s": statistics.median(now for _, now in pairs),
        "ratio": statistics.median(was / now for was, now in pairs),
        "turns": pairs,
    }


def compared_scores(before: Path, run: Path) -> dict[str, Any]:
    """Compare all scores that depend on no random draw."""
    was, now = (child(tree, "scores", run) for tree in (before, ROOT))
    both = was.keys() & now.keys()
    differences = {key: abs(was[key] - now[key]) for key in both if was[key] == was[key] or now[key] == now[key]}
    return {
        "scores": len(both),
        "in one alone": len(was.keys() ^ now.keys()),
        "largest difference": max(differences.values()),
        "of": max(differences, key=differences.__getitem__),
    }


def compared_communities(before: Path, run: Path) -> dict[str, Any]:
    """Compare the modularity that both checkouts find."""
    was, now = (child(tree, "found", run) for tree in (before, ROOT))
    table = {}
    for method, kind in itertools.product(METHODS, ("network", "draw", "random")):
        keys = [key for key in was if key.startswith(f"{method} {kind} ")]
        gain = np.array([now[key] for key in keys]) - np.array([was[key] for key in keys])
        table[f"{method}, {kind}"] = {
            "graphs": len(keys),
            "mean modularity before": float(np.mean([was[key] for key in keys])),
            "mean gain": float(gain.mean()),
            "graphs with less, mean of the seeds": int((gain.mean(axis=1) < -1e-6).sum()),
            "most lost by one, mean of the seeds": float(-gain.mean(axis=1).min(initial=0)),
            "share of single runs with less": float((gain < -1e-6).mean()),
        }
    return table


def main() -> None:
    """Compare, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="the other checkout")
    parser.add_argument("--run", type=Path, required=True, help="a run of Table 1")
    parser.add_argument("--network", help="the network that is timed; the last of the run if none is named")
    parser.add_argument("--nulls", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", type=Path, help="of the environment in which the other checkout is installed")
    parser.add_argument("--only", choices=["steps", "command", "scores", "communities"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    run = arguments.run.resolve()
    network = arguments.network or max((run / "networks").glob("*.h5")).stem
    if arguments.tree:
        use(arguments.tree)
        children = {"steps": lambda: steps(run, network, arguments.nulls), "scores": lambda: scores(run)}
        print(json.dumps((children | {"found": lambda: found(run)})[arguments.what]()))  # noqa: T201
        return
    before = arguments.before.resolve()
    parts = {
        "steps": lambda: compared_steps(before, run, network, arguments.nulls, arguments.repeats),
        "command": lambda: compared_commands(python, run, network, arguments.nulls, arguments.repeats),
        "scores": lambda: compared_scores(before, run),
        "communities": lambda: compared_communities(before, run),
    }
    numbers: dict[str, Any] = {}
    python = Path(arguments.python or "").absolute()
    if arguments.python is None:
        if arguments.only == "command":
            parser.error("--only command: expected --python as well")
        del parts["command"]
    for name in [arguments.only] if arguments.only else parts:
        numbers[name] = parts[name]()
    for step, row in numbers.get("steps", {}).items():
        print(f"{step:<16}{row['before, s']:>9.2f} s{row['now, s']:>9.2f} s{row['ratio']:>8.1f} ×")  # noqa: T201
    from report import report

    conditions = {"network": network, "draws": arguments.nulls, "repeats": arguments.repeats}
    report(numbers, conditions | {"processes that waited, at the end": os.getloadavg()[0]}, arguments.out)


if __name__ == "__main__":
    main()
