"""S bounds the rounding error of the expression that it was carried through, and is not idly large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from refvi.specs import sized as sz
from refvi.specs.sized import Sized, sized

U = 2.0**-53
UNARY = {
    "exp": (sz.exp, mp.exp),
    "softplus": (sz.softplus, lambda a: mp.log(1 + mp.exp(a))),
    "sigmoid": (sz.sigmoid, lambda a: 1 / (1 + mp.exp(-a))),
    "tanh": (sz.tanh, mp.tanh),
    "negative": (lambda a: -a, lambda a: -a),
    "square": (lambda a: a**2, lambda a: a * a),
}
POSITIVE = {"log": (sz.log, mp.log), "sqrt": (sz.sqrt, mp.sqrt), "log1p": (sz.log1p, lambda a: mp.log(1 + a))}
BINARY = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "/": (lambda a, b: a / b, lambda a, b: a / b),
}


def error_in_units(found, exact):
    """Largest |value - exact| over u·S, entry by entry."""
    with mp.workdps(60):
        flat = zip(np.ravel(found.value), np.ravel(found.size), np.ravel(exact), strict=True)
        return max(
            float(abs(mpf(float(v)) - e) / (mpf(U) * mpf(float(s)) + mpf(10) ** -300)) for v, s, e in flat
        )


leaves = st.integers(-64, 64).filter(bool).map(lambda k: k / 16)


@st.composite
def expressions(draw, depth=5):
    """A chain of operations on exact numbers, once as Sized and once in 60 digits; ranges are kept moderate."""
    ours = sized(draw(leaves))
    theirs = mpf(float(ours.value))
    for _ in range(draw(st.integers(1, depth))):
        if draw(st.booleans()):
            name = draw(st.sampled_from([*UNARY, *(POSITIVE if ours.value > 0.1 else ())]))
            mine, exact = {**UNARY, **POSITIVE}[name]
            if name in ("exp", "square") and abs(ours.value) > 20:
                continue
            with mp.workdps(60):
                ours, theirs = mine(ours), exact(theirs)
        else:
            other = draw(leaves)
            mine, exact = BINARY[draw(st.sampled_from([*BINARY]))]
            with mp.workdps(60):
                ours, theirs = mine(ours, other), exact(theirs, mpf(other))
    return ours, theirs


@settings(deadline=None, derandomize=True, max_examples=300)
@given(expressions())
def test_rounding_error_is_at_most_two_units_of_size(pair):
    """First order, and a library function is right to about one unit in the last place: hence 2 and not 1."""
    ours, theirs = pair
    assert error_in_units(ours, [theirs]) <= 2.0


def test_cancellation_shows_in_the_size_and_not_in_the_value():
    big = sized(1e8) * 1.1
    difference = big - 1e8 * 1.1
    assert difference.value == 0.0
    assert difference.size >= 2e8


def test_size_is_not_idle():
    """A sum of a thousand rounded terms: S is the sum of absolute terms, twice over, and no more."""
    terms = sized(np.linspace(0.1, 1.0, 1000)) * 1.0
    total = terms.sum()
    assert total.size <= 2.0 * 1000 + total.value


def test_exact_inputs_have_no_size():
    assert np.all(sized([0.1, 2.0]).size == 0.0)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 2)])
def test_sums_means_and_products_agree_with_numpy(shape):
    a = np.random.default_rng(3).normal(size=shape)
    for axis in (0, -1):
        assert np.array_equal(sized(a).sum(axis).value, a.sum(axis))
        assert np.allclose(sized(a).mean(axis).value, a.mean(axis), rtol=1e-15, atol=0)
    assert np.array_equal(
        (sized(a) @ a.swapaxes(-1, -2) if a.ndim > 1 else sized(a) * a).value.shape[:1], shape[:1]
    )


def test_log_sum_exp_and_softmax_at_extremes():
    a = np.array([[800.0, -800.0, 0.5], [-np.inf, 1.0, -np.inf], [-900.0, -900.0, -900.0]])
    with np.errstate(invalid="ignore"):
        total, weights = sz.logsumexp(a), sz.softmax(a)
    assert total.value.tolist() == pytest.approx([800.0, 1.0, -900.0 + np.log(3)], rel=1e-15)
    assert weights.value.sum(-1) == pytest.approx([1.0, 1.0, 1.0], rel=1e-12)
    assert np.all(np.isfinite(total.size))
    assert np.all(weights.size[weights.value == 0] == 0)


def test_x_log_y_is_zero_at_zero_and_infinite_beyond():
    with np.errstate(all="ignore"):
        found = sz.xlogy([0.0, 0.0, 0.5], [0.0, 2.0, 0.0]).value
    assert found.tolist() == [0.0, 0.0, -np.inf]


def test_einsum_and_shape_tools():
    rng = np.random.default_rng(6)
    z, w = rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4))
    assert sz.einsum("kbd,xd->kbx", z, w).value == pytest.approx(z @ w.T, rel=1e-13)
    assert sz.lower(np.ones((2, 2))).value.tolist() == [[1.0, 0.0], [1.0, 1.0]]
    assert sz.diagonal(np.arange(4.0).reshape(2, 2)).value.tolist() == [0.0, 3.0]
    assert sz.expand([1.0, 2.0], 0).shape == (1, 2)
    assert sz.stack([sized(1.0), sized(2.0)]).value.tolist() == [1.0, 2.0]
    assert sz.where([True, False], 1.0, sized(2.0)).value.tolist() == [1.0, 2.0]
    assert (np.ones(2) + Sized([1.0, 2.0])).value.tolist() == [2.0, 3.0]
    assert (1.0 / Sized([2.0])).value.tolist() == [0.5]


def test_only_the_square_is_a_power():
    with pytest.raises(TypeError, match="only the power 2"):
        sized(2.0) ** 3
