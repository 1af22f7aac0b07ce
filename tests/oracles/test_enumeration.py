"""Exact sums against numbers worked out by hand and against identities."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from refvi.oracles import enumeration


class Theta(NamedTuple):
    a: np.ndarray
    b: float


JOINT = {(0, 0): Fraction(1, 2), (0, 1): Fraction(1, 8), (1, 0): Fraction(1, 16), (1, 1): Fraction(1, 16)}


def log_joint(state):
    return math.log(JOINT[tuple(int(s) for s in state)])


STATES = enumeration.binary_states(2)


def test_states_are_all_states_in_order():
    assert STATES.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert enumeration.categorical_states((2, 3)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert enumeration.binary_states(0).shape == (1, 0)


def test_log_evidence_and_posterior_by_fractions():
    found = enumeration.log_evidence(log_joint, STATES)
    assert found.value == pytest.approx(math.log(0.75), abs=4 * 2**-53)
    assert found.magnitude >= abs(found.value)
    expected = [float(p / Fraction(3, 4)) for p in JOINT.values()]
    assert enumeration.posterior(log_joint, STATES).tolist() == pytest.approx(expected, abs=2**-52)


def test_impossible_states_and_impossible_data():
    def half(state):
        return -math.inf if state[0] else -1000.0

    assert enumeration.log_evidence(half, STATES).value == pytest.approx(math.log(2.0) - 1000.0, abs=1e-12)
    assert enumeration.posterior(half, STATES).tolist() == [0.5, 0.5, 0.0, 0.0]
    assert enumeration.log_evidence(lambda s: -math.inf, STATES).value == -math.inf


def test_expectation_keeps_the_structure_and_leaves_out_weight_zero():
    def function(state):
        if state[0]:
            raise AssertionError("a state of weight zero was asked for")
        return Theta(np.array([1.0, -float(state[1])]), 2.0)

    found = enumeration.expectation(function, STATES, [0.25, 0.75, 0.0, 0.0])
    assert isinstance(found.value, Theta)
    assert found.value.a.tolist() == [1.0, -0.75]
    assert found.value.b == 2.0
    assert found.magnitude.a.tolist() == [1.0, 0.75]
    with pytest.raises(ValueError, match="at least one point of weight above zero"):
        enumeration.expectation(function, STATES, np.zeros(4))


def test_grad_log_evidence_of_a_mixture_by_hand():
    # p(x, s) = pi_s with pi = softmax(theta): sum is 1, so the gradient of its logarithm is 0 entry by entry.
    theta = np.array([0.3, -1.1, 0.2])
    pi = np.exp(theta) / np.exp(theta).sum()
    states = enumeration.categorical_states((3,))
    found = enumeration.grad_log_evidence(
        lambda s: math.log(pi[s[0]]), lambda s: np.eye(3)[s[0]] - pi, states
    )
    assert np.abs(found.value).max() <= 8 * 2**-53
    assert found.magnitude.min() > 0.1


def test_moments_of_one_draw_by_fractions():
    # g = 3 with probability 1/4, else -1: mean 0, variance 3, fourth central moment (81 + 3) / 4 = 21.
    found = enumeration.moments(lambda draws: 3.0 if draws[0] == 0 else -1.0, np.log([0.25, 0.75]), 1)
    assert found.mean == pytest.approx(0.0, abs=1e-15)
    assert found.second == pytest.approx(3.0, rel=1e-15)
    assert found.variance == pytest.approx(3.0, rel=1e-15)
    assert found.fourth == pytest.approx(21.0, rel=1e-15)
    assert found.magnitude == pytest.approx(1.5, rel=1e-15)
    assert found.mass == pytest.approx(1.0, rel=1e-15)


def test_variance_of_a_mean_of_k_draws_is_one_kth():
    values = np.array([0.5, -2.0, 3.25])
    log_q = np.log([0.2, 0.5, 0.3])
    one = enumeration.moments(lambda draws: values[draws[0]], log_q, 1)
    for k in (2, 3, 4):
        many = enumeration.moments(lambda draws, k=k: sum(values[s] for s in draws) / k, log_q, k)
        assert many.mean == pytest.approx(one.mean, rel=1e-14)
        assert many.variance == pytest.approx(one.variance / k, rel=1e-13)


def test_covariance_of_draws_that_are_independent_and_of_one_that_is_repeated():
    values = np.array([1.0, 4.0])
    log_q = np.log([0.25, 0.75])
    found = enumeration.moments(lambda d: values[[d[0], d[1], d[0]]], log_q, 2)
    variance = 9 * 0.25 * 0.75
    expected = variance * np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert np.abs(found.covariance - expected).max() < 1e-14


def test_states_of_probability_zero_are_never_drawn():
    with np.errstate(divide="ignore"):
        log_q = np.log([0.5, 0.0, 0.5])
    seen = []
    enumeration.moments(lambda draws: float(len(seen.append(draws) or draws)), log_q, 2)
    assert all(1 not in draws for draws in seen)
    assert len(seen) == 4


def test_marginal_adds_up_the_other_latents():
    table = enumeration.marginal([0.5, 0.125, 0.0625, 0.3125], STATES, (1,))
    assert table == {(0,): 0.5625, (1,): 0.4375}


def test_counting_measure_sums():
    assert enumeration.total(STATES)(lambda s: float(s.sum())).value == 4.0
