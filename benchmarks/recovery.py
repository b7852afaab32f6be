"""How well split methods recover planted modules: the figure and numbers in docs/methods.

    python benchmarks/recovery.py [--seeds 20] [--out docs/methods]

Two blocks of neurons in layers of 48, 64 and 16 units; the share of the strength of each connection that runs between
the blocks, the leakage, grows from 0 to 0.5, where there are no blocks left. Recovery is the adjusted Rand index
("Comparing partitions", Hubert & Arabie 1985, doi:10.1007/BF01908075) between the split and the blocks over the hidden
neurons: 1 if they are the same, 0 by chance; outputs have the tasks they belong to and do not count. Every method that
sees weights is tried on the same networks. The last panel shows what each partition cuts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialgraph.agreement import agreement
from spatialgraph.analyses.figures import DOUBLE, Drawing, save, style
from spatialgraph.analyses.statistics import interval_of_mean
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph.graph import Graph, IntArray
from spatialgraph.graph.planted import planted
from spatialgraph.metrics import cut
from spatialgraph.splits import SPLITS, Split, apply, sees

LEAKAGES = np.round(np.arange(0, 0.51, 0.05), 2)
SIZES = (48, 64, 16)
COLOUR, OTHER = "#0072B2", "#D9D9D9"
CUTS = {"planted": ("#8A8A8A", "--"), "greedy": ("#D55E00", "-"), "min-cut": ("#0072B2", "-")}
PLANTED = "planted"


def measured(seeds: int) -> Iterator[dict[str, object]]:
    """Yield recovery and cut of every method on every network."""
    for leakage in LEAKAGES:
        for seed in range(seeds):
            graph, labels = planted(float(leakage), SIZES, seed=seed)
            truth = Split.from_labels(PLANTED, labels, len(graph.tasks))
            yield {"method": PLANTED, "leakage": leakage, "seed": seed, "recovery": 1.0, "cut": cut(graph, truth)}
            for method in SPLITS:
                if sees(method) == "weights":
                    split = apply(method, graph, seed=seed)
                    own = {"method": method, "leakage": leakage, "seed": seed}
                    yield own | {"recovery": recovery(graph, labels, split), "cut": cut_of(graph, split)}


def recovery(graph: Graph, labels: dict[int, IntArray], split: Split) -> float:
    """Return the adjusted Rand index between a split and the planted blocks over the hidden neurons."""
    hidden = [k for k in graph.split_populations if k not in graph.output_populations]
    one = Split.from_labels(PLANTED, {k: labels[k] for k in hidden}, len(graph.tasks))
    other = Split(split.method, {k: split.membership[k] for k in hidden})
    return agreement(one, other)["adjusted-rand"]


def cut_of(graph: Graph, split: Split) -> float:
    """Return the share of the strength that a split cuts; nan if it is no partition."""
    try:
        return cut(graph, split)
    except NotApplicableError:
        return np.nan


def over_seeds(points: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % t interval over seeds, by method and leakage."""
    rows = []
    for (method, leakage), own in points.groupby(["method", "leakage"], sort=False):
        row: dict[str, object] = {"method": method, "leakage": leakage, "n": len(own)}
        for quantity in ("recovery", "cut"):
            values = own[quantity].to_numpy()
            (low,), (high,) = interval_of_mean(values[None])
            row |= {quantity: values.mean(), f"{quantity}_low": low, f"{quantity}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def figure_of(means: pd.DataFrame) -> Figure:
    """Draw a panel for each method, the others behind it in grey, and one with what partitions cut."""
    methods = [method for method in means["method"].unique() if method != PLANTED]
    columns = 3
    rows = -(-(len(methods) + 1) // columns)
    figure = Figure(figsize=(DOUBLE, 1.25 * rows + 0.3))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    lines = {method: means[means["method"] == method] for method in methods}
    for number, method in enumerate(methods):
        ax, own = axes[number], lines[method]
        for other in lines.values():
            ax.plot(other["leakage"], other["recovery"], color=OTHER, linewidth=0.7, zorder=1)
        ax.fill_between(
            own["leakage"], own["recovery_low"], own["recovery_high"], color=COLOUR, alpha=0.25, linewidth=0
        )
        ax.plot(own["leakage"], own["recovery"], color=COLOUR, zorder=3)
        ax.set(ylim=(-0.05, 1.05), yticks=[0, 0.5, 1])
        ax.set_title(f"{chr(ord('a') + number)}  {method}", loc="left", fontweight="bold")
        if number % columns:
            ax.set_yticklabels([])
        else:
            ax.set_ylabel("recovery")
    ax = axes[len(methods)]
    for name, (colour, dashes) in CUTS.items():
        own = means[means["method"] == name]
        ax.plot(own["leakage"], own["cut"], dashes, color=colour, label=name)
    ax.set_title(f"{chr(ord('a') + len(methods))}  share of strength cut", loc="left", fontweight="bold")
    ax.legend(loc="upper left")
    for number, ax in enumerate(axes):
        ax.set_visible(number <= len(methods))
        if number + columns > len(methods):
            ax.set_xlabel("leakage")
            ax.tick_params(labelbottom=True)
    return figure


def main() -> None:
    """Measure, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("docs/methods"))
    arguments = parser.parse_args()
    means = over_seeds(pd.DataFrame(measured(arguments.seeds)))
    with style():
        figure = figure_of(means)
    caption = (
        "Recovery of two planted blocks (adjusted Rand index over hidden neurons, 1: the same, 0: chance) against "
        f"leakage, the share of the strength that runs between the blocks; layers of {', '.join(map(str, SIZES))} "
        f"neurons, mean and 95 % t interval of {arguments.seeds} networks, the other methods in grey. Last "
        "panel: the share of the strength that the planted, the greedy and the minimum cut's partition cut."
    )
    for path in save(Drawing("recovery", figure, means, caption), arguments.out, ("pdf", "png")):
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()
