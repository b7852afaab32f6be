"""A small residual network on the sum of two images.

    python examples/resnet.py --data-dir data

Units are channels, named after the convolution that makes them; those behind a sum after the block's last,
``layer2.0.conv2``. A shortcut is a connection of its own: of a channel to itself, or its convolution. Controls are the
same network that learned one of the two tasks alone, and the untrained one.
"""

import torch
from common import analyse, captured, draw, fit, images, options
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions, and a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's channels."""
        inner = self.norm1(self.conv1(x)).relu()
        return (self.norm2(self.conv2(inner)) + self.shortcut(x)).relu()


class ResNet(nn.Module):
    """A first convolution, three blocks, the mean over all places, and an output for each class of each task."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.image = nn.Unflatten(1, (1, side, side))
        self.stem = nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2))
        self.layer3 = nn.Sequential(Block(32, 64, 1))
        self.output = nn.Linear(64, 20)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, ``(examples, 20)``."""
        x = self.norm(self.stem(self.image(x))).relu()
        return self.output(self.layer3(self.layer2(self.layer1(x))).mean(dim=(2, 3)))


def main() -> None:
    """Train, capture and analyse."""
    asked = options(__doc__, epochs=10)
    shown = images("mix", asked)
    networks = {}
    for seed in range(asked.seeds):
        for kind, learned in (("untrained", ()), ("first task alone", (0,)), ("both tasks", (0, 1))):
            torch.manual_seed(seed)
            model = ResNet(shown.side)
            if learned:
                fit(model, shown, seed, asked.epochs, learned=learned)
            networks[f"{kind.replace(' ', '-')}-{seed}"] = captured(model, shown, kind, seed)
    results = analyse(networks, asked, __file__, reference="both tasks")
    draw("methods", results)


if __name__ == "__main__":
    main()
