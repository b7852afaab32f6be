"""The number of threads of linear algebra: one, so that numbers do not depend on the number of cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, lru_cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with linear algebra and OpenMP limited to one thread.

    The products of a block of examples are small, so that threads cost more than they save (ten times as much on two
    busy cores), and their number would affect the last bits. Run several networks at a time instead.
    """
    with _everything(len(sys.modules)).limit(limits=1):
        _WITHIN.append(1)
        try:
            yield
        finally:
            _WITHIN.pop()


# As many items as blocks of `one_thread` are being run.
_WITHIN: list[int] = []


@lru_cache(maxsize=1)
def _everything(_: int) -> ThreadpoolController:
    """Return the controller of all threads, cached until a module is imported, which may load a library with threads.

    The look-up reads all that the process has in memory, for several milliseconds.
    """
    return ThreadpoolController()


def one_product_thread() -> AbstractContextManager[object]:
    """Return a context in which NumPy's products run in one thread; entered in microseconds, for short sums."""
    # To limit those that run in one thread already would take longer than most sums.
    if _WITHIN or all(library.get_num_threads() == 1 for library in _blas().lib_controllers):
        return nullcontext()
    return _blas().limit(limits=1)  # type: ignore[no-any-return]


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of NumPy's threads, cached: the look-up takes longer than the sums of most networks."""
    return ThreadpoolController().select(user_api="blas")
