"""Kinds of training: how experiments name them, what is refused, and the networks that they make."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from spatialgraph.cli import main
from spatialgraph.plugins import load, unload
from spatialgraph.store import read_network, read_snapshot
from spatialgraph.torch.costs import COSTS, cost
from spatialgraph.train.checks import SettingError
from spatialgraph.train.grid import batches_of, unnamed_in
from spatialgraph.train.kinds import SHIPPED, kinds_of, lists, settings_known, symbol
from spatialgraph.train.progress import Reporter
from spatialgraph.train.record import carried_on, read_record, write_record
from spatialgraph.train.run import train
from spatialgraph.train.settings import Experiment, experiment_from, read_experiment, settings_of
from spatialgraph.train.ways import WAYS

SMALL = {
    "tasks": ["digits", "letters"],
    "inputs": ["mix"],
    "seeds": [0],
    "hidden": [12, 10],
    "penalised_layers": ["hidden2", "output"],
    "epochs": 2,
    "batch_size": 200,
    "checkpoint_seconds": 0,
}


def members(**settings):
    (batch,) = batches_of(Experiment(**{**SMALL, **settings}))
    return {member.name: member for member in batch.members}


def trained(run, **changes):
    train(Experiment(**{**SMALL, **changes}), run, device="cpu", console=Console(file=io.StringIO()))
    return {path.stem: path.read_bytes() for path in sorted((run / "networks").glob("*.h5"))}


def arrays(path):
    network = read_network(path)
    yield from (connection.weight for connection in network.connections)
    yield from (array for layer in network.layers for array in (layer.bias, layer.position) if array is not None)


# --- names -----------------------------------------------------------------------------------------------------------


def test_every_shipped_kind_has_a_network_named_as_it_and_repeats_its_settings():
    found = members(kinds=list(SHIPPED))
    assert set(found) == {f"mix-{name}-0" for name in SHIPPED}
    for name, shipped in SHIPPED.items():
        member = found[f"mix-{name}-0"]
        assert (member.kind, member.family) == (name, name)
        assert set(member.settings) == {*shipped.table, "learning_rate"} - {"positions"}
        assert set(member.costs) == set(shipped.table) & set(COSTS)


def test_a_kind_of_ones_own_has_a_network_for_each_value():
    found = members(kinds={"wires": {"transport": [0.5, 1], "positions": "fixed"}, "regular": {}})
    assert {name: (member.kind, member.settings, member.positions) for name, member in found.items()} == {
        "mix-wires-transport0.5-0": ("wires α=0.5", {"transport": 0.5, "learning_rate": 0.005}, "fixed"),
        "mix-wires-transport1-0": ("wires α=1", {"transport": 1.0, "learning_rate": 0.005}, "fixed"),
        "mix-regular-0": ("regular", {"learning_rate": 0.005}, ""),
    }


def test_a_shipped_kind_takes_values_of_its_own_and_keeps_the_rest():
    found = members(kinds={"spatial": {"transport": 2}, "l1": {"l1": [0.1, 1]}}, density=[1, 3])
    assert {name: member.settings for name, member in found.items()} == {
        "mix-spatial-density1-0": {"transport": 2.0, "density": 1.0, "learning_rate": 0.005},
        "mix-spatial-density3-0": {"transport": 2.0, "density": 3.0, "learning_rate": 0.005},
        "mix-l1-l1_0.1-0": {"l1": 0.1, "learning_rate": 0.005},
        "mix-l1-l1_1-0": {"l1": 1.0, "learning_rate": 0.005},
    }


def test_the_experiments_transport_is_for_every_kind_that_names_none():
    found = members(kinds=["fixed", "swap"], transport=0.25)
    assert [member.settings["transport"] for member in found.values()] == [0.25, 0.25]


def test_a_kind_may_have_a_learning_rate_of_its_own():
    found = members(kinds={"l1": {"learning_rate": [0.1, 0.2]}, "regular": {}})
    assert {name: member.learning_rate for name, member in found.items()} == {
        "mix-l1-learning_rate0.1-0": 0.1,
        "mix-l1-learning_rate0.2-0": 0.2,
        "mix-regular-0": 0.005,
    }


def test_what_pays_only_costs_of_strength_0_pays_none_and_has_no_positions():
    (member,) = members(kinds={"fixed": {"transport": 0.0}}).values()
    assert (member.costs, member.positions) == ((), "")


def test_symbols_of_settings_differ():
    symbols = [symbol(name) for name in settings_known()]
    assert len(set(symbols)) == len(symbols)


def test_lists_name_every_kind_cost_and_way():
    kinds, costs, ways, positions = lists().values()
    assert (list(kinds), list(costs), list(ways)) == (list(SHIPPED), list(COSTS), list(WAYS))
    assert list(positions) == ["learned", "fixed", "grid", "….h5"]


# --- what is refused -------------------------------------------------------------------------------------------------

KNOWN = ", ".join((*COSTS, *WAYS, "learning_rate", "positions"))


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ({"my kind": {}}, "kinds: expected names of letters, digits, '.', '-' and '_', found 'my kind'"),
        ({"wires": 3}, "kinds.wires: expected a table of settings, found 3"),
        (["spacial"], f"kinds: expected some of {', '.join(SHIPPED)}, or tables [kinds.spacial] of their own, found "),
        (
            {"wires": {"transprt": 1}},
            f"kinds.wires: unknown setting 'transprt'; did you mean transport? Known: {KNOWN}",
        ),
        (
            {"wires": {"transport": -1}},
            "kinds.wires.transport: expected a number of at least 0, finite in float32, or ",
        ),
        ({"noisy": {"dropout": 1}}, "kinds.noisy.dropout: expected a number of at least 0 and below 1, finite in "),
        ({"noisy": {"dropout": [0.5, 0.5]}}, "kinds.noisy.dropout: expected a number of at least 0 and below 1, "),
        (
            {"wires": {"positions": "free"}},
            "kinds.wires.positions: expected one of learned, fixed, grid, ….h5, found 'free'",
        ),
        (
            {"wires": {"swap": 10, "transport": 1}},
            "kinds.wires.positions: expected 'grid', which swap needs, found 'learned'",
        ),
        (["regular", "regular"], "kinds: expected a list of names of kinds, or a table for each, found "),
        ([], "kinds: expected a list of names of kinds, or a table for each, found ()"),
        (3, "kinds: expected a list of names of kinds, or a table for each, found 3"),
    ],
)
def test_kinds_that_are_none_are_refused_in_one_line(kinds, text):
    with pytest.raises(SettingError) as error:
        experiment_from({**SMALL, "kinds": kinds})
    assert str(error.value).startswith(text)
    assert "\n" not in str(error.value)


def test_kinds_count_towards_the_most_networks_of_a_run():
    table = {"l1": [k + 1 for k in range(100)], "l2": [k + 1 for k in range(1001)]}
    with pytest.raises(SettingError, match="expected at most 100000 networks in all, found up to 100100"):
        experiment_from({**SMALL, "kinds": {"both": table}})


# --- files -----------------------------------------------------------------------------------------------------------


def test_tables_of_a_file_are_read_written_and_read_again(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('tasks = ["digits", "letters"]\n[kinds.spatial]\n[kinds.wires]\ntransport = [0.5, 1]\n')
    experiment = read_experiment(str(file))
    assert [kind.name for kind in experiment.kinds] == ["spatial", "wires"]
    assert settings_of(experiment)["kinds"] == {
        "spatial": {},
        "wires": {"transport": [0.5, 1.0], "positions": "learned"},
    }
    assert experiment_from(settings_of(experiment)) == experiment


def test_kinds_of_old_runs_are_written_as_they_were():
    assert settings_of(Experiment(tasks=["a", "b"]))["kinds"] == ["regular", "spatial"]


def test_a_default_is_written_so_that_a_later_version_trains_the_same():
    assert settings_of(Experiment(tasks=["a", "b"], kinds=["l1"]))["kinds"] == {"l1": {"l1": COSTS.facts("l1").default}}


def test_a_table_is_changed_by_its_dotted_name(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('tasks = ["digits", "letters"]\nkinds = ["regular", "l1"]\n')
    found = read_experiment(str(file), {"kinds.l1.l1": [0.1, 1], "kinds.mine.transport": 1})
    assert found.kinds == kinds_of({"regular": {}, "l1": {"l1": [0.1, 1]}, "mine": {"transport": 1}})
    with pytest.raises(
        SettingError, match=r"^--set: expected a name such as kinds\.spatial\.transport, found 'hidden\.l1'"
    ):
        read_experiment(str(file), {"hidden.l1": 1})


# --- runs that are carried on ----------------------------------------------------------------------------------------


def test_a_kind_is_added_to_a_run_and_renames_nothing(tmp_path):
    first = trained(tmp_path, kinds=["spatial"])
    more = trained(tmp_path, kinds={"l1": {}})
    assert {name: more[name] for name in first} == first
    most = trained(tmp_path, kinds={"l1": {"l1": [0.5, 1]}})
    assert set(most) == {"mix-spatial-0", "mix-l1-0", "mix-l1-l1_0.5-0"}
    assert {name: most[name] for name in more} == more
    record = read_record(tmp_path)
    assert [kind.name for kind in record.experiment.kinds] == ["spatial", "l1"]
    assert record.unnamed["l1/l1"] == 1.0


def test_what_a_kind_began_with_goes_without_saying_for_ever(tmp_path):
    began = Experiment(**{**SMALL, "kinds": {"mine": {"l1": 0.5}}})
    write_record(tmp_path, carried_on(tmp_path, began))
    for value in ([0.5, 1], [2], 0.5):
        asked = Experiment(**{**SMALL, "kinds": {"mine": {"l1": value}}})
        write_record(tmp_path, carried_on(tmp_path, asked))
        assert read_record(tmp_path).unnamed["mine/l1"] == 0.5
    assert dict(read_record(tmp_path).experiment.kinds[0].table) == {"l1": (0.5, 1.0, 2.0)}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ({"l1": 2}, "kinds.mine.l1 = 0.5, not 2.0: choose another --out, the same settings, or the list "),
        ({"l1": 0.5, "positions": "fixed"}, "kinds.mine.positions = 'learned', not 'fixed': choose another name for "),
        ({"l1": 0.5, "l2": 1}, "kinds.mine of the settings l1, not l1, l2: choose another name for the kind, or "),
    ],
)
def test_a_kind_stays_what_it_was_in_a_run(tmp_path, kind, text):
    write_record(tmp_path, carried_on(tmp_path, Experiment(**{**SMALL, "kinds": {"mine": {"l1": 0.5}}})))
    with pytest.raises(SettingError) as error:
        carried_on(tmp_path, Experiment(**{**SMALL, "kinds": {"mine": kind}}))
    assert str(error.value).startswith(f"{tmp_path} was trained with {text}")


def test_unnamed_settings_of_kinds_are_told_by_their_kind():
    experiment = Experiment(**{**SMALL, "kinds": {"a": {"l1": 0.5}, "b": {"l1": [1, 2], "dropout": 0.1}}})
    assert unnamed_in(experiment) == {
        **{"transport": 1.0, "density": 3.0, "learning_rate": 0.005},
        **{"a/l1": 0.5, "b/dropout": 0.1},
    }


# --- networks --------------------------------------------------------------------------------------------------------

SOON = {"swap": {"swap": 3}}  # a few steps are all that there are


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """A run with every kind."""
    run = tmp_path_factory.mktemp("every")
    trained(run, kinds={name: SOON.get(name, {}) for name in SHIPPED}, validation=0.2)
    return run / "networks"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_kind_is_the_same_alone_and_among_all_others(every, tmp_path, name):
    trained(tmp_path, kinds={name: SOON.get(name, {})}, validation=0.2)
    (alone,) = (tmp_path / "networks").glob("*.h5")
    for one, other in zip(arrays(alone), arrays(every / alone.name), strict=True):
        # Correlations of activations that hardly vary have few digits.
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3 if name == "locality" else 2e-5)


def test_no_two_kinds_are_the_same_network(every):
    found = {path.stem: list(arrays(path))[1] for path in every.glob("*.h5")}
    assert len(found) == len(SHIPPED)
    differ = {name: [n for n, other in found.items() if np.array_equal(one, other)] for name, one in found.items()}
    assert differ == {name: [name] for name in found}


def test_a_network_says_what_its_kind_is(every):
    known = read_network(every / "mix-swap-0.h5").metadata
    assert (known["kind"], known["family"], known["positions"]) == ("swap", "swap", "grid")
    assert known["settings"] == {"transport": 1.0, "swap": 3.0, "learning_rate": 0.005}
    assert known["symbols"] == {"transport": "α", "swap": "K", "learning_rate": "η"}
    assert len(known["validation_accuracy"]) == 2


def test_positions_stay_where_they_are_not_learned(every):
    for name, moved in {"fixed": False, "fixed-grid": False, "locality": False, "spatial": True}.items():
        path = every / f"mix-{name}-0.h5"
        start, end = read_snapshot(path, 0.0).layers, read_network(path).layers
        same = [np.array_equal(a.position, b.position) for a, b in zip(start, end, strict=True) if b.split]
        assert same == [not moved] * 2, name


def test_neurons_that_swap_have_the_same_places_in_another_order(every):
    path = every / "mix-swap-0.h5"
    moved = 0
    for before, after in zip(read_snapshot(path, 0.0).layers, read_network(path).layers, strict=True):
        if after.position is not None:
            assert sorted(map(tuple, before.position)) == sorted(map(tuple, after.position))
            moved += not np.array_equal(before.position, after.position)
    assert moved


def test_kinds_without_a_cost_of_positions_have_none(every):
    without = {p.stem for p in every.glob("*.h5") if all(layer.position is None for layer in read_network(p).layers)}
    plain = ("regular", "l1", "l2", "group-lasso", "clusterability", "splitnet", "dropout", "pruned")
    assert without == {f"mix-{name}-0" for name in plain}


def test_every_kind_that_is_stopped_goes_on_to_the_same_bytes(every, tmp_path, monkeypatch):
    def interrupt(self, batch, epoch, total, accuracy):
        if epoch == 1:
            raise KeyboardInterrupt

    kinds = {name: SOON.get(name, {}) for name in SHIPPED}
    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, kinds=kinds, validation=0.2)
    found = trained(tmp_path, kinds=kinds, validation=0.2)
    assert found == {path.stem: path.read_bytes() for path in every.glob("*.h5")}


def test_examples_set_aside_are_trained_on_by_nobody(tmp_path):
    whole, part = (trained(tmp_path / str(share), kinds=["regular"], validation=share) for share in (0.0, 0.3))
    assert whole != part
    network = read_network(tmp_path / "0.3" / "networks" / "mix-regular-0.h5")
    assert network.history["validation_accuracy"].shape == (2, 2)
    assert "validation_accuracy" not in read_network(tmp_path / "0.0" / "networks" / "mix-regular-0.h5").history


PAGE = (Path(__file__).parents[2] / "docs" / "methods" / "kinds.md").read_text(encoding="utf-8")


def test_the_page_on_kinds_has_every_kind_and_way_and_an_experiment_that_reads(tmp_path):
    rows = re.findall(r"^\| `([\w-]+)`(?:, `([\w-]+)`)? \| (.*?) \|", PAGE, re.MULTILINE)
    named = [name for row in rows for name in row[:2] if name]
    assert named == [*SHIPPED, *WAYS]
    for name, facts in ((row[0], row[2]) for row in rows if row[0] in WAYS and " = " in row[2]):
        assert facts == f"{symbol(name)} = {WAYS.facts(name).default:g}"
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.toml").write_text("\n".join(blocks))
    experiment = read_experiment(str(tmp_path / "mine.toml"))
    assert {kind.name: len(kind.choices(experiment.general)) for kind in experiment.kinds} == {
        **{"regular": 1, "spatial": 3, "wires": 2, "noisy-wires": 4, "shuffled-trained": 2},
    }


def test_the_cost_of_the_page_is_trained_and_analysed_and_drawn_from_its_one_file(tmp_path, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.py").write_text(block)
    small = ["hidden=[12,10]", "penalised_layers=['hidden2','output']", "inputs=['mix']", "epochs=3", "snapshots=2"]
    kinds = ["kinds.strongest.strongest=[0.1,1]", "kinds.regular.learning_rate=0.005"]
    sets = [part for text in [*small, *kinds] for part in ("--set", text)]
    run, plugin = tmp_path / "run", tmp_path / "mine.py"
    calls = [
        ["train", "demo", "--plugin", plugin, *sets, "--seeds", "0:2", "--out", run, "--device", "cpu"],
        ["analyze", run, "--splits", "greedy", "--ablations", "zero", "--nulls", "0", "--jobs", "1"],
        ["figures", run / "results", "--only", "training", "--format", "svg"],
    ]
    try:
        for call in calls:
            with pytest.raises(SystemExit) as end:
                main([str(part) for part in call])
            assert not end.value.code, capsys.readouterr().err
    finally:
        unload(load(plugin))
    names = sorted(path.stem for path in (run / "networks").glob("*.h5"))
    assert [name for name in names if "strongest" in name and name.endswith("-0")] == [
        "mix-strongest-strongest0.1-0",
        "mix-strongest-strongest1-0",
    ]
    assert "strongest ζ=0.1" in (run / "results" / "scores.csv").read_text(encoding="utf-8")
    assert "strongest ζ=1" in (run / "results" / "figures" / "training.csv").read_text(encoding="utf-8")


def test_a_cost_of_ones_own_is_trained_by_its_name_alone(tmp_path):
    @cost("mean-weight", symbol="ψ", default=2.0, reason="Only a test.")
    def mean_weight(paying):
        """Pay for the mean weight."""
        return paying.mean(lambda layer: layer.weight.mean(dim=(1, 2)))

    try:
        trained(tmp_path, kinds={"mine": {"mean-weight": [0, 100]}})
        low, high = (read_network(tmp_path / "networks" / f"mix-mine-mean-weight{v}-0.h5") for v in (0, 100))
        assert high.metadata["kind"] == "mine ψ=100"
        assert high.history["mean-weight"].shape == (2,)
        assert high.connections[-1].weight.mean() < low.connections[-1].weight.mean() - 0.01
    finally:
        COSTS.forget("mean-weight")
