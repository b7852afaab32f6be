"""How fast networks train: against plain PyTorch loops and against the limit of the matrix products.

    python benchmarks/training.py [--device cuda] [--repeats 5] [--out docs/benchmarks/training.json]

The work is an epoch of the paper's spatial network (784-128-128-128-256-20, mixed inputs, batches of 256, both costs
on three layers), 234 steps, on drawn images. This trainer has many networks in batches as large as `spatialgraph train`
makes them on the device; where that is several batches, all in one is timed, too. It is compared with

- the plain loop, what one would write instead: `nn.Sequential`, the costs by `torch.cdist` and automatic
  differentiation, `torch.optim.Adam` (on a GPU `fused=True`), one network after another, with the images on the device
  and denormals flushed;
- the same loop with a `DataLoader` and torchvision's `ToTensor`, `num_workers=0`, each batch moved to the device;
- the limit, the time of a step's matrix products alone at the rate of a large float32 product.

The plain loop gets the initial weights and the batches of this trainer's one network; the benchmark fails unless the
losses of every epoch, the last included, are equal but for rounding. All are timed in turn, several times, on part of
an epoch where that is long enough; medians, least and largest count, and ratios within one run. Then: how the time of a
step grows with the number of networks, and with the width of all hidden layers; what share of a whole epoch 10,000
held-out examples take; and, on a CPU, a step while another program keeps a core busy. A growth is the slope of a line
through the logarithms. With `--out`, a figure goes beside it.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import checkout
import matplotlib.style
import numpy as np
import torch
from baselines import (
    BATCH,
    CLASSES,
    PAPER_EXAMPLES,
    PAPER_HELD_OUT,
    PAPER_STEPS,
    PIXELS,
    PlainLoop,
    Stopwatch,
    data_loader,
    drawn_datasets,
    experiment_of,
    in_memory,
    lanes_of,
    product_operations,
    product_rate,
    run_epochs,
    threads,
    timed,
    trainings_of,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from report import report
from scipy.stats import linregress

from spatialgraph.files import atomic
from train.inputs import Batches
from train.loop import Training
from train.memory import networks_at_once
from train.model import layer_sizes

PLAIN, LOADER, LIMIT, TRAINER, WHOLE = "plain loop", "DataLoader", "limit", "spatialgraph", " in one batch"
SPEED = "networks × epochs per second"
LOSSES, RELATIVE = "losses", 1e-4  # how far two float32 computations of one loss drift apart in some epochs, at most
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much is timed.

    Attributes:
        networks: how many train together, 1 among them.
        steps: of an epoch that is timed.
        loader_steps: of the loop with a `DataLoader`.
        product: rows and columns of the matrices of the large product.
        widths: of the hidden layers.
        width_steps: of an epoch of each width.
        judged: how many networks the evaluation is timed with.
        examples: of the epoch that it is compared with.
        held_out: examples of the evaluation.
        settings: of every experiment, that differ from the paper's.
    """

    networks: tuple[int, ...]
    steps: int
    loader_steps: int
    product: int
    widths: tuple[int, ...] = (128, 256, 512, 1024, 2048)
    width_steps: int = 5
    judged: int = 8
    examples: int = PAPER_EXAMPLES
    held_out: int = PAPER_HELD_OUT
    settings: tuple[tuple[str, object], ...] = ()


CPU = Sizes(networks=(1, 2, 4, 8, 16, 32, 64), steps=40, loader_steps=20, product=2048)
GPU = Sizes(
    networks=(1, 4, 16, 64, 200, 600), steps=PAPER_STEPS, loader_steps=40, product=8192, width_steps=20, judged=200
)
QUICK = Sizes(
    networks=(1, 2, 4),
    steps=5,
    loader_steps=2,
    product=256,
    widths=(8, 16),
    judged=2,
    examples=5 * BATCH,
    held_out=64,
    settings=(("hidden", (8, 8, 8, 8)),),
)


def measure(sizes: Sizes, repeats: int, device: torch.device) -> Numbers:
    """Return every number of the benchmark."""
    epochs = compare(sizes, repeats, device)
    gc.collect()  # the networks' memory
    return (
        epochs
        | {
            "seconds per step by width, two networks": by_width(sizes, repeats, device),
            "evaluation": evaluation_share(sizes, repeats, device),
        }
        | (
            {"beside a program that keeps one core busy": beside_another(sizes, repeats)}
            if device.type == "cpu"
            else {}
        )
    )


def compare(sizes: Sizes, repeats: int, device: torch.device) -> Numbers:
    """Time this trainer, both plain loops and a large product in turn."""
    datasets, settings = drawn_datasets(sizes.steps * BATCH), dict(sizes.settings)
    trainings: dict[str, list[Training]] = {}
    for count in sorted({1, *sizes.networks}):
        experiment = experiment_of(range(count), **settings)
        shape = layer_sizes(experiment, PIXELS, 2 * CLASSES)
        most = networks_at_once(experiment, shape, 0, device, count).networks
        with threads(torch.get_num_threads() // lanes_of(math.ceil(count / most), device)):
            trainings[str(count)] = trainings_of(experiment, datasets, device, most)
        if count > most and device.type == "cpu":  # where it is not for lack of memory
            trainings[f"{count}{WHOLE}"] = trainings_of(experiment, datasets, device)
    (alone,) = trainings["1"]
    plain, batches = PlainLoop(alone), Batches("mix", datasets, BATCH, device)
    loader, of_loader = data_loader(datasets), PlainLoop(alone)
    losses: list[float] = []
    runs: dict[str, Callable[[], object]] = {
        PLAIN: lambda: losses.append(plain.run(in_memory(batches, len(losses)))),
        **{name: lambda own=own: run_epochs(own) for name, own in trainings.items()},
    }
    if loader:
        runs[LOADER] = lambda: of_loader.run(islice(loader, sizes.loader_steps))
    for run in runs.values():
        run()  # the first allocates, and on a GPU records
    operations = product_operations(alone.sizes, BATCH) * sizes.steps
    times: dict[str, list[float]] = {name: [] for name in (*runs, LIMIT)}
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(timed(run, device))
        times[LIMIT].append(operations / product_rate(device, sizes.product))
    return speeds(times, {name: sum(len(t.batch.members) for t in own) for name, own in trainings.items()}, sizes) | {
        LOSSES: {PLAIN: losses, TRAINER: [float(epoch[0]) for epoch in alone.history["loss"]]},
    }


def speeds(times: Mapping[str, Sequence[float]], networks: Mapping[str, int], sizes: Sizes) -> Numbers:
    """Return speeds, their ratios, and how the time of a step grows, of the seconds that epochs took."""
    epochs = {name: networks.get(name, 1) * sizes.steps / PAPER_STEPS for name in times}
    if LOADER in epochs:
        epochs[LOADER] = sizes.loader_steps / PAPER_STEPS
    speed = {name: spread([epochs[name] / seconds for seconds in own]) for name, own in times.items()}
    median = {name: own["median"] for name, own in speed.items()}
    steps = {count: statistics.median(times[str(count)]) / sizes.steps for count in sizes.networks}
    ratios = {
        f"times the {other}" if other != LIMIT else "share of the limit": {
            name: median[name] / median[other] for name in networks
        }
        for other in (PLAIN, LOADER, LIMIT)
        if other in median
    }
    left_out = {} if LOADER in times else {"left out": "the loop with a DataLoader: there is no torchvision"}
    return {SPEED: speed, **ratios, **left_out, "seconds per step by networks": growth(steps)}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the least and the largest of some numbers."""
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def growth(points: Mapping[int, float]) -> Numbers:
    """Return points (size to seconds) with the power of the size that seconds grow with, and its standard error."""
    fit = linregress(np.log(list(points)), np.log(list(points.values())))
    exponent = {"exponent": fit.slope, "standard error": fit.stderr, "seconds at size 1": np.exp(fit.intercept)}
    return {"points": {str(size): seconds for size, seconds in points.items()}} | {
        name: float(value) for name, value in exponent.items()
    }


def by_width(sizes: Sizes, repeats: int, device: torch.device) -> Numbers:
    """Time a step of two networks whose hidden layers all have one width."""
    datasets, steps = drawn_datasets(sizes.width_steps * BATCH), {}
    for width in sizes.widths:
        (training,) = trainings_of(experiment_of(range(2), hidden=[width] * 4), datasets, device)
        training.run_epoch()
        steps[width] = statistics.median(Stopwatch(training).step for _ in range(repeats))
    return growth(steps)


def evaluation_share(sizes: Sizes, repeats: int, device: torch.device) -> Numbers:
    """Time an epoch of the paper's data, and in it the evaluation of its held-out examples."""
    datasets = drawn_datasets(sizes.examples, sizes.held_out)
    (training,) = trainings_of(experiment_of(range(sizes.judged), **dict(sizes.settings)), datasets, device)
    training.run_epoch()
    watches = [Stopwatch(training) for _ in range(min(repeats, 3))]
    steps = spread([watch.step * training.steps for watch in watches])
    rest = spread([watch.rest for watch in watches])
    share = rest["median"] / (rest["median"] + steps["median"])
    return {
        "networks": sizes.judged,
        "held-out examples": sizes.held_out,
        f"seconds of {training.steps} steps": steps,
        "seconds of the evaluation": rest,
        "share of an epoch": share,
    }


def beside_another(sizes: Sizes, repeats: int) -> Numbers:
    """Time a step of networks in batches of their own for each core, and all in one batch, while a core is busy."""
    device, datasets = torch.device("cpu"), drawn_datasets(sizes.steps * BATCH)
    experiment = experiment_of(range(sizes.judged), **dict(sizes.settings))
    whole = trainings_of(experiment, datasets, device)
    each = math.ceil(sizes.judged / torch.get_num_threads())
    with threads(1):
        parts = trainings_of(experiment, datasets, device, each)
    times: dict[str, list[float]] = {"a batch for each core": [], "one batch": []}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        for _ in range(repeats + 1):
            for name, own in zip(times, (parts, whole), strict=True):
                times[name].append(timed(lambda own=own: run_epochs(own), device) / sizes.steps)
        busy.kill()
    seconds = {name: spread(of[1:]) for name, of in times.items()}
    ratio = seconds["one batch"]["median"] / seconds["a batch for each core"]["median"]
    return {"networks": sizes.judged, "seconds per step": seconds, "times as fast": ratio}


def same_losses(numbers: Numbers) -> bool:
    """Return whether this trainer and the plain loop had the same losses, epoch for epoch."""
    return np.allclose(*numbers[LOSSES].values(), rtol=RELATIVE, atol=0)


def draw(numbers: Numbers, out: Path) -> None:
    """Draw speed by number of networks, and the time of a step by width, into files of one name."""
    style = ["default", checkout.ROOT / "analyses" / "paper.mplstyle", {"text.parse_math": True}]  # it has no names
    with matplotlib.style.context(style):
        figure = Figure(figsize=(7.0, 2.7))
        left, right = figure.subplots(1, 2)
        draw_speed(left, numbers)
        draw_growth(right, numbers["seconds per step by width, two networks"])
        for letter, title, ax in (("a", "speed", left), ("b", "growth with width", right)):
            ax.set_title(f"{letter}  {title}", loc="left", fontweight="bold")
        for ending, metadata in (("png", {}), ("svg", {"Date": None})):
            with atomic(out.with_suffix(f".{ending}")) as temporary:
                figure.savefig(temporary, format=ending, metadata=metadata)


LINES = {
    LIMIT: ("#333333", "-", "matrix products alone"),
    PLAIN: ("#D55E00", "--", "plain loop"),
    LOADER: ("#009E73", ":", "plain loop, DataLoader"),
}
OURS = "#0072B2"


def draw_speed(ax: Axes, numbers: Numbers) -> Axes:
    """Draw networks × epochs per second by number of networks: points with ranges, and a line for each baseline."""
    speed = numbers[SPEED]
    whole = {int(name.split()[0]): own for name, own in speed.items() if name.endswith(WHOLE)}
    plain = {int(name): own for name, own in speed.items() if name.isdigit()}
    for points, style, label in (
        (plain, {"marker": "o"}, TRAINER),
        (whole, {"marker": "o", "markerfacecolor": "white", "linestyle": ""}, f"all{WHOLE}"),
    ):
        if points:
            middle = np.array([own["median"] for own in points.values()])
            ends = np.array([[own["least"], own["largest"]] for own in points.values()]).T
            ax.errorbar(list(points), middle, abs(ends - middle), color=OURS, capsize=2, label=label, **style)
    for name, (colour, dashes, label) in LINES.items():
        if name in speed:
            ax.axhline(speed[name]["median"], color=colour, linestyle=dashes, label=label)
            ax.axhspan(speed[name]["least"], speed[name]["largest"], color=colour, alpha=0.15, linewidth=0)
    _logarithmic(ax, plain)
    ax.set(xlabel="networks", ylabel=SPEED)
    handles, labels = ax.get_legend_handles_labels()
    order = np.argsort([label not in (TRAINER, f"all{WHOLE}") for label in labels], kind="stable")
    ax.legend([handles[k] for k in order], [labels[k] for k in order], loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def draw_growth(ax: Axes, numbers: Numbers) -> Axes:
    """Draw the time of a step by the width of the hidden layers, and the line that is fitted to it."""
    points = {int(width): 1000 * seconds for width, seconds in numbers["points"].items()}
    ends = np.array([min(points), max(points)])
    exponent = numbers["exponent"]
    label = f"∝ width$^{{{exponent:.2f}}}$"
    ax.plot(ends, 1000 * numbers["seconds at size 1"] * ends**exponent, color="#999999", label=label)
    ax.plot(list(points), list(points.values()), "o", color=OURS, label="a step of two networks")
    _logarithmic(ax, points)
    ax.set(xlabel="units of each hidden layer", ylabel="milliseconds per step")
    ax.legend(loc="upper left")
    return ax


def _logarithmic(ax: Axes, sizes: Iterable[int]) -> None:
    """Make both axes logarithmic, with the sizes below and 1, 2 and 5 of every decade beside, as plain numbers."""
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(list(sizes), [str(size) for size in sizes])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()


def conditions(device: torch.device, repeats: int) -> dict[str, object]:
    """Return what numbers of training depend on, besides the machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return {"device": name, "torch": torch.__version__, "repeats": repeats}


def main() -> None:
    """Measure, print, and write numbers and figure if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the benchmark itself")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    device = torch.device(arguments.device)
    sizes = QUICK if arguments.quick else GPU if device.type == "cuda" else CPU
    numbers = measure(sizes, arguments.repeats, device)
    report(numbers, conditions(device, arguments.repeats), arguments.out)
    if arguments.out:
        draw(numbers, arguments.out)
    if not same_losses(numbers):
        sys.exit(f"the losses differ: {numbers[LOSSES]}")


if __name__ == "__main__":
    main()
