"""What ``claims.py`` tells: a sentence for each claim, by rules from the tests of its comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from claims_compared import LABELS, TESTED

from spatialgraph.analyses.finding import MATTERS
from spatialgraph.analyses.labels import ABLATIONS
from spatialgraph.analyses.statistics import LEVEL
from spatialgraph.analyses.wording import interval, listed, markdown_table, p_said

ADJECTIVES: Mapping[str, str] = {"concatenate": "concatenated", "mix": "mixed", "sequential": "sequential"}
"""What inputs of each mode are called."""


class Told(NamedTuple):
    """The rows of one question, by what their tests tell."""

    more: list[str]
    less: list[str]
    little: list[str]
    unclear: list[str]


def told(
    rows: pd.DataFrame, named: Callable[[pd.Series, str], str], least: float = MATTERS, power: bool = False
) -> Told:
    """Sort comparisons by what their tests tell, each a name with its numbers.

    Args:
        rows: of `family_of`, of one question.
        named: makes the text of a row, of it and its numbers.
        least: the least estimate that is spoken of; below, a small p tells that a difference is little.
        power: whether estimates are logarithms, and written as ratios.
    """
    result = Told([], [], [], [])
    for _, row in rows.iterrows():
        sure = row["p"] <= LEVEL
        direction = result.more if row["estimate"] > 0 else result.less
        where = result.unclear if not sure else result.little if abs(row["estimate"]) < least else direction
        where.append(named(row, numbers_of(row, power)))
    return result


def numbers_of(row: pd.Series, power: bool = False) -> str:
    """Return estimate, interval, number of seeds and p of a comparison.

    Example:
        >>> numbers_of(pd.Series({"estimate": 0.1, "low": 0.05, "high": 0.2, "n": 8, "p": 0.0078}))
        '0.100 [0.050, 0.200], n = 8, p = 0.0078'
    """
    values = [float(row[name]) for name in ("estimate", "low", "high")]
    return f"{interval(*(10**v if power else v for v in values))}, n = {row['n']}, {p_said(row['p'])}"


def clauses(found: Told, texts: tuple[str, str, str, str]) -> str:
    """Return a clause for each outcome that some comparisons have; ``{}`` in its text stands for them.

    Example:
        >>> clauses(Told(["a"], [], [], ["b", "c"]), ("more: {}", "less: {}", "alike: {}", "unknown: {}"))
        'more: a; unknown: b and c'
    """
    return "; ".join(text.format(listed(names)) for names, text in zip(found, texts, strict=True) if names)


def _mode(row: pd.Series, numbers: str) -> str:
    return f"{row['inputs']} ({numbers})"


def _variant_and_mode(row: pd.Series, numbers: str) -> str:
    return f"{LABELS[row['claim']][row['variant']]} ({row['inputs']}: {numbers})"


def _asked(family: pd.DataFrame, claim: str, question: str) -> pd.DataFrame:
    """Return the tested rows of a question of a claim."""
    tested = family["ablation"].isin(["", TESTED])
    return family[(family["claim"] == claim) & (family["question"] == question) & tested]


_GAIN = (
    "spatial networks lose less by the split than regular ones with {}",
    "spatial networks lose more by the split than regular ones with {}",
    "spatial and regular networks lose as much, but for less than 0.01, with {}",
    "whether spatial or regular networks lose more cannot be told with {}",
)


def _partly(title: str, found: Told) -> str:
    """Return a verdict that some comparisons bear out; it says so where others do not."""
    others = bool(found.little or found.unclear or (found.more and found.less))
    return f"{title} in some comparisons" if others else title


def _sentence(title: str, *parts: str) -> str:
    """Return a claim's verdict, and after it what it rests on: a sentence for each part that is not empty."""
    said = [part[0].upper() + part[1:] for part in parts if part]
    return ". ".join([f"**{title}**", *said]) + "."


def _accuracy(family: pd.DataFrame) -> str:
    """Tell whether costs change accuracy; the difference is spatial less regular."""
    alike, other = (
        _asked(family, "accuracy", question).set_index("inputs") for question in ("equivalence", "accuracy")
    )
    same = [mode for mode in alike.index if alike.loc[mode, "p"] <= LEVEL]
    sure = [mode for mode in other.index if mode not in same and other.loc[mode, "p"] <= LEVEL]
    lower = [mode for mode in sure if other.loc[mode, "estimate"] < 0]
    groups = {
        f"the costs do not lower accuracy by {MATTERS:g} or more with {{}} inputs": same,
        "the costs lower accuracy with {} inputs": lower,
        "the costs raise accuracy with {} inputs": [mode for mode in sure if mode not in lower],
        f"whether the costs lower accuracy by {MATTERS:g} cannot be told with {{}} inputs": [
            mode for mode in alike.index if mode not in (*same, *sure)
        ],
    }
    title = "; ".join(
        text.format(listed([ADJECTIVES[mode] for mode in modes])) for text, modes in groups.items() if modes
    )
    within, zero = (
        [f"{mode} ({numbers_of(row)})" for mode, row in rows.iterrows() if (mode in sure) == of_zero]
        for rows, of_zero in ((alike, False), (other, True))
    )
    parts = [
        f"{text} {listed(names)}"
        for text, names in (
            (f"spatial less regular, p of a difference outside of ±{MATTERS:g}:", within),
            ("spatial less regular, p of no difference:", zero),
        )
        if names
    ]
    return _sentence(title[0].upper() + title[1:], *parts)


def _activation(family: pd.DataFrame) -> str:
    """Tell whether the gain of spatial networks depends on the activation function."""
    beside = told(_asked(family, "activation", "beside sigmoid"), _variant_and_mode)
    gain = told(_of_variants(family, "gain", balanced=False), _variant_and_mode)
    modularity = told(_of_variants(family, "modularity", balanced=False), _variant_and_mode)
    title = (
        _partly("The activation function matters", beside)
        if beside.more or beside.less
        else "Whether the activation function matters cannot be told"
    )
    texts = (
        "this advantage is larger than with sigmoid, in the same input mode, with {}",
        "this advantage is smaller than with sigmoid, in the same input mode, with {}",
        "this advantage is that with sigmoid, but for less than 0.01, with {}",
        "whether this advantage is another than with sigmoid cannot be told with {}",
    )
    return (
        _sentence(title, clauses(gain, _GAIN), clauses(beside, texts), clauses(modularity, _MODULARITY))
        + f"\n\n{_escape(family)}"
    )


_MODULARITY = (
    "modularity beyond that of networks of the same strengths is larger in spatial than in regular networks with {}",
    "modularity beyond that of networks of the same strengths is smaller in spatial than in regular networks with {}",
    "this modularity differs by less than 0.01 with {}",
    "which have more of this modularity cannot be told with {}",
)


def _of_variants(family: pd.DataFrame, question: str, balanced: bool) -> pd.DataFrame:
    """Return the rows of a question on activation functions: of the networks as they are, or of balanced ones."""
    rows = _asked(family, "activation", question)
    return rows[(rows["variant"] == "relu-balanced") == balanced]


def _escape(family: pd.DataFrame) -> str:
    """Tell whether ReLU networks avoid the transport cost by rescaling their neurons."""
    found = told(_asked(family, "activation", "escape"), _mode, least=0.0, power=True)
    title = (
        "ReLU networks that pay the transport cost rescale their neurons"
        if found.less and not found.more
        else "It is not shown that ReLU networks rescale their neurons to avoid the transport cost"
    )
    share = "the strength of the layers that pay, over that of the balanced network,"
    texts = (
        f"{share} is larger in spatial than in regular networks, by these factors: {{}}",
        f"{share} is smaller in spatial than in regular networks, by these factors: {{}}",
        "",
        f"whether {share} is another in spatial than in regular networks cannot be told with {{}}",
    )
    gain = clauses(told(_of_variants(family, "gain", balanced=True), _mode), _GAIN)
    modularity = clauses(told(_of_variants(family, "modularity", balanced=True), _mode), _MODULARITY)
    return _sentence(title, clauses(found, texts), f"split by balanced strengths, {gain}", modularity)


def _inputs(family: pd.DataFrame) -> str:
    """Tell whether regular networks lose less with concatenated inputs."""
    found = told(_asked(family, "inputs", "regular loses more"), _mode)
    title = (
        _partly("Concatenated inputs help the regular network", found)
        if found.more
        else "It is not shown that concatenated inputs help the regular network"
    )
    texts = (
        "by the split it loses more with {} than with concatenated inputs",
        "by the split it loses less with {} than with concatenated inputs",
        "by the split it loses as much with {} as with concatenated inputs, but for less than 0.01",
        "whether it loses more with {} than with concatenated inputs cannot be told",
    )
    return _sentence(title, clauses(found, texts))


def _tasks(family: pd.DataFrame) -> str:
    """Tell whether spatial networks lose less with more than two tasks."""
    rows = _asked(family, "tasks", "gain")
    beyond = told(rows[rows["variant"] != "sigmoid"], _variant_and_mode)
    title = (
        _partly("With more than two tasks, spatial networks still lose less than regular ones", beyond)
        if beyond.more
        else "It is not shown that spatial networks lose less with more than two tasks"
    )
    return _sentence(title, clauses(told(rows, _variant_and_mode), _GAIN))


def _dimensions(family: pd.DataFrame) -> str:
    """Tell whether spatial networks of one or three dimensions lose more than those of two."""
    found = told(_asked(family, "dimensions", "spatial loses more"), _variant_and_mode)
    title = (
        _partly("The number of dimensions matters", found)
        if found.more or found.less
        else "That the number of dimensions matters is not shown"
    )
    texts = (
        "spatial networks lose more by the split than those of the plane with {}",
        "spatial networks lose less by the split than those of the plane with {}",
        "spatial networks lose as much as those of the plane, but for less than 0.01, with {}",
        "whether spatial networks lose more or less than those of the plane cannot be told with {}",
    )
    gain = told(_asked(family, "dimensions", "gain"), _variant_and_mode)
    return _sentence(title, clauses(found, texts), clauses(gain, _GAIN))


SENTENCES: Mapping[str, Callable[[pd.DataFrame], str]] = {
    "accuracy": _accuracy,
    "activation": _activation,
    "inputs": _inputs,
    "tasks": _tasks,
    "dimensions": _dimensions,
}
"""The sentence of each claim, of the rows of `family_of`."""


def ablations_of(family: pd.DataFrame, claim: str) -> str:
    """Return a table of what the other ablations show: estimates with intervals, which are not tested."""
    rows = family[(family["claim"] == claim) & (family["ablation"] != "")]
    if rows.empty:
        return ""
    lines = []
    for (question, variant, inputs), own in rows.groupby(["question", "variant", "inputs"], sort=False):
        by = own.set_index("ablation")
        cells = [interval(*by.loc[ablation, ["estimate", "low", "high"]]) for ablation in ABLATIONS]
        lines.append([f"{question}: {LABELS[claim][str(variant)]}, {inputs}", *cells])
    table: str = markdown_table(["difference of drops (gain: regular less spatial)", *ABLATIONS.values()], lines)
    return table


def text_of(family: pd.DataFrame, claims: Sequence[str], left_out: Sequence[str], table: pd.DataFrame) -> str:
    """Return all sentences, what other ablations show, and which networks are left out.

    Args:
        family: of `family_of`.
        claims: those that are told.
        left_out: the networks that did not learn all of their tasks.
        table: what was measured of the others.
    """
    tests = int(family["p"].notna().sum())
    parts = [
        f"n counts seeds; intervals are 95 % t intervals of paired differences; p are of {tests} tests, corrected "
        f"together (sign flips, step-down maxT). Drops are those of the greedy split with {ABLATIONS[TESTED]}."
    ]
    parts += [text for claim in claims for text in (SENTENCES[claim](family), ablations_of(family, claim)) if text]
    parts.append(_said_left_out(left_out))
    parts.append(_said_degenerate(table))
    return "\n\n".join(parts) + "\n"


def _said_left_out(names: Sequence[str]) -> str:
    return f"Left out, since a task was not learned: {listed(names)}." if names else "All networks learned their tasks."


def _said_degenerate(table: pd.DataFrame) -> str:
    """Say how many splits give a task next to no module."""
    rows = table[table["measure"] == "degenerate"]
    groups = rows.groupby(["variant", "inputs", "kind"], sort=False)["value"].agg(["sum", "size"])
    some = groups[groups["sum"] > 0]
    if some.empty:
        return "No split is degenerate."
    texts = [
        f"{variant} {inputs} {kind} {row['sum']:.0f} of {row['size']:.0f}"
        for (variant, inputs, kind), row in zip(some.index, some.to_dict("records"), strict=True)
    ]
    return f"Degenerate splits, in which a task has next to no module or all of one: {listed(texts)}."
