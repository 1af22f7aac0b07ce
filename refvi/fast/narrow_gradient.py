"""Posterior weights and their quotients where products fit into a double.

The weight of a state is w_ij = sum_b S_bi T_bj / product_ij: for one datum unnormalised, for a batch with S
divided by each evidence, so that the gradients of all data cost one pass. Rows are cut into groups of fixed
size; a group owns its rows of GA and keeps its own GC, and the groups are added afterwards in order.
"""

from refvi.fast.compiled import aligned, compiled
from refvi.fast.layout import LANES
from refvi.fast.quotients import PAIR, WIDTH, prefix_products, spread_quotients


@compiled
def joint_factors(S, i, T, tile, joint):
    """Sum_b S_bi T_bj for two rows and all lanes, four data at a time: joint (2 LANES,).

    Checked by  tests/fast/test_quotients.py
    """
    row0, row1 = joint[:LANES], joint[LANES:WIDTH]
    start, B = tile * LANES, S.shape[0]
    for lane in range(WIDTH):
        joint[lane] = 0.0
    for q in range(0, B - 3, 4):
        s0, s1, s2, s3 = S[q, i], S[q + 1, i], S[q + 2, i], S[q + 3, i]
        t0, t1, t2, t3 = S[q, i + 1], S[q + 1, i + 1], S[q + 2, i + 1], S[q + 3, i + 1]
        c0, c1 = T[q, start : start + LANES], T[q + 1, start : start + LANES]
        c2, c3 = T[q + 2, start : start + LANES], T[q + 3, start : start + LANES]
        for lane in range(LANES):
            row0[lane] += (s0 * c0[lane] + s1 * c1[lane]) + (s2 * c2[lane] + s3 * c3[lane])
            row1[lane] += (t0 * c0[lane] + t1 * c1[lane]) + (t2 * c2[lane] + t3 * c3[lane])
    for q in range(B // 4 * 4, B):
        s0, t0, c0 = S[q, i], S[q, i + 1], T[q, start : start + LANES]
        for lane in range(LANES):
            row0[lane] += s0 * c0[lane]
            row1[lane] += t0 * c0[lane]


@compiled
def narrow_weights(product, joint, column_weight):
    """Turn joint factors into w / product, add w to the columns; returns the two row sums of w.

    Formula     w = joint / product, two reciprocals from one division
    Checked by  tests/fast/test_quotients.py
    """
    sum0 = sum1 = 0.0
    for lane in range(LANES):
        p0, p1 = product[lane], product[LANES + lane]
        r = 1.0 / (p0 * p1)
        r0, r1 = p1 * r, p0 * r
        w0, w1 = joint[lane] * r0, joint[LANES + lane] * r1
        joint[lane], joint[LANES + lane] = w0 * r0, w1 * r1
        sum0 += w0
        sum1 += w1
        column_weight[lane] += w0 + w1
    return sum0, sum1


@compiled
def narrow_group(A, C, S, T, first, last, GA, GC, row_weight, column_weight):
    """Add the states of rows first..last-1 to GA (I, Dp), GC (flat like C), row (I,) and column weights (J,)."""
    visibles = A.shape[1]
    joint, prefix = aligned(WIDTH), aligned((visibles // 4 + 1) * WIDTH)
    product = prefix[visibles // 4 * WIDTH :]
    for tile in range(T.shape[1] // LANES):
        start, columns = tile * visibles * LANES, column_weight[tile * LANES : (tile + 1) * LANES]
        for i in range(first, last, PAIR):
            prefix_products(A, i, C, start, 0, visibles, prefix)
            joint_factors(S, i, T, tile, joint)
            sum0, sum1 = narrow_weights(product, joint, columns)
            row_weight[i] += sum0
            row_weight[i + 1] += sum1
            spread_quotients(A, i, C, start, 0, visibles, prefix, joint, GA, GC)


@compiled
def narrow_groups(A, C, S, T, first, last, GA, GC, row_weight, column_weight):
    """The groups first..last-1 of GC.shape[0] equal ones; everything from GA on arrives zeroed.

    Shapes      GA (I, Dp), GC (groups, Dp J), row_weight (I,), column_weight (groups, J)
    """
    rows = A.shape[0] // GC.shape[0]
    for g in range(first, last):
        narrow_group(A, C, S, T, g * rows, (g + 1) * rows, GA, GC[g], row_weight, column_weight[g])
