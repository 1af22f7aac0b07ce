"""Numbers that know how far they may be off, so that formulas are written as plain arithmetic.

A `Number` (a scalar or an array) carries its value, S (`size`: the rounding error of the value is at most a few
u·S, u = 2^-53, carried through every operation to first order) and `error` (what a method such as a difference
quotient adds, carried along likewise). Two numbers are equal when they differ by no more than 8·u·S + error.
Not here: rigorous enclosures; those are `refvi.oracles.balls`.

Source      Higham 2002, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3 (running error analysis)
Checked by  tests/derivations/test_numbers.py
"""

import math

import numpy as np

UNIT_ROUNDOFF = 2.0**-53
C = 8.0  # constant of the tolerance C·u·S: a formula of a few operations per term


def _spread(a, shape):
    """An array of a shape; what has it already is passed on, since broadcasting takes longer than the arithmetic."""
    a = np.asarray(a, dtype=np.float64)
    return a if a.shape == shape else np.broadcast_to(a, shape)


class Number:
    """A value with the size of its rounding error and with its method's error; exact inputs have neither."""

    __slots__ = ("error", "size", "value")
    __array_ufunc__ = None  # let `array + Number` come here

    def __init__(self, value, size=0.0, error=0.0):
        self.value = np.asarray(value, dtype=np.float64)
        self.size = _spread(size, self.value.shape)
        self.error = _spread(error, self.value.shape)

    def __add__(self, other):
        return _linear(self.value + number(other).value, (self, 1.0), (number(other), 1.0))

    def __sub__(self, other):
        return _linear(self.value - number(other).value, (self, 1.0), (number(other), 1.0))

    def __mul__(self, other):
        other = number(other)
        return _linear(self.value * other.value, (self, np.abs(other.value)), (other, np.abs(self.value)))

    def __truediv__(self, other):
        other = number(other)
        value, down = self.value / other.value, np.abs(other.value)
        # relative errors first: value / down overflows where densities are tiny
        size = self.size / down + np.abs(value) * (other.size / down) + np.abs(value)
        return Number(value, size, self.error / down + np.abs(value) * (other.error / down))

    def __neg__(self):
        return Number(-self.value, self.size, self.error)

    def __pos__(self):
        return self

    def __pow__(self, power):
        value = self.value**power
        return _linear(value, (self, np.abs(power * self.value ** (power - 1))))

    def __radd__(self, other):
        return number(other) + self

    def __rsub__(self, other):
        return number(other) - self

    def __rmul__(self, other):
        return number(other) * self

    def __rtruediv__(self, other):
        return number(other) / self

    def __getitem__(self, index):
        return Number(self.value[index], self.size[index], self.error[index])

    def __len__(self):
        return len(self.value)

    def __float__(self):
        return float(self.value)

    @property
    def shape(self):
        """Shape of the value."""
        return self.value.shape

    @property
    def tolerance(self):
        """How far the value may be off: C·u·S + error."""
        return C * UNIT_ROUNDOFF * self.size + self.error


def number(a):
    """Anything as a `Number`; plain numbers are exact."""
    return a if isinstance(a, Number) else Number(a)


def computed(a):
    """A side of a relation: a plain number was computed somewhere, so it is good to a few u of itself."""
    return a if isinstance(a, Number) else Number(a, np.abs(a))


def _linear(value, *parts):
    """A result whose inputs (a, slope) are off by a little: slopes carry the errors, the operation adds u·|value|."""
    size = sum(a.size * slope for a, slope in parts) + np.abs(value)
    return Number(value, size, sum(a.error * slope for a, slope in parts))


def _apply(a, function, slope):
    a = number(a)
    value = function(a.value)
    return _linear(value, (a, np.abs(slope(a.value, value))))


def log(a):
    """Natural logarithm."""
    return _apply(a, np.log, lambda x, _: 1.0 / x)


def exp(a):
    """Exponential."""
    return _apply(a, np.exp, lambda _, value: value)


def sin(a):
    """Sine."""
    return _apply(a, np.sin, lambda x, _: np.cos(x))


def cos(a):
    """Cosine."""
    return _apply(a, np.cos, lambda x, _: np.sin(x))


def sqrt(a):
    """Square root."""
    return _apply(a, np.sqrt, lambda _, value: 0.5 / value)


def absolute(a):
    """Absolute value."""
    return _apply(a, np.abs, lambda _x, _v: 1.0)


def total(a):
    """Sum over the last axis, correctly rounded."""
    a = number(a)
    rows = a.value.reshape(-1, a.value.shape[-1])
    sums = map(math.fsum, rows.tolist()) if np.all(np.isfinite(rows)) else rows.sum(-1)
    value = np.array(list(sums)).reshape(a.value.shape[:-1])
    return Number(value, a.size.sum(-1) + np.abs(value), a.error.sum(-1))


def mean(parts):
    """Average of a list, or over the first axis of an array."""
    return sum(parts[i] for i in range(len(parts))) / len(parts)


def stack(parts):
    """Join along a new first axis."""
    parts = [number(p) for p in parts]
    fields = ([getattr(p, field) for p in parts] for field in ("value", "size", "error"))
    return Number(*(np.stack(np.broadcast_arrays(*f)) for f in fields))


def approximate(value, error):
    """A number from a method that says how far it may be off."""
    value = np.asarray(value, dtype=np.float64)
    return Number(value, np.abs(value), error)
