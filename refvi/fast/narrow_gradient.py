"""Posterior weights and their quotients where products fit into a double.

The weight of a state is w_ij = sum_b S_bi T_bj / product_ij: for one datum unnormalised, for a batch with S
divided by each evidence, so that the gradients of all data cost one pass. Rows are cut into groups of fixed
size; a group owns its rows of GA and keeps its own sums by low bit, and the groups are added afterwards in order.
"""

from refvi.fast.compiled import aligned, compiled, merged
from refvi.fast.eight import eight_times, load, plus, spread, store, sum_of_eight, times
from refvi.fast.folding import fold_tile_of_quotients
from refvi.fast.layout import LANES, ROWS
from refvi.fast.octets import together, two_reciprocals
from refvi.fast.products import LANES2, LANES3
from refvi.fast.quotients import WIDTH, plus_four, prefix_products, prefix_table, spread_quotients

BLOCK = 16  # lanes for which sums over data stay in registers, four rows at a time


@compiled
def blocks_together(T, start, columns):
    """A tile of T, flat: a block of lanes of all data together, [(lane // 16 * B + datum) * 16 + lane % 16].

    Checked by  tests/fast/test_quotients.py
    """
    B = T.shape[0]
    for q in range(B):
        for lane in range(LANES):
            columns[(lane // BLOCK * B + q) * BLOCK + lane % BLOCK] = T[q, start + lane]


@merged
def outer(rows, at, columns, place):
    """Products of four numbers with a block of lanes."""
    t0, t1 = load(columns, place), load(columns, place + 8)
    s0, s1, s2, s3 = spread(rows, at), spread(rows, at + 1), spread(rows, at + 2), spread(rows, at + 3)
    return (
        (times(s0, t0), times(s1, t0), times(s2, t0), times(s3, t0)),
        (times(s0, t1), times(s1, t1), times(s2, t1), times(s3, t1)),
    )


@merged
def store_four(table, at, values):
    """The same eight lanes of four rows."""
    store(table, at, values[0])
    store(table, at + LANES, values[1])
    store(table, at + LANES2, values[2])
    store(table, at + LANES3, values[3])


@compiled
def joint_factors(rows, at, columns, joint):
    """Sum_b S_bi T_bj for the four rows that begin at `at`, and all lanes: joint (4 LANES,).

    Shapes      rows as of `together`, columns (B LANES,) as of `blocks_together`
    Checked by  tests/fast/test_quotients.py
    """
    B = columns.size // LANES
    for lane in range(0, LANES, BLOCK):
        low, high = outer(rows, at, columns, lane * B)
        for q in range(1, B):
            more_low, more_high = outer(rows, at + ROWS * q, columns, lane * B + BLOCK * q)
            low, high = plus_four(low, more_low), plus_four(high, more_high)
        store_four(joint, lane, low)
        store_four(joint, lane + 8, high)


@merged
def joint_of(rows, at, columns, lane, joint, place):
    """Joint factors of a row and eight lanes: of one datum a product, of many what `joint_factors` left."""
    if columns.size == LANES:
        return times(spread(rows, at), load(columns, lane))
    return load(joint, place + lane)


@merged
def two_weights(product, rows, at, columns, lane, joint, place):
    """Weights of two rows and eight lanes, two reciprocals from one division; w / product is left in joint."""
    row0, row1 = place + lane, place + LANES + lane
    p0, p1 = load(product, row0), load(product, row1)
    r0, r1 = two_reciprocals(p0, p1)
    w0 = times(joint_of(rows, at, columns, lane, joint, place), r0)
    w1 = times(joint_of(rows, at + 1, columns, lane, joint, place + LANES), r1)
    store(joint, row0, times(w0, r0))
    store(joint, row1, times(w1, r1))
    return w0, w1


@compiled
def narrow_weights(product, rows, at, columns, joint, row_weight, i, column_weight):
    """Leave w / product of four rows in joint, add w to the weights of rows and columns.

    Formula     w = sum_b S_bi T_bj / product
    Shapes      product, joint (4 LANES,); the four rows begin at `at` in rows, at i in row_weight (I,);
                column_weight (LANES,)
    Checked by  tests/fast/test_quotients.py
    """
    sum0 = sum1 = sum2 = sum3 = eight_times(0.0)
    for lane in range(0, LANES, 8):
        w0, w1 = two_weights(product, rows, at, columns, lane, joint, 0)
        w2, w3 = two_weights(product, rows, at + 2, columns, lane, joint, LANES2)
        sum0, sum1, sum2, sum3 = plus(sum0, w0), plus(sum1, w1), plus(sum2, w2), plus(sum3, w3)
        store(column_weight, lane, plus(load(column_weight, lane), plus(plus(w0, w1), plus(w2, w3))))
    row_weight[i] += sum_of_eight(sum0)
    row_weight[i + 1] += sum_of_eight(sum1)
    row_weight[i + 2] += sum_of_eight(sum2)
    row_weight[i + 3] += sum_of_eight(sum3)


@compiled
def narrow_group(A, C, S, T, first, last, GA, by_low, row_weight, column_weight):
    """Add the states of rows first..last-1 to GA (I, Dp), by_low (Dp + 1, low + 1), row (I,) and column weights (J,)."""
    visibles, B = A.shape[1], S.shape[0]
    quads, rows = together(A, first, last, ROWS), together(S.T, first, last, ROWS)
    joint, prefix = aligned(WIDTH), prefix_table(visibles)
    product = prefix[visibles // 4 * WIDTH :]
    GC, columns = aligned(visibles * LANES), aligned(B * LANES)
    for tile in range(T.shape[1] // LANES):
        start, weight = tile * visibles * LANES, column_weight[tile * LANES : (tile + 1) * LANES]
        blocks_together(T, tile * LANES, columns)
        GC[:] = 0.0
        for i in range(first, last, ROWS):
            row, at = (i - first) * visibles, (i - first) * B
            prefix_products(quads, row, C, start, 0, visibles, prefix)
            if B > 1:
                joint_factors(rows, at, columns, joint)
            narrow_weights(product, rows, at, columns, joint, row_weight, i, weight)
            spread_quotients(quads, row, C, start, 0, visibles, prefix, joint, i, GA, GC)
        fold_tile_of_quotients(C, GC, weight, tile, by_low)


@compiled
def narrow_groups(A, C, S, T, first, last, GA, by_low, row_weight, column_weight):
    """The groups first..last-1 of by_low.shape[0] equal ones; everything from GA on arrives zeroed.

    Shapes      GA (I, Dp), by_low (groups, Dp + 1, low + 1) as in `folding`, row_weight (I,), column_weight (groups, J)
    """
    rows = A.shape[0] // by_low.shape[0]
    for g in range(first, last):
        narrow_group(A, C, S, T, g * rows, (g + 1) * rows, GA, by_low[g], row_weight, column_weight[g])
