"""What users give as an array: lists, precisions, tensors; and what is said of what is none."""

import re

import numpy as np
import pytest

from spatialgraph.arrays import array_of, floats, integers, stored


class Tensor:
    """What PyTorch's tensors are to NumPy: nothing that asks for gradients, or lies on a GPU, is an array."""

    def __init__(self, values, where="gpu with gradient"):
        self.values, self.where = np.asarray(values), where

    def detach(self):
        return Tensor(self.values, "gpu")

    def cpu(self):
        return Tensor(self.values, "cpu" if self.where == "gpu" else self.where)

    def float(self):
        return Tensor(self.values.astype(np.float32), self.where)

    def __array__(self, dtype=None, copy=None):
        if self.where != "cpu":
            raise RuntimeError(f"Can't call numpy() on a tensor that is on {self.where}")
        if self.values.dtype == object:  # in the place of bfloat16
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values


def test_a_tensor_is_an_array_of_its_own():
    values = np.array([[1.0, -2.0]], np.float32)
    found = floats("weight", Tensor(values))
    values[:] = 5  # as an optimiser does
    assert found.tolist() == [[1, -2]]
    assert integers("labels", Tensor([0, 1])).tolist() == [0, 1]
    assert stored("inputs", Tensor(np.ones((1, 2)))).dtype == np.float32
    assert floats("weight", Tensor(np.array([0.5], object))).tolist() == [0.5]


def test_a_tensor_of_pytorch_that_a_gradient_is_asked_of_is_an_array():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        weight = torch.nn.Parameter(torch.tensor([[0.5, -2.0]], dtype=dtype))
        found = floats("weight", weight)
        with torch.no_grad():
            weight += 1
        assert found.tolist() == [[0.5, -2]]
        assert found.dtype == np.float32


@pytest.mark.parametrize("values", [[[1, 2], [3, 4]], [np.array([1, 2]), (3, 4)], np.array([[1, 2], [3, 4]], object)])
@pytest.mark.parametrize("of", [floats, integers])
def test_lists_of_lists_are_arrays(of, values):
    assert of("weight", values).tolist() == [[1, 2], [3, 4]]


WRONG = {
    "weight: expected an array of numbers, found a list: setting an array element with a sequence.": [[1, 2], [3]],
    "weight: expected an array of numbers, found a str: could not convert string to float": "a",
    "weight: expected an array of numbers, found a object: float() argument must be a string or": object(),
    "weight: expected an array of numbers, found a ndarray: complex numbers": np.ones(2) * 1j,
    "weight: expected numbers that float32 holds, up to 3.4e+38, found -1e+300 at (1, 0)": [[0], [-1e300]],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_array_of_numbers_is_refused_in_a_line(message):
    with pytest.raises(ValueError, match="^" + re.escape(message)) as error:
        floats("weight", WRONG[message])
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 200


def test_infinity_stays_for_whoever_checks_the_values():
    assert floats("weight", np.array([np.inf, np.nan, 1e38])).tolist()[0] == np.inf


def test_names_where_numbers_are_meant_are_refused_in_a_line():
    with pytest.raises(
        ValueError, match=r"^labels: expected whole numbers, as int64 holds them, found others, of <U1$"
    ):
        integers("labels", ["a", "b"])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.ones(2, np.float64), "float32"),
        (np.ones(2, np.float16), "float32"),
        (np.ones(2, np.int16), "uint16"),
        (np.ones(2, bool), "uint8"),
        (np.ones(2, np.uint8), "uint8"),
        ([1, 1], "uint64"),
    ],
)
def test_inputs_have_types_that_files_have(values, dtype):
    found = stored("inputs", values)
    assert found.dtype == dtype
    assert found.tolist() == [1, 1]
    assert not found.flags.writeable


def test_integers_below_0_are_no_inputs():
    with pytest.raises(ValueError, match=r"^inputs: expected floats, or integers of at least 0, found the integer -3$"):
        stored("inputs", [0, -3])


def test_values_are_not_copied_without_need():
    values = np.ones(3, np.float32)
    assert np.shares_memory(floats("weight", values), values)
    assert values.flags.writeable
    assert array_of("weight", values) is values
