"""Whatever is in a name, every output shows it as it is."""

import html
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from texts import CHARACTERS

from spatialgraph.escapes import cell, is_hidden, latex, markdown, plain, uncell
from spatialgraph.faults import name_faults

NAMES = st.text(CHARACTERS).filter(lambda text: not list(name_faults("name", text)))


def rendered(text):
    """Return the tags and the text of Markdown that is shown as a page."""
    shown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)
    return re.findall(r"<(\w+)", shown), html.unescape(re.sub(r"<[^>]*>", "", shown)).strip()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a|b",
            "**b**",
            "_i_",
            "`code`",
            "[a](javascript:b)",
            "![a](b)",
            "<script>alert(1)</script>",
            "&lt;",
            "~~s~~",
        ),
        *("# head", "- item", "+ item", "* item", "1. item", "2020) item", "> quoted", "---", "===", "\\", "a\\|b"),
        *("<https://example.org>", "```", "- - -", "+", "1.", "``", "a  b"),
    ],
)
def test_markdown_shows_names_as_they_are(text):
    assert rendered(markdown(text)) == (["p"], text)
    assert rendered(f"a\n\n- {markdown(text)}: b")[0] == ["p", "ul", "li"]
    cells = rendered(f"| a | b |\n| --- | --- |\n| {markdown(text)} | c |\n| d | e |")[0]
    assert cells.count("td") == 4
    assert not {"em", "strong", "code", "a", "img", "del", "script"} & set(cells)


@given(NAMES)
def test_markdown_shows_any_name(name):
    tags, text = rendered(markdown(name))
    assert tags == ["p"]
    assert text.split() == name.split()  # blanks between words count as one


def test_markdown_of_ordinary_names_is_the_name():
    for name in (
        "spatial α=0.5 β=3",
        "regular",
        "concatenate",
        "accuracy-drop",
        "3-layer net",
        "v1.5",
        "-x",
        "a (b), c!",
    ):
        assert markdown(name) == name


@given(st.text(CHARACTERS))
def test_terminals_get_no_control_characters(text):
    assert not any(map(is_hidden, plain(text)))


def test_plain_text_says_what_is_hidden():
    assert plain("a\x1b]0;title\x07\r\n\u2028\ud800\ufffe") == r"a\x1b]0;title\x07\r\n\u2028\ud800\ufffe"
    assert plain("naïve 中 👩‍🔬 [red]") == "naïve 中 👩‍🔬 [red]"
    assert latex("a\nb") == r"a\textbackslash{}nb"


def test_what_is_hidden_is_what_xml_cannot_hold_and_what_breaks_lines():
    hidden = {code for code in range(sys.maxunicode + 1) if is_hidden(chr(code))}
    allowed_by_xml = {0x9, 0xA, 0xD, *range(0x20, 0xD800), *range(0xE000, 0xFFFE), *range(0x10000, sys.maxunicode + 1)}
    assert set(range(sys.maxunicode + 1)) - allowed_by_xml <= hidden
    assert hidden & allowed_by_xml == {0x9, 0xA, 0xD, *range(0x7F, 0xA0), 0x2028, 0x2029}


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1-1", "-a", "-1 -a", "@sum", "'=1", "''@", "-", "="])
def test_formulas_are_no_cells(text):
    assert cell(text) == f"'{text}"
    assert uncell(cell(text)) == text


@pytest.mark.parametrize("text", ["-1", "+1", "-0.5 -0.25 1", "1e-05 -1e+300"])
def test_numbers_are_cells_as_they_are(text):
    assert cell(text) == uncell(text) == text


@given(st.text("'=+-@a1 ", max_size=6))
def test_cells_give_their_text_again(text):
    assert not re.match(r"[=+\-@]", cell(text)) or re.fullmatch(r"[-+]?1+( [-+]?1+)*", text)
    assert uncell(cell(text)) == text


def test_ordinary_cells_are_their_text():
    for text in ("", "spatial", "'quoted'", "a=1", "–", "−1"):
        assert (cell(text), uncell(text)) == (text, text)
