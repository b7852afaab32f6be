"""Damaged files of every kind, and what becomes of them when they are read.

``python tests/support/fuzz.py 10000`` counts: refused, equal to the whole file, other (of files that carry no digests),
different without a word (of files that do), crash (anything but an error that users are told), hang, and over 1 GB of
memory. The last four must be 0. Each file is made of a seed, so that one that is found can be made again.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from builders import small_evaluation, two_module_network

from spatialgraph.splits import Split
from spatialgraph.store import (
    faults,
    read_arrays,
    read_evaluation,
    read_header,
    read_network,
    read_snapshots,
    read_splits,
    write_arrays,
    write_evaluation,
    write_network,
    write_splits,
)

SECONDS, MEGABYTES = 60.0, 1024
BAD = ("different", "crash", "hang", "over 1 GB")


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: of the file.
        content: of a whole one.
        read: returns everything that the program makes of a file, in a form that can be compared.
        guarded: whether a file that differs may only be refused or be equal.
    """

    name: str
    content: bytes
    read: Callable[[Path], Any]
    guarded: bool = True


def plain(value: Any) -> Any:
    """Return a value as tuples, dicts and bytes that can be compared."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return repr(value)


def _hdf5(read: Callable[[Path], Any], path: Path) -> Any:
    found = faults(path)
    value = plain([read_header(path), read(path)])
    if found:
        raise AssertionError("a file with faults is read")
    return value


def _network(path: Path) -> Any:
    return read_network(path), read_snapshots(path)


def _settings(path: Path) -> Any:
    from spatialgraph.train.settings import read_experiment

    return read_experiment(str(path))


def _record(path: Path) -> Any:
    from spatialgraph.train.record import read_record

    return read_record(path.parent)


def _dataset(path: Path) -> Any:
    from spatialgraph.train.data import load

    return plain(load(str(path)))


def kinds(folder: Path, train: bool = True) -> list[Kind]:
    """Return a whole file of each kind; those of training only where PyTorch may be imported."""
    network = two_module_network()
    write_network(folder / "network.h5", network, {0: two_module_network(seed=1)})
    write_evaluation(folder / "evaluation.h5", small_evaluation())
    write_splits(folder / "splits.h5", {"n": {"m": Split("m", {1: np.eye(4, 2, dtype=bool)}, ("a note",))}})
    write_arrays(folder / "arrays.h5", "checkpoint", {"w": np.arange(40.0), "b": np.zeros(40, bool)}, {"epoch": 3})
    readers: dict[str, Callable[[Path], Any]] = {
        "network.h5": _network,
        "evaluation.h5": read_evaluation,
        "splits.h5": read_splits,
        "arrays.h5": partial(read_arrays, kind="checkpoint"),
    }
    found = [Kind(name, (folder / name).read_bytes(), partial(_hdf5, read)) for name, read in readers.items()]
    with h5py.File(folder / "network.h5", "r+") as file:  # as a program without checksums writes it
        file["layers"].visititems(lambda _, node: node.attrs.pop("sha256", None) and None)
        del file.attrs["metadata_sha256"]
        file["layers/1"].attrs["name"] = "of any length"
        del file["connections/0/weight"]
        file.create_dataset("connections/0/weight", data=network.connections[0].weight, compression=9, chunks=(2, 3))
    found.append(Kind("foreign.h5", (folder / "network.h5").read_bytes(), partial(_hdf5, _network), guarded=False))
    if train:
        images: dict[str, Any] = {
            f"{part}_images": np.arange(48, dtype=np.uint8).reshape(12, 2, 2) for part in ("train", "test")
        }
        np.savez_compressed(
            folder / "data.npz", **images, **dict.fromkeys(("train_labels", "test_labels"), np.arange(12))
        )
        settings = (
            'tasks = ["digits", "letters"]\nseeds = "0:3"\nhidden = [8, 8]\npenalised_layers = ["output"]\nepochs = 6\n'
        )
        record = json.dumps({**tomllib.loads(settings), "transport": [0.5, 1.0], "unnamed": {"density": 3.0}}).encode()
        found.append(Kind("data.npz", (folder / "data.npz").read_bytes(), _dataset, guarded=False))
        found.append(Kind("settings.toml", settings.encode(), _settings, guarded=False))
        found.append(Kind("experiment.json", record, _record, guarded=False))
    return found


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """Return the bytes of a file after one to three accidents."""
    changed = bytearray(content)
    for _ in range(int(draw.choice([1, 1, 1, 2, 3]))):
        start = int(draw.integers(0, len(changed)))
        length = int(min(len(changed) - start, 2 ** draw.integers(0, 9)))
        accident = draw.integers(0, 8)
        if accident == 0:
            changed[start] ^= 1 << int(draw.integers(0, 8))
        elif accident == 1:
            changed[start] = int(draw.integers(0, 256))
        elif accident == 2:
            changed[start : start + length] = bytes(length)
        elif accident == 3:
            changed[start : start + length] = b"\xff" * length
        elif accident == 4:
            changed[start : start + length] = draw.bytes(length)
        elif accident == 5:
            del changed[start : start + length]
        elif accident == 6:
            other = int(draw.integers(0, len(changed)))
            changed[start : start + length] = changed[other : other + length]
        else:
            # A number of a size, an address or a count, as the formats have them.
            number = int(draw.choice([0, 1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]))
            width = int(draw.choice([1, 2, 4, 8]))
            changed[start : start + width] = (number % 256**width).to_bytes(width, "little")
        if not changed:
            break
    return bytes(changed)


def outcome(kind: Kind, path: Path, whole: Any) -> str:
    """Return what becomes of a file that is read."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        value = kind.read(path)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        told = "refused" if "\n" not in str(error) or isinstance(error, OSError) else "crash"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"
    else:
        told = "equal" if value == whole else "different" if kind.guarded else "other"
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return "over 1 GB" if taken > MEGABYTES else told


def _work(kind: Kind, folder: str, seeds: list[int], results: Any) -> None:
    path = Path(folder, kind.name)
    path.write_bytes(kind.content)
    whole = kind.read(path)
    for seed in seeds:
        path.write_bytes(damaged(kind.content, np.random.default_rng(seed)))
        results.send((seed, outcome(kind, path, whole)))
    results.send(None)


def outcomes(kind: Kind, seeds: list[int]) -> Iterator[tuple[int, str]]:
    """Yield what becomes of a damaged file for each seed; a process that dies or hangs is followed by another."""
    left = list(seeds)
    with tempfile.TemporaryDirectory() as folder:
        while left:
            here, there = multiprocessing.Pipe(duplex=False)
            worker = multiprocessing.get_context("fork").Process(target=_work, args=(kind, folder, left, there))
            worker.start()
            there.close()
            try:
                while True:
                    if not here.poll(SECONDS):
                        yield left.pop(0), "hang"
                        break
                    found = here.recv()
                    if found is None:
                        left = []
                        break
                    left.remove(found[0])
                    yield found
            except EOFError:  # the process was killed by a signal
                yield left.pop(0), "crash: the process died"
            worker.kill()
            worker.join()


def count(files: int, first: int = 0, train: bool = True) -> dict[str, Counter[str]]:
    """Return for each kind how often what became of so many damaged files; tell what should not have happened."""
    with tempfile.TemporaryDirectory() as folder:
        known = kinds(Path(folder), train)
    table: dict[str, Counter[str]] = {}
    for number, kind in enumerate(known):
        share = range(first + number, first + files, len(known))
        counts = table.setdefault(kind.name, Counter())
        for seed, told in outcomes(kind, list(share)):
            counts[told.partition(":")[0]] += 1
            if told.startswith(BAD):
                sys.stderr.write(f"{kind.name}, seed {seed}: {told}\n")
    return table


if __name__ == "__main__":
    for name, counts in count(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0).items():
        sys.stdout.write(
            f"{name:16}" + "".join(f"{told} {counts[told]:<8}" for told in ("refused", "equal", "other", *BAD)) + "\n"
        )
        sys.stdout.flush()
