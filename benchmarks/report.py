"""What every benchmark does with what it measured."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spatialgraph.files import atomic


def report(found: Mapping[str, object], conditions: Mapping[str, object], out: Path | None) -> None:
    """Print numbers as JSON, the machine and the conditions first, and write them to a file if one is named."""
    machine = {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    text = json.dumps({"machine": machine | conditions, **found}, indent=1)
    print(text)  # noqa: T201
    if out:
        with atomic(out) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
