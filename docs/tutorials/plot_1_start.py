"""
Train, split, measure, compare with chance
==========================================

Two kinds of network learn to read a digit and a letter at once. *Spatial* ones have learned positions and pay for
long connections; *regular* ones pay nothing. Which of them has a module for each task?
"""

from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

import spatialgraph as sg
from spatialgraph.train.run import train
from spatialgraph.train.settings import read_experiment

# %%
# Train
# -----
# An experiment is a few settings; ``demo`` ships with the package, and what differs is said here. Three seeds of each
# kind; the input is an image of each task, side by side. On the command line: ``spatialgraph train demo --set
# "inputs=['concatenate']" --seeds 0:3``.

run = Path(mkdtemp()) / "run"
experiment = read_experiment("demo", {"inputs": ["concatenate"], "seeds": "0:3", "snapshots": 2})
train(experiment, run, console=Console(quiet=True))
sorted(path.name for path in (run / "networks").iterdir())

# %%
# Look at one network
# -------------------
# It is split by the greedy method, which goes backwards from the outputs, and measured: modularity sees weights alone;
# the drop is the accuracy that a task loses when only the neurons of its own module are left.

file = run / "networks" / "concatenate-spatial-0.h5"
split = sg.split(file, "greedy")
sg.measure(file, split, ["modularity", "cut", "accuracy-drop"], run / "evaluation-concatenate.h5", ablations="incoming")

# %%
# Analyse all of them
# -------------------
# ``analyze`` does this for every network, by several methods, and compares each score with null models: 19 draws allow
# p = 0.05. ``random`` is a control, as many neurons for each task as ``greedy`` gives them.

scores = sg.analyze(run, splits=["greedy", "spectral", "random"], ablations="incoming", nulls=19)
shown = scores[scores["metric"].isin(["modularity", "accuracy-drop"]) & (scores["split"] != "none")]
shown.groupby(["metric", "split", "kind"], sort=False)["value"].agg(["mean", "std"]).round(3)

# %%
# What holds
# ----------
# The folder of results has a summary in words. It tells only what a corrected test shows; with three seeds that is
# little, and it says so.

results = Path(scores.attrs["results"])
print((results / "summary.md").read_text(encoding="utf-8"))

# %%
# Where the neurons lie, coloured by the task that they serve. ``spatialgraph figures`` draws all figures, and
# ``spatialgraph report`` writes a page to explore.

figure = sg.figure("positions", results)
