"""Make the library and the stages importable from this checkout, installed or not, by their names here: `train`."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(ROOT))


def stage(module: str) -> ModuleType:
    """Return a module of the training stage."""
    return importlib.import_module(f"train.{module}")
