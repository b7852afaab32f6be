"""What the draws of a null model keep of a connection matrix, and how they are made to keep it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.special import expit

from ..graph.graph import BoolArray, Connection, FloatArray, Graph, IntArray

DoubleArray = NDArray[np.float64]

NEAREST = 32
"""The fall of strength with distance has knots beyond so many of the shortest connections, twice as many, and so on:
where connections are short, and strong, it is known most exactly."""

STRONGEST = 64
"""Residuals are shuffled among so many connections of the largest expected strengths, among as many that follow, then
twice as many, and so on: how far strengths lie from what is expected differs between strong and weak ones, most of
which training may have switched off."""

ROUNDS = 5
"""How often a draw is given back the distribution of the weights, and then the sums that it keeps."""

TRADES = 40
"""How often pairs of neurons trade connections, where some are absent."""

TOLERANCE = 1e-3
"""The error of a kept sum, relative to the largest, that ends the fitting of a draw."""

# Rounds of proportional fitting at most: for the expected strengths, within a draw, and at its end.
_EXPECTED, _WITHIN, _LAST = 1000, 3, 200

_TINY = np.finfo(np.float64).tiny

# Of more weights than this what draws have in common is not kept: it would take several times their memory.
_CACHED = 2**20


@dataclass(frozen=True, eq=False)
class Lengths:
    """How the strength of a connection matrix is spread over distances.

    log f is a piecewise linear function of the distance, so that the connections between two knots count at both of
    them, in proportion to their nearness: the rows of ``weights`` add up to 1.

    Attributes:
        weights: ``(connections, knots)``, sparse: how much each connection counts at each knot, 0 to 1.
        transposed: the same, ``(knots, connections)``.
    """

    weights: sparse.csr_matrix
    transposed: sparse.csr_matrix

    @classmethod
    def of(cls, distance: DoubleArray, alive: BoolArray) -> Lengths:
        """Place knots at the shortest and the longest distance, and beyond the nearest 32, 64, 128 … connections.

        Args:
            distance: ``(connections,)``, at least 0.
            alive: ``(connections,)``, which of them may have strength; knots are placed among those.
        """
        ordered = np.sort(distance[alive])
        knots = np.unique(ordered[[0, *_doubled(NEAREST, len(ordered)), -1]])
        # Connections of nearly the same length have the same f: which of two neurons on top of one another is nearer
        # to a third says nothing.
        knots = knots[np.diff(knots, prepend=-np.inf) > 1e-3 * knots[-1]]
        place = np.clip(np.searchsorted(knots, distance, side="right") - 1, 0, max(len(knots) - 2, 0))
        if len(knots) == 1:
            near = np.zeros(len(distance))
        else:
            near = np.clip((distance - knots[place]) / (knots[place + 1] - knots[place]), 0, 1)
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
    """What the draws of a connection matrix have in common.

    Attributes:
        entering: ``(target units,)``, the summed sizes of the weights that enter each neuron.
        leaving: ``(source units,)``, of those that leave each.
        lengths: how connections count at distances, or None if distances are not kept.
        at_lengths: ``(knots,)``, the strength at each distance, None with `lengths`.
        weights: ``(connections present,)``, the weights other than 0, signed, in the order of their sizes.
        expected: ``(target units, source units)``, the strengths that follow from what is kept.
        residual: ``(connections present,)``, strength / expected strength, of the largest expected strengths first.
        order: ``(connections present,)``, the numbers of the connections, the largest expected strengths first.
        present: ``(target units, source units)``, which connections have a weight other than 0.
        allowed: ``(target units, source units)``, which connections draws may have, see `possible`.
        is_whole: whether all connections have, between neurons that have any strength.
        odds: how likely each is, as the logarithm of odds; None with `lengths`, or if `is_whole`.
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
    """Return which connections draws may have, ``(target units, source units)``: all, but for one case.

    Where a population is connected with itself and no unit with itself, that no unit is may be how the network was
    built, and its draws have no such connection either.

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
    """Return what the draws of a connection matrix have in common; kept from draw to draw unless it is very large.

    Args:
        graph: the graph.
        connection: the connection.
        lengths: whether draws keep how strength falls with distance.
    """
    large = connection.shape[0] * connection.shape[1] > _CACHED
    return (_prepared.__wrapped__ if large else _prepared)(graph, connection, lengths)


@lru_cache(maxsize=16)  # the connections of the graph whose null models are drawn
def _prepared(graph: Graph, connection: Connection, lengths: bool) -> Kept:
    weight = connection.weight
    strength = np.abs(weight, dtype=np.float64, order="C")
    entering, leaving = strength.sum(axis=1), strength.sum(axis=0)
    along = at = odds = None
    # Every neuron without strength stays so: its connections are expected to have none.
    expected = np.outer(entering, leaving) / max(strength.sum(), _TINY)
    allowed = possible(connection, weight)
    expected[~allowed] = 0
    alive, present = expected > 0, strength > 0
    whole = bool((alive == present).all())
    if lengths and strength.any():
        points = [np.asarray(graph.populations[k].position, np.float64) for k in (connection.target, connection.source)]
        along = Lengths.of(cdist(*points).reshape(-1), alive.reshape(-1))
        at = along.sums(strength)
    if along is not None or not whole or not allowed.all():
        found = np.where(present, expected, 0.0)
        _fit(found, entering, leaving, along, at, _EXPECTED, TOLERANCE / 10, expected)
    if along is not None and not whole:
        odds = _log_odds(present, alive, along)
    size = strength[present]
    weights = weight[present][np.argsort(size, kind="stable")]
    order = _strongest_first(expected, present)
    residual = strength.reshape(-1)[order] / expected.reshape(-1)[order]
    along = along if whole else None
    return Kept(entering, leaving, along, at, weights, expected, residual, order, present, allowed, whole, odds)


def _strongest_first(expected: DoubleArray, present: BoolArray) -> IntArray:
    """Return the numbers of the connections that are there, the largest expected strengths first."""
    places = np.flatnonzero(present)
    return places[np.argsort(-expected.reshape(-1)[places], kind="stable")]


def _log_odds(present: BoolArray, alive: BoolArray, lengths: Lengths) -> DoubleArray:
    """Return how likely each connection is there, as log odds, from the numbers of neurons' connections and lengths."""
    count = present.astype(np.float64)
    likely = alive.astype(np.float64)
    _fit(likely, count.sum(axis=1), count.sum(axis=0), lengths, lengths.sums(count), _EXPECTED, TOLERANCE)
    likely = np.clip(likely, 1e-9, 0.999)
    return np.asarray(np.log(likely / (1 - likely)))


def redrawn(kept: Kept, generator: np.random.Generator) -> FloatArray:
    """Draw other weights that have the same sums.

    Where all neurons are connected:

    1. The expected strengths are e_ij = a_i b_j, or a_i b_j f(d_ij), such that all sums that are kept are right: the
       strengths that say no more than those sums (quasi-Poisson regression with logarithmic link).
    2. The residuals |w_ij| / e_ij are shuffled among connections of about equal e_ij (see `STRONGEST`), and multiplied
       back.
    3. In turns, `ROUNDS` times, connections are given the weights of the network in the order of their strengths, and
       are scaled by factors for each neuron, and for each distance, until all sums are right: iterative proportional
       fitting ("On a least squares adjustment of a sampled frequency table when the expected marginal totals are
       known", Deming & Stephan 1940, doi:10.1214/aoms/1177731829).

    Where some are not (weights of 0), which are connected is drawn first: every neuron keeps the number of its
    connections (`_rewired`). How strength falls with distance is then kept on average over draws, and not in each.

    Shuffling residuals alone counts the spread of the weights twice where neurons are unequal or weights skewed: draws
    are then too uneven or too even. The turns of step 3 mend that, as those of "Improved surrogate data for
    nonlinearity tests", Schreiber & Schmitz 1996, doi:10.1103/PhysRevLett.77.635, do for spectra and amplitudes.

    The sums are kept within `TOLERANCE` of the largest where a solution is found in 200 rounds; the weights are those
    of the network, but for the last scaling. Signs go with their weights.

    Args:
        kept: of the connection.
        generator: of the shuffle.

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
    places = np.sort(order)
    signed = np.zeros(strength.size, np.float32)
    sums = kept.entering, kept.leaving, kept.lengths, kept.at_lengths
    for _ in range(ROUNDS):
        _fit(strength, *sums, _WITHIN, TOLERANCE)
        signed[places[np.argsort(strength.reshape(-1)[places], kind="stable")]] = kept.weights
        np.abs(signed.reshape(strength.shape), out=strength)
    _fit(strength, *sums, _LAST, TOLERANCE)
    return np.copysign(strength, signed.reshape(strength.shape), dtype=np.float32, casting="same_kind")


def _rewired(
    present: BoolArray, allowed: BoolArray, odds: DoubleArray | None, generator: np.random.Generator
) -> BoolArray:
    """Draw which neurons are connected, such that every neuron keeps the number of its connections.

    Pairs of target neurons trade sources that one of them has and the other has not, one for one: "A fast and unbiased
    procedure to randomize ecological binary matrices with fixed row and column totals", Strona et al. 2014,
    doi:10.1038/ncomms5114. A trade is made with probability 1/2, or as the odds of the connections before and after it
    ask (a heat bath), so that where connections are likelier if they are short they stay so.

    Args:
        present: ``(target units, source units)``, which connections there are.
        allowed: of the same shape, which connections there may be.
        odds: of the same shape, the logarithm of the odds of each, or None if all pairs are equally likely.
        generator: of the trades.
    """
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
    """Scale strengths in place until their sums are right, or for so many rounds; another matrix by equal factors."""
    scaled = [strength] if factors_of is None else [strength, factors_of]
    for _ in range(rounds):
        error = 0.0
        if lengths is not None and at_lengths is not None:
            factors = _ratio(at_lengths, lengths.sums(strength), 1.0)
            error = float((np.abs(factors - 1) * at_lengths).max() / at_lengths.max())
            by_length = lengths.factors(np.log(np.maximum(factors, _TINY))).reshape(strength.shape)
            for matrix in scaled:
                matrix *= by_length
        found = strength.sum(axis=0)
        error = max(error, float(np.abs(found - leaving).max(initial=0) / max(leaving.max(initial=0), _TINY)))
        by_source = _ratio(leaving, found, 0.0)
        for matrix in scaled:
            matrix *= by_source
        by_target = _ratio(entering, strength.sum(axis=1), 0.0)[:, None]
        for matrix in scaled:
            matrix *= by_target
        if error <= tolerance:
            break


def _ratio(wanted: DoubleArray, found: DoubleArray, without: float) -> DoubleArray:
    """Return the factors that turn the sums found into those wanted; another number where next to nothing is found."""
    return np.divide(wanted, found, out=np.full_like(wanted, without), where=found > 1e-200 * wanted + _TINY)


def _doubled(first: int, end: int) -> list[int]:
    """Return first, twice first, four times first … as long as they are less than the end."""
    return [first << k for k in range(max(0, end // first).bit_length()) if first << k < end]
