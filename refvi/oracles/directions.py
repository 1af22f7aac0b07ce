"""A gradient seen along directions: Taylor slopes, kinks, and directions that hide nothing.

The Taylor test needs no tolerance: with the right gradient the remainder falls like h², otherwise like h.
Not here: derivatives coordinate by coordinate (`differences`).
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from refvi.oracles.differences import FAILS, HOLDS, INCONCLUSIVE, UNIT_ROUNDOFF, Difference, derivative
from refvi.oracles.trees import ravel

FORWARD = ((0, -25 / 12), (1, 4.0), (2, -3.0), (3, 4 / 3), (4, -1 / 4))


class Taylor(NamedTuple):
    """A Taylor test.

    verdict     HOLDS, FAILS or INCONCLUSIVE
    slopes      log2 R(h) / R(h/2) for the steps whose remainders rise above rounding
    remainders  R(h) = |f(x + h d) - f(x) - h <g, d>|
    """

    verdict: str
    slopes: list
    remainders: list


def generic_directions(width, count=3, seed=0):
    """Directions (count, width) with mixed signs and scales, no entry small, in short decimals."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.25, 1.5, (count, width))
    return np.round(size * rng.choice([-1.0, 1.0], (count, width)), 3)


def along(function, inputs, direction):
    """The function of one number t: function(inputs + t direction); integer leaves stay."""
    vector, rebuild, _ = ravel(inputs, floating=True)
    direction = np.asarray(direction, dtype=np.float64)
    return lambda t: function(rebuild(vector + t * direction))


def directional(function, inputs, direction, **options) -> Difference:
    """Directional derivative by differences, with its error estimate."""
    return derivative(along(function, inputs, direction), 0.0, **options)


def taylor_slope(function, inputs, slope, direction, *, magnitude=None, start=0.01, halvings=12):
    """Judge a claimed directional derivative `slope` by how fast the Taylor remainder falls.

    Formula     R(h) = |f(x + h d) - f(x) - h slope|, h halved from `start`; only R(h) > 30 u S counts;
                holds: the last three slopes are all >= 1.8, or no remainder rises above rounding;
                fails: the last three are all <= 1.2;  inconclusive: anything else
    Domain      `magnitude`: S, the sum of the absolute terms of f; |f(x)| where none is given
    Source      Farrell et al. 2013, SIAM J. Sci. Comput. 35, section 4.1 (taylor_test)
    Checked by  tests/oracles/test_directions.py
    """
    line = along(function, inputs, direction)
    here = float(line(0.0))
    floor = 30.0 * UNIT_ROUNDOFF * (abs(here) if magnitude is None else magnitude)
    steps = [start / 2.0**i for i in range(halvings)]
    remainders = [abs(float(line(h)) - here - h * slope) for h in steps]
    if not all(math.isfinite(r) for r in remainders):
        return Taylor(INCONCLUSIVE, [], remainders)
    usable = [r for r in remainders if r > floor]
    if not usable:
        return Taylor(HOLDS, [], remainders)
    usable = remainders[: next((i for i, r in enumerate(remainders) if r <= floor), halvings)]
    slopes = [math.log2(big / small) for big, small in itertools.pairwise(usable)]
    last = slopes[-3:]
    if len(last) == 3 and min(last) >= 1.8:
        return Taylor(HOLDS, slopes, remainders)
    if len(last) == 3 and max(last) <= 1.2:
        return Taylor(FAILS, slopes, remainders)
    return Taylor(INCONCLUSIVE, slopes, remainders)


def kink(function, x, *, step=2.0**-10, magnitude=0.0):
    """True where the slopes from the two sides differ at two steps, and not because of rounding.

    Formula     J(h) = D+(h) - D-(h), one-sided five-point slopes: O(h^4) where f is smooth;
                a kink: |J| above rounding at h and h/8, and |J(h/8)| > |J(h)| / 2
    Checked by  tests/oracles/test_directions.py
    """

    def jump(h):
        right = [float(function(x + g * h)) for g, _ in FORWARD]
        left = [float(function(x - g * h)) for g, _ in FORWARD]
        size = max(magnitude, *(abs(v) for v in right + left))
        noise = UNIT_ROUNDOFF * (8.0 * size + abs(x) * abs(right[1] - left[1]) / h) * 11.0 / h
        pairs = zip(FORWARD, right, left, strict=True)
        return abs(math.fsum(c * (a + b) for (_, c), a, b in pairs)) / h, noise

    (wide, wide_noise), (narrow, narrow_noise) = jump(step), jump(step / 8.0)
    return wide > 10.0 * wide_noise and narrow > 10.0 * narrow_noise and narrow > 0.5 * wide
