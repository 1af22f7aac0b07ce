"""Posterior means and residuals by the routes that multiply.

Narrow products and one datum: one pass, which gives the evidence too. Narrow products and many data: a pass
for the evidence and the marginals of each datum, then one pass of quotients for all of them. Wide products:
the evidence, then posterior probabilities and their quotients. Work is cut into groups of rows whose number
depends on the sizes alone; groups are added in order, so that threads do not change a bit.

Sums by bit are arrays whose row k holds the sum over the states with h_k = 1 and whose last row holds the sum
over all states.
"""

import math

import numpy as np

from refvi.fast.doubling import fold_bits
from refvi.fast.folding import fold_quotients
from refvi.fast.log_domain import Posterior
from refvi.fast.marginals import marginal_strips
from refvi.fast.multiplicative import high_tables, in_parts, log_total, wide_sums
from refvi.fast.narrow_gradient import narrow_groups
from refvi.fast.ranges import Route, chunk_ends
from refvi.fast.tables import data_tables
from refvi.fast.threads import team
from refvi.fast.wide_gradient import wide_groups
from refvi.fast.wide_tables import wide_data_tables

FACTORS_PER_GROUP = 1 << 22
MOST_GROUPS = 16


def posterior(network, x, threads=None):
    """Log evidence of each datum, and posterior sums over all data.

    Shapes      x (B, D) -> (B,), Posterior
    Stability   residuals are differences of probabilities: their error is absolute, some 1e-16, also where they
                are smaller
    Checked by  tests/fast/test_posterior.py
    """
    if network.route is Route.WIDE:
        route = _wide
    else:
        route = _narrow_one if len(x) == 1 else _narrow_many
    with team(threads):
        values, means, slopes = zip(*(route(network, part) for part in in_parts(x)))
    on, slope = np.concatenate(means), sum(slopes)
    D = x.shape[1]
    residual_on = np.einsum("bd,bk->dk", x, on) - slope[:-1, :D].T
    return np.concatenate(values), Posterior(on, 1.0 - on, x.sum(axis=0) - slope[-1, :D], residual_on)


def marginals(network, x, threads=None):
    """Log evidence (B,) and posterior means (B, K) of each datum.

    Checked by  tests/fast/test_posterior.py
    """
    with team(threads):
        if network.route is Route.WIDE:
            parts = [_wide(network, part, quotients=False)[:2] for part in in_parts(x)]
        else:
            parts = [_means(*_narrow_marginals(network, part)[1:]) for part in in_parts(x)]
    return tuple(np.concatenate(part) for part in zip(*parts))


def _narrow_one(network, x):
    """Evidence (1,), means (1, K) and sums by bit (K + 1, Dp + 1) of sigmoid(l_d) and of 1."""
    S, T, R, offset = data_tables(x, network.W, network.b, network.c, network.split.high, network.split.low)
    slope = _join(_narrow_quotients(network, A, S, T) * R[0, top] for top, A in high_tables(network))
    total = slope[-1, -1]
    value = log_total(network, total, offset[0])
    return np.array([value]), slope[None, :-1, -1] / total, slope / total


def _narrow_many(network, x):
    (S, T, R), sums, values = _narrow_marginals(network, x)
    values, means = _means(sums, values)
    scale = R / sums[-1][:, None]
    parts = (_narrow_quotients(network, A, S * scale[:, top, None], T) for top, A in high_tables(network))
    return values, means, _join(parts)


def _means(sums, values):
    return values, (sums[:-1] / sums[-1]).T


def _narrow_marginals(network, x):
    """State factors, sums by bit (K + 1, B) of the weights, and evidence (B,)."""
    split, sharing = network.split, 4 if network.route is Route.NARROW else 2
    S, T, R, offset = data_tables(x, network.W, network.b, network.c, split.high, split.low)
    parts = []
    for top, A in high_tables(network):
        rows, columns = np.zeros(S.shape), np.zeros((split.strips, len(x), 1 + split.low))
        marginal_strips(A, network.C, S, T, sharing, split.strip, rows, columns)
        parts.append(_by_bit(rows, columns) * R[:, top])
    sums = _join(parts)
    return (S, T, R), sums, np.array([log_total(network, *pair) for pair in zip(sums[-1], offset)])


def _narrow_quotients(network, A, S, T):
    """Sums by bit (high + low + 1, Dp + 1) for one top state."""
    split, groups = network.split, _groups(network)
    GA, GC = np.zeros(A.shape), np.zeros((groups, network.C.size))
    row_weight, column_weight = np.zeros(len(A)), np.zeros((groups, T.shape[1]))
    narrow_groups(A, network.C, S, T, GA, GC, row_weight, column_weight)
    return fold_quotients(A, network.C, GA, GC, row_weight, column_weight, split.high, split.low)


def _wide(network, x, quotients=True):
    """Evidence (B,), means (B, K) and sums by bit (K + 1, Dp + 1); the latter are 0 without quotients."""
    split, groups = network.split, _groups(network)
    *states, offset = wide_data_tables(x, network.W, network.b, network.c, split.high, split.low)
    (S, T, R), (Se, Te, Re) = states
    strips, peak = wide_sums(network, states)
    total = np.array([math.fsum(strips[..., q].ravel()) for q in range(len(x))])
    sums, slopes = [], []
    for top, A in high_tables(network):
        GA = np.zeros(A.shape if quotients else (0, 0))
        GC = np.zeros((groups, network.C.size if quotients else 0))
        rows, columns = np.zeros(S.shape), np.zeros((groups, len(x), 1 + split.low))
        column_weight = np.zeros((groups, T.shape[1]))
        shares = S * (R[:, top] / total)[:, None], Se + Re[:, top, None], T, Te
        wide_groups(
            A, network.C, chunk_ends(network.half), shares, peak, GA, GC, rows, columns, column_weight
        )
        sums.append(_by_bit(rows, columns))
        if quotients:
            weights = rows.sum(axis=0), column_weight
            slopes.append(fold_quotients(A, network.C, GA, GC, *weights, split.high, split.low))
    values = [log_total(network, *triple) for triple in zip(total, offset, peak)]
    return np.array(values), _join(sums)[:-1].T, _join(slopes) if quotients else 0.0


def _by_bit(rows, columns):
    """Sums by bit (high + low + 1, B), from row sums (B, I) and column sums by low bit (pieces, B, 1 + low)."""
    columns = fold_bits(np.moveaxis(columns, 0, -1))[0]
    return np.concatenate([fold_bits(rows)[1], columns[:, 1:], columns[:, :1]], axis=1).T


def _join(parts):
    """Sums by bit (K + 1, width), from those of every top state in order."""
    total, on_top = fold_bits(np.stack(list(parts), axis=-1))
    return np.concatenate([total[:-1], on_top[-1].T, total[-1:]])


def _groups(network):
    """Number of groups of rows, a power of two: one for each 2^22 factors, 16 at most."""
    split = network.split
    wanted = (split.visibles << (split.high + split.low)) // FACTORS_PER_GROUP
    return min(MOST_GROUPS, split.strips, 1 << (max(1, wanted).bit_length() - 1))
