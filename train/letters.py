"""Small pictures of the capital letters A to J, drawn with the fonts that matplotlib ships.

A second classification task beside scikit-learn's handwritten digits, of the same size, which needs no download.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJ"
"""The classes, in the order of their numbers."""

SIDE = 8
"""Pixels of a side of an image, as in scikit-learn's digits."""

# Examples of scikit-learn's digits in the training and in the test part.
_TRAIN, _TEST = 1437, 360
_SEED = 0
_EM = 64  # pixels of the font size that letters are drawn with before they are reduced
_STROKE = 1  # pixels that every stroke is widened by on each side, so that thin ones survive the reduction
_FINE = 8 * SIDE  # pixels of a side before it is reduced: 8 × 8 fine pixels make one
_HELD_OUT = 4  # every fourth font, by name: one sans, one mono, one serif, one italic, …

# How a letter may differ from the next one of its font: uniform, from the first number to the second.
_ROTATION = (-10.0, 10.0)  # degrees, anticlockwise
_HEIGHT = (0.88, 1.0)  # of the image's height, because the digits fill theirs
_STRETCH = (0.9, 1.25)  # width, relative to what keeps the letter's proportions
_BRIGHTNESS = (0.8, 1.0)  # of the brightest pixel, of white
_NOISE = 8.0  # standard deviation of the grey value, which goes from 0 to 255


def text_fonts() -> list[Path]:
    """Return the fonts of matplotlib that draw the alphabet, in the order of their names.

    matplotlib also ships fonts of mathematical symbols and of placeholders, and the names and number of its fonts
    change between versions, so fonts are recognised by their shapes. A font is a text font if most of its letters
    resemble the same letter in the other fonts (the median font) more than any other letter.
    """
    text = LETTERS + LETTERS.lower()
    looks = {}
    for path in sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf")):
        glyphs = draw_glyphs(path, text)
        different = len({glyph.tobytes() for glyph in glyphs}) == len(text)
        if different and all(glyph.getbbox() for glyph in glyphs):
            looks[path] = np.array([_look(glyph) for glyph in glyphs])
    median = np.median(list(looks.values()), axis=0)
    letters = np.arange(len(text))
    return [path for path, look in looks.items() if ((look @ median.T).argmax(axis=1) == letters).mean() > 2 / 3]


def draw_glyphs(font: Path, text: str) -> list[Image.Image]:
    """Draw each letter of a text, white on black, large, cropped to its bounding box.

    Returns:
        One grey picture for each letter, all black if the font does not have it.
    """
    # The basic layout is always there, so that the pictures do not depend on how Pillow was built.
    face = ImageFont.truetype(str(font), _EM, layout_engine=ImageFont.Layout.BASIC)
    glyphs = []
    for letter in text:
        canvas = Image.new("L", (3 * _EM, 3 * _EM))
        ImageDraw.Draw(canvas).text((_EM, _EM), letter, fill=255, font=face, stroke_width=_STROKE)
        glyphs.append(canvas.crop(canvas.getbbox()))
    return glyphs


def _look(glyph: Image.Image) -> NDArray[np.float64]:
    """Return a letter as a vector of mean 0 and length 1, whose products with others are correlations."""
    side = max(glyph.size)
    square = Image.new("L", (side, side))
    square.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    pixels = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64).ravel()
    pixels -= pixels.mean()
    return pixels / max(float(np.linalg.norm(pixels)), 1e-12)


def split_fonts(fonts: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the fonts to train on and the fonts to test on, none in both.

    Example:
        >>> train, test = split_fonts([Path(name) for name in "abcdefghi"])
        >>> [font.name for font in test]
        ['d', 'h']
    """
    held_out = set(fonts[_HELD_OUT - 1 :: _HELD_OUT])
    return [font for font in fonts if font not in held_out], sorted(held_out)


def draw_letters() -> tuple[tuple[NDArray[np.uint8], NDArray[np.int64]], tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Draw the data set: every letter as often as any other, in random fonts and poses.

    The test letters are drawn with fonts that no training letter has. The pictures are always the same ones with the
    same versions of matplotlib (the fonts) and Pillow (how they are drawn).

    Returns:
        The training and the test part: images ``(examples, 64)``, 0 to 255, row by row, and labels ``(examples,)``, 0
        for A to 9 for J.
    """
    train, test = split_fonts(text_fonts())
    return _draw_part(train, _TRAIN, stream=0), _draw_part(test, _TEST, stream=1)


def _draw_part(fonts: Sequence[Path], examples: int, stream: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    draw = np.random.default_rng([_SEED, stream])
    glyphs = [draw_glyphs(font, LETTERS) for font in fonts]
    labels = draw.permutation(np.arange(examples, dtype=np.int64) % len(LETTERS))
    chosen = draw.integers(len(fonts), size=examples)
    images = np.array([_pose(glyphs[font][label], draw) for font, label in zip(chosen, labels, strict=True)])
    brightest = images.max(axis=1, keepdims=True)
    noisy = images / brightest * 255 * draw.uniform(*_BRIGHTNESS, (examples, 1)) + draw.normal(0, _NOISE, images.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), labels


def _pose(glyph: Image.Image, draw: np.random.Generator) -> NDArray[np.float64]:
    """Rotate a letter, let it fill the image's height but for a random margin, and reduce it: ``(pixels,)``."""
    letter = glyph.rotate(draw.uniform(*_ROTATION), Image.Resampling.BILINEAR, expand=True)
    letter = letter.crop(letter.getbbox())
    height = round(_FINE * draw.uniform(*_HEIGHT))
    width = min(_FINE, round(height * letter.width / letter.height * draw.uniform(*_STRETCH)))
    canvas = Image.new("L", (_FINE, _FINE))
    # The margin above and below is shared out at random; sideways, too, but a narrow letter stays near the middle.
    left = (_FINE - width) * draw.uniform(0.35, 0.65)
    top = (_FINE - height) * draw.uniform(0, 1)
    canvas.paste(letter.resize((width, height), Image.Resampling.BILINEAR), (round(left), round(top)))
    return np.asarray(canvas.reduce(_FINE // SIDE), dtype=np.float64).ravel()
