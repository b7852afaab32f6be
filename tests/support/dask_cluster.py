"""A Dask cluster of processes on this machine, each of which a test may kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

SUPPORT = Path(__file__).parent


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Cluster:
    """A scheduler and workers; when the block ends, all are killed."""

    def __init__(self, workers=2, folder=None):
        self.port, self.count, self.folder = free_port(), workers, folder
        self.scheduler, self.workers = None, []

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start_scheduler()
        for _ in range(self.count):
            self.start_worker()
        return self

    def __exit__(self, *_):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def start_scheduler(self):
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", self.port, "--no-dashboard")
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("no scheduler")

    def start_worker(self):
        options = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--memory-limit", 0)
        self.workers.append(self._start("worker", self.address, *options))
        return self.workers[-1]

    def kill_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()

    def kill_worker(self, number=0):
        """Kill a worker; return its number of process."""
        worker = self.workers.pop(number)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        return worker.pid

    def _start(self, what, *arguments):
        path = os.pathsep.join([str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *map(str, arguments)]
        return subprocess.Popen(
            command, env=environment, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
