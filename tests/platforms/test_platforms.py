"""What differs between systems, as far as one system can show it: processes, locales, names, locks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from spatialgraph import files, marks

ROOT = Path(__file__).parents[2]

# A script as users write it, without a guard, on a system whose processes are spawned.
SCRIPT = """
import multiprocessing

multiprocessing.set_start_method("spawn")
import spatialgraph as sg

run = "ein Lauf ä 数"
sg.analyze(run, splits=["greedy", "spectral", "random"], nulls=3, jobs=2, evaluations=f"{run}/evaluation.h5")
"""

# Python without its own remedies for such locales.
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run that was analysed by spawned processes, in a folder with a space and letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("ö ä")
    networks = folder / "ein Lauf ä 数" / "networks"
    networks.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "network-v1.h5", networks / "old.h5")
    shutil.copy(ROOT / "tests" / "data" / "evaluation-v1.h5", networks.parent / "evaluation.h5")
    (folder / "mein Skript ü.py").write_text(SCRIPT, encoding="utf-8")
    subprocess.run([sys.executable, "mein Skript ü.py"], cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


def test_spawned_processes_analyse_as_this_one_does(work):
    import spatialgraph as sg

    run = work / "ein Lauf ä 数"
    sg.analyze(
        run, splits=["greedy", "spectral", "random"], nulls=3, evaluations=run / "evaluation.h5", out=work / "here"
    )
    for name in ("scores.csv", "nulls.csv", "agreement.csv"):
        assert (run / "results" / name).read_bytes() == (work / "here" / name).read_bytes()
    assert len(pd.read_csv(run / "results" / "scores.csv")) > 20


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_commands_speak_in_any_locale(work, encoding):
    for command in (["info", "ein Lauf ä 数/networks/old.h5"], ["analyze", "--list"], ["status", "ein Lauf ä 数"]):
        done = subprocess.run(
            [sys.executable, "-m", "spatialgraph", *command],
            cwd=work,
            capture_output=True,
            env={**os.environ, **C_LOCALE, "PYTHONIOENCODING": encoding},
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, b""), command
        assert done.stdout


def test_no_two_files_differ_by_case_alone_and_every_system_can_have_their_names():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    names = [name for name in listed.stdout.split("\0") if name]
    assert len({name.lower() for name in names}) == len(names) > 400
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
    parts = {part for name in names for part in name.split("/")}
    assert [part for part in parts if reserved.fullmatch(part) or re.search(r'[<>:"\\|?*]|[ .]$', part)] == []
    assert max(map(len, names)) < 150  # Windows has 260 for the whole path


def test_where_open_files_keep_their_names_files_are_closed_before_they_are_renamed(tmp_path, monkeypatch):
    """Windows renames no open file."""
    monkeypatch.setattr(files, "_KEEPS_OPEN", False)
    open_file, replace, held, closed = os.open, Path.replace, [], []

    def opening(path, *arguments):
        held.append(open_file(path, *arguments))
        return held[-1]

    def replacing(path, target):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(held[0])
        closed.append(held[0])
        held.clear()
        return replace(path, target)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(Path, "replace", replacing)
    for text in ("one", "two"):
        with files.atomic(tmp_path / "a.txt") as temporary:
            temporary.write_text(text)
    assert (tmp_path / "a.txt").read_text() == "two"
    assert len(closed) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_where_processes_cannot_be_asked_none_is_sent_a_signal(monkeypatch):
    """On Windows the signal 0 is Ctrl-C."""
    sent = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    assert marks._is_process(os.getpid())
    assert len(sent) == 1
    monkeypatch.setattr(marks, "_CAN_ASK", False)
    assert marks._is_process(os.getpid())
    assert len(sent) == 1
