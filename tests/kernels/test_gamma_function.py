"""log Gamma and its derivatives against 40 digits; mutants; the same bits compiled."""

import math

import mpmath
import numpy as np
import pytest

from refvi.kernels import gamma_function
from refvi.kernels.gamma_function import BERNOULLI, ZETA_MINUS_1, digamma, log_gamma, trigamma
from refvi.kernels.scalar import HALF_LOG_2_PI
from refvi.laws.compare import compare, rounding
from tests.kernels.both import bits, on_both

RNG = np.random.default_rng(2)
WIDE, SMALL = 10.0 ** RNG.uniform(-8, 8, 60), RNG.uniform(0.01, 12, 200)
ZEROS = np.concatenate([1 + RNG.normal(size=20) * 1e-6, 2 + RNG.normal(size=20) * 1e-9])
POINTS = [float(x) for x in np.concatenate([WIDE, SMALL, ZEROS, [0.5, 1.5, 2.5, 10.0, 1.0, 2.0, 3.0]])]
ORACLES = {
    "log_gamma": (log_gamma, lambda x: mpmath.loggamma(x)),
    "digamma": (digamma, lambda x: mpmath.psi(0, x)),
    "trigamma": (trigamma, lambda x: mpmath.psi(1, x)),
}


def outcome(name, kernel):
    """log Gamma to relative precision; digamma to that of its terms, of which psi(x + 1) = psi(x) + 1/x has two."""
    oracle = ORACLES[name][1]
    with mpmath.workdps(40):
        want = np.array([float(oracle(mpmath.mpf(x))) for x in POINTS])
    terms = np.abs(want) if name == "log_gamma" else np.abs(want) + 1.0 / np.array(POINTS)
    return compare("value to 40 digits", want, np.array([kernel(x) for x in POINTS]), rounding(terms), name)


@pytest.mark.parametrize("name", ORACLES)
def test_value(name):
    outcome(name, ORACLES[name][0]).raise_if_broken()


@pytest.mark.parametrize("name", ORACLES)
def test_python_and_compiled_agree(name):
    for x in [*POINTS, 0.0, -1.0, math.inf, -math.inf, math.nan, 1e-310, 1e300]:
        on_both(ORACLES[name][0], x)


def test_edges():
    assert [bits(log_gamma(x)) for x in (0.0, -1.0, math.inf)] == [
        bits(math.inf),
        bits(math.nan),
        bits(math.inf),
    ]
    assert [bits(digamma(x)) for x in (0.0, -1.0, math.inf)] == [
        bits(-math.inf),
        bits(math.nan),
        bits(math.inf),
    ]
    assert [bits(trigamma(x)) for x in (0.0, -1.0, math.inf)] == [bits(math.inf), bits(math.nan), bits(0.0)]
    assert log_gamma(1.0) == log_gamma(2.0) == 0.0


def test_tables():
    with mpmath.workdps(40):
        assert tuple(float(mpmath.zeta(k) - 1) for k in range(2, 31)) == ZETA_MINUS_1
        assert tuple(float(mpmath.bernoulli(2 * k)) for k in range(1, 11)) == BERNOULLI
        assert float(1 - mpmath.euler) == gamma_function.ONE_MINUS_EULER


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("log_gamma", lambda x: -log_gamma(x)),
        ("log_gamma", lambda x: log_gamma(x + 1.0)),
        ("log_gamma", lambda x: (x - 0.5) * math.log(x) - x + HALF_LOG_2_PI),
        ("digamma", lambda x: digamma(x) + 0.5 / x),
        ("trigamma", lambda x: 0.5 * trigamma(x)),
    ],
    ids=["sign", "shifted", "Stirling's correction dropped", "term dropped", "factor"],
)
def test_mutants_are_rejected(name, mutant):
    broken = outcome(name, mutant)
    assert not broken.holds
    assert name in broken.message
