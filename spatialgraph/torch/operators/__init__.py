"""What each operator of a traced model does to the units of its graph, one function for each, all in `OPERATORS`.

A new operator is one function with ``@operator("aten.name.overload")``, in any file. It is called with a `Place` and
the arguments of the operator, and returns the `Value` that the operator makes.
"""

from __future__ import annotations

from ..table import OPERATORS, operator

# Imported to enter their operators in `OPERATORS`.
from . import shapes, linear, elementwise, attention, recurrent  # isort: skip

__all__ = ["OPERATORS", "attention", "elementwise", "linear", "operator", "recurrent", "shapes"]
