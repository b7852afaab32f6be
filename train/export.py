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

from .loop import Training
from .model import initial_parameters
from .settings import Member


class DivergedError(RuntimeError):
    """Training drove weights of networks out of the range of numbers."""


def write_networks(training: Training, tasks: Sequence[str], evaluation: Path, folder: Path) -> None:
    """Write every network of a batch that is not in the folder yet, each to ``folder/<name>.h5``.

    With it goes a snapshot of epoch 0, the network before training: what is there without any learning.

    Args:
        training: the batch.
        tasks: the names of the tasks, in the order of the outputs.
        evaluation: the file of the held-out examples on which the accuracies were measured.
        folder: where the files go.

    Raises:
        DivergedError: networks whose numbers are not finite; all others are written.
        OSError: a file cannot be written.
    """
    metadata = {"tasks": list(tasks), "evaluation": {"file": evaluation.name, "sha256": digest(evaluation)}}
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in training.stack.named()}
    sizes = [training.stack.weights[0].shape[1], *(weight.shape[2] for weight in training.stack.weights)]
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
        write_network(file, network, {0: _untrained(training, member, network, sizes)})
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


def _untrained(training: Training, member: Member, network: Network, sizes: Sequence[int]) -> Network:
    """Return a network as it was before training: its seed settles it, so that nothing had to be kept."""
    arrays = initial_parameters(training.experiment, sizes, member.seed)
    layers, connections = _parts(training, member, arrays)
    return dataclasses.replace(network, layers=layers, connections=connections)


def _parts(
    training: Training, member: Member, arrays: Mapping[str, np.ndarray]
) -> tuple[tuple[Layer, ...], tuple[Connection, ...]]:
    """Return the layers and the connections that parameters, named as `Stack.named` does, make."""
    experiment, depth = training.experiment, len(training.stack.weights)
    layers = [Layer("input", arrays["weight/1"].shape[0], position=_position(arrays, member, 0))]
    connections = []
    for k in range(1, depth + 1):
        weight = arrays[f"weight/{k}"]
        layers.append(
            Layer(
                name="output" if k == depth else f"hidden{k}",
                size=weight.shape[1],
                activation="" if k == depth else experiment.activation,
                bias=arrays[f"bias/{k}"][0],
                position=_position(arrays, member, k),
                split=k in experiment.penalised,
            )
        )
        connections.append(Connection(k - 1, k, weight.T))
    return tuple(layers), tuple(connections)


def _position(arrays: Mapping[str, np.ndarray], member: Member, layer: int) -> np.ndarray | None:
    """Return a layer's positions; a network that pays no cost has none: they were never learned."""
    return arrays.get(f"position/{layer}") if member.penalised else None


def settings_of(experiment: Any) -> dict[str, Any]:
    """Return the settings of an experiment as JSON can hold them."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in attrs.asdict(experiment, recurse=False).items()}
