"""How the time of every split method, of measures, null models and masks grows with the number of weights.

    python benchmarks/scale.py [--widths 64 128 256 512 1024] [--large] [--out docs/benchmarks/scale.json]

Networks of eight equal layers of Gaussian weights, all layers split, 1000 random examples, one thread; processor
seconds. Nothing is timed that took more than a minute at the width before. The exponent k of  time ∝ weights^k  is
fitted to the two largest widths, and says how long 117 million weights (eight layers of 4096) would take. With
``--large`` what is expected to take less than five minutes there is done, and what needs more memory than there is
says so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from analysis import DEPTH, random_network
from report import report

from spatialgraph.faults import NotApplicableError
from spatialgraph.metrics import METRICS, facts, measure
from spatialgraph.network import Evaluation, Network
from spatialgraph.nulls import NULLS, draw
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.splits import SPLITS, apply
from spatialgraph.threads import one_thread

EXAMPLES, LARGE = 1000, 4096
_LONGEST, _PATIENCE = 60.0, 300.0


def tasks_of(network: Network) -> Mapping[str, Callable[[], object]]:
    """Return what is timed, by name."""
    generator = np.random.default_rng(0)
    width = network.layers[0].size
    inputs = generator.integers(0, 256, (EXAMPLES, width), dtype=np.uint8)
    labels = generator.integers(0, width // 2, (EXAMPLES, 2))
    probes = {task: inputs[:800].reshape(16, 50, width) for task in network.tasks}
    evaluation = Evaluation(inputs, labels, 1 / 255, probes)

    def runner() -> DenseRunner:
        return DenseRunner(network, evaluation)

    split = apply("greedy", network.graph)

    def measures() -> None:
        for name in METRICS:
            if facts(name).of in ("split", "network"):
                measure(name, network.graph, *([split] if facts(name).of == "split" else []))

    def splitting(name: str) -> Callable[[], object]:
        return lambda: apply(name, network.graph, runner())

    def drawing(name: str) -> Callable[[], object]:
        # Those of large networks are made when they are looked at.
        return lambda: [float(c.weight.sum()) for c in draw(name, network.graph, 1).connections]

    return {
        **{name: splitting(name) for name in SPLITS},
        "all measures of a split": measures,
        **{f"a draw of {name}": drawing(name) for name in NULLS},
        "a split under all ablations": lambda: runner().performances([split], ABLATIONS),
    }


def seconds(function: Callable[[], object]) -> float | str:
    """Return how many processor seconds a call takes, or why it cannot be made."""
    start = time.process_time()
    try:
        with one_thread():
            function()
    except NotApplicableError as error:
        return str(error)
    return time.process_time() - start


def fitted(times: Mapping[int, float | str]) -> tuple[float, float]:
    """Return the exponent between the two largest widths, and the seconds at `LARGE` that follow."""
    known = sorted((width, time) for width, time in times.items() if isinstance(time, float))
    (width, before), (last, after) = known[-2:]
    exponent = float(np.log(after / before) / np.log(weights(last) / weights(width)))
    return exponent, after * (weights(LARGE) / weights(last)) ** exponent


def weights(width: int) -> int:
    """Return the number of weights of a network of a width."""
    return (DEPTH - 1) * width**2


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--only", help="what is timed: words of its name")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    times: dict[str, dict[int, float | str]] = {}

    def measure_at(width: int, begun: Callable[[str], bool]) -> None:
        for name, function in tasks_of(random_network((width,) * DEPTH, tuple(range(DEPTH)))).items():
            if (arguments.only or "") in name and begun(name):
                times.setdefault(name, {})[width] = seconds(function)
                sys.stderr.write(f"{width} {name}: {times[name][width]}\n")

    measure_at(32, lambda _: True)  # what is loaded once
    times.clear()

    def is_quick(name: str) -> bool:
        return all(isinstance(t, str) or t < _LONGEST for t in times.get(name, {}).values())

    for width in sorted(arguments.widths):
        measure_at(width, is_quick)
    fits = {name: fitted(of) for name, of in times.items()}
    if arguments.large:
        measure_at(LARGE, lambda name: fits[name][1] < _PATIENCE)
    rows = {
        name: {"seconds by width": of, "k": round(fits[name][0], 2), f"expected at {LARGE}, s": round(fits[name][1], 1)}
        for name, of in times.items()
    }
    report({"time ∝ weights^k": rows}, {"examples": EXAMPLES, "layers": DEPTH}, arguments.out)


if __name__ == "__main__":
    main()
