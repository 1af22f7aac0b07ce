"""Posterior sums where exponents are integers: first the evidence, then every weight is a probability."""

import math
from typing import NamedTuple

import numpy as np

from refvi.fast.folding import fold_quotients
from refvi.fast.layout import row_groups
from refvi.fast.multiplicative import high_tables, log_total, wide_sums
from refvi.fast.ranges import chunk_ends
from refvi.fast.sums_by_bit import from_tables, join_tops
from refvi.fast.wide_gradient import wide_groups
from refvi.fast.wide_tables import wide_data_tables


class Shares(NamedTuple):
    """State factors of each datum divided by its evidence, as mantissas and exponents.

    S, Se (B, I), T, Te (B, J), R, Re (B, 2^top), and peak (B,): R S T 2^(Re + Se + Te - peak) / product is a
    posterior probability
    """

    S: np.ndarray
    Se: np.ndarray
    T: np.ndarray
    Te: np.ndarray
    R: np.ndarray
    Re: np.ndarray
    peak: np.ndarray


class Tables(NamedTuple):
    """What one pass over a top state leaves.

    GA (I, Dp), GC (groups, Dp J)        quotients, size 0 when they were left out
    rows (B, I)                          row sums of the weights
    columns (groups, B, 1 + low)         column sums by low bit
    column_weight (groups, J)            column sums over all data
    """

    GA: np.ndarray
    GC: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    column_weight: np.ndarray


def wide_shares(network, x):
    """Evidence (B,) and the state factors divided by it."""
    split = network.split
    *states, offset = wide_data_tables(x, network.W, network.b, network.c, split.high, split.low)
    strips, peak = wide_sums(network, states)
    total = np.array([math.fsum(strips[..., q].ravel()) for q in range(len(x))])
    (S, T, R), (Se, Te, Re) = states
    values = [log_total(network, *triple) for triple in zip(total, offset, peak)]
    return np.array(values), Shares(S, Se, T, Te, R / total[:, None], Re, peak)


def wide_posterior(network, x):
    """Evidence (B,), means (B, K) and sums by bit (K + 1, Dp + 1) of E[sigmoid(l_d)] and 1, over all data."""
    values, shares = wide_shares(network, x)
    sums, slopes, split = [], [], network.split
    for A, found in wide_tables(network, shares, quotients=True):
        sums.append(from_tables(found.rows, found.columns))
        weights = found.rows.sum(axis=0), found.column_weight
        slopes.append(fold_quotients(A, network.C, found.GA, found.GC, *weights, split.high, split.low))
    return values, join_tops(sums)[:-1].T, join_tops(slopes)


def wide_marginals(network, x):
    """Evidence (B,) and posterior means (B, K)."""
    values, shares = wide_shares(network, x)
    tables = (found for _, found in wide_tables(network, shares))
    return values, join_tops(from_tables(found.rows, found.columns) for found in tables)[:-1].T


def wide_tables(network, shares, quotients=False):
    """Each top state's A with its `Tables`."""
    split, groups, B = network.split, row_groups(network.split), len(shares.S)
    for top, A in high_tables(network):
        found = Tables(
            np.zeros(A.shape if quotients else (0, 0)),
            np.zeros((groups, network.C.size if quotients else 0)),
            np.zeros(shares.S.shape),
            np.zeros((groups, B, 1 + split.low)),
            np.zeros((groups, shares.T.shape[1])),
        )
        states = shares.S * shares.R[:, top, None], shares.Se + shares.Re[:, top, None], shares.T, shares.Te
        wide_groups(A, network.C, chunk_ends(network.half), states, shares.peak, *found)
        yield A, found
