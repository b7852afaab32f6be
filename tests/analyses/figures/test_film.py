"""The film of training: moments as they were kept, in the same places, written as MP4 or as GIF."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from results_builder import build_results

from spatialgraph.analyses import figures
from spatialgraph.analyses import results as results_module
from spatialgraph.analyses.figures import Choice, draw, drawings, save
from spatialgraph.analyses.results import Results
from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph
from spatialgraph.metrics import modularity
from spatialgraph.store import read_network, write_network

MOMENTS = (0.0, 0.5, 2.5, 4.0)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")


def keep_moments(folder, names, moments=MOMENTS[:-1], stray=0.0):
    """Give networks snapshots in which neurons come from the origin; one of them strays at the second moment."""
    for name in names:
        file = folder / ".." / "run" / "networks" / f"{name}.h5"
        trained = read_network(file)
        trained = replace(trained, metadata={**trained.metadata, "epochs": 4})
        write_network(file, trained, {epoch: as_it_was(trained, epoch / 4, stray) for epoch in moments})


def as_it_was(trained, share, stray):
    layers = []
    for layer in trained.layers:
        position = None if layer.position is None else share * layer.position
        if layer.name == "output" and share == MOMENTS[1] / 4:
            position[0] += stray
        layers.append(replace(layer, position=position))
    # The weights are those of an untrained network at first.
    draw = np.random.default_rng(0)
    weights = [share * c.weight + (1 - share) * draw.normal(0, 0.5, c.weight.shape) for c in trained.connections]
    connections = [replace(c, weight=weight) for c, weight in zip(trained.connections, weights, strict=True)]
    # As training keeps them: without the connections into the layer that is not split.
    tasks = [population.task for population in trained.graph.populations]
    populations = [layer.population(task) for layer, task in zip(layers, tasks, strict=True)]
    return Graph(populations, connections[1:], trained.metadata)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    built = build_results(tmp_path_factory.mktemp("built"), kinds=("spatial",), seeds=(0,))
    keep_moments(built, ["concatenate-spatial-0", "sequential-spatial-0"])
    return built


@pytest.fixture(scope="module")
def results(folder):
    return Results.load(folder)


@pytest.fixture(scope="module")
def film(results):
    (film,) = drawings(results, "film")
    return film


def points(ax):
    return np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets())])


def test_the_numbers_are_those_of_the_moments(results, film):
    numbers = film.numbers
    for name in ("concatenate-spatial-0", "sequential-spatial-0"):
        own = numbers[numbers["network"] == name]
        split = results.splits[name]["greedy"]
        curve = own[own["part"] == "modularity"]
        assert curve["epoch"].tolist() == list(MOMENTS)
        moments = results.snapshots(name)
        np.testing.assert_allclose(curve["value"].astype(float), [modularity(was, split) for _, was in moments])
        for number, (_, was) in enumerate(moments):
            here = own[(own["part"] == "neuron") & (own["moment"] == number)]
            for layer in was.populations[-3:]:
                rows = here[here["layer"] == layer.name]
                np.testing.assert_allclose(rows[["x", "y"]], layer.position[rows["neuron"].astype(int)], atol=1e-7)
        accuracy = own[(own["part"] == "accuracy") & (own["task"] == "clothes")]
        assert accuracy["epoch"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(accuracy["value"].astype(float), moments[-1][1].history["accuracy"][:, 1])
    # A neuron that hardly anything enters in the end is there before, when its weights are random.
    weak = numbers[(numbers["layer"] == "hidden2") & (numbers["neuron"] == 0)]
    assert weak["moment"].unique().tolist() == [0, 1, 2]


def test_a_moment_is_shown_in_the_place_of_the_one_before(film):
    space, above, below = film.figure.axes[0], film.figure.axes[2], film.figure.axes[4]
    seen = []
    for moment in (3, 0, 2, 3):
        film.show(moment)
        neurons = film.numbers[(film.numbers["inputs"] == "concatenate") & (film.numbers["moment"] == moment)]
        drawn = neurons.loc[neurons["part"] == "neuron", ["x", "y"]].to_numpy(float)
        assert {tuple(p) for p in np.round(points(space), 6)} == {tuple(p) for p in np.round(drawn, 6)}
        assert space.get_title("right") == f"epoch {MOMENTS[moment]:g}"
        now, curve, mark = (line.get_xydata() for line in above.lines)
        assert set(now[:, 0]) == {MOMENTS[moment]}
        assert curve[:, 0].tolist() == list(MOMENTS[: moment + 1])
        assert mark.tolist() == [curve[-1].tolist()]
        known = int(MOMENTS[moment])
        lengths = [len(line.get_xdata()) for line in below.lines]
        assert lengths == [2, known, 1, known, 1] if known else [2]
        seen.append((space.get_xlim(), space.get_ylim(), above.get_ylim(), space.get_position().bounds))
    assert seen == seen[:1] * 4


def test_neurons_lie_in_axes_of_equal_scales_and_few_outside(film):
    panels = film.figure.axes[:2]
    for ax in panels:
        scales = [np.ptp(ax.get_xlim()) / ax.bbox.width, np.ptp(ax.get_ylim()) / ax.bbox.height]
        np.testing.assert_allclose(*scales, rtol=0.02)
    assert panels[0].get_xlim() == panels[1].get_xlim()
    limits = np.array([panels[0].get_xlim(), panels[0].get_ylim()])
    places = film.numbers.loc[film.numbers["part"] == "neuron", ["x", "y"]].to_numpy(float)
    assert ((places >= limits[:, 0]) & (places <= limits[:, 1])).all(axis=1).mean() > 0.95


def test_a_neuron_that_strays_does_not_make_the_others_small(tmp_path):
    built = build_results(tmp_path, kinds=("spatial",), inputs=("mix",), seeds=(0,), sizes=(6, 40, 40, 60, 20))
    keep_moments(built, ["mix-spatial-0"], stray=1000.0)
    (film,) = drawings(Results.load(built), "film")
    assert max(film.figure.axes[0].get_xlim()) < 10
    assert film.numbers["x"].max() > 1000
    (outside,) = [part for part in film.caption.split(". ") if part.startswith("Outside")]
    places = (film.numbers["part"] == "neuron").sum()
    assert outside.endswith(f" of {places} places")
    assert 1 <= int(outside.split()[3]) < 0.05 * places


def test_the_film_says_what_it_is(film):
    assert film.caption.startswith("Film of training: neurons of the split layers seen from above at 4 moments. ")
    assert (
        "(split method: greedy). Each is one network, so n = 1: concatenate-spatial-0, sequential-spatial-0."
        in film.caption
    )


@pytest.mark.parametrize("moment", range(4))
def test_nothing_is_cut_off(film, moment):
    film.show(moment)
    with figures.style():
        film.figure.draw_without_rendering()
    page = film.figure.bbox
    for box in (ax.get_tightbbox() for ax in film.figure.axes):
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1 + 2
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1


def test_a_film_is_a_gif_without_ffmpeg_whatever_the_formats_of_pictures(results, film, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    said = []
    written = draw(results, tmp_path, ["pdf"], only=["film"], progress=said.append)
    assert [path.name for path in written] == ["film.gif", "film.csv", "film.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.csv", "film.gif", "film.txt"]
    assert said == ["figure film drawn"]
    with Image.open(tmp_path / "film.gif") as gif:
        assert (gif.format, gif.n_frames, gif.size[0]) == ("GIF", 4, 1120)
        durations = []
        for frame in range(4):
            gif.seek(frame)
            durations.append(gif.info["duration"])
            film.show(frame)
            shown = np.asarray(gif.convert("RGB"), float)
            assert np.abs(shown - picture(film.figure)).mean() < 1.5
        assert durations == [1160, 160, 160, 2160]
    again = save(drawings(Results.load(results.folder), "film")[0], tmp_path / "again", ["svg", "png"])
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]
    read = pd.read_csv(tmp_path / "film.csv")
    assert set(read["part"]) == {"neuron", "modularity", "accuracy"}


def picture(figure):
    """Return the pixels of a figure as it is now, ``(rows, columns, 3)``."""
    canvas = FigureCanvasAgg(figure)
    with figures.style():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(float)


@needs_ffmpeg
def test_a_film_is_an_mp4_with_ffmpeg(results, film, tmp_path):
    written = save(film, tmp_path, ["png"])
    assert [path.name for path in written] == ["film.mp4", "film.csv", "film.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.csv", "film.mp4", "film.txt"]
    command = ["ffmpeg", "-v", "error", "-i", str(written[0]), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    frames = subprocess.run(command, check=True, capture_output=True).stdout
    film.show(0)
    first = picture(film.figure)
    assert first.shape[0] % 2 == 0
    stored = np.frombuffer(frames, np.uint8).reshape(-1, *first.shape)
    assert len(stored) == 6 * 1 + 4 + 6 * 2  # a rest at each end, of so many frames a second
    assert np.abs(stored[0] - first).mean() < 4
    film.show(3)
    assert np.abs(stored[-1] - picture(film.figure)).mean() < 4
    assert save(film, tmp_path / "again")[0].read_bytes() == written[0].read_bytes()


def test_a_film_is_a_gif_where_ffmpeg_fails(film, tmp_path, monkeypatch, caplog):
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho \"Unknown encoder 'h264'\" >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    written = save(replace(film, moments=2), tmp_path / "films")  # as many as a film needs to move
    assert [path.name for path in written] == ["film.gif", "film.csv", "film.txt"]
    assert len(list((tmp_path / "films").iterdir())) == 3
    assert "film.mp4: a GIF instead, as ffmpeg failed: Unknown encoder 'h264'" in caplog.text


def test_without_moments_there_is_no_film(tmp_path):
    built = build_results(tmp_path, inputs=("mix",), seeds=(0,))
    keep_moments(built, ["mix-spatial-0"], moments=(0.0,))
    with pytest.raises(
        NotApplicableError, match="expected networks with snapshots between the start and the end of training"
    ):
        drawings(Results.load(built), "film")
    choice = Choice(networks=("mix-regular-0",))
    with pytest.raises(NotApplicableError, match="mix-regular-0: expected a network with positions"):
        drawings(Results.load(built), "film", choice)


def test_the_first_network_with_moments_of_each_input_mode_is_shown(tmp_path):
    built = build_results(tmp_path, inputs=("mix", "sequential"), seeds=(0, 1))
    keep_moments(built, ["mix-spatial-0"], moments=(0.0,))
    keep_moments(built, ["mix-spatial-1"])
    results = Results.load(built)
    (film,) = drawings(results, "film")
    assert film.numbers["network"].unique().tolist() == ["mix-spatial-1"]
    with pytest.raises(NotApplicableError, match="mix-spatial-0: expected snapshots between"):
        drawings(results, "film", Choice(networks=("mix-spatial-0", "mix-spatial-1")))


def test_a_film_of_a_large_network_shows_some_moments_and_says_so(tmp_path, monkeypatch):
    built = build_results(tmp_path, inputs=("mix",), kinds=("spatial",), seeds=(0,))
    keep_moments(built, ["mix-spatial-0"])
    every = drawings(Results.load(built), "film")[0]
    kept = every.numbers["moment"].nunique()
    assert "that were kept" not in every.caption
    monkeypatch.setattr(results_module, "_MOST_BYTES", 0)
    (film,) = drawings(Results.load(built), "film")
    assert film.numbers["moment"].nunique() == 3 < kept
    assert f"at 3 moments of the {kept} that were kept. The first is before training" in film.caption


def test_networks_that_were_kept_at_other_moments_have_films_of_their_own(tmp_path):
    built = build_results(tmp_path, kinds=("spatial",), inputs=("mix",), seeds=(0, 1))
    keep_moments(built, ["mix-spatial-0"])
    keep_moments(built, ["mix-spatial-1"], moments=(0.0, 1.0))
    choice = Choice(networks=("mix-spatial-0", "mix-spatial-1"), method="spectral")
    films = drawings(Results.load(built), "film", choice)
    assert [(film.name, film.moments) for film in films] == [("film-mix-spatial-0", 4), ("film-mix-spatial-1", 3)]
    assert "(split method: spectral)" in films[1].caption


@pytest.mark.parametrize("dim", [1, 3])
def test_films_of_any_number_of_dimensions(tmp_path, dim):
    built = build_results(tmp_path, kinds=("spatial",), inputs=("mix",), seeds=(0,), dim=dim)
    keep_moments(built, ["mix-spatial-0"])
    results = Results.load(built)
    (film,) = drawings(results, "film")
    film.show(1)
    space = film.figure.axes[0]
    if dim == 1:
        assert [text.get_text() for text in space.get_yticklabels()] == ["hidden2", "hidden3", "output"]
        assert set(points(space)[:, 1]) == {2.0, 3.0, 4.0}
    else:
        # The view is that of the trained network, so that a moment is not turned: halfway, neurons are halfway there.
        assert space.get_xlabel() == "1st principal coordinate"
        numbers = film.numbers[film.numbers["part"] == "neuron"].set_index(["layer", "neuron", "moment"])[["x", "y"]]
        early, late = numbers.xs(1, level="moment"), numbers.xs(2, level="moment")
        both = early.index.intersection(late.index)
        step = (late.loc[both] - early.loc[both]).to_numpy(float)
        origin = (early.loc[both] - step / 4).to_numpy(float)
        np.testing.assert_allclose(origin, np.tile(origin[0], (len(both), 1)), atol=1e-6)
