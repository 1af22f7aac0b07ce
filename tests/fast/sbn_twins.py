"""Plain twins of refvi.fast: a sigmoid belief network summed state by state: floats, balls, long doubles."""

import math
from itertools import product
from typing import NamedTuple

import flint
import numpy as np

UNIT = 2.0**-53


class Twin(NamedTuple):
    log_evidence: float
    grad_W: np.ndarray
    grad_b: np.ndarray
    grad_c: np.ndarray
    means: np.ndarray
    pairs: np.ndarray


def logit(W, b, d, h):
    return math.fsum([b[d], *(W[d, k] for k in range(len(h)) if h[k])])


def softplus(a):
    return max(a, 0.0) + math.log1p(math.exp(-abs(a)))


def sigmoid(a):
    return 1.0 / (1.0 + math.exp(-a)) if a >= 0 else math.exp(a) / (1.0 + math.exp(a))


def log_joint(x, W, b, c, h):
    prior = [-softplus(-c[k]) if h[k] else -softplus(c[k]) for k in range(len(h))]
    visible = [-softplus(-a) if x[d] else -softplus(a) for d in range(len(b)) for a in [logit(W, b, d, h)]]
    return math.fsum(prior + visible)


def states(K):
    """All bit vectors; bit k of the position is h_k."""
    return [h[::-1] for h in product((0, 1), repeat=K)]


def enumerate_states(x, W, b, c):
    """Evidence, gradient and posterior moments of one datum, by math.fsum over all states."""
    D, K = W.shape
    hs = states(K)
    logs = [log_joint(x, W, b, c, h) for h in hs]
    peak = max(logs)
    log_evidence = peak + math.log(math.fsum(math.exp(v - peak) for v in logs))
    weights = [math.exp(v - log_evidence) for v in logs]
    residuals = [[x[d] - sigmoid(logit(W, b, d, h)) for d in range(D)] for h in hs]

    def mean(value):
        return math.fsum(w * value(s) for s, w in enumerate(weights))

    return Twin(
        log_evidence,
        np.array(
            [[mean(lambda s, d=d, k=k: residuals[s][d] * hs[s][k]) for k in range(K)] for d in range(D)]
        ),
        np.array([mean(lambda s, d=d: residuals[s][d]) for d in range(D)]),
        np.array([mean(lambda s, k=k: hs[s][k] - sigmoid(c[k])) for k in range(K)]),
        np.array([mean(lambda s, k=k: hs[s][k]) for k in range(K)]),
        np.array([[mean(lambda s, k=k, m=m: hs[s][k] * hs[s][m]) for m in range(K)] for k in range(K)]),
    )


def ball_log_evidence(x, W, b, c, precision=128):
    """A rigorous enclosure of the log evidence."""
    with flint.ctx.workprec(precision):
        return _ball_log_evidence(x, W, b, c)


def _ball_log_evidence(x, W, b, c):
    D, K = W.shape
    one = flint.arb(1)
    odds = [[flint.arb(W[d, k]).exp() for k in range(K)] for d in range(D)]
    rows = [[flint.arb(b[d]).exp() for d in range(D)]]
    prior = [flint.arb(1)]
    for k in range(K):
        step = flint.arb(c[k]).exp()
        rows += [[row[d] * odds[d][k] for d in range(D)] for row in rows]
        prior += [p * step for p in prior]
    total = flint.arb(0)
    for weight, row in zip(prior, rows):
        for d in range(D):
            weight *= (row[d] if x[d] else one) / (one + row[d])
        total += weight
    for k in range(K):
        total /= one + flint.arb(c[k]).exp()
    return total.log()


def long_log_evidence(x, W, b, c):
    """Log evidence by enumeration in 80-bit floats, as a pair (double, remainder); for K up to 20."""
    K = W.shape[1]
    W, b, c, x = (np.asarray(a, np.longdouble) for a in (W, b, c, x))
    low = min(K, 12)
    total = []
    for high in range(1 << (K - low)):
        bits = ((np.arange(1 << low) + (high << low))[:, None] >> np.arange(K)) & 1
        a = bits @ W.T + b
        log_p = bits @ c - (np.maximum(a, 0) - a * x + np.log1p(np.exp(-np.abs(a)))).sum(axis=1)
        total.append(log_p)
    log_p = np.concatenate(total)
    peak = log_p.max()
    return peak + np.log(np.exp(log_p - peak).sum()) - np.logaddexp(np.longdouble(0), c).sum()


def ulps(got, exact):
    """Error in units of the last place of max(1, |log p|)."""
    exact = np.longdouble(exact)
    return float(abs(np.longdouble(got) - exact) / np.spacing(np.float64(max(1.0, abs(float(exact))))))


def absolute_terms(W, b, c):
    """S of the tolerance c u S: the sum of the absolute terms that the log joint of any state may hold."""
    D, K = W.shape
    return np.abs(W).sum() + np.abs(b).sum() + np.abs(c).sum() + (D + K) * math.log(2.0)


def model(K, D, seed=0, scale=1.0, bias=0.5):
    rng = np.random.default_rng(seed)
    W, b, c = rng.normal(size=(D, K)) * scale, rng.normal(size=D) * bias, rng.normal(size=K) * bias
    return (rng.random(D) < 0.5).astype(np.float64), W, b, c
