"""What a figure is: a function of results and a choice that yields drawings, and how a drawing becomes files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure, FigureBase

from spatialgraph.files import atomic
from spatialgraph.registry import Registry

from ..columns import FULL
from ..fair_comparisons import BEYOND
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
        measure: the measure in which it compares them, the accuracy that splits cost if None; and the only one that a
            figure of several measures shows, all if None. ``"modularity-beyond"`` is the modularity beyond chance,
            which dose-response alone shows.
        inputs: the only input mode that is shown; all if None.
        ablation: the only ablation that is shown; all if None.

    Raises:
        ValueError: no network is named, or one twice; or a contrast is not of two names.
    """

    networks: tuple[str, ...] | None = None
    method: str | None = None
    contrast: tuple[str, str] | None = None
    measure: str | None = None
    inputs: str | None = None
    ablation: str | None = None

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
            ValueError: a network, a split method, a measure, an input mode or an ablation is unknown; the message lists
                those that are known.
        """
        measures = tuple(results.scores.loc[results.scores["split"] != FULL, "metric"].unique())
        asked = [("network", name, tuple(results.members["network"])) for name in self.networks or ()]
        asked += [("split method", self.method, results.methods)] if self.method is not None else []
        # What is beyond chance is no metric: figures that know it say themselves whether there is any.
        asked += [("measure", self.measure, measures)] if self.measure not in (None, BEYOND) else []
        asked += [("input mode", self.inputs, results.inputs)] if self.inputs is not None else []
        asked += [("ablation", self.ablation, results.ablations)] if self.ablation is not None else []
        for word, name, known in asked:
            if name not in known:
                raise ValueError(f"unknown {word} {name!r}; known: {', '.join(known)}")

    def of(self, results: Results) -> Results:
        """Return the results of the input mode and the ablation that are chosen."""
        scores = results.scores
        if self.inputs is not None:
            scores = scores[scores["inputs"] == self.inputs]
        if self.ablation is not None:
            scores = scores[scores["ablation"].isin(["", self.ablation])]
        return results if len(scores) == len(results.scores) else replace(results, scores=scores)

    def method_of(self, results: Results) -> str:
        """Return the split method to show."""
        return default_method(results) if self.method is None else self.method


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that is ready to be saved.

    A drawing whose file is no picture, but a film, is a subclass with a `write` of its own.

    Attributes:
        name: the name of its files, without an ending.
        figure: the picture; a part of a figure of the user's if it was drawn into one.
        numbers: what it shows, as a tidy frame.
        caption: what it shows, in words: which network, what is left out, what bars and points are.
    """

    name: str
    figure: FigureBase
    numbers: pd.DataFrame
    caption: str

    def write(self, out: Path, formats: Sequence[str]) -> list[Path]:
        """Write the picture in each format and return the files."""
        figure = self.figure
        assert isinstance(figure, Figure)  # noqa: S101
        engine = figure.get_layout_engine()
        written = []
        with style():
            if engine is not None and figure.axes:
                engine.execute(figure)
            # Laid out once, not again for every format; with an engine of any sort, each format would be drawn twice.
            with matplotlib.rc_context({"figure.constrained_layout.use": False}):
                figure.set_layout_engine(None)
                for ending in formats:
                    path = out / f"{self.name}.{ending}"
                    with atomic(path) as temporary:
                        figure.savefig(temporary, format=ending, metadata=_METADATA[ending])
                    written.append(path)
        return written


Draw = Callable[..., Iterator[Drawing]]

FIGURES: Registry[Draw, None] = Registry("figure")
"""Every figure, by name: a function of `Results` and `Choice` that yields drawings, or raises `NotApplicableError`.
One with a third parameter ``page``, a `Page`, can also be drawn into axes and figures of the user's."""

_PAGE = "page"


def figure(name: str) -> Callable[[Draw], Draw]:
    """Return a decorator that enters a function in `FIGURES`, in any file.

    Args:
        name: the figure's name, with which the names of its files begin.

    Raises:
        ValueError: there is a figure of this name, or the function has other parameters than `FIGURES` says.
    """

    def enter(function: Draw) -> Draw:
        asked = list(inspect.signature(function).parameters)
        if len(asked) != 2 and (len(asked) != 3 or asked[2] != _PAGE):
            found = ", ".join(asked) or "none"
            raise ValueError(
                f"figure {name!r}: expected a function of results and a choice, and of {_PAGE} if it can be drawn into "
                f"a figure that is given, found parameters {found}"
            )
        return FIGURES.register(name, None)(function)

    return enter


def has_page(name: str) -> bool:
    """Return whether a figure can be drawn into axes or a figure that is given."""
    return _PAGE in inspect.signature(FIGURES[name]).parameters


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
