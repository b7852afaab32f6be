"""
Your own images
===============

An experiment's task is a data set: one that ships, one of torchvision's, or a file of yours. The file has four
arrays, and that is all.
"""

# sphinx_gallery_thumbnail_path = 'gallery/training.png'

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from rich.console import Console

import spatialgraph as sg
from spatialgraph.train.run import train
from spatialgraph.train.settings import read_experiment

# %%
# A data set
# ----------
# Images are uint8, ``(examples, height, width)``, labels whole numbers from 0. Here: bars that are horizontal, vertical
# or diagonal, in noise.

generator = np.random.default_rng(0)


def bars(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bars of three directions."""
    labels = generator.integers(3, size=count)
    images = generator.integers(0, 60, (count, 8, 8))
    for image, label in zip(images, labels, strict=True):
        place = generator.integers(8)
        if label == 2:
            image[np.arange(8), (np.arange(8) + place) % 8] += 180
        else:
            image[(place, slice(None)) if label == 0 else (slice(None), place)] += 180
    return images.astype(np.uint8), labels


folder = Path(mkdtemp())
train_images, train_labels = bars(1400)
test_images, test_labels = bars(300)
np.savez(
    folder / "bars.npz",
    train_images=train_images,
    train_labels=train_labels,
    test_images=test_images,
    test_labels=test_labels,
)

# %%
# An experiment
# -------------
# The file's name stands where the name of a data set would. Every setting that is not named has its default
# (:doc:`all of them, and why </generated/reference/settings>`); a larger initial gain lets small sigmoid networks learn
# sooner.

(folder / "mine.toml").write_text(
    f"""
tasks = ["{(folder / "bars.npz").as_posix()}", "digits"]
inputs = ["mix"]
hidden = [32, 32, 32]
penalised_layers = ["hidden3", "output"]
kinds = ["regular", "spatial"]
seeds = "0:2"
epochs = 30
batch_size = 64
initial_gain = 6.0
""",
    encoding="utf-8",
)
run = folder / "run"
train(read_experiment(str(folder / "mine.toml")), run, console=Console(quiet=True))
network = sg.read(run / "networks" / "mix-spatial-0.h5")
network.tasks, network.metadata["accuracy"]

# %%
# The rest is as ever. With a mix, one input shows an example of each task, added pixel by pixel.

scores = sg.analyze(run, splits=["greedy", "random"], ablations=["incoming", "mean"], nulls=0)
drops = scores[scores["metric"] == "accuracy-drop"]
drops.pivot_table(index=["kind", "split"], columns=["ablation", "task"], values="value").round(2)
