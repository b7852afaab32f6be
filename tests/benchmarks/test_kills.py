"""Commands that are killed and given again: a small part of `benchmarks/kills.py`, which does it a hundred times."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from analysed_run import write_analysed_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kills():
    specification = importlib.util.spec_from_file_location("kills", ROOT / "benchmarks" / "kills.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a folder with a run that is analysed."""
    folder = tmp_path_factory.mktemp("before")
    write_analysed_run(folder, splits=("greedy", "random"), nulls=5, inputs=("mix",))
    (folder / "small").rename(folder / "run")
    return folder


def test_what_is_left_counts_hidden_files_and_their_bytes(kills, tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "folder").mkdir()
    first = kills.left(tmp_path)
    (tmp_path / "folder" / ".a.tmp").touch()
    (tmp_path / "a").write_text("b")
    second = kills.left(tmp_path)
    assert list(first) == ["a"]
    assert list(second) == ["a", "folder/.a.tmp"]
    assert first["a"] != second["a"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["figures", "report"])
def test_a_command_that_is_killed_ends_like_one_that_was_not(kills, before, tmp_path, monkeypatch, command):
    monkeypatch.setitem(kills.COMMANDS, "figures", (*kills.COMMANDS["figures"], "--only", "modularity-drop,nulls"))
    whole = Path(shutil.copytree(before, tmp_path / "whole" / "here"))
    assert kills.finish(command, whole).returncode == 0, (whole / "output.txt").read_text()
    wanted = kills.left(whole)
    assert len(wanted) > len(kills.left(before))
    for trial, seconds in enumerate((0.5, 2.5)):
        here = Path(shutil.copytree(before, tmp_path / str(trial) / "here"))
        moment, differences = kills.killed_and_finished(command, here, wanted, seconds, trial == 0)
        assert differences == ""
        assert moment in ("before its first file", "at work", "after its end")
