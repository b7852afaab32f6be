"""Texts of variable length whose heap is damaged: HDF5 would read them for ever."""

import h5py
import numpy as np
import pytest
from builders import two_module_network

from spatialgraph.heaps import heaps_end
from spatialgraph.store import faults, write_network

HEAD = 16  # bytes of a heap, and of an object, before what it holds


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "network.h5"
    write_network(path, two_module_network())
    with h5py.File(path, "r+") as file:
        file["layers/1"].attrs["name"] = "of any length"
    return path


# The heap holds the text, as object 1, and then what is free, object 0, whose size counts its head.
@pytest.mark.parametrize(
    ("place", "number", "size"),
    [
        *((HEAD, 1, size) for size in (2**63, 2**64 - HEAD, 2**64 - 1)),
        *((HEAD + HEAD + 16, 0, size) for size in (0, HEAD - 1, 2**63)),
    ],
)
def test_a_heap_that_leads_nowhere_is_a_fault(path, place, number, size):
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + place
    assert content[at] == number
    content[at + 8 : at + 16] = size.to_bytes(8, "little")
    path.write_bytes(content)
    assert not heaps_end(path)
    assert [str(fault) for fault in faults(path)][:1] == [
        "layers/1.name: expected readable contents, found damage: a heap of texts that leads nowhere"
    ]


def test_heaps_of_whole_files_end(tmp_path):
    draw = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w", libver=("earliest", "v110")[number % 2]) as file:
            for key in range(int(draw.integers(1, 80))):
                file.attrs[str(key)] = "x" * int(draw.integers(1, 300))
            for key in range(0, len(file.attrs), 3):
                del file.attrs[str(key)]
            file["texts"] = ["y" * int(length) for length in draw.integers(0, 3000, 40)]
            lengths = file.id.get_create_plist().get_sizes()[1]
        assert b"GCOL" in path.read_bytes()
        assert heaps_end(path, lengths)


def test_sizes_of_four_bytes(tmp_path):
    path = tmp_path / "a.h5"
    created = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    created.set_sizes(4, 4)
    with h5py.File(h5py.h5f.create(str(path).encode(), fcpl=created)) as file:
        file.attrs["text"] = "of any length"
        file.attrs["more"] = "y" * 100
    assert heaps_end(path, 4)
