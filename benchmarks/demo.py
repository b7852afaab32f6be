"""How long the demo takes: alone, and beside as many busy programs as there are cores.

    python benchmarks/demo.py [--out docs/benchmarks/demo.json]

Seconds by the clock since the command was given, when each part begins and when all is done, after everything is
installed and with files in the system's cache.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import report


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Keep some programs busy while a block lasts."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for program in running:
            program.kill()
            program.wait()


def seconds() -> dict[str, float]:
    """Return when each part of the demo begins, and when all is done."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-u", "-m", "spatialgraph", "demo", "--out", f"{folder}/demo"]
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout or ():
                if match := re.match(r"\d of \d: ([^·]+) ·", line):
                    found[match[1]] = round(time.monotonic() - start, 1)
        if process.returncode:
            raise SystemExit(f"the demo ended with status {process.returncode}")
        found["done"] = round(time.monotonic() - start, 1)
    return found


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    numbers: dict[str, object] = {}
    for programs in (0, cores):
        with busy(programs):
            numbers[f"beside {programs} busy programs"] = seconds()
    report(numbers, {}, arguments.out)


if __name__ == "__main__":
    main()
