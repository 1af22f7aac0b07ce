"""Products, quotients and weighted sums of eight rows and eight lanes, each against lines of NumPy."""

import numpy as np
import pytest
from sbn_twins import UNIT

from refvi.fast.batch import add_columns, add_octet
from refvi.fast.compiled import compiled
from refvi.fast.eight import load, store
from refvi.fast.layout import LANES, OCTET
from refvi.fast.marginals import add_row_sums, column_products, invert_octet
from refvi.fast.narrow import narrow_strips, starts, two_ratios
from refvi.fast.octets import eight_spread, octet_products, together
from refvi.fast.ranges import LIMIT, least_scale
from refvi.laws.outcome import Outcome

RNG = np.random.default_rng(0)


@compiled
def eight_products(rows, at, C, lane, visibles, start, out):
    p = octet_products(rows, at, C, lane, visibles, eight_spread(start, 0))
    store(out, 0, p[0])
    store(out, 8, p[1])
    store(out, 16, p[2])
    store(out, 24, p[3])
    store(out, 32, p[4])
    store(out, 40, p[5])
    store(out, 48, p[6])
    store(out, 56, p[7])


@compiled
def pair_of_ratios(S, i, p, scaled, out):
    store(out, 0, two_ratios(S, i, load(p, 0), load(p, 8), scaled))


@compiled
def column_sums(weight, B, r, column, T, part):
    vectors = eight_spread(r, 0)
    add_octet(weight, OCTET * B, vectors, column, 0, B)
    add_columns(T, 8, column, part)


def tables(count, D):
    A, C = RNG.random((count, D)), RNG.random((D, LANES))
    return A, C, (A[:, :, None] + C).prod(axis=1)


@pytest.mark.parametrize("D", [4, 12])
def test_octet_products(D):
    A, C, exact = tables(3 * OCTET, D)
    rows, start, out = together(A, OCTET, 3 * OCTET, OCTET), RNG.random(8), np.empty(64)
    np.testing.assert_array_equal(rows.reshape(2, D, OCTET), A[OCTET:].reshape(2, OCTET, D).swapaxes(1, 2))
    eight_products(rows, OCTET * D, C.ravel(), 16, D, start, out)
    exact = start[:, None] * exact[2 * OCTET :, 16:24]
    np.testing.assert_allclose(out.reshape(8, 8), exact, rtol=2 * (D + 1) * UNIT)


@pytest.mark.parametrize("scaled", [True, False])
def test_two_ratios(scaled):
    S, p, out = RNG.random(4), RNG.uniform(0.1, 9, size=(2, 8)), np.empty(8)
    given = p / S[2:, None] if scaled else p
    pair_of_ratios(S, 2, given.ravel(), scaled, out)
    np.testing.assert_allclose(out, (S[2:, None] / p).sum(axis=0), rtol=8 * UNIT)


def test_products_are_scaled_where_the_smallest_factor_leaves_room():
    S = np.array([0.5, 1e-3, 1.0, 0.25])
    np.testing.assert_array_equal(starts(S, 1, 3, 1e-3)[0], [1 / 1e-3, 1.0])
    assert starts(S, 1, 3, 1e-3)[1]
    np.testing.assert_array_equal(starts(S, 1, 3, 2e-3)[0], [1.0, 1.0])
    assert not starts(S, 1, 3, 2e-3)[1]
    half = np.array([40.0, 2.5])
    least = least_scale(half)
    assert abs(2 * half.sum() - 2 * np.log(least) - LIMIT) < 1e-9


def test_weighted_columns():
    B, r = 3, RNG.random(8)
    S, T = RNG.random((B, 2 * OCTET)), RNG.random((B, 16))
    column, part = np.ones(8 * B), np.ones(8 * B)
    column_sums(together(S.T, 0, 2 * OCTET, OCTET), B, r, column, T, part)
    exact = 1 + (1 + (S[:, OCTET:] @ r))[:, None] * T[:, 8:]
    np.testing.assert_allclose(part.reshape(B, 8), exact, rtol=8 * UNIT)
    assert not column.any()


def test_inverted_octet_and_columns_of_a_datum():
    D, B = 8, 3
    A, C, product = tables(2 * OCTET, D)
    S, T, part = RNG.random((B, 2 * OCTET)), RNG.random(LANES), np.empty(LANES)
    inverse, column = np.empty(OCTET * LANES), np.zeros(B * LANES)
    given = together(A, 0, 2 * OCTET, OCTET), together(S.T, 0, 2 * OCTET, OCTET), OCTET, C.ravel(), 0, D
    invert_octet(*given, inverse, column)
    np.testing.assert_allclose(inverse.reshape(OCTET, LANES), 1 / product[OCTET:], rtol=4 * D * UNIT)
    column_products(column, 1, T, part)
    np.testing.assert_allclose(part, T * (S[1, OCTET:] @ (1 / product[OCTET:])), rtol=4 * D * UNIT)


@pytest.mark.parametrize("B", [1, 3])
def test_row_sums_of_an_octet(B):
    inverse, columns, sums = RNG.random((OCTET, LANES)), RNG.random((B, LANES)), np.ones((B + 2) * OCTET)
    add_row_sums(inverse.ravel(), columns.ravel(), sums, OCTET)
    exact = np.ones((B + 2, OCTET))
    exact[1:-1] += columns @ inverse.T
    np.testing.assert_allclose(sums.reshape(B + 2, OCTET), exact, rtol=20 * UNIT)


# ---- the whole strip, extreme ranges included


def strip_sum(A, C, S, T, least):
    sums = np.empty((1, 1))
    narrow_strips(A, C.ravel(), S[None], T[None], least, len(S), 0, 1, sums)
    return sums[0, 0]


def law_is_the_sum_of_quotients(subject, spread, decay, lowest=-1.0):
    """Sum of S_i T_j / prod_d (A_id + C_jd) in long doubles, for factors within exp(+-spread) and S down to exp(-decay).

    Every A lies above exp(lowest spread); rows 2 and 3 share a division.
    """
    D = 8
    A, C = (
        np.exp(spread * RNG.uniform(lowest, 1, (16, D))),
        np.exp(spread * RNG.uniform(-1, 1, (2, D, LANES))),
    )
    S, T = np.exp(-decay * RNG.random(16)), RNG.random(2 * LANES)
    S[2], S[3], S[15] = 1.0, np.exp(-decay), 1.0
    factors = A.astype(np.longdouble)[:, :, None, None] + C.astype(np.longdouble).transpose(1, 0, 2)
    exact = (S[:, None, None] * T.reshape(2, LANES) / factors.prod(axis=1)).sum()
    got = subject(A, C, S, T, least_scale(np.full(D, spread + np.log(2.0))))
    error = abs(got - float(exact)) / (float(exact) * (3 * D + 20) * UNIT)
    return Outcome("strip is the sum of quotients", error if np.isfinite(got) else np.inf, 1, f"got {got!r}")


EXTREMES = [(0.5, 3.0), (20.0, 5.0), (30.0, 90.0), (30.0, 120.0), (36.0, 60.0), (36.0, 300.0), (3.0, 700.0)]


@pytest.mark.parametrize(("spread", "decay"), EXTREMES)
def test_strip_is_the_sum_of_quotients(spread, decay):
    for lowest in (-1.0, 1.0):
        law_is_the_sum_of_quotients(strip_sum, spread, decay, lowest).raise_if_broken()


MUTANTS = {
    "always scaled": lambda A, C, S, T, least: strip_sum(A, C, S, T, 0.0 * least),
    "last row dropped": lambda A, C, S, T, least: strip_sum(A, C, np.append(S[:-1], 0.0), T, least),
    "factor missing": lambda A, C, S, T, least: strip_sum(A[:, 4:], C[:, 4:].copy(), S, T, least),
    "difference for a sum": lambda A, C, S, T, least: strip_sum(-A, C, S, T, least),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    assert not law_is_the_sum_of_quotients(MUTANTS[mutant], 36.0, 300.0, 1.0).holds
