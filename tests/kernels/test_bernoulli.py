"""Bernoulli kernels at large logits, at probabilities 0 and 1, and on fractional outcomes."""

import math

import numpy as np
import pytest
from mpmath import mp

from refvi.kernels import bernoulli

UNIT = 2.0**-53


@pytest.mark.parametrize("logit", [-800.0, -40.0, -1e-9, 0.0, 0.75, 40.0, 800.0])
@pytest.mark.parametrize("x", [0.0, 1.0])
def test_log_mass_keeps_its_relative_precision(x, logit):
    with mp.workdps(400):
        wanted = -mp.log1p(mp.exp(logit if x == 0.0 else -logit))
        slope = x - 1 / (1 + mp.exp(-mp.mpf(logit)))
        assert abs(bernoulli.bernoulli_log_mass(x, logit) - wanted) <= 8 * UNIT * abs(wanted) + 5e-324
        found = bernoulli.bernoulli_log_mass_grad(x, logit)
        assert abs(found - slope) <= 8 * UNIT * abs(slope) + 5e-324


@pytest.mark.parametrize(("x", "logit", "wanted"), [(1.0, math.inf, 0.0), (0.0, math.inf, -math.inf)])
def test_infinite_logits_are_certain(x, logit, wanted):
    assert bernoulli.bernoulli_log_mass(x, logit) == wanted
    assert bernoulli.bernoulli_log_mass(1.0 - x, -logit) == wanted


def test_a_fractional_outcome_is_the_mixture_of_both():
    rng = np.random.default_rng(0)
    for x, logit in zip(rng.uniform(size=20), rng.normal(size=20) * 5, strict=True):
        both = [bernoulli.bernoulli_log_mass(outcome, logit) for outcome in (0.0, 1.0)]
        wanted = (1.0 - x) * both[0] + x * both[1]
        assert abs(bernoulli.bernoulli_log_mass(x, logit) - wanted) <= 8 * UNIT * abs(wanted)
        slopes = [bernoulli.bernoulli_log_mass_grad(outcome, logit) for outcome in (0.0, 1.0)]
        found = bernoulli.bernoulli_log_mass_grad(x, logit)
        assert abs(found - ((1.0 - x) * slopes[0] + x * slopes[1])) <= 8 * UNIT


@pytest.mark.parametrize(
    ("q", "p", "wanted"),
    [
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (0.0, 0.5, math.log(2.0)),
        (1.0, 0.25, math.log(4.0)),
        (0.5, 0.0, math.inf),
        (0.5, 1.0, math.inf),
        (1.0, 0.0, math.inf),
    ],
)
def test_zero_log_zero_is_zero(q, p, wanted):
    assert bernoulli.kl_bernoulli_probability(q, p) == pytest.approx(wanted, rel=8 * UNIT)


@pytest.mark.parametrize(
    ("x", "p", "value", "slope"),
    [
        (1.0, 1.0, 0.0, 1.0),
        (0.0, 0.0, 0.0, -1.0),
        (1.0, 0.0, -math.inf, math.inf),
        (0.0, 1.0, -math.inf, -math.inf),
    ],
)
def test_probabilities_zero_and_one(x, p, value, slope):
    assert bernoulli.bernoulli_log_mass_probability(x, p) == value
    assert bernoulli.bernoulli_log_mass_probability_grad(x, p) == slope


def test_the_two_forms_of_the_divergence_agree():
    rng = np.random.default_rng(1)
    for a, b in rng.normal(size=(50, 2)) * 2.0:
        q, p = 1.0 / (1.0 + math.exp(-a)), 1.0 / (1.0 + math.exp(-b))
        found, wanted = bernoulli.kl_bernoulli(a, b), bernoulli.kl_bernoulli_probability(q, p)
        assert abs(found - wanted) <= 8 * UNIT * (abs(a) + abs(b) + 2.0)
        assert found >= -8 * UNIT * (abs(a) + abs(b) + 2.0)
