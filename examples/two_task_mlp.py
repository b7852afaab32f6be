"""A dense network with batch norm and dropout, which sees an image of each task side by side.

    python examples/two_task_mlp.py --data-dir data

Dropout is said to raise modularity more than other habits of training (Lange et al. 2022, Clustering units in neural
networks: upstream vs downstream information). Kinds: with dropout, without it, and untrained, where there is nothing to
find.
"""

from collections import OrderedDict

import torch
from common import analyse, captured, draw, fit, images, options
from torch import nn

HIDDEN = 128


def mlp(pixels: int, dropout: float) -> nn.Sequential:
    """Return three hidden layers, and an output for each class of each task."""
    layers: dict[str, nn.Module] = {}
    for number, inputs in enumerate((pixels, HIDDEN, HIDDEN), start=1):
        layers[f"hidden{number}"] = nn.Linear(inputs, HIDDEN)
        layers[f"norm{number}"] = nn.BatchNorm1d(HIDDEN)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"dropout{number}"] = nn.Dropout(dropout)
    return nn.Sequential(OrderedDict(layers, output=nn.Linear(HIDDEN, 20)))


def main() -> None:
    """Train, capture and analyse."""
    asked = options(__doc__, epochs=20)
    shown = images("concatenate", asked)
    networks = {}
    for seed in range(asked.seeds):
        for kind, dropout in (("untrained", 0.0), ("plain", 0.0), ("dropout", 0.5)):
            torch.manual_seed(seed)
            model = mlp(2 * shown.side**2, dropout)
            if kind != "untrained":
                fit(model, shown, seed, asked.epochs)
            networks[f"{kind}-{seed}"] = captured(model, shown, kind, seed)
    results = analyse(networks, asked, __file__, reference="plain")
    draw("connections", results)


if __name__ == "__main__":
    main()
