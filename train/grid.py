"""The networks of an experiment: every combination of its settings, their names, and the batches they train in."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from .settings import Experiment

GRID: Mapping[str, str] = MappingProxyType({"transport": "α", "density": "β", "learning_rate": "η"})
"""The settings that may be lists, each with its symbol in the label of a kind."""

_COSTS = ("transport", "density")  # a regular network pays neither, whatever the grid says


@attrs.frozen(kw_only=True)
class Member:
    """One network of a batch: the settings that distinguish it from the others.

    Attributes:
        name: unique in the run; also the name of its file.
        kind: the condition that networks with other seeds repeat: ``regular`` or ``spatial``, followed by the settings
            in the network's name, such as ``spatial α=0.5``.
        seed: determines the initial weights, the initial positions and the order of examples.
        transport: α.
        density: β.
        learning_rate: of Adam.
    """

    name: str
    kind: str
    seed: int
    transport: float
    density: float
    learning_rate: float

    @property
    def penalised(self) -> bool:
        """Whether the network pays any cost."""
        return self.transport > 0 or self.density > 0


@attrs.frozen
class Batch:
    """Networks of one shape, trained together.

    Attributes:
        inputs: the input mode.
        members: the networks; those that pay costs come first, and those with the same learning rate are adjacent.
    """

    inputs: str
    members: tuple[Member, ...]


def values_of(experiment: Experiment, setting: str) -> tuple[float, ...]:
    """Return the values of a setting in `GRID`: its list, or a single number as a tuple."""
    value = getattr(experiment, setting)
    return value if isinstance(value, tuple) else (value,)


def unnamed_in(experiment: Experiment) -> dict[str, float]:
    """Return the settings that names leave out in a run that begins with this experiment: those that are not lists.

    Example:
        >>> unnamed_in(Experiment(tasks=["digits", "letters"], transport=[0.5, 1]))
        {'density': 3.0, 'learning_rate': 0.005}
    """
    return {name: getattr(experiment, name) for name in GRID if not isinstance(getattr(experiment, name), tuple)}


def batches_of(experiment: Experiment, unnamed: Mapping[str, float] | None = None) -> list[Batch]:
    """Return the networks to train, one batch for each input mode: its networks have the same shape.

    A name contains the settings of `GRID` that differ from the run's defaults. If a setting was a number when the run
    began, that number remains its default for ever; if it was a list, it has no default. The name of a network thus
    depends on no other network, and networks that are added to a run later rename nothing.

    Args:
        experiment: the settings.
        unnamed: the run's defaults by setting, which names leave out (`unnamed_in` the experiment that the run began
            with); None for a run that begins with this experiment.

    Example:
        >>> experiment = Experiment(tasks=["digits", "letters"], seeds=[0], inputs=["mix"], transport=[0.5, 1])
        >>> [member.name for member in batches_of(experiment)[0].members]
        ['mix-spatial-transport0.5-0', 'mix-spatial-transport1-0', 'mix-regular-0']
        >>> [member.kind for member in batches_of(experiment)[0].members]
        ['spatial α=0.5', 'spatial α=1', 'regular']
        >>> began = {"transport": 1.0, "density": 3.0, "learning_rate": 0.005}
        >>> [member.name for member in batches_of(experiment, began)[0].members]
        ['mix-spatial-transport0.5-0', 'mix-spatial-0', 'mix-regular-0']
    """
    unnamed = unnamed_in(experiment) if unnamed is None else unnamed
    rates = values_of(experiment, "learning_rate")

    def place(member: Member) -> tuple[bool, int]:
        # The costs are computed on one slice of the stacked parameters, and Adam has one group of slices for each rate.
        return not member.penalised, rates.index(member.learning_rate)

    return [
        Batch(inputs, tuple(sorted(_members(experiment, inputs, unnamed), key=place))) for inputs in experiment.inputs
    ]


def cut(batch: Batch, most: int) -> list[Batch]:
    """Divide a batch into batches of at most `most` networks and about equal size; keep a seed together if it fits.

    Networks with the same seed see the same examples, which are then gathered once for all of them.

    Example:
        >>> experiment = Experiment(tasks=["digits", "letters"], seeds="0:3", inputs=["mix"])
        >>> [[m.name for m in part.members] for part in cut(batches_of(experiment)[0], 3)]
        [['mix-spatial-0', 'mix-regular-0'], ['mix-spatial-1', 'mix-regular-1'], ['mix-spatial-2', 'mix-regular-2']]
    """
    if len(batch.members) <= most:
        return [batch]
    seeds = Counter(member.seed for member in batch.members)
    place = {seed: k for k, seed in enumerate(seeds)}
    largest = max(seeds.values())
    together = largest if largest <= most else 1
    parts = math.ceil(len(batch.members) / (most - most % together))
    size = together * math.ceil(len(batch.members) / (parts * together))
    by_seed = sorted(batch.members, key=lambda member: place[member.seed])
    parted = (set(by_seed[start : start + size]) for start in range(0, len(by_seed), size))
    return [Batch(batch.inputs, tuple(member for member in batch.members if member in part)) for part in parted]


def _members(experiment: Experiment, inputs: str, unnamed: Mapping[str, float]) -> Iterator[Member]:
    """Yield every network of an input mode, spatial ones first."""
    for kind in sorted(experiment.kinds, reverse=True):
        varied = [name for name in GRID if kind == "spatial" or name not in _COSTS]
        for values in itertools.product(*(values_of(experiment, name) for name in varied)):
            settings = dict.fromkeys(GRID, 0.0) | dict(zip(varied, values, strict=True))
            named = {name: _text(settings[name]) for name in varied if settings[name] != unnamed.get(name)}
            for seed in experiment.seeds:
                yield Member(
                    name="-".join([inputs, kind, *(name + value for name, value in named.items()), str(seed)]),
                    kind=" ".join([kind, *(f"{GRID[name]}={value}" for name, value in named.items())]),
                    seed=seed,
                    **settings,
                )


def _text(value: float) -> str:
    """Return a number as it is written in names: the shortest text that denotes no other number, without ``.0``.

    Example:
        >>> _text(0.5), _text(1.0), _text(1e-05)
        ('0.5', '1', '1e-05')
    """
    return repr(value).removesuffix(".0")
