"""Plain twins of the models that are built from networks: every state visited, sums by math.fsum, balls for evidence."""

import math
from itertools import product

import flint
import numpy as np
from sbn_twins import log_joint, logit, sigmoid, softplus, states


def log_bernoulli(bit, a):
    return -softplus(-a) if bit else -softplus(a)


def log_total(logs):
    peak = max(logs)
    return peak + math.log(math.fsum(math.exp(v - peak) for v in logs))


def ball_log_total(logs):
    """The same sum in balls: what floats lose in it, not in the terms."""
    with flint.ctx.workprec(128):
        return float(sum((flint.arb(v).exp() for v in logs), flint.arb(0)).log())


def nested_terms(x, W, b, V, c, a):
    """(log joint, h2, h1) of every state of both layers."""
    for h2 in states(len(a)):
        prior = [log_bernoulli(bit, a[m]) for m, bit in enumerate(h2)]
        biases = np.array([logit(V, c, k, h2) for k in range(len(c))])
        for h1 in states(len(c)):
            yield math.fsum([*prior, log_joint(x, W, b, biases, h1)]), h2, h1


def nested_gradient(x, W, b, V, c, a):
    """Evidence and gradient of two layers: the posterior mean of the complete-data score."""
    terms = list(nested_terms(x, W, b, V, c, a))
    value = log_total([t for t, _, _ in terms])
    grads = [np.zeros(np.shape(p)) for p in (W, b, V, c, a)]
    for log_p, h2, h1 in terms:
        weight = math.exp(log_p - value)
        visible = np.array([x[d] - sigmoid(logit(W, b, d, h1)) for d in range(len(b))])
        hidden = np.array([h1[k] - sigmoid(logit(V, c, k, h2)) for k in range(len(c))])
        top = np.array([h2[m] - sigmoid(a[m]) for m in range(len(a))])
        for grad, score in zip(
            grads, (np.outer(visible, h1), visible, np.outer(hidden, h2), hidden, top), strict=True
        ):
            grad += weight * score
    return value, *grads


def half_terms(x, W, b, log_first, log_second):
    """(log joint, i, j, h) of every state of a prior of two tables."""
    first, second = (len(t).bit_length() - 1 for t in (log_first, log_second))
    for (i, h), (j, g) in product(enumerate(states(first)), enumerate(states(second))):
        state = (*h, *g)
        visible = [log_bernoulli(x[d], logit(W, b, d, state)) for d in range(len(b))]
        yield math.fsum([log_first[i], log_second[j], *visible]), i, j, state
