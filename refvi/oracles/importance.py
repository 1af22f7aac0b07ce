"""The importance-weighted bound for any number of samples, as one integral.

log x = int_0^inf (exp(-t) - exp(-t x)) / t dt turns the expected logarithm of a mean of k weights into one
integral of the k-th power of a Laplace transform. Not here: sums over tuples of samples (`enumeration`).
"""

import math

import numpy as np

from refvi.oracles.answer import Answer

UNIT_ROUNDOFF = 2.0**-53
STEP = 0.125
LOW, HIGH = -42.0, 45.0


def iwae_bound(log_w, q, k):
    """Exact expectation of log( (1/k) sum_i w_i ) over k independent draws of a state from q.

    Formula     L_k = int_0^inf (exp(-t) - M(t/k)^k) / t dt,  M(s) = sum_j q_j exp(-s w_j)
    Stability   weights are divided by the largest one; t = exp(x) and the trapezoidal rule: the integrand is
                bounded and analytic for |Im x| < pi/2, so a step h leaves an error of order exp(-pi² / h)
    Shapes      log_w (S,), q (S,), k -> Answer of (); for a continuous q: nodes and weights of a rule
    Domain      k >= 1, any size; q sums to one; log_w = -inf where q > 0 gives -inf
    Source      Burda et al. 2016, Eq 8, arXiv:1509.00519v4, for L_k; Frullani's integral for the logarithm
    Checked by  tests/oracles/test_importance.py
    """
    _, log_v, q, top = _support(log_w, q)
    if not math.isfinite(top) or -math.inf in log_v:
        return Answer(-math.inf, 0.0)

    def integrand(x):
        return math.exp(-_exp(x)) - math.exp(k * _log_transform(x - math.log(k), log_v, q))

    value, size, error = _trapezoid(integrand, log_v)
    return Answer(top + value, abs(top) + size, error + 4.0 * UNIT_ROUNDOFF * (abs(top) + size))


def grad_log_weights(log_w, q, k):
    """Derivatives of L_k with respect to every log weight, at fixed q: the expected normalised weights.

    Formula     dL_k / dlog w_j = q_j w_j int_0^inf M(t/k)^(k-1) exp(-t w_j / k) dt;  the entries sum to one
    Shapes      log_w (S,), q (S,), k -> Answer of (S,)
    Domain      as `iwae_bound`, log_w finite
    Source      derivative under the integral of `iwae_bound`
    Checked by  tests/oracles/test_importance.py
    """
    states, log_v, q, _ = _support(log_w, q)

    def entry(j):
        def integrand(x):
            rest = (k - 1) * _log_transform(x - math.log(k), log_v, q)
            return q[j] * math.exp(x + log_v[j] + rest - _exp(x - math.log(k) + log_v[j]))

        return _trapezoid(integrand, log_v)

    return _entries(states, entry, np.size(log_w))


def score_weights(log_w, q, k):
    """What multiplies the score of every state in the gradient of L_k with respect to q, at fixed weights.

    Formula     h_j = -k int_0^inf M(t/k)^(k-1) (exp(-t w_j / k) - M(t/k)) / t dt, centred: sum_j q_j h_j = 0;
                dL_k = sum_j q_j h_j dlog q_j + the part that moves the weights (`grad_log_weights`)
    Shapes      log_w (S,), q (S,), k -> Answer of (S,)
    Domain      as `iwae_bound`, log_w finite
    Source      derivative under the integral of `iwae_bound`
    Checked by  tests/oracles/test_importance.py
    """
    states, log_v, q, _ = _support(log_w, q)

    def entry(j):
        def integrand(x):
            s = x - math.log(k)
            small = math.expm1(-_exp(s + log_v[j])) - _transform_less_one(s, log_v, q)
            return -k * math.exp((k - 1) * _log_transform(s, log_v, q)) * small

        return _trapezoid(integrand, log_v)

    return _entries(states, entry, np.size(log_w))


def _support(log_w, q):
    """States that q reaches, their log weights below the largest, their probabilities, and the largest."""
    log_w, q = np.ravel(np.asarray(log_w, dtype=np.float64)), np.ravel(np.asarray(q, dtype=np.float64))
    if abs(math.fsum(q) - 1.0) > 1e-12 or np.any(q < 0.0):
        raise ValueError(f"q must be probabilities that sum to one, got a sum of {math.fsum(q):.17g}")
    states = np.flatnonzero(q > 0.0)
    top = float(np.max(log_w[states]))
    log_v = log_w[states] - top if math.isfinite(top) else log_w[states]
    return states, log_v.tolist(), q[states].tolist(), top


def _transform_less_one(log_s, log_v, q):
    """M(s) - 1 without cancellation; M(0) = 1 by construction."""
    return math.fsum(p * math.expm1(-_exp(log_s + v)) for p, v in zip(q, log_v, strict=True))


def _log_transform(log_s, log_v, q):
    """Logarithm of M(s); where M is small, as a sum of exponentials that stays relatively exact."""
    less_one = _transform_less_one(log_s, log_v, q)
    if less_one > -0.5:
        return math.log1p(less_one)
    logs = [math.log(p) - _exp(log_s + v) for p, v in zip(q, log_v, strict=True)]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs))


def _exp(x):
    """The exponential, capped where exp(-exp(x)) has long been zero."""
    return math.exp(x if x < 700.0 else 700.0)


def _trapezoid(integrand, log_v):
    """Integral over x = log t, its absolute size, and an error: two steps compared, plus rounding."""
    count = math.ceil((HIGH - LOW - min(log_v)) / (2.0 * STEP)) * 2
    values = [integrand(LOW + STEP * i) for i in range(count + 1)]
    fine = STEP * math.fsum(values)
    coarse = 2.0 * STEP * math.fsum(values[::2])
    size = STEP * math.fsum(abs(v) for v in values)
    return fine, size, abs(fine - coarse) + 8.0 * UNIT_ROUNDOFF * size


def _entries(states, entry, width):
    """Answer whose entries are integrals, zero where q is zero."""
    value, magnitude, error = np.zeros(width), np.zeros(width), np.zeros(width)
    for j, state in enumerate(states):
        value[state], magnitude[state], error[state] = entry(j)
    return Answer(value, magnitude, error)
