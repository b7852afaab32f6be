"""The names that scores have in tables: columns, and what stands in them for whole networks."""

from __future__ import annotations

COLUMNS = ("run", "network", "kind", "inputs", "seed", "split", "ablation", "metric", "task", "value")
"""The columns of ``scores.csv``: one row is one score."""

FULL = "none"
"""The name that stands in the column ``split`` for a network that is whole."""

GUESSED = "guessed-accuracy"
"""The metric of whole networks that tells what the best answer would give that is always the same, 0 to 1."""

DEFAULT_METHOD = "greedy"
"""The split method of Table 1: the paper's."""
