"""Multinomial counts of the states of a factorised q, by splitting samples bit by bit.

Of n samples that agree in the first bits, Binomial(n, q_k) have h_k = 1, with one q_k for all such groups. A binomial of
n trials is a sum of binomials of fewer: n mod 16 trials and powers of two, each drawn from an alias table with one number
of 52 bits. Tables belong to q and serve every draw: counts cost some 2^K numbers, hardly more for more samples, until
these exceed 2^12, from where on every 2^12 samples cost K numbers more.

Random numbers are those of `refvi.kernels.philox` in dimension 1, taken one after another.
"""

import math

import numpy as np

from refvi.fast.alias import alias_table, pick
from refvi.fast.compiled import exact
from refvi.fast.layout import LANES
from refvi.fast.philox_lanes import draw_words
from refvi.fast.sample_tables import bernoulli_pair

FEW, LARGEST = 4, 12  # tables for 0, 1, .. 2^4 - 1 trials, then for 2^4, 2^5, .. 2^12
TRIALS = np.array([*range(1 << FEW), *(1 << e for e in range(FEW, LARGEST + 1))])
# 17 standard deviations of a fair coin, or all outcomes.
BITS = np.array([FEW] * (1 << FEW) + [min(e + 1, 4 + (e + 1) // 2) for e in range(FEW, LARGEST + 1)])
STARTS = np.concatenate([[0], np.cumsum(1 << BITS)])
# Number of the lowest bit of a multiple of 2^FEW, from its bits FEW.., at most LARGEST.
LOWEST_BIT = np.array([LARGEST] + [FEW + (q & -q).bit_length() - 1 for q in range(1, 1 << (LARGEST - FEW))])


@exact
def split_tables(logits):
    """Alias tables of the binomials of every bit.

    Formula     table t of bit k holds Binomial(TRIALS[t], sigmoid(logits_k)), outcomes from lowest[k, t] on
    Shapes      logits (K,) -> cells (K, STARTS[-1]) uint64, lowest (K, TRIALS.size) int64
    Stability   outcomes that no table has are less likely than 2^-53
    Checked by  tests/fast/test_split_counts.py
    """
    cells, lowest = (
        np.empty((logits.size, STARTS[-1]), np.uint64),
        np.zeros((logits.size, TRIALS.size), np.int64),
    )
    for k in range(logits.size):
        for t in range(TRIALS.size):
            trials, width = TRIALS[t], 1 << BITS[t]
            if width <= trials:
                middle = np.int64(np.rint(trials * bernoulli_pair(logits[k])[0]))
                lowest[k, t] = min(max(middle - width // 2, 0), trials + 1 - width)
            mass = binomial_masses(trials, logits[k], lowest[k, t], width)
            alias_table(mass, cells[k, STARTS[t] : STARTS[t + 1]])
    return cells, lowest


@exact
def binomial_masses(trials, logit, lowest, width):
    """Probabilities of the outcomes lowest, lowest + 1, .. of a binomial: (width,), 0 for what is no outcome.

    Formula     p(m + 1) / p(m) = (n - m) / (m + 1) exp(logit), from the most probable outcome in both directions
    Checked by  tests/fast/test_split_counts.py
    """
    count = min(width, trials + 1 - lowest)
    odds = math.exp(min(max(logit, -700.0), 700.0))
    top = min(max(np.int64((trials + 1) * bernoulli_pair(logit)[0]) - lowest, 0), count - 1)
    mass, total = np.zeros(width), 1.0
    mass[top] = 1.0
    for m in range(top + 1, count):
        mass[m] = mass[m - 1] * odds * ((trials - lowest - m + 1.0) / (lowest + m))
        total += mass[m]
    for m in range(top - 1, -1, -1):
        mass[m] = mass[m + 1] / odds * ((lowest + m + 1.0) / (trials - lowest - m))
        total += mass[m]
    return mass / total


@exact
def split_counts(cells, lowest, samples, seed, replicate):
    """How often each state is drawn: bit k of the position is h_k.

    Formula     counts ~ Multinomial(samples, q)
    Shapes      cells, lowest as `split_tables` makes them, seed, replicate () uint64 -> (2^K,) int64
    Checked by  tests/fast/test_split_counts.py
    """
    K = cells.shape[0]
    counts, words = np.empty(1 << K, np.int64), np.empty(2 * LANES, np.uint64)
    counts[0], at, drawn = samples, words.size, np.uint64(0)
    for k in range(K):
        own, first, size = cells[k], lowest[k], 1 << k
        for s in range(size):
            left, on = counts[s], 0
            t = left & ((1 << FEW) - 1)
            left -= t
            while True:
                if at == words.size:
                    draw_words(seed, replicate, drawn, np.uint64(1), words[:LANES], words[LANES:])
                    drawn, at = drawn + np.uint64(LANES), 0
                on += first[t] + pick(words[at], BITS[t], own, STARTS[t])
                at += 1
                if left == 0:
                    break
                e = LOWEST_BIT[(left >> FEW) & ((1 << (LARGEST - FEW)) - 1)]
                t = e - FEW + (1 << FEW)
                left -= 1 << e
            counts[size + s] = on
            counts[s] -= on
    return counts
