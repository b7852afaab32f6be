"""Experiments: the files that ship, and the text of every refusal."""

import attrs
import pytest

from spatialgraph.train.grid import batches_of
from spatialgraph.train.kinds import SHIPPED
from spatialgraph.train.settings import (
    Experiment,
    SettingError,
    difference,
    experiment_from,
    parse_seeds,
    parse_setting,
    read_experiment,
    shipped,
)

FINITE = "finite in float32"
OR_LIST = f"{FINITE}, or a list of different ones such as [0.5, 1]"
SEEDS = "different whole numbers of at least 0, below 2^64"


def test_table1_is_the_paper():
    experiment = read_experiment("table1")
    assert experiment.tasks == ("mnist", "fashion-mnist")
    assert experiment.inputs == ("concatenate", "mix", "sequential")
    assert experiment.hidden == (128, 128, 128, 256)
    assert experiment.penalised == (3, 4, 5)
    assert (experiment.transport, experiment.density) == (1.0, 3.0)
    assert (experiment.learning_rate, experiment.batch_size, experiment.epochs) == (0.005, 256, 50)
    assert (experiment.dimensions, experiment.activation, len(experiment.seeds)) == (2, "sigmoid", 3)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_experiment_reads(name):
    assert batches_of(read_experiment(name))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"tasks": ["digits"]}, "tasks: expected two or more different names of data sets, found ('digits',)"),
        ({"hidden": [64, 0]}, "hidden: expected sizes of at least 1, below 2^31, found (64, 0)"),
        ({"hidden": 64}, "hidden: expected sizes of at least 1, below 2^31, found 64"),
        ({"epochs": 0}, "epochs: expected a whole number of at least 1, found 0"),
        ({"epochs": True}, "epochs: expected a whole number of at least 1, found True"),
        ({"transport": -1}, f"transport: expected a number of at least 0, {OR_LIST}, found -1.0"),
        ({"transport": float("nan")}, f"transport: expected a number of at least 0, {OR_LIST}, found nan"),
        (
            {"learning_rate": "fast"},
            f"learning_rate: expected a number greater than 0, {OR_LIST}, found 'fast'",
        ),
        ({"transport": []}, f"transport: expected a number of at least 0, {OR_LIST}, found ()"),
        ({"transport": [1, -1]}, f"transport: expected a number of at least 0, {OR_LIST}, found (1.0, -1.0)"),
        ({"density": [3, 3.0]}, f"density: expected a number of at least 0, {OR_LIST}, found (3.0, 3.0)"),
        ({"density": "1,2"}, f"density: expected a number of at least 0, {OR_LIST}, found '1,2'"),
        (
            {"learning_rate": [0.1, True]},
            f"learning_rate: expected a number greater than 0, {OR_LIST}, found (0.1, True)",
        ),
        ({"initial_gain": [1, 2]}, "initial_gain: expected a number greater than 0, finite in float32, found [1, 2]"),
        (
            {"kinds": ["flat"]},
            f"kinds: expected some of {', '.join(SHIPPED)}, or tables [kinds.flat] of their own, found 'flat'",
        ),
        ({"strength": "cubed"}, "strength: expected one of absolute, squared, found 'cubed'"),
        ({"seeds": "1:1"}, "seeds: expected a range such as 0:10 or numbers such as 0,3,7, found '1:1'"),
        ({"snapshots": 1}, "snapshots: expected a whole number of at least 2, found 1"),
        ({"snapshot_seeds": [0, 3]}, "snapshot_seeds: expected some of the seeds 0, 1, 2, found 3"),
        (
            {"snapshot_seeds": [-1]},
            f"snapshot_seeds: expected {SEEDS}, found (-1,)",
        ),
        ({"seeds": [1, 1]}, f"seeds: expected {SEEDS}, found (1, 1)"),
        (
            {"penalised_layers": ["hidden9"]},
            "penalised_layers: expected some of hidden1, hidden2, hidden3, hidden4, output, found 'hidden9'",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_in_one_line(settings, text):
    with pytest.raises(SettingError) as error:
        experiment_from({"tasks": ["digits", "letters"], **settings})
    assert str(error.value) == text


INFINITE = [float("inf"), float("-inf"), float("nan"), 1e39, 10**400]
DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]
ODD = [*INFINITE, 10**5000, 2**70, True, None, "", "a", [], [[1]], [{}], {}, {"a": 1}, [None], ["a", 1], DEEP, b"1"]


@pytest.mark.parametrize("name", ["transport", "density", "learning_rate", "initial_gain", "checkpoint_seconds"])
@pytest.mark.parametrize("value", INFINITE)
def test_a_number_that_is_not_finite_is_refused(name, value):
    for each in (value, [1, value]):
        with pytest.raises(SettingError, match=rf"^{name}: expected a number .*, finite in float32"):
            experiment_from({"tasks": ["a", "b"], name: each})


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Experiment)])
def test_whatever_a_setting_is_it_is_taken_or_refused_in_a_short_line(name):
    said = [refusal({"tasks": ["a", "b"], name: value}) for value in ODD]
    assert all(len(text) < 500 and "\n" not in text for text in said)


def refusal(settings):
    """Return why settings are refused, nothing if they are not."""
    try:
        experiment_from(settings)
    except SettingError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"seeds": "0:99999999"}, "seeds: expected at most 100000, found more: '0:99999999'"),
        ({"seeds": f"0:{10**30}"}, f"seeds: expected at most 100000, found more: '0:{10**30}'"),
        ({"seeds": "0:60000"}, "seeds: expected at most 100000 networks in all, found up to 360000"),
        ({"epochs": 10**9}, "epochs: expected a whole number of at least 1 and at most 999999999, found 1000000000"),
        ({"snapshots": 10**9}, "snapshots: expected a whole number of at least 2 and at most 10000, found 1000000000"),
        (
            {"dimensions": 2**31},
            "dimensions: expected a whole number of at least 1 and at most 2147483647, found 2147483648",
        ),
        ({"seeds": [2**64]}, f"seeds: expected {SEEDS}, found ({2**64},)"),
    ],
)
def test_what_no_machine_could_do_is_refused_at_once(settings, text):
    with pytest.raises(SettingError) as error:
        experiment_from({"tasks": ["a", "b"], **settings})
    assert str(error.value) == text


def test_toml_without_end_is_refused_in_a_line(tmp_path):
    for name, text in {"deep": "tasks = " + "[" * 100_000, "long": f"seeds = [{'9' * 10_000}]"}.items():
        (tmp_path / f"{name}.toml").write_text(text)
        with pytest.raises(SettingError, match="expected TOML, found a fault"):
            read_experiment(str(tmp_path / f"{name}.toml"))
        with pytest.raises(SettingError, match="expected"):
            experiment_from({"tasks": ["a", "b"], **dict([parse_setting(text)])})


def test_an_unknown_setting_is_refused_with_what_is_known():
    with pytest.raises(SettingError, match=r"^unknown setting 'epoch'; did you mean epochs\? Known: tasks, inputs, "):
        experiment_from({"tasks": ["a", "b"], "epoch": 3})


def test_an_unknown_experiment_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"^experiment: expected one of .*table1, or the path of a TOML file"):
        read_experiment("tabel1")
    broken = tmp_path / "mine.toml"
    broken.write_text("tasks = [")
    with pytest.raises(SettingError, match=r"mine\.toml: expected TOML, found a fault"):
        read_experiment(str(broken))


def test_changes_replace_what_the_file_says(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('tasks = ["digits", "letters"]\nepochs = 3\n')
    experiment = read_experiment(str(mine), {"epochs": 5, "seeds": "2:4"})
    assert (experiment.epochs, experiment.seeds) == (5, (2, 3))


def test_seeds_and_settings_are_read_from_the_command_line():
    assert parse_seeds(":2") == (0, 1)
    assert parse_setting("kinds=['spatial']") == ("kinds", ["spatial"])
    assert parse_setting("epochs = 3") == ("epochs", 3)
    with pytest.raises(SettingError, match=r"^--set: expected key=value, found 'epochs'$"):
        parse_setting("epochs")


def test_the_difference_of_two_experiments_is_named():
    one, other = Experiment(tasks=["a", "b"]), Experiment(tasks=["a", "b"], epochs=7, seeds=[9])
    assert difference(one, other, but=["seeds"]) == "epochs = 50, not 7"
    assert difference(one, other, but=["seeds", "epochs"]) is None
