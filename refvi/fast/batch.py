"""Evidence of many data at once: the products do not depend on the data, so that they are formed once.

z_b = sum_j T_bj (sum_i S_bi / product_ij). The inner sum over the rows of a strip is a matrix product of B rows of S
with the reciprocals of an octet, which stay in registers; it runs over lanes, so that no sum across lanes is needed
before the strip ends.
"""

import numpy as np

from refvi.fast.compiled import aligned, compiled, merged, two_sum
from refvi.fast.eight import eight_times, load, plus, spread, store, sum_of_eight, times
from refvi.fast.layout import LANES, OCTET
from refvi.fast.octets import octet_reciprocals, together


@merged
def weighted(weight, at, r):
    """sum_q weight[at + q] r_q over an octet."""
    a = plus(times(spread(weight, at), r[0]), times(spread(weight, at + 1), r[1]))
    b = plus(times(spread(weight, at + 2), r[2]), times(spread(weight, at + 3), r[3]))
    c = plus(times(spread(weight, at + 4), r[4]), times(spread(weight, at + 5), r[5]))
    d = plus(times(spread(weight, at + 6), r[6]), times(spread(weight, at + 7), r[7]))
    return plus(plus(a, b), plus(c, d))


@merged
def add_octet(weight, at, r, column, start, B):
    """Add eight rows, weighted for every datum, to eight columns of each.

    Formula     column[start + 8 b + ..] += sum_q weight[at + 8 b + q] r_q
    Checked by  tests/fast/test_octets.py
    """
    for b in range(0, 8 * B, 8):
        store(column, start + b, plus(load(column, start + b), weighted(weight, at + b, r)))


@merged
def add_columns(T, j, column, part):
    """Add eight columns from j on, weighted by T, to eight sums of every datum, and clear them: part (8 B,)."""
    for b in range(T.shape[0]):
        weight, value = load(T, b * T.shape[1] + j), load(column, 8 * b)
        store(part, 8 * b, plus(load(part, 8 * b), times(weight, value)))
        store(column, 8 * b, eight_times(0.0))


@compiled
def batch_strip(A, C, S, T, first, last, sums):
    """Sums over the rows first..last-1 and all columns, of each datum: sums (B,)."""
    B, visibles = S.shape[0], A.shape[1]
    rows, weight = together(A, first, last, OCTET), together(S.T, first, last, OCTET)
    column, part, carry = aligned(8 * B), aligned(8 * B), np.zeros(B)
    column[:] = 0.0
    sums[:] = 0.0
    for tile in range(T.shape[1] // LANES):
        part[:] = 0.0
        for lane in range(0, LANES, 8):
            for i in range(0, last - first, OCTET):
                r = octet_reciprocals(rows, i * visibles, C, tile * visibles * LANES + lane, visibles)
                add_octet(weight, i * B, r, column, 0, B)
            add_columns(T, tile * LANES + lane, column, part)
        for b in range(B):
            sums[b], rest = two_sum(sums[b], sum_of_eight(load(part, 8 * b)))
            carry[b] += rest
    for b in range(B):
        sums[b] += carry[b]


@compiled
def batch_strips(A, C, S, T, strip, first, last, sums):
    """The strips first..last-1: one sum for each and each datum, sums (strips, B)."""
    for s in range(first, last):
        batch_strip(A, C, S, T, s * strip, (s + 1) * strip, sums[s])
