"""Ways to split a network into task modules: one function per method, all of them in `SPLITS`."""

from .split import SPLITS, NotApplicableError, Split

__all__ = ["SPLITS", "NotApplicableError", "Split"]
