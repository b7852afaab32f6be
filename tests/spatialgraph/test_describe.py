"""What a file holds, as text: every fact, in terminals of every width, with colours only where they can be seen."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from builders import small_evaluation, two_module_network
from rich.console import Console

from spatialgraph.describe import describe
from spatialgraph.graph import Connection
from spatialgraph.network import Layer, Network
from spatialgraph.notes import Note
from spatialgraph.splits import Split
from spatialgraph.store import FormatError, write_arrays, write_evaluation, write_network, write_splits

# What a terminal takes as a style, and as a style with a colour.
ESCAPES, COLOURS = re.compile(r"\x1b\[[0-9;]*m"), re.compile(r"\x1b\[(?:[0-9]+;)*[349][0-9][;m]")

HISTORY = {
    "accuracy": np.array([[0.5, 0.25], [1.0, 0.75]], np.float32),
    "transport": np.array([0.5, 0.125], np.float32),
    "density": np.array([0.25, 0.0625], np.float32),
}


def spatial_network():
    metadata = {
        "kind": "spatial",
        "inputs": "mix",
        "seed": 3,
        "epochs": 2,
        "experiment": {"transport": 1.0, "density": 0.5},
        "evaluation": {"file": "evaluation-mix.h5", "sha256": "0" * 64},
    }
    network = two_module_network()
    return replace(network, metadata={**network.metadata, **metadata}, history=HISTORY)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "network.h5"
    network = spatial_network()
    write_network(path, network, snapshots={0: network, 0.25: network, 1.5: network})
    return path


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "evaluation-mix.h5"
    write_evaluation(path, small_evaluation())
    return path


def shown(path, width=80, **options):
    console = Console(width=width, file=io.StringIO(), **({"color_system": None} | options))
    console.print(describe(path, width))
    return console.file.getvalue()


def facts(text):
    """Return the facts of a description: name to value."""
    lines = [line for line in text.split("\n\n")[0].splitlines() if line]
    return dict(line.strip().split(maxsplit=1) for line in lines)


def test_the_facts_of_a_network(file):
    # The name of the file may be longer than a line.
    known = facts(shown(file, 300))
    assert known == {
        "file": str(file),
        "network": "two-modules · 4 layers · 48 weights",
        "training": "kind spatial · inputs mix · seed 3 · epochs 2",
        "tasks": "left, right",
        "accuracy": "left 1.0000 · right 1.0000",
        "costs": "transport 0.125 (α = 1) · density 0.0625 (β = 0.5)",
        "evaluation": "evaluation-mix.h5",
        "history": "accuracy, density, transport of 2 epochs",
        "snapshots": "3, of epochs 0 to 1.5",
    }


def test_layers_and_where_the_modules_lie(file):
    _, layers, picture = shown(file).split("\n\n")
    assert [line.split() for line in layers.splitlines()] == [
        ["layer", "units", "activation", "dim", "split"],
        ["0", "input", "4"],
        ["1", "hidden1", "4", "sigmoid", "2", "yes"],
        ["2", "hidden2", "4", "sigmoid", "2", "yes"],
        ["3", "output", "4", "2", "yes"],
    ]
    assert picture.startswith("o left 6  x right 6  (greedy split)")
    panels = [panel for line in picture.splitlines()[2:-1] for panel in line.split("│")[1:-1:2] if panel.strip()]
    # The halves lie at -1 and 1: the first task left, the second right.
    assert {(panel[0], panel[-1]) for panel in panels} == {("o", " "), (" ", "x")}


def test_a_network_of_which_little_is_known(tmp_path):
    layers = (Layer("[red]input", 2), Layer("output", 2, split=True))
    write_network(tmp_path / "bare.h5", Network(layers, (Connection(0, 1, np.eye(2)),), [0, 1], {"tasks": ["a", "b"]}))
    text = shown(tmp_path / "bare.h5", 300)
    assert set(facts(text)) == {"file", "network", "tasks"}
    assert "0 [red]input" in text  # not taken for markup
    assert "split)" not in text  # no picture without positions


def test_names_of_classes_and_shapes_of_images_are_told(tmp_path):
    network = spatial_network()
    known = {"classes": [["cat", "dog"], ["0", "1"]], "images": [[1, 2], [2, 1]]}
    for name, changes in {"known": known, "other": {"classes": 10, "images": [[5, 5]]}}.items():
        write_network(tmp_path / f"{name}.h5", replace(network, metadata={**network.metadata, **changes}))
    told = facts(shown(tmp_path / "known.h5", 300))
    assert told["classes"] == "left: cat, dog · right: 0, 1"
    assert told["images"] == "1 × 2 · 2 × 1"
    assert not {"classes", "images"} & set(facts(shown(tmp_path / "other.h5", 300)))


def test_settings_of_other_programs_are_not_taken_for_ours(tmp_path):
    network = spatial_network()
    for number, experiment in enumerate(["my experiment", {"transport": "cheap"}]):
        other = replace(network, metadata={**network.metadata, "experiment": experiment})
        write_network(tmp_path / f"{number}.h5", other)
        assert facts(shown(tmp_path / f"{number}.h5", 300))["costs"] == "transport 0.125 · density 0.0625"


def test_the_facts_of_an_evaluation(evaluation):
    assert facts(shown(evaluation, 300)) == {
        "file": str(evaluation),
        "evaluation": "4 examples of 4 inputs, float32 × 1",
        "scored": "task 0: 4 · task 1: 4",
        "probes": "left (2, 2, 4), right (2, 2, 4)",
    }


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """Return a file of splits: one of tasks, one of three communities, and a degenerate one with a note."""
    path = tmp_path_factory.mktemp("files") / "splits.h5"
    tasks = Split.from_labels("greedy", {1: [0, 1, 1], 2: [0, 1]}, 2)
    found = Split("louvain", tasks.membership, communities={1: np.array([0, 0, 1]), 2: np.array([2, -1])})
    bare = Split.from_labels("greedy", {1: [0, 0, 0]}, 2, notes=(Note("degenerate", {"reason": "no neuron"}),))
    networks = {f"net-{number}": {"greedy": tasks} for number in range(7)}
    write_splits(path, {"net-a": {"greedy": tasks, "louvain": found}, "net-b": {"greedy": bare}} | networks)
    return path


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "checkpoint.h5"
    values = {"weight/1": np.zeros((2, 3), np.float32), "step": np.int64(4), "done": np.array([True])}
    write_arrays(path, "checkpoint", values, {"epoch": 3, "text": "x" * 1000, "[red]\x1b": {"a": [1, None]}})
    return path


def test_the_facts_of_splits(splits):
    about, table = shown(splits, 300).split("\n\n")
    assert facts(about) == {
        "file": str(splits),
        "splits": "10, of 9 networks · 2 tasks",
        "networks": "net-0, net-1, net-2, net-3, net-4, net-5 and 3 more",
    }
    assert [line.split() for line in table.splitlines()] == [
        ["method", "networks", "layers", "communities", "degenerate", "notes"],
        ["greedy", "9", "1", "to", "2", "1", "1"],
        ["louvain", "1", "2", "3", "0", "0"],
    ]


def test_the_facts_of_arrays(arrays):
    about, table = shown(arrays, 300).split("\n\n")
    assert facts(about) == {
        "file": str(arrays),
        "arrays": "3 of kind checkpoint · 33 bytes",
        "epoch": "3",
        "text": f'"{"x" * 119} …',
        r"[red]\x1b": '{"a": [1, null]}',
    }
    assert [line.split() for line in table.splitlines()] == [
        ["array", "shape", "type"],
        ["done", "1", "bool"],
        ["step", "one", "value", "int64"],
        ["weight/1", "2", "×", "3", "float32"],
    ]


def test_of_many_arrays_the_first_are_listed(tmp_path):
    write_arrays(tmp_path / "many.h5", "mine", {f"{number:03}": np.zeros(1) for number in range(45)}, {})
    lines = shown(tmp_path / "many.h5", 300).split("\n\n")[1].splitlines()
    assert lines[40].split() == ["039", "1", "float64"]
    assert lines[41:] == [lines[41]]
    assert lines[41].strip() == "… 5 more"


def test_files_of_nothing(tmp_path):
    write_splits(tmp_path / "splits.h5", {})
    write_arrays(tmp_path / "arrays.h5", "mine", {}, {})
    assert facts(shown(tmp_path / "splits.h5", 300))["splits"] == "0, of 0 networks"
    assert facts(shown(tmp_path / "arrays.h5", 300))["arrays"] == "0 of kind mine · 0 bytes"


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(file, evaluation, splits, arrays, width):
    for path in (file, evaluation, splits, arrays):
        plain = shown(path, width)
        assert max(map(len, plain.splitlines())) <= width
        coloured = shown(path, width, force_terminal=True, color_system="truecolor")
        assert ESCAPES.sub("", coloured) == plain


def info(path, width=None, **variables):
    """Return what a process prints, to a terminal so many characters wide, or through a pipe if that is None."""
    known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    environment = {**known, "TERM": "xterm-256color", **variables}
    command = [sys.executable, "-m", "spatialgraph.cli", "info", str(path)]
    if width is None:
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment) as process:
        os.close(end)
        output = b""
        with suppress(OSError):  # so ends what comes from a terminal that nobody writes to any more
            while part := os.read(terminal, 65536):
                output += part
    os.close(terminal)
    assert process.returncode == 0
    return output.decode().replace("\r\n", "\n")


def test_a_terminal_is_given_colours_and_a_pipe_plain_text(file):
    plain, coloured = info(file), info(file, 80)
    assert "\x1b" not in plain
    assert COLOURS.search(coloured)
    assert ESCAPES.sub("", coloured) == plain


def test_no_color_is_respected(file):
    text = info(file, 80, NO_COLOR="1")
    assert not COLOURS.search(text)
    assert ESCAPES.sub("", text) == info(file)


def test_a_narrow_terminal_is_filled_and_no_more(file):
    lines = ESCAPES.sub("", info(file, 40)).splitlines()
    assert max(map(len, lines)) <= 40
    assert "the last 2 of 3" in " ".join(" ".join(lines).split())
    assert max(map(len, info(file, COLUMNS="60").splitlines())) <= 60


def test_what_is_no_file_of_ours_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(FormatError, match=r"text\.h5"):
        describe(tmp_path / "text.h5")
