"""Processes that are killed, stopped and given up."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import as_completed
from pathlib import Path

import pytest
from writing import fail, fail_oddly, note

from spatialgraph import workers
from spatialgraph.workers import LostError, Workers, is_stopped, watched


def wait_for(happens, seconds=20.0):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_calls_are_made_by_other_processes_side_by_side(tmp_path):
    with Workers(2, tell=print) as executor:
        both = [executor.submit(note, tmp_path / str(number), "x", 0.5) for number in (0, 1)]
        pids = {future.result() for future in both}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_linear_algebra_of_a_process_runs_in_one_thread():
    with Workers(1, tell=print) as executor:
        assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


def test_a_process_that_is_killed_loses_its_own_call_and_another_follows(tmp_path):
    with Workers(2, tell=print) as executor:
        seconds = {"a": 20, "b": 1, "c": 0, "d": 0}  # the first two are at work when one of them is killed
        calls = {executor.submit(note, tmp_path / name, "x", seconds[name]): name for name in "abcd"}
        wait_for(lambda: (tmp_path / "started.a").exists() and (tmp_path / "started.b").exists())
        os.kill(int((tmp_path / "started.a").read_text()), signal.SIGKILL)
        ends = {calls[future]: future.exception() for future in as_completed(calls)}
    assert {name: error for name, error in ends.items() if error is None} == dict.fromkeys("bcd")
    assert isinstance(ends["a"], LostError)
    assert str(ends["a"]) == "its process was killed (SIGKILL), perhaps for want of memory"


def test_a_process_that_ends_by_itself_is_told():
    with Workers(1, tell=print) as executor:
        with pytest.raises(LostError, match=r"^its process ended with status 7$"):
            executor.submit(os._exit, 7).result()
        assert executor.submit(abs, -1).result() == 1


def test_errors_of_calls_come_back_with_a_note_of_where_they_were_raised():
    with Workers(1, tell=print) as executor:
        with pytest.raises(OSError, match="full") as caught:
            executor.submit(fail, "full").result()
        assert "writing.py" in caught.value.__notes__[0]
        with pytest.raises(RuntimeError, match=r"^OddError: 7$"):  # one that cannot be made from its arguments
            executor.submit(fail_oddly).result()
        assert executor.submit(abs, -1).result() == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell which processes are stopped")
def test_a_process_that_is_stopped_is_told_once_and_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_LOOK", 0.05)
    monkeypatch.setattr(workers, "_PATIENCE", 0.3)
    lines = []
    with Workers(1, tell=lines.append) as executor:
        call = executor.submit(note, tmp_path / "a", "x", 0.5)
        wait_for((tmp_path / "started.a").exists)
        pid = int((tmp_path / "started.a").read_text())
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: lines)
        assert is_stopped(pid)
        time.sleep(0.6)
        os.kill(pid, signal.SIGCONT)
        assert call.result() == pid
    told = f"its process is stopped; `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` gives it up"
    assert lines == [f"{tmp_path / 'a'} x 0.5: {told}"]


def test_when_the_block_ends_processes_end_stopped_or_not(tmp_path):
    with Workers(2, tell=print) as executor:
        executor.submit(note, tmp_path / "a", "x", 100)
        executor.submit(note, tmp_path / "b", "x", 100)
        never = executor.submit(note, tmp_path / "c", "x")
        wait_for(lambda: (tmp_path / "started.a").exists() and (tmp_path / "started.b").exists())
        pids = [int((tmp_path / f"started.{name}").read_text()) for name in "ab"]
        os.kill(pids[0], signal.SIGSTOP)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert never.cancelled()
    assert not (tmp_path / "started.c").exists()


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from spatialgraph.workers import Workers\n"
        "print('once')\n"
        "with Workers(2, tell=print) as executor:\n"
        "    print(list(executor.map(abs, [-1, -2, -3])))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("once\n[1, 2, 3]\n", "")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell which processes are stopped")
def test_processes_of_others_that_are_stopped_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "_LOOK", 0.05)
    monkeypatch.setattr(workers, "_PATIENCE", 0.2)
    lines = []
    with Workers(1, tell=print) as executor:
        executor.submit(note, tmp_path / "a", "x", 100)
        wait_for((tmp_path / "started.a").exists)
        pid = int((tmp_path / "started.a").read_text())
        with watched("writing files", lines.append):
            os.kill(pid, signal.SIGSTOP)
            wait_for(lambda: lines)
    assert lines == [
        f"writing files: its process is stopped; `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` gives it up"
    ]


def test_a_process_that_is_not_there_is_not_stopped():
    assert not is_stopped(os.getpid())
    assert not is_stopped(2**22 + 1)
