import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.layout import LANES, ROWS
from refvi.fast.narrow_gradient import blocks_together, joint_factors, narrow_weights
from refvi.fast.octets import together
from refvi.fast.quotients import WIDTH, prefix_products, prefix_table, spread_quotients
from refvi.fast.wide_gradient import add_weights, wide_quotients, wide_weights
from refvi.laws.outcome import Outcome, combine

RNG = np.random.default_rng(0)
TILE = 12 * LANES


def law_quotients_come_from_products_alone(subject, first, last, least=0.1):
    """Both sums are those of divisions, on top of what was there: tables hold numbers between `least` and 2."""
    A, C = RNG.uniform(least, 2, size=(6, 12)), RNG.uniform(least, 2, size=(2, 12, LANES))
    w, GA, GC = RNG.random((ROWS, LANES)), np.ones((6, 12)), np.ones((12, LANES))
    subject(A, C, first, last, w, GA, GC)
    quotient = w[:, None] / (A[2:, :, None] + C[1])[:, first:last]
    exact_A, exact_C = np.ones((6, 12)), np.ones((12, LANES))
    exact_A[2:, first:last] += quotient.sum(axis=2)
    exact_C[first:last] += quotient.sum(axis=0)
    pairs = ("rows", GA, exact_A), ("columns", GC, exact_C)
    return combine(
        "quotients are those of divisions",
        (Outcome("quotients", float((np.abs(a - b) / b).max()) / (100 * UNIT), 1, n) for n, a, b in pairs),
    )


def spread(A, C, first, last, w, GA, GC):
    """Four rows from the second on, second tile."""
    prefix = prefix_table(12)
    given = together(A, 2, 6, ROWS), 0, C.ravel(), TILE, first, last
    prefix_products(*given, prefix)
    product = prefix[(last - first) // 4 * WIDTH :][:WIDTH]
    spread_quotients(*given, prefix, w.ravel() / product, 2, GA, GC.reshape(-1))


def spread_in_chunks(A, C, first, last, w, GA, GC):
    prefix, ratio, ends = prefix_table(12), np.empty(WIDTH), np.array([4, 8, 12][: last // 4])
    total = w.ravel()
    quads = together(A, 2, 6, ROWS)
    wide_quotients(quads, 0, C.ravel(), TILE, ends, total, prefix, ratio, 2, GA, GC.reshape(-1))
    np.testing.assert_array_equal(total, w.ravel())


@pytest.mark.parametrize(("first", "last"), [(0, 4), (0, 12), (4, 12)])
def test_quotients(first, last):
    law_quotients_come_from_products_alone(spread, first, last).raise_if_broken()


@pytest.mark.parametrize("least", [1e-40, 0.1])
def test_quotients_in_chunks(least):
    law_quotients_come_from_products_alone(spread_in_chunks, 0, 12, least).raise_if_broken()


def wrong_sign(A, C, first, last, w, GA, GC):
    spread(A, C, first, last, -w, GA, GC)


def without_a_factor(A, C, first, last, w, GA, GC):
    spread(A, C, first, last - 4, w, GA, GC)


def one_row_dropped(A, C, first, last, w, GA, GC):
    spread(A, C, first, last, w * np.array([[1.0], [1.0], [0.0], [1.0]]), GA, GC)


@pytest.mark.parametrize("mutant", [wrong_sign, without_a_factor, one_row_dropped])
def test_law_rejects(mutant):
    assert not law_quotients_come_from_products_alone(mutant, 0, 12).holds


@pytest.mark.parametrize(("first", "last"), [(0, 4), (0, 12), (4, 12)])
def test_products_before_each_group(first, last):
    A, C = RNG.uniform(0.1, 2, size=(9, 12)), RNG.uniform(0.1, 2, size=(2, 12, LANES))
    factor, prefix = A[5:, :, None] + C[1], prefix_table(12)
    prefix_products(together(A, 1, 9, ROWS), ROWS * 12, C.ravel(), TILE, first, last, prefix)
    for level in range((last - first) // 4 + 1):
        kept = prefix[level * WIDTH : (level + 1) * WIDTH].reshape(ROWS, LANES)
        np.testing.assert_allclose(kept, factor[:, first : first + 4 * level].prod(axis=1), rtol=30 * UNIT)


@pytest.mark.parametrize("data", [1, 3, 4, 9])
def test_joint_factors(data):
    S, T, joint = RNG.random((data, 12)), RNG.random((data, 2 * LANES)), np.full(WIDTH, np.nan)
    columns = np.full(data * LANES, np.nan)
    blocks_together(T, LANES, columns)
    joint_factors(together(S.T, 4, 12, ROWS), ROWS * data, columns, joint)
    np.testing.assert_allclose(joint.reshape(ROWS, LANES), S[:, 8:].T @ T[:, LANES:], rtol=8 * UNIT)


@pytest.mark.parametrize("data", [1, 2])
def test_narrow_weights(data):
    product, left, columns = RNG.uniform(0.1, 9, size=WIDTH), RNG.random(WIDTH), RNG.random(data * LANES)
    S, by_row, sums, joint = RNG.random(9), np.ones(9), np.ones(LANES), left.copy()
    narrow_weights(product, S, 5, columns, joint, by_row, 2, sums)
    given = np.outer(S[5:], columns).ravel() if data == 1 else left
    w = (given / product).reshape(ROWS, LANES)
    np.testing.assert_allclose(by_row, [1, 1, *(1 + w.sum(axis=1)), 1, 1, 1], rtol=20 * UNIT)
    np.testing.assert_allclose(sums, 1 + w.sum(axis=0), rtol=8 * UNIT)
    np.testing.assert_allclose(joint, w.ravel() / product, rtol=20 * UNIT)


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
