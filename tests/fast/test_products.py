"""The pieces of the compiled loops, each against one line of NumPy."""

import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.layout import LANES, ROWS
from refvi.fast.products import multiply_tile
from refvi.fast.wide import move_exponents, scales_from_exponents, state_exponents, wide_ratios

RNG = np.random.default_rng(0)
PRODUCT = RNG.uniform(0.1, 9.0, size=(ROWS, LANES))
S, T = RNG.random(2 * ROWS), RNG.random(LANES)


@pytest.mark.parametrize("D", [4, 12])
def test_multiply_tile(D):
    A, C = RNG.random((2 * ROWS, D)), RNG.random((2, D, LANES))
    exact = (A[ROWS:, :, None] + C[1]).prod(axis=1).ravel()
    product = np.full(ROWS * LANES, np.nan)
    multiply_tile(A, ROWS, C.ravel(), D * LANES, 0, D, product)
    np.testing.assert_allclose(product, exact, rtol=2 * D * UNIT)
    product[:] = np.nan
    for first in range(0, D, 4):
        multiply_tile(A, ROWS, C.ravel(), D * LANES, first, first + 4, product)
    np.testing.assert_allclose(product, exact, rtol=2 * D * UNIT)


def test_exponents_move_without_loss():
    product = np.exp(RNG.uniform(-600, 600, size=ROWS * LANES))
    kept, exponent = product.copy(), np.full(ROWS * LANES, 99, np.int64)
    move_exponents(product.view(np.int64), exponent, True)
    assert product.min() >= 1.0
    assert product.max() < 2.0
    np.testing.assert_array_equal(np.ldexp(product, exponent), kept)
    product *= 4.0
    move_exponents(product.view(np.int64), exponent, False)
    np.testing.assert_array_equal(np.ldexp(product, exponent - 2), kept)


def test_wide_ratios_add_what_the_exponents_say():
    exponents = RNG.integers(-5000, 5000, size=2 * ROWS), RNG.integers(-5000, 5000, size=LANES)
    taken, scale = RNG.integers(-900, 900, size=ROWS * LANES), np.empty(ROWS * LANES, np.int64)
    peak = state_exponents(exponents[0], ROWS, exponents[1], taken, scale)
    exact = (exponents[0][ROWS:, None] + exponents[1] - taken.reshape(ROWS, LANES)).ravel()
    np.testing.assert_array_equal(scale, exact)
    assert peak == exact.max()
    scales_from_exponents(scale, peak)
    factor = np.ldexp(1.0, np.maximum(exact - peak, -1022))
    np.testing.assert_array_equal(scale.view(np.float64), factor)
    exact = (S[ROWS:, None] * T / PRODUCT * factor.reshape(ROWS, LANES)).sum()
    found = wide_ratios(S, ROWS, T, PRODUCT.ravel(), scale.view(np.float64))
    np.testing.assert_allclose(found, exact, rtol=20 * UNIT)
