"""Posterior weights, their marginals and quotients where exponents are kept as integers.

The evidence of each datum is known, so that a weight is a posterior probability, a plain double again, and
what underflows has no weight. Quotients go chunk by chunk: products start anew with each chunk, and no more
than the chunk's share is divided away.
"""

import numpy as np

from refvi.fast.compiled import aligned, compiled
from refvi.fast.folding import fold_tile_of_quotients
from refvi.fast.layout import LANES, ROWS
from refvi.fast.marginals import fold_tile
from refvi.fast.octets import together
from refvi.fast.products import LANES2, LANES3
from refvi.fast.quotients import prefix_products, prefix_table, spread_quotients
from refvi.fast.wide import TILE, scales_from_exponents, state_exponents, wide_product


@compiled
def wide_weights(S, i, T, product, factor, weight):
    """Posterior probabilities of a tile: weight (4 LANES,) = S_i T_j factor / product."""
    s0, s1, s2, s3 = S[i], S[i + 1], S[i + 2], S[i + 3]
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        p2, p3 = product[LANES2 + lane], product[LANES3 + lane]
        p01, p23 = p0 * p1, p2 * p3
        r = T[lane] / (p01 * p23)
        r01, r23 = r * p23, r * p01
        weight[lane] = (s0 * factor[lane]) * (r01 * p1)
        weight[LANES + lane] = (s1 * factor[LANES + lane]) * (r01 * p0)
        weight[LANES2 + lane] = (s2 * factor[LANES2 + lane]) * (r23 * p3)
        weight[LANES3 + lane] = (s3 * factor[LANES3 + lane]) * (r23 * p2)


@compiled
def add_weights(weight, rows, i, column, total, fresh):
    """Add the weights of a datum to its row sums (I,), its columns (LANES,) and the total over data (4 LANES,)."""
    t0 = t1 = t2 = t3 = 0.0
    for lane in range(LANES):
        w0, w1 = weight[lane], weight[LANES + lane]
        w2, w3 = weight[LANES2 + lane], weight[LANES3 + lane]
        t0, t1, t2, t3 = t0 + w0, t1 + w1, t2 + w2, t3 + w3
        column[lane] += (w0 + w1) + (w2 + w3)
    rows[i] += t0
    rows[i + 1] += t1
    rows[i + 2] += t2
    rows[i + 3] += t3
    if fresh:
        for q in range(TILE):
            total[q] = weight[q]
    else:
        for q in range(TILE):
            total[q] += weight[q]


@compiled
def wide_quotients(quads, row, C, start, ends, total, prefix, ratio, i, GA, GC):
    """Quotients of the weights of four rows, chunk by chunk: total (4 LANES,) is kept."""
    first = 0
    for last in ends:
        prefix_products(quads, row, C, start, first, last, prefix)
        product = prefix[(last - first) // 4 * TILE : ((last - first) // 4 + 1) * TILE]
        for q in range(TILE):
            ratio[q] = total[q] / product[q]
        spread_quotients(quads, row, C, start, first, last, prefix, ratio, i, GA, GC)
        first = last


@compiled
def posterior_tile(states, peak, i, tile, exponent, product, scale, weight, rows, column, total):
    """Weights of all data in a tile: their row sums (B, I), columns (B LANES,) and total over data (4 LANES,)."""
    S, Se, T, Te = states
    columns = slice(tile * LANES, (tile + 1) * LANES)
    for q in range(S.shape[0]):
        state_exponents(Se[q], i, Te[q, columns], exponent, scale)
        scales_from_exponents(scale, peak[q])
        wide_weights(S[q], i, T[q, columns], product, scale.view(np.float64), weight)
        add_weights(weight, rows[q], i, column[q * LANES : (q + 1) * LANES], total, q == 0)


@compiled
def wide_group(A, C, ends, states, peak, first, last, GA, by_low, rows, sums):
    """Rows first..last-1: the quotients, row sums (B, I), column sums (B, 1 + low) and sums by low bit over all data."""
    B, visibles = peak.size, A.shape[1]
    product, scale, exponent = aligned(TILE), aligned(TILE).view(np.int64), np.empty(TILE, np.int64)
    weight, total, column, ratio = aligned(TILE), aligned(TILE), aligned(B * LANES), aligned(TILE)
    prefix, GC, column_weight = prefix_table(visibles), aligned(visibles * LANES), aligned(LANES)
    quads = together(A, first, last, ROWS)
    for tile in range(states[2].shape[1] // LANES):
        start = tile * visibles * LANES
        column[:] = 0.0
        GC[:] = 0.0
        column_weight[:] = 0.0
        for i in range(first, last, ROWS):
            wide_product(A, i, C, start, ends, product, product.view(np.int64), exponent)
            posterior_tile(states, peak, i, tile, exponent, product, scale, weight, rows, column, total)
            if GA.size:
                wide_quotients(quads, (i - first) * visibles, C, start, ends, total, prefix, ratio, i, GA, GC)
        for q in range(B):
            part = column[q * LANES : (q + 1) * LANES]
            for lane in range(LANES):
                column_weight[lane] += part[lane]
            fold_tile(part, tile, sums[q])
        if GA.size:
            fold_tile_of_quotients(C, GC, column_weight, tile, by_low)


@compiled
def wide_groups(A, C, ends, states, peak, start, stop, GA, by_low, rows, sums):
    """The groups start..stop-1; everything from GA on arrives zeroed, a GA of size 0 leaves the quotients out.

    Formula     w_bij = S_bi T_bj 2^(Se_bi + Te_bj - peak_b) / product_ij is the posterior probability of the state
    Shapes      states (S, Se, T, Te), each (B, I) or (B, J); peak (B,); GA (I, Dp), by_low (groups, Dp + 1, low + 1) as
                in `folding`, rows (B, I), sums (groups, B, 1 + low)
    Checked by  tests/fast/test_posterior.py
    """
    size = A.shape[0] // sums.shape[0]
    for g in range(start, stop):
        wide_group(A, C, ends, states, peak, g * size, (g + 1) * size, GA, by_low[g], rows, sums[g])
