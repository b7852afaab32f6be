"""What it costs to have units of work done by others: time for each beyond its work, and what the first waits for.

``python benchmarks/units.py --out docs/benchmarks/units.json``; SLURM is measured where `tests/cluster/slurm_here.py`
can start one, with jobs on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from spatialgraph.executors import Dask, Slurm, executor_of
from spatialgraph.workers import Workers

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "cluster"))


def seconds(executor: Executor, count: int) -> dict[str, float]:
    """Return what the first unit takes, with all that is started for it, and then each of many that do nothing."""
    started = time.monotonic()
    executor.submit(abs, -1).result()
    first = time.monotonic() - started
    for future in [executor.submit(abs, -1) for _ in range(4)]:  # every worker has begun
        future.result()
    started, used = time.monotonic(), time.process_time()
    for future in [executor.submit(abs, -1) for _ in range(count)]:
        future.result()
    each = (time.monotonic() - started) / count
    mine = (time.process_time() - used) / count
    return {"first": round(first, 2), "each_ms": round(1000 * each, 2), "here_ms": round(1000 * mine, 2)} | {
        "units_per_second": round(1 / each)
    }


@contextmanager
def _slurm() -> Iterator[None]:
    from slurm_here import slurm  # type: ignore[import-not-found, unused-ignore]

    with slurm() as environment:
        os.environ.update(environment)
        yield


def main() -> None:
    """Measure each executor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", default="local,dask,slurm")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, object] = {"load": os.getloadavg()[0]}

    def keep(name: str, measured: dict[str, float]) -> None:
        found[name] = measured
        sys.stdout.write(f"{name} {measured}\n")
        sys.stdout.flush()
        if options.out:
            options.out.write_text(json.dumps(found, indent=1) + "\n")

    chosen = options.only.split(",")
    with tempfile.TemporaryDirectory() as place:
        if "local" in chosen:
            with Workers(2, sys.stdout.write) as workers:
                keep("local", seconds(workers, options.count))
        if "dask" in chosen:
            with executor_of(Dask(), Path(place), sys.stdout.write) as executor:
                keep("dask", seconds(executor, options.count))  # type: ignore[arg-type]
        if "slurm" in chosen:
            with _slurm(), executor_of(Slurm(minutes=30, array=2), Path(place), sys.stdout.write) as executor:
                keep("slurm", seconds(executor, options.count))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
