"""Calls that other processes make in tests: they must be importable there."""

import os
import time
from pathlib import Path


def note(file, text, seconds=0.0):
    """Append a text to a file after some time; return the process's number."""
    time.sleep(seconds)
    with Path(file).open("a") as stream:
        stream.write(text)
    return os.getpid()


def fail(text):
    """Fail as a full disk does."""
    raise OSError(28, text)
