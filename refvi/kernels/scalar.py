"""Guarded elementary functions: the same answer from Python and from compiled code, also at the edges.

`math.log(0.0)`, `math.exp(1000.0)` and `1.0 / 0.0` raise in Python and return an infinity or NaN when compiled.
Here both return what IEEE 754 says. All are on float64; NaN in gives NaN out unless a line says otherwise.

Not here: `math.lgamma`. Python carries its own and Numba calls the C library's, which differ in the last bits
(60 % of random arguments; `log_gamma` in `kernels/gamma_function.py` is the portable one).
`math.sqrt(x >= 0)`, `math.fabs`, `math.erf`, `math.erfc`, `math.tanh`, `math.atan` agree bit for bit and never raise:
call them directly. `math.floor` returns an integer and raises at inf and NaN: `truncate` does neither.

Source      IEEE Std 754-2019, sections 6, 7 and 9.2, for the values at the edges
Checked by  tests/kernels/test_scalar.py
"""

import math

from refvi.kernels.portable import portable

LOG_2 = 0.6931471805599453
LOG_PI = 1.1447298858494002
LOG_2_PI = 1.8378770664093456
HALF_LOG_2_PI = 0.9189385332046728
LARGEST_EXPONENT = 709.782712893384
LARGEST_FRACTIONAL = 4503599627370496.0


@portable
def log(x):
    """Natural logarithm.

    Formula     log x;  log 0 = -inf,  log x = NaN for x < 0
    Shapes      x () -> ()
    Domain      all floats
    """
    if x > 0.0:
        return math.log(x)
    if x == 0.0:
        return -math.inf
    return math.nan


@portable
def exp(x):
    """Exponential.

    Formula     e^x;  inf where e^x exceeds the largest float (x > 709.78)
    Shapes      x () -> ()
    Domain      all floats
    """
    if x > LARGEST_EXPONENT:
        return math.inf
    return math.exp(x)


@portable
def log1p(x):
    """Logarithm of 1 + x without cancellation near 0.

    Formula     log(1 + x);  -inf at -1, NaN below
    Shapes      x () -> ()
    Domain      all floats
    """
    if x > -1.0:
        return math.log1p(x)
    if x == -1.0:
        return -math.inf
    return math.nan


@portable
def expm1(x):
    """Exponential minus 1 without cancellation near 0.

    Formula     e^x - 1;  inf where it exceeds the largest float
    Shapes      x () -> ()
    Domain      all floats
    """
    if x > LARGEST_EXPONENT:
        return math.inf
    return math.expm1(x)


@portable
def sqrt(x):
    """Square root.

    Formula     sqrt x;  NaN for x < 0
    Shapes      x () -> ()
    Domain      all floats
    """
    if x >= 0.0:
        return math.sqrt(x)
    return math.nan


@portable
def divide(numerator, denominator):
    """Quotient as IEEE 754 has it.

    Formula     a / b;  a / 0 = inf with the sign of a and of the zero,  0 / 0 = NaN
    Shapes      numerator (), denominator () -> ()
    Domain      all floats
    """
    if denominator != 0.0:
        return numerator / denominator
    if numerator == 0.0 or numerator != numerator:
        return math.nan
    return math.copysign(math.inf, numerator) * math.copysign(1.0, denominator)


@portable
def larger(a, b):
    """The larger of two numbers; NaN if either is NaN (CUDA's `max` would drop it).

    Formula     max(a, b)
    Shapes      a (), b () -> ()
    Domain      all floats
    """
    return a if a > b or a != a else b


@portable
def smaller(a, b):
    """The smaller of two numbers; NaN if either is NaN (CUDA's `min` would drop it).

    Formula     min(a, b)
    Shapes      a (), b () -> ()
    Domain      all floats
    """
    return a if a < b or a != a else b


@portable
def xlogy(x, y):
    """A weight times a logarithm, with weight zero winning.

    Formula     x log y;  0 for x = 0 and any y that is not NaN
    Shapes      x (), y () -> ()
    Domain      y >= 0, else NaN where x != 0
    """
    if x == 0.0 and y == y:
        return 0.0
    return x * log(y)


@portable
def sigmoid(x):
    """Logistic function.

    Formula     1 / (1 + e^-x);  its derivative is sigmoid(x) sigmoid(-x)
    Shapes      x () -> ()
    Domain      all floats
    Stability   only e^-|x| is formed; relative precision in both tails
    """
    small = math.exp(-math.fabs(x))
    if x >= 0.0:
        return 1.0 / (1.0 + small)
    return small / (1.0 + small)


@portable
def softplus(x):
    """Smooth positive part.

    Formula     log(1 + e^x);  its derivative is sigmoid(x)
    Shapes      x () -> ()
    Domain      all floats
    Stability   max(x, 0) + log1p(e^-|x|); relative precision in both tails
    """
    tail = math.log1p(math.exp(-math.fabs(x)))
    if x > 0.0:
        return x + tail
    return tail


@portable
def log_sigmoid(x):
    """Logarithm of the logistic function.

    Formula     log sigmoid(x) = -softplus(-x);  its derivative is sigmoid(-x)
    Shapes      x () -> ()
    Domain      all floats
    """
    return -softplus(-x)


@portable
def log1mexp(x):
    """Logarithm of 1 - e^x.

    Formula     log(1 - e^x);  -inf at 0, NaN above
    Shapes      x () -> ()
    Domain      x <= 0
    Stability   log(-expm1(x)) above -log 2, log1p(-e^x) below
    Source      Mächler 2012, "Accurately computing log(1 - exp(-|a|))", eq. (7)
    """
    if x > -LOG_2:
        return log(-expm1(x))
    return math.log1p(-math.exp(x))


@portable
def logit(p):
    """Inverse of the logistic function.

    Formula     log(p / (1 - p));  -inf at 0, inf at 1
    Shapes      p () -> ()
    Domain      0 <= p <= 1, else NaN
    """
    return log(p) - log1p(-p)


@portable
def truncate(x):
    """The whole part of a number, as a float.

    Formula     sign(x) floor |x|
    Shapes      x () -> ()
    Domain      all floats; infinities and NaN stay
    """
    if math.fabs(x) < LARGEST_FRACTIONAL:
        return float(int(x))
    return x
