"""Links of pages that are also read as files of the repository: some lead to files that are no pages of the site."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from spatialgraph.analyses.labels import ABLATIONS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "generated"

# Files outside docs that the site shows as a page of its own.
PAGES = {
    ROOT / "README.md": DOCS / "index.md",
    ROOT / "CHANGELOG.md": GENERATED / "changelog.md",
    ROOT / "CONTRIBUTING.md": GENERATED / "contributing.md",
    ROOT / "spatialgraph" / "store" / "FORMAT.md": GENERATED / "format.md",
    ROOT / "examples": GENERATED / "examples" / "index.md",
    **{path: GENERATED / "examples" / f"{path.stem}.md" for path in (ROOT / "examples").glob("*.py")},
}

_TABLES = {
    "table1": "Table 1",
    "methods": "All split methods",
    "kinds": "Kinds at equal accuracy: digits and letters",
    "mnist-kinds": "Kinds at equal accuracy: MNIST and Fashion-MNIST",
}

_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?(?=\))")

# Numbers of a cell that belong together, such as 0.91 ± 0.01.
_PAIR = re.compile(r"(?<=\d) ([±/]) (?=[\d−-])")

_HEADING = re.compile(r"^#+ .*\]\(.*$", re.MULTILINE)


def mend(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let the links of a page that was written for the repository lead to pages of the site."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        text = _HEADING.sub(_without_links, rewritten(source[0], path, path))
        text = re.sub(r"^\|.*", lambda row: _PAIR.sub("\u00a0\\1\u00a0", row[0]), text, flags=re.MULTILINE)
        source[0] = text if text.lstrip().startswith("#") else f"# {_title(path.stem)}\n\n{text}"


def _title(table: str) -> str:
    """Return the title of a table that a command wrote with a caption alone: no list of pages could name it.

    Example:
        >>> _title("methods-incoming")
        'All split methods, incoming weights = 0'
    """
    name, _, ablation = table.rpartition("-")
    return f"{_TABLES[name]}, {ABLATIONS[ablation]}" if ablation in ABLATIONS else _TABLES[table]


def _without_links(heading: re.Match[str]) -> str:
    """Return a heading whose links stand below it: a table of contents cannot hold them."""
    links = re.findall(r"\[[^\]]+\]\([^)]+\)", heading[0])
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", heading[0]) + "\n\n" + ", ".join(links)


def rewritten(text: str, written: Path, shown: Path) -> str:
    """Return a text whose relative links, as they were written in one file, are right in another.

    Args:
        text: Markdown.
        written: the file that it stands in.
        shown: the file that it will stand in.
    """

    def target(match: re.Match[str]) -> str:
        file = Path(os.path.normpath(written.parent / match[1]))
        if not file.exists() and not file.is_relative_to(GENERATED):
            return match[0]  # the build says so
        page = PAGES.get(file, file / "README.md" if file.is_dir() else file)
        return os.path.relpath(page, shown.parent).replace(os.sep, "/") + (match[2] or "")

    return _LINK.sub(target, text)
