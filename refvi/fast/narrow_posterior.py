"""Posterior sums where products fit into a double: weights are S T / product, divided by the evidence late.

One datum needs one pass, which gives the evidence too. Many data take one pass for the evidence and the
marginals of each, then one pass of quotients for all of them together.
"""

from typing import NamedTuple

import numpy as np

from refvi.fast.folding import fold_quotients
from refvi.fast.layout import row_groups
from refvi.fast.marginals import marginal_strips
from refvi.fast.multiplicative import high_tables, log_total
from refvi.fast.narrow_gradient import narrow_groups
from refvi.fast.ranges import Route
from refvi.fast.sums_by_bit import from_tables, join_tops
from refvi.fast.tables import data_tables


class States(NamedTuple):
    """Factors of the states of each datum, as in `tables`.

    S (B, I), T (B, J), R (B, 2^top); offset (B, 2) as value and remainder
    """

    S: np.ndarray
    T: np.ndarray
    R: np.ndarray
    offset: np.ndarray


def narrow_states(network, x):
    """State factors of all data."""
    return States(*data_tables(x, network.W, network.b, network.c, network.split.high, network.split.low))


def narrow_posterior(network, x):
    """Evidence (B,), means (B, K) and sums by bit (K + 1, Dp + 1) of E[sigmoid(l_d)] and 1, over all data."""
    states = narrow_states(network, x)
    if len(x) == 1:
        slope = _quotients(network, states, states.R)
        return (
            _evidence(network, states, slope[-1:, -1]),
            slope[None, :-1, -1] / slope[-1, -1],
            slope / slope[-1, -1],
        )
    values, means, total = _marginals(network, states)
    return values, means, _quotients(network, states, states.R / total[:, None])


def narrow_marginals(network, x):
    """Evidence (B,) and posterior means (B, K)."""
    return _marginals(network, narrow_states(network, x))[:2]


def narrow_tables(network, states):
    """Row sums (B, I) and column sums (pieces, B, 1 + low) of the weights, for each top state."""
    split, sharing = network.split, 4 if network.route is Route.NARROW else 2
    for top, A in high_tables(network):
        rows, columns = np.zeros(states.S.shape), np.zeros((split.strips, len(states.S), 1 + split.low))
        marginal_strips(A, network.C, states.S, states.T, sharing, split.strip, rows, columns)
        yield rows * states.R[:, top, None], columns * states.R[:, top, None]


def _marginals(network, states):
    sums = join_tops(from_tables(*tables) for tables in narrow_tables(network, states))
    return _evidence(network, states, sums[-1]), (sums[:-1] / sums[-1]).T, sums[-1]


def _evidence(network, states, total):
    return np.array([log_total(network, *pair) for pair in zip(total, states.offset)])


def _quotients(network, states, scale):
    """Sums by bit (K + 1, Dp + 1) of w sigmoid(l_d) and w, w = sum_b scale_bt S_bi T_bj / product."""
    parts = []
    for top, A in high_tables(network):
        S, groups = states.S * scale[:, top, None], row_groups(network.split)
        GA, GC = np.zeros(A.shape), np.zeros((groups, network.C.size))
        row_weight, column_weight = np.zeros(len(A)), np.zeros((groups, states.T.shape[1]))
        narrow_groups(A, network.C, S, states.T, GA, GC, row_weight, column_weight)
        bits = network.split.high, network.split.low
        parts.append(fold_quotients(A, network.C, GA, GC, row_weight, column_weight, *bits))
    return join_tops(parts)
