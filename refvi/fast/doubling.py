"""Tables over all bit vectors by doubling, and their transpose, sums over all bit vectors by folding.

A table over the 2^n states of n bits whose entries combine one contribution per set bit is built in n steps:
the states with bit k set are a copy of the states below 2^k, shifted by that bit's contribution. Backwards,
the sum over all states with bit k set is the sum of an upper half, and adding the halves removes the bit.
Both cost O(2^n), not O(n 2^n), and the folding adds pairwise, so that its rounding grows with n and not with
2^n. States run along the last axis; state s has bit k set when (s >> k) & 1.
"""

import numpy as np


def subset_sums(base, steps):
    """Table of base + sum_k h_k steps[k].

    Formula     table[:, s] = base + sum over set bits k of s of steps[:, k]
    Shapes      base (D,), steps (D, n) -> (D, 2^n)
    Checked by  tests/fast/test_doubling.py
    """
    D, n = steps.shape
    table = np.empty((D, 1 << n))
    table[:, 0] = base
    for k in range(n):
        size = 1 << k
        np.add(table[:, :size], steps[:, k, None], out=table[:, size : 2 * size])
    return table


def subset_products(base, steps, table=None):
    """Table of base prod_k steps[k]^h_k, into a given one or a new one: its states run along the first axis.

    Shapes      base (...), steps (n, ...) -> (2^n, ...)
    Checked by  tests/fast/test_doubling.py
    """
    table = np.empty((1 << len(steps), *base.shape)) if table is None else table
    table[0] = base
    for k, step in enumerate(steps):
        np.multiply(table[: 1 << k], step, out=table[1 << k : 2 << k])
    return table


def choice_products(choices):
    """Table of prod_k choices[:, k, h_k].

    Shapes      choices (B, n, 2) -> (B, 2^n)
    Checked by  tests/fast/test_doubling.py
    """
    table = np.ones((len(choices), 1))
    for k in range(choices.shape[1]):
        table = (choices[:, k, :, None] * table[:, None, :]).reshape(len(choices), -1)
    return table


def choice_sums(log_off, log_on):
    """Table of sum_k (log_on[k] if h_k else log_off[k]): no term is added only to be taken away again.

    Shapes      log_off (n,), log_on (n,) -> (2^n,)
    Checked by  tests/fast/test_doubling.py
    """
    table = np.zeros(1 << len(log_off))
    for k, (off, on) in enumerate(zip(log_off, log_on)):
        size = 1 << k
        np.add(table[:size], on, out=table[size : 2 * size])
        table[:size] += off
    return table


def bits(n):
    """The bits of all states as numbers: (n, 2^n), row k holds h_k."""
    return ((np.arange(1 << n) >> np.arange(n)[:, None]) & 1).astype(np.float64)


def fold_bits(values):
    """Sums of a table over all states, and over the states with each bit set.

    Formula     total = sum_s values[..., s],  by_bit[..., k] = sum_{s: bit k set} values[..., s]
    Shapes      values (..., 2^n) -> total (...), by_bit (..., n)
    Checked by  tests/fast/test_doubling.py
    """
    n = values.shape[-1].bit_length() - 1
    by_bit = np.empty((*values.shape[:-1], n))
    for k in reversed(range(n)):
        lower, upper = values[..., : 1 << k], values[..., 1 << k :]
        by_bit[..., k] = upper.sum(axis=-1)
        values = lower + upper
    return values[..., 0], by_bit


def fold_pairs(values):
    """Sums of a table over the states with two bits set.

    Formula     pairs[k, m] = sum_{s: bits k and m set} values[s]
    Shapes      values (2^n,) -> (n, n)
    Checked by  tests/fast/test_doubling.py
    """
    return fold_bits(values * bits(values.size.bit_length() - 1))[1]
