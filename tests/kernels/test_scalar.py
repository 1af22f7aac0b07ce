"""Guarded functions: the same bits from Python and compiled code, right at the edges and against 40 digits."""

import math

import mpmath
import numpy as np
import pytest

from refvi.kernels import scalar
from refvi.laws.compare import compare, rounding
from tests.kernels.both import bits, on_both

INF, NAN = math.inf, math.nan
EDGES = [
    0.0,
    -0.0,
    -1.0,
    1.0,
    INF,
    -INF,
    NAN,
    1000.0,
    -1000.0,
    5e-324,
    -5e-324,
    2.2e-308,
    1e308,
    -1e308,
    0.5,
    709.9,
    -745.2,
]
ONE = [
    scalar.log, scalar.exp, scalar.log1p, scalar.expm1, scalar.sqrt, scalar.sigmoid, scalar.softplus, scalar.log_sigmoid,
    scalar.log1mexp, scalar.logit, scalar.truncate,
]  # fmt: skip
TWO = [scalar.divide, scalar.larger, scalar.smaller, scalar.xlogy]


@pytest.mark.parametrize("kernel", ONE, ids=lambda k: k.__name__)
def test_python_and_compiled_agree(kernel):
    rng = np.random.default_rng(1)
    for x in [*EDGES, *(rng.normal(size=2000) * 10.0 ** rng.uniform(-12, 3, 2000))]:
        on_both(kernel, float(x))


@pytest.mark.parametrize("kernel", TWO, ids=lambda k: k.__name__)
def test_python_and_compiled_agree_on_pairs(kernel):
    for a in EDGES:
        for b in EDGES:
            on_both(kernel, a, b)


@pytest.mark.parametrize(
    ("found", "want"),
    [
        (scalar.log(0.0), -INF), (scalar.log(-1.0), NAN), (scalar.log(INF), INF), (scalar.log(NAN), NAN),
        (scalar.exp(1000.0), INF), (scalar.exp(-1000.0), 0.0), (scalar.exp(-INF), 0.0), (scalar.exp(NAN), NAN),
        (scalar.exp(709.782712893384), math.exp(709.782712893384)),
        (scalar.log1p(-1.0), -INF), (scalar.log1p(-2.0), NAN), (scalar.log1p(5e-324), 5e-324),
        (scalar.expm1(1000.0), INF), (scalar.expm1(-INF), -1.0), (scalar.sqrt(-1.0), NAN), (scalar.sqrt(INF), INF),
        (scalar.divide(1.0, 0.0), INF), (scalar.divide(1.0, -0.0), -INF), (scalar.divide(-INF, 0.0), -INF),
        (scalar.divide(0.0, 0.0), NAN), (scalar.divide(NAN, 0.0), NAN), (scalar.divide(3.0, 2.0), 1.5),
        (scalar.larger(NAN, 1.0), NAN), (scalar.larger(1.0, NAN), NAN), (scalar.larger(-INF, 1.0), 1.0),
        (scalar.smaller(NAN, 1.0), NAN), (scalar.smaller(1.0, NAN), NAN), (scalar.smaller(-INF, 1.0), -INF),
        (scalar.xlogy(0.0, 0.0), 0.0), (scalar.xlogy(0.0, INF), 0.0), (scalar.xlogy(0.0, NAN), NAN),
        (scalar.xlogy(1.0, 0.0), -INF), (scalar.xlogy(2.0, 1.0), 0.0),
        (scalar.sigmoid(INF), 1.0), (scalar.sigmoid(-INF), 0.0), (scalar.sigmoid(0.0), 0.5),
        (scalar.softplus(INF), INF), (scalar.softplus(-INF), 0.0), (scalar.softplus(-1000.0), 0.0),
        (scalar.log_sigmoid(-1000.0), -1000.0), (scalar.log_sigmoid(-INF), -INF),
        (scalar.log1mexp(0.0), -INF), (scalar.log1mexp(1.0), NAN), (scalar.log1mexp(-INF), -0.0),
        (scalar.logit(0.0), -INF), (scalar.logit(1.0), INF), (scalar.logit(0.5), 0.0),
        (scalar.truncate(-2.75), -2.0), (scalar.truncate(1e300), 1e300), (scalar.truncate(-INF), -INF),
    ],
)  # fmt: skip
def test_edges(found, want):
    assert bits(found) == bits(want)


def wide(low, high):
    """Points of a range, denser around 0."""
    return np.concatenate([np.linspace(low, high, 101), -np.logspace(-15, 0, 30), np.logspace(-15, 0, 30)])


ROUTES = {
    "sigmoid": (scalar.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), -700, 700),
    "softplus": (scalar.softplus, lambda x: mpmath.log1p(mpmath.exp(x)), -700, 700),
    "log_sigmoid": (scalar.log_sigmoid, lambda x: -mpmath.log1p(mpmath.exp(-x)), -700, 700),
    "log1mexp": (lambda x: scalar.log1mexp(-abs(x)), lambda x: mpmath.log(1 - mpmath.exp(-abs(x))), -40, 40),
}


def outcome(name, kernel):
    _, oracle, low, high = ROUTES[name]
    points = [float(x) for x in wide(low, high) if x != 0.0]
    with mpmath.workdps(60):
        want = np.array([float(oracle(mpmath.mpf(x))) for x in points])
    found = np.array([kernel(x) for x in points])
    return compare("value to 40 digits", want, found, rounding(np.abs(want)), name)


@pytest.mark.parametrize("name", ROUTES)
def test_relative_precision(name):
    outcome(name, ROUTES[name][0]).raise_if_broken()


MUTANTS = {
    "sign": ("sigmoid", lambda x: scalar.sigmoid(-x)),
    "naive softplus": ("softplus", lambda x: scalar.log(1.0 + scalar.exp(x))),
    "missing tail": ("softplus", lambda x: x if x > 0.0 else scalar.exp(x)),
    "sign of log_sigmoid": ("log_sigmoid", lambda x: scalar.softplus(-x)),
    "naive log1mexp": ("log1mexp", lambda x: scalar.log(1.0 - scalar.exp(-abs(x)))),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_rejected(mutant):
    name, kernel = MUTANTS[mutant]
    broken = outcome(name, kernel)
    assert not broken.holds
    assert name in broken.message
    assert "8·u·S" in broken.message


def test_constants():
    with mpmath.workdps(40):
        assert float(mpmath.log(2)) == scalar.LOG_2
        assert float(mpmath.log(mpmath.pi)) == scalar.LOG_PI
        assert float(mpmath.log(2 * mpmath.pi)) == scalar.LOG_2_PI
        assert float(mpmath.log(2 * mpmath.pi) / 2) == scalar.HALF_LOG_2_PI
    assert scalar.exp(scalar.LARGEST_EXPONENT) < INF
    assert float(mpmath.log(mpmath.mpf(2) ** 1024)) >= scalar.LARGEST_EXPONENT
