import numpy as np

from refvi.fast.compiled import exact
from refvi.fast.eight import (
    add_halves,
    eight_times,
    fused,
    load,
    minus,
    over,
    plus,
    product_of_eight,
    spread,
    store,
    sum_of_eight,
    sums_of_each,
    times,
)


@exact
def combine(a, b, at, out):
    left, right = load(a, at), load(b, at + 1)
    store(out, 0, plus(left, right))
    store(out, 8, times(left, right))
    store(out, 16, over(left, right))
    return sum_of_eight(left), product_of_eight(right)


def test_operations_are_those_of_numpy():
    """Elementwise ones to the bit, at offsets that are not aligned; neighbours stay as they are."""
    rng = np.random.default_rng(0)
    a, b, out = rng.normal(size=20), rng.normal(size=20), np.full(26, 7.0)
    total, product = combine(a, b, 3, out)
    left, right = a[3:11], b[4:12]
    np.testing.assert_array_equal(out, np.concatenate([left + right, left * right, left / right, [7.0, 7.0]]))
    assert abs(total - left.sum()) <= 8 * 2.0**-53 * np.abs(left).sum()
    assert abs(product - np.prod(right)) <= 8 * 2.0**-53 * abs(product)


@exact
def reduce_and_add(number, table, out):
    rows = (
        load(table, 0),
        load(table, 8),
        load(table, 16),
        load(table, 24),
        load(table, 32),
        load(table, 40),
        load(table, 48),
        load(table, 56),
    )
    store(out, 0, eight_times(number))
    store(out, 8, sums_of_each(rows))
    add_halves(out, 17, 22, sums_of_each(rows))
    store(out, 27, spread(table, 13))


def test_sums_of_each_come_in_order_and_halves_where_they_belong():
    table, out = np.random.default_rng(1).integers(-99, 99, size=(8, 8)).astype(float), np.full(35, 7.0)
    reduce_and_add(3.25, table, out)
    sums = table.sum(axis=1)
    np.testing.assert_array_equal(out[:16], np.concatenate([np.full(8, 3.25), sums]))
    np.testing.assert_array_equal(out[16:27], [7, *(7 + sums[:4]), 7, *(7 + sums[4:]), 7])
    np.testing.assert_array_equal(out[27:], np.full(8, table[1, 5]))


@exact
def subtract_and_fuse(a, b, c, out):
    store(out, 0, minus(load(a, 0), load(b, 0)))
    store(out, 8, fused(load(a, 0), load(b, 0), load(c, 0)))


def test_a_fused_sum_is_rounded_once():
    """(1 + e)(1 - e) - 1 = -e^2 exactly, which two roundings lose."""
    e, out = 2.0 ** -np.arange(27.0, 35.0), np.empty(16)
    subtract_and_fuse(1 + e, 1 - e, np.full(8, -1.0), out)
    np.testing.assert_array_equal(out, [*(2 * e), *(-e * e)])
