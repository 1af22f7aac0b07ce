"""Posterior sums where products fit into a double: weights are S T / product, divided by the evidence late.

One datum needs one pass, which gives the evidence too. Many data take one pass for the evidence and the
marginals of each, then one pass of quotients for all of them together.
"""

from functools import partial

import numpy as np

from refvi.fast.folding import fold_quotients, tables_of_quotients
from refvi.fast.layout import row_groups
from refvi.fast.marginals import marginal_strips
from refvi.fast.multiplicative import log_total
from refvi.fast.narrow_gradient import narrow_groups
from refvi.fast.network import states_of, tops
from refvi.fast.sums_by_bit import from_tables, join_tops
from refvi.fast.threads import share


def narrow_posterior(network, x, threads=None):
    """Evidence (B,), means (B, K) and sums by bit (K + 1, Dp + 1) of E[sigmoid(l_d)] and 1, over all data."""
    states = states_of(network, x)
    if len(x) == 1:
        slope = _quotients(network, states, states.R, threads)
        slope, total = slope / slope[-1, -1], slope[-1:, -1]
        return _evidence(network, states, total), slope[None, :-1, -1], slope
    values, means, total = _marginals(network, states, threads)
    return values, means, _quotients(network, states, states.R / total[:, None], threads)


def narrow_marginals(network, x, threads=None):
    """Evidence (B,) and posterior means (B, K)."""
    return _marginals(network, states_of(network, x), threads)[:2]


def narrow_tables(network, states, threads=None):
    """Row sums (B, I) and column sums (pieces, B, 1 + low) of the weights, for each top state."""
    split, B = network.split, len(states.S)
    for top, A in tops(network):
        rows, columns = np.zeros(states.S.shape), np.zeros((split.strips, B, 1 + split.low))
        given = A, network.C, states.S, states.T, split.strip
        share(partial(_run, marginal_strips, given, (rows, columns)), split.strips, network.factors, threads)
        yield rows * states.R[:, top, None], columns * states.R[:, top, None]


def _run(kernel, given, taken, first, last):
    kernel(*given, first, last, *taken)


def _marginals(network, states, threads):
    sums = join_tops(from_tables(*tables) for tables in narrow_tables(network, states, threads))
    return _evidence(network, states, sums[-1]), (sums[:-1] / sums[-1]).T, sums[-1]


def _evidence(network, states, total):
    return np.array([log_total(network, *pair) for pair in zip(total, states.offset)])


def _quotients(network, states, scale, threads):
    """Sums by bit (K + 1, Dp + 1) of w sigmoid(l_d) and w, w = sum_b scale_bt S_bi T_bj / product."""
    parts, split, J = [], network.split, states.T.shape[1]
    groups = row_groups(split)
    for top, A in tops(network):
        given = A, network.C, states.S * scale[:, top, None], states.T
        taken = *tables_of_quotients(A, groups, split.low), np.zeros(len(A)), np.zeros((groups, J))
        share(partial(_run, narrow_groups, given, taken), groups, network.factors, threads)
        parts.append(fold_quotients(A, *taken[:3], split.high))
    return join_tops(parts)
