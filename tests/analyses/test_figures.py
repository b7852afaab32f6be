"""Figures: every one is drawn and written, shows the numbers that it says, and never differs."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from results_builder import build_results, clustered_network

from spatialgraph.analyses import figures, plots
from spatialgraph.analyses.figures import FIGURES, Choice, Drawing, draw, drawings, save
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import table_one
from spatialgraph.network import NotApplicableError
from spatialgraph.splits.split import Split
from spatialgraph.store import read_splits, write_splits


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.load(build_results(tmp_path_factory.mktemp("built")))


@pytest.fixture(scope="module")
def made(results):
    return {drawing.name: drawing for name in FIGURES for drawing in drawings(results, name)}


def text_of(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_the_figures_there_are(made):
    assert list(FIGURES) == ["positions", "layers", "methods", "ablations", "training"]
    assert set(made) == {"positions", "layers-concatenate", "layers-sequential", "methods", "training", "ablations"}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_is(name):
    assert re.fullmatch(r"[A-Z].*\.", FIGURES.summary(name))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_fits_a_page_and_comes_with_numbers_and_a_caption(results, name):
    for drawing in drawings(results, name):
        assert drawing.figure.get_figwidth() in (figures.SINGLE, figures.DOUBLE)
        assert drawing.figure.get_figheight() < 9
        assert len(drawing.numbers)
        assert drawing.caption.endswith(".")
        sizes = {text.get_fontsize() for text in drawing.figure.findobj(matplotlib.text.Text) if text.get_text()}
        assert min(sizes) >= 7
        assert max(sizes) <= 9


def test_nothing_is_cut_off_or_overlaps(made):
    """Every text lies inside the page, and no two texts of a figure lie on each other."""
    for drawing in made.values():
        with figures.style():
            drawing.figure.set_dpi(100)
            renderer = FigureCanvasAgg(drawing.figure).get_renderer()
            drawing.figure.draw(renderer)
        page = drawing.figure.bbox.expanded(1.005, 1.005)
        texts = [(text.get_text(), text.get_window_extent(renderer)) for text in shown_texts(drawing.figure)]
        assert len(texts) > 5
        for word, box in texts:
            assert page.containsx(box.x0), (drawing.name, word)
            assert page.containsx(box.x1), (drawing.name, word)
            assert page.containsy(box.y0), (drawing.name, word)
            assert page.containsy(box.y1), (drawing.name, word)
        for index, (word, box) in enumerate(texts):
            for other, second in texts[index + 1 :]:
                assert not box.padded(-1).overlaps(second.padded(-1)), (drawing.name, word, other)


def shown_texts(figure):
    """Return the texts that a reader sees: not those of ticks outside the range, nor of axes that are off."""
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        texts += ax.texts
        if ax.axison:
            ticks = [tick for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()]
            texts += [tick.label1 for tick in ticks if tick.label1.get_visible()]
            texts += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
    return [text for text in texts if text.get_text().strip()]


def test_files_are_written_in_every_format_with_numbers_and_caption(results, tmp_path):
    said = []
    written = draw(results, tmp_path / "new", only=["ablations"], progress=said.append)
    names = [f"ablations.{ending}" for ending in ("pdf", "svg", "png", "csv", "txt")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(names)
    assert said == ["figure ablations drawn"]
    pdf, svg, png = (path.read_bytes() for path in written[:3])
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"<text" not in svg
    assert b"Date" not in pdf + svg
    assert png[16:20] == int(figures.DOUBLE * 300).to_bytes(4, "big")  # width in pixels


def test_all_figures_are_drawn_by_default(results, made, tmp_path, monkeypatch):
    monkeypatch.setattr(
        figures, "drawings", lambda _results, name, _choice: [one for one in made.values() if one.name.startswith(name)]
    )
    names = {path.name for path in draw(results, tmp_path, ["svg"])}
    assert names == {f"{name}.{ending}" for name in made for ending in ("svg", "csv", "txt")}


def test_the_same_results_give_the_same_bytes(tmp_path):
    results = Results.load(
        build_results(tmp_path, inputs=("mix",), seeds=(0,), ablations=("zero",), methods=("greedy",))
    )
    only = ["layers", "ablations"]
    first = draw(results, tmp_path / "1", only=only)
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "savefig.dpi": 50}):  # a user's own settings
        second = draw(Results.load(results.folder), tmp_path / "2", only=only)
    for one, two in zip(first, second, strict=True):
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes(), one.name


def test_the_numbers_written_are_the_numbers_of_the_drawing(made, tmp_path):
    drawing = made["methods"]
    save(drawing, tmp_path, ["svg"])
    read = pd.read_csv(tmp_path / "methods.csv", keep_default_na=False, na_values={"value": "", "seed": ""})
    assert list(read.columns) == list(drawing.numbers.columns)
    np.testing.assert_allclose(read["value"], drawing.numbers["value"].astype(float), rtol=1e-8)


def offsets(figure, panel):
    return np.vstack([c.get_offsets() for c in figure.axes[panel].collections if len(c.get_offsets())])


def test_positions_are_those_of_the_network(results, made):
    numbers = made["positions"].numbers
    assert numbers["network"].unique().tolist() == ["concatenate-spatial-0", "sequential-spatial-0"]
    network = results.network("concatenate-spatial-0")
    own = numbers[numbers["inputs"] == "concatenate"]
    for number in network.split_layers:
        layer = network.layers[number]
        rows = own[own["layer"] == layer.name]
        np.testing.assert_allclose(rows[["x", "y"]], layer.position[rows["neuron"]])
    # The builder's neuron 0 of the first split layer has input weights of 0.001 in all.
    assert 0 not in own.loc[own["layer"] == "hidden2", "neuron"].tolist()
    assert 1 in own.loc[own["layer"] == "hidden2", "neuron"].tolist()
    assert own.loc[own["layer"] == "hidden3", "task"].tolist() == ["digits"] * 6 + ["clothes"] * 5 + [""]
    drawn = offsets(made["positions"].figure, 0)
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, own[["x", "y"]].to_numpy()))
    assert "no task" in text_of(made["positions"].figure)


def test_layers_draw_the_connections_above_the_threshold(results, made):
    numbers = made["layers-sequential"].numbers
    network = results.network("sequential-spatial-0")
    weight = {c.source: c.weight for c in network.split_connections}
    drawn = numbers[numbers["part"] == "connection"]
    expected = sum(int((np.abs(w[:, 1:] if k == 2 else w) > 0.01).sum()) for k, w in weight.items())
    assert len(drawn) == expected
    one = drawn.iloc[0]
    number = next(k for k in network.split_layers if network.layers[k].name == one["source"])
    assert one["weight"] == pytest.approx(weight[number][int(one["target_neuron"]), int(one["source_neuron"])])
    assert (numbers.loc[numbers["part"] == "left out", "connections"] == 0).all()
    segments = [
        len(c.get_segments())
        for c in made["layers-sequential"].figure.axes[0].collections
        if hasattr(c, "get_segments")
    ]
    assert sum(segments) == expected


def test_layers_leave_out_the_weakest_beyond_a_number_and_say_so(results, monkeypatch):
    monkeypatch.setattr(figures.networks, "MAX_LINES", 5)
    drawing = drawings(results, "layers")[0]
    connections = drawing.numbers[drawing.numbers["part"] == "connection"]
    left_out = drawing.numbers[drawing.numbers["part"] == "left out"]
    assert connections.groupby("source").size().tolist() == [5, 5]
    network = results.network("concatenate-spatial-0")
    weight = np.sort(np.abs(network.split_connections[-1].weight).ravel())[::-1]
    strongest = connections.loc[connections["target"] == "output", "weight"].abs()
    np.testing.assert_allclose(strongest, weight[:5])
    assert left_out["connections"].iloc[-1] == (weight > 0.01).sum() - 5
    assert f"({int(left_out['connections'].sum())} left out)" in drawing.caption


def test_methods_show_every_seed_and_the_means(results, made):
    numbers = made["methods"].numbers
    assert numbers["panel"].unique().tolist() == [
        "accuracy drop activation = 0",
        "accuracy drop incoming weights = 0",
        "accuracy drop activation = mean",
        "modularity",
    ]
    own = numbers[
        (numbers["panel"] == "modularity") & (numbers["inputs"] == "sequential") & (numbers["row"] == "spectral")
    ]
    own = own[own["kind"] == "spatial"].set_index("statistic")["value"]
    np.testing.assert_allclose(own["seed"], [0.40, 0.41])
    assert own["mean"] == pytest.approx(0.405)
    assert own["sd"] == pytest.approx(0.01 / np.sqrt(2))
    figure = made["methods"].figure
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["greedy", "spectral", "random"]  # the control last, on its band
    panel = offsets(figure, 7)  # the second row's modularity
    drawn = numbers[(numbers["panel"] == "modularity") & (numbers["inputs"] == "sequential")]
    drawn = drawn[drawn["statistic"] != "sd"]
    np.testing.assert_allclose(sorted(panel[:, 0]), sorted(drawn["value"].astype(float)))


def test_training_shows_what_the_networks_recorded(results, made):
    numbers = made["training"].numbers
    network = results.network("sequential-spatial-1")
    own = numbers[(numbers["network"] == network.name) & (numbers["quantity"] == "accuracy")]
    for index, task in enumerate(network.tasks):
        np.testing.assert_allclose(own.loc[own["task"] == task, "value"], network.history["accuracy"][:, index])
    assert own["epoch"].tolist() == [1, 2, 3, 4] * 2
    assert set(numbers.loc[numbers["quantity"] == "transport", "kind"]) == {"spatial"}
    axes = made["training"].figure.axes
    assert [ax.get_ylabel() for ax in axes[::2]] == ["loss", "transport cost", "density cost", "accuracy"]
    assert len(axes[0].lines) == 4 + 2  # four networks, two means


def test_ablations_show_table_one(results, made):
    numbers = made["ablations"].numbers.set_index(["inputs", "kind", "column", "statistic"])["value"].sort_index()
    for ablation in results.ablations:
        for cell in table_one(results, ablation).numbers.itertuples():
            column = {"Full network": "", "Split network": ablation}.get(cell.row)
            if column is not None:
                assert numbers[cell.inputs, cell.kind, column, "mean"].item() == pytest.approx(cell.mean)
                assert numbers[cell.inputs, cell.kind, column, "sd"].item() == pytest.approx(cell.sd)


def test_regular_networks_alone_leave_the_positions_out(tmp_path, caplog):
    results = Results.load(build_results(tmp_path, kinds=("regular",), inputs=("mix",)))
    said = []
    with caplog.at_level("INFO"):
        names = {path.stem for path in draw(results, tmp_path / "out", ["svg"], progress=said.append)}
    assert names == {"methods", "training", "ablations"}
    why = "left out: expected a network with positions and a split by greedy, found none"
    assert said[:2] == [f"figure positions {why}", f"figure layers {why}"]
    assert caplog.messages == said[:2]
    with pytest.raises(NotApplicableError, match="expected a network with positions"):
        draw(results, tmp_path / "out", ["svg"], only=["positions"])


@pytest.mark.parametrize("only", [["positions", "layers"], ["methods", "training", "ablations"]])
def test_one_seed_one_input_mode_three_tasks(tmp_path, only):
    folder = build_results(tmp_path, inputs=("my own/mode",), seeds=(7,), tasks=("a_b", "c & d", "$e"), epochs=1)
    written = draw(Results.load(folder), tmp_path / "out", ["svg"], only=only)
    assert {path.stem for path in written} == set(only)
    for path in written:
        if path.suffix == ".csv" and path.stem in ("methods", "training", "ablations"):
            assert "sd" not in pd.read_csv(path)["statistic"].tolist()


def test_names_of_input_modes_make_good_names_of_files(tmp_path):
    results = Results.load(
        build_results(tmp_path, inputs=("a/b", "../c"), kinds=("spatial",), seeds=(0,), methods=("greedy",))
    )
    assert [drawing.name for drawing in drawings(results, "layers")] == ["layers-..-c", "layers-a-b"]


@pytest.mark.parametrize("dim", [1, 3])
def test_positions_of_other_dimensions(tmp_path, dim):
    results = Results.load(build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0,), dim=dim))
    (seen,) = drawings(results, "positions")
    (_,) = drawings(results, "layers")
    network = results.network("mix-spatial-0")
    numbers = seen.numbers
    position = np.vstack(
        [
            network.layers[k].position[numbers.loc[numbers["layer"] == network.layers[k].name, "neuron"]]
            for k in (2, 3, 4)
        ]
    ).astype(float)
    if dim == 1:
        np.testing.assert_allclose(numbers["x"], position[:, 0])
        assert numbers["y"].unique().tolist() == [2, 3, 4]  # a row for each layer
        assert [label.get_text() for label in seen.figure.axes[0].get_yticklabels()] == ["hidden2", "hidden3", "output"]
        assert "on a line" in seen.caption
    else:
        # Principal coordinates: uncorrelated, the first with the largest variance, which no direction exceeds.
        covariance = np.cov(numbers[["x", "y"]].to_numpy(float).T)
        assert covariance[0, 1] == pytest.approx(0, abs=1e-9)
        variances = np.linalg.eigvalsh(np.cov(position.T))[::-1]
        np.testing.assert_allclose(np.diag(covariance), variances[:2])
        assert "first two principal coordinates" in seen.caption


def test_neurons_of_several_tasks(results, tmp_path):
    network = clustered_network("concatenate-spatial-0", inputs="concatenate")
    shared = Split("greedy", {k: np.ones((network.layers[k].size, 2), bool) for k in network.split_layers})
    splits = {name: dict(methods) for name, methods in read_splits(results.folder / "splits.h5").items()}
    splits["concatenate-spatial-0"]["greedy"] = shared
    write_splits(tmp_path / "splits.h5", splits)
    changed = Results(results.folder, results.scores, read_splits(tmp_path / "splits.h5"), results.run)
    (drawing,) = drawings(changed, "positions")
    assert set(drawing.numbers.loc[drawing.numbers["inputs"] == "concatenate", "task"]) == {"digits+clothes"}
    assert "several tasks" in text_of(drawing.figure)


def test_wrong_usage_is_one_line(results, tmp_path):
    with pytest.raises(ValueError, match=r"^formats: expected some of pdf, svg, png, found gif$"):
        draw(results, tmp_path, ["png", "gif"])
    with pytest.raises(ValueError, match=r"^formats: expected some of pdf, svg, png, found none$"):
        draw(results, tmp_path, [])
    with pytest.raises(
        ValueError, match=r"^unknown figure 'pie'; known: positions, layers, methods, ablations, training$"
    ):
        draw(results, tmp_path, only=["pie"])
    assert list(tmp_path.iterdir()) == []


def test_results_without_histories_or_measures(results):
    keep = results.scores["metric"] == "cut"
    bare = Results(results.folder, results.scores[keep], results.splits, results.run)
    for name in ("methods", "ablations"):
        with pytest.raises(NotApplicableError, match="found none"):
            drawings(bare, name)


def test_a_figure_of_one_s_own(results, tmp_path, monkeypatch):
    monkeypatch.setattr(FIGURES, "_functions", dict(FIGURES._functions))

    @FIGURES.register("own")
    def own(results, choice):
        """Show nothing."""
        yield Drawing("own", matplotlib.figure.Figure(), results.members, "Nothing.")

    assert [path.name for path in draw(results, tmp_path, ["png"], only=["own"])] == ["own.png", "own.csv", "own.txt"]


def test_a_drawing_that_is_no_picture_writes_files_of_its_own(results, tmp_path, monkeypatch):
    monkeypatch.setattr(FIGURES, "_functions", dict(FIGURES._functions))

    class Text(Drawing):
        def write(self, out, formats):
            path = out / f"{self.name}.md"
            path.write_text("none")
            return [path]

    @FIGURES.register("own")
    def own(results, choice):
        """Show nothing."""
        yield Text("own", matplotlib.figure.Figure(), results.members, "Nothing.")

    assert [path.name for path in draw(results, tmp_path, ["png"], only=["own"])] == ["own.md", "own.csv", "own.txt"]


def test_chosen_networks_and_method(results):
    choice = Choice(("sequential-spatial-1", "sequential-spatial-0"), "spectral")
    (seen,) = drawings(results, "positions", choice)
    assert seen.numbers["network"].unique().tolist() == list(choice.networks)
    assert [ax.get_title() for ax in seen.figure.axes] == list(choice.networks)
    assert "split method: spectral" in seen.caption
    slices = drawings(results, "layers", choice)
    assert [drawing.name for drawing in slices] == ["layers-sequential-spatial-1", "layers-sequential-spatial-0"]
    (accuracies,) = drawings(results, "ablations", choice)
    after = results.per_network("accuracy")
    expected = after[(after["split"] == "spectral") & (after["network"] == "sequential-spatial-1")]["value"]
    numbers = accuracies.numbers
    shown = numbers[(numbers["network"] == "sequential-spatial-1") & (numbers["column"] != "")]["value"]
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
    for path in (*Path(figures.__file__).parent.glob("*.py"), Path(plots.__file__)):
        assert "pyplot" not in path.read_text(encoding="utf-8")
