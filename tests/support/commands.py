"""The command line as real processes, each forked from one that has imported what commands need.

To import that takes longer than most of what tests ask of a command. That the program starts by itself, and imports
what it needs, is tested by fresh processes, in ``tests/spatialgraph/test_cli.py``.
"""

import gc
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

FORKS = multiprocessing.get_context("forkserver")
_STAGES = (
    *("train.run", "analyses.analysis", "analyses.figures", "analyses.report", "analyses.tables", "analyses.terminal"),
    *("cli", "describe", "executors", "train.letters"),
)
# What they import later: options, the page of a report.
_LATER = ("typer._adapters", "jinja2")
FORKS.set_forkserver_preload([*(f"spatialgraph.{name}" for name in _STAGES), *_LATER])


def _serve(arguments, cwd, env, folder):
    from spatialgraph.cli import main

    gc.freeze()  # looked through for garbage, what was imported would be copied, which is most of a command's time
    os.setpgid(0, 0)
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(Path(folder) / name, os.O_WRONLY), number)
    os.environ.clear()
    os.environ.update(env)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=_coding(env)[0])  # as in a process that begins with it
    os.chdir(cwd)
    sys.argv = ["spatialgraph", *arguments]
    main()


def _coding(env):
    """Return how a process with this environment writes, and what is done with what cannot be read so."""
    other = env.get("PYTHONIOENCODING")
    return (other, "replace") if other else ("utf-8", "strict")


class Command:
    """A process that runs ``spatialgraph``, in a group of its own.

    Args:
        arguments: of the command line.
        cwd: the folder it runs in; that of this process if None.
        env: its environment; that of this process if None.
    """

    def __init__(self, *arguments, cwd=None, env=None):
        self._folder = TemporaryDirectory()
        for name in ("output", "errors"):  # it may be killed before it writes anything
            (Path(self._folder.name) / name).touch()
        env = dict(env or os.environ)
        self._coding = _coding(env)
        given = (list(map(str, arguments)), str(cwd or Path.cwd()), env, self._folder.name)
        self._process = FORKS.Process(target=_serve, args=given)
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        """How the process ended, None if it runs."""
        return self._process.exitcode

    def kill(self):
        """Kill the process."""
        self._process.kill()

    def communicate(self, timeout=None):
        """Wait until the process has ended, and return what it wrote as output and as errors."""
        self._process.join(timeout)
        assert self.returncode is not None, f"{timeout} s were too few"
        written = [(Path(self._folder.name) / name).read_text(*self._coding) for name in ("output", "errors")]
        self._folder.cleanup()
        return tuple(written)


def run(*arguments, **how):
    """Run ``spatialgraph`` and return how it ended and what it wrote; see `Command` for what may be given."""
    command = Command(*arguments, **how)
    output, errors = command.communicate()
    return subprocess.CompletedProcess(arguments, command.returncode, output, errors)
