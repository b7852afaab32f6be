"""A page for every command, made of the command line itself."""

from __future__ import annotations

import re
import subprocess
import sys


def pages() -> dict[str, str]:
    """Return the name and the text of each page."""
    shown = subprocess.run(
        [sys.executable, "-m", "typer", "spatialgraph.cli", "utils", "docs", "--name", "spatialgraph"],
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    whole, *parts = re.split(r"^## `spatialgraph ", shown, flags=re.MULTILINE)
    named = {part.split("`")[0]: part.split("`", 1)[1] for part in parts}
    texts = {f"commands/{name}": f"# spatialgraph {name}\n{_with_examples(text)}" for name, text in named.items()}
    options = whole.split("**Commands**")[0].split("\n", 1)[1].replace("[bold]", "**").replace("[/bold]", "**")
    rows = "\n".join(f"| [{name}]({name}.md) | {text.strip().split(chr(10))[0]} |" for name, text in named.items())
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(named) + "\n```\n"
    texts["commands/index"] = f"# Commands\n{options}\n| command | |\n|---|---|\n{rows}\n\n{tree}"
    return texts


def _with_examples(text: str) -> str:
    """Return the text of a command whose examples, a line at its end, are lines to copy."""
    text, _, examples = text.partition("\nExample")
    text = re.sub(r"(?<![`\w-])--[a-z]+", r"`\g<0>`", text)  # two hyphens would become a dash
    if not examples:
        return text
    lines = re.sub(r"^s?: ", "", " ".join(examples.split())).split(" · ")
    return f"{text}\n**Examples**:\n\n```bash\n" + "\n".join(lines) + "\n```\n"
