"""Derivatives by differences, each with an estimate of its own error.

Two methods that share no step choice: `derivative` (five points, step from the size of the fifth derivative,
checked against half the step) and `ridders` (extrapolation from a long step). A claim that one of them denies
and the other does not is INCONCLUSIVE, never wrong. Not here: automatic differentiation of any kind.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from refvi.oracles.trees import ravel

UNIT_ROUNDOFF = 2.0**-53
EVERYWHERE = (-math.inf, math.inf)
HOLDS, FAILS, INCONCLUSIVE = "holds", "fails", "inconclusive"

FIRST = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
FIFTH = ((-3, -0.5), (-2, 2.0), (-1, -2.5), (1, 2.5), (2, -2.0), (3, 0.5))
SIXTH = ((-3, 1.0), (-2, -6.0), (-1, 15.0), (0, -20.0), (1, 15.0), (2, -6.0), (3, 1.0))
FIRST_WEIGHT = 1.5  # sum |c| of FIRST
FIRST_REMAINDER = 1 / 18  # sum |c g^5| / 5! of FIRST
FIFTH_WEIGHT = 10.0  # sum |c| of FIFTH


class Difference(NamedTuple):
    """A derivative by differences.

    value        the derivative; nan where no step was found that resolves the function
    error        estimate of |value - derivative|; inf where nothing is known
    step         the step that was used
    evaluations  how often the function was called
    """

    value: float
    error: float
    step: float
    evaluations: int


class Gradient(NamedTuple):
    """A gradient by differences: value and error have the structure of the inputs."""

    value: Any
    error: Any
    evaluations: int


class _Probe:
    """A scalar function on the points x + g·h, every point asked for once, with its noise level."""

    def __init__(self, function, x, magnitude, rough):
        self.function, self.x, self.magnitude, self.rough = function, x, magnitude, rough
        self.known = {}

    def at(self, point):
        """Value of the function at a point."""
        if point not in self.known:
            self.known[point] = float(self.function(point))
        return self.known[point]

    def sum(self, stencil, h):
        """Sum of c f(x + g h); coefficients that cancel meet equal values, so a constant gives 0."""
        return math.fsum(c * self.at(self.x + g * h) for g, c in stencil)

    def window(self, h):
        """Values at x - 3h ... x + 3h."""
        return [self.at(self.x + g * h) for g in range(-3, 4)]

    def noise(self, values, slope):
        """Rounding of one value: of the result, of its terms, and of its argument."""
        size = max(self.magnitude, *(abs(v) for v in values))
        return max(4.0 * UNIT_ROUNDOFF * size + 2.0 * UNIT_ROUNDOFF * abs(self.x * slope), self.rough)

    def resolved(self, h):
        """True when the six neighbours predict the middle value: the step does not jump over a feature."""
        values = self.window(h)
        if not all(math.isfinite(v) for v in values):
            return False
        missed = abs(self.sum(SIXTH, h)) / 20.0
        return missed <= 1e-3 * (max(values) - min(values)) + 20.0 * self.noise(values, 0.0)

    def fifth(self, h):
        """Size of the fifth derivative on the window, and the size below which it is noise."""
        slope = self.sum(FIRST, h) / h
        noise = self.noise(self.window(h), slope) * FIFTH_WEIGHT / h**5
        return max(abs(self.sum(FIFTH, h)) / h**5, abs(self.sum(SIXTH, h)) / h**5), noise


def _power_of_two(h):
    """Largest power of two not above h, so that x + g·h is exact wherever it can be."""
    return 2.0 ** math.floor(math.log2(h))


def _window_step(probe, scale, reach):
    """Step of the seven-point window: short enough to resolve the function, long enough to beat noise."""
    h = _power_of_two(min(0.007 * scale, reach / 3.0))
    for _ in range(20):
        if probe.resolved(h):
            break
        h /= 4.0
    else:
        return None
    longest = min(0.1 * max(abs(probe.x), scale), reach) / 3.0
    size, noise = probe.fifth(h)
    while size <= 4.0 * noise and 4.0 * h <= longest and probe.resolved(4.0 * h):
        h *= 4.0
        size, noise = probe.fifth(h)
    return h


def derivative(function, x, *, scale=1.0, domain=EVERYWHERE, magnitude=0.0, noise=0.0):
    """Adaptive five-point derivative of a scalar function, with an error estimate.

    Formula     D(h) = sum_g c_g f(x + g h) / h, error(h) = eps C1 / h + M C2 h^4,
                h = (eps C1 / 4 M C2)^(1/5), M the fifth derivative from seven points;
                eps includes the rounding of x: eps >= 2u |x f'|. The error that is
                reported is the larger of error(h) and |D(h) - D(h/2)|
    Domain      x inside `domain`; points stay within a tenth of the distance to its edge; `scale`: length
                on which f may change; `magnitude`: sum of the absolute terms of f where they cancel;
                `noise`: what one value of f may be off, if more (`noise_level`)
    Source      FiniteDifferences.jl 0.12, central_fdm(5, 1); Fornberg 1988, Math. Comp. 51, table 1
    Checked by  tests/oracles/test_differences.py
    """
    x = float(x)
    probe = _Probe(function, x, magnitude, noise)
    reach = 0.1 * min(x - domain[0], domain[1] - x)
    if not (math.isfinite(x) and reach > 0.0 and math.isfinite(probe.at(x))):
        return Difference(math.nan, math.inf, 0.0, len(probe.known))
    window = _window_step(probe, scale, reach)
    if window is None:
        return Difference(math.nan, math.inf, 0.0, len(probe.known))
    size, floor = probe.fifth(window)
    size = max(size, floor)
    level = probe.noise(probe.window(window), probe.sum(FIRST, window) / window)
    if size == 0.0:  # f vanishes on the whole window: terms below 2^-100 may have cancelled
        return Difference(0.0, 2.0**-100, window, len(probe.known))
    h = (level * FIRST_WEIGHT / (4.0 * size * FIRST_REMAINDER)) ** 0.2
    h = _power_of_two(min(max(h, 1e-6 * window), 1.5 * window))
    value, halved = probe.sum(FIRST, h) / h, probe.sum(FIRST, h / 2.0) / (h / 2.0)
    error = max(level * FIRST_WEIGHT / h + size * FIRST_REMAINDER * h**4, abs(value - halved))
    if not math.isfinite(value + error):
        return Difference(math.nan, math.inf, h, len(probe.known))
    return Difference(value, error, h, len(probe.known))


def ridders(function, x, *, scale=1.0, domain=EVERYWHERE, magnitude=0.0, noise=0.0):
    """Derivative by extrapolating central differences from a long step, with an error estimate.

    Formula     A[0, j] = (f(x + h_j) - f(x - h_j)) / 2 h_j,  h_j = h_0 / 1.4^j,  h_0 = 0.1 max(|x|, scale);
                A[i, j] removes the error of order h^2i; the entry with the smallest change is kept
    Domain      as `derivative`
    Source      Ridders 1982, Adv. Eng. Software 4, section 3; Press et al. 1992, section 5.7
    Checked by  tests/oracles/test_differences.py
    """
    x = float(x)
    h = min(0.1 * max(abs(x), scale), 0.1 * min(x - domain[0], domain[1] - x))
    if not (math.isfinite(x) and h > 0.0):
        return Difference(math.nan, math.inf, 0.0, 0)
    best, previous, calls = Difference(math.nan, math.inf, 0.0, 0), [], 0
    for _ in range(26):
        above, below = x + h, x - h
        high, low = float(function(above)), float(function(below))
        calls += 2
        rounding = UNIT_ROUNDOFF * (4.0 * max(magnitude, abs(high), abs(low)) + abs(x * (high - low) / h))
        floor = max(rounding, noise) / h
        row = [(high - low) / (above - below)]
        for order, older in enumerate(previous, start=1):
            factor = 1.96**order
            row.append((row[-1] * factor - older) / (factor - 1.0))
            change = max(abs(row[-1] - row[-2]), abs(row[-1] - older)) + floor
            if change < best.error:
                best = Difference(row[-1], change, h, calls)
        previous, h = row, h / 1.4
    return best._replace(evaluations=calls)


def verdict(claimed, function, x, *, tolerance=0.0, safety=4.0, **options):
    """Judge a claimed derivative by two methods: (HOLDS, FAILS or INCONCLUSIVE, first, second).

    Formula     holds: |claimed - D| <= tolerance + safety error;  fails: both methods deny it and agree
                within the sum of their errors;  inconclusive: anything else
    Checked by  tests/oracles/test_differences.py
    """
    first = derivative(function, x, **options)
    if abs(claimed - first.value) <= tolerance + safety * first.error and math.isfinite(first.error):
        return HOLDS, first, None
    second = ridders(function, x, **options)
    denied = abs(claimed - second.value) > tolerance + safety * second.error
    agree = abs(first.value - second.value) <= safety * (first.error + second.error)
    known = math.isfinite(first.error) and math.isfinite(second.error)
    claim_is_finite = math.isfinite(claimed)
    fails = known and agree and (denied or not claim_is_finite)
    return (FAILS if fails else INCONCLUSIVE), first, second


def gradient(function, inputs, *, scale=1.0, domain=None, magnitude=0.0):
    """Gradient of a scalar function of a tree of arrays, coordinate by coordinate, with error estimates.

    Shapes      function(inputs) -> (), inputs: NamedTuple, dict, tuple or array -> Gradient likewise; integer
                leaves stay fixed
    Domain      `domain`: {name of an entry, or its beginning: (low, high)}, e.g. {"rate": (0, inf)}
    Checked by  tests/oracles/test_differences.py
    """
    vector, rebuild, names = ravel(inputs, floating=True)
    noise = noise_level(function, inputs, domain)
    found = []
    for index, name in enumerate(names):
        along = _coordinate(function, vector, rebuild, index)
        options = {"scale": scale, "domain": domain_of(name, domain), "magnitude": magnitude, "noise": noise}
        found.append(derivative(along, vector[index], **options))
    values, errors = np.array([d.value for d in found]), np.array([d.error for d in found])
    return Gradient(rebuild(values), rebuild(errors), sum(d.evaluations for d in found))


def noise_level(function, inputs, domain=None):
    """How far one value of a function may be off by rounding, seen from the function alone.

    Formula     sigma_k² = (k!)² / (2k)! mean (Delta^k f)² on seven points near the inputs; where k = 4, 5, 6 agree
                within a factor of 8, and two spacings 256 apart within 16, it is noise and not shape: 4 sigma_6
    Shapes      function(inputs) -> (), inputs: a tree; the points move all floating entries by up to 2^-15, but
                those closer than 0.001 to the edge of their domain
    Source      Moré and Wild 2011, SIAM J. Sci. Comput. 33, Eq 2.3 (ECnoise)
    Checked by  tests/oracles/test_differences.py
    """
    vector, rebuild, names = ravel(inputs, floating=True)
    edges = [domain_of(name, domain) for name in names]
    inside = [low + 1e-3 < x < high - 1e-3 for x, (low, high) in zip(vector, edges, strict=True)]
    direction = (1.0 + 0.5 * np.cos(np.arange(len(vector)))) * np.array(inside)
    found = []
    for exponent in (-18, -26, -34):
        points = [vector + i * 2.0**exponent * direction for i in range(-3, 4)]
        values = np.array([float(function(rebuild(point))) for point in points])
        if not np.all(np.isfinite(values)):
            continue
        sigma = [
            math.factorial(k)
            / math.sqrt(math.factorial(2 * k))
            * float(np.sqrt(np.mean(np.diff(values, k) ** 2)))
            for k in (4, 5, 6)
        ]
        if min(sigma) > 0.0 and max(sigma) <= 8.0 * min(sigma):
            found.append(4.0 * sigma[2])
    pairs = [(a, b) for a, b in itertools.pairwise(found) if max(a, b) <= 16.0 * min(a, b)]
    return max((max(pair) for pair in pairs), default=0.0)


def jacobian(function, x, *, scale=1.0, domain=EVERYWHERE):
    """Derivative of a vector-valued function of one number: arrays (value, error), a step for each output."""
    known = {}

    def output(point, index):
        if point not in known:
            known[point] = np.ravel(np.asarray(function(point), dtype=np.float64))
        return known[point][index]

    width = np.ravel(np.asarray(function(float(x)))).size
    found = [
        derivative(lambda point, index=index: output(point, index), x, scale=scale, domain=domain)
        for index in range(width)
    ]
    return np.array([d.value for d in found]), np.array([d.error for d in found])


def domain_of(name, domain):
    """Interval of one entry: the longest key of `domain` that the name begins with."""
    keys = [key for key in (domain or {}) if name.startswith(key)]
    return domain[max(keys, key=len)] if keys else EVERYWHERE


def _coordinate(function, vector, rebuild, index):
    """The function along one coordinate."""

    def along(point):
        moved = vector.copy()
        moved[index] = point
        return function(rebuild(moved))

    return along
