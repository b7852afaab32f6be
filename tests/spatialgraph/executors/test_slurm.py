"""Units done by jobs of SLURM; here jobs are threads and processes, and what SLURM says is made up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from submitit.core.utils import DelayedSubmission
from writing import fail, fail_oddly, note

from spatialgraph.executors import Slurm
from spatialgraph.executors import slurm as slurm_module
from spatialgraph.executors.slurm import SlurmExecutor, _error_of, _grace, _Job, _parameters
from spatialgraph.workers import LostError

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def place(tmp_path):
    for part in ("todo", "taken", "ends", "logs"):
        (tmp_path / part).mkdir()
    return tmp_path


def put(place, number, function, *arguments):
    DelayedSubmission(function, *arguments).dump(place / "todo" / number)


def job(place, minutes=5.0, **variables):
    """Start a job that takes what is there."""
    code = "import sys; from spatialgraph.executors.slurm import take; "
    code += f"take({str(place)!r}, {minutes}, 0)"
    environment = os.environ | {"SLURM_JOB_ID": "7", "PYTHONPATH": str(SUPPORT)} | variables
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


def ends(place):
    return {path.name: json.loads(path.read_text()) for path in sorted((place / "ends").iterdir())}


def wait_for(happens, seconds=120.0):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_job_takes_units_until_there_are_none_and_says_how_each_ended(place):
    put(place, "0", abs, -3)
    put(place, "1", fail, "full")
    put(place, "2", fail_oddly)
    (place / "taken" / "3.7").write_bytes(b"")  # of this job, before it was requeued
    DelayedSubmission(os.getenv, "SPATIALGRAPH_LOG").dump(place / "taken" / "3.7")
    assert job(place).wait() == 0
    found = ends(place)
    log = str(place / "logs" / "7_0_log.out")
    assert found["0"] == {"value": 3}
    assert found["3"] == {"value": log}
    assert (found["1"]["errors"][0], found["1"]["log"]) == ("OSError", log)
    assert str(_error_of(found["1"])) == f"[Errno 28] full (job 7, log {log})"
    assert isinstance(_error_of(found["1"]), OSError)
    assert str(_error_of(found["2"])).startswith("OddError: 7 (job 7")
    assert [*(place / "todo").iterdir(), *(place / "taken").iterdir()] == []


def test_a_job_that_is_asked_to_end_gives_back_what_it_had_taken(place):
    put(place, "0", note, place / "a", "x", 60)
    with job(place) as process:
        wait_for((place / "started.a").exists)
        assert [path.name for path in (place / "taken").iterdir()] == ["0.7"]
        process.send_signal(signal.SIGUSR2)
        assert process.wait(30) == 0
    assert [path.name for path in (place / "todo").iterdir()] == ["0"]
    assert not (place / "a").exists()


def test_a_job_whose_time_is_nearly_over_takes_nothing_and_is_requeued(place, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "scontrol").write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\nkill $PPID\n")
    (programs / "scontrol").chmod(0o755)
    put(place, "0", abs, -3)
    with job(place, minutes=0.0, PATH=f"{programs}:{os.environ['PATH']}") as process:
        wait_for((tmp_path / "asked").exists)
        process.kill()
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert [path.name for path in (place / "todo").iterdir()] == ["0"]


class Pretended:
    """What SLURM would say and do: every job that is submitted runs, as a process, until it has ended."""

    def __init__(self, monkeypatch, ends_at_once=False):
        self.jobs, self.cancelled, self.ends_at_once = {}, [], ends_at_once
        monkeypatch.setattr(slurm_module.shutil, "which", lambda name: name)
        monkeypatch.setattr(slurm_module, "_ASK", 0.1)
        monkeypatch.setattr(slurm_module, "_LOOK", 0.02)
        monkeypatch.setattr(slurm_module, "_ENDING", 0.0)
        monkeypatch.setattr(slurm_module, "_jobs", lambda name: self.running())
        monkeypatch.setattr(slurm_module, "_run", lambda *command: self.cancelled.append(command))
        monkeypatch.setattr(SlurmExecutor, "_start_jobs", lambda executor, count: self.start(executor, count))

    def running(self):
        return [_Job(number, "R", "None") for number, process in self.jobs.items() if process.poll() is None]

    def start(self, executor, count):
        for _ in range(count):
            number = str(len(self.jobs) + 1)
            place = "/nowhere" if self.ends_at_once else executor._folder
            self.jobs[number] = job(place, SLURM_JOB_ID=number)


@pytest.fixture
def pretended(monkeypatch):
    made = Pretended(monkeypatch)
    yield made
    for process in made.jobs.values():
        process.kill()
        process.wait()


def test_units_come_back_and_a_job_that_ends_under_one_is_followed_by_another(pretended, tmp_path):
    lines = []
    with SlurmExecutor(Slurm(array=2), tmp_path / "run", lines.append) as executor:
        calls = [executor.submit(note, tmp_path / name, "x", 1.0 if name == "a" else 0.0) for name in "ab"]
        wait_for((tmp_path / "started.a").exists)
        killed = int((tmp_path / "started.a").read_text())
        os.kill(killed, signal.SIGKILL)
        assert calls[0].result(180) != killed
        assert calls[1].result(180)
        with pytest.raises(ValueError, match=r"invalid literal .* \(job \d+, log .*_0_log\.out\)$"):
            executor.submit(int, "x").result(180)
    assert lines[0].startswith("slurm: submitted ")
    assert pretended.cancelled[-1][:2] == ("scancel", "--name")
    logs = list((tmp_path / "run" / ".slurm").glob("*/*"))  # since a unit failed, its log is kept, and nothing else
    assert [path.name for path in logs if path.is_dir()] == ["logs"]


def test_a_unit_under_which_jobs_end_again_and_again_is_given_up(pretended, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_module, "_TRIES", 2)
    monkeypatch.setattr(slurm_module, "_fate", lambda job: " (OUT_OF_MEMORY)")
    with SlurmExecutor(Slurm(array=1), tmp_path, lambda _: None) as executor:
        call = executor.submit(os._exit, 1)
        with pytest.raises(LostError, match=r"^2 jobs ended while they did it, the last 2 \(OUT_OF_MEMORY\); log "):
            call.result(180)


def test_jobs_that_take_nothing_are_not_submitted_for_ever(pretended, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_module, "_IDLE_SUBMISSIONS", 3)
    pretended.ends_at_once = True
    with SlurmExecutor(Slurm(array=1), tmp_path, lambda _: None) as executor:
        with pytest.raises(LostError, match="jobs ended before they took anything"):
            executor.submit(abs, 1).result(180)
        assert len(pretended.jobs) == 3


def test_nothing_is_left_where_all_went_well_and_what_a_killed_process_left_is_removed(pretended, tmp_path):
    old = tmp_path / ".slurm" / "spatialgraph-01234567"
    (old / "todo").mkdir(parents=True)
    with SlurmExecutor(Slurm(array=1), tmp_path, lambda _: None) as executor:
        assert not pretended.jobs  # nothing is submitted before it is needed
        assert executor.submit(abs, -2).result(180) == 2
        assert pretended.cancelled[0] == ("scancel", "--name", old.name, "--quiet")
    assert list(tmp_path.iterdir()) == []
    with SlurmExecutor(Slurm(), tmp_path, print):
        pass


def test_settings_become_those_of_submitit():
    asked = _parameters(Slurm("gpu", 90, 1, 4, 16, 8, "me", "low", "a100"), "name")
    assert asked == {
        "name": "name",
        "timeout_min": 90,
        "cpus_per_task": 4,
        "gpus_per_node": 1,
        "mem_gb": 16,
        "slurm_partition": "gpu",
        "slurm_account": "me",
        "slurm_qos": "low",
        "slurm_constraint": "a100",
        "slurm_array_parallelism": 8,
        "stderr_to_stdout": True,
        "slurm_signal_delay_s": 90,
        "slurm_additional_parameters": {"requeue": True},
    }
    assert "slurm_partition" not in _parameters(Slurm(), "name")
    assert (_grace(1), _grace(60)) == (15, 90)


def test_a_machine_without_slurm_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_module.shutil, "which", lambda name: None)
    with pytest.raises(
        RuntimeError, match=r"^--on slurm: expected a machine that submits jobs \(sbatch, squeue\), found"
    ):
        SlurmExecutor(Slurm(), tmp_path, print)
