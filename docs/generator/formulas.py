"""Formulas as MathML, which browsers draw themselves: Sphinx's own page would fetch a script from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

if TYPE_CHECKING:
    from sphinx.writers.html5 import HTML5Translator


def in_a_line(page: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a sentence."""
    page.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def on_its_own(page: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula between paragraphs; wide ones scroll."""
    page.body.append(f'<div class="formula">{tex2mathml(node.astext(), as_block=True)}</div>\n')
    raise nodes.SkipNode
