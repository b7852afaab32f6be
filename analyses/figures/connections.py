"""Connections of networks: their strengths as matrices, and how strengths and lengths are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_hex, to_rgb
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection, Graph
from spatialgraph.graph.split import Split
from spatialgraph.splits.degenerate import is_degenerate

from .. import plots
from ..labels import inputs_label, kind_in_text, kind_label, slug
from ..results import Results
from .chosen import Shown, networks_by_mode
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .neurons import degenerate_said, task_keys, tasks_of, tasks_shown, units_said
from .page import Page
from .panels import first, head, letter, wrapped

_DECADES = 4
# The most cells that all matrices of a drawing have, and the most connections of a network that its densities count.
MOST_CELLS, MOST_COUNTED = 1_000_000, 1_000_000
_BESIDE = 4
# Inches: of the highest matrix, and of a letter of its labels.
_HEIGHT, _LETTER = 1.9, 0.055
_BINS = 40
# Beside the strengths of more kinds, the longest title needs two lines.
_TITLED = 2
_WITHIN, _BETWEEN = "#009E73", "#111111"
# Their colours, and whether they are drawn as areas.
_GROUPS = {"within modules": (_WITHIN, True), "between modules": (_BETWEEN, False)}
_TITLES = {"strength": "strength", "length": "distance", "strength by length": "strength by distance"}

Edges = NDArray[np.float64]
"""The edges of the bins of a histogram, ``(bins + 1,)``, ascending."""


@figure("connections")
def connections(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the strengths of all connections between split layers as matrices, their neurons ordered by module."""
    modes = networks_by_mode(results, choice)
    for mode, members in modes.items():
        pieces = [members[start : start + _BESIDE] for start in range(0, len(members), _BESIDE)]
        for number, shown in enumerate(pieces):
            name = "connections" if len(modes) == 1 else f"connections-{slug(mode)}"
            yield _matrices(shown, name if len(pieces) == 1 else f"{name}-{number + 1}", choice, page)


def _matrices(shown: Sequence[Shown], name: str, choice: Choice, page: Page) -> Drawing:
    """Draw networks side by side, a matrix below another for each connection."""
    down = max(len(one.network.split_connections) for one in shown)
    if not down:
        raise NotApplicableError(f"{shown[0].network.name}: expected connections between split layers, found none")
    orders = [_order(one.network, one.split) for one in shown]
    lists = [one.network.split_connections for one in shown]
    sizes = [max(own[row].shape[0] for own in lists if row < len(own)) for row in range(down)]
    heights = np.clip(np.array(sizes) / max(sizes), 0.4, 1.0) * _HEIGHT
    width = SINGLE if len(shown) == 1 else DOUBLE
    height = float(heights.sum()) + 0.3 * down + 0.5
    figure, axes = page.panels(width, height, down, len(shown), height_ratios=heights.tolist())
    colours = plots.task_colours(tasks_shown(shown))
    top = max(float(np.abs(c.weight).max()) for one in shown for c in one.network.split_connections) or 1.0
    norm, frames = LogNorm(top / 10**_DECADES, top, clip=True), []
    cells = sum(c.shape[0] * c.shape[1] for one in shown for c in one.network.split_connections)
    side = None if cells <= MOST_CELLS else _side(shown)
    for column, (one, order) in enumerate(zip(shown, orders, strict=True)):
        order = order if side is None else _thinned(order, side)
        for row, connection in enumerate(one.network.split_connections):
            frames.append(_matrix(axes[row, column], one, connection, order, colours, norm))
            axes[row, column].set_ylabel(_in_height(one.network, connection, float(heights[row])), labelpad=9)
        for ax in axes[len(one.network.split_connections) :, column]:
            ax.set_axis_off()
        title = kind_label(one.kind) if choice.networks is None else one.network.name
        title += " (degenerate)" if is_degenerate(one.split) else ""
        head(axes[0, column], column, title, several=len(shown) > 1)
    units = units_said(shown)
    # A connection of neurons is one weight; of channels, heads and states it is the norm of several.
    strength = "absolute weight" if units == "neurons" else "strength"
    plots.colour_bar(figure, axes.ravel().tolist(), norm, strength, fraction=0.03, pad=0.01, aspect=35)
    neurons = pd.concat([order.assign(network=one.network.name) for one, order in zip(shown, orders, strict=True)])
    keys = task_keys(colours, neurons["task"])
    page.legend(figure, keys, 8 if width == DOUBLE else 4)
    numbers = pd.concat([neurons.assign(part="neuron"), pd.concat(frames).assign(part="connection")], ignore_index=True)
    caption = (
        f"{strength.capitalize()}s of the connections between split layers ({inputs_label(shown[0].inputs)}). Each "
        f"column of panels is one network, so n = 1: {', '.join(one.network.name for one in shown)}. A row is a target "
        f"{units.removesuffix('s')}, a column a source. {units.capitalize()} are ordered by module (split method: "
        f"{shown[0].split.method}), the strongest first. As the split orders them, blocks are seen by chance too; the "
        "figure nulls tells how much. Strips show the modules, lines where they end. "
        f"Shades end {_DECADES} decades below the largest {strength.split()[-1]}."
    )
    if side is not None:
        caption += f" Of a layer of more than {side} {units} {side} are shown, evenly spaced in that order."
    return Drawing(name, figure, first(numbers, "part", "network"), caption)


def _side(shown: Sequence[Shown]) -> int:
    """Return how many neurons of each layer are shown, so that all matrices have `MOST_CELLS` together."""
    return max(1, int((MOST_CELLS / sum(len(one.network.split_connections) for one in shown)) ** 0.5))


def _thinned(order: pd.DataFrame, side: int) -> pd.DataFrame:
    """Return some neurons of each layer, evenly spaced in their order: modules keep their shares."""
    kept = [
        own.iloc[np.linspace(0, len(own) - 1, min(side, len(own))).round().astype(int)]
        for _, own in order.groupby("layer")
    ]
    return pd.concat(kept)


def _order(network: Graph, split: Split) -> pd.DataFrame:
    """Return the neurons of all split layers as they are ordered: layer, place, neuron, task and strength."""
    strength = {k: np.zeros(network.populations[k].size) for k in network.split_populations}
    for connection in network.split_connections:
        size = np.abs(connection.weight)
        strength[connection.target] += size.sum(axis=1)
        strength[connection.source] += size.sum(axis=0)
    frames = []
    for number, tasks in tasks_of(network, split).items():
        # Tasks in their order, then neurons of several tasks, then those of none.
        rank = {task: place for place, task in enumerate(network.tasks)} | {"": len(network.tasks) + 1}
        module = np.array([rank.get(task, len(network.tasks)) for task in tasks])
        own = pd.DataFrame({"neuron": np.arange(len(tasks)), "task": tasks, "strength": strength[number]})
        own = own.iloc[np.lexsort([-strength[number], module])].reset_index(drop=True)
        frames.append(own.assign(layer=network.populations[number].name, place=np.arange(len(tasks))))
    return pd.concat(frames, ignore_index=True)


def _in_height(network: Graph, connection: Connection, height: float) -> str:
    """Return the target of a connection as the label of a matrix so many inches high: in two lines if it is longer."""
    name = network.populations[connection.target].name
    dots = [place for place, letter in enumerate(name, start=1) if letter == "."]
    if len(name) * _LETTER <= height or not dots:
        return name
    at = min(dots, key=lambda place: abs(place - len(name) / 2))
    return f"{name[:at]}\n{name[at:]}"


def _matrix(
    ax: Axes, one: Shown, connection: Connection, order: pd.DataFrame, colours: dict[str, str], norm: LogNorm
) -> pd.DataFrame:
    """Draw the matrix of a connection and return its numbers."""
    names = one.network.populations[connection.source].name, one.network.populations[connection.target].name
    source, target = (order[order["layer"] == name] for name in names)
    to, start = target["neuron"].to_numpy(int), source["neuron"].to_numpy(int)
    strength = np.abs(connection.weight)[np.ix_(to, start)]
    plots.matrix(ax, strength, norm)
    several = {task: "several" for task in order["task"].unique() if task not in ("", *colours)}
    for axis, neurons in (("x", source), ("y", target)):
        plots.boundaries(ax, neurons["task"].replace(several).tolist(), colours, axis)
    ax.set_xlabel(f"{names[0]} ({connection.label})" if connection.label else names[0], labelpad=8)
    rows, columns = np.indices(strength.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            "network": one.network.name,
            "source": names[0],
            "target": names[1],
            "label": connection.label,
            "source_neuron": start[columns],
            "target_neuron": to[rows],
            "strength": strength.ravel().astype(float),
        }
    )


@dataclass(frozen=True)
class _Grid:
    """The panels of `distances`.

    Attributes:
        columns: what each column shows, a key of `_TITLES`, and its title.
        rows: the title of each row, and the network of each of its panels; None: none.
    """

    columns: list[tuple[str, str]]
    rows: list[tuple[str, list[Shown | None]]]


@figure("distances")
def distances(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show how strengths and lengths of connections are distributed, within modules and between them."""
    modes = networks_by_mode(results, choice)
    grid = _grid_of_modes(results, modes) if choice.networks is None else _grid_of_networks(modes)
    shown = [one for members in modes.values() for one in members]
    units, strength = units_said(shown), "absolute weight" if units_said(shown) == "neurons" else "strength"
    frames = {one.network.name: connection_frame(one.network, one.split) for one in shown}
    edges = {quantity: _edges(quantity, list(frames.values())) for quantity, _ in grid.columns}
    width, height = SINGLE if len(grid.columns) == 1 else DOUBLE, 1.3 * len(grid.rows) + 0.65
    figure, axes = page.panels(width, height, len(grid.rows), len(grid.columns), sharex="col")
    numbers, panel = [], 0
    for row, (title, members) in enumerate(grid.rows):
        for ax, (quantity, _), one in zip(axes[row], grid.columns, members, strict=True):
            if one is None:
                ax.set_axis_off()
                continue
            shares = density(frames[one.network.name], quantity, edges[quantity])
            plots.densities(ax, shares, _GROUPS)
            ax.set_title(letter(panel) if axes.size > 1 else "", loc="left", fontweight="bold")
            labels = {"network": one.network.name, "kind": one.kind, "inputs": one.inputs, "quantity": quantity}
            numbers.append(shares.assign(**labels))
            panel += 1
        axes[row, 0].set_ylabel(f"{title}\ndensity")
    _name_columns(axes, grid.columns, edges, strength)
    keys = [plots.patch(to_hex((*to_rgb(_WITHIN), 0.35), True), "within modules"), plots.line("-", "between modules")]
    page.legend(figure, keys, 2)
    caption = (
        f"Connections between split layers, within modules (both {units} serve a task in common) and between them "
        f"(split method: {shown[0].split.method}). Those of {units} that serve no task are left out. Strength: density "
        f"of {strength}s per decade, without the weakest 0.1 %. Distance: density of the distances between the two "
        f"{units}, in arbitrary units. Strength by distance: each connection counted by its {strength}. Every density "
        f"has the same area. If modules had nothing to do with connections, both densities would be alike. Each panel "
        f"is one network, so n = 1: {', '.join(frames)}.{degenerate_said(shown)}"
    )
    if thinned := [one.network.name for one in shown if _counted(one.network) < 1]:
        caption += f" Of {', '.join(thinned)} about {MOST_COUNTED:,} connections are counted, drawn at random."
    everything = first(pd.concat(numbers, ignore_index=True), "network", "kind", "inputs", "quantity", "group")
    yield Drawing("distances", figure, everything, caption)


def _grid_of_modes(results: Results, modes: Mapping[str, list[Shown]]) -> _Grid:
    """Return a row for each input mode: strengths by kind, then the lengths of the network with positions."""
    kinds = [kind for kind in results.kinds if any(one.kind == kind for members in modes.values() for one in members)]
    columns, rows = [("strength", f"strength\n{wrapped(kind_in_text(kind))}") for kind in kinds], []
    somewhere = {mode: next(filter(_lies, members), None) for mode, members in modes.items()}
    lengths = list(_TITLES.items())[1:] if any(somewhere.values()) else []
    for mode, members in modes.items():
        of_kind = {one.kind: one for one in members}
        rows.append((inputs_label(mode), [of_kind.get(kind) for kind in kinds] + [somewhere[mode]] * len(lengths)))
    seen = {kind_in_text(one.kind) for one in somewhere.values() if one}
    of_kinds, fit = wrapped(", ".join(sorted(seen))), len(kinds) <= _TITLED
    columns += [(quantity, f"{title if fit else wrapped(title)}\n{of_kinds}") for quantity, title in lengths]
    return _Grid(columns, rows)


def _grid_of_networks(modes: Mapping[str, list[Shown]]) -> _Grid:
    """Return a row for each network: its strengths, then its lengths if it has positions."""
    shown = [one for members in modes.values() for one in members]
    columns = list(_TITLES.items()) if any(map(_lies, shown)) else list(_TITLES.items())[:1]
    blank = len(columns) - 1
    return _Grid(columns, [(one.title, [one, *([one if _lies(one) else None] * blank)]) for one in shown])


def _lies(one: Shown) -> bool:
    return one.network.has_positions


def _name_columns(
    axes: NDArray[np.object_], columns: Sequence[tuple[str, str]], edges: Mapping[str, Edges], strength: str
) -> None:
    """Write what each column shows above it, and name its horizontal axis."""
    for column, (quantity, title) in enumerate(columns):
        axes[0, column].set_title(title)
        for ax in axes[:, column]:
            ax.set_yticks([])
            if quantity == "strength":
                ax.set_xscale("log")
                plots.powers(ax.xaxis)
            ax.set_xlim(edges[quantity][0], edges[quantity][-1])
        shown = [ax for ax in axes[:, column] if ax.axison]
        shown[-1].tick_params(labelbottom=True)
        shown[-1].set_xlabel(strength if quantity == "strength" else "distance")


def _counted(network: Graph) -> float:
    """Return the share of the connections between split layers that densities count."""
    return min(1.0, MOST_COUNTED / max(sum(c.shape[0] * c.shape[1] for c in network.split_connections), 1))


def connection_frame(network: Graph, split: Split) -> pd.DataFrame:
    """Return the connections between split layers whose neurons serve tasks.

    Returns:
        columns group (within or between modules: whether the two neurons serve a task in common), strength (the
        absolute weight, above 0) and length (the distance of the neurons; NaN if they lie nowhere). Of more than
        `MOST_COUNTED` connections so many, drawn at random, always the same.
    """
    frames, share, draw = [], _counted(network), np.random.default_rng(0)
    for connection in network.split_connections:
        source, target = (split.membership[k] for k in (connection.source, connection.target))
        strength = np.abs(connection.weight).astype(float)
        kept = np.logical_and.outer(target.any(axis=1), source.any(axis=1)) & (strength > 0)
        if share < 1:
            kept &= draw.random(kept.shape) < share
        within = (target.astype(int) @ source.T.astype(int))[kept] > 0
        ends = network.populations[connection.source].position, network.populations[connection.target].position
        length = np.full(strength.shape, np.nan)
        if ends[0] is not None and ends[1] is not None:
            from scipy.spatial.distance import cdist  # takes long to import

            length = cdist(ends[1], ends[0])
        group = np.where(within, *_GROUPS)
        frames.append(pd.DataFrame({"group": group, "strength": strength[kept], "length": length[kept]}))
    if not frames:
        raise NotApplicableError(f"{network.name}: expected connections between split layers, found none")
    return pd.concat(frames, ignore_index=True)


def density(frame: pd.DataFrame, quantity: str, edges: Edges) -> pd.DataFrame:
    """Return how a quantity of connections is distributed, each group for itself.

    Args:
        frame: of `connection_frame`.
        quantity: ``"strength"``, per decade; ``"length"``; or ``"strength by length"``, weighted by strength.
        edges: of the bins.

    Returns:
        columns group, low, high and density; a group's densities times the widths of their bins (of strengths: in
        decades) are 1 together; what lies outside the bins is left out.

    Example:
        >>> frame = pd.DataFrame({"group": "within modules", "strength": [3.0, 1.0], "length": [0.5, 1.5]})
        >>> density(frame, "strength by length", np.array([0.0, 1.0, 2.0]))["density"].tolist()
        [0.75, 0.25]
    """
    widths = np.diff(np.log10(edges) if quantity == "strength" else edges)
    parts = []
    for group, own in frame.groupby("group", sort=False):
        weights = own["strength"] if quantity == "strength by length" else None
        values = own["strength"] if quantity == "strength" else own["length"]
        counts = np.histogram(values, edges, weights=weights)[0].astype(float)
        height = counts / max(counts.sum(), 1e-300) / widths
        parts.append(pd.DataFrame({"group": group, "low": edges[:-1], "high": edges[1:], "density": height}))
    nothing = pd.DataFrame(columns=["group", "low", "high", "density"])
    return pd.concat(parts, ignore_index=True) if parts else nothing


def _edges(quantity: str, frames: Sequence[pd.DataFrame]) -> Edges:
    """Return the edges of the bins for all panels of a quantity."""
    values = pd.concat(frames)["strength" if quantity == "strength" else "length"].dropna().to_numpy()
    if not len(values):  # of networks that have lost every connection
        return np.geomspace(0.1, 1, _BINS + 1) if quantity == "strength" else np.linspace(0, 1, _BINS + 1)
    if quantity != "strength":
        return np.linspace(0, max(float(values.max()), 1e-12), _BINS + 1)
    low, high = float(np.quantile(values, 0.001)), float(values.max())
    return np.geomspace(low, high if high > low else 10 * low, _BINS + 1)
