"""What modules do: accuracy with the neurons of one task alone, and without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.nulls import RANDOM_SPLIT

from .. import plots
from ..columns import FULL, GUESSED
from ..evidence import Evidence
from ..labels import ablation_label, inputs_label, kind_label, slug
from ..results import Results
from ..tables import over_networks
from ..wording import counted, number
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import (
    cross_key,
    crosses_said,
    head,
    kind_keys,
    letter,
    marked,
    n_said,
    networks_said,
    points_and_means,
    telling,
    with_intervals,
    wrapped,
)

_LEFT = {"own": "own\nmodule", "random": "random\nmodule", "other": "other\nmodules"}
# The width of a character of 7 points, in inches, or a little more.
_CHARACTER = 0.062
_GROUP = ["ablation", "inputs", "kind"]
# So many columns of cells, side by side, still have room for their numbers: in two columns of a page, and in one.
_CELLS, _FEW = 26, 8


@figure("masking")
def masking(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the accuracy that is left to a task by its own module, by those of the others, and by random neurons."""
    method = choice.method_of(results)
    results, left_out = telling(results)
    points = _accuracies(results, method)
    ablations = [name for name in results.ablations if (points["ablation"] == name).any()]
    if not ablations:
        raise NotApplicableError(f"expected scores accuracy of splits by {method}, in tasks that can fail, found none")
    means = with_intervals(points[~points["degenerate"]], ["ablation", "inputs", "kind", "column"])
    modes = [mode for mode in results.inputs if (points["inputs"] == mode).any()]
    columns = {name: text for name, text in _LEFT.items() if (points["column"] == name).any()}
    styles = plots.kind_styles(results.kinds)
    guesses = _guesses(results)
    width, height = SINGLE if len(modes) == 1 else DOUBLE, 1.5 * len(ablations) + 0.75
    figure, axes = page.panels(width, height, len(ablations), len(modes), sharex=True, sharey=True)
    for row, ablation in enumerate(ablations):
        for place, mode in enumerate(modes):
            ax = axes[row, place]
            here, own = (
                frame[(frame["inputs"] == mode) & frame["ablation"].isin(["", ablation])] for frame in (points, means)
            )
            plots.levels(ax, here, own, columns, styles)
            if mode in guesses:
                ax.axhline(guesses[mode], color="#777777", linewidth=0.7, linestyle=plots.GUESS, zorder=1)
            head(ax, row * len(modes) + place, inputs_label(mode) if row == 0 else "", several=axes.size > 1)
        axes[row, 0].set_ylabel(f"{wrapped(ablation_label(ablation))}\naccuracy")
    keys = [*kind_keys(styles), plots.line(plots.WHOLE, "whole network")]
    keys += [plots.line(plots.GUESS, "guessing", "#777777")] if guesses else []
    keys += [cross_key()] if points["degenerate"].any() else []
    page.legend(figure, keys, 6 if width == DOUBLE else 3)
    numbers = points_and_means(points, means, [*_GROUP, "column"])
    caption = _masking_caption(method, columns, points, bool(guesses)) + left_out
    yield Drawing("masking", figure, numbers, caption)


def _guesses(results: Results) -> dict[str, float]:
    """Return for each input mode the accuracy of always giving the same answer, averaged over tasks and networks."""
    means = results.per_network(GUESSED).groupby("inputs")["value"].mean()
    return {str(mode): float(value) for mode, value in means.items()}


def _accuracies(results: Results, method: str) -> pd.DataFrame:
    """Return accuracies of every network, averaged over tasks: of members, then ablation, column, value, degenerate.

    ``column`` is ``""`` for the whole network, else a key of `_LEFT`.
    """
    accuracy, leaked = results.per_network("accuracy"), results.per_network("leaked-accuracy")
    nulls = Evidence.of(results).nulls
    nulls = nulls[(nulls["null"] == RANDOM_SPLIT) & (nulls["metric"] == "accuracy") & (nulls["split"] == method)]
    drawn = nulls.groupby(["network", "ablation"], sort=False)["mean"].mean().rename("value").reset_index()
    parts = {
        "": accuracy[accuracy["split"] == FULL],
        "own": accuracy[accuracy["split"] == method],
        "random": results.members.merge(drawn, on="network").assign(split=method),
        "other": leaked[leaked["split"] == method],
    }
    columns = [*results.members.columns, "ablation", "column", "value", "degenerate"]
    frames = [marked(results, part).assign(column=name)[columns] for name, part in parts.items() if len(part)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _masking_caption(method: str, columns: dict[str, str], points: pd.DataFrame, guesses: bool) -> str:
    """Say what is left of the networks in each column, and where chance lies."""
    text = (
        f"Accuracy that is left when units are disabled (split method: {method}), averaged over tasks. Rows differ "
        "in how units are disabled. Own module: only the units that serve the task are left."
    )
    if "random" in columns:
        text += " Random module: the control, as many units in each layer, drawn at random; mean of the draws."
    if "other" in columns:
        text += " Other modules: only units that serve other tasks are left, and the outputs of the task."
    text += f" Hollow: one seed; filled: their mean; dashed: the whole network. {n_said(points)}"
    if guesses:
        text += " Chance lies at the dotted line: the accuracy of always giving the same answer."
    return text + crosses_said(points.assign(split=method))


@figure("selectivity")
def selectivity(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show how much accuracy each task loses without each module."""
    method = choice.method_of(results)
    results, left_out = telling(results)
    lost = marked(results, losses(results.scores, method).assign(split=method))
    wrong, lost = lost[lost["degenerate"]], lost[~lost["degenerate"]]
    if lost.empty:
        raise NotApplicableError(
            f"expected scores accuracy-without of splits by {method}, in tasks that can fail, found none"
        )
    means = over_networks(lost, [*_GROUP, "module", "task"])
    modes = [mode for mode in results.inputs if (means["inputs"] == mode).any()]
    cells = len(results.kinds) * means["task"].nunique()
    together = cells * len(modes) <= _CELLS
    caption = (
        "Accuracy that each task (column) loses when the units of one module (row) are disabled, in percentage "
        f"points (split method: {method}). Numbers are means: n = {networks_said(lost)} of each kind and input mode; "
        "the table beside this figure has each seed. A unit of several tasks is in each of their modules. Task "
        "modules have large numbers on the diagonal alone. 0 is a module that the task does not need. Shades end at 0; "
        "what is negative is a gain."
    )
    if len(wrong):
        names = wrong["network"].nunique()
        caption += f" Left out: {counted(names)} whose split is degenerate. Hatched: none is left."
    caption += left_out
    for shown in [modes] if together else [[mode] for mode in modes]:
        own = means[means["inputs"].isin(shown)]
        figure = _selectivity_panels(own, shown, results, page, numbers=cells * len(shown) <= _CELLS)
        name = "selectivity" if len(shown) == len(modes) else f"selectivity-{slug(shown[0])}"
        numbers = points_and_means(lost[lost["inputs"].isin(shown)], own, [*_GROUP, "module", "task"])
        yield Drawing(name, figure, numbers, caption)


def losses(scores: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the accuracy that each task of each network loses without each module.

    Args:
        scores: rows with the columns of ``scores.csv``.
        method: the split method.

    Returns:
        columns network, kind, inputs, seed, ablation, module, task, value (0 to 1; below 0 where accuracy is gained).

    Example:
        >>> columns = ["network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value"]
        >>> network = ("a", "spatial", "mix", 0)
        >>> rows = [(*network, "none", "", "accuracy", "digits", 0.75)]
        >>> rows += [(*network, "greedy", "zero", "accuracy-without:letters", "digits", 0.5)]
        >>> losses(pd.DataFrame(rows, columns=columns), "greedy")[["module", "task", "value"]].to_numpy().tolist()
        [['letters', 'digits', 0.25]]
    """
    prefix = "accuracy-without:"
    full = scores[(scores["metric"] == "accuracy") & (scores["split"] == FULL)]
    without = scores[scores["metric"].str.startswith(prefix) & (scores["split"] == method)]
    both = without.merge(full[["network", "task", "value"]], on=["network", "task"], suffixes=("", "_full"))
    both = both.assign(module=both["metric"].str.removeprefix(prefix), value=both["value_full"] - both["value"])
    return both[["network", "kind", "inputs", "seed", "ablation", "module", "task", "value"]].dropna(subset="value")


def _selectivity_panels(
    means: pd.DataFrame, modes: Sequence[str], results: Results, page: Page, numbers: bool
) -> FigureBase:
    """Draw a row of panels for each ablation, and in it the kinds of network side by side for each input mode."""
    tasks = list(dict.fromkeys(means["task"]))
    ablations = [name for name in results.ablations if (means["ablation"] == name).any()]
    kinds = [kind for kind in results.kinds if (means["kind"] == kind).any()]
    columns = [(mode, kind) for mode in modes for kind in kinds]
    width = SINGLE if len(columns) <= 2 and len(columns) * len(tasks) <= _FEW else DOUBLE
    height = len(ablations) * (max(0.24 * len(tasks), 0.62) + 0.25) + 1.0
    figure = page.figure(width, height, len(ablations) * len(columns))
    axes = _grouped(page, figure, len(ablations), len(modes), len(kinds))
    norm = Normalize(0, max(100 * means["mean"].max(), 1), clip=True)
    for row, ablation in enumerate(ablations):
        for column, (mode, kind) in enumerate(columns):
            ax = axes[row, column]
            own = means[(means["ablation"] == ablation) & (means["inputs"] == mode) & (means["kind"] == kind)]
            table = 100 * own.pivot(index="module", columns="task", values="mean").reindex(tasks, columns=tasks)
            texts = np.array([[number(value, 0) for value in line] for line in table.to_numpy()])
            names = tasks if column == 0 else [], tasks if row == len(ablations) - 1 else []
            plots.heat(ax, table.to_numpy(), *names, norm, texts if numbers else None)
            if axes.size > 1:
                ax.set_title(letter(row * len(columns) + column), loc="left", fontweight="bold")
            if row == 0:
                ax.set_title(wrapped(kind_label(kind)))
        axes[row, 0].set_ylabel(f"{wrapped(ablation_label(ablation))}\nmodule")
    for place, mode in enumerate(modes):
        # In the middle above the panels of the mode; the layout would make room for it beside the first.
        above = 24 if any(" " in kind_label(kind) for kind in kinds) else 15
        at = {"xy": (len(kinds) / 2 + 0.04, 1), "xycoords": "axes fraction", "xytext": (0, above), "fontsize": 8}
        name = axes[0, place * len(kinds)].annotate(inputs_label(mode), textcoords="offset points", ha="center", **at)
        name.set_in_layout(False)
    if isinstance(figure, Figure) and page.into is None:
        figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - 0.16 / figure.get_figheight()))
    fits = max(map(len, tasks)) * _CHARACTER < (width - 1.5) / (len(columns) * len(tasks))
    for ax in axes[-1]:
        ax.set_xlabel("task")
        ax.tick_params(axis="x", rotation=0 if fits else 90)
    plots.colour_bar(figure, axes.ravel().tolist(), norm, "accuracy lost (points)", fraction=0.03, pad=0.01, aspect=30)
    return figure


def _grouped(page: Page, figure: FigureBase, rows: int, groups: int, size: int) -> NDArray[np.object_]:
    """Return panels in rows, ``(rows, groups · size)``, with a gap between groups of them."""
    if isinstance(page.into, Axes):
        return np.array([[page.into]], dtype=object)
    widths = [*([1.0] * size), 0.12] * groups
    grid = figure.add_gridspec(rows, len(widths) - 1, width_ratios=widths[:-1])
    places = [column for column in range(len(widths) - 1) if widths[column] == 1]
    return np.array([[figure.add_subplot(grid[row, place]) for place in places] for row in range(rows)])
