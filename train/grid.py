"""The networks of an experiment: every combination of its settings, what each is called, and who trains with whom."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from .settings import Experiment

GRID: Mapping[str, str] = MappingProxyType({"transport": "α", "density": "β", "learning_rate": "η"})
"""The settings that may be lists, and how a kind of network writes each."""

_COSTS = ("transport", "density")  # what a regular network does not pay, whatever the grid says


@attrs.frozen(kw_only=True)
class Member:
    """One network of a batch: what sets it apart from the others.

    Attributes:
        name: unique name in the run, and of its file.
        kind: what it is repeated as with other seeds: ``regular`` or ``spatial``, and after it the settings that its
            name says, such as ``spatial α=0.5``.
        seed: settles the initial weights, the initial positions and the order of examples.
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
    """Networks of one shape, trained as one.

    Attributes:
        inputs: the input mode.
        members: the networks; those that pay costs come first, and those of one learning rate lie together.
    """

    inputs: str
    members: tuple[Member, ...]


def values_of(experiment: Experiment, setting: str) -> tuple[float, ...]:
    """Return the values of a setting of `GRID`: those of its list, or the one number."""
    value = getattr(experiment, setting)
    return value if isinstance(value, tuple) else (value,)


def unnamed_in(experiment: Experiment) -> dict[str, float]:
    """Return the values that names do not say when a run begins with this experiment: of settings that are numbers.

    Example:
        >>> unnamed_in(Experiment(tasks=["digits", "letters"], transport=[0.5, 1]))
        {'density': 3.0, 'learning_rate': 0.005}
    """
    return {name: getattr(experiment, name) for name in GRID if not isinstance(getattr(experiment, name), tuple)}


def batches_of(experiment: Experiment, unnamed: Mapping[str, float] | None = None) -> list[Batch]:
    """Return the networks to train, those of one input mode together: they have one shape.

    A name says the settings of `GRID` whose value is not the one that goes without saying. Of a setting that was a
    number when the run began, that number does, for ever; of one that was a list, no value does. A name then depends
    on the network alone, and not on what else there is: whatever is added to a run later renames nothing.

    Args:
        experiment: the settings.
        unnamed: the values that names do not say, by setting, as the run began with them (`unnamed_in`); None: those of
            a run that begins with this experiment.

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
        # The costs are computed on one slice of the stacked parameters, and Adam has a group for each slice of a rate.
        return not member.penalised, rates.index(member.learning_rate)

    return [
        Batch(inputs, tuple(sorted(_members(experiment, inputs, unnamed), key=place))) for inputs in experiment.inputs
    ]


def cut(batch: Batch, most: int) -> list[Batch]:
    """Divide a batch into batches of at most so many networks, about equal, those of one seed together if they can be.

    Networks of one seed see the same examples, which are then gathered once for all of them.

    Example:
        >>> experiment = Experiment(tasks=["digits", "letters"], seeds="0:3", inputs=["mix"])
        >>> [[m.name for m in part.members] for part in cut(batches_of(experiment)[0], 3)]
        [['mix-spatial-0', 'mix-regular-0'], ['mix-spatial-1', 'mix-regular-1'], ['mix-spatial-2', 'mix-regular-2']]
    """
    if len(batch.members) <= most:
        return [batch]
    seeds = Counter(member.seed for member in batch.members)
    place = {seed: k for k, seed in enumerate(seeds)}
    of_one_seed = max(seeds.values())
    together = of_one_seed if of_one_seed <= most else 1
    parts = math.ceil(len(batch.members) / (most - most % together))
    size = together * math.ceil(len(batch.members) / (parts * together))
    by_seed = sorted(batch.members, key=lambda member: place[member.seed])
    chosen = (set(by_seed[start : start + size]) for start in range(0, len(by_seed), size))
    return [Batch(batch.inputs, tuple(member for member in batch.members if member in some)) for some in chosen]


def _members(experiment: Experiment, inputs: str, unnamed: Mapping[str, float]) -> Iterator[Member]:
    """Yield every network of an input mode, spatial ones first."""
    for kind in sorted(experiment.kinds, reverse=True):
        varied = [name for name in GRID if kind == "spatial" or name not in _COSTS]
        for values in itertools.product(*(values_of(experiment, name) for name in varied)):
            settings = dict.fromkeys(GRID, 0.0) | dict(zip(varied, values, strict=True))
            said = {name: _text(settings[name]) for name in varied if settings[name] != unnamed.get(name)}
            for seed in experiment.seeds:
                yield Member(
                    name="-".join([inputs, kind, *(name + value for name, value in said.items()), str(seed)]),
                    kind=" ".join([kind, *(f"{GRID[name]}={value}" for name, value in said.items())]),
                    seed=seed,
                    **settings,
                )


def _text(value: float) -> str:
    """Return a number as names say it: the shortest text that is no other number's, without a decimal that is 0.

    Example:
        >>> _text(0.5), _text(1.0), _text(1e-05)
        ('0.5', '1', '1e-05')
    """
    return repr(value).removesuffix(".0")
