import math

import numpy as np
import pytest
from sbn_twins import UNIT, model

from refvi.fast import tables, wide_tables
from refvi.fast.layout import LANES

HIGH, LOW, TOP, D = 3, 8, 2, 5
SHIFT = np.array([3, -2, 0, 7, 1, 0, 0, 0], np.int64)


def bits(count, n):
    return (np.arange(count)[:, None] >> np.arange(n)) & 1


@pytest.fixture
def network():
    return model(K=HIGH + LOW + TOP, D=D, scale=1.5)


@pytest.mark.parametrize("state", range(1 << TOP))
def test_high_table(network, state):
    W = network[1]
    A = tables.top_table(W, HIGH, LOW, SHIFT, state)
    logits = bits(1 << HIGH, HIGH) @ W[:, :HIGH].T + W[:, HIGH + LOW :] @ bits(4, 2)[state]
    np.testing.assert_allclose(A[:, :D], np.exp(logits) * 2.0 ** -SHIFT[:D], rtol=40 * UNIT, atol=0)
    np.testing.assert_array_equal(A[:, D:], 0.0)
    assert A.ctypes.data % 64 == 0


def test_low_table_is_tiled(network):
    W, b = network[1:3]
    C = tables.tile_table(W, b, HIGH, LOW, SHIFT)
    logits = bits(1 << LOW, LOW) @ W[:, HIGH : HIGH + LOW].T + b
    tiles = C.reshape(-1, 8, LANES).transpose(0, 2, 1).reshape(-1, 8)
    np.testing.assert_allclose(tiles[:, :D], np.exp(-logits) * 2.0 ** -SHIFT[:D], rtol=60 * UNIT, atol=0)
    np.testing.assert_array_equal(tiles[:, D:], 1.0)


def log_factors(x, W, c):
    high, low, top = W[:, :HIGH], W[:, HIGH : HIGH + LOW], W[:, HIGH + LOW :]
    return c + np.concatenate([x @ high, (x - 1) @ low, x @ top])


@pytest.mark.parametrize("seed", range(3))
def test_state_factors_are_scaled_to_one(seed):
    x, W, b, c = model(K=HIGH + LOW + TOP, D=D, seed=seed)
    S, T, R, offset = (a[0] for a in tables.data_tables(x[None], W, b, c, HIGH, LOW))
    s = log_factors(x, W, c)
    assert [S.max(), T.max(), R.max()] == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(np.log(S / S[0]), bits(1 << HIGH, HIGH) @ s[:HIGH], atol=60 * UNIT, rtol=0)
    np.testing.assert_allclose(np.log(T / T[0]), bits(1 << LOW, LOW) @ s[HIGH:-TOP], atol=200 * UNIT, rtol=0)
    np.testing.assert_allclose(np.log(R / R[0]), bits(1 << TOP, TOP) @ s[-TOP:], atol=60 * UNIT, rtol=0)
    exact = math.fsum([*((x - 1) * b), *np.maximum(s, 0), *(-np.logaddexp(0, c))])
    assert abs(offset.sum() - exact) < 8 * UNIT * (np.abs(s).sum() + np.abs(b).sum() + np.abs(c).sum())


@pytest.mark.parametrize("scale", [0.5, 300.0])
def test_wide_factors_are_mantissas_and_exponents(scale):
    x, W, b, c = model(K=HIGH + LOW + TOP, D=D, scale=scale)
    mantissas, exponents, offset = wide_tables.wide_data_tables(x[None], W, b, c, HIGH, LOW)
    s = log_factors(x, W, c)
    for m, e, part in zip(mantissas, exponents, (s[:HIGH], s[HIGH:-TOP], s[-TOP:])):
        exact = bits(m.shape[1], part.size) @ part
        tolerance = 8 * UNIT * (np.abs(W).sum() + np.abs(c).sum())
        np.testing.assert_allclose(np.log(m[0]) + e[0] * math.log(2.0), exact, atol=tolerance, rtol=0)
        assert m.min() > 0.7 ** len(part)
        assert m.max() < 1.42 ** len(part)
    assert abs(offset[0].sum() - math.fsum([*((x - 1) * b), *(-np.logaddexp(0, c))])) < 60 * UNIT


def test_log_factor_is_compensated():
    """1e16 and its negative leave a small remainder, which a plain sum loses."""
    W = np.array([[1e16], [1.0], [-1e16]])
    value, rest = tables.log_factor(np.ones(3), W, np.zeros(1), 0, False)
    assert value + rest == 1.0
