"""Values, and that C·u·S covers the rounding error measured in exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refvi.derivations import numbers
from refvi.derivations.numbers import UNIT_ROUNDOFF, Number, number

REALS = st.integers(-(2**40), 2**40).map(lambda n: n / 2**33 + 1e-3)
exact = Fraction


@settings(deadline=None, derandomize=True, max_examples=200)
@given(REALS, REALS, REALS)
def test_size_covers_rounding_of_rational_expressions(a, b, c):
    found = (number(a) - b) * c / (number(a) * a + 1) - number(c) ** 2
    fa, fb, fc = exact(a), exact(b), exact(c)
    true = (fa - fb) * fc / (fa * fa + 1) - fc**2
    assert abs(exact(float(found)) - true) <= exact(2 * UNIT_ROUNDOFF * float(found.size))


@pytest.mark.parametrize("name", ["exp", "sin", "cos", "log", "sqrt"])
def test_functions_carry_errors_by_their_slope(name):
    x = Number(0.75, 4.0, 1e-7)
    found = getattr(numbers, name)(x)
    assert float(found) == getattr(math, name)(0.75)
    step = 1e-6
    slope = abs(getattr(math, name)(0.75 + step) - getattr(math, name)(0.75 - step)) / (2 * step)
    assert float(found.error) == pytest.approx(1e-7 * slope, rel=1e-6)
    assert float(found.size) == pytest.approx(4.0 * slope + abs(float(found)), rel=1e-6)


def test_total_is_correctly_rounded_and_sizes_add():
    a = Number([[1e16, 1.0, -1e16]], [[1.0, 2.0, 3.0]], 0.5)
    found = numbers.total(a)
    assert found.value.tolist() == [1.0]
    assert found.size.tolist() == [7.0]
    assert found.error.tolist() == [1.5]


def test_arrays_on_the_left_make_numbers():
    for found in (np.array([1.0, 2.0]) * number(3.0), np.array([1.0, 2.0]) + number([3.0, 4.0])):
        assert isinstance(found, Number)
        assert found.shape == (2,)


def test_mean_and_stack():
    a = Number([[1.0, 2.0], [3.0, 5.0]], 1.0)
    assert numbers.mean(a).value.tolist() == [2.0, 3.5]
    assert numbers.stack([number(1.0), a[1]]).value.tolist() == [[1.0, 1.0], [3.0, 5.0]]
    assert float(numbers.absolute(Number(-2.0))) == 2.0


def test_an_exact_number_has_neither_size_nor_error_until_it_is_computed_with():
    one = number([1.0, 3.0])
    assert one.size.tolist() == one.error.tolist() == [0.0, 0.0]
    assert (one + Number(1.0, 2.0, 1e-3)).size.tolist() == [4.0, 6.0]
    assert (one / 2).size.tolist() == [0.5, 1.5]
    assert numbers.log(one).size.tolist() == [0.0, math.log(3.0)]
    both = numbers.stack([one, Number([1.0, 1.0], 5.0, 0.25)])
    assert both.size.tolist() == [[0.0, 0.0], [5.0, 5.0]]
    assert both.error.tolist() == [[0.0, 0.0], [0.25, 0.25]]


def test_sums_of_what_is_not_finite():
    with np.errstate(all="ignore"):
        assert math.isnan(float(numbers.total([math.inf, -math.inf])))
        assert float(numbers.total([math.inf, 1.0])) == math.inf
        assert numbers.total([[1e308, 1e308], [1.0, 2.0]]).value.tolist() == [math.inf, 3.0]


@pytest.mark.parametrize("entry", [0, 1])
def test_reordering_moves_sizes_and_errors_along(entry):
    a = Number([[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]], [[0.1, 0.2], [0.3, 0.4]])
    found = a.rearranged(np.transpose)[entry]
    assert found.value.tolist() == a.value[:, entry].tolist()
    assert found.size.tolist() == a.size[:, entry].tolist()
    assert found.error.tolist() == a.error[:, entry].tolist()
