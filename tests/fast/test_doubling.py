import numpy as np
import pytest

from refvi.fast.doubling import (
    bits,
    choice_products,
    choice_sums,
    fold_bits,
    fold_pairs,
    subset_products,
    subset_sums,
)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_subset_sums_are_sums_over_set_bits(n):
    steps, base = np.arange(1.0, 1.0 + 3 * n).reshape(3, n), np.array([100.0, 200.0, 300.0])
    np.testing.assert_array_equal(subset_sums(base, steps), base[:, None] + steps @ bits(n))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_choice_sums_take_one_of_two(n):
    off, on = 2.0 ** np.arange(n), -(3.0 ** np.arange(n))
    np.testing.assert_array_equal(choice_sums(off, on), on @ bits(n) + off @ (1 - bits(n)))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_subset_products_are_products_over_set_bits(n):
    steps, base = np.exp2(np.arange(3 * n)).reshape(n, 3), np.array([1.0, 2.0, 4.0])
    expected = base * np.exp2(bits(n).T @ np.log2(steps))
    np.testing.assert_array_equal(subset_products(base, steps), expected)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_choice_products_take_one_of_two(n):
    logs = np.arange(4.0 * n).reshape(2, n, 2)
    expected = np.exp2(logs[:, :, 1] @ bits(n) + logs[:, :, 0] @ (1 - bits(n)))
    np.testing.assert_array_equal(choice_products(np.exp2(logs)), expected)


@pytest.mark.parametrize("n", [0, 1, 6])
def test_fold_bits_is_the_transpose_of_doubling(n):
    values = np.random.default_rng(n).integers(-99, 99, size=(2, 1 << n)).astype(float)
    total, by_bit = fold_bits(values)
    np.testing.assert_array_equal(total, values.sum(axis=1))
    np.testing.assert_array_equal(by_bit, values @ bits(n).T)


def test_bits_count_up():
    np.testing.assert_array_equal(bits(2), [[0, 1, 0, 1], [0, 0, 1, 1]])


@pytest.mark.parametrize("n", [0, 1, 5])
def test_fold_pairs(n):
    values = np.random.default_rng(n).integers(-99, 99, size=1 << n).astype(float)
    np.testing.assert_array_equal(fold_pairs(values), bits(n) * values @ bits(n).T)
