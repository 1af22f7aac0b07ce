"""Sums by bit: row k holds the sum over the states with h_k = 1, the last row the sum over all states."""

import numpy as np

from refvi.fast.doubling import fold_bits, fold_pairs


def from_tables(rows, columns):
    """Sums by bit of one top state, from row sums (B, I) and column sums by low bit (pieces, B, 1 + low).

    Shapes      -> (high + low + 1, B)
    Checked by  tests/fast/test_posterior.py
    """
    columns = add_pieces(columns)
    return np.concatenate([fold_bits(rows)[1], columns[:, 1:], columns[:, :1]], axis=1).T


def add_pieces(columns):
    """Sum over the first axis, a power of two long, in pairs."""
    return fold_bits(np.moveaxis(columns, 0, -1))[0]


def join_tops(parts):
    """Sums by bit of all bits, (K + 1, width), from those of each top state in order.

    Checked by  tests/fast/test_posterior.py
    """
    total, on_top = fold_bits(np.stack(list(parts), axis=-1))
    return np.concatenate([total[:-1], on_top[-1].T, total[-1:]])


def pairs_from_tables(rows, columns):
    """Sums over states with two bits on, for one top state; the last row and column are the sums by bit.

    Shapes      rows (1 + low, I), columns (pieces, 1 + low, 1 + low): the weights, and those with each low bit on
                -> (high + low + 1, high + low + 1)
    Checked by  tests/fast/test_pairs.py
    """
    columns = add_pieces(columns)
    by_high = fold_bits(rows)[1]
    cross, mean_high, mean_low = by_high[1:].T, by_high[:1].T, columns[1:, :1]
    return np.block(
        [
            [fold_pairs(rows[0]), cross, mean_high],
            [cross.T, columns[1:, 1:], mean_low],
            [mean_high.T, mean_low.T, columns[:1, :1]],
        ]
    )


def join_top_pairs(parts):
    """Sums over states with two bits on, (K, K), and over all states, from those of each top state in order.

    Checked by  tests/fast/test_pairs.py
    """
    total, on_top = fold_bits(np.stack(parts, axis=-1))
    top, cross = fold_pairs(np.array([part[-1, -1] for part in parts])), on_top[:-1, -1]
    return np.block([[total[:-1, :-1], cross], [cross.T, top]]), total[-1, -1]
