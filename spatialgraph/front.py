"""The front door, for notebooks: read, split, measure, analyze, draw."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from . import store
from .graph.graph import Graph
from .graph.split import Split
from .network import Evaluation, Network, graph_of
from .plugins import load_all, load_installed
from .runners import DenseRunner, Runner
from .splits import FILE, apply, checked, file
from .splits.table import Row, write_rows
from .stages import stage

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from .torch.captured import Captured

Examples = Any
"""Held-out examples, or their file; of a captured model batches of them, or its runner."""

_DPI = 150  # of figures in a notebook

_READERS: dict[str, Callable[[Path], Any]] = {
    store.NETWORK: store.read,
    store.EVALUATION: store.read_evaluation,
    store.SPLITS: store.read_splits,
}


def read(path: str | Path) -> Any:
    """Read a file of any of the project's formats, or a folder of results.

    Args:
        path: a file of a network, of held-out examples or of splits; or a folder that `analyze` wrote.

    Returns:
        by the file's format a `Network`, a `Graph` where nothing can be run, an `Evaluation`, or name of the network to
        name of the method to `Split`; of a folder, its ``Results``: ``scores``, ``splits``, ``network(name)``.

    Raises:
        ValueError: the file is of no such format, or has a fault; or the folder is not one of finished results.
        OSError: there is no such file, or it may not be read.

    Example:
        >>> import spatialgraph as sg
        >>> from tempfile import mkdtemp
        >>> layers = (sg.Layer("hidden", 1, split=True), sg.Layer("output", 1, split=True))
        >>> network = sg.Network(layers, [sg.Connection("hidden", "output", [[2.0]])], [0], {"tasks": ["a"]})
        >>> sg.read(sg.write(Path(mkdtemp()) / "network.h5", network)).tasks
        ('a',)
    """
    path = Path(path)
    if path.is_dir():
        return _results(path)
    file_format = store.read_header(path).format
    if file_format not in _READERS:
        raise ValueError(
            f"{path}: expected a file of {', '.join(_READERS)}, or a folder of results, found {file_format}"
        )
    return _READERS[file_format](path)


def write(path: str | Path, value: Network | Graph | Evaluation | Mapping[str, Mapping[str, Split]]) -> Path:
    """Write what `read` reads to a file, whole or not at all; return its path.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        value: a network, a graph, held-out examples; or splits: name of the network to name of the method to split.

    Raises:
        TypeError: the value is none of these.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if isinstance(value, Network | Graph):
        store.write_network(path, value)
    elif isinstance(value, Evaluation):
        store.write_evaluation(path, value)
    elif isinstance(value, Mapping):
        store.write_splits(path, value)
    else:
        raise TypeError(f"{path}: expected a network, a graph, an evaluation or splits, found {_kind(value)}")
    return path


def split(
    network: Network | Graph | Captured | str | Path,
    method: str | pd.DataFrame = "greedy",
    examples: Examples = None,
    seed: int = 0,
) -> Split:
    """Split a network by a method, or as a table says.

    Args:
        network: a network, a graph, or the file of one; or what ``spatialgraph.torch.capture`` returned.
        method: a name in ``SPLITS``, with parameters if others than the defaults are wanted:
            ``"leiden:resolution=0.5"``. Or a split of your own: ``"file:mine.csv"``, CSV or JSON, or a data frame, with
            the columns that `split_frame` has, and ``network`` if it is of several.
        examples: held-out examples, or their file, for the methods that see activations; of a captured model batches of
            them, or what ``captured.runner`` returned.
        seed: of the methods that draw at random; `analyze` gives each network a seed of its own, made of its one.

    Raises:
        NotApplicableError: the method asks for something that is not there, such as examples or positions.
        ValueError: there is no such method, or it has no such parameter; or a table does not fit the network.

    Example:
        >>> import spatialgraph as sg
        >>> layers = (sg.Layer("hidden", 2, split=True), sg.Layer("output", 2, split=True))
        >>> connection = sg.Connection("hidden", "output", [[3.0, 1.0], [-2.0, 5.0]])
        >>> network = sg.Network(layers, [connection], [0, 1], {"tasks": ["a", "b"]})
        >>> sg.split(network, "greedy").labels(0).tolist()
        [0, 1]
    """
    graph, runner = _graph_and_runner(network, examples)
    called = Path(network).stem if isinstance(network, str | Path) else None
    if isinstance(method, str):
        return apply(method, graph, runner, seed, called)
    made = file.split_of(_rows(method), graph, f"{FILE}:frame", "the data frame of a split", called)
    return checked(made, graph)


def split_frame(split: Split, network: Network | Graph | Captured | str | Path) -> pd.DataFrame:
    """Return a split as a table, which `split` and `analyze` take for a split again.

    Args:
        split: a split of the network.
        network: a network, a graph, or the file of one; or what ``spatialgraph.torch.capture`` returned.

    Returns:
        a row for each unit of the split layers, with columns layer (its name), unit (its number) and module (the name
        of its task, of several with ``+`` between, ``""`` for none; of a split that found communities, their names).

    Example:
        >>> import spatialgraph as sg
        >>> layers = (sg.Layer("hidden", 2, split=True), sg.Layer("output", 2, split=True))
        >>> connection = sg.Connection("hidden", "output", [[3.0, 1.0], [-2.0, 5.0]])
        >>> network = sg.Network(layers, [connection], [0, 1], {"tasks": ["a", "b"]})
        >>> frame = sg.split_frame(sg.split(network), network)
        >>> frame["module"].tolist(), sg.split(network, frame).labels(0).tolist()
        (['a', 'b', 'a', 'b'], [0, 1])
    """
    import pandas as pd

    graph, _ = _graph_and_runner(network, None)
    return pd.DataFrame(file.rows_of(split, graph))


def write_split(path: str | Path, split: Split, network: Network | Graph | Captured | str | Path) -> Path:
    """Write a split as CSV or JSON, to be edited, or named as ``file:PATH`` among the methods; return the path.

    Args:
        path: the file; its ending says which, ``.csv`` or ``.json``.
        split: a split of the network.
        network: a network, a graph, or the file of one; or what ``spatialgraph.torch.capture`` returned.

    Raises:
        ValueError: another ending, or the split is not of this network.
        OSError: the file cannot be written.
    """
    graph, _ = _graph_and_runner(network, None)
    write_rows(path, file.rows_of(split, graph))
    return Path(path)


def measure(
    network: Network | Graph | Captured | str | Path,
    split: Split,
    metrics: Sequence[str] | str | None = None,
    examples: Examples = None,
    ablations: Sequence[str] | str | None = None,
) -> pd.DataFrame:
    """Measure a split of a network: structure, and with examples also function.

    Args:
        network: a network, a graph, or the file of one; or what ``spatialgraph.torch.capture`` returned.
        split: a split of it.
        metrics: names in ``METRICS``; all if None.
        examples: held-out examples, as in `split`; without them nothing of function is measured.
        ablations: what disabled neurons emit, names in ``ABLATIONS``; all if None.

    Returns:
        the columns split, ablation, metric, task and value of ``scores.csv``, a row for each score; what could not be
        measured is in ``frame.attrs["notes"]``, a sentence each.

    Raises:
        ValueError: the split is not of this network, or a name is unknown.

    Example:
        >>> import spatialgraph as sg
        >>> layers = (sg.Layer("hidden", 2, split=True), sg.Layer("output", 2, split=True))
        >>> connection = sg.Connection("hidden", "output", [[3.0, 1.0], [0.0, 4.0]])
        >>> network = sg.Network(layers, [connection], [0, 1], {"tasks": ["a", "b"]})
        >>> sg.measure(network, sg.split(network), "cut")["value"].tolist()  # 1 of 8 runs between the modules
        [0.125]
    """
    import pandas as pd

    scoring = stage("analyses.scoring")
    graph, runner = _graph_and_runner(network, examples)
    if not isinstance(split, Split):
        raise TypeError(f"split: expected a Split, as split(network, method) makes it, found {_kind(split)}")
    split.require_for(graph)
    plan = scoring.Plan.choose((), ablations, metrics)
    noted: list[Any] = []
    subject = scoring.subject_of(graph, runner, plan)
    scores = scoring.scores_of(subject, {split.method: split}, plan, noted.append)
    frame = pd.DataFrame(map(asdict, scores), columns=["split", "ablation", "metric", "task", "value"])
    notes = [*map(str, split.notes), *(f"{one.metric}: {one.note}" for one in noted)]
    if runner is None and (left_out := plan.metrics_of("function")):
        notes.append(f"{', '.join(left_out)}: expected examples, on which the network is run, found none")
    frame.attrs["notes"] = list(dict.fromkeys(notes))
    return frame


def analyze(
    run: Any,
    batches: Any = None,
    *,
    splits: Sequence[str | pd.DataFrame] | str | pd.DataFrame | None = None,
    ablations: Sequence[str] | str | None = None,
    metrics: Sequence[str] | str | None = None,
    strength: str = "absolute",
    nulls: int = 100,
    seed: int = 0,
    reference: str | None = None,
    jobs: int = 1,
    out: str | Path | None = None,
    evaluations: Sequence[str | Path] | str | Path = (),
    models: str | Path | None = None,
    plugins: Sequence[str | Path] | str | Path = (),
    fresh: bool = False,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Analyse every network of a run, as ``spatialgraph analyze`` does, and return the scores.

    What an earlier call found out is not computed again, unless the networks, what is asked or the code of a method
    changed since. Progress is shown on a terminal and in a notebook.

    Args:
        run: the folder of a run; or a model that ``spatialgraph.torch.capture`` captured, or several: a name for each,
            and ``(captured, batches)``, or the runner that ``captured.runner`` makes of them.
        batches: of a captured model: batches of held-out examples, see ``captured.runner``; without them nothing of
            function is measured.
        splits: split methods, with parameters if others than the defaults are wanted; all if None. Also splits of your
            own, as in `split`: ``"file:mine.csv"`` is called ``file:mine``, and the first data frame ``file:frame1``.
        ablations: what disabled neurons emit; all if None.
        metrics: names of measures; all if None.
        strength: what the strength of a connection is.
        nulls: draws of each null model that scores are compared with; 0 for none.
        seed: of everything that is drawn at random.
        reference: the kind that every other kind is compared with; None for the first in the order of tables.
        jobs: steps that are done at a time, each by a process; -1 for as many as there are cores. Functions that are
            defined in a cell, and in no file, are known to this process alone, and so are captured models: they need 1.
        out: the folder of the results; ``RUN/results`` if None. Graphs of captured models are written there too, into
            ``networks``; None for a new folder among the system's temporary files.
        evaluations: files of held-out examples outside the run.
        models: a Python file whose ``load(name)`` returns ``(model, batches)`` of a network that was captured.
        plugins: Python files with methods, measures and null models of your own.
        fresh: whether all is done again, also what is there and was made by the same code.
        executor: does the steps in place of processes of this machine: any executor with the interface of
            `concurrent.futures`, whose workers see the same folders.

    Returns:
        the scores, with the columns of ``scores.csv``; ``frame.attrs["results"]`` is the folder of the results, for
        `read` and `figure`. Its ``summary.md`` tells what holds, and ``notes.csv`` what could not be done.

    Raises:
        ValueError: a name or a number that is not allowed, or a file that is not what it should be.
        FileNotFoundError: there are no networks.
    """
    load_all(_paths(plugins))
    captured = _captured(run, batches)
    if captured:
        results = run = Path(mkdtemp(prefix="spatialgraph-") if out is None else out)
        for name, (model, _) in captured.items():
            model.write(run / "networks" / f"{name}.h5")
    else:
        results = Path(run) / "results" if out is None else Path(out)
    runners = {name: runner for name, (_, runner) in captured.items() if runner is not None}
    methods = None if splits is None else _methods(splits, results)
    plan = stage("analyses.scoring").Plan.choose(methods, ablations, metrics, strength, nulls, seed)
    how: dict[str, Any] = {
        "evaluations": _paths(evaluations),
        "plugins": _paths(plugins),
        "fresh": fresh,
        "quiet": True,
    }
    how["executor"] = executor
    how["models"] = stage("analyses.runs").Models(None if models is None else Path(models).resolve(), runners)
    stage("analyses.analysis").analyze(run, results, plan=plan, reference=reference, jobs=jobs, **how)
    frame: pd.DataFrame = stage("analyses.results").read_scores(results / "scores.csv")
    frame.attrs["results"] = str(results)
    return frame


def _captured(run: Any, batches: Any) -> dict[str, tuple[Any, Runner | None]]:
    """Return the captured models that are given: name to the model and what runs it; none for the folder of a run."""
    if isinstance(run, str | Path):
        if batches is not None:
            raise ValueError("batches: expected none for the folder of a run: models names a file that loads them")
        return {}
    given = run if isinstance(run, Mapping) else {run.graph.name: (run, batches)} if _is_captured(run) else None
    if not given:
        raise TypeError(f"run: expected a folder, a captured model, or name to (captured, batches), found {_kind(run)}")
    models: dict[str, tuple[Any, Runner | None]] = {}
    for name, value in given.items():
        model, examples = value if isinstance(value, tuple) else (getattr(value, "captured", value), value)
        if not _is_captured(model):
            raise TypeError(f"run: expected (captured, batches) for {name!r}, found {_kind(value)}")
        if examples is model or examples is None:
            models[name] = model, None
        else:
            models[name] = model, examples if isinstance(examples, Runner) else model.runner(examples)
    return models


def figure(
    name: str,
    results: Any,
    ax: Axes | None = None,
    *,
    networks: Sequence[str] | str | None = None,
    method: str | None = None,
    contrast: Sequence[str] | None = None,
    measure: str | None = None,
    inputs: str | None = None,
    ablation: str | None = None,
    figure: FigureBase | None = None,
) -> Figure:
    """Draw a figure of results.

    Example::

        fig, (left, right) = plt.subplots(1, 2)
        sg.figure("methods", "results", left, inputs="mix", measure="modularity")  # one panel: into axes
        parts = plt.figure(figsize=(7, 9)).subfigures(1, 2)
        sg.figure("masking", "results", figure=parts[0])  # any number of panels: into a part of a figure

    Args:
        name: of the figure: ``spatialgraph figures --list`` shows all.
        results: a folder that `analyze` wrote, or what `read` returns of it.
        ax: axes to draw into, for a figure that has one panel with what is chosen here; a new figure if None.
        networks: names of the networks that figures of single networks show; one of each input mode if None.
        method: the split method that figures of one method show; that of Table 1 if None.
        contrast: the two kinds, or families of kinds, that ``"specification"`` compares; spatial networks and the
            reference if None.
        measure: the measure in which it compares them, the accuracy that splits cost if None; and the only one that
            ``"methods"``, ``"nulls"`` and ``"dose-response"`` show, all if None. ``"dose-response"`` also knows
            ``"modularity-beyond"``, the modularity less that of a null model.
        inputs: the only input mode that is shown; all if None.
        ablation: the only ablation that is shown; all if None.
        figure: a figure, or a part of one (``SubFigure``), to draw into, whatever its panels; a new figure if None. It
            gets constrained layout if it has no layout engine.

    Returns:
        the first drawing of the figure, which notebooks show; or the whole figure that the axes, or the part, are in.

    Raises:
        NotApplicableError: the results lack what the figure shows.
        ValueError: there is no such figure, network, method, measure, input mode or ablation, or a contrast is not of
            two kinds. Axes are given, and the figure has not one panel; or it is a film, and a place is given; or two
            places are.
    """
    load_installed()
    drawing = stage("analyses.figures")
    names = (networks,) if isinstance(networks, str) else None if networks is None else tuple(networks)
    pair = None if contrast is None else (contrast,) if isinstance(contrast, str) else tuple(contrast)
    loaded = _results(Path(results)) if isinstance(results, str | Path) else results
    if not isinstance(loaded, stage("analyses.results").Results):
        raise TypeError(f"results: expected a folder that analyze wrote, or what read returns, found {_kind(results)}")
    if ax is not None and figure is not None:
        raise ValueError("ax, figure: expected one of them to draw into, found both")
    choice = drawing.Choice(names, method, pair, measure, inputs, ablation)
    into = ax if figure is None else figure
    if into is not None:
        whole: Figure = drawing.drawn_into(into, loaded, name, choice).figure.get_figure(root=True)
        return whole
    drawn: Figure = drawing.drawings(loaded, name, choice)[0].figure
    vars(drawn)["_repr_png_"] = partial(_png, drawn)  # a notebook shows by itself only what pyplot made
    return drawn


def _png(figure: Figure) -> bytes:
    """Return the picture that a notebook shows of a figure."""
    file = io.BytesIO()
    with stage("analyses.figures").style():
        figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


def _paths(given: Sequence[str | Path] | str | Path) -> tuple[Path, ...]:
    """Return paths that are given as a list, or as one path."""
    return (Path(given),) if isinstance(given, str | Path) else tuple(map(Path, given))


def _methods(given: Any, results: Path) -> list[object]:
    """Return split methods by name; a data frame becomes a file in the folder of the results, which processes read."""
    methods = [given] if isinstance(given, str) or _is_frame(given) else list(given)
    frames = 0
    for place, method in enumerate(methods):
        if _is_frame(method):
            frames += 1
            path = results / "given" / f"frame{frames}.csv"
            write_rows(path, _rows(method))
            methods[place] = f"{FILE}:{path}"
    return methods


def _is_frame(value: object) -> bool:
    return hasattr(value, "to_dict")  # asked so, pandas need not be imported


def _rows(frame: Any) -> list[Row]:
    if not _is_frame(frame):
        raise TypeError(f"split: expected the name of a method or a data frame, found {_kind(frame)}")
    rows: list[Row] = frame.astype(object).where(frame.notna(), "").to_dict("records")
    return rows


def _results(folder: Path) -> Any:
    """Return the results of a folder; of the folder of a run, say what to do with it."""
    load_installed()
    networks = sorted((folder / "networks").glob("[!.]*.h5"))
    if networks and not (folder / "analysis.json").exists():
        has = (
            f"its results are in {folder / 'results'}, and " if (folder / "results" / "analysis.json").exists() else ""
        )
        raise ValueError(
            f"{folder}: expected a file, or the folder of results, found the folder of a run: {has}"
            f"analyze({str(folder)!r}) scores its networks, and read({str(networks[0])!r}) reads one"
        )
    return stage("analyses.results").Results.load(folder)


def _is_captured(network: object) -> bool:
    return hasattr(network, "runner")  # asked so, PyTorch need not be imported


def _graph_and_runner(network: Any, examples: Any) -> tuple[Graph, Runner | None]:
    """Return the graph of a network, and what runs it on examples, if there are any; each may be a file."""
    load_installed()
    network = store.read(network) if isinstance(network, str | Path) else network
    if _is_captured(network):
        runner = network.runner(examples) if examples is not None and not isinstance(examples, Runner) else examples
        return network.graph, runner
    if not isinstance(network, Network | Graph):
        raise TypeError(f"network: expected a Network, a Graph, a captured model or a file, found {_kind(network)}")
    if examples is None:
        return graph_of(network), None
    examples = store.read_evaluation(examples) if isinstance(examples, str | Path) else examples
    if not isinstance(examples, Evaluation):
        raise TypeError(f"examples: expected an Evaluation or a file of one, found {_kind(examples)}")
    if isinstance(network, Graph):
        raise ValueError(f"network {network.name!r}: expected one that can be run on the examples, found a graph alone")
    return network.graph, DenseRunner(network, examples)


def _kind(value: object) -> str:
    """Return what a value is, for messages."""
    return f"a {type(value).__name__}"
