"""The density of a Gaussian mixture at a point, and its gradient by the point: what a sampler walks on.

    log pi(x) = log sum_k w_k N(x; m_k, L_k L_kᵀ)

The parameters are those of `refvi.models.mixture` with a `NormalEmission`, laid flat for the kernels of samplers. The
gradient by the parameters is `mixture.grad_log_evidence`. Not here: sampling (`refvi.algorithms`), EM (`mixture`).

Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 2.188
Checked by  tests/models/test_gaussian_mixture_density.py
"""

from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.logspace import log_sum, softmax
from refvi.kernels.normal_full import solve_lower, solve_lower_transposed
from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, log
from refvi.models import mixture, normal_emission, tables
from refvi.targets import get_target


class GaussianMixture(NamedTuple):
    """What the kernels read.

    log_mixing  (K,) log probabilities of the components; -inf is an absent component
    means       (K, D)
    cholesky    (K, D, D) lower factors of the covariances, or (1, D, D): tied
    """

    log_mixing: np.ndarray
    means: np.ndarray
    cholesky: np.ndarray


class Points(NamedTuple):
    """Points at which a density is wanted: x (N, D)."""

    x: np.ndarray


@portable
def gaussian_mixture_terms(x, density, scratch):
    """Log of every component's share of the density, and the whitened distances from their means.

    Formula     t_k = log w_k - sum_i log L_ii - ½ D log 2π - ½ |a_k|²,  a_k = L_k⁻¹ (x - m_k)
    Shapes      x (D,), density GaussianMixture, scratch (K + K * D,): t, then a_1, ..., a_K
    Domain      L_ii > 0; w_k = 0 allowed
    """
    count, size = density.means.shape[0], density.means.shape[1]
    for k in range(count):
        factor = density.cholesky[k if density.cholesky.shape[0] > 1 else 0]
        away = scratch[count + k * size : count + (k + 1) * size]
        for d in range(size):
            away[d] = x[d] - density.means[k, d]
        solve_lower(factor, away, 1)
        total = density.log_mixing[k]
        for d in range(size):
            total -= HALF_LOG_2_PI + log(factor[d, d]) + 0.5 * away[d] * away[d]
        scratch[k] = total


@portable
def gaussian_mixture_log_density(x, density, scratch):
    """Log density of a Gaussian mixture at one point.

    Formula     log pi(x) = log sum_k exp(t_k), t_k of `gaussian_mixture_terms`
    Gradient    `gaussian_mixture_log_density_grad`
    Shapes      x (D,), density GaussianMixture, scratch (K + K * D,) -> ()
    Domain      all x; -inf where every component has overflowed
    Stability   shifted by the largest term
    """
    gaussian_mixture_terms(x, density, scratch)
    return log_sum(scratch[: density.means.shape[0]])


@portable
def gaussian_mixture_log_density_grad(x, density, grad, scratch):
    """Gradient of the log density by the point; returns the value.

    Formula     as `gaussian_mixture_log_density`
    Gradient    grad = -sum_k r_k L_k⁻ᵀ a_k,  r_k = exp(t_k - log pi(x))
    Shapes      x (D,), density GaussianMixture, grad (D,), scratch (K + K * D,) -> ()
    Domain      all x; NaN where the log density is not finite
    Stability   responsibilities by a shifted softmax
    """
    count, size = density.means.shape[0], density.means.shape[1]
    gaussian_mixture_terms(x, density, scratch)
    shares = scratch[:count]
    value = softmax(shares, shares)
    for d in range(size):
        grad[d] = 0.0
    for k in range(count):
        pulled = scratch[count + k * size : count + (k + 1) * size]
        solve_lower_transposed(density.cholesky[k if density.cholesky.shape[0] > 1 else 0], pulled, 1)
        for d in range(size):
            grad[d] -= shares[k] * pulled[d]
    return value


@portable
def gaussian_mixture_row(item, inputs, out, scratch):
    """Log density and its gradient at one of several points.

    Formula     out_0 = log pi(x_n), out_(1+d) = d log pi(x_n) / d x_d
    Shapes      inputs (GaussianMixture, Points), out (1 + D,), scratch (K + K * D,)
    Domain      as `gaussian_mixture_log_density_grad`
    """
    out[0] = gaussian_mixture_log_density_grad(inputs[1].x[item], inputs[0], out[1:], scratch)


def scratch_size(density):
    """The workspace of the kernels, in numbers."""
    count, size = density.means.shape
    return count + count * size


def from_mixture(theta):
    """The flat parameters of a `mixture.Mixture` with a `NormalEmission`; one sentence where it is no such mixture."""
    if not isinstance(getattr(theta, "emission", None), normal_emission.NormalEmission):
        raise UsageError(f"theta must be a Mixture with a NormalEmission, got {type(theta).__name__}")
    mixture.check(theta)
    log_mixing = tables.log_probabilities(np.asarray(theta.mixing_logits, dtype=np.float64))
    means, cholesky = (np.ascontiguousarray(a, dtype=np.float64) for a in theta.emission)
    return GaussianMixture(log_mixing, means, cholesky)


def log_density_and_gradient(theta, x, target="python"):
    """Log density (N,) and its gradient (N, D) at points x (N, D)."""
    density, x = from_mixture(theta), normal_emission.check_data(theta.emission, x)
    size = x.shape[1]
    rows = get_target(target).rows(
        gaussian_mixture_row, (density, Points(x)), len(x), 1 + size, scratch_size(density)
    )
    return rows[:, 0].copy(), rows[:, 1:].copy()
