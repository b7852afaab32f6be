"""Small networks whose numbers say nothing, analysed: what must be said of each before anything else."""

import dataclasses
import io

import numpy as np
from builders import small_evaluation, two_module_network
from hand_worked import chain
from rich.console import Console

from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.scoring import Plan
from spatialgraph.files import digest
from spatialgraph.graph import Connection
from spatialgraph.network import Evaluation
from spatialgraph.store import write_evaluation, write_network

# Each row one input of either half: the class of the first task, and that of the second.
PLACES = [[0, 0], [0, 1], [9, 0], [9, 1]]


def not_learned():
    """Return a network that answers its second task with the other class, and one that does both tasks."""
    good = two_module_network(seed=1)
    last = good.connections[-1]
    swapped = Connection(last.source, last.target, last.weight[[0, 1, 3, 2]])
    return {
        "good": (good, small_evaluation()),
        "lost": (dataclasses.replace(good, connections=(*good.connections[:-1], swapped)), small_evaluation()),
    }


def one_task():
    """Return a network that does a single task of four classes."""
    network = chain(np.eye(4), np.eye(4), tasks=[0] * 4, activation="relu", positions=[PLACES, PLACES])
    return {"single": (network, Evaluation(np.eye(4, dtype=np.float32), np.arange(4)[:, None]))}


def one_output_each():
    """Return a network of ten tasks, each with one output and so with one answer."""
    places = np.column_stack([np.arange(10.0), np.zeros(10)])
    network = chain(np.eye(10), np.eye(10), tasks=range(10), activation="relu", positions=[places, places])
    evaluation = Evaluation(np.eye(10, dtype=np.float32), np.zeros((10, 10), int))
    return {"ten": (network, evaluation)}


def collapsed():
    """Return a network that does two tasks, of which all hidden neurons are most strongly connected to the first."""
    out = np.array([[4, 0, 1, 1], [0, 4, 1, 1], [0, 0, 0.5, 0], [0, 0, 0, 0.5]])
    network = chain(np.eye(4), out, tasks=[0, 0, 1, 1], activation="relu", positions=[PLACES, PLACES])
    return {"collapsed": (network, small_evaluation())}


def analysed(folder, networks, splits=("greedy", "positions", "random"), nulls=2):
    """Analyse networks, each an input mode of its own, with held-out examples or None; return the RESULTS folder."""
    run = folder / "run"
    for name, (network, evaluation) in networks.items():
        metadata = {"tasks": list(network.tasks), "name": name, "kind": "spatial", "inputs": name, "seed": 0}
        if evaluation is not None:
            path = run / f"evaluation-{name}.h5"
            write_evaluation(path, dataclasses.replace(evaluation, probes={}))
            metadata["evaluation"] = {"file": path.name, "sha256": digest(path)}
        write_network(run / "networks" / f"{name}.h5", dataclasses.replace(network, metadata=metadata, history={}))
    plan = Plan.choose(splits=splits, nulls=nulls, ablations=("zero",))
    analyze(run, folder / "results", plan=plan, console=Console(file=io.StringIO()))
    return folder / "results"
