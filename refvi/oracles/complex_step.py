"""Derivatives by a complex step: exact to rounding where a function is analytic, silently wrong where it is not.

So it is a guarded tool: the functions that are used must be named from a list that is known to be analytic, and the
answer must agree with differences. Not here: functions with abs, maximum, norms, comparisons or casts, whose complex
step is zero or nonsense.
"""

import math

from refvi.oracles.differences import EVERYWHERE, Difference, derivative

STEP = 1e-20
ARITHMETIC = {"add", "subtract", "multiply", "divide", "power", "sqrt"}
TRANSCENDENTAL = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh"}
SPECIAL = {"erf", "loggamma", "digamma", "log_ndtr", "logsumexp", "det", "solve", "inv"}
SAFE = frozenset(ARITHMETIC | TRANSCENDENTAL | SPECIAL)


def complex_step(function, x, uses, *, domain=EVERYWHERE, scale=1.0):
    """Derivative of an analytic function of one number.

    Formula     f'(x) = Im f(x + i h) / h, h = 1e-20: no subtraction, no cancellation
    Domain      `uses`: the names of the operations in f, all of them in SAFE; ValueError otherwise, or where the
                differences deny the answer by more than 1e-3 of it and their own error
    Source      Squire and Trapp 1998, SIAM Rev. 40, Eq 5
    Checked by  tests/oracles/test_complex_step.py
    """
    unsafe = sorted(set(uses) - SAFE)
    if unsafe:
        raise ValueError(f"the complex step needs analytic operations, got {', '.join(unsafe)}")
    value = complex(function(complex(float(x), STEP))).imag / STEP
    guard = derivative(lambda t: complex(function(complex(t, 0.0))).real, x, domain=domain, scale=scale)
    if not math.isfinite(value) or abs(value - guard.value) > 1e-3 * abs(guard.value) + 4.0 * guard.error:
        raise ValueError(
            f"the complex step gives {value:.9g}, differences {guard.value:.9g} ± {guard.error:.3g}: "
            "the function is not analytic here"
        )
    return Difference(value, 4.0 * 2.0**-53 * abs(value), STEP, 1 + guard.evaluations)
