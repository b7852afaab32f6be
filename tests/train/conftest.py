"""What training changes in its process, put back; and how the tests' small networks are trained soonest."""

import subprocess
import sys

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def own_process_settings():
    """Train in one thread, since threads take longer to meet than small networks to compute; then undo all of it."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # of processes that the tests start
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)  # `train` sets it; other tests draw numbers that small


# Imports everything once. For each line that it reads, it starts a process that trains, and says its number and, when
# that has ended, how.
LAUNCHER = """
import os, sys
import torch
import spatialgraph.train.run
from spatialgraph.cli import main
torch.optim.Adam([torch.zeros(1)])
for line in sys.stdin:
    number = os.fork()
    if not number:
        os.dup2(2, 1)
        try:
            main(["train", *line.split()])
        except SystemExit as end:
            os._exit(end.code or 0)
    print(number, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
"""


@pytest.fixture
def launcher():
    """Return a function of the command's arguments that starts `spatialgraph train`: its process, and how it ended."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LAUNCHER], **pipes, text=True) as process:

        def start(*arguments):
            process.stdin.write(" ".join(map(str, arguments)) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline()), lambda: int(process.stdout.readline())

        yield start
        process.stdin.close()


@pytest.fixture
def noise(tmp_path):
    """Write two data sets that are read at once; return their files."""
    draw = np.random.default_rng(0)
    files = [tmp_path / "one.npz", tmp_path / "other.npz"]
    for file in files:
        images = {f"{part}_images": draw.integers(0, 256, (200, 8, 8), dtype=np.uint8) for part in ("train", "test")}
        np.savez(file, **images, **{f"{part}_labels": np.arange(200) % 10 for part in ("train", "test")})
    return [str(file) for file in files]
