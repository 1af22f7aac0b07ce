"""Exact evidence of a sigmoid belief network under many priors, and of a second stochastic layer.

    h2_m ~ Bern(sigmoid(a_m)),   h1_k | h2 ~ Bern(sigmoid(c_k + (V h2)_k)),   x_d | h1 ~ Bern(sigmoid(b_d + (W h1)_d))

Given h2 the model is a network of one hidden layer whose prior alone depends on h2. The products over visibles do not
know the prior: they are formed once, and every h2 is one more datum to them. The cost is 2^K products for h1 and 2^(K + K2)
multiply-adds, not 2^(K + K2) products.

Not here: gradients that share products (`nested_log_evidence_gradient` takes one pass for every h2 that matters).
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast import log_domain
from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.doubling import bits, fold_bits, subset_sums
from refvi.fast.estimator_samples import bernoulli_scores
from refvi.fast.evidence import prepare_compiled
from refvi.fast.gradient import log_evidence_gradient
from refvi.fast.score_moments import log_q_table

MOST_TOP = 12  # bits of h2
AT_ONCE = 64  # pairs of a datum and a prior whose columns stay in the second-level cache
NEGLIGIBLE = 1e-40  # a posterior probability that no entry of a gradient feels


class NestedGradient(NamedTuple):
    """Log evidence and its gradient, summed over the data.

    log_evidence () or (B,)    log p(x) of each datum, in nats
    grad_W (D, K), grad_b (D,), grad_V (K, K2), grad_c (K,), grad_a (K2,)
    """

    log_evidence: np.ndarray
    grad_W: np.ndarray  # noqa: N815
    grad_b: np.ndarray
    grad_V: np.ndarray  # noqa: N815
    grad_c: np.ndarray
    grad_a: np.ndarray


def log_evidence_by_prior(x, W, b, priors, threads=None):
    """Exact log evidence under each of M priors that differ in the hidden biases.

    Formula     log p_m(x) = log sum_h prod_k Bern(h_k; sigmoid(priors_mk)) prod_d Bern(x_d; sigmoid((W h + b)_d))
    Shapes      x (D,), W (D, K), b (D,), priors (M, K) -> (M,); x (B, D) -> (B, M)
    Domain      x in {0, 1}, finite parameters
    Checked by  tests/fast/test_nested.py
    """
    priors, threads = validate.array("priors", priors, "M K"), read_threads(threads)
    if not len(priors):
        raise UsageError("priors must have at least one row, got none")
    problem = read_problem(x, W, b, priors[0])
    network = prepare_compiled(problem)
    if network is None:
        columns = [log_domain.log_evidence(problem._replace(c=c), threads) for c in priors]
        values = np.stack(columns, axis=1)
    else:
        values = _by_products(network, problem.x, priors, threads)
    return values if np.ndim(x) == 2 else values[0]


def nested_log_evidence(x, W, b, V, c, a, threads=None):
    """Exact log evidence of a network of two hidden layers.

    Formula     log p(x) = log sum_h2 p(h2) sum_h1 p(h1 | h2) p(x | h1)
    Shapes      x (D,), W (D, K), b (D,), V (K, K2), c (K,), a (K2,) -> (); x (B, D) -> (B,)
    Domain      x in {0, 1}, finite parameters, K2 <= 12
    Source      Neal 1992, Connectionist learning of belief networks, Artificial Intelligence 56, 71-113
    Checked by  tests/fast/test_nested.py
    """
    V, c, a = _read(V, c, a)
    log_joint = log_evidence_by_prior(np.atleast_2d(x), W, b, _priors(V, c), threads) + log_q_table(a)
    values = log_sum(log_joint)
    return values if np.ndim(x) == 2 else float(values[0])


def nested_log_evidence_gradient(x, W, b, V, c, a, threads=None):
    """Exact log evidence of a network of two hidden layers and the gradient of its sum over the data.

    Gradient    r_m = p(h2 = m | x), g_m the gradient of log p(x | h2 = m):  dW = sum_m r_m g_m, as db;
                dc = sum_m r_m g_m,c;  dV = sum_m r_m g_m,c h2_m';  da = E[h2 | x] - sigmoid(a)  (Fisher's identity)
    Shapes      as `nested_log_evidence` -> NestedGradient
    Domain      as `nested_log_evidence`
    Checked by  tests/fast/test_nested.py
    """
    V, c, a = _read(V, c, a)
    data, priors, h2 = np.atleast_2d(x), _priors(V, c), bits(a.size)
    log_joint = log_evidence_by_prior(data, W, b, priors, threads) + log_q_table(a)
    values = log_sum(log_joint)
    r = np.exp(log_joint - values[:, None])
    grad_W, grad_b, by_prior = np.zeros(np.shape(W)), np.zeros(np.shape(b)), np.zeros(priors.shape)
    for row, share in zip(data, r):
        for m in np.flatnonzero(share > NEGLIGIBLE):
            found = log_evidence_gradient(row, W, b, priors[m], threads)
            grad_W += share[m] * found.grad_W
            grad_b += share[m] * found.grad_b
            by_prior[m] += share[m] * found.grad_c
    total, on = fold_bits(r.sum(axis=0))
    grad_a = bernoulli_scores(on, total, a)
    values = values if np.ndim(x) == 2 else float(values[0])
    return NestedGradient(values, grad_W, grad_b, by_prior.T @ h2.T, by_prior.sum(axis=0), grad_a)


def log_sum(log_terms):
    """Logarithm of the sum over the last axis, at least one term of which is finite."""
    peak = log_terms.max(axis=-1, keepdims=True)
    return (peak + np.log(np.exp(log_terms - peak).sum(axis=-1, keepdims=True)))[..., 0]


def _read(V, c, a):
    sizes = {}
    V, c = validate.array("V", V, "K L", sizes), validate.array("c", c, "K", sizes)
    a = validate.array("a", a, "L", sizes)
    if not 1 <= a.size <= MOST_TOP:
        raise UsageError(
            f"a must have 1 to {MOST_TOP} entries, one for each unit of the top layer, got {a.size}"
        )
    return V, c, a


def _priors(V, c):
    """Hidden biases c + V h2 for each h2: (2^K2, K)."""
    return np.ascontiguousarray(subset_sums(c, V).T)


def _by_products(network, x, priors, threads):
    from refvi.fast.multiplicative import all_strips, join, strip_sums
    from refvi.fast.network import states_of

    pairs = [(row[None], c) for row in x for c in priors]
    values = []
    for first in range(0, len(pairs), AT_ONCE):
        parts = [states_of(network._replace(c=c), row) for row, c in pairs[first : first + AT_ONCE]]
        states = type(parts[0])(*(np.concatenate(column) for column in zip(*parts)))
        values.append(join(network, states, strip_sums(network, states, 0, all_strips(network), threads)))
    return np.concatenate(values).reshape(len(x), len(priors))
