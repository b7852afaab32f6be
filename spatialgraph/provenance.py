"""What made a result: a digest of the code of a function, and of all code of this project that it uses.

A result is kept under a key that holds this digest, so that an edited function is run again, and nothing else is.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

from .registry import Registry

_OWN = "spatialgraph"

# The packages whose versions numbers may depend on.
_PACKAGES = ("numpy", "scipy", "scikit-learn", "networkx")


def code_of(*functions: Callable[..., Any]) -> str:
    """Return a digest of the code of functions, and of the code that they use.

    It covers the modules of the functions and the modules that these import from this project or, for a user's module,
    from its own folder. Comments, docstrings and the layout of the code make no difference. A C file of a module's name
    is part of it. Functions that a module looks up in a `Registry` are not covered: each has a digest of its own.

    Example:
        >>> from spatialgraph.splits import SPLITS
        >>> code_of(SPLITS["greedy"]) == code_of(SPLITS["greedy-shared"])  # they are one module
        True
        >>> code_of(SPLITS["greedy"]) == code_of(SPLITS["spectral"])
        False
    """
    pending = [function.__module__ for function in functions]
    parts = {_digest_of_function(function) for function in functions if _file_of(function.__module__) is None}
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or _file_of(name) is None:
            continue
        seen.add(name)
        digest, uses = _module(name, _state(name))
        parts.add(digest)
        pending += uses
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the installed packages that numbers may depend on."""
    found = {package: _version(package) for package in _PACKAGES}
    return {package: number for package, number in found.items() if number is not None}


@cache
def _version(package: str) -> str | None:
    """Return the version of a package, None if it is not installed; it is looked up once, which reads several files."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _file_of(name: str) -> Path | None:
    """Return the source file of a module that is imported; None if it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file or not file.endswith(".py"):
        return None
    path = _as_path(file)
    return path if path.is_file() else None


# Files of modules are looked at a hundred times for each step that is asked for; most of it was to take paths apart.
_as_path = cache(Path)


def _state(name: str) -> tuple[int, ...]:
    """Return the times of change and the sizes of a module's files, which differ once they are edited."""
    numbers: list[int] = []
    for file in (_as_path(str(sys.modules[name].__file__)), _in_c(name)):
        with suppress(FileNotFoundError):
            found = file.stat()
            numbers += (found.st_mtime_ns, found.st_size)
    return tuple(numbers)


@cache
def _module(name: str, state: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a module, and the modules that it uses."""
    text, imports = _parsed(name, state)
    uses = tuple(sorted(set(_uses(sys.modules[name], imports)) - {name, _OWN}))
    content = hashlib.sha256(text.encode())
    if (in_c := _in_c(name)).is_file():
        content.update(in_c.read_bytes())
    return content.hexdigest(), uses


@cache
def _parsed(name: str, _: tuple[int, ...]) -> tuple[str, tuple[ast.Import | ast.ImportFrom, ...]]:
    """Return a module's code without comments, docstrings and layout, and what it imports."""
    tree = ast.parse(Path(str(_file_of(name))).read_bytes())
    imports = []
    for node in _statements(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        else:
            _leave_docstring_out(node)
    return ast.dump(tree), tuple(imports)


def _in_c(name: str) -> Path:
    """Return the file of what a module has in C, which need not be there."""
    return _as_path(f"{str(sys.modules[name].__file__).removesuffix('.py')}.c")


def _uses(module: ModuleType, imports: Iterable[ast.Import | ast.ImportFrom]) -> Iterator[str]:
    """Yield the names of the modules that define a module's imports, as far as they are followed."""
    is_package = hasattr(module, "__path__")
    package = module.__name__ if is_package else module.__name__.rpartition(".")[0]
    for node in imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_followed(module, alias.name))
        else:
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else str(node.module)
            if _is_followed(module, base):
                yield from _owners(base, [alias.name for alias in node.names], is_package=is_package)


def _owners(base: str, names: list[str], *, is_package: bool) -> Iterator[str]:
    """Yield the names of the modules that define the names imported from a module."""
    source = importlib.import_module(base)
    for name in names:
        value = getattr(source, name, None)
        if isinstance(value, ModuleType):
            if not is_package:  # a package imports modules that enter functions into a registry
                yield value.__name__
        elif not isinstance(value, Registry):
            owner = str(getattr(value, "__module__", "")) if callable(value) else ""
            yield owner if owner.partition(".")[0] == _OWN else _origin(source, name)


def _origin(module: ModuleType, name: str) -> str:
    """Return the module that defines a value without ``__module__``, which a package may import from its modules."""
    _, imports = _parsed(module.__name__, _state(module.__name__))
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.level and name in [alias.name for alias in node.names]:
            package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
            return resolve_name("." * node.level + (node.module or ""), package)
    return module.__name__


def _is_followed(module: ModuleType, name: str) -> bool:
    """Return whether an import is part of a module's code: it is in this project, or in the folder of a user's file."""
    if name.partition(".")[0] == _OWN:
        return True
    own, other = _file_of(module.__name__), _file_of(name)
    is_users = module.__name__.partition(".")[0] != _OWN
    return is_users and own is not None and other is not None and own.parent in other.parents


def _digest_of_function(function: Callable[..., Any]) -> str:
    """Return the digest of a function that is in no file, as in the cell of a notebook."""
    try:
        tree = ast.parse(inspect.cleandoc(inspect.getsource(function)))
        for node in _statements(tree):
            _leave_docstring_out(node)
        text = ast.dump(tree)
    except (OSError, TypeError, SyntaxError):
        code = function.__code__
        text = repr((code.co_code, code.co_names, [c for c in code.co_consts if isinstance(c, (int, float, str))]))
    return hashlib.sha256(text.encode()).hexdigest()


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree and all statements in it, not what they are made of: a tenth of what `ast.walk` yields."""
    pending = [tree]
    for node in pending:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending += getattr(node, part, ())


def _leave_docstring_out(node: ast.AST) -> None:
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
        match node.body[0]:
            case ast.Expr(ast.Constant(str())):
                node.body = node.body[1:]
