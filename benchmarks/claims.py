"""The paper's further claims, each with a figure, a sentence and its tests: in docs/modules.

    python benchmarks/claims.py --runs runs/claims [--seeds 10:30] [--out docs/modules]

The claims: costs do not lower accuracy; the activation function matters, since ReLU networks can be rescaled;
concatenated inputs help the regular network; there may be more than two tasks; and what the number of dimensions does.
Networks are those of ``train/experiments/modules.toml``, regular and spatial ones at the paper's strengths of costs,
trained on data that ship with the package. A variant is that experiment with some settings changed. The command
carries on where it was stopped. A network that did not learn one of its tasks is named and left out. All that was
measured of each network is in ``networks.csv`` in the folder of the runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from claims_compared import CLAIMS, family_of
from claims_drawn import drawing
from claims_told import text_of
from numpy.typing import NDArray

import spatialgraph as sg
from spatialgraph.analyses.analysis import UnfinishedError
from spatialgraph.analyses.columns import DEFAULT_METHOD, FULL
from spatialgraph.analyses.figures import save
from spatialgraph.analyses.frames import read_csv, to_csv
from spatialgraph.analyses.labels import ABLATIONS
from spatialgraph.analyses.total import total_strength
from spatialgraph.analyses.validity import accuracies, lost
from spatialgraph.files import InUseError, atomic
from spatialgraph.notes import DEGENERATE
from spatialgraph.strengths import with_strength
from spatialgraph.train.checks import SettingError
from spatialgraph.train.data import DataError, load
from spatialgraph.train.export import DivergedError
from spatialgraph.train.run import train
from spatialgraph.train.settings import parse_seeds, read_experiment

SEEDS = "10:30"
"""Those of the document. With seeds 0 to 9 the command was tried: they count for nothing."""

TASKS = ("digits", "letters")
METRICS = ("modularity", "accuracy", "accuracy-drop")
BALANCED = "relu-balanced"
"""The variant of ReLU networks whose neurons are rescaled before they are split, see `strengths.balanced`."""


@dataclass(frozen=True)
class Variant:
    """The experiment with some settings changed.

    Attributes:
        name: of the variant, and of its folder.
        changes: the settings.
        turned: of how many tasks the same images are further tasks, turned by a quarter.
        kinds: those that are trained. Regular networks have no positions: their dimensions make no difference, and
            those of the paper's plane stand for all.
    """

    name: str
    changes: Mapping[str, object]
    turned: int = 0
    kinds: tuple[str, ...] = ("regular", "spatial")


# Initial weights are as large as keeps activations from vanishing or growing, layer by layer: 6 as in the experiment
# for sigmoids; for the others the gains that PyTorch names for them (`torch.nn.init.calculate_gain`: 5/3, √2) times √3.
VARIANTS = (
    Variant("sigmoid", {"inputs": ["concatenate", "mix", "sequential"]}),
    Variant("tanh", {"activation": "tanh", "initial_gain": 2.89}),
    Variant("clipped-relu", {"activation": "clipped-relu", "initial_gain": 2.45}),
    Variant("relu", {"activation": "relu", "initial_gain": 2.45}),
    Variant("three-tasks", {}, turned=1),
    Variant("four-tasks", {}, turned=2),
    Variant("one-dimension", {"dimensions": 1}, kinds=("spatial",)),
    Variant("three-dimensions", {"dimensions": 3}, kinds=("spatial",)),
)
FIRST = VARIANTS[0].name
"""The variant of the paper's settings: sigmoids, two tasks, two dimensions."""

USED: Mapping[str, tuple[str, ...]] = {
    "accuracy": (FIRST,),
    "activation": (FIRST, "tanh", "clipped-relu", "relu"),
    "inputs": (FIRST,),
    "tasks": (FIRST, "three-tasks", "four-tasks"),
    "dimensions": (FIRST, "one-dimension", "three-dimensions"),
}
"""The variants that each claim needs."""


def turned(name: str, folder: Path) -> Path:
    """Write the images of a data set turned by a quarter, with the same labels, as a data set; return the file.

    A digit or a letter on its side is a task of its own with as many pixels, as ``mix`` needs. No letter is its own
    turned image; upside down, or in a mirror, some would be, and nobody could tell which of two added images is which.
    """
    data = load(name)
    arrays: dict[str, Any] = {}
    for part, examples in (("train", data.train), ("test", data.test)):
        upright: NDArray[np.uint8] = examples.images.reshape(-1, *data.image_shape)
        arrays[f"{part}_images"] = np.ascontiguousarray(np.rot90(upright, axes=(1, 2)))
        arrays[f"{part}_labels"] = examples.labels
    path = folder / f"turned-{name}.npz"
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    return path


def settings(variant: Variant, runs: Path, seeds: Sequence[int], epochs: int | None) -> dict[str, object]:
    """Return what a variant changes of the experiment; tasks that it needs are made."""
    tasks = [*TASKS, *(str(turned(name, runs / "tasks")) for name in TASKS[: variant.turned])]
    changes = {"tasks": tasks, "inputs": ["mix", "sequential"], "kinds": list(variant.kinds), "validation": 0.0}
    return changes | {"seeds": list(seeds)} | ({"epochs": epochs} if epochs else {}) | dict(variant.changes)


@contextmanager
def timed(file: Path, what: str) -> Iterator[None]:
    """Add the processor time of a block to that of earlier ones in a file, in seconds."""
    before = processor_time()
    yield
    known = json.loads(file.read_text()) if file.exists() else {}
    known[what] = round(known.get(what, 0.0) + processor_time() - before, 1)
    with atomic(file) as temporary:
        temporary.write_text(json.dumps(known, indent=1) + "\n")


def processor_time() -> float:
    """Return the processor time of this process and of those that it waited for, in seconds."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def trained(variant: Variant, runs: Path, seeds: Sequence[int], epochs: int | None) -> None:
    """Train what is missing of a variant, and analyse it."""
    run = runs / variant.name
    with timed(runs / "seconds.json", f"{variant.name}, training"):
        try:
            train(read_experiment("modules", settings(variant, runs, seeds, epochs)), run)
        except DivergedError as error:  # their files are missing: `left_out` names them
            print(error, file=sys.stderr)  # noqa: T201
    with timed(runs / "seconds.json", f"{variant.name}, analysis"):
        strengths = ("absolute", "balanced") if variant.name == "relu" else ("absolute",)
        for strength in strengths:
            sg.analyze(run, splits=DEFAULT_METHOD, metrics=METRICS, strength=strength, nulls=9, out=run / strength)


def measured(run: Path, strength: str = "absolute") -> pd.DataFrame:
    """Return what was measured of the networks of a run.

    Returns:
        columns network, inputs, kind, seed, measure and value. Measures: learned (1 if all tasks were, see
        `validity.lost`), accuracy; drop-ABLATION of the greedy split and random-ABLATION of random splits of the same
        sizes, means over tasks; modularity, and chance, the mean modularity of networks of the same strengths;
        degenerate (1 if a task has next to no module); and strength (of `ratio_of_strengths`).
    """
    results = run / strength
    scores, nulls, notes = (read_csv(results / f"{name}.csv") for name in ("scores", "nulls", "notes"))
    for frame, column in ((scores, "value"), (nulls, "mean")):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype(float)
    members = scores[["network", "inputs", "kind", "seed"]].drop_duplicates("network").set_index("network")
    of_whole, of_split = scores[scores["split"] == FULL], scores[scores["split"] == DEFAULT_METHOD]
    columns = {
        "accuracy": _by_network(of_whole[of_whole["metric"] == "accuracy"]),
        "modularity": _by_network(of_split[of_split["metric"] == "modularity"]),
        "chance": _by_network(nulls[(nulls["metric"] == "modularity") & (nulls["null"] == "strength")], "mean"),
    }
    for ablation in ABLATIONS:
        drops, by_chance = (
            f[(f["metric"] == "accuracy-drop") & (f["ablation"] == ablation)] for f in (of_split, nulls)
        )
        columns[f"drop-{ablation}"] = _by_network(drops)
        columns[f"random-{ablation}"] = _by_network(by_chance[by_chance["null"] == "random-split"], "mean")
    wide = members.assign(**columns)
    wide["learned"] = (~wide.index.isin(lost(accuracies(scores))["network"])).astype(float)
    wide["degenerate"] = wide.index.isin(notes.loc[notes["code"].isin(DEGENERATE), "network"]).astype(float)
    wide["strength"] = [ratio_of_strengths(run / "networks" / f"{name}.h5") for name in wide.index]
    long: pd.DataFrame = wide.reset_index().melt(["network", "inputs", "kind", "seed"], var_name="measure")
    return long.astype({"seed": int})


def _by_network(rows: pd.DataFrame, value: str = "value") -> pd.Series[float]:
    """Return the mean over tasks of each network."""
    means: pd.Series[float] = rows.groupby("network")[value].mean()
    return means


def ratio_of_strengths(file: Path) -> float:
    """Return the logarithm (base 10) of the total strength of the split layers over that of the rescaled network.

    Neurons of the latter have incoming and outgoing weights of the same size, see `strengths.balanced`. Below 0, the
    weights that pay the transport cost are small at the expense of those before them, which do not pay; it is 0 where
    neurons cannot be rescaled.
    """
    graph = sg.read(file).graph
    return float(np.log10(total_strength(graph) / total_strength(with_strength(graph, "balanced"))))


def collected(runs: Path, variants: Collection[str]) -> pd.DataFrame:
    """Return what was measured of all networks: the columns of `measured`, the variant before them."""
    frames = []
    for variant in (variant for variant in VARIANTS if variant.name in variants):
        frames.append(measured(runs / variant.name).assign(variant=variant.name))
        if variant.kinds == ("spatial",):
            regular = frames[0][(frames[0]["kind"] == "regular") & (frames[0]["inputs"] != "concatenate")]
            frames.append(regular.assign(variant=variant.name))
        if variant.name == "relu":
            frames.append(measured(runs / variant.name, "balanced").assign(variant=BALANCED))
    table = pd.concat(frames, ignore_index=True)
    return table[["variant", *(column for column in table if column != "variant")]]


def left_out(table: pd.DataFrame, seeds: Sequence[int]) -> list[str]:
    """Return the networks that did not learn all of their tasks, or whose weights left the range of numbers."""
    learned = table[table["measure"] == "learned"].set_index(["variant", "inputs", "kind", "seed"])["value"]
    groups = dict.fromkeys(key[:3] for key in learned.index)
    every = [(*group, seed) for group in groups for seed in seeds]
    return [" ".join(map(str, key)) for key in every if learned.get(key, 0.0) < 1]


def of_learned(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of networks that learned all of their tasks."""
    key = ["variant", "network"]
    learned = table.loc[(table["measure"] == "learned") & (table["value"] == 1), key]
    return table.merge(learned, on=key)


def written(table: pd.DataFrame, claims: Sequence[str], seeds: Sequence[int], out: Path) -> list[Path]:
    """Draw the figures and write the sentences; return the files."""
    out.mkdir(parents=True, exist_ok=True)
    valid = of_learned(table)
    family = family_of(valid, claims, seeds)
    files: list[Path] = []
    for claim in claims:
        files += save(drawing(claim, valid), out, ("png",))
    texts = {
        "claims.csv": to_csv(family, float_format="%.6g"),
        "claims.txt": text_of(family, claims, left_out(table, seeds), valid),
    }
    for name, text in texts.items():
        with atomic(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        files.append(out / name)
    return files


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs, begun or carried on")
    parser.add_argument("--out", type=Path, default=Path("docs/modules"), help="folder of figures and sentences")
    parser.add_argument("--seeds", default=SEEDS, help="first:end, or numbers")
    parser.add_argument("--epochs", type=int, help="other than those of the experiment, to try the command")
    parser.add_argument(
        "--only", nargs="+", choices=list(CLAIMS), help="claims, corrected for as a family of their own"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, analyse, draw, write."""
    asked = options(arguments)
    claims = [claim for claim in CLAIMS if asked.only is None or claim in asked.only]
    variants = {name for claim in claims for name in USED[claim]}
    try:
        seeds: Any = parse_seeds(asked.seeds)
        for variant in VARIANTS:
            if variant.name in variants:
                trained(variant, asked.runs, seeds, asked.epochs)
        table = collected(asked.runs, variants)
        (asked.runs / "networks.csv").write_text(to_csv(table, float_format="%.6g"), encoding="utf-8", newline="\n")
    except (SettingError, DataError, InUseError, UnfinishedError, OSError, ValueError) as error:
        sys.exit(f"claims: {' '.join(str(error).split())}")
    for path in written(table, claims, seeds, asked.out):
        print(path)  # noqa: T201


if __name__ == "__main__":
    main()
