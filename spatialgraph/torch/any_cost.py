"""Any cost of the registry for the layers of any module, as a term to add to the loss of any training loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..arrays import plain_value
from ..faults import Fault, shown
from .costs import COSTS, Layer, Paying, Population, Shape
from .layer_cost import LayerCost, check_choice, check_number, check_whole, key_of, precise, without_autocast
from .layers import block_strengths

# The stream of random numbers of what costs have of their own: the same as in training.
_OWN = 7


class Cost(LayerCost):
    r"""Make layers of a model pay a cost of the registry, ``COSTS``: ``Cost("l1", model)``.

    The layers, and what each reads, are found as by `SpatialCost`. The cost sees a matrix of strengths for each pair of
    a population that pays and one that it reads: weights with their sign where a connection is one weight, else the
    norms of blocks (a kernel, a head, the gates of a recurrent unit). A population that reads several, such as a
    recurrent one, which reads itself, has a matrix for each, and all matrices count alike.

    Parameters are the positions of units, if the cost needs positions, and what the cost has to learn of its own, such
    as the groups of ``"splitnet"``; what it drew once for ever are buffers. The model is not changed and is no part of
    this module; its weights are read at each call.

    Args:
        name: of the cost.
        model: any module, also compiled or wrapped for data parallelism.
        layers: the names of the layers that pay, or patterns; None for all that can.
        strength: what the cost is multiplied by, at least 0; None for the cost's default, and why it is that says
            ``COSTS.facts(name).reason``. It may be changed while training.
        tasks: which units of the outputs, the last population of the model that pays, belong to which task: name to a
            slice or to a list of their numbers, each unit in one task. Needed by costs that know blocks or groups.
        dim: coordinates of a position.
        average: ``"connections"`` or ``"units"``: what costs of connections are divided by.
        squared: whether the strength of a connection is the square of its weight, or norm, where a cost of connections
            has a choice.
        seed: of the initial positions, and of what else the cost draws.
        sources: layer that pays to what it reads, as `SpatialCost` has it.
        positions: population to initial positions ``(units, dim)`` in place of drawn ones.

    Raises:
        ValueError: there is no such cost or layer, an argument is not allowed, sizes do not fit, the cost needs tasks
            and was given none, or a convolution in groups is to pay.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
        >>> cost = Cost("splitnet", model, ["2"], tasks={"one": [0], "other": [1]})
        >>> cost
        Cost('splitnet', ω=1.0, 2 ← 0)
        >>> {name: tuple(own.shape) for name, own in cost.named_parameters()}
        {'own/logits/0': (8, 2)}
        >>> loss = model(torch.ones(1, 4)).square().sum() + cost()
        >>> loss.backward()
    """

    task: Tensor

    def __init__(
        self,
        name: str,
        model: nn.Module,
        layers: Sequence[str] | str | None = None,
        *,
        strength: float | None = None,
        tasks: Mapping[str, slice | Sequence[int]] | None = None,
        dim: int = 2,
        average: str = "connections",
        squared: bool = False,
        seed: int = 0,
        sources: Mapping[str, str | Sequence[str]] | None = None,
        positions: Mapping[str, Any] | None = None,
    ) -> None:
        facts = COSTS.facts(name)
        super().__init__(model, layers, sources)
        self._facts = facts
        check_number("strength", facts.default if strength is None else strength)
        check_choice("average", average, ("connections", "units"))
        check_whole("dim", dim, 1)
        check_whole("seed", seed, 0)
        self.name, self.average, self.squared = name, average, squared
        self.strength = facts.default if strength is None else float(strength)
        self._whole_matrices()
        if "positions" in facts.needs or positions:
            self._lay_out(dim, seed, positions)
        outputs = [population for population in self._wiring.sizes if population in self._wiring.incoming][-1]
        self._outputs = outputs if tasks is not None else ""
        task = _task_of(tasks, outputs, self._wiring.sizes[outputs]) if tasks is not None else np.empty(0, np.int64)
        self.register_buffer("task", torch.from_numpy(task).to(self._made_on), persistent=False)
        self._own: dict[str, str] = {}
        self._begin(task, seed)

    def forward(self, activations: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the cost times its strength, a scalar that is differentiable by all that it is computed from.

        Args:
            activations: population to what its units emit, ``(examples, units)``. Needed by costs of activations;
                populations of which none are given do not count.

        Raises:
            ValueError: the cost needs activations and was given none, or they do not fit.
        """
        given = self._checked(activations or {}) if "activations" in self._facts.needs else {}
        device, dtype = self._where(given)
        if not self.strength:  # a cost that is multiplied by 0 is not computed
            return torch.zeros((), device=device, dtype=dtype)
        with without_autocast(device):
            populations = {name: self._population(name, given, device, dtype) for name in self._wiring.sizes}
            own = {key: getattr(self, attribute)[None].to(device) for key, attribute in self._own.items()}
            own = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in own.items()}
            layers = list(self._layers(populations, device, dtype))
            paying = Paying(layers, own, self.average, "squared" if self.squared else "absolute")
            return self.strength * COSTS[self.name](paying)[0]

    def extra_repr(self) -> str:
        """Return the cost, its strength, and for each population that pays what it reads."""
        return ", ".join([repr(self.name), f"{self._facts.symbol}={self.strength}", *self._reads()])

    def _begin(self, task: np.ndarray[Any, np.dtype[np.int64]], seed: int) -> None:
        """Make parameters and buffers of what the cost has of its own."""
        if self._facts.begin is None:
            return
        positions = {name: position.cpu().numpy() for name, position in self.positions.items()}
        shape = Shape(self._wiring.sizes, [*self._ends()], task, self._outputs, positions)
        start = self._facts.begin(shape, np.random.default_rng([seed, _OWN, *self.name.encode()]))
        for arrays in (start.parameters, start.constants):
            for key, array in arrays.items():
                tensor = torch.tensor(np.asarray(array), device=self._made_on)
                tensor = tensor.to(self._made_as) if tensor.is_floating_point() else tensor
                self._own[key] = key_of("own", key)
                if arrays is start.parameters:
                    self.register_parameter(self._own[key], nn.Parameter(tensor))
                else:
                    self.register_buffer(self._own[key], tensor)

    def _ends(self) -> Iterator[tuple[str, str]]:
        for name, entries in self._wiring.incoming.items():
            for entry in entries:
                yield from ((source, name) for source in entry.sources)

    def _layers(
        self, populations: Mapping[str, Population], device: torch.device, dtype: torch.dtype
    ) -> Iterator[Layer]:
        for name, entries in self._wiring.incoming.items():
            for entry in entries:
                sizes = [self._wiring.sizes[source] for source in entry.sources]
                weight = entry.weight(self._model[0]).to(device, dtype)
                strengths = block_strengths(weight, sum(sizes)).mT  # (1, source units, units)
                for source, part in zip(entry.sources, strengths.split(sizes, dim=1), strict=True):
                    yield Layer(part, populations[source], populations[name])

    def _population(
        self, name: str, activations: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
    ) -> Population:
        position = self._position(name)[None].to(device, dtype) if name in self._placed else None
        emitted = activations[name][None].to(device, dtype) if name in activations else None
        task = self.task.to(device) if name == self._outputs else None
        return Population(name, self._wiring.sizes[name], position, emitted, task)

    def _where(self, activations: Mapping[str, Tensor]) -> tuple[torch.device, torch.dtype]:
        """Return the device of the model, and the type that holds all that the cost is computed from."""
        weights = [entry.weight(self._model[0]) for own in self._wiring.incoming.values() for entry in own]
        numbers = [*weights, *self.parameters(), *activations.values()]
        return weights[0].device, precise(*(number.dtype for number in numbers))

    def _checked(self, activations: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        sizes = self._wiring.sizes
        if not activations:
            expected = f"what units of {', '.join(self._wiring.incoming)} emit, as {self.name!r} needs it"
            raise ValueError(str(Fault("activations", expected, "none")))
        for name, emitted in activations.items():
            if name not in sizes:
                raise ValueError(str(Fault("activations", f"populations of {', '.join(sizes)}", shown(name))))
            if not isinstance(emitted, Tensor) or emitted.dim() != 2 or emitted.shape[1] != sizes[name]:
                found = (
                    f"shape {tuple(emitted.shape)}" if isinstance(emitted, Tensor) else f"a {type(emitted).__name__}"
                )
                raise ValueError(str(Fault(f"activations[{name!r}]", f"a tensor (examples, {sizes[name]})", found)))
        return activations

    def _whole_matrices(self) -> None:
        """Raise ValueError if a convolution is in groups: there is no connection between channels of two groups."""
        for name, entries in self._wiring.incoming.items():
            for entry in entries:
                if entry.shape[0] != 1:
                    found = f"one in {entry.shape[0]} groups; name the layers that pay without it"
                    raise ValueError(str(Fault(f"layer {name!r}", "a layer whose units read all channels", found)))


def _task_of(tasks: Any, outputs: str, units: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the number of the task of each unit.

    Raises:
        ValueError: they are no units of tasks, a unit is in no task or in two, or there is no such unit.
    """
    if not isinstance(tasks, Mapping):
        raise ValueError(str(Fault("tasks", f"name to units of {outputs!r}", f"a {type(tasks).__name__}")))
    task = np.full(units, -1)
    for number, (name, chosen) in enumerate(tasks.items()):
        if not isinstance(chosen, (slice, Iterable)) or isinstance(chosen, str):
            raise ValueError(str(Fault(f"task {name!r}", f"a slice or a list of units of {outputs!r}", shown(chosen))))
        own = list(range(units))[chosen] if isinstance(chosen, slice) else [plain_value(unit) for unit in chosen]
        if wrong := [unit for unit in own if type(unit) is not int or not 0 <= unit < units]:
            raise ValueError(str(Fault(f"task {name!r}", f"units of {outputs!r}, 0 to {units - 1}", shown(wrong[0]))))
        if twice := [unit for unit in own if task[unit] >= 0]:
            raise ValueError(str(Fault(f"task {name!r}", "each unit in one task", f"unit {twice[0]} in two")))
        task[own] = number
    if len(without := np.flatnonzero(task < 0)):
        raise ValueError(str(Fault("tasks", f"all {units} units of {outputs!r}", f"none for unit {without[0]}")))
    return task
