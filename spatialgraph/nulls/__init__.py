"""Null models: the values that a measure takes by chance.

A null model draws networks that keep some properties of a network and are random otherwise. A measure is then compared
with its values on the draws. A split method that sees weights is run again on every draw, because an optimised value
can only be judged against other optimised values. A new null model is one function with ``@null_model("name")`` in a
module that is imported here; `random_splits` (`spatialgraph.splits.controls`) draws splits instead, for measures that
mask neurons.

The false-positive rate and the power of each null model were simulated: ``docs/nulls``.
"""

from __future__ import annotations

# Imported in the order in which tables show the null models.
# isort: off
from .null import NULLS, RANDOM_SPLIT, UNTRAINED, Null, NullFacts, draw, kept_measures, null_model, require_for
from . import shuffle
from . import strength
from . import distance
from .chance import Chance, Tail, chance
# isort: on

__all__ = [
    "NULLS",
    "RANDOM_SPLIT",
    "UNTRAINED",
    "Chance",
    "Null",
    "NullFacts",
    "Tail",
    "chance",
    "distance",
    "draw",
    "kept_measures",
    "null_model",
    "require_for",
    "shuffle",
    "strength",
]
