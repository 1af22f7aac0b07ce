"""Closed forms against integrals, sums and each other."""

import math

import numpy as np
import pytest

from refvi.oracles import closed_form, enumeration, quadrature

FULL_Q = np.array([[1.0, 0.4], [0.4, 0.75]])
FULL_P = np.array([[2.0, -0.3], [-0.3, 0.5]])
MEAN_Q, MEAN_P = np.array([0.5, -1.25]), np.array([-0.25, 0.375])


def agrees(answer, other):
    slack = 64 * 2**-53 * (answer.magnitude + other.magnitude) + answer.error + other.error
    assert abs(answer.value - other.value) <= slack


def log_normal(z, mean, covariance):
    covariance = np.atleast_2d(covariance)
    centred = np.atleast_1d(z - mean)
    quadratic = centred @ np.linalg.inv(covariance) @ centred
    return -0.5 * (quadratic + math.log(np.linalg.det(covariance)) + len(centred) * math.log(2 * math.pi))


@pytest.mark.parametrize(
    ("cov_q", "cov_p"), [(FULL_Q, FULL_P), (np.diag(FULL_Q), FULL_P), (np.diag(FULL_Q), np.diag(FULL_P))]
)
def test_gaussian_divergence_is_the_expected_log_ratio(cov_q, cov_p):
    full_q, full_p = (np.diag(c) if c.ndim == 1 else c for c in (cov_q, cov_p))

    def ratio(z):
        return log_normal(z, MEAN_Q, full_q) - log_normal(z, MEAN_P, full_p)

    found = closed_form.kl_normal(MEAN_Q, cov_q, MEAN_P, cov_p)
    agrees(found, quadrature.normal_expectation(ratio, MEAN_Q, cov_q, n=6, more=3))
    assert found.error < 1e-12


def test_gaussian_divergence_by_hand_and_at_equality():
    one = closed_form.kl_normal([1.0], [4.0], [0.0], [1.0])
    assert one.value == pytest.approx(0.5 * (1 + 4 - 1 - math.log(4)), abs=1e-15)
    assert closed_form.kl_normal(MEAN_Q, np.diag(FULL_Q), MEAN_Q, np.diag(FULL_Q)).value == 0.0
    same = closed_form.kl_normal(MEAN_Q, FULL_Q, MEAN_Q, FULL_Q)
    assert 0.0 <= same.value <= same.error + 1e-16
    near = closed_form.kl_normal([0.0], [(1 + 1e-9) ** 2], [0.0], [1.0])
    assert near.value == pytest.approx(1e-18, rel=1e-6)


def test_gaussian_entropy_and_density():
    entropy = closed_form.entropy_normal(FULL_Q)
    agrees(
        entropy,
        quadrature.normal_expectation(lambda z: -log_normal(z, MEAN_Q, FULL_Q), MEAN_Q, FULL_Q, n=6, more=3),
    )
    diagonal = closed_form.entropy_normal([0.25, 4.0])
    assert diagonal.value == pytest.approx(math.log(2 * math.pi * math.e), abs=1e-15)
    for covariance in (FULL_Q, np.diag(FULL_Q)):
        found = closed_form.log_normal([0.1, 0.2], MEAN_Q, covariance)
        full = np.diag(covariance) if covariance.ndim == 1 else covariance
        assert (
            abs(found.value - log_normal(np.array([0.1, 0.2]), MEAN_Q, full))
            <= 8 * 2**-53 * found.magnitude + found.error
        )


def test_tables():
    q, p = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.6, 0.3])
    states = range(3)
    agrees(
        closed_form.kl_categorical(q, p),
        enumeration.expectation(lambda s: math.log(q[s]) - math.log(p[s]), states, q),
    )
    agrees(closed_form.entropy_categorical(q), enumeration.expectation(lambda s: -math.log(q[s]), states, q))
    assert closed_form.kl_categorical([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]).value == 0.0
    assert closed_form.kl_categorical([0.5, 0.5], [1.0, 0.0]).value == math.inf
    assert closed_form.entropy_categorical([1.0, 0.0]).value == 0.0
    # log 2, and ¼ log 4 + ¾ log 4/3 = 2 log 2 - ¾ log 3.
    assert closed_form.entropy_bernoulli([0.5, 0.25]).value == pytest.approx(
        3 * math.log(2) - 0.75 * math.log(3)
    )
    one = closed_form.kl_bernoulli([0.3, 0.9], [0.6, 0.2])
    two = [closed_form.kl_categorical([a, 1 - a], [b, 1 - b]).value for a, b in ((0.3, 0.6), (0.9, 0.2))]
    assert one.value == pytest.approx(sum(two), abs=1e-15)


def test_gamma_and_poisson():
    a, b, c, d = 2.5, 1.75, 1.2, 0.6

    def log_gamma(z, shape, rate):
        return shape * math.log(rate) - math.lgamma(shape) + (shape - 1) * math.log(z) - rate * z

    half = quadrature.line(0.0, math.inf, breaks=(0.5, 2.0, 8.0))
    ratio = half(lambda z: math.exp(log_gamma(z, a, b)) * (log_gamma(z, a, b) - log_gamma(z, c, d)))
    agrees(closed_form.kl_gamma(a, b, c, d), ratio)
    agrees(
        closed_form.entropy_gamma(a, b), half(lambda z: -math.exp(log_gamma(z, a, b)) * log_gamma(z, a, b))
    )
    assert closed_form.kl_gamma(a, b, a, b).value == pytest.approx(0.0, abs=1e-15)

    def log_poisson(n, rate):
        return n * math.log(rate) - rate - math.lgamma(n + 1)

    counts = range(80)
    mass = [math.exp(log_poisson(n, 3.5)) for n in counts]
    exact = enumeration.expectation(lambda n: log_poisson(n, 3.5) - log_poisson(n, 1.25), counts, mass)
    agrees(closed_form.kl_poisson(3.5, 1.25), exact)


WEIGHTS = np.array([[0.5, -1.0], [1.25, 0.75], [-0.3, 0.4]])
OFFSET, NOISE = np.array([0.1, -0.2, 0.3]), np.array([0.5, 0.8, 0.25])
PRIOR_MEAN, PRIOR = np.array([0.2, -0.1]), np.array([[1.0, 0.3], [0.3, 2.0]])
X = np.array([0.7, -1.1, 0.4])
MODEL = (WEIGHTS, OFFSET, NOISE, PRIOR_MEAN, PRIOR)


def log_joint(z):
    return log_normal(z, PRIOR_MEAN, PRIOR) + log_normal(X, WEIGHTS @ z + OFFSET, np.diag(NOISE))


def test_linear_gaussian_evidence_is_the_integral_of_the_joint():
    mean, spread = closed_form.linear_gaussian_posterior(X, *MODEL)
    evidence = closed_form.linear_gaussian_evidence(X, *MODEL)
    integral = quadrature.space(mean, spread, n=4, more=3)(lambda z: math.exp(log_joint(z)))
    assert abs(math.log(integral.value) - evidence.value) <= 1e-13
    # Bayes' rule at any point: log p(x) = log p(x, z) - log p(z | x).
    for z in (np.zeros(2), np.array([1.3, -0.4])):
        assert log_joint(z) - log_normal(z, mean, spread) == pytest.approx(evidence.value, abs=1e-13)


def test_linear_gaussian_posterior_by_precisions():
    mean, spread = closed_form.linear_gaussian_posterior(X, *MODEL)
    precision = np.linalg.inv(PRIOR) + WEIGHTS.T @ np.diag(1 / NOISE) @ WEIGHTS
    assert np.allclose(np.linalg.inv(precision), spread, rtol=0, atol=1e-14)
    pull = np.linalg.inv(PRIOR) @ PRIOR_MEAN + WEIGHTS.T @ ((X - OFFSET) / NOISE)
    assert np.allclose(np.linalg.solve(precision, pull), mean, rtol=0, atol=1e-14)


def test_linear_gaussian_elbo_is_the_expected_log_weight():
    found = closed_form.linear_gaussian_elbo(X, *MODEL, MEAN_Q, FULL_Q)
    expected = quadrature.normal_expectation(
        lambda z: log_joint(z) - log_normal(z, MEAN_Q, FULL_Q), MEAN_Q, FULL_Q, n=6, more=3
    )
    agrees(found, expected)
    assert found.value < closed_form.linear_gaussian_evidence(X, *MODEL).value
