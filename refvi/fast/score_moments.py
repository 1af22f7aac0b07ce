"""Exact mean and variance of score-function gradients of a factorised q, for any number of samples.

An estimator of the ELBO's gradient in the logits of q(h) = prod_k Bern(h_k; q_k) sees its samples only through
f(h) = log p(x, h) - log q(h) and the scores h_k - q_k. Its first two moments for any number of samples are sums over
the 2^K states, not over tuples of states, and the sums with h_k come from folding.
"""

from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.fast.doubling import choice_sums, fold_bits


class ScoreMoments(NamedTuple):
    """Moments of an estimator of the gradient in the logits of q.

    mean (K,)       expectation of the estimate
    variance (K,)   variance of each entry of the estimate
    """

    mean: np.ndarray
    variance: np.ndarray


def log_q_table(logits):
    """Log q(h) of every state; bit k of the position is h_k.

    Shapes      logits (K,) -> (2^K,)
    Checked by  tests/fast/test_score_moments.py
    """
    logits = np.asarray(logits, np.float64)
    return choice_sums(-np.logaddexp(0.0, logits), -np.logaddexp(0.0, -logits))


def score_function_moments(f, logits, samples=1, baseline=0.0):
    """Moments of the score-function estimator with a constant baseline.

    Formula     g_k = (1/S) sum_s (f(h_s) - b) (h_sk - q_k);  Var g_k = Var[(f - b) (h_k - q_k)] / S
    Shapes      f (2^K,), logits (K,) -> ScoreMoments of (K,)
    Domain      samples >= 1; finite f
    Source      Williams 1992, Simple statistical gradient-following algorithms, theorem 1
    Checked by  tests/fast/test_score_moments.py
    """
    f, q, weight = _read(f, logits, samples, least=1)
    mean, square = _with_scores(weight, f - baseline, q)
    return ScoreMoments(mean, (square - mean * mean) / samples)


def leave_one_out_moments(f, logits, samples=2):
    """Moments of the estimator whose baseline of a sample is the mean of the other samples.

    Formula     g_k = (1/(S - 1)) sum_s (f(h_s) - mean f) (h_sk - q_k), a U-statistic with the kernel
                (f_a - f_b) (s_a - s_b) / 2;  Var g_k = 4 (S - 2) z1 / (S (S - 1)) + 2 z2 / (S (S - 1)),
                z1 = Var[e s] / 4,  z2 = (E[e^2 s^2] + E[e^2] E[s^2]) / 2,  e = f - E f,  s = h_k - q_k
    Shapes      f (2^K,), logits (K,) -> ScoreMoments of (K,)
    Domain      samples >= 2; finite f
    Source      Hoeffding 1948, A class of statistics with asymptotically normal distribution, section 5
    Checked by  tests/fast/test_score_moments.py
    """
    f, q, weight = _read(f, logits, samples, least=2)
    centred = f - (weight * f).sum()
    mean, square = _with_scores(weight, centred, q)
    one = (square - mean * mean) / 4.0
    two = (square + (weight * centred * centred).sum() * q * (1.0 - q)) / 2.0
    pairs = samples * (samples - 1.0)
    return ScoreMoments(mean, (4.0 * (samples - 2.0) * one + 2.0 * two) / pairs)


def _with_scores(weight, f, q):
    """E[f s_k] and E[f^2 s_k^2] with s_k = h_k - q_k, from sums over the states with each bit set."""
    total, on = fold_bits(weight * f)
    total_square, on_square = fold_bits(weight * f * f)
    off, off_square = total - on, total_square - on_square
    return on * (1.0 - q) - off * q, on_square * (1.0 - q) ** 2 + off_square * q**2


def _read(f, logits, samples, least):
    f, logits = np.asarray(f, np.float64), np.asarray(logits, np.float64)
    if logits.ndim != 1 or f.shape != (1 << logits.size,):
        raise UsageError(f"f must have shape (2**K,) for logits (K,), got {f.shape} and {logits.shape}")
    if samples < least:
        raise UsageError(f"samples must be at least {least}, got {samples}")
    return f, 1.0 / (1.0 + np.exp(-logits)), np.exp(log_q_table(logits))
