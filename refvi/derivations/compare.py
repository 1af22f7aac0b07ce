"""Two sides of a relation, judged: how far off, against how far off they may be.

Not here: which sides, and what follows; that is `chain` for derivations and `verdict` for claims.
"""

from typing import NamedTuple

import numpy as np

from refvi.derivations.numbers import computed, number
from refvi.errors import UsageError

EQUAL, AT_MOST, AT_LEAST, LIMIT, UNEQUAL = "=", "<=", ">=", "->", "!="
RELATIONS = (EQUAL, AT_MOST, AT_LEAST, LIMIT)
SPELLED = {"≤": AT_MOST, "≥": AT_LEAST, "→": LIMIT, "≠": UNEQUAL}
COARSEST = 1e-4  # a tolerance above this part of the numbers decides nothing


class Comparison(NamedTuple):
    """How two sides compare.

    holds      the relation is true within the tolerance
    off        by how much it is violated, the worst entry
    tolerance  8·u·S + the errors of the methods, at that entry
    """

    holds: bool
    off: float
    tolerance: float

    @property
    def decided(self):
        """False where the tolerance is too coarse for any verdict."""
        return self.off == self.off

    @property
    def worst(self):
        """Violation over tolerance; at most 1 where the relation holds."""
        if self.off <= 0.0:
            return 0.0
        if not self.decided:
            return float("inf")
        return self.off / self.tolerance if self.tolerance > 0.0 else float("inf")


def compare(relation, left, right, extra=0.0):
    """Judge `left relation right`; `extra` is a quadrature error that both sides do not know of."""
    left, right = computed(left), computed(right)
    difference = left.value - right.value
    tolerance = left.tolerance + right.tolerance + extra
    off = {
        EQUAL: np.abs(difference),
        AT_MOST: difference,
        AT_LEAST: -difference,
        UNEQUAL: np.abs(difference),
    }[relation]
    off, tolerance = np.broadcast_arrays(off, tolerance)
    size = np.maximum(np.abs(left.value), np.abs(right.value))
    if not np.all(np.isfinite(off)):
        return Comparison(False, float("inf"), 0.0)
    if not np.all(tolerance <= COARSEST * (1.0 + size)):
        return Comparison(False, float("nan"), float(np.max(tolerance)))
    if relation == UNEQUAL:
        return _unequal(off, tolerance)
    ratio = np.where(
        tolerance > 0, off / np.where(tolerance > 0, tolerance, 1.0), np.where(off > 0, np.inf, 0.0)
    )
    at = np.unravel_index(np.argmax(ratio), ratio.shape)
    return Comparison(bool(ratio[at] <= 1.0), float(off[at]), float(tolerance[at]))


def _unequal(off, tolerance):
    """Different means: some entry is further off than any rounding explains (a thousand tolerances)."""
    apart = bool(np.any(off > 1000.0 * tolerance))
    return Comparison(apart, 0.0 if apart else float(np.max(off)), float(np.max(tolerance)))


def converges(sequence, limit, along, order):
    """Judge `sequence -> limit` on three indices that double, e.g. k = 16, 32, 64.

    Formula     x_k = s_k + (s_k - s_{k/2}) / (2^order - 1), which removes the term of the stated order;
                holds: |x_last - limit| <= |x_before - limit| / 3: what is left falls like a higher power (1/4 or
                less at a doubling), while it would fall by half at most for a wrong order, not at all for a wrong limit
    """
    values, steps = number(sequence), np.asarray(along, dtype=np.float64)
    if values.shape != (3,) or not np.array_equal(steps[1:], 2 * steps[:-1]):
        raise UsageError(f"a limit needs three values whose index doubles, got {values.shape} along {along}")
    noise = float(np.max(values.tolerance)) * 3.0 + float(number(limit).tolerance)
    s = values.value
    left = np.abs(s[1:] + (s[1:] - s[:-1]) / (2.0**order - 1.0) - number(limit).value)
    tolerance = float(left[0]) / 3.0 + noise
    return Comparison(bool(left[1] <= tolerance), float(left[1]), tolerance)
