"""What is kept and sent: a link that restores a view, pictures of it, the table; and neurons that are found by name."""

import csv
import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from analysed_run import SPLITS, UNITS
from PIL import Image

from spatialgraph.analyses.results import Results
from spatialgraph.runners import DenseRunner
from spatialgraph.store import read_evaluation, read_network

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

FIRST = "concatenate-spatial-0"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def address(small_page):
    return small_page


def settled(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def picked(page):
    """Return everything that is picked, and what it makes of the scenes."""
    settled(page)
    return page.evaluate("""() => {
        const { hovered, hoveredIn, ...state } = spatialgraph.state;
        const part = id => document.getElementById(id);
        const shown = ["scene-0", "scene-1", "above"].map(id => part(id).toDataURL());
        return [state, shown, part("moment").textContent, part("table").textContent];
    }""")


def change_everything(page):
    page.select_option("#pick-inputs", "concatenate")
    page.select_option("#pick-kind", "regular")
    page.select_option("#pick-seed", label="1")
    page.select_option("#pick-method", "louvain")
    page.select_option("#pick-ablation", "mean")
    page.select_option("#layout", "positions")
    page.select_option("#compare", "random")
    page.select_option("#table-what", "modularity")
    page.select_option("#agreement-measure", "mutual-information")
    page.locator("#weakest").fill("250")
    page.locator("#scrubber").fill("2")
    for key in ("ArrowRight", "+", "Shift+ArrowUp"):
        page.locator("#scene-1-over").press(key)
    view = page.locator("#above-over")
    for key in ("+", "Shift+ArrowLeft", "."):
        view.press(key)
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert page.evaluate("() => spatialgraph.state.brushed.length") > 0


def test_a_link_restores_everything(opened):
    page = opened()
    before = picked(page)
    change_everything(page)
    page.wait_for_timeout(300)  # the address follows when nothing has changed for a moment
    changed = picked(page)
    kept = {"module"}  # the brush chooses one, or none
    same = {key for key, value in changed[0].items() if value == before[0][key]}
    assert same <= kept, same
    again = opened(fragment="#" + page.url.split("#")[1])
    assert picked(again) == changed


def test_a_link_restores_a_neuron_and_a_module(opened):
    page = opened()
    page.locator("#modules .module").first.click()
    page.locator("#scene-1-over").press(".")
    page.wait_for_timeout(300)
    again = opened(fragment="#" + page.url.split("#")[1])
    assert again.evaluate("() => [spatialgraph.state.neuron, spatialgraph.state.module]") == [0, 0]
    assert picked(again) == picked(page)


@pytest.mark.parametrize(
    "fragment",
    ["#network=none&beside=none&method=%00&camera=1_2&plane=a_b_c", "#neuron=-3&lines=x&frame=99999999&brushed=5-2.x"],
)
def test_a_link_that_is_wrong_opens_the_page_as_it_is(opened, fragment):
    page = opened(fragment=fragment)
    assert page.evaluate("() => spatialgraph.state.method") == "greedy"
    assert page.evaluate("() => spatialgraph.state.brushed") == []
    assert page.locator("#network-note").text_content().startswith(f"{FIRST}:")


def saved(page, button):
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_a_saved_svg_is_read_alone_and_has_the_marks_that_are_seen(page):
    page.locator("#scene-1-over").press(".")
    name, data = saved(page, "#save-scenes-svg")
    assert name == "concatenate-regular-0-concatenate-spatial-0-greedy-scenes.svg"
    root = ElementTree.fromstring(data)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[0] == "small: concatenate-regular-0 beside concatenate-spatial-0, split by greedy"
    assert {"left", "<i>right</i>", "connection between modules", "hidden1", "hidden2", "output"} <= set(texts)
    for side in (0, 1):
        share = page.locator(f"#side-{side}-share b").text_content()
        assert sum(f": {share} of the strength crosses modules" in text for text in texts) == 1
    assert any("ring: hidden1 0" in text for text in texts)
    for scene in root.iter(f"{SVG}g"):
        paths = list(scene.iter(f"{SVG}path"))
        filled = "".join(path.get("d") for path in paths if path.get("fill") != "none")
        assert filled.count("a3.1 3.1") == 2 * 2 * UNITS  # a circle of two arcs for each hidden neuron
        drawn = "".join(path.get("d") for path in paths)
        lines = re.findall(r"M[\d.-]+ [\d.-]+L[\d.-]+ [\d.-]+(?=M|$)", drawn)
        assert len(lines) >= 2 * UNITS * UNITS
    assert "href" not in data.decode()


def test_a_saved_png_is_what_is_seen(page):
    name, data = saved(page, "#save-above-png")
    assert name == "concatenate-spatial-0-greedy-above.png"
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    box = page.locator("#above").bounding_box()
    assert picture.width == pytest.approx(2 * (box["width"] + 32), abs=4)
    shades = {shade for _, shade in picture.getcolors(maxcolors=2**20)}
    for task in (0, 1):
        text = page.evaluate("n => getComputedStyle(document.documentElement).getPropertyValue(`--task-${n}`)", task)
        wanted = np.array([int(text.strip()[k : k + 2], 16) for k in (1, 3, 5)])
        assert min(np.abs(wanted - shade).max() for shade in shades) < 16


def test_a_saved_table_has_the_numbers_that_are_shown(page, small_results):
    page.select_option("#pick-method", "louvain")
    name, data = saved(page, "#save-csv")
    assert name == "small-Split-method-louvain.csv"
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    known = pd.read_csv(small_results / "summary.csv", keep_default_na=False)
    for row in rows:
        keys = ("inputs", "kind", "split", "ablation", "metric")
        own = known[np.logical_and.reduce([known[key] == row[key] for key in keys])]
        assert float(row["mean"]) == pytest.approx(float(own["mean"].item()), abs=1e-5)
        assert row["n"] == str(own["n"].item())
    shown = page.locator("#table-holder td button").count()
    assert len(rows) == shown > 10


def test_a_saved_table_is_latex(page, tmp_path):
    page.select_option("#table-what", "accuracy-drop")
    _, data = saved(page, "#save-latex")
    text = data.decode()
    for rule in ("\\toprule", "\\midrule", "\\bottomrule", "\\begin{tabular}{lrrrr}"):
        assert rule in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")][1:]
    assert [row.split(" & ")[0] for row in rows] == page.locator("#table-holder tbody th").all_text_contents()
    shown = page.locator("#table-holder tbody tr").first.locator("td").first.text_content().split()[0]
    assert rows[0].split(" & ")[1].split()[0].replace("$-$", "−") == shown
    if latex := shutil.which("pdflatex"):
        whole = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}" + text + "\\end{document}"
        (tmp_path / "table.tex").write_text(whole, encoding="utf-8")
        command = [latex, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_text_in_a_table_is_text_in_latex(opened):
    page = opened()
    kinds = page.evaluate("""() => {
        spatialgraph.content.kinds.find(kind => kind.name === "spatial").label = "a_b & 5 % α=1 \\\\ {x}";
    }""")
    assert kinds is None
    page.select_option("#pick-method", "random")
    _, data = saved(page, "#save-latex")
    assert r"a\_b \& 5 \% $\alpha$=1 \textbackslash{} \{x\}" in data.decode()


def test_a_neuron_is_found_by_its_name(page):
    page.locator("#find").fill("Hidden2 5")
    page.keyboard.press("Enter")
    assert page.locator("#neuron-title").text_content() == "Neuron hidden2 5"
    assert page.evaluate("() => document.activeElement.id") == "find"
    page.locator("#find").fill("hidden9 5")
    page.keyboard.press("Enter")
    assert page.locator("#find-note").text_content() == "No neuron “hidden9 5”: expected a name such as hidden1 0."
    assert page.locator("#neuron-title").text_content() == "Neuron hidden2 5"
    assert page.locator("#names option").count() == 3 * UNITS + 2


def test_the_most_selective_neuron_is_found(page, small_results):
    known = Results.load(small_results)
    network = known.network(FIRST)
    evaluation = read_evaluation(known.run / network.metadata["evaluation"]["file"])
    runner = DenseRunner(read_network(known.run / "networks" / f"{FIRST}.h5"), evaluation)
    variance = np.concatenate(list(runner.task_variance(network.split_populations).values()))
    shares = variance / variance.sum(axis=1, keepdims=True)
    for task, name in enumerate(network.tasks):
        page.locator("#find").fill(f"most selective for {name}")
        page.keyboard.press("Enter")
        found = page.evaluate("() => spatialgraph.state.neuron")
        assert shares[found, task] == pytest.approx(np.nanmax(shares[:, task]), abs=1e-3)


def test_the_view_from_above_zooms_and_moves(opened):
    page = opened()

    def places():
        settled(page)
        return np.array(page.evaluate("() => spatialgraph.places().above")).reshape(-1, 2)

    view = page.locator("#above-over")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    before = places()
    point = np.array([box["width"] / 4, box["height"] / 3])
    page.mouse.move(box["x"] + point[0], box["y"] + point[1])
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    zoomed = places()
    factor = np.exp(0.45)
    # What is under the pointer stays: a wheel's place is in whole pixels.
    assert zoomed == pytest.approx(point + factor * (before - point), abs=0.6)
    page.click("#move")
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 50, steps=4)
    page.mouse.up()
    assert places() == pytest.approx(zoomed + np.array([40, 20]), abs=0.05)
    view.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert places() == pytest.approx(zoomed + np.array([16, 20]), abs=0.05)
    page.keyboard.press("0")
    assert places() == pytest.approx(before, abs=0.05)


def test_a_scene_is_moved_with_shift(page):
    page.locator("#scene-0-over").focus()
    settled(page)
    before = page.evaluate("() => spatialgraph.places()")
    page.keyboard.press("Shift+ArrowDown")
    settled(page)
    after = page.evaluate("() => spatialgraph.places()")
    for scene in ("scene-0", "scene-1"):
        moved = np.array(after[scene]) - np.array(before[scene])
        assert moved.reshape(-1, 2) == pytest.approx(np.tile([0, 24], (3 * UNITS, 1)), abs=0.01)


def test_a_pick_keeps_the_focus(page):
    for pick in ("pick-method", "pick-seed", "pick-kind", "pick-beside", "layout", "compare", "table-what"):
        page.locator(f"#{pick}").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        settled(page)
        assert page.evaluate("() => document.activeElement.id") == pick


def test_whatever_is_drawn_anew_keeps_the_focus(page):
    """A number of the table and a cell of the matrix stay in focus when something else is picked by its key."""
    for selector in ("#table-holder td button", "#agreement-holder td button", "#modules .module"):
        part = page.locator(selector).first
        part.focus()
        key = part.get_attribute("data-key")
        page.evaluate("() => spatialgraph.change({ ablation: 'mean' })")
        page.evaluate("() => spatialgraph.change({ ablation: 'zero' })")
        settled(page)
        assert page.evaluate("() => document.activeElement.dataset.key") == key


def test_all_split_methods_of_the_run_can_be_picked(page):
    assert sorted(page.locator("#pick-method option").all_text_contents()) == sorted(SPLITS)
