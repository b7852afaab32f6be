"""Findings on chance: which splits do better or worse than random ones, and which networks than null models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialgraph.nulls import RANDOM_SPLIT

from .evidence import (
    DROP,
    LEAST_DRAWS,
    RANDOM,
    Evidence,
    Row,
    against_chance,
    are_controls,
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
from .wording import between, group_name, listed, markdown_table, number, p_said
from .worth import GRAPH_NULLS, MODULARITY

# Numbers of draws that are proposed, where there are too few.
_DRAWS = (*range(LEAST_DRAWS, 100), *range(99, 1000, 50), *range(999, 10000, 500))

_NULL_CELL = ["kind", "inputs", "null"]  # networks that are compared with a null model together

_SMALLEST = "smallest module in a layer"  # what a column of tables is of

_NAMED = 6  # of more groups of networks it is said how many there are

_METHODS = 3  # of more split methods a sentence says how many there are

# Lines of a list before it is cut short.
_TOLD = 6


def better_than_sizes(evidence: Evidence) -> Finding | None:
    """Tell which splits cost less than random ones of the same sizes, under every ablation or under some."""
    controls = evidence.controls
    if controls.empty:
        return None
    always, sometimes, methods = list[str](), list[str](), {"all": list[str](), "any": list[str]()}
    for kind, inputs in main_groups(evidence):
        own = controls[(controls["kind"] == kind) & (controls["inputs"] == inputs)]
        own = own.assign(good=beats(own))
        good = own.groupby("split", sort=False)["good"].agg(["all", "any"])
        for under, names in methods.items():
            names.extend(good.index[good[under]])
        if good["all"].any():
            listing = listed(f"`{name}`" for name in good.index[good["all"]])
            always.append(f"- {group_name(kind, inputs)}: {listing} ({good['all'].sum()} of {len(good)} methods)")
        for split in good.index[good["any"] & ~good["all"]]:
            sometimes.append(f"- {group_name(kind, inputs)}: `{split}` {_by_ablation(own[own['split'] == split])}")
    if not always and not sometimes:
        return None
    said = _methods_said(methods["all" if always else "any"], controls["split"].nunique())
    where = "" if always else ", under some ablations"
    which = "Under every ablation they" if always else "They"
    text = (
        f"**Splits by {said} beat random splits with equally large modules{where}.** {which} lose less: in most "
        f"networks (p ≤ {LEVEL} for every task), and in all together (p ≤ {LEVEL})."
        f"{main_groups_said(evidence, 'nulls.csv')}\n\n"
    )
    more = ["\nUnder some ablations, and not under all:\n" if always else "", *sometimes] if sometimes else []
    return Finding(text + "\n".join(filter(None, [*always, *more])), True)


def _methods_said(methods: list[str], of: int) -> str:
    """Name a few of so many methods, and count more; each may be given several times."""
    found = list(dict.fromkeys(methods))
    return listed(f"`{name}`" for name in found) if len(found) <= _METHODS else f"{len(found)} of {of} methods"


def _by_ablation(rows: pd.DataFrame) -> str:
    """Say under which ablations a split beats random ones, and what the others show."""
    good = listed(rows.loc[rows["good"], "ablation"])
    others = [
        f"{row['ablation']}: {row['better']} of {row['networks']} networks, {p_said(row['p_better'])}"
        for row in records(rows[~rows["good"]])
    ]
    return f"under {good} (not under {'; '.join(others)})"


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
        "**Some splits lose more than random splits with equally large modules.** They cost at least "
        f"{LOSES} of accuracy, and more than random splits (p ≤ {LEVEL} of all networks together). "
        f"{_cells_said(bad, controls)}\n\n"
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
        "**Some splits are not told apart from random splits with equally large modules.** They cost at least "
        f"{LOSES} of accuracy. No p of all networks together is {LEVEL} or less, for less or for more. "
        f"{_cells_said(bad, controls)}{_unvaried_controls(evidence)}\n\n"
    )
    return Finding(text + _beside_controls(evidence, bad), False)


def beats(controls: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of `Evidence.controls` are better than chance: in most networks, and in all together."""
    return (controls["better"] > controls["networks"] / 2) & (controls["p_better"] <= LEVEL)


def blind_to_sizes(evidence: Evidence) -> str:
    """Say where no split can be told to beat random ones of its sizes, whatever the data; ``""`` if nowhere."""
    rows = evidence.chances
    rows = rows[(rows["null"] == RANDOM_SPLIT) & (rows["metric"] == DROP) & ~are_controls(rows["split"])]
    rows = rows[rows["spread"]]
    if rows.empty:
        return ""
    by = ["kind", "inputs", "split", "ablation"]
    least = _least_p(rows, by)
    blind = least[(least > LEVEL) | (rows.groupby(by)["draws"].max() < LEAST_DRAWS)]
    if blind.empty:
        return ""
    counts = rows.groupby(by).size()[blind.index]
    networks = between([int(count) for count in counts])
    asked = _draws_that_tell(counts.min(), 2 * len(least))
    needed = (
        f"no number of draws up to {_DRAWS[-1]} can show it: take more networks, or fewer methods"
        if asked is None
        else f"at least {asked} draws can show it (`analyze --nulls {asked}`), or more networks"
    )
    return (
        f"In {len(blind)} of {len(least)} cells of methods and ablations no ✓ can be, whatever the data. They have "
        f"{networks} {'network' if networks == '1' else 'networks'} and {between([int(d) for d in rows['draws']])} "
        f"draws of each. p is corrected over {2 * len(least)} comparisons. There {needed}."
    )


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
        f"Most {_networks(most)} are more modular than networks with {shared_with_draws(strict[0])}"
        if most
        else f"In no group are most networks told to be more modular than networks with {shared_with_draws(strict[0])}"
    )
    least = min(1.0, float(_least_p(tested, _NULL_CELL).min()))
    more = ""
    if least > LEVEL:
        sentence = "There are too few draws, or networks, to tell them from null models"
        more = f"Corrected, no p can be below {number(least)}, however modular networks are. {draws_needed(tested)} "
    below = " ↓: below it, by the p of the other tail." if tested["p_opposite"].notna().any() else ""
    text = (
        f"**{sentence}.** {more}The table counts networks whose modularity (`{evidence.method}`) is above that of the "
        f"null model (p ≤ {LEVEL}). In brackets: the median z, and p of all networks together.{below}"
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


def _least_p(rows: pd.DataFrame, by: list[str]) -> pd.Series[float]:
    """Return the least p, corrected, that each group of networks could have: if every network were above all draws.

    Args:
        rows: some rows of `Evidence.chances`.
        by: the columns that make a group.
    """
    rows = rows[rows["spread"]]
    floors = rows.assign(floor=1 / (rows["draws"] + 1)).groupby(by)["floor"]
    least = floors.agg(lambda p: combined_p(p.to_numpy(np.float64)))
    return least * 2 * len(least)  # Holm's first step, of the cells and both tails


def _draws_that_tell(networks: int, comparisons: int) -> int | None:
    """Return how many draws of each of so many networks let their p, corrected, be at most 0.05; None if too many."""
    least = ((draws, combined_p(np.full(networks, 1 / (draws + 1)))) for draws in _DRAWS)
    return next((draws for draws, p in least if p * comparisons <= LEVEL), None)


def draws_needed(rows: pd.DataFrame) -> str:
    """Say how many draws of each network would let a group of networks have a corrected p of at most 0.05.

    Args:
        rows: some rows of `Evidence.chances`.
    """
    networks = rows[rows["spread"]].groupby(_NULL_CELL).size()
    count = 2 * len(networks)
    asked = _draws_that_tell(networks.max(), count)
    text = f"Of one network, {LEAST_DRAWS} draws can show p = {LEVEL} at least."
    if asked is None:
        return f"{text} After correction over {count} comparisons, no number of draws up to {_DRAWS[-1]} can."
    return (
        f"{text} After correction over {count} comparisons, at least {asked} draws of each of these networks can: "
        f"`analyze --nulls {asked}`."
    )


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
    parts = [f"More modular: most {_networks(most)}."] if most else []
    parts += [f"More modular, but not in most: {_groups(some)}."] if some else []
    parts += [f"Less modular than the null model, which is no chance either: {_groups(less)}."] if less else []
    parts += [f"Not told apart: {_groups(rest)}."] if rest else []
    return " ".join(parts)


def _networks(names: list[str]) -> str:
    return f"{listed(names)} networks" if len(names) <= _NAMED else f"networks in {_groups(names)}"


def _groups(names: list[str]) -> str:
    return listed(names) if len(names) <= _NAMED else f"{len(names)} groups of the table"


def _from_few_draws(evidence: Evidence, rows: pd.DataFrame) -> list[str]:
    """Tell the mean difference from null models of which there are too few draws for a p, such as one network."""
    lines = []
    for null, own in rows.groupby("null", sort=False):
        means = (own["value"] - own["mean"]).groupby([own["kind"], own["inputs"]]).mean()
        parts = [
            f"{group_name(*group)} {number(means[group])}" for group in main_groups(evidence) if group in means.index
        ]
        if len(parts) > _NAMED:
            parts = [f"{number(means.min())} to {number(means.max())} in {len(means)} groups"]
        draws = between([int(count) for count in own["draws"]])
        word = "draw" if draws == "1" else "draws"
        lines.append(
            f"- `{null}` has {draws} {word} of each network, too few for a p: {LEAST_DRAWS} are needed. Modularity "
            f"minus theirs, mean: {', '.join(parts)}."
        )
    return lines


def _cells_said(bad: pd.DataFrame, controls: pd.DataFrame) -> str:
    """Say in how many cells something is so."""
    return f"This is so in {len(bad)} of {len(controls)} cells (kind, inputs, method and ablation)."


def _beside_controls(evidence: Evidence, rows: pd.DataFrame) -> str:
    """Return a table with a line for each split, of the ablation under which it does worst beside its control; cut."""
    # Those of the reference method come first.
    rows = rows.assign(excess=rows["value"] - rows["chance"], other=rows["split"] != evidence.method)
    rows = rows.sort_values(["other", "excess"], ascending=[True, False], kind="stable")
    rows = rows.drop_duplicates(["kind", "inputs", "split"])
    head = ["split", "networks", "ablation", "accuracy lost", "random splits", f"networks: less / more (p ≤ {LEVEL})"]
    lines = [
        [
            f"`{row['split']}`",
            group_name(row["kind"], row["inputs"]),
            row["ablation"],
            number(row["value"]),
            number(row["chance"]),
            f"{row['better']} / {row['worse']} of {row['networks']}",
            _smallest_share(evidence, row["kind"], row["inputs"], row["split"]),
        ]
        for row in records(rows.head(_TOLD))
    ]
    text = markdown_table([*head, _SMALLEST], lines)
    return text + (f"\n\n{len(rows) - _TOLD} more are in nulls.csv." if len(rows) > _TOLD else "")


def _unvaried_controls(evidence: Evidence) -> str:
    rows = evidence.chances
    return unvaried(rows[(rows["metric"] == DROP) & (rows["null"] == "random-split")])


def _greedy_beside_random(evidence: Evidence) -> Finding | None:
    """Tell where greedy is not told apart from the one random split of its sizes, if no null model was run."""
    rows = [row for row in _costly_greedy(evidence) if not seen(row) and row["difference"] >= -MATTERS]
    if not rows:
        return None
    text = (
        "**Some splits are not told apart from random splits with equally large modules.** `greedy` is not told to "
        f"lose less or more than `{RANDOM}`. That is one random split; null models would draw many.\n\n"
    )
    return Finding(text + _table_of_random(evidence, rows), False)


def _greedy_worse_than_random(evidence: Evidence) -> Finding | None:
    """Tell where greedy loses more than the one random split of its sizes, if no null model was run."""
    rows = [row for row in _costly_greedy(evidence) if seen(row) and row["difference"] > 0]
    if not rows:
        return None
    text = (
        f"**Some splits lose more than random splits with equally large modules.** `greedy` loses more than "
        f"`{RANDOM}`. That is one random split; null models would draw many. {told_by(rows)}\n\n"
    )
    return Finding(text + _table_of_random(evidence, rows), False, hint=not any(map(differs, rows)))


def _costly_greedy(evidence: Evidence) -> list[Row]:
    return [row for row in evidence.of_methods(DROP, "greedy", RANDOM) if row["mean_one"] >= LOSES]


def _table_of_random(evidence: Evidence, rows: list[Row]) -> str:
    head = ["networks", "ablation", "accuracy lost", f"`{RANDOM}`", "difference", "test", _SMALLEST]
    lines = [
        [
            group_name(row["kind"], row["inputs"]),
            row["ablation"],
            number(row["mean_one"]),
            number(row["mean_other"]),
            difference_cell(row),
            verdict(row),
            _smallest_share(evidence, row["kind"], row["inputs"], "greedy"),
        ]
        for row in rows
    ]
    return markdown_table(head, lines)


def _count(row: Row | None) -> str:
    """Return how many networks exceed a null model, the median z, p of all, and whether they are below it."""
    if row is None:
        return "–"
    z = "" if np.isnan(row["z"]) else f"z {number(row['z'], 1)}, "
    below = " ↓" if row["p_worse"] <= LEVEL else ""
    return f"{row['better']} of {row['networks']} ({z}{p_said(row['p_better'])}){below}"


def _smallest_share(evidence: Evidence, kind: str, inputs: str, method: str) -> str:
    """Return the mean share of the smallest module in the layer where it is smallest; ``–`` if it was not measured."""
    rows = evidence.kept[evidence.kept["metric"].str.startswith("share:")]
    rows = rows[(rows["split"] == method) & (rows["kind"] == kind) & (rows["inputs"] == inputs)]
    return f"{100 * rows.groupby('network')['value'].min().mean():.0f} %" if len(rows) else "–"
