"""Data sets: what is read from where, and the text of every refusal."""

import functools
import gc
import gzip
import hashlib
import http.server
import socket
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from spatialgraph.files import cache_folder
from spatialgraph.train import data
from spatialgraph.train.data import DATASETS, DataError, Dataset, Examples, load

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    """Return an array as the bytes of an IDX file."""
    code, big_endian = {"uint8": (8, ">u1"), "int32": (12, ">i4")}[array.dtype.name]
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.astype(big_endian).tobytes()


def images(count, seed=0, shape=(3, 2)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(*numbers):
    return np.array(numbers, dtype=np.uint8)


def write(folder, kind, names, arrays):
    raw = folder / kind / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        (raw / name).write_bytes(idx(array))
    return raw


ARRAYS = (images(4, 1), labels(0, 9, 3, 3), images(2, 2), labels(1, 0))


def refusal(name, folder=None):
    with pytest.raises(DataError) as error:
        load(name, folder)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def no_download(monkeypatch):
    """Let a test notice an attempt to download."""

    def attempt(*_):
        raise AssertionError("an attempt to download")

    monkeypatch.setattr("spatialgraph.train.data._fetch", attempt)


def test_digits_are_those_of_scikit_learn_in_their_order():
    digits, source = load("digits"), load_digits()
    joined = np.concatenate([digits.train.images, digits.test.images])
    assert joined.dtype == np.uint8
    np.testing.assert_array_equal(np.rint(joined * (16 / 255)), source.data)
    assert joined.max() == 255
    np.testing.assert_array_equal(np.concatenate([digits.train.labels, digits.test.labels]), source.target)
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert (digits.image_shape, digits.pixels, digits.classes) == ((8, 8), 64, 10)
    assert "".join(digits.names) == "0123456789"


def test_digits_without_scikit_learn_are_refused_in_a_line(monkeypatch):
    monkeypatch.setattr("spatialgraph.train.data.find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"^digits: expected scikit-learn, whose images they are, found none$"):
        load("digits")


def test_letters_have_the_form_of_the_digits():
    letters, digits = load("letters"), load("digits")
    assert letters.train.images.shape == digits.train.images.shape
    assert letters.test.images.shape == digits.test.images.shape
    assert (letters.name, letters.image_shape, letters.classes) == ("letters", (8, 8), 10)
    assert "".join(letters.names) == "ABCDEFGHIJ"


@pytest.mark.parametrize(
    ("name", "kind"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_sets_in_the_layout_of_mnist_are_read(name, kind, tmp_path, no_download):
    write(tmp_path, kind, MNIST_FILES, ARRAYS)
    dataset = load(name, tmp_path)
    np.testing.assert_array_equal(dataset.train.images, ARRAYS[0].reshape(4, 6))
    np.testing.assert_array_equal(dataset.test.images, ARRAYS[2].reshape(2, 6))
    assert dataset.train.labels.tolist() == [0, 9, 3, 3]
    assert dataset.test.labels.tolist() == [1, 0]
    assert (dataset.name, dataset.classes, dataset.image_shape) == (name, 10, (3, 2))


def test_compressed_files_are_read(tmp_path, no_download):
    raw = write(tmp_path, "MNIST", MNIST_FILES, ARRAYS)
    plain = load("mnist", tmp_path)
    for name in MNIST_FILES:
        (raw / f"{name}.gz").write_bytes(gzip.compress((raw / name).read_bytes()))
        (raw / name).unlink()
    np.testing.assert_array_equal(load("mnist", tmp_path).train.images, plain.train.images)


def test_torchvision_reads_the_same(tmp_path):
    from torchvision.datasets import MNIST

    write(tmp_path, "MNIST", MNIST_FILES, ARRAYS)
    for train, part in ((True, load("mnist", tmp_path).train), (False, load("mnist", tmp_path).test)):
        theirs = MNIST(tmp_path, train=train)
        np.testing.assert_array_equal(theirs.data.flatten(1).numpy(), part.images)
        np.testing.assert_array_equal(theirs.targets.numpy(), part.labels)


def test_qmnist_labels_are_the_first_column(tmp_path, no_download):
    names = [f"qmnist-{part}-{what}" for part in ("train", "test") for what in ("images-idx3-ubyte", "labels-idx2-int")]
    columns = np.array([[7, 100, 5], [2, 300000, 6]], dtype=np.int32)
    write(tmp_path, "QMNIST", names, (images(2, 1), columns, images(2, 2), columns[::-1]))
    dataset = load("qmnist", tmp_path)
    assert dataset.train.labels.tolist() == [7, 2]
    assert dataset.test.labels.tolist() == [2, 7]


@pytest.mark.parametrize(
    ("split", "first", "classes"),
    [
        ("letters", 1, 26),
        ("balanced", 0, 47),
        ("digits", 0, 10),
        ("byclass", 0, 62),
        ("bymerge", 0, 47),
        ("mnist", 0, 10),
    ],
)
def test_emnist_is_put_upright_and_counted_from_0(split, first, classes, tmp_path, no_download):
    names = [
        f"emnist-{split}-{part}-{what}-ubyte" for part in ("train", "test") for what in ("images-idx3", "labels-idx1")
    ]
    extreme = labels(first, first + classes - 1)
    write(tmp_path, "EMNIST", names, (images(2, 1), extreme, images(2, 2), extreme))
    dataset = load(f"emnist-{split}", tmp_path)
    assert dataset.train.labels.tolist() == [0, classes - 1]
    assert (dataset.classes, dataset.image_shape) == (classes, (2, 3))
    np.testing.assert_array_equal(dataset.train.images[1].reshape(2, 3), images(2, 1)[1].T)


def test_names_of_classes_and_files_are_those_of_torchvision():
    from torchvision import datasets

    from spatialgraph.train.data import _TORCHVISION

    for source in _TORCHVISION.values():
        kind = getattr(datasets, source.kind)
        options = {"split": source.split} if source.split else {}
        made = [kind.__new__(kind) for _ in range(2)]
        if source.kind == "EMNIST":
            for part, train in zip(made, (True, False), strict=True):
                part.root, part.split, part.train = "", options["split"], train
            found = [path for part in made for path in (part.images_file, part.labels_file)]
        elif source.kind == "QMNIST":
            found = [url.removesuffix(".gz") for part in ("train", "test") for url, _ in kind.resources[part]]
        else:
            found = [file.removesuffix(".gz") for file, _ in kind.resources]
        assert tuple(path.rsplit("/", 1)[-1] for path in found) == source.files
        called = datasets.EMNIST.classes_split_dict[source.split] if source.split else kind.classes
        # Digits are called "3 - three", letters stand for both cases after a class that no image has.
        expected = [name.split(" - ")[0] for name in called if name != "N/A"]
        assert list(source.names) == ([name.upper() for name in expected] if source.split == "letters" else expected)


def test_an_unknown_set_is_refused_with_what_is_known():
    text = refusal("mnits")
    assert text.startswith("unknown data set 'mnits'; known: digits, letters, mnist, ")
    assert text.endswith("emnist-mnist, or a file that ends in .npz")


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        (0, lambda whole: whole[:-1], "expected 40 bytes, found 39: remove it and get it anew"),
        (0, lambda whole: whole + b"x", "expected 40 bytes, found 41: remove it and get it anew"),
        (0, lambda whole: whole[:6], "expected at least 17 bytes, found 6: remove it and get it anew"),
        (1, lambda _: b"", "expected an IDX file that begins with the bytes 00 00 08 01 or 00 00 0c 02, found nothing"),
        (
            0,
            lambda _: b"<html>",
            "expected an IDX file that begins with the bytes 00 00 08 03, found 3c 68 74 6d",
        ),
        (
            0,
            lambda _: idx(labels(1, 2)),
            "expected an IDX file that begins with the bytes 00 00 08 03, found 00 00 08 01",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(file, content, text, tmp_path, no_download):
    path = write(tmp_path, "MNIST", MNIST_FILES, ARRAYS) / MNIST_FILES[file]
    path.write_bytes(content(path.read_bytes()))
    assert refusal("mnist", tmp_path) == f"{path}: {text}"


def test_a_damaged_compressed_file_is_refused(tmp_path, no_download):
    raw = write(tmp_path, "MNIST", MNIST_FILES, ARRAYS)
    whole = gzip.compress((raw / MNIST_FILES[0]).read_bytes())
    (raw / MNIST_FILES[0]).unlink()
    for content in (whole[:-9], b"not compressed", whole[:14] + b"\xff\xff" + whole[16:]):
        (raw / f"{MNIST_FILES[0]}.gz").write_bytes(content)
        assert f"{MNIST_FILES[0]}.gz: expected an IDX file, found one that cannot be read: " in refusal(
            "mnist", tmp_path
        )


def test_parts_that_do_not_fit_are_refused(tmp_path, no_download):
    raw = write(tmp_path, "MNIST", MNIST_FILES, (*ARRAYS[:3], labels(1)))
    assert refusal("mnist", tmp_path) == (
        f"{raw}: expected images in {MNIST_FILES[2]}, each with a label in {MNIST_FILES[3]}, found (2, 3, 2) and (1,)"
    )
    write(tmp_path, "MNIST", MNIST_FILES, (*ARRAYS[:3], labels(1, 10)))
    assert refusal("mnist", tmp_path) == ("data set 'mnist', test labels: expected numbers from 0 to 9, found 1 to 10")
    write(tmp_path, "MNIST", MNIST_FILES, (*ARRAYS[:2], images(2, shape=(3, 3)), labels(1, 1)))
    assert refusal("mnist", tmp_path) == "data set 'mnist', test images: expected 3 × 2 pixels, found 9"


@pytest.fixture
def server(tmp_path):
    """Serve a folder of compressed files on this machine; yield the folder and the address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def offered(server, monkeypatch):
    """Make torchvision download a tiny MNIST from this machine."""
    from torchvision.datasets import MNIST

    folder, address = server
    resources = []
    for name, array in zip(MNIST_FILES, ARRAYS, strict=True):
        content = gzip.compress(idx(array))
        (folder / f"{name}.gz").write_bytes(content)
        resources.append((f"{name}.gz", hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", [address])
    return folder


def test_missing_files_are_downloaded_into_the_folder_and_then_read_from_there(offered, tmp_path, capfd):
    folder = tmp_path / "new" / "data"
    assert load("mnist", folder).train.labels.tolist() == [0, 9, 3, 3]
    assert capfd.readouterr() == ("", "downloading MNIST …\n")
    assert sorted(path.name for path in (folder / "MNIST" / "raw").iterdir()) == sorted(MNIST_FILES)
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    for path in offered.iterdir():
        path.unlink()
    assert load("mnist", folder).test.labels.tolist() == [1, 0]
    assert capfd.readouterr() == ("", "")


def test_without_a_folder_the_cache_of_the_user_is_used(offered, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load("mnist")
    assert cache_folder() == tmp_path / "cache" / "spatialgraph"
    assert (cache_folder() / "MNIST" / "raw" / MNIST_FILES[0]).exists()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "spatialgraph"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # torchvision leaves a refused connection to the collector
@pytest.mark.parametrize("fault", ["refused", "missing", "damaged"])
def test_a_download_that_fails_leaves_nothing_and_says_what_to_do(fault, offered, tmp_path, monkeypatch, capfd):
    from torchvision.datasets import MNIST

    if fault == "refused":
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{port}/"])
    elif fault == "missing":
        (offered / f"{MNIST_FILES[3]}.gz").unlink()
    else:
        (offered / f"{MNIST_FILES[3]}.gz").write_bytes(b"not what it should be")
    before, folder = socket.getdefaulttimeout(), tmp_path / "data"
    text = refusal("mnist", folder)
    raw = folder / "MNIST" / "raw"
    start = (
        f"data set 'mnist': expected {', '.join(MNIST_FILES)} in {raw} (as they are, or each with .gz), found none, "
    )
    assert text.startswith(f"{start}and downloading failed: ")
    assert text.endswith("; put them there, or name a folder with MNIST/raw by --data-dir")
    assert not folder.exists()
    assert capfd.readouterr() == ("", "downloading MNIST …\n")
    assert socket.getdefaulttimeout() == before
    gc.collect()


def test_without_torchvision_what_is_there_is_read_and_what_is_not_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    raw = write(tmp_path, "MNIST", MNIST_FILES, ARRAYS)
    assert len(load("mnist", tmp_path).train) == 4
    (raw / MNIST_FILES[1]).unlink()
    text = refusal("mnist", tmp_path)
    assert f"expected {MNIST_FILES[1]} in {raw}" in text
    assert "torchvision" in text
    assert len(list(raw.iterdir())) == 3


NPZ = {
    "train_images": images(3, 1),
    "train_labels": np.array([0, 2, 1]),
    "test_images": images(2, 2),
    "test_labels": np.array([1, 2], dtype=np.uint8),
}


def npz(tmp_path, **changes):
    path = tmp_path / "mine.npz"
    np.savez(path, **{name: array for name, array in {**NPZ, **changes}.items() if array is not None})
    return path


def test_a_file_of_arrays_is_read(tmp_path):
    dataset = load(str(npz(tmp_path)))
    np.testing.assert_array_equal(dataset.train.images, NPZ["train_images"].reshape(3, 6))
    assert dataset.test.labels.tolist() == [1, 2]
    assert dataset.test.labels.dtype == np.int64
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("mine", 3, (3, 2))


def test_a_file_of_flat_images_in_floating_point_is_read(tmp_path):
    flat = np.array([[0.0, 0.5, 1.0], [0.1, 0.2, 0.3], [0.0, 0.0, 0.0]])
    dataset = load(str(npz(tmp_path, train_images=flat, test_images=flat[:2].astype(np.float32))))
    assert dataset.train.images.tolist() == [[0, 128, 255], [26, 51, 76], [0, 0, 0]]
    assert dataset.image_shape == (1, 3)


def test_a_file_that_is_not_here_is_looked_for_in_the_folder(tmp_path):
    npz(tmp_path)
    assert load("mine.npz", tmp_path).name == "mine"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"test_labels": None},
            "the arrays train_images, train_labels, test_images, test_labels, found no test_labels",
        ),
        ({"train_images": images(3).astype(int)}, "uint8 or floating-point numbers, found int64"),
        ({"train_images": np.full((3, 6), 2.0)}, "floating-point numbers from 0 to 1, found 2 to 2"),
        ({"train_images": np.full((3, 6), np.nan)}, "floating-point numbers from 0 to 1, found nan to nan"),
        (
            {"test_images": np.zeros(2)},
            "shape (examples, rows, columns) or (examples, pixels), none of them 0, found (2,)",
        ),
        ({"test_images": images(2, shape=(2, 3))}, "images of shape (3, 2), as in train_images, found (2, 3)"),
        ({"train_labels": np.arange(3.0)}, "integers of shape (3,), found float64 of shape (3,)"),
        ({"train_labels": np.array([0, 1])}, "integers of shape (3,), found int64 of shape (2,)"),
        ({"train_labels": np.array([0, -1, 2])}, "numbers from 0 to 2, found -1 to 2"),
        ({"test_labels": np.array([0, 7])}, "numbers from 0 to 2, found 0 to 7"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(changes, text, tmp_path):
    found = refusal(str(npz(tmp_path, **changes)))
    assert next(iter(changes)).replace("_", " ") in found.replace("_", " ")
    assert found.endswith(f": expected {text}")


def test_a_file_that_is_missing_broken_or_pickled_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    expected = f"{path}: expected an .npz file of numbers, found one that cannot be read: "
    assert refusal(str(path)).startswith(expected)
    path.write_bytes(b"PK nothing of the kind")
    assert refusal(str(path)).startswith(expected)
    npz(tmp_path, train_labels=np.array([{}, {}, {}]))
    assert refusal(str(path)).startswith(expected)
    whole = npz(tmp_path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(str(path)).startswith(expected)


def test_values_are_checked_and_frozen():
    with pytest.raises(
        DataError, match=r"^images: expected uint8 of shape \(examples, pixels\), found float64 \(2, 2\)$"
    ):
        Examples(np.zeros((2, 2)), np.zeros(2, np.int64))
    with pytest.raises(DataError, match=r"^labels: expected int64 of shape \(2,\), found int32 \(2,\)$"):
        Examples(np.zeros((2, 2), np.uint8), np.zeros(2, np.int32))
    part = Examples(np.zeros((2, 2), np.uint8), np.array([0, 1]))
    with pytest.raises(ValueError, match="read-only"):
        part.images[0, 0] = 1
    with pytest.raises(DataError, match=r"^data set 'x', train labels: expected numbers from 0 to 0, found 0 to 1$"):
        Dataset("x", part, part, classes=1, image_shape=(1, 2))
    with pytest.raises(DataError, match=r"^data set 'x': expected names of 2 classes or none, found cat$"):
        Dataset("x", part, part, classes=2, image_shape=(1, 2), names=("cat",))


def test_every_registered_set_says_what_it_is():
    assert all(DATASETS.summary(name).endswith(".") for name in DATASETS)
    assert DATASETS.summary("emnist-letters") == "Read EMNIST (letters), in torchvision's layout."


def edited(path, member, content, compression=zipfile.ZIP_DEFLATED):
    """Put a member with this content in the place of one of an .npz file."""
    with zipfile.ZipFile(path) as old:
        kept = {name: old.read(name) for name in old.namelist() if name != f"{member}.npy"}
    with zipfile.ZipFile(path, "w", compression) as new:
        for name, data in {**kept, f"{member}.npy": content}.items():
            new.writestr(name, data)


def saved(header, data=b"", version=b"\1\0"):
    """Return the bytes of an .npy file with this header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\0",
        saved("{"),
        saved("[" * 5000),
        saved(HEADER.format("|O", "(3,)"), b"cos\nsystem\n"),
        saved(HEADER.format("<i8", "(3,)"), bytes(23)),
        saved(HEADER.format("<i8", f"({2**40},)"), bytes(24)),
        saved(HEADER.format("<i8", f"({2**70},)"), bytes(24)),
        saved(HEADER.format("<i8", "(-1,)"), bytes(24)),
        saved(HEADER.format("<U3", "(3,)"), bytes(36)),
        saved(HEADER.format("<M8[s]", "(3,)"), bytes(24)),
        saved(HEADER.format("<i8", "(3,)"), np.array([0, 1, 2**40], "<i8").tobytes()),
        saved(HEADER.format("<u8", "(3,)"), np.array([0, 1, 2**64 - 1], "<u8").tobytes()),
        saved(HEADER.format("<i8", "()"), bytes(8)),
    ],
)
def test_a_member_that_is_odd_is_refused_in_one_line(tmp_path, content):
    path = npz(tmp_path)
    edited(path, "train_labels", content)
    found = refusal(str(path))
    assert found.startswith(f"{path}")
    assert "expected" in found
    assert len(found) < 500


def test_a_small_archive_of_more_than_memory_holds_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = npz(tmp_path)
    edited(path, "train_images", saved(HEADER.format("|u1", f"(1, {2**27})"), bytes(2**27)))
    monkeypatch.setattr(data, "free_memory", lambda: 2.0**26)
    assert refusal(str(path)).startswith(f"{path}, train_images: expected at most the 67108864 bytes of free memory")


def test_a_download_leaves_the_files_that_were_there(tmp_path, monkeypatch):
    def fetch(source, folder):
        raw = Path(folder, "MNIST", "raw")
        raw.mkdir(parents=True)
        for name in data._TORCHVISION["mnist"].files:
            (raw / name).write_bytes(b"new")

    monkeypatch.setattr(data, "_fetch", fetch)
    mine = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    refusal("mnist", tmp_path)
    assert mine.read_bytes() == b"mine"
    assert (mine.parent / "train-images-idx3-ubyte").read_bytes() == b"new"
