"""Which units the weights of a model's layers connect: the layers that pay, and the source of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..faults import Fault, shown
from .layers import SUPPORTED, Map, Units, units_of

INPUT = "input"
"""The population of the model's inputs: features, or channels."""

_MOST_NAMES = 20  # in a message


@dataclass(frozen=True)
class Incoming:
    """Connections that enter a population.

    Attributes:
        path: of the module in the model, as `torch.nn.Module.get_submodule` takes it.
        read: returns the weights of the module, as `Map` says.
        sources: the populations that are read, side by side.
        shape: of the weights, without the axes of blocks.
    """

    path: str
    read: Callable[[Any], Tensor]
    sources: tuple[str, ...]
    shape: tuple[int, ...]

    def weight(self, model: nn.Module) -> Tensor:
        """Read the weights, as `Map` says.

        Raises:
            ValueError: the model has weights of another shape now.
        """
        weight = self.read(model.get_submodule(self.path))
        if tuple(weight.shape[:3]) != self.shape:
            raise _error(
                f"layer {self.path!r}", f"the sizes {self.shape[1:]} that it had", f"{tuple(weight.shape[1:3])}"
            )
        return weight


@dataclass(frozen=True)
class Wiring:
    """What pays, and what it is connected to.

    Attributes:
        sizes: the units of every population that has positions, in the order of the model.
        incoming: the connections that enter each population that pays.
    """

    sizes: Mapping[str, int]
    incoming: Mapping[str, tuple[Incoming, ...]]


@dataclass(frozen=True)
class _Layer:
    """A module that can pay: its name, its path (which has wrappers, too), and its units by population."""

    name: str
    path: str
    module: nn.Module
    units: Mapping[str, Units]

    @property
    def returned(self) -> tuple[str, ...]:
        return tuple(name for name, units in self.units.items() if units.returned)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside of wrappers: `torch.compile`, `DataParallel`, `DistributedDataParallel`."""
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def wiring(
    model: nn.Module, layers: Sequence[str] | str | None, sources: Mapping[str, str | Sequence[str]] | None
) -> Wiring:
    """Find the populations that pay, and for each the populations that it reads.

    The source of a layer is what `sources` says; else the nearest layer before it, in the order of the model's modules,
    whose units fit its weights; of the first layer the model's inputs.

    Args:
        model: not wrapped.
        layers: names or patterns of layers, or of their populations; None for all.
        sources: layer to the layer, or the layers, that it reads.

    Raises:
        ValueError: there is no such layer, it cannot pay, or sizes do not fit.

    Example:
        >>> found = wiring(nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2)), ["2"], None)
        >>> found.sizes, found.incoming["2"][0].sources
        ({'0': 3, '2': 2}, ('0',))
    """
    names = {path: _without_wrappers(path) for path, _ in model.named_modules()}
    table = list(_layers(model, names))
    sizes = {name: units.size for layer in table for name, units in layer.units.items()}
    paying = _paying(layers, table, {names[path]: module for path, module in model.named_modules()})
    given = {layer: (own,) if isinstance(own, str) else tuple(own) for layer, own in (sources or {}).items()}
    payers = {*paying, *(layer.name for layer in table if {*layer.units} & {*paying})}
    if stray := [name for name in given if name not in payers]:
        raise _error("sources", f"layers that pay: {_listed(paying)}", shown(stray[0]))
    finder = _Sources(table, sizes, given)
    incoming = {name: finder.incoming(name) for name in paying}
    used = {*incoming, *(source for own in incoming.values() for entry in own for source in entry.sources)}
    return Wiring({name: finder.sizes[name] for name in (finder.input, *sizes) if name in used}, incoming)


class _Sources:
    """Finds what layers read.

    Args:
        table: the layers that can pay, in the order of the model.
        sizes: the units of each population.
        given: layer to the layers that it reads.

    Attributes:
        sizes: the same, and of the model's inputs, once something reads them.
        input: the name of the model's inputs.
    """

    def __init__(self, table: Sequence[_Layer], sizes: Mapping[str, int], given: Mapping[str, tuple[str, ...]]) -> None:
        self._table, self._given, self.sizes = table, given, dict(sizes)
        self._units = {name: units for layer in table for name, units in layer.units.items()}
        self._outputs = {name: (name,) for name in sizes} | {layer.name: layer.returned for layer in table}
        self.input = INPUT if INPUT not in self._outputs else f"model {INPUT}"

    def incoming(self, name: str) -> tuple[Incoming, ...]:
        """Return the connections that enter a population."""
        number, layer = next((k, own) for k, own in enumerate(self._table) if name in own.units)
        found = []
        for entering in layer.units[name].maps:
            if entering.sources:
                sources = [tuple(f"{layer.name}{ending}" for ending in entering.sources)]
            elif given := self._given.get(name, self._given.get(layer.name)):
                sources = self._as_given(name, entering, given)
            else:
                sources = [self._guess(number, name, entering)]
            shape = tuple(entering.read(layer.module).shape[:3])
            found += [Incoming(layer.path, entering.read, one, shape) for one in sources]
        return tuple(found)

    def _as_given(self, name: str, entering: Map, given: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the sources that a user names: of several summands one after another, else all side by side."""
        key = f"sources[{name!r}]"
        for source in given:
            if source == self.input:
                self.sizes.setdefault(source, entering.features)
            elif source not in self._outputs:
                raise _error(key, f"{self.input} or layers of {_listed(self._outputs)}", shown(source))
        found = [self._outputs.get(source, (source,)) for source in given]
        flat = tuple(population for own in found for population in own)
        if len(found) > 1 and all(self._size(own) == entering.features for own in found):
            return found
        if self._size(flat) == entering.features or (len(found) == 1 and self._fits(entering, flat)):
            return [flat]
        several = " each (a sum) or in all (side by side)" if len(found) > 1 else _shared(entering)
        sizes = ", ".join(f"{source!r} with {self._size(own)}" for source, own in zip(given, found, strict=True))
        raise _error(key, f"{entering.features} units{several}, as the weight of {name!r} has", sizes)

    def _guess(self, number: int, name: str, entering: Map) -> tuple[str, ...]:
        """Return the nearest layer before whose units fit; of the first layer the inputs."""
        if not number:
            self.sizes.setdefault(self.input, entering.features)
            return (self.input,)
        for layer in reversed(self._table[:number]):
            if self._fits(entering, layer.returned):
                return layer.returned
        before = self._table[number - 1]
        raise _error(
            f"layer {name!r}",
            f"a layer before it with {entering.features} units{_shared(entering)}",
            f"{before.name!r} with {self._size(before.returned)}, and none that fits: "
            f"say what it reads by sources={{{name!r}: {before.name!r}}}, or {self.input!r} for the model's inputs",
        )

    def _fits(self, entering: Map, sources: tuple[str, ...]) -> bool:
        size, spread = self._size(sources), all(name in self._units and self._units[name].spread for name in sources)
        return size == entering.features or (entering.flattens and spread and entering.features % size == 0)

    def _size(self, sources: Sequence[str]) -> int:
        return sum(self.sizes[name] for name in sources)


def _layers(model: nn.Module, names: Mapping[str, str]) -> Iterator[_Layer]:
    """Yield the modules that can pay, in the order of the model."""
    for path, module in model.named_modules():
        if own := units_of(module):
            name = names[path] or type(module).__name__.lower()  # the model itself has no name
            if any(map(is_lazy, module.parameters(recurse=False))):
                raise _error(f"layer {name!r}", "sizes that are known", "a lazy layer: call the model once before")
            yield _Layer(name, path, module, {f"{name}{units.ending}": units for units in own})


def _paying(
    layers: Sequence[str] | str | None, table: Sequence[_Layer], modules: Mapping[str, nn.Module]
) -> tuple[str, ...]:
    """Return the populations that patterns name, in the order of the patterns, each once."""
    patterns = ("*",) if layers is None else (layers,) if isinstance(layers, str) else tuple(layers)
    found: dict[str, None] = {}
    for pattern in patterns:
        own = [
            name
            for layer in table
            for name in layer.units
            if isinstance(pattern, str) and (fnmatchcase(name, pattern) or fnmatchcase(layer.name, pattern))
        ]
        if not own and pattern in modules:
            inside = any(layer.name.startswith(f"{pattern}.") for layer in table)
            kind = f"{pattern!r}, a {type(modules[pattern]).__name__}"
            hint = f": {pattern + '.*'!r} names the layers in it" if inside else ""
            raise _error("layers", f"layers of the kinds {SUPPORTED}", f"{kind}{hint}")
        if not own:
            known = _listed([layer.name for layer in table])
            raise _error(
                "layers", f"names or patterns of {known or f'layers of the kinds {SUPPORTED}'}", shown(pattern)
            )
        found.update(dict.fromkeys(own))
    if not found:
        raise _error("layers", f"one or more of {_listed([layer.name for layer in table])}", "none")
    return tuple(found)


def _without_wrappers(path: str) -> str:
    return ".".join(part for part in path.split(".") if part != "_orig_mod")


def _shared(entering: Map) -> str:
    return " (or a number that divides it, of channels or heads)" if entering.flattens else ""


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    shortened = list(names)[:_MOST_NAMES]
    return ", ".join(shortened) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _error(key: str, expected: str, found: str) -> ValueError:
    return ValueError(str(Fault(key, expected, found)))
