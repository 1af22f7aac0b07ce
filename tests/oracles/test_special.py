"""Long arithmetic against mpmath, and against known values."""

import math

import mpmath
import numpy as np
import pytest

from refvi.oracles import special

POINTS = [-700.25, -40.0, -3.5, -1e-12, -(2.0**-60), 1e-12, 0.75, 36.0, 700.5]


def nearest(value):
    """mpmath's value at 450 digits, rounded once."""
    with mpmath.workdps(450):
        return float(value())


@pytest.mark.parametrize("x", POINTS)
def test_exponentials(x):
    assert special.softplus(x) == nearest(lambda: mpmath.log(1 + mpmath.exp(mpmath.mpf(x))))
    assert special.sigmoid(x) == nearest(lambda: 1 / (1 + mpmath.exp(-mpmath.mpf(x))))
    if x < 0.0:
        assert special.log1mexp(x) == nearest(lambda: mpmath.log(1 - mpmath.exp(mpmath.mpf(x))))


def test_log_sum():
    values = [-744.0, -745.5, -math.inf, -700.25]
    want = nearest(lambda: mpmath.log(sum(mpmath.exp(mpmath.mpf(v)) for v in values if v != -math.inf)))
    assert special.log_sum(values) == want
    assert special.log_sum([]) == -math.inf
    assert special.log_sum([-math.inf]) == -math.inf
    assert special.log_sum(np.log([1.0])) == 0.0


@pytest.mark.parametrize("twice", [1, 2, 3, 4, 5, 9, 40, 401])
def test_log_gamma(twice):
    assert special.log_gamma_of_half(twice) == nearest(lambda: mpmath.loggamma(mpmath.mpf(twice) / 2))


@pytest.mark.parametrize("n", [1, 2, 3, 17, 100])
def test_digamma(n):
    assert special.digamma_of_whole(n) == nearest(lambda: mpmath.psi(0, n))
