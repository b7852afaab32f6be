"""Data sets for training: grey images and their classes, split into a training and a held-out part.

A data set is one function with one decorator, or for a set of torchvision with MNIST's interface one line of a table.
"""

from __future__ import annotations

import gzip
import math
import socket
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPException
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib.format import MAGIC_PREFIX, read_array_header_1_0, read_array_header_2_0, read_magic
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from spatialgraph.console import PlainConsole
from spatialgraph.files import cache_folder
from spatialgraph.memory import free_memory
from spatialgraph.registry import Registry

DATASETS: Registry[Callable[[Path | None], Dataset], None] = Registry("data set")
"""Every named data set. A function of the folder that data sets lie in (None: the folder of the user's cache)."""


_DIGITS, _CAPITALS = tuple("0123456789"), tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# As the authors of Fashion-MNIST name them: Xiao et al. 2017, arXiv 1708.07747.
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
# Small letters that look like capitals are one class with them in some of EMNIST's sets (Cohen et al. 2017).
_MERGED = (*_DIGITS, *_CAPITALS, *"abdefghnqrt")

_VALIDATION = 8  # the stream of random numbers by which examples are set aside; no seed of a network is in it
_TIMEOUT = 20.0  # seconds that a server may be silent; without a limit, a network that drops packets hangs for minutes


class DataError(ValueError):
    """A data set is not available, or is not as expected."""


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, eq=False)
class Examples:
    """Images and their classes.

    Attributes:
        images: ``(examples, pixels)`` uint8, 0 (black) to 255 (white), row by row.
        labels: ``(examples,)`` int64, numbers of classes.

    Raises:
        DataError: the arrays are of other types, do not fit each other, or are empty.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.dtype != np.uint8 or images.ndim != 2 or not images.size:
            raise DataError(f"images: expected uint8 of shape (examples, pixels), found {images.dtype} {images.shape}")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise DataError(f"labels: expected int64 of shape ({len(images)},), found {labels.dtype} {labels.shape}")
        object.__setattr__(self, "images", _frozen(images))
        object.__setattr__(self, "labels", _frozen(labels))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification task.

    Attributes:
        name: the name of the task in networks, tables and figures.
        train: the examples to train on.
        test: the held-out examples.
        classes: how many classes there are; labels are 0 to ``classes - 1``.
        image_shape: rows and columns of an image.
        names: what the classes are called, in the order of their numbers; empty if that is not known.

    Raises:
        DataError: the parts do not fit each other.

    Example:
        >>> part = Examples(np.zeros((3, 4), np.uint8), np.array([0, 1, 1]))
        >>> Dataset("dark", part, part, classes=2, image_shape=(2, 2)).pixels
        4
    """

    name: str
    train: Examples
    test: Examples
    classes: int
    image_shape: tuple[int, int]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows, columns = self.image_shape
        if self.names and len(self.names) != self.classes:
            found = ", ".join(self.names)
            raise DataError(f"data set {self.name!r}: expected names of {self.classes} classes or none, found {found}")
        for part, examples in (("train", self.train), ("test", self.test)):
            where = f"data set {self.name!r}, {part}"
            if examples.images.shape[1] != rows * columns:
                pixels = f"{examples.images.shape[1]}"
                raise DataError(f"{where} images: expected {rows} × {columns} pixels, found {pixels}")
            low, high = int(examples.labels.min()), int(examples.labels.max())
            if low < 0 or high >= self.classes:
                allowed = f"numbers from 0 to {self.classes - 1}"
                raise DataError(f"{where} labels: expected {allowed}, found {low} to {high}")

    @property
    def pixels(self) -> int:
        """The number of pixels of an image."""
        return self.image_shape[0] * self.image_shape[1]


def set_aside(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """Divide the examples to train on: take a share of them, drawn at random, always the same, for validation.

    Args:
        dataset: the task.
        share: of the examples to set aside, more than 0 and less than 1.

    Returns:
        the task without these examples, and the task with these as its held-out ones.

    Example:
        >>> part = Examples(np.zeros((10, 4), np.uint8), np.arange(10))
        >>> rest, aside = set_aside(Dataset("dark", part, part, classes=10, image_shape=(2, 2)), 0.2)
        >>> len(rest.train), len(aside.test), sorted([*rest.train.labels, *aside.test.labels]) == list(range(10))
        (8, 2, True)
    """
    examples = len(dataset.train)
    count = min(max(1, round(share * examples)), examples - 1)
    order = np.random.default_rng([_VALIDATION, examples]).permutation(examples)
    parts = []
    for rows in (np.sort(order[count:]), np.sort(order[:count])):
        parts.append(Examples(dataset.train.images[rows], dataset.train.labels[rows]))
    return replace(dataset, train=parts[0]), replace(dataset, train=parts[0], test=parts[1])


def load(name: str, folder: Path | None = None) -> Dataset:
    """Load a data set.

    Args:
        name: one of `DATASETS`, or a file that ends in ``.npz`` with the arrays ``train_images``, ``train_labels``,
            ``test_images`` and ``test_labels``; images ``(examples, rows, columns)`` or ``(examples, pixels)``, uint8
            or floating-point numbers from 0 to 1; labels integers ``(examples,)`` from 0.
        folder: where the data sets lie that do not ship with the package, laid out as torchvision does; files that are
            missing are downloaded into it. None is the user's cache.

    Raises:
        DataError: there is no such data set, its files are damaged, or they are missing and cannot be downloaded.

    Example:
        >>> digits = load("digits")
        >>> digits.train.images.shape, digits.test.images.shape, digits.classes
        ((1437, 64), (360, 64), 10)
    """
    if name.endswith(".npz"):
        path = Path(name)
        return _read_npz(path if folder is None or path.exists() else folder / path)
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}, or a file that ends in .npz")
    return DATASETS[name](folder)


@DATASETS.register("digits", None)
def digits(folder: Path | None) -> Dataset:
    """Load scikit-learn's handwritten digits, 8 × 8 pixels: 1437 to train on, 360 held out."""
    # Its own file, read as its own function does, which takes a second to import.
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise DataError("digits: expected scikit-learn, whose images they are, found none")
    numbers = np.loadtxt(Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    images = np.rint(numbers[:, :-1] * (255 / 16)).astype(np.uint8)  # stored as 0 to 16
    labels = numbers[:, -1].astype(np.int64)
    # The digits lie writer by writer, more or less: the last fifth holds out writers, as a shuffled one would not.
    first = len(labels) * 4 // 5
    train, test = Examples(images[:first], labels[:first]), Examples(images[first:], labels[first:])
    return Dataset("digits", train, test, classes=10, image_shape=(8, 8), names=_DIGITS)


@DATASETS.register("letters", None)
def letters(folder: Path | None) -> Dataset:
    """Draw the capital letters A to J, 8 × 8 pixels: 1437 to train on, 360 in other fonts held out."""
    from .letters import LETTERS, SIDE  # Pillow and matplotlib are needed by this data set alone

    train, test = (Examples(*part) for part in _drawn_letters())
    names = tuple(LETTERS)
    return Dataset("letters", train, test, len(names), (SIDE, SIDE), names)


@cache
def _drawn_letters() -> tuple[tuple[NDArray[np.uint8], NDArray[np.int64]], ...]:
    """Return the images and labels to train on and those held out: always the same, and drawn once for a process."""
    from .letters import draw_letters

    return draw_letters()


def _files(train: str, test: str, labels: str = "labels-idx1-ubyte") -> tuple[str, ...]:
    """Return the names of the training images and labels and of the test images and labels."""
    return tuple(f"{part}-{what}" for part in (train, test) for what in ("images-idx3-ubyte", labels))


@dataclass(frozen=True)
class _Source:
    """A data set of torchvision with MNIST's interface.

    Attributes:
        kind: the name of its class in `torchvision.datasets`, and of its folder.
        files: the training images and labels, the test images and labels.
        names: what the classes are called.
        split: which of the sets that the class has, if it has several.
        first_label: the number of the first class.
        transposed: whether the images are stored column by column.
    """

    kind: str
    files: tuple[str, ...]
    names: tuple[str, ...] = _DIGITS
    split: str | None = None
    first_label: int = 0
    transposed: bool = False


def _emnist(split: str, names: tuple[str, ...] = _DIGITS, first_label: int = 0) -> _Source:
    files = _files(f"emnist-{split}-train", f"emnist-{split}-test")
    return _Source("EMNIST", files, names, split, first_label, transposed=True)


_TORCHVISION = {
    "mnist": _Source("MNIST", _files("train", "t10k")),
    "fashion-mnist": _Source("FashionMNIST", _files("train", "t10k"), _CLOTHES),
    "kmnist": _Source("KMNIST", _files("train", "t10k"), _HIRAGANA),
    "qmnist": _Source("QMNIST", _files("qmnist-train", "qmnist-test", "labels-idx2-int")),
    "emnist-letters": _emnist("letters", _CAPITALS, first_label=1),
    "emnist-balanced": _emnist("balanced", _MERGED),
    "emnist-digits": _emnist("digits"),
    "emnist-byclass": _emnist("byclass", (*_DIGITS, *_CAPITALS, *"abcdefghijklmnopqrstuvwxyz")),
    "emnist-bymerge": _emnist("bymerge", _MERGED),
    "emnist-mnist": _emnist("mnist"),
}


def _register(name: str, source: _Source) -> None:
    def read(folder: Path | None) -> Dataset:
        return _read_torchvision(name, source, folder or cache_folder())

    read.__doc__ = f"Read {source.kind}{f' ({source.split})' if source.split else ''}, in torchvision's layout."
    DATASETS.register(name, None)(read)


for _name, _source in _TORCHVISION.items():
    _register(_name, _source)


def _read_torchvision(name: str, source: _Source, folder: Path) -> Dataset:
    raw = folder / source.kind / "raw"
    missing = [file for file in source.files if _find(raw, file) is None]
    if missing:
        _download(name, source, folder, missing)
    train_images, train_labels, test_images, test_labels = source.files
    train, shape = _read_part(raw, train_images, train_labels, source)
    test, _ = _read_part(raw, test_images, test_labels, source)
    return Dataset(name, train, test, len(source.names), shape, source.names)


def _read_part(raw: Path, image_file: str, label_file: str, source: _Source) -> tuple[Examples, tuple[int, int]]:
    """Read the training or the test part; return the shape of an image, too."""
    images = _read_idx(raw, image_file, {_BYTES_3})
    labels = _read_idx(raw, label_file, {_BYTES_1, _INTEGERS_2})
    if len(images) != len(labels) or not images.size:
        shapes = f"{images.shape} and {labels.shape}"
        raise DataError(f"{raw}: expected images in {image_file}, each with a label in {label_file}, found {shapes}")
    upright = images.transpose(0, 2, 1) if source.transposed else images
    # QMNIST's labels have further columns, such as the writer; the class is the first.
    numbers = labels.reshape(len(labels), -1)[:, 0].astype(np.int64) - source.first_label
    return Examples(upright.reshape(len(upright), -1), numbers), (upright.shape[1], upright.shape[2])


def _find(raw: Path, file: str) -> Path | None:
    """Return a file of a data set, as it is or compressed; None if there is neither."""
    return next((path for path in (raw / file, raw / f"{file}.gz") if path.is_file()), None)


# The first four bytes of an IDX file: two zeros, the type of the numbers, the number of axes.
_BYTES_1, _BYTES_3, _INTEGERS_2 = b"\0\0\x08\x01", b"\0\0\x08\x03", b"\0\0\x0c\x02"
_IDX_TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}


def _read_idx(raw: Path, file: str, allowed: set[bytes]) -> NDArray[Any]:
    """Read an IDX file, the format of MNIST, that begins with one of the allowed four bytes.

    torchvision's own reader takes files that are too long, and names no file when one is too short.
    """
    path = _find(raw, file)
    if path is None:
        raise DataError(f"{raw / file}: expected a file, found none")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected an IDX file, found one that cannot be read: {error}") from None
    magic = data[:4]
    if magic not in allowed:
        expected = " or ".join(sorted(each.hex(" ") for each in allowed))
        beginning = magic.hex(" ") or "nothing"
        raise DataError(f"{path}: expected an IDX file that begins with the bytes {expected}, found {beginning}")
    dtype, axes = _IDX_TYPES[magic[2]], magic[3]
    start = 4 + 4 * axes
    shape = [int.from_bytes(data[k : k + 4], "big") for k in range(4, start, 4)]
    expected_bytes = start + (dtype.itemsize * math.prod(shape) if len(data) >= start else 1)
    if len(data) != expected_bytes:
        at_least = "" if len(data) >= start else "at least "
        raise DataError(
            f"{path}: expected {at_least}{expected_bytes} bytes, found {len(data)}: remove it and get it anew"
        )
    return np.frombuffer(data, dtype=dtype, offset=start).reshape(shape)


def _download(name: str, source: _Source, folder: Path, missing: Sequence[str]) -> None:
    """Download a data set with torchvision, whole or not at all.

    The files are downloaded into a temporary folder and moved, so that neither a failure nor another process that
    downloads at the same time leaves half a file.
    """
    fresh, raw = not folder.exists(), folder / source.kind / "raw"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            _fetch(source, temporary)
            raw.mkdir(parents=True, exist_ok=True)
            for path in Path(temporary, source.kind, "raw").iterdir():
                if path.name in missing:  # not archives, folders, or files that existed before
                    path.replace(raw / path.name)
    except (ImportError, OSError, RuntimeError, HTTPException, EOFError, zlib.error, BadZipFile) as error:
        if fresh:
            with suppress(OSError):
                folder.rmdir()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"data set {name!r}: expected {', '.join(missing)} in {raw} (as they are, or each with .gz), found none, "
            f"and downloading failed: {reason}; put them there, or name a folder with {source.kind}/raw by --data-dir"
        ) from None


def _fetch(source: _Source, folder: str) -> None:
    """Let torchvision download both parts of a data set, without its progress bars."""
    PlainConsole(stderr=True).print(f"downloading {source.kind} …")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            from torchvision import datasets  # takes seconds

            options = {"split": source.split} if source.split else {}
            for train in (True, False):
                getattr(datasets, source.kind)(folder, train=train, download=True, **options)
    finally:
        socket.setdefaulttimeout(timeout)


_ZIP_RATIO = 1032  # deflate makes nothing smaller
_MOST_CLASSES = 1_000_000  # each is an output of the networks
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def _read_npz(path: Path) -> Dataset:
    try:
        # `numpy.load` leaves a file open that is no archive.
        with path.open("rb") as stream, NpzFile(stream, allow_pickle=False) as file:
            missing = [name for name in _ARRAYS if name not in file]
            arrays = {} if missing else {name: _member(file, name) for name in _ARRAYS}
    except DataError as error:
        raise DataError(f"{path}, {error}") from None
    except (
        Exception
    ) as error:  # a damaged archive, or one of another kind, makes zipfile and NumPy raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: expected an .npz file of numbers, found one that cannot be read: {reason}") from None
    if missing:
        raise DataError(f"{path}: expected the arrays {', '.join(_ARRAYS)}, found no {missing[0]}")
    parts = []
    for part in ("train", "test"):
        images = _byte_images(arrays[f"{part}_images"], f"{path}, {part}_images")
        labels = arrays[f"{part}_labels"]
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            type_and_shape = f"{labels.dtype} of shape {labels.shape}"
            raise DataError(
                f"{path}, {part}_labels: expected integers of shape ({len(images)},), found {type_and_shape}"
            )
        if labels.max() >= _MOST_CLASSES:
            largest = f"{labels.max()}"
            raise DataError(f"{path}, {part}_labels: expected numbers from 0 to {_MOST_CLASSES - 1}, found {largest}")
        parts.append(Examples(images.reshape(len(images), -1), labels.astype(np.int64)))
    shapes = [arrays[f"{part}_images"].shape[1:] for part in ("train", "test")]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"{path}, test_images: expected images of shape {shapes[0]}, as in train_images, found {shapes[1]}"
        )
    train, test = parts
    rows, columns = shapes[0] if len(shapes[0]) == 2 else (1, *shapes[0])
    return Dataset(path.stem, train, test, classes=int(train.labels.max()) + 1, image_shape=(rows, columns))


def _member(file: NpzFile, name: str) -> NDArray[Any]:
    """Return an array of an archive, if its bytes, packed or not, are as many as it declares.

    Raises:
        DataError: it is no array, or declares more than the archive can hold.
    """
    archive: ZipFile = file.zip  # type: ignore[assignment]  # None when it is closed
    info = archive.getinfo(name if name in archive.namelist() else f"{name}.npy")
    if info.file_size > _ZIP_RATIO * (info.compress_size + 1):
        raise DataError(f"{name}: expected at most {_ZIP_RATIO} times the bytes stored, found {info.file_size}")
    if info.file_size > free_memory():
        raise DataError(
            f"{name}: expected at most the {free_memory():.0f} bytes of free memory, found {info.file_size}"
        )
    with archive.open(info) as stream:
        if stream.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
            raise DataError(f"{name}: expected an array, found a file of another kind")
        stream.seek(0)
        version = read_magic(stream)
        shape, _, dtype = read_array_header_1_0(stream) if version == (1, 0) else read_array_header_2_0(stream)
        declared = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and declared != info.file_size - stream.tell():
            size = f"{info.file_size - stream.tell()}"
            raise DataError(f"{name}: expected {declared} bytes for {dtype} of shape {shape}, found {size}")
    return np.asarray(file[name])


def _byte_images(images: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return images of a file as bytes; floating-point numbers from 0 to 1 become 0 to 255."""
    if images.ndim not in (2, 3) or not images.size:
        expected = "shape (examples, rows, columns) or (examples, pixels)"
        raise DataError(f"{where}: expected {expected}, none of them 0, found {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise DataError(f"{where}: expected uint8 or floating-point numbers, found {images.dtype}")
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):  # also if there is one that is not a number
        raise DataError(f"{where}: expected floating-point numbers from 0 to 1, found {low:g} to {high:g}")
    return np.asarray(np.rint(images * 255), dtype=np.uint8)
