"""Sums of w_ij / (A_id + C_jd): what every gradient with respect to weights and biases is made of.

sigmoid(l_d) at state (i, j) is A_id / (A_id + C_jd), so that only these two sums are needed: GA_id = sum_j
w_ij / (A_id + C_jd) and GC_jd = sum_i w_ij / (A_id + C_jd). No division per visible: with products kept
before every group of four visibles, and ratio = w / product on the way back, the quotients of a group come
from multiplications alone. Four rows at a time share what is loaded of C, and add their shares of GC before they touch
memory; their numbers for one visible lie together, operands in memory as in `octets`. The sixteen sums of GA of a group
stay in registers.
"""

from refvi.fast.compiled import aligned, compiled, merged
from refvi.fast.eight import add_halves, eight_times, fused, load, plus, spread, store, sums_of_each, times
from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import LANES2, LANES3

WIDTH = ROWS * LANES  # numbers in one level of prefix products


@merged
def four_factors(c, quads, at):
    """Factors of four visibles at eight lanes, for the row whose numbers begin at `at`."""
    f0, f1 = plus(c[0], spread(quads, at)), plus(c[1], spread(quads, at + ROWS))
    return f0, f1, plus(c[2], spread(quads, at + 2 * ROWS)), plus(c[3], spread(quads, at + 3 * ROWS))


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
def extend(prefix, at, c, quads, row):
    """The products before the next group, from those before this one."""
    f0, f1, f2, f3 = four_factors(c, quads, row)
    store(prefix, at + WIDTH, times(load(prefix, at), times(times(f0, f1), times(f2, f3))))


@compiled
def prefix_products(quads, at, C, start, first, last, prefix):
    """Products over the visibles of all groups before each group, for the four rows that begin at `at`.

    Formula     prefix[g] = product over visibles first..first+4g-1 of A[i + q, d] + C[start + d * LANES + lane]
    Shapes      quads as of `together`, C flat -> prefix ((last - first)/4 + 1 levels of 4 LANES, flat), whose first
                level is given
    Checked by  tests/fast/test_quotients.py
    """
    for d in range(first, last, 4):
        level, row = (d - first) // 4 * WIDTH, at + d * ROWS
        for lane in range(0, LANES, 8):
            c = load_four(C, start + d * LANES + lane)
            extend(prefix, level + lane, c, quads, row)
            extend(prefix, level + LANES + lane, c, quads, row + 1)
            extend(prefix, level + LANES2 + lane, c, quads, row + 2)
            extend(prefix, level + LANES3 + lane, c, quads, row + 3)


@merged
def quotients_of_four(c, quads, row, prefix, level, ratio, lane):
    """Quotients w/f of four factors f = c + a; the ratio becomes that of the group before.

    Formula     v = ratio * prefix = w / (f0 f1 f2 f3);  w/f0 = v f2 f3 f1, ..;  next ratio = ratio f0 f1 f2 f3
                the last quotient is given as two factors as well
    """
    f0, f1, f2, f3 = four_factors(c, quads, row)
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
def add_four(table, at, values):
    """Add to the same eight lanes of four visibles."""
    store(table, at, plus(load(table, at), values[0]))
    store(table, at + LANES, plus(load(table, at + LANES), values[1]))
    store(table, at + LANES2, plus(load(table, at + LANES2), values[2]))
    store(table, at + LANES3, plus(load(table, at + LANES3), values[3]))


@merged
def add_by_row(GA, i, d, s, t):
    """Add sums over lanes of four visibles to the rows i and i + 1 of GA (I, Dp)."""
    sums = sums_of_each((s[0], s[1], s[2], s[3], t[0], t[1], t[2], t[3]))
    add_halves(GA, i * GA.shape[1] + d, (i + 1) * GA.shape[1] + d, sums)


@compiled
def spread_quotients(quads, row, C, start, first, last, prefix, ratio, i, GA, GC):
    """Add the quotients of four rows to GA and GC, from the last group of visibles back to the first.

    One of the sums over rows is a multiplication with addition: additions are the fuller pipe of a Zen 4 core.

    Formula     GA[i + q, d] += sum_lane w/(A + C);  GC[d * LANES + lane] += sum_q w/(A + C)
    Shapes      quads as of `together`, the four rows begin at `row`; ratio (4 LANES,), w / product over first..last-1,
                destroyed; GA (I, Dp), GC (Dp LANES,)
    Checked by  tests/fast/test_quotients.py
    """
    zero = eight_times(0.0)
    for group in range((last - first) // 4 - 1, -1, -1):
        d, level = first + 4 * group, group * WIDTH
        at = row + d * ROWS
        s0 = s1 = s2 = s3 = zero, zero, zero, zero
        for lane in range(0, LANES, 8):
            c = load_four(C, start + d * LANES + lane)
            q, _ = quotients_of_four(c, quads, at, prefix, level, ratio, lane)
            s0 = plus_four(s0, q)
            r, _ = quotients_of_four(c, quads, at + 1, prefix, level, ratio, LANES + lane)
            s1, total = plus_four(s1, r), plus_four(q, r)
            q, _ = quotients_of_four(c, quads, at + 2, prefix, level, ratio, LANES2 + lane)
            s2, total = plus_four(s2, q), plus_four(total, q)
            r, last_of_r = quotients_of_four(c, quads, at + 3, prefix, level, ratio, LANES3 + lane)
            s3, last_sum = plus_four(s3, r), fused(last_of_r[0], last_of_r[1], total[3])
            total = plus(total[0], r[0]), plus(total[1], r[1]), plus(total[2], r[2]), last_sum
            add_four(GC, d * LANES + lane, total)
        add_by_row(GA, i, d, s0, s1)
        add_by_row(GA, i + 2, d, s2, s3)
