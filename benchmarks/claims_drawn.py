"""What ``claims.py`` draws: a figure for each claim, with its numbers and its caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from claims_compared import LABELS, MODES, TESTED
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialgraph.analyses import plots
from spatialgraph.analyses.figures import DOUBLE, Drawing, style
from spatialgraph.analyses.figures.panels import head, kind_keys, points_and_means, with_intervals
from spatialgraph.analyses.finding import MATTERS
from spatialgraph.analyses.labels import ABLATIONS, INPUTS
from spatialgraph.analyses.statistics import CAVEAT, INTERVAL

KINDS = ("regular", "spatial")
STYLES = plots.kind_styles(KINDS)
DIFFERENCE = "spatial − regular"
KEYS = ["panel", "column", "kind"]

_CHANCE = {f"drop-{ablation}": f"random-{ablation}" for ablation in ABLATIONS} | {"modularity": "chance"}
_BAND = "#EDEDED"
_SHORT = {"drop": "accuracy drop", "modularity": "modularity Q"}
_READ = (
    f"Small points: networks, one for each seed; large ones: means with their {INTERVAL} ({CAVEAT}). Short grey lines: "
    "means of random splits of the same sizes, and of networks of the same strengths that are split again"
)


class Panels:
    """Panels of one figure, and the numbers that are drawn in them."""

    def __init__(self, rows: int, columns: int, height: float, widths: Sequence[float] | None = None) -> None:
        self.figure = Figure(figsize=(DOUBLE, height))
        self.axes = list(self.figure.subplots(rows, columns, squeeze=False, width_ratios=widths).ravel())
        self.numbers: list[pd.DataFrame] = []

    def draw(
        self,
        number: int,
        title: str,
        points: pd.DataFrame,
        columns: Mapping[str, str],
        styles: Mapping[str, plots.Style] = STYLES,
    ) -> Axes:
        """Draw a panel.

        Args:
            number: of the panel.
            title: above it.
            points: columns column, kind, network, seed, value and, where there is one, chance.
            columns: column to its text, from left to right.
            styles: kind to colour and marker.
        """
        ax: Axes = self.axes[number]
        head(ax, number, title)
        points = points[points["column"].isin(columns)].assign(panel=title)
        if points.empty:
            ax.annotate("no network learned its tasks", (0.5, 0.5), xycoords="axes fraction", ha="center")
            return ax
        means = with_intervals(points, KEYS)
        plots.levels(ax, points, means.fillna({"low": means["mean"], "high": means["mean"]}), columns, styles)
        self.numbers.append(points_and_means(points, means, KEYS))
        if "chance" in points:
            self._draw_chance(ax, points, list(columns), list(styles))
        return ax

    def _draw_chance(self, ax: Axes, points: pd.DataFrame, columns: list[str], kinds: list[str]) -> None:
        """Draw the mean of what chance gives beside each group, at the place that `plots.levels` gives the group."""
        means = points.groupby(KEYS, sort=False)["chance"].mean().reset_index()
        step = 0.64 / len(kinds)
        for _, row in means.iterrows():
            middle = columns.index(row["column"]) + step * (kinds.index(row["kind"]) - len(kinds) / 2 + 0.5)
            ax.hlines(
                row["chance"], middle - 0.45 * step, middle + 0.45 * step, color="#8A8A8A", linewidth=1.2, zorder=2
            )
        self.numbers.append(means.rename(columns={"chance": "value"}).assign(statistic="chance"))

    def drawing(self, claim: str, caption: str, *more: Artist) -> Drawing:
        """Return the figure, with a legend of the kinds, and of more entries, below."""
        chance = plots.line("-", "by chance", "#8A8A8A")
        keys = [
            *kind_keys(STYLES),
            *([chance] if any("chance" in set(n["statistic"]) for n in self.numbers) else []),
            *more,
        ]
        self.figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
        numbers = pd.concat(self.numbers, ignore_index=True) if self.numbers else pd.DataFrame(columns=KEYS)
        return Drawing(f"claims-{claim}", self.figure, numbers, caption)


def of_measure(table: pd.DataFrame, measure: str, column: str) -> pd.DataFrame:
    """Return the points of a measure: columns column (of the table), inputs, kind, network, seed, value and chance."""
    keys = ["variant", "inputs", "kind", "network", "seed"]
    own, chance = (table.loc[table["measure"] == name, [*keys, "value"]] for name in (measure, _CHANCE.get(measure)))
    if len(chance):
        own = own.merge(chance.rename(columns={"value": "chance"}), on=keys)
    return own.assign(column=own[column])


def _one_variant(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["variant"] == "sigmoid"]


def _accuracy(table: pd.DataFrame) -> Drawing:
    """Draw the accuracy of whole networks, and its difference seed by seed."""
    panels = Panels(1, 2, 2.4)
    points = of_measure(_one_variant(table), "accuracy", "inputs")
    panels.draw(0, "accuracy of whole networks", points, INPUTS)
    wide = points.pivot_table(index=["column", "seed"], columns="kind", values="value").reindex(columns=list(KINDS))
    paired = (wide["spatial"] - wide["regular"]).dropna().rename("value").reset_index()
    paired = paired.assign(kind=DIFFERENCE, network="")
    ax = panels.draw(1, f"{DIFFERENCE}, paired by seed", paired, INPUTS, {DIFFERENCE: ("#0072B2", "D")})
    ax.axhspan(-MATTERS, MATTERS, color=_BAND, linewidth=0, zorder=0)
    ax.axhline(0, color="#8A8A8A", linewidth=0.6, zorder=1)
    reach = 1.25 * max(MATTERS, paired["value"].abs().max() if len(paired) else 0)
    ax.set_ylim(-reach, reach)
    caption = (
        f"Accuracy before any split, mean of two tasks. Left: {'; '.join(KINDS)}. Right: the difference of each seed; "
        f"the band is ±{MATTERS:g}, within which networks are called equally accurate."
    )
    return panels.drawing(
        "accuracy", f"{caption} {_READ.partition(' Short')[0]}", plots.patch(_BAND, f"within ±{MATTERS:g}")
    )


def _by_mode(claim: str, table: pd.DataFrame, subject: str) -> Drawing:
    """Draw drop and modularity of each variant, a row for each input mode."""
    columns = {name: text.replace(" ", "\n") for name, text in LABELS[claim].items()}
    panels = Panels(2, 2, 4.2)
    for row, inputs in enumerate(MODES):
        for column, measure in enumerate((f"drop-{TESTED}", "modularity")):
            points = of_measure(table, measure, "variant")
            title = f"{_SHORT[measure.partition('-')[0]]}, {inputs}"
            panels.draw(2 * row + column, title, points[points["inputs"] == inputs], columns)
    caption = (
        f"{subject}: accuracy that the greedy split costs ({ABLATIONS[TESTED]}), and its modularity, by input mode. "
        f"{_READ}."
    )
    return panels.drawing(claim, caption)


def _activation(table: pd.DataFrame) -> Drawing:
    """Draw drop and modularity of each activation function, and how far ReLU networks are rescaled."""
    columns = {name: text.replace(" ", "\n") for name, text in LABELS["activation"].items()}
    panels = Panels(2, 3, 4.2, (5, 5, 1.6))
    for row, inputs in enumerate(MODES):
        for column, measure in enumerate((f"drop-{TESTED}", "modularity")):
            points = of_measure(table, measure, "variant")
            title = f"{_SHORT[measure.partition('-')[0]]}, {inputs}"
            panels.draw(3 * row + column, title, points[points["inputs"] == inputs], columns)
        ratio = of_measure(table, "strength", "variant")
        ratio = ratio[(ratio["inputs"] == inputs) & (ratio["variant"] == "relu")]
        panels.draw(3 * row + 2, "log₁₀ ratio", ratio, {"relu": "ReLU"})
    caption = (
        f"Activation functions: accuracy that the greedy split costs ({ABLATIONS[TESTED]}), and its modularity, by "
        "input mode; ReLU balanced: the same networks, split by strengths of neurons that were rescaled to incoming "
        "and outgoing weights of the same size. Right: the logarithm of the total strength of layers that pay, over "
        f"that of the balanced network; it is 0 where neurons cannot be rescaled. {_READ}."
    )
    return panels.drawing("activation", caption)


def _inputs(table: pd.DataFrame) -> Drawing:
    """Draw the drop in each input mode, a panel for each ablation."""
    panels = Panels(1, 3, 2.4)
    columns = {"concatenate": "Concate-\nnation", "mix": "Mixing", "sequential": "Sequen-\ntial"}
    for number, (ablation, label) in enumerate(ABLATIONS.items()):
        points = of_measure(_one_variant(table), f"drop-{ablation}", "inputs")
        panels.draw(number, f"accuracy drop,\n{label}", points, columns)
    limits = [ax.get_ylim() for ax in panels.axes]
    for ax in panels.axes:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    read = _READ.partition(", and")[0]
    caption = f"Input modes: accuracy that the greedy split costs, by what disabled neurons emit. {read}."
    return panels.drawing("inputs", caption)


def _tasks(table: pd.DataFrame) -> Drawing:
    """Draw drop and modularity by the number of tasks."""
    subject = "Digits and letters, with digits turned by a quarter as a third and letters turned as a fourth task"
    return _by_mode("tasks", table, subject)


def _dimensions(table: pd.DataFrame) -> Drawing:
    """Draw drop and modularity by the number of dimensions."""
    return _by_mode(
        "dimensions",
        table,
        "Positions of one, two and three coordinates; regular networks have none, and are the same in all columns",
    )


DRAWN: Mapping[str, Callable[[pd.DataFrame], Drawing]] = {
    "accuracy": _accuracy,
    "activation": _activation,
    "inputs": _inputs,
    "tasks": _tasks,
    "dimensions": _dimensions,
}
"""The figure of each claim, of the rows of networks that count."""


def drawing(claim: str, table: pd.DataFrame) -> Drawing:
    """Return the figure of a claim, in the style of all figures."""
    with style():
        return DRAWN[claim](table)
