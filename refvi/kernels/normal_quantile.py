"""Quantile of the standard normal distribution by rational functions: how uniform noise becomes normal noise.

Own coefficients instead of a library's inverse, so that every target rounds alike: below |p - 1/2| = 0.425 only sums and
products occur, in the tails one logarithm and one square root.
Not here: the distribution function itself, which is `math.erfc`.

Source      Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", routine PPND16
Checked by  tests/kernels/test_philox.py
"""

import math

from refvi.kernels.portable import portable

CENTRE = 0.425
CENTRE_SQUARED = 0.180625
TAIL_SHIFT = 1.6
FAR_TAIL = 5.0


@portable
def normal_quantile(p):
    """The number below which a standard normal falls with probability p.

    Formula     Phi^-1(p);  -inf at 0, inf at 1
    Shapes      p () -> ()
    Domain      0 <= p <= 1, else NaN
    Stability   relative error below 2e-15; the upper tail is as exact as the rounding of p allows
    """
    if not 0.0 < p < 1.0:
        return -math.inf if p == 0.0 else (math.inf if p == 1.0 else math.nan)
    q = p - 0.5
    if math.fabs(q) <= CENTRE:
        return q * _centre(CENTRE_SQUARED - q * q)
    tail = p if q < 0.0 else 1.0 - p
    r = math.sqrt(-math.log(tail))
    size = _near_tail(r - TAIL_SHIFT) if r <= FAR_TAIL else _far_tail(r - FAR_TAIL)
    return -size if q < 0.0 else size


@portable
def _centre(r):
    """Phi^-1(p) / (p - 1/2) from 0.425^2 - (p - 1/2)^2. Shapes: r () -> ()."""
    top = 2.5090809287301226727e3
    top = top * r + 3.3430575583588128105e4
    top = top * r + 6.7265770927008700853e4
    top = top * r + 4.5921953931549871457e4
    top = top * r + 1.3731693765509461125e4
    top = top * r + 1.9715909503065514427e3
    top = top * r + 1.3314166789178437745e2
    top = top * r + 3.3871328727963666080e0
    low = 5.2264952788528545610e3
    low = low * r + 2.8729085735721942674e4
    low = low * r + 3.9307895800092710610e4
    low = low * r + 2.1213794301586595867e4
    low = low * r + 5.3941960214247511077e3
    low = low * r + 6.8718700749205790830e2
    low = low * r + 4.2313330701600911252e1
    return top / (low * r + 1.0)


@portable
def _near_tail(r):
    """Size of Phi^-1(p) from sqrt(-log p) - 1.6, down to p = e^-25. Shapes: r () -> ()."""
    top = 7.74545014278341407640e-4
    top = top * r + 2.27238449892691845833e-2
    top = top * r + 2.41780725177450611770e-1
    top = top * r + 1.27045825245236838258e0
    top = top * r + 3.64784832476320460504e0
    top = top * r + 5.76949722146069140550e0
    top = top * r + 4.63033784615654529590e0
    top = top * r + 1.42343711074968357734e0
    low = 1.05075007164441684324e-9
    low = low * r + 5.47593808499534494600e-4
    low = low * r + 1.51986665636164571966e-2
    low = low * r + 1.48103976427480074590e-1
    low = low * r + 6.89767334985100004550e-1
    low = low * r + 1.67638483018380384940e0
    low = low * r + 2.05319162663775882187e0
    return top / (low * r + 1.0)


@portable
def _far_tail(r):
    """Size of Phi^-1(p) from sqrt(-log p) - 5, for p below e^-25. Shapes: r () -> ()."""
    top = 2.01033439929228813265e-7
    top = top * r + 2.71155556874348757815e-5
    top = top * r + 1.24266094738807843860e-3
    top = top * r + 2.65321895265761230930e-2
    top = top * r + 2.96560571828504891230e-1
    top = top * r + 1.78482653991729133580e0
    top = top * r + 5.46378491116411436990e0
    top = top * r + 6.65790464350110377720e0
    low = 2.04426310338993978564e-15
    low = low * r + 1.42151175831644588870e-7
    low = low * r + 1.84631831751005468180e-5
    low = low * r + 7.86869131145613259100e-4
    low = low * r + 1.48753612908506148525e-2
    low = low * r + 1.36929880922735805310e-1
    low = low * r + 5.99832206555887937690e-1
    return top / (low * r + 1.0)
