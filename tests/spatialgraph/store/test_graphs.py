"""Files of graphs: what version 1 can say is written as version 1, everything else as version 2."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from builders import two_module_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Connection, Graph, Population
from spatialgraph.network import Network
from spatialgraph.store import (
    FormatError,
    faults,
    read,
    read_graph,
    read_header,
    read_network,
    read_snapshot,
    write_network,
)

quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def listed(array):
    return None if array is None else array.tolist()


def contents(graph):
    """Return all that a graph is as values that can be compared."""
    populations = [
        (p.name, p.size, p.unit, p.activation, p.split, listed(p.position), listed(p.task)) for p in graph.populations
    ]
    connections = [(c.source, c.target, c.label, c.weight.tolist()) for c in graph.connections]
    return populations, connections, dict(graph.metadata), {k: v.tolist() for k, v in graph.history.items()}


def recurrent():
    """Return a graph with a cycle, a head for each task, and two connections of the same two populations."""
    return Graph(
        (
            Population("state", 2, "state", split=True, position=[[0, 1], [2, 3]]),
            Population("heads", 2, "head", "softmax", split=True),
            Population("left", 2, split=True, task=[0, -1]),
            Population("right", 1, task=[1]),
        ),
        (
            Connection(0, 0, [[0.0, 0.5], [-0.5, 0.0]]),
            Connection(1, 0, np.ones((2, 2))),
            Connection(0, 1, np.eye(2), "query"),
            Connection(0, 1, 2 * np.eye(2), "key"),
            Connection(0, 2, [[3.0, 0.0], [1.0, 1.0]]),
            Connection(0, 3, [[0.0, 2.0]]),
        ),
        {"name": "recurrent", "tasks": ["left", "right"], "kind": "gru", "seed": 3},
        {"loss": np.array([2.0, 1.0])},
    )


@st.composite
def graphs(draw):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    random, tasks = np.random.default_rng(draw(st.integers(0, 2**32))), draw(st.integers(1, 3))
    units = st.sampled_from(["neuron", "channel", "head"])
    populations = [
        Population(
            f"p{k}",
            size,
            draw(units),
            draw(st.sampled_from([None, "", "relu", "softmax"])),
            random.normal(size=(size, 2)) if draw(st.booleans()) else None,
            draw(st.booleans()),
            random.integers(-1, tasks, size) if draw(st.booleans()) else None,
        )
        for k, size in enumerate(sizes)
    ]
    populations.append(Population("out", tasks, task=np.arange(tasks), split=draw(st.booleans())))
    numbers = st.integers(0, len(sizes))
    ends = draw(st.sets(st.tuples(numbers, numbers, st.sampled_from(["", "query", "key"])), max_size=6))
    connections = [
        Connection(s, t, random.normal(size=(populations[t].size, populations[s].size)), label)
        for s, t, label in sorted(ends)
    ]
    return Graph(populations, connections, {"tasks": [f"t{number}" for number in range(tasks)]})


@quick
@given(graph=graphs())
def test_a_graph_comes_back_as_it_was(tmp_path, graph):
    write_network(tmp_path / "g.h5", graph)
    assert faults(tmp_path / "g.h5") == []
    assert contents(read(tmp_path / "g.h5")) == contents(graph)
    assert contents(read_graph(tmp_path / "g.h5", in_pieces=True)) == contents(graph)


def test_version_2_is_written_only_where_version_1_cannot_say_it(tmp_path):
    path, graph = tmp_path / "g.h5", two_module_network().graph
    first, last = graph.connections[0], graph.populations[-1]
    cannot = {
        "a cycle": {"connections": [*graph.connections, Connection(2, 2, np.eye(4))]},
        "a way back": {"connections": [*graph.connections, Connection(2, 1, np.eye(4))]},
        "two connections": {"connections": [*graph.connections, replace(first, label="again")]},
        "a label": {"connections": [replace(first, label="query"), *graph.connections[1:]]},
        "channels": {"populations": [replace(graph.populations[0], unit="channel"), *graph.populations[1:]]},
        "two heads": {"populations": [*graph.populations[:2], replace(graph.populations[2], task=[0, 0, 1, 1]), last]},
        "no output": {"populations": [*graph.populations[:3], replace(last, task=[0, 1, -1, -1])]},
        "another activation": {"populations": [*graph.populations[:3], replace(last, activation="softmax")]},
    }
    write_network(path, graph)
    assert read_header(path).version == 1
    for what, change in cannot.items():
        write_network(path, replace(graph, **change))
        assert read_header(path).version == 2, what
        assert faults(path) == []


def test_a_graph_is_not_a_network(tmp_path):
    path = tmp_path / "g.h5"
    write_network(path, recurrent())
    with pytest.raises(NotApplicableError, match=r"g\.h5: expected a network that can be run, found a graph"):
        read_network(path)
    write_network(path, two_module_network())
    assert isinstance(read(path), Network)
    assert contents(read_graph(path)) == contents(two_module_network().graph)


def test_a_graph_has_snapshots(tmp_path):
    path, graph = tmp_path / "g.h5", recurrent()
    before = replace(graph, connections=[replace(c, weight=-c.weight) for c in graph.connections])
    write_network(path, graph, {0: before})
    assert contents(read_snapshot(path, 0)) == contents(before)
    assert read_header(path).snapshots == (0,)
    lacking = replace(graph, connections=[c for c in graph.connections if c.target != 3])
    write_network(path, graph, {0: lacking})  # the last population is not split
    assert contents(read_snapshot(path, 0)) == contents(lacking)
    with pytest.raises(ValueError, match="snapshot 0: expected the arrays of network 'recurrent', found others"):
        write_network(path, graph, {0: replace(graph, connections=graph.connections[1:])})


BAD = {
    "executable: expected false: version 2 of the format is of graphs, found true": ("", "executable", True),
    "layers/0.unit: expected text, found nothing": ("layers/0", "unit", None),
    "layers/0.size: expected at least 1, found 0": ("layers/0", "size", 0),
    "connections/2.label: expected text, found nothing": ("connections/2", "label", None),
    "connections/2.label: expected a name in one line, without blanks around it, found ' '": (
        "connections/2",
        "label",
        " ",
    ),
    "connections/3: expected a label that no other connection of these layers has, found a second one from 0 to 1 with "
    "label 'query'": ("connections/3", "label", "query"),
    "connections/0: expected layer numbers from 0 to 3, found source 7, target 0": ("connections/0", "source", 7),
}


@pytest.mark.parametrize("text", BAD)
def test_a_fault_of_a_graph_is_told_in_one_line(tmp_path, text):
    path = tmp_path / "g.h5"
    write_network(path, recurrent())
    key, name, value = BAD[text]
    with h5py.File(path, "r+") as file:
        attributes = (file[key] if key else file).attrs
        if value is None:
            del attributes[name]
        else:
            attributes[name] = value
    assert text in list(map(str, faults(path)))
    with pytest.raises(FormatError, match=r"^[^\n]*$"):
        read(path)


def test_tasks_of_a_graph_are_checked(tmp_path):
    path = tmp_path / "g.h5"
    write_network(path, recurrent())
    with h5py.File(path, "r+") as file:
        del file["layers/3/task"]
    assert list(map(str, faults(path))) == [
        "layers/*/task: expected at least one output for every task, found none for task 1"
    ]
    write_network(path, recurrent())
    with h5py.File(path, "r+") as file:
        del file["layers/3/task"].attrs["sha256"]
        file["layers/3/task"][...] = 5
    assert next(map(str, faults(path))) == (
        "layers/3/task: expected task numbers from -1 to 1 (metadata names 2 tasks), found numbers from 5 to 5"
    )
