"""Plugins: files and packages of others whose split methods, metrics, null models, strengths and figures are used here.

A plugin is any Python file with functions that a decorator enters (`split_method`, `metric`, `null_model`, `strength`,
`figure`). It is named on the command line (``--plugin mine.py``), or installed with an entry point in the group
``spatialgraph.plugins``. Only files that the user names, and packages that the user installed, are run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .registry import registries

GROUP = "spatialgraph.plugins"
"""The group of entry points by which installed packages are found."""

_PREFIX = "spatialgraph_plugin_"


def load(path: str | Path) -> ModuleType:
    """Import a plugin, once for its contents: a file that was changed is imported again, in place of what it was.

    Args:
        path: a Python file. Modules in its folder can be imported by it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be imported, or it enters a name that is taken; nothing of it stays.

    Example:
        >>> from tempfile import mkdtemp
        >>> from spatialgraph.splits import SPLITS
        >>> path = Path(mkdtemp()) / "mine.py"
        >>> _ = path.write_text('''
        ... from spatialgraph.splits import greedy, split_method
        ...
        ... @split_method("mine", sees="weights")
        ... def mine(graph):
        ...     "Do as greedy does, for this example."
        ...     return greedy.greedy(graph)
        ... ''')
        >>> module = load(path)
        >>> "mine" in SPLITS, module is load(path)
        (True, True)
        >>> unload(module)
        >>> "mine" in SPLITS
        False
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a plugin, a Python file, found {'a folder' if path.is_dir() else 'nothing'}"
        )
    source = path.read_bytes()
    name = f"{_PREFIX}{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    known = sys.modules.get(name)
    contents = hashlib.sha256(source).hexdigest()
    if known is not None and known.__dict__.get("__contents__") == contents:
        return known
    if known is not None:
        unload(known)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path}: expected a plugin, a Python file (*.py), found another file")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__contents__"] = contents
    sys.modules[name] = module
    try:
        with _importing_from(path.parent):
            # Not by the loader, which takes what it cached of a file for that of an edit of the same second and size.
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except BaseException as error:
        unload(module)
        if not isinstance(error, Exception):
            raise
        raise ValueError(f"{path}: expected a plugin that can be imported, found {reported(error, path)}") from error
    return module


def unload(module: ModuleType) -> None:
    """Take all that a plugin entered out again."""
    for registry in registries():
        for name in [name for name, function in registry.items() if function.__module__ == module.__name__]:
            registry.forget(name)
    sys.modules.pop(module.__name__, None)


@cache
def load_installed() -> tuple[str, ...]:
    """Import the plugins of installed packages, once; return their names.

    Raises:
        ValueError: one of them cannot be imported.
    """
    names = []
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            package = point.dist.name if point.dist else point.value
            raise ValueError(
                f"plugin {point.name!r} of package {package}: expected one that can be imported, found "
                f"{type(error).__name__}: {error}; uninstall or mend it"
            ) from error
        names.append(point.name)
    return tuple(names)


def load_all(paths: Iterable[str | Path]) -> None:
    """Import the plugins of installed packages, and those that are named."""
    load_installed()
    for path in paths:
        load(path)


def files_of(functions: Iterable[object]) -> tuple[Path, ...]:
    """Return the files of functions that are neither of this project nor of a package that is installed with a plugin.

    Another process must import them to know the functions.

    Raises:
        ValueError: a function is in no file, as in the cell of a notebook.
    """
    files: dict[Path, None] = {}
    for function in functions:
        module = sys.modules.get(getattr(function, "__module__", ""))
        name = getattr(module, "__name__", "")
        if name.partition(".")[0] == __package__ or name in _installed_modules():
            continue
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).is_file():
            what = getattr(function, "__name__", repr(function))
            raise ValueError(
                f"{what}: expected a function in a file, which other processes can import, found one in "
                f"{name or 'none'}: "
                "put it into a file, or use one process (jobs=1)"
            )
        files[Path(file).resolve()] = None
    return tuple(files)


def _installed_modules() -> set[str]:
    return {point.value.partition(":")[0] for point in entry_points(group=GROUP)}


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, as they can be by a script in it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def reported(error: Exception, path: Path) -> str:
    """Return what went wrong, in one line, with the line of the plugin."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    place = f" in line {line}" if line else ""
    return f"{type(error).__name__}{place}: {' '.join(str(error).split())}"
