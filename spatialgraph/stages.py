"""The stages, train and analyses: the library imports one when its work is asked for, and never before."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def stage(module: str) -> Any:
    """Import a module of a stage: from the installed package, or from a checkout that is not installed.

    Args:
        module: for example ``"analyses.scoring"``.

    Raises:
        RuntimeError: the stage needs a package that is not installed; the message says which.

    Example:
        >>> stage("analyses.columns").FULL
        'none'
    """
    try:
        return importlib.import_module(f"{__package__}.{module}")
    except ModuleNotFoundError as error:
        name = module.split(".")[0]
        if error.name == f"{__package__}.{name}":
            sys.path.insert(0, str(Path(__file__).parents[1]))
            return importlib.import_module(module)
        if name == "train" and error.name in ("torch", "torchvision", "attrs", "PIL"):
            hint = 'pip install "spatialgraph[train]"'
            raise RuntimeError(f"training needs the package {error.name!r}, found none: {hint}") from None
        raise
