"""What scores are worth by chance: their values on the draws of the null models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.figure import FigureBase
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.nulls import RANDOM_SPLIT, Chance, chance

from .. import plots
from ..chance import Drawn, null_models
from ..evidence import LEAST_DRAWS
from ..labels import ablation_label, inputs_label
from ..results import Results
from ..statistics import LEVEL
from ..steps import all_drawn
from ..wording import between, number
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .page import Page
from .panels import cross_key, crosses_said, head_with_lines, kind_keys, networks_said, telling, wrapped

# Fewer draws have no distribution worth drawing.
_LEAST_DRAWS = 5
_LEAST_BINS, _MOST_BINS = 6, 24
_MEANINGS = {
    "modularity": "Modularity. Points: the networks' own splits. Areas: chance, that is draws of each null model",
    "accuracy": (
        "Accuracy after the split, averaged over tasks. Rows differ in how units of other tasks are disabled. "
        "Points: the networks' own splits. Areas: chance, that is random splits with equally large modules in "
        "each layer"
    ),
}


@dataclass(frozen=True, eq=False)
class Compared:
    """A score of one network, averaged over tasks, beside its values on draws.

    Attributes:
        network: the name of the network.
        kind: its kind.
        inputs: its input mode.
        row: the null model, or of random splits the ablation.
        value: the score.
        draws: ``(draws,)``, the same on each draw.
        degenerate: whether the split of the network is.
    """

    network: str
    kind: str
    inputs: str
    row: str
    value: float
    draws: NDArray[np.float64]
    degenerate: bool = False

    @property
    def chance(self) -> Chance:
        """How extreme the score is; a high one is."""
        return chance(self.value, self.draws, "high")


@figure("nulls")
def nulls(results: Results, choice: Choice, page: Page) -> Iterator[Drawing]:
    """Show modularity, and accuracy after the split, among their values on draws of the null models."""
    method = choice.method_of(results)
    results, left_out = telling(results)
    # Every task may be one that cannot fail.
    of_something = {"modularity", *(["accuracy"] if results.ablations else [])}
    asked = [metric for metric in _MEANINGS if choice.measure in (None, metric) and metric in of_something]
    by_metric = {metric: compared(results, choice, method, metric) for metric in asked}
    if not any(by_metric.values()):
        raise NotApplicableError(
            f"expected at least {_LEAST_DRAWS} draws of a null model for splits by {method} in "
            f"{results.folder / 'parts'}, found none"
        )
    for metric, scores in by_metric.items():
        if scores:
            networks = pd.DataFrame([vars(score) for score in scores]).assign(split=method)
            figure = _panels(results, metric, scores, page)
            yield Drawing(f"nulls-{metric}", figure, _numbers(scores), _caption(metric, networks, scores) + left_out)


def _caption(metric: str, networks: pd.DataFrame, scores: Sequence[Compared]) -> str:
    """Say what points and areas are, of how many networks and draws, and what z and p are."""
    draws = between([len(one.draws) for one in scores])
    return (
        f"{_MEANINGS[metric]} (split method: {networks['split'].iloc[0]}). n = {networks_said(networks)} of each kind "
        f"and input mode, {draws} draws of each network. The draws of all networks of a kind and input mode are one "
        "area. Areas are equally high. Each network is compared with its own draws: z is the median over networks, "
        f"followed by how many of them have p ≤ {LEVEL}. With m draws no p is below 1 / (m + 1). Networks whose draws "
        f"are all equal have no z and do not count.{crosses_said(networks)}"
    )


def compared(results: Results, choice: Choice, method: str, metric: str) -> list[Compared]:
    """Return a metric of every network, or of those chosen, beside its values on the draws of each null model.

    Args:
        results: the results.
        choice: which networks.
        method: the split method.
        metric: ``"modularity"``; or ``"accuracy"``, on random splits.
    """
    members, wrong = results.members, set(results.degenerate.get(method, ()))
    if choice.networks is not None:
        members = members[members["network"].isin(choice.networks)]
    scores = []
    for member in members.itertuples(index=False):
        parts = results.folder / "parts" / str(member.network)
        drawn = [one for one in all_drawn(parts) if _is_of(one, method, metric)] if parts.is_dir() else []
        for row, group in groupby(sorted(drawn, key=_row), _row):
            tasks = list(group)
            value = float(np.mean([one.score.value for one in tasks]))
            draws = np.mean([one.values for one in tasks], axis=0)
            of = str(member.network), str(member.kind), str(member.inputs)
            scores.append(Compared(*of, row, value, draws, member.network in wrong))
    return scores


def _is_of(drawn: Drawn, method: str, metric: str) -> bool:
    score = drawn.score
    if score.metric != metric or score.split != method or (metric == "accuracy") != (drawn.null == RANDOM_SPLIT):
        return False
    return int(np.count_nonzero(np.isfinite(drawn.values))) >= _LEAST_DRAWS


def _row(drawn: Drawn) -> str:
    return drawn.score.ablation or drawn.null


def _panels(results: Results, metric: str, scores: Sequence[Compared], page: Page) -> FigureBase:
    """Draw a panel for each null model, or ablation, and input mode."""
    present = {one.row for one in scores}
    rows = [row for row in (*null_models(), *results.ablations) if row in present]
    modes = [mode for mode in results.inputs if any(one.inputs == mode for one in scores)]
    styles = plots.kind_styles([kind for kind in results.kinds if any(one.kind == kind for one in scores)])
    width, height = SINGLE if len(modes) == 1 else DOUBLE, 1.25 * len(rows) + 0.6
    figure, axes = page.panels(width, height, len(rows), len(modes), sharex=True)
    alone = max(Counter((one.row, one.inputs, one.kind) for one in scores).values()) == 1
    for place, row in enumerate(rows):
        for column, mode in enumerate(modes):
            here = {
                kind: [one for one in scores if (one.row, one.inputs, one.kind) == (row, mode, kind)] for kind in styles
            }
            ax = axes[place, column]
            plots.distribution(ax, areas(here), _observed(here), styles)
            texts = [(verdict(own, alone), styles[kind][0]) for kind, own in here.items() if own]
            title = inputs_label(mode) if place == 0 else ""
            head_with_lines(ax, place * len(modes) + column, texts, title, several=axes.size > 1)
        axes[place, 0].set_ylabel(wrapped(row if metric == "modularity" else ablation_label(row)))
    for ax in axes[-1]:
        ax.set_xlabel("modularity" if metric == "modularity" else "accuracy after the split")
    keys = [*kind_keys(styles), *([cross_key()] if any(one.degenerate for one in scores) else [])]
    page.legend(figure, keys, 5 if width == DOUBLE else 3)
    return figure


def areas(scores: dict[str, list[Compared]]) -> pd.DataFrame:
    """Return how the draws of each kind are distributed: kind, low, high and height, 1 for the bin with most draws.

    Draws of networks whose split is degenerate are left out.
    """
    parts = []
    for kind, own in scores.items():
        finite = [one.draws[np.isfinite(one.draws)] for one in own if not one.degenerate]
        draws = np.concatenate(finite) if finite else np.empty(0)
        if not len(draws):
            continue
        # Draws that are all equal still need a bin of some width.
        spread = max(float(np.ptp(draws)), 1e-6)
        bins = int(np.clip(np.sqrt(len(draws)), _LEAST_BINS, _MOST_BINS))
        counts, edges = np.histogram(draws, bins, (draws.min(), draws.min() + spread))
        parts.append(
            pd.DataFrame({"low": edges[:-1], "high": edges[1:], "height": counts / counts.max(), "kind": kind})
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["kind", "low", "high", "height"])


def _observed(scores: dict[str, list[Compared]]) -> pd.DataFrame:
    rows = [(kind, one.value, one.degenerate) for kind, own in scores.items() for one in own]
    return pd.DataFrame(rows, columns=["kind", "value", "degenerate"])


def verdict(scores: Sequence[Compared], alone: bool = False) -> str:
    """Say how extreme the scores of networks are: of how many p is small, or p itself where all networks are alone."""
    good = [one for one in scores if not one.degenerate]
    if not good:
        return "degenerate"
    chances = [chances for one in good if not np.isnan((chances := one.chance).z)]
    if not chances:
        return "draws all equal"
    z = number(float(np.median([one.z for one in chances])), 1)
    if alone:
        return f"z = {z}, p = {chances[0].p:.2g}"
    draws = max(one.draws for one in chances)
    if draws < LEAST_DRAWS:
        return f"z = {z}; {draws} draws show no p ≤ {LEVEL}"
    return f"z = {z}, p ≤ {LEVEL}: {sum(one.p <= LEVEL for one in chances)} of {len(chances)}"


def _numbers(scores: Sequence[Compared]) -> pd.DataFrame:
    """Return the scores with z and p, then their draws, as one tidy frame."""
    keys = pd.DataFrame([(one.row, one.inputs, one.kind, one.network) for one in scores])
    keys.columns = pd.Index(["null", "inputs", "kind", "network"])
    chances = [one.chance for one in scores]
    statistics = {"value": [one.value for one in scores]} | {
        name: [getattr(one, name) for one in chances] for name in ("mean", "sd", "z", "p")
    }
    parts = [keys.assign(statistic=name, value=values) for name, values in statistics.items()]
    draws = [len(one.draws) for one in scores]
    repeated = keys.loc[keys.index.repeat(draws)]
    parts.append(repeated.assign(statistic="draw", value=np.concatenate([one.draws for one in scores])))
    return pd.concat(parts, ignore_index=True).dropna(subset="value")
