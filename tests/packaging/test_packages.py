"""What the wheel and the sdist hold, built from a copy of the sources."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import spatialgraph
from spatialgraph.commit import commit

ROOT = Path(__file__).parents[2]
FOLDERS = ("spatialgraph", "train", "analyses")
BUILD = """
import sys
from setuptools import build_meta

out = sys.argv[1]  # building changes sys.argv
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The names in the sdist, and the wheel as an archive; of a checkout with one commit."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in (*FOLDERS, "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / name, copy)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    for arguments in (["init", "-q"], ["add", "pyproject.toml"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], cwd=copy, check=True)
    out = copy / "dist"
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=copy, check=True, capture_output=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copy, check=True, capture_output=True, text=True).stdout
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        names = [PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix() for name in archive.getnames()]
    with zipfile.ZipFile(wheel) as archive:
        yield names, archive, head.strip()


def sources():
    """Return the name in a wheel of every file that the program needs."""
    stages = {"train": "spatialgraph/train", "analyses": "spatialgraph/analyses", "spatialgraph": "spatialgraph"}
    for folder, package in stages.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name != "commit.txt":
                yield f"{package}/{path.relative_to(ROOT / folder).as_posix()}"


def test_the_wheel_holds_every_file_of_the_program_and_nothing_else(built):
    _, wheel, _ = built
    version = spatialgraph.__version__
    about = {name for name in wheel.namelist() if name.startswith(f"spatialgraph-{version}.dist-info/")}
    assert {name.split("/", 1)[1] for name in about} == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE")
    }
    assert sorted(set(wheel.namelist()) - about) == sorted([*sources(), "spatialgraph/commit.txt"])


def test_the_sdist_holds_no_tests_and_no_pages(built):
    names, _, _ = built
    assert {"pyproject.toml", "setup.py", "LICENSE", "train/experiments/demo.toml", "analyses/paper.mplstyle"} <= {
        *names
    }
    assert {"spatialgraph/commit.txt", "train/costs.c", "spatialgraph/splits/moves.c"} <= {*names}
    assert [name for name in names if name.startswith(("tests", "docs", "benchmarks"))] == []


def test_the_wheel_knows_the_commit_that_it_was_built_from(built):
    _, wheel, head = built
    assert wheel.read("spatialgraph/commit.txt").decode().strip() == head


def test_a_checkout_says_its_commit_and_whether_files_differ():
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    assert commit().removesuffix("+") == head[:12]
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT).returncode
    assert commit().endswith("+") == bool(changed)


def test_shells_are_told_how_to_complete():
    program = Path(sys.executable).with_name("spatialgraph")
    asked = {"_SPATIALGRAPH_COMPLETE": "complete_bash", "COMP_WORDS": "spatialgraph ana", "COMP_CWORD": "1"}
    done = subprocess.run([program], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["analyze"]


def test_the_wheel_asks_for_no_pytorch(built):
    _, wheel, _ = built
    metadata = wheel.read(f"spatialgraph-{spatialgraph.__version__}.dist-info/METADATA").decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert len(needed) == 13
    assert not any("torch" in line for line in needed)
