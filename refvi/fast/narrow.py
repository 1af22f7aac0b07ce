"""Evidence of one datum where products of four, or two, states fit into a double and share a division."""

from refvi.fast.compiled import aligned, compiled, two_sum
from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import LANES2, LANES3, multiply_tile


@compiled
def four_ratios(S, i, T, product):
    """Sum over a tile of S_i T_j / product_ij, with one division per lane.

    Formula     s0/p0 + .. + s3/p3 = ((s0 p1 + s1 p0) p2 p3 + (s2 p3 + s3 p2) p0 p1) / (p0 p1 p2 p3)
    Shapes      S (I,), T (LANES,), product (4 LANES,) -> ()
    Checked by  tests/fast/test_products.py
    """
    s0, s1, s2, s3 = S[i], S[i + 1], S[i + 2], S[i + 3]
    total = 0.0
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        p2, p3 = product[LANES2 + lane], product[LANES3 + lane]
        p01, p23 = p0 * p1, p2 * p3
        total += T[lane] * (((s0 * p1 + s1 * p0) * p23 + (s2 * p3 + s3 * p2) * p01) / (p01 * p23))
    return total


@compiled
def two_ratios(S, i, T, product):
    """The same sum with one division for two states."""
    s0, s1, s2, s3 = S[i], S[i + 1], S[i + 2], S[i + 3]
    total = 0.0
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        p2, p3 = product[LANES2 + lane], product[LANES3 + lane]
        total += T[lane] * ((s0 * p1 + s1 * p0) / (p0 * p1) + (s2 * p3 + s3 * p2) / (p2 * p3))
    return total


@compiled
def narrow_strip(A, C, S, T, sharing, first, last):
    """Sum over the rows first..last-1 and all columns of S_i T_j / prod_d (A_id + C_jd)."""
    visibles = A.shape[1]
    product = aligned(ROWS * LANES)
    total, carry = 0.0, 0.0
    for tile in range(T.size // LANES):
        part = 0.0
        for i in range(first, last, ROWS):
            multiply_tile(A, i, C, tile * visibles * LANES, 0, visibles, product)
            columns = T[tile * LANES : (tile + 1) * LANES]
            if sharing == 4:
                part += four_ratios(S, i, columns, product)
            else:
                part += two_ratios(S, i, columns, product)
        total, rest = two_sum(total, part)
        carry += rest
    return total + carry


@compiled
def narrow_strips(A, C, S, T, sharing, strip, first, last, sums):
    """The strips first..last-1: one sum for each, sums (strips, 1)."""
    for s in range(first, last):
        sums[s, 0] = narrow_strip(A, C, S[0], T[0], sharing, s * strip, (s + 1) * strip)
