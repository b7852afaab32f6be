"""The registry of metrics: each is a function with its subject and the meaning of its value."""

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
        task: the name of the task measured, ``""`` for all tasks.
        part: the name of the layer or of the module (a task) measured, ``""`` for all of them.
    """

    value: float
    task: str = ""
    part: str = ""


@dataclass(frozen=True)
class Facts:
    """The properties of a metric that comparisons of its values depend on.

    Attributes:
        of: the subject of the measure, and so the arguments of its function: ``"network"``: a `Graph`; ``"split"``: a
            `Graph` and a `Split`; ``"communities"``: the same, with a split whose method found communities;
            ``"function"``: a `Performance`.
        better: which values mean that a network is more modular: ``"high"``, ``"low"``, or ``""``: neither.
        weights: whether its value depends on the weights. A metric that does not depend on them has the same value on
            every draw of a null model that changes weights.
        bounds: the smallest and the largest possible value.
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
        of: the subject of the measure, as in `Facts`; it determines the function's parameters.
        better: which values mean more modular, as in `Facts`.
        weights: whether its value depends on the weights.
        bounds: the smallest and the largest possible value; ``inf`` where there is none.

    Raises:
        ValueError: there is a metric of this name, or the decorator's arguments do not fit the function.

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
    """Return the properties of a metric that comparisons of its values depend on.

    Raises:
        ValueError: there is no such metric.

    Example:
        >>> import spatialgraph.metrics
        >>> facts("cut")
        Facts(of='split', better='low', weights=True, bounds=(0.0, 1.0))
    """
    return METRICS.facts(name)


def measure(name: str, *subject: Graph | Split | Performance) -> list[Measurement]:
    """Return the measurements of a metric as a list, even if there is only one.

    Args:
        name: the metric's name.
        subject: the arguments of the function, see `Facts.of`.

    Raises:
        NotApplicableError: the subject lacks something that the metric needs.
        ValueError: there is no such metric.
    """
    value = METRICS[name](*subject)
    return value if isinstance(value, list) else [Measurement(value)]
