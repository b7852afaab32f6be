"""What pyproject.toml cannot say: a package that is built from a commit knows which."""

import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
NAME = Path("spatialgraph", "commit.txt")


def commit() -> str:
    """Return the commit of this folder, ``""`` if it is no checkout of its own or there is no git."""
    git = ["git", "rev-parse", "--show-toplevel", "HEAD"]
    try:
        top, found = subprocess.run(git, cwd=HERE, capture_output=True, check=True, text=True).stdout.split("\n")[:2]
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found if Path(top).resolve() == HERE else ""


def note_commit(folder: Path) -> None:
    """Write the commit into a package; one that is not built from a checkout keeps what it was given."""
    if found := commit():
        (folder / NAME).write_text(found + "\n", encoding="utf-8")


class Build(build_py):
    """Build the modules, and note the commit beside them."""

    def run(self) -> None:
        """Do so, except where modules stay where they are."""
        super().run()
        if not self.editable_mode:
            note_commit(Path(self.build_lib))


class Source(sdist):
    """Pack the sources, and note the commit among them."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Do so."""
        super().make_release_tree(base_dir, files)
        note_commit(Path(base_dir))


setup(cmdclass={"build_py": Build, "sdist": Source})
