"""
Your own CNN, from training to the report
=========================================

A convolutional network of your own, trained by a loop of your own, analysed with null models and turned into a page
to explore. Replace the model, the loop and the images by yours; what stays are the calls of ``capture`` and
``analyze``.
"""

from pathlib import Path
from tempfile import mkdtemp

import torch
from sklearn.datasets import load_digits
from torch import nn

import spatialgraph as sg
from spatialgraph.analyses.report import write_report
from spatialgraph.torch import capture

# %%
# Images and two tasks
# --------------------
# Both tasks here are about one image: which digit it is, and whether it is dark or light. ``labels`` has a column for
# each task; −1 would mean that an example says nothing about a task.

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
ink = images.mean(dim=(1, 2, 3))
labels = torch.stack([torch.tensor(digits.target), (ink > ink.median()).long()], dim=1)
train_part, held_out = slice(0, 1400), slice(1400, None)
tasks = {"digit": slice(0, 10), "ink": slice(10, 12)}

# %%
# A model and its training
# ------------------------


def cnn(seed: int) -> nn.Sequential:
    """Train a convolutional network on both tasks."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 32),
        nn.ReLU(),
        nn.Linear(32, 12),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    x, y = images[train_part], labels[train_part]
    for _ in range(15):
        for some in torch.randperm(len(x)).split(64):
            outputs = model(x[some])
            losses = [
                nn.functional.cross_entropy(outputs[:, part], y[some, k]) for k, part in enumerate(tasks.values())
            ]
            optimiser.zero_grad()
            sum(losses).backward()
            optimiser.step()
    return model.eval()


# %%
# Capture
# -------
# ``error`` should be 0 or rounding; ``notes`` say what the graph leaves out. Kind, inputs and seed are what results are
# grouped by.

networks = {}
for seed in range(3):
    captured = capture(cnn(seed), images[:8], tasks, metadata={"kind": "cnn", "inputs": "one image", "seed": seed})
    networks[f"cnn-{seed}"] = (captured, [(images[held_out], labels[held_out])])
captured.error, captured.notes, [(p.name, p.size, p.unit) for p in captured.graph.populations]

# %%
# Analyse
# -------
# The whole network's accuracy comes first (split ``none``): what was not learned cannot be lost.

out = Path(mkdtemp()) / "mine"
scores = sg.analyze(networks, splits=["greedy", "task-variance", "ablation", "random"], nulls=19, out=out)
shown = scores[scores["metric"].isin(["accuracy", "accuracy-drop"]) & scores["ablation"].isin(["none", "mean"])]
shown.pivot_table(index=["metric", "split"], columns="task", values="value", sort=False).round(3)

# %%
# One image shows both tasks, so that the drop alone says little: beside it stands that of random modules of the same
# sizes. Then the summary, in words, and the report: a page that works offline.

print((out / "summary.md").read_text(encoding="utf-8"))

# %%
# What is left of each task with its own module alone, with random neurons, and with other modules alone.

figure = sg.figure("masking", out)

# %%

page = write_report(out)
f"{page.name}: {page.stat().st_size / 1e6:.1f} MB, to open in a browser"
