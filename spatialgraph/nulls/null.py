"""Null models: what a measure is worth by chance.

A null model draws networks that keep some property of a network and are random otherwise. A measure is then compared
with its values on the draws, on each of which a split method that sees weights is run again: what an optimum is worth
is known only beside other optima. Each null model is one function with ``@NULLS.register("name")``; `random_splits`
(`spatialgraph.splits.random`) draws splits instead, for what is measured by masking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from .network import Connection, FloatArray, IntArray, MadeConnection, Network, NotApplicableError
from .registry import Registry

Null = Callable[[Network, Connection, np.random.Generator], FloatArray]

NULLS: Registry[Null] = Registry("null model")
"""Every null model that draws weights, by name: a function of a network, one of its connections and a generator that
returns other weights for the connection, ``(target units, source units)``, or raises `NotApplicableError`."""

UNTRAINED, RANDOM_SPLIT = "untrained", "random-split"
"""The null models that are no functions of weights: the network before training, and random splits of equal sizes."""

BIN = 16
"""Connections in a bin of the null model ``distance``. Within a bin a weight still depends a little on distance, so
bins must be small to leave nothing of geometry out (with 16 the p-values of purely geometric networks are uniform), and
large enough to leave something to shuffle."""

# A draw of more weights than this is made connection by connection, whenever a connection is looked at.
_HELD = 2**24

# The order by distance of more connections than this is not kept.
_ORDERED = 2**20

# Iterative proportional fitting: rounds at most, and the relative error of a strength at which it may stop.
_ROUNDS, _TOLERANCE = 50, 1e-3

Tail = Literal["high", "low", ""]


@dataclass(frozen=True)
class Chance:
    """A value beside its values under a null model.

    Attributes:
        value: what was measured.
        draws: how many draws of the null model could be measured.
        mean: the mean over the draws, nan if there is none.
        sd: the sample standard deviation over the draws, nan if there are fewer than two.
        z: (value − mean) / sd, nan where that has no value.
        p: the share of draws that are at least as extreme, the value itself counted; nan without draws.
    """

    value: float
    draws: int
    mean: float
    sd: float
    z: float
    p: float


def draw(null: str, network: Network, seed: int | Sequence[int]) -> Network:
    """Draw a network from a null model: its split connections have other weights, everything else is as it was.

    The same seed gives the same weights. A large network's weights are made whenever they are looked at and not kept,
    so that a draw takes the memory of one connection.

    Args:
        null: a name in `NULLS`.
        network: the network.
        seed: of the draw: a number, or several.

    Returns:
        The network drawn; it cannot be run, since its weights were not trained together.

    Raises:
        NotApplicableError: the network lacks what the null model keeps, or has no split connections.
        ValueError: there is no such null model.

    Example:
        >>> from spatialgraph.network import Layer
        >>> layers = (Layer("hidden", 2, split=True), Layer("output", 2, split=True))
        >>> network = Network(layers, (Connection(0, 1, [[1.0, 2.0], [3.0, 4.0]]),), [0, 1], {"tasks": ["a", "b"]})
        >>> draw("shuffle", network, seed=0).connections[0].weight.tolist()
        [[3.0, 1.0], [2.0, 4.0]]
    """
    function = NULLS[null]
    require_for(null, network)
    parts = [seed] if isinstance(seed, int) else list(seed)
    small = sum(connection.shape[0] * connection.shape[1] for connection in network.split_connections) <= _HELD

    def drawn(number: int, connection: Connection) -> Connection:
        if connection not in network.split_connections:
            return connection
        # The generator is made with the weights: whenever they are made, they are the same.
        make = partial(_weights, function, network, connection, (*parts, number))
        if small:
            return Connection(connection.source, connection.target, make())
        return MadeConnection(connection.source, connection.target, connection.shape, make)

    connections = tuple(drawn(number, connection) for number, connection in enumerate(network.connections))
    return dataclasses.replace(network, connections=connections, executable=False)


def _weights(function: Null, network: Network, connection: Connection, seed: tuple[int, ...]) -> FloatArray:
    return function(network, connection, np.random.default_rng(seed))


def require_for(null: str, network: Network) -> None:
    """Raise NotApplicableError unless a network has what a null model changes, and what it keeps."""
    if not network.split_connections:
        raise NotApplicableError(
            f"null model {null!r}: expected connected split layers in {network.name!r}, found none"
        )
    if null == "distance" and not network.has_positions:
        raise NotApplicableError(
            f"null model 'distance': expected positions in every split layer of {network.name!r}, found none"
        )


@NULLS.register("shuffle")
def shuffle(network: Network, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle the weights of a connection matrix: only their distribution is kept.

    Every order is equally likely. What it does not keep can make a measure differ without any module: the neurons'
    strengths, and that near neurons are connected more strongly; it calls every spatial network modular.

    Args:
        network: the network.
        connection: the connection.
        generator: of the order.
    """
    weight = np.array(connection.weight)
    generator.shuffle(weight.reshape(-1))
    return weight


@NULLS.register("strength")
def strength(network: Network, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle the weights of a connection matrix, then scale rows and columns until neurons have their strengths.

    w'_ij = a_i b_j w_π(ij), a and b ≥ 0 such that Σ_j |w'_ij| and Σ_i |w'_ij| are those of the network: iterative
    proportional fitting ("On a least squares adjustment of a sampled frequency table when the expected marginal totals
    are known", Deming & Stephan 1940, doi:10.1214/aoms/1177731829), stopped when every strength is within 0.1 %, or
    after 50 rounds, so that strengths are kept roughly where many weights are 0. Signs go with their weights. What is
    left of a measure is not due to some neurons being strong, as in "Weight-conserving characterization of complex
    functional brain networks", Rubinov & Sporns 2011, doi:10.1016/j.neuroimage.2011.03.069.

    Args:
        network: the network.
        connection: the connection.
        generator: of the order.
    """
    kept = np.abs(connection.weight)
    entering, leaving = kept.sum(axis=1, dtype=np.float64), kept.sum(axis=0, dtype=np.float64)
    weight = shuffle(network, connection, generator)
    # In float64: where zeros leave no solution, factors grow without bound while their products do not.
    shuffled = np.abs(weight, dtype=np.float64)
    rows, columns = np.ones(len(entering)), np.ones(len(leaving))
    for _ in range(_ROUNDS):
        rows = _ratio(entering, shuffled @ columns)
        found = rows @ shuffled
        error = np.abs(columns * found - leaving).max(initial=0)
        columns = _ratio(leaving, found)
        if error <= _TOLERANCE * leaving.max(initial=0):
            break
    shuffled *= rows[:, None]
    shuffled *= columns
    return np.copysign(shuffled, weight, dtype=np.float32, casting="same_kind")


def _ratio(wanted: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the factors that make what is found what is wanted; 0 where nothing is found."""
    return np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)


@NULLS.register("distance")
def distance(network: Network, connection: Connection, generator: np.random.Generator) -> FloatArray:
    """Shuffle the weights of a connection matrix among connections of nearly the same length.

    The connections are sorted by the distance between their neurons and shuffled within bins of 16, so that how weight
    falls with distance is kept: what is left of a measure is beyond geometry. Spatial null models are reviewed in
    "Comparing spatial null models for brain maps", Markello & Misic 2021, doi:10.1016/j.neuroimage.2021.118052; random
    networks that keep weight and length together are those of "Cost-efficient clustering", Roberts et al. 2016,
    doi:10.1016/j.neuroimage.2015.09.009.

    Args:
        network: the network.
        connection: the connection.
        generator: of the orders.

    Raises:
        NotApplicableError: a split layer has no positions.
    """
    require_for("distance", network)
    # Kept from draw to draw, unless it would take twice the memory of the weights it orders.
    large = connection.shape[0] * connection.shape[1] > _ORDERED
    by_distance = _by_distance.__wrapped__ if large else _by_distance
    order = by_distance(network, connection.source, connection.target)
    weight = connection.weight.reshape(-1)[order]
    whole = len(weight) - len(weight) % BIN
    bins = weight[:whole].reshape(-1, BIN)
    generator.permuted(bins, axis=1, out=bins)
    generator.shuffle(weight[whole:])
    result = np.empty_like(weight)
    result[order] = weight
    return result.reshape(connection.shape)


@lru_cache(maxsize=8)  # the connections of the network whose nulls are drawn
def _by_distance(network: Network, source: int, target: int) -> IntArray:
    """Return the numbers of the connections between two layers, ``(target units · source units,)``, by their length."""
    points = [np.asarray(network.layers[k].position, np.float64) for k in (target, source)]
    return np.argsort(cdist(*points), axis=None, kind="stable")


def chance(value: float, drawn: NDArray[np.float64], tail: Tail) -> Chance:
    """Compare a value with its values under a null model.

    p = (b + 1) / (m + 1), b the number of the m draws that are at least as extreme as the value, ties counted:
    "Permutation p-values should never be zero", Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.

    Args:
        value: what was measured.
        drawn: ``(draws,)``, the same under the null model; draws that could not be measured are nan.
        tail: which values are extreme: ``"high"``, ``"low"``, or ``""`` for both, then p is twice that of the nearer
            tail, at most 1.

    Example:
        >>> round(chance(3.0, np.array([0.0, 1.0, 2.0, 3.0]), "high").p, 3)  # 3.0 is a tie
        0.4
    """
    drawn = drawn[np.isfinite(drawn)]
    draws = len(drawn)
    mean = float(drawn.mean()) if draws else np.nan
    sd = float(drawn.std(ddof=1)) if draws > 1 else np.nan
    # The spread of equal numbers is rounding.
    z = (value - mean) / sd if sd > 1e-12 * max(1.0, abs(mean)) else np.nan
    shares: dict[str, float] = {
        "high": (np.count_nonzero(drawn >= value) + 1) / (draws + 1),
        "low": (np.count_nonzero(drawn <= value) + 1) / (draws + 1),
    }
    shares[""] = min(1.0, 2 * min(shares["high"], shares["low"]))
    known = draws > 0 and bool(np.isfinite(value))
    return Chance(float(value), draws, mean, sd, float(z), float(shares[tail]) if known else np.nan)
