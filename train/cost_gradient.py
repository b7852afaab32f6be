"""The costs of a batch of networks and their gradients, layer by layer, in memory that is reserved once.

There are two ways to the same numbers: PyTorch's operations, on any device, and a kernel compiled for the processor,
which takes a third of the time and is used on a CPU where there is a compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .compiled import kernel
from .costs import PairMemory, Points, connections_or_units, density_forces, pull, transport_forces
from .grid import Member
from .model import Stack
from .settings import Experiment

# On a CPU, PyTorch's operations take so many pairs of neurons at a time, or those of one network: what fits the cache.
_PAIRS_IN_CACHE = 2**18


@dataclass(frozen=True)
class Costs:
    """The costs of the networks that pay, the means over the penalised layers, without their factors α and β.

    Attributes:
        transport: ``(networks,)``, in units of length.
        density: ``(networks,)``.
    """

    transport: Tensor
    density: Tensor


class _Pulls(Protocol):
    """Computes what the neurons of a batch pull at, by the costs of all penalised layers."""

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Add the gradient of α · transport by the weights.

        Returns:
            The gradients by positions of the transport and of the density cost, ``(networks, units, dim)``, without α
            and β; and the density cost, ``(networks,)``.
        """


class CostGradient:
    """Adds the gradient of α · transport + β · density, the means over the penalised layers.

    Args:
        experiment: which layers pay, and how the transport cost is read.
        members: the networks; those that pay come first.
        stack: the parameters; they may change from call to call, in place.
        gradient: what is added to; by positions, which nothing else moves, the gradient takes the place of what was
            there.
        compiled: whether the kernel is used if it can be.

    Attributes:
        transport: α of each network that pays.
        density: β of each.
    """

    def __init__(
        self,
        experiment: Experiment,
        members: Sequence[Member],
        stack: Stack,
        gradient: Stack,
        *,
        compiled: bool = True,
    ) -> None:
        paying = [member for member in members if member.penalised]
        self.transport = stack.position.new_tensor([member.transport for member in paying])
        self.density = stack.position.new_tensor([member.density for member in paying])
        layers = _penalised(experiment, stack.first(len(paying)), gradient.first(len(paying)))
        self._position = stack.position[: len(paying)]
        self._gradient = gradient.position[: len(paying)]
        self._pulls: _Pulls
        if compiled and stack.position.device.type == "cpu" and stack.position.dtype == torch.float32 and kernel():
            self._pulls = _Compiled(layers, self._position, self.transport, experiment.strength)
        else:
            self._pulls = _Operations(layers, self._position, self.transport, experiment.strength)

    def __call__(self) -> Costs:
        """Add the gradient and return the costs."""
        if not len(self.transport):
            return Costs(self.transport, self.density)
        by_transport, by_density, density = self._pulls()
        torch.mul(by_transport, self.transport[:, None, None], out=self._gradient)
        self._gradient.addcmul_(by_density, self.density[:, None, None])
        # A cost that grows as all distances do is the sum of positions times its gradient (Euler's theorem).
        centred = self._position - self._position.mean(dim=1, keepdim=True)
        return Costs((centred * by_transport).sum(dim=(1, 2)), density)


@dataclass(frozen=True)
class _Layer:
    """A penalised layer.

    Attributes:
        weight: from its source, ``(networks, source units, units)``, and `gradient` by it.
        source: the stretch of positions that is of the source's neurons.
        target: that of its own.
        transport_share: what the sum over connections is multiplied by for the mean over connections and layers.
        density_share: what the sum over pairs is multiplied by for the mean over pairs and layers.
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
    """By PyTorch's operations."""

    def __init__(self, layers: Sequence[_Layer], position: Tensor, transport: Tensor, strength: str) -> None:
        self._layers, self._position, self._transport, self._strength = layers, position, transport, strength
        networks = len(position)
        largest = max(layer.weight.shape[2] * max(layer.weight.shape[1:]) for layer in layers)
        pairs = largest * networks
        if position.device.type == "cpu":
            pairs = min(pairs, max(largest, _PAIRS_IN_CACHE))
        self._memory = PairMemory(pairs, position)

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        points = Points.of(self._position)
        # What pulls, in homogeneous coordinates, summed over layers.
        transport, density = torch.zeros_like(points.homogeneous), torch.zeros_like(points.homogeneous)
        closeness = torch.zeros_like(self._transport)
        for layer in self._layers:
            sources, targets = layer.weight.shape[1:]
            for some in self._parts(sources * targets):
                ends = points.layer(some, layer.source), points.layer(some, layer.target)
                slope, distance, *forces = transport_forces(layer.weight[some], *ends, self._strength, self._memory)
                transport[some, layer.source].add_(forces[0], alpha=layer.transport_share)
                transport[some, layer.target].add_(forces[1], alpha=layer.transport_share)
                distance.mul_(self._transport[some, None, None])
                layer.gradient[some].addcmul_(slope, distance, value=layer.transport_share)
            for some in self._parts(targets**2):
                total, force = density_forces(points.layer(some, layer.target), self._memory)
                density[some, layer.target].add_(force, alpha=layer.density_share)
                closeness[some].add_(total, alpha=layer.density_share)
        return pull(self._position, transport), pull(self._position, density), closeness

    def _parts(self, pairs: int) -> Iterator[slice]:
        """Divide the networks into those whose pairs there is memory for."""
        size, networks = self._memory.networks(pairs), len(self._position)
        for start in range(0, networks, size):
            yield slice(start, min(start + size, networks))


class _Compiled:
    """By the kernel, one call for each layer and cost."""

    def __init__(self, layers: Sequence[_Layer], position: Tensor, transport: Tensor, strength: str) -> None:
        library = kernel()
        if library is None:
            raise RuntimeError("there is no compiled kernel")
        self._position, self._kept = position, (layers, transport)  # what the calls below point into
        self._plane = position.mT.contiguous()
        self._by_transport, self._by_density = torch.zeros_like(self._plane), torch.zeros_like(self._plane)
        self._closeness = torch.zeros_like(transport)
        self._calls: list[tuple[Callable[..., int], tuple[float, ...]]] = []
        networks, dim, units = self._plane.shape
        threads = torch.get_num_threads()

        def at(plane: Tensor, place: slice) -> int:
            return int(plane.data_ptr()) + int(place.start) * plane.element_size()

        for layer in layers:
            sources, targets = layer.weight.shape[1:]
            ends = [
                at(plane, end) for plane in (self._plane, self._by_transport) for end in (layer.source, layer.target)
            ]
            shape = (networks, sources, targets, dim, dim * units, units, strength == "squared", threads)
            tensors = (tensor.data_ptr() for tensor in (transport, layer.weight, layer.gradient))
            self._calls.append((library.transport, (*shape, layer.transport_share, *tensors, *ends)))
            own = at(self._plane, layer.target), at(self._by_density, layer.target), self._closeness.data_ptr()
            shape_of_pairs = (networks, targets, dim, dim * units, units, threads)
            self._calls.append((library.density, (*shape_of_pairs, layer.density_share, *own)))

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        self._plane.copy_(self._position.mT)
        for sums in (self._by_transport, self._by_density, self._closeness):
            sums.zero_()
        for function, arguments in self._calls:
            if function(*arguments):
                raise MemoryError("the costs: no memory for a row of every layer")
        return self._by_transport.mT, self._by_density.mT, self._closeness.clone()
