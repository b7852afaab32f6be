"""The release checklist, as far as files and git can tell; `make release` follows it.

python tests/packaging/release.py --check   # before anything is built
python tests/packaging/release.py --tag     # when all else has passed: a tag of this checkout, pushed nowhere
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import spatialgraph

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Say what is missing, and tag if nothing is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tag", action="store_true")
    asked = parser.parse_args()
    version = spatialgraph.__version__
    missing = list(faults(ROOT, version))
    if missing:
        raise SystemExit("\n".join(f"not ready: {line}" for line in missing))
    if asked.tag:
        _git(ROOT, "tag", "--annotate", f"v{version}", "--message", f"spatialgraph {version}")
        print(f"tagged v{version}; git push --tags and the upload of dist/* are yours to do")  # noqa: T201


def faults(root: Path, version: str) -> Iterator[str]:
    """Yield what a checkout lacks to be released as a version, a line each."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## (\S+) – (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    if heading is None or heading[1] != version:
        yield f"CHANGELOG.md: expected the first heading '## {version} – DATE', found {heading and heading[0]!r}"
    if re.search(r"^## Unreleased\n+(?!## )\S", changelog, re.MULTILINE):
        yield "CHANGELOG.md: expected nothing under 'Unreleased', found entries"
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    for line in (f"version: {version}", f"date-released: {heading[2] if heading else 'DATE'}"):
        if line not in citation.splitlines():
            yield f"CITATION.cff: expected '{line}', found another"
    if _git(root, "status", "--porcelain"):
        yield "git: expected a clean checkout, found changes"
    if _git(root, "tag", "--list", f"v{version}"):
        yield f"git: expected no tag v{version}, found one"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
