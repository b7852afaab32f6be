"""What a metric is: a function, what it is of, and how its value is to be read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from ..graph.graph import Graph
from ..graph.split import Split
from ..registry import Registry, one_of
from ..runners.runner import Performance

Of = Literal["network", "split", "communities", "function"]
Better = Literal["high", "low", ""]


@dataclass(frozen=True)
class Measurement:
    """One number that a metric gives.

    Attributes:
        value: the number; its unit and range are the metric's.
        task: the name of the task that it is of, ``""`` if it is of all.
        part: the name of the layer or of the module (a task) that it is of, ``""`` if it is of all.
    """

    value: float
    task: str = ""
    part: str = ""


@dataclass(frozen=True)
class Facts:
    """What has to be known of a metric to compare its values.

    Attributes:
        of: what it is a measure of, and so what its function is given: ``"network"``: a `Graph`; ``"split"``: a
            `Graph` and a `Split`; ``"communities"``: the same, of a split whose method found communities;
            ``"function"``: a `Performance`.
        better: which values mean that a network is more modular: ``"high"``, ``"low"``, or ``""``: neither.
        weights: whether its value depends on the weights. One that does not is the same in every network that a null
            model makes by changing weights.
        bounds: the least and the largest value there may be.
    """

    of: Of
    better: Better
    weights: bool
    bounds: tuple[float, float]


Metric = Callable[..., "float | list[Measurement]"]
MetricFunction = TypeVar("MetricFunction", bound=Metric)

METRICS: Registry[Metric, Facts] = Registry("metric")
"""Every metric, by name."""

_SUBJECTS: dict[str, tuple[str, ...]] = {
    "network": ("graph",),
    "split": ("graph", "split"),
    "communities": ("graph", "split"),
    "function": ("performance",),
}


def metric(
    name: str, *, of: Of, better: Better, weights: bool, bounds: tuple[float, float]
) -> Callable[[MetricFunction], MetricFunction]:
    """Return a decorator that enters a function in `METRICS`, in any file.

    The function returns a number or a list of `Measurement`, or raises `NotApplicableError`.

    Args:
        name: the metric's name.
        of: what it is a measure of, as in `Facts`; the function's parameters are those it names.
        better: which values mean more modular, as in `Facts`.
        weights: whether its value depends on the weights.
        bounds: the least and the largest value there may be; ``inf`` where there is none.

    Raises:
        ValueError: there is a metric of this name, or what the decorator says does not fit the function.

    Example:
        >>> from spatialgraph.graph.planted import planted
        >>> @metric("heaviest", of="network", better="", weights=True, bounds=(0, float("inf")))
        ... def heaviest(graph):
        ...     '''Measure the largest strength of a connection, for this example.'''
        ...     return max(float(abs(connection.weight).max()) for connection in graph.split_connections)
        >>> 0.5 < measure("heaviest", planted(0.1)[0])[0].value < 1.5
        True
        >>> METRICS.forget("heaviest")
    """
    where = f"metric {name!r}"
    one_of(where, "of", of, _SUBJECTS)
    one_of(where, "better", better, get_args(Better))
    if not isinstance(weights, bool):
        raise ValueError(f"{where}: expected weights to be True or False, found {weights!r}")
    if not (len(bounds) == 2 and bounds[0] < bounds[1]):
        raise ValueError(f"{where}: expected bounds of two numbers, the least first, found {bounds!r}")

    def enter(function: MetricFunction) -> MetricFunction:
        METRICS.check(name, function)
        asked = tuple(inspect.signature(function).parameters)
        if asked != _SUBJECTS[of]:
            expected = ", ".join(_SUBJECTS[of])
            raise ValueError(f"{where}: expected the parameters {expected} of a metric of {of}, found {asked}")
        METRICS.register(name, Facts(of, better, weights, (float(bounds[0]), float(bounds[1]))))(function)
        return function

    return enter


def facts(name: str) -> Facts:
    """Return what has to be known of a metric to compare its values.

    Raises:
        ValueError: there is no such metric.

    Example:
        >>> import spatialgraph.metrics
        >>> facts("cut")
        Facts(of='split', better='low', weights=True, bounds=(0.0, 1.0))
    """
    return METRICS.facts(name)


def measure(name: str, *subject: Graph | Split | Performance) -> list[Measurement]:
    """Return what a metric measures as a list, also of a single number.

    Args:
        name: the metric's name.
        subject: what the function is given, as `Facts` says.

    Raises:
        NotApplicableError: the metric asks for something that is not there.
        ValueError: there is no such metric.
    """
    value = METRICS[name](*subject)
    return value if isinstance(value, list) else [Measurement(value)]
