"""From stacked parameters on the device to network files."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

import spatialgraph
from spatialgraph.files import digest
from spatialgraph.network import Connection, Layer, Network
from spatialgraph.store import write_network

from .grid import Member
from .loop import Training
from .model import initial_parameters
from .moments import Moments
from .settings import settings_of


class DivergedError(RuntimeError):
    """Training drove weights of networks out of the range of numbers."""


def write_networks(training: Training, tasks: Sequence[str], evaluation: Path, folder: Path, moments: Moments) -> None:
    """Write every network of a batch that is not in the folder yet, each to ``folder/<name>.h5``.

    With it go snapshots: of epoch 0, the whole network before training, what is there without any learning; and of the
    moments that were kept, what splits are made and measured on.

    Args:
        training: the batch.
        tasks: the names of the tasks, in the order of the outputs.
        evaluation: the file of the held-out examples on which the accuracies were measured.
        folder: where the files go.
        moments: what was kept of the batch during training.

    Raises:
        DivergedError: networks whose numbers are not finite; all others are written.
        OSError: a file cannot be written.
    """
    metadata = {"tasks": list(tasks), "evaluation": {"file": evaluation.name, "sha256": digest(evaluation)}}
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in training.stack.named()}
    diverged = []
    for index, member in enumerate(training.batch.members):
        file = folder / f"{member.name}.h5"
        if file.exists():
            continue
        if not all(np.isfinite(array[index]).all() for array in arrays.values()):
            diverged.append(member.name)
            continue
        own = {name: array[index] for name, array in arrays.items()}
        network = _network(training, member, index, own, metadata)
        # The start is drawn again: the seed settles it, so that nothing had to be kept.
        kept = {**moments.of(member), 0.0: initial_parameters(training.experiment, training.sizes, member.seed)}
        write_network(file, network, {epoch: _as_it_was(training, member, network, kept[epoch]) for epoch in kept})
    if diverged:
        raise DivergedError(
            f"expected finite weights, found others in {', '.join(diverged)}: not written, but all others of the batch "
            "are; a smaller learning_rate or smaller costs may help"
        )


def _network(
    training: Training, member: Member, index: int, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]
) -> Network:
    experiment = training.experiment
    layers, connections = _parts(training, member, arrays)
    history = training.member_history(index)
    return Network(
        layers=layers,
        connections=connections,
        output_task=np.repeat(np.arange(len(training.classes)), training.classes),
        metadata=metadata
        | {
            "name": member.name,
            "kind": member.kind,
            "inputs": training.batch.inputs,
            "seed": member.seed,
            "accuracy": history["accuracy"][-1].astype(float).tolist(),
            "epochs": training.epoch,
            "experiment": settings_of(experiment) | attrs.asdict(member),
            "code_version": spatialgraph.__version__,
            "packages": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "device": str(training.stack.weights[0].device),
        },
        history=history,
    )


def _as_it_was(training: Training, member: Member, network: Network, arrays: Mapping[str, np.ndarray]) -> Network:
    """Return a network with parameters of an earlier time; where some were not kept, it cannot be run."""
    layers, connections = _parts(training, member, arrays)
    whole = len(connections) == len(network.connections)
    return dataclasses.replace(network, layers=layers, connections=connections, executable=whole)


def _parts(
    training: Training, member: Member, arrays: Mapping[str, np.ndarray]
) -> tuple[tuple[Layer, ...], tuple[Connection, ...]]:
    """Return the layers and the connections that parameters, named as `Stack.named` does, make."""
    experiment, sizes, depth = training.experiment, training.sizes, len(training.stack.weights)
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
    """Return a layer's positions; a network that pays no cost has none: they were never learned."""
    return arrays.get(f"position/{layer}") if member.penalised else None
