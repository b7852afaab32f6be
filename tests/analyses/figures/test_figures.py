"""Figures: every one is drawn and written, shows the numbers that it says, and never differs."""

import re
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from results_builder import build_results
from swept_results import OF_SWEEPS

from spatialgraph import plugins
from spatialgraph.analyses import figures, plots
from spatialgraph.analyses.figures import FIGURES, Choice, Drawing, draw, drawings, figure, save
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError
from spatialgraph.workers import LostError, Workers

MODES = ("concatenate", "sequential")
SHIPPED = (
    *("positions", "layers", "splits", "agreement", "connections", "distances", "methods", "modularity-drop"),
    *("masking", "selectivity", "nulls", "dose-response", "trade", "specification", "training", "film"),
)
OF_FEW_KINDS = [name for name in FIGURES if name not in OF_SWEEPS]
OF_SCORES = ("methods", "modularity-drop", "masking", "selectivity", "training")


def test_the_figures_there_are(made):
    assert tuple(FIGURES)[: len(SHIPPED)] == SHIPPED
    several = {"layers": MODES, "connections": MODES, "nulls": ("modularity", "accuracy")}
    several |= dict.fromkeys(OF_SWEEPS, ("zero", "mean"))
    names = [[f"{name}-{part}" for part in several[name]] if name in several else [name] for name in FIGURES]
    assert sorted(made) == sorted(name for drawn in names for name in drawn)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_is(name):
    assert re.fullmatch(r"[A-Z].*\.", FIGURES.summary(name))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_fits_a_page_and_comes_with_numbers_and_a_caption(drawn, name):
    assert drawn(name)
    for drawing in drawn(name):
        assert drawing.figure.get_figwidth() in (figures.SINGLE, figures.DOUBLE)
        assert drawing.figure.get_figheight() < 9
        assert len(drawing.numbers)
        assert drawing.caption.endswith(".")
        sizes = {text.get_fontsize() for text in drawing.figure.findobj(matplotlib.text.Text) if text.get_text()}
        assert min(sizes) >= 7
        assert max(sizes) <= 9


def check_texts(drawing):
    """Raise AssertionError unless every text lies inside the page, and no two texts of a figure lie on each other."""
    with figures.style():
        drawing.figure.set_dpi(100)
        drawing.figure.draw_without_rendering()
        texts = [(text.get_text(), text.get_window_extent()) for text in shown_texts(drawing.figure)]
    assert len(texts) > 5
    page = drawing.figure.bbox.expanded(1.005, 1.005)
    low, high = (np.array([getattr(box, end) for _, box in texts]) for end in ("min", "max"))
    outside = ((low < page.min) | (high > page.max)).any(axis=1)
    assert not outside.any(), (drawing.name, [texts[place][0] for place in np.flatnonzero(outside)])
    low, high = low + 1, high - 1
    overlap = np.triu((low[:, None] <= high).all(axis=2) & (low <= high[:, None]).all(axis=2), k=1)
    assert not overlap.any(), (drawing.name, [(texts[one][0], texts[two][0]) for one, two in np.argwhere(overlap)])


def shown_texts(figure):
    """Return the texts that a reader sees: not those of ticks outside the range, nor of axes that are off."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        texts += [*ax.texts, ax.title, ax._left_title, ax._right_title]
        if ax.axison:
            ticks = [tick for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()]
            texts += [tick.label1 for tick in ticks if tick.label1.get_visible()]
            texts += [ax.xaxis.label, ax.yaxis.label]
    return [text for text in texts if text.get_text().strip()]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Return results of a network of each kind, one split method and one ablation."""
    folder = tmp_path_factory.mktemp("single")
    how = {"inputs": ("mix",), "seeds": (0,), "ablations": ("zero",), "methods": ("greedy",)}
    return Results.load(build_results(folder, **how))


@pytest.fixture(scope="module")
def masking(single, tmp_path_factory):
    """Return what a figure wrote in every format, and what it said."""
    said = []
    return draw(single, tmp_path_factory.mktemp("masking") / "new", only=["masking"], progress=said.append), said


def test_files_are_written_in_every_format_with_numbers_and_caption(masking):
    written, said = masking
    names = [f"masking.{ending}" for ending in ("pdf", "svg", "png", "csv", "txt")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in written[0].parent.iterdir()) == sorted(names)
    assert said == ["figure masking drawn"]
    pdf, svg, png = (path.read_bytes() for path in written[:3])
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"<text" not in svg
    assert b"Date" not in pdf + svg
    assert png[16:20] == int(figures.SINGLE * 300).to_bytes(4, "big")  # width in pixels


def test_all_figures_are_drawn_by_default(results, drawn, made, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "drawings", lambda _results, name, _choice: drawn(name))
    names = {path.name for path in draw(results, tmp_path, ["svg"])}
    films = {"film.svg", "film.mp4", "film.gif"}  # a film has a format of its own
    assert names - films == {f"{name}.{ending}" for name in made for ending in ("svg", "csv", "txt")} - films
    assert len(names & films) == 1


# After all of them were written, so that they are laid out but once.
def test_nothing_is_cut_off_or_overlaps(made):
    for drawing in made.values():
        check_texts(drawing)


def test_the_same_results_give_the_same_bytes(single, masking, tmp_path):
    first = [*masking[0], *draw(single, tmp_path / "1", ["svg"], ["layers", "connections"])]
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "savefig.dpi": 50}):  # a user's own settings
        again = Results.load(single.folder)
        second = draw(again, tmp_path / "2", only=["masking"])
        second += draw(again, tmp_path / "2", ["svg"], ["layers", "connections"])
    for one, two in zip(first, second, strict=True):
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes(), one.name


def test_the_numbers_written_are_the_numbers_of_the_drawing(made, tmp_path):
    drawing = made["methods"]
    save(drawing, tmp_path, ["svg"])
    read = pd.read_csv(tmp_path / "methods.csv", keep_default_na=False, na_values={"value": "", "seed": ""})
    assert list(read.columns) == list(drawing.numbers.columns)
    np.testing.assert_allclose(read["value"], drawing.numbers["value"].astype(float), rtol=1e-8)


def test_regular_networks_alone_leave_the_positions_out(tmp_path, caplog):
    results = Results.load(build_results(tmp_path, kinds=("regular",), inputs=("mix",), ablations=("zero",)))
    said = []
    with caplog.at_level("INFO"):
        names = {path.stem for path in draw(results, tmp_path / "out", ["svg"], progress=said.append)}
    drawn = {"agreement", "connections", "distances", "methods", "modularity-drop", "masking", "training"}
    assert names == drawn | set(list(FIGURES)[len(SHIPPED) :])  # those of plugins have no part in it
    why = "left out: expected a network with positions and a split by greedy, found none"
    assert said[:3] == [f"figure {name} {why}" for name in ("positions", "layers", "splits")]
    assert caplog.messages == [text for text in said if "left out" in text]
    with pytest.raises(NotApplicableError, match="expected a network with positions"):
        draw(results, tmp_path / "out", ["svg"], only=["positions"])


@pytest.fixture(scope="module")
def processes():
    """Return two processes that draw, which would take longer to start for each test than to draw."""
    with Workers(2, print) as workers:
        yield workers


@pytest.fixture
def two(processes, monkeypatch):
    """Let figures be drawn by the same two processes again, where two jobs are asked for."""
    asked = []

    @contextmanager
    def same(most, _tell):
        asked.append(most)
        yield processes

    monkeypatch.setattr(figures, "Workers", same)
    yield
    assert set(asked) == {2}


def test_what_another_process_lacks_is_told(single, tmp_path, two):
    alone = single.of_kinds(["regular"])
    with pytest.raises(NotApplicableError, match=r"^expected a network with positions and a split by greedy, found no"):
        draw(alone, tmp_path / "no", ["svg"], only=["positions", "layers"], jobs=2)
    with pytest.raises(ValueError, match=r"^jobs: expected a number of at least 1, or -1 for as many .*, found 0$"):
        draw(alone, tmp_path / "no", jobs=0)
    assert not (tmp_path / "no").exists()


KILLED = """
import os, signal
from spatialgraph.analyses.figures import figure

@figure("killed")
def killed(results, choice):
    "Show nothing."
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_several_processes_write_the_same_bytes_and_a_figure_that_fails_in_one_is_told(results, tmp_path, two):
    only, said = ["masking", "agreement"], {1: [], 2: []}
    draw(results, tmp_path / "1", ["svg"], only, progress=said[1].append)
    plugin = tmp_path / "killed.py"
    plugin.write_text(KILLED, encoding="utf-8")
    loaded = plugins.load(plugin)
    how = {"jobs": 2, "plugins": [plugin]}
    try:
        with pytest.raises(
            LostError, match=r"^figure killed: its process was killed \(SIGKILL\), perhaps for want of "
        ):
            draw(results, tmp_path / "2", ["svg"], [*only, "killed"], progress=said[2].append, **how)
    finally:
        plugins.unload(loaded)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / jobs).iterdir()} for jobs in "12")
    assert set(first) == {f"{name}.{ending}" for name in only for ending in ("svg", "csv", "txt")}
    assert first == second
    assert said[1] == said[2] == [f"figure {name} drawn" for name in only]


def test_one_seed_one_input_mode_three_tasks(tmp_path):
    names = ("a_b", "c & d", "from $5 to $10_x")
    how = {"seeds": (7,), "ablations": ("zero",), "methods": ("greedy", "random"), "epochs": 1, "more": True}
    folder = build_results(tmp_path, inputs=("my own/$mode$",), tasks=names, **how)
    only = ("positions", "layers", "splits", "connections", "distances", *OF_SCORES)
    written = draw(Results.load(folder), tmp_path / "out", ["svg"], only=only)
    assert {path.stem for path in written} == set(only)
    for path in written:
        if path.suffix == ".svg":  # what stands between dollar signs is no formula, which would be in italics
            assert "DejaVuSans-Oblique" not in path.read_text()
            assert "mathdefault" not in path.read_text()
        if path.suffix == ".csv" and "statistic" in (frame := pd.read_csv(path)):
            assert not {"sd", "low", "high"} & set(frame["statistic"])


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    """Return results of networks of nine tasks."""
    tasks = [f"task {number}" for number in range(9)]
    how = {"tasks": tasks, "sizes": (9, 9, 9, 18, 18), "more": True, "draws": 6, "moments": 3}
    how["ablations"] = ("zero", "incoming")
    return Results.load(build_results(tmp_path_factory.mktemp("nine"), inputs=("mix",), seeds=(0,), **how))


@pytest.mark.parametrize("name", OF_FEW_KINDS)
def test_nine_tasks(nine, name):
    for drawing in drawings(nine, name):
        check_texts(drawing)


def test_names_of_table_one_have_room(tmp_path):
    folder = build_results(
        tmp_path,
        inputs=("concatenate", "mix", "sequential"),
        tasks=("mnist", "fashion-mnist"),
        methods=("spectral-anchored", "activation-variance", "greedy", "random"),
        ablations=("zero", "incoming"),
        more=True,
        draws=6,
        moments=3,
        seeds=range(2),
    )
    results = Results.load(folder)
    # Those in which names of methods, tasks or input modes stand beside one another.
    for name in ("methods", "splits", "agreement", "masking", "selectivity", "nulls", "modularity-drop"):
        for drawing in drawings(results, name):
            check_texts(drawing)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("place", [0, -1], ids=["regular", "spatial"])
def test_every_figure_of_one_kind_shows_nothing_of_others(grid, place, name):
    kind = grid.kinds[place]
    chosen = grid.of_kinds([kind])
    if kind == "regular" and name in ("positions", "layers", "splits", "film"):
        with pytest.raises(NotApplicableError, match="expected a network with positions"):
            drawings(chosen, name)
        return
    if name in (*OF_SWEEPS, "specification"):
        with pytest.raises(NotApplicableError, match="expected kinds of "):
            drawings(chosen, name)
        return
    known = {"kind": {kind}, "network": set(chosen.members["network"])}
    others = set(grid.members["network"]) - known["network"]
    for drawing in drawings(chosen, name):
        check_texts(drawing)
        texts = " ".join([drawing.caption, *(text.get_text() for text in shown_texts(drawing.figure))]).lower()
        assert not [network for network in others if network in texts]
        assert not [other for other in grid.kinds if other != kind and other in " ".join(texts.split())]
        for column in known.keys() & set(drawing.numbers):
            assert set(drawing.numbers[column].dropna()) <= known[column]


@pytest.mark.parametrize("name", ["nulls", "selectivity", "distances"])
def test_names_of_settings_have_room(grid, name):
    for drawing in drawings(grid, name):
        check_texts(drawing)


def test_wrong_usage_is_one_line(results, tmp_path):
    with pytest.raises(ValueError, match=r"^formats: expected some of pdf, svg, png, found gif$"):
        draw(results, tmp_path, ["png", "gif"])
    with pytest.raises(ValueError, match=r"^formats: expected some of pdf, svg, png, found none$"):
        draw(results, tmp_path, [])
    with pytest.raises(ValueError, match=r"^unknown figure 'pie'; known: positions, layers, .*, film"):
        draw(results, tmp_path, only=["pie"])
    assert list(tmp_path.iterdir()) == []


def test_a_figure_of_one_s_own(results, tmp_path, monkeypatch):
    monkeypatch.setattr(FIGURES, "_functions", dict(FIGURES._functions))
    monkeypatch.setattr(FIGURES, "_facts", dict(FIGURES._facts))

    @figure("own")
    def own(results, choice):
        """Show nothing."""
        yield Drawing("own", matplotlib.figure.Figure(), results.members, "Nothing.")

    assert [path.name for path in draw(results, tmp_path, ["png"], only=["own"])] == [
        "own.png",
        "own.csv",
        "own.txt",
    ]


def test_a_drawing_that_is_no_picture_writes_files_of_its_own(results, tmp_path, monkeypatch):
    monkeypatch.setattr(FIGURES, "_functions", dict(FIGURES._functions))
    monkeypatch.setattr(FIGURES, "_facts", dict(FIGURES._facts))

    class Text(Drawing):
        def write(self, out, formats):
            path = out / f"{self.name}.md"
            path.write_text("none")
            return [path]

    @figure("own")
    def own(results, choice):
        """Show nothing."""
        yield Text("own", matplotlib.figure.Figure(), results.members, "Nothing.")

    assert [path.name for path in draw(results, tmp_path, ["png"], only=["own"])] == [
        "own.md",
        "own.csv",
        "own.txt",
    ]


def test_chosen_networks_and_method(results):
    choice = Choice(("sequential-spatial-1", "sequential-spatial-0"), "spectral")
    (seen,) = drawings(results, "positions", choice)
    assert seen.numbers["network"].unique().tolist() == list(choice.networks)
    assert [ax.get_title() for ax in seen.figure.axes] == list(choice.networks)
    assert "split method: spectral" in seen.caption
    slices = drawings(results, "layers", choice)
    assert [drawing.name for drawing in slices] == ["layers-sequential-spatial-1", "layers-sequential-spatial-0"]
    (accuracies,) = drawings(results, "masking", choice)
    after = results.per_network("accuracy")
    expected = after[(after["split"] == "spectral") & (after["network"] == "sequential-spatial-1")]["value"]
    numbers = accuracies.numbers
    shown = numbers[(numbers["network"] == "sequential-spatial-1") & (numbers["column"] == "own")]["value"]
    np.testing.assert_allclose(shown.astype(float), expected)


def test_a_choice_that_the_results_lack(results, tmp_path):
    with pytest.raises(ValueError, match=r"^networks: expected names of networks, found none$"):
        Choice(())
    with pytest.raises(ValueError, match=r"^networks: expected each once, found a more than once$"):
        Choice(("a", "b", "a"))
    with pytest.raises(
        ValueError, match=r"^unknown network 'x'; known: concatenate-regular-0, .*sequential-spatial-1$"
    ):
        draw(results, tmp_path, choice=Choice(("concatenate-spatial-0", "x")))
    with pytest.raises(ValueError, match=r"^unknown split method 'pie'; known: greedy, spectral, random$"):
        draw(results, tmp_path, choice=Choice(method="pie"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(
        NotApplicableError,
        match=r"^sequential-regular-0: expected a network with positions in its split layers, found ",
    ):
        drawings(results, "positions", Choice(("sequential-regular-0",)))
    bare = Results(results.folder, results.scores, {"sequential-spatial-0": {"random": None}}, results.run)
    with pytest.raises(NotApplicableError, match=r"^sequential-spatial-0: expected a split by greedy, found random$"):
        drawings(bare, "layers", Choice(("sequential-spatial-0",)))


def test_no_global_state_of_pyplot():
    for path in (*Path(figures.__file__).parent.glob("*.py"), *Path(plots.__file__).parent.glob("*.py")):
        assert "pyplot" not in path.read_text(encoding="utf-8")


def test_captions_say_how_many_networks_there_are(made):
    names = ("methods", "modularity-drop", "masking", "selectivity", "nulls-modularity", "nulls-accuracy", "training")
    for name in names:
        assert "2 seeds of each kind and input mode" in made[name].caption
