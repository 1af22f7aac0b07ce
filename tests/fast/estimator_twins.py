"""Plain twins of the sampled gradients: the kernels of `refvi.estimators` on tables of the plain model."""

import numpy as np
from sbn_twins import states

from refvi.estimators import score_function
from refvi.models import sigmoid_belief as sbn

PLAIN = {
    "score_function": score_function.score_function,
    "leave_one_out": score_function.leave_one_out,
}


def plain_tables(x, W, b, c, logits):
    """Log weights and gradients of all states by the plain model, in the numbering of fast tables."""
    phi = sbn.Recognition(np.zeros(W.T.shape), logits)
    found = sbn.tables(x, sbn.Generative(c, W, b), phi)
    order = [sum(bit << (len(h) - 1 - k) for k, bit in enumerate(h)) for h in states(len(c))]
    return sbn.Tables(*(table[order] for table in found))


def plain_estimate(case, drawn, estimator, baseline, group):
    """The estimate by the plain kernels, group by group; the constant baseline needs no groups."""
    W = case[1]
    tables, (D, K) = plain_tables(*case), W.shape
    f, size = tables.log_p - tables.log_q, group if estimator == "leave_one_out" else len(drawn)
    theta, phi, value = np.zeros(K + D * K + D), np.zeros(K), 0.0
    for start in range(0, len(drawn), size):
        own = drawn[start : start + size]
        weights_p, weights_q = np.zeros(size), np.zeros(size)
        value += PLAIN[estimator](f[own], baseline, weights_p, weights_q)
        theta += weights_p @ tables.grad_log_p[own]
        phi += weights_q @ tables.grad_log_q[own][:, -K:]
    parts = len(drawn) // size
    theta, phi = theta / parts, phi / parts
    return value / parts, theta[K : K + D * K].reshape(D, K), theta[K + D * K :], theta[:K], phi
