"""Evidence by the routes that multiply: strips of rows are summed by compiled code, sums are joined.

The sum of a strip does not depend on who computes it, and strips are joined with `math.fsum`, whose result is
independent of the order: the evidence is the same to the last bit for any number of threads, shards or machines of
one kind. Strips are numbered through all top states: strip s of top state t has the number t * strips + s.
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.fast.batch import batch_strips
from refvi.fast.narrow import narrow_strips
from refvi.fast.network import high_table, in_parts, states_of
from refvi.fast.ranges import Route, chunk_ends, least_scale
from refvi.fast.threads import share
from refvi.fast.wide import wide_strips
from refvi.fast.wide_tables import LN2_HIGH, LN2_LOW


class Sums(NamedTuple):
    """Sums over strips: the weight of strip s and datum b is value[s, b] 2^exponent[s, b], both (strips, B)."""

    value: np.ndarray
    exponent: np.ndarray


def log_evidence(network, x, threads=None):
    """Log evidence of each datum, on any route but LOG.

    Shapes      x (B, D) -> (B,)
    Checked by  tests/fast/test_multiplicative.py
    """
    parts = []
    for part in in_parts(x):
        states = states_of(network, part)
        sums = strip_sums(network, states, 0, all_strips(network), threads)
        parts.append(join(network, states, sums))
    return np.concatenate(parts)


def all_strips(network):
    """Number of strips of all top states."""
    return network.split.strips << network.split.top


def strip_sums(network, states, first, last, threads=None):
    """Sums over the strips numbered first..last-1, the factors R of the top states included.

    Shapes      -> Sums of (last - first, B)
    Checked by  tests/fast/test_multiplicative.py
    """
    strips, B = network.split.strips, len(states.S)
    value, exponent = np.empty((last - first, B)), np.zeros((last - first, B), np.int64)
    for top in range(first // strips, -(-last // strips)):
        start, stop = max(first - top * strips, 0), min(last - top * strips, strips)
        sums = _top_sums(network, high_table(network, top), states, start, stop, threads)
        piece = slice(top * strips + start - first, top * strips + stop - first)
        value[piece] = sums.value[start:stop] * states.R[:, top]
        if network.route is Route.WIDE:
            exponent[piece] = sums.exponent[start:stop] + states.Re[:, top]
    return Sums(value, exponent)


def _top_sums(network, A, states, start, stop, threads):
    """Sums (strips, B) of one top state, of which start..stop-1 are filled in."""
    C, strip, S, T = network.C, network.split.strip, states.S, states.T
    sums = Sums(np.empty((network.split.strips, len(S))), np.empty((network.split.strips, len(S)), np.int64))
    if network.route is Route.WIDE:
        rest = A, C, chunk_ends(network.half), S, states.Se, T, states.Te, strip

        def run(i, j):
            wide_strips(*rest, start + i, start + j, *sums)
    elif len(S) == 1:
        least = least_scale(network.half)

        def run(i, j):
            narrow_strips(A, C, S, T, least, strip, start + i, start + j, sums.value)
    else:

        def run(i, j):
            batch_strips(A, C, S, T, strip, start + i, start + j, sums.value)

    share(run, stop - start, network.factors // network.split.strips * (stop - start), threads)
    return sums


def join(network, states, sums):
    """Log evidence (B,) from the sums of all strips.

    Checked by  tests/fast/test_multiplicative.py
    """
    scaled, peak = scale_to_peak(sums)
    columns = zip(scaled.T, states.offset, peak)
    return np.array([log_total(network, math.fsum(column), *rest) for column, *rest in columns])


def scale_to_peak(sums):
    """Sums of all strips in units of 2^peak, (strips, B), and peak (B,), the largest exponent."""
    peak = sums.exponent.max(axis=0)
    return np.ldexp(sums.value, np.maximum(sums.exponent - peak, -2000)), peak


def log_total(network, total, offset, exponent=0):
    """Logarithm of total 2^exponent, with the scales of the tables put back without loss."""
    mantissa, more = math.frexp(total)
    power = more + int(exponent) - network.power
    return math.fsum([math.log(mantissa), power * LN2_HIGH, power * LN2_LOW, *offset.tolist()])
