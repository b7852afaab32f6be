"""Splits of files: what is written is read again, and what does not fit a graph is told in a line."""

import json

import numpy as np
import pytest
from builders import two_module_network
from hand_worked import said
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialgraph.faults import NotApplicableError
from spatialgraph.graph import Graph, Population
from spatialgraph.splits import Split, apply, draws_at_random, is_known, parameters, sees, split_method, summary_of
from spatialgraph.splits.file import read_split, rows_of, split_of
from spatialgraph.splits.table import networks_of, read_rows, write_rows

BY_HAND = """layer,unit,module
hidden,1,
hidden,0,left + right
hidden,2,left
2,1,right
2,0,left
"""


def graph(tasks=("left", "right")):
    """Return an input that is not split, three hidden units and two outputs, without connections."""
    populations = (
        Population("input", 2),
        Population("hidden", 3, split=True),
        Population("output", 2, split=True, task=[0, 1]),
    )
    return Graph(populations, (), {"name": "by hand", "tasks": tasks})


def written(folder, text, name="mine.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_which_task_each_unit_serves(tmp_path):
    split = apply(f"file:{written(tmp_path, BY_HAND)}", graph())
    assert split.method == "file:mine"
    assert split.membership[1].tolist() == [[True, True], [False, False], [True, False]]
    assert split.membership[2].tolist() == [[True, False], [False, True]]
    assert split.communities is None
    assert split.notes == ()


def test_json_and_a_spreadsheets_csv_say_the_same(tmp_path):
    rows = [
        {"layer": "hidden", "unit": unit, "module": module} for unit, module in enumerate(["left+right", None, "left"])
    ] + [{"layer": 2, "unit": 0.0, "module": "left"}, {"layer": 2, "unit": 1, "module": "right", "remark": "kept"}]
    found = [
        read_split(written(tmp_path, json.dumps(rows), "mine.json"), graph()),
        read_split(written(tmp_path, "\ufeff" + BY_HAND.replace("\n", "\r\n")), graph()),
    ]
    for split in found:
        assert {k: members.tolist() for k, members in split.membership.items()} == {
            1: [[True, True], [False, False], [True, False]],
            2: [[True, False], [False, True]],
        }


def test_other_names_are_communities_which_are_given_to_tasks(tmp_path):
    text = "layer,unit,module\nhidden,0,x\nhidden,1,x\nhidden,2,+y\noutput,0,'+y\noutput,1,x\n"
    split = apply(f"file:{written(tmp_path, text)}", graph())
    assert {k: numbers.tolist() for k, numbers in split.communities.items()} == {1: [0, 0, 1], 2: [1, 0]}
    assert split.labels(1).tolist() == [1, 1, 0]
    assert split.notes == ()


def test_degenerate_splits_are_noted_as_those_of_methods_are(tmp_path):
    text = BY_HAND.replace("left + right", "left")
    assert said(apply(f"file:{written(tmp_path, text)}", graph()).notes) == (
        "degenerate: 0 of 2 neurons besides the outputs serve task 'right', less than 5 %",
    )


def test_a_file_of_several_networks_is_read_for_the_one_that_is_split(tmp_path):
    rows = [{"network": name, **row} for name in ("one", "other") for row in rows_of(split_of_left("one"), graph())]
    path = tmp_path / "all.json"
    write_rows(path, rows)
    assert networks_of(read_rows(path)) == ["one", "other"]
    assert apply(f"file:{path}", graph(), called="other").membership[1][:, 0].all()
    with pytest.raises(NotApplicableError, match=r"all\.json: expected the units of network 'by hand', found none$"):
        apply(f"file:{path}", graph())


def split_of_left(method):
    return Split.from_labels(method, {1: np.zeros(3, int), 2: np.array([0, 1])}, 2)


def test_splits_of_files_are_fixed_and_have_no_parameters():
    for method in ("file:mine", "file:a=b:c.csv"):
        assert (parameters(method), sees(method), draws_at_random(method), is_known(method)) == (
            {},
            "sizes",
            False,
            True,
        )
        assert summary_of(method)
    with pytest.raises(ValueError, match="split method 'file': expected another name"):
        split_method("file", sees="weights")


MEMBERSHIP = st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=5, max_size=5)


@settings(deadline=None, max_examples=60)
@given(members=MEMBERSHIP, tasks=st.sampled_from([("left", "right"), ("=1", "'-2"), ("a+b", "c"), ('x,"y', "é")]))
def test_what_is_written_is_read_again(tmp_path_factory, members, tasks):
    split = Split("m", {1: np.array(members[:3]), 2: np.array(members[3:])})
    try:
        rows = rows_of(split, graph(tasks))
    except ValueError as error:
        assert "a+b+c" in str(error)  # noqa: PT017
        return
    for ending in ("csv", "json"):
        path = tmp_path_factory.getbasetemp() / f"split.{ending}"
        write_rows(path, rows)
        again = read_split(path, graph(tasks))
        assert all(np.array_equal(again.membership[k], split.membership[k]) for k in (1, 2))


@given(numbers=st.lists(st.integers(-1, 3), min_size=5, max_size=5).filter(lambda numbers: max(numbers) >= 0))
def test_communities_that_are_written_are_read_again(numbers):
    communities = {1: np.array(numbers[:3]), 2: np.array(numbers[3:])}
    split = Split("m", {k: np.zeros((len(of), 2), bool) for k, of in communities.items()}, (), communities)
    again = split_of(rows_of(split, graph()), graph(), "m", "here")
    for one in (1, 2):  # numbers by size, then by first appearance: communities of a size keep their order
        assert np.array_equal(again.communities[one], split.communities[one])


FAULTY = {
    "mine.csv, row 1: expected columns layer, unit, module, found layer without unit and module": "layer\na",
    "mine.csv: expected a row for each unit, with columns layer, unit, module, found none": "layer,unit,module\n",
    "mine.csv, row 1: expected a split layer (hidden, output), found 'input'": "layer,unit,module\ninput,0,left\n",
    "mine.csv, row 1: expected a split layer (hidden, output), found '0'": "layer,unit,module\n0,0,left\n",
    "mine.csv, row 1: expected a unit of layer 'hidden', from 0 to 2, found '3'": "layer,unit,module\nhidden,3,left\n",
    "mine.csv, row 1: expected a unit of layer 'hidden', from 0 to 2, found 'x'": "layer,unit,module\nhidden,x,left\n",
    "mine.csv, row 6: expected each unit once, found unit 0 of 'output' again": BY_HAND + "output,0,left\n",
    "mine.csv: expected all 2 units of layer 'output', found none of 0": BY_HAND.replace("2,0,left\n", ""),
    "mine.csv: expected modules of tasks (left, right) or communities with other names, found both: 'left + right' and "
    "'lef'": BY_HAND.replace(",2,left", ",2,lef"),
}


@pytest.mark.parametrize("message", FAULTY)
def test_what_does_not_fit_is_one_line(tmp_path, message):
    path = written(tmp_path, FAULTY[message])
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_split(path, graph())
    assert str(error.value) == f"{tmp_path}/{message}"


def test_a_split_of_another_network_is_not_written():
    with pytest.raises(ValueError, match="split 'm': expected membership of shapes"):
        rows_of(split_of_left("m"), two_module_network().graph)
