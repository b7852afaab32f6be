"""What a figure is: a function of results and a choice that yields drawings, and how a drawing becomes files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure

from spatialgraph.files import atomic
from spatialgraph.registry import Registry

from ..columns import FULL
from ..frames import to_csv
from ..results import Results
from ..tables import default_method

FORMATS = ("pdf", "svg", "png")
"""The formats that figures are written in."""

SINGLE, DOUBLE = 3.4, 7.0
"""The widths of one and of two columns of a page, in inches."""

_STYLE = Path(__file__).parents[1] / "paper.mplstyle"
# What would differ from one day to the next is left out of the files.
_METADATA: dict[str, dict[str, str | None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


@dataclass(frozen=True)
class Choice:
    """Which networks and which split method figures show.

    Figures of single networks, and the null distributions, show those that are chosen; figures over all networks show
    all of them, as means over some would be others than those of the tables.

    Attributes:
        networks: names of networks; the first network with positions of each input mode if None.
        method: the split method; the one of Table 1 if None.
        contrast: the two kinds, or families of kinds, that a figure of one contrast compares; spatial networks and the
            reference if None.
        measure: the measure in which it compares them; the accuracy that splits cost if None.

    Raises:
        ValueError: no network is named, or one twice; or a contrast is not of two names.
    """

    networks: tuple[str, ...] | None = None
    method: str | None = None
    contrast: tuple[str, str] | None = None
    measure: str | None = None

    def __post_init__(self) -> None:
        """Check the names."""
        if self.contrast is not None and not len(self.contrast) == len(set(self.contrast)) == 2:
            raise ValueError(f"contrast: expected two kinds or families, found {', '.join(self.contrast) or 'none'}")
        if self.networks is None:
            return
        if not self.networks:
            raise ValueError("networks: expected names of networks, found none")
        if twice := sorted({name for name in self.networks if self.networks.count(name) > 1}):
            raise ValueError(f"networks: expected each once, found {', '.join(twice)} more than once")

    def check(self, results: Results) -> None:
        """Raise an error if the results lack what is chosen.

        Raises:
            ValueError: a network, a split method or a measure is unknown; the message lists those that are known.
        """
        known = tuple(results.members["network"])
        for name in self.networks or ():
            if name not in known:
                raise ValueError(f"unknown network {name!r}; known: {', '.join(known)}")
        if self.method is not None and self.method not in results.methods:
            raise ValueError(f"unknown split method {self.method!r}; known: {', '.join(results.methods)}")
        measures = tuple(results.scores.loc[results.scores["split"] != FULL, "metric"].unique())
        if self.measure is not None and self.measure not in measures:
            raise ValueError(f"unknown measure {self.measure!r}; known: {', '.join(measures)}")

    def method_of(self, results: Results) -> str:
        """Return the split method to show."""
        return default_method(results) if self.method is None else self.method


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that is ready to be saved.

    A drawing whose file is no picture, but a film, is a subclass with a `write` of its own.

    Attributes:
        name: the name of its files, without an ending.
        figure: the picture.
        numbers: what it shows, as a tidy frame.
        caption: what it shows, in words: which network, what is left out, what bars and points are.
    """

    name: str
    figure: Figure
    numbers: pd.DataFrame
    caption: str

    def write(self, out: Path, formats: Sequence[str]) -> list[Path]:
        """Write the picture in each format and return the files."""
        with style():
            self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # laid out once, not again for every format
        written = []
        for ending in formats:
            path = out / f"{self.name}.{ending}"
            with style(), atomic(path) as temporary:
                self.figure.savefig(temporary, format=ending, metadata=_METADATA[ending])
            written.append(path)
        return written


Draw = Callable[..., Iterator[Drawing]]

FIGURES: Registry[Draw, None] = Registry("figure")
"""Every figure, by name: a function of `Results` and `Choice` that yields drawings, or raises `NotApplicableError`.
One that can be a single panel has a third parameter ``ax``: the axes to draw it into, None for a figure of its own."""

_AX = "ax"


def figure(name: str) -> Callable[[Draw], Draw]:
    """Return a decorator that enters a function in `FIGURES`, in any file.

    Args:
        name: the figure's name, with which the names of its files begin.

    Raises:
        ValueError: there is a figure of this name, or the function has other parameters than `FIGURES` says.
    """

    def enter(function: Draw) -> Draw:
        asked = list(inspect.signature(function).parameters)
        if len(asked) != 2 and (len(asked) != 3 or asked[2] != _AX):
            found = ", ".join(asked) or "none"
            raise ValueError(
                f"figure {name!r}: expected a function of results and a choice, and of {_AX} if it can be one panel, "
                f"found parameters {found}"
            )
        return FIGURES.register(name, None)(function)

    return enter


def require_axes(name: str) -> None:
    """Raise ValueError unless a figure can be drawn into axes that are given."""
    able = [figure for figure, function in FIGURES.items() if _AX in inspect.signature(function).parameters]
    if name not in able:
        raise ValueError(f"{_AX}: expected a figure that can be one panel ({', '.join(able)}), found {name!r}")


def style() -> AbstractContextManager[None]:
    """Return a context with the style of the figures, whatever the user's own settings are."""
    return matplotlib.style.context(["default", _STYLE])


def save(drawing: Drawing, out: str | Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a drawing, its numbers and its caption, each file whole or not at all; return the files."""
    written = drawing.write(Path(out), formats)
    texts = {
        "csv": to_csv(drawing.numbers, float_format="%.9g"),
        "txt": f"{drawing.caption}\n",
    }
    for ending, text in texts.items():
        path = Path(out) / f"{drawing.name}.{ending}"
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written
