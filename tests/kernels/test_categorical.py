"""Categorical kernels: shifts, impossible outcomes, two classes are a Bernoulli."""

import math

import numpy as np
import pytest

from refvi.kernels import bernoulli, categorical

UNIT = 2.0**-53


@pytest.mark.parametrize("shift", [-1e6, 1e3, 700.0])
def test_a_shift_of_the_logits_changes_nothing(shift):
    logits = np.array([0.5, -1.25, 2.0])
    moved = logits + shift
    for x in range(3):
        wanted, found = (categorical.categorical_log_mass(x, a) for a in (logits, moved))
        assert abs(found - wanted) <= 8 * UNIT * (abs(shift) + 2.0)


def test_two_classes_are_a_bernoulli():
    rng = np.random.default_rng(0)
    for a, b in rng.normal(size=(20, 2)) * 3.0:
        wanted = bernoulli.bernoulli_log_mass(1.0, a)
        found = categorical.categorical_log_mass(1, np.array([0.0, a]))
        assert abs(found - wanted) <= 8 * UNIT * (abs(a) + 1.0)
        wanted = bernoulli.kl_bernoulli(a, b)
        found = categorical.kl_categorical(np.array([0.0, a]), np.array([0.0, b]))
        assert abs(found - wanted) <= 8 * UNIT * (abs(a) + abs(b) + 1.0)


def test_impossible_outcomes():
    excluded = np.array([0.0, -math.inf, 0.0])
    uniform = np.zeros(3)
    assert categorical.categorical_log_mass(1, excluded) == -math.inf
    assert categorical.kl_categorical(excluded, uniform) == pytest.approx(math.log(1.5), rel=8 * UNIT)
    assert categorical.kl_categorical(uniform, excluded) == math.inf
    assert categorical.kl_categorical(excluded, excluded) == 0.0
    grads = np.ones((2, 3))
    categorical.kl_categorical_grad(excluded, uniform, grads[0], grads[1])
    assert grads[0, 1] == 0.0
    assert np.isfinite(grads).all()


def test_gradients_of_the_mass_add_up_to_zero():
    logits = np.array([0.5, -1.25, 2.0, 0.25])
    grad = np.zeros(4)
    value = categorical.categorical_log_mass_grad(2, logits, grad)
    assert value == categorical.categorical_log_mass(2, logits)
    assert abs(math.fsum(grad)) <= 8 * UNIT
    assert grad[2] > 0.0 > grad[0]
