"""How fast networks are analysed: one network of Table 1, measures against networkx, and 117 million weights.

    python benchmarks/analysis.py [--run runs/table1] [--repeats 3] [--out docs/benchmarks/analysis.json]

*One network*: every split, measure and ablation of a network of Table 1's shape, in one process, and the same with
100 draws of every null model, with as many jobs as there are cores; tables and summary are written. With `--run` it
is the last network of that run, else one of random weights with 10,000 random examples. *Measures*: modularity and
cut straight from the weights, against networkx's modularity on the graph of the same split layers, which is built
beforehand. *Large*: eight layers of 512 to 4096 units, written to a file and read in pieces by a process of its own:
greedy split, modularity and cut, the same on 10 shuffled draws, and the most memory that the process took, all
against summing the weights once. Medians of repetitions; ratios within one run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
from report import report
from rich.console import Console
from scipy.stats import linregress

from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.scoring import Plan
from spatialgraph.files import digest
from spatialgraph.graph import Connection, to_networkx
from spatialgraph.metrics import cut, modularity
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.nulls import draw
from spatialgraph.runners import DenseRunner
from spatialgraph.splits import SPLITS, Split, apply, sees
from spatialgraph.store import (
    read_evaluation,
    read_graph,
    read_network,
    read_snapshot,
    write_evaluation,
    write_network,
)
from spatialgraph.threads import one_thread

WIDTHS, DEPTH = (512, 1024, 2048, 4096), 8
EXAMPLES, CLASSES = 10_000, 10
Numbers = dict[str, object]


def seconds(function: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median(function: Callable[[], object], repeats: int) -> float:
    """Return the median of how many seconds calls take."""
    return statistics.median(seconds(function) for _ in range(repeats))


def random_network(sizes: tuple[int, ...], split: tuple[int, ...], seed: int = 0) -> Network:
    """Return a network of Gaussian weights whose outputs belong to two tasks by halves."""
    generator = np.random.default_rng(seed)
    last = len(sizes) - 1
    layers = tuple(
        Layer(
            "input" if k == 0 else "output" if k == last else f"hidden{k}",
            size,
            "" if k in (0, last) else "sigmoid",
            None if k == 0 else np.zeros(size),
            generator.standard_normal((size, 2)) if k in split else None,
            split=k in split,
        )
        for k, size in enumerate(sizes)
    )
    connections = tuple(
        Connection(k, k + 1, generator.standard_normal((b, a), dtype=np.float32) * np.float32(2 * a**-0.5))
        for k, (a, b) in enumerate(itertools.pairwise(sizes))
    )
    task = (np.arange(sizes[-1]) >= sizes[-1] // 2).astype(int)
    return Network(layers, connections, task, {"name": f"random-{sizes[1]}", "tasks": ["one", "other"]})


def table_one(run: Path | None) -> tuple[Network, Evaluation, Network]:
    """Return a network of Table 1's shape, its evaluation, and the network before training."""
    if run is not None:
        file = max((run / "networks").glob("*.h5"))  # a spatial one: all null models apply
        network = read_network(file)
        return network, read_evaluation(run / network.metadata["evaluation"]["file"]), read_snapshot(file, 0)
    sizes = (784, 128, 128, 128, 256, 2 * CLASSES)
    network, before = (random_network(sizes, (3, 4, 5), seed) for seed in (0, 1))
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 256, (EXAMPLES, sizes[0]), dtype=np.uint8)
    probes = {task: generator.integers(0, 256, (16, 64, sizes[0]), dtype=np.uint8) for task in network.tasks}
    labels = generator.integers(0, CLASSES, (EXAMPLES, 2))
    return network, Evaluation(inputs, labels, 1 / 255, probes), before


def run_of_one(folder: Path, run: Path | None) -> Path:
    """Write a run of one network of Table 1's shape."""
    network, evaluation, before = table_one(run)
    write_evaluation(folder / "evaluation.h5", evaluation)
    named = {"file": "evaluation.h5", "sha256": digest(folder / "evaluation.h5")}
    named_network = replace(network, metadata={**network.metadata, "evaluation": named})
    write_network(folder / "networks" / f"{network.name}.h5", named_network, {0: before})
    return folder


def measure_one(run: Path | None, repeats: int) -> Numbers:
    """Time the analysis of one network, as the command line does it, with as many jobs as there are cores."""
    network, evaluation, _ = table_one(run)
    methods = {}
    for method in SPLITS:
        if network.graph.has_positions or sees(method) != "positions":
            with one_thread():
                # A runner of its own for each call: what it computes once is part of the method's time.
                apply(method, network.graph, DenseRunner(network, evaluation))  # loads what is loaded once
                methods[method] = median(
                    lambda m=method: apply(m, network.graph, DenseRunner(network, evaluation)), repeats
                )
    with tempfile.TemporaryDirectory() as folder:
        one = run_of_one(Path(folder), run)
        results = iter(range(100))

        def analysed(nulls: int, jobs: int) -> None:
            console = Console(file=StringIO())
            analyze(one, one / str(next(results)), plan=Plan.choose(nulls=nulls), jobs=jobs, console=console)

        analysed(1, -1)  # starts the workers
        return {
            "network": network.name,
            "without nulls, s (at most 5)": median(lambda: analysed(0, 1), repeats),
            "with 100 draws of every null, s (at most 60)": median(lambda: analysed(100, -1), max(1, repeats // 2)),
            "the same in one process, s": seconds(lambda: analysed(100, 1)),
            "one split, s": methods,
        }


def measure_measures(run: Path | None, repeats: int) -> Numbers:
    """Time modularity and cut from the weights against networkx's modularity on a graph that is already built."""
    import networkx as nx

    graph = table_one(run)[0].graph
    split = apply("greedy", graph)
    made = to_networkx(graph, directed=False)
    labels = np.concatenate([split.labels(k) for k in graph.split_populations])
    communities = [set(np.flatnonzero(labels == task).tolist()) for task in range(len(graph.tasks))]
    alone = [{int(node)} for node in np.flatnonzero(labels < 0)]

    def fresh() -> Split:  # what is computed once for a network and a split is computed for each of these
        return Split(split.method, split.membership)

    theirs = nx.community.modularity(made, [c for c in (*communities, *alone) if c], weight="strength")
    ours = modularity(graph, split)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)

    def both() -> None:
        again = fresh()
        modularity(graph, again)
        cut(graph, again)

    times = {"networkx": [], "spatialgraph": []}
    for _ in range(max(repeats, 5)):
        times["networkx"].append(
            seconds(lambda: nx.community.modularity(made, [c for c in (*communities, *alone) if c], weight="strength"))
        )
        times["spatialgraph"].append(seconds(lambda: [both() for _ in range(100)]) / 100)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "networkx's modularity, s": medians["networkx"],
        "modularity and cut, s": medians["spatialgraph"],
        "times networkx (at least 100)": medians["networkx"] / medians["spatialgraph"],
    }


def peak_memory() -> int:
    """Return the most bytes that this process held; getrusage would count the process that started it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def measure_large(file: Path, repeats: int) -> Numbers:
    """Time one large network, read in pieces, in a process that does nothing else."""
    start = time.perf_counter()
    graph = read_graph(file, in_pieces=True)
    opened = time.perf_counter() - start
    split = apply("greedy", graph)

    def fresh() -> None:
        made = Split(split.method, split.membership)
        modularity(graph, made)
        cut(graph, made)

    def all_draws() -> None:
        for number in range(10):
            drawn = draw("shuffle", graph, number)
            again = apply("greedy", drawn)
            modularity(drawn, again)
            cut(drawn, again)

    summed = median(lambda: [float(c.weight.sum()) for c in graph.connections], repeats)
    greedy = median(lambda: apply("greedy", graph), repeats)
    measures = median(fresh, repeats)
    shuffles = seconds(all_draws)
    memory = peak_memory()
    # The same from weights that are held, where the time of reading does not hide that of measuring.
    held = read_graph(file)
    weights = [c.weight for c in held.connections]
    summed_held = median(lambda: [float(w.sum()) for w in weights], repeats)

    def fresh_held() -> None:
        made = Split(split.method, split.membership)
        modularity(held, made)
        cut(held, made)

    measured_held = median(fresh_held, repeats)
    return {
        "weights": sum(w.size for w in weights),
        "open and check, s": opened,
        "sum the weights once, s": summed,
        "modularity and cut, s": measures,
        "times the sum (at most 5)": measures / summed,
        "held: sum the weights once, s": summed_held,
        "held: modularity and cut, s": measured_held,
        "held: times the sum (at most 5)": measured_held / summed_held,
        "greedy, s": greedy,
        "10 shuffles, s": shuffles,
        "everything, s (at most 120)": opened + greedy + measures + shuffles,
        "memory, times the file (at most 2)": memory / file.stat().st_size,
        "memory, MB": memory / 1e6,
        "file, MB": file.stat().st_size / 1e6,
    }


def measure_widths(repeats: int) -> Numbers:
    """Time large networks of several widths, each in a process of its own, and fit how time grows with weights."""
    by_width: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for width in WIDTHS:
            file = Path(folder) / f"{width}.h5"
            sizes = (width,) * DEPTH
            network = random_network(sizes, tuple(range(DEPTH)))
            write_network(file, network)
            del network
            command = [sys.executable, __file__, "--large", str(file), "--repeats", str(repeats)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            by_width[str(width)] = json.loads(output)
            file.unlink()
    weights = [of_width["weights"] for of_width in by_width.values()]
    names = ("held: modularity and cut, s", "greedy, s", "10 shuffles, s", "everything, s (at most 120)")
    exponents = {
        name: float(linregress(np.log(weights), np.log([of_width[name] for of_width in by_width.values()])).slope)
        for name in names
    }
    return {"by width": by_width, "time ∝ weights^k, k": exponents}


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run of Table 1, whose last network is analysed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=["one", "measures", "large"])
    parser.add_argument("--large", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.large:
        print(json.dumps(measure_large(arguments.large, arguments.repeats)))  # noqa: T201
        return
    parts = {
        "one": lambda: measure_one(arguments.run, arguments.repeats),
        "measures": lambda: measure_measures(arguments.run, arguments.repeats),
        "large": lambda: measure_widths(arguments.repeats),
    }
    chosen = [arguments.only] if arguments.only else list(parts)
    report({name: parts[name]() for name in chosen}, {"repeats": arguments.repeats}, arguments.out)


if __name__ == "__main__":
    main()
