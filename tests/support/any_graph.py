"""Graphs that no layered network has: cycles, outputs in two populations, labels, one task, a population of one unit.

Those of `BY_HAND` are small, and what methods and measures say of them is worked out in the tests; `random_graph` draws
larger ones that are connected in the same ways.
"""

import numpy as np

from spatialgraph.graph import Connection, Graph, Population

TASKS = ("left", "right")


def build(populations, connections, tasks=TASKS):
    """Return a graph all of whose populations are split and have positions.

    Args:
        populations: name to the number of units, or to the task of each unit, -1 for one that is no output.
        connections: (name of the source, name of the target, weight) or the same with a label.
        tasks: their names.
    """
    made = []
    for number, (name, units) in enumerate(populations.items()):
        size = units if isinstance(units, int) else len(units)
        place = np.column_stack([np.full(size, float(number)), np.arange(size) ** 1.5])
        made.append(Population(name, size, position=place, split=True, task=None if isinstance(units, int) else units))
    return Graph(made, [Connection(*connection) for connection in connections], {"name": "any", "tasks": tasks})


def recurrent():
    """Return a state that is connected with itself: 2 with 0 and 1 with 2, and 0 and 3 each with itself."""
    inner = [[1, 0, -3, 0], [0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]]
    outer = [[4, 0, 0, 0], [0, 1, -1, 1]]
    return build({"state": 4, "output": [0, 1]}, [("state", "state", inner), ("state", "output", outer)])


def cycle():
    """Return two populations each of which leads to the other, the second also to the outputs."""
    there = [[2, 0, 0], [0, 1, 1], [0, 0, -2]]
    back = [[0, 2, 0], [-1, 0, 0], [0, 0, 0]]
    outer = [[3, 0, 0], [0, 1, 4]]
    connections = [("first", "second", there), ("second", "first", back), ("second", "output", outer)]
    return build({"first": 3, "second": 3, "output": [0, 1]}, connections)


def two_heads():
    """Return outputs in two populations; a unit of the later one is none, and leads back to the earlier one."""
    connections = [
        ("hidden", "left head", [[2, 0, 0], [1, 1, 0]]),
        ("hidden", "right head", [[0, 3, 1], [0, 0, -2]]),
        ("right head", "left head", [[0, 2], [0, 0]]),
    ]
    return build({"hidden": 3, "left head": [0, 0], "right head": [1, -1]}, connections)


def parallel():
    """Return two populations with two connections, which are of opposite sign where they are of the same units."""
    connections = [
        ("hidden", "output", [[1, 0, 1], [0, 1, 0]], "query"),
        ("hidden", "output", [[-1, -2, 0], [1, 0, 3]], "key"),
    ]
    return build({"hidden": 3, "output": [0, 1]}, connections)


def one_task():
    """Return a graph of one task: of its state, unit 0 leads to unit 1, which leads to the outputs; 2 to itself."""
    connections = [
        ("state", "state", [[0, 0, 0], [2, 0, 0], [0, 0, 1]]),
        ("state", "output", [[0, 1, 0], [0, 2, 0]]),
    ]
    return build({"state": 3, "output": [0, 0]}, connections, tasks=("only",))


def one_unit():
    """Return a population of one unit, which is connected with itself, before the outputs."""
    connections = [
        ("hidden", "neck", [[3, 1]]),
        ("neck", "neck", [[1]]),
        ("neck", "output", [[3], [1]]),
        ("hidden", "output", [[0, 0], [0, 2]]),
    ]
    return build({"hidden": 2, "neck": 1, "output": [0, 1]}, connections)


BY_HAND = {
    "recurrent": recurrent,
    "cycle": cycle,
    "two heads": two_heads,
    "parallel": parallel,
    "one task": one_task,
    "one unit": one_unit,
}

# Populations as `build` takes them, and (source, target) or (source, target, label).
_SHAPES = {
    "recurrent": ({"state": 7, "output": [0, 1, 0, 1]}, [("state", "state"), ("state", "output")]),
    "cycle": (
        {"first": 5, "second": 6, "output": [0, 0, 1, 1]},
        [("first", "second"), ("second", "first"), ("second", "output"), ("first", "first")],
    ),
    "two heads": (
        {"hidden": 6, "left head": [0, 0, 0], "right head": [1, -1, 1, -1]},
        [("hidden", "left head"), ("hidden", "right head"), ("right head", "left head")],
    ),
    "parallel": (
        {"hidden": 6, "output": [0, 1, 0, 1]},
        [("hidden", "output", "query"), ("hidden", "output", "key"), ("hidden", "output")],
    ),
    "one task": ({"state": 6, "output": [0, 0]}, [("state", "state"), ("state", "output")]),
    "one unit": (
        {"hidden": 6, "neck": 1, "output": [0, 1, 0, 1]},
        [("hidden", "neck"), ("neck", "neck"), ("neck", "output"), ("hidden", "output")],
    ),
}


def random_graph(name, seed, density=0.7):
    """Return a larger graph connected as that of `BY_HAND`, of random weights, some of them 0."""
    draw = np.random.default_rng(seed)
    populations, pairs = _SHAPES[name]
    size = {of: units if isinstance(units, int) else len(units) for of, units in populations.items()}
    connections = []
    for source, target, *label in pairs:
        shape = size[target], size[source]
        connections.append((source, target, draw.normal(size=shape) * (draw.random(shape) < density), *label))
    return build(populations, connections, TASKS[:1] if name == "one task" else TASKS)
