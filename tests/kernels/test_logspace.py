"""Log-space sums: against exact sums at 60 digits, at the edges, and from compiled code."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refvi.kernels import logspace
from refvi.laws.compare import compare, rounding
from tests.kernels.both import bits, compiled, on_both

INF, NAN = math.inf, math.nan
finite = st.floats(-700, 700)
vectors = st.lists(st.one_of(finite, st.just(-INF)), min_size=1, max_size=8)
quick = settings(deadline=None, derandomize=True, max_examples=60)


def exact(values, divide_by=1):
    with mpmath.workdps(800):
        total = mpmath.fsum(mpmath.exp(mpmath.mpf(v)) for v in values if v != -INF)
        return float(mpmath.log(total / divide_by)) if total else -INF


def size(values):
    """S of a shifted log-sum: the shift, and one unit for the logarithm of a sum between 1 and K."""
    return max([1.0, *(abs(v) for v in values if abs(v) < INF)]) + math.log(len(values) + 1.0)


def holds(kernel, values, want):
    return compare("log-sum to 800 digits", want, kernel(np.array(values)), rounding(size(values)), "log_sum")


@quick
@given(vectors)
def test_log_sum(values):
    holds(logspace.log_sum, values, exact(values)).raise_if_broken()
    holds(logspace.log_mean, values, exact(values, len(values))).raise_if_broken()
    on_both(logspace.log_sum, np.array(values))


@quick
@given(vectors, st.data())
def test_log_sum_but_one(values, data):
    out = data.draw(st.integers(0, len(values) - 1))
    rest = values[:out] + values[out + 1 :]
    found = on_both(logspace.log_sum_but_one, np.array(values), out)
    compare("log-sum to 800 digits", exact(rest), found, rounding(size(values))).raise_if_broken()


@quick
@given(finite, finite)
def test_log_add_and_subtract(a, b):
    found = on_both(logspace.log_add, a, b)
    compare("sum", exact([a, b]), found, rounding(size([a, b]))).raise_if_broken()
    high, low = max(a, b), min(a, b)
    if high - low > 1e-3:
        with mpmath.workdps(800):
            want = float(mpmath.log(mpmath.exp(mpmath.mpf(high)) - mpmath.exp(mpmath.mpf(low))))
        # the difference high - low is rounded, and log(1 - e^-d) magnifies that by d / (e^d - 1) <= 1
        found = on_both(logspace.log_subtract, high, low)
        compare("difference", want, found, rounding(size([a, b]) + abs(want))).raise_if_broken()


@quick
@given(vectors)
def test_softmax_is_the_gradient_of_log_sum(values):
    weights, again = np.zeros(len(values)), np.zeros(len(values))
    with np.errstate(all="ignore"):
        total = logspace.softmax(np.array(values), weights)
    assert bits(total) == bits(logspace.log_sum(np.array(values)))
    compiled(logspace.softmax)(np.array(values), again)
    np.testing.assert_array_equal(weights, again)
    if total == -INF:
        assert np.isnan(weights).all()
        return
    want = np.array([math.exp(v - exact(values)) if v != -INF else 0.0 for v in values])
    # an exponent v is known to u |v|, which is the relative error of e^v
    compare("softmax", want, weights, rounding(want * size(values) + 1e-300, 16.0)).raise_if_broken()


@pytest.mark.parametrize(
    ("values", "want"),
    [([], -INF), ([-INF], -INF), ([INF, 1.0], INF), ([NAN, INF], NAN), ([1.0, NAN], NAN), ([0.0], 0.0), ([-INF, 2.0], 2.0)],
)  # fmt: skip
def test_edges(values, want):
    assert bits(on_both(logspace.log_sum, np.array(values, dtype=float))) == bits(want)
    assert bits(on_both(logspace.largest, np.array(values, dtype=float))) == bits(want)


def test_edges_of_two():
    for a in (0.0, -INF, INF, NAN, 1.0, -1000.0, 1000.0):
        for b in (0.0, -INF, INF, NAN, 1.0, -1000.0, 1000.0):
            found = on_both(logspace.log_add, a, b)
            on_both(logspace.log_subtract, a, b)
            with np.errstate(all="ignore"):
                want = np.logaddexp(a, b)
            assert (math.isnan(found) and math.isnan(want)) or found == pytest.approx(want, rel=1e-15)


def test_softmax_may_write_over_its_argument():
    values = np.array([0.5, -1.25, 2.0])
    apart = np.zeros(3)
    logspace.softmax(values, apart)
    logspace.softmax(values, values)
    np.testing.assert_array_equal(values, apart)


MUTANTS = {
    "no shift": lambda v: math.log(sum(math.exp(x) for x in v)),
    "sign": lambda v: -logspace.log_sum(v),
    "mean for sum": logspace.log_mean,
    "first term dropped": lambda v: logspace.log_sum_but_one(v, 0),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected(mutant):
    """Without the shift small terms vanish; the others miss a sign, a factor and a term."""
    values = [-744.5, -745.0, -743.25]
    broken = holds(MUTANTS[mutant], values, exact(values))
    assert not broken.holds
    assert "log_sum: expected -742.871" in broken.message
