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
    if a is None:
        return None
    a = np.asarray(a, dtype=np.float64)
    return a if a.shape == shape else np.broadcast_to(a, shape)


def _plus(a, b):
    """Sum of two sizes or errors; None is zero, and most of them are."""
    if a is None:
        return b
    return a if b is None else a + b


def _times(a, b):
    """A size or error times a slope."""
    return None if a is None else a * b


class Number:
    """A value with the size of its rounding error and with its method's error; exact inputs have neither.

    Sizes and errors that are zero everywhere are kept as None: arithmetic on them would be most of the work.
    """

    __slots__ = ("_error", "_size", "value")
    __array_ufunc__ = None  # let `array + Number` come here

    def __init__(self, value, size=None, error=None):
        self.value = value = np.asarray(value, dtype=np.float64)
        self._size = _spread(size, value.shape)
        self._error = _spread(error, value.shape)

    @property
    def size(self):
        """S: the sum of the absolute terms that were rounded."""
        return np.zeros(self.value.shape) if self._size is None else self._size

    @property
    def error(self):
        """How far a method such as a difference quotient may be off."""
        return np.zeros(self.value.shape) if self._error is None else self._error

    def __add__(self, other):
        other = number(other)
        value = self.value + other.value
        size = _plus(_plus(self._size, other._size), np.abs(value))
        return Number(value, size, _plus(self._error, other._error))

    def __sub__(self, other):
        other = number(other)
        value = self.value - other.value
        size = _plus(_plus(self._size, other._size), np.abs(value))
        return Number(value, size, _plus(self._error, other._error))

    def __mul__(self, other):
        other = number(other)
        value, left, right = self.value * other.value, np.abs(self.value), np.abs(other.value)
        size = _plus(_times(self._size, right), _times(other._size, left))
        error = _plus(_times(self._error, right), _times(other._error, left))
        return Number(value, _plus(size, np.abs(value)), error)

    def __truediv__(self, other):
        other = number(other)
        value, down = self.value / other.value, np.abs(other.value)
        away = np.abs(value)
        # relative errors first: value / down overflows where densities are tiny
        size = _plus(_over(self._size, down), _times(_over(other._size, down), away))
        error = _plus(_over(self._error, down), _times(_over(other._error, down), away))
        return Number(value, _plus(size, away), error)

    def __neg__(self):
        return Number(-self.value, self._size, self._error)

    def __pos__(self):
        return self

    def __pow__(self, power):
        value = self.value**power
        return _carried(value, self, lambda: power * self.value ** (power - 1))

    def __radd__(self, other):
        return number(other) + self

    def __rsub__(self, other):
        return number(other) - self

    def __rmul__(self, other):
        return number(other) * self

    def __rtruediv__(self, other):
        return number(other) / self

    def __getitem__(self, index):
        return self.rearranged(lambda a: a[index])

    def __len__(self):
        return len(self.value)

    def __float__(self):
        return float(self.value)

    def rearranged(self, function):
        """The same numbers after one reordering or choice of entries, made on value, size and error alike."""
        size, error = self._size, self._error
        return Number(
            function(self.value),
            None if size is None else function(size),
            None if error is None else function(error),
        )

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


def _over(a, down):
    """A size or error divided by a denominator."""
    return None if a is None else a / down


def _carried(value, a, slope):
    """A function's result whose input is off by a little: its slope carries that, the function adds u·|value|."""
    if a._size is None and a._error is None:
        return Number(value, np.abs(value))
    steep = np.abs(slope())
    return Number(value, _plus(_times(a._size, steep), np.abs(value)), _times(a._error, steep))


def _apply(a, function, slope):
    a = number(a)
    value = function(a.value)
    return _carried(value, a, lambda: slope(a.value, value))


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
    value = _sums(a.value)
    size = None if a._size is None else a._size.sum(-1)
    return Number(value, _plus(size, np.abs(value)), None if a._error is None else a._error.sum(-1))


def _sums(terms):
    """Correctly rounded sums over the last axis; plain ones where a term is not finite."""
    try:
        if terms.ndim == 1:
            return math.fsum(terms.tolist())
        rows = terms.reshape(-1, terms.shape[-1]).tolist()
        return np.array([math.fsum(row) for row in rows]).reshape(terms.shape[:-1])
    except (OverflowError, ValueError):  # infinities of both signs, or sums beyond the largest float
        return terms.sum(-1)


def mean(parts):
    """Average of a list, or over the first axis of an array."""
    return sum(parts[i] for i in range(len(parts))) / len(parts)


def stack(parts):
    """Join along a new first axis."""
    parts = [number(p) for p in parts]
    shape = np.broadcast_shapes(*(p.value.shape for p in parts))
    size, error = (_stacked([getattr(p, name) for p in parts], shape) for name in ("_size", "_error"))
    return Number(_stacked([p.value for p in parts], shape), size, error)


def _stacked(arrays, shape):
    """Arrays of a common shape as one; None stands for zeros, and all of them None for None."""
    if all(a is None for a in arrays):
        return None
    found = np.empty((len(arrays), *shape))
    for place, a in enumerate(arrays):
        found[place] = 0.0 if a is None else a
    return found


def approximate(value, error):
    """A number from a method that says how far it may be off."""
    value = np.asarray(value, dtype=np.float64)
    return Number(value, np.abs(value), error)
