"""Which commit this program is: noted when it was built, or asked of the checkout that it is run from."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

_DIGITS = 12
_SECONDS = 5.0


def commit() -> str:
    """Return the commit, shortened; ``""`` if none is known.

    A checkout in which files differ from the commit is told by ``+`` at the end.

    Example:
        >>> len(commit()) in (0, 12, 13)
        True
    """
    noted = resources.files(__package__).joinpath("commit.txt")
    if noted.is_file():
        return noted.read_text(encoding="utf-8").strip()[:_DIGITS]
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / ".git").exists():
        return ""
    found = _git(checkout, "rev-parse", "HEAD")
    return found[:_DIGITS] + "+" * bool(found and _git(checkout, "status", "--porcelain", "--untracked-files=no"))


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says; ``""`` if there is none, or it knows no answer."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603
            [git, *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
