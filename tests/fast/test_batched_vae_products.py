"""Products of matrices against integers, whose products have no rounding, and against error bounds."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_vectorised import counts, register

from refvi.fast import batched_vae_products as products
from refvi.fast.batched_vae_products import COLUMNS, DEPTH, ROWS, matmul
from refvi.laws.outcome import Outcome

UNIT = 2.0**-53
LAW = settings(deadline=None, derandomize=True, max_examples=80)
SENTINEL = 7.25


def laid_out(array, layout):
    """The same numbers in other places: rows or columns next to one another, or a part of a larger array."""
    if layout == "columns":
        return np.asfortranarray(array)
    if layout == "part":
        larger = np.full((array.shape[0] + 2, array.shape[1] + 3), np.nan)
        larger[1:-1, 2:-1] = array
        return larger[1:-1, 2:-1]
    if layout == "every other":
        larger = np.full((array.shape[0] * 2, array.shape[1] * 2), np.nan)
        larger[::2, ::2] = array
        return larger[::2, ::2]
    return array


sizes = st.tuples(
    st.integers(0, 2 * ROWS + 3),
    st.one_of(st.integers(0, 20), st.sampled_from((DEPTH - 1, DEPTH, 2 * DEPTH + 9))),
    st.integers(0, 2 * COLUMNS + 9),
)
layouts = st.sampled_from(("rows", "columns", "part", "every other"))


@st.composite
def factors(draw):
    """Two factors of small integers, what the product is added to, and their layouts."""
    (M, K, N), rng = draw(sizes), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a, b, before = (rng.integers(-1000, 1000, shape).astype(float) for shape in ((M, K), (K, N), (M, N)))
    return laid_out(a, draw(layouts)), laid_out(b, draw(layouts)), before, draw(st.booleans())


def law_is_exact(subject, case):
    """Integers come out exactly, and nothing around the product is written to."""
    a, b, before, add = case
    exact = a.astype(np.int64) @ b.astype(np.int64) + (before.astype(np.int64) if add else 0)
    around = np.full((before.shape[0] + 2, before.shape[1] + 2), SENTINEL)
    around[1:-1, 1:-1] = before
    out = around[1:-1, 1:-1]
    subject(a, b, out, add)
    wrong = int((out != exact).sum())
    outside = int((around != SENTINEL).sum()) - int((out != SENTINEL).sum())
    return Outcome("product", float(wrong + abs(outside)), max(out.size, 1), "entries")


@LAW
@given(factors())
def test_product_of_integers_is_exact(case):
    assert law_is_exact(matmul, case).worst == 0.0


def with_wrong_sign(a, b, out, add):
    matmul(-a, b, out, add)


def with_a_factor_missing(a, b, out, add):
    b = b.copy()
    b[-1, -1] = 1.0
    matmul(a, b, out, add)


def with_a_term_dropped(a, b, out, add):
    matmul(a[:, :-1], b[:-1], out, add)


def without_what_was_there(a, b, out, add):
    matmul(a, b, out, False)


def with_a_column_too_many(a, b, out, add):
    matmul(a, b, out, add)
    out.base[1, -1] = 0.0


MUTANTS = (
    with_wrong_sign,
    with_a_factor_missing,
    with_a_term_dropped,
    without_what_was_there,
    with_a_column_too_many,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_law_rejects(mutant):
    rng = np.random.default_rng(0)
    a, b, before = (rng.integers(2, 9, shape).astype(float) for shape in ((5, 4), (4, 7), (5, 7)))
    assert law_is_exact(matmul, (a, b, before, True)).worst == 0.0
    assert law_is_exact(mutant, (a, b, before, True)).worst > 0.0


@pytest.mark.parametrize("scale", [1.0, 2.0**-500, 2.0**500])
def test_rounding_is_that_of_a_sum_in_order(scale):
    """K products and additions: |error| <= K u sum_k |a_k b_k| to first order, in extended precision."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(ROWS + 1, DEPTH + 30)) * scale, rng.normal(size=(DEPTH + 30, COLUMNS + 3)) / scale
    out = np.empty((len(a), b.shape[1]))
    matmul(a, b, out)
    wide = a.astype(np.longdouble) @ b.astype(np.longdouble)
    limit = 1.01 * a.shape[1] * UNIT * (np.abs(a) @ np.abs(b))
    assert np.all(np.abs(out - wide) <= limit)


def test_bits_depend_neither_on_the_block_nor_on_the_layout():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(3 * ROWS + 5, DEPTH + 7)), rng.normal(size=(DEPTH + 7, 2 * COLUMNS + 5))
    whole = np.empty((len(a), b.shape[1]))
    matmul(a, b, whole)
    for rows, columns in ((slice(1, 4), slice(3, None)), (slice(5, None), slice(0, 10))):
        for left, right in ((a, b), (np.asfortranarray(a), np.asfortranarray(b))):
            part = np.empty_like(whole[rows, columns])
            matmul(left[rows], right[:, columns], part)
            assert np.array_equal(part, whole[rows, columns])


def test_parts_of_the_sum_may_be_added_one_by_one():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(ROWS + 2, 50)), rng.normal(size=(50, COLUMNS + 1))
    whole, parts = np.empty((2, len(a), b.shape[1]))
    matmul(a, b, whole)
    matmul(a[:, :20], b[:20], parts)
    matmul(a[:, 20:], b[20:], parts, True)
    assert np.array_equal(whole, parts)


def test_the_tile_stays_in_full_registers():
    fresh = numba.njit(boundscheck=False, error_model="numpy")(products.multiply)
    fresh.compile((numba.int64,) * 12)
    width, (text,) = register(), fresh.inspect_asm().values()
    if width is not None:
        packed, single = counts(text, "fmadd", width)
        assert packed >= ROWS * products.VECTORS
        assert single == 0
