"""Findings: what the data of an analysis show, each as one function that says it where they do and nothing where not.

A finding is a rule computed from `Evidence`, for whatever tasks, kinds, input modes and methods there are. It speaks of
differences whose corrected p is at most 0.05. Where seeds are too few for a test, a difference whose interval leaves
out 0 is a hint, and told as one (see `differs` and `hinted`).
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd

from .chance_findings import better_than_sizes, beyond_chance, sizes_alone, worse_than_sizes
from .evidence import DROP, Evidence, are_controls, differs, records, seen, told_by
from .fair import main_groups, main_groups_said, of_main_groups
from .fair_findings import what_makes_modules
from .finding import Finding, difference_cell
from .kind_findings import ablation_matters, kinds_differ
from .wording import between, counted, group_name, listed, markdown_table, number

_GROUPS = 6  # of more kinds and input modes not all are named

SURE = 0.9
"""The least agreement of the seeds of a method (adjusted Rand index) that calls its split certain."""


def clusterings(evidence: Evidence) -> Finding | None:
    """Tell which methods put outputs of several tasks into one cluster, and where they find the tasks."""
    rows = records(evidence.noted("misplaced-outputs"))
    if not rows:
        return None
    misplaced = {(row["split"], row["network"]): json.loads(row["values"]) for row in rows}
    table = []
    for method in evidence.results.methods:
        fails, works = list[list[str]](), list[list[str]]()
        for kind, inputs in main_groups(evidence):
            networks = evidence.networks(kind, inputs, method)
            counts = [misplaced[method, name] for name in networks if (method, name) in misplaced]
            # Of two tasks' outputs half belong together; three quarters in one cluster are not two clusters.
            most = [values["most"] for values in counts if values["most"] >= 0.75 * values["of"]]
            of, lost = group_name(kind, inputs), _loss(evidence, kind, inputs, method) or "–"
            if len(most) > len(networks) / 2:
                found = f"{len(most)} of {len(networks)}", f"{between(most)} of {counts[0]['of']}"
                fails.append([f"`{method}`", of, *found, lost])
            elif networks and not counts:
                works.append([f"`{method}`", of, f"0 of {len(networks)}", "–", lost])
        table += [*fails, *works] if fails else []
    if not table:
        return None
    text = (
        "**Clusters are not always tasks.** These methods put most outputs of all tasks into one cluster. Losses are "
    )
    text += f"of accuracy, under the ablation that costs most (named).{main_groups_said(evidence, 'notes.csv')}\n\n"
    head = ["method", "networks", "in how many", "outputs in one cluster", "accuracy lost"]
    return Finding(text + markdown_table(head, table), False)


def same_examples(evidence: Evidence) -> Finding | None:
    """Tell which methods cannot tell tasks apart because the tasks have the same examples, and which can."""
    notes = evidence.noted("same-examples")
    if notes.empty:
        return None
    keys = notes[["network", "split"]].drop_duplicates().merge(evidence.results.members, on="network")
    counts, fair = keys.groupby(["split", "kind", "inputs"]).size(), "task-variance"
    failing = [name for name in evidence.results.methods if name in set(keys["split"])]
    noted = set(zip(keys["kind"], keys["inputs"], strict=True))
    shown = [group for group in main_groups(evidence) if group in noted]
    able = fair not in failing and any(evidence.networks(*group, fair) for group in shown)
    methods = [*failing, fair] if able else failing
    table = [[group_name(*group), *(_failed(evidence, group, method, counts) for method in methods)] for group in shown]
    text = (
        "**Statistics of activations cannot tell tasks apart that have the same examples.** They are equal for all "
        f"tasks, whatever the network: {listed(f'`{name}`' for name in failing)} fail by construction. "
    )
    text += f"`{fair}` can: it varies the input of one task and holds the others'. " if able else ""
    text += "Cells: networks that fail, and the accuracy lost under the ablation that costs most (named)."
    head = ["networks", *(f"`{name}`" for name in methods)]
    return Finding(f"{text}\n\n{markdown_table(head, table)}", False)


def _failed(evidence: Evidence, group: tuple[str, str], method: str, counts: pd.Series[int]) -> str:
    """Return in how many networks of a group a method fails by construction, and the accuracy that it loses."""
    lost = _loss(evidence, *group, method)
    if (method, *group) not in counts.index:
        return lost or "–"
    return ", ".join(filter(None, [f"{counts[method, *group]} fail", lost]))


def min_cut(evidence: Evidence) -> Finding | None:
    """Tell how large the minimum cut is, what it costs beside the greedy split, and where it cuts off outputs alone."""
    name, plain = "min-cut", "greedy"
    shown = set(main_groups(evidence))
    costs, cuts = (
        [row for row in evidence.of_methods(metric, name, plain) if (row["kind"], row["inputs"]) in shown]
        for metric in (DROP, "cut")
    )
    by_cell = {(cost["kind"], cost["inputs"], cost["ablation"]): cost for cost in costs}
    ablations = list(dict.fromkeys(cost["ablation"] for cost in costs))
    table = [
        [
            group_name(row["kind"], row["inputs"]),
            f"{number(row['mean_one'])} / {number(row['mean_other'])}",
            *(difference_cell(by_cell.get((row["kind"], row["inputs"], ablation))) for ablation in ablations),
        ]
        for row in cuts
    ]
    wrong = evidence.degenerate[evidence.degenerate["split"] == name].groupby(["kind", "inputs"]).size()
    cells = [
        f"{group_name(*group)} {wrong[group]} of {len(evidence.networks(*group, name))}"
        for group in main_groups(evidence)
        if group in wrong.index
    ]
    left_out = ""
    if cells:
        few = f"{int(wrong.sum())}, in {len(cells)} groups of networks" if len(cells) > _GROUPS else listed(cells)
        left_out = f"Degenerate, and left out, in networks: {few}. There the cheapest cut is around the outputs."
    if not table:
        return Finding(f"**The minimum cut is degenerate.** {left_out}", False) if cells else None
    head = ["networks", f"share of the strength that it cuts / `{plain}`"]
    head += [f"accuracy lost minus that of `{plain}`, {ablation}" for ablation in ablations]
    shown_table = markdown_table(head, table) + (f"\n\n{left_out}" if left_out else "")
    by_construction = "That it cuts no more is so by construction, and was not tested."
    if not costs:
        text = f"**What the minimum cut cuts, beside `{plain}`.** {by_construction} What either costs was not measured."
        return Finding(f"{text}\n\n{shown_table}", False)
    differ = any(map(differs, costs))
    title = (
        "costs another accuracy than" if any(map(seen, costs)) else "costs no other accuracy, as far as is told, than"
    )
    text = f"**The minimum cut {title} `{plain}`.** {by_construction} Accuracy: {told_by(costs)}"
    text += main_groups_said(evidence, "comparisons.csv")
    return Finding(f"{text}\n\n{shown_table}", differ, hint=not differ and any(map(seen, costs)))


def seeds_disagree(evidence: Evidence) -> Finding | None:
    """Tell which methods find other modules when they start from another seed."""
    rows = of_main_groups(evidence, _agreement(evidence, same=True))
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
        "**Several splits are about as good.** A method that starts from another seed finds another split of the same "
        f"network. Mean adjusted Rand index between such splits, where it is below {SURE} (1: the same split, 0: "
        f"chance; n = {counted(networks)})."
        f"{main_groups_said(evidence, 'agreement.csv')}\n\n"
    )
    return Finding(text + markdown_table(["method", *(kind or "all" for kind in kinds)], table), False)


def methods_agree(evidence: Evidence) -> Finding | None:
    """Tell how far different methods find the same modules, for each kind of network."""
    rows = of_main_groups(evidence, _agreement(evidence, same=False))
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
        text = f"- {kind or 'all'}: {number(means.mean(), 2)} over {counted(len(means), 'pair')} of methods and "
        text += f"{counted(own['network'].nunique())}. "
        if len(means) == 1:
            lines.append(f"{text}They are {means.index[0]}.")
            continue
        text += f"{means.index[-1]} agree most ({number(means.iloc[-1], 2)}), "
        lines.append(f"{text}{means.index[0]} least ({number(means.iloc[0], 2)}).")
    mean = rows.groupby("pair")["value"].mean().mean()
    title = "Methods find much the same modules" if mean >= 0.8 else "Methods find different modules"
    return Finding(
        f"**{title}.** Mean adjusted Rand index (1: the same split, 0: chance). Controls do not count, nor splits that "
        f"are degenerate or fail by construction.{main_groups_said(evidence, 'agreement.csv')}\n\n" + "\n".join(lines),
        bool(mean >= 0.8),
    )


FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    *(
        what_makes_modules,
        kinds_differ,
        ablation_matters,
        better_than_sizes,
        worse_than_sizes,
        sizes_alone,
        beyond_chance,
    ),
    *(min_cut, clusterings, same_examples, methods_agree, seeds_disagree),
)
"""Every finding, in the order in which they are told."""


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


def _loss(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return the mean loss of accuracy under the ablation that costs most, and which that is; "" if none is known."""
    rows = evidence.worst
    rows = rows[(rows["kind"] == kind) & (rows["inputs"] == inputs) & (rows["split"] == method)]
    return "".join(f"{number(row['mean'])} ({row['ablation']})" for row in records(rows))
