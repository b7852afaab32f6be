"""Wording: what numbers and lists look like in sentences and tables."""

from spatialgraph.analyses.wording import between, listed, markdown_table, number, p_said


def test_no_number_has_a_sign_that_its_digits_do_not_show():
    assert [number(value, 1) for value in (-0.04, -0.06, 0.0, -0.0)] == ["0.0", "−0.1", "0.0", "0.0"]
    assert number(-0.06, 1, minus="-") == "-0.1"


def test_names_numbers_and_p_of_a_sentence():
    assert listed(["a", "b"]) == "a and b"
    assert between([2, 5, 3]) == "2 to 5"
    assert p_said(0.0001) == "p = 0.0001"
    assert p_said(0.00009) == "p < 0.0001"


def test_a_table_is_aligned():
    assert markdown_table(["a", "b"], [["c", "1"]]).splitlines() == ["| a | b |", "| --- | ---: |", "| c | 1 |"]
