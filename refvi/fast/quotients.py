"""Sums of w_ij / (A_id + C_jd): what every gradient with respect to weights and biases is made of.

sigmoid(l_d) at state (i, j) is A_id / (A_id + C_jd), so that only these two sums are needed: GA_id = sum_j
w_ij / (A_id + C_jd) and GC_jd = sum_i w_ij / (A_id + C_jd). No division per visible: with products kept
before every group of four visibles, and ratio = w / product on the way back, the quotients of a group come
from multiplications alone. Two rows at a time: their shares of GC are added before they touch memory.
"""

from refvi.fast.compiled import compiled
from refvi.fast.eight import add_halves, eight_times, load, plus, store, sums_of_each, times
from refvi.fast.layout import LANES
from refvi.fast.products import LANES2, LANES3

PAIR = 2
WIDTH = PAIR * LANES  # numbers in one level of prefix products


@compiled
def rows_of_four(A, i, d):
    """A at two rows and four visibles, each number eight times."""
    row0, row1 = A[i], A[i + 1]
    return (
        (eight_times(row0[d]), eight_times(row0[d + 1]), eight_times(row0[d + 2]), eight_times(row0[d + 3])),
        (eight_times(row1[d]), eight_times(row1[d + 1]), eight_times(row1[d + 2]), eight_times(row1[d + 3])),
    )


@compiled
def product_of_four(c, a):
    """Product of four factors c + a."""
    left = times(plus(c[0], a[0]), plus(c[1], a[1]))
    return times(left, times(plus(c[2], a[2]), plus(c[3], a[3])))


@compiled
def load_four(table, at):
    """The same eight lanes of four visibles."""
    return load(table, at), load(table, at + LANES), load(table, at + LANES2), load(table, at + LANES3)


@compiled
def prefix_products(A, i, C, start, first, last, prefix):
    """Products over the visibles of all groups before each group, for two rows.

    Formula     prefix[g] = product over visibles first..first+4g-1 of A[i + q, d] + C[start + d * LANES + lane]
    Shapes      A (I, Dp), C flat -> prefix ((last - first)/4 + 1 levels of 2 LANES, flat)
    Checked by  tests/fast/test_quotients.py
    """
    for lane in range(WIDTH):
        prefix[lane] = 1.0
    for d in range(first, last, 4):
        level, at = (d - first) // 4 * WIDTH, start + d * LANES
        a0, a1 = rows_of_four(A, i, d)
        for lane in range(0, LANES, 8):
            c = load_four(C, at + lane)
            for_row0, for_row1 = level + lane, level + LANES + lane
            store(prefix, for_row0 + WIDTH, times(load(prefix, for_row0), product_of_four(c, a0)))
            store(prefix, for_row1 + WIDTH, times(load(prefix, for_row1), product_of_four(c, a1)))


@compiled
def quotients_of_four(c, a, prefix, level, ratio, lane):
    """Quotients w/f of four factors f = c + a; the ratio becomes that of the group before.

    Formula     v = ratio * prefix = w / (f0 f1 f2 f3);  w/f0 = v f2 f3 f1, ..;  next ratio = ratio f0 f1 f2 f3
    """
    f0, f1, f2, f3 = plus(c[0], a[0]), plus(c[1], a[1]), plus(c[2], a[2]), plus(c[3], a[3])
    f01, f23, after = times(f0, f1), times(f2, f3), load(ratio, lane)
    v = times(after, load(prefix, level + lane))
    store(ratio, lane, times(after, times(f01, f23)))
    left, right = times(v, f23), times(v, f01)
    return times(left, f1), times(left, f0), times(right, f3), times(right, f2)


@compiled
def plus_four(a, b):
    """Sums of four pairs of vectors."""
    return plus(a[0], b[0]), plus(a[1], b[1]), plus(a[2], b[2]), plus(a[3], b[3])


@compiled
def spread_quotients(A, i, C, start, first, last, prefix, ratio, GA, GC):
    """Add the quotients of two rows to GA and GC, from the last group of visibles back to the first.

    Formula     GA[i + q, d] += sum_lane w/(A + C);  GC[start + d * LANES + lane] += sum_q w/(A + C)
    Shapes      ratio (2 LANES,), w / product over first..last-1, destroyed; GA (I, Dp), GC flat like C
    Checked by  tests/fast/test_quotients.py
    """
    zero = eight_times(0.0)
    for group in range((last - first) // 4 - 1, -1, -1):
        d, level = first + 4 * group, group * WIDTH
        at = start + d * LANES
        a0, a1 = rows_of_four(A, i, d)
        s = t = zero, zero, zero, zero
        for lane in range(0, LANES, 8):
            c = load_four(C, at + lane)
            q = quotients_of_four(c, a0, prefix, level, ratio, lane)
            r = quotients_of_four(c, a1, prefix, level, ratio, LANES + lane)
            s, t = plus_four(s, q), plus_four(t, r)
            both = plus_four(load_four(GC, at + lane), plus_four(q, r))
            store(GC, at + lane, both[0])
            store(GC, at + LANES + lane, both[1])
            store(GC, at + LANES2 + lane, both[2])
            store(GC, at + LANES3 + lane, both[3])
        sums = sums_of_each((s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3]))
        add_halves(GA, i * GA.shape[1] + d, (i + 1) * GA.shape[1] + d, sums)
