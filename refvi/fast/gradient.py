"""Exact gradient of the log evidence, and posterior means, by the fastest route that is right."""

from typing import NamedTuple

import numpy as np

from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.evidence import prepare_compiled, prepare_plain


class EvidenceGradient(NamedTuple):
    """Log evidence and its gradient, summed over the data.

    log_evidence () or (B,)   log p(x) of each datum, in nats
    grad_W (D, K)             sum_b dlog p(x_b) / dW
    grad_b (D,)               sum_b dlog p(x_b) / db
    grad_c (K,)               sum_b dlog p(x_b) / dc
    """

    log_evidence: np.ndarray
    grad_W: np.ndarray  # noqa: N815
    grad_b: np.ndarray
    grad_c: np.ndarray


def log_evidence_gradient(x, W, b, c, threads=None):
    """Exact log evidence of each datum and the exact gradient of their sum.

    Formula     log p(x) = log sum_h p(h) p(x | h)
    Gradient    dlog p / dW_dk = E[(x_d - sigmoid((W h + b)_d)) h_k | x],  db_d = E[x_d - sigmoid((W h + b)_d) | x],
                dc_k = E[h_k | x] - sigmoid(c_k)  (Fisher's identity)
    Shapes      x (D,) or (B, D), W (D, K), b (D,), c (K,) -> EvidenceGradient
    Domain      x in {0, 1}, finite parameters
    Source      Neal 1992, Connectionist learning of belief networks, Artificial Intelligence 56, 71-113
    Checked by  tests/fast/test_gradient.py
    """
    problem, threads = read_problem(x, W, b, c), read_threads(threads)
    values, found = _posterior(problem, threads)
    return gradient_of(as_given(x, values), problem.c, found)


def gradient_of(log_evidence, c, found):
    """The gradient from posterior sums.

    Stability   dc_k = p(h_k = 1 | x) p(h_k = 0) - p(h_k = 0 | x) p(h_k = 1): small where both are close to one
    """
    tail = np.exp(-np.abs(c))
    large, small = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    on, off = np.where(c > 0, (large, small), (small, large))
    grad_c = (found.on * off - found.off * on).sum(axis=0)
    return EvidenceGradient(log_evidence, found.residual_on, found.residual, grad_c)


def posterior_means(x, W, b, c, threads=None):
    """Exact posterior probability of every hidden unit.

    Formula     E[h_k | x] = p(h_k = 1 | x)
    Shapes      x (D,) -> (K,); x (B, D) -> (B, K)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_gradient.py
    """
    problem, threads = read_problem(x, W, b, c), read_threads(threads)
    network = prepare_compiled(problem)
    if network is None:
        on = _plain_posterior(problem, threads)[1].on
    else:
        from refvi.fast.multiplicative_posterior import marginals

        on = marginals(network, problem.x, threads)[1]
    return on if np.ndim(x) == 2 else on[0]


def _posterior(problem, threads):
    network = prepare_compiled(problem)
    if network is None:
        return _plain_posterior(problem, threads)
    from refvi.fast.multiplicative_posterior import posterior

    return posterior(network, problem.x, threads)


def _plain_posterior(problem, threads):
    route, given = prepare_plain(problem)
    values = route.log_evidence(given, threads)
    return values, route.posterior(given, values, threads)


def as_given(x, values):
    """One number for one datum (D,), a number for each of many (B, D)."""
    return values if np.ndim(x) == 2 else float(values[0])
