"""How well two classifications of the same things agree, from the table that counts each pair of classes.

The numbers are those of scikit-learn, whose functions check their arguments for longer than they count a few hundred
neurons, and hundreds of random graphs are measured.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .graph.graph import DoubleArray, IntArray


def contingency(one: NDArray[np.integer], other: NDArray[np.integer]) -> IntArray:
    """Count the things of each class of one classification and each of the other.

    Args:
        one: ``(things,)``, the number of each thing's class, at least 0.
        other: the same of the other classification.

    Returns:
        ``(classes, classes)``.

    Example:
        >>> contingency(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist()
        [[1, 1], [0, 1]]
    """
    shape = one.max(initial=-1) + 1, other.max(initial=-1) + 1
    return np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)


def adjusted_rand(table: IntArray) -> float:
    """Return the share of pairs on which two classifications agree, corrected for chance: the adjusted Rand index.

    1 for equal classes, 0 by chance, at least −0.5. "Comparing partitions", Hubert & Arabie 1985,
    doi:10.1007/BF01908075, as a ratio of whole numbers of pairs.

    Args:
        table: ``(classes, classes)``, of `contingency`.

    Example:
        >>> adjusted_rand(np.array([[1, 1], [1, 1]]))
        -0.5
    """
    squares = int((table**2).sum())
    rows, columns = (int((table.sum(axis=axis) ** 2).sum()) for axis in (1, 0))
    things = int(table.sum())
    # Ordered pairs that are together in both, in the one alone, in the other alone, and in neither.
    both, one, other = squares - things, rows - squares, columns - squares
    neither = things**2 - both - one - other - things
    if not one and not other:
        return 1.0
    expected = (both + one) * (one + neither) + (both + other) * (other + neither)
    return 2 * (both * neither - one * other) / expected


def adjusted_mutual_information(table: IntArray) -> float:
    """Return the information that two classifications share, corrected for chance.

    AMI = (I − E[I]) / (mean(H₁, H₂) − E[I]),  I the mutual information, H₁ and H₂ the entropies, E[I] the expected
    mutual information for classes of these sizes: "Information theoretic measures for clusterings comparison", Vinh,
    Epps & Bailey 2010, Journal of Machine Learning Research 11. 1 for equal classes, 0 by chance. Two classifications
    of one class each are equal.

    Args:
        table: ``(classes, classes)``, of `contingency`; of at least one thing.

    Example:
        >>> adjusted_mutual_information(np.array([[2, 0], [0, 1]]))
        1.0
    """
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if table.shape == (1, 1):
        return 1.0
    sizes, others, things = table.sum(axis=1), table.sum(axis=0), int(table.sum())
    own, theirs = entropy(sizes), entropy(others)
    mutual = own + theirs - entropy(table.ravel())
    expected = _expected_information(sizes, others, things)
    room, least = (own + theirs) / 2 - expected, float(np.finfo(np.float64).eps)
    if abs(mutual - (own + theirs) / 2) < 1e-12:
        return 1.0  # equal classes, without rounding
    return (mutual - expected) / (min(room, -least) if room < 0 else max(room, least))


def _expected_information(sizes: IntArray, others: IntArray, things: int) -> float:
    """Return the mean mutual information over all ways to classify things into classes of these sizes, in nats.

    Σ over two classes of sizes a and b, and over the number n of things that they share, of  n/N log(N n / (a b))
    times the hypergeometric probability of n.
    """
    from scipy.special import gammaln  # scipy takes half of the time that the command line takes to start

    log_factorial = gammaln(np.arange(things + 1) + 1.0)
    total = 0.0
    for (a, many), (b, as_many) in ((x, y) for x in _counted(sizes) for y in _counted(others)):
        shared = np.arange(max(1, a + b - things), min(a, b) + 1)
        parts = (shared, a - shared, b - shared, things - a - b + shared)
        log_ways = log_factorial[[a, b, things - a, things - b]].sum() - log_factorial[things]
        probability = np.exp(log_ways - sum(log_factorial[part] for part in parts))
        information = shared / things * np.log(things * shared / (a * b))
        total += many * as_many * float((probability * information).sum())
    return total


def _counted(sizes: IntArray) -> list[tuple[int, int]]:
    """Return the different sizes, and how many classes have each."""
    different, count = np.unique(sizes, return_counts=True)
    return list(zip(different.tolist(), count.tolist(), strict=True))


def entropy(sizes: NDArray[np.integer] | DoubleArray) -> float:
    """Return the entropy of classes of these sizes in nats; exactly 0 of one class, and whatever their order."""
    share = sizes[sizes > 0] / sizes.sum()
    return abs(math.fsum((share * np.log(share)).tolist()))
