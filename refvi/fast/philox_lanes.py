"""Philox4x32-10 for many samples at once: the integers of `refvi.kernels.philox`, eight lanes to a register.

64-bit products take the place of the portable kernel's half words. One evaluation gives a sample two numbers of 52
bits: the two halves of its 128 bits. Rounds are written out, and inlined before loops are vectorised.

Checked by  tests/fast/test_philox_lanes.py
"""

from functools import partial

import numpy as np

from refvi.fast.compiled import exact
from refvi.kernels import philox

inlined = partial(exact, forceinline=True)

M0, M1 = np.uint64(philox.MULTIPLIER_0), np.uint64(philox.MULTIPLIER_1)
W0, W1 = np.uint64(philox.WEYL_0), np.uint64(philox.WEYL_1)
WORD, HIGH = np.uint64(philox.WORD), np.uint64(32)
UP, DOWN = np.uint64(20), np.uint64(12)


@inlined
def _round(c0, c1, c2, c3, k0, k1):
    """One round; what is above 32 bits in c1 and c3 is cut off when it is next multiplied."""
    p0, p1 = M0 * (c0 & WORD), M1 * (c2 & WORD)
    return (p1 >> HIGH) ^ c1 ^ (k0 & WORD), p1, (p0 >> HIGH) ^ c3 ^ (k1 & WORD), p0, k0 + W0, k1 + W1


@inlined
def _two_rounds(c0, c1, c2, c3, k0, k1):
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    return _round(c0, c1, c2, c3, k0, k1)


@inlined
def two_words(case, replicate, sample, dimension, seed):
    """The 128 bits of `philox` as two numbers of 52 bits: the leading ones of words 0, 1 and of words 2, 3."""
    c0, c1, c2, c3, k0, k1 = _two_rounds(case, replicate, sample, dimension, seed & WORD, seed >> HIGH)
    c0, c1, c2, c3, k0, k1 = _two_rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _two_rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _two_rounds(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _two_rounds(c0, c1, c2, c3, k0, k1)
    first = ((c0 & WORD) << UP) | ((c1 & WORD) >> DOWN)
    return first, ((c2 & WORD) << UP) | ((c3 & WORD) >> DOWN)


@exact
def draw_words(seed, replicate, first, dimension, one, two):
    """Two numbers below 2^52 for each of the samples first, first + 1, ..

    Formula     one_q, two_q = the leading 52 bits of the halves of philox(0, replicate, first + q, dimension, seed)
    Shapes      seed, replicate, first, dimension () uint64 -> one, two (L,) uint64
    Checked by  tests/fast/test_philox_lanes.py
    """
    for q in range(one.size):
        sample = (first + np.uint64(q)) & WORD
        one[q], two[q] = two_words(np.uint64(0), replicate, sample, dimension, seed)
