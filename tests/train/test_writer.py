"""Writing at once and beside training: order, results, and errors."""

import multiprocessing
import os
import signal

import pytest
import torch
from writing import fail, note

from spatialgraph.train import writer as writing_beside
from spatialgraph.train.writer import Writer

CPU, BESIDE = torch.device("cpu"), torch.device("meta")  # any device but the CPU has its files written beside


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let two processes make calls, which need nothing that writing networks does."""
    monkeypatch.setattr(writing_beside, "_JOBS", 2)
    monkeypatch.setattr(writing_beside, "_ready", os.getpid)


def test_on_a_cpu_calls_are_made_at_once_in_this_process(tmp_path):
    writer, found = Writer(CPU, print), []
    writer.write([(note, (tmp_path / "a", "1")), (note, (tmp_path / "a", "2"))], then=found.append)
    assert (tmp_path / "a").read_text() == "12"
    assert found == [[os.getpid()] * 2]


def test_beside_training_calls_are_made_by_other_processes_group_after_group(tmp_path):
    found = []
    with Writer(BESIDE, print) as writer:
        writer.write([(note, (tmp_path / "a", "1", 0.5)), (note, (tmp_path / "b", "2"))], then=found.append)
        writer.write([(note, (tmp_path / "a", "3"))])
        writer.write([(note, (tmp_path / "a", "4"))])
        assert found == []  # the caller went on
        writer.write([(note, (tmp_path / "a", "5"))])  # waits for the first group: two others may wait for it
        assert os.getpid() not in found[0]
        writer.wait()
        assert (tmp_path / "a").read_text() == "1345"
        assert (tmp_path / "b").read_text() == "2"
    assert len(found) == 1  # told once


@pytest.mark.parametrize("device", [CPU, BESIDE])
def test_when_the_block_ends_everything_is_written(tmp_path, device):
    with Writer(device, print) as writer:
        for letter in "123":
            writer.write([(note, (tmp_path / "a", letter))])
    assert (tmp_path / "a").read_text() == "123"


def test_no_group_begins_after_an_exception_and_the_one_begun_is_whole(tmp_path):
    def stopped():
        with Writer(BESIDE, print) as writer:
            writer.write([(note, (tmp_path / "a", "1", 0.5))])
            writer.write([(note, (tmp_path / "b", "2"))])
            while not (tmp_path / "started.a").exists():
                pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (tmp_path / "a").read_text() == "1"
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("device", [CPU, BESIDE])
def test_what_a_call_raises_is_raised_and_nothing_follows(tmp_path, device):
    writer, found = Writer(device, print), []

    def write():
        writer.write([(fail, ("full",))], then=found.append)
        writer.wait()

    with pytest.raises(OSError, match="full"):
        write()
    assert found == []
    writer.write([(note, (tmp_path / "a", "1"))])
    writer.wait()
    assert (tmp_path / "a").read_text() == "1"


def test_groups_after_one_that_failed_are_not_written(tmp_path):
    writer = Writer(BESIDE, print)
    writer.write([(fail, ("full",))])
    writer.write([(note, (tmp_path / "a", "1"))])
    with pytest.raises(OSError, match="full"):
        writer.wait()
    assert not (tmp_path / "a").exists()


def test_files_of_a_process_that_is_killed_are_written_again(tmp_path):
    lines, found = [], []
    writer = Writer(BESIDE, lines.append)
    writer.write([(note, (tmp_path / name, "1", 0.5)) for name in "ab"], then=found.append)
    while not (tmp_path / "started.a").exists():
        pass
    os.kill(int((tmp_path / "started.a").read_text()), signal.SIGKILL)
    writer.write([(note, (tmp_path / "c", "1"))])
    writer.wait()
    assert lines == ["writing files: a process was killed, perhaps for want of memory; its files are written again"]
    assert found == [[os.getpid()] * 2]
    assert (tmp_path / "a").read_text() == "1"
    assert (tmp_path / "c").read_text() == "1"


def test_a_process_that_is_killed_between_two_groups_is_followed_by_another(tmp_path):
    writer = Writer(BESIDE, print)
    writer.write([(note, (tmp_path / "a", "1"))])
    writer.wait()
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
    writer.write([(note, (tmp_path / "b", "1"))])
    writer.wait()
    assert (tmp_path / "b").read_text() == "1"
