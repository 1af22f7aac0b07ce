"""Differences against derivatives known in closed form: the error must lie within its own estimate."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from refvi.oracles import differences
from refvi.oracles.differences import FAILS, HOLDS, INCONCLUSIVE

POSITIVE = (0.0, math.inf)
CASES = [
    # name, function, point, derivative, domain, largest relative error that is accepted of the estimate
    ("exponential", math.exp, 0.3, math.exp(0.3), differences.EVERYWHERE, 1e-10),
    ("logarithm near its edge", math.log, 1e-3, 1e3, POSITIVE, 1e-9),
    ("root near its edge", math.sqrt, 1e-3, 0.5 / math.sqrt(1e-3), POSITIVE, 1e-9),
    ("a large constant", lambda x: 1e8 + math.sin(x), 0.7, math.cos(0.7), differences.EVERYWHERE, 1e-4),
    ("a large argument", math.sin, 1e6, math.cos(1e6), differences.EVERYWHERE, 1e-6),
    (
        "a narrow peak",
        lambda x: math.exp(-((x / 1e-4) ** 2)),
        5e-5,
        -1e4 * math.exp(-0.25),
        differences.EVERYWHERE,
        1e-9,
    ),
    (
        "a steep slope",
        lambda x: math.tanh(20 * x),
        0.01,
        20 / math.cosh(0.2) ** 2,
        differences.EVERYWHERE,
        1e-10,
    ),
    ("beside a kink", lambda x: max(x, 0.0), 1e-5, 1.0, differences.EVERYWHERE, 1e-10),
    ("a line", lambda x: 3 * x + 1, 2.0, 3.0, differences.EVERYWHERE, 1e-11),
    ("a large parabola", lambda x: x * x, 1e6, 2e6, differences.EVERYWHERE, 1e-11),
    (
        "a small sigmoid",
        lambda x: math.log1p(math.exp(x)),
        -40.0,
        1 / (1 + math.exp(40.0)),
        differences.EVERYWHERE,
        1e-9,
    ),
]


@pytest.mark.parametrize(
    ("name", "function", "x", "exact", "domain", "sharp"), CASES, ids=[c[0] for c in CASES]
)
def test_error_lies_within_its_estimate_and_the_estimate_is_sharp(name, function, x, exact, domain, sharp):
    found = differences.derivative(function, x, domain=domain)
    assert abs(found.value - exact) <= found.error
    assert found.error <= sharp * abs(exact)
    assert found.evaluations < 100


def test_nothing_is_claimed_at_a_kink_or_outside_the_domain():
    assert math.isinf(differences.derivative(lambda x: max(x, 0.0), 0.0).error)
    assert math.isinf(differences.derivative(math.log, -1.0, domain=POSITIVE).error)
    assert math.isinf(differences.derivative(lambda x: math.nan, 1.0).error)


def test_zero_and_constant_functions():
    assert differences.derivative(lambda x: 0.0, 1.0)[:2] == (0.0, 2.0**-100)
    found = differences.derivative(lambda x: 5.0, 1.0)
    assert found.value == 0.0
    assert found.error < 1e-12


def test_the_domain_is_never_left():
    def guarded(x):
        assert 0.0 < x < 1.0
        return math.log(x) + math.log1p(-x)

    for x in (1e-9, 1e-3, 0.5, 1 - 1e-6):
        found = differences.derivative(guarded, x, domain=(0.0, 1.0))
        assert abs(found.value - (1 / x - 1 / (1 - x))) <= found.error
        second = differences.ridders(guarded, x, domain=(0.0, 1.0))
        assert abs(second.value - (1 / x - 1 / (1 - x))) <= second.error


def test_ridders_on_smooth_functions():
    for function, x, exact in (
        (math.exp, 0.3, math.exp(0.3)),
        (math.sin, 0.7, math.cos(0.7)),
        (math.atan, 2.0, 0.2),
    ):
        found = differences.ridders(function, x)
        assert abs(found.value - exact) <= found.error <= 1e-11


def test_verdicts():
    right = math.cos(0.7)
    assert differences.verdict(right, math.sin, 0.7)[0] == HOLDS
    assert differences.verdict(-right, math.sin, 0.7)[0] == FAILS
    assert differences.verdict(right * (1 + 1e-9), math.sin, 0.7)[0] == FAILS
    assert differences.verdict(math.nan, math.sin, 0.7)[0] == FAILS
    # At this point the two methods disagree (Ridders' long step jumps over many periods): nobody is accused.
    assert differences.verdict(0.0, math.sin, 1e6)[0] == INCONCLUSIVE
    assert differences.verdict(1.0, abs, 0.0)[0] == INCONCLUSIVE


class Weights(NamedTuple):
    matrix: np.ndarray
    rate: float
    count: np.ndarray


def test_gradient_of_a_tree_keeps_its_structure_and_fixes_integers():
    inputs = Weights(np.array([[0.5, -1.25], [2.0, 0.75]]), 0.01, np.array([3, 4]))

    def value(w):
        return float((w.matrix**2).sum() + w.count[0] * math.log(w.rate))

    found = differences.gradient(value, inputs, domain={"rate": POSITIVE})
    assert isinstance(found.value, Weights)
    assert np.abs(found.value.matrix - 2 * inputs.matrix).max() < 1e-9
    assert abs(found.value.rate - 300.0) <= found.error.rate < 1e-5
    assert found.value.count.tolist() == [3, 4]


def test_jacobian_gives_every_output_its_own_step():
    value, error = differences.jacobian(lambda t: np.array([math.exp(t), math.tanh(200 * t), 5.0]), 0.001)
    exact = np.array([math.exp(0.001), 200 / math.cosh(0.2) ** 2, 0.0])
    assert np.all(np.abs(value - exact) <= error)
    assert np.all(error <= 1e-9 * np.maximum(exact, 1.0))


def test_noise_is_seen_where_terms_cancel_and_not_where_the_function_bends():
    def cancelling(x):
        return float(((1e6 + np.sin(x[0])) * math.pi - 1e6 * math.pi) / math.pi)

    at = np.array([0.7])
    found = differences.noise_level(cancelling, at)
    assert 2**-53 * 1e6 / 10 < found < 2**-53 * 1e6 * 100
    exact = math.cos(0.7)
    gradient = differences.gradient(cancelling, at)
    assert abs(gradient.value[0] - exact) <= gradient.error[0]
    for smooth in (lambda x: math.exp(x[0]), lambda x: math.tanh(100 * x[0])):
        assert differences.noise_level(smooth, at) <= 64 * 2**-53 * abs(smooth(at))
    assert differences.noise_level(lambda x: math.nan, at) == 0.0


def test_noise_never_leaves_the_domain():
    def guarded(p):
        assert p["rate"] > 0.0
        return math.log(p["rate"]) + p["x"] ** 2

    found = differences.gradient(guarded, {"rate": 1e-6, "x": 0.5}, domain={"rate": POSITIVE})
    assert abs(found.value["rate"] - 1e6) <= found.error["rate"] < 1e-2
