"""What each split method is worth: the accuracy that it costs and the modularity it finds, each beside chance."""

from __future__ import annotations

import pandas as pd

from .columns import FULL
from .evidence import DROP, LEAST_DRAWS, Evidence, are_controls
from .statistics import LEVEL

MODULARITY = "modularity"

GRAPH_NULLS = ("distance", "strength", "shuffle")
"""The null models that modularity is compared with; of those that apply the first, which keeps most of the network."""

_OF = ["kind", "inputs", "split"]


def worth(evidence: Evidence) -> pd.DataFrame:
    """Return what the splits of each method are worth, of each kind and input mode, without degenerate splits.

    Returns:
        columns kind, inputs, split; drop and drop_sd: accuracy lost (0 to 1), mean and sample standard deviation over
        seeds, under the ablation that costs most, which stands in ablation; as it is chosen by these means, they are
        rather too large; drop_better: of drop_networks networks those that lose less than with random splits of the
        same sizes, p at most 0.05 for each task; modularity, mean over seeds; modularity_better and
        modularity_networks: the same of modularity beside the null model in the column null, one of `GRAPH_NULLS`;
        degenerate: how many networks are left out. Networks whose draws are all equal do not count beside chance. What
        is not known is missing.
    """
    asked = _asked(evidence)
    cells = asked.kept_cells
    seeds = cells.groupby(_OF, sort=False)["n"].max().rename("seeds").reset_index()
    drop = asked.worst.rename(columns={"mean": "drop", "sd": "drop_sd"})[[*_OF, "ablation", "drop", "drop_sd"]]
    modularity = cells[cells["metric"] == MODULARITY].rename(columns={"mean": "modularity"})[[*_OF, "modularity"]]
    left_out = asked.degenerate.groupby(_OF).size().rename("degenerate").reset_index()
    table = seeds
    for part in (drop, modularity, left_out):
        table = table.merge(part, how="outer", on=_OF)
    table = table.assign(degenerate=table["degenerate"].fillna(0).astype(int))
    counts = _better_than_chance(asked)
    control = (counts["metric"] == DROP) & (counts["null"] == "random-split")
    control &= ~are_controls(counts["split"])
    table = table.merge(_of("drop", counts[control], "ablation"), how="left", on=[*_OF, "ablation"])
    graph = counts[(counts["metric"] == MODULARITY) & counts["null"].isin(GRAPH_NULLS)]
    graph = graph.sort_values("null", key=lambda names: names.map(GRAPH_NULLS.index), kind="stable")
    return table.merge(_of("modularity", graph.drop_duplicates(_OF), "null"), how="left", on=_OF)


def _asked(evidence: Evidence) -> Evidence:
    """Return as much evidence as is needed: the intervals of all measures would take seconds."""
    scores, nulls, measures = (
        evidence.telling(evidence.scores),
        evidence.telling(evidence.nulls),
        (DROP, MODULARITY),
    )
    kept = scores[scores["metric"].isin(measures) & (scores["split"] != FULL)]
    return Evidence(kept, nulls[nulls["metric"].isin(measures)], notes=evidence.notes, members=evidence.members)


def _better_than_chance(evidence: Evidence) -> pd.DataFrame:
    """Return in how many networks a score is better than by chance, where the draws differ and are enough to tell."""
    rows = evidence.chances[(evidence.chances["draws"] >= LEAST_DRAWS) & evidence.chances["spread"]]
    groups = rows.assign(better=rows["p"] <= LEVEL).groupby([*_OF, "ablation", "metric", "null"], sort=False)
    return groups.agg(better=("better", "sum"), networks=("better", "size")).reset_index()


def _of(measure: str, counts: pd.DataFrame, key: str) -> pd.DataFrame:
    names = {"better": f"{measure}_better", "networks": f"{measure}_networks"}
    return counts[[*_OF, key, *names]].rename(columns=names)
