"""Where small models come from: a few short decimals in generic position, drawn by a generator or by a test tool.

Not here: the models themselves (`refvi.derivations.models`).
"""

import inspect

from refvi.errors import UsageError


class Draws:
    """Short decimals in generic position: odd hundredths, so never 0, 1 or a half, and easy to copy by hand."""

    def __init__(self, integer):
        self.integer = integer  # integer(low, high), both included

    def real(self, low, high):
        """An odd number of hundredths between low and high."""
        return (2 * self.integer(round(low * 50), round(high * 50) - 1) + 1) / 100

    def reals(self, count, low, high):
        """A tuple of them."""
        return tuple(self.real(low, high) for _ in range(count))

    def weights(self, count):
        """Positive integers; as probabilities they are exact fractions."""
        return tuple(self.integer(1, 19) for _ in range(count))


def from_generator(rng):
    """Draws from a NumPy generator."""
    return Draws(lambda low, high: int(rng.integers(low, high, endpoint=True)))


def inject(function, model):
    """Call a formula with the model's attributes that its arguments name."""
    names = inspect.signature(function).parameters
    missing = [name for name in names if not hasattr(model, name)]
    if missing:
        raise UsageError(f"{function.__name__}: {type(model).__name__} has no {', '.join(missing)}")
    return function(**{name: getattr(model, name) for name in names})


def describe(model):
    """The fields of a model that are not at their default, as one line: "prior_weights=(3, 5)  q_weights=(2, 7)"."""
    fields = getattr(model, "__dataclass_fields__", None)
    if fields is None:
        fields = dict.fromkeys(vars(model))
    shown = [name for name, f in fields.items() if f is None or getattr(model, name) not in (f.default, ())]
    return "  ".join(f"{name}={_short(getattr(model, name))}" for name in shown)


def _short(value):
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(v) for v in value) + ")"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
