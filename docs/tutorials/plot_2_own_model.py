"""
Your own model: dense, convolutional, residual, recurrent, transformer
======================================================================

Any trained model of PyTorch becomes a graph. Its units are what nonlinearities act on (neurons, channels, heads, the
states of recurrent cells) and its outputs; a connection is the linear map between two of them, as strong as its norm.
The models here are not trained: the page shows what becomes of each architecture, and the next one trains a model and
analyses it.
"""

# sphinx_gallery_thumbnail_path = 'models/cnn.png'

import pandas as pd
import torch
from torch import nn

import spatialgraph as sg
from spatialgraph.torch import capture

# %%
# What ``capture`` needs: the model in evaluation mode, some inputs, and which outputs answer for which task. It returns
# the graph, and the largest difference between what the traced program and the model itself compute: 0, or rounding.

tasks = {"digits": slice(0, 10), "letters": slice(10, 20)}
graphs = {}


def look(name: str, model: nn.Module, inputs: torch.Tensor) -> pd.DataFrame:
    """Return the populations of a model's graph."""
    captured = capture(model.eval(), inputs, tasks, metadata={"name": name})
    graphs[name] = captured.graph
    print(f"error {captured.error:.1g}", *captured.notes, sep="\n")
    rows = [(p.name, p.size, p.unit, p.split) for p in captured.graph.populations]
    return pd.DataFrame(rows, columns=["population", "size", "unit", "is split"])


# %%
# Dense
# -----

torch.manual_seed(0)
dense = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 20))
look("dense", dense, torch.rand(4, 64))

# %%
# Convolutional
# -------------
# A unit is a channel: a connection is as strong as all taps of its kernel together. Batch norm and pooling are linear
# and have no units of their own.

convolutional = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(16, 20),
)
look("convolutional", convolutional, torch.rand(4, 1, 8, 8))

# %%
# Residual
# --------
# A sum has no units: whoever reads it reads both of its terms.


class Residual(nn.Module):
    """A dense network in which two blocks add to a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Linear(64, 24)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(24), nn.Linear(24, 32), nn.GELU(), nn.Linear(32, 24)) for _ in range(2)
        )
        self.end = nn.Linear(24, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.begin(x))
        for block in self.blocks:
            x = x + block(x)
        return self.end(x)


look("residual", Residual(), torch.rand(4, 64))

# %%
# Recurrent
# ---------
# The units of a recurrent layer are those of its state, which has connections to itself: a cycle.


class Recurrent(nn.Module):
    """A GRU that reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.GRU(8, 24, batch_first=True)
        self.end = nn.Linear(24, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.rows(x)
        return self.end(states[:, -1])


look("recurrent", Recurrent(), torch.rand(4, 8, 8))

# %%
# Transformer
# -----------
# A head of attention is a unit, with three labelled connections from below: query, key, value.


class Transformer(nn.Module):
    """One encoder layer over the rows of an image, then the mean over rows."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=True)
        self.end = nn.Linear(16, 20)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.layer(self.embed(x)).mean(dim=1))


look("transformer", Transformer(), torch.rand(4, 8, 8))

# %%
# One graph, whatever the model
# -----------------------------
# What is split and measured is the graph. Random weights have no modules worth the name, and what modularity they show
# is what a method can find in noise: a null model says so.

rows = []
for name, graph in graphs.items():
    split = sg.split(graph, "leiden")
    measured = sg.measure(graph, split, ["modularity", "cut"]).set_index("metric")["value"]
    rows.append((name, len(graph.populations), len(graph.connections), measured["modularity"], measured["cut"]))
pd.DataFrame(rows, columns=["model", "populations", "connections", "modularity", "cut"]).round(3)
