"""Networks as they lie in space: neurons from above, and layers as slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spatialgraph.splits.degenerate import is_degenerate

from .. import plots
from ..labels import inputs_label, kind_label
from ..results import Results
from ..wording import listed
from . import neurons
from .chosen import Shown, counterpart, networks_with_positions
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .neurons import (
    CROSSING,
    MIN_WEIGHT,
    axis_names,
    degenerate_said,
    dim_of,
    limits_of,
    lines_of,
    neurons_in_order,
    neurons_of,
    projection,
    task_keys,
    tasks_shown,
    thinned,
    units_said,
    weak_said,
    widened,
)
from .page import Page
from .panels import first, head


@figure("positions")
def positions(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the neurons of the split layers from above, coloured by task: the paper's Figure 1, for each input mode."""
    shown = networks_with_positions(results, choice)
    frames = [neurons_of(one.network, one.split) for one in shown]
    everything = pd.concat(frames)
    colours = plots.task_colours(tasks_shown(shown))
    markers = plots.layer_markers(list(dict.fromkeys(everything["layer"])))
    columns = 4 if len(shown) % 4 == 0 else min(len(shown), 3)
    limits = _limits(frames)
    rows, width = -(-len(shown) // columns), SINGLE if columns == 1 else DOUBLE
    ratio = float(np.divide(*np.ptp(limits[0], axis=1)[::-1]))
    height = rows * (ratio * (width / columns - 0.55) + 0.5) + 0.35
    figure, grid = page.panels(width, height, rows, columns, "compressed")
    axes = grid.ravel()
    for unused in axes[len(shown) :]:
        unused.set_axis_off()
    for number, (panel, one, frame) in enumerate(zip(axes, shown, frames, strict=False)):
        plots.neurons(panel, frame, colours, markers)
        head(panel, number, _titled(one.title, one), several=len(shown) > 1)
        _axes_of(panel, frame, dim_of(one.network), limits[number])
        horizontal, vertical = axis_names(dim_of(one.network))
        if number + columns >= len(shown):
            panel.set_xlabel(horizontal)
        if number % columns == 0 and dim_of(one.network) > 1:
            panel.set_ylabel(vertical)
    keys = task_keys(colours, everything["task"])
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    page.legend(figure, keys, 4 if columns == 1 else 8)
    numbers = pd.concat(
        [frame.assign(inputs=one.inputs, network=one.network.name) for one, frame in zip(shown, frames, strict=True)]
    )
    which = "one for each input mode" if choice.networks is None and len(shown) > 1 else "as chosen"
    caption = (
        f"{units_said(shown).capitalize()} of the split layers seen from above, coloured by task (split method: "
        f"{shown[0].split.method}). Each panel is one network, so n = 1 ({which}): "
        f"{', '.join(one.network.name for one in shown)}. {'Panels have ranges of their own. ' * (len(shown) > 1)}"
        f"{weak_said(shown)}{degenerate_said(shown)} {thinned(shown)} {projection(shown)}"
    )
    yield Drawing("positions", figure, first(numbers, "inputs", "network"), " ".join(caption.split()))


@figure("layers")
def layers(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the split layers as slices in space, with their connections, beside those of a network of the reference."""
    shown = networks_with_positions(results, choice)
    for one in shown:
        # Into axes there is room for one network alone.
        other = None if isinstance(page.into, Axes) else counterpart(results, one, choice)
        name = "layers" if len(shown) == 1 and choice.networks is None else f"layers-{one.slug}"
        yield _slices([one] if other is None else [other, one], name, results, page)


def _slices(shown: Sequence[Shown], name: str, results: Results, page: Page) -> Drawing:
    """Draw the layers of networks as slices, side by side if they have few layers."""
    frames = [_placed(one) for one in shown]
    drawn = [lines_of(one.network, frame) for one, frame in zip(shown, frames, strict=True)]
    colours = plots.task_colours(tasks_shown(shown))
    few = all(len(one.network.split_populations) <= 4 for one in shown)
    columns = len(shown) if few else 1
    width = SINGLE if few and columns == 1 else DOUBLE
    figure, axes = page.panels(width, width, len(shown) // columns, columns, "compressed")
    shares = [_share_said(results, one) for one in shown]
    for number, (panel, one, frame, share) in enumerate(zip(axes.ravel(), shown, frames, shares, strict=True)):
        names = [one.network.populations[k].name for k in one.network.split_populations]
        styles = colours | {CROSSING: plots.CROSSING}
        plots.slices(panel, frame, drawn[number][0], styles, {layer: layer for layer in names})
        title = "\n".join(filter(None, [_titled(kind_label(one.kind), one), share]))
        head(panel, number, title if len(shown) > 1 else "", several=len(shown) > 1)
    if page.into is None and isinstance(figure, Figure):
        shape = max(ax.dataLim.height / ax.dataLim.width for ax in axes.ravel())
        figure.set_figheight(0.4 + len(shown) // columns * (width / columns * shape + 0.35 * (len(shown) > 1)))
    keys = task_keys(colours, pd.concat(frames)["task"])
    if any((own["task"] == CROSSING).any() for own, _ in drawn if len(own)):
        keys.append(plots.line("-", CROSSING, plots.CROSSING))
    page.legend(figure, keys, 3 if width == SINGLE else 8)
    parts = [
        part.assign(part=word, network=one.network.name)
        for one, frame, (own, left_out) in zip(shown, frames, drawn, strict=True)
        for word, part in {"neuron": frame, "connection": own, "left out": left_out}.items()
        if len(part)
    ]
    counts = [int(left_out["connections"].sum()) for _, left_out in drawn]
    return Drawing(name, figure, first(pd.concat(parts), "part", "network"), _slices_caption(shown, shares, counts))


def _slices_caption(shown: Sequence[Shown], shares: Sequence[str], left_out: Sequence[int]) -> str:
    units, names = units_said(shown), [one.network.name for one in shown]
    counts = [
        f"{count} of {name}" if len(shown) > 1 else f"{count}" for name, count in zip(names, left_out, strict=True)
    ]
    text = (
        f"The split layers of {listed(names)} ({inputs_label(shown[-1].inputs)}), the output rightmost"
        f"{': one network of each kind, so n = 1' if len(shown) > 1 else ', one network, so n = 1'}. "
        f"{units.capitalize()} are coloured by task (split method: {shown[-1].split.method}), and so are connections "
        "if both of their ends serve it. "
    )
    text += f"{shares[-1].capitalize()}. " if len(shown) == 1 and shares[-1] else ""
    if any(not one.network.has_positions for one in shown):
        nowhere = listed(one.network.name for one in shown if not one.network.has_positions)
        text += f"{nowhere} has no positions: its {units} stand in the order of their layer, whatever the split. "
    strength = "absolute weight" if units == "neurons" else "strength"
    text += (
        f"{weak_said(shown)} Nor are connections of {strength} {MIN_WEIGHT} or less, and all but the "
        f"{neurons.MAX_LINES} strongest between two layers ({listed(counts)} left out).{degenerate_said(shown)} "
        f"{thinned(shown)} {projection([one for one in shown if one.network.has_positions])}"
    )
    return " ".join(text.split())


def _share_said(results: Results, one: Shown) -> str:
    """Return the share of the strength that crosses modules, as it was measured; ``""`` if it was not."""
    cut = results.per_network("cut")
    own = cut[(cut["network"] == one.network.name) & (cut["split"] == one.split.method)]["value"]
    return f"{100 * own.iloc[0]:.0f} % of the strength crosses modules" if len(own) else ""


def _placed(one: Shown) -> pd.DataFrame:
    """Return the neurons to draw on slices: where they lie, or in their order if they lie nowhere."""
    if not one.network.has_positions:
        return neurons_in_order(one.network, one.split)
    frame = neurons_of(one.network, one.split)
    return frame.assign(y=0.0) if dim_of(one.network) == 1 else frame


def _titled(title: str, one: Shown) -> str:
    return f"{title} (degenerate)" if is_degenerate(one.split) else title


def _limits(frames: Sequence[pd.DataFrame]) -> list[NDArray[np.float64]]:
    """Return the ranges of each panel, all of one shape, so that panels have one size."""
    own = [limits_of(frame) for frame in frames]
    shape = float(np.clip(np.max([np.divide(*np.ptp(limits, axis=1)[::-1]) for limits in own]), 0.4, 1.2))
    return [widened(limits, shape) for limits in own]


def _axes_of(ax: Axes, frame: pd.DataFrame, dim: int, limits: NDArray[np.float64]) -> None:
    """Give a panel its range; on a line, each layer has a row."""
    if dim == 1:
        ax.set_yticks(sorted(set(frame["y"])), list(dict.fromkeys(frame["layer"])))
        ax.margins(y=0.3)
    else:
        ax.set(aspect="equal", xlim=limits[0], ylim=limits[1])
