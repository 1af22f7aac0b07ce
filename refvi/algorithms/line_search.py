"""Backtracking line search along a gradient, upwards.

Source      Armijo 1966, "Minimization of functions having Lipschitz continuous first partial derivatives";
            Nocedal and Wright 2006, Numerical Optimization, algorithm 3.1
Checked by  tests/algorithms/test_em.py
"""

import math

from refvi.algorithms import trees
from refvi.errors import UsageError

FRACTION = 0.25  # of the rise that the slope promises, what a step must reach
HALVINGS = 60


def armijo(value, theta, here, gradient, *, first=1.0):
    """The first of theta + first · 2^-i · gradient whose value is at least here + ¼ of the promised rise.

    value  theta -> (); a `UsageError` of it (outside the domain) or NaN counts as too far
    Where no step rises above rounding, theta itself comes back.
    """
    slope = trees.dot(gradient, gradient)
    step = first
    for _ in range(HALVINGS):
        candidate = trees.add(theta, step, gradient)
        try:
            found = value(candidate)
        except UsageError:
            found = math.nan
        if found >= here + FRACTION * step * slope:
            return candidate
        step *= 0.5
    return theta
