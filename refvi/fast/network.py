"""A model made ready for the routes that multiply: measured, cut, with its low table, and the factors of its states."""

from typing import NamedTuple

import numpy as np

from refvi.fast import plain_tables, ranges, tables
from refvi.fast.layout import Split, split_bits, worth_plain_tables
from refvi.fast.ranges import Route, choose_route
from refvi.fast.resident_memory import keep_memory
from refvi.fast.wide_tables import wide_data_tables

DATA_AT_ONCE = 64  # columns of so many data stay in the second-level cache


class Network(NamedTuple):
    """A model made ready: the cut of its bits, the ranges, the route, and the low table.

    shift, half (Dp,)   as in `ranges`
    power               sum of shift: the product of the factors of all visibles is short of 2^power
    C (2^low Dp,)       as in `tables`; empty on the route LOG
    """

    W: np.ndarray
    b: np.ndarray
    c: np.ndarray
    split: Split
    shift: np.ndarray
    half: np.ndarray
    power: int
    route: Route
    C: np.ndarray

    @property
    def sharing(self):
        """How many states share a division on a device; here two do on both narrow routes."""
        return 4 if self.route is Route.NARROW else 2

    @property
    def factors(self):
        """Size of the work for one top state: states times visibles."""
        return self.split.visibles << (self.split.high + self.split.low)


class States(NamedTuple):
    """Factors of the states of each datum, as in `tables`.

    S (B, I), T (B, J), R (B, 2^top); offset (B, 2) as value and remainder
    """

    S: np.ndarray
    T: np.ndarray
    R: np.ndarray
    offset: np.ndarray


class WideStates(NamedTuple):
    """Factors of the states of each datum as mantissas and exponents, as in `wide_tables`.

    S, Se (B, I), T, Te (B, J), R, Re (B, 2^top); offset (B, 2) as value and remainder
    """

    S: np.ndarray
    Se: np.ndarray
    T: np.ndarray
    Te: np.ndarray
    R: np.ndarray
    Re: np.ndarray
    offset: np.ndarray


def prepare(problem, split=None):
    """Measure a model, choose its route and build its low table; cut as sizes suggest, or as it is told."""
    keep_memory()
    D, K = problem.W.shape
    split, make = split or split_bits(K, D), _tables(problem.W)
    shift, half = np.zeros(split.visibles, np.int64), np.zeros(split.visibles)
    measure = (plain_tables if make is plain_tables else ranges).measure_visibles
    reach = measure(problem.W, problem.b, split.high, split.low, shift, half)
    route = choose_route(half, reach)
    empty = route is Route.LOG
    C = np.empty(0) if empty else make.tile_table(problem.W, problem.b, split.high, split.low, shift)
    return Network(problem.W, problem.b, problem.c, split, shift, half, int(shift.sum()), route, C)


def states_of(network, x):
    """Factors of the states of all data: `WideStates` on the route WIDE, else `States`."""
    arguments = x, network.W, network.b, network.c, network.split.high, network.split.low
    if network.route is not Route.WIDE:
        return States(*_tables(network.W).data_tables(*arguments))
    (S, T, R), (Se, Te, Re), offset = wide_data_tables(*arguments)
    return WideStates(S, Se, T, Te, R, Re, offset)


def high_table(network, top):
    """A (I, Dp) for one top state."""
    return _tables(network.W).top_table(network.W, network.split.high, network.split.low, network.shift, top)


def _tables(W):
    """Where tables come from: a matter of the size alone."""
    D, K = W.shape
    return plain_tables if worth_plain_tables(K, D) else tables


def tops(network):
    """Each top state with its A."""
    return ((top, high_table(network, top)) for top in range(1 << network.split.top))


def in_parts(x):
    """Data in blocks that are treated together."""
    return [x[start : start + DATA_AT_ONCE] for start in range(0, len(x), DATA_AT_ONCE)]
