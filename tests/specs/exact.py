"""Definitions in mpmath, written as loops, and their derivatives by differences at 60 digits.

A central difference of a smooth function with h = 1e-20 at 60 digits is right to about 1e-38, so that it is exact for a
comparison in double precision wherever the derivative itself exceeds RESOLVED. What an estimator holds fixed is a
separate argument here, evaluated at the base point.
"""

import numpy as np
from mpmath import mp, mpf

from refvi.checking.compare import UNIT, C

DIGITS, STEP = 60, "1e-20"
RESOLVED = 1e-30


def exact(a):
    """Nested lists of exact numbers from an array."""
    a = np.asarray(a, dtype=np.float64)
    return [exact(row) for row in a] if a.ndim else mpf(float(a))


def log_sum_exp(logs):
    return mp.log(mp.fsum(mp.exp(v) for v in logs))


def log_normal(x, mean, std):
    return -((x - mean) ** 2) / (2 * std**2) - mp.log(std) - mp.log(2 * mp.pi) / 2


def log_bernoulli(x, logit):
    return -mp.log(1 + mp.exp(-logit)) if x == 1 else -mp.log(1 + mp.exp(logit))


def affine(weights, z, bias):
    return [
        mp.fsum(w * v for w, v in zip(row, z, strict=True)) + b for row, b in zip(weights, bias, strict=True)
    ]


def differences(function, inputs, name):
    """d function / d inputs[name], entry by entry, as an array of floats."""
    with mp.workdps(DIGITS):
        h, base = mpf(STEP), np.asarray(inputs[name], dtype=np.float64)
        found = np.zeros(base.shape)
        for index in np.ndindex(base.shape):
            sides = []
            for step in (h, -h):
                moved = {k: exact(v) for k, v in inputs.items()}
                _add(moved[name], index, step)
                sides.append(function(**moved))
            found[index] = float((sides[0] - sides[1]) / (2 * h))
        return found


def _add(nested, index, step):
    for i in index[:-1]:
        nested = nested[i]
    nested[index[-1]] += step


def value(function, inputs):
    with mp.workdps(DIGITS):
        return np.array([float(v) for v in function(**{k: exact(v) for k, v in inputs.items()})])


def assert_within(sized, want, name="", resolved=0.0):
    """8 u (S + |value|): the tolerance that a correct implementation gets; S must be finite."""
    assert np.all(np.isfinite(sized.size)), name
    gap = np.abs(sized.value - want)
    allowed = C * UNIT["float64"] * (sized.size + np.abs(want)) + 1e-300 + resolved
    same = sized.value == want
    assert np.all(same | (gap <= allowed)), (name, sized.value, want)


def cases(spec, seeds=2, sizes=None):
    """A few generic cases of small sizes, then the edges, canonical: (name, inputs)."""
    found = []
    plain = {**spec.conventions, **({"scale": "std"} if "scale" in spec.conventions else {})}
    for seed in range(seeds):
        rng = np.random.default_rng([7, seed])
        found.append((f"generic {seed}", spec.draw_case(rng, plain, sizes)))
    for name, inputs in spec.edges().items():
        found.append((name, {k: np.asarray(v, dtype=np.float64) for k, v in inputs.items()}))
    return found


def assert_derivative(found, function, inputs, name):
    """Every gradient found is the difference quotient of the function."""
    for wrt, g in found.items():
        assert_within(g, differences(function, inputs, wrt), f"{name}: {wrt}", RESOLVED)


def gradients(spec, inputs):
    """The reference's gradients with their sizes, canonical."""
    with np.errstate(all="ignore"):
        return spec.total_gradient(**inputs)


def label(thing):
    """A short name for a test: the spec's id, the function's name, or the slug."""
    return getattr(thing, "id", None) or getattr(thing, "__name__", str(thing))
