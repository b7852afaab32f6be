"""Figures of tutorials: those of the library are objects of their own, which pyplot and so the gallery do not know."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_SHOWN = "_is_on_a_page"


def scrape(_: object, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """Save the figures that a block of a script has made, and return what shows them."""
    paths = []
    for value in variables["example_globals"].values():
        if isinstance(value, Figure) and not vars(value).get(_SHOWN):
            vars(value)[_SHOWN] = True
            paths.append(next(variables["image_path_iterator"]))
            value.savefig(paths[-1], dpi=150)
    return figure_rst(paths, settings["src_dir"])
