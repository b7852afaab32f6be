"""A small transformer that sees the patches of two images, one image after the other.

    python examples/transformer.py --data-dir data

Units are the heads of attention and the neurons of the feed-forward layers; the residual stream has none of its own:
each unit is connected to all later ones that read what it writes. A patch is of one image, so that units could serve
one task by attending to it. The control is the untrained network.
"""

import torch
from common import analyse, captured, draw, fit, images, options
from torch import Tensor, nn

WIDTH, HEADS = 64, 4


class Transformer(nn.Module):
    """Patches, two layers, the mean over all patches, and an output for each class of each task."""

    def __init__(self, side: int) -> None:
        super().__init__()
        patch = side // 4
        self.image = nn.Unflatten(1, (1, 2 * side, side))
        self.patches = nn.Conv2d(1, WIDTH, patch, stride=patch)
        self.place = nn.Parameter(0.02 * torch.randn(32, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)
        self.output = nn.Linear(WIDTH, 20)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, ``(examples, 20)``."""
        patches = self.patches(self.image(x)).flatten(2).mT + self.place
        return self.output(self.norm(self.encoder(patches)).mean(dim=1))


def main() -> None:
    """Train, capture and analyse."""
    asked = options(__doc__, epochs=15)
    shown = images("concatenate", asked)
    networks = {}
    for seed in range(asked.seeds):
        for kind in ("untrained", "trained"):
            torch.manual_seed(seed)
            model = Transformer(shown.side)
            if kind == "trained":
                fit(model, shown, seed, asked.epochs)
            networks[f"{kind}-{seed}"] = captured(model, shown, kind, seed)
    results = analyse(networks, asked, __file__, reference="trained")
    draw("connections", results)


if __name__ == "__main__":
    main()
