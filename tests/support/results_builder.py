"""A small RUN and RESULTS folder of invented networks and scores, for tests of tables and figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from spatialgraph.agreement import agreement
from spatialgraph.analyses.chance import Drawn
from spatialgraph.analyses.scoring import Plan, Score, Scored
from spatialgraph.analyses.steps import Keys, Step, _write_drawn, _write_scores
from spatialgraph.graph import Connection
from spatialgraph.graph.split import Split
from spatialgraph.network import Layer, Network
from spatialgraph.store import write_network, write_splits

METHODS = ("greedy", "spectral", "random")
ABLATIONS = ("zero", "incoming", "mean")
# Accuracy lost at a split, by kind; a made-up number that tells the kinds apart.
DROP = {"regular": 0.3, "spatial": 0.02}


def clustered_network(
    name: str,
    kind: str = "spatial",
    inputs: str = "mix",
    seed: int = 0,
    *,
    tasks: Sequence[str] = ("digits", "clothes"),
    sizes: Sequence[int] = (6, 8, 8, 12, 6),
    dim: int = 2,
    epochs: int = 4,
) -> Network:
    """Return a network whose neurons lie in one cluster for each task if it is spatial, and have no positions if not.

    The last three layers are split, and the one before them has positions, as in the paper.
    """
    draw = np.random.default_rng([seed, len(inputs), len(kind)])
    count, last = len(tasks), len(sizes) - 1
    tasks_of = [np.arange(size) * count // size for size in sizes]
    angle = 2 * np.pi * np.arange(count) / count
    centre = np.zeros((count, max(dim, 2)))
    centre[:, :2] = 1.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    layers, connections = [Layer("input", sizes[0])], []
    for k in range(1, last + 1):
        position = None
        if kind == "spatial" and k >= last - 3:
            spread = 0.2 if k == last else 0.6
            position = centre[tasks_of[k], :dim] + draw.normal(0, spread, (sizes[k], dim))
        activation = "" if k == last else "sigmoid"
        title = "output" if k == last else f"hidden{k}"
        layers.append(Layer(title, sizes[k], activation, np.zeros(sizes[k]), position, split=k >= last - 2))
        same = np.equal.outer(tasks_of[k], tasks_of[k - 1])
        weight = draw.normal(0, 0.5, same.shape) * (same if kind == "spatial" else 1.0)
        if kind == "spatial":
            weight += draw.normal(0, 0.01, same.shape)
        if k == last - 2:
            weight[0] = 0.001 / sizes[k - 1]  # a neuron that hardly anything enters
        connections.append(Connection(k - 1, k, weight))
    level = (0.88 if kind == "spatial" else 0.92) - 0.01 * seed - 0.02 * np.arange(count)
    progress = 1 - np.exp(-np.arange(1, epochs + 1) / (epochs / 4))
    accuracy = np.outer(progress, level)
    history = {
        "loss": (2.2 if kind == "spatial" else 2.0) - progress + 0.05 * seed,
        "task_loss": np.outer(2.0 - progress, np.ones(count)),
        "accuracy": accuracy,
    }
    if kind == "spatial":
        history |= {"transport": 0.4 / np.arange(1, epochs + 1), "density": 0.2 + 0.1 * progress}
    metadata = {"name": name, "kind": kind, "inputs": inputs, "seed": seed, "tasks": list(tasks)}
    return Network(
        tuple(layers),
        tuple(connections),
        tasks_of[last],
        metadata | {"accuracy": accuracy[-1].tolist()},
        history=history,
    )


def labelled_split(network: Network, method: str, seed: int = 0) -> Split:
    """Return the split by the cluster that each neuron was drawn from; at random if the method's name says so."""
    count = len(network.tasks)
    labels = {}
    for k in network.graph.split_populations:
        label = np.arange(network.layers[k].size) * count // network.layers[k].size
        labels[k] = np.random.default_rng(seed).permutation(label) if method.startswith("random") else label.copy()
        if k != network.output_layer:
            labels[k][-1] = -1
    return Split.from_labels(method, labels, count)


def scores_of(
    network: Network, methods: Sequence[str], ablations: Sequence[str], more: bool = False
) -> list[dict[str, object]]:
    """Return invented scores of one network: a drop of `DROP`, more for a later method, less for a later ablation.

    More of them are what others leave of a task, and what it loses: without its own module twice the drop, without
    another a tenth of it.
    """
    facts = {"run": "run", **{key: network.metadata[key] for key in ("kind", "inputs", "seed")}}
    facts |= {"network": network.name, "split": "none", "ablation": "", "task": ""}
    rows: list[dict[str, object]] = []
    full = dict(zip(network.tasks, network.metadata["accuracy"], strict=True))
    rows += [facts | {"metric": "accuracy", "task": task, "value": value} for task, value in full.items()]
    for place, method in enumerate(methods):
        for metric, value in {"modularity": 0.45 - 0.05 * place, "cut": 0.02 + 0.1 * place}.items():
            rows.append(facts | {"split": method, "metric": metric, "value": value + 0.01 * network.metadata["seed"]})
        for step, ablation in enumerate(ablations):
            drop = DROP.get(str(network.metadata["kind"]), 0.1) * (1 + 0.3 * place) / (1 + step)
            drop += 0.02 * network.metadata["seed"]
            here = facts | {"split": method, "ablation": ablation}
            for task, value in full.items():
                rows.append(here | {"metric": "accuracy", "task": task, "value": value - drop})
                rows.append(here | {"metric": "accuracy-drop", "task": task, "value": drop})
                if not more:
                    continue
                rows.append(here | {"metric": "leaked-accuracy", "task": task, "value": 0.1 + drop})
                for module in full:
                    lost = 2 * drop if module == task else 0.1 * drop
                    rows.append(here | {"metric": f"accuracy-without:{module}", "task": task, "value": value - lost})
    return rows


def moments_of(network: Network, count: int) -> dict[float, Network]:
    """Return earlier moments of a network: weights that grow to what they are, from a first moment at epoch 0."""
    if count < 2:
        return {}
    epochs = [0.0, *np.geomspace(0.25, network.metadata["epochs"], count)[:-1].round(2).tolist()]
    moments = {}
    for epoch, share in zip(epochs, np.linspace(0.1, 1, count + 1), strict=False):
        connections = tuple(Connection(c.source, c.target, share * c.weight) for c in network.connections)
        moments[epoch] = replace(network, connections=connections, history={})
    return moments


def drawn_of(scores: Sequence[Score], draws: int) -> dict[str, list[Drawn]]:
    """Return invented draws: of modularity around 0, of accuracies of random splits 0.2 below those of the split."""
    spread = np.linspace(-0.05, 0.05, draws)
    structure = [score for score in scores if score.metric == "modularity"]
    function = [score for score in scores if score.metric == "accuracy" and score.ablation]
    nulls = {null: [Drawn(score, null, spread) for score in structure] for null in ("shuffle", "strength")}
    return nulls | {"random-split": [Drawn(score, "random-split", score.value - 0.2 + spread) for score in function]}


def write_parts(folder: Path, rows: Sequence[Mapping[str, object]], draws: int) -> list[dict[str, object]]:
    """Write the scores of one network and its null models as an analysis does, and return rows of ``nulls.csv``."""
    step = Step(folder, folder, folder, "scores", Plan.choose(), None, Keys("", {}, {}))
    scores = [Score(*(str(row[key]) for key in ("split", "ablation", "metric", "task")), row["value"]) for row in rows]
    scored = Scored(scores, {}, [], [])
    _write_scores(step, {}, scored)
    known = {key: rows[0][key] for key in ("run", "network", "kind", "inputs", "seed")}
    written = []
    for null, drawn in drawn_of(scores, draws).items():
        _write_drawn(replace(step, name=null), drawn, [])
        written += [known | asdict(one.score) | {"null": null, "tail": one.tail} | asdict(one.chance) for one in drawn]
    return written


def build_results(
    folder: Path,
    *,
    kinds: Sequence[str] = ("regular", "spatial"),
    inputs: Sequence[str] = ("sequential", "concatenate"),
    seeds: Sequence[int] = (0, 1),
    methods: Sequence[str] = METHODS,
    ablations: Sequence[str] = ABLATIONS,
    more: bool = False,
    draws: int = 0,
    moments: int = 0,
    **network: object,
) -> Path:
    """Write ``run/networks`` and ``results`` under a folder and return the RESULTS folder.

    Null models have that many draws, and networks that many earlier moments; none if 0. More: see `scores_of`.
    """
    rows: list[dict[str, object]] = []
    splits: dict[str, Mapping[str, Split]] = {}
    agreements, nulls = list[dict[str, object]](), list[dict[str, object]]()
    results = folder / "results"
    for mode in inputs:
        for kind in kinds:
            for seed in seeds:
                name = f"{mode}-{kind}-{seed}"
                made = clustered_network(name, kind, mode, seed, **network)  # type: ignore[arg-type]
                if moments:
                    made = replace(made, metadata={**made.metadata, "epochs": len(made.history["loss"])})
                path = folder / "run" / "networks" / f"{name}.h5"
                write_network(path, made, moments_of(made, moments))
                splits[name] = {method: labelled_split(made, method, seed) for method in methods}
                own = scores_of(made, methods, ablations, more)
                rows += own
                if draws:
                    nulls += write_parts(results / "parts" / name, own, draws)
                known = {"run": "run", "network": name, "kind": kind, "inputs": mode, "seed": seed}
                for one, other in combinations(methods, 2):
                    for measure, value in agreement(splits[name][one], splits[name][other]).items():
                        agreements.append(known | {"split": one, "other": other, "measure": measure, "value": value})
    results.mkdir(parents=True, exist_ok=True)
    columns = ["run", "network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
    pd.DataFrame(rows)[columns].to_csv(results / "scores.csv", index=False)
    if agreements:
        pd.DataFrame(agreements).to_csv(results / "agreement.csv", index=False)
    if nulls:
        pd.DataFrame(nulls).to_csv(results / "nulls.csv", index=False)
    write_splits(results / "splits.h5", splits)
    (results / "analysis.json").write_text(json.dumps({"run": "../run", "version": 1}))
    return results
