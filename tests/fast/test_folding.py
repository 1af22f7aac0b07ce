import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.folding import add_groups, fold_columns, fold_lanes, fold_quotients, fold_rows
from refvi.fast.layout import LANE_BITS, LANES

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


@pytest.mark.parametrize("n", [LANE_BITS, LANE_BITS + 2])
def test_fold_columns(n):
    values, by_bit = integers((1 << n) // LANES, 3, LANES), np.full((n, 3), np.nan)
    table = values.transpose(0, 2, 1).reshape(1 << n, 3).copy()
    np.testing.assert_array_equal(fold_columns(values.ravel(), 3, n, by_bit), table.sum(axis=0))
    np.testing.assert_array_equal(by_bit, bits(n).T @ table)


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_add_groups(groups):
    values = integers(groups, 5)
    total = values.sum(axis=0)
    add_groups(values)
    np.testing.assert_array_equal(values[0], total)


def test_fold_quotients_gives_sums_of_weighted_sigmoids():
    high, low, D = 2, LANE_BITS + 1, 4
    A, C = RNG.random((1 << high, D)), RNG.random((1 << low, D))
    w = RNG.random((1 << high, 1 << low))
    quotient = w[:, :, None] / (A[:, None] + C)
    halves = np.array([[0.25], [0.75]])  # two groups share the columns' sums
    GC = (quotient.sum(axis=0).reshape(-1, LANES, D).transpose(0, 2, 1)).ravel()
    tiled = C.reshape(-1, LANES, D).transpose(0, 2, 1).ravel()
    on = fold_quotients(
        A, tiled, quotient.sum(axis=1), halves * GC, w.sum(axis=1), halves * w.sum(axis=0), high, low
    )
    value = np.concatenate([A[:, None] * quotient, w[:, :, None]], axis=2)
    by_high = np.einsum("ijd,ik->kd", value, bits(high))
    by_low = np.einsum("ijd,jk->kd", value, bits(low))
    exact = np.concatenate([by_high, by_low, value.sum(axis=(0, 1))[None]])
    np.testing.assert_allclose(on, exact, rtol=0, atol=64 * UNIT * w.sum())
