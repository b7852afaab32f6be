"""The command line. A stage is imported when its command runs, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib
import io
import os
import shlex
import sys
import textwrap
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import __version__
from .escapes import plain
from .files import require_other
from .stages import stage as _stage

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Train spatial networks, split trained networks into task modules, and measure how modular they are.",
    epilog="Start with [bold]spatialgraph demo[/bold]: it needs no data but those that ship with the package.",
)

Run = Annotated[Path | None, typer.Argument(metavar="RUN", help="Folder of a training run.", show_default=False)]
Results = Annotated[
    Path | None, typer.Argument(metavar="RESULTS", help="Folder that analyze wrote.", show_default=False)
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="HDF5 file.", show_default=False)]
Formats = Annotated[str, typer.Option("--format", help="Kinds of picture, with commas between; a film has its own.")]

Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="Python file with methods, measures, null models, costs or figures of your own; may be repeated.",
        metavar="FILE",
        show_default="none",
    ),
]

On = Annotated[
    str,
    typer.Option(
        "--on",
        help="Who does the work: local, dask:tcp://HOST:PORT, dask (started here), or "
        "slurm:partition=…,minutes=…,gpus=…,array=50.",
        metavar="WHO",
    ),
]

Prepare = Annotated[
    bool,
    typer.Option("--prepare", help="Do no step: `spatialgraph steps RUN` prints a command for each of them."),
]
Units = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of results.", show_default=False)]
AskedResults = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the results.", show_default="RUN/results", metavar="RESULTS"),
]
ModelsFile = Annotated[
    Path | None,
    typer.Option("--models", help="Python file that loads captured networks.", metavar="FILE.py", show_default="none"),
]

# Enough draws for p ≤ 0.05, and few enough for a demo.
_DEMO_NULLS = 19
# Of the figures, those that show most; `figures` draws all.
_TABLES = "tables"  # a name beside those of figures
_TABLES_SAID = (
    "Write Table 1, the methods and the kinds as Markdown, LaTeX and CSV, which is always done, and draw nothing."
)
_DEMO_FIGURES = ("positions", "methods", "film")
# What the demo does, and how many seconds each part takes on two cores.
_DEMO = {
    "train 18 networks": 16,
    "split them, for a first result": 3,
    "split them by every method, and compare with chance": 29,
    "draw figures and a film, and write the report": 11,
}

_debug = False


def _show_version(asked: bool) -> None:
    if asked:
        from .commit import commit

        known = commit()
        _say(f"spatialgraph {__version__}" + (f" (commit {known})" if known else ""))
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


@app.command(epilog="Example: spatialgraph demo --out results/demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results/demo"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    formats: Formats = "png",
) -> None:
    """Train, analyse, draw and write a report on data that ship with the package, in about a minute."""
    run, workers = out / "run", importlib.import_module("spatialgraph.workers")
    # Both analyses are done by the same processes, which import what they need once.
    with _errors(), workers.Workers(_cores(), lambda line: _say(line, err=True)) as executor:
        parts = (
            lambda: _train("demo", run, device=device, data=None, changes={}),
            lambda: _first_result(run, out, executor),
            lambda: _analyze(run, out, {"executor": executor}, nulls=_DEMO_NULLS),
            lambda: _draw_few_and_report(out, formats),
        )
        for do in _one_by_one(_DEMO, parts):
            do()
        _say(f"next: spatialgraph figures {out} draws all figures, for a paper")


@app.command(
    "train",
    epilog="Examples: spatialgraph train table1 --data-dir data --seeds 0:10  ·  "
    'spatialgraph train my.toml --set "hidden=[64,64]" --set transport=0.5  ·  '
    'spatialgraph train my.toml --set "transport=[0.5,1,2]" --seeds 0:10  ·  '
    "spatialgraph train demo --set \"kinds=['regular','l1']\" --set \"kinds.l1.l1=[0.1,1]\"  ·  "
    "spatialgraph train --list",
)
def train_command(
    experiment: Annotated[
        str | None, typer.Argument(help="demo, modules, rivals, table1, or a TOML file.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/EXPERIMENT", metavar="RUN")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the data sets, as torchvision lays them out.", show_default=False)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0:10 or 3,5.", show_default="of the experiment")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.", show_default="of the experiment")] = None,
    snapshots: Annotated[
        int | None, typer.Option(help="Moments of training to keep in the files.", show_default="of the experiment")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(help="Networks that train as one batch, at most.", show_default="what is fastest here"),
    ] = None,
    on: On = "local",
    prepare: Prepare = False,
    plugin: Plugins = None,
    show: Annotated[
        bool, typer.Option("--list", help="List kinds, costs and ways of training, train nothing.")
    ] = False,
) -> None:
    """Train the networks of an experiment many at once; carry on where an earlier run stopped."""
    with _errors():
        _load(plugin)
        if show:
            _list_kinds()
            return
        if experiment is None:
            raise typer.BadParameter("expected the name of an experiment or a TOML file, found nothing")
        parse = _stage("train.settings").parse_setting
        changes: dict[str, object] = dict(parse(text) for text in settings or [])
        changes |= {} if seeds is None else {"seeds": seeds}
        changes |= {} if epochs is None else {"epochs": epochs}
        changes |= {} if snapshots is None else {"snapshots": snapshots}
        run = out or Path("runs") / Path(experiment).stem
        how: dict[str, Any] = {"together": together, "prepare": prepare, "plugins": plugin or ()}
        with _executor(on, run) as how["executor"]:
            _train(experiment, run, device=device, data=data_dir, changes=changes, **how)
        _say(f"next: spatialgraph analyze {run}")


@app.command(
    epilog="Examples: spatialgraph analyze runs/table1  ·  "
    "spatialgraph analyze runs/table1 --splits greedy,spectral --ablations incoming --nulls 0  ·  "
    "spatialgraph analyze runs/mine --reference dropout"
)
def analyze(
    run: Run = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results.", show_default="RUN/results", metavar="RESULTS")
    ] = None,
    splits: Annotated[
        str | None,
        typer.Option(
            help="Split methods, with commas between; file:mine.csv for a split of your own.", show_default="all"
        ),
    ] = None,
    ablations: Annotated[str | None, typer.Option(help="Ablation modes.", show_default="all")] = None,
    metrics: Annotated[str | None, typer.Option(help="Measures.", show_default="all")] = None,
    strength: Annotated[str, typer.Option(help="Strength of a connection.")] = "absolute",
    nulls: Annotated[
        int, typer.Option(help="Draws of each null model that scores are compared with; 0: none.", metavar="DRAWS")
    ] = 100,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Kind of network that all others are compared with.",
            show_default="the first in tables",
            metavar="KIND",
        ),
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Held-out examples outside the run, for networks that name them or none; may be repeated.",
            metavar="FILE",
            show_default="those of the run",
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Python file whose load(name) returns the model and the batches of a captured network.",
            metavar="FILE.py",
            show_default="captured networks are not run",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Steps at a time; -1: as many as there are cores.")] = -1,
    on: On = "local",
    prepare: Prepare = False,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn at random.")] = 0,
    plugin: Plugins = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do all again, also what is there and was made by the same code.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="List methods, measures and null models, analyse nothing.")
    ] = False,
) -> None:
    """Split every network by every method, and compare each split with chance and with the other methods.

    Stopped and started again, it carries on where it was; what was made by code that was edited since is made again.
    """
    with _errors():
        _load(plugin)
        if show:
            _list_choices()
            return
        if run is None:
            raise typer.BadParameter("expected the folder of a training run, found nothing", param_hint="RUN")
        results = out or run / "results"
        chosen = {"splits": _names(splits), "ablations": _names(ablations), "metrics": _names(metrics)}
        how: dict[str, Any] = {"jobs": jobs, "evaluations": evaluation or (), "plugins": plugin or (), "fresh": fresh}
        how["reference"] = reference
        how["models"] = _stage("analyses.runs").Models(models and models.resolve())
        how["prepare"] = prepare
        if prepare:
            _prepare(run, results, how, strength=strength, nulls=nulls, seed=seed, **chosen)
            return
        with _executor(on, results) as how["executor"]:
            _analyze(run, results, how, strength=strength, nulls=nulls, seed=seed, **chosen)
        _say(f"next: spatialgraph report {results}  ·  spatialgraph figures {results}")


@app.command(epilog="Example: spatialgraph status runs/table1")
def status(
    run: Units,
    out: AskedResults = None,
    plugin: Plugins = None,
    models: ModelsFile = None,
    every: Annotated[bool, typer.Option("--all", help="Name every unit, also those that are done.")] = False,
) -> None:
    """Say what of a run is done, queued, running, failed and why; also while nothing runs.

    Nothing is done, and nothing is changed.
    """
    with _errors():
        for title, folder, leader, standings in _works(run, out, plugin, models):
            _say(f"{folder}: {title}: {leader}")
            _tell_standings(standings, every)
            for line in _jobs_of(folder):
                _say(f"  {line}")


@app.command(epilog="Example: spatialgraph steps runs/table1 | parallel --jobs 8")
def steps(run: Units, out: AskedResults = None, plugin: Plugins = None, models: ModelsFile = None) -> None:
    """Print a command for each step that is missing, one a line, for any scheduler; they may be run in any order.

    Begin the run, or the analysis, with --prepare; when all steps are done, the same command without it does the rest.
    """
    with _errors():
        given = [word for path in plugin or () for word in ("--plugin", str(path))]
        given += ["--models", str(models)] if models else []
        for title, folder, _, standings in _works(run, out, plugin, models):
            for one in standings:
                if one.state != "done" and (title == "analysis" or "/" not in one.name):
                    _say(shlex.join(["spatialgraph", "step", str(folder), one.name, *given]))


@app.command(epilog="Example: spatialgraph step runs/table1/results mix-spatial-0/scores")
def step(
    folder: Units,
    unit: Annotated[str, typer.Argument(metavar="STEP", help="As `spatialgraph steps` names it.", show_default=False)],
    plugin: Plugins = None,
    models: ModelsFile = None,
) -> None:
    """Do one step, whole or not at all; nothing if it is done."""
    with _errors():
        _load(plugin)
        if "/" in unit:  # a step of a network; a batch has no slash in its name
            missing = _asked(folder, plugin, models).do(unit)
        else:
            missing = _stage("train.units").one(folder, unit, plugin or ())
        _say(f"{unit}: {'done' if missing else 'was done already'}")


@app.command(
    epilog="Examples: spatialgraph figures runs/table1/results --format pdf  ·  "
    "spatialgraph figures runs/table1/results --only layers --networks mix-spatial-1 --method leiden  ·  "
    "spatialgraph figures runs/grid/results --kinds 'regular,spatial α=0.5*' --out few  ·  "
    "spatialgraph figures runs/table1/results --only specification --contrast spatial,l1 --measure modularity"
)
def figures(
    results: Results = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the figures.", show_default="RESULTS/figures", metavar="DIR")
    ] = None,
    formats: Formats = "pdf,svg,png",
    only: Annotated[
        str | None, typer.Option(help="Figures to draw; tables: none. Tables are always written.", show_default="all")
    ] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Kinds of network that tables and figures show: names, or patterns such as *β=3.", show_default="all"
        ),
    ] = None,
    networks: Annotated[
        str | None,
        typer.Option(help="Networks that figures of single networks show.", show_default="one of each input mode"),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Split method that figures of one method show.", show_default="that of Table 1")
    ] = None,
    contrast: Annotated[
        str | None,
        typer.Option(
            help="Two kinds, or families of kinds, that the specification curve compares.",
            show_default="spatial and the reference",
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="Measure of the specification curve, and the only one that methods, nulls and dose-response show.",
            show_default="accuracy-drop, and all",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Figures at a time; -1: as many as there are cores.")] = -1,
    plugin: Plugins = None,
    show: Annotated[bool, typer.Option("--list", help="List the figures, draw nothing.")] = False,
) -> None:
    """Write the tables and draw the figures of a paper, each with its numbers beside it."""
    with _errors():
        _load(plugin)
        if show:
            _list(_stage("analyses.figures").FIGURES.summaries() | {_TABLES: _TABLES_SAID})
            return
        if results is None:
            raise typer.BadParameter("expected the folder that analyze wrote, found nothing", param_hint="RESULTS")
        chosen: dict[str, Any] = {"method": method, "measure": measure}
        chosen |= {"networks": networks and tuple(_names(networks) or ())}
        chosen |= {"contrast": contrast and tuple(_names(contrast) or ())}
        out = out or results / "figures"
        _require_another_folder(out, results)
        loaded = _stage("analyses.results").Results.load(results)
        loaded = loaded if kinds is None else loaded.of_kinds(_names(kinds))
        written = _draw(loaded, out, formats, _names(only), plugin or (), jobs, **chosen)
        _show_table_one(loaded, method)
        _list_files(written)


@app.command(epilog="Example: spatialgraph report runs/table1/results --out table1.html")
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder that analyze wrote.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="File of the report.", show_default="RESULTS/report.html", metavar="HTML")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Write one HTML page to explore: networks in three dimensions, tables, chance, the film; it works offline."""
    with _errors():
        _load(plugin)
        if out:
            require_other(out, _read_from(results))
        _report(results, out)


@app.command(epilog="Example: spatialgraph check runs/table1/networks/*.h5")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="HDF5 files.", show_default=False)],
) -> None:
    """Say what is wrong with files: every fault and its key; exit status 1 if there is any."""
    with _errors():
        store = importlib.import_module("spatialgraph.store")
        bad = 0
        for file in files:
            faults = store.faults(file)
            bad += bool(faults)
            _say(f"{file}: {'good' if not faults else f'{len(faults)} fault' + 's' * (len(faults) > 1)}")
            for fault in faults:
                _say(f"  {fault}")
        if bad:
            raise typer.Exit(1)


@app.command(epilog="Example: spatialgraph info runs/table1/networks/mix-spatial-0.h5")
def info(file: File) -> None:
    """Show what a file of any kind holds; of a network also its accuracies, costs, and where its modules lie."""
    with _errors():
        describe = importlib.import_module("spatialgraph.describe").describe
        console = _console()
        console.print(describe(file, console.width))


@app.command(
    epilog="Examples: spatialgraph export runs/table1/networks/mix-spatial-0.h5 --to graphml --keep 0.1  ·  "
    "spatialgraph export runs/table1/results --to csv --split greedy"
)
def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Network; or folder that analyze wrote.", show_default=False)
    ],
    to: Annotated[
        Literal["graphml", "gexf", "npz", "csv", "json"],
        typer.Option(help="Format of the graph; csv, json: of a split."),
    ] = "graphml",
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="beside FILE", metavar="OUT")] = None,
    layers: Annotated[Literal["split", "all"], typer.Option(help="Layers the graph has.")] = "split",
    threshold: Annotated[float, typer.Option(help="Leave out connections no stronger than this.", min=0)] = 0.0,
    keep: Annotated[
        float | None, typer.Option(help="Keep this share of the connections, the strongest.", min=0, max=1)
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Split method whose modules nodes have as attribute module, or whose split is written.",
            show_default="none",
        ),
    ] = None,
) -> None:
    """Write the graph of a network for other programs; or a split, a row for each unit, to be edited and given again.

    Of a folder of results, or its splits.h5, the split that analyze made of every network is written, and --splits
    file:SPLIT.csv of analyze takes it.
    """
    with _errors():
        if to in ("csv", "json"):
            _export_split(file, to, out, split)
            return
        graph = importlib.import_module("spatialgraph.graph")
        store = importlib.import_module("spatialgraph.store")
        path = out or file.with_suffix(f".{to}")
        require_other(path, [file])
        if split is not None and to == "npz":
            raise ValueError("--split: expected --to graphml or gexf, whose nodes have attributes, found npz")
        network = store.read_graph(file)
        made = None if split is None else importlib.import_module("spatialgraph.splits").apply(split, network)
        graph.export_graph(network, path, to=to, layers=layers, threshold=threshold, keep=keep, split=made)
        _say(path)


def _export_split(file: Path, to: str, out: Path | None, method: str | None) -> None:
    """Write the split of a network, made now, or those that an analysis made of all networks of a run."""
    if method is None:
        raise ValueError(f"--to {to}: expected --split METHOD, whose split is written, found none")
    folder = file.parent if file.name == "splits.h5" else file
    if folder.is_dir():
        rows = _stage("analyses.results").Results.load(folder).split_rows(method)
        path = out or folder / f"split-{method.replace(':', '-')}.{to}"
    else:
        network = importlib.import_module("spatialgraph.store").read_graph(file)
        made = importlib.import_module("spatialgraph.splits").apply(method, network)
        rows = importlib.import_module("spatialgraph.splits.file").rows_of(made, network)
        path = out or file.with_suffix(f".{to}")
    require_other(path, [file])
    importlib.import_module("spatialgraph.splits.table").write_rows(path, rows)
    _say(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with the arguments given, or, as a program of its own, with those of the process."""
    if arguments is None:
        _settle_process()
    app(args=None if arguments is None else list(arguments), prog_name="spatialgraph")


def _settle_process() -> None:
    """Let neither the terminal nor the session that started this process end a stage that has done its work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal does not have is shown as ?
    # Nothing is shown in windows; and a notebook's own backend need not be installed where this program is.
    os.environ["MPLBACKEND"] = "agg"


def _say(line: object, err: bool = False) -> None:
    """Write a line; what is in it cannot end it or give orders to the terminal, as names of files may."""
    typer.echo(plain(str(line)), err=err)


def _list(sentences: Mapping[str, str], indent: str = "") -> None:
    """Show names, each with a sentence about it; a terminal breaks it between words, a file not at all."""
    first = len(indent) + max(map(len, sentences)) + 2
    width = _console().width if sys.stdout.isatty() else sys.maxsize
    for name, sentence in sentences.items():
        lines = textwrap.wrap(plain(sentence), max(20, width - first), break_on_hyphens=False)
        _say(f"{indent}{name}".ljust(first) + (lines or [""])[0])
        for line in lines[1:]:
            _say(" " * first + line)


def _list_choices() -> None:
    """Show what an analysis can be asked for."""
    choices = {
        "split methods (--splits), with parameters such as louvain:resolution=0.5": "splits.SPLITS",
        "measures (--metrics)": "metrics.METRICS",
        "strengths of a connection (--strength)": "strengths.STRENGTHS",
        "null models (--nulls DRAWS), and besides the untrained network and random splits": "nulls.NULLS",
    }
    for title, place in choices.items():
        module, name = place.split(".")
        _say(title)
        _say("")
        _list(getattr(importlib.import_module(f"spatialgraph.{module}"), name).summaries(), "  ")
        _say("")


def _list_kinds() -> None:
    """Show the kinds of training, and of what kinds of one's own can be made."""
    for title, sentences in _stage("train.kinds").lists().items():
        _say(title)
        _say("")
        _list(sentences, "  ")
        _say("")


def _names(text: str | None) -> list[str] | None:
    """Return the names in a list with commas between, None for all."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _console(stderr: bool = False) -> Console:
    return importlib.import_module("spatialgraph.console").PlainConsole(stderr=stderr)  # type: ignore[no-any-return]


@contextmanager
def _errors() -> Iterator[None]:
    """Turn an error that a user can cause into one line: exit status 2 for wrong usage, 1 for a fault."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _say("stopped; the same command carries on from what is saved", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):  # RuntimeErrors, but no errors
        raise
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        if _debug:
            for line in traceback.format_exc().splitlines():
                _say(line, err=True)
            raise typer.Exit(1) from None
        message = " ".join(str(error).split()) or type(error).__name__
        message = f"too little memory: {message}" if isinstance(error, MemoryError) else message
        _say(f"error: {message}", err=True)
        raise typer.Exit(getattr(error, "exit_status", 1)) from None


def _one_by_one(seconds: Mapping[str, float], parts: Iterable[Callable[[], None]]) -> Iterator[Callable[[], None]]:
    """Yield the parts of long work, each after a line with its name and how long all that is left will take.

    Args:
        seconds: name of each part to how long it is expected to take; what is left is told by the pace until then.
        parts: the parts, in the same order.
    """
    started, done = time.monotonic(), 0.0
    for number, (name, part) in enumerate(zip(seconds, parts, strict=True), 1):
        pace = (time.monotonic() - started) / done if done else 1.0
        left = pace * (sum(seconds.values()) - done)
        _say(f"{number} of {len(seconds)}: {name} · about {left:.0f} s until all is done", err=True)
        yield part
        done += seconds[name]


def _train(
    experiment: str, run: Path, *, device: str, data: Path | None, changes: dict[str, object], **how: Any
) -> None:
    started = time.monotonic()
    settings = _stage("train.settings").read_experiment(experiment, changes)
    console = _console(stderr=True)
    trained = _stage("train.run").train(settings, run, device=device, data=data, console=console, **how)
    if how.get("prepare"):
        _say(f"{run}: prepared; `spatialgraph steps {run}` prints a command for each batch")
        return
    networks = f"{trained} network{'s' * (trained != 1)}"
    done = (
        f"trained {networks} in {time.monotonic() - started:.0f} s" if trained else "every network was trained already"
    )
    _say(f"{run}: {done}")


def _load(plugins: Sequence[Path] | None) -> None:
    """Import the plugins of installed packages, and those that are named."""
    importlib.import_module("spatialgraph.plugins").load_all(plugins or ())


def _analyze(run: Path, results: Path, how: dict[str, Any] | None = None, **choices: Any) -> None:
    plan = _stage("analyses.scoring").Plan.choose(**choices)
    how = {"jobs": -1, "console": _console(stderr=True)} | (how or {})
    rows = _stage("analyses.analysis").analyze(run, results, plan=plan, **how)
    console, evidence = _console(), _stage("analyses.evidence").Evidence.load(results)
    console.print(_stage("analyses.terminal").terminal_methods(evidence, console.width))
    _say(f"{results / 'scores.csv'}: {rows} scores")
    _say(f"{results / 'summary.csv'}: every measure of every method, over seeds")
    _say(f"{results / 'summary.md'}: what holds, and what does not")


def _executor(on: str, folder: Path) -> AbstractContextManager[Executor | None]:
    """Return the executor that ``--on`` names; what it has to say goes to the terminal."""
    executors = importlib.import_module("spatialgraph.executors")
    told: AbstractContextManager[Executor | None] = executors.executor_of(
        executors.on(on), folder, lambda line: _say(line, err=True)
    )
    return told


def _asked(results: Path, plugin: list[Path] | None, models: Path | None) -> Any:
    loader = _stage("analyses.runs").Models(models and models.resolve())
    return _stage("analyses.asked").Asked.read(results, plugin or (), loader)


def _works(
    run: Path, out: Path | None, plugin: list[Path] | None, models: Path | None
) -> Iterator[tuple[str, Path, str, Iterable[Any]]]:
    """Yield what there is to do in a run and its results: what it is, its folder, who leads it, how its units stand."""
    _load(plugin)
    leader_of = importlib.import_module("spatialgraph.files").leader_of
    found = (run / "experiment.json").is_file()
    if found:
        leader = leader_of(run)
        led = f"led by {leader.by}" if leader else _NOBODY.format("train")
        yield "training", run, led, _stage("train.units").standings(run)
    for results in dict.fromkeys([out] if out else [run, run / "results"]):
        if out is None and not (results / "analysis.json").is_file():
            continue
        found = True
        asked = _asked(results, plugin, models)
        leader = leader_of(results)
        led = f"led by {leader.by}" if leader else "tables are written" if asked.finished else _NOBODY.format("analyze")
        yield "analysis", results, led, asked.standings()
    if not found:
        raise FileNotFoundError(f"{run}: expected a run or results that were begun, found none")


def _jobs_of(folder: Path) -> Iterable[str]:
    """Return lines about the jobs of SLURM that work for a folder; none where none were submitted."""
    if not (folder / ".slurm").is_dir():
        return ()
    with suppress(ModuleNotFoundError):
        lines: Iterable[str] = importlib.import_module("spatialgraph.executors.slurm").waiting(folder)
        return lines
    return ()


_NOBODY = "nobody leads it; `spatialgraph {}`, given again, does what is missing"

_LISTED = 10  # units of a state are named by `status`


def _tell_standings(standings: Iterable[Any], every: bool) -> None:
    """Say how many units are in each state, and name those that somebody should know of."""
    states = importlib.import_module("spatialgraph.marks").States
    found: dict[str, list[Any]] = {state: [] for state in states}
    counts = Counter[str]()
    for one in standings:
        counts[one.state] += 1
        if every or (one.state in ("running", "failed", "lost") and counts[one.state] <= _LISTED):
            found[one.state].append(one)
    _say("  " + (", ".join(f"{counts[state]} {state}" for state in reversed(states) if counts[state]) or "nothing"))
    for state, named in found.items():
        for one in named:
            _say(f"  {state:<8} {one.name}" + (f"  {one.text}" if one.text else ""))
        if named and counts[state] > len(named):
            _say(f"  {state:<8} and {counts[state] - len(named)} more: --all names them")


def _prepare(run: Path, results: Path, how: dict[str, Any], **choices: Any) -> None:
    plan = _stage("analyses.scoring").Plan.choose(**choices)
    _stage("analyses.analysis").analyze(run, results, plan=plan, console=_console(stderr=True), **how)
    _say(f"{results}: prepared; `spatialgraph steps {results}` prints a command for each step")


def _cores() -> int:
    return int(importlib.import_module("joblib").cpu_count())


def _first_result(run: Path, results: Path, executor: Executor) -> None:
    """Analyse a run by the split method of Table 1 alone, and show the table; another analysis goes on from there."""
    plan, how = _stage("analyses.scoring").Plan.choose(splits=("greedy",), nulls=0), {"console": _console(stderr=True)}
    _stage("analyses.analysis").analyze(run, results, plan=plan, executor=executor, quiet=True, **how)
    _show_table_one(_stage("analyses.results").Results.load(results))


def _show_table_one(loaded: Any, method: str | None = None) -> None:
    """Show Table 1 of results on the terminal."""
    console = _console()
    console.print(_stage("analyses.terminal").terminal_table_one(loaded, console.width, method))


def _draw(
    loaded: Any, out: Path, formats: str, only: Sequence[str] | None, plugins: Sequence[Path], jobs: int, **chosen: Any
) -> list[Path]:
    """Draw figures of results and write tables; return the files."""
    only = None if only is None else [name for name in only if name != _TABLES]
    drawing, endings = _stage("analyses.figures"), tuple(_names(formats) or ())
    choice = drawing.Choice(**chosen)
    how = {"only": only, "choice": choice, "jobs": jobs, "plugins": plugins}
    with importlib.import_module("spatialgraph.progress").progress_bar(_console(stderr=True)) as bar:
        task = bar.add_task("drawing", total=len(drawing.FIGURES.select(only)))

        def tell(message: str) -> None:
            if "left out" in message:  # those that are drawn are listed at the end
                bar.console.print(message, highlight=False, markup=False, soft_wrap=True)
            bar.update(task, description=message, advance=1)

        drawn = drawing.draw(loaded, out, endings, progress=tell, **how)
    return [*drawn, *_stage("analyses.tables").write_tables(loaded, out, choice.method)]


def _draw_few_and_report(results: Path, formats: str) -> None:
    """Draw the figures of the demo, and write its report meanwhile: the film keeps one core busy for long."""
    from concurrent.futures import ThreadPoolExecutor

    loaded = _stage("analyses.results").Results.load(results)
    write_report = _stage("analyses.report").write_report
    with ThreadPoolExecutor(1) as executor:
        report = executor.submit(write_report, results)
        _list_files(_draw(loaded, results / "figures", formats, _DEMO_FIGURES, (), -1))
        _say(f"{report.result()}: open it in a browser")


def _list_files(paths: Sequence[Path]) -> None:
    """Show files, those that differ in their endings in a line."""
    for line in _joined(paths):
        _say(line)


def _read_from(results: Path) -> Iterator[Path]:
    """Yield the files of a folder of results, and of the run around it, that a report is made from."""
    for folder in (results, results / "parts", results.parent, results.parent / "networks"):
        yield from (path for path in folder.glob("*") if path.suffix in (".csv", ".h5", ".json", ".md"))


def _require_another_folder(out: Path, results: Path) -> None:
    """Figures' tables have names of tables of an analysis, such as ``nulls.csv``, which they would replace."""
    if out.exists() and out.samefile(results):
        raise ValueError(f"--out: expected another folder than {results}, whose tables are read, found the same")


def _report(results: Path, out: Path | None = None) -> None:
    written = _stage("analyses.report").write_report(results, out, console=_console(stderr=True))
    _say(f"{written}: open it in a browser")


def _joined(paths: Sequence[Path]) -> list[str]:
    """Return the paths with those of one name in one line, as a shell writes them: ``figure.{pdf,png}``."""
    endings: dict[Path, list[str]] = {}
    for path in paths:
        endings.setdefault(path.with_suffix(""), []).append(path.suffix[1:])
    return [f"{stem}.{{{','.join(ends)}}}" if len(ends) > 1 else f"{stem}.{ends[0]}" for stem, ends in endings.items()]


if __name__ == "__main__":
    main()
