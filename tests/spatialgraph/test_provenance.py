"""Digests of code: what an edit changes, and what it does not."""

import importlib
import os
import sys

import pytest

from spatialgraph.provenance import code_of, versions
from spatialgraph.splits import SPLITS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of three modules, of which the first uses the second."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "uses_another.py").write_text("from is_used import LIMIT\n\ndef f():\n    return LIMIT\n")
    (tmp_path / "is_used.py").write_text("LIMIT = 1\n")
    (tmp_path / "alone.py").write_text("def g():\n    return 1\n")
    yield tmp_path
    for name in ("uses_another", "is_used", "alone"):
        sys.modules.pop(name, None)


def digest(name, function):
    return code_of(getattr(importlib.import_module(name), function))


def edit(folder, name, text):
    path = folder / f"{name}.py"
    path.write_text(text)
    later = path.stat().st_mtime_ns + 10**7
    os.utime(path, ns=(later, later))


USES = "from is_used import LIMIT\n\ndef f():\n    return LIMIT{}\n"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (USES.format(" + 1"), True),
        (USES.format("\n\ndef g():\n    return 1"), True),
        (
            '"""A module."""\n' + USES.format("  # the limit").replace("()", "( )").replace(":\n", ':\n    "Doc."\n'),
            False,
        ),
    ],
)
def test_code_counts_and_comments_docstrings_and_layout_do_not(folder, text, changes):
    before = digest("uses_another", "f")
    edit(folder, "uses_another", text)
    assert (digest("uses_another", "f") != before) == changes


def test_what_a_module_uses_counts_and_what_it_does_not_use_does_not(folder):
    first, other = digest("uses_another", "f"), digest("alone", "g")
    edit(folder, "is_used", "LIMIT = 2\n")
    assert digest("uses_another", "f") != first
    assert digest("alone", "g") == other


def test_methods_of_different_modules_have_different_digests():
    digests = {name: code_of(function) for name, function in SPLITS.items()}
    modules = {function.__module__ for function in SPLITS.values()}
    assert len(set(digests.values())) == len(modules)


def test_a_function_without_a_file_has_a_digest_of_its_own_code():
    def cell(text):
        found = {}
        exec(text, {"__name__": "a_notebook"}, found)
        return code_of(found["f"])

    assert cell("def f(x):\n    return x + 1") == cell("def f(x):\n    return x + 1")
    assert cell("def f(x):\n    return x + 1") != cell("def f(x):\n    return x + 2")


def test_versions_of_packages_that_numbers_may_depend_on():
    assert {"numpy", "scipy", "scikit-learn"} <= set(versions())
