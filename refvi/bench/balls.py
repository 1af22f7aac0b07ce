"""How far refvi's evidence and gradient are from the truth, enclosed by ball arithmetic.

Four visibles at once are a matrix product of balls: prod_d (1 + a_id c_jd) over four d is a sum over the 16 subsets of
(product of a)(product of c), all terms positive. So a million states take seconds, and nothing is approximated.
"""

import itertools
import math

import numpy as np

from refvi import fast
from refvi.oracles.balls import ball, enclose, flint, softplus

EPS = 2.0**-52
GRADIENT_UP_TO = 12


def accuracy(problem):
    """A call: error of log p in units of eps max(1, |log p|), then the largest absolute error of the gradient or NaN."""

    def call():
        exact = enclose(lambda: log_evidence(problem))
        got = float(fast.log_evidence(*problem)[0])
        found = abs(got - exact.mid) / (EPS * max(1.0, abs(exact.mid)))
        slope = _gradient_error(problem) if problem.c.size <= GRADIENT_UP_TO else math.nan
        call.note = f"log p = {exact.text}"
        call.note += "" if math.isnan(slope) else f", gradient off by {slope:.2g}"
        return found, slope

    call.note = ""
    return call


def log_evidence(problem):
    """Log evidence of the first datum, as a ball."""
    (x, *_), W, b, c = problem
    D, K = W.shape
    low = K // 2
    exps = [[ball(W[d, k]).exp() for k in range(K)] for d in range(D)]
    factor = [ball(c[k]).exp() * _product(exps[d][k] for d in range(D) if x[d]) for k in range(K)]
    S, T = _subset_products(factor[low:]), _subset_products(factor[:low])
    product = None
    for start in range(0, D, 4):
        group = range(start, min(start + 4, D))
        rows = _over_subsets([_subset_products(exps[d][low:]) for d in group])
        columns = _over_subsets(
            [[ball(b[d]).exp() * v for v in _subset_products(exps[d][:low])] for d in group]
        )
        entries = (flint().arb_mat(rows).transpose() * flint().arb_mat(columns)).entries()
        product = entries if product is None else [p * q for p, q in zip(product, entries)]
    J = len(T)
    inner = (sum((t / p for t, p in zip(T, product[i * J : (i + 1) * J])), ball(0)) for i in range(len(S)))
    total = sum((s * r for s, r in zip(S, inner)), ball(0))
    bias = sum((ball(b[d]) for d in range(D) if x[d]), ball(0))
    return total.log() + bias - sum((softplus(v) for v in c), ball(0))


def gradient(problem):
    """Gradient in W, b and c as balls, flat, by the plain sum over all states."""
    (x, *_), W, b, c = problem
    D, K = W.shape
    total, slopes = ball(0), [[ball(0)] * (K + 1) for _ in range(D)]
    on = [ball(0)] * K
    for h in itertools.product((0, 1), repeat=K):
        set_bits = [k for k in range(K) if h[k]]
        odds = [(ball(b[d]) + sum((ball(W[d, k]) for k in set_bits), ball(0))).exp() for d in range(D)]
        weight = sum((ball(c[k]) for k in set_bits), ball(0)).exp()
        for d in range(D):
            weight = weight * (odds[d] if x[d] else 1) / (1 + odds[d])
        total += weight
        for k in set_bits:
            on[k] += weight
        for d in range(D):
            slope = weight * (1 / (1 + odds[d]) if x[d] else -odds[d] / (1 + odds[d]))
            for k in (*set_bits, K):
                slopes[d][k] += slope
    of_W = [slopes[d][k] / total for d in range(D) for k in range(K)]
    of_b = [slopes[d][K] / total for d in range(D)]
    return of_W + of_b + [on[k] / total - 1 / (1 + (-ball(c[k])).exp()) for k in range(K)]


def _gradient_error(problem):
    found = fast.log_evidence_gradient(*problem)
    got = np.concatenate([np.ravel(part) for part in found[1:]])
    with flint().ctx.workprec(128):
        return max(float(abs(ball(g) - exact).abs_upper()) for g, exact in zip(got, gradient(problem)))


def _product(balls):
    total = ball(1)
    for factor in balls:
        total = total * factor
    return total


def _subset_products(factors):
    """Products over all subsets of factors; bit k is factor k."""
    found = [ball(1)]
    for factor in factors:
        found = found + [f * factor for f in found]
    return found


def _over_subsets(tables):
    """Products over the subsets of some tables, entry by entry: 2^len(tables) rows."""
    found = [[ball(1)] * len(tables[0])]
    for table in tables:
        found = found + [[f * t for f, t in zip(row, table)] for row in found]
    return found


PREPARE = {"accuracy": accuracy}
