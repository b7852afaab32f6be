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
# An image shows two digits side by side. One task is to name the left one, the other to name the right one. ``labels``
# has a column for each task, the class within the task; −1 would mean that an example says nothing about a task.

digits = load_digits()
glyphs = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
classes = torch.tensor(digits.target)


def side_by_side(left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images of two digits each, and their labels."""
    return torch.cat([glyphs[left], glyphs[right]], dim=3), torch.stack([classes[left], classes[right]], dim=1)


draw = torch.Generator().manual_seed(0)
images, labels = side_by_side(*torch.randint(0, 1400, (2, 3000), generator=draw))
held_out = side_by_side(*torch.randint(1400, len(glyphs), (2, 500), generator=draw))
tasks = {"left": slice(0, 10), "right": slice(10, 20)}

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
        nn.Linear(192, 32),
        nn.ReLU(),
        nn.Linear(32, 20),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(8):
        for some in torch.randperm(len(images)).split(64):
            outputs = model(images[some])
            losses = [
                nn.functional.cross_entropy(outputs[:, part], labels[some, k]) for k, part in enumerate(tasks.values())
            ]
            optimiser.zero_grad()
            sum(losses).backward()
            optimiser.step()
    return model.eval()


# %%
# Capture
# -------
# ``error`` should be 0 or rounding; ``notes`` say what the graph leaves out. Kind, inputs and seed are what results
# are grouped by. The method ``task-variance`` needs *probes*: groups of images in which the digit of one task varies
# and that of the other is held.

varied, held = torch.arange(1400, 1440), torch.arange(1440, 1446)
probes = {
    "left": [side_by_side(varied, one.expand(40))[0] for one in held],
    "right": [side_by_side(one.expand(40), varied)[0] for one in held],
}
networks = {}
for seed in range(3):
    captured = capture(cnn(seed), images[:8], tasks, metadata={"kind": "cnn", "inputs": "one image", "seed": seed})
    networks[f"cnn-{seed}"] = captured.runner([held_out], probes=probes)
captured.error, captured.notes, [(p.name, p.size, p.unit) for p in captured.graph.populations]

# %%
# Analyse
# -------
# The whole network's accuracy comes first (split ``none``, which no ablation disables anything of): what was not
# learned cannot be lost.

out = Path(mkdtemp()) / "mine"
scores = sg.analyze(networks, splits=["greedy", "task-variance", "ablation", "random"], nulls=19, out=out)
shown = scores[scores["metric"].isin(["accuracy", "accuracy-drop"]) & scores["ablation"].isin(["", "mean"])]
shown.pivot_table(index=["metric", "split"], columns="task", values="value", sort=False).round(3)

# %%
# Every image is an example of both tasks, and every channel sees both halves of it, so that the drop alone says little:
# beside it stands that of random modules of the same sizes as greedy's. Then the summary, in words; it would begin with
# splits that are degenerate, and why. Last the report: a page that works offline.

print((out / "summary.md").read_text(encoding="utf-8"))

# %%
# What is left of each task with its own module alone, with random neurons, and with other modules alone.

figure = sg.figure("masking", out)

# %%

page = write_report(out)
f"{page.name}: {page.stat().st_size / 1e6:.1f} MB, to open in a browser"
