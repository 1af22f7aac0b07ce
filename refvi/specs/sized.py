"""Arrays that carry the size of their own rounding error beside the value.

A `Sized` holds a value and S, the sum of the absolute terms that went into it, carried through every operation to
first order, so that u·S bounds the rounding error of evaluating the same expression in floating point with unit
roundoff u. A tolerance c·u·S is then right under cancellation, where any relative tolerance lies.
Not here: rigorous enclosures; those are `refvi.oracles.balls`.

    S(a ± b) = S(a) + S(b) + |a| + |b|        S(a b)   = |a| S(b) + S(a) |b| + |a b|
    S(f(a))  = |f'(a)| S(a) + |f(a)|          S(sum a) = sum S(a) + |a|

Source      Higham 2002, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.3 (running error analysis)
Checked by  tests/specs/test_sized.py
"""

import numpy as np

LOG_2_PI = float(np.log(2 * np.pi))


class Sized:
    """A value with S, the size of its rounding error in units of the unit roundoff. Exact inputs have S = 0."""

    __slots__ = ("size", "value")
    __array_ufunc__ = None  # let `array + Sized` come here

    def __init__(self, value, size=None):
        self.value = np.asarray(value, dtype=np.float64)
        if size is None:
            self.size = np.zeros(self.value.shape)
        else:
            same = (
                getattr(size, "shape", None) == self.value.shape
            )  # the usual case, and broadcasting is slow
            self.size = size if same else np.broadcast_to(size, self.value.shape)

    # ---- arithmetic

    def __add__(self, other):
        other = sized(other)
        size = self.size + other.size + np.abs(self.value) + np.abs(other.value)
        return Sized(self.value + other.value, size)

    def __mul__(self, other):
        other = sized(other)
        value = self.value * other.value
        size = np.abs(self.value) * other.size + self.size * np.abs(other.value) + np.abs(value)
        return Sized(value, size)

    def __truediv__(self, other):
        other = sized(other)
        value = self.value / other.value
        size = (self.size + np.abs(value) * other.size) / np.abs(other.value) + np.abs(value)
        return Sized(value, size)

    def __matmul__(self, other):
        other = sized(other)
        left, right = np.abs(self.value), np.abs(other.value)
        size = left @ other.size + self.size @ right + 2 * (left @ right)
        return Sized(self.value @ other.value, size)

    def __neg__(self):
        return Sized(-self.value, self.size)

    def __sub__(self, other):
        return self + (-sized(other))

    def __pow__(self, power):
        if power != 2:
            raise TypeError(f"a Sized takes only the power 2, got {power}")
        return self * self

    def __radd__(self, other):
        return sized(other) + self

    def __rmul__(self, other):
        return sized(other) * self

    def __rsub__(self, other):
        return sized(other) - self

    def __rtruediv__(self, other):
        return sized(other) / self

    def __rmatmul__(self, other):
        return sized(other) @ self

    # ---- shape

    def __getitem__(self, index):
        return Sized(self.value[index], self.size[index])

    def __len__(self):
        return len(self.value)

    @property
    def shape(self):
        """Shape of the value."""
        return self.value.shape

    @property
    def ndim(self):
        """Number of axes of the value."""
        return self.value.ndim

    @property
    def T(self):
        """The transpose."""
        return Sized(self.value.T, self.size.T)

    def reshape(self, *shape):
        """The same entries in another shape."""
        return Sized(self.value.reshape(*shape), self.size.reshape(*shape))

    def sum(self, axis=None):
        """Sum over an axis."""
        return Sized(self.value.sum(axis), (self.size + np.abs(self.value)).sum(axis))

    def mean(self, axis=None):
        """Mean over an axis."""
        total = self.sum(axis)
        count = self.value.size // max(total.value.size, 1)
        return total / float(count)


def sized(a):
    """Anything as a `Sized`; plain numbers are exact."""
    return a if isinstance(a, Sized) else Sized(a)


def value_of(a):
    """The plain float64 array of a `Sized` or of anything NumPy takes."""
    return a.value if isinstance(a, Sized) else np.asarray(a, dtype=np.float64)


def _apply(a, function, slope):
    a = sized(a)
    value = function(a.value)
    return Sized(value, np.abs(slope(a.value, value)) * a.size + np.abs(value))


def exp(a):
    """E to the a."""
    return _apply(a, np.exp, lambda _, value: value)


def log(a):
    """Natural logarithm."""
    return _apply(a, np.log, lambda x, _: 1 / x)


def log1p(a):
    """log(1 + a)."""
    return _apply(a, np.log1p, lambda x, _: 1 / (1 + x))


def sqrt(a):
    """Square root."""
    return _apply(a, np.sqrt, lambda _, value: 0.5 / value)


def tanh(a):
    """Hyperbolic tangent."""
    return _apply(a, np.tanh, lambda _, value: 1 - value * value)


def _sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def sigmoid(a):
    """1 / (1 + e^-a)."""
    return _apply(a, _sigmoid, lambda _, value: value * (1 - value))


def softplus(a):
    """log(1 + e^a)."""
    return _apply(a, lambda x: np.logaddexp(0.0, x), lambda x, _: _sigmoid(x))


def logsumexp(a, axis=-1):
    """Log of the sum of exponentials along an axis; all -inf gives -inf."""
    a = sized(a)
    top = a.value.max(axis, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        value = np.log(np.exp(a.value - shift).sum(axis)) + shift.squeeze(axis)
    weight = np.exp(a.value - np.expand_dims(np.where(np.isfinite(value), value, 0.0), axis))
    terms = np.where(weight > 0, weight * (a.size + np.abs(np.where(weight > 0, a.value, 0.0)) + 1), 0.0)
    return Sized(value, terms.sum(axis) + np.abs(np.where(np.isfinite(value), value, 0.0)))


def softmax(a, axis=-1):
    """Normalised exponentials along an axis; an entry of -inf is exactly 0."""
    a = sized(a)
    log_total = expand(logsumexp(a, axis), axis)
    empty = np.isneginf(a.value) & np.isfinite(log_total.value)
    found = exp(where(empty, 0.0, a) - log_total)
    return where(empty, 0.0, found)


def where(condition, a, b):
    """Entries of a where the condition holds, of b elsewhere."""
    a, b = sized(a), sized(b)
    return Sized(np.where(condition, a.value, b.value), np.where(condition, a.size, b.size))


def stack(parts, axis=0):
    """Join along a new axis."""
    parts = [sized(p) for p in parts]
    return Sized(np.stack([p.value for p in parts], axis), np.stack([p.size for p in parts], axis))


def expand(a, axis):
    """Insert an axis of length one."""
    a = sized(a)
    at = (slice(None),) * (axis if axis >= 0 else a.ndim + 1 + axis) + (None,)
    return Sized(a.value[at], a.size[at])


def einsum(pattern, a, b):
    """Two-operand Einstein sum, e.g. einsum("kbd,xd->kbx", z, weights)."""
    a, b = sized(a), sized(b)
    left, right = np.abs(a.value), np.abs(b.value)
    size = (
        np.einsum(pattern, left, b.size)
        + np.einsum(pattern, a.size, right)
        + 2 * np.einsum(pattern, left, right)
    )
    return Sized(np.einsum(pattern, a.value, b.value), size)


def xlogy(x, y):
    """X log y, with 0 log 0 = 0."""
    x, y = sized(x), sized(y)
    return where(x.value == 0, 0.0, x * log(where(x.value == 0, 1.0, y)))


def rounded(a):
    """An input that is itself the result of one rounding, such as a probability that left a sigmoid or a clamp."""
    a = np.asarray(a, dtype=np.float64)
    return Sized(a, np.abs(a))


def lower(a):
    """The lower triangle of the last two axes, zeros above."""
    a = sized(a)
    return Sized(np.tril(a.value), np.tril(a.size))


def transpose(a):
    """The last two axes exchanged."""
    a = sized(a)
    return Sized(np.swapaxes(a.value, -1, -2), np.swapaxes(a.size, -1, -2))


def diagonal(a):
    """The diagonal of the last two axes."""
    a = sized(a)
    return Sized(np.diagonal(a.value, axis1=-2, axis2=-1), np.diagonal(a.size, axis1=-2, axis2=-1))
