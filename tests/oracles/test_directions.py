"""Taylor slopes and kinks on functions whose answers are known."""

import math

import numpy as np

from refvi.oracles import directions
from refvi.oracles.differences import FAILS, HOLDS, INCONCLUSIVE

POINT = {"a": np.array([0.3, -0.7]), "b": 0.4}
DIRECTION = np.array([0.5, -1.25, 0.75])


def value(p):
    return math.exp(p["a"][0]) * math.sin(p["a"][1]) + p["b"] ** 3


def slope():
    a, b = POINT["a"], POINT["b"]
    gradient = np.array([math.exp(a[0]) * math.sin(a[1]), math.exp(a[0]) * math.cos(a[1]), 3 * b**2])
    return float(gradient @ DIRECTION)


def test_taylor_slope_is_two_for_the_right_gradient():
    found = directions.taylor_slope(value, POINT, slope(), DIRECTION, magnitude=3.0)
    assert found.verdict == HOLDS
    assert all(abs(s - 2.0) < 0.1 for s in found.slopes[-3:])


def test_taylor_slope_is_one_for_wrong_gradients():
    for factor in (-1.0, 0.5, 0.0, 1.03):
        assert directions.taylor_slope(value, POINT, factor * slope(), DIRECTION).verdict == FAILS


def test_taylor_slope_does_not_accuse_without_evidence():
    assert directions.taylor_slope(lambda p: math.nan, POINT, 1.0, DIRECTION).verdict == INCONCLUSIVE
    linear = directions.taylor_slope(lambda p: 2.0 * p["b"], POINT, 1.5, DIRECTION)
    assert linear.verdict == HOLDS


def test_kinks_are_found_and_smooth_points_are_not():
    assert directions.kink(abs, 0.0)
    assert directions.kink(lambda x: max(x, 2.0 * x - 1.0), 1.0)
    assert not directions.kink(abs, 1.0)
    assert not directions.kink(math.exp, 0.5)
    assert not directions.kink(lambda x: math.tanh(20 * x), 0.01)
    assert not directions.kink(lambda x: 1e6 + math.sin(x), 3.0)


def test_generic_directions_are_repeatable_and_never_nearly_axis_aligned():
    found = directions.generic_directions(5)
    assert np.array_equal(found, directions.generic_directions(5))
    assert np.abs(found).min() >= 0.25
    assert (found > 0).any()
    assert (found < 0).any()


def test_directional_derivative():
    found = directions.directional(value, POINT, DIRECTION)
    assert abs(found.value - slope()) <= found.error < 1e-9
