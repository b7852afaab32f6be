"""The networks that a figure shows: those chosen, or the first one with positions of each input mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spatialgraph.network import Network, NotApplicableError
from spatialgraph.splits.split import Split

from ..results import Results, label, slug
from .drawing import Choice


@dataclass(frozen=True, eq=False)
class Shown:
    """A network that a figure shows.

    Attributes:
        network: the network.
        split: its split by the method that is shown.
        inputs: its input mode.
        title: what panels call it: its input mode where that tells it from the others shown, its name otherwise.
        slug: the same as a part of the name of a file.
    """

    network: Network
    split: Split
    inputs: str
    title: str
    slug: str


def networks_with_positions(results: Results, choice: Choice) -> list[Shown]:
    """Return the networks to show where they lie, in the order of their choice.

    Raises:
        NotApplicableError: a chosen network, or every network, has no positions or no split by the method.
    """
    if choice.networks is None:
        return _first_of_each_mode(results, choice.method_of(results))
    method, shown = choice.method_of(results), []
    mode_of = dict(zip(results.members["network"], results.members["inputs"], strict=True))
    for name in choice.networks:
        split = results.splits.get(name, {}).get(method)
        if split is None:
            found = ", ".join(results.splits.get(name, {})) or "none"
            raise NotApplicableError(f"{name}: expected a split by {method}, found {found}")
        network = results.network(name)
        if not has_positions(network):
            raise NotApplicableError(f"{name}: expected a network with positions in its split layers, found none")
        shown.append(Shown(network, split, mode_of[name], name, slug(name)))
    return shown


def has_positions(network: Network) -> bool:
    """Return whether the neurons of all split layers lie somewhere."""
    return bool(network.split_layers) and all(network.layers[k].position is not None for k in network.split_layers)


def _first_of_each_mode(results: Results, method: str) -> list[Shown]:
    """Return the first network with positions of each input mode; spatial ones before others."""
    shown = [found for mode in results.inputs for found in _of_mode(results, mode, method)]
    if not shown:
        raise NotApplicableError(f"expected a network with positions and a split by {method}, found none")
    return shown


def _of_mode(results: Results, mode: str, method: str) -> Iterator[Shown]:
    """Yield the first network with positions of an input mode, if it has one."""
    members = results.members.sort_values("kind", key=lambda kind: kind != "spatial", kind="stable")
    for name in members.loc[members["inputs"] == mode, "network"]:
        split = results.splits.get(name, {}).get(method)
        if split is not None and has_positions(network := results.network(name)):
            yield Shown(network, split, mode, label(mode), slug(mode))
            return
