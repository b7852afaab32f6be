"""What scores are worth by chance: their values on the draws of the null models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spatialgraph.faults import NotApplicableError
from spatialgraph.nulls import RANDOM_SPLIT, Chance, chance

from .. import plots
from ..chance import Drawn, null_models
from ..labels import ablation_label, inputs_label
from ..results import Results
from ..statistics import LEVEL
from ..steps import all_drawn
from ..wording import number
from .drawing import DOUBLE, SINGLE, Choice, Drawing, figure
from .panels import head_with_lines, kind_keys, networks_said, wrapped

# Fewer draws have no distribution worth drawing.
_LEAST_DRAWS = 5
_LEAST_BINS, _MOST_BINS = 6, 24
_MEANINGS = {
    "modularity": "Modularity: points, the network's own split; areas, draws of each null model",
    "accuracy": (
        "Accuracy after the split, averaged over tasks, by how neurons of other tasks are disabled: points, the "
        "network's own split; areas, random splits with as many neurons for each task in each layer"
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
    """

    network: str
    kind: str
    inputs: str
    row: str
    value: float
    draws: NDArray[np.float64]

    @property
    def chance(self) -> Chance:
        """How extreme the score is; a high one is."""
        return chance(self.value, self.draws, "high")


@figure("nulls")
def nulls(results: Results, choice: Choice) -> Iterator[Drawing]:
    """Show modularity, and accuracy after the split, among their values on draws of the null models."""
    method = choice.method_of(results)
    by_metric = {metric: compared(results, choice, method, metric) for metric in _MEANINGS}
    if not any(by_metric.values()):
        raise NotApplicableError(
            f"expected at least {_LEAST_DRAWS} draws of a null model for splits by {method} in "
            f"{results.folder / 'parts'}, found none"
        )
    for metric, scores in by_metric.items():
        if scores:
            networks = pd.DataFrame([{"network": s.network, "kind": s.kind, "inputs": s.inputs} for s in scores])
            caption = (
                f"{_MEANINGS[metric]} (split method: {method}); {networks_said(networks)} of each kind and input mode. "
                "The draws of all networks of a kind and input mode are "
                "one area, and areas are equally high. Each network is compared with its own draws: z is the median "
                f"over networks, followed by how many of them have p ≤ {LEVEL}; networks whose draws are all equal, of "
                "which there is no z, do not count."
            )
            yield Drawing(f"nulls-{metric}", _panels(results, metric, scores), _numbers(scores), caption)


def compared(results: Results, choice: Choice, method: str, metric: str) -> list[Compared]:
    """Return a metric of every network, or of those chosen, beside its values on the draws of each null model.

    Args:
        results: the results.
        choice: which networks.
        method: the split method.
        metric: ``"modularity"``; or ``"accuracy"``, on random splits.
    """
    members = results.members
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
            scores.append(Compared(str(member.network), str(member.kind), str(member.inputs), row, value, draws))
    return scores


def _is_of(drawn: Drawn, method: str, metric: str) -> bool:
    score = drawn.score
    if score.metric != metric or score.split != method or (metric == "accuracy") != (drawn.null == RANDOM_SPLIT):
        return False
    return int(np.count_nonzero(np.isfinite(drawn.values))) >= _LEAST_DRAWS


def _row(drawn: Drawn) -> str:
    return drawn.score.ablation or drawn.null


def _panels(results: Results, metric: str, scores: Sequence[Compared]) -> Figure:
    """Draw a panel for each null model, or ablation, and input mode."""
    present = {one.row for one in scores}
    rows = [row for row in (*null_models(), *results.ablations) if row in present]
    modes = [mode for mode in results.inputs if any(one.inputs == mode for one in scores)]
    styles = plots.kind_styles([kind for kind in results.kinds if any(one.kind == kind for one in scores)])
    figure = Figure(figsize=(SINGLE if len(modes) == 1 else DOUBLE, 1.25 * len(rows) + 0.6))
    axes = figure.subplots(len(rows), len(modes), squeeze=False, sharex=True)
    for place, row in enumerate(rows):
        for column, mode in enumerate(modes):
            here = {
                kind: [one for one in scores if (one.row, one.inputs, one.kind) == (row, mode, kind)] for kind in styles
            }
            ax = axes[place, column]
            plots.distribution(ax, areas(here), _observed(here), styles)
            texts = [(verdict(own), styles[kind][0]) for kind, own in here.items() if own]
            head_with_lines(ax, place * len(modes) + column, texts, inputs_label(mode) if place == 0 else "")
        axes[place, 0].set_ylabel(wrapped(row if metric == "modularity" else ablation_label(row)))
    for ax in axes[-1]:
        ax.set_xlabel("modularity" if metric == "modularity" else "accuracy after the split")
    figure.legend(handles=kind_keys(styles), loc="outside lower center", ncols=min(len(styles), 5))
    return figure


def areas(scores: dict[str, list[Compared]]) -> pd.DataFrame:
    """Return how the draws of each kind are distributed: kind, low, high and height, 1 for the bin with most draws."""
    parts = []
    for kind, own in scores.items():
        draws = np.concatenate([one.draws[np.isfinite(one.draws)] for one in own]) if own else np.empty(0)
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
    rows = [(kind, one.value) for kind, own in scores.items() for one in own]
    return pd.DataFrame(rows, columns=["kind", "value"])


def verdict(scores: Sequence[Compared]) -> str:
    """Say how extreme the scores of networks are."""
    chances = [chances for one in scores if not np.isnan((chances := one.chance).z)]
    if not chances:
        return "draws all equal"
    z = number(float(np.median([one.z for one in chances])), 1)
    if len(chances) == 1:
        return f"z = {z}, p = {chances[0].p:.2g}"
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
