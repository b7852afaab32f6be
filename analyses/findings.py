"""Findings: what the data of an analysis show, each as one function that says it where they do and nothing where not.

A finding is a rule computed from `Evidence`, for whatever tasks, kinds, input modes and methods there are. It speaks of
differences whose corrected p is at most 0.05. Where seeds are too few for a test, a difference whose interval leaves
out 0 is a hint, and told as one (see `differs` and `hinted`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .columns import FULL
from .evidence import (
    DROP,
    LEAST_DRAWS,
    RANDOM,
    Evidence,
    Row,
    against_chance,
    are_controls,
    between,
    counted,
    differs,
    group_name,
    interval,
    listed,
    mark,
    markdown_table,
    number,
    p_said,
    records,
    seen,
    told_by,
    unvaried,
    verdict,
)
from .results import label
from .statistics import LEVEL, holm, over_seeds, paired
from .worth import GRAPH_NULLS, MODULARITY

MATTERS = 0.01
"""The least difference of accuracies that is spoken of: one example in a hundred."""

LOSES = 0.05
"""The least loss of accuracy that calls a split bad."""

SURE = 0.9
"""The least agreement of the seeds of a method (adjusted Rand index) that calls its split certain."""

# Lines of a list before it is cut short.
_TOLD = 6


@dataclass(frozen=True)
class Finding:
    """What the data show.

    Attributes:
        text: Markdown, its first sentence bold.
        holds: whether it tells what holds or what works; otherwise what does not.
        hint: whether it rests on too few seeds for a test, and therefore holds as little as it does not.
    """

    text: str
    holds: bool
    hint: bool = False


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
    if not any(map(seen, told)):
        return None
    table = [
        [label(inputs), *(_both(own[inputs]) if inputs in own else "–" for own in columns.values())]
        for inputs in evidence.results.inputs
    ]
    text = (
        f"**{label(one)} and {label(other).lower()} networks differ.** Mean of {one} / of {other} networks, split by "
        f"`{evidence.method}` ({told_by(told)}):\n\n"
    )
    return Finding(text + markdown_table(["inputs", *columns], table), True, hint=not any(map(differs, told)))


def ablation_matters(evidence: Evidence) -> Finding | None:
    """Tell whether the difference between kinds depends on what disabled neurons emit: its size, or more than that."""
    if evidence.kinds is None:
        return None
    one, other = evidence.kinds
    values = over_seeds(evidence.kept[(evidence.kept["metric"] == DROP) & (evidence.kept["split"] == evidence.method)])
    wide = values.set_index(["inputs", "ablation", "unit", "kind"])["value"].unstack("kind")
    if not {one, other} <= set(wide.columns):
        return None
    contrasts = (wide[one] - wide[other]).dropna().unstack("ablation")  # of every seed, a column for each ablation
    changes = _changes(contrasts.reindex(columns=list(evidence.results.ablations)))
    changed = [row for row in changes if seen(row) and abs(row["difference"]) >= MATTERS]
    if not changed:
        return None
    own = {(row["inputs"], row["ablation"]): row for row in evidence.of_kinds(DROP, evidence.method)}
    modes = [mode for mode in evidence.results.inputs if any(row["inputs"] == mode for row in changed)]
    more = [mode for mode in modes if any(_turns(row, own) for row in changed if row["inputs"] == mode)]
    size = [mode for mode in modes if mode not in more]
    title = "changes the conclusion" if more else "changes the size of the difference, not its sign"
    parts = [f"whether there is a difference, or its sign, in {listed(map(label, more))}"] if more else []
    parts += [f"its size alone in {listed(map(label, size))}"] if size else []
    text = (
        f"**The kind of ablation {title}.** It changes {'; '.join(parts)}. Accuracy that `{evidence.method}` splits "
        f"cost, {one} minus {other} networks, by what disabled neurons emit ({told_by(list(own.values()))}):\n\n"
        f"{_contrast_table(evidence, own)}\n\n"
        f"How much larger this difference is under one ablation than under another, every two of them "
        f"({told_by(changes)}):\n\n{_change_table(evidence, changes)}"
    )
    return Finding(text, True, hint=not any(map(differs, changed)))


def _turns(change: Row, own: Mapping[tuple[str, str], Row]) -> bool:
    """Return whether the difference has another sign under another ablation, or is seen under one of them alone."""
    one, other = (own[change["inputs"], change[side]] for side in ("one", "other"))
    return bool(np.sign(one["difference"]) * seen(one) != np.sign(other["difference"]) * seen(other))


def _contrast_table(evidence: Evidence, own: Mapping[tuple[str, str], Row]) -> str:
    ablations = evidence.results.ablations
    table = [
        [label(inputs), *(_difference(own.get((inputs, ablation))) for ablation in ablations)]
        for inputs in evidence.results.inputs
    ]
    return markdown_table(["inputs", *map(_ablation, ablations)], table)


def _change_table(evidence: Evidence, changes: list[Row]) -> str:
    pairs = list(dict.fromkeys((row["one"], row["other"]) for row in changes))
    found = {(row["inputs"], row["one"], row["other"]): row for row in changes}
    table = [
        [label(inputs), *(_difference(found.get((inputs, *pair))) for pair in pairs)]
        for inputs in evidence.results.inputs
    ]
    return markdown_table(["inputs", *(" − ".join(pair) for pair in pairs)], table)


def clusterings(evidence: Evidence) -> Finding | None:
    """Tell which methods put outputs of several tasks into one cluster, and where they find the tasks."""
    rows = records(evidence.noted("misplaced-outputs"))
    misplaced = {(row["split"], row["network"]): json.loads(row["values"]) for row in rows}
    lines = []
    for method in evidence.results.methods:
        fails, works = [], []
        for kind, inputs in evidence.groups:
            networks = evidence.networks(kind, inputs, method)
            found = [misplaced[method, name] for name in networks if (method, name) in misplaced]
            # Of two tasks' outputs half belong together; three quarters in one cluster are not two clusters.
            most = [values["most"] for values in found if values["most"] >= 0.75 * values["of"]]
            if len(most) > len(networks) / 2:
                fails.append(
                    f"{group_name(kind, inputs)} ({len(most)} of {counted(len(networks))}: {between(most)} of "
                    f"{found[0]['of']} outputs{_loss(evidence, kind, inputs, method)})"
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
    text = "**Clusters are not always tasks.** Losses are of accuracy, under the ablation that costs most (named).\n\n"
    return Finding(text + "\n".join(lines), False)


def same_examples(evidence: Evidence) -> Finding | None:
    """Tell which methods cannot tell tasks apart because the tasks have the same examples, and which can."""
    notes = evidence.noted("same-examples")
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
    """Tell which splits are not told apart from random ones of the same sizes."""
    if not evidence.controlled:
        return _greedy_beside_random(evidence)
    controls = evidence.controls
    bad = controls[
        ~(controls["p_better"] <= LEVEL)
        & ~(controls["p_worse"] <= LEVEL)
        & (controls["value"] >= LOSES)
        & (controls["value"] >= controls["chance"] - MATTERS)
    ]
    if bad.empty:
        return None
    text = (
        f"**Some splits are not told apart from their sizes.** In {len(bad)} of {len(controls)} cells (kind, inputs, "
        f"method and ablation) a split costs at least {LOSES} of accuracy, neither less nor more than random splits of "
        f"the same sizes ({_COMBINED}).{_unvaried_controls(evidence)} Accuracy lost:\n\n"
    )
    return Finding(text + _beside_controls(evidence, bad), False)


def worse_than_sizes(evidence: Evidence) -> Finding | None:
    """Tell which splits cost more than random ones of the same sizes."""
    if not evidence.controlled:
        return _greedy_worse_than_random(evidence)
    controls = evidence.controls
    bad = controls[
        (controls["p_worse"] <= LEVEL)
        & (controls["value"] >= LOSES)
        & (controls["value"] >= controls["chance"] + MATTERS)
    ]
    if bad.empty:
        return None
    text = (
        f"**Some splits lose more than random splits of the same sizes.** In {len(bad)} of {len(controls)} cells "
        f"(kind, inputs, method and ablation) a split costs at least {LOSES} of accuracy, and more than random splits "
        f"({_COMBINED}). Accuracy lost:\n\n"
    )
    return Finding(text + _beside_controls(evidence, bad), False, hint=evidence.few)


def better_than_sizes(evidence: Evidence) -> Finding | None:
    """Tell which splits cost less than random ones of the same sizes, under every ablation."""
    controls = evidence.controls
    if controls.empty:
        return None
    lines = []
    for kind, inputs in evidence.groups:
        own = controls[(controls["kind"] == kind) & (controls["inputs"] == inputs)]
        always = own.assign(good=beats(own)).groupby("split", sort=False)["good"].all()
        if always.any():
            names = listed(f"`{name}`" for name in always.index[always])
            lines.append(f"- {group_name(kind, inputs)}: {names} ({always.sum()} of {len(always)} methods)")
    if not lines:
        return None
    text = (
        "**These splits beat random splits of the same sizes.** Under every ablation they lose less in most networks "
        f"(p ≤ {LEVEL}, for every task) and in all together ({_COMBINED}):\n\n"
    )
    return Finding(text + "\n".join(lines), True)


def beats(controls: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of `Evidence.controls` are better than chance: in most networks, and in all together."""
    return (controls["better"] > controls["networks"] / 2) & (controls["p_better"] <= LEVEL)


def min_cut(evidence: Evidence) -> Finding | None:
    """Tell how large the minimum cut is, what it costs beside the greedy split, and where it cuts off outputs alone."""
    name, plain = "min-cut", "greedy"
    costs = evidence.of_methods(DROP, name, plain)
    lines = []
    for row in evidence.of_methods("cut", name, plain):
        own = [cost for cost in costs if (cost["kind"], cost["inputs"]) == (row["kind"], row["inputs"])]
        lost = ", ".join(f"{cost['ablation']} {_difference(cost)}" for cost in own)
        lines.append(
            f"- {group_name(row['kind'], row['inputs'])}: {number(row['mean_one'])} of the strength, `{plain}` "
            f"{number(row['mean_other'])}" + (f"; accuracy lost, minus that of `{plain}`: {lost}." if lost else ".")
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
    if len(lines) == bool(cells):
        return Finding("**The minimum cut is degenerate.**\n\n" + lines[0], False)
    differ = any(map(differs, costs))
    title = (
        "costs another accuracy than" if any(map(seen, costs)) else "costs no other accuracy, as far as is told, than"
    )
    text = f"**The minimum cut {title} `{plain}`.** That it cuts no more is so by construction, and was not tested" + (
        f" (accuracy: {told_by(costs)})" if costs else ""
    )
    return Finding(f"{text}:\n\n" + "\n".join(lines), differ, hint=not differ and any(map(seen, costs)))


def beyond_chance(evidence: Evidence) -> Finding | None:
    """Tell which groups of networks are more modular than each null model, and which are less."""
    rows = evidence.chances
    rows = rows[(rows["metric"] == MODULARITY) & (rows["split"] == evidence.method)]
    tested = rows[rows["draws"] >= LEAST_DRAWS]
    found = records(against_chance(tested, ["kind", "inputs", "null"])) if tested["spread"].any() else []
    if not found:
        return None
    counts = {(row["kind"], row["inputs"], row["null"]): row for row in found}
    names = dict.fromkeys(row["null"] for row in found)
    table = [
        [group_name(*group), *(_count(counts.get((*group, null))) for null in names)]
        for group in evidence.groups
        if any((*group, null) in counts for null in names)
    ]
    strict = [*(null for null in GRAPH_NULLS if null in names), *(null for null in names if null not in GRAPH_NULLS)]
    own = {null: [counts[*group, null] for group in evidence.groups if (*group, null) in counts] for null in strict}
    told = {null: _told_of_null(rows) for null, rows in own.items()}
    most, some, less, _ = told[strict[0]]
    sentence = (
        f"Most {listed(most)} networks are more modular than networks with {_kept(strict[0])}"
        if most
        else f"In no group are most networks told to be more modular than networks with {_kept(strict[0])}"
    )
    below = "; ↓: below it, by the p of the other tail" if tested["p_opposite"].notna().any() else ""
    text = (
        f"**{sentence}.** Networks whose modularity (`{evidence.method}`) is above that of the null model "
        f"(p ≤ {LEVEL}), the median z, and p of all together ({_COMBINED}){below}."
        f"{unvaried(tested)}\n\n{markdown_table(['networks', *names], table)}\n\n"
    )
    lines = [f"- `{null}` keeps {_kept(null)}. {_said_of_null(*told[null])}" for null in strict]
    if "distance" not in names:
        lines.append("- No null model here keeps distances, so what geometry does is not known.")
    lines += _from_few_draws(evidence, rows[rows["draws"] < LEAST_DRAWS])
    return Finding(text + "\n".join(lines), bool(most), hint=evidence.few and bool(most or some or less))


_KEPT = {
    "distance": "the same strengths and the same fall of strength with distance",
    "strength": "the same strengths",
    "shuffle": "the same weights in each connection, shuffled",
}
_COMBINED = f"p ≤ {LEVEL} of all networks together, Fisher's method, corrected by Holm's for all cells and both tails"


def _kept(null: str) -> str:
    return _KEPT.get(null, f"what `{null}` keeps")


def _told_of_null(rows: list[Row]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return the names of the groups of which most networks are above a null model, some, those below, and the rest."""
    most, some, less, rest = list[str](), list[str](), list[str](), list[str]()
    for row in rows:
        name, above = group_name(row["kind"], row["inputs"]), row["p_better"] <= LEVEL
        if above:
            (most if row["better"] > row["networks"] / 2 else some).append(name)
        if row["p_worse"] <= LEVEL:
            less.append(f"{name} ({row['worse']} of {row['networks']}, {p_said(row['p_worse'])})")
        elif not above:
            rest.append(name)
    return most, some, less, rest


def _said_of_null(most: list[str], some: list[str], less: list[str], rest: list[str]) -> str:
    parts = [f"more modular: most {listed(most)} networks"] if most else []
    parts += [f"more modular, but not in most: {listed(some)}"] if some else []
    parts += [f"less modular than the null model, which is no chance either: {listed(less)}"] if less else []
    parts += [f"not told apart: {listed(rest)}"] if rest else []
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _from_few_draws(evidence: Evidence, rows: pd.DataFrame) -> list[str]:
    """Tell the mean difference from null models of which there are too few draws for a p, such as one network."""
    lines = []
    for null, own in rows.groupby("null", sort=False):
        means = (own["value"] - own["mean"]).groupby([own["kind"], own["inputs"]]).mean()
        parts = [f"{group_name(*group)} {number(means[group])}" for group in evidence.groups if group in means.index]
        draws = between([int(count) for count in own["draws"]])
        word = "draw" if draws == "1" else "draws"
        lines.append(
            f"- `{null}` has {draws} {word} of each network, too few for a p. Modularity minus theirs, mean: "
            f"{', '.join(parts)}."
        )
    return lines


def seeds_disagree(evidence: Evidence) -> Finding | None:
    """Tell which methods find other modules when they start from another seed."""
    rows = _agreement(evidence, same=True)
    rows = rows[~are_controls(rows["split"])]
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
    rows = rows[~(are_controls(rows["split"]) | are_controls(rows["other"]))]
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
    return Finding(
        f"**{title}.** Mean adjusted Rand index, without controls, and without splits that are degenerate or fail by "
        "construction:\n\n" + "\n".join(lines),
        bool(mean >= 0.8),
    )


FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    *(kinds_differ, ablation_matters, better_than_sizes, worse_than_sizes, sizes_alone, beyond_chance),
    *(min_cut, clusterings, same_examples, methods_agree, seeds_disagree),
)
"""Every finding, in the order in which they are told."""


def _changes(contrasts: pd.DataFrame) -> list[Row]:
    """Compare the difference between kinds under every two ablations, seed by seed, for each input mode.

    Args:
        contrasts: a row for each input mode and seed, a column for each ablation.

    Returns:
        the columns of `paired`, p_holm and comparisons; inputs; one and other, the ablations, in the order of columns.
    """
    found = []
    for inputs in contrasts.index.unique("inputs"):
        own = contrasts.xs(inputs, level="inputs")
        for one, other in itertools.combinations(own.columns, 2):
            both = own[[one, other]].dropna()
            if both.empty:
                continue
            row = paired(both[[one]].to_numpy(np.float64).T, both[[other]].to_numpy(np.float64).T)
            found.append(row.assign(inputs=inputs, one=one, other=other))
    if not found:
        return []
    table = pd.concat(found, ignore_index=True)
    p = table["p"].to_numpy(np.float64)
    return records(table.assign(p_holm=holm(p), comparisons=np.count_nonzero(~np.isnan(p))))


def _beside_controls(evidence: Evidence, rows: pd.DataFrame) -> str:
    """Return a line for each split, of the ablation under which it does worst beside its control, and cut the list."""
    # Those of the reference method come first.
    rows = rows.assign(excess=rows["value"] - rows["chance"], other=rows["split"] != evidence.method)
    rows = rows.sort_values(["other", "excess"], ascending=[True, False], kind="stable")
    rows = rows.drop_duplicates(["kind", "inputs", "split"])
    lines = [
        f"- `{row['split']}`, {group_name(row['kind'], row['inputs'])}, {row['ablation']}: {number(row['value'])}, "
        f"random splits {number(row['chance'])}; less than those in {row['better']} and more in {row['worse']} of "
        f"{counted(row['networks'])} (p ≤ {LEVEL})"
        f"{_smallest_share(evidence, row['kind'], row['inputs'], row['split'])}."
        for row in records(rows.head(_TOLD))
    ]
    if len(rows) > _TOLD:
        lines.append(f"- {len(rows) - _TOLD} more, in nulls.csv.")
    return "\n".join(lines)


def _unvaried_controls(evidence: Evidence) -> str:
    rows = evidence.chances
    return unvaried(rows[(rows["metric"] == DROP) & (rows["null"] == "random-split")])


def _greedy_beside_random(evidence: Evidence) -> Finding | None:
    """Tell where greedy is not told apart from the one random split of its sizes, if no null model was run."""
    rows = [row for row in _costly_greedy(evidence) if not seen(row) and row["difference"] >= -MATTERS]
    if not rows:
        return None
    text = (
        "**Some splits are not told apart from their sizes.** Accuracy lost by `greedy` where it is told to lose "
        f"neither less nor more than `{RANDOM}`, one random split of the same sizes (null models would draw many):\n\n"
    )
    return Finding(text + _lines_of_random(evidence, rows), False)


def _greedy_worse_than_random(evidence: Evidence) -> Finding | None:
    """Tell where greedy loses more than the one random split of its sizes, if no null model was run."""
    rows = [row for row in _costly_greedy(evidence) if seen(row) and row["difference"] > 0]
    if not rows:
        return None
    text = (
        "**Some splits lose more than random splits of the same sizes.** Accuracy lost by `greedy` where it is more "
        f"than by `{RANDOM}`, one random split of the same sizes (null models would draw many; {told_by(rows)}):\n\n"
    )
    return Finding(text + _lines_of_random(evidence, rows), False, hint=not any(map(differs, rows)))


def _costly_greedy(evidence: Evidence) -> list[Row]:
    return [row for row in evidence.of_methods(DROP, "greedy", RANDOM) if row["mean_one"] >= LOSES]


def _lines_of_random(evidence: Evidence, rows: list[Row]) -> str:
    return "\n".join(
        f"- {group_name(row['kind'], row['inputs'])}, {row['ablation']}: {number(row['mean_one'])}, `{RANDOM}` "
        f"{number(row['mean_other'])}, difference {_difference(row)} ({verdict(row)})"
        f"{_smallest_share(evidence, row['kind'], row['inputs'], 'greedy')}."
        for row in rows
    )


def _agreement(evidence: Evidence, *, same: bool) -> pd.DataFrame:
    """Return the adjusted Rand index of each network and pair: of seeds of one method, or of two methods.

    Degenerate splits, those that cannot tell tasks apart, and those of networks that did not learn a task agree for
    reasons of their own: they do not count.
    """
    rows = evidence.agreement[evidence.agreement["measure"] == "adjusted-rand"]
    rows = rows[((rows["split"] == rows["other"]) == same) & ~rows["network"].isin(evidence.lost["network"])]
    notes = evidence.noted("same-examples")
    wrong = set(zip(notes["network"], notes["split"], strict=True))
    wrong |= set(zip(evidence.degenerate["network"], evidence.degenerate["split"], strict=True))
    kept = [
        (network, one) not in wrong and (network, other) not in wrong
        for network, one, other in zip(rows["network"], rows["split"], rows["other"], strict=True)
    ]
    keys = ["network", "kind", "inputs", "split", "other"]
    return rows[np.array(kept, bool)].groupby(keys, sort=False)["value"].mean().dropna().reset_index()


def _both(row: Row) -> str:
    return f"{number(row['mean_one'])} / {number(row['mean_other'])}{mark(row)}"


def _difference(row: Row | None) -> str:
    return "–" if row is None else interval(row["difference"], row["low"], row["high"]) + mark(row)


def _count(row: Row | None) -> str:
    """Return how many networks exceed a null model, the median z, p of all, and whether they are below it."""
    if row is None:
        return "–"
    z = "" if np.isnan(row["z"]) else f"z {number(row['z'], 1)}, "
    below = " ↓" if row["p_worse"] <= LEVEL else ""
    return f"{row['better']} of {row['networks']} ({z}{p_said(row['p_better'])}){below}"


def _ablation(name: str) -> str:
    return name if label(name) == name else f"{name} ({label(name)})"


def _loss(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return the mean loss of accuracy under the ablation that costs most, and which that is; "" if none is known."""
    rows = evidence.worst
    rows = rows[(rows["kind"] == kind) & (rows["inputs"] == inputs) & (rows["split"] == method)]
    return "".join(f", loses {number(row['mean'])} ({row['ablation']})" for row in records(rows))


def _smallest_share(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return a remark on the smallest module of the layer where it is smallest."""
    rows = evidence.kept[evidence.kept["metric"].str.startswith("share:")]
    rows = rows[(rows["split"] == method) & (rows["kind"] == kind) & (rows["inputs"] == inputs)]
    if rows.empty:
        return ""
    share = rows.groupby("network")["value"].min().mean()
    return f"; in one layer, the smallest module has {100 * share:.0f} % of the neurons"
