"""The density of a Gaussian mixture at a point: right kernels hold, wrong ones are refused by name, edges are defined."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.models import gaussian_mixture_density as density
from refvi.models import mixture
from refvi.models.normal_emission import NormalEmission
from refvi.registry import mcmc as rows
from refvi.registry import mcmc_cases as cases


def test_rows_hold():
    for target in ("python", "cpu"):
        rows.check_density(target == "cpu", target).raise_if_broken()


def wrong_terms(change):
    right = density.gaussian_mixture_terms

    def kernel(x, theta, scratch):
        right(x, theta, scratch)
        change(x, theta, scratch[: len(theta.means)], scratch[len(theta.means) :])

    return kernel


def log_determinant_dropped(x, theta, terms, away):
    terms += [np.log(np.diag(c)).sum() for c in theta.cholesky]


def mixing_dropped(x, theta, terms, away):
    terms -= theta.log_mixing


def sign(x, theta, terms, away):
    terms *= -1.0


def half_missing(x, theta, terms, away):
    terms -= 0.5 * (away.reshape(len(terms), -1) ** 2).sum(1)


@pytest.mark.parametrize("change", [log_determinant_dropped, mixing_dropped, sign, half_missing])
def test_wrong_values_are_refused(monkeypatch, change):
    monkeypatch.setattr(density, "gaussian_mixture_terms", wrong_terms(change))
    outcome = rows.check_density()
    assert not outcome.holds
    assert "log_density" in outcome.message


def wrong_gradient(change):
    right = density.gaussian_mixture_log_density_grad

    def kernel(x, theta, grad, scratch):
        value = right(x, theta, grad, scratch)
        change(grad)
        return value

    return kernel


@pytest.mark.parametrize(
    "change",
    [lambda g: np.negative(g, g), lambda g: np.multiply(0.5, g, g), lambda g: g.__setitem__(-1, 0.0)],
)
def test_wrong_gradients_are_refused(monkeypatch, change):
    monkeypatch.setattr(density, "gaussian_mixture_log_density_grad", wrong_gradient(change))
    outcome = rows.check_density()
    assert not outcome.holds
    assert "grad_x of log_density" in outcome.message


def test_half_a_solve_is_refused(monkeypatch):
    """L⁻¹ a without L⁻ᵀ: right for the identity only."""
    monkeypatch.setattr(density, "solve_lower_transposed", lambda factor, right, columns: None)
    assert "grad_x" in rows.check_density().message


@pytest.mark.parametrize("factors", [1, 2])
def test_tied_factors_and_absent_components(factors):
    theta = cases.mixture(2)
    tied = theta._replace(emission=theta.emission._replace(cholesky=theta.emission.cholesky[:factors]))
    x = cases.points(2)
    values, _ = density.log_density_and_gradient(tied, x)
    assert np.allclose(values, mixture.log_evidence(tied, x), rtol=0, atol=1e-14)
    alone = tied._replace(mixing_logits=np.array([0.5, -np.inf]))
    one = mixture.Mixture(np.zeros(1), NormalEmission(tied.emission.means[:1], tied.emission.cholesky[:1]))
    for a, b in zip(
        density.log_density_and_gradient(alone, x), density.log_density_and_gradient(one, x), strict=True
    ):
        assert np.array_equal(a, b)


def test_far_away():
    theta = cases.mixture(0)
    values, grads = density.log_density_and_gradient(theta, [[1e100, 0.0], [1e200, 0.0]])
    assert values[0] < -1e198
    assert values[1] == -math.inf
    assert np.isfinite(grads[0]).all()
    assert np.isnan(grads[1]).all()


def test_sentences():
    theta = cases.mixture(0)
    with pytest.raises(UsageError, match="theta must be a Mixture with a NormalEmission, got NormalEmission"):
        density.from_mixture(theta.emission)
    singular = theta._replace(emission=theta.emission._replace(cholesky=0.0 * theta.emission.cholesky))
    with pytest.raises(UsageError, match="positive diagonals, got a covariance that is singular"):
        density.from_mixture(singular)
    with pytest.raises(UsageError, match=r"x must have shape \(N, 2\)"):
        density.log_density_and_gradient(theta, np.zeros((3, 1)))
