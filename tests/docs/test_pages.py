"""Pages of the site beside the code that they tell of. `make docs` checks links and runs the tutorials."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from generator import commands, copies, links, messages, registries

import spatialgraph as sg
from spatialgraph.cli import app
from spatialgraph.plugins import load, unload

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def said():
    """Every text that the code makes, a line each, with … for what it fills in."""
    texts = set()
    for folder in ("spatialgraph", "train", "analyses"):
        for path in (ROOT / folder).rglob("*.py"):
            made = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            texts.update(messages.template(node) for node in made if isinstance(node, messages.TEXTS))
    return "\n".join(" ".join(text.split()) for text in texts)


def test_every_message_of_the_page_of_errors_is_one_of_the_code(said):
    def is_said(pattern):
        parts = re.split("…+", pattern.strip("…"))  # at its ends, anything may stand, and need not be looked for
        return re.search(".*".join(map(re.escape, parts)), said)

    listed = re.findall(r"^\| `(.+?)` \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) > 40
    assert [pattern for pattern in listed if not is_said(pattern)] == []
    assert not is_said("model: expected training mode, found evaluation mode in …")


def test_the_file_of_the_page_on_extending_is_a_plugin(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "extending.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.py").write_text(block, encoding="utf-8")
    graph = sg.Network(
        [sg.Layer("hidden", 2, split=True), sg.Layer("output", 2, split=True)],
        [sg.Connection(0, 1, [[4.0, 0.0], [1.0, 9.0]])],
        [0, 1],
        {"tasks": ["a", "b"]},
    ).graph
    module = load(tmp_path / "mine.py")
    try:
        split = sg.split(graph, "halves")
        assert split.labels(0).tolist() == [0, 1]
        assert sg.measure(graph, split, "inside")["value"].tolist() == [pytest.approx(13 / 14)]
        assert sg.STRENGTHS["root"](graph).connections[0].weight.tolist() == [[2, 0], [1, 3]]
        assert "signs" in sg.NULLS
    finally:
        unload(module)


@pytest.fixture(scope="module")
def of_commands():
    return commands.pages()


@pytest.fixture(scope="module")
def of_registries():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    return registries.pages()


def test_every_command_has_a_page(of_commands):
    assert {name.removeprefix("commands/") for name in of_commands} == {
        "index",
        *(command.name or command.callback.__name__ for command in app.registered_commands),
    }
    assert "```bash\nspatialgraph analyze runs/table1\n" in of_commands["commands/analyze"]


def test_every_entry_of_a_registry_has_a_section(of_registries):
    for page, registry in {"splits": sg.SPLITS, "metrics": sg.METRICS, "nulls": sg.NULLS}.items():
        sections = re.findall(r"^## (.+)$", of_registries[f"reference/{page}"], re.MULTILINE)
        assert sections == list(registry)
    assert "| -0.5 to 1 |" in of_registries["reference/metrics"]


def test_links_lead_to_the_pages_that_show_their_files():
    page = DOCS / "models" / "README.md"
    text = (
        "[a](../../examples/cnn.py) [b](cnn.md#here) [c](https://example.org) [d](../../spatialgraph/store/FORMAT.md)"
    )
    assert links.rewritten(text, page, page) == (
        "[a](../generated/examples/cnn.md) [b](cnn.md#here) [c](https://example.org) [d](../generated/format.md)"
    )
    assert (
        links.rewritten("[x](docs/gallery.md)", ROOT / "README.md", DOCS / "generated" / "x.md") == "[x](../gallery.md)"
    )
    assert {"format", "changelog", "contributing", "examples/cnn"} <= set(copies.pages())


def test_docstrings_keep_their_formulas_and_emphasis_and_nothing_else_is_markup():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from generator import docstrings

    formula = [r".. math:: \frac{1}{L} \sum_l |w_{ij}|", r"    \, d_{ij}"]
    lines = ["The *sum* of |w| over a*b:", "", *formula, "", "Over L, `W_`, w_."]
    docstrings.escape(None, "", "", None, None, lines)
    assert lines == [r"The *sum* of \|w\| over a\*b:", "", *formula, "", r"Over L, `W_`, w\_."]


def test_formulas_are_mathml():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from docutils import nodes
    from generator import formulas

    page = SimpleNamespace(body=[])
    for write, node in ((formulas.in_a_line, nodes.math), (formulas.on_its_own, nodes.math_block)):
        with pytest.raises(nodes.SkipNode):
            write(page, node("", r"\frac{1}{2}"))
    assert [text.count("<mfrac>") for text in page.body] == [1, 1]
    assert page.body[1].startswith('<div class="formula"><math')


def test_tables_without_a_title_get_one():
    titles = [links._title(name) for name in ("table1-zero", "methods-incoming", "mnist-kinds")]
    assert titles == [
        "Table 1, activation = 0",
        "All split methods, incoming weights = 0",
        "Kinds at equal accuracy: MNIST and Fashion-MNIST",
    ]


def test_every_setting_says_its_default_and_why(of_registries):
    pytest.importorskip("torch", reason="training is not installed")
    page = of_registries["reference/settings"]
    assert "| `hidden` | `[128, 128, 128, 256]` | Units of the hidden layers, hidden1 first. |" in page
    assert "| `tasks` | must be given |" in page


def test_a_setting_without_a_reason_is_an_error():
    from generator import settings

    with pytest.raises(ValueError, match="expected a comment above every field, found none above y"):
        settings.comments("class A:\n    # Why.\n    x: int\n    y: int\n", "A")


def test_properties_have_no_types_in_their_sentences_and_arrays_are_short():
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    from generator import docstrings

    lines = ["The networks: a row each."]
    docstrings.escape(None, "property", "", None, None, lines)
    assert lines == ["..", "", "The networks: a row each."]
    array = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float32]]"
    shown, returned = docstrings.shorten(None, "", "", None, None, f"(x: {array}, y: dict = <factory>)", None)
    assert (shown, returned) == ("(x: NDArray[float32], y: dict = ...)", None)


def test_options_in_the_texts_of_commands_are_literals(of_commands):
    assert "with `--prepare`;" in of_commands["commands/steps"]
    assert "parallel --jobs 8" in of_commands["commands/steps"]
