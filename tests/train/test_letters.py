"""The drawn letters: which fonts, and what the pictures are like."""

import time

import numpy as np
import pytest
from PIL import ImageFont

from spatialgraph.train import letters
from spatialgraph.train.data import load
from spatialgraph.train.letters import LETTERS, draw_glyphs, draw_letters, split_fonts, text_fonts


@pytest.fixture(scope="module")
def fonts():
    return text_fonts()


@pytest.fixture(scope="module")
def parts():
    return draw_letters()


def test_fonts_of_text_are_found_and_those_of_symbols_left_out(fonts):
    names = {font.stem for font in fonts}
    assert {"DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10"} <= names
    assert not names & {"cmsy10", "cmex10", "LastResortHE-Regular", "DejaVuSansDisplay", "DejaVuSerifDisplay"}
    assert not any(name.startswith(("STIXSiz", "STIXNonUni", "LastResort")) for name in names)


def test_test_fonts_are_no_train_fonts_and_of_several_styles(fonts):
    train, test = split_fonts(fonts)
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(fonts)
    styles = {ImageFont.truetype(str(font), 10).getname()[0] for font in test}
    assert len(styles) >= 4


def test_a_font_without_the_letters_is_no_obstacle(fonts, monkeypatch):
    # Another version of matplotlib may ship other fonts; here the last letter of one is missing.
    real = draw_glyphs

    def without(font, text):
        glyphs = real(font, text)
        return [*glyphs[:-1], glyphs[-1].point(lambda _: 0)] if font == fonts[0] else glyphs

    monkeypatch.setattr(letters, "draw_glyphs", without)
    assert text_fonts() == fonts[1:]


def test_each_part_has_every_letter_equally_often(parts):
    (train_images, train_labels), (test_images, test_labels) = parts
    assert train_images.shape == (1437, 64)
    assert test_images.shape == (360, 64)
    assert train_images.dtype == test_images.dtype == np.uint8
    assert np.bincount(train_labels).tolist() == [144] * 7 + [143] * 3
    assert np.bincount(test_labels).tolist() == [36] * 10


def test_the_order_tells_nothing_of_the_class(parts):
    for _, labels in parts:
        position = np.arange(len(labels))
        assert abs(np.corrcoef(position, labels)[0, 1]) < 0.1
        assert (labels[1:] == labels[:-1]).mean() == pytest.approx(0.1, abs=0.05)


def test_no_picture_is_in_both_parts_or_twice(parts):
    (train, _), (test, _) = parts
    assert len(np.unique(np.concatenate([train, test]), axis=0)) == 1437 + 360


def test_letters_fill_their_pictures(parts):
    for images, labels in parts:
        bright = images.reshape(-1, 8, 8) > 64
        heights = bright.any(axis=2).sum(axis=1)
        widths = bright.any(axis=1).sum(axis=1)
        assert heights.mean() > 7
        wide = widths[labels != LETTERS.index("I")]
        assert wide.mean() > 5.5
        assert images.max(axis=1).min() > 150
        assert 60 < images.mean() < 110


def test_drawing_again_draws_the_same_and_soon(parts):
    start = time.perf_counter()
    again = draw_letters()
    assert time.perf_counter() - start < 5  # 0.5 s on a free core
    for one, other in zip(parts, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_a_letter_looks_like_itself_in_fonts_never_seen():
    # The nearest training class mean in direction: crude, but chance is 0.1.
    dataset = load("letters")
    means = np.stack([dataset.train.images[dataset.train.labels == k].mean(axis=0) for k in range(10)])
    centred = [a - a.mean(axis=1, keepdims=True) for a in (dataset.test.images.astype(float), means)]
    directions = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in centred]
    assert ((directions[0] @ directions[1].T).argmax(axis=1) == dataset.test.labels).mean() > 0.85
