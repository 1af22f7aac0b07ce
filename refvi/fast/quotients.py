"""Sums of w_ij / (A_id + C_jd): what every gradient with respect to weights and biases is made of.

sigmoid(l_d) at state (i, j) is A_id / (A_id + C_jd), so that only these two sums are needed: GA_id = sum_j
w_ij / (A_id + C_jd) and GC_jd = sum_i w_ij / (A_id + C_jd). No division per visible: with products kept
before every group of four visibles, and ratio = w / product on the way back, the quotients of a group come
from multiplications alone. Products are formed for four rows at once, which share what is loaded of C; quotients
for two, whose shares of GC are added before they touch memory, and whose sums fit into the registers.
"""

from refvi.fast.compiled import aligned, compiled, merged
from refvi.fast.eight import add_halves, eight_times, fused, load, plus, store, sums_of_each, times
from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import LANES2, LANES3

PAIR = 2
WIDTH = ROWS * LANES  # numbers in one level of prefix products


@merged
def four_of(row, d):
    """Four neighbours of a row, each eight times."""
    return eight_times(row[d]), eight_times(row[d + 1]), eight_times(row[d + 2]), eight_times(row[d + 3])


@merged
def product_of_four(c, a):
    """Product of four factors c + a."""
    left = times(plus(c[0], a[0]), plus(c[1], a[1]))
    return times(left, times(plus(c[2], a[2]), plus(c[3], a[3])))


@merged
def load_four(table, at):
    """The same eight lanes of four visibles."""
    return load(table, at), load(table, at + LANES), load(table, at + LANES2), load(table, at + LANES3)


@compiled
def prefix_table(visibles):
    """Room for the products of a tile before every group of visibles; before the first group they are one."""
    prefix = aligned((visibles // 4 + 1) * WIDTH)
    prefix[:WIDTH] = 1.0
    return prefix


@merged
def extend(prefix, at, c, a):
    """The products before the next group, from those before this one."""
    store(prefix, at + WIDTH, times(load(prefix, at), product_of_four(c, a)))


@compiled
def prefix_products(A, i, C, start, first, last, prefix):
    """Products over the visibles of all groups before each group, for four rows.

    Formula     prefix[g] = product over visibles first..first+4g-1 of A[i + q, d] + C[start + d * LANES + lane]
    Shapes      A (I, Dp), C flat -> prefix ((last - first)/4 + 1 levels of 4 LANES, flat), whose first level is given
    Checked by  tests/fast/test_quotients.py
    """
    for d in range(first, last, 4):
        level, at = (d - first) // 4 * WIDTH, start + d * LANES
        a0, a1, a2, a3 = four_of(A[i], d), four_of(A[i + 1], d), four_of(A[i + 2], d), four_of(A[i + 3], d)
        for lane in range(0, LANES, 8):
            c = load_four(C, at + lane)
            extend(prefix, level + lane, c, a0)
            extend(prefix, level + LANES + lane, c, a1)
            extend(prefix, level + LANES2 + lane, c, a2)
            extend(prefix, level + LANES3 + lane, c, a3)


@merged
def quotients_of_four(c, a, prefix, level, ratio, lane):
    """Quotients w/f of four factors f = c + a; the ratio becomes that of the group before.

    Formula     v = ratio * prefix = w / (f0 f1 f2 f3);  w/f0 = v f2 f3 f1, ..;  next ratio = ratio f0 f1 f2 f3
                the last quotient is given as two factors as well
    """
    f0, f1, f2, f3 = plus(c[0], a[0]), plus(c[1], a[1]), plus(c[2], a[2]), plus(c[3], a[3])
    f01, f23, after = times(f0, f1), times(f2, f3), load(ratio, lane)
    v = times(after, load(prefix, level + lane))
    store(ratio, lane, times(after, times(f01, f23)))
    left, right = times(v, f23), times(v, f01)
    return (times(left, f1), times(left, f0), times(right, f3), times(right, f2)), (right, f2)


@merged
def plus_four(a, b):
    """Sums of four pairs of vectors."""
    return plus(a[0], b[0]), plus(a[1], b[1]), plus(a[2], b[2]), plus(a[3], b[3])


@merged
def add_both(table, at, q, r, last):
    """Add the quotients of two rows to the same lanes of four visibles.

    One of the eight sums is a multiplication with addition: additions are the fuller pipe of a Zen 4 core.
    """
    store(table, at, plus(load(table, at), plus(q[0], r[0])))
    store(table, at + LANES, plus(load(table, at + LANES), plus(q[1], r[1])))
    store(table, at + LANES2, plus(load(table, at + LANES2), plus(q[2], r[2])))
    store(table, at + LANES3, fused(last[0], last[1], plus(load(table, at + LANES3), q[3])))


@compiled
def spread_quotients(A, i, C, start, first, last, prefix, ratio, place, GA, GC):
    """Add the quotients of two rows to GA and GC, from the last group of visibles back to the first.

    Formula     GA[i + q, d] += sum_lane w/(A + C);  GC[d * LANES + lane] += sum_q w/(A + C)
    Shapes      ratio (4 LANES,), w / product over first..last-1, destroyed; the two rows begin at `place` in it and in
                each level of prefix; GA (I, Dp), GC (Dp LANES,)
    Checked by  tests/fast/test_quotients.py
    """
    zero = eight_times(0.0)
    for group in range((last - first) // 4 - 1, -1, -1):
        d, level = first + 4 * group, group * WIDTH
        at, to = start + d * LANES, d * LANES
        a0, a1 = four_of(A[i], d), four_of(A[i + 1], d)
        s = t = zero, zero, zero, zero
        for lane in range(0, LANES, 8):
            c, row0, row1 = load_four(C, at + lane), place + lane, place + LANES + lane
            q, _ = quotients_of_four(c, a0, prefix, level, ratio, row0)
            r, last_of_r = quotients_of_four(c, a1, prefix, level, ratio, row1)
            s, t = plus_four(s, q), plus_four(t, r)
            add_both(GC, to + lane, q, r, last_of_r)
        sums = sums_of_each((s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3]))
        add_halves(GA, i * GA.shape[1] + d, (i + 1) * GA.shape[1] + d, sums)
