"""Figures of a paper: from results to drawings, each with the numbers it shows, in files that never differ."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spatialgraph.files import atomic
from spatialgraph.network import Network, NotApplicableError
from spatialgraph.registry import Registry
from spatialgraph.splits.split import Split

from . import plots
from .results import FULL, Results, label, slug
from .tables import default_method, over_networks

FORMATS = ("pdf", "svg", "png")
"""The formats that figures are written in."""

SINGLE, DOUBLE = 3.4, 7.0
"""The widths of one and of two columns of a page, in inches."""

MIN_INPUT_STRENGTH, MIN_WEIGHT = 0.1, 0.01
"""Neurons whose absolute input weights sum to no more, and connections of no more absolute weight, are not drawn: as in
Wołczyk et al., "Biologically-Inspired Spatial Neural Networks", arXiv:1910.02776, footnote 4."""

MAX_LINES = 1500
"""The most connections drawn between two layers, the strongest; more make a picture slow and no clearer."""

_LOG = logging.getLogger(__name__)
_STYLE = Path(__file__).with_name("paper.mplstyle")
# What would differ from one day to the next is left out of the files.
_METADATA: dict[str, dict[str, str | None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
_QUANTITIES = {"loss": "loss", "transport": "transport cost", "density": "density cost", "accuracy": "accuracy"}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that is ready to be saved.

    Attributes:
        name: the name of its files, without an ending.
        figure: the picture.
        numbers: what it shows, as a tidy frame.
        caption: what it shows, in words: which network, what is left out, what bars and points are.
    """

    name: str
    figure: Figure
    numbers: pd.DataFrame
    caption: str


FIGURES: Registry[Callable[[Results], Iterator[Drawing]]] = Registry("figure")
"""Every figure, by name: a function of `Results` that yields drawings, or raises `NotApplicableError`."""


def style() -> AbstractContextManager[None]:
    """Return a context with the style of the figures, whatever the user's own settings are."""
    return matplotlib.style.context(["default", _STYLE])


def drawings(results: Results, name: str) -> list[Drawing]:
    """Draw one figure.

    Raises:
        ValueError: there is no such figure.
        NotApplicableError: the results lack what it shows.
    """
    with style():
        return list(FIGURES[name](results))


def draw(
    results: Results,
    out: str | Path,
    formats: Sequence[str] = FORMATS,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write figures, the numbers of each beside it as CSV and its caption as text, each file whole or not at all.

    Args:
        results: the results.
        out: the folder to write to, made if it is missing.
        formats: some of `FORMATS`.
        only: names of figures; all if None, those left out for which the results lack something.
        progress: called with a line for each figure that is drawn or left out.

    Returns:
        the files: ``<drawing>.<format>``, ``<drawing>.csv`` and ``<drawing>.txt``.

    Raises:
        ValueError: a format or a figure is unknown, or a figure of `only` cannot be drawn from these results.
    """
    wrong = [name for name in formats if name not in FORMATS]
    if wrong or not formats:
        raise ValueError(f"formats: expected some of {', '.join(FORMATS)}, found {', '.join(wrong) or 'none'}")
    written: list[Path] = []
    for name in FIGURES.select(only):
        try:
            made = drawings(results, name)
        except NotApplicableError as error:
            if only is not None:
                raise
            message = f"figure {name} left out: {error}"
            _LOG.info(message)
        else:
            message = f"figure {name} drawn"
            written += [path for drawing in made for path in save(drawing, out, formats)]
        if progress is not None:
            progress(message)
    return written


def save(drawing: Drawing, out: str | Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a drawing in each format, its numbers and its caption; return the files."""
    written = []
    with style():
        drawing.figure.draw_without_rendering()
    drawing.figure.set_layout_engine("none")  # laid out once, not again for every format
    for ending in formats:
        path = Path(out) / f"{drawing.name}.{ending}"
        with style(), atomic(path) as temporary:
            drawing.figure.savefig(temporary, format=ending, metadata=_METADATA[ending])
        written.append(path)
    texts = {
        "csv": drawing.numbers.to_csv(index=False, lineterminator="\n", float_format="%.9g"),
        "txt": f"{drawing.caption}\n",
    }
    for ending, text in texts.items():
        path = Path(out) / f"{drawing.name}.{ending}"
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


@FIGURES.register("positions")
def positions(results: Results) -> Iterator[Drawing]:
    """Show the neurons of the split layers from above, coloured by task: the paper's Figure 1, for each input mode."""
    shown = _spatial_networks(results)
    frames = {inputs: _neurons(network, split) for inputs, (network, split) in shown.items()}
    tasks, layers = _tasks(shown), list(dict.fromkeys(name for frame in frames.values() for name in frame["layer"]))
    colours, markers = plots.task_colours(tasks), plots.layer_markers(layers)
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    limits = _limits(list(frames.values()))
    # As high as the neurons need at the width of a panel, so that nothing but them takes room.
    width = SINGLE if columns == 1 else DOUBLE
    ratio = float(np.clip(np.divide(*np.ptp(limits, axis=1)[::-1]), 0.4, 1.2))
    height = rows * (ratio * (width / columns - 0.4) + 0.5) + 0.35
    figure = Figure(figsize=(width, height), layout="compressed")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for number, (ax, (inputs, frame)) in enumerate(zip(axes, frames.items(), strict=False)):
        network = shown[inputs][0]
        dim = _dim(network)
        plots.neurons(ax, frame, colours, markers)
        _head(ax, number, label(inputs), several=len(shown) > 1)
        horizontal, vertical = _axis_names(dim)
        ax.set_xlabel(horizontal)
        if dim == 1:
            names = list(dict.fromkeys(frame["layer"]))
            ax.set_yticks(sorted(set(frame["y"])), names)
            ax.margins(y=0.3)
        else:
            ax.set(aspect="equal", xlim=limits[0], ylim=limits[1])
            if number % columns == 0:
                ax.set_ylabel(vertical)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    keys = [plots.key(colour, task, "o") for task, colour in colours.items()]
    if any((frame["task"] == "").any() for frame in frames.values()):
        keys.append(plots.key(plots.UNASSIGNED, "no task", filled=False))
    if any((~frame["task"].isin([*tasks, ""])).any() for frame in frames.values()):
        keys.append(plots.key(plots.SHARED, "several tasks"))
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4 if columns == 1 else 8))
    numbers = pd.concat(
        [frame.assign(inputs=inputs, network=shown[inputs][0].name) for inputs, frame in frames.items()]
    )
    method = next(iter(shown.values()))[1].method
    caption = (
        f"Neurons of the split layers seen from above, coloured by task (split method: {method}). One network for each "
        f"input mode: {', '.join(network.name for network, _ in shown.values())}. Neurons whose absolute input weights "
        f"sum to {MIN_INPUT_STRENGTH} or less are not drawn. {_projection(shown)}"
    )
    yield Drawing("positions", figure, _first(numbers, "inputs", "network"), caption.strip())


@FIGURES.register("layers")
def layers(results: Results) -> Iterator[Drawing]:
    """Show the split layers as slices in space, with the connections between them: the paper's Figure 2."""
    shown = _spatial_networks(results)
    for inputs, (network, split) in shown.items():
        frame = _neurons(network, split)
        if _dim(network) == 1:
            frame["y"] = 0.0
        connections, left_out = _connections(network, frame)
        names = [network.layers[number].name for number in network.split_layers]
        colours = plots.task_colours(network.tasks)
        width = SINGLE if len(names) <= 4 else DOUBLE
        figure = Figure(figsize=(width, width))
        ax = figure.subplots()
        plots.slices(ax, frame, connections, colours, {name: name for name in names})
        figure.set_figheight(0.5 + width * ax.dataLim.height / ax.dataLim.width)
        keys = [plots.key(colour, task) for task, colour in colours.items()]
        if (frame["task"] == "").any():
            keys.append(plots.key(plots.UNASSIGNED, "no task", filled=False))
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4))
        parts = {"neuron": frame, "connection": connections, "left out": left_out}
        numbers = pd.concat([part.assign(part=name) for name, part in parts.items() if len(part)])
        several = len(shown) > 1
        caption = (
            f"The split layers of {network.name} ({label(inputs)}), the output rightmost; neurons and the connections "
            f"that leave them coloured by task (split method: {split.method}). Not drawn: neurons whose absolute input "
            f"weights sum to {MIN_INPUT_STRENGTH} or less, connections of absolute weight {MIN_WEIGHT} or less, and "
            f"all but the {MAX_LINES} strongest between two layers ({int(left_out['connections'].sum())} left out). "
            f"{_projection({inputs: (network, split)})}"
        )
        yield Drawing(
            f"layers-{slug(inputs)}" if several else "layers", figure, _first(numbers, "part"), caption.strip()
        )


@FIGURES.register("methods")
def methods(results: Results) -> Iterator[Drawing]:
    """Compare split methods: the accuracy each costs under every ablation, and its modularity, seed by seed."""
    drop, modularity = results.per_network("accuracy-drop"), results.per_network("modularity")
    panels = [(f"accuracy drop\n{label(a)}", drop[drop["ablation"] == a]) for a in results.ablations]
    panels = [panel for panel in [*panels, ("modularity\n", modularity)] if len(panel[1])]
    if not panels:
        raise NotApplicableError("expected scores accuracy-drop or modularity of splits, found none")
    parts = [part.assign(panel=" ".join(title.split())) for title, part in panels]
    points = pd.concat(parts).rename(columns={"split": "row"})
    means = over_networks(points, ["panel", "inputs", "kind", "row"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    names = [method for method in results.methods if (points["row"] == method).any()]
    # A random split of the same sizes shows what sizes alone cost: the reference, not a method among others.
    references = {method for method in names if method.startswith("random")}
    styles = plots.kind_styles(results.kinds)
    figure = Figure(figsize=(DOUBLE, len(modes) * (0.17 * len(names) + 0.35) + 0.65))
    axes = figure.subplots(len(modes), len(panels), squeeze=False, sharex="col", sharey=True)
    for row, mode in enumerate(modes):
        for column, (title, _) in enumerate(panels):
            ax, name = axes[row, column], " ".join(title.split())
            here = (points["panel"] == name) & (points["inputs"] == mode)
            own = (means["panel"] == name) & (means["inputs"] == mode)
            plots.dots(ax, points[here], means[own], names, styles, references)
            if title.startswith("accuracy"):
                ax.axvline(0, color="#333333", linewidth=0.6, zorder=1)
            ax.set_title(chr(ord("a") + row) + f"  {label(mode)}" if column == 0 else "", loc="left", fontweight="bold")
            if row == len(modes) - 1:
                ax.set_xlabel(title.rstrip())
    _share_limits([ax for ax, (title, _) in zip(axes[0], panels, strict=True) if title.startswith("accuracy")])
    keys = [*_kind_keys(styles), plots.key("#000000", "mean of the seeds", "|", markersize=6.5, markeredgewidth=1.0)]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys))
    caption = (
        "Split methods: accuracy lost at the split, averaged over tasks, by how neurons of other tasks are disabled; "
        "and modularity of the split. Each seed a point, their mean a bar."
    )
    if references:
        caption += " On the grey band, the reference: random splits."
    yield Drawing("methods", figure, _points_and_means(points, means, ["panel", "inputs", "kind", "row"]), caption)


@FIGURES.register("training")
def training(results: Results) -> Iterator[Drawing]:
    """Show the loss, the transport and density costs and the accuracy of each task over the epochs of training."""
    lines, tasks = _histories(results)
    quantities = [name for name in _QUANTITIES if (lines["quantity"] == name).any()]
    if not quantities:
        raise NotApplicableError(f"expected networks with a history of {', '.join(_QUANTITIES)}, found none")
    means = over_networks(lines, ["quantity", "inputs", "kind", "task", "epoch"])
    modes = [mode for mode in results.inputs if (lines["inputs"] == mode).any()]
    styles, dashes = plots.kind_styles(results.kinds), plots.task_lines(tasks)
    width = SINGLE if len(modes) == 1 else DOUBLE
    figure = Figure(figsize=(width, 1.25 * len(quantities) + 0.6))
    axes = figure.subplots(len(quantities), len(modes), squeeze=False, sharex="col", sharey="row")
    for row, quantity in enumerate(quantities):
        for column, mode in enumerate(modes):
            ax = axes[row, column]
            here = (lines["quantity"] == quantity) & (lines["inputs"] == mode)
            own = (means["quantity"] == quantity) & (means["inputs"] == mode)
            plots.curves(ax, lines[here], means[own], styles, dashes)
            _head(ax, row * len(modes) + column, label(mode) if row == 0 else "")
            ax.grid(axis="y")
            if column == 0:
                ax.set_ylabel(_QUANTITIES[quantity])
            if row == len(quantities) - 1:
                ax.set_xlabel("epoch")
        values = lines.loc[lines["quantity"] == quantity, "value"]
        if quantity != "accuracy" and values.min() > 0 and values.max() > 20 * values.min():
            axes[row, 0].set_yscale("log")
    keys: list[Artist] = [plots.patch(colour, label(kind)) for kind, (colour, _) in styles.items()]
    keys += [plots.line(dash, task) for task, dash in dashes.items()]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 4 if width == SINGLE else 8))
    figure.align_ylabels(axes[:, 0])
    caption = (
        "Training: loss (with the costs, where a network pays them), transport cost, density cost and accuracy of each "
        "task on held-out examples, after every epoch. Thin: one seed; bold: the mean of the seeds."
    )
    numbers = _points_and_means(lines, means, ["quantity", "inputs", "kind", "task", "epoch"])
    yield Drawing("training", figure, numbers, caption)


@FIGURES.register("ablations")
def ablations(results: Results) -> Iterator[Drawing]:
    """Show Table 1 as a picture: the accuracy after the split by ablation, beside that of the whole network."""
    method = default_method(results)
    accuracy = results.per_network("accuracy").rename(columns={"ablation": "column"})
    points = accuracy[((accuracy["split"] == FULL) & (accuracy["column"] == "")) | (accuracy["split"] == method)]
    columns = {name: label(name) for name in results.ablations if (points["column"] == name).any()}
    if not columns:
        raise NotApplicableError("expected scores accuracy of split networks, found none")
    means = over_networks(points, ["inputs", "kind", "column"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    styles = plots.kind_styles(results.kinds)
    across = min(len(modes), 3)
    down = -(-len(modes) // across)
    figure = Figure(figsize=(SINGLE if across == 1 else DOUBLE, 2.0 * down + 0.4))
    axes = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    texts = {name: text.replace(" ", "\n", 1) for name, text in columns.items()}
    for number, (ax, mode) in enumerate(zip(axes, modes, strict=False)):
        plots.levels(ax, points[points["inputs"] == mode], means[means["inputs"] == mode], texts, styles)
        _head(ax, number, label(mode), several=len(modes) > 1)
        if number % across == 0:
            ax.set_ylabel("accuracy after the split")
    for ax in axes[len(modes) :]:
        ax.set_axis_off()
    whole = plots.line(plots.WHOLE, "full network")
    figure.legend(handles=[*_kind_keys(styles), whole], loc="outside lower center", ncols=len(styles) + 1)
    caption = (
        f"Accuracy after the split (method: {method}), averaged over tasks, by how neurons of other tasks are "
        "disabled. Hollow: one seed; filled: their mean, the bar one sample standard deviation; dashed: full network."
    )
    yield Drawing("ablations", figure, _points_and_means(points, means, ["inputs", "kind", "column"]), caption)


def _spatial_networks(results: Results) -> dict[str, tuple[Network, Split]]:
    """Return the first network with positions of each input mode, and its split; spatial ones before others."""
    method, shown = default_method(results), dict[str, tuple[Network, Split]]()
    members = results.members.sort_values("kind", key=lambda kind: kind != "spatial", kind="stable")
    for mode in results.inputs:
        for name in members.loc[members["inputs"] == mode, "network"]:
            split = results.splits.get(name, {}).get(method)
            if split is None:
                continue
            network = results.network(name)
            if network.split_layers and all(network.layers[k].position is not None for k in network.split_layers):
                shown[mode] = (network, split)
                break
    if not shown:
        raise NotApplicableError(f"expected a network with positions and a split by {method}, found none")
    return shown


def _limits(frames: list[pd.DataFrame]) -> NDArray[np.float64]:
    """Return the range of x and of y over all panels, with a margin, ``(2, 2)``."""
    points = pd.concat(frames)[["x", "y"]]
    ends = np.column_stack([points.min(), points.max()])
    margin = 0.04 * max(float(np.ptp(ends, axis=1).max()), 1e-6)
    return np.asarray(ends + np.array([-margin, margin]))


def _tasks(shown: dict[str, tuple[Network, Split]]) -> list[str]:
    return list(dict.fromkeys(task for network, _ in shown.values() for task in network.tasks))


def _dim(network: Network) -> int:
    position = network.layers[network.split_layers[0]].position
    return 0 if position is None else position.shape[1]


def _neurons(network: Network, split: Split) -> pd.DataFrame:
    """Return the neurons to draw: layer, neuron, x, y and task, the names joined by + if several and "" if none."""
    frames = []
    for number in network.split_layers:
        layer, members = network.layers[number], split.membership[number]
        strength = np.zeros(layer.size)
        for connection in network.connections:
            if connection.target == number:
                strength += np.abs(connection.weight).sum(axis=1)
        names = ["+".join(np.array(network.tasks)[row]) for row in members]
        own = pd.DataFrame({"layer": layer.name, "neuron": np.arange(layer.size), "task": names})
        own[[f"p{axis}" for axis in range(_dim(network))]] = layer.position
        frames.append(own[strength > MIN_INPUT_STRENGTH])
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        raise NotApplicableError(f"{network.name}: expected input weights that sum to more than {MIN_INPUT_STRENGTH}")
    coordinates = frame.filter(regex=r"^p\d+$").to_numpy(float)
    frame[["x", "y"]] = _plane(coordinates)
    if coordinates.shape[1] == 1:
        frame["y"] = frame["layer"].map({network.layers[k].name: float(k) for k in network.split_layers})
    return frame[["layer", "neuron", "x", "y", "task"]]


def _plane(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two coordinates of each neuron, ``(neurons, 2)``: its own, or of more than two the principal ones."""
    dim = coordinates.shape[1]
    if dim == 2 or len(coordinates) == 0:
        return coordinates[:, :2]
    if dim == 1:
        return np.column_stack([coordinates, np.zeros(len(coordinates))])
    centred = coordinates - coordinates.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1].T[:-3:-1]  # eigenvalues ascend: the last two, the last one first
    # The sign of a principal axis is arbitrary; fixed by its largest entry, the picture is the same on every machine.
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray(centred @ (axes * signs[:, None]).T)


def _axis_names(dim: int) -> tuple[str, str]:
    if dim <= 2:
        return "x (arbitrary units)", "y (arbitrary units)"
    return "1st principal coordinate", "2nd principal coordinate"


def _projection(shown: dict[str, tuple[Network, Split]]) -> str:
    """Say how positions became points of the plane, if they are not that already."""
    dims = {_dim(network) for network, _ in shown.values()}
    texts = []
    if 1 in dims:
        texts.append("Positions on a line.")
    if max(dims) > 2:
        texts.append(f"Positions of {max(dims)} dimensions are shown by their first two principal coordinates.")
    return " ".join(texts)


def _connections(network: Network, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the connections to draw, and how many between each pair of layers are left out for their number."""
    drawn, left_out = [], []
    for connection in network.split_connections:
        names = network.layers[connection.source].name, network.layers[connection.target].name
        source, target = (frame[frame["layer"] == name].reset_index(drop=True) for name in names)
        weight = connection.weight[np.ix_(target["neuron"].to_numpy(int), source["neuron"].to_numpy(int))]
        to, start = np.nonzero(np.abs(weight) > MIN_WEIGHT)
        strongest = np.argsort(-np.abs(weight[to, start]), kind="stable")[:MAX_LINES]
        left_out.append({"layer": names[0], "target": names[1], "connections": len(to) - len(strongest)})
        to, start = to[strongest], start[strongest]
        own = source.iloc[start].reset_index(drop=True)
        own = own.rename(columns={"x": "source_x", "y": "source_y", "neuron": "source_neuron"})
        ends = target.iloc[to].reset_index(drop=True)
        own = own.assign(source=names[0], target=names[1], target_neuron=ends["neuron"])
        own = own.assign(target_x=ends["x"], target_y=ends["y"], weight=weight[to, start].astype(float))
        drawn.append(own.assign(strength=own["weight"].abs() / max(own["weight"].abs().max(), 1e-12)))
    empty = pd.DataFrame(columns=["source", "strength"])
    return (pd.concat(drawn, ignore_index=True) if drawn else empty), pd.DataFrame(left_out)


def _histories(results: Results) -> tuple[pd.DataFrame, list[str]]:
    """Return what networks recorded while they were trained, one row per value, and the names of the tasks."""
    frames, tasks = [], dict[str, None]()
    for member in results.members.itertuples(index=False):
        network = results.network(str(member.network))
        tasks |= dict.fromkeys(network.tasks)
        for quantity in _QUANTITIES:
            values = network.history.get(quantity)
            if values is None or not len(values):
                continue
            columns = {"": values} if values.ndim == 1 else dict(zip(network.tasks, values.T, strict=True))
            for task, column in columns.items():
                epochs = np.arange(1, len(column) + 1)
                facts = {"network": member.network, "kind": member.kind, "inputs": member.inputs, "seed": member.seed}
                curve = {"quantity": quantity, "task": task, "epoch": epochs, "value": column.astype(float)}
                frames.append(pd.DataFrame({**facts, **curve}))
    empty = pd.DataFrame(columns=["quantity", "inputs"])
    return (pd.concat(frames, ignore_index=True) if frames else empty), list(tasks)


def _points_and_means(points: pd.DataFrame, means: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what a figure shows as one tidy frame: each seed's value, and the mean and deviation of the seeds."""
    columns = [*keys, "statistic", "network", "seed", "value"]
    parts = [points.assign(statistic="seed")[columns]]
    for statistic in ("mean", "sd"):
        part = means.drop(columns="value", errors="ignore").rename(columns={statistic: "value"})
        parts.append(part.dropna(subset="value").assign(statistic=statistic).reindex(columns=columns))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _first(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a frame with these columns before the others."""
    return frame[[*columns, *(name for name in frame.columns if name not in columns)]]


def _head(ax: Axes, number: int, title: str, several: bool = True) -> None:
    """Write a panel's letter and title above it."""
    ax.set_title(title)
    if several:
        ax.set_title(chr(ord("a") + number % 26), loc="left", fontweight="bold")


def _kind_keys(styles: dict[str, plots.Style]) -> list[Artist]:
    return [plots.key(colour, label(kind), marker) for kind, (colour, marker) in styles.items()]


def _share_limits(axes: Sequence[Axes]) -> None:
    """Give panels of one quantity the same horizontal range, so that they can be compared by eye."""
    if axes:
        limits = np.array([ax.get_xlim() for ax in axes])
        for ax in axes:
            ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())
