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
# What `NDArray[float32]` has become in a signature.
_ARRAY = re.compile(r"~?numpy\.ndarray\[tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[~?(?:\w+\.)*(\w+)\]\]")

_SPECIAL = re.compile(r"([|*\\]|(?<=\w)_(?=\W|$))")


def escape(_app: Sphinx, what: str, _name: str, _of: object, _options: object, lines: list[str]) -> None:
    """Let |w| be a size and not a substitution, and a sentence with a colon no type and its description."""
    parts = _KEPT.split("\n".join(lines))
    parts[::2] = [_SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")
    if what in ("property", "attribute", "data"):
        lines[:0] = ["..", ""]  # a comment: napoleon reads a type before the first colon of the first line


def shorten(
    _app: Sphinx, _what: str, _name: str, of: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write types and defaults of a signature as they stand in the code."""
    defaults = {field.name: repr(field.default) for field in getattr(of, "__attrs_attrs__", ())}

    def short(text: str | None) -> str | None:
        if text is None:
            return None
        text = re.sub(r"attr_dict\['(\w+)'\]\.default", lambda found: defaults[found[1]], text)
        text = _ARRAY.sub(r"NDArray[\1]", text)
        return text.replace("<factory>", "...")

    return short(signature), short(returns)


def skip(_app: Sphinx, _what: str, _name: str, member: object, _skip: bool, _options: object) -> bool | None:
    """Leave out the fields of named tuples, which the text of the class explains."""
    return True if str(getattr(member, "__doc__", "")).startswith("Alias for field number") else None


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
