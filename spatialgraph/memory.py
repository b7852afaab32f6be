"""How much memory a process may still take."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def free_memory() -> float:
    """Return how many bytes this process may still take without the machine's swapping; infinity if that is not known.

    It is what the system counts as available, or less where a limit is set on the process (``ulimit -v``).

    Example:
        >>> free_memory() > 0
        True
    """
    return min(_available(), _left_by_limit())


def _available() -> float:
    with suppress(OSError):
        match = re.search(r"^MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
        if match:
            return 1024.0 * int(match[1])
    if hasattr(os, "sysconf"):
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return float("inf")


def _left_by_limit() -> float:
    if resource is None or (limit := resource.getrlimit(resource.RLIMIT_AS)[0]) == resource.RLIM_INFINITY:
        return float("inf")
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return max(0.0, float(limit - pages * resource.getpagesize()))
    return float(limit)
