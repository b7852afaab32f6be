"""What a metric is: a function, what it is of, and how its value is to be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..graph.graph import Graph
from ..graph.split import Split
from ..registry import Registry
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
        of: what it is a measure of, and so what its function is given: ``"network"``: a `Network`; ``"split"``: a
            `Network` and a `Split`; ``"communities"``: the same, of a split whose method found communities;
            ``"function"``: a `Performance`.
        better: which values mean that a network is more modular: ``"high"``, ``"low"``, or ``""``: neither.
        weights: whether its value depends on the weights. One that does not is the same in every network that a null
            model makes by changing weights.
    """

    of: Of
    better: Better
    weights: bool


Metric = Callable[..., "float | list[Measurement]"]
MetricFunction = TypeVar("MetricFunction", bound=Metric)

METRICS: Registry[Metric] = Registry("metric")
"""Every metric, by name."""

_FACTS: dict[str, Facts] = {}


def metric(name: str, *, of: Of, better: Better, weights: bool) -> Callable[[MetricFunction], MetricFunction]:
    """Return a decorator that enters a function in `METRICS`.

    The function returns a number or a list of `Measurement`, or raises `NotApplicableError`.

    Args:
        name: the metric's name.
        of: what it is a measure of, as in `Facts`.
        better: which values mean more modular, as in `Facts`.
        weights: whether its value depends on the weights.

    Raises:
        ValueError: there is a metric of this name.
    """

    def enter(function: MetricFunction) -> MetricFunction:
        METRICS.register(name)(function)
        _FACTS[name] = Facts(of, better, weights)
        return function

    return enter


def facts(name: str) -> Facts:
    """Return what has to be known of a metric to compare its values.

    Raises:
        ValueError: there is no such metric.

    Example:
        >>> import spatialgraph.metrics
        >>> facts("cut")
        Facts(of='split', better='low', weights=True)
    """
    METRICS[name]
    return _FACTS[name]


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
