"""Normal emissions with diagonal covariances, by log variances.

    x | k ~ N(means[k], diag exp(log_var[k]))

Statistics are centred at the current means, as in `normal_emission`.

Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 9.17, 9.19 with diagonal covariances
Checked by  tests/models/test_gaussian_mixture.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.normal import diagonal_normal_log_density
from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI, divide, exp, log
from refvi.models.normal_emission import NormalStatistics, check_data
from refvi.targets import get_target


class DiagonalNormalEmission(NamedTuple):
    """Parameters, and gradients by them.

    means    (K, D)
    log_var  (K, D) log variances
    """

    means: np.ndarray
    log_var: np.ndarray


class DiagonalPoints(NamedTuple):
    """What the kernels over data read: x (N, D), weights (N, K), means (K, D), log_var (K, D)."""

    x: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    log_var: np.ndarray


class DiagonalBlocks(NamedTuple):
    """What the kernels over components read: the statistics (second (K, D)) and the parameters."""

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray
    centres: np.ndarray
    means: np.ndarray
    log_var: np.ndarray


@portable
def diagonal_log_density_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log density of one datum under every component.

    Formula     out_k = sum_d log N(x_d; m_kd, exp log_var_kd)
    Gradient    through `diagonal_q_row`
    Shapes      inputs DiagonalPoints, out (K,)
    Domain      all reals
    """
    for k in range(inputs.means.shape[0]):
        out[k] = diagonal_normal_log_density(inputs.x[item], inputs.means[k], inputs.log_var[k])


@portable
def diagonal_statistics_pair(datum, sample, inputs, out, scratch):  # noqa: ARG001
    """What one datum adds to the centred statistics.

    Formula     per component w, w (x - c), w (x - c)²
    Gradient    linear in the weights
    Shapes      inputs DiagonalPoints with the centres as means, out (K * (1 + 2 D),)
    Domain      weights >= 0
    """
    size = inputs.means.shape[1]
    width = 1 + 2 * size
    for k in range(inputs.means.shape[0]):
        weight = inputs.weights[datum, k]
        out[k * width] = weight
        for d in range(size):
            difference = inputs.x[datum, d] - inputs.means[k, d]
            out[k * width + 1 + d] = weight * difference
            out[k * width + 1 + size + d] = weight * difference * difference


@portable
def diagonal_q_row(item, inputs, out, scratch):  # noqa: ARG001
    """Expected log density of one component, and its gradient.

    Formula     Q_k = -½ sum_d [ N (log 2π + log_var_d) + S_d exp(-log_var_d) ],  d = m - c,
                S = second - 2 d F + N d²
    Gradient    dQ/dm = (F - N d) exp(-log_var);  dQ/dlog_var = ½ ( S exp(-log_var) - N )
    Shapes      inputs DiagonalBlocks, out (1 + 2 D,)
    Domain      all reals
    """
    size = inputs.means.shape[1]
    count = inputs.counts[item]
    for d in range(size):
        shift = inputs.means[item, d] - inputs.centres[item, d]
        first = inputs.first[item, d]
        scatter = inputs.second[item, d] + shift * (count * shift - 2.0 * first)
        away = first - count * shift
        precision = exp(-inputs.log_var[item, d])
        # what no datum belongs to has no scatter, however narrow it is
        spread = scatter * precision if scatter != 0.0 else 0.0
        out[0] -= count * (HALF_LOG_2_PI + 0.5 * inputs.log_var[item, d]) + 0.5 * spread
        out[1 + d] = away * precision if away != 0.0 else 0.0
        out[1 + size + d] = 0.5 * (spread - count)


@portable
def diagonal_most_likely_row(item, inputs, out, scratch):  # noqa: ARG001
    """Most likely mean and log variance of one component; an empty component keeps its own.

    Formula     m = c + F / N;  log_var = log( second / N - (F / N)² ), NaN where that is rounding only
    Gradient    none: at the maximiser that of `diagonal_q_row` is 0
    Shapes      inputs DiagonalBlocks, out (2 D,)
    Domain      N >= 0
    """
    size = inputs.means.shape[1]
    count = inputs.counts[item]
    for d in range(size):
        out[d] = inputs.means[item, d]
        out[size + d] = inputs.log_var[item, d]
        if count != 0.0:
            shift = divide(inputs.first[item, d], count)
            raw = divide(inputs.second[item, d], count)
            variance = raw - shift * shift
            out[d] = inputs.centres[item, d] + shift
            out[size + d] = log(variance) if variance > 4.0 * 1.1102230246251565e-16 * raw else math.nan


def check(emission):
    """One sentence where the parameters are not normal distributions."""
    means, log_var = np.asarray(emission.means), np.asarray(emission.log_var)
    if means.ndim != 2 or 0 in means.shape:
        raise UsageError(f"emission.means must have shape (K, D), got {means.shape}")
    if log_var.shape != means.shape:
        raise UsageError(f"emission.log_var must have shape {means.shape}, got {log_var.shape}")
    if not np.all(np.isfinite(means)) or not np.all(np.isfinite(log_var)):
        raise UsageError("emission.means and emission.log_var must be finite, got NaN or an infinity")


def _parameters(emission):
    return np.ascontiguousarray(emission.means, float), np.ascontiguousarray(emission.log_var, float)


def log_density(emission, x, target="python"):
    """Log density of every datum under every component, (N, D) -> (N, K)."""
    x, (means, log_var) = check_data(emission, x), _parameters(emission)
    inputs = DiagonalPoints(x, np.zeros((1, 1)), means, log_var)
    return get_target(target).rows(diagonal_log_density_row, inputs, len(x), len(means))


def expect(emission, x, weights, target="python"):
    """Expected statistics under weights (N, K) of the components, centred at the emission's means."""
    x, (means, log_var) = check_data(emission, x), _parameters(emission)
    K, D = means.shape
    inputs = DiagonalPoints(x, np.ascontiguousarray(weights, dtype=np.float64), means, log_var)
    flat = get_target(target).pairs(diagonal_statistics_pair, inputs, len(x), 1, K * (1 + 2 * D))
    flat = flat.reshape(K, 1 + 2 * D)
    return NormalStatistics(
        flat[:, 0].copy(), flat[:, 1 : 1 + D].copy(), flat[:, 1 + D :].copy(), means.copy()
    )


def _q(emission, statistics, target):
    K, D = np.shape(emission.means)
    inputs = DiagonalBlocks(*statistics, *_parameters(emission))
    return get_target(target).rows(diagonal_q_row, inputs, K, 1 + 2 * D)


def q_function(emission, statistics, target="python"):
    """Expected log density, sum_nk w_nk log p(x_n | k)."""
    return math.fsum(_q(emission, statistics, target)[:, 0])


def grad_q(emission, statistics, target="python"):
    """Gradient of `q_function` by means and log variances."""
    rows, D = _q(emission, statistics, target), np.shape(emission.means)[1]
    return DiagonalNormalEmission(rows[:, 1 : 1 + D].copy(), rows[:, 1 + D :].copy())


def maximise(emission, statistics, target="python"):
    """The emission that maximises `q_function`; empty components stay, zero variances are refused."""
    K, D = np.shape(emission.means)
    inputs = DiagonalBlocks(*statistics, *_parameters(emission))
    rows = get_target(target).rows(diagonal_most_likely_row, inputs, K, 2 * D)
    singular = np.argwhere(np.isnan(rows[:, D:]))
    if len(singular):
        raise UsageError(
            f"the covariance of component {singular[0, 0]} must be positive definite, got variance zero in dimension "
            f"{singular[0, 1]}: the log evidence has no maximum there; start elsewhere"
        )
    return DiagonalNormalEmission(rows[:, :D].copy(), rows[:, D:].copy())
