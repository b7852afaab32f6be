"""How right the null models are, and how much they find: the table in docs/nulls.

    python benchmarks/nulls.py [--out docs/nulls] [--networks 400] [--jobs -1]

It writes calibration.csv, and table.md, in which the numbers of an earlier version stand in brackets where there is a
before.csv, written by this program in a checkout of that version.

Calibration: p-values of networks without modules, which a null model must call chance, whether their neurons are alike
or not. Power: p-values of networks with planted blocks. The measure is the modularity of the greedy split, made anew on
every draw. With 19 draws p has 20 values; p at most 0.05 comes by chance in 1 of 20 cases, and so it does of the other
tail. The test of uniformity (Kolmogorov and Smirnov) breaks ties at random.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.spatial.distance import cdist
from scipy.stats import kstest

from spatialgraph.graph import Connection, Graph, Population
from spatialgraph.graph.planted import unmodular
from spatialgraph.metrics import modularity
from spatialgraph.nulls import chance, draw
from spatialgraph.splits import apply
from spatialgraph.store import read_graph
from spatialgraph.threads import one_thread

DRAWS = 19

TITLE = "Calibration and power of the null models"
TOLD = (
    "p of networks without modules, wanted uniform, and of networks with modules, wanted small; in brackets, what the\n"
    "version before had. What the columns say, and what follows: [null models](README.md)."
)
SHAPES = {"20-20-10": (20, 20, 10), "64-32-8": (64, 32, 8), "24-32-8 and a skip": (24, 32, 8)}
WIDE, NARROW = ("exponential", 1.0), ("uniform", 0.2)  # how strength scatters and falls
TRAINED = Path(__file__).with_name("nulls-trained.json")
Make = Callable[[int], Graph]


@dataclass(frozen=True)
class Case:
    """Networks that a null model is tried on.

    Attributes:
        question: ``"calibration"`` or ``"power"``.
        null: the null model.
        networks: what the networks are, in words.
        make: a network from a seed.
        own: whether the networks are of the null model's own hypothesis.
    """

    question: str
    null: str
    networks: str
    make: Make
    own: bool = True


def cases() -> Iterator[Case]:
    """Yield every case, in the order of the table."""
    for shape, sizes in SHAPES.items():
        skip = "skip" in shape
        for error in ("exponential", "log-normal"):
            make = _made(sizes, skip=skip, error=error)
            yield Case("calibration", "shuffle", f"{shape}, weights {error}", make)
        for spread, error in ((0, "exponential"), (1, "exponential"), (2, "exponential"), (1, "log-normal")):
            make = _made(sizes, skip=skip, error=error, spread=spread)
            yield Case("calibration", "strength", f"{shape}, σ = {spread}, error {error}", make)
        for spread, error, scale in ((0, *WIDE), (1, *WIDE), (2, *WIDE), (1, *NARROW)):
            make = _made(sizes, skip=skip, error=error, spread=spread, scale=scale)
            yield Case("calibration", "distance", f"{shape}, σ = {spread}, error {error}, scale {scale:g}", make)
    for null in ("shuffle", "strength", "distance"):
        spread = 0.0 if null == "shuffle" else 1.0
        scale = 1.0 if null == "distance" else None
        plain = _made(SHAPES["64-32-8"], error="exponential", spread=spread, scale=scale)
        yield Case("calibration", null, "64-32-8, weights in column order", _columns(plain))
        dead = "64-32-8, half of the hidden neurons dead"
        yield Case("calibration", null, dead, _dead(plain), own=null != "shuffle")
        yield Case("calibration", null, "64-32-8, weights 0 or 1", _made(SHAPES["64-32-8"], error="binary"))
    for null in ("shuffle", "strength", "distance"):
        spread, scale = float(null != "shuffle"), 1.0 if null == "distance" else None
        for share in (1.0, 0.4):
            plain = _made(SHAPES["64-32-8"], error="exponential", spread=spread, scale=scale)
            yield Case("calibration", null, f"64-32-8, {share:g} of the weights there", _sparse(plain, share))
            name = f"recurrent 32, outputs 8, {share:g} of the weights there"
            yield Case("calibration", null, name, _sparse(_recurrent(spread, scale), share))
    for inputs in trained():
        for null in ("shuffle", "strength", "distance"):
            name = f"as trained, {inputs}"
            yield Case(
                "calibration", null, name, lambda seed, inputs=inputs: like_trained(inputs, seed), null == "distance"
            )
    for null in ("shuffle", "strength", "distance"):
        for leakage in (0.2, 0.3, 0.4):
            for spread in (0.0,) if null == "shuffle" else (0.0, 1.0):
                name = f"blocks in 64-32-8, {leakage:g} of the strength between them, σ = {spread:g}"
                scale = 1.0 if null == "distance" else None
                yield Case("power", null, name, _blocks(leakage, spread, scale), own=False)


def _made(sizes: Sequence[int], **settings: object) -> Make:
    return lambda seed: unmodular(sizes, seed=seed, **settings)  # type: ignore[arg-type]


def _with(graph: Graph, change: Callable[[Connection], np.ndarray]) -> Graph:
    """Return a graph with changed weights."""
    connections = tuple(dataclasses.replace(c, weight=change(c)) for c in graph.connections)
    return dataclasses.replace(graph, connections=connections)


def _columns(make: Make) -> Make:
    return lambda seed: _with(make(seed), lambda c: np.asfortranarray(c.weight))


def _dead(make: Make) -> Make:
    """Return networks of which every second hidden neuron is switched off."""

    def made(seed: int) -> Graph:
        graph = make(seed)

        def change(connection: Connection) -> np.ndarray:
            weight = connection.weight.copy()
            if connection.target == 1:
                weight[::2] = 0
            if connection.source == 1:
                weight[:, ::2] = 0
            return weight

        return _with(graph, change)

    return made


def _sparse(make: Make, share: float) -> Make:
    """Return networks in which a share of the weights is there, drawn at random, and the others are 0."""

    def made(seed: int) -> Graph:
        draw = np.random.default_rng([seed, 1])
        return _with(make(seed), lambda c: c.weight * (draw.random(c.shape) < share))

    return made


def _recurrent(spread: float, scale: float | None) -> Make:
    """Return graphs of 32 units that are connected with each other, none with itself, and of 8 outputs."""

    def made(seed: int) -> Graph:
        graph = unmodular((32, 32, 8), spread=spread, scale=scale, seed=seed)
        own, out = graph.connections
        weight = own.weight.copy()
        if scale is not None:  # the fall with the distances of the units themselves, in place of those of two layers
            places = [np.asarray(graph.populations[k].position, np.float64) for k in (0, 1)]
            weight *= np.exp((cdist(places[1], places[0]) - cdist(places[1], places[1])) / scale)
        np.fill_diagonal(weight, 0)
        connections = (Connection(0, 0, weight), Connection(0, 1, out.weight))
        return dataclasses.replace(graph, populations=graph.populations[1:], connections=connections)

    return made


def _blocks(leakage: float, spread: float, scale: float | None) -> Make:
    """Return networks without modules but for blocks between which there is less strength."""

    def made(seed: int) -> Graph:
        graph = unmodular(SHAPES["64-32-8"], spread=spread, scale=scale, seed=seed)
        generator = np.random.default_rng([seed, 1])
        side = [generator.permutation(layer.size) % 2 for layer in graph.populations[:-1]] + [graph.task_of[-1]]

        def change(connection: Connection) -> np.ndarray:
            same = np.equal.outer(side[connection.target], side[connection.source])
            return connection.weight * np.where(same, 1 - leakage, leakage)

        return _with(graph, change)

    return made


# ------------------------------------------------------------------------------------------------- as trained


def remember(run: Path) -> None:
    """Write down what networks without modules need of trained spatial ones, of a run, one for each input mode."""
    known = {}
    for inputs in ("concatenate", "mix", "sequential"):
        graph = read_graph(run / "networks" / f"{inputs}-spatial-0.h5")
        layers = [graph.populations[k] for k in graph.split_populations]
        places = [np.round(np.asarray(layer.position, np.float64), 3).tolist() for layer in layers]
        parts = []
        for connection in graph.split_connections:
            strength = np.abs(connection.weight, dtype=np.float64)
            parts.append(
                {
                    "source": graph.split_populations.index(connection.source),
                    "target": graph.split_populations.index(connection.target),
                    "entering": _digits(strength.sum(axis=1)),
                    "leaving": _digits(strength.sum(axis=0)),
                    **_fall(strength, graph, connection),
                }
            )
        known[inputs] = {"places": places, "task": graph.task_of[-1].tolist(), "connections": parts}
    TRAINED.write_text(json.dumps(known, separators=(",", ":")) + "\n", encoding="utf-8")


def _digits(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values.tolist()]


def _fall(strength: np.ndarray, graph: Graph, connection: Connection) -> dict[str, list[float]]:
    """Return how strength falls with distance, and how far it lies from what is expected, by the expected strength."""
    points = [np.asarray(graph.populations[k].position, np.float64) for k in (connection.target, connection.source)]
    distance = cdist(*points)
    edges = distance.max() * np.concatenate([[0], 2.0 ** np.arange(-7, 1)])
    place = np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, len(edges) - 2)
    wanted = np.bincount(place.reshape(-1), strength.reshape(-1), len(edges) - 1)
    factor = np.ones(len(wanted))
    for _ in range(200):
        expected = _balanced(factor[place], strength.sum(axis=1), strength.sum(axis=0), 1)
        factor *= np.nan_to_num(wanted / np.bincount(place.reshape(-1), expected.reshape(-1), len(wanted)), nan=1.0)
    expected = _balanced(factor[place], strength.sum(axis=1), strength.sum(axis=0), 50)
    limits = np.quantile(expected, [0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99])
    group = np.searchsorted(limits, expected, side="right") - 1
    residual = (strength / expected - 1) ** 2
    spread = [np.average(residual[group == k], weights=expected[group == k]) for k in range(len(limits))]
    spread = np.minimum(spread, 30)  # more comes from single connections
    middle = (edges[:-1] + edges[1:]) / 2
    return {
        "distance": _digits(middle),
        "fall": _digits(factor),
        "expected": _digits(limits),
        "variance": _digits(spread),
    }


def _balanced(strength: np.ndarray, entering: np.ndarray, leaving: np.ndarray, rounds: int) -> np.ndarray:
    strength = strength.copy()
    for _ in range(rounds):
        strength *= leaving / strength.sum(axis=0)
        strength *= (entering / strength.sum(axis=1))[:, None]
    return strength


@cache
def trained() -> Mapping[str, dict]:
    """Return what is known of trained networks, by input mode."""
    return json.loads(TRAINED.read_text(encoding="utf-8")) if TRAINED.is_file() else {}


def like_trained(inputs: str, seed: int) -> Graph:
    """Make a graph without modules that has the positions, strengths and fall with distance of a trained one.

    |w_ij| = e_ij ε_ij: e as expected of strengths and distance, ε gamma of mean 1, its variance that of the trained
    network among connections of about the same e.
    """
    known = trained()[inputs]
    generator = np.random.default_rng(seed)
    places = [np.array(place, np.float32) for place in known["places"]]
    connections = []
    for part in known["connections"]:
        points = [np.asarray(places[part[end]], np.float64) for end in ("target", "source")]
        distance = cdist(*points)
        fall = np.exp(np.interp(distance, part["distance"], np.log(np.maximum(part["fall"], 1e-300))))
        expected = _balanced(fall, np.array(part["entering"]), np.array(part["leaving"]), 50)
        place = np.clip(np.searchsorted(part["expected"], expected, side="right") - 1, 0, None)
        variance = np.maximum(np.array(part["variance"])[place], 1e-3)
        weight = expected * generator.gamma(1 / variance) * variance
        connections.append(Connection(part["source"], part["target"], np.asarray(weight, np.float32)))
    tasks = {len(places) - 1: np.array(known["task"])}
    populations = [
        Population(f"layer{k}", len(place), position=place, split=True, task=tasks.get(k))
        for k, place in enumerate(places)
    ]
    metadata = {"name": f"{inputs}-{seed}", "tasks": ["task0", "task1"]}
    return Graph(tuple(populations), tuple(connections), metadata)


# ---------------------------------------------------------------------------------------------------- the table


def measured(case: Case, networks: int, draws: int) -> dict[str, object]:
    """Return what p-values of a case are like."""
    rows, spread, started = [], [], time.perf_counter()
    generator = np.random.default_rng(0)
    with one_thread():
        for seed in range(networks):
            graph = case.make(seed)
            value = _modularity(graph)
            values = np.array([_modularity(draw(case.null, graph, [seed, number])) for number in range(draws)])
            above, below = chance(value, values, "high").p, chance(value, values, "low").p
            rows.append((above, below, value, values.mean(), (value - values.mean()) / max(values.std(ddof=1), 1e-9)))
            # Were ties broken at random, p would be uniform if the null model is right.
            spread.append(generator.uniform(1 - below, above))
    above, below, value, mean, z = np.array(rows).T
    return {
        "question": case.question,
        "null": case.null,
        "networks": case.networks,
        "own": case.own,
        "n": networks,
        "draws": draws,
        "more": float(np.mean(above <= 0.05)),
        "less": float(np.mean(below <= 0.05)),
        "ks": float(kstest(spread, "uniform").pvalue),
        "z": float(np.median(z)),
        "modularity": float(value.mean()),
        "of_draws": float(mean.mean()),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _modularity(graph: Graph) -> float:
    return modularity(graph, apply("greedy", graph))


def main() -> None:
    """Try the null models and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/nulls"), help="folder of calibration.csv")
    parser.add_argument(
        "--networks", type=int, default=400, help="networks of each case; a quarter for power and as trained"
    )
    parser.add_argument("--only", default="", help="cases whose null model, question or networks hold this text")
    parser.add_argument("--jobs", type=int, default=-1, help="cases at a time; -1 for as many as there are cores")
    parser.add_argument(
        "--remember", type=Path, metavar="RUN", help="take positions, strengths and falls of a run's networks"
    )
    asked = parser.parse_args()
    if asked.remember:
        remember(asked.remember)
        return
    chosen = [
        (number, case)
        for number, case in enumerate(cases())
        if asked.only in f"{case.question} {case.null} {case.networks}"
    ]
    work = Parallel(n_jobs=asked.jobs, return_as="generator")
    rows = []
    for row in work(delayed(of_number)(number, asked.networks) for number, _ in chosen):
        rows.append(row)
        print(  # noqa: T201
            "{question:12} {null:9} {networks:55} more {more:.3f} less {less:.3f} KS {ks:.2g} z {z:.2f} "
            "Q {modularity:.3f} of draws {of_draws:.3f} {seconds} s".format(**row),
            flush=True,
        )
    asked.out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv(asked.out / "calibration.csv", index=False, float_format="%.4g")
    write_table(asked.out)


def write_table(folder: Path) -> None:
    """Write the numbers as a table in Markdown, those of before beside them."""
    keys = ["question", "null", "networks"]
    table = pd.read_csv(folder / "calibration.csv")
    if (folder / "before.csv").is_file():
        before = pd.read_csv(folder / "before.csv")[[*keys, "more", "less", "z"]]
        table = table.merge(before, how="left", on=keys, suffixes=("", "_before"))
    lines = []
    for question, own in table.groupby("question", sort=False):
        lines += ["", f"## {question.capitalize()}", ""]
        lines += [
            "| null model | networks | n | p ≤ 0.05 | p of the other tail ≤ 0.05 | KS p | median z | Q, Q of draws |"
        ]
        lines += ["|---|---|---:|---:|---:|---:|---:|---:|"]
        for row in own.to_dict("records"):
            own_mark = "" if row["own"] or question == "power" else " *"
            cells = [f"`{row['null']}`{own_mark}", row["networks"], str(row["n"])]
            cells += [_beside(row, "more", 2), _beside(row, "less", 2), f"{row['ks']:.2g}", _beside(row, "z", 1)]
            lines.append("| " + " | ".join([*cells, f"{row['modularity']:.2f}, {row['of_draws']:.2f}"]) + " |")
    (folder / "table.md").write_text("\n".join([f"# {TITLE}", "", TOLD, *lines, ""]), encoding="utf-8")


def _beside(row: dict[str, float], name: str, digits: int) -> str:
    now, before = (f"{row.get(key, np.nan):.{digits}f}".replace("-", "−") for key in (name, f"{name}_before"))
    return f"**{now}**" if before == "nan" else f"**{now}** ({before})"


def of_number(number: int, networks: int) -> dict[str, object]:
    """Return what p-values of the case of a number are like; a case itself cannot be sent to another process."""
    case = list(cases())[number]
    few = case.question == "power" or "as trained" in case.networks
    return measured(case, networks // 4 if few else networks, DRAWS)


if __name__ == "__main__":
    main()
