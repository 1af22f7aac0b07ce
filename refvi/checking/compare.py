"""Elementwise comparison in units of the tolerance c·u·S."""

from typing import NamedTuple

import numpy as np

C = 8.0
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}
TINY = {2.0**-53: 2.0**-1022, 2.0**-24: 2.0**-126, 2.0**-8: 2.0**-126, 2.0**-11: 2.0**-24}  # smallest numbers
MODERATE = 2.0**10  # what underflowed may still be multiplied with before it is returned


class Difference(NamedTuple):
    """The worst entry of one quantity.

    ratio  |got - want| / tolerance, elementwise maximum; inf where one side is NaN or infinite and the other is not
    at     where
    got, want, tolerance, size  at that entry
    """

    ratio: float
    at: tuple
    got: float
    want: float
    tolerance: float
    size: float


def tolerance(reference, unit=UNIT["float64"]):
    """C u (S + |value|), elementwise, and room for what underflows on the way; never zero."""
    return C * unit * (reference.size + np.abs(reference.value)) + MODERATE * TINY[unit]


def compare(got, reference, unit=UNIT["float64"]):
    """Worst difference of an array from a `Sized` reference of the same shape."""
    want, tol = reference.value, tolerance(reference, unit)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.abs(got - want) / tol
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    ratio = np.where(same, 0.0, np.where(np.isfinite(ratio), ratio, np.inf))
    if ratio.size == 0:
        return Difference(0.0, (), 0.0, 0.0, MODERATE * TINY[unit], 0.0)
    index = np.unravel_index(int(ratio.argmax()), ratio.shape)
    return Difference(
        float(ratio[index]),
        tuple(int(i) for i in index),
        float(got[index]),
        float(want[index]),
        float(tol[index]),
        float(reference.size[index] + np.abs(want[index])),
    )


def agrees(got, reference, unit=UNIT["float64"]):
    """True when shapes are equal and no entry differs by more than its tolerance."""
    return np.shape(got) == reference.shape and compare(got, reference, unit).ratio <= 1.0
