"""Findings on chance: which splits do better or worse than random ones, and which networks than null models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .evidence import (
    DROP,
    LEAST_DRAWS,
    RANDOM,
    Evidence,
    Row,
    against_chance,
    differs,
    records,
    seen,
    told_by,
    unvaried,
    verdict,
)
from .fair import main_groups, main_groups_said
from .finding import LOSES, MATTERS, Finding, difference_cell
from .labels import shared_with_draws
from .statistics import LEVEL, combined_p
from .wording import between, counted, group_name, listed, markdown_table, number, p_said
from .wording import some as some_of
from .worth import GRAPH_NULLS, MODULARITY

# Lines of a list before it is cut short.
_TOLD = 6

_COMBINED = f"p ≤ {LEVEL} of all networks together, Fisher's method, corrected by Holm's for all cells and both tails"


def better_than_sizes(evidence: Evidence) -> Finding | None:
    """Tell which splits cost less than random ones of the same sizes, under every ablation."""
    controls = evidence.controls
    if controls.empty:
        return None
    lines = []
    for kind, inputs in main_groups(evidence):
        own = controls[(controls["kind"] == kind) & (controls["inputs"] == inputs)]
        always = own.assign(good=beats(own)).groupby("split", sort=False)["good"].all()
        if always.any():
            names = listed(f"`{name}`" for name in always.index[always])
            lines.append(f"- {group_name(kind, inputs)}: {names} ({always.sum()} of {len(always)} methods)")
    if not lines:
        return None
    text = (
        "**These splits beat random splits of the same sizes.** Under every ablation they lose less in most networks "
        f"(p ≤ {LEVEL}, for every task) and in all together ({_COMBINED}):{main_groups_said(evidence, 'nulls.csv')}\n\n"
    )
    return Finding(text + "\n".join(lines), True)


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


def beats(controls: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of `Evidence.controls` are better than chance: in most networks, and in all together."""
    return (controls["better"] > controls["networks"] / 2) & (controls["p_better"] <= LEVEL)


def beyond_chance(evidence: Evidence) -> Finding | None:
    """Tell which groups of networks are more modular than each null model, and which are less."""
    rows = evidence.chances
    rows = rows[(rows["metric"] == MODULARITY) & (rows["split"] == evidence.method)]
    tested = rows[rows["draws"] >= LEAST_DRAWS]
    tests = records(against_chance(tested, ["kind", "inputs", "null"])) if tested["spread"].any() else []
    if not tests:
        return None
    counts = {(row["kind"], row["inputs"], row["null"]): row for row in tests}
    names = dict.fromkeys(row["null"] for row in tests)
    table = [
        [group_name(*group), *(_count(counts.get((*group, null))) for null in names)]
        for group in main_groups(evidence)
        if any((*group, null) in counts for null in names)
    ]
    strict = [*(null for null in GRAPH_NULLS if null in names), *(null for null in names if null not in GRAPH_NULLS)]
    own = {null: [counts[*group, null] for group in evidence.groups if (*group, null) in counts] for null in strict}
    verdicts = {null: _groups_by_verdict(rows) for null, rows in own.items()}
    most, some, less, _ = verdicts[strict[0]]
    sentence = (
        f"Most {some_of(most)} networks are more modular than networks with {shared_with_draws(strict[0])}"
        if most
        else f"In no group are most networks told to be more modular than networks with {shared_with_draws(strict[0])}"
    )
    least = _least_p(tested)
    if least > LEVEL:
        sentence = (
            f"Too few draws, or networks, to tell them from null models: corrected, no p can be below {number(least)}, "
            "however modular they are. `analyze --nulls 100` draws more"
        )
    below = "; ↓: below it, by the p of the other tail" if tested["p_opposite"].notna().any() else ""
    text = (
        f"**{sentence}.** Networks whose modularity (`{evidence.method}`) is above that of the null model "
        f"(p ≤ {LEVEL}), the median z, and p of all together ({_COMBINED}){below}."
        f"{unvaried(tested)}{main_groups_said(evidence, 'nulls.csv')}\n\n"
        f"{markdown_table(['networks', *names], table)}\n\n"
    )
    lines = [f"- `{null}` keeps {shared_with_draws(null)}. {_said_of_null(*verdicts[null])}" for null in strict]
    if "distance" not in names:
        lines.append("- No null model here keeps distances, so what geometry does is not known.")
    lines += _from_few_draws(evidence, rows[rows["draws"] < LEAST_DRAWS])
    return Finding(
        text + "\n".join(lines), bool(most), hint=least > LEVEL or (evidence.few and bool(most or some or less))
    )


def _least_p(rows: pd.DataFrame) -> float:
    """Return the least p, corrected, that a group of networks could have: if every network were above all draws."""
    rows = rows[rows["spread"]]
    cells = rows.assign(floor=1 / (rows["draws"] + 1)).groupby(["kind", "inputs", "null"])["floor"]
    least = cells.agg(lambda p: combined_p(p.to_numpy(np.float64)))
    return min(1.0, float(least.min()) * 2 * len(least))  # Holm's first step, of the cells and both tails


def _groups_by_verdict(rows: list[Row]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return the names of groups: with most networks above a null model, with some above, those below, and the rest."""
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
    parts = [f"more modular: most {some_of(most)} networks"] if most else []
    parts += [f"more modular, but not in most: {some_of(some)}"] if some else []
    parts += [f"less modular than the null model, which is no chance either: {some_of(less)}"] if less else []
    parts += [f"not told apart: {some_of(rest)}"] if rest else []
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _from_few_draws(evidence: Evidence, rows: pd.DataFrame) -> list[str]:
    """Tell the mean difference from null models of which there are too few draws for a p, such as one network."""
    lines = []
    for null, own in rows.groupby("null", sort=False):
        means = (own["value"] - own["mean"]).groupby([own["kind"], own["inputs"]]).mean()
        parts = [
            f"{group_name(*group)} {number(means[group])}" for group in main_groups(evidence) if group in means.index
        ]
        draws = between([int(count) for count in own["draws"]])
        word = "draw" if draws == "1" else "draws"
        lines.append(
            f"- `{null}` has {draws} {word} of each network, too few for a p. Modularity minus theirs, mean: "
            f"{', '.join(parts)}."
        )
    return lines


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
        f"{number(row['mean_other'])}, difference {difference_cell(row)} ({verdict(row)})"
        f"{_smallest_share(evidence, row['kind'], row['inputs'], 'greedy')}."
        for row in rows
    )


def _count(row: Row | None) -> str:
    """Return how many networks exceed a null model, the median z, p of all, and whether they are below it."""
    if row is None:
        return "–"
    z = "" if np.isnan(row["z"]) else f"z {number(row['z'], 1)}, "
    below = " ↓" if row["p_worse"] <= LEVEL else ""
    return f"{row['better']} of {row['networks']} ({z}{p_said(row['p_better'])}){below}"


def _smallest_share(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return a remark on the smallest module of the layer where it is smallest."""
    rows = evidence.kept[evidence.kept["metric"].str.startswith("share:")]
    rows = rows[(rows["split"] == method) & (rows["kind"] == kind) & (rows["inputs"] == inputs)]
    if rows.empty:
        return ""
    share = rows.groupby("network")["value"].min().mean()
    return f"; in one layer, the smallest module has {100 * share:.0f} % of the units"
