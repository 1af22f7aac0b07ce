"""Arguments at the public boundary: one sentence that says what, what is required, and what came.

Letters of a shape are bound at their first use and must agree after that. Not here: checks of values inside kernels.
"""

import numpy as np

from refvi.errors import UsageError


def array(name, value, axes, sizes=None, *, finite=True, binary=False):
    """The value as a contiguous float64 array of the given axes.

    axes    letters or numbers, e.g. "N 3"; "" is a scalar
    sizes   letter -> size; letters that are not in it are bound here
    """
    sizes = {} if sizes is None else sizes
    found = numbers(name, value)
    _check_shape(name, found, axes.split(), sizes)
    if finite and not np.all(np.isfinite(found)):
        where = ", ".join(str(i) for i in np.argwhere(~np.isfinite(found))[0])
        place = f" at [{where}]" if where else ""
        raise UsageError(f"{name} must be finite, got {found[~np.isfinite(found)][0]}{place}")
    if binary and not np.all((found == 0.0) | (found == 1.0)):
        bad = found[(found != 0.0) & (found != 1.0)][0]
        raise UsageError(f"{name} must hold zeros and ones, got {bad}")
    return found


def numbers(name, value):
    """The value as a contiguous float64 array of any shape, NaN and infinities included."""
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuf":
            raise TypeError
        return np.ascontiguousarray(found, dtype=np.float64).reshape(found.shape)
    except (TypeError, ValueError):
        shown = " ".join(f"{value!r:.40}".split())
        raise UsageError(
            f"{name} must be an array of real numbers, got {type(value).__name__} {shown}"
        ) from None


def _check_shape(name, found, axes, sizes):
    """One sentence unless every axis has its size; binds the letters that are new."""
    wanted = [int(a) if a.isdigit() else sizes.get(a) for a in axes]
    fits = found.ndim == len(axes) and all(
        w is None or w == s for w, s in zip(wanted, found.shape, strict=True)
    )
    if not fits:
        letters = ", ".join(axes) + ("," if len(axes) == 1 else "")
        known = [f"{a} = {w}" for a, w in zip(axes, wanted, strict=True) if w is not None and not a.isdigit()]
        given = f" with {', '.join(dict.fromkeys(known))}" if known else ""
        raise UsageError(f"{name} must have shape ({letters}){given}, got {found.shape}")
    sizes.update({a: s for a, s in zip(axes, found.shape, strict=True) if not a.isdigit()})


def parameters(name, value, kind, axes, sizes):
    """A NamedTuple of the given kind whose fields have the axes of {field: axes}, as float64 arrays."""
    if not isinstance(value, kind):
        raise UsageError(f"{name} must be a {kind.__name__}, got {type(value).__name__}")
    return kind(
        *(array(f"{name}.{field}", getattr(value, field), axes[field], sizes) for field in kind._fields)
    )


def at_least(name, value, least):
    """An integer that is not below `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def one_of(name, value, choices):
    """A value out of a few."""
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value
