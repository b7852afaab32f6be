"""What the page shows before anything is scrolled or clicked: the finding, two networks side by side, their keys."""

import io
import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from analysed_run import UNITS, write_odd_run
from contrast import contrast
from hand_worked import random_network, three_tasks
from rich.console import Console

from spatialgraph.analyses import report
from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.evidence import Evidence
from spatialgraph.analyses.headline import headline
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.glossary import TERMS
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.scoring import Plan
from spatialgraph.graph import Connection, Graph, Population
from spatialgraph.metrics import cut
from spatialgraph.store import write_network

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def results(small_results):
    return small_results


@pytest.fixture(scope="module")
def address(small_page):
    return small_page


def settled(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_first_sentence_is_the_headline_of_the_analysis(page, results):
    assert page.locator(".headline").text_content() == headline(Evidence.load(results)).text


def test_everything_of_the_first_screen_is_seen_without_scrolling(opened):
    page = opened(width=1280, height=800)
    parts = [".picks", ".headline", "#side-0", "#side-1", "#side-0-share", "#side-1-share", "#weakest", "#scrubber"]
    for part in [*parts, "#legend"]:
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 800, part


def test_the_essence_is_seen_on_a_narrow_screen(opened):
    page = opened(width=400, height=800)
    for part in (".headline", "#side-0-share", "#scene-0", "#side-1-share", "#scene-1"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 800, part


def test_what_crosses_is_said_of_both_networks(page, results):
    known = Results.load(results)
    for side, name in enumerate(("concatenate-regular-0", "concatenate-spatial-0")):
        share = cut(known.network(name), known.splits[name]["greedy"])
        assert page.locator(f"#side-{side}-share").text_content().startswith(f"{round(100 * share)} % of the strength")
        parts = page.locator(f"#side-{side}-flow i").evaluate_all("all => all.map(i => Number(i.style.flexGrow))")
        assert sum(parts) == pytest.approx(1, abs=0.01)
        assert parts[-1] == pytest.approx(share, abs=1e-3)


def test_one_camera_and_one_slider_move_both_scenes(page):
    def places():
        settled(page)
        return page.evaluate("() => { const all = spatialgraph.places(); return [all['scene-0'], all['scene-1']]; }")

    before = places()
    page.locator("#scene-0-over").focus()
    page.keyboard.press("ArrowRight")
    after = places()
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert page.evaluate("() => spatialgraph.sides()") == page.evaluate(
        "() => ['concatenate-regular-0', 'concatenate-spatial-0']"
        ".map(name => spatialgraph.networks.findIndex(one => one.name === name))"
    )


def test_a_click_on_the_other_network_makes_the_sections_be_about_it(page):
    canvas = page.locator("#scene-0").bounding_box()
    settled(page)
    x, y = page.evaluate("unit => spatialgraph.places()['scene-0'].slice(2 * unit, 2 * unit + 2)", 2 * UNITS)
    page.mouse.click(canvas["x"] + x, canvas["y"] + y)
    assert page.input_value("#pick-kind") == "regular"
    assert page.input_value("#pick-beside") == "spatial"
    assert page.locator("#neuron-title").text_content() == "Neuron output 0 (class 0 of left)"
    assert page.locator("#side-0-name").text_content() == "Regular"  # sides stay where they are
    assert page.locator("#side-0-name").get_attribute("aria-pressed") == "true"
    page.locator("#side-1-name").focus()
    page.keyboard.press("Enter")
    assert page.input_value("#pick-kind") == "spatial"
    assert page.evaluate("() => document.activeElement.id") == "side-1-name"


def test_the_pair_is_picked(page):
    page.select_option("#pick-beside", "")
    assert not page.locator("#side-1").is_visible()
    assert page.locator("#side-0-name").text_content() == "concatenate-spatial-0"
    page.select_option("#pick-beside", "regular")
    page.select_option("#pick-kind", "regular")
    assert page.input_value("#pick-beside") == "spatial"
    page.select_option("#pick-inputs", "mix")
    shown = [re.compile(f"^{name}:") for name in ("mix-regular-0", "mix-spatial-0")]
    sync_api.expect(page.locator(".facts-line")).to_have_text(shown)  # drawn with the next picture


def test_picks_stay_in_view(page):
    for part in ("#chance", "#table", "#summary"):
        page.locator(part).evaluate("part => part.scrollIntoView()")
        page.wait_for_timeout(50)
        assert page.locator("#picks").bounding_box()["y"] == pytest.approx(0, abs=1)


def test_every_section_is_one_click_away_and_the_address_stays(page):
    page.select_option("#pick-method", "louvain")
    for link in page.locator("nav a").all():
        link.click()
        part = page.locator(link.get_attribute("href"))
        sync_api.expect(part).to_be_in_viewport()
        assert "method=louvain" in page.url
        page.evaluate("() => scrollTo(0, 0)")
    assert page.locator("#made").get_attribute("open") is not None


def test_terms_are_explained_where_they_are_used(page):
    dialogs = page.locator("dfn[data-term]")
    assert {one.get_attribute("data-term") for one in dialogs.all()} >= {"ablation", "cut", "null", "z", "p", "module"}
    for key, (name, text) in TERMS.items():
        entry = page.locator(f"#term-{key}")
        assert entry.text_content() == text
        assert entry.locator("xpath=..").locator("dt").text_content() == name
    term = page.locator("#picks dfn[data-term=ablation]")
    term.hover()
    sync_api.expect(page.locator("#tooltip")).to_have_text(TERMS["ablation"][1])
    page.mouse.move(5, 500)
    sync_api.expect(page.locator("#tooltip")).to_be_hidden()
    page.locator("#side-0-share dfn").focus()
    sync_api.expect(page.locator("#tooltip")).to_have_text(TERMS["cut"][1])
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("#tooltip")).to_be_hidden()


def test_who_does_not_see_hears_what_is_drawn(page, results):
    def said(side=1):
        settled(page)
        return page.locator(f"#scene-{side}-over").get_attribute("aria-label")

    text = said()
    assert text.startswith("Spatial, concatenate-spatial-0: 3 layers, 24 neurons. by greedy: left ")
    share = page.locator("#side-1-share b").text_content()
    assert f"{share} of the strength crosses modules" in text
    assert re.search(r"128 strongest connections drawn, \d+ of them cross", text)
    page.locator("#scene-1-over").press(".")
    assert "chosen: hidden1 0, " in said()
    page.locator("#scrubber").fill("1")
    assert "at epoch 0.25" in said(0)
    assert "at epoch 0.25" in said(1)
    sync_api.expect(page.locator("#spoken-picture")).to_contain_text("of the strength crosses; epoch 0.25")
    assert "24 neurons" in page.locator("#above-over").get_attribute("aria-label")


MARKS = ("crossing", "task-0", "task-1", "task-2", "task-3", "task-4", "task-5", "task-6", "task-7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_marks_and_controls_have_contrast(opened, scheme):
    page = opened(color_scheme=scheme, fragment="#neuron=3")
    paper = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    styles = """selector => [...document.querySelectorAll(selector)].filter(part => part.offsetParent).map(part => {
        const painted = one => getComputedStyle(one).backgroundColor !== "rgba(0, 0, 0, 0)" || !one.parentElement;
        let ground = part;
        while (!painted(ground)) ground = ground.parentElement;
        const { color, borderTopColor } = getComputedStyle(part);
        return [part.outerHTML.slice(0, 90), color, getComputedStyle(ground).backgroundColor, borderTopColor];
    })"""
    texts = "p, label, a, dfn, h1, h2, h3, summary, th, td, dt, dd, button, select, output, figcaption, .note, .hint"
    for part, text, ground, _ in page.evaluate(styles, f"{texts}, .legend > span, .share, .bars span, .key span"):
        assert contrast(text, ground) >= 4.5, part
    for part, _, ground, edge in page.evaluate(
        styles, "select, input[type=search], .saves button, #play, .ring, .line"
    ):
        assert contrast(edge, ground) >= 3, part
    edges = page.evaluate(styles, ".legend .dot, .flow i, .module")
    assert edges
    for part, _, _, edge in edges:
        assert contrast(edge, paper) >= 3, part
    lines = """names => names.map(name => {
        const part = document.body.appendChild(document.createElement("i"));
        part.style.color = `color-mix(in srgb, var(--${name}) ${name === "crossing" ? 100 : 62}%, var(--ink))`;
        const { color } = getComputedStyle(part);
        part.remove();
        return color;
    })"""
    for name, shade in zip(MARKS, page.evaluate(lines, list(MARKS)), strict=True):
        assert contrast(shade, paper) >= 3, name


def test_the_footer_names_the_paper_where_networks_are_after_it(page, results):
    footer = page.locator("footer").text_content()
    assert "Wołczyk" not in footer  # these were made by hand
    assert "its address holds all that is picked" in " ".join(footer.split()).lower()


def deep_graph(kind, layers=17):
    """Return a graph of channels in many populations, and of outputs, as a captured model has them."""
    draw = np.random.default_rng(len(kind))
    names = [f"stage{k}.block.conv" for k in range(layers)]
    populations = [Population("image", 3), *(Population(name, 6, split=True, unit="channel") for name in names)]
    populations.append(Population("head", 4, split=True, unit="output", task=np.array([0, 0, 1, 1])))
    sizes = [population.size for population in populations]
    connections = [
        Connection(k, k + 1, draw.normal(size=(sizes[k + 1], sizes[k])).astype(np.float32)) for k in range(layers + 1)
    ]
    metadata = {"name": f"{kind}-0", "tasks": ["digits", "letters"], "kind": kind, "inputs": "photos", "seed": 0}
    return Graph(tuple(populations), tuple(connections), metadata)


@pytest.fixture(scope="module")
def deep_page(tmp_path_factory):
    """Return the address of a page of three kinds of deep graphs, which nothing can run."""
    run = tmp_path_factory.mktemp("deep") / "deep"
    for kind in ("plain", "gated", "wide"):
        write_network(run / "networks" / f"{kind}-0.h5", deep_graph(kind))
    plan = Plan.choose(splits=("greedy", "random"), nulls=0)
    analyze(run, run / "results", plan=plan, console=Console(file=io.StringIO()))
    return write_report(run / "results").resolve().as_uri()


def test_deep_models_of_three_kinds_are_shown_and_their_units_called_what_they_are(opened, deep_page):
    page = opened(1280, 800, address=deep_page)
    settled(page)
    assert page.locator("#pick-beside option").count() == 3  # two other kinds, and none
    page.select_option("#pick-beside", "wide")
    assert page.locator(".facts-line").nth(1).text_content().startswith("wide-0: ")
    assert page.locator("#timeline-note").text_content().startswith("No time line")
    assert "accuracy not measured" in page.locator("#network-note").text_content()
    page.locator("#find").fill("stage3.block.conv channel 2")
    page.keyboard.press("Enter")
    assert page.locator("#neuron-title").text_content() == "stage3.block.conv channel 2"
    assert "neuron" not in page.locator("#scene-keys").text_content()
    assert "click a unit" in page.locator("#scene-keys").text_content()
    assert "marks return after 8 layers" in page.locator("#legend-above").text_content()
    with page.expect_download() as download:
        page.click("#save-scenes-svg")
    root = ElementTree.fromstring(download.value.path().read_bytes())
    svg = "{http://www.w3.org/2000/svg}"
    names = [(float(t.get("x")), t.text) for t in next(root.iter(f"{svg}g")).iter(f"{svg}text")]
    assert 2 <= len(names) < 18
    assert "head" in {text for _, text in names}
    halves = sorted((x - 3.4 * len(text), x + 3.4 * len(text)) for x, text in names)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(halves))  # names do not overlap


def test_networks_of_other_shapes_open_too(opened, tmp_path):
    """One of three tasks and one without positions, of one kind: one scene is shown."""
    networks = {"three": three_tasks(), "plain": random_network(1, positions=False)}
    address = write_report(write_odd_run(tmp_path, networks, nulls=0)).resolve().as_uri()
    page = opened(1280, 800, address=address)
    for mode in networks:
        page.select_option("#pick-inputs", mode)
        settled(page)
        assert not page.locator("#side-1").is_visible()
        assert not page.locator("#pick-beside").is_visible()
        assert f"{mode}: " in page.locator("#scene-0-over").get_attribute("aria-label")


def test_a_page_of_some_networks_says_so_and_its_table_leads_to_rows_of_all(
    opened, small_results, tmp_path, monkeypatch
):
    monkeypatch.setattr(report, "_MOST_NETWORKS", 4)
    address = write_report(small_results, tmp_path / "few.html").resolve().as_uri()
    page = opened(1280, 800, address=address)
    settled(page)
    assert "shows 4 of 6 networks, those of the first seeds" in page.locator("#network-note").text_content()
    assert page.locator("#pick-seed option").all_text_contents() == ["0"]
    page.locator("#table-holder button").first.click()
    assert page.locator("#rows-holder td").filter(has_text="concatenate-regular-1").count() >= 1
