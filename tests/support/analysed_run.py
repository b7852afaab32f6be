"""A small run that was analysed with null models: what the report, and whatever reads a whole RESULTS folder, needs."""

import dataclasses
import io

import numpy as np
from builders import small_evaluation, two_module_network
from hand_worked import labelled
from rich.console import Console

from spatialgraph.analyses import analysis
from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.scoring import Plan
from spatialgraph.files import digest
from spatialgraph.network import Network
from spatialgraph.store import write_evaluation, write_network

UNITS = 8
EPOCHS = 4
MOMENTS = (0, 0.25, 0.5, 1, 2)
SPLITS = ("greedy", "greedy-shared", "louvain", "task-variance", "positions", "random")


def at_moment(network: Network, epoch: float, seed: int) -> Network:
    """Return a network as it might have been at a moment of its training: noise that becomes less."""
    draw = np.random.default_rng([seed, round(1000 * epoch)])
    share = epoch / EPOCHS
    layers = [
        layer if layer.position is None else dataclasses.replace(
            layer, position=share * layer.position + (1 - share) * draw.normal(size=layer.position.shape)
        )
        for layer in network.layers
    ]  # fmt: skip
    connections = [
        dataclasses.replace(c, weight=share * c.weight + (1 - share) * draw.normal(size=c.weight.shape))
        for c in network.connections
    ]
    return dataclasses.replace(network, layers=tuple(layers), connections=tuple(connections))


def write_analysed_run(folder, tasks=("left", "right"), splits=SPLITS, nulls=6, inputs=("concatenate", "mix")):
    """Write networks of two kinds, two of each in the first input mode, one in the others, and analyse them.

    Returns:
        the RESULTS folder.
    """
    run = folder / "small"
    for mode in inputs:
        evaluation = run / f"evaluation-{mode}.h5"
        made = small_evaluation(UNITS)
        probes = dict(zip(tasks, made.probes.values(), strict=True))
        write_evaluation(evaluation, dataclasses.replace(made, probes=probes))
        named = {"file": evaluation.name, "sha256": digest(evaluation)}
        for kind, cross in (("spatial", 0.1), ("regular", 0.6)):
            for seed in (0, 1) if mode == inputs[0] else (0,):
                network = two_module_network(UNITS, cross=cross, positions=kind == "spatial", seed=seed)
                name = f"{mode}-{kind}-{seed}"
                known = {"kind": kind, "inputs": mode, "seed": seed, "name": name, "epochs": EPOCHS}
                metadata = network.metadata | known | {"tasks": list(tasks), "evaluation": named}
                metadata.pop("accuracy")
                history = {"accuracy": np.linspace([0.25, 0.5], [0.75, 1.0], EPOCHS)}
                network = dataclasses.replace(network, metadata=metadata, history=history)
                moments = {epoch: at_moment(network, epoch, seed) for epoch in MOMENTS}
                write_network(run / "networks" / f"{name}.h5", network, moments)
    plan = Plan.choose(splits=splits, nulls=nulls)
    analyze(run, run / "results", plan=plan, console=Console(file=io.StringIO()))
    return run / "results"


def write_odd_run(folder, networks, nulls=2, evaluate=labelled, **choices):
    """Write networks by name, each an input mode of its own, with held-out examples if it can be run, and analyse them.

    Args:
        folder: where the run goes.
        networks: by name.
        nulls: draws of each null model.
        evaluate: makes the held-out examples of a network.
        choices: more of the plan.

    Returns:
        the RESULTS folder.
    """
    run = folder / "odd"
    for name, network in networks.items():
        metadata = network.metadata | {"name": name, "kind": "spatial", "inputs": name}
        if isinstance(network, Network):
            evaluation = run / f"evaluation-{name}.h5"
            write_evaluation(evaluation, evaluate(network))
            metadata["evaluation"] = {"file": evaluation.name, "sha256": digest(evaluation)}
        write_network(run / "networks" / f"{name}.h5", dataclasses.replace(network, metadata=metadata))
    chosen = {"splits": ("greedy", "greedy-shared", "random")} | choices
    plan = Plan.choose(nulls=nulls, **chosen)
    analyze(run, run / "results", plan=plan, console=Console(file=io.StringIO()))
    return run / "results"


def without_summary(results):
    """Write empty tables in place of those that only sum others up, which takes half of the time."""
    for name in analysis._TABLES:
        (results / name).touch()
