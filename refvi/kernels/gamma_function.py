"""log Gamma and its first two derivatives, the same on every target.

Python and the C library round `lgamma` differently (60 % of random arguments), and neither has its derivatives. Here all
three come from one table: around 2 the Taylor series, whose coefficients are zeta(k) - 1; from 10 on Stirling's series; in
between the recurrence. Not here: negative arguments.

Source      Abramowitz and Stegun 1964, eqs. 6.1.33, 6.1.40, 6.3.14, 6.3.18, 6.4.12; the recurrences 6.1.15, 6.3.5, 6.4.6
Checked by  tests/kernels/test_gamma_function.py
"""

import math

from refvi.kernels.portable import portable
from refvi.kernels.scalar import HALF_LOG_2_PI

# zeta(k) - 1 for k = 2, ..., 30
ZETA_MINUS_1 = (
    0.6449340668482264,
    0.2020569031595943,
    0.08232323371113819,
    0.03692775514336993,
    0.01734306198444914,
    0.008349277381922827,
    0.00407735619794434,
    0.0020083928260822143,
    0.0009945751278180853,
    0.0004941886041194645,
    0.0002460865533080483,
    0.00012271334757848915,
    6.124813505870483e-05,
    3.058823630702049e-05,
    1.528225940865187e-05,
    7.637197637899763e-06,
    3.81729326499984e-06,
    1.908212716553939e-06,
    9.539620338727962e-07,
    4.769329867878064e-07,
    2.38450502727733e-07,
    1.1921992596531106e-07,
    5.960818905125948e-08,
    2.980350351465228e-08,
    1.4901554828365043e-08,
    7.45071178983543e-09,
    3.725334024788457e-09,
    1.862659723513049e-09,
    9.313274324196682e-10,
)
# Bernoulli numbers B_2, B_4, ..., B_20
BERNOULLI = (
    0.16666666666666666,
    -0.03333333333333333,
    0.023809523809523808,
    -0.03333333333333333,
    0.07575757575757576,
    -0.2531135531135531,
    1.1666666666666667,
    -7.092156862745098,
    54.971177944862156,
    -529.1242424242424,
)
ONE_MINUS_EULER = 0.42278433509846713
LARGE = 10.0


@portable
def log_gamma(x):
    """Logarithm of the Gamma function.

    Formula     log Gamma(x);  log (n - 1)! at a whole number n
    Gradient    digamma(x)
    Shapes      x () -> ()
    Domain      x > 0; inf at 0, NaN below
    Stability   relative precision at the zeros 1 and 2 too: x - 1 and x - 2 enter exactly
    """
    if not 0.0 < x < math.inf:
        return math.inf if x == 0.0 or x == math.inf else math.nan
    if x < 0.5:
        return _log_gamma_of_2_plus(x) - math.log(x) - math.log1p(x)
    if x < 1.5:
        return _log_gamma_of_2_plus(x - 1.0) - math.log(x)
    if x >= LARGE:
        return (x - 0.5) * (math.log(x) - 1.0) - 0.5 + HALF_LOG_2_PI + _stirling(x)
    product = 1.0
    while x >= 2.5:
        x -= 1.0
        product *= x
    return math.log(product) + _log_gamma_of_2_plus(x - 2.0)


@portable
def digamma(x):
    """First derivative of log Gamma.

    Formula     psi(x) = d log Gamma(x) / dx
    Gradient    trigamma(x)
    Shapes      x () -> ()
    Domain      x > 0; -inf at 0, NaN below
    """
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0.0 else (math.inf if x == math.inf else math.nan)
    shift = 0.0
    while x < 1.5:
        shift -= 1.0 / x
        x += 1.0
    if x >= LARGE:
        square, tail = 1.0 / (x * x), 0.0
        for k in range(10, 0, -1):
            tail = (tail + BERNOULLI[k - 1] / (2.0 * k)) * square
        return math.log(x) - 0.5 / x - tail
    while x >= 2.5:
        x -= 1.0
        shift += 1.0 / x
    t, series = x - 2.0, 0.0
    for k in range(30, 1, -1):
        series = ZETA_MINUS_1[k - 2] * (1.0 if k % 2 == 0 else -1.0) + t * series
    return shift + (ONE_MINUS_EULER + t * series)


@portable
def trigamma(x):
    """Second derivative of log Gamma.

    Formula     psi'(x) = d^2 log Gamma(x) / dx^2
    Shapes      x () -> ()
    Domain      x > 0; inf at 0, NaN below
    """
    if not 0.0 < x < math.inf:
        return math.inf if x == 0.0 else (0.0 if x == math.inf else math.nan)
    shift = 0.0
    while x < 1.5:
        shift += 1.0 / x / x
        x += 1.0
    if x >= LARGE:
        square, tail = 1.0 / (x * x), 0.0
        for k in range(10, 0, -1):
            tail = (tail + BERNOULLI[k - 1]) * square
        return shift + (1.0 + 0.5 / x + tail) / x
    while x >= 2.5:
        x -= 1.0
        shift -= 1.0 / x / x
    t, series = x - 2.0, 0.0
    for k in range(30, 1, -1):
        series = (k - 1.0) * ZETA_MINUS_1[k - 2] * (1.0 if k % 2 == 0 else -1.0) + t * series
    return shift + series


@portable
def _log_gamma_of_2_plus(t):
    """Taylor series of log Gamma around 2 for |t| <= 1/2. Shapes: t () -> ()."""
    series = 0.0
    for k in range(30, 1, -1):
        series = ZETA_MINUS_1[k - 2] / k * (1.0 if k % 2 == 0 else -1.0) + t * series
    return t * (ONE_MINUS_EULER + t * series)


@portable
def _stirling(x):
    """What Stirling's formula leaves out, for x >= 10. Shapes: x () -> ()."""
    square, series = 1.0 / (x * x), 0.0
    for k in range(10, 0, -1):
        series = series * square + BERNOULLI[k - 1] / (2.0 * k * (2.0 * k - 1.0))
    return series / x
