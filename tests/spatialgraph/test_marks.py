"""Marks: who works on what, and what became of those who do not any more."""

import os
import subprocess
import time

import pytest

from spatialgraph import marks
from spatialgraph.files import InUseError, leader_of, locked
from spatialgraph.marks import Mark, beating, mark_of, marked, read_mark, standing, write_mark


def is_refused(folder, message):
    with pytest.raises(InUseError, match=message), locked(folder, "training"):
        pass


@pytest.fixture
def result(tmp_path):
    return tmp_path / "net-0" / "scores.h5"


def how(result, done=False, led=True):
    return standing("net-0/scores", result, done=done, led=led)


def gone():
    """Return the number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_a_unit_is_queued_running_and_done(result):
    assert how(result).state == "queued"
    assert how(result, led=False).state == "missing"
    with marked(result, "net-0/scores"):
        assert how(result).state == "running"
        assert how(result).text.startswith(f"process {os.getpid()} on ")
        assert how(result, done=True).state == "done"  # another one was faster
    assert how(result).state == "queued"
    assert list(result.parent.iterdir()) == []


def test_why_a_unit_failed_stays_until_it_is_done_again(result, monkeypatch):
    monkeypatch.setenv(marks.LOG, "/logs/7_0.out")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with pytest.raises(ValueError, match="two"), marked(result, "net-0/scores"):
        raise ValueError("two\nlines")
    found = how(result, led=False)
    assert found.state == "failed"
    assert found.text.startswith("ValueError: two lines (process ")
    assert found.text.endswith(", job 7; log /logs/7_0.out)")
    with marked(result, "net-0/scores"):
        assert how(result).state == "running"
    assert read_mark(mark_of(result)) is None


def test_a_stop_is_no_failure(result):
    with pytest.raises(KeyboardInterrupt), marked(result, "net-0/scores"):
        raise KeyboardInterrupt
    assert how(result).state == "queued"


def test_a_process_that_is_gone_is_told_from_one_that_works(result):
    write_mark(mark_of(result), Mark("x", process=gone()))
    assert how(result).state == "lost"
    assert "ended without a word" in how(result).text
    write_mark(mark_of(result), Mark("x", host="elsewhere", process=1, job="5_2"))
    assert how(result).state == "running"  # it gave a sign of life just now
    past = time.time() - 1000
    os.utime(mark_of(result), (past, past))
    assert how(result).state == "lost"
    mark_of(result).write_text("{half")
    assert how(result).state == "queued"


def test_signs_of_life_are_given_while_a_block_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "_BEAT", 0.02)
    path = tmp_path / "mark"
    with beating(path, Mark("x")):
        os.utime(path, (0, 0))
        end = time.monotonic() + 20
        while path.stat().st_mtime == 0:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert read_mark(path).age < 20
    assert not path.exists()


def test_a_lock_says_who_has_it_and_one_that_nobody_has_is_told_apart(tmp_path):
    with locked(tmp_path, "training"):
        assert leader_of(tmp_path).process == os.getpid()
        is_refused(tmp_path, rf"in use by another process, process {os.getpid()} on .*, training for")
        write_mark(mark_of(tmp_path / ".lock"), Mark("training", process=gone()))
        is_refused(tmp_path, r"training for .*, which is gone or stopped, .* remove .*\.lock, whose")
    assert leader_of(tmp_path) is None


def test_a_lock_that_does_not_reach_another_machine_is_told(tmp_path):
    mark = mark_of(tmp_path / ".lock")
    write_mark(mark, Mark("training", host="elsewhere", process=1))
    is_refused(tmp_path, r"process 1 on elsewhere, which gave a sign .* does not reach this machine")
    os.utime(mark, (0, 0))  # its process was killed long ago
    with locked(tmp_path, "training"):
        assert leader_of(tmp_path).is_here
