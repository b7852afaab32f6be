"""Grids of settings: names, what trains together, that company and interruption change nothing, and extension later."""

import io
import random
import signal
import time
from contextlib import suppress

import commands
import numpy as np
import pytest
from rich.console import Console

from spatialgraph.store import read_arrays, read_network
from spatialgraph.train.checks import SettingError
from spatialgraph.train.grid import batches_of, cut, unnamed_in
from spatialgraph.train.kinds import SHIPPED
from spatialgraph.train.memory import Limit
from spatialgraph.train.progress import Reporter
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment, experiment_from, settings_of

SETTINGS = {
    "tasks": ["digits", "letters"],
    "inputs": ["mix"],
    "seeds": [0],
    "hidden": [12, 10],
    "penalised_layers": ["hidden2", "output"],
    "epochs": 2,
    "batch_size": 200,
    "checkpoint_seconds": 0,
}
ROUNDING = 2e-5


def trained(run, **changes):
    """Train; return the bytes of every network's file."""
    train(Experiment(**{**SETTINGS, **changes}), run, device="cpu", console=Console(file=io.StringIO()))
    return written(run)


def written(run):
    return {file.stem: file.read_bytes() for file in sorted((run / "networks").glob("*.h5"))}


def members(unnamed=None, **settings):
    """Return the networks of the one batch of an experiment, by name."""
    (batch,) = batches_of(Experiment(**{**SETTINGS, **settings}), unnamed)
    return {member.name: member for member in batch.members}


def assert_same(one, other):
    """Compare two networks: numbers up to the rounding of float32, accuracies exactly."""
    assert one.metadata["accuracy"] == other.metadata["accuracy"]
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=ROUNDING, atol=ROUNDING)


def arrays(network):
    yield from (connection.weight for connection in network.connections)
    yield from (array for layer in network.layers for array in (layer.bias, layer.position) if array is not None)


# --- names -----------------------------------------------------------------------------------------------------------


def test_networks_of_an_experiment_without_lists_are_called_by_inputs_kind_and_seed():
    found = members(seeds=[4, 7], transport=0.5, learning_rate=0.1)
    assert list(found) == ["mix-spatial-4", "mix-spatial-7", "mix-regular-4", "mix-regular-7"]
    assert [member.kind for member in found.values()] == ["spatial", "spatial", "regular", "regular"]
    assert [member.costs for member in found.values()] == [("transport", "density")] * 2 + [()] * 2


def test_every_combination_has_a_name_and_a_kind_that_say_what_was_given_as_a_list():
    found = members(transport=[0.5, 2], density=[3])
    rate = {"learning_rate": 0.005}
    assert {name: (member.kind, member.settings) for name, member in found.items()} == {
        "mix-spatial-transport0.5-density3-0": ("spatial α=0.5 β=3", {"transport": 0.5, "density": 3.0, **rate}),
        "mix-spatial-transport2-density3-0": ("spatial α=2 β=3", {"transport": 2.0, "density": 3.0, **rate}),
        "mix-regular-0": ("regular", rate),
    }


def test_a_regular_network_is_trained_once_for_each_learning_rate_whatever_costs_there_are():
    found = members(transport=[0.5, 1, 2], density=[1, 3], learning_rate=[1e-5, 0.01], seeds=[0, 1])
    regular = {name: member.kind for name, member in found.items() if "regular" in name}
    assert regular == {
        "mix-regular-learning_rate1e-05-0": "regular η=1e-05",
        "mix-regular-learning_rate1e-05-1": "regular η=1e-05",
        "mix-regular-learning_rate0.01-0": "regular η=0.01",
        "mix-regular-learning_rate0.01-1": "regular η=0.01",
    }
    assert len(found) == 4 + 3 * 2 * 2 * 2


def test_what_a_run_began_with_goes_without_saying_when_it_is_extended():
    began = unnamed_in(Experiment(tasks=["a", "b"], transport=0.5))
    assert set(members(began, transport=[2, 0.5], density=[3, 6])) == {
        "mix-spatial-0",
        "mix-spatial-transport2-0",
        "mix-spatial-density6-0",
        "mix-spatial-transport2-density6-0",
        "mix-regular-0",
    }
    began = unnamed_in(Experiment(tasks=["a", "b"], transport=[0.5]))
    assert "transport" not in began
    assert set(members(began, transport=0.5)) == {"mix-spatial-transport0.5-0", "mix-regular-0"}


def test_names_do_not_depend_on_what_else_is_in_the_grid():
    small = members(transport=[1, 0.5], learning_rate=[0.01])
    large = members(transport=[0.25, 0.5, 1], learning_rate=[0.1, 0.01], seeds=[3, 0], density=3)
    assert {name: large[name] for name in small} == small


def test_networks_that_pay_come_first_and_those_of_a_learning_rate_together():
    found = members(transport=[0, 1], density=[0, 3], learning_rate=[0.01, 0.1], seeds=[0, 1])
    paying = [bool(member.costs) for member in found.values()]
    assert paying == [True] * 12 + [False] * 8
    rates = [member.learning_rate for member in found.values()]
    assert rates == [0.01] * 6 + [0.1] * 6 + [0.01] * 4 + [0.1] * 4


# --- what trains together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 11, 12, 100])
def test_a_batch_is_cut_into_parts_that_have_every_network_once_in_its_order(most):
    (batch,) = batches_of(Experiment(**{**SETTINGS, "seeds": [3, 0, 5], "transport": [1, 2, 0], "density": 0}))
    parts = cut(batch, most)
    assert sorted(m.name for part in parts for m in part.members) == sorted(m.name for m in batch.members)
    assert all(len(part.members) <= most and part.inputs == "mix" for part in parts)
    for part in parts:
        places = [batch.members.index(member) for member in part.members]
        assert places == sorted(places)  # those that pay come first, still


def test_networks_of_one_seed_stay_together_if_they_can():
    (batch,) = batches_of(Experiment(**{**SETTINGS, "seeds": [3, 0, 5]}))
    assert [{m.seed for m in part.members} for part in cut(batch, 5)] == [{3, 0}, {5}]
    assert [{m.seed for m in part.members} for part in cut(batch, 2)] == [{3}, {0}, {5}]
    assert cut(batch, 6) == [batch]


def test_batches_are_about_equal():
    (batch,) = batches_of(Experiment(**{**SETTINGS, "seeds": "0:10"}))
    assert [len(part.members) for part in cut(batch, 16)] == [10, 10]
    assert [len(part.members) for part in cut(batch, 9)] == [8, 8, 4]
    (batch,) = batches_of(Experiment(**{**SETTINGS, "kinds": ["spatial"], "seeds": "0:9"}))
    assert [len(part.members) for part in cut(batch, 8)] == [5, 4]


def test_a_run_in_small_batches_has_the_networks_of_one_batch_and_says_why(tmp_path, monkeypatch):
    settings = Experiment(**{**SETTINGS, "seeds": [0, 1, 2], "epochs": 1})
    train(settings, tmp_path / "one", device="cpu", console=Console(file=io.StringIO()))
    monkeypatch.setattr("spatialgraph.train.run.networks_at_once", lambda *_: Limit(4, "what memory holds"))
    said = io.StringIO()
    assert train(settings, tmp_path / "cut", device="cpu", console=Console(file=said, width=200)) == 6
    assert said.getvalue().startswith("mix: 6 networks, 4 at a time: what memory holds\n")
    assert "100 % · mix epoch 1/1" in said.getvalue()
    for file in (tmp_path / "one" / "networks").iterdir():
        assert_same(read_network(file), read_network(tmp_path / "cut" / "networks" / file.name))


# --- company ---------------------------------------------------------------------------------------------------------


def test_a_grids_networks_are_those_trained_alone(tmp_path):
    trained(tmp_path / "grid", transport=[0, 1], density=[0, 3], learning_rate=[0.005, 0.02])
    for kind, settings in {
        "regular-learning_rate0.02": {"kinds": ["regular"], "learning_rate": 0.02},
        "spatial-transport1-density3-learning_rate0.005": {"kinds": ["spatial"]},
        "spatial-transport0-density3-learning_rate0.02": {"kinds": ["spatial"], "transport": 0, "learning_rate": 0.02},
        "spatial-transport1-density0-learning_rate0.005": {"kinds": ["spatial"], "density": 0},
        "spatial-transport0-density0-learning_rate0.02": {
            "kinds": ["spatial"],
            **{"transport": 0, "density": 0, "learning_rate": 0.02},
        },
    }.items():
        trained(tmp_path / kind, **settings)
        (alone,) = (tmp_path / kind / "networks").iterdir()
        among = read_network(tmp_path / "grid" / "networks" / f"mix-{kind}-0.h5")
        assert_same(among, read_network(alone))
        assert among.metadata["kind"].startswith(kind.split("-")[0] + " ")
    settings = among.metadata["experiment"]
    assert (settings["transport"], settings["density"], settings["learning_rate"]) == (0.0, 0.0, 0.02)
    assert not among.graph.has_positions


def test_networks_of_a_grid_differ(tmp_path):
    trained(tmp_path, transport=[1, 5], learning_rate=[0.005, 0.02])
    found = [read_network(file) for file in sorted((tmp_path / "networks").iterdir())]
    outputs = {network.connections[-1].weight.tobytes() for network in found}
    assert len(found) == len(outputs) == 6


def test_a_network_comes_out_the_same_alone_and_among_8_and_64(tmp_path, monkeypatch):
    monkeypatch.setattr("spatialgraph.train.run.networks_at_once", lambda *_: Limit(64, "to have all in one batch"))
    found = []
    for count in (1, 8, 64):
        trained(tmp_path / f"{count}", seeds=range_of(count), kinds=["spatial"])
        assert len(written(tmp_path / f"{count}")) == count
        found.append(read_network(tmp_path / f"{count}" / "networks" / "mix-spatial-5.h5"))
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def range_of(count):
    """Return so many seeds, 5 among them, but not in the same place."""
    return list(range(5, 5 + count))[::-1]


# --- carrying on -----------------------------------------------------------------------------------------------------


def test_more_values_and_more_seeds_train_what_is_missing(tmp_path):
    first = trained(tmp_path, transport=[0.5, 1])
    more = trained(tmp_path, transport=[0.5, 1, 2])
    assert set(more) - set(first) == {"mix-spatial-transport2-0"}
    most = trained(tmp_path, transport=[2, 0.5, 1], seeds=[0, 1])
    assert set(most) - set(more) == {
        *(f"mix-spatial-transport{value}-1" for value in ("0.5", "1", "2")),
        "mix-regular-1",
    }
    assert {name: most[name] for name in first} == first
    assert {name: most[name] for name in more} == more


def test_a_run_that_began_with_a_number_keeps_its_networks(tmp_path):
    first = trained(tmp_path, transport=0.5, kinds=["spatial"])
    more = trained(tmp_path, transport=[0.5, 1], kinds=["spatial"])
    assert list(more) == ["mix-spatial-0", "mix-spatial-transport1-0"]
    assert more["mix-spatial-0"] == first["mix-spatial-0"]
    # Asked for a number again, it is still known by what the run began.
    assert trained(tmp_path, transport=1.0, kinds=["spatial"]) == more
    most = trained(tmp_path, transport=[1], kinds=["spatial"], seeds=[1])
    assert set(most) - set(more) == {"mix-spatial-transport1-1"}
    most = trained(tmp_path, transport=0.5, kinds=["spatial"], seeds=[0, 1])
    assert "mix-spatial-1" in most
    kinds = {name: read_network(tmp_path / "networks" / f"{name}.h5").metadata["kind"] for name in most}
    assert kinds == {
        "mix-spatial-0": "spatial",
        "mix-spatial-1": "spatial",
        "mix-spatial-transport1-0": "spatial α=1",
        "mix-spatial-transport1-1": "spatial α=1",
    }


def test_a_checkpoint_goes_on_with_its_own_networks_when_the_grid_is_extended(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole", transport=[0.5, 1])
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "stopped", transport=[0.5, 1])
    extended = trained(tmp_path / "stopped", transport=[0.5, 1, 2], density=[3, 6])
    assert len(extended) == len(whole) + 4
    for name in whole:
        one, other = (read_network(tmp_path / run / "networks" / f"{name}.h5") for run in ("whole", "stopped"))
        assert all(map(np.array_equal, arrays(one), arrays(other)))


@pytest.mark.parametrize(
    ("changes", "differs", "instead"),
    [
        ({"transport": 2}, "transport = (0.5, 1.0), not 2.0", "the list transport=[0.5, 1.0, 2.0] to have both"),
        ({"density": 6}, "density = 3.0, not 6.0", "the list density=[3.0, 6.0] to have both"),
        ({"transport": 2, "hidden": [5, 10]}, "hidden = (12, 10), not (5, 10)", ""),
    ],
)
def test_a_number_that_the_run_does_not_have_is_refused(tmp_path, changes, differs, instead):
    settings = {"transport": [0.5, 1], "epochs": 1, "kinds": ["spatial"]}
    trained(tmp_path, **settings)
    with pytest.raises(SettingError) as error:
        trained(tmp_path, **{**settings, **changes})
    ways = f"the same settings, or {instead}" if instead else "or the same settings"
    assert str(error.value) == f"{tmp_path} was trained with {differs}: choose another --out, {ways}"


@pytest.mark.parametrize("record", ['{"tasks": 3}', "[]", '{"tasks": ["a", "b"], "unnamed": {"transport": []}}'])
def test_a_record_that_is_none_is_refused_in_one_line(tmp_path, record):
    (tmp_path / "experiment.json").write_text(record)
    with pytest.raises(
        SettingError, match=r"experiment\.json: expected the settings of a run, found a fault: "
    ) as error:
        trained(tmp_path)
    assert "\n" not in str(error.value)


def test_settings_with_lists_are_read_back_as_they_were_written():
    experiment = Experiment(tasks=["a", "b"], transport=[1, 0.5], learning_rate=[0.1])
    assert experiment_from(settings_of(experiment)) == experiment


# --- killed processes ------------------------------------------------------------------------------------------------


def progress(run):
    """Return how far a run is: networks written, then epochs of the batch that trains."""
    epochs = 0
    for checkpoint in (run / "checkpoints").glob("*.h5"):
        with suppress(FileNotFoundError):
            epochs = max(epochs, read_arrays(checkpoint, "checkpoint")[1]["epoch"])
    return len(list((run / "networks").glob("*.h5"))), epochs


def test_a_grid_of_every_kind_that_is_killed_ends_byte_for_byte_like_one_that_was_not(tmp_path, noise):
    toml = tmp_path / "grid.toml"
    changes = {"validation": 0.2}
    settings = {**SETTINGS, **changes, "tasks": noise, "batch_size": 50, "epochs": 10, "snapshots": 6}
    own = {"swap": "swap = 3", "regular": "learning_rate = [0.005, 0.02]"}
    tables = [f"[kinds.{name}]\n{own.get(name, '')}" for name in SHIPPED]
    toml.write_text("\n".join([*(f"{name} = {value!r}" for name, value in settings.items()), *tables]))
    command = ["train", toml, "--device", "cpu", "--out"]
    assert commands.run(*command, tmp_path / "whole").returncode == 0
    whole = written(tmp_path / "whole")
    assert len(whole) == len(SHIPPED) + 1

    draw = random.Random(0)
    moments = [(0, epoch) for epoch in range(10)] + [(networks, 0) for networks in (4, 8, 12)]
    killed = 0
    for moment in sorted(draw.sample(moments, 6)):
        process = commands.Command(*command, tmp_path / "killed")
        deadline = time.monotonic() + 60
        while progress(tmp_path / "killed") < moment and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 3  # a machine that is busy may let the last of them end
    assert commands.run(*command, tmp_path / "killed").returncode == 0
    assert written(tmp_path / "killed") == whole
