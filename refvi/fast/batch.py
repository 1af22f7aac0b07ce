"""Evidence of many data at once: the products do not depend on the data, so that they are formed once.

z_b = sum_j T_bj (sum_i S_bi / product_ij). The inner sum over the rows of a strip is a matrix product of B
rows of S with the reciprocals of a tile; it runs over lanes, so that no sum across lanes is needed before the
strip ends.
"""

import numpy as np

from refvi.fast.compiled import aligned, compiled, two_sum
from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import LANES2, LANES3, multiply_tile


@compiled
def invert_tile(product, sharing):
    """Replace products by their reciprocals, with one division for `sharing` = 4 or 2 states."""
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        p2, p3 = product[LANES2 + lane], product[LANES3 + lane]
        p01, p23 = p0 * p1, p2 * p3
        if sharing == 4:
            r = 1.0 / (p01 * p23)
            r01, r23 = r * p23, r * p01
        else:
            r01, r23 = 1.0 / p01, 1.0 / p23
        product[lane], product[LANES + lane] = r01 * p1, r01 * p0
        product[LANES2 + lane], product[LANES3 + lane] = r23 * p3, r23 * p2


@compiled
def add_rows(S, i, inverse, column):
    """Add the four rows of a tile, weighted by S, to the columns of every datum: column (B LANES,).

    Formula     column[b, lane] += sum_q S[b, i + q] inverse[q, lane]
    Checked by  tests/fast/test_products.py
    """
    r0, r1 = inverse[:LANES], inverse[LANES:LANES2]
    r2, r3 = inverse[LANES2:LANES3], inverse[LANES3 : 4 * LANES]
    for q in range(S.shape[0]):
        s0, s1, s2, s3 = S[q, i], S[q, i + 1], S[q, i + 2], S[q, i + 3]
        target = column[q * LANES : (q + 1) * LANES]
        for lane in range(LANES):
            target[lane] += (s0 * r0[lane] + s1 * r1[lane]) + (s2 * r2[lane] + s3 * r3[lane])


@compiled
def dot_lanes(T, column):
    """Inner product of LANES numbers."""
    total = 0.0
    for lane in range(LANES):
        total += T[lane] * column[lane]
    return total


@compiled
def batch_strip(A, C, S, T, sharing, first, last, sums):
    """Sums over the rows first..last-1 and all columns, of each datum: sums (B,)."""
    B, visibles = S.shape[0], A.shape[1]
    inverse, column = aligned(ROWS * LANES), aligned(B * LANES)
    carry = np.zeros(B)
    sums[:] = 0.0
    for tile in range(T.shape[1] // LANES):
        column[:] = 0.0
        for i in range(first, last, ROWS):
            multiply_tile(A, i, C, tile * visibles * LANES, 0, visibles, inverse)
            invert_tile(inverse, sharing)
            add_rows(S, i, inverse, column)
        for q in range(B):
            part = dot_lanes(T[q, tile * LANES : (tile + 1) * LANES], column[q * LANES : (q + 1) * LANES])
            sums[q], rest = two_sum(sums[q], part)
            carry[q] += rest
    for q in range(B):
        sums[q] += carry[q]


@compiled
def batch_strips(A, C, S, T, sharing, strip, first, last, sums):
    """The strips first..last-1: one sum for each and each datum, sums (strips, B)."""
    for s in range(first, last):
        batch_strip(A, C, S, T, sharing, s * strip, (s + 1) * strip, sums[s])
