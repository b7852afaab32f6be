"""
Pitfalls
========

Eight ways to be fooled about modules, each with a run that shows it, and what to do instead.
"""

# sphinx_gallery_thumbnail_path = 'gallery/nulls-modularity.png'

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

import spatialgraph as sg
from spatialgraph.agreement import agreement
from spatialgraph.metrics import layered_modularity, modularity
from spatialgraph.nulls import draw
from spatialgraph.strengths import with_strength

SIZES = (48, 64, 16)


def network(
    weights: list[np.ndarray],
    positions: Sequence[np.ndarray | None] = (None, None, None),
    activation: str = "sigmoid",
) -> sg.Network:
    """Return a network of inputs, hidden units and the outputs of two tasks; all of it is split."""
    sizes = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    named = zip(("input", "hidden", "output"), sizes, ("", activation, ""), positions, strict=True)
    layers = [
        sg.Layer(name, size, activation=act, split=True, position=position) for name, size, act, position in named
    ]
    connections = [sg.Connection(k, k + 1, w) for k, w in enumerate(weights)]
    return sg.Network(layers, connections, np.repeat([0, 1], sizes[-1] // 2), {"tasks": ["a", "b"]})


def noise(seed: int) -> list[np.ndarray]:
    """Return random weights: no task, no structure, nothing learned."""
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(target, source)) for source, target in pairwise(SIZES)]


def found(graph: sg.Graph, method: str = "greedy") -> float:
    """Return the modularity of what a method finds."""
    return modularity(graph, sg.split(graph, method))


# %%
# 1. Modularity is not comparable between densities
# -------------------------------------------------
# The same noise has more modularity, the fewer of its weights are kept. **Instead**: compare with draws that have the
# same weights. They rise along.

rows = []
for share in (1.0, 0.2, 0.05, 0.02):
    kept = [np.where(np.abs(w) >= np.quantile(np.abs(w), 1 - share), w, 0) for w in noise(0)]
    graph = network(kept).graph
    draws = [found(draw("shuffle", graph, seed), "leiden") for seed in range(9)]
    rows.append((share, found(graph, "leiden"), np.mean(draws)))
pd.DataFrame(rows, columns=["share kept", "Q of noise", "Q of its shuffles"]).round(2)

# %%
# 2. Geometry alone looks modular
# -------------------------------
# Random weights that fall with distance, and no function at all. Shuffled weights know no distance, so that the network
# is "significantly modular" against them. **Instead**: the null model ``distance`` keeps distances and strengths.

generator = np.random.default_rng(0)
positions = [generator.normal(size=(size, 2)) for size in SIZES]
weights = []
for w, (source, target) in zip(noise(0), pairwise(positions), strict=True):
    distances = np.linalg.norm(target[:, None] - source[None], axis=-1)
    weights.append(w * np.exp(-distances / 0.2))
graph = network(weights, positions).graph
rows = [("the network", found(graph, "leiden"))]
for null in ("shuffle", "strength", "distance"):
    rows.append((f"draws of {null}", np.mean([found(draw(null, graph, seed), "leiden") for seed in range(9)])))
pd.DataFrame(rows, columns=["", "modularity"]).round(2)

# %%
# 3. A split that was fitted must be fitted again on every draw
# -------------------------------------------------------------
# A method that looks for modularity finds some in noise. Comparing the network's split with *the same split* on the
# draws calls that a discovery. **Instead**: run the method again on each draw, as ``analyze`` does.

graph = network(noise(1)).graph
split = sg.split(graph, "leiden")
draws = [draw("shuffle", graph, seed) for seed in range(39)]
fixed = np.array([modularity(d, split) for d in draws])
again = np.array([found(d, "leiden") for d in draws])
value = modularity(graph, split)
pd.Series(
    {"p, split kept": (1 + (fixed >= value).sum()) / 40, "p, split again": (1 + (again >= value).sum()) / 40}
).round(3)

# %%
# 4. Many partitions are about equally good
# -----------------------------------------
# Five seeds of Leiden on one random network: equal modularity, other communities. **Instead**: report how far seeds
# agree; ``agreement.csv`` has it.

splits = [sg.split(graph, "leiden", seed=seed) for seed in range(5)]
pairs = [agreement(one, other)["adjusted-rand"] for k, one in enumerate(splits) for other in splits[k + 1 :]]
values = [modularity(graph, split) for split in splits]
pd.Series({"least Q": min(values), "largest Q": max(values), "mean agreement (1: the same)": np.mean(pairs)}).round(2)

# %%
# 5. ReLU networks can be rescaled
# --------------------------------
# Multiply what enters a ReLU neuron by c and divide what leaves it by c: the function is the same, the modularity is
# not. **Instead**: ``--strength balanced``, which no such scaling changes.

weights = noise(2)
factors = np.random.default_rng(0).lognormal(0, 2, size=SIZES[1])
scaled = [weights[0] * factors[:, None], weights[1] / factors]
rows = []
for name, w in (("as it is", weights), ("rescaled", scaled)):
    graph = network(w, activation="relu").graph
    rows.append((name, found(graph), found(with_strength(graph, "balanced"))))
pd.DataFrame(rows, columns=["the same function", "Q of |w|", "Q of balanced strengths"]).round(3)

# %%
# 6. Newman's modularity expects connections inside a layer
# ---------------------------------------------------------
# They cannot exist in a feed-forward network, so that a partition *by layer* is punished far below 0.
# **Instead**: ``layered-modularity`` has an expectation for each pair of layers, and calls it 0.

graph = network(noise(3)).graph
layers = {k: [k % 2] * p.size for k, p in enumerate(graph.populations)}  # every other layer is one group
by_layer = sg.Split.from_labels("by layer", layers, tasks=2)
pd.Series({"modularity": modularity(graph, by_layer), "layered": layered_modularity(graph, by_layer)}).round(2)

# %%
# 7. Intervals of few seeds
# -------------------------
# How often does a 95 % interval of the mean hold the truth? Bootstrap intervals of few seeds hold it far less often.
# **Instead**: Student's t, which is what all tables here have.

generator = np.random.default_rng(0)
rows = []
for n in (3, 5, 12):
    samples = generator.normal(size=(400, n))
    boot = generator.choice(n, size=(400, 500, n))
    means = np.take_along_axis(samples[:, None, :], boot, axis=2).mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    half = stats.t.ppf(0.975, n - 1) * samples.std(axis=1, ddof=1) / np.sqrt(n)
    middle = samples.mean(axis=1)
    rows.append((n, ((low <= 0) & (high >= 0)).mean(), (np.abs(middle) <= half).mean()))
pd.DataFrame(rows, columns=["seeds", "bootstrap holds", "Student's t holds"]).round(2)

# %%
# 8. All splits are degenerate
# ----------------------------
# One task has ten outputs and the other two, and greedy gives the large task every hidden unit. That is no module, and
# ``random``, which has the sizes of greedy, is none either. **Instead**: read why in ``notes.csv``, take a method that
# holds each task's outputs together (``spectral-anchored``) or asks what a task needs (``learned-mask``), and compare
# with the null model ``random-split``, which has each split's own sizes. More: :doc:`/own-model`.

layers = [sg.Layer("input", 16), sg.Layer("hidden", 32, "relu", split=True), sg.Layer("output", 12, split=True)]
generator = np.random.default_rng(0)
weights = [generator.normal(size=(32, 16)), generator.normal(size=(12, 32))]
connections = [sg.Connection(k, k + 1, w) for k, w in enumerate(weights)]
unequal = sg.Network(layers, connections, np.repeat([0, 1], (10, 2)), {"tasks": ["ten", "two"]}).graph
rows = []
for method in ("greedy", "random", "spectral-anchored"):
    split = sg.split(unequal, method)
    rows.append(
        (method, int(split.membership[1][:, 1].sum()), "; ".join(n.reason for n in split.notes if n.is_degenerate))
    )
pd.DataFrame(rows, columns=["method", "hidden units of task two", "degenerate because"])
