"""The networks that a figure shows: those chosen, or the first ones of each input mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.plane import MIN_INPUT_STRENGTH, input_strength
from spatialgraph.graph.split import Split

from ..labels import family, inputs_label, slug
from ..results import Results
from .drawing import Choice


@dataclass(frozen=True, eq=False)
class Shown:
    """A network that a figure shows.

    Attributes:
        network: the network.
        split: its split by the method that is shown.
        kind: its kind.
        inputs: its input mode.
        title: what panels call it: its input mode where that tells it from the others shown, its name otherwise.
        slug: the same as a part of the name of a file.
    """

    network: Graph
    split: Split
    kind: str
    inputs: str
    title: str
    slug: str


def networks_with_positions(results: Results, choice: Choice) -> list[Shown]:
    """Return the networks to show where they lie: those chosen, or the first with positions of each input mode.

    Raises:
        NotApplicableError: a chosen network, or every network, has no positions or no split by the method.
    """
    if choice.networks is not None:
        shown = [_chosen(results, name, choice) for name in choice.networks]
        for one in shown:
            if not one.network.has_positions:
                raise NotApplicableError(
                    f"{one.network.name}: expected a network with positions in its split layers, found none"
                )
        return shown
    # Of a grid no kind of the reference's family comes first: positions are what others are about.
    plain = family(results.reference)
    names = results.members.sort_values("kind", key=lambda kind: kind.map(family) == plain, kind="stable")
    of_modes = [names.loc[names["inputs"] == mode, "network"].tolist() for mode in results.inputs]
    shown = [one for members in of_modes for one in _first(results, members, choice, _can_be_seen)]
    if not shown:
        method = choice.method_of(results)
        raise NotApplicableError(f"expected a network with positions and a split by {method}, found none")
    return shown


def counterpart(results: Results, one: Shown, choice: Choice) -> Shown | None:
    """Return the network of the reference that a network is shown beside: of its inputs and seed, or the first.

    None if the network is of the reference itself, or none of the reference is split by the method.
    """
    if one.kind == results.reference:
        return None
    members = results.members
    seed = members.loc[members["network"] == one.network.name, "seed"].iloc[0]
    own = members[(members["kind"] == results.reference) & (members["inputs"] == one.inputs)]
    own = own.sort_values("seed", key=lambda seeds: seeds != seed, kind="stable")
    found = _first(results, own["network"].tolist(), choice, lambda network: bool(network.split_populations))
    return next(found, None)


def networks_by_mode(results: Results, choice: Choice) -> dict[str, list[Shown]]:
    """Return the networks to show beside one another, by input mode: those chosen, or the first one of each kind.

    Raises:
        NotApplicableError: a chosen network, or every network, has no split by the method.
    """
    shown: list[Shown] = []
    if choice.networks is not None:
        shown = [_chosen(results, name, choice) for name in choice.networks]
    else:
        for _, members in results.members.groupby(["inputs", "kind"], sort=False):
            shown += _first(
                results, members["network"].tolist(), choice, lambda network: bool(network.split_populations)
            )
    if not shown:
        raise NotApplicableError(f"expected a network with a split by {choice.method_of(results)}, found none")
    modes = dict.fromkeys(one.inputs for one in shown)
    return {mode: [one for one in shown if one.inputs == mode] for mode in modes}


def _can_be_seen(network: Graph) -> bool:
    """Return whether a network has positions, and a neuron that is drawn: not all are switched off."""
    layers = network.split_populations
    return network.has_positions and any((input_strength(network, k) > MIN_INPUT_STRENGTH).any() for k in layers)


def _chosen(results: Results, name: str, choice: Choice) -> Shown:
    """Return a network that was named."""
    method, splits = choice.method_of(results), results.splits.get(name, {})
    if method not in splits:
        raise NotApplicableError(f"{name}: expected a split by {method}, found {', '.join(splits) or 'none'}")
    member = results.members.set_index("network").loc[name]
    return Shown(results.network(name), splits[method], str(member["kind"]), str(member["inputs"]), name, slug(name))


def _first(results: Results, names: list[str], choice: Choice, fits: Callable[[Graph], bool]) -> Iterator[Shown]:
    """Yield the first of some networks that has a split by the method and fits, if one does."""
    for name in names:
        if choice.method_of(results) in results.splits.get(name, {}) and fits(results.network(name)):
            one = _chosen(results, name, choice)
            yield Shown(one.network, one.split, one.kind, one.inputs, inputs_label(one.inputs), slug(one.inputs))
            return
