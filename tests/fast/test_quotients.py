import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.layout import LANES
from refvi.fast.narrow_gradient import joint_factors, narrow_weights
from refvi.fast.quotients import PAIR, WIDTH, prefix_products, spread_quotients
from refvi.fast.wide_gradient import add_weights, wide_weights

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("first", "last"), [(0, 4), (0, 12), (4, 12)])
def test_quotients_come_from_products_alone(first, last):
    A, C = RNG.uniform(0.1, 2, size=(6, 12)), RNG.uniform(0.1, 2, size=(2, 12, LANES))
    factor = A[2:4, :, None] + C[1]
    prefix, w = np.full(((last - first) // 4 + 1) * WIDTH, np.nan), RNG.random((PAIR, LANES))
    prefix_products(A, 2, C.ravel(), 12 * LANES, first, last, prefix)
    levels = prefix.reshape(-1, PAIR, LANES)
    for level, kept in enumerate(levels):
        np.testing.assert_allclose(kept, factor[:, first : first + 4 * level].prod(axis=1), rtol=30 * UNIT)
    GA, GC = np.ones(A.shape), np.ones(C.shape)
    ratio = (w / levels[-1]).ravel()
    spread_quotients(A, 2, C.ravel(), 12 * LANES, first, last, prefix, ratio, GA, GC.reshape(-1))
    exact_A, exact_C = np.ones(A.shape), np.ones(C.shape)
    quotient = w[:, None] / factor[:, first:last]
    exact_A[2:4, first:last] += quotient.sum(axis=2)
    exact_C[1, first:last] += quotient.sum(axis=0)
    np.testing.assert_allclose(GA, exact_A, rtol=100 * UNIT)
    np.testing.assert_allclose(GC, exact_C, rtol=100 * UNIT)


@pytest.mark.parametrize("data", [1, 3, 4, 9])
def test_narrow_weights(data):
    S, T, product = RNG.random((data, 4)), RNG.random((data, 2 * LANES)), RNG.uniform(0.1, 9, size=(2, LANES))
    joint, columns = np.full(WIDTH, np.nan), np.ones(LANES)
    joint_factors(S, 2, T, 1, joint)
    exact = S[:, 2:].T @ T[:, LANES:]
    np.testing.assert_allclose(joint.reshape(2, LANES), exact, rtol=8 * UNIT)
    sums = narrow_weights(product.ravel(), joint, columns)
    w = exact / product
    np.testing.assert_allclose(sums, w.sum(axis=1), rtol=20 * UNIT)
    np.testing.assert_allclose(columns, 1 + w.sum(axis=0), rtol=8 * UNIT)
    np.testing.assert_allclose(joint.reshape(2, LANES), w / product, rtol=20 * UNIT)


def test_wide_weights():
    S, T = RNG.random(8), RNG.random(LANES)
    product, factor = RNG.uniform(1, 2, size=(4, LANES)), 2.0 ** RNG.integers(-9, 9, size=(4, LANES))
    weight, total = np.empty(4 * LANES), np.full(4 * LANES, np.nan)
    rows, column = np.ones(8), np.ones(LANES)
    wide_weights(S, 4, T, product.ravel(), factor.ravel(), weight)
    exact = S[4:, None] * T * factor / product
    np.testing.assert_allclose(weight.reshape(4, LANES), exact, rtol=10 * UNIT)
    for fresh in (True, False):
        add_weights(weight, rows, 4, column, total, fresh)
    np.testing.assert_allclose(rows, [1, 1, 1, 1, *(1 + 2 * exact.sum(axis=1))], rtol=20 * UNIT)
    np.testing.assert_allclose(column, 1 + 2 * exact.sum(axis=0), rtol=20 * UNIT)
    np.testing.assert_allclose(total.reshape(4, LANES), 2 * exact, rtol=20 * UNIT)
