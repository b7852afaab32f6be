"""A page of the settings of an experiment: their defaults, and the comments that say why."""

from __future__ import annotations

import ast
import json

import attrs

from .links import ROOT

_INTRO = """\
What an experiment's TOML file may hold; `--set KEY=VALUE` of [train](../commands/train.md) changes one for a run. A
file lists only what differs from these defaults, which are the paper's. What a [kind of training](kinds.md) may set
for itself: [kinds](../../methods/kinds.md)."""


def page() -> str:
    """Return the text of the page."""
    from spatialgraph.train.settings import Experiment

    reasons = comments((ROOT / "train" / "settings.py").read_text(encoding="utf-8"), Experiment.__name__)
    rows = [
        f"| `{field.name}` | {_default(field.default)} | {reasons[field.name]} |\n"
        for field in attrs.fields(Experiment)
    ]
    return (
        f"# Settings of an experiment\n\n{_INTRO}\n\n| setting | default | what it is, and why |\n|---|---|---|\n"
        + "".join(rows)
    )


def comments(source: str, name: str) -> dict[str, str]:
    r"""Return the comment above each field of a class.

    Raises:
        ValueError: a field has none.

    Example:
        >>> comments("class A:\n    # A size.\n    # Units.\n    x: int = 1", "A")
        {'x': 'A size. Units.'}
    """
    lines = source.split("\n")
    (made,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name]
    found = {}
    for field in [node for node in made.body if isinstance(node, ast.AnnAssign)]:
        first = field.lineno - 1
        while lines[first - 1].strip().startswith("#"):
            first -= 1
        told = " ".join(line.strip().removeprefix("#").strip() for line in lines[first : field.lineno - 1])
        if not told:
            raise ValueError(
                f"{name}: expected a comment above every field, found none above {ast.unparse(field.target)}"
            )
        found[ast.unparse(field.target)] = told.replace("|", "\\|").replace("``", "`")
    return found


def _default(value: object) -> str:
    return "must be given" if value is attrs.NOTHING else f"`{json.dumps(value)}`"
