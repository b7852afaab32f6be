import hashlib
import json
import pickle
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import builders
import h5py
import numpy as np
import pytest
from builders import small_evaluation, two_module_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from texts import CHARACTERS

from spatialgraph import store
from spatialgraph.faults import Fault, NotApplicableError, name_faults
from spatialgraph.faults import compared as _compared
from spatialgraph.graph import Connection, Graph, MadeConnection
from spatialgraph.network import ACTIVATIONS, Evaluation, Layer, Network
from spatialgraph.notes import Note
from spatialgraph.splits import Split
from spatialgraph.store import (
    FormatError,
    faults,
    hdf5,
    read_arrays,
    read_evaluation,
    read_header,
    read_network,
    read_snapshot,
    read_snapshots,
    read_splits,
    write_arrays,
    write_evaluation,
    write_network,
    write_splits,
)

SUPPORT = Path(builders.__file__).parent
DATA = Path(__file__).parents[2] / "data"
quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plain(value):
    """Return a value as tuples, dicts and bytes that can be compared, with the types of its arrays."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def message(path, read=read_network):
    """Return what is said of a bad file, without the file."""
    with pytest.raises(FormatError) as error:
        read(path)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the bytes of a file of a network, which is written once."""
    path = tmp_path_factory.mktemp("written") / "network.h5"
    write_network(path, two_module_network())
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, written):
    (tmp_path / "network.h5").write_bytes(written)
    return tmp_path / "network.h5"


@pytest.fixture
def evaluation_path(tmp_path):
    write_evaluation(tmp_path / "evaluation.h5", small_evaluation())
    return tmp_path / "evaluation.h5"


def put(path, key, data, **options):
    """Replace a dataset of a file, with its attributes but the digest of its values."""
    with h5py.File(path, "r+") as file:
        attributes = dict(file[key].attrs) if key in file else {}
        attributes.pop("sha256", None)
        if key in file:
            del file[key]
        file.create_dataset(key, data=data, **options).attrs.update(attributes)


# ---------------------------------------------------------------------------------------------------- round trips

texts = st.text(CHARACTERS)
keys = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda text: "\0" not in text)
names = keys.filter(lambda text: not list(name_faults("", text)))


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = draw(st.lists(names, min_size=len(sizes), max_size=len(sizes), unique_by=_compared))
    layers = [
        Layer(
            label,
            size,
            draw(st.sampled_from(ACTIVATIONS)) if k else "",
            random.normal(size=size) if k and draw(st.booleans()) else None,
            random.normal(size=(size, 3)) if draw(st.booleans()) else None,
            draw(st.booleans()),
        )
        for k, (label, size) in enumerate(zip(labels, sizes, strict=True))
    ]
    pairs = [(s, t) for t in range(len(sizes)) for s in range(t) if s == t - 1 or draw(st.booleans())]
    connections = [Connection(s, t, random.normal(size=(sizes[t], sizes[s]))) for s, t in pairs]
    tasks = draw(st.lists(names, min_size=1, max_size=sizes[-1], unique_by=_compared))
    history = draw(
        st.dictionaries(
            st.text(CHARACTERS, min_size=1, max_size=5),
            st.sampled_from([np.arange(3), np.array([[np.nan, 1.0]], np.float32), np.empty(0), np.empty((0, 2))]),
            max_size=3,
        )
    )
    metadata = {"tasks": tasks, "note": draw(st.text(CHARACTERS, max_size=20)), "nested": {"a": [1, 2.5, None, True]}}
    output_task = np.arange(sizes[-1]) % len(tasks)
    network = Network(layers, connections, output_task, metadata, history)
    return network if draw(st.booleans()) else network.graph


@quick
@given(network=networks())
def test_a_network_comes_back_as_it_was(tmp_path, network):
    write_network(tmp_path / "n.h5", network)
    assert faults(tmp_path / "n.h5") == []
    assert plain(store.read(tmp_path / "n.h5")) == plain(network)


@quick
@given(
    network=networks(),
    epochs=st.sets(st.integers(0, 1000) | st.sampled_from([0.25, 0.004255, 12.5, 999999999.999999]), max_size=3),
)
def test_snapshots_come_back_as_they_were(tmp_path, network, epochs):
    path = tmp_path / "network.h5"
    earlier = {
        epoch: replace(network, connections=[replace(c, weight=c.weight - epoch) for c in network.connections])
        for epoch in epochs
    }
    write_network(path, network, earlier)
    assert read_header(path).snapshots == tuple(sorted(epochs))
    assert {epoch: plain(read_snapshot(path, epoch)) for epoch in epochs} == plain(earlier)
    assert list(read_snapshots(path)) == sorted(epochs)
    assert plain(read_snapshots(path)) == plain(earlier)
    assert list(read_snapshots(path, sorted(epochs)[:1])) == sorted(epochs)[:1]
    assert plain(store.read(path)) == plain(network)
    assert faults(path) == []


def partly_split_network():
    """Return a network of four layers whose last alone is split; the one before sends into it, as does the second."""
    whole = two_module_network()
    layers = [replace(layer, split=k == 3) for k, layer in enumerate(whole.layers)]
    return replace(whole, layers=layers, connections=[*whole.connections, Connection(0, 2, np.ones((4, 4)))])


def lean(network):
    """Return `partly_split_network` without all that a snapshot may lack."""
    layers = list(network.layers)
    layers[1] = replace(layers[1], bias=None, position=None)
    connections = [c for c in network.connections if c.target == 3]
    return incomplete(network, layers, connections)


def incomplete(network, layers, connections):
    """Return what a network is that lacks something it needs to be run: its graph."""
    last = network.output_layer
    populations = [layer.population(network.output_task if k == last else None) for k, layer in enumerate(layers)]
    return Graph(populations, connections, network.metadata, network.history)


def test_a_snapshot_may_lack_what_splits_are_neither_made_nor_measured_on(tmp_path):
    path, network = tmp_path / "network.h5", partly_split_network()
    write_network(
        path,
        network,
        {0: network, 0.25: lean(network), 0.5: incomplete(network, network.layers, lean(network).connections)},
    )
    assert faults(path) == []
    read = read_snapshots(path)
    assert [type(read[epoch]) for epoch in (0, 0.25, 0.5)] == [Network, Graph, Graph]
    assert plain(read[0]) == plain(network)
    assert plain(read_snapshot(path, 0.25)) == plain(read[0.25]) == plain(lean(network))
    assert [(c.source, c.target) for c in read[0.25].connections] == [(2, 3)]
    with h5py.File(path) as file:
        assert sorted(file["snapshots"]) == ["0", "0.25", "0.5"]
        assert sorted(file["snapshots/0.25/layers"]) == ["2", "3"]
        assert sorted(file["snapshots/0.25/connections"]) == ["2"]


@pytest.mark.parametrize(
    "part",
    ["connections/2/weight", "layers/2/position", "layers/3/position"],
)
def test_a_snapshot_must_have_what_splits_are_made_and_measured_on(tmp_path, part):
    path, network = tmp_path / "network.h5", partly_split_network()
    write_network(path, network, {0.25: lean(network)})
    with h5py.File(path, "r+") as file:
        del file[f"snapshots/0.25/{part}"]
    assert [fault.key for fault in faults(path)] == [f"snapshots/0.25/{part}"]
    with pytest.raises(FormatError, match=f"snapshots/0.25/{part}: expected a dataset, found nothing"):
        read_snapshots(path)
    populations = list(lean(network).populations)
    populations[3] = replace(populations[3], position=None)
    with pytest.raises(ValueError, match="snapshot 1: expected the arrays of network 'two-modules', found others"):
        write_network(path, network, {1: replace(lean(network), populations=populations)})


@pytest.mark.parametrize("epoch", [-1, -0.0, 1e9, 1 / 3, np.nan, np.inf])
def test_a_snapshot_of_no_number_of_epochs_is_not_written(path, epoch):
    with pytest.raises(
        ValueError, match=f"snapshot {epoch}: expected a number of epochs from 0, of at most 6 decimals"
    ):
        write_network(path, two_module_network(), {epoch: two_module_network()})


@pytest.mark.parametrize("name", ["last", "01", "1.50", "1.", ".5", "1e3", "-1", "0.0000001", "1234567890", "٣"])
def test_a_snapshot_that_is_named_otherwise_is_a_fault(path, name):
    write_network(path, two_module_network(), {5: two_module_network()})
    with h5py.File(path, "r+") as file:
        file.move("snapshots/5", f"snapshots/{name}")
    expected = "a number of epochs from 0, of at most 6 decimals"
    assert list(map(str, faults(path))) == [f"snapshots/{name}: expected {expected}, found {name!r}"]
    with pytest.raises(FormatError, match=f"snapshots/{name}: expected {expected}"):
        read_snapshots(path)


def test_a_network_read_in_pieces_is_the_same_and_holds_no_weights(path):
    whole, pieces = read_network(path), read_network(path, in_pieces=True)
    for one, other in zip(whole.connections, pieces.connections, strict=True):
        assert isinstance(other, MadeConnection)
        assert "weight" not in vars(other)
        assert plain(one.weight) == plain(other.weight)
    assert plain(whole.layers) == plain(pieces.layers)
    kept = path.read_bytes()
    put(path, "connections/1/weight", np.full((4, 4), np.inf, np.float32))
    said = "connections/1/weight: expected finite values, found 16 that are not, the first at (0, 0)"
    assert message(path, lambda path: read_network(path, in_pieces=True)) == said
    path.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(FormatError, match=r"network\.h5: /: expected readable contents"):
        _ = pieces.connections[1].weight


def test_a_snapshot_that_is_not_there_or_not_of_the_network_is_refused(path):
    with pytest.raises(NotApplicableError, match=r"network\.h5: expected a snapshot of epoch 0, found none$"):
        read_snapshot(path, 0)
    with pytest.raises(ValueError, match="snapshot 5: expected the arrays of network 'two-modules', found others"):
        write_network(path, two_module_network(), {5: two_module_network(units=6)})
    write_network(path, two_module_network(), {5: two_module_network()})
    put(path, "snapshots/5/layers/1/bias", np.full(4, np.nan, np.float32))
    put(path, "snapshots/5/connections/0/weight", np.zeros((4, 3), np.float32))
    assert list(map(str, faults(path))) == [
        "snapshots/5/connections/0/weight: expected shape (4, 4), found shape (4, 3)"
    ]
    put(path, "snapshots/5/connections/0/weight", np.zeros((4, 4), np.float32))
    said = "snapshots/5/layers/1/bias: expected finite values, found 4 that are not, the first at (0,)"
    assert message(path, lambda path: read_snapshot(path, 5)) == said
    assert message(path, read_snapshots) == said
    with pytest.raises(NotApplicableError, match=r"network\.h5: expected a snapshot of epoch 0.25, found 5$"):
        read_snapshot(path, 0.25)


@quick
@given(
    dtype=st.sampled_from(["float32", "uint8", ">u2", "uint64"]),
    examples=st.integers(0, 4),
    probes=st.dictionaries(keys, st.integers(0, 3), max_size=2),
)
def test_an_evaluation_comes_back_as_it_was(tmp_path, dtype, examples, probes):
    evaluation = Evaluation(
        np.arange(examples * 3).reshape(examples, 3).astype(dtype),
        np.arange(examples * 2).reshape(examples, 2) - 1,
        0.1,
        {task: np.full((groups, 2, 3), 7, dtype) for task, groups in probes.items()},
    )
    write_evaluation(tmp_path / "e.h5", evaluation)
    back = read_evaluation(tmp_path / "e.h5")
    assert faults(tmp_path / "e.h5") == []
    assert back.inputs.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(back.inputs, evaluation.inputs)
    np.testing.assert_array_equal(back.labels, evaluation.labels)
    assert back.scale == 0.1
    assert back.probes.keys() == evaluation.probes.keys()
    for task, probe in evaluation.probes.items():
        np.testing.assert_array_equal(back.probes[task], probe)


@quick
@given(networks=st.dictionaries(keys, st.dictionaries(keys, st.lists(texts, max_size=2), max_size=2), max_size=2))
def test_splits_come_back_as_they_were(tmp_path, networks):
    members = {2: np.eye(3, 2, dtype=bool), 10: np.ones((1, 2), bool)}
    splits = {
        network: {method: Split(method, members, tuple(notes)) for method, notes in methods.items()}
        for network, methods in networks.items()
    }
    write_splits(tmp_path / "s.h5", splits)
    assert faults(tmp_path / "s.h5") == []
    assert plain(read_splits(tmp_path / "s.h5")) == plain(splits)


SINGLE = Note("one-task", {"units": "heads"})
MISPLACED = Note("misplaced-outputs", {"count": 1, "of": 5, "most": 2, "group": "cluster"})


def noted(path, *notes, **attributes):
    """Return the notes of a split that was written with some, and has these attributes then; None removes one."""
    write_splits(path, {"n": {"m": Split("m", {1: np.eye(2, dtype=bool)}, notes)}})
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            del file["n/m"].attrs[name]
            if value is not None:
                file["n/m"].attrs[name] = value
    assert faults(path) == []
    return read_splits(path)["n"]["m"].notes


def test_notes_come_back_with_their_codes_and_lie_in_files_as_sentences_too(tmp_path):
    notes = (SINGLE, MISPLACED, Note.of_text("degenerate: so I think"))
    assert noted(tmp_path / "s.h5", *notes) == notes
    with h5py.File(tmp_path / "s.h5") as file:
        assert json.loads(file["n/m"].attrs["notes"]) == list(map(str, notes))


def test_notes_without_codes_are_read_by_their_texts(tmp_path):
    found = noted(tmp_path / "s.h5", SINGLE, MISPLACED, "of mine", note_codes=None)
    assert [note.code for note in found] == ["degenerate", "misplaced-outputs", "text"]
    assert list(map(str, found)) == [str(SINGLE), str(MISPLACED), "of mine"]


@pytest.mark.parametrize(
    "codes",
    [
        *("none", "[]", "{}", "[1]", '[{"code": "one-task"}]', '[{"code": "of-tomorrow", "values": {}}]'),
        '[{"code": "no-runner", "values": {}}]',
        '[{"code": "one-task", "values": {"units": "cells"}}]',
        '[{"code": [], "values": {}}]',
    ],
)
def test_texts_count_where_codes_do_not_say_the_same(tmp_path, codes):
    (found,) = noted(tmp_path / "s.h5", SINGLE, note_codes=codes)
    assert (found.code, str(found)) == ("degenerate", str(SINGLE))


def test_communities_come_back_as_they_were(tmp_path):
    found = {2: np.array([0, 1, -1]), 10: np.array([0])}
    split = Split("m", {2: np.ones((3, 2), bool), 10: np.ones((1, 2), bool)}, (), found)
    write_splits(tmp_path / "s.h5", {"n": {"m": split, "plain": Split("plain", split.membership)}})
    assert faults(tmp_path / "s.h5") == []
    back = read_splits(tmp_path / "s.h5")["n"]
    assert {k: numbers.tolist() for k, numbers in back["m"].communities.items()} == {2: [0, 1, -1], 10: [0]}
    assert sorted(back["m"].membership) == [2, 10]
    assert back["plain"].communities is None


@pytest.mark.parametrize(
    ("layer", "numbers", "fault"),
    [
        (2, [0.0, 1.0, 1.0], "n/m/communities/2: expected an integer type up to int64, found float64"),
        (2, [0, 1], "n/m/communities/2: expected shape (3,), found shape (2,)"),
        (2, [0, 1, -2], "n/m/communities/2: expected numbers of at least -1, found -2"),
        (3, [0, 1, 1], "n/m/communities: expected the layers of the split, 2, found 3"),
    ],
)
def test_a_fault_of_communities_is_told(tmp_path, layer, numbers, fault):
    path = tmp_path / "s.h5"
    write_splits(path, {"n": {"m": Split("m", {2: np.ones((3, 2), bool)})}})
    with h5py.File(path, "r+") as file:
        file[f"n/m/communities/{layer}"] = np.array(numbers)
    assert [str(found) for found in faults(path)] == [fault]
    with pytest.raises(FormatError):
        read_splits(path)


def test_a_split_without_layers_comes_back_as_it_was(tmp_path):
    write_splits(tmp_path / "s.h5", {"n": {"none": Split("none", {})}})
    assert read_splits(tmp_path / "s.h5")["n"]["none"].membership == {}


@quick
@given(
    arrays=st.dictionaries(
        names | st.sampled_from([".", "..", "a/b", "a", "/", "a%2Fb"]),
        st.sampled_from(
            [
                np.array(3, np.int64),
                np.array(2.5),
                np.empty((0, 3), np.float32),
                np.arange(6, dtype=np.uint8),
                np.eye(2) > 0,
            ]
        ),
    )
)
def test_arrays_come_back_as_they_were(tmp_path, arrays):
    metadata = {"epoch": 3, "state": [1, {"a": None}]}
    write_arrays(tmp_path / "c.h5", "checkpoint", arrays, metadata)
    assert faults(tmp_path / "c.h5") == []
    assert plain(read_arrays(tmp_path / "c.h5", "checkpoint")) == plain((arrays, metadata))


def test_an_array_of_many_pieces_comes_back_as_it_was(tmp_path):
    array = np.random.default_rng(0).normal(size=(5, 3000, 70)).astype(np.float32)
    write_arrays(tmp_path / "c.h5", "checkpoint", {"w": array}, {})
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["arrays/w"].chunks == (1, 3000, 70)
    np.testing.assert_array_equal(read_arrays(tmp_path / "c.h5", "checkpoint")[0]["w"], array)


def test_metadata_of_more_than_64_kib_come_back_and_are_guarded(tmp_path):
    network = two_module_network()
    network = replace(network, metadata={**network.metadata, "long": "y" * 200_000})
    path = tmp_path / "n.h5"
    write_network(path, network)
    assert read_network(path).metadata == network.metadata
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"yyyy") + 100_000] ^= 1
    path.write_bytes(raw)
    assert message(path) == (
        "metadata: expected the text whose SHA-256 is in metadata_sha256, "
        "found another text: damage, or a change that left metadata_sha256 as it was"
    )


def test_the_same_values_give_the_same_bytes(tmp_path):
    write_network(tmp_path / "a.h5", two_module_network())
    write_evaluation(tmp_path / "c.h5", small_evaluation())
    time.sleep(1.01 - time.time() % 1)  # HDF5 can store times, in whole seconds
    write_network(tmp_path / "b.h5", two_module_network())
    write_evaluation(tmp_path / "d.h5", small_evaluation())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert (tmp_path / "c.h5").read_bytes() == (tmp_path / "d.h5").read_bytes()


def test_the_keys_are_those_of_the_specification(path, evaluation_path):
    with h5py.File(path) as file:
        assert dict(file.attrs).keys() == {"format", "version", "executable", "metadata", "metadata_sha256"}
        assert json.loads(file.attrs["metadata"])["tasks"] == ["left", "right"]
        assert dict(file["layers/1"].attrs) == {"name": b"hidden1", "size": 4, "activation": b"sigmoid", "split": True}
        assert dict(file["connections/2"].attrs) == {"source": 2, "target": 3}
        assert file["connections/2/weight"].dtype == np.float32
        assert file["layers/3/task"].dtype == np.int32
        assert file["history/accuracy"].shape == (2, 2)
        assert "bias" not in file["layers/0"]
    with h5py.File(evaluation_path) as file:
        assert file["inputs"].attrs["scale"] == 1
        assert sorted(file["probes"]) == ["left", "right"]


def test_the_header_is_read_without_the_arrays(path, evaluation_path):
    put(path, "connections/0/weight", np.zeros(3))
    header = read_header(path)
    assert (header.format, header.version, header.metadata["name"]) == ("spatialgraph.network", 1, "two-modules")
    assert read_header(evaluation_path) == store.Header("spatialgraph.evaluation", 1, {})


def test_the_header_of_named_arrays_is_read(tmp_path):
    write_arrays(tmp_path / "c.h5", "checkpoint", {}, {"epoch": 3})
    assert read_header(tmp_path / "c.h5") == store.Header("spatialgraph.checkpoint", 1, {"epoch": 3})


# ---------------------------------------------------------------------------------------------------- refused to write


def test_what_the_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "new" / "a.h5"
    with pytest.raises(ValueError, match=r"a\.h5: arrays/w: expected numbers or booleans, found complex128$"):
        write_arrays(path, "checkpoint", {"w": np.zeros(2, complex)}, {})
    with pytest.raises(ValueError, match=r"a\.h5: arrays/w: expected numbers or booleans, found object$"):
        write_arrays(path, "checkpoint", {"w": np.array([None])}, {})
    with pytest.raises(ValueError, match=r"^a name used as a key: expected at least one character, found ''$"):
        write_arrays(path, "checkpoint", {"": np.zeros(2)}, {})
    with pytest.raises(ValueError, match=r"^kind: expected a name of your own for files of arrays, found 'network'"):
        write_arrays(path, "network", {}, {})
    with pytest.raises(ValueError, match=r"a\.h5: n/b: expected a split of this name, found 'a'$"):
        write_splits(path, {"n": {"b": Split("a", {})}})
    with pytest.raises(ValueError, match=r"a\.h5: expected metadata that JSON can hold, found Object of type int64"):
        write_arrays(path, "checkpoint", {}, {"a": np.int64(1)})
    with pytest.raises(ValueError, match=r"a\.h5: expected metadata that JSON can hold, found Out of range float"):
        write_arrays(path, "checkpoint", {}, {"a": float("nan")})
    assert list(tmp_path.rglob("*")) == []


def test_a_file_that_does_not_read_back_is_not_kept(path, monkeypatch):
    before = path.read_bytes()
    image = hdf5._image

    def flipped(content):
        raw = bytearray(image(content))
        raw[raw.rindex(np.float32(4).tobytes() + np.float32(-1).tobytes())] ^= 1
        return bytes(raw)

    monkeypatch.setattr(hdf5, "_image", flipped)
    with pytest.raises(OSError, match="what was read back differs from what was written") as error:
        write_network(path, two_module_network())
    assert error.value.filename == str(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# ---------------------------------------------------------------------------------------------------- damage


def test_a_flipped_byte_is_found_or_does_no_harm(path):
    raw = path.read_bytes()
    want = plain(read_network(path))
    random = np.random.default_rng(1)
    positions = {*random.integers(len(raw), size=150).tolist(), *range(0, 48, 3)}
    refusals = []
    for position in sorted(positions):
        flipped = bytearray(raw)
        flipped[position] ^= int(random.integers(1, 256))
        path.write_bytes(flipped)
        try:
            assert plain(read_network(path)) == want, f"another value through byte {position}"
        except FormatError as error:
            refusals.append(str(error))
    assert len(refusals) > len(positions) / 2
    assert not any("\n" in refusal for refusal in refusals)


@pytest.mark.parametrize(
    ("mark", "key"),
    [
        (b"two-modules", "/"),
        (b"hidden1", "layers/1"),
        (np.float32(-2).tobytes() * 4, "layers/1/bias"),
        (np.float64([1.0, 0.5]).tobytes(), "history/loss"),
    ],
)
def test_a_flipped_byte_is_reported_with_its_key(path, mark, key):
    raw = bytearray(path.read_bytes())
    raw[raw.index(mark) + 2] ^= 4
    path.write_bytes(raw)
    assert re.match(rf"{key}: expected readable contents, found damage: .*(checksum|filter)", message(path))


def test_a_cut_file_is_refused(path):
    raw = path.read_bytes()
    for length in [*range(1, 60, 7), *range(60, len(raw), len(raw) // 40), len(raw) - 1]:
        path.write_bytes(raw[:length])
        assert re.match("/: expected (an HDF5 file|readable contents), found ", message(path)), length
    path.write_bytes(raw[: len(raw) // 2])
    assert re.match("/: expected readable contents, found damage: .*truncated file", message(path))


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        (b"", "an empty file"),
        (b"run,network\n1,2\n", "a file that starts with b'run,netw'"),
        (np.random.default_rng(0).bytes(5000), "a file that starts with b'"),
    ],
)
@pytest.mark.parametrize("read", [read_network, read_evaluation, read_splits, read_header])
def test_a_file_that_is_not_hdf5_is_refused(tmp_path, contents, found, read):
    (tmp_path / "a.h5").write_bytes(contents)
    assert message(tmp_path / "a.h5", read).startswith(f"/: expected an HDF5 file, found {found}")


def test_a_file_that_is_missing_or_forbidden_is_an_error_of_the_system(tmp_path):
    for read in (read_network, read_evaluation, read_splits, read_header, faults):
        with pytest.raises(FileNotFoundError, match=r"^\[Errno 2\] No such file or directory: '.*/a\.h5'$"):
            read(tmp_path / "a.h5")
        with pytest.raises(IsADirectoryError):
            read(tmp_path)


def test_the_error_survives_a_trip_to_another_process(path):
    put(path, "connections/0/weight", np.zeros(3))
    with pytest.raises(FormatError) as error:
        read_network(path)
    back = pickle.loads(pickle.dumps(error.value))
    assert (str(back), back.path, back.faults) == (str(error.value), path, error.value.faults)


# ---------------------------------------------------------------------------------------------------- faults of content


def attribute(key, name, value):
    return lambda file: file[key].attrs.__setitem__(name, value)


def missing(key, name=""):
    return lambda file: file[key].attrs.__delitem__(name) if name else file.__delitem__(key)


def dataset(key, values, **options):
    def change(file):
        del file[key]
        file.create_dataset(key, data=values, **options)

    return change


def renamed(key, new):
    return lambda file: file.move(key, new)


def metadata(text):
    def change(file):
        del file.attrs["metadata_sha256"]
        file.attrs["metadata"] = text

    return change


def link(key, target):
    def change(file):
        del file[key]
        file[key] = target

    return change


BAD_NETWORKS = {
    "format: expected 'spatialgraph.network', found 'spatialgraph.evaluation'": attribute(
        "/", "format", "spatialgraph.evaluation"
    ),
    "format: expected 'spatialgraph.network', found nothing": missing("/", "format"),
    "format: expected text, found 3": attribute("/", "format", 3),
    "version: expected an integer, found nothing": missing("/", "version"),
    "version: expected an integer, found '1'": attribute("/", "version", "1"),
    "version: expected an integer, found a value that is neither text nor a number": attribute(
        "/", "version", np.array([("x", 1)], dtype=[("a", "S1"), ("b", "i4")])
    ),
    "version: expected an integer, found 24 bytes of shape (3,)": attribute("/", "version", [1, 2, 3]),
    "version: expected at most 2, found version 3: the file needs a newer spatialgraph": attribute("/", "version", 3),
    "version: expected 1 to 2, found 0": attribute("/", "version", 0),
    "executable: expected true or false, found nothing": missing("/", "executable"),
    "executable: expected true or false, found 2": attribute("/", "executable", 2),
    "metadata: expected text, found nothing": missing("/", "metadata"),
    "metadata: expected a JSON object, found text that is not JSON (Expecting value: line 1 column 1 (char 0))": (
        metadata("tasks")
    ),
    "metadata: expected a JSON object, found list": metadata("[]"),
    "metadata.tasks: expected a list of different names, found null": metadata("{}"),
    "metadata: expected the text whose SHA-256 is in metadata_sha256, found another text: damage, or a change "
    "that left metadata_sha256 as it was": attribute("/", "metadata", '{"tasks": ["a", "b"]}'),
    "layers: expected a group, found nothing": missing("layers"),
    "layers: expected names that count from 0 to 3, found 0, 1, 3, 4": renamed("layers/2", "layers/4"),
    "connections: expected names that count from 0 to 2, found 0, 1, x": renamed("connections/2", "connections/x"),
    "connections: expected a group, found a dataset": dataset("connections", [1]),
    "layers/1: expected a group, found a dataset": dataset("layers/1", [1]),
    "layers/1.name: expected text, found 3": attribute("layers/1", "name", 3),
    "layers/1.name: expected a name that no other layer has, found 'input'": attribute("layers/1", "name", "input"),
    "layers/1.size: expected an integer, found 4.0": attribute("layers/1", "size", 4.0),
    "layers/1.size: expected an integer, found nothing": missing("layers/1", "size"),
    "layers/1.activation: expected text, found nothing": missing("layers/1", "activation"),
    "layers/1.split: expected true or false, found nothing": missing("layers/1", "split"),
    "layers/1/bias: expected float32, found float64": dataset("layers/1/bias", np.zeros(4)),
    "layers/1/bias: expected float32, found strings, references or objects": dataset("layers/1/bias", ["a"] * 4),
    "layers/1/bias: expected float32, found strings": dataset("layers/1/bias", np.array([b"a"] * 4)),
    "layers/1/bias: expected float32, found compound values": dataset("layers/1/bias", np.zeros(4, "i4,f4")),
    "layers/1/bias: expected shape (4,), found shape (4, 1)": dataset("layers/1/bias", np.zeros((4, 1), "f4")),
    "layers/1/bias: expected shape (4,), found shape None": dataset("layers/1/bias", h5py.Empty("f4")),
    "layers/1/bias: expected a dataset in this place, found a soft link": link(
        "layers/1/bias", h5py.SoftLink("/layers/2/bias")
    ),
    "layers/1/bias: expected a dataset in this place, found an external link": link(
        "layers/1/bias", h5py.ExternalLink("other.h5", "/layers/2/bias")
    ),
    "layers/2: expected a group in this place, found a soft link": link("layers/2", h5py.SoftLink("/layers/1")),
    "layers/1/position: expected shape (4, dim), found shape (3, 2)": dataset(
        "layers/1/position", np.zeros((3, 2), "f4")
    ),
    "layers/3/task: expected a dataset, found nothing": missing("layers/3/task"),
    "layers/3/task: expected an integer type up to int64, found float32": dataset("layers/3/task", np.zeros(4, "f4")),
    "connections/0.target: expected an integer, found nothing": missing("connections/0", "target"),
    "connections/0/weight: expected a dataset, found nothing": missing("connections/0/weight"),
    "connections/0/weight: expected shape (4, 4), found shape (4, 5)": dataset(
        "connections/0/weight", np.zeros((4, 5), "f4")
    ),
    "connections/0/weight: expected finite values, found 1 that are not, the first at (1, 2)": lambda file: (
        file["connections/0/weight"].__setitem__((1, 2), np.nan),
        file["connections/0/weight"].attrs.__delitem__("sha256"),
    ),
    "connections/0/weight: expected the values whose SHA-256 is in the attribute sha256, found others: damage, or a "
    "change that left sha256 as it was": lambda file: file["connections/0/weight"].__setitem__((1, 2), 7),
    "connections/0/weight: expected no filters but gzip, shuffle and fletcher32, found filter 32000 (lzf)": dataset(
        "connections/0/weight", np.zeros((4, 4), "f4"), compression="lzf"
    ),
    "history/loss: expected numbers of shape (epochs,) or (epochs, tasks), found float64 of shape ()": dataset(
        "history/loss", 1.0
    ),
    "history/loss: expected numbers, found strings": dataset("history/loss", np.bytes_("low")),
}


@pytest.mark.parametrize("text", BAD_NETWORKS)
def test_a_fault_is_told_in_one_line_and_without_its_consequences(path, text):
    with h5py.File(path, "r+") as file:
        BAD_NETWORKS[text](file)
    assert message(path) == text
    if not text.startswith("format"):
        assert list(map(str, faults(path))) == [text]


BAD_EVALUATIONS = {
    "inputs: expected a dataset, found nothing": missing("inputs"),
    "inputs: expected float32 or an unsigned integer type, found int8": dataset("inputs", np.zeros((4, 4), "i1")),
    "inputs.scale: expected a number, found nothing": lambda file: (
        dataset("inputs", np.zeros((4, 4), "u1"))(file),
        file.__delitem__("probes"),
    ),
    "inputs.scale: expected a number, found 'one'": attribute("inputs", "scale", "one"),
    "inputs.scale: expected a number greater than 0, found -1.0": attribute("inputs", "scale", -1),
    "labels: expected a dataset, found nothing": missing("labels"),
    "labels: expected shape (4, tasks), found shape (3, 2)": dataset("labels", np.zeros((3, 2), int)),
    "labels: expected an integer type up to int64, found uint64": dataset("labels", np.zeros((4, 2), "u8")),
    "labels: expected class numbers, or -1 for none, found -5": dataset("labels", np.full((4, 2), -5)),
    "probes/left: expected shape (groups, examples, 4), found shape (2, 2, 3)": dataset(
        "probes/left", np.zeros((2, 2, 3), "f4")
    ),
    "probes/left: expected float32, as inputs, found uint8": dataset("probes/left", np.zeros((2, 2, 4), "u1")),
}


@pytest.mark.parametrize("text", BAD_EVALUATIONS)
def test_a_fault_of_an_evaluation_is_told_in_one_line(evaluation_path, text):
    with h5py.File(evaluation_path, "r+") as file:
        BAD_EVALUATIONS[text](file)
    assert message(evaluation_path, read_evaluation) == text
    assert list(map(str, faults(evaluation_path))) == [text]


BAD_SPLITS = {
    "n/greedy/x: expected the number of a layer, found 'x'": renamed("n/greedy/1", "n/greedy/x"),
    "n/greedy/1: expected booleans, found int64": dataset("n/greedy/1", np.zeros((2, 2), int)),
    "n/greedy/1: expected shape (units, tasks), found shape (2,)": dataset("n/greedy/1", np.zeros(2, bool)),
    "n/greedy: expected the same number of tasks in every layer, found 2 and 3": dataset(
        "n/greedy/1", np.zeros((2, 3), bool)
    ),
    "n/greedy.notes: expected a JSON list of texts, found '[1]'": attribute("n/greedy", "notes", "[1]"),
    "n/greedy.notes: expected a JSON list of texts, found 'none'": attribute("n/greedy", "notes", "none"),
    "n: expected a group, found a dataset": dataset("n", [1]),
}


@pytest.mark.parametrize("text", BAD_SPLITS)
def test_a_fault_of_splits_is_told_in_one_line(tmp_path, text):
    path = tmp_path / "s.h5"
    write_splits(path, {"n": {"greedy": Split("greedy", {1: np.eye(2, dtype=bool), 2: np.eye(2, dtype=bool)})}})
    with h5py.File(path, "r+") as file:
        BAD_SPLITS[text](file)
    assert message(path, read_splits) == text
    assert list(map(str, faults(path))) == [text]


def test_faults_of_named_arrays_are_told_in_one_line(tmp_path):
    path = tmp_path / "c.h5"
    write_arrays(path, "checkpoint", {"w": np.zeros(2)}, {})
    assert message(path, lambda path: read_arrays(path, "null")) == (
        "format: expected 'spatialgraph.null', found 'spatialgraph.checkpoint'"
    )
    put(path, "arrays/w", np.zeros(2, "S1"))
    text = "arrays/w: expected numbers or booleans, found strings"
    assert message(path, lambda path: read_arrays(path, "checkpoint")) == text
    assert list(map(str, faults(path))) == [text]
    with h5py.File(path, "r+") as file:
        del file["arrays"]
    assert message(path, lambda path: read_arrays(path, "checkpoint")) == "arrays: expected a group, found nothing"


def test_a_file_of_another_program_is_told_what_could_be_there(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    formats = "'spatialgraph.network' or 'spatialgraph.evaluation' or 'spatialgraph.splits'"
    assert list(map(str, faults(tmp_path / "a.h5"))) == [f"format: expected {formats}, found nothing"]
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs.update(format="keras", version=1)
    assert list(map(str, faults(tmp_path / "a.h5"))) == [f"format: expected {formats}, found 'keras'"]


def test_every_fault_of_a_file_is_listed(path):
    with h5py.File(path, "r+") as file:
        BAD_NETWORKS["connections/0/weight: expected finite values, found 1 that are not, the first at (1, 2)"](file)
        file["layers/2"].attrs["activation"] = "ReLU"  # files are strict
        del file["connections/1"].attrs["source"]
        metadata('{"tasks": ["a", "b"], "accuracy": [2, 3]}')(file)
    put(path, "layers/1/bias", np.zeros(3, "f4"))
    put(path, "history/loss", 1.0)
    put(path, "layers/3/task", [0, 1])
    some = faults(path)
    assert {fault.key for fault in some} == {
        "metadata.accuracy",
        "layers/1/bias",
        "layers/2.activation",
        "connections/1.source",
        "history/loss",
        "layers/3/task",
    }
    with h5py.File(path, "r+") as file:
        file["connections/1"].attrs["source"] = 1
    assert {fault.key for fault in faults(path)} == {
        "metadata.accuracy",
        "layers/1/bias",
        "layers/2.activation",
        "connections/0/weight",
        "history/loss",
        "layers/3/task",
    }
    text = message(path)
    assert text.endswith(f"; and 5 more: `spatialgraph check {path}` lists them")
    assert text.startswith(str(faults(path)[0]))


def test_further_keys_and_other_forms_of_the_same_values_are_read(path):
    want = read_network(path)
    with h5py.File(path, "r+") as file:
        file.attrs["colour"] = h5py.Empty("f4")
        file.create_group("thoughts/10")["weight"] = h5py.SoftLink("/nowhere")
        file["layers/1/note"] = "of mine"
        file.attrs["version"] = np.array([1], np.uint8)
        file.attrs["executable"] = 1
        file["layers/1"].attrs["name"] = "hidden1"
        file["layers/1"].attrs["split"] = np.int64(1)
    put(path, "connections/0/weight", want.connections[0].weight.astype(">f4"), compression="gzip", shuffle=True)
    put(path, "layers/3/task", np.array([0, 0, 1, 1], np.uint16))
    assert faults(path) == []
    assert plain(read_network(path)) == plain(want)


# ---------------------------------------------------------------------------------------------------- greed


def refused_without_memory(path, text):
    """Check that a file is refused with a message, fast and without memory for what it declares."""
    tracemalloc.start()
    start = time.perf_counter()
    assert message(path) == text
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 2e6


def create(path, key, shape, **options):
    with h5py.File(path, "r+") as file:
        del file[key]
        file.create_dataset(key, shape, "f4", **options)


def test_a_declared_size_with_nothing_behind_it_is_refused(path):
    size = 10**12
    with h5py.File(path, "r+") as file:
        file["layers/1"].attrs["size"] = size
    create(path, "layers/1/bias", (size,))
    text = f"layers/1/bias: expected {4 * size} bytes or more in the file for float32 of shape ({size},), found 0 bytes"
    refused_without_memory(path, f"{text}; and 3 more: `spatialgraph check {path}` lists them")


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_history_of_which_one_piece_is_written_is_refused(path, compression):
    size = 10**10
    create(path, "history/loss", (size,), chunks=(1000,), compression=compression)
    with h5py.File(path, "r+") as file:
        file["history/loss"][:1000] = 1
    with h5py.File(path) as file:
        stored = file["history/loss"].id.get_storage_size()
    needed = -(-4 * size // 1032) if compression else 4 * size
    refused_without_memory(
        path,
        f"history/loss: expected {needed} bytes or more in the file for float32 of shape ({size},), "
        f"found {stored} bytes",
    )


def test_values_that_are_compressed_twice_are_refused(path):
    """Deflate twice makes zeros a million times smaller: a few bytes would fill the memory."""
    values = np.zeros(2**24, np.float32)
    with h5py.File(path, "r+") as file:
        del file["history/loss"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(values.shape)
        properties.set_deflate(9)
        properties.set_deflate(9)
        stored = file.create_dataset("history/loss", data=values, dcpl=properties).id.get_storage_size()
    assert stored < 1000
    refused_without_memory(
        path,
        f"history/loss: expected {-(-values.nbytes // 1032)} bytes or more in the file for float32 of shape "
        f"({values.size},), found {stored} bytes",
    )


def test_one_value_in_a_piece_of_a_gigabyte_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["history/loss"]
        file.create_dataset("history/loss", (1,), "f4", maxshape=(None,), chunks=(2**28,), compression="gzip")
    refused_without_memory(
        path,
        f"history/loss: expected {-(-(2**30) // 1032)} bytes or more in the file for float32 of shape (1,), "
        "found 0 bytes",
    )


def test_values_in_another_file_are_refused(path):
    secret = path.parent / "secret.bin"
    secret.write_bytes(bytes(16))
    create(path, "layers/1/bias", (4,), external=[("secret.bin", 0, 16)])
    assert message(path) == "layers/1/bias: expected values in this file, found values in the file 'secret.bin'"


def test_a_virtual_dataset_is_refused(path):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    with h5py.File(path, "r+") as file:
        del file["layers/1/bias"]
        file.create_virtual_dataset("layers/1/bias", layout)
    assert message(path) == "layers/1/bias: expected values in this dataset, found a virtual dataset"


# ---------------------------------------------------------------------------------------------------- interruptions


def test_a_writer_that_is_killed_leaves_whole_files_only(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from builders import two_module_network; from spatialgraph.store import write_network\n"
        "networks = [two_module_network(units, seed=units) for units in (4, 200)]\n"
        "for turn in range(10**6):\n"
        "    write_network(f'{sys.argv[1]}/{turn % 3}.h5', networks[turn % 2])\n"
        "    if turn == 2: print('ready', flush=True)"
    )
    whole = []
    for units in (4, 200):
        write_network(tmp_path / "whole", two_module_network(units, seed=units))
        whole.append((tmp_path / "whole").read_bytes())
    random = np.random.default_rng(0)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", code, tmp_path, SUPPORT], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0.05, 0.25))
            writer.send_signal(signal.SIGKILL)
        for path in tmp_path.glob("*.h5"):
            assert faults(path) == []
            assert path.read_bytes() in whole
        for half in tmp_path.glob(".*.tmp"):
            assert faults(half) or half.read_bytes() in whole
            half.unlink()
    assert len(list(tmp_path.glob("*.h5"))) == 3


def test_a_full_disk_is_one_error_and_leaves_the_old_file(path):
    """A limit on the size of files stands for the full disk: both fail in the middle of a write."""
    before = path.read_bytes()
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "from builders import two_module_network; from spatialgraph.store import write_network\n"
        "network = two_module_network(100)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: write_network(sys.argv[1], network)\n"
        "except OSError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path, SUPPORT], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert done.stderr == ""
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# ---------------------------------------------------------------------------------------------------- the specification


def test_the_program_in_the_specification_writes_a_network(tmp_path, monkeypatch):
    text = Path(store.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    program, _ = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "FORMAT.md", "exec"), {})
    assert faults("network.h5") == []
    network = read_network("network.h5")
    assert [layer.size for layer in network.layers] == [3, 3, 2]
    assert network.tasks == ("digits", "clothes")
    assert network.connections[1].weight.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_the_specification_names_what_the_program_knows():
    text = Path(store.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    for name in (*filter(None, ACTIVATIONS), store.NETWORK, store.EVALUATION, store.SPLITS, "spatialgraph.checkpoint"):
        assert f"`{name}`" in text
    assert f"versions 1 and {store.NEWEST[store.NETWORK]}\n" in text


def test_a_network_of_version_1_is_read():
    assert faults(DATA / "network-v1.h5") == []
    network = read_network(DATA / "network-v1.h5")
    assert [(k.name, k.size, k.activation, k.split) for k in network.layers] == [
        ("input", 2, "", False),
        ("hidden", 2, "sigmoid", True),
        ("output", 2, "", True),
    ]
    assert network.layers[0].bias is None
    assert network.layers[0].position is None
    assert network.layers[1].bias.tolist() == [0.5, -0.25]
    assert network.layers[1].position.tolist() == [[0, 1], [2, 3]]
    assert network.layers[2].bias is None
    assert network.layers[2].position.tolist() == [[0, -1], [2.5, 0]]
    assert [(c.source, c.target, c.weight.tolist()) for c in network.connections] == [
        (0, 1, [[1, 2], [3, 4]]),
        (1, 2, [[0.5, 0], [0, -0.5]]),
        (0, 2, [[0, 1], [1, 0]]),
    ]
    assert network.output_task.tolist() == [0, 1]
    assert network.metadata == {
        "name": "example",
        "tasks": ["digits", "clothes"],
        "accuracy": [0.75, 0.5],
        "kind": "spatial",
        "seed": 3,
    }
    assert {name: values.tolist() for name, values in network.history.items()} == {
        "loss": [2, 1],
        "accuracy": [[0.25, 0.5], [0.75, 0.5]],
    }


def test_an_evaluation_of_version_1_is_read():
    assert faults(DATA / "evaluation-v1.h5") == []
    evaluation = read_evaluation(DATA / "evaluation-v1.h5")
    assert evaluation.inputs.tolist() == [[0, 51], [255, 102], [0, 0]]
    assert evaluation.inputs.dtype == np.uint8
    assert evaluation.labels.tolist() == [[0, -1], [-1, 0], [0, 0]]
    assert evaluation.scale == 1 / 255
    assert {task: probe.tolist() for task, probe in evaluation.probes.items()} == {"digits": [[[0, 51], [255, 51]]]}


def test_splits_of_version_1_are_read():
    assert faults(DATA / "splits-v1.h5") == []
    split = read_splits(DATA / "splits-v1.h5")["example"]["greedy"]
    assert {layer: members.tolist() for layer, members in split.membership.items()} == {
        1: [[True, False], [False, True]],
        2: [[True, True], [False, False]],
    }
    assert (split.method, split.notes) == ("greedy", (Note.of_text("one neuron serves no task"),))


def test_a_fault_that_is_the_only_one_is_told_alone():
    assert str(FormatError("a.h5", [Fault("labels", "x", "y\nz")])) == "a.h5: labels: expected x, found y z"


# ------------------------------------------------------------------------- what checksums and sizes do not tell alone


def everything(tmp_path):
    """Yield a file of each format, and a function that reads its values."""
    write_network(tmp_path / "n.h5", two_module_network(), {0: two_module_network(seed=1)})
    yield tmp_path / "n.h5", lambda path: plain([read_network(path), read_snapshots(path)])
    write_evaluation(tmp_path / "e.h5", small_evaluation())
    yield tmp_path / "e.h5", lambda path: plain(read_evaluation(path))
    members = {1: np.zeros((40, 2), bool), 2: np.ones((40, 2), bool)}
    write_splits(tmp_path / "s.h5", {"n": {"m": Split("m", members)}})
    yield tmp_path / "s.h5", lambda path: plain(read_splits(path))
    arrays = {
        "zeros": np.zeros(40, np.float32),
        "ones": np.full(40, -1),
        "one": np.array(0.0),
        "none": np.empty((0, 3)),
    }
    write_arrays(tmp_path / "a.h5", "checkpoint", arrays, {"epoch": 1})
    yield tmp_path / "a.h5", lambda path: plain(read_arrays(path, "checkpoint"))


def datasets(path):
    """Return the datasets of a file: key to the place of its first values and how many bytes they have."""
    found = {}

    def visit(key, node):
        if isinstance(node, h5py.Dataset) and node.chunks and node.size:
            piece = node.id.get_chunk_info(0)
            found[key] = piece.byte_offset, min(node.nbytes, piece.size)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


@pytest.mark.parametrize(("erased", "by"), [(b"\0\0", b"\xff\xff"), (b"\xff\xff", b"\0\0")])
def test_words_of_zeros_that_become_ones_are_found_in_every_array(tmp_path, erased, by):
    """Fletcher's checksum takes both for the same."""
    damaged = 0
    for path, read in everything(tmp_path):
        whole, values = path.read_bytes(), read(path)
        for key, (start, size) in datasets(path).items():
            places = [k for k in range(start, start + size - 1, 2) if whole[k : k + 2] == erased]
            for place in places[:1] + places[-1:]:
                path.write_bytes(whole[:place] + by + whole[place + 2 :])
                said = [str(fault) for fault in faults(path)]
                assert said[0].startswith(f"{key}: expected ")
                damaged += "the values whose SHA-256 is in the attribute sha256" in said[0]
        path.write_bytes(whole)
        assert read(path) == values
    assert damaged >= 2


def test_every_array_has_a_digest_and_one_without_is_read(tmp_path):
    for path, read in everything(tmp_path):
        values = read(path)
        with h5py.File(path, "r+") as file:
            found: list = []
            file.visititems(lambda key, node, found=found: found.append(node) if hasattr(node, "chunks") else None)
            for node in found:
                assert node.attrs["sha256"].decode() == hashlib.sha256(node[...].tobytes()).hexdigest()
                del node.attrs["sha256"]
        assert found
        assert (faults(path), read(path)) == ([], values)


@pytest.mark.parametrize("declared", ["", "0" * 64, 7, np.zeros(64, "u1"), np.bytes_(b"\xff" * 64)])
def test_a_digest_that_is_none_is_a_fault(path, declared):
    with h5py.File(path, "r+") as file:
        file["connections/0/weight"].attrs["sha256"] = declared
    assert message(path).startswith("connections/0/weight: expected the values whose SHA-256 is in the attribute")


def test_a_digest_of_any_kind_of_text_is_read(path):
    with h5py.File(path, "r+") as file:
        node = file["connections/0/weight"]
        text = node.attrs["sha256"].decode()
        node.attrs["sha256"] = text  # of variable length
        file["connections/1/weight"].attrs["sha256"] = [file["connections/1/weight"].attrs["sha256"]]
        assert node.attrs.get_id("sha256").get_type().is_variable_str()
    assert faults(path) == []


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"fletcher32": True}, {}])
def test_a_piece_that_was_never_written_is_a_fault(path, options):
    with h5py.File(path, "r+") as file:
        del file["connections/0/weight"]
        node = file.create_dataset("connections/0/weight", (4, 4), "f4", chunks=(1, 4), fillvalue=7, **options)
        for row in range(3):
            node[row] = row + 0.5
    assert message(path).startswith("connections/0/weight: expected ")
    assert "4 pieces" in message(path) or "bytes or more" in message(path)


def packed(file, key, shape, chunks):
    """Make a dataset of zeros that are packed as far as they can be, without taking memory for them."""
    dataset = file.create_dataset(key, shape, "f4", chunks=chunks, compression=9)
    piece = packed_zeros(4 * chunks[0] * chunks[1])
    for start in range(0, shape[1], chunks[1]):
        dataset.id.write_direct_chunk((0, start), piece)


@cache
def packed_zeros(size):
    return zlib.compress(bytes(size), 9)


@pytest.mark.parametrize("pieces", [3, 20])
def test_a_small_file_of_large_arrays_is_refused_before_they_are_read(path, pieces):
    with h5py.File(path, "r+") as file:
        del file["layers/1/position"]
        packed(file, "layers/1/position", (4, pieces * 2**23), (4, 2**23))
    tracemalloc.start()
    said = message(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said.startswith(
        "layers/1/position: expected values of at most 100 times the bytes of their file, in the mem"
    )
    assert peak < 2**24


def test_one_array_under_many_names_counts_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_SMALL", 2**24)  # below which values may take more than 100 times the bytes
    path = tmp_path / "a.h5"
    write_arrays(path, "mine", {"0": np.zeros(2**16, np.float32)}, {})
    with h5py.File(path, "r+") as file:
        for number in range(1, 200):
            file[f"arrays/{number}"] = file["arrays/0"]
    tracemalloc.start()
    arrays = faults(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {fault.expected for fault in arrays} == {
        "values of at most 100 times the bytes of their file, in the memory that is free"
    }
    assert peak < 120 * 2**18


def test_arrays_are_not_read_where_memory_is_scarce(path, monkeypatch):
    monkeypatch.setattr(hdf5, "free_memory", lambda: 100.0)
    assert {fault.key for fault in faults(path)} >= {"connections/0/weight", "connections/1/weight"}


@pytest.mark.parametrize("mode", ["r", "r+"])
@pytest.mark.parametrize("locking", [None, True, False, "best-effort"])
def test_a_file_that_this_process_has_open_is_read(path, mode, locking):
    whole = plain(read_network(path))
    with h5py.File(path, mode, locking=locking):
        assert faults(path) == []
        assert plain(read_network(path)) == whole
        assert plain(read_network(path, in_pieces=True).connections[0].weight) == whole["connections"][0]["weight"]
    assert plain(read_network(path)) == whole


def test_a_file_of_many_faults_is_checked_in_time_that_grows_with_them(tmp_path):
    def seconds(layers):
        with h5py.File(tmp_path / "many.h5", "w", libver=("v110", "v110")) as file:
            file.attrs.update(format="spatialgraph.network", version=1, executable=True, metadata='{"tasks": ["a"]}')
            file.create_group("connections")
            for number in range(layers):
                file.create_group(f"layers/{number}")
        taken = []
        for _ in range(3):  # the collection of garbage of all tests may fall into one of them
            start = time.process_time()
            assert len(faults(tmp_path / "many.h5")) == 4 * layers + 1
            taken.append(time.process_time() - start)
        return min(taken)

    assert seconds(1600) < 8 * max(seconds(400), 0.05)  # 4 times, but for what else the machine does; not 16


@pytest.mark.parametrize(
    "text", ['{"tasks": DEEP}', '{"tasks": ["a"], "accuracy": DEEP}', "DEEP", '{"evaluation": DEEP}']
)
@pytest.mark.parametrize("depth", [400, 900, 2000, 100_000])
def test_lists_in_lists_are_refused_in_a_line(path, text, depth):
    with h5py.File(path, "r+") as file:
        del file.attrs["metadata"], file.attrs["metadata_sha256"]
        file.attrs["metadata"] = np.bytes_(text.replace("DEEP", "[" * depth + "]" * depth))
    assert len(message(path)) < 600


@pytest.mark.parametrize("when", ["is_hdf5", "File"])
def test_a_file_that_is_removed_while_it_is_opened_is_missing_and_not_damaged(tmp_path, monkeypatch, when):
    path = tmp_path / "moment.h5"
    write_arrays(path, "moment", {"a": np.arange(3)}, {})
    usual = getattr(h5py, when)

    def removed(*arguments, **more):
        path.unlink(missing_ok=True)
        return usual(*arguments, **more)

    monkeypatch.setattr(h5py, when, removed)
    with pytest.raises(FileNotFoundError):
        read_arrays(path, "moment")
