"""The properties of a connection matrix that the draws of a null model keep, and how the draws are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..graph.graph import BoolArray, Connection, FloatArray, Graph, IntArray
from ..threads import one_product_thread

if TYPE_CHECKING:
    from scipy import sparse

DoubleArray = NDArray[np.float64]

NEAREST = 32
"""The decrease of strength with distance is piecewise, with knots beyond so many of the shortest connections, twice as
many, and so on: it is resolved best where connections are short, and strong."""

STRONGEST = 64
"""Residuals are shuffled among so many connections of the largest expected strengths, among as many that follow, then
among twice as many, and so on, because the distribution of residuals differs between strong and weak connections; many
of the weak ones may have been switched off by training."""

ROUNDS = 5
"""How often the distribution of the weights is restored in a draw, and after it the sums that it keeps."""

TRADES = 40
"""How often pairs of neurons trade connections, where some are absent."""

TOLERANCE = 1e-3
"""The error of a kept sum, relative to the largest, that ends the fitting of a draw."""

# Rounds of proportional fitting at most: for the expected strengths, within a draw, and at its end.
_EXPECTED, _WITHIN, _LAST = 1000, 3, 200

# So many rounds of a fit are one pair of factors; of a fit that keeps distances, so many for each round of distances,
# which takes ten times as long and settles sooner.
_FOLDED, _BALANCED = 16, 3

_TINY = np.finfo(np.float64).tiny

# Above this number of weights, the common part of draws is not cached: it would take several times their memory.
_CACHED = 2**20


@dataclass(frozen=True, eq=False)
class Lengths:
    """The distribution of a connection matrix's strength over distances.

    log f is a piecewise linear function of the distance. A connection between two knots therefore counts at both, more
    at the nearer one: the rows of ``weights`` add up to 1.

    Attributes:
        weights: ``(connections, knots)``, sparse: how much each connection counts at each knot, 0 to 1.
        transposed: the transpose, ``(knots, connections)``.
    """

    weights: sparse.csr_matrix
    transposed: sparse.csr_matrix

    @classmethod
    def of(cls, distance: DoubleArray, alive: BoolArray) -> Lengths:
        """Place knots at the shortest and the longest distance, and beyond the nearest 32, 64, 128 … connections.

        Args:
            distance: ``(connections,)``, at least 0.
            alive: ``(connections,)``, True for connections that may have strength; knots are placed among these.
        """
        ordered = np.sort(distance[alive])
        knots = np.unique(ordered[[0, *_doubled(NEAREST, len(ordered)), -1]])
        # Connections of nearly the same length have the same f: if two neurons lie on top of one another, it does not
        # matter which of them is nearer to a third.
        knots = knots[np.diff(knots, prepend=-np.inf) > 1e-3 * knots[-1]]
        place = np.clip(np.searchsorted(knots, distance, side="right") - 1, 0, max(len(knots) - 2, 0))
        if len(knots) == 1:
            near = np.zeros(len(distance))
        else:
            near = np.clip((distance - knots[place]) / (knots[place + 1] - knots[place]), 0, 1)
        from scipy import sparse

        rows = np.arange(len(distance))
        entries = np.concatenate([1 - near, near]), (np.tile(rows, 2), np.concatenate([place, place + (near > 0)]))
        weights = sparse.csr_matrix(entries, (len(distance), len(knots)))
        return cls(weights, weights.T.tocsr())

    def sums(self, strength: DoubleArray) -> DoubleArray:
        """Return the strength at each knot, ``(knots,)``."""
        return np.asarray(self.transposed @ strength.reshape(-1))

    def factors(self, log: DoubleArray) -> DoubleArray:
        """Return exp of a function that is linear between knots, ``(connections,)``, from its values at the knots."""
        return np.asarray(np.exp(self.weights @ log))


@dataclass(frozen=True, eq=False)
class Kept:
    """The common part of all draws of a connection matrix.

    Attributes:
        entering: ``(target units,)``, the summed absolute weights that enter each neuron.
        leaving: ``(source units,)``, the summed absolute weights that leave each neuron.
        lengths: how connections count at distances; None if draws keep no sums over distances, or keep them only on
            average because some connections are absent.
        at_lengths: ``(knots,)``, the strength at each distance; None if distances are not kept at all.
        weights: ``(connections present,)``, the weights other than 0, signed, in ascending order of their sizes.
        expected: ``(target units, source units)``, the strengths that follow from the kept sums alone.
        residual: ``(connections present,)``, strength / expected strength, in the order of `order`.
        order: ``(connections present,)``, the numbers of the connections, the largest expected strengths first.
        present: ``(target units, source units)``, True for connections with a weight other than 0.
        allowed: ``(target units, source units)``, True for connections that draws may have, see `possible`.
        is_whole: whether every allowed connection between neurons with strength is present.
        odds: ``(target units, source units)``, the log odds that each connection is present, given its length; None if
            distances are not kept, or if `is_whole`.
    """

    entering: DoubleArray
    leaving: DoubleArray
    lengths: Lengths | None
    at_lengths: DoubleArray | None
    weights: FloatArray
    expected: DoubleArray
    residual: DoubleArray
    order: IntArray
    present: BoolArray
    allowed: BoolArray
    is_whole: bool
    odds: DoubleArray | None


def possible(connection: Connection, weight: FloatArray) -> BoolArray:
    """Return the connections that draws may have, ``(target units, source units)``: all, with one exception.

    If a population is connected with itself but none of its units is, the architecture may rule out self-connections,
    and draws have none either.

    Example:
        >>> import numpy as np
        >>> own = Connection(0, 0, np.array([[0.0, 2.0], [1.0, 0.0]]))
        >>> possible(own, own.weight).tolist()
        [[False, True], [True, False]]
    """
    allowed = np.ones(weight.shape, bool)
    if connection.source == connection.target and not weight.diagonal().any():
        np.fill_diagonal(allowed, False)
    return allowed


def prepared(graph: Graph, connection: Connection, *, lengths: bool = False) -> Kept:
    """Return the common part of all draws of a connection matrix; it is cached unless the matrix is very large.

    Args:
        graph: the graph.
        connection: the connection.
        lengths: whether draws keep the decrease of strength with distance.
    """
    large = connection.shape[0] * connection.shape[1] > _CACHED
    return (_prepared.__wrapped__ if large else _prepared)(graph, connection, lengths)


@lru_cache(maxsize=16)  # for the connections of the graph that draws are made of
def _prepared(graph: Graph, connection: Connection, lengths: bool) -> Kept:
    weight = connection.weight
    strength = np.abs(weight, dtype=np.float64, order="C")
    entering, leaving = strength.sum(axis=1), strength.sum(axis=0)
    along = at = odds = None
    # A neuron without strength has none in draws: the expected strengths of its connections are 0.
    expected = np.outer(entering, leaving) / max(strength.sum(), _TINY)
    allowed = possible(connection, weight)
    expected[~allowed] = 0
    alive, present = expected > 0, strength > 0
    whole = bool((alive == present).all())
    if lengths and strength.any():
        from scipy.spatial.distance import cdist  # takes long to import

        points = [np.asarray(graph.populations[k].position, np.float64) for k in (connection.target, connection.source)]
        along = Lengths.of(cdist(*points).reshape(-1), alive.reshape(-1))
        at = along.sums(strength)
    if along is not None or not whole or not allowed.all():
        fitted = np.where(present, expected, 0.0)
        _fit(fitted, entering, leaving, along, at, _EXPECTED, TOLERANCE / 10, expected)
    if along is not None and not whole:
        odds = _log_odds(present, alive, along)
    size = strength[present]
    weights = weight[present][_order(size)]
    order = _strongest_first(expected, present)
    residual = strength.reshape(-1)[order] / expected.reshape(-1)[order]
    along = along if whole else None
    return Kept(entering, leaving, along, at, weights, expected, residual, order, present, allowed, whole, odds)


def _strongest_first(expected: DoubleArray, present: BoolArray) -> IntArray:
    """Return the numbers of the connections that are present, the largest expected strengths first."""
    places = np.flatnonzero(present)
    return places[_order(expected.reshape(-1)[places], largest_first=True)]


def _order(values: DoubleArray, *, largest_first: bool = False) -> IntArray:
    """Return the order of numbers that are at least 0, equal ones as they stand.

    Bits of such numbers are in the order of the numbers. The last ones, which no weight has, give way to the place:
    sorting the bits then takes a tenth to a third of the time of `argsort`, and numbers count as equal that differ in
    the bits beyond, by less than 2^-28 of themselves among 16 million.
    """
    places = (1 << max(len(values) - 1, 1).bit_length()) - 1
    bits = values.view(np.int64)
    keys = (~bits if largest_first else bits) & ~places
    keys |= np.arange(len(values))
    keys.sort()
    keys &= places
    return keys


def _log_odds(present: BoolArray, alive: BoolArray, lengths: Lengths) -> DoubleArray:
    """Return the log odds that each connection is present, from its length and its neurons' numbers of connections."""
    count = present.astype(np.float64)
    likely = alive.astype(np.float64)
    _fit(likely, count.sum(axis=1), count.sum(axis=0), lengths, lengths.sums(count), _EXPECTED, TOLERANCE)
    likely = np.clip(likely, 1e-9, 0.999)
    return np.asarray(np.log(likely / (1 - likely)))


def redrawn(kept: Kept, generator: np.random.Generator) -> FloatArray:
    """Draw new weights that have the same sums.

    Where all neurons are connected:

    1. The expected strengths are e_ij = a_i b_j, or a_i b_j f(d_ij), with all kept sums equal to those of the weights:
       the strengths that follow from these sums alone (quasi-Poisson regression with logarithmic link).
    2. The residuals |w_ij| / e_ij are shuffled among connections of about equal e_ij (see `STRONGEST`), and multiplied
       back.
    3. Two steps alternate, `ROUNDS` times. The connections get the weights of the network, in the order of their
       strengths. Then they are scaled by a factor for each neuron, and for each distance, until all sums are right:
       iterative proportional fitting ("On a least squares adjustment of a sampled frequency table when the expected
       marginal totals are known", Deming & Stephan 1940, doi:10.1214/aoms/1177731829).

    Where some connections are absent (weights of 0), the connections that are present are drawn first: every neuron
    keeps the number of its connections (`_rewired`). The decrease of strength with distance is then kept on average
    over draws, and not in each draw.

    Shuffling residuals alone counts the spread of the weights twice where neurons are unequal or weights skewed: draws
    are then too uneven or too even. The alternation in step 3 corrects this, as does that of "Improved surrogate data
    for nonlinearity tests", Schreiber & Schmitz 1996, doi:10.1103/PhysRevLett.77.635, for spectra and amplitudes.

    The sums are kept within `TOLERANCE` of the largest where the fit converges in 200 rounds. The weights are those of
    the network, except for the last scaling. Signs stay with their weights.

    Args:
        kept: the common part of the draws, see `prepared`.
        generator: shuffles and rewires.

    Returns:
        ``(target units, source units)``.
    """
    order = kept.order
    if not kept.is_whole:
        order = _strongest_first(kept.expected, _rewired(kept.present, kept.allowed, kept.odds, generator))
    residual = kept.residual.copy()
    for piece in np.split(residual, _doubled(STRONGEST, len(residual))):
        generator.shuffle(piece)
    strength = np.zeros(kept.expected.shape)
    strength.reshape(-1)[order] = kept.expected.reshape(-1)[order] * residual
    flat, places, sizes = strength.reshape(-1), np.sort(order), np.abs(kept.weights, dtype=np.float64)
    sums = kept.entering, kept.leaving, kept.lengths, kept.at_lengths
    for _ in range(ROUNDS):
        _fit(strength, *sums, _WITHIN, TOLERANCE)
        ranked = _order(flat) if len(places) == len(flat) else places[_order(flat[places])]
        flat[ranked] = sizes
    _fit(strength, *sums, _LAST, TOLERANCE)
    signed = np.zeros(len(flat), np.float32)
    signed[ranked] = kept.weights
    return np.copysign(strength, signed.reshape(strength.shape), dtype=np.float32, casting="same_kind")


def _rewired(
    present: BoolArray, allowed: BoolArray, odds: DoubleArray | None, generator: np.random.Generator
) -> BoolArray:
    """Draw which neurons are connected; every neuron keeps the number of its connections.

    Pairs of target neurons trade sources that only one of them has, one for one: "A fast and unbiased procedure to
    randomize ecological binary matrices with fixed row and column totals", Strona et al. 2014, doi:10.1038/ncomms5114.
    A trade is made with probability 1/2, or with the probability that follows from the odds of the connections before
    and after it (a heat bath), so that short connections stay likelier where they were.

    Args:
        present: ``(target units, source units)``, True for connections that are present.
        allowed: of the same shape, True for connections that may be present.
        odds: of the same shape, the log odds of each connection; None if all pairs are equally likely.
        generator: draws the trades.
    """
    from scipy.special import expit

    present = present.copy()
    half = len(present) // 2
    for _ in range(TRADES):
        one, other = np.split(generator.permutation(len(present))[: 2 * half], 2)
        mine = present[one] & ~present[other] & allowed[other]
        yours = present[other] & ~present[one] & allowed[one]
        key = generator.random(mine.shape)
        give, take = (np.argsort(np.where(which, key, 2.0), axis=1, kind="stable") for which in (mine, yours))
        pairs = np.minimum(mine.sum(axis=1), yours.sum(axis=1))
        gain = np.zeros(mine.shape)
        if odds is not None:
            left, right = one[:, None], other[:, None]
            gain = odds[left, take] + odds[right, give] - odds[left, give] - odds[right, take]
        traded = (np.arange(mine.shape[1]) < pairs[:, None]) & (generator.random(mine.shape) < expit(gain))
        pair, rank = np.nonzero(traded)
        given, taken = give[pair, rank], take[pair, rank]
        present[one[pair], given] = present[other[pair], taken] = False
        present[other[pair], given] = present[one[pair], taken] = True
    return present


def _fit(
    strength: DoubleArray,
    entering: DoubleArray,
    leaving: DoubleArray,
    lengths: Lengths | None,
    at_lengths: DoubleArray | None,
    rounds: int,
    tolerance: float,
    factors_of: DoubleArray | None = None,
) -> None:
    """Scale strengths in place until their sums are right, at most `rounds` times; scale `factors_of` alike."""
    scaled = [strength] if factors_of is None else [strength, factors_of]
    if lengths is None or at_lengths is None:
        # A few rounds at a time: where the sums cannot all be right, factors grow from round to round without end.
        for start in range(0, rounds, _FOLDED):
            if _balance(scaled, entering, leaving, min(_FOLDED, rounds - start), tolerance) <= tolerance:
                break
        return
    least, largest = _least(at_lengths), at_lengths.max()
    for _ in range(rounds):
        factors = _ratio(at_lengths, lengths.sums(strength), least, np.ones(len(least)))
        error = float((np.abs(factors - 1) * at_lengths).max() / largest)
        by_length = lengths.factors(np.log(np.maximum(factors, _TINY))).reshape(strength.shape)
        for matrix in scaled:
            matrix *= by_length
        if max(error, _balance(scaled, entering, leaving, _BALANCED, tolerance)) <= tolerance:
            break


def _balance(
    scaled: list[DoubleArray], entering: DoubleArray, leaving: DoubleArray, rounds: int, tolerance: float
) -> float:
    """Scale rows and columns in place until those of the first matrix have the sums that enter and leave neurons.

    Returns:
        how far sums of columns were off before they were scaled for the last time, relative to the largest.
    """
    strength, by_target, by_source = scaled[0], np.ones(len(entering)), np.ones(len(leaving))
    least_entering, least_leaving = _least(entering), _least(leaving)
    largest, error = max(leaving.max(initial=0), _TINY), np.inf
    with one_product_thread():
        for _ in range(rounds):
            sent = by_source * (by_target @ strength)
            error = float(np.abs(sent - leaving).max(initial=0) / largest)
            by_source *= _ratio(leaving, sent, least_leaving, np.zeros(len(leaving)))
            received = by_target * (strength @ by_source)
            by_target *= _ratio(entering, received, least_entering, np.zeros(len(entering)))
            if error <= tolerance:
                break
    for matrix in scaled:
        matrix *= by_source
        matrix *= by_target[:, None]
    return error


def _least(wanted: DoubleArray) -> DoubleArray:
    """Return the sums up to which sums are practically 0."""
    return 1e-200 * wanted + _TINY


def _ratio(wanted: DoubleArray, sums: DoubleArray, least: DoubleArray, without: DoubleArray) -> DoubleArray:
    """Return the scale factors that turn sums into the wanted sums, written into `without` where a sum is not 0."""
    return np.divide(wanted, sums, without, where=sums > least)


def _doubled(first: int, end: int) -> list[int]:
    """Return `first`, 2 · `first`, 4 · `first` …, as long as they are less than `end`."""
    return [first << k for k in range(max(0, end // first).bit_length()) if first << k < end]
