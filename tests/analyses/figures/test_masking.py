"""DenseRunner and selectivity: what is left, and what is lost, are the scores."""

import numpy as np
import pytest
from results_builder import DROP, build_results

from spatialgraph.analyses.figures import Choice, drawings
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.tables import table_one
from spatialgraph.faults import NotApplicableError


def test_masking_shows_table_one(results, made):
    numbers = made["masking"].numbers.set_index(["ablation", "inputs", "kind", "column", "statistic"])["value"]
    numbers = numbers.sort_index()
    for ablation in results.ablations:
        for cell in table_one(results, ablation).numbers.itertuples():
            column = {"Full network": "", "Split network": "own"}.get(cell.row)
            if column is not None:
                of = "" if column == "" else ablation
                assert numbers[of, cell.inputs, cell.kind, column, "mean"].item() == pytest.approx(cell.mean)


def test_others_and_random_neurons_stand_beside_the_own_module(results, made):
    numbers = made["masking"].numbers
    own = numbers[(numbers["network"] == "sequential-regular-1") & (numbers["ablation"] == "zero")]
    left = own.set_index("column")["value"].astype(float)
    drop = DROP["regular"] + 0.02
    full = np.mean(results.network("sequential-regular-1").metadata["accuracy"])
    np.testing.assert_allclose(left[["own", "random", "other"]], [full - drop, full - drop - 0.2, 0.1 + drop])


def test_intervals_hold_the_mean(made):
    numbers = made["masking"].numbers
    keys = ["ablation", "inputs", "kind", "column"]
    wide = numbers[numbers["statistic"] != "seed"].pivot(index=keys, columns="statistic", values="value").astype(float)
    assert (wide["low"] < wide["mean"]).all()
    assert (wide["mean"] < wide["high"]).all()


def test_without_null_models_there_is_no_control(tmp_path):
    results = Results.load(build_results(tmp_path, inputs=("mix",), seeds=(0,), more=True))
    (drawing,) = drawings(results, "masking")
    assert set(drawing.numbers["column"]) == {"", "own", "other"}
    assert "Random" not in drawing.caption
    assert [text.get_text() for text in drawing.figure.axes[-1].get_xticklabels()] == ["own\nmodule", "other\nmodules"]


def test_losses_without_each_module(results, made):
    numbers = made["selectivity"].numbers
    own = numbers[(numbers["network"] == "sequential-spatial-1") & (numbers["ablation"] == "incoming")]
    lost = own.set_index(["module", "task"])["value"].astype(float)
    drop = DROP["spatial"] / 2 + 0.02
    for module in ("digits", "clothes"):
        for task in ("digits", "clothes"):
            assert lost[module, task] == pytest.approx(2 * drop if module == task else 0.1 * drop)
    figure = made["selectivity"].figure
    panel = figure.axes[1]  # concatenate, spatial, zero: the mean over seeds 0 and 1, in percentage points
    mean = 100 * (DROP["spatial"] + 0.01)
    cells = [text.get_text() for text in panel.texts]
    assert cells == [f"{2 * mean:.0f}", f"{0.1 * mean:.0f}", f"{0.1 * mean:.0f}", f"{2 * mean:.0f}"]


def test_many_tasks_have_a_drawing_for_each_input_mode(tmp_path):
    tasks = [f"t{number}" for number in range(8)]
    folder = build_results(tmp_path, seeds=(0,), tasks=tasks, sizes=(8, 8, 8, 16, 16), more=True, methods=("greedy",))
    names = [drawing.name for drawing in drawings(Results.load(folder), "selectivity")]
    assert names == ["selectivity-concatenate", "selectivity-sequential"]


@pytest.mark.parametrize("name", ["masking", "selectivity"])
def test_results_without_function(results, name):
    bare = Results(results.folder, results.scores[results.scores["metric"] == "cut"], results.splits, results.run)
    with pytest.raises(NotApplicableError, match=r"^expected scores accuracy.* of splits by greedy, in "):
        drawings(bare, name)
    with pytest.raises(ValueError, match="unknown split method"):
        drawings(results, name, Choice(method="leiden"))
