"""Evidence of one datum where products of two states fit into a double and share a division.

Where the smallest factor S of a strip leaves room, products start at 1 / S instead of 1, and the sum of two quotients
s0/p0 + s1/p1 is (p0' + p1') / (p0' p1') with p' = p / s: two multiplications less. On a Zen 4 core the division of two
states runs beside the multiplications of the others; one division for four would cost more of them.
"""

import numpy as np

from refvi.fast.compiled import compiled, merged, two_sum
from refvi.fast.eight import eight_times, load, over, plus, spread, sum_of_eight, times
from refvi.fast.layout import LANES, OCTET
from refvi.fast.octets import eight_spread, octet_products, together


@merged
def two_ratios(S, i, p0, p1, scaled):
    """S_i / p0 + S_i+1 / p1 with one division; `scaled` products hold 1 / S already."""
    if scaled:
        return over(plus(p0, p1), times(p0, p1))
    return over(plus(times(spread(S, i), p1), times(spread(S, i + 1), p0)), times(p0, p1))


@compiled
def starts(S, first, last, least):
    """What the products of the rows first..last-1 start from, 1 / S or 1, and whether it is 1 / S.

    Checked by  tests/fast/test_octets.py
    """
    start, scaled = np.empty(last - first), True
    for i in range(first, last):
        scaled = scaled and S[i] >= least
    for i in range(first, last):
        start[i - first] = 1.0 / S[i] if scaled else 1.0
    return start, scaled


@compiled
def narrow_strip(A, C, S, T, least, first, last):
    """Sum over the rows first..last-1 and all columns of S_i T_j / prod_d (A_id + C_jd)."""
    visibles = A.shape[1]
    rows, (start, scaled) = together(A, first, last, OCTET), starts(S, first, last, least)
    total, carry = 0.0, 0.0
    for tile in range(T.size // LANES):
        part = eight_times(0.0)
        for i in range(0, last - first, OCTET):
            at, begin, s = i * visibles, eight_spread(start, i), first + i
            for lane in range(0, LANES, 8):
                given = rows, at, C, tile * visibles * LANES + lane, visibles, begin
                p0, p1, p2, p3, p4, p5, p6, p7 = octet_products(*given)
                left = plus(two_ratios(S, s, p0, p1, scaled), two_ratios(S, s + 2, p2, p3, scaled))
                right = plus(two_ratios(S, s + 4, p4, p5, scaled), two_ratios(S, s + 6, p6, p7, scaled))
                part = plus(part, times(load(T, tile * LANES + lane), plus(left, right)))
        total, rest = two_sum(total, sum_of_eight(part))
        carry += rest
    return total + carry


@compiled
def narrow_strips(A, C, S, T, least, strip, first, last, sums):
    """The strips first..last-1: one sum for each, sums (strips, 1).

    least   smallest S that may scale a product, as in `ranges.least_scale`
    """
    for s in range(first, last):
        sums[s, 0] = narrow_strip(A, C, S[0], T[0], least, s * strip, (s + 1) * strip)
