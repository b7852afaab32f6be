"""Findings: what the data of an analysis show, each as one function that says it where they do and nothing where not.

A finding is a rule computed from `Evidence`, for whatever tasks, kinds, input modes and methods there are. It speaks of
differences whose corrected p is at most 0.05, or, where seeds are too few for a test, whose 95 % interval leaves out 0
(see `differs`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .evidence import (
    DROP,
    RANDOM,
    Evidence,
    Row,
    between,
    counted,
    differs,
    group_name,
    interval,
    listed,
    markdown_table,
    number,
    records,
    told_by,
    verdict,
)
from .results import FULL, label
from .statistics import LEVEL, holm, over_seeds, paired

MATTERS = 0.01
"""The least difference of accuracies that is spoken of: one example in a hundred."""

LOSES = 0.05
"""The least loss of accuracy that calls a split bad."""

SURE = 0.9
"""The least agreement of the seeds of a method (adjusted Rand index) that calls its split certain."""

# Lines of a list before it is cut short.
_TOLD = 6

_SAME_EXAMPLES = "labelled on the same examples"
_MISPLACED = re.compile(r"(\d+) of (\d+) outputs lie in the \w+ of another task; (\d+) of (\d+) outputs lie in one")


@dataclass(frozen=True)
class Finding:
    """What the data show.

    Attributes:
        text: Markdown, its first sentence bold.
        holds: whether it tells what holds or what works; otherwise what does not.
    """

    text: str
    holds: bool


def kinds_differ(evidence: Evidence) -> Finding | None:
    """Tell in which measures the two kinds of network differ, of the whole network and of the reference split."""
    if evidence.kinds is None:
        return None
    one, other = evidence.kinds
    wanted = {"accuracy of the whole network": ("accuracy", FULL)}
    wanted |= {metric: (metric, evidence.method) for metric in ("modularity", "layered-modularity", "cut")}
    found = {title: {row["inputs"]: row for row in evidence.of_kinds(*measure)} for title, measure in wanted.items()}
    columns = {title: own for title, own in found.items() if own}
    told = [row for own in columns.values() for row in own.values()]
    if not any(map(differs, told)):
        return None
    table = [
        [label(inputs), *(_both(own[inputs]) if inputs in own else "–" for own in columns.values())]
        for inputs in evidence.results.inputs
    ]
    text = (
        f"**{label(one)} and {label(other).lower()} networks differ.** Mean of {one} / of {other} networks, split by "
        f"`{evidence.method}` ({told_by(told)}):\n\n"
    )
    return Finding(text + markdown_table(["inputs", *columns], table), True)


def ablation_matters(evidence: Evidence) -> Finding | None:
    """Tell whether the difference between kinds depends on what disabled neurons emit."""
    if evidence.kinds is None:
        return None
    one, other = evidence.kinds
    values = over_seeds(evidence.kept[(evidence.kept["metric"] == DROP) & (evidence.kept["split"] == evidence.method)])
    wide = values.set_index(["inputs", "ablation", "unit", "kind"])["value"].unstack("kind")
    if not {one, other} <= set(wide.columns):
        return None
    contrasts = (wide[one] - wide[other]).dropna().unstack("ablation")  # of every seed, a column for each ablation
    changed = [row for row in _changes(contrasts) if differs(row) and abs(row["difference"]) >= MATTERS]
    if not changed:
        return None
    cells = {(row["inputs"], row["ablation"]): row for row in evidence.of_kinds(DROP, evidence.method)}
    table = [
        [label(inputs), *(_difference(cells.get((inputs, ablation))) for ablation in evidence.results.ablations)]
        for inputs in evidence.results.inputs
    ]
    text = (
        f"**The kind of ablation changes the conclusion.** Accuracy that `{evidence.method}` splits cost, {one} minus "
        f"{other} networks, by what disabled neurons emit ({told_by(list(cells.values()))}):\n\n"
        f"{markdown_table(['inputs', *map(_ablation, evidence.results.ablations)], table)}\n\n"
    )
    lines = []
    for inputs in evidence.results.inputs:
        largest = max(
            (row for row in changed if row["inputs"] == inputs), key=lambda row: abs(row["difference"]), default=None
        )
        if largest is not None:
            lines.append(
                f"- {label(inputs)}: the difference is {number(largest['mean_one'])} under {largest['one']} and "
                f"{number(largest['mean_other'])} under {largest['other']}, a change of "
                f"{interval(largest['difference'], largest['low'], largest['high'])} ({verdict(largest)})."
            )
    return Finding(text + "\n".join(lines), True)


def clusterings(evidence: Evidence) -> Finding | None:
    """Tell which methods put outputs of several tasks into one cluster, and where they find the tasks."""
    misplaced = {
        (row["split"], row["network"]): tuple(map(int, match.groups()))
        for row in records(evidence.notes)
        if (match := _MISPLACED.search(row["note"]))
    }
    lines = []
    for method in evidence.results.methods:
        fails, works = [], []
        for kind, inputs in evidence.groups:
            networks = evidence.networks(kind, inputs, method)
            found = [misplaced[method, name] for name in networks if (method, name) in misplaced]
            # Of two tasks' outputs half belong together; three quarters in one cluster are not two clusters.
            most = [row[2] for row in found if row[2] >= 0.75 * row[3]]
            if len(most) > len(networks) / 2:
                fails.append(
                    f"{group_name(kind, inputs)} ({len(most)} of {counted(len(networks))}: {between(most)} of "
                    f"{found[0][3]} outputs{_loss(evidence, kind, inputs, method)})"
                )
            elif networks and not found:
                works.append(
                    f"{group_name(kind, inputs)} ({counted(len(networks))}{_loss(evidence, kind, inputs, method)})"
                )
        if fails:
            line = f"- `{method}` has most outputs in one cluster in {'; '.join(fails)}."
            lines.append(line + (f" It keeps the tasks' outputs apart in {'; '.join(works)}." if works else ""))
    if not lines:
        return None
    text = "**Clusters are not always tasks.** Losses are of accuracy, under the ablation that costs most.\n\n"
    return Finding(text + "\n".join(lines), False)


def same_examples(evidence: Evidence) -> Finding | None:
    """Tell which methods cannot tell tasks apart because the tasks have the same examples, and which can."""
    notes = evidence.notes[evidence.notes["note"].str.contains(_SAME_EXAMPLES, regex=False)]
    if notes.empty:
        return None
    keys = notes[["network", "split"]].drop_duplicates().merge(evidence.results.members, on="network")
    lines = []
    for method in [name for name in evidence.results.methods if name in set(keys["split"])]:
        own = keys[keys["split"] == method]
        counts = own.groupby(["kind", "inputs"]).size()
        cells = [
            f"{group_name(*group)} ({counted(counts[group])}{_loss(evidence, *group, method)})"
            for group in evidence.groups
            if group in counts.index
        ]
        lines.append(f"- `{method}` fails by construction in {'; '.join(cells)}.")
    noted = set(zip(keys["kind"], keys["inputs"], strict=True))
    fair = "task-variance"
    cells = [
        f"{group_name(*group)}{_loss(evidence, *group, fair)}"
        for group in evidence.groups
        if group in noted and evidence.networks(*group, fair) and fair not in set(keys["split"])
    ]
    if cells:
        lines.append(f"- `{fair}`, which varies the input of one task and holds the others', can: {'; '.join(cells)}.")
    text = (
        "**Statistics of activations cannot tell tasks apart that have the same examples:** they are equal for all "
        "tasks, whatever the network.\n\n"
    )
    return Finding(text + "\n".join(lines), False)


def sizes_alone(evidence: Evidence) -> Finding | None:
    """Tell which splits cost as much as random ones of the same sizes."""
    if evidence.controls.empty:
        return _greedy_against_random(evidence)
    controls = evidence.controls
    bad = controls[
        (controls["better"] <= controls["networks"] / 2)
        & (controls["drop"] >= LOSES)
        & (controls["drop"] >= controls["control"] - MATTERS)
    ]
    if bad.empty:
        return None
    # Of each split the ablation under which it does worst beside its control; those of the reference method first.
    rows = bad.assign(worse=bad["drop"] - bad["control"], other=bad["split"] != evidence.method)
    rows = rows.sort_values(["other", "worse"], ascending=[True, False], kind="stable")
    rows = rows.drop_duplicates(["kind", "inputs", "split"])
    lines = [
        f"- `{row['split']}`, {group_name(row['kind'], row['inputs'])}, {row['ablation']}: {number(row['drop'])}, "
        f"random splits {number(row['control'])}, better than those in {row['better']} of {counted(row['networks'])}"
        f"{_smallest_share(evidence, row['kind'], row['inputs'], row['split'])}."
        for row in records(rows.head(_TOLD))
    ]
    if len(rows) > _TOLD:
        lines.append(f"- {len(rows) - _TOLD} more, in nulls.csv.")
    text = (
        f"**Some splits lose by their sizes alone.** In {len(bad)} of {len(controls)} cells (kind, inputs, method and "
        f"ablation) a split costs at least {LOSES} of accuracy and no less than random splits of the same sizes. "
        "Accuracy lost, of each method the worst ablation:\n\n"
    )
    return Finding(text + "\n".join(lines), False)


def better_than_sizes(evidence: Evidence) -> Finding | None:
    """Tell which splits cost less than random ones of the same sizes, under every ablation."""
    controls = evidence.controls
    if controls.empty:
        return None
    good = controls.assign(good=controls["better"] > controls["networks"] / 2)
    lines = []
    for kind, inputs in evidence.groups:
        own = good[(good["kind"] == kind) & (good["inputs"] == inputs)]
        always = own.groupby("split", sort=False)["good"].all()
        if always.any():
            names = listed(f"`{name}`" for name in always.index[always])
            lines.append(f"- {group_name(kind, inputs)}: {names} ({always.sum()} of {len(always)} methods)")
    if not lines:
        return None
    text = (
        f"**These splits are better than their sizes.** Under every ablation most networks lose less (p ≤ {LEVEL}, for "
        "every task) than with random splits of the same sizes:\n\n"
    )
    return Finding(text + "\n".join(lines), True)


def min_cut(evidence: Evidence) -> Finding | None:
    """Tell how much less the minimum cut cuts than the greedy split, and where it cuts off nothing but outputs."""
    name, plain = "min-cut", "greedy"
    lines = []
    for row in evidence.of_methods("cut", name, plain):
        if not (differs(row) and row["difference"] < 0):
            continue
        group = row["kind"], row["inputs"]
        lines.append(
            f"- {group_name(*group)}: {number(row['mean_one'])} against {number(row['mean_other'])} of the strength, a "
            f"difference of {interval(row['difference'], row['low'], row['high'])} ({verdict(row)}); accuracy lost "
            f"{number(_worst(evidence, *group, name))} against {number(_worst(evidence, *group, plain))}."
        )
    wrong = evidence.degenerate[evidence.degenerate["split"] == name].groupby(["kind", "inputs"]).size()
    cells = [
        f"{group_name(*group)} ({wrong[group]} of {counted(len(evidence.networks(*group, name)))})"
        for group in evidence.groups
        if group in wrong.index
    ]
    if cells:
        lines.append(f"- Degenerate, and left out: {'; '.join(cells)}. There the cheapest cut is around the outputs.")
    if not lines:
        return None
    told = "cuts less than `greedy`" if len(lines) > bool(cells) else "is degenerate"
    return Finding(f"**The minimum cut {told}.**\n\n" + "\n".join(lines), len(lines) > bool(cells))


def beyond_chance(evidence: Evidence) -> Finding | None:
    """Tell in how many networks modularity exceeds each null model; beyond `distance` it is more than geometry."""
    rows = evidence.chances
    rows = rows[(rows["metric"] == "modularity") & (rows["split"] == evidence.method)]
    if rows.empty:
        return None
    # What few draws cannot show is told by the sign alone, such as for the one network before training.
    few = rows["draws"] < 1 / LEVEL - 1
    rows = rows.assign(exceeds=np.where(few, rows["value"] > rows["mean"], rows["p"] <= LEVEL), few=few)
    nulls = list(rows["null"].unique())
    groups = rows.groupby(["kind", "inputs", "null"]).agg(
        exceeds=("exceeds", "sum"), networks=("exceeds", "size"), z=("z", "median"), few=("few", "any")
    )
    counts = {(row["kind"], row["inputs"], row["null"]): row for row in records(groups.reset_index())}
    table = [
        [group_name(*group), *(_count(counts.get((*group, null))) for null in nulls)]
        for group in evidence.groups
        if any((*group, null) in counts for null in nulls)
    ]
    strict = "distance" if "distance" in nulls else nulls[0]
    of_strict = {group: counts[*group, strict] for group in evidence.groups if (*group, strict) in counts}
    passed = {group for group, row in of_strict.items() if row["exceeds"] > row["networks"] / 2}
    yes = [group_name(*group) for group in of_strict if group in passed]
    no = [group_name(*group) for group in of_strict if group not in passed]
    what = "geometry" if strict == "distance" else f"the null model `{strict}`"
    parts = ([f"most {listed(yes)} networks exceed it"] if yes else []) + (
        [f"most {listed(no)} networks do not"] if no else []
    )
    title = f"Modularity is more than {what}" if yes else f"Modularity is no more than {what}"
    note = "; *: larger, p is not known from so few draws" if rows["few"].any() else ""
    text = (
        f"**{title}{' in some networks' if yes and no else ''}.** Networks whose modularity (`{evidence.method}`) is "
        f"above that of the null model (p ≤ {LEVEL}), and the median z{note}:\n\n"
        f"{markdown_table(['networks', *nulls], table)}\n\n"
    )
    text += (
        f"`distance` keeps how strength falls with distance, and is the one that counts: {'; '.join(parts)}."
        if strict == "distance"
        else "No null model here keeps distances, so what geometry does is not known."
    )
    return Finding(text, bool(yes))


def seeds_disagree(evidence: Evidence) -> Finding | None:
    """Tell which methods find other modules when they start from another seed."""
    rows = _agreement(evidence, same=True)
    groups = rows.groupby(["split", "kind"], sort=False)["value"].mean().reset_index()
    means = {(row["split"], row["kind"]): row["value"] for row in records(groups)}
    unsure = {method for (method, _), value in means.items() if value < SURE}
    if not unsure:
        return None
    kinds = [kind for kind in evidence.results.kinds if kind in set(rows["kind"])]
    table = [
        [f"`{method}`", *(number(means.get((method, kind), np.nan), 2) for kind in kinds)]
        for method in evidence.results.methods
        if method in unsure
    ]
    networks = rows["network"].nunique()
    text = (
        "**Several splits are about as good.** Mean adjusted Rand index between the splits that a method finds of one "
        f"network from different seeds (1: the same split, 0: chance; {counted(networks)}), where below {SURE}:\n\n"
    )
    return Finding(text + markdown_table(["method", *(kind or "all" for kind in kinds)], table), False)


def methods_agree(evidence: Evidence) -> Finding | None:
    """Tell how far different methods find the same modules, for each kind of network."""
    rows = _agreement(evidence, same=False)
    if rows.empty:
        return None
    pair = ["`" + "` and `".join(sorted(names)) + "`" for names in zip(rows["split"], rows["other"], strict=True)]
    rows = rows.assign(pair=pair)
    lines = []
    for kind in evidence.results.kinds:
        own = rows[rows["kind"] == kind]
        if own.empty:
            continue
        means = own.groupby("pair")["value"].mean().sort_values(kind="stable")
        ends = f"{means.index[-1]} agree most ({number(means.iloc[-1], 2)}), "
        ends += f"{means.index[0]} least ({number(means.iloc[0], 2)})"
        lines.append(
            f"- {kind or 'all'}: {number(means.mean(), 2)} over {counted(len(means), 'pair')} of methods and "
            f"{counted(own['network'].nunique())}; {ends}."
        )
    mean = rows.groupby("pair")["value"].mean().mean()
    title = "Methods find much the same modules" if mean >= 0.8 else "Methods find different modules"
    return Finding(f"**{title}.** Mean adjusted Rand index:\n\n" + "\n".join(lines), bool(mean >= 0.8))


FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    *(kinds_differ, ablation_matters, better_than_sizes, sizes_alone, beyond_chance),
    *(min_cut, clusterings, same_examples, methods_agree, seeds_disagree),
)
"""Every finding, in the order in which they are told."""


def _changes(contrasts: pd.DataFrame) -> list[Row]:
    """Compare the difference between kinds under every two ablations, seed by seed, for each input mode.

    Args:
        contrasts: a row for each input mode and seed, a column for each ablation.

    Returns:
        the columns of `paired`, p_holm and comparisons; inputs; one and other, the ablations, that of the larger
        difference first.
    """
    found = []
    for inputs in contrasts.index.unique("inputs"):
        own = contrasts.xs(inputs, level="inputs")
        for pair in itertools.combinations(own.columns, 2):
            both = own[list(pair)].dropna()
            if both.empty:
                continue
            one, other = sorted(pair, key=lambda name: -abs(both[name].mean()))
            row = paired(both[[one]].to_numpy(np.float64).T, both[[other]].to_numpy(np.float64).T)
            found.append(row.assign(inputs=inputs, one=one, other=other))
    if not found:
        return []
    table = pd.concat(found, ignore_index=True)
    p = table["p"].to_numpy(np.float64)
    return records(table.assign(p_holm=holm(p), comparisons=np.count_nonzero(~np.isnan(p))))


def _greedy_against_random(evidence: Evidence) -> Finding | None:
    """Tell where greedy loses as much as the one random split of its sizes, if no null model was run."""
    plain = "greedy"
    lines = [
        f"- {group_name(row['kind'], row['inputs'])}, {row['ablation']}: {number(row['mean_one'])}, `{RANDOM}` "
        f"{number(row['mean_other'])}, difference {interval(row['difference'], row['low'], row['high'])} "
        f"({verdict(row)}){_smallest_share(evidence, row['kind'], row['inputs'], plain)}."
        for row in evidence.of_methods(DROP, plain, RANDOM)
        if row["mean_one"] >= LOSES and not (differs(row) and row["difference"] < 0)
    ]
    if not lines:
        return None
    text = (
        f"**Some splits lose by their sizes alone.** Accuracy lost by `{plain}` where it is not told to lose less than "
        f"`{RANDOM}`, one random split of the same sizes (null models would draw many):\n\n"
    )
    return Finding(text + "\n".join(lines), False)


def _agreement(evidence: Evidence, *, same: bool) -> pd.DataFrame:
    """Return the adjusted Rand index of each network and pair: of seeds of one method, or of two methods."""
    rows = evidence.agreement[evidence.agreement["measure"] == "adjusted-rand"]
    rows = rows[(rows["split"] == rows["other"]) == same]
    keys = ["network", "kind", "inputs", "split", "other"]
    return rows.groupby(keys, sort=False)["value"].mean().dropna().reset_index()


def _both(row: Row) -> str:
    return f"{number(row['mean_one'])} / {number(row['mean_other'])}{'*' if differs(row) else ''}"


def _difference(row: Row | None) -> str:
    if row is None:
        return "–"
    return interval(row["difference"], row["low"], row["high"]) + ("*" if differs(row) else "")


def _count(row: Row | None) -> str:
    """Return how many networks exceed a null model."""
    if row is None:
        return "–"
    z = "" if np.isnan(row["z"]) else f" (z {number(row['z'], 1)})"
    return f"{row['exceeds']} of {row['networks']}{'*' if row['few'] else ''}{z}"


def _ablation(name: str) -> str:
    return name if label(name) == name else f"{name} ({label(name)})"


def _worst(evidence: Evidence, kind: str, inputs: str, method: str) -> float:
    """Return the mean loss of accuracy under the ablation that costs most, NaN if none is known."""
    rows = evidence.worst
    rows = rows[(rows["kind"] == kind) & (rows["inputs"] == inputs) & (rows["split"] == method)]
    return float(rows["mean"].iloc[0]) if len(rows) else np.nan


def _loss(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    value = _worst(evidence, kind, inputs, method)
    return "" if np.isnan(value) else f", loses {number(value)}"


def _smallest_share(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return a remark on the smallest module of the layer where it is smallest."""
    rows = evidence.kept[evidence.kept["metric"].str.startswith("share:")]
    rows = rows[(rows["split"] == method) & (rows["kind"] == kind) & (rows["inputs"] == inputs)]
    if rows.empty:
        return ""
    share = rows.groupby("network")["value"].min().mean()
    return f"; in one layer, the smallest module has {100 * share:.0f} % of the neurons"
