"""Posterior means, residuals and second moments by the routes that multiply.

Work is cut into strips or groups of rows whose number depends on the sizes alone, and they are added in a
fixed order, so that threads do not change a bit.
"""

import numpy as np

from refvi.fast.doubling import bits
from refvi.fast.log_domain import Posterior
from refvi.fast.narrow_posterior import narrow_marginals, narrow_posterior, narrow_tables
from refvi.fast.network import in_parts, states_of
from refvi.fast.ranges import Route
from refvi.fast.sums_by_bit import join_top_pairs, pairs_from_tables
from refvi.fast.wide_posterior import wide_marginals, wide_posterior, wide_shares, wide_tables


def posterior(network, x, threads=None):
    """Log evidence of each datum, and posterior sums over all data.

    Shapes      x (B, D) -> (B,), Posterior
    Stability   residuals are differences of probabilities: their error is absolute, some 1e-16, also where they
                are smaller
    Checked by  tests/fast/test_posterior.py
    """
    route = wide_posterior if network.route is Route.WIDE else narrow_posterior
    values, means, slopes = zip(*(route(network, part, threads) for part in in_parts(x)))
    return np.concatenate(values), from_slopes(x, np.concatenate(means), sum(slopes))


def from_slopes(x, on, slope):
    """Posterior sums over all data from their means (B, K) and from sums by bit (K + 1, Dp + 1) of E[sigmoid(l_d)]."""
    D = x.shape[1]
    residual_on = np.einsum("bd,bk->dk", x, on) - slope[:-1, :D].T
    return Posterior(on, 1.0 - on, x.sum(axis=0) - slope[-1, :D], residual_on)


def marginals(network, x, threads=None):
    """Log evidence (B,) and posterior means (B, K) of each datum.

    Checked by  tests/fast/test_posterior.py
    """
    route = wide_marginals if network.route is Route.WIDE else narrow_marginals
    parts = [route(network, part, threads) for part in in_parts(x)]
    return tuple(np.concatenate(part) for part in zip(*parts))


def pair_moments(network, x, threads=None):
    """Second moments (K, K) of one datum (1, D).

    A state's low bit l times its weight is the weight of a further datum whose low factors are T h_l: the marginals
    of 1 + low such data, each with its sums by bit, hold all second moments.

    Checked by  tests/fast/test_pairs.py
    """
    if network.route is Route.WIDE:
        _, states, peak = wide_shares(network, x, threads)
        states = _with_low_bits(states)
        found = wide_tables(network, states, np.repeat(peak, len(states.S)), threads)
        tables = ((part.rows, part.columns) for _, part in found)
    else:
        tables = narrow_tables(network, _with_low_bits(states_of(network, x)), threads)
    pairs, total = join_top_pairs([pairs_from_tables(*pair) for pair in tables])
    return pairs / total


def _with_low_bits(states):
    """The states of one datum, and of the same datum restricted to each low bit."""
    low = states.T.shape[1].bit_length() - 1
    repeated = [np.repeat(array, 1 + low, axis=0) for array in states]
    return type(states)(*repeated)._replace(T=np.concatenate([states.T, states.T * bits(low)]))
