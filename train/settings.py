"""An experiment: what is trained on what, and how: read from a TOML file, and checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeGuard

import attrs

from . import checks
from .checks import LARGEST_SIZE, SettingError
from .kinds import GENERAL, Kind, Values, kinds_of, values_of

DEFAULT_KINDS = ("regular", "spatial")
"""A spatial network pays the transport and density costs; a regular one is the same network without them."""

MOST_NETWORKS = 100_000
"""More networks in a run are a slip of the keyboard; their files alone would fill a disk."""

_LARGEST_SEED = 2**64 - 1
_MOST_EPOCHS = 10**9 - 1  # what a file of networks can number
_MOST_SNAPSHOTS = 10_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names: a range ``first:end`` (end excluded), or numbers with commas between.

    Raises:
        SettingError: the text names no seeds.

    Example:
        >>> parse_seeds("0:3"), parse_seeds("5,7")
        ((0, 1, 2), (5, 7))
    """
    seeds: Sequence[int]
    try:
        if ":" in text:
            first, end = text.split(":")
            seeds = range(int(first or 0), int(end))
        else:
            seeds = [int(part) for part in text.split(",")]
        many = len(seeds) > MOST_NETWORKS
    except ValueError:
        seeds, many = (), False
    except OverflowError:  # a range longer than a machine can count
        many = True
    if many:
        raise SettingError(f"seeds: expected at most {MOST_NETWORKS}, found more: {text!r:.80}")
    if not seeds:
        raise SettingError(f"seeds: expected a range such as 0:10 or numbers such as 0,3,7, found {text!r:.80}")
    return tuple(seeds)


def _seeds(value: object) -> object:
    if isinstance(value, str):
        return parse_seeds(value)
    return checks.sequence((value,) if type(value) is int else value)


@attrs.frozen(kw_only=True)
class Experiment:
    """Settings of a training run. The defaults are the paper's (Wołczyk et al. 2019, arXiv 1910.02776).

    Raises:
        SettingError: a value that is not allowed; the message names the setting, what is allowed, and what was found.

    Example:
        >>> experiment = Experiment(tasks=["digits", "letters"], seeds="0:2", inputs=["mix"])
        >>> experiment.seeds, experiment.transport, experiment.penalised
        ((0, 1), 1.0, (3, 4, 5))
    """

    # Names of data sets (`spatialgraph.train.data`), or files ending in .npz; one task each.
    tasks: tuple[str, ...] = attrs.field(
        converter=checks.sequence,
        validator=checks.many("two or more different names of data sets", lambda v: isinstance(v, str), 2),
    )
    # How the tasks' examples are put together (`spatialgraph.train.inputs`); every mode is trained.
    inputs: tuple[str, ...] = attrs.field(
        default=("concatenate", "mix", "sequential"),
        converter=checks.sequence,
        validator=checks.many("different names of input modes", lambda v: isinstance(v, str)),
    )
    # Kinds of training (`spatialgraph.train.kinds`): a list of names, or a table ``[kinds.NAME]`` for each.
    kinds: tuple[Kind, ...] = attrs.field(
        default=DEFAULT_KINDS,
        converter=kinds_of,
        validator=checks.many("a list of names of kinds, or a table for each", lambda v: isinstance(v, Kind)),
    )
    # A seed settles the initial weights, the initial positions and the order of examples. The paper has three.
    seeds: tuple[int, ...] = attrs.field(
        default=(0, 1, 2),
        converter=_seeds,
        validator=checks.many(
            "different whole numbers of at least 0, below 2^64", lambda v: checks.whole(v, 0, _LARGEST_SEED)
        ),
    )
    # Units of the hidden layers, hidden1 first.
    hidden: tuple[int, ...] = attrs.field(
        default=(128, 128, 128, 256),
        converter=checks.sequence,
        validator=checks.many(
            "sizes of at least 1, below 2^31", lambda v: checks.whole(v, 1, LARGEST_SIZE), distinct=False
        ),
    )
    # After every hidden layer. Sigmoid, because neurons of a ReLU network can be rescaled without changing what it
    # does, so that the transport cost could be avoided (the paper, section 2); those of "clipped-relu", which is
    # min(max(x, 0), 1), cannot.
    activation: str = attrs.field(default="sigmoid", validator=checks.one_of("sigmoid", "tanh", "relu", "clipped-relu"))
    # Initial weights and biases are uniform in ±1/√inputs (PyTorch's default for a linear layer, used by the authors),
    # the weights times this number. Deep sigmoid networks learn sooner with a larger one.
    initial_gain: float = attrs.field(
        default=1.0, converter=checks.number, validator=checks.real("a number greater than 0", lambda v: v > 0)
    )
    # Layers that pay the costs and are split later; by name.
    penalised_layers: tuple[str, ...] = attrs.field(
        default=("hidden3", "hidden4", "output"),
        converter=checks.sequence,
        validator=checks.many("different names of layers", lambda v: isinstance(v, str)),
    )
    # Coordinates of a position. The paper's neurons lie in a plane.
    dimensions: int = attrs.field(default=2, validator=checks.integer(1))
    # α, the weight of the transport cost, of kinds that pay it and name no weight of their own. It, the density's
    # and the learning rate may be lists: a grid, every combination of which is trained (`spatialgraph.train.grid`).
    transport: float | tuple[float, ...] = attrs.field(
        default=1.0, converter=checks.numbers, validator=checks.real_or_grid("a number of at least 0", lambda v: v >= 0)
    )
    # β, the weight of the density cost, of kinds that pay it and name no weight of their own.
    density: float | tuple[float, ...] = attrs.field(
        default=3.0, converter=checks.numbers, validator=checks.real_or_grid("a number of at least 0", lambda v: v >= 0)
    )
    # "connections": the transport cost is the mean over connections, as in the authors' published code, and reproduces
    # the paper's table. "units": the sum divided by the layer's neurons, as in the paper's equation; with α = 1 it
    # drives every penalised weight to nothing.
    transport_average: str = attrs.field(default="connections", validator=checks.one_of("connections", "units"))
    # Strength of a connection in the transport cost: |w| (the paper) or w² (the default of the authors' code).
    strength: str = attrs.field(default="absolute", validator=checks.one_of("absolute", "squared"))
    # Adam, as in the authors' published settings, which also name the epochs; the paper names the rate and the batch.
    # Where a kind of network says its learning rate, it is η.
    learning_rate: float | tuple[float, ...] = attrs.field(
        default=0.005,
        converter=checks.numbers,
        validator=checks.real_or_grid("a number greater than 0", lambda v: v > 0),
    )
    # The share of each task's training examples that are set aside: networks are not trained on them, their accuracy on
    # them is recorded, and strengths of costs are chosen by it. 0, so that the paper's networks see all examples.
    validation: float = attrs.field(
        default=0.0,
        converter=checks.number,
        validator=checks.real("a share of at least 0 and at most 0.5", lambda v: 0 <= v <= 0.5),
    )
    # Examples of a step, of each network. The paper's.
    batch_size: int = attrs.field(default=256, validator=checks.integer(1))
    # How often every example of the task with the most is shown. The authors' published settings.
    epochs: int = attrs.field(default=50, validator=checks.integer(1, _MOST_EPOCHS))
    # Of the factors of matrix products on a GPU: "tf32" keeps 10 of the 23 bits that "float32" has after the point, and
    # is several times as fast. It changes no accuracy of Table 1 by more than another order of additions does
    # (`benchmarks/precision.py`). Sums are float32 in either. On a CPU, all is float32.
    precision: str = attrs.field(default="tf32", validator=checks.one_of("float32", "tf32"))
    # A stopped run loses at most this many seconds of work, or one epoch where that is longer.
    checkpoint_seconds: float = attrs.field(
        default=20.0, converter=checks.number, validator=checks.real("a number of at least 0", lambda v: v >= 0)
    )

    # How many moments of training are kept of each network, its start and its end included, for films and for curves of
    # what is measured on weights. More cost disk, not time: 50 of a network of the paper take 10 MB.
    snapshots: int = attrs.field(default=2, validator=checks.integer(2, _MOST_SNAPSHOTS))
    # The seeds whose networks are kept at these moments; none named: all. All networks keep their start and their end.
    snapshot_seeds: tuple[int, ...] = attrs.field(
        default=(),
        converter=_seeds,
        validator=checks.many(
            "different whole numbers of at least 0, below 2^64", lambda v: checks.whole(v, 0, _LARGEST_SEED), 0
        ),
    )

    def __attrs_post_init__(self) -> None:
        for seed in self.snapshot_seeds:
            if seed not in set(self.seeds):
                raise SettingError(
                    f"snapshot_seeds: expected some of the seeds {', '.join(map(str, self.seeds))}, found {seed}"
                )
        names = [kind.name for kind in self.kinds]
        if len(set(names)) < len(names):
            raise SettingError(f"kinds: expected different names, found {', '.join(names)}")
        networks = len(self.seeds) * len(self.inputs) * sum(kind.count(self.general) for kind in self.kinds)
        if networks > MOST_NETWORKS:
            raise SettingError(f"seeds: expected at most {MOST_NETWORKS} networks in all, found up to {networks}")
        known = (*(f"hidden{k + 1}" for k in range(len(self.hidden))), "output")
        for name in self.penalised_layers:
            if name not in known:
                raise SettingError(f"penalised_layers: expected some of {', '.join(known)}, found {name!r}")

    @property
    def general(self) -> dict[str, Values]:
        """The values of settings that kinds have unless they name their own."""
        return {name: values_of(getattr(self, name)) for name in GENERAL}

    @property
    def penalised(self) -> tuple[int, ...]:
        """The numbers of the penalised layers, in ascending order; hidden1 is layer 1."""
        last = len(self.hidden) + 1
        return tuple(sorted(last if n == "output" else int(n.removeprefix("hidden")) for n in self.penalised_layers))


def shipped() -> dict[str, Path]:
    """Return the experiment files that come with the package, by name."""
    folder = Path(str(resources.files(__package__) / "experiments"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_experiment(name: str, changes: Mapping[str, object] | None = None) -> Experiment:
    """Read an experiment.

    Args:
        name: the name of an experiment that ships with the package, or the path of a TOML file.
        changes: settings that replace those of the file.

    Raises:
        SettingError: no such experiment, an unknown setting, or a value that is not allowed.
    """
    path = shipped().get(name, Path(name))
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        known = ", ".join(shipped())
        raise SettingError(f"experiment: expected one of {known}, or the path of a TOML file, found {name!r}") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, bytes that are no text, numbers without end
        raise SettingError(f"{path}: expected TOML, found a fault: {error}") from None
    return experiment_from(changed(settings, changes or {}))


def changed(settings: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return settings with changes; one of ``kinds.NAME.SETTING`` is of the table of a kind, which is made if missing.

    Raises:
        SettingError: a name with dots that leads to no table of kinds.

    Example:
        >>> changed({"kinds": ["regular", "l1"]}, {"kinds.l1.l1": [0.1, 1]})
        {'kinds': {'regular': {}, 'l1': {'l1': [0.1, 1]}}}
    """
    result = dict(settings)
    for name, value in changes.items():
        first, dot, rest = name.partition(".")
        kind, _, setting = rest.rpartition(".")
        if not dot:
            result[name] = value
            continue
        if first != "kinds" or not kind:
            raise SettingError(f"--set: expected a name such as kinds.spatial.transport, found {checks.shown(name)}")
        tables = _tables(result.get("kinds", DEFAULT_KINDS))
        result["kinds"] = {**tables, kind: {**tables.get(kind, {}), setting: value}}
    return result


def _tables(kinds: object) -> dict[str, dict[str, object]]:
    """Return the table of each kind, given by a list of names or by tables.

    Raises:
        SettingError: kinds are given otherwise.
    """
    given = kinds if isinstance(kinds, Mapping) else dict.fromkeys(kinds) if _are_names(kinds) else None
    tables = None if given is None else {name: {} if table is None else table for name, table in given.items()}
    if tables is None or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingError(
            f"kinds: expected a list of names of kinds, or a table for each, found {checks.shown(kinds)}"
        )
    return {name: dict(table) for name, table in tables.items()}


def _are_names(kinds: object) -> TypeGuard[Sequence[str]]:
    return isinstance(kinds, (list, tuple)) and all(isinstance(name, str) for name in kinds)


def experiment_from(settings: Mapping[str, object]) -> Experiment:
    """Make an experiment of settings by name.

    Raises:
        SettingError: an unknown setting, a missing one, or a value that is not allowed.
    """
    known = [field.name for field in attrs.fields(Experiment)]
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SettingError(f"unknown setting {name!r}{hint} Known: {', '.join(known)}")
    if "tasks" not in settings:
        raise SettingError("tasks: expected two or more names of data sets, found nothing")
    return Experiment(**settings)  # type: ignore[arg-type]  # the converters and validators take any object


def parse_setting(text: str) -> tuple[str, object]:
    """Return the name and value of a ``key=value`` given on the command line; the value is TOML, or else a word.

    Raises:
        SettingError: there is no ``=``.

    Example:
        >>> parse_setting("hidden=[64, 64]"), parse_setting("strength=squared")
        (('hidden', [64, 64]), ('strength', 'squared'))
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingError(f"--set: expected key=value, found {text!r}")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()
    except (ValueError, RecursionError) as error:
        raise SettingError(f"--set: expected a value that TOML can hold, found a fault: {error}") from None


def difference(one: Experiment, other: Experiment, but: Sequence[str] = ()) -> str | None:
    """Return the first setting in which two experiments differ, as ``name = value, not value``; None if they agree."""
    for name, value in attrs.asdict(one, recurse=False).items():
        if name not in but and value != getattr(other, name):
            return f"{name} = {value!r}, not {getattr(other, name)!r}"
    return None


def settings_of(experiment: Experiment) -> dict[str, Any]:
    """Return the settings of an experiment as JSON can hold them."""
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in attrs.asdict(experiment, recurse=False).items()}
    tables = {kind.name: kind.described() for kind in experiment.kinds}
    return plain | {"kinds": tables if any(tables.values()) else list(tables)}
