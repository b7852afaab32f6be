"""A page of all messages that the code can raise, found in its sources."""

from __future__ import annotations

import ast
from pathlib import Path

from .links import ROOT

TEXTS = (ast.Constant, ast.JoinedStr, ast.BinOp)
"""What makes a text."""

_FOLDERS = ("spatialgraph", "train", "analyses")


def pages() -> dict[str, str]:
    """Return the name and the text of the page."""
    parts = []
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = raised(path)
            if found:
                rows = "".join(f"| {kind} | {_shown(text)} |\n" for kind, text in found)
                parts.append(f"## `{path.relative_to(ROOT).as_posix()}`\n\n| raised | message |\n|---|---|\n{rows}")
    intro = (
        "# All messages\n\nEvery message that the code can raise, found in its sources: `…` stands for what is"
        " filled in."
        " What files may lack is put together of many parts: [the format](format.md) says what is expected."
        " Those that users meet, with what to do: [errors](../errors.md).\n\n"
    )
    return {"messages": intro + "\n".join(parts)}


def raised(path: Path) -> list[tuple[str, str]]:
    """Return the class and the text of every error that a file raises with a text of its own."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            texts = [text for text in map(template, node.exc.args) if text.strip("… ")]
            if texts and not node.exc.func.id.startswith("_"):  # those are parts, put together elsewhere
                found.append((node.exc.func.id, texts[0]))
    return list(dict.fromkeys(found))


def template(node: ast.AST) -> str:
    """Return the text that an expression makes, with … for what it fills in; "" for what makes none.

    Example:
        >>> template(ast.parse("f'{path}: expected {1 + 1} files' + ', found none'", mode="eval").body)
        '…: expected … files, found none'
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(template(value) if isinstance(value, ast.Constant) else "…" for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (template(node.left) or "…") + (template(node.right) or "…")
    return ""


def _shown(text: str) -> str:
    return "`` " + " ".join(text.split()).replace("|", "\\|") + " ``"
