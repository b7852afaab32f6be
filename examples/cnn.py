"""A convolutional network that sees the images of two tasks as two channels, or their sum as one.

    python examples/cnn.py --data-dir data

Units are channels: a connection is as strong as all the taps of its kernel together. With two channels the first layer
could tell the tasks apart by itself; in a sum nothing but training can. Each beside its untrained self.
"""

from collections import OrderedDict

import torch
from common import analyse, captured, draw, fit, images, options
from torch import nn


def cnn(side: int, channels: int) -> nn.Sequential:
    """Return three convolutions, the mean over all places, and an output for each class of each task."""
    layers: dict[str, nn.Module] = {"image": nn.Unflatten(1, (channels, side, side))}
    for number, (inputs, outputs) in enumerate(((channels, 24), (24, 48), (48, 64)), start=1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, outputs, 3, stride=1 if number == 3 else 2, padding=1, bias=False)
        layers[f"norm{number}"] = nn.BatchNorm2d(outputs)
        layers[f"relu{number}"] = nn.ReLU()
    layers |= {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "output": nn.Linear(64, 20)}
    return nn.Sequential(OrderedDict(layers))


def main() -> None:
    """Train, capture and analyse."""
    asked = options(__doc__, epochs=10)
    networks = {}
    for mode, channels in (("concatenate", 2), ("mix", 1)):
        shown = images(mode, asked)
        for seed in range(asked.seeds):
            for kind in ("untrained", "trained"):
                torch.manual_seed(seed)
                model = cnn(shown.side, channels)
                if kind == "trained":
                    fit(model, shown, seed, asked.epochs)
                networks[f"{mode}-{kind}-{seed}"] = captured(model, shown, kind, seed)
    results = analyse(networks, asked, __file__, reference="trained")
    draw("methods", results)


if __name__ == "__main__":
    main()
