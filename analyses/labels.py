"""Labels: how people read the names of kinds, input modes, ablations and measures, a table for each; and their order.

A name that has no label stands as it is: any text may be the name of a kind or of an input mode. The tables are not
shared, so that an input mode called as an ablation is keeps its name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

KINDS = {
    "regular": "Regular",
    "spatial": "Spatial",
    "l1": "L1",
    "l2": "L2",
    "group-lasso": "Group lasso",
    "fixed": "Fixed positions",
    "fixed-grid": "Fixed grid",
    "shuffled": "Shuffled distances",
    "swap": "Swap",
    "clusterability": "Clusterability",
    "splitnet": "SplitNet",
    "locality": "Locality",
    "communicability": "Communicability",
    "dropout": "Dropout",
    "pruned": "Pruned",
}
"""Kinds of network, in the order in which tables show them; others come after them."""

DIFFERENT = {
    "regular": "no cost",
    "spatial": "transport and density costs, positions learned",
    "l1": "the size of weights costs, at any distance",
    "l2": "the square of weights costs, at any distance",
    "group-lasso": "each neuron's weights cost together",
    "fixed": "transport cost, positions stay where they were drawn",
    "fixed-grid": "transport cost, positions on a regular grid",
    "shuffled": "transport cost, each connection with the distance of another",
    "swap": "transport cost, neurons exchange places on a grid",
    "clusterability": "weights between blocks given beforehand cost",
    "splitnet": "the assignment of neurons to tasks is learned",
    "locality": "near neurons are to be active together",
    "communicability": "transport cost times communicability",
    "dropout": "hidden neurons are off at random in training",
    "pruned": "the smallest weights are removed, the rest retrained",
}
"""The difference that each kind makes to training, a clause."""

RIVALS = {
    "Is it the size or the number of weights?": ("l1", "l2", "group-lasso", "pruned"),
    "Is it an uneven cost, without geometry?": ("shuffled",),
    "Is it positions, though none are learned?": ("fixed", "fixed-grid"),
    "Is it positions, learned in another way?": ("swap",),
    "Is it a structure that is given or learned outright?": ("clusterability", "splitnet"),
    "Is it an order of activity?": ("locality",),
    "Is it the cost of many paths?": ("communicability",),
    "Is it dropout?": ("dropout",),
}
"""The explanations of modules that compete with learned positions, as questions, and the families that test each."""

INPUTS = {"concatenate": "Concatenation", "mix": "Mixing", "sequential": "Sequential"}
"""Input modes, in the order in which tables show them; others come after them."""

ABLATIONS = {"zero": "activation = 0", "incoming": "incoming weights = 0", "mean": "activation = mean"}
"""Ablations, by what a disabled neuron emits."""

METRICS = {
    "accuracy": "Accuracy of the split network",
    "accuracy-drop": "Accuracy drop",
    "leaked-accuracy": "Accuracy with the other tasks' units",
    "modularity": "Modularity",
    "cut": "Cut",
}
"""Measures of splits."""

NULLS = {
    "distance": "the same strengths and the same fall of strength with distance",
    "strength": "the same strengths",
    "shuffle": "the same weights in each connection, shuffled",
}
"""Null models, by what a network shares with its draws."""

UNNAMED = "(not named)"
"""What stands for an empty name."""

# A name in pieces, each a text and the number after it, or the end.
_NUMBERED = re.compile(r"(.*?)(\d+(?:\.\d+)?(?:e[+-]?\d+)?|$)")


def kind_label(kind: str) -> str:
    """Return how headings write a kind of network, the settings of a grid after it.

    Example:
        >>> kind_label("spatial"), kind_label("spatial α=0.5 η=0.01"), kind_label("my own"), kind_label("")
        ('Spatial', 'Spatial α=0.5 η=0.01', 'my own', '(not named)')
    """
    first = family(kind)
    if first in KINDS and "=" in kind:
        return KINDS[first] + kind.removeprefix(first)
    return _label(KINDS, kind)


def different(kind: str) -> str:
    """Return the difference that a kind of network makes to training; ``""`` if it is not known.

    Example:
        >>> different("l1 λ=0.5"), different("my own")
        ('the size of weights costs, at any distance', '')
    """
    return DIFFERENT.get(family(kind), "")


def kind_in_text(kind: str) -> str:
    """Return how sentences write a kind of network.

    Example:
        >>> kind_in_text("spatial"), kind_in_text("MyNet"), kind_in_text("")
        ('spatial', 'MyNet', '(not named)')
    """
    return kind or UNNAMED


def inputs_label(mode: str) -> str:
    """Return how headings write an input mode.

    Example:
        >>> inputs_label("mix"), inputs_label("mean"), inputs_label("")
        ('Mixing', 'mean', '(not named)')
    """
    return _label(INPUTS, mode)


def ablation_label(ablation: str) -> str:
    """Return what a disabled neuron emits.

    Example:
        >>> ablation_label("mean"), ablation_label("mix")
        ('activation = mean', 'mix')
    """
    return _label(ABLATIONS, ablation)


def ablation_explained(ablation: str) -> str:
    """Return an ablation with its label, if it has one.

    Example:
        >>> ablation_explained("zero"), ablation_explained("my own")
        ('zero (activation = 0)', 'my own')
    """
    return f"{ablation} ({ABLATIONS[ablation]})" if ablation in ABLATIONS else ablation


def shared_with_draws(null: str) -> str:
    """Return what a network shares with the draws of a null model.

    Example:
        >>> shared_with_draws("strength"), shared_with_draws("mine")
        ('the same strengths', 'what `mine` keeps')
    """
    return NULLS.get(null, f"what `{null}` keeps")


def family(kind: str) -> str:
    """Return a kind without the settings that a grid has in it.

    Example:
        >>> family("spatial α=0.5 β=3"), family("spatial"), family("")
        ('spatial', 'spatial', '')
    """
    return kind.partition(" ")[0]


def slug(name: str) -> str:
    """Return a name as a part of the name of a file.

    Example:
        >>> slug("mix"), slug("left/right")
        ('mix', 'left-right')
    """
    return re.sub(r"[^\w.-]+", "-", name)


def ordered_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the different kinds in the order of tables: those of `KINDS`, then the others in alphabetical order.

    A kind with settings follows the kind without, and numbers are ordered as such.

    Example:
        >>> ordered_kinds(["mine", "spatial α=10", "spatial α=2", "regular"])
        ('regular', 'spatial α=2', 'spatial α=10', 'mine')
    """
    return _ordered(kinds, list(KINDS))


def ordered_inputs(modes: Iterable[str]) -> tuple[str, ...]:
    """Return the different input modes in the order of tables: those of `INPUTS`, then the others, as `ordered_kinds`.

    Example:
        >>> ordered_inputs(["sequential", "left", "mix"])
        ('mix', 'sequential', 'left')
    """
    return _ordered(modes, list(INPUTS))


def reference_of(kinds: Collection[str], asked: str | None = None) -> str:
    """Return the kind that all others are compared with: the one asked for, or the first in the order of tables.

    Args:
        kinds: the kinds there are.
        asked: the kind that was chosen; None if none was.

    Returns:
        ``""`` if there are no kinds.

    Raises:
        ValueError: there is no such kind; the message lists those known.

    Example:
        >>> reference_of(["spatial", "regular"]), reference_of(["dropout", "swap"]), reference_of(["a", "b"], "b")
        ('regular', 'swap', 'b')
    """
    known = ordered_kinds(kinds)
    if asked is None:
        return known[0] if known else ""
    if asked not in known:
        raise ValueError(f"reference: unknown kind {asked!r}; known: {', '.join(map(kind_in_text, known)) or 'none'}")
    return asked


def _label(table: Mapping[str, str], name: str) -> str:
    return table.get(name, name) or UNNAMED


def _ordered(names: Iterable[str], first: Sequence[str]) -> tuple[str, ...]:
    def place(name: str) -> tuple[int, list[tuple[str, float]], str]:
        rank = first.index(family(name)) if family(name) in first else len(first)
        return rank, [(text, float(number or 0)) for text, number in _NUMBERED.findall(name)], name

    return tuple(sorted(set(names), key=place))
