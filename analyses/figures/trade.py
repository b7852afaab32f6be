"""The trade: the accuracy that splits cost against the accuracy of whole networks, along the doses of every family."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from spatialgraph.faults import NotApplicableError

from .. import plots
from ..evidence import DROP, records
from ..fair import dose_table, lines
from ..fair_comparisons import measures
from ..labels import ablation_label, inputs_label, kind_in_text, kind_label, slug
from ..results import Results
from ..statistics import CAVEAT, INTERVAL
from ..wording import between, counted
from .doses import sweep_of
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import head, with_intervals

_HEIGHT = 2.45  # inches of a panel
_NAME = 0.125  # inches of a name
_FAR = 0.05  # doses that cost more accuracy of the whole network than this would squeeze all others into a corner


@figure("trade")
def trade(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show the accuracy lost at the split beside the accuracy of whole networks, with the frontier of each family."""
    evidence = sweep_of(results, choice)
    values, table = measures(evidence), dose_table(evidence)
    known = table.drop_duplicates("kind")[["kind", "line", "dose"]]
    shown = (evidence.reference, *lines(evidence))
    known = known.assign(line=known["line"].where(known["kind"] != evidence.reference, evidence.reference))
    ablations = [a for a in results.ablations if ((values["metric"] == DROP) & (values["ablation"] == a)).any()]
    if not ablations or not (values["metric"] == "accuracy").any():
        raise NotApplicableError(f"expected scores accuracy and {DROP} of splits by {evidence.method}, found none")
    for ablation in ablations:
        means = _means(values, ablation).merge(known, on="kind")
        means["frontier"] = frontier(means)
        far = _far(means, evidence.reference)
        modes = [mode for mode in results.inputs if (means["inputs"] == mode).any()]
        styles = plots.kind_styles([line for line in shown if (means["line"] == line).any()])
        columns = min(2, len(modes))
        rows = math.ceil(len(modes) / columns)
        width = SINGLE if columns == 1 else DOUBLE
        figure, grid = page.panels(width, _HEIGHT * rows + 0.2, rows, columns)
        axes = grid.ravel()
        for place, ax in enumerate(axes):
            if place >= len(modes):
                ax.set_visible(False)
                continue
            own = means[(means["inputs"] == modes[place]) & ~far]
            labels = {line: kind_label(line) for line in styles}
            plots.frontiers(ax, own, styles, labels, _NAME / (_HEIGHT - 0.6))
            head(ax, place, inputs_label(modes[place]), several=len(modes) > 1)
            ax.set_xlabel("accuracy of the whole network")
            ax.set_ylabel("accuracy drop")
        columns_ = ["inputs", "line", "kind", "dose", "n", "accuracy", "drop", "drop_low", "drop_high", "frontier"]
        numbers = means.rename(columns={"x": "accuracy", "y": "drop", "low": "drop_low", "high": "drop_high"})[columns_]
        caption = (
            "Accuracy that the split costs against the accuracy of the whole network, averaged over tasks (split "
            f"method: {evidence.method}; units of other tasks disabled: {ablation_label(ablation)}). A point is the "
            f"mean of a dose: n = {between(means['n'].tolist())} seeds, which the table dose-response beside it has "
            f"one by one. Bars: {INTERVAL}s of the drop ({CAVEAT}), which may reach beyond the axes. Filled and "
            "joined: the frontier of a family, doses of which none is both more accurate and loses less. Best is the "
            f"lower right. The reference is {kind_in_text(evidence.reference)}."
        )
        if far.any():
            caption += f" Not drawn: {counted(far.sum(), 'dose')} at which whole networks lose more than {_FAR}."
        yield Drawing(f"trade-{slug(ablation)}", figure, numbers, caption)


def _means(values: pd.DataFrame, ablation: str) -> pd.DataFrame:
    """Return the mean accuracy (x) and drop (y) of every kind and input mode, with the interval of the drop."""
    keys = ["inputs", "kind"]
    drop = values[(values["metric"] == DROP) & (values["ablation"] == ablation)]
    accuracy = with_intervals(values[values["metric"] == "accuracy"], keys)[[*keys, "mean"]]
    means = with_intervals(drop, keys).rename(columns={"mean": "y"})
    return means.merge(accuracy.rename(columns={"mean": "x"}), on=keys)


def _far(means: pd.DataFrame, reference: str) -> pd.Series[bool]:
    """Return for each row whether its networks are much less accurate than those of the reference, or than the best."""
    of_reference = means[means["line"] == reference].groupby("inputs")["x"].max()
    best = means["inputs"].map(means.groupby("inputs")["x"].max())
    return means["x"] < means["inputs"].map(of_reference).fillna(best) - _FAR


def frontier(means: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row whether no other of its line and input mode has as much x and as little y, and one better.

    Args:
        means: columns inputs, line, x and y.

    Example:
        >>> frame = pd.DataFrame({"inputs": "mix", "line": "l1", "x": [0.9, 0.8, 0.7], "y": [0.3, 0.4, 0.1]})
        >>> frontier(frame).tolist()
        [True, False, True]
    """
    wins = []
    for row in records(means):
        own = means[(means["inputs"] == row["inputs"]) & (means["line"] == row["line"])]
        no_worse = (own["x"] >= row["x"]) & (own["y"] <= row["y"])
        better = (own["x"] > row["x"]) | (own["y"] < row["y"])
        wins.append(not (no_worse & better).any())
    return pd.Series(wins, means.index, dtype=bool)
