import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spatialgraph.analyses.report.packing import Pack, unpack, unpack_levels

FINITE = st.floats(-1e6, 1e6)


@given(values=arrays(np.float64, array_shapes(min_side=0), elements=FINITE | st.sampled_from([np.nan, np.inf])))
def test_quantised_numbers_are_within_half_a_step(values):
    pack = Pack()
    pack.quantise("values", values)
    found = unpack(pack.entries["values"], pack.text())
    known = np.isfinite(values)
    step = np.ptp(values[known]) / (2**16 - 2) if known.any() else 0.0
    assert found.shape == values.shape
    assert np.isnan(found[~known]).all()
    assert np.allclose(found[known], values[known], rtol=0, atol=0.5 * step + 1e-9)


@given(values=arrays(np.float64, array_shapes(max_dims=1), elements=st.floats(1e-8, 1e8)))
def test_logarithms_keep_the_relative_precision(values):
    pack = Pack()
    pack.quantise("values", values, logarithms=True)
    found = unpack(pack.entries["values"], pack.text())
    # Eight orders of magnitude and more take steps of less than a thousandth.
    assert np.allclose(found, values, rtol=5e-4, atol=0)


def test_logarithms_of_what_has_none_are_missing():
    pack = Pack()
    pack.quantise("values", [0.0, -1.0, 2.0], logarithms=True)
    assert np.isnan(unpack(pack.entries["values"], pack.text())[:2]).all()
    assert unpack(pack.entries["values"], pack.text())[2] == pytest.approx(2.0)


def test_arrays_are_read_back_as_they_are_and_aligned():
    pack = Pack()
    made = {
        "bytes": np.arange(3, dtype=np.uint8),
        "doubles": np.array([[np.nan, -1.5], [2.0, 0.1]]),
        "none": np.zeros((0, 4), np.uint16),
        "long": np.array([2**32 - 1], np.uint32),
    }
    for name, array in made.items():
        pack.add(name, array)
    for name, array in made.items():
        assert pack.entries[name]["offset"] % 8 == 0
        np.testing.assert_array_equal(unpack(pack.entries[name], pack.text()), array)


def test_a_name_is_given_once():
    pack = Pack()
    pack.add("a", np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="expected a new name, found 'a' again"):
        pack.add("a", np.zeros(1, np.uint8))


@given(
    rows=arrays(np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-100, 100, width=32)),
    bits=st.integers(2, 16),
    power=st.sampled_from([1.0, 2.0]),
    around=st.sampled_from([None, 0]),
)
def test_levels_are_as_fine_as_their_bits(rows, bits, power, around):
    pack = Pack()
    pack.levels("rows", rows, bits, power=power, around=around)
    found = unpack_levels(pack.entries, "rows", pack.text())
    low, high = rows.min(axis=1, keepdims=True).astype(float), rows.max(axis=1, keepdims=True).astype(float)
    centre = (low + high) / 2 if around is None else 0
    half = np.maximum(high - centre, centre - low)
    # Half a step at the end of a row, where levels are farthest apart.
    assert (np.abs(found - rows) <= 0.51 * power * half / (2 ** (bits - 1) - 1) + 1e-4).all()
    if around == 0:
        assert (found[rows == 0] == 0).all()


def test_levels_near_0_are_finer_with_a_power():
    rows = np.array([[1.0, 0.001]], np.float32)
    errors = []
    for power in (1, 2):
        pack = Pack()
        pack.levels("rows", rows, 8, power=power, around=0)
        errors.append(abs(unpack_levels(pack.entries, "rows", pack.text())[0, 1] - 0.001))
    assert errors[1] < errors[0] / 4


def test_other_types_are_refused():
    with pytest.raises(
        ValueError, match="array 'a': expected one of uint8, uint16, uint32, float32, float64, found int64"
    ):
        Pack().add("a", np.zeros(1, np.int64))
