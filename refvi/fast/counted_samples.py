"""Gradients from how often each state was drawn: a sample costs its random numbers and one count.

Where samples outnumber states, f = log p(x, h) - log q(h) is tabulated for all states, samples are counted, and the
residuals of a state are added once, times its count. Counts are whole numbers, so that no order of adding them matters.
State s = i + j 2^high is the pair (i, j) of half states; loops run over the high half, whose states lie side by side.
"""

import numpy as np

from refvi.fast.compiled import compiled
from refvi.fast.folding import add_groups, fold_rows
from refvi.fast.layout import LANES
from refvi.fast.sample_kernels import take_states
from refvi.fast.sample_tables import conclude
from refvi.fast.vector_math import log


@compiled
def across(A):
    """The transpose, with rows that lie side by side."""
    found = np.empty((A.shape[1], A.shape[0]))
    for i in range(A.shape[0]):
        for d in range(A.shape[1]):
            found[d, i] = A[i, d]
    return found


@compiled
def tabulate(model):
    """f of all states, from factors by ratio.

    Formula     f[i + j 2^high] = log_high_i + log_low_j - log prod_d (A_id + C_jd)
    Shapes      model as `sample_tables.prepare` makes it; visibles a multiple of 8 -> (2^K,)
    Checked by  tests/fast/test_counted_samples.py
    """
    _, visibles, A, C, log_high, log_low = model
    size, columns = A.shape[0], across(A)
    f, product = np.empty(size * C.shape[0]), np.empty(size)
    for j in range(C.shape[0]):
        product[:] = 1.0
        for d in range(0, visibles, 4):
            a0, a1, a2, a3 = columns[d], columns[d + 1], columns[d + 2], columns[d + 3]
            c0, c1, c2, c3 = C[j, d], C[j, d + 1], C[j, d + 2], C[j, d + 3]
            for i in range(size):
                product[i] *= ((a0[i] + c0) * (a1[i] + c1)) * ((a2[i] + c2) * (a3[i] + c3))
        at = j * size
        for i in range(size):
            f[at + i] = log_high[i] + log_low[j] - log(product[i])
    return f


@compiled
def count_pieces(plan, states, f, samples, size, first, last, counts, by_group):
    """Count the samples of the pieces first..last-1.

    plan, states    as in `sample_kernels.sum_pieces`
    counts          (2^K,) int64, added to
    Formula         by_group[piece, k] = sum over the groups g of the piece of (sum of f in g) (number of h_k in g);
                    the last entry has the number of all samples in place of those of h_k; only where group > 0
    Shapes          f (2^K,) -> by_group (pieces, K + 1)
    Checked by      tests/fast/test_counted_samples.py
    """
    high, bits, group = plan[0], plan[0] + plan[1], plan[5]
    words, i, j = np.empty((2, LANES), np.uint64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    sums = np.empty(f.size)
    for piece in range(first, last):
        sums[:] = 0.0
        for start in range(piece * size, min((piece + 1) * size, samples), LANES):
            count = min(LANES, samples - start)
            take_states(plan, states, start, count, words, i, j)
            for q in range(count):
                i[q] += j[q] << high
                counts[i[q]] += 1
            if group > 0:
                add_group_sums(i, count, group, f, sums)
        if group > 0:
            fold_values(sums, bits, by_group[piece])


@compiled
def add_group_sums(states, count, group, f, sums):
    """Add the sum of f over a group of samples to the states of each of them."""
    for start in range(0, count, group):
        total = 0.0
        for q in range(start, start + group):
            total += f[states[q]]
        for q in range(start, start + group):
            sums[states[q]] += total


@compiled
def fold_values(values, bits, by_bit):
    """Fold 2^bits numbers into the first one: by_bit[k] is the sum over the states with bit k set, by_bit[bits] over all.

    Checked by  tests/fast/test_counted_samples.py
    """
    for k in range(bits - 1, -1, -1):
        half, total = 1 << k, 0.0
        lower, upper = values[:half], values[half:]
        for s in range(half):
            total += upper[s]
            lower[s] += upper[s]
        by_bit[k] = total
    by_bit[bits] = values[0]


@compiled
def spread_ratios(A, C, counts, high_rows, low_rows):
    """Residuals of all states by ratio, times their counts, summed by half state.

    Formula     high_rows[i, d] = sum_j n_ij A_id / (A_id + C_jd), low_rows[j, d] = sum_i of the same
    Shapes      A (I, visibles), C (J, visibles), counts (I J,) -> (I, visibles), (J, visibles)
    Checked by  tests/fast/test_counted_samples.py
    """
    size, columns = A.shape[0], across(A)
    sums, number = np.zeros((A.shape[1], size)), np.empty(size)
    for j in range(C.shape[0]):
        at = j * size
        for i in range(size):
            number[i] = np.float64(counts[at + i])
        for d in range(A.shape[1]):
            own, a, c, total = sums[d], columns[d], C[j, d], 0.0
            for i in range(size):
                r = a[i] / (a[i] + c) * number[i]
                own[i] += r
                total += r
            low_rows[j, d] = total
    for i in range(size):
        for d in range(A.shape[1]):
            high_rows[i, d] = sums[d, i]


@compiled
def spread_table(residual, counts, high_rows, low_rows):
    """The same sums from residuals in a table.

    Shapes      residual (D, 2^K), counts (2^K,) -> (I, D), (J, D)
    Checked by  tests/fast/test_estimator_counts.py
    """
    size, number, sums = high_rows.shape[0], np.empty(counts.size), np.empty(high_rows.shape[0])
    for s in range(counts.size):
        number[s] = np.float64(counts[s])
    for d in range(residual.shape[0]):
        row = residual[d]
        sums[:] = 0.0
        for j in range(low_rows.shape[0]):
            at, total = j * size, 0.0
            for i in range(size):
                r = row[at + i] * number[at + i]
                sums[i] += r
                total += r
            low_rows[j, d] = total
        for i in range(size):
            high_rows[i, d] = sums[i]


@compiled
def fold_counts(f, counts, scale, baseline, high, low, high_rows, low_rows):
    """Sums by bit, in the layout of `sample_kernels.sum_pieces`, of residuals, n (scale f - baseline) and n.

    Shapes      f, counts (2^K,), rows (I, visibles), (J, visibles) -> (K + 2, visibles + 2); the rows are destroyed
    """
    visibles, last = high_rows.shape[1], high + low
    total, value = np.zeros((last + 2, visibles + 2)), 0.0
    weights, numbers, sums = np.empty(f.size), np.empty(f.size), np.empty((2, last + 1))
    for s in range(f.size):
        numbers[s] = np.float64(counts[s])
        weights[s] = numbers[s] * (scale * f[s] - baseline)
        value += numbers[s] * f[s]
    total[last + 1, 0] = value
    fold_values(weights, last, sums[0])
    fold_values(numbers, last, sums[1])
    for k in range(last + 1):
        total[k, visibles], total[k, visibles + 1] = sums[0, k], sums[1, k]
    fold_rows(high_rows, high, total[:high, :visibles])
    fold_rows(low_rows, low, total[high:last, :visibles])
    for d in range(visibles):
        total[last, d] = high_rows[0, d]
    return total


@compiled
def conclude_counted(model, plan, f, counts, by_group, x, c, logits, samples):
    """The estimate of counted samples, as `sample_tables.conclude` writes it.

    Formula     leave_one_out: f_s - b_s = (G f_s - sum of f in the group) / (G - 1)
    Checked by  tests/fast/test_counted_samples.py
    """
    high, low, group, baseline, A, C = plan[0], plan[1], plan[5], plan[6], model[2], model[3]
    high_rows, low_rows = np.empty(A.shape), np.empty(C.shape)
    spread_ratios(A, C, counts, high_rows, low_rows)
    if group == 0:
        total = fold_counts(f, counts, 1.0, baseline, high, low, high_rows, low_rows)
        return conclude(total, x, c, logits, samples)
    total = fold_counts(f, counts, group / (group - 1.0), 0.0, high, low, high_rows, low_rows)
    add_groups(by_group)
    for k in range(high + low + 1):
        total[k, A.shape[1]] -= by_group[0, k] / (group - 1.0)
    return conclude(total, x, c, logits, samples)


@compiled
def conclude_table(f, residual, counts, leave_one_out, baseline, c, logits, samples):
    """The estimate of counts with f and residuals in tables; for leave_one_out all samples are one group.

    Checked by  tests/fast/test_estimator_counts.py
    """
    K, D, scale = c.size, residual.shape[0], 1.0
    high, low = K // 2, K - K // 2
    high_rows, low_rows = np.empty((1 << high, D)), np.empty((1 << low, D))
    spread_table(residual, counts, high_rows, low_rows)
    if leave_one_out:
        scale, baseline = samples / (samples - 1.0), 0.0
        for s in range(f.size):
            baseline += f[s] * np.float64(counts[s])
        baseline /= samples - 1.0
    total = fold_counts(f, counts, scale, baseline, high, low, high_rows, low_rows)
    return conclude(total, np.ones(D), c, logits, samples)


@compiled
def count_samples(counts):
    """The number of all samples; -1 where a count is negative."""
    total = 0
    for n in counts:
        if n < 0:
            return -1
        total += n
    return total


@compiled
def conclude_pieces(sums, x, c, logits, samples):
    """The estimate from the sums of all pieces (2^n, K + 2, visibles + 2), which are added in pairs."""
    add_groups(sums.reshape((sums.shape[0], sums.shape[1] * sums.shape[2])))
    return conclude(sums[0], x, c, logits, samples)
