"""The transport and density costs of networks, with written-out gradients, layer by layer, in memory reserved once.

The same numbers are computed in three ways: by PyTorch's operations, on any device, by a kernel compiled for the
processor (`costs.c`), or by kernels for a GPU (`gpu`). The kernels take less than half the time, and are used where
there is a compiler: on a GPU, Triton's, which calls the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatialgraph.torch.costs.pairs import (
    PairMemory,
    Points,
    connections_or_units,
    density_forces,
    pull,
    transport_forces,
)

from .compiled import CompiledBatch, CompiledLayer, gpu_kernels, kernel

if TYPE_CHECKING:  # a grid puts the networks that pay these costs first, and so knows this module
    from .model import Stack
    from .settings import Experiment

PAIR_COSTS = ("transport", "density")
"""The costs that are computed here, each written out together with the other."""

# On a CPU, PyTorch's operations take so many pairs of neurons at a time, which fit the cache, or those of one network.
_PAIRS_IN_CACHE = 2**18


@dataclass(frozen=True)
class Costs:
    """Both costs: means over the penalised layers, before multiplication by α and β.

    Attributes:
        transport: ``(networks,)``, in units of length.
        density: ``(networks,)``.
    """

    transport: Tensor
    density: Tensor


class PairCosts:
    """Adds the gradient of α · transport + β · density, each cost the mean over the penalised layers.

    Args:
        experiment: which layers pay, and how the transport cost is defined.
        stack: the parameters of the networks that pay; they may be changed in place between calls.
        gradient: the buffers of the gradient. The gradient with respect to the weights is added to its buffers; that
            with respect to the positions overwrites its buffer.
        transport: α of each network.
        density: β of each.
        compiled: whether to use the kernel where it is available.
    """

    def __init__(
        self,
        experiment: Experiment,
        stack: Stack,
        gradient: Stack,
        transport: Tensor,
        density: Tensor,
        *,
        compiled: bool = True,
    ) -> None:
        self._way: _Operations | _Compiled | _OnGPU
        given = experiment, stack, gradient, transport, density
        on_processor = stack.position.device.type == "cpu" and stack.position.dtype == torch.float32
        if compiled and on_processor and kernel():
            self._way = _Compiled(*given)
        elif compiled and (kernels := gpu_kernels(stack.position)):
            self._way = _OnGPU(*given, kernels)
        else:
            self._way = _Operations(*given)

    def __call__(self) -> Costs:
        """Add the gradient and return the costs."""
        return self._way()


@dataclass(frozen=True)
class _Layer:
    """A penalised layer.

    Attributes:
        weight: the weights that enter it, ``(networks, source units, units)``.
        gradient: the gradient with respect to `weight`, of the same shape.
        source: the slice of the positions that belongs to the source's neurons.
        target: the slice that belongs to the layer's own neurons.
        transport_share: the factor that turns the sum over connections into its part of the mean over connections and
            layers.
        density_share: the factor that turns the sum over pairs into its part of the mean over pairs and layers.
    """

    weight: Tensor
    gradient: Tensor
    source: slice
    target: slice
    transport_share: float
    density_share: float


def _penalised(experiment: Experiment, stack: Stack, gradient: Stack) -> list[_Layer]:
    layers, count = [], len(experiment.penalised)
    for k in experiment.penalised:
        weight = stack.weights[k - 1]
        sources, targets = weight.shape[1:]
        transport_share = 1 / (count * connections_or_units(sources, targets, experiment.transport_average))
        ends = stack.units[k - 1], stack.units[k]
        layers.append(_Layer(weight, gradient.weights[k - 1], *ends, transport_share, 1 / (count * targets**2)))
    return layers


class _Operations:
    """Computes the costs by PyTorch's operations."""

    def __init__(
        self, experiment: Experiment, stack: Stack, gradient: Stack, transport: Tensor, density: Tensor
    ) -> None:
        self._layers, self._strength = _penalised(experiment, stack, gradient), experiment.strength
        self._position, self._gradient = stack.position, gradient.position
        self._transport, self._density = transport, density
        largest = max(layer.weight.shape[2] * max(layer.weight.shape[1:]) for layer in self._layers)
        pairs = largest * stack.networks
        if stack.position.device.type == "cpu":
            pairs = min(pairs, max(largest, _PAIRS_IN_CACHE))
        self._memory = PairMemory(pairs, stack.position)

    def __call__(self) -> Costs:
        forces, density = self._forces()
        by_transport, by_density = (pull(self._position, force) for force in forces)
        torch.mul(by_transport, self._transport[:, None, None], out=self._gradient)
        self._gradient.addcmul_(by_density, self._density[:, None, None])
        # The transport cost scales with distances, so it is the sum of positions times its gradient (Euler's theorem).
        centred = self._position - self._position.mean(dim=1, keepdim=True)
        return Costs((centred * by_transport).sum(dim=(1, 2)), density)

    def _forces(self) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Add the gradient by the weights; return the forces of both costs, summed over layers, and the density."""
        points = Points.of(self._position)
        transport, density = torch.zeros_like(points.rows), torch.zeros_like(points.rows)
        closeness = torch.zeros_like(self._transport)
        for layer in self._layers:
            sources, targets = layer.weight.shape[1:]
            for some in self._parts(sources * targets):
                ends = points.layer(some, layer.source), points.layer(some, layer.target)
                slope, distance, *forces = transport_forces(layer.weight[some], *ends, self._strength, self._memory)
                transport[some, :, layer.source].add_(forces[0], alpha=layer.transport_share)
                transport[some, :, layer.target].add_(forces[1], alpha=layer.transport_share)
                distance.mul_(self._transport[some, None, None])
                layer.gradient[some].addcmul_(slope, distance, value=layer.transport_share)
            for some in self._parts(targets**2):
                total, force = density_forces(points.layer(some, layer.target), self._memory)
                density[some, :, layer.target].add_(force, alpha=layer.density_share)
                closeness[some].add_(total, alpha=layer.density_share)
        return (transport, density), closeness

    def _parts(self, pairs: int) -> Iterator[slice]:
        """Divide the networks into slices whose pairs fit the reserved memory."""
        size, networks = self._memory.networks(pairs), len(self._position)
        for start in range(0, networks, size):
            yield slice(start, min(start + size, networks))


class _Compiled:
    """Computes the costs by the kernel."""

    def __init__(
        self, experiment: Experiment, stack: Stack, gradient: Stack, transport: Tensor, density: Tensor
    ) -> None:
        library = kernel()
        if library is None:
            raise RuntimeError("there is no compiled kernel")
        self._costs = library.costs
        layers = _penalised(experiment, stack, gradient)
        networks, units, dim = stack.position.shape
        memory = torch.zeros(3, networks, dim, units)
        self._results = torch.zeros(2, networks)
        self._kept = stack, gradient, transport, density, memory  # keeps alive the tensors whose addresses follow
        made = [
            CompiledLayer(
                layer.weight.data_ptr(),
                layer.gradient.data_ptr(),
                *layer.weight.shape[1:],
                layer.source.start,
                layer.target.start,
                layer.transport_share,
                layer.density_share,
            )
            for layer in layers
        ]
        self._layers, self._count = (CompiledLayer * len(made))(*made), len(made)
        tensors = (transport, density, stack.position, gradient.position, *memory, *self._results)
        self._batch = CompiledBatch(
            networks,
            units,
            dim,
            experiment.strength == "squared",
            torch.get_num_threads(),
            *(tensor.data_ptr() for tensor in tensors),
        )

    def __call__(self) -> Costs:
        if self._costs(self._batch, self._layers, self._count):
            raise MemoryError("the costs: no memory for a row of every layer")
        return Costs(*self._results.clone())


class _OnGPU:
    """Computes the costs by the kernels for a GPU."""

    def __init__(
        self,
        experiment: Experiment,
        stack: Stack,
        gradient: Stack,
        transport: Tensor,
        density: Tensor,
        kernels: ModuleType,
    ) -> None:
        self._layers, self._squared = _penalised(experiment, stack, gradient), experiment.strength == "squared"
        self._position, self._gradient = stack.position, gradient.position
        self._transport, self._density, self._kernels = transport, density, kernels
        self._pulls = stack.position.new_zeros(2, *stack.position.shape)
        self._closeness = stack.position.new_zeros(stack.position.shape[:2])

    def __call__(self) -> Costs:
        by_transport, by_density = self._pulls
        by_transport.zero_()
        for layer in self._layers:
            self._kernels.add_transport(
                *(layer.weight, layer.gradient, self._transport, self._position, by_transport),
                (layer.source.start, layer.target.start),
                layer.transport_share,
                squared=self._squared,
            )
            units = layer.weight.shape[2]
            self._kernels.write_density(
                *(self._position, by_density, self._closeness, layer.target.start, units), layer.density_share
            )
        torch.mul(by_transport, self._transport[:, None, None], out=self._gradient)
        self._gradient.addcmul_(by_density, self._density[:, None, None])
        # The transport cost scales with distances, so it is the sum of positions times its gradient (Euler's theorem).
        centred = self._position - self._position.mean(dim=1, keepdim=True)
        return Costs((centred * by_transport).sum(dim=(1, 2)), self._closeness.sum(dim=1))
