"""Formulas as MathML, which browsers draw themselves: Sphinx's own page would fetch a script from elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator


def in_a_line(page: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a sentence."""
    page.body.append(_drawn(node.astext(), as_block=False))
    raise nodes.SkipNode


def on_its_own(page: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula between paragraphs; wide ones scroll."""
    page.body.append(f'<div class="formula">{_drawn(node.astext(), as_block=True)}</div>\n')
    raise nodes.SkipNode


def _drawn(formula: str, *, as_block: bool) -> str:
    """Return the MathML of a formula; bars are no operators between two terms, and keep their height."""
    return re.sub(
        r"<mo[^>]*>(?=[|‖])", '<mo stretchy="false" lspace="0" rspace="0">', tex2mathml(formula, as_block=as_block)
    )
