"""Lesions that the page runs itself: what it says is what the library says of the same examples."""

import sys

import numpy as np
import pytest
from analysed_run import write_odd_run
from hand_worked import labelled, random_network, separate, zoo

from spatialgraph.analyses.report import live as live_module
from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.examples import pack_examples
from spatialgraph.analyses.report.live import EXAMPLES, SAMPLE_SEED, live
from spatialgraph.analyses.report.packing import unpack, unpack_levels
from spatialgraph.network import ACTIVATIONS, Evaluation
from spatialgraph.runners import ABLATIONS, DenseRunner, performance
from spatialgraph.runners.activations import forward
from spatialgraph.splits import apply

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

MANY = 300  # examples of a network: more than the page has of those labelled for the same tasks


def evaluate(network):
    """Return examples whose labels are the network's own answers, some of them wrong or missing."""
    evaluation = labelled(network, examples=MANY)
    outputs = forward(network, evaluation.inputs)[-1]
    answers = [outputs[:, network.output_task == task].argmax(axis=1) for task in range(len(network.tasks))]
    drawn = np.arange(MANY)[:, None] % 5 == 0
    labels = np.where(drawn | (evaluation.labels < 0), evaluation.labels, np.column_stack(answers))
    return Evaluation(evaluation.inputs, labels, probes=evaluation.probes)


def networks():
    """Return networks of every activation function, with and without connections that skip layers; and odd ones."""
    functions = {
        f"of {name or 'none'}": random_network(9, sizes=(5, 6, 7, 6), activation=name, skips=number % 2 == 1)
        for number, name in enumerate(ACTIVATIONS)
    }
    odd = {name: zoo()[name] for name in ("three tasks", "dead neurons", "one task", "strengths only")}
    return {"apart": separate()} | functions | odd


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_odd_run(tmp_path_factory.mktemp("lesions"), networks(), nulls=0, evaluate=evaluate)


@pytest.fixture(scope="module")
def address(results):
    return write_report(results).resolve().as_uri()


def runs():
    return {name: network for name, network in networks().items() if name != "strengths only"}


def masks(network, draws=4):
    """Return masks of a network: no neuron disabled, random ones, and all of a layer."""
    draw = np.random.default_rng(0)
    sizes = {k: network.layers[k].size for k in network.graph.split_populations}
    some = [{k: draw.random(size) < 0.7 for k, size in sizes.items()} for _ in range(draws)]
    return [{}, *some, {min(sizes): np.zeros(sizes[min(sizes)], bool)}]


def units_of(network, mask):
    """Return the numbers that the page gives the neurons that a mask disables."""
    places = network.graph.places()
    return sorted(int(places[k].start + unit) for k, keep in mask.items() for unit in np.flatnonzero(~keep))


def test_the_page_counts_as_many_right_answers_as_the_library(page):
    index = {name: number for number, name in enumerate(page.evaluate("() => spatialgraph.networks.map(n => n.name)"))}
    differ = 0
    for name, network in runs().items():
        sample = DenseRunner(network, evaluate(network)).sample(EXAMPLES, SAMPLE_SEED)
        examples = sample.labelled.sum(axis=0)
        asked = [units_of(network, mask) for mask in masks(network)]
        for ablation in ABLATIONS:
            found = page.evaluate(
                "([index, asked, ablation]) => asked.map(units => spatialgraph.rightWithout(index, units, ablation))",
                [index[name], asked, ablation],
            )
            expected = sample.accuracy(masks(network), ablation) * examples
            assert np.abs(found - expected).max() <= 1, (name, ablation)  # a tie in 16 bits
            differ += np.count_nonzero(np.rint(expected) != found)
    assert differ <= 10


@pytest.mark.parametrize("name", ["of sigmoid", "of relu", "three tasks"])
@pytest.mark.parametrize(("weight", "activation"), [(16, 16), (10, 6)])
def test_the_page_has_the_weights_and_activations_that_masks_need(name, weight, activation, monkeypatch):
    monkeypatch.setattr(live_module, "_PRECISIONS", [p for p in live_module._PRECISIONS if p.weight == weight])
    network, evaluation = networks()[name], evaluate(networks()[name])
    runner, steps = DenseRunner(network, evaluation), 2 ** (weight - 1) - 1
    packed = live(network.graph, runner, room=10**6)
    text, entries = packed.pack.text(), packed.pack.entries
    for entering in packed.description["entering"]:
        matrix = network.connections[entering["number"]].weight
        found = unpack_levels(entries, f"weight:{entering['number']}", text)
        # Levels are finer near 0: half the step between two of them is at most √(|w| max) / 511 with 10 bits.
        most = np.abs(matrix).max(axis=1, keepdims=True)
        assert (np.abs(found - matrix) <= (np.sqrt(np.abs(matrix) * most) + most / steps) / steps + 1e-6).all()
        assert (found[matrix == 0] == 0).all()
    activations = forward(network, packed.sample.values(packed.sample.inputs))
    for k in packed.description["known"]:
        found = unpack_levels(entries, f"known:{k}", text).T
        assert (
            np.abs(found - activations[k]).max()
            <= 0.51 * np.ptp(activations[k], axis=0).max() / (2**activation - 2) + 1e-6
        )
    constants = unpack(entries["constants"], text)
    for row, ablation in zip(constants, ABLATIONS, strict=True):
        assert np.array_equal(row, np.concatenate(list(runner.constants(ablation).values())))


def test_why_a_network_is_not_run_is_said(monkeypatch):
    network = networks()["of relu"]
    runner = DenseRunner(network, evaluate(network))
    assert live(network.graph, None, 10**6) == "Its weights or its held-out examples are not there to be run."
    assert live(network.graph, runner, 0) == "This page runs the networks of the first seeds only, to stay small."
    assert live(network.graph, runner, 100).startswith("It takes 0.0 MB to run, and this page has 0.0 MB for it.")
    monkeypatch.setitem(network.metadata, live_module.CAPTURE, {})
    assert live(network.graph, runner, 10**6) == "It was captured from a model, which a page cannot run."


def pick(page, name):
    page.select_option("#pick-inputs", name)


def numbers(page, holder="#lesion"):
    """Return the numbers of a lesion, a row for each task: without, whole, the least and the most of random ones."""
    sync_api.expect(page.locator(f"{holder} [data-random]")).to_have_attribute("data-random", "20")
    spans = page.locator(f"{holder} .lesions > span").all_text_contents()[5:]
    rows = [spans[k + 1 : k + 4] for k in range(0, len(spans), 4)]
    return np.array([[float(left), float(whole), *map(float, random.split(" to "))] for left, whole, random in rows])


def test_a_module_that_is_pressed_is_taken_out(page):
    pick(page, "apart")
    network = networks()["apart"]
    split, evaluation = apply("greedy", network.graph), evaluate(network)
    sample = DenseRunner(network, evaluation).sample(EXAMPLES, SAMPLE_SEED)
    page.select_option("#pick-ablation", "zero")
    for module in (0, 1):
        page.locator("#modules .module").nth(module).click()
        found = numbers(page)
        expected = performance(network, sample.evaluation, split, "zero").lesioned[module]
        assert found[:, 0] == pytest.approx(expected, abs=0.006)
        assert found[:, 1] == pytest.approx(sample.full, abs=0.006)
        assert (found[:, 2] <= found[:, 3]).all()
        name = f"the 4 neurons of {network.tasks[module]} (its 2 outputs stay)"
        assert page.locator("#lesion h4").text_content() == f"Accuracy without {name}"
        assert page.locator("#spoken").text_content().startswith(f"Without {name}. Accuracy that is left: task0 ")
    # The module does its own task, and the other task not.
    assert found[1, 0] < 0.7 < found[0, 0]


def test_a_module_has_all_neurons_that_are_disabled_with_it(page):
    pick(page, "of relu")
    page.select_option("#pick-method", "greedy-shared")
    split = apply("greedy-shared", networks()["of relu"].graph)
    hidden = np.concatenate([members for k, members in split.membership.items() if k < max(split.membership)])
    shared = int(hidden.all(axis=1).sum())
    assert 0 < shared < len(hidden)
    for task, size in enumerate(hidden.sum(axis=0).tolist()):
        card = page.locator("#modules .module").nth(task)
        said = f"without task{task} ({size} neurons, {shared} of them shared with other tasks; its 3 outputs stay)"
        assert card.text_content().startswith(said)
        assert card.locator(".dot").count() == 1  # in the colour of neurons of several tasks
        card.click()
        assert (
            page.locator("#lesion h4").text_content()
            == f"Accuracy without the {size} neurons of task{task} (its 3 outputs stay)"
        )


def test_the_keyboard_presses_a_module_and_changes_the_ablation(page):
    pick(page, "of sigmoid")
    page.locator("#modules .module").first.focus()
    page.keyboard.press("Enter")
    before = numbers(page)
    assert "incoming weights = 0. Run now on" in page.locator("#lesion").text_content()
    page.locator("#pick-ablation").focus()
    page.keyboard.press("ArrowDown")
    assert page.input_value("#pick-ablation") == "mean"
    assert "activation = mean. Run now on" in page.locator("#lesion").text_content()
    assert not np.array_equal(numbers(page), before)


def test_neurons_that_are_brushed_are_taken_out_with_their_outputs(page):
    pick(page, "of tanh")
    network = networks()["of tanh"]
    canvas = page.locator("#above")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, steps=5)
    page.mouse.up()
    brushed = page.evaluate("() => spatialgraph.state.brushed")
    places = network.graph.places()
    assert any(unit >= places[3].start for unit in brushed)
    mask = {k: ~np.isin(np.arange(where.start, where.stop), brushed) for k, where in places.items()}
    sample = DenseRunner(network, evaluate(network)).sample(EXAMPLES, SAMPLE_SEED)
    assert numbers(page)[:, 0] == pytest.approx(sample.accuracy([mask], "incoming")[0], abs=0.006)
    assert page.locator("#lesion h4").text_content() == f"Accuracy without the {len(brushed)} neurons chosen"
    page.click("#clear")
    assert page.locator("#lesion h4").count() == 0
    assert "press a module" in page.locator("#lesion").text_content()


def test_random_lesions_are_always_the_same_and_have_as_many_neurons_in_each_layer(page):
    pick(page, "of elu")
    units = [0, 1, 6, 13, 14, 15]
    drawn = page.evaluate("units => [0, 1, 0].map(draw => spatialgraph.asManyAtRandom(units, draw))", units)
    assert drawn[0] == drawn[2] != drawn[1]
    for found in drawn:
        assert len(set(found)) == len(units)
        assert [sum(unit // 6.5 == layer for unit in found) for layer in (0, 1, 2)] == [2, 1, 3]


def test_the_newest_lesion_alone_is_shown_and_spoken(page):
    pick(page, "of gelu")
    said = page.evaluate_handle("""() => {
        const [spoken, said] = [document.getElementById("spoken"), []];
        new MutationObserver(() => said.push(spoken.textContent)).observe(spoken, { childList: true });
        for (const module of [0, 1, -1, 1, 0]) spatialgraph.change({ module });
        return said;
    }""")
    assert len(numbers(page)) == 2
    assert page.locator("#lesion h4").text_content().endswith(" of task0 (its 3 outputs stay)")
    page.wait_for_timeout(200)
    assert page.locator("#lesion h4").count() == page.locator("#lesion .lesions").count() == 1
    [text] = said.json_value()
    assert " of task0 (its 3 outputs stay). Accuracy that is left: " in text


def test_a_lesion_that_is_shown_twice_ends_twice(page):
    pick(page, "of gelu")
    page.evaluate("() => spatialgraph.change({ neuron: 3, brushed: [3] })")
    assert np.array_equal(numbers(page), numbers(page, "#neuron"))
    page.wait_for_timeout(100)
    for holder in ("#lesion", "#neuron"):
        assert page.locator(f"{holder} [data-random]").get_attribute("data-random") == "20"


def test_a_network_that_cannot_be_run_keeps_the_modules_of_the_analysis(page):
    pick(page, "strengths only")
    page.locator("#modules .module").first.click()
    said = page.locator("#lesion").text_content()
    assert said.startswith("The page cannot try lesions of this network. Its weights or its held-out examples are not")
    assert page.locator("#lesion .lesions").count() == 0


def test_inputs_that_are_too_large_are_left_out(monkeypatch):
    network = networks()["of relu"]
    sample = DenseRunner(network, evaluate(network)).sample(EXAMPLES, SAMPLE_SEED).evaluation
    whole, pack = pack_examples(sample, {"images": [[1, 5]]})
    assert (whole["count"], whole["inputs"], whole["drawn"]) == (len(sample.inputs), 5, True)
    assert whole["images"] == ((1, 5),)
    found = unpack_levels(pack.entries, "inputs", pack.text()).reshape(sample.inputs.shape)
    assert np.abs(found - sample.inputs).max() <= 0.51 * np.ptp(sample.inputs) / 14
    monkeypatch.setattr(sys.modules[pack_examples.__module__], "_MOST_BYTES", 10)
    less, pack = pack_examples(sample, {})
    assert (less["drawn"], less["images"], list(pack.entries)) == (False, (), ["labels"])
    assert np.array_equal(unpack(pack.entries["labels"], pack.text()), sample.labels + 1)
