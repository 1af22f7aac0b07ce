"""The gradient laws accept right gradients and name the wrong entry of wrong ones."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from refvi.laws import gradient as law
from refvi.oracles.answer import Answer


class Theta(NamedTuple):
    weights: np.ndarray
    log_scale: float
    index: np.ndarray


POINT = Theta(np.array([[0.5, -1.25, 0.375], [2.0, 0.75, -0.625]]), -0.375, np.array([1, 0]))
DATA = np.array([0.3, -0.8, 1.7])


def value(theta):
    residual = theta.weights @ DATA - theta.index
    return float(-0.5 * (residual**2).sum() * math.exp(-2 * theta.log_scale) - 2 * theta.log_scale)


def gradient(theta, *, sign=1.0, factor=1.0, dropped=False):
    precision = math.exp(-2 * theta.log_scale)
    residual = theta.weights @ DATA - theta.index
    weights = -sign * factor * precision * np.outer(residual, DATA)
    log_scale = float((residual**2).sum()) * precision - (0.0 if dropped else 2.0)
    return Theta(weights, log_scale, theta.index)


def test_the_right_gradient_holds():
    outcome = law.gradient_is_derivative(value, gradient, POINT, name="grad_theta")
    assert outcome.holds, outcome.message
    assert outcome.cases == 7
    assert "error estimate of the differences" in outcome.message


MUTANTS = {
    "sign": ({"sign": -1.0}, r"grad_theta\.weights\[\d, \d\]: expected .*ratio -1"),
    "missing factor": ({"factor": 0.5}, r"grad_theta\.weights\[\d, \d\]: expected .*ratio 0\.5"),
    "dropped term": ({"dropped": True}, r"grad_theta\.log_scale: expected "),
    "one part in a million": ({"factor": 1 + 1e-6}, r"grad_theta\.weights"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected_by_name(mutant):
    change, message = MUTANTS[mutant]
    outcome = law.gradient_is_derivative(value, lambda t: gradient(t, **change), POINT, name="grad_theta")
    assert outcome.worst > 1.0
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_a_detached_or_missing_part_is_rejected():
    zero = law.gradient_is_derivative(value, lambda t: gradient(t)._replace(log_scale=0.0), POINT)
    assert zero.message.startswith("grad.log_scale: expected")
    gone = law.gradient_is_derivative(value, lambda t: gradient(t)._replace(log_scale=None), POINT)
    assert gone.message == "grad.log_scale: expected an entry, actual nothing"
    assert not gone.holds
    extra = law.gradient_is_derivative(lambda x: x[0] ** 2, lambda x: {"a": 2 * x}, np.array([3.0]))
    assert not extra.holds
    nan = law.gradient_is_derivative(value, lambda t: gradient(t)._replace(log_scale=math.nan), POINT)
    assert nan.worst == math.inf


def test_a_gradient_of_some_inputs_only():
    only = law.gradient_is_derivative(
        value, lambda t: {"weights": gradient(t).weights}, POINT, wrt=["weights"]
    )
    assert only.holds
    assert only.cases == 6


def test_many_entries_are_sampled_and_directions_see_the_rest():
    point = np.linspace(-1.0, 1.0, 200)

    def wrong(x, at):
        out = np.cos(x)
        out[at] *= -1.0
        return out

    def total(x):
        return float(np.sin(x).sum())

    assert law.gradient_is_derivative(total, np.cos, point).cases == 67
    outcome = law.gradient_is_derivative(total, lambda x: wrong(x, 55), point)  # 55 is not among the 64
    assert outcome.worst > 1.0
    assert "direction" in outcome.message


def test_points_without_a_derivative_are_inconclusive_not_wrong():
    outcome = law.gradient_is_derivative(lambda x: abs(x[0]), np.sign, np.array([0.0]))
    assert math.isnan(outcome.worst)
    assert not outcome.holds
    assert "INCONCLUSIVE" in outcome.message


def test_no_floating_input_never_holds():
    assert not law.gradient_is_derivative(lambda x: 1.0, lambda x: x, np.array([1, 2])).holds


def test_gradient_matches_another_route():
    expected = Answer(np.array([1.0, -2.0]), np.array([3.0, 2.0]), np.zeros(2))
    assert law.gradient_matches(expected, np.array([1.0 + 2**-52, -2.0]), name="grad_w").holds
    for wrong in ([-1.0, -2.0], [1.0, -1.0], [1.0, 0.0], [1.0 + 1e-14, -2.0]):
        outcome = law.gradient_matches(expected, np.array(wrong), name="grad_w")
        assert not outcome.holds
        assert outcome.message.startswith("grad_w[")
    assert law.gradient_matches(np.array([1.0]), np.array([1.1]), np.array([1.0]), error=0.2).holds


def test_fused_value_is_judged_before_the_gradient():
    right = law.fused_gradient_is_derivative(lambda t: (value(t), gradient(t)), value, POINT)
    assert right.holds, right.message
    for wrong in (lambda t: -value(t), lambda t: value(t) + 1.0, lambda t: 0.5 * value(t)):
        outcome = law.fused_gradient_is_derivative(lambda t, w=wrong: (w(t), gradient(t)), value, POINT)
        assert outcome.law == "fused value is the plain value"
        assert outcome.message.startswith("value: expected ")
        assert not outcome.holds
    sign = law.fused_gradient_is_derivative(lambda t: (value(t), gradient(t, sign=-1.0)), value, POINT)
    assert sign.law == "gradient is the derivative"
    assert not sign.holds


def test_taylor_law():
    assert law.gradient_passes_taylor(value, gradient, POINT).holds
    for change in ({"sign": -1.0}, {"factor": 0.5}, {"dropped": True}):
        outcome = law.gradient_passes_taylor(value, lambda t, c=change: gradient(t, **c), POINT)
        assert outcome.worst == math.inf
        assert "fails, expected slopes 2" in outcome.message
