"""The rules of imports: nothing imports upward, the stages know the library and not each other, torch stays in one."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = ("train", "analyses")
# A module may import those that stand before it, and none that stand after.
LIBRARY = (
    *(
        "registry",
        "commit",
        "stages",
        "plugins",
        "provenance",
        "escapes",
        "console",
        "marks",
        "files",
        "memory",
        "threads",
    ),
    *("workers", "executors", "compiled", "heaps", "progress", "arrays", "faults", "notes", "graph", "contingency"),
    *("network", "runners", "splits", "strengths", "agreement", "metrics", "nulls", "store", "torch", "scatter"),
    *("describe", "front", "cli", "__main__"),
)


@cache
def imports(path):
    """Return the import statements of a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported(path, package):
    """Yield (line, absolute name) of everything a file imports, relative names resolved against its package."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def files(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, ".".join(path.relative_to(ROOT).parent.parts)


def offences(folder, forbidden):
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, package in files(folder)
        for line, name in imported(path, package)
        if forbidden(name)
    ]


def module_of(path):
    return path.relative_to(ROOT / "spatialgraph").parts[0].removesuffix(".py")


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_the_library_imports_no_stage():
    stages = [f"{prefix}{stage}" for stage in STAGES for prefix in ("", "spatialgraph.")]
    assert offences("spatialgraph", lambda name: within(name, *stages)) == []


def test_one_folder_of_the_library_imports_torch():
    users = offences("spatialgraph", lambda name: within(name, "torch", "torchvision"))
    assert users
    assert all(user.startswith("spatialgraph/torch/") for user in users)


def test_the_stages_do_not_import_each_other():
    for stage, other in (STAGES, STAGES[::-1]):
        assert offences(stage, lambda name, other=other: within(name, other, f"spatialgraph.{other}")) == []


def test_the_analysis_stage_imports_no_torch():
    assert offences("analyses", lambda name: within(name, "torch", "torchvision")) == []


def test_imports_are_relative_inside_a_stage_and_absolute_across():
    for folder in ("spatialgraph", *STAGES):
        own = (folder, f"spatialgraph.{folder}") if folder in STAGES else ("spatialgraph",)
        for path, package in files(folder):
            for node in imports(path):
                if isinstance(node, ast.ImportFrom) and not node.level:
                    assert not within(node.module, *own), f"{path}:{node.lineno} imports its own stage absolutely"
                elif isinstance(node, ast.ImportFrom):
                    depth = len(package.split("."))
                    assert node.level <= depth, f"{path}:{node.lineno} leaves its stage by a relative import"


def test_nothing_in_the_library_imports_upward():
    modules = {module_of(path) for path, _ in files("spatialgraph")}
    assert modules - {"__init__"} == set(LIBRARY), "a module without a place in the order"
    upward = []
    for path, package in files("spatialgraph"):
        own = module_of(path)
        if own == "__init__":
            continue
        above = [f"spatialgraph.{name}" for name in LIBRARY[LIBRARY.index(own) + 1 :]]
        upward += [f"{path.name}:{line} {name}" for line, name in imported(path, package) if within(name, *above)]
    assert upward == []


def test_only_the_store_uses_h5py():
    users = [
        offence for folder in ("spatialgraph", *STAGES) for offence in offences(folder, lambda n: within(n, "h5py"))
    ]
    assert users
    assert all(user.startswith("spatialgraph/store/") for user in users)


@pytest.mark.parametrize(
    ("call", "owner"),
    [
        (r"(?<!\w)Console\(\w", "spatialgraph/console.py"),
        (r"typer\.(echo|secho)\(|(?<![\w.])print\(", "spatialgraph/cli.py"),
        (r"\.to_csv\(|\.read_csv\(", "analyses/frames.py"),
    ],
)
def test_what_came_from_files_goes_out_by_one_way(call, owner):
    """Names may look like orders to a terminal, or like formulas: see `spatialgraph.escapes`."""
    for folder in ("spatialgraph", *STAGES):
        for path, _ in files(folder):
            lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
            used = [line for line in lines if re.search(call, line) and not line.startswith((">>> ", "... "))]
            assert not used or path == ROOT / owner, f"{path}: {used[0]}"


def test_every_package_is_installed():
    """An editable installation finds every folder; a wheel has those that are listed."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    files = [file for name in ("spatialgraph", *STAGES) for file in (ROOT / name).rglob("__init__.py")]
    folders = {file.parent.relative_to(ROOT) for file in files}
    packages = {".".join(("spatialgraph", *f.parts) if f.parts[0] in STAGES else f.parts) for f in folders}
    assert packages == set(settings["packages"])


def test_nothing_is_pickled():
    for folder in ("spatialgraph", *STAGES):
        assert offences(folder, lambda name: within(name, "pickle", "dill", "cloudpickle", "shelve", "marshal")) == []
        for path, _ in files(folder):
            text = path.read_text(encoding="utf-8")
            assert "torch.load(" not in text, path
            assert "torch.save(" not in text, path
            assert "allow_pickle=True" not in text, path


def first_to_load(forbidden, *modules):
    """Return the first of the modules, imported in this order by a process, after which one of the others is loaded."""
    code = f"""
import sys, importlib
for name in {modules}:
    dir(importlib.import_module(name))
    loaded = [other for other in {forbidden} if other in sys.modules]
    if loaded:
        sys.exit(f"{{name}} loads {{loaded}}")
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr


def test_a_process_that_analyses_never_loads_torch():
    stage = ("analyses.scoring", "analyses.figures", "analyses.tables", "cli")
    assert first_to_load(("torch",), *(f"spatialgraph.{name}" for name in stage)) == ""


def test_the_front_door_and_the_command_line_open_without_the_heavy_libraries():
    heavy = ("numpy", "torch", "h5py", "matplotlib", "pandas", "networkx")
    assert first_to_load(heavy, "spatialgraph", "spatialgraph.cli") == ""
