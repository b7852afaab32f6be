"""
What makes modules: a sweep over α, as a figure
===============================================

Is it space that makes modules, or only that connections are few? A *kind of training* is a table of settings, and the
value of a setting may be a list: each value is a dose. Spatial networks pay α for long connections; ``l1`` networks
pay the same for all connections alike; regular ones pay nothing.
"""

from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

import spatialgraph as sg
from spatialgraph.train.run import train
from spatialgraph.train.settings import read_experiment

# %%
# Three kinds, three doses
# ------------------------
# ``transport`` is the setting that the paper calls α. ``validation`` sets examples aside: doses are compared where
# accuracies on *them* are equal, never on the examples that judge the result. On the command line:
#
# .. code-block:: bash
#
#     spatialgraph train demo --set "inputs=['mix']" --seeds 0:3 --set validation=0.1 \
#       --set "kinds=['regular','spatial','l1']" \
#       --set "kinds.spatial.transport=[0.1,0.3,1]" --set "kinds.l1.l1=[0.1,0.3,1]"
#
# A setting of one kind is ``kinds.spatial.transport``; ``transport`` alone is that of all kinds that pay it
# (:doc:`/methods/kinds`). What is not set stays: spatial networks go on paying density with β = 3.

run = Path(mkdtemp()) / "run"
experiment = read_experiment(
    "demo",
    {
        "inputs": ["mix"],
        "seeds": "0:3",
        "epochs": 40,
        "snapshots": 2,
        "validation": 0.1,
        "kinds": ["regular", "spatial", "l1"],
        "kinds.spatial.transport": [0.1, 0.3, 1],
        "kinds.l1.l1": [0.1, 0.3, 1],
    },
)
train(experiment, run, console=Console(quiet=True))
len(list((run / "networks").iterdir()))

# %%
# Analyse
# -------

scores = sg.analyze(run, splits=["greedy", "random"], ablations="incoming", nulls=5)
results = Path(scores.attrs["results"])
drops = scores[(scores["metric"] == "accuracy-drop") & (scores["split"] == "greedy")]
drops.groupby("kind", sort=False)["value"].agg(["mean", "std"]).round(3)

# %%
# The figure
# ----------
# On the command line, ``spatialgraph figures RESULTS --only dose-response`` writes one file for each ablation; with
# ``measure="modularity"`` (``--measure modularity``) it is one panel, of raw modularity. The doses of a single family
# stand on an axis of their own. Here each family has its own scale: each seed a point, the mean a line, the regular
# networks a band. With three seeds and five draws nothing here is evidence: :doc:`/modules/README` has 15 kinds and
# eight seeds.

figure = sg.figure("dose-response", results)

# %%
# Fair comparisons: the strongest dose of each family that is as accurate as the reference on validation examples.

print((results / "doses.csv").read_text(encoding="utf-8"))
