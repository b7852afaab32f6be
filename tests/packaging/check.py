"""Try the packages in environments of their own; needs uv and an index of packages.

    python tests/packaging/check.py wheel dist/*.whl [--python 3.13]  # an empty environment, without PyTorch
    python tests/packaging/check.py oldest                            # the oldest versions that pyproject.toml allows

Either runs the commands of an analysis, in a folder whose name has a space and a letter beyond ASCII, then quick tests
of the library with what is installed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
TESTED = (
    *(
        "spatialgraph/graph",
        "spatialgraph/metrics",
        "spatialgraph/runners",
        "spatialgraph/splits",
        "spatialgraph/store",
    ),
    *("spatialgraph/test_network.py", "spatialgraph/test_strengths.py", "analyses/test_statistics.py"),
)
TOOLS = ("pytest", "hypothesis", "scikit-network", "bctpy", "igraph")  # what these tests compare with


def main() -> None:
    """Try what is asked for; leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["wheel", "oldest"])
    parser.add_argument("wheel", nargs="?", type=Path)
    parser.add_argument("--python", default="3.11", help="a version, or an interpreter")
    parser.add_argument("--commands-only", action="store_true", help="run no tests")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spatialgraph ä ") as made:
        folder = Path(made)
        _uv("venv", "--quiet", "--python", asked.python, folder / "venv")
        python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if asked.what == "wheel":
            _install(python, f"spatialgraph[report] @ {asked.wheel.resolve().as_uri()}")
        else:
            _install(python, "--resolution", "lowest-direct", f"spatialgraph[report] @ {ROOT.as_uri()}")
        _try_commands(python, folder)
        if not asked.commands_only:
            _install(python, *TOOLS)
            _try_tests(python)


def _uv(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "uv", *map(str, arguments)], check=True)


def _install(python: Path, *packages: str) -> None:
    _uv("pip", "install", "--quiet", "--python", python, *packages)


def _run(python: Path, arguments: Sequence[str], folder: Path) -> str:
    """Run Python, without what lies in the folder, and return what it said."""
    done = subprocess.run([python, "-P", *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _try_commands(python: Path, folder: Path) -> None:
    """Analyse a run without PyTorch, by the commands that a user gives."""
    run = folder / "a run ä"
    (run / "networks").mkdir(parents=True)
    (run / "networks" / "old.h5").write_bytes((TESTS / "data" / "network-v1.h5").read_bytes())
    (run / "evaluation.h5").write_bytes((TESTS / "data" / "evaluation-v1.h5").read_bytes())
    for command in (
        ["--version"],
        ["check", f"{run.name}/networks/old.h5"],
        ["analyze", run.name, "--nulls", "19", "--jobs", "2", "--evaluation", f"{run.name}/evaluation.h5"],
        ["figures", f"{run.name}/results", "--format", "png", "--only", "methods,layers,nulls"],
        ["report", f"{run.name}/results"],
    ):
        said = _run(python, ["-m", "spatialgraph", *command], folder).strip().splitlines()
        print("spatialgraph", *command, "→", said[-1])  # noqa: T201
    assert (run / "results" / "report.html").is_file()
    assert "None" in _run(python, ["-c", "from importlib.util import find_spec; print(find_spec('torch'))"], folder)
    where = _run(python, ["-c", "import spatialgraph; print(spatialgraph.__file__)"], ROOT)
    assert "site-packages" in where, where


def _try_tests(python: Path) -> None:
    """Run the quick tests with what is installed; old packages warn of what newer Pythons will refuse."""
    chosen = [str(TESTS / name) for name in TESTED]
    options = ["-q", "-p", "no:cacheprovider", "-o", "filterwarnings=default", "--disable-warnings"]
    subprocess.run([python, "-P", "-m", "pytest", *options, *chosen], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
