"""Docstrings are plain English with literals in backticks; Sphinx reads more into them."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

# What is left as it is; formulas and examples end at the next empty line.
_KEPT = re.compile(
    r"""(
        ``.+?`` | `[^`]+?`                       # literals and names
        | (?<![\w*])\*\w[^*`\n]*\w\*(?![\w*])   # emphasis
        | ^[ ]*\.\.[ ]math::.*?(?=^[ ]*$|\Z)
        | ^[ ]*>>>[ ].*?(?=^[ ]*$|\Z)
    )""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_SPECIAL = re.compile(r"([|*\\]|(?<=\w)_(?=\W|$))")


def escape(_app: Sphinx, _what: str, _name: str, _of: object, _options: object, lines: list[str]) -> None:
    """Let |w| be a size and not a substitution."""
    parts = _KEPT.split("\n".join(lines))
    parts[::2] = [_SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Node) -> Any:
    """Find what a docstring names without its module, if one thing alone has that name."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.domains.python_domain, node["reftarget"].lstrip(".")
    ends = [name for name in domain.objects if name.endswith(f".{target}") and not domain.objects[name].aliased]
    if len(ends) != 1:
        return None
    found = domain.objects[ends[0]]
    from sphinx.util.nodes import make_refnode

    return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, [content], ends[0])
