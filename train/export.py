"""From stacked parameters on the device to network files."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import spatialgraph
from spatialgraph.files import digest, is_written
from spatialgraph.graph import Connection, Graph
from spatialgraph.network import Layer, Network
from spatialgraph.store import write_network

from .data import Dataset
from .grid import Member
from .inputs import input_mode
from .loop import Trained
from .model import initial_parameters
from .moments import Moments
from .settings import settings_of

_ACCURACIES = ("accuracy", "validation_accuracy")  # whose last values are metadata of a network


class DivergedError(RuntimeError):
    """Training drove weights of networks out of the range of numbers.

    Args:
        names: the networks.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"expected finite weights, found others in {', '.join(names)}: not written, but all others are; a smaller "
            "learning_rate or smaller costs may help"
        )


def task_facts(inputs: str, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return the metadata of networks that say what their inputs and outputs stand for.

    Args:
        inputs: the name of an input mode.
        datasets: one for each task, in the order of the outputs.

    Returns:
        ``tasks``; ``classes`` if the names of all are known; ``images`` if an input is a row of images.
    """
    names, images = [list(dataset.names) for dataset in datasets], input_mode(inputs, datasets).images
    known: dict[str, Any] = {"tasks": [dataset.name for dataset in datasets]}
    known |= {"classes": names} if all(names) else {}
    return known | ({"images": [list(shape) for shape in images]} if images else {})


def write_networks(
    trained: Trained,
    names: Sequence[str],
    known: Mapping[str, Any],
    evaluation: Path,
    folder: Path,
    moments: Moments,
) -> list[str]:
    """Write networks of a batch that are not in the folder yet, each to ``folder/<name>.h5``.

    Each file includes snapshots: the whole untrained network at epoch 0, and at every kept moment the parameters that
    splits are made and measured on.

    Args:
        trained: the batch.
        names: which of its networks.
        known: what `task_facts` says of the tasks.
        evaluation: the file of the held-out examples on which the accuracies were measured.
        folder: where the files go.
        moments: the moments of the batch that were kept during training.

    Returns:
        The names of networks that are not written because some of their parameters are not finite.

    Raises:
        OSError: a file cannot be written.
    """
    metadata = {**known, "evaluation": {"file": evaluation.name, "sha256": digest(evaluation)}}
    diverged = []
    for index, member in enumerate(trained.batch.members):
        file = folder / f"{member.name}.h5"
        if member.name not in names or is_written(file):
            continue
        if not all(np.isfinite(array[index]).all() for array in trained.arrays.values()):
            diverged.append(member.name)
            continue
        try:
            kept = moments.of(member)
        except FileNotFoundError:
            if is_written(file):  # another process trained the same batch, and removed its moments
                continue
            raise
        own = {name: array[index] for name, array in trained.arrays.items()}
        network = _network(trained, member, index, own, metadata)
        # The start is drawn again: the seed settles it, so that nothing had to be kept.
        start = initial_parameters(trained.experiment, trained.sizes, member.seed, member.positions)
        kept |= {0.0: start}
        write_network(file, network, {epoch: _as_it_was(trained, member, network, kept[epoch]) for epoch in kept})
    return diverged


def _network(
    trained: Trained, member: Member, index: int, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]
) -> Network:
    experiment = trained.experiment
    layers, connections = _parts(trained, member, arrays)
    history = trained.history_of(index)
    return Network(
        layers=layers,
        connections=connections,
        output_task=np.repeat(np.arange(len(trained.classes)), trained.classes),
        metadata=metadata
        | {
            "name": member.name,
            "kind": member.kind,
            "inputs": trained.batch.inputs,
            "seed": member.seed,
            **{name: history[name][-1].astype(float).tolist() for name in _ACCURACIES if name in history},
            "epochs": trained.epoch,
            "family": member.family,
            "settings": dict(member.settings),
            "symbols": dict(member.symbols),
            "positions": member.positions,
            "experiment": settings_of(experiment) | member.described(),
            "code_version": spatialgraph.__version__,
            "packages": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "device": trained.device,
        },
        history=history,
    )


def _as_it_was(trained: Trained, member: Member, network: Network, arrays: Mapping[str, np.ndarray]) -> Network | Graph:
    """Return a network with parameters of an earlier time; where some were not kept, its graph without them."""
    layers, connections = _parts(trained, member, arrays)
    if len(connections) == len(network.connections):
        return dataclasses.replace(network, layers=layers, connections=connections)
    given = [population.task for population in network.graph.populations]
    populations = tuple(layer.population(task) for layer, task in zip(layers, given, strict=True))
    return Graph(populations, connections, network.metadata)


def _parts(
    trained: Trained, member: Member, arrays: Mapping[str, np.ndarray]
) -> tuple[tuple[Layer, ...], tuple[Connection, ...]]:
    """Return the layers and the connections that parameters, named as `Stack.named` does, make."""
    experiment, sizes, depth = trained.experiment, trained.sizes, len(trained.sizes) - 1
    layers = [Layer("input", sizes[0], position=_position(arrays, member, 0))]
    for k in range(1, depth + 1):
        layers.append(
            Layer(
                name="output" if k == depth else f"hidden{k}",
                size=sizes[k],
                activation="" if k == depth else experiment.activation,
                bias=arrays[f"bias/{k}"][0] if f"bias/{k}" in arrays else None,
                position=_position(arrays, member, k),
                split=k in experiment.penalised,
            )
        )
    weights = {k: arrays[f"weight/{k}"] for k in range(1, depth + 1) if f"weight/{k}" in arrays}
    return tuple(layers), tuple(Connection(k - 1, k, weight.T) for k, weight in weights.items())


def _position(arrays: Mapping[str, np.ndarray], member: Member, layer: int) -> np.ndarray | None:
    """Return a layer's positions; a network that pays no cost that is of positions has none: they play no part."""
    return arrays.get(f"position/{layer}") if member.positions else None
