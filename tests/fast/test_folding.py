import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.folding import add_groups, add_lane_sums, fold_columns, fold_lanes, fold_quotients, fold_rows
from refvi.fast.layout import LANE_BITS, LANES
from refvi.laws.outcome import Outcome

RNG = np.random.default_rng(0)


def bits(n):
    return ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1).astype(float)


def integers(*shape):
    """Whole numbers, so that every order of addition is exact."""
    return RNG.integers(-99, 99, size=shape).astype(float)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_fold_rows(n):
    values, by_bit = integers(1 << n, 3), np.full((n, 3), np.nan)
    folded = values.copy()
    fold_rows(folded, n, by_bit)
    np.testing.assert_array_equal(by_bit, bits(n).T @ values)
    np.testing.assert_array_equal(folded[0], values.sum(axis=0))


def test_fold_lanes_adds_to_what_is_there():
    values, by_bit = integers(3 * LANES), np.ones(LANE_BITS + 1)
    lanes = values[LANES : 2 * LANES].copy()
    assert fold_lanes(values, LANES, by_bit, 1) == lanes.sum()
    np.testing.assert_array_equal(by_bit, [1, *(1 + bits(LANE_BITS).T @ lanes)])


@pytest.mark.parametrize("tile", [0, 1, 2, 3])
def test_lane_sums_come_by_bit(tile):
    values, sums = integers(LANES), np.ones(LANE_BITS + 3)
    by_lane, total = bits(LANE_BITS).T @ values, values.sum()
    add_lane_sums(values, tile, sums)
    np.testing.assert_array_equal(
        sums, 1 + np.array([*by_lane, total, total * (tile & 1), total * (tile >> 1)])
    )


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_add_groups(groups):
    values = integers(groups, 5)
    total = values.sum(axis=0)
    add_groups(values)
    np.testing.assert_array_equal(values[0], total)


def law_fold_gives_sums_of_weighted_sigmoids(subject):
    """Sums by bit of w A / (A + C) and of w, in 64 u of all weight."""
    high, low, D = 2, LANE_BITS + 1, 4
    A, C = RNG.random((1 << high, D)), RNG.random((1 << low, D))
    w = RNG.random((1 << high, 1 << low))
    quotient = w[:, :, None] / (A[:, None] + C)
    GA, GC = quotient.sum(axis=1), quotient.sum(axis=0)
    on = subject(A, _tiled(C), GA, _tiled(GC), w.sum(axis=1), w.sum(axis=0), high, low)
    value = np.concatenate([A[:, None] * quotient, w[:, :, None]], axis=2)
    by_high = np.einsum("ijd,ik->kd", value, bits(high))
    by_low = np.einsum("ijd,jk->kd", value, bits(low))
    exact = np.concatenate([by_high, by_low, value.sum(axis=(0, 1))[None]])
    return Outcome("sums by bit", float(np.abs(on - exact).max()) / (64 * UNIT * w.sum()), 1, "")


def _tiled(table):
    return table.reshape(-1, LANES, table.shape[1]).transpose(0, 2, 1).ravel()


def fold(A, C, GA, GC, row_weight, column_weight, high, low):
    """Two groups share the columns' sums."""
    parts = [fold_columns(C, share * GC, share * column_weight, low) for share in (0.25, 0.75)]
    return fold_quotients(A, GA, np.concatenate(parts), row_weight, high)


def test_fold_quotients():
    law_fold_gives_sums_of_weighted_sigmoids(fold).raise_if_broken()


def wrong_sign(A, C, GA, GC, *rest):
    return fold(A, C, GA, -GC, *rest)


def without_factor(A, C, GA, GC, *rest):
    return fold(A, np.ones(C.shape), GA, GC, *rest)


def without_column_weight(A, C, GA, GC, row_weight, column_weight, *rest):
    return fold(A, C, GA, GC, row_weight, 0.0 * column_weight, *rest)


@pytest.mark.parametrize("mutant", [wrong_sign, without_factor, without_column_weight])
def test_law_rejects(mutant):
    assert not law_fold_gives_sums_of_weighted_sigmoids(mutant).holds
