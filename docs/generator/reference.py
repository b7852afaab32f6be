"""The reference of the public names of the packages, made of their docstrings."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from types import ModuleType

from sphinx.pycode import ModuleAnalyzer

HAS_TORCH = importlib.util.find_spec("torch") is not None

# Packages and modules whose names users work with, in the order of the list.
_MODULES = (
    "spatialgraph",
    "spatialgraph.graph",
    "spatialgraph.graph.planted",
    "spatialgraph.network",
    "spatialgraph.runners",
    "spatialgraph.splits",
    "spatialgraph.metrics",
    "spatialgraph.nulls",
    "spatialgraph.strengths",
    "spatialgraph.agreement",
    "spatialgraph.store",
    "spatialgraph.files",
    "spatialgraph.notes",
    "spatialgraph.faults",
    "spatialgraph.registry",
    "spatialgraph.plugins",
    "spatialgraph.executors",
    "spatialgraph.analyses.results",
    "spatialgraph.analyses.statistics",
    "spatialgraph.analyses.scoring",
    "spatialgraph.analyses.chance",
    "spatialgraph.analyses.figures",
)
_WITH_TORCH = (
    "spatialgraph.torch",
    "spatialgraph.torch.costs",
    "spatialgraph.torch.operators",
    "spatialgraph.train.settings",
    "spatialgraph.train.run",
    "spatialgraph.train.kinds",
    "spatialgraph.train.ways",
    "spatialgraph.train.data",
    "spatialgraph.train.inputs",
)


def pages() -> dict[str, str]:
    """Return the name and the text of each page."""
    from . import registries

    names = (*_MODULES, *(_WITH_TORCH if HAS_TORCH else ()))
    homes: dict[int, str] = {id(function): "" for function in registries.documented()}
    texts = {f"reference/{name}": _page(importlib.import_module(name), homes) for name in names}
    rows = "\n".join(f"| [{name}]({name}.md) | {_sentence(importlib.import_module(name))} |" for name in names)
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"
    lacking = (
        ""
        if HAS_TORCH
        else "\nThis build had no PyTorch: `spatialgraph.torch` and `spatialgraph.train` are left out.\n"
    )
    texts["reference/api"] = (
        "# Python\n\nWhat can be imported, and is kept as it is within a minor version. Start with"
        " `import spatialgraph as sg`.\n"
        f"{lacking}\n| module | |\n|---|---|\n{rows}\n\n{tree}"
    )
    return texts


def data_doc(package: str, name: str) -> str:
    """Return the docstring below a value, which stands where the value is made, somewhere in the package."""
    value = vars(importlib.import_module(package)).get(name, getattr(sys.modules[package], name))
    for module in [key for key in sys.modules if key.startswith("spatialgraph.")]:
        if vars(sys.modules[module]).get(name) is value:
            found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
            if found:
                return "\n".join(found).strip()
    return ""


def _sentence(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


def _page(module: ModuleType, homes: dict[int, str]) -> str:
    """Return the page of a module; what another page has is named there, and shown once."""
    parts, elsewhere = [], []
    for name in _public(module):
        value = getattr(module, name)
        if inspect.ismodule(value) or name.startswith("_"):
            continue
        home = homes.setdefault(id(value), module.__name__)
        if home != module.__name__ and (inspect.isclass(value) or inspect.isfunction(value)):
            elsewhere.append(f"`{name}`" + (f" ([{home}]({home}.md))" if home else ""))
        else:
            parts.append(_directive(module.__name__, name, value))
    also = f"\nAlso here, and shown on other pages: {', '.join(elsewhere)}.\n" if elsewhere else ""
    body = "\n".join(part for part in parts if part)
    shown = f"```{{eval-rst}}\n.. py:module:: {module.__name__}\n\n{body}\n```\n"
    return f"# {module.__name__}\n\n{_sentence(module)}\n\n{shown}{also}"


def _public(module: ModuleType) -> list[str]:
    """Return the names that a module offers: those it lists, or those it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    data = {name for scope, name in ModuleAnalyzer.for_module(module.__name__).find_attr_docs() if not scope}
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__ and callable(v)]
    return [name for name in vars(module) if (name in data or name in own) and not name.startswith("_")]


def _directive(module: str, name: str, value: object) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    if inspect.isfunction(value):
        return f".. autofunction:: {module}.{name}\n"
    text = data_doc(module, name)
    told = "\n".join(f"   {line}" for line in text.replace("|", r"\|").replace("*", r"\*").split("\n"))
    return f".. py:data:: {module}.{name}\n\n{told}\n" if text else ""
