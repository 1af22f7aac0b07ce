"""Posterior sums as pieces that can be computed anywhere: groups of rows, or groups of blocks in plain NumPy.

The evidence is known, so that the weight of every state is a posterior probability and a piece needs no other. A piece
sums over its own states by bit; pieces are joined in a fixed order, and what was outside a piece becomes a bit.
"""

import numpy as np

from refvi.fast import log_domain
from refvi.fast.evidence import prepare_compiled, prepare_plain
from refvi.fast.pieces import Pieces, states_by_part

GROUPS = 64  # of rows of one top state, at most


def posterior_pieces(problem, scale, plain=False):
    """The posterior sums over all data in pieces, given `Evidence.scale`; joined to `log_domain.Posterior`.

    plain   as for the pieces of the evidence

    Checked by  tests/fast/test_sharded_gradient.py
    """
    network = prepare_compiled(problem, plain)
    if network is None:
        return _block_groups(problem, np.ascontiguousarray(scale[:, 0]))
    return _row_groups(network, problem.x, scale)


def _block_groups(problem, values):
    """Groups of blocks. A row holds the five arrays of `log_domain.group_posterior`, one after another."""
    route, given = prepare_plain(problem)
    count, (B, D), K = route.count_blocks(given), problem.x.shape, problem.c.size
    total = min(count, log_domain.GROUPS)
    size, bits = count // total, K - (total.bit_length() - 1)
    shapes = [(B,), (B, bits), (B, bits), (D,), (D, bits)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])

    def rows(first, last, threads):
        groups = (
            route.group_posterior(given, values, i * size, (i + 1) * size, threads)
            for i in range(first, last)
        )
        return np.stack([np.concatenate([part.ravel() for part in group]) for group in groups])

    def join(rows):
        parts = (np.split(row, ends[:-1]) for row in rows)
        groups = [[part.reshape(shape) for part, shape in zip(row, shapes)] for row in parts]
        return log_domain.Posterior(*log_domain.merge_groups(groups)[1:])

    return Pieces(total, int(ends[-1]), rows, join)


def _row_groups(network, x, scale):
    """Groups of rows of all top states for every part of the data, one part after another.

    A row holds sums by bit (bits + 1, data + Dp + 1): the probability of each datum, then sigmoid(l_d) and 1 over all.
    """
    from refvi.fast.multiplicative_posterior import from_slopes
    from refvi.fast.sums_by_bit import join_tops
    from refvi.fast.threads import share

    (parts, states), split = states_by_part(network, x), network.split
    groups, tops, data = min(split.strips, GROUPS), 1 << split.top, len(parts[0])
    bits, shape = groups.bit_length() - 1, (-1, data + split.visibles + 1)
    width = (split.high - bits + split.low + 1) * shape[1]
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def piece(number):
        part, place = divmod(number, groups * tops)
        own = scale[starts[part] : starts[part + 1]]
        means, slopes = group_sums(network, states(part), own, *divmod(place, groups), groups)
        return np.hstack([means, np.zeros((len(means), data - len(own))), slopes])

    def rows(first, last, threads):
        found = np.empty((last - first, width))

        def run(i, j):
            for n in range(i, j):
                found[n] = piece(first + n).ravel()

        share(run, last - first, network.factors // groups * (last - first), threads)
        return found

    def join(rows):
        means, slopes = [], 0.0
        for number, part in enumerate(parts):
            own = rows[number * groups * tops : (number + 1) * groups * tops].reshape(tops, groups, *shape)
            table = _in_order(join_tops(join_tops(top) for top in own), split, bits)
            means.append(table[:-1, : len(part)].T)
            slopes = slopes + table[:, data:]
        return from_slopes(x, np.concatenate(means), slopes)

    return Pieces(groups * tops * len(parts), width, rows, join)


def _in_order(table, split, bits):
    """Rows of a table from the order (inner high bits, low, outer high, top, all) to (high, low, top, all)."""
    inner, rest = split.high - bits, np.arange(len(table))
    outer = split.high - bits + split.low
    order = [*rest[:inner], *rest[outer : outer + bits], *rest[inner:outer], *rest[outer + bits :]]
    return table[order]


def group_sums(network, states, scale, top, group, groups):
    """Sums by bit over the rows of one group: posterior probabilities (bits + 1, B), sigmoids and one (bits + 1, Dp + 1).

    Formula     w = R_t S_i T_j 2^(exponents - scale[1]) / (scale[0] product_ij) is a posterior probability
    Checked by  tests/fast/test_sharded_gradient.py
    """
    from refvi.fast.folding import fold_quotients, tables_of_quotients
    from refvi.fast.network import Route, high_table
    from refvi.fast.sums_by_bit import from_tables

    size = len(states.S[0]) // groups
    own = slice(group * size, (group + 1) * size)
    A, S = high_table(network, top)[own], states.S[:, own] * (states.R[:, top] / scale[:, 0])[:, None]
    quotients = tables_of_quotients(A, 1, network.split.low)
    sums = _wide_sums if network.route is Route.WIDE else _narrow_sums
    rows, columns, weight = sums(network, states, A, S, scale[:, 1], top, own, quotients)
    slopes = fold_quotients(A, *quotients, weight, size.bit_length() - 1)
    means = slopes[:, -1:] if rows is None else from_tables(rows, columns)
    return means, slopes


def _narrow_sums(network, states, A, S, _peak, _top, _own, quotients):
    """Row sums (B, rows) and column sums (1, B, 1 + low) of the weights, None for one datum; row weights."""
    from refvi.fast.marginals import marginal_strips
    from refvi.fast.narrow_gradient import narrow_groups

    (B, size), given = S.shape, (A, network.C, S, states.T)
    weight = np.zeros(size)
    narrow_groups(*given, 0, 1, *quotients, weight, np.zeros((1, states.T.shape[1])))
    if B == 1:
        return None, None, weight
    rows, columns = np.zeros(S.shape), np.zeros((1, B, 1 + network.split.low))
    marginal_strips(*given, size, 0, 1, rows, columns)
    return rows, columns, weight


def _wide_sums(network, states, A, S, peak, top, own, quotients):
    """The same where exponents are integers."""
    from refvi.fast.ranges import chunk_ends
    from refvi.fast.wide_gradient import wide_groups

    B = len(S)
    rows, columns = np.zeros(S.shape), np.zeros((1, B, 1 + network.split.low))
    factors = S, states.Se[:, own] + states.Re[:, top, None], states.T, states.Te
    given = A, network.C, chunk_ends(network.half), factors, peak.astype(np.int64)
    wide_groups(*given, 0, 1, *quotients, rows, columns)
    return rows, columns, rows.sum(axis=0)
