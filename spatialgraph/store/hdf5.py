"""HDF5 files, written whole or not at all, and read with suspicion; the only user of h5py.

A file is read back before it takes its name. A file that is read is suspected first: every type, shape and stored size
is compared with what the file declares before memory is taken for it, no link leads out of the file, nothing in it is
ever executed, and every fault names its key.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from math import ceil, prod
from os import fsdecode
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from ..faults import Fault
from ..files import atomic
from ..heaps import heaps_end
from ..memory import free_memory

NETWORK, EVALUATION, SPLITS = (f"spatialgraph.{kind}" for kind in ("network", "evaluation", "splits"))
"""The values of the attribute ``format``; those of `write_arrays` are ``spatialgraph.<kind>``."""

FORMATS = (NETWORK, EVALUATION, SPLITS)
"""The formats that have a name of their own in ``FORMAT.md``."""

NEWEST = {NETWORK: 2}
"""The newest version of a format that is read; of those that are not here, it is 1."""

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

GROUP, DATASET = h5py.h5g.GroupID, h5py.h5d.DatasetID
"""What groups and datasets are to HDF5. What h5py makes of them takes longer than all else of reading a small array."""

Value = TypeVar("Value")
Attribute = str | int | float | bool


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


@dataclass
class Content:
    """What a file is to hold: the attributes of each key (``""`` is the file itself), arrays by key, the version."""

    format: str
    attributes: dict[str, dict[str, Attribute]] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    version: int = 1


def format_of(kind: str) -> str:
    """Return the format of a file of arrays."""
    if f"spatialgraph.{kind}" in FORMATS:
        raise ValueError(f"kind: expected a name of your own for files of arrays, found {kind!r}, which has a format")
    return f"spatialgraph.{kind}"


def metadata_attributes(metadata: Mapping[str, Any]) -> dict[str, Attribute]:
    """Return the attributes that hold the metadata: the text, and its digest.

    HDF5's own checksums do not reach an attribute of 64 KiB or more, hence the digest.
    """
    text = json.dumps(dict(metadata), allow_nan=False)
    return {"metadata": text, "metadata_sha256": hashlib.sha256(text.encode()).hexdigest()}


def key_of(name: str) -> str:
    """Return a name in the form in which HDF5 can hold it as one key: ``/`` parts keys, ``.`` is the key itself."""
    if not name:
        raise ValueError("a name used as a key: expected at least one character, found ''")
    for character in "%/\0":
        name = name.replace(character, f"%{ord(character):02X}")
    return "%2E" if name == "." else name


def write(path: str | Path, content: Content) -> None:
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


def _image(content: Content) -> memoryview:
    """Return the bytes of the file.

    HDF5 makes the file in memory and plain Python writes it: HDF5 itself cannot close a file whose disk is full.
    """
    image = BytesIO()
    with h5py.File(image, "w", libver=_LIBRARY_VERSION) as file:
        made: dict[str, Any] = {"": file.id}

        def member(key: str) -> Any:
            if key not in made:
                parent, _, name = key.rpartition("/")
                group = h5py.Group(member(parent))
                made[key] = (group[name] if name in group else group.create_group(name)).id
            return made[key]

        _put_attribute(file.id, "format", content.format)
        _put_attribute(file.id, "version", content.version)
        for key in sorted(content.arrays):
            parent, _, name = key.rpartition("/")
            dataset = _put_array(member(parent), name, content.arrays[key])
            _put_attribute(dataset, _DIGEST, _digest(content.arrays[key]))
        for key, attributes in content.attributes.items():
            for name, value in attributes.items():
                _put_attribute(member(key), name, value)
            member(key)
    return image.getbuffer()


def _put_array(group: Any, name: str, array: NDArray[Any]) -> Any:
    """Make a dataset, as `h5py.Group.create_dataset` does in twice the time; return what it is to HDF5."""
    type_, space = h5py.h5t.py_create(array.dtype, logical=True), h5py.h5s.create_simple(array.shape)
    dataset = h5py.h5d.create(group, name.encode(), type_, space, _storage(array))
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.asarray(array, order="C"), type_)
    return dataset


def _put_attribute(node: Any, name: str, value: Attribute) -> None:
    """Give a group or dataset an attribute, as `h5py.AttributeManager` does in twice the time."""
    array = _text(value) if isinstance(value, str) else np.asarray(value)
    type_, space = h5py.h5t.py_create(array.dtype, logical=True), h5py.h5s.create_simple(array.shape)
    h5py.h5a.create(node, name.encode(), type_, space).write(array, type_)


def _text(value: str) -> NDArray[Any]:
    """Return text as an HDF5 string of fixed length, which lies where the checksums reach; one of any length does not.

    Raises:
        ValueError: the text holds the character NUL, which HDF5 takes for its end.
    """
    if "\0" in value:
        raise ValueError(f"expected text without the character NUL, found {value!r}")
    encoded = value.encode()
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(1, len(encoded))))


def _storage(array: NDArray[Any]) -> Any:
    """Return how an array is stored: with a checksum, in pieces of about a megabyte of whole rows."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    if array.ndim == 0:  # no filter fits a scalar; inside the object's header it is under the header's checksum
        properties.set_layout(h5py.h5d.COMPACT)
        return properties
    rows = min(len(array), max(1, _CHUNK_BYTES // (array.nbytes // len(array)))) if array.size else 1
    properties.set_chunk(tuple(max(length, 1) for length in (rows, *array.shape[1:])))
    properties.set_fletcher32()
    return properties


def _digest(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's values in C order, the low byte of each first.

    The checksum of HDF5 (fletcher32) takes two bytes of zeros and two of ones for the same.
    """
    return hashlib.sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data).hexdigest()


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _differences(path: Path, content: Content) -> str:
    """Return the first key at which a file is not what was to be written, or nothing."""

    def differing(reader: Reader) -> str:
        for key, attributes in content.attributes.items():
            for name, value in attributes.items():
                if reader.attribute(key, name, type(value)) != value:
                    return f"{key}.{name}".lstrip(".")
        for key, array in content.arrays.items():
            stored = reader.array(key, array.shape, "numbers or booleans")
            if stored is None or stored.dtype != array.dtype:
                return key
            if not np.array_equal(array, stored, equal_nan=array.dtype.kind == "f"):
                return key
        return ""

    different, faults = examine(path, {content.format: differing})
    return different or "; ".join(map(str, faults))


def read_by(path: str | Path, parsers: Mapping[str, Callable[[Reader], Value | None]]) -> Value:
    """Return what the parser of the file's format makes of it."""
    value, faults = examine(path, parsers)
    if faults or value is None:
        raise FormatError(path, faults)
    return value


def examine(
    path: str | Path, parsers: Mapping[str, Callable[[Reader], Value | None]]
) -> tuple[Value | None, list[Fault]]:
    """Return what the parser of the file's format makes of it, and everything that is wrong with it.

    Args:
        path: the file.
        parsers: format to parser; the parser under ``""`` takes every other format that has a group ``arrays``.

    Raises:
        FileNotFoundError: there is no such file, or it was removed meanwhile.
    """
    path = Path(path)
    with path.open("rb") as plain:  # a missing or forbidden file is reported as Python does, without HDF5's trace
        start = plain.read(8)
    if not h5py.is_hdf5(path):
        path.stat()  # a file that was removed meanwhile is none either
        return None, [Fault("/", "an HDF5 file", f"a file that starts with {start!r}" if start else "an empty file")]
    value = None
    faults: list[Fault] = []
    try:
        with _opened(path) as file:
            reader = Reader(file, path, faults)
            parse = reader.parser(parsers)
            value = parse(reader) if parse else None
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, KeyError) as error:  # what h5py raises when a file cannot be opened or closed
        faults.append(_damage("/", error))
    return value, faults


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


class Reader:
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
        self._groups: dict[str, Any] = {"": file.id}
        self._known = {fault.key for fault in faults}
        self._left = min(max(_SMALL, _EXPANSION * size), free_memory())

    def attempt(self, key: str, read: Callable[[], Value]) -> Value | None:
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
        self, parsers: Mapping[str, Callable[[Reader], Value | None]]
    ) -> Callable[[Reader], Value | None] | None:
        """Return the parser of the file's format; None, and a fault on the list, if there is none or it is newer."""
        known = " or ".join(repr(name) for name in parsers if name)
        if not self.has("", "format"):
            if not self.faults:
                self.add([Fault("format", known, "nothing")])
            return None
        name = self.attribute("", "format", str)
        version = self.attribute("", "version", int)
        if name is None or version is None:
            return None
        parse = parsers.get(name)
        if parse is None and name.startswith("spatialgraph.") and name not in FORMATS and "arrays" in self.names(""):
            parse = parsers.get("")
        if parse is None:
            self.add([Fault("format", known, repr(name))])
        elif version > (newest := NEWEST.get(name, 1)):
            text = f"version {version}: the file needs a newer spatialgraph"
            self.add([Fault("version", f"at most {newest}", text)])
            return None
        elif version < 1:
            self.add([Fault("version", f"1 to {newest}", str(version))])
        return parse

    def names(self, key: str) -> list[str]:
        """Return the names in a group, in order; none if there is no such group."""
        if not self.has(key):
            return []
        return self.attempt(key or "/", lambda: list(h5py.Group(self.member(key, GROUP)))) or []

    def numbered(self, key: str) -> list[str] | None:
        """Return the keys of the members of a group whose names are numbers from 0; None if they are not."""

        def keys() -> list[str]:
            names = list(h5py.Group(self.member(key, GROUP)))
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
                return bool(h5py.h5a.exists(self.member(key), attribute.encode()))
            if parent not in self._groups and not self.has(parent):
                return False
            return not name or bool(self.member(parent, GROUP).links.exists(_encoded(name)))

        return bool(self.attempt(key or "/", there))

    def attribute(self, key: str, name: str, kind: type[Value]) -> Value | None:
        """Return an attribute of a group or dataset; None, and a fault on the list, if it is not of its kind."""
        where = f"{key}.{name}".lstrip(".")

        return self.attempt(where, lambda: self._attribute(self.member(key), where, name, kind))

    def _attribute(self, node: Any, where: str, name: str, kind: type[Value]) -> Any:
        if not h5py.h5a.exists(node, name.encode()):
            raise _WrongError(where, _WORDS[kind], "nothing")
        stored = h5py.h5a.open(node, name.encode())
        type_, shape, size = stored.get_type(), stored.shape, stored.get_storage_size()
        # Other classes are not even looked at: h5py can crash on a sequence whose bytes are damaged.
        if type_.get_class() not in _ATTRIBUTE_CLASSES:
            raise _WrongError(where, _WORDS[kind], "a value that is neither text nor a number")
        if shape not in ((), (1,)) or size > self.size:
            raise _WrongError(where, _WORDS[kind], f"{size} bytes of shape {shape}")
        self._require_readable(where, type_)
        return _converted(where, _only_value(stored, type_), kind)

    def _require_readable(self, where: str, type_: Any) -> None:
        """Refuse a text that HDF5 would read for ever."""
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
                digest = hashlib.sha256(text.encode()).hexdigest()
                if declared not in (digest, None):
                    description = "another text: damage, or a change that left metadata_sha256 as it was"
                    raise _WrongError("metadata", "the text whose SHA-256 is in metadata_sha256", description)
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
            dataset = self.member(key, DATASET)
            dtype, length = dataset.dtype, dataset.shape
            if not _TYPES[kind](dtype):
                raise _WrongError(key, kind, _type_name(dtype))
            if length is None or not _fits(length, shape):
                want = "(" + ", ".join(map(str, shape or ())) + ("," if shape and len(shape) == 1 else "") + ")"
                raise _WrongError(key, f"shape {want}", f"shape {length}")
            stored = _Stored.of(dataset, dtype, length)
            _require_plain(key, stored)
            _require_stored(key, stored, self.size)
            self._take(key, stored)
            array = np.empty(length, dtype)
            if array.size:  # h5py's own way takes three times as long
                dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
            array = _native(array)
            self._require_digest(key, dataset, array)
            return array

        return self.attempt(key, read)

    def _take(self, key: str, stored: _Stored) -> None:
        """Count the memory that a dataset will take; refuse it if the file has no more.

        Hard links can show one dataset under many keys, so that all that is read counts.
        """
        needed = prod(stored.shape) * max(stored.dtype.itemsize, 8 if stored.dtype.kind == "i" else 0)
        piece = prod(stored.chunks or ()) * stored.dtype.itemsize
        if max(needed, piece) > self._left:
            allowed = f"values of at most {_EXPANSION} times the bytes of their file, in the memory that is free"
            raise _WrongError(key, allowed, f"{max(needed, piece)} bytes more, {self._left:.0f} left")
        self._left -= needed

    def _require_digest(self, key: str, dataset: Any, array: NDArray[Any]) -> None:
        """Refuse values that are not those whose digest the file holds; older files hold none."""
        if not h5py.h5a.exists(dataset, _DIGEST.encode()):
            return
        stored = h5py.h5a.open(dataset, _DIGEST.encode())
        type_ = stored.get_type()
        self._require_readable(f"{key}.{_DIGEST}", type_)
        of_text = type_.get_class() == h5py.h5t.STRING and stored.shape in ((), (1,))
        declared = _only_value(stored, type_) if of_text else b""
        if (declared.encode() if isinstance(declared, str) else bytes(declared)) != _digest(array).encode():
            description = f"others: damage, or a change that left {_DIGEST} as it was"
            raise _WrongError(key, f"the values whose SHA-256 is in the attribute {_DIGEST}", description)

    def member(self, key: str, kind: type = object) -> Any:
        """Return a group or dataset of the file itself, as HDF5 has it: no link that leads elsewhere is followed.

        Args:
            key: where it is.
            kind: `GROUP` or `DATASET`; any by default.
        """
        words = {GROUP: "a group", DATASET: "a dataset"}
        node = self._groups.get(key)
        if node is None:
            parent, _, name = key.rpartition("/")
            group, want, encoded = self.member(parent, GROUP), words.get(kind, "a group or dataset"), _encoded(name)
            links = group.links
            if not links.exists(encoded):
                raise _WrongError(key, want, "nothing")
            link = links.get_info(encoded).type
            if link != h5py.h5l.TYPE_HARD:
                link_words = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
                raise _WrongError(key, f"{want} in this place", link_words.get(link, "a link of unknown type"))
            node = h5py.h5o.open(group, encoded)
            if isinstance(node, GROUP):
                self._groups[key] = node
        if not isinstance(node, kind):
            raise _WrongError(key, words[kind], words.get(type(node), "a named type"))
        return node


class _Stored(NamedTuple):
    """How a dataset is stored, asked of HDF5 once: each question takes as long as reading a few kilobytes.

    Attributes:
        id: the dataset to HDF5.
        dtype: the type of its values.
        shape: how many there are.
        chunks: the shape of a piece; None if it is in one.
        filters: what is done to each piece, as HDF5 describes it: a number first, a name last.
        virtual: whether its values are those of other datasets.
        external: the file that its values are in; None if they are in its own.
    """

    id: Any
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: tuple[int, ...] | None
    filters: list[tuple[Any, ...]]
    virtual: bool
    external: bytes | None

    @classmethod
    def of(cls, dataset: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Stored:
        """Ask how a dataset of this type and shape is stored."""
        properties = dataset.get_create_plist()
        layout = properties.get_layout()
        chunks = properties.get_chunk() if layout == h5py.h5d.CHUNKED else None
        filters = [properties.get_filter(number) for number in range(properties.get_nfilters())]
        external = properties.get_external(0)[0] if properties.get_external_count() else None
        return cls(dataset, dtype, shape, chunks, filters, layout == h5py.h5d.VIRTUAL, external)

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


def _only_value(stored: Any, type_: Any) -> Any:
    """Return the one value of an attribute, as h5py does in three times the time."""
    array = np.zeros(stored.shape, type_.dtype)
    is_text = isinstance(type_, h5py.h5t.TypeStringID)
    is_variable = is_text and type_.is_variable_str()
    stored.read(array, type_ if is_text and not is_variable else None)  # text of fixed length needs no conversion
    value = array.reshape(-1)[0]
    return value.decode("utf-8", "surrogateescape") if is_variable else value


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


def _converted(where: str, value: Any, kind: type) -> Attribute:
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


def _require_plain(key: str, stored: _Stored) -> None:
    """Refuse a dataset whose values are elsewhere than in this file, or behind a filter other than the usual."""
    if stored.virtual:
        raise _WrongError(key, "values in this dataset", "a virtual dataset")
    if stored.external is not None:
        raise _WrongError(key, "values in this file", f"values in the file {fsdecode(stored.external)!r}")
    for code, _, _, name in stored.filters:
        if code not in _FILTERS:
            filter_name = f"filter {code} ({name.decode(errors='replace')})"
            raise _WrongError(key, "no filters but gzip, shuffle and fletcher32", filter_name)


def _require_stored(key: str, stored: _Stored, size: int) -> None:
    """Refuse a dataset that declares more values than its file can hold, before memory is taken for them."""
    chunk = stored.chunks or (1,) * len(stored.shape)
    pieces = [ceil(n / step) for n, step in zip(stored.shape, chunk, strict=True)]
    nominal = prod(pieces) * prod(chunk) * stored.dtype.itemsize
    compressed = any(code == h5py.h5z.FILTER_DEFLATE for code, *_ in stored.filters)
    needed = ceil(nominal / _DEFLATE_RATIO) if compressed else nominal
    found = stored.id.get_storage_size()
    if not needed <= found <= size:
        raise _WrongError(key, f"{needed} bytes or more in the file for {stored}", f"{found} bytes")
    if stored.chunks and (written := stored.id.get_num_chunks()) != prod(pieces):
        raise _WrongError(key, f"{prod(pieces)} pieces for {stored}", f"{written}: not all was written")
