"""Normal emissions with full covariances, one per component or one tied, by Cholesky factors.

    x | k ~ N(means[k], L Lᵀ),   L = cholesky[k], or cholesky[0] where there is one factor only (tied)

Statistics are centred at the current means, so that the covariance of the M step loses no digits near a fixed point.
Not here: diagonal covariances (`diagonal_normal_emission`).

Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 9.14, 9.17, 9.19
Checked by  tests/models/test_gaussian_mixture.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.kernels.normal_full import solve_lower, solve_lower_transposed
from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, divide, log
from refvi.targets import get_target


class NormalEmission(NamedTuple):
    """Parameters, and gradients by them (gradients above the diagonals are 0).

    means     (K, D)
    cholesky  (K, D, D) lower factors of the covariances, or (1, D, D): tied
    """

    means: np.ndarray
    cholesky: np.ndarray


class NormalStatistics(NamedTuple):
    """Expected sufficient statistics, centred.

    counts   (K,) sum_n w_nk
    first    (K, D) sum_n w_nk (x_n - c_k)
    second   (K, D, D) sum_n w_nk (x_n - c_k)(x_n - c_k)ᵀ
    centres  (K, D) c_k, the means of the parameters that gave the weights
    """

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray
    centres: np.ndarray


class Points(NamedTuple):
    """What the kernels over data read: x (N, D), weights (N, K), means (K, D), cholesky (K or 1, D, D)."""

    x: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    cholesky: np.ndarray


class Blocks(NamedTuple):
    """What the kernels over components read: the statistics and the parameters."""

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray
    centres: np.ndarray
    means: np.ndarray
    cholesky: np.ndarray


@portable
def normal_log_density_row(item, inputs, out, scratch):
    """Log density of one datum under every component.

    Formula     out_k = -½ D log 2π - sum_i log L_ii - ½ |a|²,  a = L⁻¹ (x - m_k)
    Gradient    through `normal_q_row`
    Shapes      inputs Points, out (K,), scratch (D,)
    Domain      L_ii > 0
    """
    size, factors = inputs.means.shape[1], inputs.cholesky.shape[0]
    for k in range(inputs.means.shape[0]):
        factor = inputs.cholesky[k if factors > 1 else 0]
        for d in range(size):
            scratch[d] = inputs.x[item, d] - inputs.means[k, d]
        solve_lower(factor, scratch, 1)
        total = 0.0
        for d in range(size):
            total -= HALF_LOG_2_PI + log(factor[d, d]) + 0.5 * scratch[d] * scratch[d]
        out[k] = total


@portable
def normal_statistics_pair(datum, sample, inputs, out, scratch):  # noqa: ARG001
    """What one datum adds to the centred statistics.

    Formula     per component w, w (x - c), w (x - c)(x - c)ᵀ
    Gradient    linear in the weights
    Shapes      inputs Points with the centres as means, out (K * (1 + D + D * D),)
    Domain      weights >= 0
    """
    size = inputs.means.shape[1]
    width = 1 + size + size * size
    for k in range(inputs.means.shape[0]):
        weight = inputs.weights[datum, k]
        block = out[k * width : (k + 1) * width]
        block[0] = weight
        for i in range(size):
            left = weight * (inputs.x[datum, i] - inputs.means[k, i])
            block[1 + i] = left
            for j in range(size):
                block[1 + size + i * size + j] = left * (inputs.x[datum, j] - inputs.means[k, j])


@portable
def normal_q_row(item, inputs, out, scratch):
    """Expected log density of one component, and its gradient.

    Formula     Q_k = -N (½ D log 2π + sum_i log L_ii) - ½ tr( L⁻¹ S L⁻ᵀ ),  d = m - c,  f = F - N d,
                S = second - F dᵀ - d Fᵀ + N d dᵀ
    Gradient    dQ/dm = L⁻ᵀ L⁻¹ f;  dQ/dL = tril( L⁻ᵀ L⁻¹ S L⁻ᵀ ) - N diag(1 / L_ii)
    Shapes      inputs Blocks, out (1 + D + D * D,), scratch (D * D,)
    Domain      L_ii > 0
    """
    size = inputs.means.shape[1]
    count, first = inputs.counts[item], inputs.first[item]
    factor = inputs.cholesky[item if inputs.cholesky.shape[0] > 1 else 0]
    grad_mean, grad_factor = out[1 : 1 + size], out[1 + size :]
    for i in range(size):
        shift_i = inputs.means[item, i] - inputs.centres[item, i]
        grad_mean[i] = first[i] - count * shift_i
        for j in range(size):
            shift_j = inputs.means[item, j] - inputs.centres[item, j]
            moved = count * shift_i * shift_j - first[i] * shift_j - shift_i * first[j]
            scratch[i * size + j] = inputs.second[item, i, j] + moved
    solve_lower(factor, grad_mean, 1)
    solve_lower_transposed(factor, grad_mean, 1)
    solve_lower(factor, scratch, size)
    for i in range(size):
        for j in range(size):
            grad_factor[i * size + j] = scratch[j * size + i]
    solve_lower(factor, grad_factor, size)
    for i in range(size):
        out[0] -= count * (HALF_LOG_2_PI + log(factor[i, i])) + 0.5 * grad_factor[i * size + i]
    solve_lower_transposed(factor, grad_factor, size)
    for i in range(size):
        for j in range(i + 1, size):
            grad_factor[i * size + j] = 0.0
        grad_factor[i * size + i] -= divide(count, factor[i, i])


@portable
def normal_scatter_row(item, inputs, out, scratch):  # noqa: ARG001
    """Most likely mean of one component and the scatter about it; an empty component keeps its mean.

    Formula     m = c + F / N;  scatter = second - F Fᵀ / N
    Gradient    none: at the maximiser that of `normal_q_row` is 0
    Shapes      inputs Blocks, out (D + D * D,)
    Domain      N >= 0
    """
    size = inputs.means.shape[1]
    count = inputs.counts[item]
    for i in range(size):
        shift = divide(inputs.first[item, i], count) if count != 0.0 else 0.0
        out[i] = inputs.centres[item, i] + shift if count != 0.0 else inputs.means[item, i]
        for j in range(size):
            out[size + i * size + j] = inputs.second[item, i, j] - shift * inputs.first[item, j]


@portable
def cholesky_row(item, inputs, out, scratch):  # noqa: ARG001
    """Lower Cholesky factor of one matrix; NaN from the first pivot on that is not above its rounding.

    Formula     L Lᵀ = A;  pivot_j = A_jj - sum_(k<j) L_jk² must exceed 4 D u A_jj
    Gradient    not needed: the factor is the parameter
    Shapes      inputs Blocks, its `second` (F, D, D) being the matrices; out (D * D,)
    Domain      symmetric positive definite
    """
    size = inputs.second.shape[1]
    for j in range(size):
        for i in range(j, size):
            total = inputs.second[item, i, j]
            for k in range(j):
                total -= out[i * size + k] * out[j * size + k]
            if i == j:
                sound = total > 4.0 * size * 1.1102230246251565e-16 * inputs.second[item, j, j]
                out[j * size + j] = math.sqrt(total) if sound else math.nan
            else:
                out[i * size + j] = divide(total, out[j * size + j])


def check(emission):
    """One sentence where the parameters are not normal distributions."""
    means, factors = np.asarray(emission.means), np.asarray(emission.cholesky)
    if means.ndim != 2 or 0 in means.shape:
        raise UsageError(f"emission.means must have shape (K, D), got {means.shape}")
    K, D = means.shape
    if factors.shape not in ((K, D, D), (1, D, D)):
        raise UsageError(
            f"emission.cholesky must have shape ({K}, {D}, {D}) or, tied, (1, {D}, {D}), got {factors.shape}"
        )
    if not np.all(np.isfinite(means)) or not np.all(np.isfinite(np.tril(factors))):
        raise UsageError("emission.means and emission.cholesky must be finite, got NaN or an infinity")
    if not np.all(np.diagonal(factors, axis1=1, axis2=2) > 0):
        raise UsageError("emission.cholesky must have positive diagonals, got a covariance that is singular")


def check_data(emission, x):
    """The data as (N, D) floats; one sentence where they do not fit."""
    features = np.shape(emission.means)[1]
    x = validate.numbers("x", x)
    x = x[:, None] if x.ndim == 1 and features == 1 else x
    if x.ndim != 2 or x.shape[1] != features or len(x) == 0:
        raise UsageError(f"x must have shape (N, {features}) with N >= 1, got {x.shape}")
    if not np.all(np.isfinite(x)):
        raise UsageError("x must be finite, got NaN or an infinity")
    return np.ascontiguousarray(x)


def _parameters(emission):
    return np.ascontiguousarray(emission.means, float), np.ascontiguousarray(emission.cholesky, float)


def log_density(emission, x, target="python"):
    """Log density of every datum under every component, (N, D) -> (N, K)."""
    x, (means, cholesky) = check_data(emission, x), _parameters(emission)
    inputs = Points(x, np.zeros((1, 1)), means, cholesky)
    return get_target(target).rows(normal_log_density_row, inputs, len(x), len(means), scratch=means.shape[1])


def expect(emission, x, weights, target="python"):
    """Expected statistics under weights (N, K) of the components, centred at the emission's means."""
    x, (means, cholesky) = check_data(emission, x), _parameters(emission)
    K, D = means.shape
    inputs = Points(x, np.ascontiguousarray(weights, dtype=np.float64), means, cholesky)
    width = 1 + D + D * D
    flat = get_target(target).pairs(normal_statistics_pair, inputs, len(x), 1, K * width).reshape(K, width)
    return NormalStatistics(
        flat[:, 0].copy(), flat[:, 1 : 1 + D].copy(), flat[:, 1 + D :].reshape(K, D, D).copy(), means.copy()
    )


def _q(emission, statistics, target):
    means, cholesky = _parameters(emission)
    K, D = means.shape
    inputs = Blocks(*statistics, means, cholesky)
    return get_target(target).rows(normal_q_row, inputs, K, 1 + D + D * D, scratch=D * D)


def q_function(emission, statistics, target="python"):
    """Expected log density, sum_nk w_nk log p(x_n | k)."""
    return math.fsum(_q(emission, statistics, target)[:, 0])


def grad_q(emission, statistics, target="python"):
    """Gradient of `q_function` by means and factors; a tied factor collects every component's."""
    rows = _q(emission, statistics, target)
    K, D = np.shape(emission.means)
    grad_factors = rows[:, 1 + D :].reshape(K, D, D)
    if len(emission.cholesky) < K:
        grad_factors = grad_factors.sum(0, keepdims=True)
    return NormalEmission(rows[:, 1 : 1 + D].copy(), grad_factors.copy())


def maximise(emission, statistics, target="python"):
    """The emission that maximises `q_function`; empty components stay, singular covariances are refused."""
    means, cholesky = _parameters(emission)
    K, D = means.shape
    inputs = Blocks(*statistics, means, cholesky)
    rows = get_target(target).rows(normal_scatter_row, inputs, K, D + D * D)
    scatter, counts = rows[:, D:].reshape(K, D, D), np.asarray(statistics.counts)
    if len(cholesky) < K:
        scatter, counts = scatter.sum(0, keepdims=True), counts.sum(keepdims=True)
    filled = counts > 0
    covariances = scatter / np.where(filled, counts, 1.0)[:, None, None]
    inputs = inputs._replace(second=covariances)
    factors = get_target(target).rows(cholesky_row, inputs, len(covariances), D * D).reshape(-1, D, D)
    factors[~filled] = cholesky[~filled]
    singular = np.argwhere(np.isnan(np.diagonal(factors, axis1=1, axis2=2)))
    if len(singular):
        where = f"component {singular[0, 0]}" if len(cholesky) == K else "all components"
        raise UsageError(
            f"the covariance of {where} must be positive definite, got a singular one (dimension {singular[0, 1]}): "
            "the log evidence has no maximum there; start elsewhere, or tie the covariances"
        )
    return NormalEmission(rows[:, :D].copy(), factors)
