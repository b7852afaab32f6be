"""All that a batch of networks pays besides its tasks: the costs of every network, their gradients and their sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spatialgraph.torch.costs import COSTS, Layer, Paying, Population, Shape, Start

from .grid import Member, stretches
from .model import Stack, initial_parameters
from .pair_costs import PAIR_COSTS, PairCosts
from .settings import Experiment

_STREAM = 7  # of random numbers, for what costs have of their own


_Kept = dict[str, tuple[Tensor, Tensor]]  # cost to rows of a slice, and their places in `Paid.values`


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Adjacent networks that pay a cost.

    Attributes:
        cost: its name.
        networks: which of the batch.
        slots: their numbers among all networks that pay it.
        strength: what the cost is multiplied by, ``(networks,)``.
        constants: of the cost's own, ``(networks, …)`` each.
        parameters: the same, learned; each has a buffer as its ``grad``.
        rate: the learning rate of these networks.
    """

    cost: str
    networks: slice
    slots: Tensor
    strength: Tensor
    constants: Mapping[str, Tensor]
    parameters: Mapping[str, Tensor]
    rate: float


class Paid:
    """Computes what every network of a batch pays, and the gradients.

    Costs of `PAIR_COSTS` have theirs written out; those of all others follow from their functions, by automatic
    differentiation.

    Args:
        experiment: the settings.
        members: the networks.
        classes: the number of outputs of each task.
        stack: their parameters; they may change from call to call, in place.
        gradient: the buffers of the gradient, in which that of the task losses is when costs are computed.

    Attributes:
        values: cost to what each network that pays it paid at last, in the order of the batch, before multiplication by
            its strength; replaced in place.
    """

    def __init__(
        self, experiment: Experiment, members: Sequence[Member], classes: Sequence[int], stack: Stack, gradient: Stack
    ) -> None:
        self._experiment, self._stack, self._gradient = experiment, stack, gradient
        like = stack.position
        self._tasks = np.repeat(np.arange(len(classes)), classes)
        self._task = torch.tensor(self._tasks, device=like.device)
        self._payers = payers(members)
        self.values = {name: like.new_zeros(len(own)) for name, own in self._payers.items()}
        self._pairs = list(self._written_out(members))
        others = [part for name in COSTS if name not in PAIR_COSTS for part in self._stretches(name, members)]
        self._by_activations = [part for part in others if "activations" in COSTS.facts(part.cost).needs]
        self._by_parameters = [part for part in others if "activations" not in COSTS.facts(part.cost).needs]
        # Pair costs overwrite the gradient by positions, so that those of activations, computed before, wait here.
        self._moved = torch.zeros_like(gradient.position) if self._by_activations else gradient.position[:0]
        # Nothing but costs depends on positions: where no pair cost overwrites their gradient, it is made anew.
        free = stretches(members, lambda m: bool(m.positions) and not {*PAIR_COSTS} & {*m.costs})
        self._cleared = [gradient.position[networks] for networks in free]
        self._fixed = [
            gradient.position[networks] for networks in stretches(members, lambda m: m.positions not in ("", "learned"))
        ]

    @property
    def learned(self) -> Iterator[tuple[str, Tensor, float]]:
        """Yield the parameters of costs' own with names, always in the same order, and the learning rate of each."""
        for part in (*self._by_activations, *self._by_parameters):
            for name, tensor in part.parameters.items():
                yield f"own/{part.cost}/{part.networks.start}/{name}", tensor, part.rate

    def by_activations(self, hidden: Sequence[Tensor], paid: Tensor) -> list[tuple[int, slice, Tensor]]:
        """Compute the costs that are of activations, and add their gradients by weights and positions.

        Args:
            hidden: what each hidden layer emits, ``(networks, examples, units)``.
            paid: what each network pays, is added to it.

        Returns:
            the gradients by what hidden layers emit: the place of the layer in `hidden`, of which networks, and the
            gradient.
        """
        found = []
        if self._by_activations:
            self._moved.zero_()
        for part in self._by_activations:
            leaves = {k + 1: values[part.networks].detach().requires_grad_() for k, values in enumerate(hidden)}
            gradients = self._pay(part, paid, self._moved, leaves)
            found += [(k - 1, part.networks, gradient) for k, gradient in gradients.items()]
        return found

    def by_parameters(self, paid: Tensor) -> None:
        """Compute the costs that are of weights and positions alone, and add their gradients.

        Args:
            paid: what each network pays, is added to it.
        """
        for gradient in self._cleared:
            gradient.zero_()
        for networks, pair, strengths, kept in self._pairs:
            costs = pair()
            for name, strength in zip(PAIR_COSTS, strengths, strict=True):
                paid[networks].addcmul_(strength, getattr(costs, name))
                if name in kept:
                    rows, slots = kept[name]
                    self.values[name].index_copy_(0, slots, getattr(costs, name).index_select(0, rows))
        if self._by_activations:
            self._gradient.position.add_(self._moved)
        for part in self._by_parameters:
            self._pay(part, paid, self._gradient.position, {})
        for gradient in self._fixed:
            gradient.zero_()

    def _pay(self, part: _Stretch, paid: Tensor, moved: Tensor, activations: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Compute a cost of a stretch, and add its gradients, that by positions to `moved`.

        Returns:
            the gradients by activations, by layer.
        """
        stack, gradient = self._stack, self._gradient
        weights = {k: stack.weights[k - 1][part.networks].detach().requires_grad_() for k in self._experiment.penalised}
        position = stack.position[part.networks].detach().requires_grad_()
        own = {name: tensor.detach().requires_grad_() for name, tensor in part.parameters.items()}
        leaves = [*weights.values(), position, *own.values(), *activations.values()]
        with torch.enable_grad():
            values = COSTS[part.cost](self._paying(part, weights, position, own, activations))
            total = (values * part.strength).sum()
        # A cost may be a constant where nothing that is learned can lower it.
        found = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
        sinks = [*(gradient.weights[k - 1][part.networks] for k in weights), moved[part.networks]]
        for sink, one in zip(sinks, found, strict=False):
            if one is not None:
                sink.add_(one)
        rest = found[len(sinks) :]
        for tensor, one in zip(part.parameters.values(), rest, strict=False):
            if one is not None and tensor.grad is not None:
                tensor.grad.copy_(one)
        paid[part.networks].addcmul_(part.strength, values.detach())
        self.values[part.cost].index_copy_(0, part.slots, values.detach())
        by_activation = zip(activations, rest[len(own) :], strict=True)
        return {k: one for k, one in by_activation if one is not None}

    def _paying(
        self,
        part: _Stretch,
        weights: Mapping[int, Tensor],
        position: Tensor,
        own: Mapping[str, Tensor],
        activations: Mapping[int, Tensor],
    ) -> Paying:
        last, needs = len(self._stack.weights), COSTS.facts(part.cost).needs

        def population(k: int) -> Population:
            return Population(
                name=_name(k, last),
                size=self._stack.weights[k - 1].shape[2] if k else self._stack.weights[0].shape[1],
                position=position[:, self._stack.units[k]] if "positions" in needs else None,
                activation=activations.get(k),
                task=self._task if k == last else None,
            )

        ends = {k: population(k) for k in self._stack.units}
        layers = [Layer(weight, ends[k - 1], ends[k]) for k, weight in weights.items()]
        reading = self._experiment.transport_average, self._experiment.strength
        return Paying(layers, {**part.constants, **own}, *reading)

    def _written_out(self, members: Sequence[Member]) -> Iterator[tuple[slice, PairCosts, tuple[Tensor, ...], _Kept]]:
        """Yield the networks that pay any of `PAIR_COSTS`, what computes these, their strengths, and who pays which."""
        for networks in _adjacent(stretches(members, lambda m: bool({*PAIR_COSTS} & {*m.costs}))):
            some = members[networks]
            strengths = tuple(
                self._stack.position.new_tensor([m.settings.get(n, 0.0) for m in some]) for n in PAIR_COSTS
            )
            parts = self._stack.some(networks), self._gradient.some(networks)
            kept = {name: (self._rows(name, networks), self._slots(name, networks)) for name in PAIR_COSTS}
            kept = {name: (rows, slots) for name, (rows, slots) in kept.items() if len(rows)}
            yield networks, PairCosts(self._experiment, *parts, *strengths), strengths, kept

    def _rows(self, cost: str, networks: slice) -> Tensor:
        """Return which networks of a slice pay a cost, counted from its start."""
        own = [k - networks.start for k in self._payers.get(cost, ()) if networks.start <= k < networks.stop]
        return torch.tensor(own, dtype=torch.int64, device=self._stack.position.device)

    def _slots(self, cost: str, networks: slice) -> Tensor:
        """Return their numbers among all networks that pay it."""
        payers = self._payers.get(cost, ())
        own = [slot for slot, k in enumerate(payers) if networks.start <= k < networks.stop]
        return torch.tensor(own, dtype=torch.int64, device=self._stack.position.device)

    def _stretches(self, cost: str, members: Sequence[Member]) -> Iterator[_Stretch]:
        for networks in stretches(members, lambda m: cost in m.costs):
            some = members[networks]
            starts = [self._start(cost, member) for member in some]
            like = self._stack.position
            yield _Stretch(
                cost,
                networks,
                self._slots(cost, networks),
                like.new_tensor([member.settings[cost] for member in some]),
                _stacked([start.constants for start in starts], like),
                {name: _with_gradient(t) for name, t in _stacked([s.parameters for s in starts], like).items()},
                some[0].learning_rate,
            )

    def _start(self, cost: str, member: Member) -> Start:
        """Make what a cost has of its own for one network."""
        facts = COSTS.facts(cost)
        if facts.begin is None:
            return Start()
        sizes = [self._stack.weights[0].shape[1], *(weight.shape[2] for weight in self._stack.weights)]
        last = len(sizes) - 1
        positions = {}
        if "positions" in facts.needs:
            drawn = initial_parameters(self._experiment, sizes, member.seed, member.positions)
            positions = {_name(k, last): drawn[f"position/{k}"] for k in self._stack.units}
        shape = Shape(
            populations={_name(k, last): sizes[k] for k in self._stack.units},
            layers=[(_name(k - 1, last), _name(k, last)) for k in self._experiment.penalised],
            tasks=self._tasks,
            outputs=_name(last, last) if last in self._stack.units else "",
            positions=positions,
        )
        return facts.begin(shape, np.random.default_rng([member.seed, _STREAM, *cost.encode()]))


def payers(members: Sequence[Member]) -> dict[str, list[int]]:
    """Return for each cost that any network pays the numbers of those that pay it."""
    found: dict[str, list[int]] = {}
    for k, member in enumerate(members):
        for name in member.costs:
            found.setdefault(name, []).append(k)
    return found


def _adjacent(slices: Sequence[slice]) -> list[slice]:
    """Join slices that follow one another."""
    joined: list[slice] = []
    for one in slices:
        if joined and joined[-1].stop == one.start:
            joined[-1] = slice(joined[-1].start, one.stop)
        else:
            joined.append(one)
    return joined


def _name(layer: int, last: int) -> str:
    return "output" if layer == last else f"hidden{layer}" if layer else "input"


def _stacked(arrays: Sequence[Mapping[str, np.ndarray]], like: Tensor) -> dict[str, Tensor]:
    """Return the arrays of all networks, ``(networks, …)`` each; floating-point ones of the type of a tensor."""
    stacked = {name: torch.from_numpy(np.stack([own[name] for own in arrays])).to(like.device) for name in arrays[0]}
    return {name: tensor.to(like.dtype) if tensor.is_floating_point() else tensor for name, tensor in stacked.items()}


def _with_gradient(tensor: Tensor) -> Tensor:
    parameter = tensor.requires_grad_()
    parameter.grad = torch.zeros_like(tensor)
    return parameter
