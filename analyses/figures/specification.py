"""The specification curve: one contrast of two kinds by every analysis that could have been chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import FigureBase

from .. import plots
from ..evidence import DROP, Evidence, records
from ..labels import METRICS, ablation_label, family, inputs_label, kind_in_text, kind_label
from ..results import Results
from ..specification import CHOICES, Curve, specification_curve
from ..statistics import CAVEAT, INTERVAL, LEAST_SEEDS
from ..wording import listed, number, p_said
from .drawing import DOUBLE, Choice, Drawing, figure
from .page import Page
from .panels import first


def dose_label(kind: str) -> str:
    """Return the settings in the label of a kind; the kind itself if it has none.

    Example:
        >>> dose_label("spatial α=2 β=3"), dose_label("spatial")
        ('α=2 β=3', 'Spatial')
    """
    return kind.removeprefix(family(kind)).strip() or kind_label(kind)


_LABELS: Mapping[str, Callable[[str], str]] = {
    "split": str,
    "ablation": ablation_label,
    "dose_one": dose_label,
    "dose_other": dose_label,
    "null": lambda null: f"beyond {null}" if null else "as measured",
    "inputs": inputs_label,
}
_WORDS = {
    "split": "split method",
    "ablation": "ablation",
    "dose_one": "dose of {one}",
    "dose_other": "dose of {other}",
    "null": "null model",
    "inputs": "inputs",
}
_ROW, _ROWS = 0.125, 6.2  # inches of a row of choices, and of all at most
_CHARACTER = 0.058  # inches of a character of 7 points
_Options = Sequence[tuple[str, str]]


@figure("specification")
def specification(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show one contrast of two kinds by every analysis that could have been chosen, sorted, with the choices."""
    curve = specification_curve(Evidence.of(results), choice.contrast, choice.measure or DROP)
    frame = curve.estimates.assign(rank=range(1, len(curve.estimates) + 1))
    options = _options(curve, results)
    varied = {name: own for name, own in options.items() if len(own) > 1}
    named = ("", curve.one, curve.other)
    fixed = {name: own[0][1] for name, own in options.items() if len(own) == 1 and own[0][0] not in named}
    figure = _panels(curve, frame, varied, page)
    yield Drawing("specification", figure, _numbers(curve, frame), _caption(curve, fixed))


def _options(curve: Curve, results: Results) -> dict[str, _Options]:
    """Return the options of each choice, each with its text, in the order of tables."""
    orders = {
        "split": results.methods,
        "ablation": results.ablations,
        "dose_one": results.kinds,
        "dose_other": results.kinds,
        "inputs": results.inputs,
    }
    options: dict[str, _Options] = {}
    for name in CHOICES:
        there = list(curve.estimates[name].unique())
        order = [entry for entry in orders.get(name, sorted(there)) if entry in there]
        options[name] = [(entry, _LABELS[name](entry)) for entry in [*order, *(e for e in there if e not in order)]]
    return options


def _panels(curve: Curve, frame: pd.DataFrame, varied: Mapping[str, _Options], page: Page) -> FigureBase:
    """Draw the estimates, and below them the choices that are not the same in all analyses."""
    rows = sum(len(options) + 0.5 for options in varied.values())
    height = min(_ROW * rows, _ROWS)
    heights = [1.9, max(height, 0.01)]
    figure, axes = page.panels(DOUBLE, 2.1 + height + 0.65, 2, sharex=True, height_ratios=heights)
    top, bottom = axes[:, 0]
    plots.estimates(top, frame)
    top.set_ylabel(
        f"{METRICS.get(curve.metric, curve.metric)}\n{kind_in_text(curve.one)} − {kind_in_text(curve.other)}"
    )
    top.set_title("  ·  ".join(told(curve)), loc="right", fontsize=7)
    top.tick_params(axis="x", length=0, labelbottom=False)
    plots.choices(bottom, frame, varied)
    bottom.set_xlabel("analyses, in the order of their estimates")
    bottom.set_xlim(0, len(frame) + 1)
    left = max((len(text) for options in varied.values() for _, text in options), default=0) * _CHARACTER
    place = 0.0
    for name, options in varied.items():
        word = _WORDS[name].format(one=kind_in_text(curve.one), other=kind_in_text(curve.other))
        bottom.annotate(
            word, (0, place + (len(options) - 1) / 2), xycoords=bottom.get_yaxis_transform(),
            xytext=(-72 * (left + 0.12), 0), textcoords="offset points", ha="right", va="center", fontweight="bold",
        )  # fmt: skip
        place += len(options) + 0.5
    if not varied:
        bottom.set_visible(False)
    keys: list[Artist] = [plots.key(plots.TOLD, "interval leaves out 0"), plots.key(plots.UNTOLD, "includes 0")]
    keys.append(plots.patch("#E8E8E8", "95 % under shuffled labels"))
    page.legend(figure, keys, 3)
    return figure


def told(curve: Curve) -> list[str]:
    """Return what a curve is judged by, a clause each.

    Example:
        >>> rows = [("agree in sign", 0.9, 0.5), ("significant", 0.75, 0.0078125), ("median", -0.1, float("nan"))]
        >>> verdicts = pd.DataFrame(rows, columns=["statistic", "value", "p"])
        >>> told(Curve("a", "b", "cut", pd.DataFrame(), verdicts, 8, 128, True))
        ['90 % agree in sign (p = 0.5)', '75 % significant (p = 0.0078)', 'median −0.100']
    """
    texts = []
    for row in records(curve.verdicts):
        p: str = "" if pd.isna(row["p"]) else f" ({p_said(row['p'])})"
        share = f"{100 * row['value']:.0f} % {row['statistic']}"
        texts.append((f"median {number(row['value'])}" if row["statistic"] == "median" else share) + p)
    return texts


def _numbers(curve: Curve, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the estimates, then what the curve is judged by, as one tidy frame."""
    rows = frame.rename(columns={"estimate": "value"}).assign(statistic="estimate")
    shares = curve.verdicts.assign(n=curve.seeds)
    return first(pd.concat([rows, shares], ignore_index=True), "statistic", "rank", *CHOICES)


def _caption(curve: Curve, fixed: Mapping[str, str]) -> str:
    """Say what is compared, over which analyses, and how the shares are judged."""
    count = len(curve.estimates)
    text = (
        f"Specification curve of {METRICS.get(curve.metric, curve.metric)}, {kind_in_text(curve.one)} minus "
        f"{kind_in_text(curve.other)} networks, by {count} {'analysis' if count == 1 else 'analyses'} (Simonsohn, "
        f"Simmons & Nelson 2020). Each point is an analysis, with its {INTERVAL} over n = {curve.seeds} seeds "
        f"({CAVEAT}); below it stand its choices. Intervals may reach beyond the axes. Chance lies on the grey band: "
        "the middle 95 % of the curve when the labels of the kinds are exchanged, seed by seed, in all analyses "
        "together."
    )
    if fixed:
        text += f" The same in all: {listed(fixed.values())}."
    how = f"all {curve.patterns} different" if curve.exact else f"{curve.patterns} random"
    text += " Without random splits and degenerate ones, which notes.csv names."
    text += f" {'; '.join(told(curve))}. Shares are of the more frequent sign; significant: the interval leaves out 0."
    if curve.seeds < LEAST_SEEDS:
        return f"{text} From fewer than {LEAST_SEEDS} seeds there is no p."
    return (
        f"{text} p: how often a share is as large when labels are exchanged ({how} patterns). Analyses share their "
        "networks: that they agree is expected even if nothing differs. The p of the significant share holds its level "
        "best (documentation: Statistics)."
    )
