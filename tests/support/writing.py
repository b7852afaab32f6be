"""Calls that other processes make in tests: they must be importable there."""

import os
import time
from pathlib import Path


def note(file, text, seconds=0.0):
    """Append a text to a file after some time; return the process's number, which a file beside it tells before."""
    started = Path(file).with_name(f"started.{Path(file).name}")
    part = Path(f"{started}.part")
    part.write_text(str(os.getpid()))
    part.rename(started)
    time.sleep(seconds)
    with Path(file).open("a") as stream:
        stream.write(text)
    return os.getpid()


def fail(text):
    """Fail as a full disk does."""
    raise OSError(28, text)


class OddError(Exception):
    """An error that cannot be made from its arguments, as some libraries have them."""

    def __init__(self, number, text):
        super().__init__(f"{number}{text}")


def fail_oddly():
    raise OddError(7, "")
