"""Pages of texts that stand elsewhere in the repository."""

from __future__ import annotations

import ast

from .links import GENERATED, PAGES, ROOT, rewritten


def pages() -> dict[str, str]:
    """Return the name and the text of each page."""
    texts = {
        page.stem: rewritten(file.read_text(encoding="utf-8"), file, page)
        for file, page in PAGES.items()
        if file.suffix == ".md" and page.parent == GENERATED
    }
    scripts = {file.stem: _script(file.stem) for file in sorted((ROOT / "examples").glob("*.py"))}
    listed = "\n".join(f"| [{name}]({name}.md) | {_sentence(name)} |" for name in scripts)
    index = (
        "# Whole scripts for kinds of models\n\n"
        "They run from a checkout, in minutes; what they found with MNIST and Fashion-MNIST is told on the pages of\n"
        "[models](../../models/README.md). They are shown here and not run.\n\n"
        f"| script | |\n|---|---|\n{listed}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join(scripts) + "\n```\n"
    )
    return texts | {"examples/index": index} | {f"examples/{name}": text for name, text in scripts.items()}


def _sentence(name: str) -> str:
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0].replace("\n", " ")


def _script(name: str) -> str:
    shown = f"```{{literalinclude}} ../../../examples/{name}.py\n:language: python\n```\n"
    return f"# {name}.py\n\n{_sentence(name)}\n\n{shown}"
