"""
Your own split method, in one file, and its row in the table
============================================================

A split method is one function with one decorator, in any file. It is then a method like those that ship: it has
parameters, null models, a row in every table and a place in every figure.
"""

# sphinx_gallery_thumbnail_path = 'methods/recovery.png'

from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import spatialgraph as sg
from spatialgraph.agreement import agreement
from spatialgraph.graph.planted import planted
from spatialgraph.plugins import load

# %%
# The file
# --------
# A method is a function of a graph; it may ask for a ``runner`` (what the network does on held-out examples) and a
# ``seed``. ``sees`` says by which data it splits, so that null models of weights run it again. This one gives each unit
# of the layer before the outputs to the task of its single strongest connection, and each unit before that likewise,
# backwards.

folder = Path(mkdtemp())
plugin = folder / "mine.py"
plugin.write_text(
    '''"""A split method of my own."""

import numpy as np

import spatialgraph as sg


@sg.split_method("strongest", sees="weights")
def strongest(graph):
    """Give each unit, going backwards, to the task at the other end of its strongest connection.

    It cannot see that many weak connections may outweigh a strong one.
    """
    labels = {k: graph.task_of[k] for k in graph.split_populations if graph.task_of[k].min() >= 0}
    for connection in reversed(graph.split_connections):
        targets = labels[connection.target]
        labels[connection.source] = targets[np.abs(connection.weight).argmax(axis=0)]
    return sg.Split.from_labels("strongest", labels, len(graph.tasks))
''',
    encoding="utf-8",
)
load(plugin)
sg.SPLITS.summary("strongest")

# %%
# On networks where the answer is known
# -------------------------------------
# Planted networks have two blocks, with a share of strength that leaks between them.

rows = []
for leakage in (0.0, 0.2, 0.4):
    graph, blocks = planted(leakage)
    truth = sg.Split.from_labels("truth", blocks, tasks=2)
    for method in ("strongest", "greedy", "spectral"):
        rows.append((leakage, method, agreement(sg.split(graph, method), truth)["adjusted-rand"]))
frame = pd.DataFrame(rows, columns=["leakage", "method", "recovered"])
frame.pivot_table(index="method", columns="leakage", values="recovered", sort=False).round(2)

# %%
# In a run
# --------
# ``spatialgraph analyze RUN --plugin mine.py`` does the same; worker processes import the file too.

for seed in range(3):
    graph, _ = planted(0.3, seed=seed)
    sg.write(folder / "run" / "networks" / f"planted-{seed}.h5", graph)
scores = sg.analyze(folder / "run", splits=["strongest", "greedy", "random"], nulls=19, plugins=plugin)
shown = scores[scores["metric"].isin(["modularity", "cut"])]
shown.pivot_table(index="split", columns="metric", values="value", sort=False).round(3)

# %%
# Beside chance: z and p of every score, the method run again on every draw.

nulls = pd.read_csv(Path(scores.attrs["results"]) / "nulls.csv")
columns = ["network", "split", "null", "value", "mean", "z", "p"]
nulls[(nulls["metric"] == "modularity") & (nulls["null"] == "shuffle")][columns].round(3)
