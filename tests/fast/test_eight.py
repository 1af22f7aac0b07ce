import numpy as np

from refvi.fast.compiled import exact
from refvi.fast.eight import load, over, plus, product_of_eight, store, sum_of_eight, times


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
