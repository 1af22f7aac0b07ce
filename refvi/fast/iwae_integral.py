"""The importance-weighted bound of a finite model for any number of samples, by a one-dimensional integral.

E log of a mean of k independent weights is a sum over tuples, S^k of them. With log a = int (e^-t - e^-at) dt/t it
becomes one integral over the Laplace transform of a single weight, whatever k.
"""

import numpy as np

from refvi.errors import UsageError

STEP = 0.25  # of log t: the rule is off by exp(-pi^2 / step), some 1e-17
BLOCK = 1 << 16  # numbers in one table of exponentials


def iwae_gap(log_weights, log_q, samples):
    """How far the importance-weighted bound lies below the log of the mean weight.

    Formula     log E_q[w] - E log((1/k) sum_k w_k) = int_0^inf (M(t/k)^k - e^-t) dt/t,
                M(s) = E_q[exp(-s w / E_q[w])];  with log t as the variable, by the trapezoidal rule
    Shapes      log_weights (S,), log_q (S,) -> ()
    Domain      samples >= 1; sum q = 1; finite log weights; q = 0 allowed
    Stability   both terms less 1 and the weights scaled to mean 1: the integrand vanishes at both ends, and the
                error is absolute, some 1e-15, for any number of samples
    Source      Frullani's integral of the logarithm; Burda et al. 2015, eq 8, arXiv:1509.00519v4, for the bound
    Checked by  tests/fast/test_iwae_integral.py
    """
    log_scale, log_w, q = _read(log_weights, log_q, samples)
    log_w = log_w - log_scale
    # Left end: the integrand is (t/k) Var(w) / 2 there. Right end: M^k has died, which -log w decides.
    left = -50.0 - 2.0 * max(log_w.max(), 0.0)
    right = np.log(samples) - log_w.min() + 6.0
    at = STEP * np.arange(np.floor(left / STEP), np.ceil(right / STEP) + 1)
    total = 0.0
    for part in np.array_split(at, max(1, at.size * log_w.size // BLOCK)):
        total += _integrand(part, log_w, q, samples).sum()
    return STEP * total


def iwae_bound(log_weights, log_q, samples):
    """Importance-weighted bound with `samples` samples of a finite model.

    Formula     L_k = E log((1/k) sum_k w_k) = log E_q[w] - iwae_gap
    Shapes      log_weights (S,), log_q (S,) -> ()
    Domain      as `iwae_gap`
    Source      Burda et al. 2015, eq 8, arXiv:1509.00519v4
    Checked by  tests/fast/test_iwae_integral.py
    """
    return _read(log_weights, log_q, samples)[0] - iwae_gap(log_weights, log_q, samples)


def _integrand(log_t, log_w, q, samples):
    """M(t/k)^k - e^-t at t = exp(log_t), both less 1."""
    with np.errstate(over="ignore", divide="ignore"):
        argument = np.exp(log_t[:, None] - np.log(samples) + log_w)
        less_one = np.expm1(-argument) @ q
        power = np.expm1(samples * np.log1p(np.maximum(less_one, -1.0)))
        return power - np.expm1(-np.exp(log_t))


def _read(log_weights, log_q, samples):
    """Log of the mean weight, and log weights and probabilities of the states that q visits."""
    log_weights, log_q = np.asarray(log_weights, np.float64), np.asarray(log_q, np.float64)
    if log_weights.ndim != 1 or log_q.shape != log_weights.shape:
        raise UsageError(
            f"log_weights and log_q must have one shape (S,), got {log_weights.shape} and {log_q.shape}"
        )
    if not samples >= 1:
        raise UsageError(f"samples must be at least 1, got {samples}")
    q = np.exp(log_q)
    if not abs(q.sum() - 1.0) < 1e-9:
        raise UsageError(f"exp(log_q) must sum to 1, got {q.sum()}")
    visited = q > 0.0
    log_w, q = log_weights[visited], q[visited]
    if not np.isfinite(log_w).all():
        raise UsageError("log_weights must be finite where q is positive, got NaN or infinity")
    peak = log_w.max()
    return peak + np.log((q * np.exp(log_w - peak)).sum()), log_w, q
