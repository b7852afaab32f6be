"""What learned masks say of trained networks: the numbers in docs/methods/learned-mask.md.

    python benchmarks/masks.py RUN [--out docs/methods] [--limit N]

Every network of a run, and random networks in which there is nothing to find (`random_network`), are split by learned
masks, over a range of prices (`SWEEP`) and more closely with the settings of `CLOSELY`, beside two other methods.
Numbers are averaged over tasks:

- drop, leaked, control: accuracy lost with the neurons of the task alone; accuracy with those of the other tasks;
  accuracy lost with as many random neurons of each layer (mean of 10 draws);
- kept, shared, unused: shares of the hidden neurons of split layers that serve a task, several tasks, none;
- cut: share of the strength between modules, if no neuron serves several tasks;
- like_greedy, like_ablation: of the neurons that serve one task alone, the share to which that method gives the same
  task;
- between_tasks, by_chance, between_seeds: the Jaccard index of the modules of two tasks; of independent sets of as many
  neurons in each layer; and of the modules of one task in two runs that differ in the seed (five runs);
- unseen: the drop on one half of the examples when the split was made on the other, minus the drop on the half that it
  was made on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from spatialgraph.analyses.runs import evaluation_of
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph.graph import BoolArray, Connection
from spatialgraph.metrics import cut
from spatialgraph.network import Evaluation, Layer, Network
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.runners.activations import forward
from spatialgraph.splits import Split, apply, draws_at_random
from spatialgraph.splits.controls import random_splits
from spatialgraph.store import read_network
from spatialgraph.threads import one_thread

UNITS, WEIGHTS = "learned-mask:sparsity=", "learned-mask:over=weights:sparsity="
SWEEP = (
    *(f"{UNITS}{price:g}" for price in (0, 0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 5, 10)),
    *(f"{WEIGHTS}{price:g}" for price in (0.5, 2, 5, 20)),
)
OTHERS = ("greedy", "ablation")
CLOSELY = (
    *OTHERS,
    "learned-mask",
    "learned-mask:ablation=incoming",
    "learned-mask:ablation=mean",
    "learned-mask:over=weights:sparsity=2",
)
SEEDS = 5
RANDOM = 5


def random_network(seed: int) -> tuple[Network, Evaluation]:
    """Return a network of the paper's size with random weights, and examples labelled by its own answers."""
    draw, sizes = np.random.default_rng(seed), (64, 128, 128, 128, 256, 20)
    layers = [Layer("input", sizes[0])]
    layers += [Layer(f"hidden{k}", sizes[k], "tanh", split=k > 2) for k in range(1, 5)]
    layers += [Layer("output", sizes[-1], split=True)]
    weights = [draw.normal(size=(t, s)) * (1.5 / np.sqrt(s)) for s, t in pairwise(sizes)]
    task = np.arange(sizes[-1]) // 10
    metadata = {"name": f"random-{seed}", "kind": "random", "inputs": "random", "tasks": ["first", "second"]}
    connections = [Connection(k, k + 1, weight) for k, weight in enumerate(weights)]
    network = Network(tuple(layers), tuple(connections), task, metadata)
    inputs = draw.normal(size=(10_000, sizes[0])).astype(np.float32)
    outputs = forward(network, inputs)[-1]
    labels = np.stack([outputs[:, task == number].argmax(axis=1) for number in (0, 1)], axis=1)
    return network, Evaluation(inputs, labels)


def trained_network(file: Path) -> tuple[Network, Evaluation]:
    """Return a network of a run, and its held-out examples."""
    network = read_network(file)
    return network, evaluation_of(network, file.parents[1] / network.metadata["evaluation"]["file"], file)


def hidden(network: Network, split: Split) -> BoolArray:
    """Return which hidden neurons of the split layers serve which task, ``(neurons, tasks)``."""
    return np.concatenate([m for k, m in split.membership.items() if k != network.output_layer])


def jaccard(one: BoolArray, other: BoolArray) -> float:
    """Return how much two modules overlap, 0 to 1; nan for two without neurons."""
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else np.nan


def by_chance(network: Network, split: Split, one: int, other: int) -> float:
    """Return the Jaccard index of two independent modules with as many neurons in each layer."""
    both = either = 0.0
    for k, members in split.membership.items():
        if k != network.output_layer:
            first, second = members[:, one].sum(), members[:, other].sum()
            both += first * second / len(members)
            either += first + second
    return both / (either - both) if either else np.nan


def like(one: BoolArray, other: BoolArray) -> float:
    """Return the share of the neurons serving one task alone to which another split gives the same."""
    alone = one.sum(axis=1) == 1
    return float((one & other)[alone].any(axis=1).mean()) if alone.any() else np.nan


def drops(runner: DenseRunner, split: Split) -> np.ndarray:
    """Return the accuracy lost under each ablation, averaged over tasks."""
    return np.array([(p.full - p.own).mean() for p in runner.performances([split], ABLATIONS)[0]])


def halves(evaluation: Evaluation) -> list[Evaluation]:
    """Return two random halves of the examples."""
    order = np.random.default_rng(0).permutation(len(evaluation.inputs))
    parts = np.array_split(order, 2)
    return [Evaluation(evaluation.inputs[part], evaluation.labels[part], evaluation.scale) for part in parts]


def quickly(network: Network, runner: DenseRunner, split: Split, ablations: Sequence[str]) -> list[dict[str, object]]:
    """Return a row for each ablation of what takes no second run."""
    members = hidden(network, split)
    shares = {
        "kept": members.mean(),
        "shared": (members.sum(axis=1) > 1).mean(),
        "unused": (~members.any(axis=1)).mean(),
    }
    found = runner.performances([split], ablations)[0]
    return [
        {"ablation": p.ablation, "drop": (p.full - p.own).mean(), "leaked": p.leaked.mean()} | shares for p in found
    ]


def closely(
    network: Network, runner: DenseRunner, parts: list[DenseRunner], split: Split, others: dict[str, BoolArray]
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return what is asked of a split beside that, and what of it depends on the ablation, a row for each."""
    graph, members = network.graph, hidden(network, split)
    runs = [split]
    if draws_at_random(split.method):
        runs += [apply(split.method, graph, runner, seed) for seed in range(1, SEEDS)]
    tasks = range(len(graph.tasks))
    pairs = [(hidden(network, one), hidden(network, other)) for one, other in combinations(runs, 2)]
    control = np.mean([drops(runner, drawn) for drawn in random_splits(graph, split, 10, seed=0)], axis=0)
    unseen = np.zeros(len(ABLATIONS))
    for seen, other in (parts, parts[::-1]):
        made = apply(split.method, graph, seen, 0)
        unseen += (drops(other, made) - drops(seen, made)) / 2
    try:
        share = cut(graph, split)
    except NotApplicableError:
        share = np.nan
    row: dict[str, object] = {"cut": share, **{f"like_{name}": like(members, of) for name, of in others.items()}}
    row["between_tasks"] = np.mean([jaccard(members[:, s], members[:, t]) for s, t in combinations(tasks, 2)])
    row["by_chance"] = np.mean([by_chance(network, split, s, t) for s, t in combinations(tasks, 2)])
    row["between_seeds"] = np.mean([[jaccard(a[:, t], b[:, t]) for t in tasks] for a, b in pairs]) if pairs else np.nan
    return row, [{"control": c, "unseen": u} for c, u in zip(control.tolist(), unseen.tolist(), strict=True)]


def measured(network: Network, evaluation: Evaluation) -> Iterator[dict[str, object]]:
    """Yield the rows of a network."""
    runner, parts = DenseRunner(network, evaluation), [DenseRunner(network, part) for part in halves(evaluation)]
    names = {"network": network.name, "kind": network.metadata["kind"], "inputs": network.metadata["inputs"]}
    others = {method: hidden(network, apply(method, network.graph, runner)) for method in OTHERS}
    for method in dict.fromkeys((*CLOSELY, *SWEEP)):
        split = apply(method, network.graph, runner)
        names |= {"method": method}
        if method in CLOSELY:
            row, rows = closely(network, runner, parts, split, others)
            for quick, more in zip(quickly(network, runner, split, ABLATIONS), rows, strict=True):
                yield names | quick | row | more
        else:
            yield names | quickly(network, runner, split, ["zero"])[0]


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/methods"))
    parser.add_argument("--limit", type=int, default=None, help="at most so many networks")
    arguments = parser.parse_args()
    files = sorted((arguments.run / "networks").glob("*.h5"))[: arguments.limit]
    with one_thread():
        networks = chain(map(trained_network, files), map(random_network, range(RANDOM)))
        rows = pd.DataFrame([row for network, evaluation in networks for row in measured(network, evaluation)])
    path = arguments.out / "learned-mask.csv"
    rows.to_csv(path, index=False, float_format="%.4g")
    print(path)  # noqa: T201


if __name__ == "__main__":
    main()
