"""What split methods say of the same neurons, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.graph.graph import IntArray
from spatialgraph.graph.split import Split
from spatialgraph.splits.degenerate import is_degenerate

from .. import plots
from ..evidence import Evidence
from ..labels import inputs_label, kind_in_text, kind_label
from ..results import Results
from ..tables import over_networks
from ..wording import listed
from .chosen import Shown, networks_with_positions
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .neurons import (
    dim_of,
    limits_of,
    neurons_of,
    projection,
    task_keys,
    tasks_of,
    thinned,
    units_said,
    weak_said,
)
from .page import Page
from .panels import first, head, letter, of_references

MOST = "most methods"
"""The panel of what most methods say."""

_ACROSS = 4
_HALF = 0.5  # the share of methods that disagree at which a colour is full
_MEASURE = "adjusted-rand"
# A cell must be so wide, in inches, for a number of three characters.
_CELL = 0.19


@figure("splits")
def splits(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the split of a network by every method side by side, and mark the neurons on which methods disagree."""
    shown = networks_with_positions(results, choice)
    for one in shown if choice.networks is not None else shown[:1]:
        name = "splits" if choice.networks is None else f"splits-{one.slug}"
        made = results.splits[one.network.name]
        yield _splits_of(one, {method: made[method] for method in results.methods if method in made}, name, page)


def majority(made: Sequence[Split], tasks: int) -> tuple[dict[int, IntArray], dict[int, NDArray[np.float64]]]:
    """Return the task that most splits give to each neuron, and the share of the splits that give another.

    Args:
        made: partitions of the same neurons, at least one.
        tasks: how many tasks there are.

    Returns:
        by layer number, ``(units,)`` each: the number of the task, −1 for none, ties going to the first task and to
        none last; and a share, from 0 where all splits agree to below 1.

    Example:
        >>> made = [Split.from_labels("by hand", {1: labels}, tasks=2) for labels in ([0, 1], [0, 0], [1, -1])]
        >>> most, share = majority(made, 2)
        >>> most[1].tolist(), share[1].round(2).tolist()
        ([0, 0], [0.33, 0.67])
    """
    most, share = {}, {}
    for number in made[0].membership:
        labels = np.stack([split.labels(number) for split in made])
        votes = np.stack([(labels == task).sum(axis=0) for task in (*range(tasks), -1)])
        winner = votes.argmax(axis=0)
        most[number] = np.where(winner == tasks, -1, winner).astype(np.int64)
        share[number] = np.asarray(1 - votes.max(axis=0) / len(made))
    return most, share


def _splits_of(one: Shown, made: Mapping[str, Split], name: str, page: Page) -> Drawing:
    """Draw the split of one network by every method, after what most of them say."""
    network, base = one.network, neurons_of(one.network, one.split)
    voters = _voters(made)
    if not voters:
        raise NotApplicableError(f"{network.name}: expected a partition by at least one split method, found none")
    most, share = majority([made[method] for method in voters], len(network.tasks))
    tasks = {k: [network.tasks[task] if task >= 0 else "" for task in labels] for k, labels in most.items()}
    frames = {MOST: _marked(base, network, tasks, share)}
    references = of_references(made)
    for method in [*(method for method in made if method not in references), *references]:
        frames[method] = _marked(base, network, tasks_of(network, made[method]), _departs(made[method], most))
    everything = pd.concat([frame.assign(split=panel) for panel, frame in frames.items()], ignore_index=True)
    wrong = [method for method, split in made.items() if is_degenerate(split)]
    figure = _small_panels(frames, everything, network, wrong, page)
    units = units_said([one])
    caption = (
        f"{network.name} ({inputs_label(one.inputs)}), one network, so n = 1, split by every method; {units} lie where "
        f"training put them. (a) The task that most methods give to a {units.removesuffix('s')}. Methods that give it "
        f"one task at most have a vote each ({', '.join(voters)}); ties go to the task named first. Pale: all methods "
        "agree. Full colour: half of them or more disagree. Other panels: full colour where the method departs from "
        f"(a), pale where it agrees. {'A random split departs by chance alone. ' * bool(references)}"
        f"{f'Degenerate, no task modules: {listed(wrong)}. ' if wrong else ''}"
        f"{weak_said([one])} {thinned([one])} {projection([one])}"
    )
    numbers = first(everything.assign(network=network.name), "network", "split")
    return Drawing(name, figure, numbers, " ".join(caption.split()))


def _voters(made: Mapping[str, Split]) -> list[str]:
    """Return the methods that have a vote: partitions that are neither references nor degenerate."""
    good = [method for method, split in made.items() if split.is_partition and not is_degenerate(split)]
    references = of_references(good)
    return [method for method in good if method not in references]


def _departs(split: Split, most: Mapping[int, IntArray]) -> dict[int, NDArray[np.float64]]:
    """Return whether each neuron departs from what most methods say, ``(units,)`` by layer number: 0, or 1 if so."""
    departs = {}
    for number, members in split.membership.items():
        task = most[number]
        agrees = np.where(task >= 0, members[np.arange(len(task)), task], ~members.any(axis=1))
        departs[number] = np.where(agrees, 0.0, 1.0)
    return departs


def _marked(
    base: pd.DataFrame, network: Graph, tasks: Mapping[int, Sequence[str]], share: Mapping[int, NDArray[np.float64]]
) -> pd.DataFrame:
    """Return the neurons of a frame with other tasks, and the share of methods that disagree."""
    number = {network.populations[k].name: k for k in network.split_populations}
    places = [(number[layer], neuron) for layer, neuron in zip(base["layer"], base["neuron"], strict=True)]
    disagree = [float(share[k][unit]) for k, unit in places]
    return base.assign(task=[tasks[k][unit] for k, unit in places], disagree=disagree)


def _small_panels(
    frames: Mapping[str, pd.DataFrame], everything: pd.DataFrame, network: Graph, wrong: Sequence[str], page: Page
) -> FigureBase:
    """Draw a small panel for each frame, and the legend."""
    colours = plots.task_colours(network.tasks)
    markers = plots.layer_markers(list(dict.fromkeys(everything["layer"])))
    rows, limits = -(-len(frames) // _ACROSS), limits_of(everything)
    # Four rows, of all methods there are, fit a page.
    ratio = 0.6 if dim_of(network) == 1 else float(np.clip(np.divide(*np.ptp(limits, axis=1)[::-1]), 0.4, 1.15))
    height = rows * (ratio * (DOUBLE / _ACROSS - 0.15) + 0.26) + 0.6
    figure, grid = page.panels(DOUBLE, height, rows, _ACROSS, "compressed", sharex=True, sharey=True)
    axes = grid.ravel()
    for number, (ax, (panel, frame)) in enumerate(zip(axes, frames.items(), strict=False)):
        shade = np.minimum(frame["disagree"] / _HALF, 1.0)
        plots.neurons(ax, frame.assign(shade=shade), colours, markers, scale=0.7)
        ax.set_title(f"{panel}\n(degenerate)" if panel in wrong else panel, fontsize=7)
        ax.set_title(letter(number), loc="left", fontweight="bold")
        ax.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[])
        ax.set_aspect("auto" if dim_of(network) == 1 else "equal")
        for spine in ax.spines.values():
            spine.set(visible=True, color="#BBBBBB")
    for ax in axes[len(frames) :]:
        ax.set_axis_off()
    keys = task_keys(colours, everything["task"])
    keys += [plots.key("#444444", layer, marker, filled=False) for layer, marker in markers.items()]
    keys += [plots.key(plots.paler("#444444", 0.0), "agrees"), plots.key("#444444", "disagrees")]
    page.legend(figure, keys, 5)
    return figure


@figure("agreement")
def agreement(results: Results, _choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show how far every two split methods agree on which neurons belong together, for each kind of network."""
    rows = Evidence.of(results).agreement
    rows = rows[(rows["measure"] == _MEASURE) & (rows["split"] != rows["other"]) & rows["kind"].isin(results.kinds)]
    if rows.empty:
        raise NotApplicableError(f"expected agreements ({_MEASURE}) of split methods in agreement.csv, found none")
    kinds = [kind for kind in results.kinds if (rows["kind"] == kind).any()]
    methods = [method for method in results.methods if rows[["split", "other"]].isin([method]).any(axis=None)]
    means = over_networks(rows, ["kind", "split", "other"])
    matrices = {kind: similarities(means[means["kind"] == kind], methods) for kind in kinds}
    order = by_similarity(np.stack(list(matrices.values())))
    names = [methods[place] for place in order]
    ordered = {kind: matrix[np.ix_(order, order)] for kind, matrix in matrices.items()}
    figure = _agreement_panels(ordered, names, page)
    counts = {kind: rows.loc[rows["kind"] == kind, "network"].nunique() for kind in kinds}
    caption = (
        "Agreement of split methods on which units belong together: the adjusted Rand index, in hundredths. 100: the "
        "same modules. 0: as by chance, where shades end. Numbers are means over networks of all input modes and "
        f"seeds: n = {listed(f'{count} {kind_in_text(kind)}' for kind, count in counts.items())}. Methods are ordered "
        "so that similar ones are neighbours (average linkage). Degenerate splits are left out. Hatched: no network "
        "has both splits, neither degenerate."
    )
    numbers = means.rename(columns={"n": "networks"}).drop(columns="sd").assign(measure=_MEASURE)
    yield Drawing("agreement", figure, numbers, caption)


def similarities(means: pd.DataFrame, methods: Sequence[str]) -> NDArray[np.float64]:
    """Return how far every two methods agree, ``(methods, methods)``: 1 with themselves, nan where it is not known.

    Example:
        >>> means = pd.DataFrame({"split": ["a"], "other": ["b"], "mean": [0.25]})
        >>> similarities(means, ["a", "b"]).tolist()
        [[1.0, 0.25], [0.25, 1.0]]
    """
    matrix = np.full((len(methods), len(methods)), np.nan)
    place = {method: number for number, method in enumerate(methods)}
    one, other = means["split"].map(place).to_numpy(int), means["other"].map(place).to_numpy(int)
    matrix[one, other] = matrix[other, one] = means["mean"]
    known = [*one.tolist(), *other.tolist()]
    matrix[known, known] = 1.0
    return matrix


def by_similarity(matrices: NDArray[np.float64]) -> list[int]:
    """Return an order in which similar rows are neighbours.

    It is the order of the leaves of a tree by average linkage, whose branches are flipped so that the summed distance
    of neighbours is smallest: "Fast optimal leaf ordering for hierarchical clustering", Bar-Joseph et al. 2001,
    doi:10.1093/bioinformatics/17.suppl_1.S22.

    Args:
        matrices: ``(groups, rows, rows)``, symmetric, at most 1; averaged over the groups, without nan. Pairs with no
            value count as dissimilar.

    Example:
        >>> by_similarity(np.array([[[1.0, 0.1, 0.9], [0.1, 1.0, 0.2], [0.9, 0.2, 1.0]]]))
        [1, 2, 0]
    """
    known = ~np.isnan(matrices)
    mean = np.where(known, matrices, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    distance = 1 - mean
    np.fill_diagonal(distance, 0.0)
    if len(distance) < 3:
        return list(range(len(distance)))
    # These take a tenth of what figures take to import; no other figure needs them.
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]


def _agreement_panels(matrices: Mapping[str, NDArray[np.float64]], names: Sequence[str], page: Page) -> FigureBase:
    """Draw a matrix for each kind of network, at most two side by side."""
    across = min(len(matrices), 2)
    down = -(-len(matrices) // across)
    width = SINGLE if across == 1 and len(names) <= 8 else DOUBLE
    cell = (width - 1.4) / (across * len(names))
    height = down * (min(cell, 0.24) * len(names) + 0.25) + 1.05
    figure, axes = page.panels(width, height, down, across)
    norm = Normalize(0, 100, clip=True)
    for place, (ax, (kind, matrix)) in enumerate(zip(axes.ravel(), matrices.items(), strict=False)):
        texts = np.array(
            [[f"{100 * value:.0f}".replace("-0", "0").replace("-", "−") for value in row] for row in matrix]
        )
        rows, columns = names if place % across == 0 else [], names if place >= len(matrices) - across else []
        plots.heat(ax, 100 * matrix, rows, columns, norm, texts if cell >= _CELL else None)
        ax.tick_params(axis="x", rotation=90)
        head(ax, place, kind_label(kind), several=len(matrices) > 1)
    for ax in axes.ravel()[len(matrices) :]:
        ax.set_axis_off()
    plots.colour_bar(
        figure, axes.ravel().tolist(), norm, "adjusted Rand index × 100", fraction=0.025, pad=0.01, aspect=30
    )
    return figure
