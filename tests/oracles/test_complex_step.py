"""The complex step is exact where it may be used, and refused where it is silently wrong."""

import cmath
import math

import pytest

from refvi.oracles.complex_step import complex_step


def test_exact_on_analytic_functions():
    found = complex_step(lambda z: cmath.exp(z) * cmath.sin(z), 0.7, {"exp", "sin", "multiply"})
    exact = math.exp(0.7) * (math.sin(0.7) + math.cos(0.7))
    assert abs(found.value - exact) <= found.error
    near_edge = complex_step(cmath.log, 1e-3, {"log"}, domain=(0.0, math.inf))
    assert near_edge.value == pytest.approx(1e3, rel=1e-15)


def test_operations_off_the_list_are_refused():
    with pytest.raises(ValueError, match="analytic operations, got abs, norm"):
        complex_step(cmath.exp, 0.7, {"exp", "norm", "abs"})


@pytest.mark.parametrize("function", [abs, lambda z: z.real**2, lambda z: complex(z).conjugate() * z])
def test_the_guard_sees_what_the_list_did_not(function):
    with pytest.raises(ValueError, match="not analytic here"):
        complex_step(function, 0.7, {"multiply"})


def test_a_true_zero_derivative_is_not_refused():
    assert complex_step(cmath.cos, 0.0, {"cos"}).value == 0.0
