"""Arguments as every target wants them: float64 or int64, contiguous, writable; NamedTuples kept.

One form for all calls means one compilation for all calls. Bad arguments are refused here, in one sentence, because
neither a compiled loop nor a device says anything useful about them.
"""

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.portable import is_portable

KINDS = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}


def contiguous(inputs):
    """The same NamedTuple (or tuple of them) with every array contiguous and of one of three types."""
    if isinstance(inputs, np.ndarray):
        if inputs.dtype.kind not in KINDS:
            raise UsageError(f"inputs must hold real numbers, got an array of {inputs.dtype}")
        if inputs.ndim == 0:
            return contiguous(inputs.item())
        array = np.ascontiguousarray(inputs, dtype=KINDS[inputs.dtype.kind])
        return array if array.flags.writeable else array.copy()
    if isinstance(inputs, tuple):
        parts = [contiguous(part) for part in inputs]
        return type(inputs)(*parts) if hasattr(inputs, "_fields") else tuple(parts)
    if isinstance(inputs, int | float | np.generic):
        return inputs.item() if isinstance(inputs, np.generic) else inputs
    raise UsageError(
        f"inputs must be a NamedTuple of arrays and numbers, got a {type(inputs).__name__} in it"
    )


def check_schedule(kernel, threads, *, width, lanes=1, **counts):
    """One sentence for what no schedule can run."""
    if not is_portable(kernel):
        raise UsageError(f"a kernel must be marked @portable, got {getattr(kernel, '__name__', kernel)!r}")
    for name, value in {"width": width, "lanes": lanes, "threads": 1 if threads is None else threads}.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}")
    for name, value in counts.items():
        if value < 0:
            raise UsageError(f"{name} must not be negative, got {value}")


def workspace(size):
    """Scratch space that starts as NaN: a kernel that reads before it writes is found out."""
    return np.full(size, np.nan)
