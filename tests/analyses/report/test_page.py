"""The report's page in a real browser: what is shown, what picks change, and that nothing is asked of anyone."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from analysed_run import EPOCHS, MOMENTS, SPLITS, UNITS, write_odd_run
from contrast import contrast
from hand_worked import pair, random_network, zoo

from spatialgraph.analyses.frames import to_csv
from spatialgraph.analyses.report import write_report
from spatialgraph.nulls import NULLS
from spatialgraph.splits.strengths import strength_to_tasks
from spatialgraph.store import read_network, read_splits

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

TASKS = ("left", "<i>right</i>")  # a name is text, whatever it looks like
FIRST = "concatenate-spatial-0"
SCENE = "scene-1"  # of the network that the page opens with; the reference kind's stands before it
LINES = UNITS * UNITS * 2
SPLIT_UNITS = 3 * UNITS


@pytest.fixture(scope="module")
def results(small_results):
    return small_results


@pytest.fixture(scope="module")
def address(small_page):
    return small_page


def state(page, name):
    return page.evaluate("name => spatialgraph.state[name]", name)


def point_of(page, view, unit):
    """Return where a neuron is on the page: the canvas is brought into view."""
    canvas = page.locator(f"#{view}")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = page.evaluate("view => spatialgraph.places()[view]", view)
    return box["x"] + places[2 * unit], box["y"] + places[2 * unit + 1]


def click(page, target):
    """Press and release the mouse where the middle of an element is."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def picture(page, view):
    """Return what a canvas shows, once it is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate("id => [id, `${id}-over`].map(part => document.getElementById(part).toDataURL()).join()", view)


def options(page, select):
    return page.locator(f"#{select} option").all_text_contents()


def scored(results, **wanted):
    """Return the rows of scores.csv with these values, as texts, and their lines in the file."""
    rows = pd.read_csv(results / "scores.csv", dtype=str, keep_default_na=False)
    return rows[np.logical_and.reduce([rows[name] == value for name, value in wanted.items()])]


def test_the_page_says_when_its_first_picture_was_there(opened):
    """How long that takes is measured by ``benchmarks/page.py``: a busy machine takes as long as it likes."""
    assert float(opened().locator("html").get_attribute("data-drawn")) > 0


def test_the_page_says_what_the_summary_says_and_names_are_text(page, results):
    summary = (results / "summary.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", summary, re.MULTILINE)
    assert page.locator("#summary summary").all_text_contents() == titles
    assert page.locator("#legend").text_content().count("<i>right</i>") == 1
    assert page.locator("#legend i, #modules i i").count() == 0
    assert page.title() == "small · spatialgraph"


def test_the_line_of_python_finds_the_rows_of_any_name(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["plain", "it's", 'a "b"', "a\\b\\'", "=1+1", "'=1", "x') or @f('", '").to_csv("x', "a`b", "$x$ #", "-"]
    cells = [{"kind": name, "inputs": "mix", "split": "greedy", "ablation": "", "metric": "cut"} for name in names]
    texts = page.evaluate("cells => cells.map(spatialgraph.queryOf)", cells)
    assert texts[0] == (
        """pandas.read_csv("scores.csv", keep_default_na=False).query("kind == 'plain' and inputs == 'mix' and """
        """split == 'greedy' and ablation == '' and metric == 'cut'")"""
    )
    for cell, text in zip(cells, texts, strict=True):
        rows = pd.DataFrame([cell | {"value": 1}, cell | {"kind": "no", "value": 2}])
        (tmp_path / "scores.csv").write_text(to_csv(rows))
        assert eval(text, {"pandas": pd})["value"].tolist() == [1], cell["kind"]


def test_a_number_of_the_table_leads_to_its_rows(page, results):
    page.locator("#table-holder tr", has_text="activation = 0").nth(1).locator("button").nth(1).click()
    shown = page.locator("#rows-holder tbody tr")
    rows = scored(
        results, kind="spatial", inputs="concatenate", split="greedy", ablation="zero", metric="accuracy-drop"
    )
    assert len(rows) == 4
    lines = (results / "scores.csv").read_text(encoding="utf-8").splitlines()
    for found, (index, row) in zip(shown.all(), rows.iterrows(), strict=True):
        line, network, seed, task, value = found.locator("td").all_text_contents()
        assert int(line) == index + 2
        fields = lines[int(line) - 1].split(",")
        assert (network, seed, task) == (row["network"], row["seed"], row["task"]) == (fields[1], fields[4], fields[8])
        assert float(value) == float(row["value"]) == float(fields[9])
    mean = rows["value"].astype(float).mean()
    assert page.locator("#rows-title").text_content() == f"Accuracy drop: {mean:.3f}".replace("-", "−")
    page.keyboard.press("Escape")
    assert not page.locator("#rows").is_visible()


def test_the_table_shows_all_methods_of_a_measure(page, results):
    page.select_option("#table-what", "modularity")
    assert sorted(page.locator("#table-holder tbody th").all_text_contents()) == sorted(SPLITS)
    numbers = page.locator("#table-holder tbody tr", has_text="louvain").locator("td").first.text_content()
    cells = pd.read_csv(results / "summary.csv", keep_default_na=False)
    cell = cells.query(
        "kind == 'regular' and inputs == 'concatenate' and split == 'louvain' and metric == 'modularity'"
    )
    assert numbers.split()[0] == f"{float(cell['mean'].item()):.3f}".replace("-", "−")


def test_picks_change_the_network_the_method_and_the_address(page, results):
    assert options(page, "pick-kind") == ["Regular", "Spatial"]
    assert page.locator("#network-note").text_content().startswith(f"{FIRST}: accuracy left")
    page.select_option("#pick-seed", label="1")
    assert "concatenate-spatial-1" in page.locator("#network-note").text_content()
    page.select_option("#pick-kind", "regular")
    assert page.locator("#network-note").text_content().startswith("concatenate-regular-1:")
    assert "It has no positions" in page.locator("#network-note").text_content()
    page.select_option("#pick-inputs", "mix")
    assert page.locator("#network-note").text_content().startswith("mix-regular-0:")
    page.select_option("#pick-method", "louvain")
    assert "network=mix-regular-0&method=louvain" in page.url
    split = read_splits(results / "splits.h5")["mix-regular-0"]["louvain"]
    hidden = np.concatenate([members for k, members in split.membership.items() if k < max(split.membership)])
    for card, size in zip(page.locator("#modules .module").all(), hidden.sum(axis=0).tolist(), strict=True):
        assert f"({size} neurons; its " in card.text_content()


def test_a_link_leads_to_what_its_sender_saw(opened):
    page = opened(fragment="#network=mix-spatial-0&method=positions&ablation=mean&neuron=17")
    assert page.locator("#network-note").text_content().startswith("mix-spatial-0:")
    assert page.input_value("#pick-method") == "positions"
    assert page.input_value("#pick-ablation") == "mean"
    assert page.locator("#neuron-title").text_content() == "Neuron output 1 (class 1 of left)"


def test_the_slider_sets_how_many_of_the_strongest_connections_are_shown(page):
    pictures = set()
    for share, lines in (("0", 10), ("500", round((10 * LINES) ** 0.5)), ("1000", LINES)):
        page.locator("#weakest").fill(share)
        assert page.locator("#weakest-value").text_content() == f"the {lines} strongest of each"
        assert state(page, "lines") == lines
        pictures.add((picture(page, "scene-0"), picture(page, "scene-1")))
    assert len(pictures) == len({one for one, _ in pictures}) == len({other for _, other in pictures}) == 3


def test_hovering_tells_of_a_neuron(page, results):
    network = read_network(results.parent / "networks" / f"{FIRST}.h5")
    split = read_splits(results / "splits.h5")[FIRST]["greedy"]
    # Neurons of different layers lie on each other: from above, that of the last layer is the one that is seen.
    for view, layer, name in ((SCENE, 2, "hidden2 3"), ("above", 3, "output 3 (class 3 of left)")):
        page.mouse.move(*point_of(page, view, (layer - 1) * UNITS + 3))
        tip = page.locator("#tooltip")
        sync_api.expect(tip).to_be_visible()
        text = tip.text_content()
        assert f"{name} · " in text
        if layer == 3:
            assert "none: no later layer is split" in text
        else:
            expected = strength_to_tasks(network.graph, layer, split.membership)[3]
            shown = tip.locator(".bars").first.locator("span").all_text_contents()[1::2]
            assert [float(number) for number in shown] == pytest.approx(expected, abs=0.006)
        assert "selectivity" in text
        assert re.search(r"methods: .* \d", text)
        page.mouse.move(2, 2)
        sync_api.expect(tip).to_be_hidden()


def test_a_click_shows_the_strongest_connections_of_a_neuron(page, results):
    network = read_network(results.parent / "networks" / f"{FIRST}.h5")
    unit = 2 * UNITS + 1  # the second output: all of its connections enter it
    page.mouse.click(*point_of(page, SCENE, unit))
    assert page.locator("#neuron-title").text_content() == "Neuron output 1 (class 1 of left)"
    weight = network.graph.split_connections[-1].weight[1]
    first = page.locator("#neuron .links button").first
    strongest = int(np.abs(weight).argmax())
    assert f"← hidden2 {strongest}" in first.text_content()
    assert first.text_content().split()[-1] == f"{weight[strongest]:+.2f}".replace("-", "−")
    said = page.locator("#neuron .facts li").all_text_contents()
    assert [text.split(":")[0] for text in said] == options(page, "pick-method")
    first.click()
    assert page.locator("#neuron-title").text_content() == f"Neuron hidden2 {strongest}"
    assert state(page, "neuron") == UNITS + strongest


def test_a_brush_chooses_neurons_and_their_module(page):
    places = page.evaluate("() => spatialgraph.places().above")
    labels = {unit: places[2 * unit] for unit in range(SPLIT_UNITS)}
    middle = (min(labels.values()) + max(labels.values())) / 2
    left = [unit for unit, x in labels.items() if x < middle]
    canvas = page.locator("#above-over")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + middle, box["y"] + box["height"] / 2, steps=4)
    page.mouse.move(box["x"] + middle, box["y"] + box["height"] - 3, steps=4)
    page.mouse.up()
    assert state(page, "brushed") == left
    assert page.locator("#brushed").text_content().startswith(f"{len(left)} neurons chosen: ")
    assert page.locator('.module[aria-pressed="true"]').count() == 1
    page.click("#clear")
    assert state(page, "brushed") == []
    assert page.locator('.module[aria-pressed="true"]').count() == 0


def test_a_module_tells_what_tasks_lose_without_it(page, results):
    page.select_option("#pick-ablation", "incoming")
    for module, card in enumerate(page.locator("#modules .module").all()):
        shown = card.locator(".bars > span").all_text_contents()
        assert shown[::2] == list(TASKS)
        for task, text in zip(TASKS, shown[1::2], strict=True):
            full = scored(results, network=FIRST, split="none", metric="accuracy", task=task)["value"].astype(float)
            metric = f"accuracy-without:{TASKS[module]}"
            found = scored(results, network=FIRST, split="greedy", ablation="incoming", metric=metric, task=task)
            assert float(text.replace("−", "-")) == pytest.approx(full.item() - float(found["value"].item()), abs=6e-4)
    before = picture(page, SCENE)
    page.locator("#modules .module").first.click()
    assert state(page, "module") == 0
    assert picture(page, SCENE) != before


def test_null_distributions_show_what_was_observed(page, results):
    figures = page.locator("#nulls figure")
    titles = figures.locator("figcaption").all_text_contents()
    assert sum(title.startswith("Modularity") for title in titles) == len(NULLS)
    assert sum(title.startswith("Accuracy drop") for title in titles) == 1
    rows = pd.read_csv(results / "nulls.csv", keep_default_na=False)
    rows = rows[(rows["network"] == FIRST) & (rows["split"] == "greedy") & (rows["metric"] == "modularity")]
    row = rows[rows["null"] == "shuffle"].iloc[0]
    facts = figures.locator(".note").first.text_content()
    observed, z, p = (float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+", facts))
    assert observed == pytest.approx(float(row["value"]), abs=6e-4)
    assert z == pytest.approx(float(row["z"]), abs=0.06)
    assert p == pytest.approx(float(row["p"]), abs=6e-3)


def test_the_agreement_matrix_marks_where_two_methods_differ(page, results):
    table = pd.read_csv(results / "agreement.csv")
    row = table.query(f"network == '{FIRST}' and split == 'greedy' and other == 'positions'")
    value = row[row["measure"] == "adjusted-rand"]["value"].item()
    cell = page.get_by_role("button", name="greedy and positions:")
    shown = cell.get_attribute("aria-label").split(": ")[1].split(" ")[0].replace("−", "-")
    assert float(shown) == pytest.approx(value, abs=6e-3)
    page.get_by_role("button", name="random and greedy:").click()
    assert page.input_value("#compare") == "greedy"
    assert page.input_value("#pick-method") == "random"
    before = picture(page, "above")
    page.select_option("#compare", "")
    assert picture(page, "above") != before
    cell = page.get_by_role("button", name="greedy and greedy:")
    cell.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')").startswith("greedy and ")


def last_for(page, seconds):
    """Let the film take so long, which readers choose among longer times."""
    page.locator("#duration option:checked").evaluate("(option, seconds) => { option.value = seconds }", str(seconds))


def test_the_time_line_moves_scenes_shares_and_curves_of_both_networks(page):
    assert page.locator("#scrubber").get_attribute("max") == str(len(MOMENTS))
    assert page.locator("#moment").text_content() == f"{EPOCHS} (trained)"

    def seen():
        shares = page.locator(".share").all_text_contents()
        curves = page.locator("#training-curves svg[role=img]").evaluate_all("all => all.map(one => one.outerHTML)")
        return [picture(page, "scene-0"), picture(page, "scene-1"), *shares, *curves]

    last = seen()
    page.locator("#scrubber").fill("1")
    assert page.locator("#moment").text_content() == "0.25"
    page.wait_for_timeout(50)
    assert all(one != other for one, other in zip(last, seen(), strict=True))
    page.locator("#scrubber").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#moment").text_content() == "0.50"
    assert "epoch 0.50; strength that crosses: Regular " in page.locator("#scrubber").get_attribute("aria-valuetext")
    page.select_option("#duration", "4")
    last_for(page, 0.5)
    page.locator("#play").press("Enter")
    assert page.locator("#play").text_content() == "Pause"
    sync_api.expect(page.locator("#moment")).to_have_text(f"{EPOCHS} (trained)", timeout=10_000)
    sync_api.expect(page.locator("#play")).to_have_text("Play")
    assert seen() == last


def test_the_film_plays_to_its_end_when_the_mouse_starts_it(page):
    # The page keeps what it shows: however busy the machine is, no moment goes by unseen.
    seen = page.evaluate_handle("""() => {
        const seen = [];
        const scene = document.getElementById("scene-1"), moment = document.getElementById("moment");
        const look = () => seen.push([Number(scrubber.value), moment.textContent, scene.toDataURL()]);
        const scrubber = document.getElementById("scrubber");
        new MutationObserver(look).observe(moment, { childList: true, characterData: true, subtree: true });
        return seen;
    }""")
    last_for(page, 1.5)
    click(page, page.locator("#play"))
    assert page.locator("#play").text_content() == "Pause"
    sync_api.expect(page.locator("#play")).to_have_text("Play", timeout=60_000)
    frames, moments, pictures = zip(*seen.json_value(), strict=True)
    assert list(frames) == sorted(frames)
    assert len(set(frames)) == len(set(moments)) > 2
    assert len(set(pictures)) > 2
    assert moments[-1] == f"{EPOCHS} (trained)"


def test_the_mouse_stops_the_film(page):
    last_for(page, 3)
    click(page, page.locator("#play"))
    click(page, page.locator("#play"))
    assert page.locator("#play").text_content() == "Play"
    stopped = state(page, "frame")
    page.wait_for_timeout(600)  # a frame takes half a second
    assert state(page, "frame") == stopped < len(MOMENTS)
    assert stopped >= 0


def test_the_picks_hold_for_the_table(page):
    page.select_option("#pick-method", "louvain")
    assert page.locator("#table-caption").text_content() == "Split method louvain."
    page.select_option("#table-what", "accuracy-drop")
    page.select_option("#pick-ablation", "mean")
    assert page.locator("#table-caption").text_content() == "Accuracy drop, activation = mean."
    before = page.locator("#table-holder").text_content()
    page.select_option("#pick-ablation", "zero")
    assert page.locator("#table-holder").text_content() != before


def test_enter_keeps_the_focus(page):
    def focused():
        return page.evaluate("() => document.activeElement.dataset.key")

    page.locator("#modules .module").nth(1).focus()
    for pressed in ("true", "false"):
        page.keyboard.press("Enter")
        assert focused() == "1"
        assert page.locator("#modules .module").nth(1).get_attribute("aria-pressed") == pressed
    page.get_by_role("button", name="random and greedy:").focus()
    key = focused()
    page.keyboard.press("Enter")
    assert page.input_value("#compare") == "greedy"
    assert focused() == key
    page.mouse.click(*point_of(page, SCENE, 2 * UNITS + 1))
    page.locator("#neuron .links button").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.closest('#neuron') !== null")


def test_the_page_opens_on_the_ablation_of_the_readme(page):
    assert page.input_value("#pick-ablation") == "incoming"


def test_no_layout_depends_on_the_split(page):
    for layout in ("order", "connections", "positions"):
        page.select_option("#layout", layout)
        found = []
        for method in ("greedy", "louvain", "random"):
            page.select_option("#pick-method", method)
            picture(page, "above")
            found.append(page.evaluate("() => spatialgraph.places()"))
        assert found[0] == found[1] == found[2]


def test_neurons_in_their_order_stand_in_rows(page):
    page.select_option("#layout", "order")
    picture(page, "above")
    found = page.evaluate("() => spatialgraph.places().above")
    x, y = found[: 2 * UNITS : 2], found[1 : 2 * UNITS : 2]
    assert x[0] == x[3] == x[6] < x[1] < x[2]  # of 8 neurons, three in a row
    assert y[0] == y[1] == y[2] < y[3] < y[6]


def test_one_rule_lays_out_both_networks_and_one_without_positions_says_so(page):
    facts = page.locator(".facts-line")
    assert all("neurons placed by their connections alone" in text for text in facts.all_text_contents())
    page.select_option("#layout", "positions")
    sync_api.expect(facts.nth(0)).to_contain_text("no positions: neurons placed by their connections alone")
    sync_api.expect(facts.nth(1)).to_contain_text("neurons at their learned positions")


def test_connections_between_modules_have_a_colour_of_their_own(page):
    assert "connection between modules" in page.locator("#legend").text_content()
    for frame in (-1, 1):
        page.evaluate("frame => spatialgraph.change({ frame })", frame)
        for view in ("scene-0", "scene-1"):
            shown = set()
            for shade in ("#00ff00", "#ff00ff"):
                page.evaluate("shade => document.documentElement.style.setProperty('--crossing', shade)", shade)
                page.evaluate("() => spatialgraph.change({ module: spatialgraph.state.module === 0 ? -1 : 0 })")
                page.evaluate("() => spatialgraph.change({ module: spatialgraph.state.module === 0 ? -1 : 0 })")
                shown.add(picture(page, view))
            assert len(shown) == 2


def test_degenerate_splits_are_marked_in_the_agreement_matrix(opened):
    page = opened()
    page.evaluate("() => spatialgraph.networks.forEach(n => { n.degenerate = { louvain: ['left: no neuron'] } })")
    page.select_option("#pick-method", "positions")
    assert page.locator("#agreement-holder th", has_text="louvain †").count() == 2
    assert "† Degenerate, and no agreement of modules: louvain (left: no neuron)." in (
        page.locator("#agreement-note").text_content()
    )
    cells = page.locator("#agreement-holder td button.degenerate")
    assert cells.count() == 2 * len(SPLITS) - 1
    assert all("(degenerate)" in cell.get_attribute("aria-label") for cell in cells.all())


def test_degenerate_splits_are_marked_in_the_table(opened):
    page = opened()
    page.select_option("#table-what", "accuracy-drop")
    assert page.locator("#table-holder .degenerate").count() == 0
    assert "†" not in page.locator("#table-caption").text_content()
    page.evaluate("() => spatialgraph.content.cells.forEach(c => { c.degenerate = Number(c.split === 'louvain') })")
    page.select_option("#table-what", "modularity")
    row = page.locator("#table-holder tr", has_text="louvain")
    assert row.locator(".degenerate").count() == page.locator("#table-holder .degenerate").count() == 4
    assert row.locator("td").first.text_content().endswith(" †")
    assert row.locator(".degenerate").first.get_attribute("title") == "degenerate in 1 of 2 networks"
    assert page.locator("#table-caption").text_content().startswith("Modularity. †: some of its splits are degenerate")


def test_the_note_on_chance_says_what_p_is(page):
    note = page.locator("#chance-note").text_content()
    assert "p = (b + 1) / (m + 1)" in note
    assert "lose as little accuracy" in note


@pytest.mark.parametrize("width", [1280, 850, 640, 400])
def test_curves_keep_their_size(shown, width):
    page = shown(width=width)
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        boxes = page.evaluate(
            "() => [...document.querySelectorAll('.charts figure > svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert len(boxes) > 4
        assert all(180 < box <= 320 for box in boxes)


@pytest.mark.parametrize("width", [1280, 860, 720, 400])
def test_slices_and_their_names_are_not_cut_off(opened, width):
    page = opened(width=width)
    picture(page, SCENE)
    drawn, at_edges = page.evaluate(
        """id => {
        const { width, height } = document.getElementById(id);
        const { data } = document.getElementById(id).getContext("2d").getImageData(0, 0, width, height);
        let [drawn, atEdges] = [0, 0];
        for (let pixel = 0; pixel < width * height; pixel += 1) {
            const [x, y, opaque] = [pixel % width, Math.floor(pixel / width), data[4 * pixel + 3] > 0];
            drawn += opaque;
            atEdges += opaque && (x === 0 || y === 0 || x === width - 1 || y === height - 1);
        }
        return [drawn, atEdges];
    }""",
        SCENE,
    )
    assert drawn > 1000
    assert at_edges == 0


def test_the_contrast_of_black_and_white_is_21():
    assert contrast("rgb(0, 0, 0)", "color(srgb 1 1 1)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_edges_can_be_told_from_what_is_under_them(shown, scheme):
    page = shown(color_scheme=scheme)
    styles = """selector => [...document.querySelectorAll(selector)].map(part => {
        const { color, backgroundColor, borderTopColor } = getComputedStyle(part);
        return [color, backgroundColor, borderTopColor];
    })"""
    paper = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    cells = page.evaluate(styles, "#agreement-holder td button")
    assert min(contrast(text, ground) for text, ground, _ in cells) >= 4.5
    quiet = page.evaluate(styles, ".note, .bars span, summary, th, .hint")
    raised = page.evaluate(styles, ".panel")[0][1]
    assert min(contrast(text, ground) for text, _, _ in quiet for ground in (paper, raised)) >= 4.5
    edges = page.evaluate(styles, "select, #play, .legend .dot, .legend .line")
    assert min(contrast(edge, paper) for _, _, edge in edges) >= 3
    columns = page.evaluate("() => getComputedStyle(document.querySelector('#nulls rect')).fill")
    assert contrast(columns, paper) >= 3


@pytest.mark.parametrize("width", [1280, 400])
def test_what_is_clicked_is_24_pixels_wide_and_high(opened, width):
    page = opened(width=width, fragment="#neuron=17")
    small = page.evaluate("""() => [...document.querySelectorAll("button, select, input, nav a, summary")]
        .map(part => [part.outerHTML.slice(0, 80), part.getBoundingClientRect()])
        .filter(([_, { width, height }]) => width && (width < 24 || height < 24))
        .map(([text, { width, height }]) => `${width} x ${height}: ${text}`)""")
    assert small == []


def test_networks_without_snapshots_have_no_time_line(opened):
    page = opened()
    page.evaluate("() => { for (const network of spatialgraph.networks) network.film = null; }")
    page.select_option("#pick-seed", label="1")
    assert not page.locator("#timeline").is_visible()
    assert not page.locator("#training").is_visible()
    assert (
        page.locator("#timeline-note").text_content().startswith("No time line: no network of this run has snapshots")
    )


def test_the_keyboard_turns_zooms_and_walks(page):
    page.locator(f"#{SCENE}-over").focus()
    pictures = [picture(page, SCENE)]
    for key in ("ArrowRight", "ArrowUp", "+", "."):
        page.keyboard.press(key)
        pictures.append(picture(page, SCENE))
    assert len(set(pictures)) == len(pictures)
    assert page.locator("#spoken").text_content().startswith("hidden1 0, ")
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    assert picture(page, SCENE) == pictures[0]
    page.locator("#above-over").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert state(page, "neuron") == 0
    assert page.locator('.module[aria-pressed="true"]').count() == 1


def test_dragging_turns_and_the_wheel_zooms(page):
    first = picture(page, SCENE)
    canvas = page.locator(f"#{SCENE}-over")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=3)
    page.mouse.up()
    turned = picture(page, SCENE)
    assert turned != first
    assert state(page, "neuron") == -1
    page.mouse.wheel(0, -240)
    sync_api.expect(canvas).to_be_in_viewport()
    assert picture(page, SCENE) != turned
    page.click("#turn-back")
    page.mouse.move(2, 2)
    assert picture(page, SCENE) == first


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_sticks_out_of_the_page(shown, width, scheme):
    page = shown(width=width, color_scheme=scheme)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    background = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    lightness = np.mean([int(part) for part in re.findall(r"\d+", background)[:3]])
    assert lightness < 60 if scheme == "dark" else lightness > 200
    for part in ("table-holder", "scene-0", "scene-1", "above", "modules", "nulls", "agreement-holder", "timeline"):
        assert page.locator(f"#{part}").bounding_box()["width"] <= width


def test_a_printed_page_has_every_part_open_and_no_controls(page):
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#play").is_visible()
    assert page.locator("#summary details:not([open])").count() == 0
    assert page.locator(f"#{SCENE}-over").is_visible()


def odd_networks():
    """Return networks that the page may stumble over, by name: those of all methods, and what only pictures mind."""
    sizes = (3, 4, 5, 4)
    places = [np.random.default_rng(0).normal(size=(size, 3)) for size in sizes[1:]]
    plain = random_network(6, skips=False, positions=False)
    layers = [dataclasses.replace(layer, split=False) for layer in plain.layers]
    in_space = [dataclasses.replace(layer, position=p) for layer, p in zip(plain.layers[1:], places, strict=True)]
    return zoo() | {
        "on a line": pair(),
        "in space": dataclasses.replace(plain, layers=(plain.layers[0], *in_space)),
        "no layer split": dataclasses.replace(plain, layers=tuple(layers)),
    }


def test_odd_networks_are_shown_too(opened, tmp_path):
    address = write_report(write_odd_run(tmp_path, odd_networks(), ablations=["incoming"])).resolve().as_uri()
    page = opened(900, 800, address=address)
    modes = page.locator("#pick-inputs option").all_text_contents()
    assert len(modes) == len(odd_networks())
    for mode in modes:
        page.select_option("#pick-inputs", mode)
        for method in ("greedy-shared", "random", "greedy"):
            page.select_option("#pick-method", method)
        assert page.locator("#network-note").text_content().startswith(f"{mode}: accuracy")
        page.locator(f"#{SCENE}-over").press(".")  # and is drawn


def test_an_analysis_of_few_measures_is_shown_too(opened, tmp_path):
    folder = write_odd_run(tmp_path, {"alone": random_network(0, skips=False)}, nulls=0, metrics=["modularity"])
    page = opened(900, 800, address=write_report(folder).resolve().as_uri())
    assert page.locator("#modules .module").count() == 2
    assert page.locator("#modules .bars").count() == 0
    assert page.locator("#modules-note").text_content() == "What tasks lose without a module was not measured."
    assert page.locator("#chance-note").text_content().startswith("No null model was run")
    page.locator("#table-holder button").first.click()
    assert page.locator("#rows-title").text_content().startswith("Modularity: ")


def test_the_page_is_one_file_that_names_no_other(address):
    text = Path(address.removeprefix("file://")).read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", text)
    assert not re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", ""))
