"""Elementary and special functions by long arithmetic of the standard library: decimals, fractions and factorials.

Nothing here calls the C library's exp, log or lgamma. Values are right to all digits of a float.

Checked by  tests/oracles/test_special.py
"""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

DIGITS = 400
EULER = Fraction("0.57721566490153286060651209008240243104215933593992")
PI = Decimal("3.1415926535897932384626433832795028841971693993751")


def _decimal(function, *values):
    """function of decimals, evaluated with 400 digits and rounded once."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = DIGITS, 10**9, -(10**9)
        return float(function(*(Decimal(float(v)) for v in values)))


def softplus(x):
    """log(1 + e^x)."""
    return _decimal(lambda d: (1 + d.exp()).ln(), x)


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return _decimal(lambda d: 1 / (1 + (-d).exp()), x)


def log1mexp(x):
    """log(1 - e^x) for x < 0."""
    return _decimal(lambda d: (1 - d.exp()).ln(), x)


def log_sum(log_values):
    """Log of a sum of exponentials; entries that are -inf are absent."""
    finite = [v for v in log_values if v != -math.inf]
    return _decimal(lambda *d: sum(v.exp() for v in d).ln(), *finite) if finite else -math.inf


def log_gamma_of_half(twice):
    """log Gamma(n / 2) for a whole n >= 1: a logarithm of factorials, and of sqrt(pi) for odd n."""
    n = twice // 2
    if twice % 2 == 0:
        return _decimal(lambda: Decimal(math.factorial(n - 1)).ln())
    gamma = Fraction(math.factorial(2 * n), 4**n * math.factorial(n))
    return _decimal(lambda: (Decimal(gamma.numerator) / Decimal(gamma.denominator)).ln() + PI.ln() / 2)


def digamma_of_whole(n):
    """psi(n) = 1 + 1/2 + ... + 1/(n-1) - Euler's constant."""
    return float(sum((Fraction(1, k) for k in range(1, n)), Fraction(0)) - EULER)
