"""Gradients by differences as Numbers: the oracle's value, and its own error estimate.

Not here: gradients by hand; those are formulas and belong to the models.
"""

import numpy as np

from refvi.derivations.numbers import approximate
from refvi.oracles.differences import derivative

SAFETY = 4.0  # the estimate of the oracle's error may be this much too small


def slope(function, point, magnitude=0.0):
    """Gradient of a scalar function of a tuple of numbers, coordinate by coordinate."""
    point = np.asarray(point, dtype=np.float64)
    found = []
    for index in range(len(point)):

        def along(moved, index=index):
            shifted = point.copy()
            shifted[index] = moved
            return float(function(shifted))

        found.append(derivative(along, point[index], magnitude=magnitude))
    return approximate([d.value for d in found], [SAFETY * d.error for d in found])
