"""Sums of w_ij / (A_id + C_jd): what every gradient with respect to weights and biases is made of.

sigmoid(l_d) at state (i, j) is A_id / (A_id + C_jd), so that only these two sums are needed: GA_id = sum_j
w_ij / (A_id + C_jd) and GC_jd = sum_i w_ij / (A_id + C_jd). No division per visible: with products kept
before every group of four visibles, and ratio = w / product on the way back, the quotients of a group come
from multiplications alone. Two rows at a time: their shares of GC are added before they touch memory.
"""

from refvi.fast.compiled import compiled
from refvi.fast.layout import LANES
from refvi.fast.products import LANES2, LANES3, four

PAIR = 2
WIDTH = PAIR * LANES  # numbers in one level of prefix products


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
        tile = C[start + d * LANES : start + (d + 4) * LANES]
        level = (d - first) // 4 * WIDTH
        levels = prefix[level : level + 2 * WIDTH]
        a0, a1 = A[i, d : d + 4], A[i + 1, d : d + 4]
        a0, a1 = (a0[0], a0[1], a0[2], a0[3]), (a1[0], a1[1], a1[2], a1[3])
        for lane in range(LANES):
            c0, c1, c2, c3 = tile[lane], tile[LANES + lane], tile[LANES2 + lane], tile[LANES3 + lane]
            levels[WIDTH + lane] = levels[lane] * four(c0, c1, c2, c3, a0)
            levels[WIDTH + LANES + lane] = levels[LANES + lane] * four(c0, c1, c2, c3, a1)


@compiled
def quotients_of_four(c0, c1, c2, c3, a, ratio, before):
    """Quotients w/f of four factors f = c + a, and the ratio for the group before.

    Formula     v = ratio * before = w / (f0 f1 f2 f3);  w/f0 = v f2 f3 f1, ..;  next ratio = ratio f0 f1 f2 f3
    """
    f0, f1, f2, f3 = c0 + a[0], c1 + a[1], c2 + a[2], c3 + a[3]
    f01, f23 = f0 * f1, f2 * f3
    v = ratio * before
    left, right = v * f23, v * f01
    return left * f1, left * f0, right * f3, right * f2, ratio * (f01 * f23)


@compiled
def spread_quotients(A, i, C, start, first, last, prefix, ratio, GA, GC):
    """Add the quotients of two rows to GA and GC, from the last group of visibles back to the first.

    Formula     GA[i + q, d] += sum_lane w/(A + C);  GC[start + d * LANES + lane] += sum_q w/(A + C)
    Shapes      ratio (2 LANES,), w / product over first..last-1, destroyed; GA (I, Dp), GC flat like C
    Checked by  tests/fast/test_quotients.py
    """
    for group in range((last - first) // 4 - 1, -1, -1):
        d = first + 4 * group
        tile = C[start + d * LANES : start + (d + 4) * LANES]
        target = GC[start + d * LANES : start + (d + 4) * LANES]
        before = prefix[group * WIDTH : (group + 1) * WIDTH]
        a0, a1 = A[i, d : d + 4], A[i + 1, d : d + 4]
        a0, a1 = (a0[0], a0[1], a0[2], a0[3]), (a1[0], a1[1], a1[2], a1[3])
        s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = 0.0
        for lane in range(LANES):
            c0, c1, c2, c3 = tile[lane], tile[LANES + lane], tile[LANES2 + lane], tile[LANES3 + lane]
            q0, q1, q2, q3, ratio[lane] = quotients_of_four(c0, c1, c2, c3, a0, ratio[lane], before[lane])
            r0, r1, r2, r3, ratio[LANES + lane] = quotients_of_four(
                c0, c1, c2, c3, a1, ratio[LANES + lane], before[LANES + lane]
            )
            s0, s1, s2, s3 = s0 + q0, s1 + q1, s2 + q2, s3 + q3
            t0, t1, t2, t3 = t0 + r0, t1 + r1, t2 + r2, t3 + r3
            target[lane] += q0 + r0
            target[LANES + lane] += q1 + r1
            target[LANES2 + lane] += q2 + r2
            target[LANES3 + lane] += q3 + r3
        row0, row1 = GA[i, d : d + 4], GA[i + 1, d : d + 4]
        row0[0] += s0
        row0[1] += s1
        row0[2] += s2
        row0[3] += s3
        row1[0] += t0
        row1[1] += t1
        row1[2] += t2
        row1[3] += t3
