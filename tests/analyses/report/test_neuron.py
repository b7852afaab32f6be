"""The panel that explains a neuron, in a real browser."""

import dataclasses

import numpy as np
import pytest
from analysed_run import write_odd_run
from hand_worked import labelled, random_network, zoo

from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.live import EXAMPLES, SAMPLE_SEED
from spatialgraph.runners import DenseRunner
from spatialgraph.runners.activations import forward
from spatialgraph.runners.reading import input_gradients
from spatialgraph.splits import apply, counted

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

HIDDEN1, HIDDEN2, OUTPUT = range(3)  # of the layers of the page
FIRST = (0, 6, 13)  # the number of the first neuron of each
PICTURES, CLASSES = [[2, 2], [1, 4]], [["cat", "<em>dog</em>"], ["left", "right"]]


def network(seed=1):
    return random_network(seed, sizes=(8, 6, 7, 4), skips=False)


def evaluate(network):
    return labelled(network, examples=40)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    known = {**network().metadata, "classes": CLASSES, "images": PICTURES}
    networks = {
        "named": dataclasses.replace(network(), metadata=known),
        "plain": network(seed=2),
        "strengths only": zoo()["strengths only"],
    }
    splits = ("greedy", "ablation", "louvain", "activation-mean")
    folder = write_odd_run(tmp_path_factory.mktemp("neuron"), networks, 0, evaluate, splits=splits)
    return write_report(folder).resolve().as_uri()


@pytest.fixture
def page(shown):
    page = shown()
    page.select_option("#pick-inputs", "named")
    return page


def choose(page, layer, unit):
    """Click a neuron in the picture from above."""
    canvas = page.locator("#above")
    canvas.scroll_into_view_if_needed()
    box, number = canvas.bounding_box(), FIRST[layer] + unit
    places = page.evaluate("() => spatialgraph.places().above")
    page.mouse.click(box["x"] + places[2 * number], box["y"] + places[2 * number + 1])
    assert page.evaluate("() => spatialgraph.state.neuron") == number
    return number


def text(page, selector="#neuron"):
    return page.locator(selector).text_content()


def shown_bars(page, note):
    """Return the numbers of the bars under a note."""
    holder = page.locator(f"#neuron .note:has-text({note!r}) + .bars")
    return [float(number.replace("−", "-")) for number in holder.locator("> span").all_text_contents()[1::2]]


def pixels(page, selector):
    """Return what a small canvas shows, ``(rows, columns, 3)``."""
    found = page.locator(selector).evaluate(
        "c => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.array(found[2]).reshape(found[0], found[1], 4)[:, :, :3]


def test_outputs_are_called_what_they_stand_for(page):
    choose(page, OUTPUT, 2)
    assert text(page, "#neuron-title") == "Neuron output 2 (<em>dog</em>)"
    page.keyboard.press(".")
    assert text(page, "#neuron-title") == "Neuron output 3 (right)"
    assert page.locator("#neuron em, #neuron-title em").count() == 0
    page.select_option("#pick-inputs", "plain")
    choose(page, OUTPUT, 2)
    assert text(page, "#neuron-title") == "Neuron output 2 (class 1 of task0)"


def test_the_map_is_the_mean_gradient_over_the_sample(page):
    sample = DenseRunner(network(), evaluate(network())).sample(EXAMPLES, SAMPLE_SEED).evaluation
    gradients = input_gradients(network(), sample.inputs, (1, 2, 3))
    for layer, unit in ((HIDDEN1, 2), (HIDDEN2, 4), (OUTPUT, 1)):
        number = choose(page, layer, unit)
        expected = gradients[layer + 1][unit] / np.abs(gradients[layer + 1][unit]).max()
        found = np.array(page.evaluate("unit => spatialgraph.mapOf(unit)", number))
        assert found == pytest.approx(expected, abs=0.03)
        how = "What it reads: its weights" if layer == HIDDEN1 else "mean gradient of its input sum over 40 held-out"
        assert how in text(page, "#reads")
        first, second = pixels(page, "#reads canvas >> nth=0"), pixels(page, "#reads canvas >> nth=1")
        assert (first.shape, second.shape) == ((2, 2, 3), (1, 4, 3))
        shades = np.concatenate([first.reshape(4, 3), second.reshape(4, 3)])
        # Red where the entry raises the neuron, blue where it lowers it.
        clear = np.abs(expected) > 0.2
        assert (np.sign(shades[clear, 0] - shades[clear, 2]) == np.sign(expected[clear])).all()
        share = round(100 * float((expected[:4] ** 2).sum() / (expected**2).sum()))
        assert abs(int(text(page, "#reads figcaption >> nth=0").removeprefix("task0: ").removesuffix(" %")) - share) < 3
    assert "lowers it" in text(page, "#reads .key")


def test_the_examples_are_those_that_excite_it_most(page):
    sample = DenseRunner(network(), evaluate(network())).sample(EXAMPLES, SAMPLE_SEED).evaluation
    activations = forward(network(), sample.inputs)
    choose(page, HIDDEN2, 3)
    order = np.argsort(-activations[2][:, 3], kind="stable")[:8]
    expected = [
        " · ".join(CLASSES[task][label] for task, label in enumerate(sample.labels[example]) if label >= 0)
        for example in order
    ]
    assert page.locator("#exciting li > span").all_text_contents() == expected
    assert page.locator("#exciting li").first.locator("canvas").count() == len(PICTURES)
    grey = pixels(page, "#exciting canvas >> nth=0").reshape(4, 3)
    assert (grey[:, 0] == grey[:, 2]).all()
    assert grey[:, 0] == pytest.approx(
        255 * np.clip(sample.inputs[order[0], :4], 0, None) / sample.inputs.max(), abs=22
    )


def test_an_input_that_is_no_image_is_shown_as_bars(page):
    page.select_option("#pick-inputs", "plain")
    choose(page, HIDDEN1, 1)
    assert page.locator("#reads canvas.entries").count() == 1
    assert page.locator("#exciting canvas").count() == 0
    assert "class 0 of task1" in text(page, "#exciting")


@pytest.mark.parametrize("method", ["greedy", "ablation", "activation-mean"])
def test_what_the_chosen_method_counts_is_told(page, method):
    page.select_option("#pick-method", method)
    choose(page, HIDDEN2, 1)
    runner = DenseRunner(network(), evaluate(network()))
    expected = counted(network().graph, apply(method, network().graph, runner), runner)
    assert f"What {method} counts: {expected.what}." in text(page)
    assert shown_bars(page, f"What {method} counts") == pytest.approx(expected.values[2][1], rel=0.05, abs=0.006)
    choose(page, OUTPUT, 1)
    assert f"{method} has no number for it: the task of an output is given." in text(page)


def test_a_method_without_a_number_for_a_neuron_says_so(page):
    page.select_option("#pick-method", "louvain")
    choose(page, HIDDEN1, 1)
    assert "louvain has no number for a single neuron." in text(page)
    assert "Its strength to each task's neurons in later layers" in text(page)


def test_what_all_methods_say_is_counted(page):
    choose(page, OUTPUT, 1)
    said = page.locator("#neuron .facts li").all_text_contents()
    own = [line for line in said if line.endswith(": task1")]
    assert f"What each of {len(said)} methods says: {len(own)} say task1" in text(page)


def test_what_is_lost_without_it_is_run_and_spoken(page):
    number = choose(page, HIDDEN2, 5)
    sync_api.expect(page.locator("#neuron-lesion")).to_have_attribute("data-random", "20")
    sample = DenseRunner(network(), evaluate(network())).sample(EXAMPLES, SAMPLE_SEED)
    keep = np.arange(7) != 5
    spans = page.locator("#neuron-lesion .lesions > span").all_text_contents()[5:]
    expected = sample.accuracy([{2: keep}], "incoming")[0]
    assert [float(spans[1]), float(spans[5])] == pytest.approx(expected, abs=0.03)
    assert [float(spans[2]), float(spans[6])] == pytest.approx(sample.full, abs=0.03)
    spoken = text(page, "#spoken")
    assert spoken.startswith("hidden2 5, task")
    assert f"Accuracy that is left: task0 {spans[1]}, whole {spans[2]}, random lesions" in spoken
    page.keyboard.press(".")
    assert page.evaluate("() => spatialgraph.state.neuron") == number + 1
    sync_api.expect(page.locator("#spoken")).to_contain_text("hidden2 6, task")
    sync_api.expect(page.locator("#spoken")).to_contain_text("Accuracy that is left")


def test_connections_lead_to_other_neurons_by_the_keyboard(page):
    choose(page, HIDDEN2, 0)
    weights = network().graph.split_connections
    entering, leaving = (page.locator("#neuron .links").nth(place).locator("button") for place in (0, 1))
    into, out = np.abs(weights[-2].weight[0]), np.abs(weights[-1].weight[:, 0])
    assert f"← hidden1 {into.argmax()} " in entering.first.text_content()
    assert f"→ output {out.argmax()} (" in leaving.first.text_content()
    entering.first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => spatialgraph.state.neuron") == FIRST[HIDDEN1] + into.argmax()
    assert page.evaluate("() => document.activeElement.closest('#neuron') !== null")


def test_of_a_graph_alone_the_page_says_what_it_cannot_show(page):
    page.select_option("#pick-inputs", "strengths only")
    page.evaluate("() => spatialgraph.change({ neuron: 0 })")
    assert "nor show what it reads. Its weights or its held-out examples are not there to be run." in text(page)
    assert page.locator("#reads, #exciting, #neuron-lesion").count() == 0
    assert "What greedy counts" in text(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_panel_fits(opened, width, scheme):
    page = opened(width=width, color_scheme=scheme, fragment="#network=named&neuron=7")
    sync_api.expect(page.locator("#neuron-lesion")).to_have_attribute("data-random", "20")
    page.evaluate("() => spatialgraph.change({ module: 0 })")
    for panel in ("#neuron-panel", "#modules-panel"):
        box = page.locator(panel).evaluate("e => [e.scrollWidth - e.clientWidth, e.getBoundingClientRect().right]")
        assert box[0] <= 0
        assert box[1] <= width
