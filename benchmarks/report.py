"""What every benchmark does with what it measured."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import checkout  # noqa: F401
import numpy as np

from spatialgraph.files import atomic


def machine() -> dict[str, object]:
    """Return what numbers depend on."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    """Return the processor's name, or what kind it is where the system does not tell its name."""
    with suppress(OSError):
        match = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if match:
            return match[1]
    return platform.machine()


def write(numbers: Mapping[str, object], out: Path) -> str:
    """Write numbers to a file as JSON, and return the text."""
    text = json.dumps(numbers, indent=1)
    with atomic(out) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return text


def report(numbers: Mapping[str, object], conditions: Mapping[str, object], out: Path | None) -> None:
    """Print numbers as JSON, the machine and the conditions first, and write them to a file if one is named."""
    whole = {"machine": machine() | conditions, **numbers}
    print(write(whole, out) if out else json.dumps(whole, indent=1))  # noqa: T201
