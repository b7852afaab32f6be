"""Units done by a Dask cluster: the same bytes, workers and the scheduler killed."""

import io
import time

import pytest

distributed = pytest.importorskip("distributed")

from builders import write_run  # noqa: E402
from dask_cluster import Cluster, free_port  # noqa: E402
from rich.console import Console  # noqa: E402
from writing import fail, note  # noqa: E402

from spatialgraph.analyses.analysis import analyze  # noqa: E402
from spatialgraph.analyses.scoring import Plan  # noqa: E402
from spatialgraph.executors import dask as dask_module  # noqa: E402
from spatialgraph.executors.dask import DaskExecutor  # noqa: E402

QUICK = {"splits": ["greedy"], "metrics": ["modularity", "accuracy"], "ablations": ["zero"], "nulls": 2}

# Connections that a killed process leaves open are of Dask.
pytestmark = [pytest.mark.filterwarnings("ignore")]


def wait_for(happens, seconds=120.0):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_units_go_on_when_a_worker_and_the_scheduler_are_killed_and_leave_the_same_bytes(tmp_path):
    """One test, since starting processes that import everything is what takes long."""
    run, lines = write_run(tmp_path / "run"), []
    analyze(run, run / "one", plan=Plan.choose(**QUICK), console=Console(file=io.StringIO()))
    with Cluster(folder=tmp_path) as cluster, DaskExecutor(cluster.address, lines.append) as executor:
        assert lines[0].startswith(f"dask: {cluster.address}, ")
        assert "dashboard http://" in lines[0]
        # Values and errors come back; a fault of the system is tried again, and comes back in the end.
        assert executor.submit(abs, -3).result(120) == 3
        with pytest.raises(ValueError, match="invalid literal"):
            executor.submit(int, "x").result(120)
        with pytest.raises(OSError, match="full"):
            executor.submit(fail, "full").result(120)

        # A worker that is killed loses what it was doing, which another one does.
        calls = [executor.submit(note, tmp_path / name, "x", 1.0) for name in "ab"]
        wait_for(lambda: (tmp_path / "started.a").exists() and (tmp_path / "started.b").exists())
        killed = cluster.kill_worker()
        assert killed not in [call.result(120) for call in calls]

        # So does the next scheduler at the same address.
        calls = [executor.submit(note, tmp_path / name, "x", 0.5) for name in "cdef"]
        wait_for(lambda: (tmp_path / "started.c").exists())
        cluster.kill_scheduler()
        cluster.start_scheduler()
        for worker in cluster.workers:
            worker.kill()
        cluster.start_worker()
        assert all(call.result(180) for call in calls)
        assert lines[1] == f"dask: the scheduler {cluster.address} is gone; waiting for it, 300 s at most"

        console = Console(file=io.StringIO())
        analyze(run, run / "two", plan=Plan.choose(**QUICK), executor=executor, console=console)
        call = executor.submit(time.sleep, 60)
    assert not call.done() or call.exception() is not None
    with pytest.raises(RuntimeError, match="expected an executor that is open"):
        executor.submit(abs, 1)
    for file in (run / "one").glob("*.*"):
        assert (run / "two" / file.name).read_bytes() == file.read_bytes(), file.name


def test_an_address_where_nobody_answers_is_told_in_a_line(monkeypatch):
    monkeypatch.setattr(dask_module, "_CONNECTING", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(RuntimeError, match=rf"^--on dask: expected a scheduler at {address}, found none in 0.5 s "):
        DaskExecutor(address, print)
