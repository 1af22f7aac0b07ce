"""Gradients of sampled states: every sample costs the rows of two half tables, no logit and no matrix product.

With t_d = (1 - 2 x_d) l_d the logit of the value that a visible does not have, log p(x_d | h) = -log(1 + exp(t_d)) and
the residual x_d - sigmoid(l_d) is (2 x_d - 1) sigmoid(t_d). A state is a pair (i, j) of half states, t = u_i + v_j, and
sigmoid(t) = A_i / (A_i + C_j) with A = exp(u - m), C = exp(-v - m): one addition and one division for each factor.
Residuals are added to a row for i and a row for j; sums over the samples with h_k = 1 come from folding those rows.

Two kinds of factor: `by_ratio` as above, where the product over all visibles fits into a double, and `by_logit` with an
exponential for each factor, for any range.
"""

import numpy as np

from refvi.fast.alias import pick
from refvi.fast.compiled import aligned, compiled
from refvi.fast.eight import WIDTH, load, over, plus, product_of_eight, store, sum_of_eight
from refvi.fast.folding import fold_rows
from refvi.fast.layout import LANES
from refvi.fast.philox_lanes import draw_words
from refvi.fast.vector_math import exp, log, log_all

CHUNK = 512  # factors between 1 and 2 that share a logarithm


@compiled
def pick_states(one, two, high, low, cells, i, j):
    """Half states that two words of 52 bits stand for.

    Shapes      one, two (LANES,) uint64, cells of the high bits and of the low bits -> i, j
    Checked by  tests/fast/test_estimator_samples.py
    """
    for q in range(LANES):
        i[q] = pick(one[q], high, cells[0], 0)
        j[q] = pick(two[q], low, cells[1], 0)


@compiled
def take_states(plan, states, start, count, words, i, j):
    """Half states of the samples start..start + count - 1: those that are given, or drawn where none are."""
    high, low, cells, seed, replicate = plan[0], plan[1], plan[2], plan[3], plan[4]
    if states.size == 0:
        draw_words(seed, replicate, np.uint64(start), np.uint64(0), words[0], words[1])
        pick_states(words[0], words[1], high, low, cells, i, j)
        return
    for q in range(count):
        i[q], j[q] = states[start + q] & ((1 << high) - 1), states[start + q] >> high


@compiled
def draw_all(plan, samples):
    """The states of all samples: (S,) int64."""
    states, words = np.empty(samples, np.int64), np.empty((2, LANES), np.uint64)
    i, j = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    for start in range(0, samples, LANES):
        count = min(LANES, samples - start)
        take_states(plan, states[:0], start, count, words, i, j)
        for q in range(count):
            states[start + q] = i[q] + (j[q] << plan[0])
    return states


@compiled
def visit_by_ratio(A, C, visibles, i, j, count, GA, GC, product):
    """Products of the factors of `count` samples, and their residuals added to the rows of both halves.

    Formula     product[q] = prod_d (A[i_q, d] + C[j_q, d]);  GA[i_q, d] and GC[j_q, d] += A / (A + C)
    Shapes      A, GA (I, visibles), C, GC (J, visibles); visibles a multiple of 8
    Checked by  tests/fast/test_estimator_samples.py
    """
    for q in range(count):
        row, column, total = i[q] * visibles, j[q] * visibles, 1.0
        for d in range(0, visibles, WIDTH):
            a = load(A, row + d)
            factor = plus(a, load(C, column + d))
            total *= product_of_eight(factor)
            residual = over(a, factor)
            store(GA, row + d, plus(load(GA, row + d), residual))
            store(GC, column + d, plus(load(GC, column + d), residual))
        product[q] = total


@compiled
def add_logits(U, V, visibles, i, j, count, logits):
    """Rows U[i_q] + V[j_q] of all samples, flat."""
    for q in range(count):
        row, column, at = i[q] * visibles, j[q] * visibles, q * visibles
        for d in range(0, visibles, WIDTH):
            store(logits, at + d, plus(load(U, row + d), load(V, column + d)))


@compiled
def split_logits(logits, count, factor, above):
    """Replace logits t by sigmoid(t); factor = 1 + exp(-|t|), above = max(t, 0)."""
    for n in range(count):
        t = logits[n]
        e = exp(-abs(t))
        r = 1.0 / (1.0 + e)
        factor[n], above[n] = 1.0 + e, max(t, 0.0)
        logits[n] = r if t >= 0.0 else e * r


@compiled
def spread_residuals(residual, factor, above, visibles, i, j, count, GA, GC, product, linear):
    """Add residuals to the rows of both halves; linear[q] + log product[q] = sum_d above + log prod_d factor."""
    for q in range(count):
        row, column, at = i[q] * visibles, j[q] * visibles, q * visibles
        total, factors = 0.0, 1.0
        for d in range(0, visibles, WIDTH):
            value = load(residual, at + d)
            store(GA, row + d, plus(load(GA, row + d), value))
            store(GC, column + d, plus(load(GC, column + d), value))
            total += sum_of_eight(load(above, at + d))
            factors *= product_of_eight(load(factor, at + d))
            if (d + WIDTH) % CHUNK == 0:
                total += log(factors)
                factors = 1.0
        product[q], linear[q] = factors, total


@compiled
def leave_one_out_means(f, group, count, baseline):
    """The mean of the other samples of each sample's group: baseline (LANES,)."""
    for start in range(0, count, group):
        total = 0.0
        for q in range(start, start + group):
            total += f[q]
        for q in range(start, start + group):
            baseline[q] = (total - f[q]) / (group - 1.0)


@compiled
def weigh_samples(f, baseline, i, j, count, high_sums, low_sums):
    """Add f - baseline and 1 to the sums of both halves: (I, 2) and (J, 2); returns the sum of f."""
    total = 0.0
    for q in range(count):
        weight = f[q] - baseline[q]
        high_sums[i[q], 0] += weight
        high_sums[i[q], 1] += 1.0
        low_sums[j[q], 0] += weight
        low_sums[j[q], 1] += 1.0
        total += f[q]
    return total


@compiled
def visit_samples(model, i, j, count, space, GA, GC, numbers):
    """Write f = log p(x, h) - log q(h) of `count` samples into numbers[0]; residuals are added to GA and GC.

    Shapes      model: (by_ratio, visibles, A or U, C or V, log_high (I,), log_low (J,)); numbers (4, LANES) of scratch;
                space (3, LANES visibles) where factors are by logit
    """
    by_ratio, visibles, high_rows, low_rows, log_high, log_low = model
    f, product, linear = numbers[0], numbers[2], numbers[3]
    for q in range(LANES):
        product[q], linear[q] = 1.0, 0.0
    if by_ratio:
        visit_by_ratio(high_rows, low_rows, visibles, i, j, count, GA, GC, product)
    else:
        logits, factor, above = space[0], space[1], space[2]  # unpacked at once they would not be vectorised
        add_logits(high_rows, low_rows, visibles, i, j, count, logits)
        split_logits(logits, count * visibles, factor, above)
        spread_residuals(logits, factor, above, visibles, i, j, count, GA, GC, product, linear)
    log_all(product, f)
    for q in range(count):
        f[q] = log_high[i[q]] + log_low[j[q]] - (linear[q] + f[q])


@compiled
def visit_piece(model, plan, states, first, last, scratch, sums):
    """Samples first..last-1: residuals and weights summed by half state; the sum of f is returned.

    scratch     words (2, LANES) uint64, halves (2, LANES) int64, numbers (4, LANES) and space as in `visit_samples`
    sums        residuals (I, visibles) and (J, visibles), weights and numbers of samples (I, 2) and (J, 2); zeroed
    """
    group, constant = plan[5], plan[6]
    words, halves, numbers, space = scratch
    i, j, f, baseline = halves[0], halves[1], numbers[0], numbers[1]
    for q in range(LANES):
        baseline[q] = constant
    total = 0.0
    for start in range(first, last, LANES):
        count = min(LANES, last - start)
        take_states(plan, states, start, count, words, i, j)
        visit_samples(model, i, j, count, space, sums[0], sums[1], numbers)
        if group > 0:
            leave_one_out_means(f, group, count, baseline)
        total += weigh_samples(f, baseline, i, j, count, sums[2], sums[3])
    return total


@compiled
def clear(table):
    """Zero a table."""
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            table[row, column] = 0.0


@compiled
def fold_half(rows, weights, bits, at, out):
    """Sums by bit of one half into the rows from `at` on, and over all its states into the last row but one."""
    visibles, last = rows.shape[1], out.shape[0] - 2
    fold_rows(rows, bits, out[at : at + bits, :visibles])
    fold_rows(weights, bits, out[at : at + bits, visibles:])
    for d in range(visibles):
        out[last, d] = rows[0, d]
    out[last, visibles], out[last, visibles + 1] = weights[0, 0], weights[0, 1]


@compiled
def workplace(model):
    """Scratch and sums of one thread, as `visit_piece` takes them."""
    width, first, second = 0 if model[0] else LANES * model[1], model[2], model[3]
    numbers, space = aligned(4 * LANES).reshape((4, LANES)), aligned(3 * width).reshape((3, width))
    scratch = np.empty((2, LANES), np.uint64), np.empty((2, LANES), np.int64), numbers, space
    rows = aligned(first.size).reshape(first.shape), aligned(second.size).reshape(second.shape)
    return scratch, (rows[0], rows[1], np.empty((first.shape[0], 2)), np.empty((second.shape[0], 2)))


@compiled
def sum_pieces(model, plan, states, samples, size, first, last, out):
    """The pieces first..last-1 of `size` samples each: out (pieces, K + 2, visibles + 2).

    model   (by_ratio, visibles, A or U, C or V, log_high, log_low), as in `visit_samples`
    plan    (high, low, cells, seed, replicate, group, baseline); group 0 takes the constant baseline
    states  given states (S,), or (0,) for states that are drawn
    Formula     row k: sums over the samples with h_k = 1 of the residuals, of f - baseline and of 1; row K: over all
                samples; the first number of row K + 1 is the sum of f
    Checked by  tests/fast/test_estimator_samples.py
    """
    high, low = plan[0], plan[1]
    scratch, sums = workplace(model)
    for piece in range(first, last):
        clear(sums[0])
        clear(sums[1])
        clear(sums[2])
        clear(sums[3])
        start, stop = piece * size, min((piece + 1) * size, samples)
        out[piece, high + low + 1, 0] = visit_piece(model, plan, states, start, stop, scratch, sums)
        fold_half(sums[0], sums[2], high, 0, out[piece])
        fold_half(sums[1], sums[3], low, high, out[piece])
