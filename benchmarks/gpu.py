"""Everything about training that has to be seen on a GPU, checked and timed by one command in less than ten minutes.

    python benchmarks/gpu.py --out FOLDER [--data-dir data] [--seconds 540] [--only speed table1]

Runs from a checkout, installed or not, and downloads nothing. The parts, in this order: what the machine is and how
fast its products and copies are; checks that the same networks come out whether they train on the processor or the
GPU, recorded as a graph or not, once or again, alone or in company, in one go or interrupted, in one batch or cut for
lack of memory; the measurements of `benchmarks/training.py`; Table 1 with 100 seeds, 600 networks, by the command that
a user gives, its files, and what float32 products instead of TF32 do to its accuracies and its time. The parts before
Table 1 are float32. Without `--data-dir`, Table 1 is trained on drawn images of the same number, which take as long and
tell nothing of accuracies.

A part that fails does not stop the others; one that would not fit into the seconds is cut down, or skipped, and says
so. FOLDER/gpu.json has what was found, written after each part; FOLDER/training.png and .svg the figure of the speeds.
The exit status is 1 if a part failed or a check does not hold. `--device cpu --quick` runs all of it on tiny networks.
"""

from __future__ import annotations

import argparse
import gc
import io
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import checkout
import numpy as np
import torch
import training
from baselines import (
    BATCH,
    CLASSES,
    PAPER_EXAMPLES,
    PAPER_HELD_OUT,
    PIXELS,
    drawn_datasets,
    experiment_of,
    product_rate,
    threads,
    timed,
    trainings_of,
)
from cells import compare, trained_cells
from report import machine, write
from rich.console import Console

from spatialgraph.store import read_evaluation, read_header, read_network
from train import memory, run
from train.data import Dataset
from train.loop import Training
from train.model import layer_sizes
from train.progress import Reporter
from train.settings import Experiment

Numbers = dict[str, Any]
HOLDS = "holds"  # what a part found out to be true or not
MODES, KINDS, PAPER_EPOCHS = 3, 2, 50  # of Table 1
TABLE_ONE = Experiment(tasks=["one", "other"]).precision  # its products, where nothing else is asked for
TARGET_SECONDS, TARGET_RATIO = 120, 100
# Of the weights of a layer, in the norm. Where a gradient is nearly 0, rounding turns its sign, and with it a step of
# Adam: single weights then differ by a tenth of a step and more.
ROUNDING = 1e-4


class SkippedError(Exception):
    """A part that cannot be done now, and why."""


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        speed: what is timed of training, and how many times, if there is time.
        company: how many networks train together, for the first of them to be compared.
        cut: how many networks there is too little memory for.
        examples: of the data sets of checks.
        seeds: of Table 1.
        least_seeds: fewer of them are not worth a comparison of precisions.
        table: the training and held-out examples of Table 1's data sets, where they are drawn.
        epochs: of Table 1.
        settings: of all networks, that differ from the paper's.
        copied: bytes that are copied to measure how fast.
    """

    speed: training.Sizes = training.GPU
    repeats: int = 5
    company: tuple[int, ...] = (1, 8, 64)
    cut: int = 200
    examples: int = 16 * BATCH
    seeds: int = 100
    least_seeds: int = 10
    table: tuple[int, int] = (PAPER_EXAMPLES, PAPER_HELD_OUT)
    epochs: int = PAPER_EPOCHS
    settings: tuple[tuple[str, object], ...] = ()
    copied: int = 2**30


QUICK = Scale(
    speed=training.QUICK,
    repeats=1,
    company=(1, 2, 4),
    cut=4,
    examples=4 * BATCH,
    seeds=2,
    least_seeds=2,
    table=(5 * BATCH, 64),
    epochs=2,
    settings=training.QUICK.settings,
    copied=2**20,
)


@dataclass
class Work:
    """What the parts share: where they run, how large they are, until when, and their results so far."""

    device: torch.device
    scale: Scale
    data: Path | None
    out: Path
    folder: Path
    deadline: float
    results: Numbers = field(default_factory=dict)

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self.deadline - time.monotonic()

    @cached_property
    def datasets(self) -> list[Dataset]:
        """Drawn data sets of checks."""
        return drawn_datasets(self.scale.examples)

    def trained(self, experiment: Experiment, epochs: int, device: torch.device | None = None) -> Training:
        """Return the networks of an experiment as one batch, after so many epochs."""
        (made,) = trainings_of(experiment, self.datasets, device or self.device)
        for _ in range(epochs):
            made.run_epoch()
        return made

    def experiment(self, networks: int, **settings: object) -> Experiment:
        """Return the paper's spatial network with so many seeds, at the scale of the work."""
        return experiment_of(range(networks), **dict(self.scale.settings) | settings)

    def run(self, experiment: Experiment, name: str) -> tuple[Path, str]:
        """Train as `spatialgraph train` does, in a folder of a name; return the folder, and what it printed."""
        output = io.StringIO()
        run.train(experiment, self.folder / name, device=str(self.device), console=Console(file=output, width=200))
        return self.folder / name, output.getvalue()


def the_machine(work: Work) -> Numbers:
    """Say what the machine is, and how fast large products and copies are."""
    description: Numbers = machine() | {"torch": torch.__version__, "CUDA": torch.version.cuda}
    if work.device.type == "cuda":
        properties = torch.cuda.get_device_properties(work.device)
        description |= {
            "GPU": properties.name,
            "bytes of memory": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "compute capability": f"{properties.major}.{properties.minor}",
            "driver": driver(),
        }
    source = torch.zeros(work.scale.copied, dtype=torch.uint8, device=work.device)
    target = torch.empty_like(source)
    seconds = min(timed(lambda: target.copy_(source), work.device) for _ in range(8))
    return description | {
        "float32 products, operations per second": product_rate(work.device, work.scale.speed.product),
        "TF32 products, operations per second": product_rate(work.device, work.scale.speed.product, "tf32"),
        "copy, bytes read and written per second": 2 * work.scale.copied / seconds,
    }


def driver() -> str:
    """Return the version of the GPU's driver, as far as it can be found out."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown: there is no nvidia-smi"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()


def processor(work: Work) -> Numbers:
    """Train the same networks on the processor and on the device: equal losses, but for rounding that grows."""
    experiment, epochs = work.experiment(2, kinds=["spatial", "regular"]), 3
    one, other = (
        np.stack(work.trained(experiment, epochs, device).history["loss"])
        for device in (torch.device("cpu"), work.device)
    )
    apart = (np.abs(other - one) / one).max(axis=1).tolist()
    return {"relative difference of losses by epoch": apart, HOLDS: {"1e-4 in the first epoch": apart[0] <= 1e-4}}


def recorded(work: Work) -> Numbers:
    """Train by the recorded graph, and by the step that is recorded: the same bits."""
    experiment = work.experiment(4, kinds=["spatial", "regular"])
    one, other = work.trained(experiment, 0), work.trained(experiment, 0)
    other._take = other._take.function
    for _ in range(2):
        one.run_epoch()
        other.run_epoch()
    return same_bits(one, other)


def repeated(work: Work) -> Numbers:
    """Train the same networks twice: the same bits."""
    experiment = work.experiment(4, kinds=["spatial", "regular"])
    return same_bits(*(work.trained(experiment, 2) for _ in range(2)))


def same_bits(one: Training, other: Training) -> Numbers:
    """Return how far two trainings are apart in everything that a checkpoint holds."""
    before, after = one.state(), other.state()
    apart = {name: float(np.abs(before[name] - after[name]).max()) for name in before}
    same = all(np.array_equal(before[name], after[name]) for name in before)
    return {"largest difference": max(apart.values()), HOLDS: {"the same bits": same}}


def company(work: Work) -> Numbers:
    """Train one network alone and among others: the same accuracies, and weights but for rounding."""
    trained = {count: work.trained(work.experiment(count), 2) for count in work.scale.company}
    alone, *others = (
        (count, {name: tensor[0].cpu().numpy() for name, tensor in own.stack.named()}, own.history["accuracy"][-1][0])
        for count, own in trained.items()
    )
    numbers: Numbers = {HOLDS: {}}
    for count, arrays, accuracy in others:
        apart = {
            name: float(np.linalg.norm(arrays[name] - array) / np.linalg.norm(array))
            for name, array in alone[1].items()
        }
        numbers[f"largest relative difference among {count}"] = max(apart.values())
        numbers[HOLDS] |= {
            f"weights among {count}, to {ROUNDING}": max(apart.values()) <= ROUNDING,
            f"accuracies among {count}": np.array_equal(accuracy, alone[2]),
        }
    return numbers


def interrupted(work: Work) -> Numbers:
    """Train in one go, and interrupted by Ctrl-C and carried on: the same files."""
    experiment = work.experiment(2, tasks=saved(work, "checks", work.datasets), epochs=4, snapshots=4)
    with threads(1):  # one batch after another, as on a GPU
        return stopped_and_whole(work, experiment)


def stopped_and_whole(work: Work, experiment: Experiment) -> Numbers:
    """Train an experiment in one go, and stopped after two epochs and carried on."""
    whole, _ = work.run(experiment, "whole")
    report_epoch = Reporter.epoch

    def interrupt(reporter: Reporter, batch: Any, epoch: int, *rest: Any) -> None:
        report_epoch(reporter, batch, epoch, *rest)
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    stopped = False
    with mock.patch.object(Reporter, "epoch", interrupt):
        try:
            work.run(experiment, "interrupted")
        except KeyboardInterrupt:
            stopped = not (work.folder / "interrupted" / "networks").exists()
    again, _ = work.run(experiment, "interrupted")
    one, other = (
        {file.name: file.read_bytes() for file in (made / "networks").glob("*.h5")} for made in (whole, again)
    )
    return {"files": len(one), HOLDS: {"it stopped": stopped, "the same bytes": one == other and len(one) == 2}}


def cut(work: Work) -> Numbers:
    """Train more networks than there is memory for: in several batches, and the same networks."""
    count = work.scale.cut
    experiment = work.experiment(count, tasks=saved(work, "checks", work.datasets), epochs=1)
    expected = work.trained(experiment, 1).history["accuracy"][-1]
    sizes = layer_sizes(experiment, PIXELS, 2 * CLASSES)
    data = memory.bytes_of_examples(work.datasets, PIXELS)
    with scarce(work.device, data + count // 2 * memory.bytes_of_a_network(experiment, sizes)):
        made, output = work.run(experiment, "cut")
    metadata = [read_header(made / "networks" / f"mix-spatial-{seed}.h5").metadata for seed in range(count)]
    apart = float(np.abs(np.array([own["accuracy"] for own in metadata]) - expected).max())
    lines = [line.strip() for line in output.splitlines() if "at a time" in line]
    return {
        "told": lines,
        "largest difference of accuracies": apart,
        HOLDS: {
            "the batch was cut": bool(lines),
            "accuracies, to an example": apart * len(work.datasets[0].test) < 1.5,
        },
    }


@contextmanager
def scarce(device: torch.device, room: int) -> Iterator[None]:
    """Leave networks so many bytes: a GPU's memory is taken up; a processor is said to have no more."""
    release(device)
    if device.type != "cuda":
        with mock.patch.object(memory, "memory_of", return_value=float(room)):
            yield
        return
    free, _ = torch.cuda.mem_get_info(device)
    taken = torch.empty(max(0, free - room), dtype=torch.uint8, device=device)
    try:
        yield
    finally:
        del taken
        release(device)


def release(device: torch.device) -> None:
    """Give the memory of what is no longer used back to the device."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # after some failures, a GPU does nothing more in this process
            torch.cuda.empty_cache()


def speed(work: Work) -> Numbers:
    """Measure what `benchmarks/training.py` does, and draw its figure."""
    repeats = min(work.scale.repeats, 5 if work.left > 180 else 2)
    numbers = training.measure(work.scale.speed, repeats, work.device)
    training.draw(numbers, work.out / "training")
    return numbers | {"repeats": repeats, HOLDS: {"losses of the plain loop": training.same_losses(numbers)}}


def table_one(work: Work) -> Numbers:
    """Train Table 1 by the command, as many seeds as fit, and compare with the target and with the plain loop."""
    seconds_of_a_seed = estimate(work)
    seeds = min(work.scale.seeds, int(0.75 * work.left / seconds_of_a_seed) if seconds_of_a_seed else work.scale.seeds)
    if seeds < 1:
        raise SkippedError(f"one seed would take about {seconds_of_a_seed:.0f} s, {work.left:.0f} s are left")
    numbers = command(work, TABLE_ONE, seeds, 0.85 * work.left)
    whole = work.device.type == "cuda" and work.scale.seeds == seeds and work.scale.epochs == PAPER_EPOCHS
    if whole:
        numbers[HOLDS][f"{TARGET_SECONDS} s"] = numbers["seconds"] <= TARGET_SECONDS
    plain = work.results.get("speed", {}).get(training.SPEED, {}).get(training.PLAIN)
    if plain:
        numbers["times the plain loop"] = network_epochs(work, seeds) / plain["median"] / numbers["seconds"]
        if whole:
            numbers[HOLDS][f"{TARGET_RATIO} times the plain loop"] = numbers["times the plain loop"] >= TARGET_RATIO
    return numbers


def network_epochs(work: Work, seeds: int) -> float:
    """Return networks × epochs of Table 1; sequential inputs, one mode of three, have epochs of twice the steps."""
    return seeds * KINDS * (MODES + 1) * work.scale.epochs


def estimate(work: Work) -> float | None:
    """Return about how many seconds a seed of Table 1 takes, by the speeds measured; None if there are none."""
    measured = work.results.get("speed", {}).get(training.SPEED)
    if measured is None:
        return None
    fastest = max(own["median"] for name, own in measured.items() if name.isdigit())
    return 1.15 * network_epochs(work, 1) / fastest  # the rest: held-out examples, files; less, since it has TF32


def command(work: Work, precision: str, seeds: int, seconds: float) -> Numbers:
    """Train Table 1 in a process of its own, stopped after so many seconds; return when what was done."""
    release(work.device)
    out = work.folder / precision
    settings = {"precision": precision, **dict(work.scale.settings)}
    data = ["--data-dir", str(work.data)] if work.data else []
    if work.data is None:
        examples, held_out = work.scale.table
        settings["tasks"] = saved(work, "table1", drawn_datasets(examples, held_out))
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={toml(value)}")]
    options += ["--epochs", str(work.scale.epochs), "--device", str(work.device), "--out", str(out), *data]
    arguments = [sys.executable, "-m", "train", "table1", "--seeds", f"0:{seeds}", *options]
    started, clock = time.time(), time.perf_counter()
    lines: list[tuple[float, str]] = []
    with subprocess.Popen(
        arguments, cwd=checkout.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    ) as process:
        timer = threading.Timer(seconds, process.terminate)  # upon which it saves the epoch and stops
        timer.start()
        for line in process.stdout or ():
            lines.append((round(time.perf_counter() - clock, 2), line.rstrip()))
            say(f"  {lines[-1][0]:7.2f} s  {lines[-1][1]}")
        status = process.wait()
        timer.cancel()
    taken = time.perf_counter() - clock
    written = {
        mode: sorted(file.stat().st_mtime - started for file in (out / "networks").glob(f"{mode}-*.h5"))
        for mode in ("concatenate", "mix", "sequential")
    }
    files = sum(map(len, written.values()))
    return {
        "seeds": seeds,
        "networks": files,
        "seconds": taken,
        "first told after, s": lines[0][0] if lines else None,
        "first and last file after, s": {mode: [own[0], own[-1]] for mode, own in written.items() if own},
        "told": lines,
        HOLDS: {"exit status 0": status == 0, "every network": files == seeds * MODES * KINDS},
    }


def toml(value: object) -> str:
    """Return a setting as the command line takes it."""
    return str(list(value)) if isinstance(value, (list, tuple)) else str(value)


def saved(work: Work, name: str, datasets: Sequence[Dataset]) -> list[str]:
    """Write data sets as .npz files, once, and return their paths, which are names of tasks."""
    folder = work.folder / name
    paths = [folder / f"{dataset.name}.npz" for dataset in datasets]
    for path, dataset in zip(paths, datasets, strict=True):
        if not path.exists():
            folder.mkdir(exist_ok=True)
            parts = {"train": dataset.train, "test": dataset.test}
            images = {f"{part}_images": own.images.reshape(-1, *dataset.image_shape) for part, own in parts.items()}
            np.savez(path, **images, **{f"{part}_labels": own.labels for part, own in parts.items()})
    return [path.as_posix() for path in paths]


def files(work: Work) -> Numbers:
    """Read networks of Table 1 back and run them in NumPy: the accuracies that training measured."""
    from spatialgraph.runners.activations import accuracy  # needs a package that training does without

    folder = work.folder / TABLE_ONE
    paths = sorted((folder / "networks").glob("*.h5"))
    if not paths:
        raise SkippedError("Table 1 left no networks")
    numbers: Numbers = {"files": len(paths), "bytes": sum(path.stat().st_size for path in paths)}
    apart = []
    for path in (paths[0], paths[len(paths) // 2], paths[-1]):
        network = read_network(path)
        evaluation = read_evaluation(folder / network.metadata["evaluation"]["file"])
        apart.append(float(np.abs(accuracy(network, evaluation) - network.metadata["accuracy"]).max()))
    return numbers | {"differences of accuracies": apart, HOLDS: {"accuracies, to 0.001": max(apart) <= 1e-3}}


def float32(work: Work) -> Numbers:
    """Train Table 1 with float32 products, as many seeds as fit, and compare accuracies cell by cell, and time."""
    fast = work.results.get("table1", {})
    trained = fast.get("seeds", 0) if fast.get(HOLDS, {}).get("every network") else 0
    if trained < work.scale.least_seeds:
        raise SkippedError(f"at least {work.scale.least_seeds} seeds are compared, {TABLE_ONE} has {trained}")
    seeds = min(trained, int(0.5 * work.left / (fast["seconds"] / trained)))  # may well take twice as long
    if seeds < work.scale.least_seeds:
        raise SkippedError(f"at least {work.scale.least_seeds} seeds are compared, {work.left:.0f} s are left")
    numbers = command(work, "float32", seeds, work.left)
    numbers["seconds per seed, float32 and TF32"] = [numbers["seconds"] / seeds, fast["seconds"] / trained]
    if not work.data:
        numbers["left out"] = "the accuracies: these images are drawn, and tell nothing of real ones"
    if numbers[HOLDS]["every network"]:
        one, other = (trained_cells(work.folder / precision) for precision in ("float32", TABLE_ONE))
        numbers["accuracies, float32 and TF32"] = {cell: compare(one[cell], other[cell]) for cell in one}
    return numbers


PARTS: dict[str, Callable[[Work], Numbers]] = {
    "machine": the_machine,
    "processor": processor,
    "recorded": recorded,
    "repeated": repeated,
    "company": company,
    "interrupted": interrupted,
    "cut": cut,
    "speed": speed,
    "table1": table_one,
    "files": files,
    "float32": float32,
}


def perform(name: str, work: Work) -> bool:
    """Do a part, keep what it found and how long it took, and return whether all is well."""
    say(f"{name}: {(PARTS[name].__doc__ or '').strip()}")
    started = time.perf_counter()
    try:
        if work.left <= 0:
            raise SkippedError("no time is left")
        result = PARTS[name](work)
        doubtful = [what for what, holds in result.get(HOLDS, {}).items() if not holds]
        result["state"] = f"does not hold: {', '.join(doubtful)}" if doubtful else "done"
    except SkippedError as reason:
        result, doubtful = {"state": f"skipped: {reason}"}, []
    except Exception as error:
        result = {"state": f"failed: {type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        doubtful = [name]
    release(work.device)
    work.results[name] = result | {"seconds of the part": time.perf_counter() - started}
    write(work.results, work.out / "gpu.json")
    shown = {key: value for key, value in result.items() if len(str(value)) < 400}
    say(f"  {shown}\n  {work.results[name]['seconds of the part']:.1f} s, {work.left:.0f} s left")
    return not doubtful


def say(text: str) -> None:
    """Show a line at once."""
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Do every part; exit with status 1 if one failed or did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST and Fashion-MNIST, as torchvision lays them out")
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the benchmark itself")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    device = run.choose_device(arguments.device)
    torch.set_flush_denormal(True)
    scale = QUICK if arguments.quick else Scale(speed=training.GPU if device.type == "cuda" else training.CPU)
    data = arguments.data_dir.resolve() if arguments.data_dir else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Work(device, scale, data, arguments.out.resolve(), Path(folder), deadline)
        well = [perform(name, work) for name in arguments.only]
    sys.exit(not all(well))


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and to look through it takes longer than a small part
    main()
