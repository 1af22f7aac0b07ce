"""Posterior marginals of many data where products fit into a double: sums by row and by low bit.

Beside the column sums of `batch`, each reciprocal is multiplied by T and summed over lanes: row sums give
every expectation of the high bits, folded columns give those of the low bits. Giving T h_l as a further datum
gives the second moments with bit l.
"""

from refvi.fast.batch import add_octet
from refvi.fast.compiled import aligned, compiled
from refvi.fast.eight import eight_times, load, plus, store, sums_of_each, times
from refvi.fast.folding import fold_lanes
from refvi.fast.layout import LANE_BITS, LANES, OCTET
from refvi.fast.octets import octet_reciprocals, together


@compiled
def add_row_sums(inverse, columns, sums, at):
    """Add sum_lane inverse T_b to the sums of eight rows, for every datum.

    Formula     sums[at + 8 b + q] += sum_lane inverse[q * LANES + lane] columns[b * LANES + lane]
    Checked by  tests/fast/test_octets.py
    """
    zero = eight_times(0.0)
    for b in range(columns.size // LANES):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for lane in range(0, LANES, 8):
            t = load(columns, b * LANES + lane)
            s0 = plus(s0, times(load(inverse, lane), t))
            s1 = plus(s1, times(load(inverse, lane + LANES), t))
            s2 = plus(s2, times(load(inverse, lane + 2 * LANES), t))
            s3 = plus(s3, times(load(inverse, lane + 3 * LANES), t))
            s4 = plus(s4, times(load(inverse, lane + 4 * LANES), t))
            s5 = plus(s5, times(load(inverse, lane + 5 * LANES), t))
            s6 = plus(s6, times(load(inverse, lane + 6 * LANES), t))
            s7 = plus(s7, times(load(inverse, lane + 7 * LANES), t))
        total = sums_of_each((s0, s1, s2, s3, s4, s5, s6, s7))
        store(sums, at + 8 * b, plus(load(sums, at + 8 * b), total))


@compiled
def column_products(column, b, T, part):
    """Columns of a tile that belong to datum b, multiplied by T: column (LANES / 8, B, 8) flat, T and part (LANES,)."""
    width = column.size // LANES * 8
    for lane in range(LANES):
        part[lane] = T[lane] * column[lane // 8 * width + 8 * b + lane % 8]


@compiled
def fold_tile(column, tile, sums):
    """Add the column sums of a tile to those of a datum: sums[0] all columns, sums[1 + k] those with bit k set."""
    total = fold_lanes(column, 0, sums, 1)
    sums[0] += total
    bit = LANE_BITS
    while tile >> (bit - LANE_BITS):
        if (tile >> (bit - LANE_BITS)) & 1:
            sums[1 + bit] += total
        bit += 1


@compiled
def invert_octet(rows, weight, i, C, start, visibles, inverse, column):
    """Reciprocals of eight rows and a tile, (8 LANES,), added to the columns of every datum, (LANES / 8, B, 8) flat."""
    B = column.size // LANES
    for lane in range(0, LANES, 8):
        r = octet_reciprocals(rows, i * visibles, C, start + lane, visibles)
        add_octet(weight, i * B, r, column, lane * B, B)
        store(inverse, lane, r[0])
        store(inverse, lane + LANES, r[1])
        store(inverse, lane + 2 * LANES, r[2])
        store(inverse, lane + 3 * LANES, r[3])
        store(inverse, lane + 4 * LANES, r[4])
        store(inverse, lane + 5 * LANES, r[5])
        store(inverse, lane + 6 * LANES, r[6])
        store(inverse, lane + 7 * LANES, r[7])


@compiled
def marginal_strip(A, C, S, T, first, last, row_sums, sums):
    """Rows first..last-1: row sums (B, I) and column sums (B, 1 + low), both zeroed by the caller."""
    B, visibles = S.shape[0], A.shape[1]
    rows, weight = together(A, first, last, OCTET), together(S.T, first, last, OCTET)
    inverse, column, part = aligned(OCTET * LANES), aligned(B * LANES), aligned(LANES)
    columns, by_row = aligned(B * LANES), aligned((last - first) * B)
    by_row[:] = 0.0
    for tile in range(T.shape[1] // LANES):
        column[:] = 0.0
        for b in range(B):
            for lane in range(LANES):
                columns[b * LANES + lane] = T[b, tile * LANES + lane]
        for i in range(0, last - first, OCTET):
            invert_octet(rows, weight, i, C, tile * visibles * LANES, visibles, inverse, column)
            add_row_sums(inverse, columns, by_row, i * B)
        for b in range(B):
            column_products(column, b, columns[b * LANES : (b + 1) * LANES], part)
            fold_tile(part, tile, sums[b])
    for i in range(last - first):
        for b in range(B):
            place = (i // OCTET * B + b) * OCTET + i % OCTET
            row_sums[b, first + i] += weight[place] * by_row[place]


@compiled
def marginal_strips(A, C, S, T, strip, first, last, rows, sums):
    """The strips first..last-1: rows (B, I) and sums (strips, B, 1 + low), both zeroed.

    Formula     rows[b, i] = sum_j w_bij;  sums[s, b, 0] = sum of w over a strip, [1 + k] over its states with
                low bit k set;  w_bij = S_bi T_bj / product_ij
    Checked by  tests/fast/test_posterior.py
    """
    for s in range(first, last):
        marginal_strip(A, C, S, T, s * strip, (s + 1) * strip, rows, sums[s])
