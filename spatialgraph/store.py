"""Read, write and check the project's HDF5 files. ``FORMAT.md``, beside this file, is their specification.

A file is written whole or not at all and read back before it takes its name. A file that is read is suspected first:
every type, shape and stored size is compared with what the file declares before memory is taken for it, no link leads
out of the file, nothing in it is ever executed, and every fault names its key.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from io import BytesIO
from math import ceil, prod
from os import fsdecode
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import h5py
import numpy as np
from numpy.typing import NDArray

from .files import atomic
from .heaps import heaps_end
from .memory import free_memory
from .network import (
    Connection,
    Evaluation,
    Fault,
    Layer,
    MadeConnection,
    Network,
    NotApplicableError,
    activation_faults,
    array_faults,
    evaluation_faults,
    network_faults,
)

if TYPE_CHECKING:
    from .splits import Split

VERSION = 1
"""The version of the formats that is written, and the newest that is read."""

# The group of a split that holds its communities; all else in it are layers.
_COMMUNITIES = "communities"

NETWORK, EVALUATION, SPLITS = (f"spatialgraph.{kind}" for kind in ("network", "evaluation", "splits"))
"""The values of the attribute ``format``; those of `write_arrays` are ``spatialgraph.<kind>``."""

# Deflate (gzip) makes nothing more than 1032 times smaller: a file that claims more would take memory without limit.
_DEFLATE_RATIO = 1032
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
# HDF5 1.10's form of a file carries checksums in its structure, and every HDF5 since 2016 reads it.
_LIBRARY_VERSION = ("v110", "v110")
_CHUNK_BYTES = 2**20
_DIGEST = "sha256"

# The values of a file take at most so many times the file's bytes, or so many bytes where that is more. Weights of
# which one in a hundred is not 0 are packed into a fortieth; what is packed further is mostly a trap.
_EXPANSION, _SMALL = 100, 2**28

# The arrays of a layer that training changes.
_LEARNED = ("bias", "position")

# The name of a snapshot: a decimal number of epochs of at most 15 digits, which is as many as float64 tells apart.
_EPOCH = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{0,5}[1-9])?")
_EPOCH_WORDS = "a number of epochs from 0, of at most 6 decimals"

_Value = TypeVar("_Value")
_Attribute = str | int | float | bool


class FormatError(ValueError):
    """A file is not what it should be.

    Attributes:
        path: the file.
        faults: everything that is wrong with it, as `faults` lists it.
    """

    def __init__(self, path: str | Path, faults: list[Fault]) -> None:
        super().__init__(path, faults)
        self.path = path
        self.faults = faults

    def __str__(self) -> str:
        more = len(self.faults) - 1
        rest = f"; and {more} more: `spatialgraph check {self.path}` lists them" if more else ""
        return " ".join(f"{self.path}: {self.faults[0]}{rest}".splitlines())


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Attributes:
        format: for example ``"spatialgraph.network"``.
        version: the version of the format.
        metadata: the JSON object of the file; empty if its format has none.
        snapshots: the epochs after which a network file holds the network as it was then, in ascending order.
    """

    format: str
    version: int
    metadata: Mapping[str, Any]
    snapshots: tuple[float, ...] = ()


# --------------------------------------------------------------------------------------------------------------------
# Writing
# --------------------------------------------------------------------------------------------------------------------


@dataclass
class _Content:
    """What a file is to hold: the attributes of each key (``""`` is the file itself), and the arrays by key."""

    format: str
    attributes: dict[str, dict[str, _Attribute]] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def write_network(path: str | Path, network: Network, snapshots: Mapping[float, Network] | None = None) -> None:
    """Write a network to a file, whole or not at all.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        network: what to write.
        snapshots: number of epochs, of at most 6 decimals, 0 for none, to the network as it was after so many: its
            weights, biases and positions are kept, everything else is as in the network. What splits are made and
            measured on suffices: connections into layers that are not split may be missing, and so may biases and
            positions of layers that neither are split nor send connections into split ones.

    Raises:
        ValueError: a snapshot is of another shape than the network, or its number is not one of epochs.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.

    Example:
        >>> from tempfile import mkdtemp
        >>> layers = (Layer("input", 1), Layer("output", 1))
        >>> network = Network(layers, (Connection(0, 1, [[0.5]]),), [0], {"tasks": ["a"]})
        >>> path = Path(mkdtemp()) / "network.h5"
        >>> write_network(path, network)
        >>> read_network(path).connections[0].weight.tolist(), faults(path)
        ([[0.5]], [])
    """
    content = _Content(NETWORK, {"": {"executable": network.executable, **_metadata_attributes(network.metadata)}})
    for number, layer in enumerate(network.layers):
        content.attributes[f"layers/{number}"] = {
            "name": layer.name,
            "size": layer.size,
            "activation": layer.activation,
            "split": layer.split,
        }
    content.arrays[f"layers/{network.output_layer}/task"] = network.output_task.astype(np.int32)
    for number, connection in enumerate(network.connections):
        key = f"connections/{number}"
        content.attributes[key] = {"source": connection.source, "target": connection.target}
    parameters = dict(_parameters(network, network))
    content.arrays |= parameters
    for quantity, values in network.history.items():
        content.arrays[f"history/{_key(quantity)}"] = values
    for epoch, snapshot in (snapshots or {}).items():
        arrays = dict(_parameters(snapshot, network))
        known = all(key in parameters and array.shape == parameters[key].shape for key, array in arrays.items())
        if not known or parameters.keys() - arrays.keys() - _dispensable(network):
            raise ValueError(f"{path}: snapshot {epoch}: expected the arrays of network {network.name!r}, found others")
        content.arrays |= {f"snapshots/{_epoch_key(path, epoch)}/{key}": array for key, array in arrays.items()}
    _write(path, content)


def _parameters(network: Network, trained: Network) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays that training changes, with their keys in the file of the trained network."""
    numbers = {(c.source, c.target): number for number, c in enumerate(trained.connections)}
    for number, layer in enumerate(network.layers):
        for name in _LEARNED:
            array = getattr(layer, name)
            if array is not None:
                yield f"layers/{number}/{name}", array
    for connection in network.connections:
        number = numbers.get((connection.source, connection.target), len(numbers))
        yield f"connections/{number}/weight", connection.weight


def _dispensable(network: Network) -> set[str]:
    """Return the keys of the arrays that a snapshot may lack."""
    split = set(network.split_layers)
    senders = {connection.source for connection in network.connections if connection.target in split}
    others = set(range(len(network.layers))) - split - senders
    weights = {f"connections/{i}/weight" for i, c in enumerate(network.connections) if c.target not in split}
    return weights | {f"layers/{number}/{name}" for number in others for name in _LEARNED}


def _epoch_key(path: str | Path, epoch: float) -> str:
    """Return a number of epochs as the name of a snapshot."""
    name = f"{epoch:.6f}".rstrip("0").rstrip(".")
    if not _EPOCH.fullmatch(name) or float(name) != epoch:
        raise ValueError(f"{path}: snapshot {epoch}: expected {_EPOCH_WORDS}, found {epoch}")
    return name


def write_evaluation(path: str | Path, evaluation: Evaluation) -> None:
    """Write an evaluation to a file, whole or not at all.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        evaluation: what to write.

    Raises:
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    content = _Content(EVALUATION)
    content.arrays = {"inputs": evaluation.inputs, "labels": evaluation.labels}
    content.attributes["inputs"] = {"scale": float(evaluation.scale)}
    for task, probe in evaluation.probes.items():
        content.arrays[f"probes/{_key(task)}"] = probe
    _write(path, content)


def write_splits(path: str | Path, splits: Mapping[str, Mapping[str, Split]]) -> None:
    """Write the splits of several networks to one file, whole or not at all.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        splits: name of the network to name of the method to the split, whose own ``method`` is that name.

    Raises:
        ValueError: a split is filed under another name than its method's.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    content = _Content(SPLITS)
    for network, methods in splits.items():
        content.attributes.setdefault(_key(network), {})
        for method, split in methods.items():
            if split.method != method:
                raise ValueError(f"{path}: {network}/{method}: expected a split of this name, found {split.method!r}")
            key = f"{_key(network)}/{_key(method)}"
            content.attributes[key] = {"notes": json.dumps(list(split.notes))}
            for layer, members in split.membership.items():
                content.arrays[f"{key}/{layer}"] = members
            for layer, numbers in (split.communities or {}).items():
                content.arrays[f"{key}/{_COMMUNITIES}/{layer}"] = numbers
    _write(path, content)


def write_arrays(path: str | Path, kind: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON object to a file, whole or not at all: the state of a training run, for example.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        kind: what the arrays are, for example ``"checkpoint"``; the file's format is ``spatialgraph.<kind>``.
        arrays: name, in which ``/`` may occur, to numbers or booleans of any shape.
        metadata: a JSON object.

    Raises:
        ValueError: the metadata are not JSON, or an array is of another type than numbers or booleans.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    try:
        described = _metadata_attributes(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected metadata that JSON can hold, found {error}") from None
    content = _Content(_format_of(kind), {"": described, "arrays": {}})
    for name, array in arrays.items():
        content.arrays[f"arrays/{_key(name)}"] = np.asarray(array)
    _write(path, content)


def _format_of(kind: str) -> str:
    """Return the format of a file of arrays."""
    if f"spatialgraph.{kind}" in _PARSERS:
        raise ValueError(f"kind: expected a name of your own for files of arrays, found {kind!r}, which has a format")
    return f"spatialgraph.{kind}"


def _metadata_attributes(metadata: Mapping[str, Any]) -> dict[str, _Attribute]:
    """Return the attributes that hold the metadata: the text, and its digest.

    HDF5's own checksums do not reach an attribute of 64 KiB or more, hence the digest.
    """
    text = json.dumps(dict(metadata), allow_nan=False)
    return {"metadata": text, "metadata_sha256": hashlib.sha256(text.encode()).hexdigest()}


def _key(name: str) -> str:
    """Return a name in the form in which HDF5 can hold it as one key: ``/`` parts keys, ``.`` is the key itself."""
    if not name:
        raise ValueError("a name used as a key: expected at least one character, found ''")
    for character in "%/\0":
        name = name.replace(character, f"%{ord(character):02X}")
    return "%2E" if name == "." else name


def _write(path: str | Path, content: _Content) -> None:
    """Write a file under a temporary name, read it back, and give it its name."""
    for key, array in content.arrays.items():
        if not _TYPES["numbers or booleans"](array.dtype):
            raise ValueError(f"{path}: {key}: expected numbers or booleans, found {array.dtype}")
        content.arrays[key] = _native(array)
    image = _image(content)
    with atomic(path) as temporary:
        temporary.write_bytes(image)
        different = _differences(temporary, content)
        if different:
            raise OSError(errno.EIO, f"what was read back differs from what was written ({different})", str(path))


def _image(content: _Content) -> memoryview:
    """Return the bytes of the file.

    HDF5 makes the file in memory and plain Python writes it: HDF5 itself cannot close a file whose disk is full.
    """
    image = BytesIO()
    with h5py.File(image, "w", libver=_LIBRARY_VERSION) as file:
        file.attrs["format"] = _text(content.format)
        file.attrs["version"] = VERSION
        for key in sorted(content.arrays):
            array = content.arrays[key]
            file.create_dataset(key, data=array, **_storage(array)).attrs[_DIGEST] = _text(_digest(array))
        for key, attributes in content.attributes.items():
            node = file[key] if key in file else file.create_group(key) if key else file
            for name, value in attributes.items():
                node.attrs[name] = _text(value) if isinstance(value, str) else value
    return image.getbuffer()


def _text(value: str) -> NDArray[Any]:
    """Return text as an HDF5 string of fixed length, which lies where the checksums reach; one of any length does not.

    Raises:
        ValueError: the text holds the character NUL, which HDF5 takes for its end.
    """
    if "\0" in value:
        raise ValueError(f"expected text without the character NUL, found {value!r}")
    encoded = value.encode()
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def _storage(array: NDArray[Any]) -> dict[str, Any]:
    """Return how an array is stored: with a checksum, in pieces of about a megabyte of whole rows."""
    if array.ndim == 0:  # no filter fits a scalar; inside the object's header it is under the header's checksum
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        properties.set_obj_track_times(False)
        return {"dcpl": properties}
    if array.size == 0:
        return {"chunks": True, "fletcher32": True}
    rows = min(len(array), max(1, _CHUNK_BYTES // (array.nbytes // len(array))))
    return {"chunks": (rows, *array.shape[1:]), "fletcher32": True}


def _digest(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's values in C order, the low byte of each first.

    The checksum of HDF5 (fletcher32) takes two bytes of zeros and two of ones for the same.
    """
    return hashlib.sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data).hexdigest()


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _differences(path: Path, content: _Content) -> str:
    """Return the first key at which a file is not what was to be written, or nothing."""

    def differing(reader: _Reader) -> str:
        for key, attributes in content.attributes.items():
            for name, value in attributes.items():
                if reader.attribute(key, name, type(value)) != value:
                    return f"{key}.{name}".lstrip(".")
        for key, array in content.arrays.items():
            found = reader.array(key, array.shape, "numbers or booleans")
            if found is None or found.dtype != array.dtype:
                return key
            if not np.array_equal(array, found, equal_nan=array.dtype.kind == "f"):
                return key
        return ""

    different, found = _examine(path, {content.format: differing})
    return different or "; ".join(map(str, found))


# --------------------------------------------------------------------------------------------------------------------
# Reading
# --------------------------------------------------------------------------------------------------------------------


def read_network(path: str | Path, *, in_pieces: bool = False) -> Network:
    """Read a network.

    Args:
        path: the file.
        in_pieces: whether weights are read, once each is checked, anew whenever they are looked at and not kept: the
            network then takes the memory of one connection. The file must stay as it is.

    Raises:
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    if in_pieces:
        return _read(path, {NETWORK: partial(_network, pieces=Path(path))})
    return _read(path, {NETWORK: _network})


def read_snapshot(path: str | Path, epoch: float) -> Network:
    """Read a network as it was after so many epochs of training; 0 is the untrained network.

    Its weights, biases and positions are of that time; metadata and history are those of the trained network. Where the
    file leaves out some of the first, the network lacks them too and is not executable.

    Raises:
        NotApplicableError: the file holds no snapshot of that epoch.
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> layers = (Layer("input", 1), Layer("output", 1))
        >>> networks = [Network(layers, (Connection(0, 1, [[w]]),), [0], {"tasks": ["a"]}) for w in (0.5, 2.0)]
        >>> path = Path(mkdtemp()) / "network.h5"
        >>> write_network(path, networks[1], snapshots={0: networks[0]})
        >>> read_snapshot(path, 0).connections[0].weight.tolist(), read_header(path).snapshots
        ([[0.5]], (0.0,))
    """
    known = read_header(path).snapshots
    if epoch not in known:
        found = ", ".join(_epoch_key(path, number) for number in known) or "none"
        raise NotApplicableError(f"{path}: expected a snapshot of epoch {epoch}, found {found}")

    def snapshot(reader: _Reader) -> Network | None:
        network = _network(reader)
        return network and _snapshot(reader, network, _epoch_key(path, epoch))

    return _read(path, {NETWORK: snapshot})


def read_snapshots(path: str | Path, only: Collection[float] | None = None) -> dict[float, Network]:
    """Read the snapshots of a network: number of epochs, in ascending order, to what `read_snapshot` returns.

    The file is opened once; a film of 50 moments is read as fast as a few networks.

    Args:
        path: the file.
        only: the epochs of the snapshots to read; all if None.

    Raises:
        FormatError: the file is damaged or is not a network by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return _read(path, {NETWORK: partial(_snapshots, only=only)})


def read_evaluation(path: str | Path) -> Evaluation:
    """Read an evaluation.

    Raises:
        FormatError: the file is damaged or is not an evaluation by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return _read(path, {EVALUATION: _evaluation})


def read_splits(path: str | Path) -> dict[str, dict[str, Split]]:
    """Read the splits of several networks: name of the network to name of the method to the split.

    Raises:
        FormatError: the file is damaged or does not hold splits by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return _read(path, {SPLITS: _splits})


def read_arrays(
    path: str | Path, kind: str, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_arrays` wrote.

    Args:
        path: the file.
        kind: what the arrays are, as they were written.
        only: names of the arrays to read, as far as they are there; None for all.

    Returns:
        the arrays by name, and the metadata.

    Raises:
        FormatError: the file is damaged or of another kind.
        OSError: there is no such file, or it may not be read.
    """
    return _read(path, {_format_of(kind): partial(_arrays, only=only)})


def read_header(path: str | Path) -> Header:
    """Read what a file says of itself, and none of its arrays.

    Raises:
        FormatError: the file is damaged or of no format of this project.
        OSError: there is no such file, or it may not be read.
    """

    def header(reader: _Reader) -> Header:
        metadata = reader.metadata() if reader.has("", "metadata") else None
        version = reader.attribute("", "version", int)
        epochs = tuple(map(float, _snapshot_names(reader)))
        return Header(reader.attribute("", "format", str) or "", version or 0, metadata or {}, epochs)

    return _read(path, dict.fromkeys((*_PARSERS, ""), header))


def faults(path: str | Path) -> list[Fault]:
    """Return everything that is wrong with a file of any of the project's formats; nothing if it is good.

    Raises:
        OSError: there is no such file, or it may not be read.
    """
    return _examine(path, {**_PARSERS, NETWORK: _snapshots, "": _arrays})[1]


def _read(path: str | Path, parsers: Mapping[str, Callable[[_Reader], _Value | None]]) -> _Value:
    """Return what the parser of the file's format makes of it."""
    value, found = _examine(path, parsers)
    if found or value is None:
        raise FormatError(path, found)
    return value


def _examine(
    path: str | Path, parsers: Mapping[str, Callable[[_Reader], _Value | None]]
) -> tuple[_Value | None, list[Fault]]:
    """Return what the parser of the file's format makes of it, and everything that is wrong with it.

    Args:
        path: the file.
        parsers: format to parser; the parser under ``""`` takes every other format that has a group ``arrays``.
    """
    path = Path(path)
    with path.open("rb") as plain:  # a missing or forbidden file is reported as Python does, without HDF5's trace
        start = plain.read(8)
    if not h5py.is_hdf5(path):
        return None, [Fault("/", "an HDF5 file", f"a file that starts with {start!r}" if start else "an empty file")]
    value = None
    found: list[Fault] = []
    try:
        with _opened(path) as file:
            reader = _Reader(file, path, found)
            parse = reader.parser(parsers)
            value = parse(reader) if parse else None
    except (OSError, RuntimeError, KeyError) as error:  # what h5py raises when a file cannot be opened or closed
        found.append(_damage("/", error))
    return value, found


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file to read; files are replaced, never changed in place, so that no lock is needed.

    HDF5 refuses to open a file in another way than this process has it open already, as a notebook may. Its bytes, read
    by Python, are another file to HDF5.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(h5py.File(path, "r", locking=False))
        except OSError:
            file = stack.enter_context(h5py.File(stack.enter_context(path.open("rb")), "r"))
        yield file


def _damage(key: str, error: Exception) -> Fault:
    """Return the fault that an exception of h5py stands for."""
    text = " ".join(str(error.args[0] if error.args else "").split())  # a KeyError's own text is in quotes
    return Fault(key, "readable contents", f"damage: {text or type(error).__name__}")


class _WrongError(Exception):
    """One fault, on its way to the list."""

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(key, expected, found)
        self.fault = Fault(key, expected, found)


_TYPES: dict[str, Callable[[np.dtype[Any]], bool]] = {
    "float32": lambda dtype: dtype.kind == "f" and dtype.itemsize == 4,
    "an integer type up to int64": lambda dtype: dtype.kind in "iu" and np.can_cast(dtype, np.int64),
    "float32 or an unsigned integer type": lambda dtype: dtype.kind == "u" or (dtype.kind, dtype.itemsize) == ("f", 4),
    "numbers": lambda dtype: dtype.kind in "iuf",
    "booleans": lambda dtype: dtype.kind == "b",
    "numbers or booleans": lambda dtype: dtype.kind in "biuf",
}
"""The types of arrays that a key may hold, in words."""

_ATTRIBUTE_CLASSES = {h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM}
_WORDS = {str: "text", int: "an integer", float: "a number", bool: "true or false"}


class _Reader:
    """One open file; what is wrong with it goes to a list, and reading goes on.

    Attributes:
        file: the file.
        size: its size in bytes.
        faults: what is wrong with it so far.
    """

    def __init__(self, file: h5py.File, path: Path, faults: list[Fault]) -> None:
        self.file = file
        self._path = path
        self.size = size = path.stat().st_size
        self.faults = faults
        self._groups: dict[str, h5py.Group] = {"": file}
        self._known = {fault.key for fault in faults}
        self._left = min(max(_SMALL, _EXPANSION * size), free_memory())

    def attempt(self, key: str, read: Callable[[], _Value]) -> _Value | None:
        """Return what `read` returns; None, and a fault on the list, if it cannot."""
        try:
            return read()
        except _WrongError as wrong:
            self.add([wrong.fault])
        except MemoryError:
            raise
        except Exception as error:  # damaged bytes make h5py raise nearly anything
            self.add([_damage(key, error)])
        return None

    def add(self, faults: Iterable[Fault]) -> None:
        """Put faults on the list, except those at a key that has one: they would be its consequences."""
        fresh = [fault for fault in faults if fault.key not in self._known]
        self.faults.extend(fresh)
        self._known.update(fault.key for fault in fresh)

    def parser(
        self, parsers: Mapping[str, Callable[[_Reader], _Value | None]]
    ) -> Callable[[_Reader], _Value | None] | None:
        """Return the parser of the file's format; None, and a fault on the list, if there is none or it is newer."""
        known = " or ".join(repr(name) for name in parsers if name)
        if not self.has("", "format"):
            if not self.faults:
                self.add([Fault("format", known, "nothing")])
            return None
        found = self.attribute("", "format", str)
        version = self.attribute("", "version", int)
        if found is None or version is None:
            return None
        parse = parsers.get(found)
        if parse is None and found.startswith("spatialgraph.") and found not in _PARSERS and "arrays" in self.names(""):
            parse = parsers.get("")
        if parse is None:
            self.add([Fault("format", known, repr(found))])
        elif version > VERSION:
            text = f"version {version}: the file needs a newer spatialgraph"
            self.add([Fault("version", f"at most {VERSION}", text)])
            return None
        elif version < 1:
            self.add([Fault("version", f"1 to {VERSION}", str(version))])
        return parse

    def names(self, key: str) -> list[str]:
        """Return the names in a group, in order; none if there is no such group."""
        if not self.has(key):
            return []
        return self.attempt(key or "/", lambda: list(self.member(key, h5py.Group))) or []

    def numbered(self, key: str) -> list[str] | None:
        """Return the keys of the members of a group whose names are numbers from 0; None if they are not."""

        def keys() -> list[str]:
            names = list(self.member(key, h5py.Group))
            numbers = [str(number) for number in range(len(names))]
            if sorted(names) != sorted(numbers):
                shown = ", ".join(sorted(names)[:20])
                raise _WrongError(key, f"names that count from 0 to {len(names) - 1}", shown)
            return [f"{key}/{number}" for number in numbers]

        return self.attempt(key, keys)

    def has(self, key: str, attribute: str = "") -> bool:
        """Return whether a key, or an attribute of it, is there, whatever it is."""

        def there() -> bool:
            parent, _, name = key.rpartition("/")
            if attribute:
                return bool(h5py.h5a.exists(self.member(key).id, attribute.encode()))
            if parent and not self.has(parent):
                return False
            group = self.member(parent, h5py.Group)  # kept by name: its `links` do not keep it open
            return not name or bool(group.id.links.exists(_encoded(name)))

        return bool(self.attempt(key or "/", there))

    def attribute(self, key: str, name: str, kind: type[_Value]) -> _Value | None:
        """Return an attribute of a group or dataset; None, and a fault on the list, if it is not of its kind."""
        where = f"{key}.{name}".lstrip(".")

        return self.attempt(where, lambda: self._attribute(self.member(key), where, name, kind))

    def _attribute(self, node: Any, where: str, name: str, kind: type[_Value]) -> Any:
        if not h5py.h5a.exists(node.id, name.encode()):
            raise _WrongError(where, _WORDS[kind], "nothing")
        stored = node.attrs.get_id(name)
        # Other classes are not even looked at: h5py can crash on a sequence whose bytes are damaged.
        if stored.get_type().get_class() not in _ATTRIBUTE_CLASSES:
            raise _WrongError(where, _WORDS[kind], "a value that is neither text nor a number")
        if stored.shape not in ((), (1,)) or stored.get_storage_size() > self.size:
            raise _WrongError(where, _WORDS[kind], f"{stored.get_storage_size()} bytes of shape {stored.shape}")
        self._require_readable(where, stored)
        value = np.asarray(node.attrs[name]).reshape(-1)[0]
        return _converted(where, value, kind)

    def _require_readable(self, where: str, stored: Any) -> None:
        """Refuse a text that HDF5 would read for ever."""
        type_ = stored.get_type()
        if isinstance(type_, h5py.h5t.TypeStringID) and type_.is_variable_str() and not self._texts_end:
            raise _WrongError(where, "readable contents", "damage: a heap of texts that leads nowhere")

    @cached_property
    def _texts_end(self) -> bool:
        return heaps_end(self._path, self.file.id.get_create_plist().get_sizes()[1])

    def metadata(self) -> dict[str, Any] | None:
        """Return the metadata of the file; None, and a fault on the list, if they are not a JSON object."""
        text = self.attribute("", "metadata", str)
        if text is None:
            return None

        def parsed() -> dict[str, Any]:
            if self.has("", "metadata_sha256"):
                declared = self.attribute("", "metadata_sha256", str)
                found = hashlib.sha256(text.encode()).hexdigest()
                if declared not in (found, None):
                    found = "another text: damage, or a change that left metadata_sha256 as it was"
                    raise _WrongError("metadata", "the text whose SHA-256 is in metadata_sha256", found)
            try:
                value = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise _WrongError("metadata", "a JSON object", f"text that is not JSON ({error})") from None
            if not isinstance(value, dict):
                raise _WrongError("metadata", "a JSON object", type(value).__name__)
            return value

        return self.attempt("metadata", parsed)

    def array(self, key: str, shape: tuple[int | str, ...] | None, kind: str) -> NDArray[Any] | None:
        """Return an array; None, and a fault on the list, if it is not what it should be.

        Args:
            key: where it is.
            shape: its shape, in which a word stands for any length; None for any shape.
            kind: its type, one of `_TYPES`.
        """

        def read() -> NDArray[Any]:
            dataset = self.member(key, h5py.Dataset)
            if not _TYPES[kind](dataset.dtype):
                raise _WrongError(key, kind, _type_name(dataset.dtype))
            if dataset.shape is None or not _fits(dataset.shape, shape):
                want = "(" + ", ".join(map(str, shape or ())) + ("," if shape and len(shape) == 1 else "") + ")"
                raise _WrongError(key, f"shape {want}", f"shape {dataset.shape}")
            _require_plain(key, dataset)
            _require_stored(key, dataset, self.size)
            self._take(key, dataset)
            array = _native(np.asarray(dataset[...]))
            self._require_digest(key, dataset, array)
            return array

        return self.attempt(key, read)

    def _take(self, key: str, dataset: h5py.Dataset) -> None:
        """Count the memory that a dataset will take; refuse it if the file has no more.

        Hard links can show one dataset under many keys, so that all that is read counts.
        """
        needed = dataset.size * max(dataset.dtype.itemsize, 8 if dataset.dtype.kind == "i" else 0)
        piece = prod(dataset.chunks or ()) * dataset.dtype.itemsize
        if max(needed, piece) > self._left:
            allowed = f"values of at most {_EXPANSION} times the bytes of their file, in the memory that is free"
            raise _WrongError(key, allowed, f"{max(needed, piece)} bytes more, {self._left:.0f} left")
        self._left -= needed

    def _require_digest(self, key: str, dataset: h5py.Dataset, array: NDArray[Any]) -> None:
        """Refuse values that are not those whose digest the file holds; older files hold none."""
        if not h5py.h5a.exists(dataset.id, _DIGEST.encode()):
            return
        stored = h5py.h5a.open(dataset.id, _DIGEST.encode())  # h5py's own way takes three times as long
        self._require_readable(f"{key}.{_DIGEST}", stored)
        if _stored_digest(dataset, stored) != _digest(array).encode():
            found = f"others: damage, or a change that left {_DIGEST} as it was"
            raise _WrongError(key, f"the values whose SHA-256 is in the attribute {_DIGEST}", found)

    def member(self, key: str, kind: type = object) -> Any:
        """Return a group or dataset of the file itself: no link that leads elsewhere is followed."""
        if not key:
            return self.file
        parent, _, name = key.rpartition("/")
        group = self._groups.get(parent)
        if group is None:
            group = self._groups[parent] = self.member(parent, h5py.Group)
        words = {h5py.Group: "a group", h5py.Dataset: "a dataset"}
        want = words.get(kind, "a group or dataset")
        if not group.id.links.exists(_encoded(name)):
            raise _WrongError(key, want, "nothing")
        link = group.id.links.get_info(_encoded(name)).type
        if link != h5py.h5l.TYPE_HARD:
            found = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
            raise _WrongError(key, f"{want} in this place", found.get(link, "a link of unknown type"))
        node = group[name]
        if not isinstance(node, kind):
            raise _WrongError(key, want, words.get(type(node), "a named type"))
        return node


def _stored_digest(dataset: h5py.Dataset, stored: Any) -> bytes | None:
    """Return the digest that a dataset has, None if its attribute is nothing of the kind."""
    if stored.get_type().get_class() != h5py.h5t.STRING or stored.shape not in ((), (1,)) or not stored.dtype.itemsize:
        return None
    if stored.get_type().is_variable_str():
        return str(dataset.attrs[_DIGEST]).encode()
    found = np.empty(stored.shape, stored.dtype)
    stored.read(found)
    return bytes(found.reshape(-1)[0])


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")  # as h5py decodes names that are not UTF-8


def _fits(shape: tuple[int, ...], wanted: tuple[int | str, ...] | None) -> bool:
    """Return whether a shape is the one wanted, in which a word stands for any length; None is any shape."""
    return wanted is None or (
        len(shape) == len(wanted)
        and all(isinstance(want, str) or have == want for have, want in zip(shape, wanted, strict=True))
    )


def _type_name(dtype: np.dtype[Any]) -> str:
    """Return the name of an array's type, in words where NumPy's would mislead."""
    return {"O": "strings, references or objects", "S": "strings", "V": "compound values"}.get(dtype.kind, str(dtype))


def _converted(where: str, value: Any, kind: type) -> _Attribute:
    """Return the value of an attribute as Python's type, if it is of that kind."""
    if isinstance(value, bytes):
        value = value.decode()
    integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if kind is str and isinstance(value, str):
        value.encode()  # h5py passes bytes on that are not UTF-8, as lone surrogates
        return str(value)
    if kind is bool and (isinstance(value, (bool, np.bool_)) or (integer and value in (0, 1))):
        return bool(value)
    if kind is int and integer:
        return int(value)
    if kind is float and (integer or isinstance(value, (float, np.floating))):
        return float(value)
    raise _WrongError(where, _WORDS[kind], f"{value.item() if isinstance(value, np.generic) else value!r:.60}")


def _require_plain(key: str, dataset: h5py.Dataset) -> None:
    """Refuse a dataset whose values are elsewhere than in this file, or behind a filter other than the usual."""
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise _WrongError(key, "values in this dataset", "a virtual dataset")
    if properties.get_external_count():
        raise _WrongError(key, "values in this file", f"values in the file {fsdecode(properties.get_external(0)[0])!r}")
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if code not in _FILTERS:
            found = f"filter {code} ({name.decode(errors='replace')})"
            raise _WrongError(key, "no filters but gzip, shuffle and fletcher32", found)


def _require_stored(key: str, dataset: h5py.Dataset, size: int) -> None:
    """Refuse a dataset that declares more values than its file can hold, before memory is taken for them."""
    properties = dataset.id.get_create_plist()
    codes = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    chunk = dataset.chunks or (1,) * dataset.ndim
    nominal = prod(ceil(n / step) * step for n, step in zip(dataset.shape, chunk, strict=True)) * dataset.dtype.itemsize
    needed = ceil(nominal / _DEFLATE_RATIO) if h5py.h5z.FILTER_DEFLATE in codes else nominal
    stored = dataset.id.get_storage_size()
    what = f"{dataset.dtype} of shape {dataset.shape}"
    if not needed <= stored <= size:
        raise _WrongError(key, f"{needed} bytes or more in the file for {what}", f"{stored} bytes")
    if dataset.chunks:
        pieces = prod(ceil(n / step) for n, step in zip(dataset.shape, chunk, strict=True))
        if dataset.id.get_num_chunks() != pieces:
            raise _WrongError(key, f"{pieces} pieces for {what}", f"{dataset.id.get_num_chunks()}: not all was written")


# --------------------------------------------------------------------------------------------------------------------
# From keys to values
# --------------------------------------------------------------------------------------------------------------------


def _network(reader: _Reader, pieces: Path | None = None) -> Network | None:
    """Return the network of a file; None if anything is wrong with it, which is then on the reader's list.

    Args:
        reader: the file.
        pieces: its path, from which connections read their weights when they are looked at; None to read them now.
    """
    executable = reader.attribute("", "executable", bool)
    metadata = reader.metadata()
    history = {unquote(name): reader.array(f"history/{name}", None, "numbers") for name in reader.names("history")}
    layer_keys, connection_keys = reader.numbered("layers"), reader.numbered("connections")
    layers = [_layer(reader, key) for key in layer_keys or []]
    connections = [_connection(reader, key, layers, pieces) for key in connection_keys or []]
    output_task = None
    if len(layers) > 1:
        key = f"layers/{len(layers) - 1}/task"
        output_task = reader.array(key, (_units(layers, len(layers) - 1, "size"),), "an integer type up to int64")

    # What could be read is checked as a whole. A part that could not has its fault already; where a layer or a
    # connection is missing altogether, the layers cannot be checked against each other.
    whole = not (layer_keys is None or connection_keys is None or None in layers or None in connections)
    parts = (
        tuple(layer for layer in layers if layer) if whole else (),
        tuple(connection for connection in connections if connection),
        np.empty(0, np.int64) if output_task is None else output_task,
        metadata,
        {name: values for name, values in history.items() if values is not None},
    )
    found = network_faults(*parts, executable=bool(executable))
    reader.add(fault for fault in found if whole or fault.key != "layers")
    if reader.faults or metadata is None:
        return None
    made, joined, tasks, _, quantities = parts
    return Network(made, joined, tasks, metadata, bool(executable), quantities)


def _snapshot_names(reader: _Reader) -> list[str]:
    """Return the names of the snapshots in the order of their epochs; one that is no number of epochs is a fault."""
    names = reader.names("snapshots")
    wrong = [name for name in names if not _EPOCH.fullmatch(name)]
    reader.add(Fault(f"snapshots/{name}", _EPOCH_WORDS, repr(name)) for name in wrong)
    return sorted((name for name in names if name not in wrong), key=float)


def _snapshot(reader: _Reader, network: Network, name: str) -> Network | None:
    """Return a network as a snapshot has it; None if anything is wrong, which is then on the list."""
    prefix = f"snapshots/{name}"
    wanted = dict(_parameters(network, network))
    lacking = {key for key in _dispensable(network) & wanted.keys() if not reader.has(f"{prefix}/{key}")}
    read = {
        key: reader.array(f"{prefix}/{key}", array.shape, "float32")
        for key, array in wanted.items()
        if key not in lacking
    }
    if any(array is None for array in read.values()):
        return None
    layers = tuple(
        replace(layer, bias=read.get(f"layers/{k}/bias"), position=read.get(f"layers/{k}/position"))
        for k, layer in enumerate(network.layers)
    )
    weights = [read.get(f"connections/{number}/weight") for number in range(len(network.connections))]
    connections = tuple(
        replace(c, weight=weight) for c, weight in zip(network.connections, weights, strict=True) if weight is not None
    )
    executable = network.executable and not lacking
    parts = (layers, connections, network.output_task, network.metadata, network.history)
    found = list(network_faults(*parts, executable=executable))
    reader.add(replace(fault, key=f"{prefix}/{fault.key}") for fault in found)
    return None if found else replace(network, layers=layers, connections=connections, executable=executable)


def _snapshots(reader: _Reader, only: Collection[float] | None = None) -> dict[float, Network] | None:
    """Return snapshots of a file, by their epochs; None if anything is wrong in it, which is then on the list."""
    network = _network(reader)
    if network is None:
        return None
    names = [name for name in _snapshot_names(reader) if only is None or float(name) in only]
    read = {float(name): _snapshot(reader, network, name) for name in names}
    return {epoch: snapshot for epoch, snapshot in read.items() if snapshot is not None}


def _layer(reader: _Reader, key: str) -> Layer | None:
    """Return a layer, without the parts that cannot be read; None if not even its size is known."""
    if reader.attempt(key, lambda: reader.member(key, h5py.Group)) is None:
        return None
    name = reader.attribute(key, "name", str)
    size = reader.attribute(key, "size", int)
    activation = reader.attribute(key, "activation", str)
    if activation is not None and (wrong := list(activation_faults(f"{key}.activation", activation))):
        reader.add(wrong)
        activation = None
    split = reader.attribute(key, "split", bool)
    units = "size" if size is None else size
    shapes: dict[str, tuple[int | str, ...]] = {"bias": (units,), "position": (units, "dim")}
    arrays = {
        array: reader.array(f"{key}/{array}", shape, "float32")
        for array, shape in shapes.items()
        if reader.has(f"{key}/{array}")
    }
    if size is None:
        return None
    return Layer(key if name is None else name, size, activation or "", split=bool(split), **arrays)


def _connection(reader: _Reader, key: str, layers: list[Layer | None], pieces: Path | None = None) -> Connection | None:
    """Return a connection, without weights if these cannot be read; None if its layers are not known."""
    if reader.attempt(key, lambda: reader.member(key, h5py.Group)) is None:
        return None
    source = reader.attribute(key, "source", int)
    target = reader.attribute(key, "target", int)
    shape = (_units(layers, target, "target size"), _units(layers, source, "source size"))
    weight = reader.array(f"{key}/weight", shape, "float32")
    if source is None or target is None:
        return None
    if weight is None:
        return Connection(source, target, np.empty((0, 0), np.float32))
    if pieces is None:
        return Connection(source, target, weight)
    reader.add(array_faults(f"{key}/weight", weight, weight.shape))
    return MadeConnection(source, target, weight.shape, partial(_weight, pieces, f"{key}/weight", weight.shape))


def _weight(path: Path, key: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return weights of a file that was read in pieces."""
    return _read(path, {NETWORK: lambda reader: reader.array(key, shape, "float32")})


def _units(layers: list[Layer | None], number: int | None, unknown: str) -> int | str:
    """Return the size of a layer, or a word for it if there is no such layer."""
    layer = layers[number] if number is not None and 0 <= number < len(layers) else None
    return layer.size if layer else unknown


def _evaluation(reader: _Reader) -> Evaluation | None:
    """Return the evaluation of a file; None if anything is wrong with it, which is then on the reader's list."""
    kind = "float32 or an unsigned integer type"
    inputs = reader.array("inputs", ("examples", "inputs"), kind)
    examples, entries = ("examples", "inputs") if inputs is None else inputs.shape
    labels = reader.array("labels", (examples, "tasks"), "an integer type up to int64")
    scale: float | None = 1.0
    if inputs is not None and (inputs.dtype.kind == "u" or reader.has("inputs", "scale")):
        scale = reader.attribute("inputs", "scale", float)
    keys = {unquote(name): f"probes/{name}" for name in reader.names("probes")}
    probes = {task: reader.array(key, ("groups", "examples", entries), kind) for task, key in keys.items()}

    # As for a network: what could be read is checked as a whole, with nothing in the place of what could not.
    rows = len(labels) if labels is not None else 0 if inputs is None else len(inputs)
    parts = (
        np.empty((rows, 0), np.float32) if inputs is None else inputs,
        np.empty((rows, 0), np.int64) if labels is None else labels,
        1.0 if scale is None else scale,
        {task: probe for task, probe in probes.items() if probe is not None and inputs is not None},
    )
    reader.add(evaluation_faults(*parts))
    return None if reader.faults else Evaluation(*parts)


def _splits(reader: _Reader) -> dict[str, dict[str, Split]] | None:
    """Return the splits of a file; None if anything is wrong with them, which is then on the reader's list."""
    from .splits import Split  # here, because it loads every split method, which the other formats do not need

    splits: dict[str, dict[str, Split]] = {}
    for network in reader.names(""):
        methods = splits.setdefault(unquote(network), {})
        for method in reader.names(network):
            key = f"{network}/{method}"
            notes = _notes(reader, key) if reader.has(key, "notes") else ()
            membership = _membership(reader, key)
            communities = _communities(reader, f"{key}/{_COMMUNITIES}", membership or {})
            if membership is not None and not reader.faults:
                methods[unquote(method)] = Split(unquote(method), membership, notes, communities)
    return None if reader.faults else splits


def _membership(reader: _Reader, key: str) -> dict[int, NDArray[np.bool_]] | None:
    """Return the membership of one split by number of the layer; None if it cannot be read."""
    names = [name for name in reader.names(key) if name != _COMMUNITIES]
    for name in names:
        if not (name.isascii() and name.isdecimal()):
            reader.add([Fault(f"{key}/{name}", "the number of a layer", repr(name))])
            return None
    arrays = {int(name): reader.array(f"{key}/{name}", ("units", "tasks"), "booleans") for name in names}
    members = {layer: array for layer, array in arrays.items() if array is not None}
    tasks = {array.shape[1] for array in members.values()}
    if len(tasks) > 1:
        found = " and ".join(map(str, sorted(tasks)))
        reader.add([Fault(key, "the same number of tasks in every layer", found)])
        return None
    return members


def _communities(
    reader: _Reader, key: str, membership: Mapping[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.int64]] | None:
    """Return the communities of one split by number of the layer; None if there are none, or they cannot be read."""
    if not reader.has(key):
        return None
    layers = sorted(map(str, membership))
    if (names := sorted(reader.names(key))) != layers:
        reader.add([Fault(key, f"the layers of the split, {', '.join(layers)}", ", ".join(names) or "nothing")])
        return None
    found = {}
    for layer, members in membership.items():
        numbers = reader.array(f"{key}/{layer}", (len(members),), "an integer type up to int64")
        if numbers is not None and (numbers < -1).any():
            reader.add([Fault(f"{key}/{layer}", "numbers of at least -1", str(numbers.min()))])
        elif numbers is not None:
            found[layer] = numbers.astype(np.int64)
    return found


def _notes(reader: _Reader, key: str) -> tuple[str, ...]:
    """Return the notes of one split."""
    text = reader.attribute(key, "notes", str)
    try:
        notes = [] if text is None else json.loads(text)
    except (ValueError, RecursionError):
        notes = None
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        reader.add([Fault(f"{key}.notes", "a JSON list of texts", f"{text!r:.60}")])
        return ()
    return tuple(notes)


def _arrays(
    reader: _Reader, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Return the arrays and the metadata of a file; None if anything is wrong, which is then on the reader's list."""
    metadata = reader.metadata()
    group = reader.attempt("arrays", lambda: reader.member("arrays", h5py.Group))
    keys = {} if group is None else {unquote(name): f"arrays/{name}" for name in reader.names("arrays")}
    chosen = keys if only is None else [name for name in keys if name in only]
    arrays = {name: reader.array(keys[name], None, "numbers or booleans") for name in chosen}
    readable = {name: array for name, array in arrays.items() if array is not None}
    return None if reader.faults or metadata is None else (readable, metadata)


_PARSERS: dict[str, Callable[[_Reader], Any]] = {NETWORK: _network, EVALUATION: _evaluation, SPLITS: _splits}
