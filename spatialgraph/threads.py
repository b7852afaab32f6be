"""How many threads linear algebra runs in: one, so that numbers do not depend on how many cores there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController, threadpool_limits  # type: ignore[import-untyped, unused-ignore]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with linear algebra, and what OpenMP does, in one thread.

    The products of a block of examples are small, so that threads cost more than they bring (ten times as much on two
    busy cores), and how many there are would show in the last bits. Run several networks at a time instead.
    """
    with threadpool_limits(limits=1):
        yield


def one_product_thread() -> AbstractContextManager[object]:
    """Return a context in which NumPy's products run in one thread; entered in microseconds, for short sums."""
    return _blas().limit(limits=1)  # type: ignore[no-any-return]


@cache
def _blas() -> ThreadpoolController:
    """Return what limits the threads of NumPy's products; to look it up takes longer than the sums of most networks."""
    return ThreadpoolController().select(user_api="blas")
