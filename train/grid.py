"""The networks of an experiment: every combination of its settings, their names, and the batches they train in."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from spatialgraph.torch.costs import COSTS

from .kinds import GENERAL, LEARNING_RATE, symbol
from .pair_costs import PAIR_COSTS
from .placed import file_of
from .settings import Experiment


@attrs.frozen(kw_only=True)
class Member:
    """One network of a batch: the settings that distinguish it from the others.

    Attributes:
        name: unique in the run; also the name of its file.
        kind: the condition that networks with other seeds repeat: its family, followed by the settings in the network's
            name, such as ``spatial α=0.5``.
        family: the name of the kind in the experiment, such as ``spatial``.
        seed: determines the initial weights, the initial positions and the order of examples.
        settings: the value of every numeric setting that its kind has: the strength of each cost that it pays, the
            value of each way in which it is trained, and the learning rate.
        symbols: the symbol of each setting.
        costs: the costs that it pays: those of its kind, or none if all their strengths are 0.
        positions: how positions begin, and whether they are learned (`spatialgraph.train.kinds.POSITIONS`), or the file
            that they are of; ``""`` if it pays no cost that is computed from positions.
    """

    name: str
    kind: str
    family: str
    seed: int
    settings: Mapping[str, float] = attrs.field(eq=False)
    symbols: Mapping[str, str] = attrs.field(eq=False)
    costs: tuple[str, ...] = ()
    positions: str = ""

    @property
    def learning_rate(self) -> float:
        """The learning rate of Adam."""
        return self.settings[LEARNING_RATE]

    def described(self) -> dict[str, object]:
        """Return what tells it from other networks of the run, as JSON can hold it."""
        unpaid = dict.fromkeys((name for name in GENERAL if name in COSTS), 0.0)
        return {"name": self.name, "kind": self.kind, "seed": self.seed, **unpaid, **self.settings}


@attrs.frozen
class Batch:
    """Networks of one shape, trained together.

    Attributes:
        inputs: the input mode.
        members: the networks; those that pay one of `PAIR_COSTS` come first. Among them, and among the others, those
            with the same learning rate are adjacent.
    """

    inputs: str
    members: tuple[Member, ...]


def stretches(members: Sequence[Member], chosen: Callable[[Member], bool]) -> list[slice]:
    """Divide the members of a batch that are chosen into slices of adjacent ones with one learning rate."""
    found, start = [], 0
    for (is_chosen, _), stretch in itertools.groupby(members, key=lambda m: (chosen(m), m.learning_rate)):
        stop = start + len(list(stretch))
        found += [slice(start, stop)] if is_chosen else []
        start = stop
    return found


def unnamed_in(experiment: Experiment) -> dict[str, float]:
    """Return the settings that names leave out in a run that begins with this experiment: those that are not lists.

    Example:
        >>> unnamed_in(Experiment(tasks=["digits", "letters"], transport=[0.5, 1], kinds=["spatial", "l1"]))
        {'density': 3.0, 'learning_rate': 0.005, 'l1/l1': 1.0}
    """
    general = {name: values[0] for name, values in experiment.general.items() if len(values) == 1}
    listed = {name for name in GENERAL if isinstance(getattr(experiment, name), tuple)}
    own = {f"{kind.name}/{name}": value for kind in experiment.kinds for name, value in kind.table}
    numbers = {key: value for key, value in own.items() if not isinstance(value, tuple)}
    return {name: value for name, value in general.items() if name not in listed} | numbers


def batches_of(experiment: Experiment, unnamed: Mapping[str, float] | None = None) -> list[Batch]:
    """Return the networks to train, one batch for each input mode: its networks have the same shape.

    A name contains the settings that differ from the run's defaults. If a setting was a number when the run, or a kind
    in it, began, that number remains its default for ever; if it was a list, it has no default. The name of a network
    thus depends on no other network, and networks that are added to a run later rename nothing.

    Args:
        experiment: the settings.
        unnamed: the run's defaults, which names leave out (`unnamed_in` the experiment that the run began with);
            None for a run that begins with this experiment.

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
    return [Batch(inputs, _ordered(list(_members(experiment, inputs, unnamed)))) for inputs in experiment.inputs]


def _ordered(members: Sequence[Member]) -> tuple[Member, ...]:
    rates = list(dict.fromkeys(member.learning_rate for member in members))

    def place(member: Member) -> tuple[bool, int]:
        # Costs are computed on slices of the stacked parameters, and Adam has one group of slices for each rate.
        return not set(PAIR_COSTS) & {*member.costs}, rates.index(member.learning_rate)

    return tuple(sorted(members, key=place))


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
    """Yield every network of an input mode, kind by kind."""
    for kind in sorted(experiment.kinds, key=lambda kind: kind.name, reverse=True):
        choices = kind.choices(experiment.general)
        for values in itertools.product(*(choice.values for choice in choices.values())):
            settings = dict(zip(choices, values, strict=True))
            named = {k: _text(v) for k, v in settings.items() if v != unnamed.get(choices[k].key)}
            symbols = {name: symbol(name) for name in settings}
            costs = tuple(name for name in settings if name in COSTS)
            costs = costs if any(settings[name] for name in costs) else ()
            placed = any("positions" in COSTS.facts(name).needs for name in costs)
            for seed in experiment.seeds:
                yield Member(
                    name="-".join([inputs, kind.name, *(_joint(k) + text for k, text in named.items()), str(seed)]),
                    kind=" ".join([kind.name, *(f"{symbols[k]}={text}" for k, text in named.items())]),
                    family=kind.name,
                    seed=seed,
                    settings=settings,
                    symbols=symbols,
                    costs=costs,
                    positions=file_of(kind.positions, inputs, seed) if placed else "",
                )


def _joint(name: str) -> str:
    """Return the name of a setting as a number can follow it.

    Example:
        >>> _joint("transport") + "0.5", _joint("l1") + "0.5"
        ('transport0.5', 'l1_0.5')
    """
    return f"{name}_" if name[-1].isdigit() else name


def _text(value: float) -> str:
    """Return a number as it is written in names: the shortest text that denotes no other number, without ``.0``.

    Example:
        >>> _text(0.5), _text(1.0), _text(1e-05)
        ('0.5', '1', '1e-05')
    """
    return repr(value).removesuffix(".0")
