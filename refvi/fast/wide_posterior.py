"""Posterior sums where exponents are integers: first the evidence, then every weight is a probability."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from refvi.fast.folding import fold_quotients, tables_of_quotients
from refvi.fast.layout import row_groups
from refvi.fast.multiplicative import all_strips, log_total, scale_to_peak, strip_sums
from refvi.fast.network import states_of, tops
from refvi.fast.ranges import chunk_ends
from refvi.fast.sums_by_bit import from_tables, join_tops
from refvi.fast.threads import share
from refvi.fast.wide_gradient import wide_groups


class Tables(NamedTuple):
    """What one pass over a top state leaves.

    GA (I, Dp)                           quotients, size 0 when they were left out
    by_low (groups, Dp + 1, low + 1)     sums over all data by low bit, as in `folding`
    rows (B, I)                          row sums of the weights
    columns (groups, B, 1 + low)         column sums by low bit
    """

    GA: np.ndarray
    by_low: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def wide_shares(network, x, threads=None):
    """Evidence (B,), the state factors divided by it, and their peak (B,).

    Formula     R S T 2^(Re + Se + Te - peak) / product is a posterior probability
    """
    states = states_of(network, x)
    strips, peak = scale_to_peak(strip_sums(network, states, 0, all_strips(network), threads))
    total = np.array([math.fsum(column) for column in strips.T])
    values = [log_total(network, *triple) for triple in zip(total, states.offset, peak)]
    return np.array(values), states._replace(R=states.R / total[:, None]), peak


def wide_posterior(network, x, threads=None):
    """Evidence (B,), means (B, K) and sums by bit (K + 1, Dp + 1) of E[sigmoid(l_d)] and 1, over all data."""
    values, states, peak = wide_shares(network, x, threads)
    sums, slopes, split = [], [], network.split
    for A, found in wide_tables(network, states, peak, threads, quotients=True):
        sums.append(from_tables(found.rows, found.columns))
        slopes.append(fold_quotients(A, found.GA, found.by_low, found.rows.sum(axis=0), split.high))
    return values, join_tops(sums)[:-1].T, join_tops(slopes)


def wide_marginals(network, x, threads=None):
    """Evidence (B,) and posterior means (B, K)."""
    values, states, peak = wide_shares(network, x, threads)
    tables = (found for _, found in wide_tables(network, states, peak, threads))
    return values, join_tops(from_tables(found.rows, found.columns) for found in tables)[:-1].T


def wide_tables(network, states, peak, threads=None, quotients=False):
    """Each top state's A with its `Tables`."""
    split, groups, B = network.split, row_groups(network.split), len(states.S)
    for top, A in tops(network):
        found = Tables(
            *tables_of_quotients(A if quotients else A[:0], groups, split.low),
            np.zeros(states.S.shape),
            np.zeros((groups, B, 1 + split.low)),
        )
        factors = states.S * states.R[:, top, None], states.Se + states.Re[:, top, None], states.T, states.Te
        given = A, network.C, chunk_ends(network.half), factors, peak
        share(partial(_run, given, found), groups, network.factors, threads)
        yield A, found


def _run(given, found, first, last):
    wide_groups(*given, first, last, *found)
