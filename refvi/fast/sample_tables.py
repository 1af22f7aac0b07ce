"""What gradients from samples look up: factors of half states by doubling, and alias tables of both halves of q."""

import math

import numpy as np

from refvi.fast.alias import alias_table
from refvi.fast.compiled import aligned, exact
from refvi.fast.eight import WIDTH
from refvi.fast.ranges import LIMIT, LN2, measure_visibles
from refvi.fast.tables import high_table
from refvi.fast.vector_math import softplus

NEVER = -1000.0  # logit of a visible that is not there


@exact
def is_sound(x, W, b, c, logits):
    """Whether x holds zeros and ones, and the others finite numbers.

    Checked by  tests/fast/test_estimator_samples.py
    """
    for d in range(x.size):
        if not (x[d] == 0.0 or x[d] == 1.0) or not math.isfinite(b[d]):
            return False
    for k in range(c.size):
        if not (math.isfinite(c[k]) and math.isfinite(logits[k])):
            return False
    for d in range(x.size):
        for k in range(c.size):
            if not math.isfinite(W[d, k]):
                return False
    return True


@exact
def bernoulli_pair(logit):
    """Probabilities of one and of zero, each to its own precision."""
    tail = math.exp(-abs(logit))
    large, small = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    return (large, small) if logit > 0.0 else (small, large)


@exact
def prepare(x, W, b, c, logits, high, low, draws):
    """Half tables of a model, as `sample_kernels.visit_samples` takes them, and the cells of both halves of q.

    draws       whether samples are to be drawn; otherwise there are no cells
    Formula     by ratio, where products fit: A = exp(u - m), C = exp(-v - m), log_high + log_low - log prod (A + C) = f
                by logit: U = u, V = v, log_high + log_low - sum log(1 + exp(U + V)) = f;  f = log p(x, h) - log q(h)
    Shapes      x (D,), W (D, K), b (D,), c (K,), logits (K,) -> (by_ratio, visibles, A or U (I, visibles),
                C or V (J, visibles), log_high (I,), log_low (J,)), (cells (I,), cells (J,))
    Checked by  tests/fast/test_estimator_samples.py
    """
    D, K = W.shape
    visibles = -(-D // WIDTH) * WIDTH
    W, b = of_other_values(x, W, b)
    log_off, log_on = np.empty(K), np.empty(K)
    for k in range(K):
        log_off[k] = softplus(logits[k]) - softplus(c[k])
        log_on[k] = softplus(-logits[k]) - softplus(-c[k])
    shift, half, base = np.zeros(visibles, np.int64), np.zeros(visibles), 0.0
    by_ratio, span = measure_visibles(W, b, high, low, shift, half) <= LIMIT, 0.0
    for d in range(D):
        span += half[d]
    by_ratio = by_ratio and span <= LIMIT
    first = aligned(visibles << high).reshape((1 << high, visibles))
    second = aligned(visibles << low).reshape((1 << low, visibles))
    if by_ratio:
        ratio_tables(W, b, high, low, shift, first, second)
        for d in range(D):
            base -= b[d] + LN2 * shift[d]
            for k in range(high, K):
                log_on[k] -= W[d, k]
    else:
        add_columns(W, np.zeros(D), 0, high, NEVER, first)
        add_columns(W, b, high, low, 0.0, second)
    log_high = add_choices(log_off[:high], log_on[:high], base)
    log_low = add_choices(log_off[high:], log_on[high:], 0.0)
    cells = np.empty(0, np.uint64), np.empty(0, np.uint64)
    if draws:
        cells = drawing_cells(logits, high)
    return (by_ratio, visibles, first, second, log_high, log_low), cells


@exact
def of_other_values(x, W, b):
    """Weights and biases of the logits of the values that visibles do not have."""
    weights, biases = np.empty(W.shape), np.empty(b.size)
    for d in range(x.size):
        sign = 1.0 - 2.0 * x[d]
        biases[d] = sign * b[d]
        for k in range(W.shape[1]):
            weights[d, k] = sign * W[d, k]
    return weights, biases


@exact
def ratio_tables(W, b, high, low, shift, A, C):
    """A (I, visibles) and C (J, visibles); A is 0 and C is 1 for a visible that is not there."""
    D = W.shape[0]
    start, opposite = np.zeros((D, 2)), np.empty((D, low))
    high_table(W, high, shift, start, A)
    for d in range(D):
        start[d, 0] = -b[d]
        for k in range(low):
            opposite[d, k] = -W[d, high + k]
    high_table(opposite, low, shift, start, C)
    for j in range(C.shape[0]):
        for d in range(D, C.shape[1]):
            C[j, d] = 1.0


@exact
def add_columns(W, base, first, bits, rest, table):
    """Rows base + sum of the columns of W from `first` on whose bits are set (2^bits, visibles); `rest` from D on."""
    D, visibles = W.shape[0], table.shape[1]
    for d in range(visibles):
        table[0, d] = base[d] if d < D else rest
    for k in range(bits):
        size = 1 << k
        for i in range(size):
            for d in range(visibles):
                table[size + i, d] = table[i, d] + (W[d, first + k] if d < D else 0.0)


@exact
def add_choices(log_off, log_on, base):
    """Table of base + sum_k (log_on[k] if h_k else log_off[k]): (2^n,)."""
    table = np.empty(1 << log_off.size)
    table[0] = base
    for k in range(log_off.size):
        size = 1 << k
        for s in range(size):
            table[size + s] = table[s] + log_on[k]
            table[s] += log_off[k]
    return table


@exact
def drawing_cells(logits, high):
    """Alias tables of both halves of q: (2^high,), (2^low,) uint64."""
    return alias_of_bits(logits[:high]), alias_of_bits(logits[high:])


@exact
def alias_of_bits(logits):
    """Alias table of independent bits."""
    mass, cells = np.ones(1 << logits.size), np.empty(1 << logits.size, np.uint64)
    for k in range(logits.size):
        size, (on, off) = 1 << k, bernoulli_pair(logits[k])
        for s in range(size):
            mass[size + s] = mass[s] * on
            mass[s] *= off
    alias_table(mass, cells)
    return cells


@exact
def conclude(total, x, c, logits, samples):
    """Estimates from sums: value, gradients in W (D, K), b (D,), c (K,) and logits (K,), one after another.

    Formula     rows of `total` as in `sample_kernels.sum_pieces`; residuals there are those of the value that x_d has not
    Checked by  tests/fast/test_estimator_samples.py
    """
    D, K = x.size, c.size
    visibles = total.shape[1] - 2
    found = np.empty(1 + D * K + D + 2 * K)
    found[0] = total[K + 1, 0] / samples
    for d in range(D):
        sign = 2.0 * x[d] - 1.0
        for k in range(K):
            found[1 + d * K + k] = sign * total[k, d] / samples
        found[1 + D * K + d] = sign * total[K, d] / samples
    at = 1 + D * K + D
    for k in range(K):
        found[at + k] = score(total[k, visibles + 1], total[K, visibles + 1], c[k]) / samples
        found[at + K + k] = score(total[k, visibles], total[K, visibles], logits[k]) / samples
    return found


@exact
def score(on, total, logit):
    """Sum of w (h - sigmoid(logit)), from the sums of w over the samples with h = 1 and over all of them."""
    q, rest = bernoulli_pair(logit)
    return on * rest - (total - on) * q
