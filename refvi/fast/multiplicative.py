"""The routes that multiply: tables are prepared once, strips of rows are summed by compiled code, sums are
joined.

The sum of a strip does not depend on who computes it, and strips are joined with `math.fsum`, whose result is
independent of the order: the evidence is the same to the last bit for any number of threads.
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.fast.batch import batch_strips
from refvi.fast.layout import Split, split_bits
from refvi.fast.narrow import narrow_strips
from refvi.fast.ranges import Route, choose_route, chunk_ends, measure_visibles
from refvi.fast.tables import data_tables, tile_table, top_table
from refvi.fast.threads import team
from refvi.fast.wide import wide_strips
from refvi.fast.wide_tables import LN2_HIGH, LN2_LOW, wide_data_tables

DATA_AT_ONCE = 64  # columns of so many data stay in the second-level cache


class Network(NamedTuple):
    """A model made ready: the cut of its bits, the ranges, the route, and the low table.

    shift, half (Dp,)   as in `ranges`
    C (2^low Dp,)       as in `tables`; empty on the route LOG
    """

    W: np.ndarray
    b: np.ndarray
    c: np.ndarray
    split: Split
    shift: np.ndarray
    half: np.ndarray
    route: Route
    C: np.ndarray


def prepare(problem):
    """Measure a model, choose its route and build its low table."""
    D, K = problem.W.shape
    split = split_bits(K, D)
    shift, half = np.zeros(split.visibles, np.int64), np.zeros(split.visibles)
    reach = measure_visibles(problem.W, problem.b, split.high, split.low, shift, half)
    route = choose_route(half, reach)
    empty = route is Route.LOG
    C = np.empty(0) if empty else tile_table(problem.W, problem.b, split.high, split.low, shift)
    return Network(problem.W, problem.b, problem.c, split, shift, half, route, C)


def log_evidence(network, x, threads=None):
    """Log evidence of each datum, on any route but LOG.

    Shapes      x (B, D) -> (B,)
    Checked by  tests/fast/test_multiplicative.py
    """
    evidence = _wide if network.route is Route.WIDE else _narrow
    with team(threads):
        return np.concatenate([evidence(network, part) for part in in_parts(x)])


def in_parts(x):
    """Data in blocks that are treated together."""
    return [x[start : start + DATA_AT_ONCE] for start in range(0, len(x), DATA_AT_ONCE)]


def _narrow(network, x):
    split, sharing = network.split, 4 if network.route is Route.NARROW else 2
    S, T, R, offset = data_tables(x, network.W, network.b, network.c, split.high, split.low)
    sums = np.empty((1 << split.top, split.strips, len(x)))
    for top, A in high_tables(network):
        if len(x) == 1:
            narrow_strips(A, network.C, S[0], T[0], sharing, split.strip, 0, sums[top].reshape(-1))
        else:
            batch_strips(A, network.C, S, T, sharing, split.strip, 0, sums[top])
    sums *= R.T[:, None, :]
    return np.array([log_total(network, sums[..., q], offset[q]) for q in range(len(x))])


def _wide(network, x):
    *states, offset = wide_data_tables(
        x, network.W, network.b, network.c, network.split.high, network.split.low
    )
    sums, peak = wide_sums(network, states)
    return np.array([log_total(network, sums[..., q], offset[q], peak[q]) for q in range(len(x))])


def wide_sums(network, states):
    """Sums of all strips, (2^top, strips, B), in units of 2^peak (B,)."""
    split, ends = network.split, chunk_ends(network.half)
    (S, T, R), (Se, Te, Re) = states
    sums = np.empty((1 << split.top, split.strips, len(S)))
    peaks = np.empty(sums.shape, np.int64)
    for top, A in high_tables(network):
        wide_strips(A, network.C, ends, S, Se, T, Te, split.strip, 0, sums[top], peaks[top])
    sums *= R.T[:, None, :]
    peaks += Re.T[:, None, :]
    peak = peaks.max(axis=(0, 1))
    return np.ldexp(sums, np.maximum(peaks - peak, -2000)), peak


def high_tables(network):
    """Each top state with its A."""
    split = network.split
    for top in range(1 << split.top):
        yield top, top_table(network.W, split.high, split.low, network.shift, top)


def log_total(network, sums, offset, exponent=0):
    """Logarithm of 2^exponent times the sum of all strips, with the scales put back without loss."""
    mantissa, more = math.frexp(math.fsum(np.ravel(sums)))
    power = more + int(exponent) - int(network.shift.sum())
    return math.fsum([math.log(mantissa), power * LN2_HIGH, power * LN2_LOW, offset[0], offset[1]])
