"""Who does the units of work: processes of this machine, a Dask cluster or SLURM, chosen by one text (``--on``).

A unit is a function and its arguments: paths and settings. It reads files, writes its result whole or not at all, and
may be done twice without harm. All executors have the interface of `concurrent.futures.Executor`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

_FORMS = "local, dask, dask:tcp://HOST:PORT or slurm:partition=…,minutes=…"

INSTALL = 'pip install "spatialgraph[cluster]"'
"""What installs the packages of clusters."""


@dataclass(frozen=True)
class Local:
    """Processes of this machine, as many as ``--jobs`` says."""


@dataclass(frozen=True)
class Dask:
    """A Dask cluster.

    Attributes:
        address: that of its scheduler, such as ``tcp://node7:8786``; ``""`` to start a cluster on this machine.
    """

    address: str = ""

    def __post_init__(self) -> None:
        if self.address and "://" not in self.address:
            raise ValueError(f"--on: expected dask:tcp://HOST:PORT, found dask:{self.address}")


@dataclass(frozen=True)
class Slurm:
    """Jobs of SLURM.

    Attributes:
        partition: where they are queued; ``""`` for the cluster's default.
        minutes: the time limit of a job. Units go on in another job.
        gpus: the GPUs of a job.
        cpus: the processors of a job.
        memory: the GB of memory of a job; 0 for the cluster's default.
        array: how many jobs there are at most.
        account: who pays; ``""`` for the user's default.
        qos: the quality of service; ``""`` for the default.
        constraint: features that nodes must have; ``""`` for none.
    """

    partition: str = ""
    minutes: int = 60
    gpus: int = 0
    cpus: int = 1
    memory: int = 0
    array: int = 50
    account: str = ""
    qos: str = ""
    constraint: str = ""

    def __post_init__(self) -> None:
        for name, least in (("minutes", 1), ("gpus", 0), ("cpus", 1), ("memory", 0), ("array", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--on slurm: {name}: expected at least {least}, found {getattr(self, name)}")


On = Local | Dask | Slurm
"""Who does the units of work."""


def on(text: str) -> On:
    """Return who is meant by the text that ``--on`` takes.

    Raises:
        ValueError: the text has another form, or a setting that is not known or has a wrong value.

    Example:
        >>> on("dask:tcp://node7:8786")
        Dask(address='tcp://node7:8786')
        >>> on("slurm:partition=gpu,minutes=90,gpus=1").minutes
        90
        >>> on("local")
        Local()
    """
    name, _, rest = text.partition(":")
    if text == "local":
        return Local()
    if name == "dask":
        return Dask(rest)
    if name == "slurm":
        return _slurm(rest)
    raise ValueError(f"--on: expected {_FORMS}; found {text!r}")


def _slurm(text: str) -> Slurm:
    kinds = {field.name: int if field.type == "int" else str for field in fields(Slurm)}
    given: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in kinds or not equals:
            raise ValueError(f"--on slurm: expected {', '.join(f'{known}=…' for known in kinds)}; found {part!r}")
        try:
            given[name] = kinds[name](value)
        except ValueError:
            raise ValueError(f"--on slurm: {name}: expected a whole number, found {value!r}") from None
    return Slurm(**given)


@contextmanager
def executor_of(who: On, folder: Path, tell: Callable[[str], None]) -> Iterator[Executor | None]:
    """Yield an executor that does units while a block lasts; None for processes of this machine.

    Args:
        who: does them.
        folder: where files of the executor's own may stand for that time; all machines must see it.
        tell: is called with lines for the user.

    Raises:
        RuntimeError: a package is missing, or nobody answers.
    """
    if isinstance(who, Local):
        yield None
    elif isinstance(who, Dask):
        with _module("dask", "distributed").DaskExecutor(who.address, tell) as executor:
            yield executor
    else:
        with _module("slurm", "submitit").SlurmExecutor(who, folder, tell) as executor:
            yield executor


def _module(name: str, package: str) -> Any:
    """Import an executor, which needs a package that is not always installed."""
    try:
        importlib.import_module(package)
    except ModuleNotFoundError:
        raise RuntimeError(f"--on {name} needs the package {package!r}, found none: {INSTALL}") from None
    return importlib.import_module(f".{name}", __name__)
