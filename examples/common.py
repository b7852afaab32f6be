"""What the examples share: images of two tasks, a training loop, the analysis and its table.

With ``--data-dir`` the tasks are MNIST and Fashion-MNIST (torchvision's layout, downloaded if the folder lacks them);
without it scikit-learn's digits and drawn letters, 8 × 8 pixels, which ship with the packages: enough to try a script,
too few to conclude anything from.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from torch import nn

import spatialgraph as sg
from spatialgraph.network import Evaluation
from spatialgraph.torch import Captured, capture
from spatialgraph.train.data import Dataset, Examples, load
from spatialgraph.train.inputs import Batches, evaluation

SPLITS = ["greedy", "spectral", "leiden", "task-variance", "ablation", "random"]
METRICS = ["modularity", "cut", "share", "task-alignment", "accuracy", "accuracy-drop", "accuracy-without"]


def options(description: str | None, epochs: int, examples: int = 10_000) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST and Fashion-MNIST; digits and letters without")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--examples", type=int, default=examples, help="training images of each task")
    parser.add_argument("--held-out", type=int, default=500, help="test images of a task that modules are judged on")
    parser.add_argument("--nulls", type=int, default=19, help="draws of each null model: 19 allow p = 0.05")
    parser.add_argument("--splits", nargs="+", default=SPLITS, help="`spatialgraph analyze --list` shows all")
    parser.add_argument("--out", type=Path, help="folder of the results; runs/SCRIPT if not given")
    return parser.parse_args()


@dataclass(frozen=True)
class Images:
    """Images of two tasks, as one network sees them.

    Attributes:
        mode: ``"concatenate"``: an image of each task, one after the other; or ``"mix"``: their sum.
        tasks: a data set for each task.
        held_out: test images, their labels, and groups in which one task's image varies.
    """

    mode: str
    tasks: Sequence[Dataset]
    held_out: Evaluation

    @property
    def side(self) -> int:
        """Pixels of a side."""
        return self.tasks[0].image_shape[0]

    @property
    def outputs(self) -> dict[str, slice]:
        """The outputs that answer for each task: ten each."""
        return {task.name: slice(10 * k, 10 * (k + 1)) for k, task in enumerate(self.tasks)}


def images(mode: str, asked: argparse.Namespace) -> Images:
    """Load as many images of two tasks as are asked for."""
    names = ("mnist", "fashion-mnist") if asked.data_dir else ("digits", "letters")
    tasks = []
    for task in (load(name, asked.data_dir) for name in names):
        parts = {"train": (task.train, asked.examples), "test": (task.test, asked.held_out)}
        tasks.append(replace(task, **{k: Examples(p.images[:n], p.labels[:n]) for k, (p, n) in parts.items()}))
    return Images(mode, tasks, evaluation(mode, tasks))


def fit(
    model: nn.Module,
    shown: Images,
    seed: int,
    epochs: int,
    learning_rate: float = 0.002,
    batch: int = 128,
    cost: Callable[[], torch.Tensor] | None = None,
    learned: Sequence[int] = (0, 1),
) -> None:
    """Train a model on both tasks, or those that are named: the mean of their cross-entropies, plus a cost."""
    batches = Batches(shown.mode, shown.tasks, batch, torch.device("cpu"))
    positions = cost.parameters() if isinstance(cost, nn.Module) else ()
    optimiser = torch.optim.Adam([*model.parameters(), *positions], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=batches.steps * epochs)
    model.train()
    for epoch in range(epochs):
        for inputs, labels in batches.epoch([seed], epoch):
            outputs = model(inputs[0]).split(10, dim=1)
            losses = [nn.functional.cross_entropy(outputs[k], labels[0, :, k]) for k in learned]
            loss = torch.stack(losses).mean() + (cost() if cost is not None else 0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()


def captured(model: nn.Module, shown: Images, kind: str, seed: int, **more: object) -> tuple[Captured, Evaluation]:
    """Capture a model, and say on which images it is judged."""
    known = {"kind": kind, "inputs": shown.mode, "seed": seed}
    some = torch.tensor(shown.held_out.values(shown.held_out.inputs[:8]))
    return capture(model.eval(), some, shown.outputs, metadata=known, **more), shown.held_out


def analyse(
    networks: Mapping[str, tuple[Captured, Evaluation]], asked: argparse.Namespace, script: str, reference: str
) -> Path:
    """Split and measure captured networks, each score beside its null models; print a table; return the folder.

    Args:
        networks: name to what `captured` returns.
        asked: what `options` returns.
        script: the file that asks, after which the folder is called.
        reference: the kind that every other kind is compared with.
    """
    out: Path = asked.out or Path("runs") / Path(script).stem
    sg.analyze(networks, splits=asked.splits, metrics=METRICS, nulls=asked.nulls, reference=reference, out=out)
    text = markdown(table(out))
    (out / "table.md").write_text(text)
    print(text)
    return out


def table(results: Path) -> pd.DataFrame:
    """Return what the splits of each method are worth, means over seeds, accuracies averaged over tasks.

    Returns:
        a row for each kind and method. Q: modularity; Q shuffled, Q same strengths: on the draws of the null models,
        each split anew; above: networks with more than the latter have, p at most 0.05. Then accuracy that is lost when
        each task has its own module alone / a random module of the same size, by what disabled units emit.
        A task that was not learned has nothing to lose. degenerate: networks in which a task has next to no module.
    """
    scores, nulls, notes = (
        pd.read_csv(results / f"{name}.csv", keep_default_na=False) for name in ("scores", "nulls", "notes")
    )
    key = ["inputs", "kind", "split"]
    whole, guessed = (
        scores[(scores["split"] == "none") & (scores["metric"] == metric)].groupby([*key[:2], "task"])["value"].mean()
        for metric in ("accuracy", "guessed-accuracy")
    )
    learned = (whole - guessed >= 0.1 * (1 - guessed)).groupby(key[:2]).all()
    split = scores[scores["split"] != "none"]
    columns = {"Q": split[split["metric"] == "modularity"].groupby(key)["value"].mean()}
    for null, name in (("shuffle", "Q shuffled"), ("strength", "Q same strengths")):
        beside = nulls[(nulls["metric"] == "modularity") & (nulls["null"] == null)]
        columns[name] = pd.to_numeric(beside["mean"]).groupby([beside[k] for k in key]).mean()
    p = pd.to_numeric(beside["p"]).groupby([beside[k] for k in key])
    columns["above"] = p.agg(lambda p: f"{(p <= 0.05).sum()} of {len(p)}")
    drops, by_chance = (f[f["metric"] == "accuracy-drop"] for f in (split, nulls[nulls["null"] == "random-split"]))
    for ablation in ("zero", "incoming", "mean"):
        own = drops[drops["ablation"] == ablation].groupby(key)["value"].mean()
        random = by_chance[by_chance["ablation"] == ablation]
        random = pd.to_numeric(random["mean"]).groupby([random[k] for k in key]).mean()
        columns[f"lost, {ablation}"] = own.map(_number) + " / " + random.map(_number)
    degenerate = notes[notes["note"].str.startswith("degenerate")].drop_duplicates(["network", "split"])
    of = split.drop_duplicates(["network", "split"]).merge(degenerate, how="left", on=["network", "split"])
    columns["degenerate"] = of["code"].notna().groupby([of[k] for k in key]).sum()
    frame = pd.DataFrame(columns)
    order = split[key].drop_duplicates().itertuples(index=False, name=None)
    frame = frame.reindex(list(order)).reset_index()
    of_kinds = pd.MultiIndex.from_frame(frame[key[:2]])
    frame.insert(2, "accuracy", whole.groupby(key[:2]).mean()[of_kinds].to_numpy())
    lost = [column for column in frame if column.startswith("lost")]
    frame.loc[~learned[of_kinds].to_numpy(), lost] = "–"
    return frame


def draw(name: str, results: Path, **chosen: str) -> None:
    """Save a figure beside the results; `spatialgraph figures RESULTS` draws all there are."""
    sg.figure(name, results, **chosen).savefig(results / f"{name}.png", dpi=150)


def _number(value: float) -> str:
    return "–" if pd.isna(value) else f"{round(value, 2) + 0.0:.2f}"  # 0.00 in place of -0.00


def markdown(frame: pd.DataFrame) -> str:
    """Return a table in Markdown, numbers with two digits; what repeats the row above is left out."""
    lines = [list(frame.columns), ["---:" if pd.api.types.is_numeric_dtype(dtype) else "---" for dtype in frame.dtypes]]
    previous: list[str] = []
    for row in frame.itertuples(index=False, name=None):
        cells = [_number(value) if isinstance(value, float) else str(value) for value in row]
        lines.append(["" if cells[:3] == previous[:3] and k < 3 else cell for k, cell in enumerate(cells)])
        previous = cells
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
