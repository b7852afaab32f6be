import numpy as np
import pytest
from hand_worked import labelled, three_tasks

from spatialgraph.faults import NotApplicableError
from spatialgraph.metrics import Measurement, measure
from spatialgraph.runners import Performance, performance
from spatialgraph.splits import apply


def test_measures_of_function_have_one_value_for_each_task():
    found = Performance(
        *(("a", "b"), "zero", np.array([1.0, np.nan]), np.array([0.75, np.nan]), np.array([0.25, np.nan])),
        kept=np.array([[0.75, np.nan], [0.25, np.nan]]),
        lesioned=np.array([[0.25, np.nan], [0.75, np.nan]]),
    )
    for name, expected in {"accuracy": 0.75, "accuracy-drop": 0.25, "leaked-accuracy": 0.25}.items():
        first, second = measure(name, found)
        assert first == Measurement(expected, "a")
        assert second.task == "b"
        assert np.isnan(second.value)
    assert all(np.isnan(m.value) for m in measure("double-dissociation", found))
    found = measure("accuracy-without", found)
    assert [(m.value, m.task, m.part) for m in found[::2]] == [(0.25, "a", "a"), (0.75, "a", "b")]
    assert [(m.task, m.part) for m in found[1::2]] == [("b", "a"), ("b", "b")]
    assert all(np.isnan(m.value) for m in found[1::2])


def of_kept(*kept):
    """Return what modules can do, `kept` the accuracies of every task with only the neurons of each."""
    kept = np.array(kept)
    tasks = tuple(f"task{number}" for number in range(len(kept)))
    return Performance(tasks, "zero", np.ones(len(kept)), kept.diagonal(), np.zeros(len(kept)), kept, kept)


def test_double_dissociation_compares_the_tasks_that_one_module_does():
    # What a module can do is a row: task 0 is easy for both modules, and only module 0 is one of its own.
    found = measure("double-dissociation", of_kept([0.75, 0.25], [0.75, 0.5]))
    assert found == [Measurement(0.5, "task0"), Measurement(-0.25, "task1")]


def test_double_dissociation_averages_over_the_other_tasks():
    found = measure("double-dissociation", of_kept([1.0, 0.5, 0.25], [0.0, 0.75, 0.5], [0.5, 0.5, 0.5]))
    assert [m.value for m in found] == [1 - 0.375, 0.75 - 0.25, 0.0]


def test_double_dissociation_is_that_of_masked_networks():
    network = three_tasks()
    found = performance(network, labelled(network, 40), apply("greedy", network.graph), "zero")
    values = [m.value for m in measure("double-dissociation", found)]
    for task, other in enumerate(((1, 2), (0, 2), (0, 1))):
        assert values[task] == pytest.approx(found.own[task] - found.kept[task, other].mean())


def test_double_dissociation_needs_another_task():
    with pytest.raises(NotApplicableError) as error:
        measure("double-dissociation", of_kept([1.0]))
    assert str(error.value) == "double-dissociation: expected at least 2 tasks, found 1"
