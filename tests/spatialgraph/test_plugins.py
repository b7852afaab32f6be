"""Plugins: files and packages of others, entered once, replaced when edited, taken out again when they fail."""

import os
import sys
import textwrap
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from spatialgraph import plugins
from spatialgraph.graph.planted import planted
from spatialgraph.metrics import METRICS, facts, measure
from spatialgraph.nulls import NULLS, draw
from spatialgraph.plugins import files_of, load, load_all, load_installed, unload
from spatialgraph.registry import registries
from spatialgraph.splits import SPLITS, apply, sees

METHOD = """
from spatialgraph.splits import Split, split_method

@split_method("own", sees="weights")
def own(graph, part: float = {part}):
    "Give a part of each layer to the first task."
    labels = {{k: [int(unit >= part * graph.populations[k].size) for unit in range(graph.populations[k].size)]
               for k in graph.split_populations}}
    return Split.from_labels("own", labels, len(graph.tasks))
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a plugin; whatever plugins entered is taken out again."""
    before = {id(registry): set(registry) for registry in registries()}

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    yield write
    for module in [module for name, module in sys.modules.items() if name.startswith("spatialgraph_plugin_")]:
        unload(module)
    assert {id(registry): set(registry) for registry in registries() if id(registry) in before} == before


def labels_of(method):
    return apply(method, planted(0.1, sizes=(4, 2))[0]).labels(1).tolist()


def test_what_a_plugin_enters_is_used_like_what_is_there(write):
    path = write(
        METHOD.format(part=0.5)
        + """
from spatialgraph.metrics import metric
from spatialgraph.nulls import null_model

@metric("units", of="split", better="", weights=False, bounds=(0, float("inf")))
def units(graph, split):
    "Count the units."
    return float(sum(len(members) for members in split.membership.values()))

@null_model("mirrored", keeps=["cut"])
def mirrored(graph, connection, generator):
    "Turn every sign."
    return -connection.weight
"""
    )
    load(path)
    graph = planted(0.1, sizes=(4, 2))[0]
    assert labels_of("own") == [0, 0, 1, 1]
    assert labels_of("own:part=0.75") == [0, 0, 0, 1]
    assert sees("own") == "weights"
    assert measure("units", graph, apply("own", graph))[0].value == 6
    assert facts("units").bounds == (0, float("inf"))
    assert (draw("mirrored", graph, 0).connections[1].weight == -graph.connections[1].weight).all()
    assert NULLS.facts("mirrored").keeps == ("cut",)
    assert SPLITS.summary("own") == "Give a part of each layer to the first task."


def test_a_plugin_is_imported_once_and_again_when_it_was_edited(write):
    path = write(METHOD.format(part=0.5) + "\nprint('imported')\n")
    first = load(path)
    assert load(path) is first
    write(METHOD.format(part=0.25).replace('"own"', '"renamed"'))
    second = load(path)
    assert second is not first
    assert labels_of("renamed") == [0, 1, 1, 1]
    assert "own" not in SPLITS


def test_a_plugin_imports_modules_of_its_folder_and_leaves_no_path_behind(write):
    write("PART = 0.75\n", "helper_of_a_plugin.py")
    before = list(sys.path)
    load(write("from helper_of_a_plugin import PART\n" + METHOD.format(part=0.5).replace("= 0.5", "= PART")))
    assert labels_of("own") == [0, 0, 0, 1]
    assert sys.path == before


OWN = METHOD.format(part=0.5)
METRIC = """
from spatialgraph.metrics import metric

@metric("m", of="split", better="", weights=True, bounds=(0, 1))
def m(graph, split):
    "Measure."
"""
NULL = """
from spatialgraph.nulls import null_model

@null_model("n", needs=["positions"])
def n(graph, connection, generator):
    "Draw."
"""
# What is told of a plugin, and the plugin with what is wrong in the place of what is right.
WRONG = {
    r"SyntaxError in line 2: ": ("x = 1\ndef f(:\n", "", ""),
    r"ZeroDivisionError in line 3: division by zero$": ("x = 1\n\n1 / 0\n", "", ""),
    r"ModuleNotFoundError in line 1: No module named 'there_is_none'$": ("import there_is_none\n", "", ""),
    r"there is a split method named 'greedy' already, in spatialgraph\.splits\.greedy$": (OWN, '"own"', '"greedy"'),
    r"split method 'own': expected sees to be one of 'weights', .*, found 'all'$": (OWN, '"weights"', '"all"'),
    r"split method 'own': expected a default for the parameter part, .*, found none$": (
        OWN,
        "part: float = 0.5",
        "part",
    ),
    r"'own': expected a function whose first parameters are graph, found network, part$": (OWN, "(graph,", "(network,"),
    r"'own': expected a parameter runner, since it sees activations, found none$": (OWN, '"weights"', '"activations"'),
    r"metric 'm': expected the parameters graph, split of a metric of split, found \('graph',\)$": (
        METRIC,
        "(graph, split)",
        "(graph)",
    ),
    r"metric 'm': expected bounds of two numbers, the least first, found \(1, 0\)$": (METRIC, "(0, 1)", "(1, 0)"),
    r"metric 'm': expected better to be one of 'high', 'low', '', found 'up'$": (METRIC, 'better=""', 'better="up"'),
    r"metric 'm': expected a docstring, .*, found none$": (METRIC, '"Measure."', "pass"),
    r"null model 'n': expected needs to be one of 'positions', found 'weights'$": (NULL, "positions", "weights"),
    r"there is a null model named 'untrained' already$": (NULL, '"n"', '"untrained"'),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_plugin_that_cannot_be_imported_is_one_line_and_leaves_nothing(write, text):
    right, part, wrong = WRONG[text]
    path = write(right.replace(part, wrong) if part else right)
    with pytest.raises(ValueError, match=text) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: expected a plugin that can be imported, found ")
    assert "\n" not in str(error.value)
    assert "own" not in SPLITS


def test_half_of_a_plugin_is_not_entered(write):
    path = write(METHOD.format(part=0.5) + "\nraise RuntimeError('later')\n")
    with pytest.raises(ValueError, match=r"found RuntimeError in line \d+: later$"):
        load(path)
    assert "own" not in SPLITS


def test_what_is_no_file_of_python_is_refused(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.py: expected a plugin, a Python file, found nothing$"):
        load(tmp_path / "none.py")
    with pytest.raises(FileNotFoundError, match=r"expected a plugin, a Python file, found a folder$"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"mine\.txt: expected a plugin, a Python file \(\*\.py\), found another"):
        load(write("x = 1\n", "mine.txt"))


def test_installed_packages_are_found_by_their_entry_points(write, tmp_path, monkeypatch):
    package = write(METHOD.format(part=0.5), "package_with_a_plugin.py")
    monkeypatch.syspath_prepend(str(package.parent))
    points = [EntryPoint("mine", "package_with_a_plugin", plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    load_installed.cache_clear()
    try:
        load_all([])
        assert labels_of("own") == [0, 0, 1, 1]
        assert load_installed() == ("mine",)
        assert files_of([SPLITS["own"]]) == ()  # other processes find it as this one did
        points[:] = [SimpleNamespace(name="bad", value="no_such_module", dist=None, load=lambda: 1 / 0)]
        load_installed.cache_clear()
        with pytest.raises(ValueError, match=r"^plugin 'bad' of package no_such_module: expected one that can be imp"):
            load_installed()
    finally:
        load_installed.cache_clear()
        unload(sys.modules["package_with_a_plugin"])


def test_the_files_of_functions_that_other_processes_must_import(write):
    path = write(METHOD.format(part=0.5))
    load(path)
    assert files_of([SPLITS["greedy"], SPLITS["own"], METRICS["cut"]]) == (path.resolve(),)
    of_a_notebook = {}
    exec("def cell(graph): 'A cell.'", {"__name__": "a_notebook"}, of_a_notebook)
    with pytest.raises(ValueError, match=r"^cell: expected a function in a file, .* or use one process \(jobs=1\)$"):
        files_of([of_a_notebook["cell"]])


def test_an_edit_of_the_same_second_and_size_is_seen(tmp_path):
    path = tmp_path / "quick.py"
    path.write_text("value = 1\n", encoding="utf-8")
    stamp = path.stat().st_mtime
    assert plugins.load(path).value == 1
    path.write_text("value = 2\n", encoding="utf-8")
    os.utime(path, (stamp, stamp))
    module = plugins.load(path)
    assert module.value == 2
    plugins.unload(module)
