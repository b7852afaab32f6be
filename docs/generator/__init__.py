"""Pages that are made of the code when the site is built, and what Sphinx must know to read the project's texts.

Nothing here is committed: pages lie in docs/generated, which every build makes anew.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the generator with Sphinx; before the gallery, whose scripts the pages refer to."""
    from . import docstrings, formulas, links

    app.connect("builder-inited", _generate, priority=100)
    app.connect("source-read", links.mend)
    app.connect("autodoc-process-docstring", docstrings.escape, priority=400)  # napoleon reads them at 500
    app.connect("autodoc-process-signature", docstrings.shorten)
    app.connect("autodoc-skip-member", docstrings.skip)
    app.connect("missing-reference", docstrings.resolve)
    app.add_html_math_renderer("mathml", (formulas.in_a_line, None), (formulas.on_its_own, None))
    return {"parallel_read_safe": True}


def _generate(_: Sphinx) -> None:
    from . import commands, copies, messages, reference, registries
    from .links import GENERATED

    for folder in ("commands", "reference", "examples"):
        shutil.rmtree(GENERATED / folder, ignore_errors=True)
    for pages in (copies.pages(), commands.pages(), registries.pages(), reference.pages(), messages.pages()):
        for name, text in pages.items():
            path = GENERATED / f"{name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
