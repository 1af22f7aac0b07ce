"""Targets: where a kernel runs. Three modules with the same three schedules, and no mathematics.

    rows(kernel, inputs, count, width)           one row of results per item
    pairs(kernel, inputs, data, samples, width)  a sum over all (datum, sample) pairs
    states(kernel, inputs, count, width)         log-sum-exp over enumerated states, and weighted means

and available(), describe(), and EXACT: whether the arithmetic is that of plain Python to the bit.
The reductions run in a fixed number of lanes that are joined in a fixed tree, so that a result has the same bits for any
number of threads. Of the kernels, the targets use `portable` (to make them known to the compiler) and `lanes` (so that the
accumulation is one source too); every other kernel arrives as an argument.
"""

import importlib

from refvi.errors import UsageError

NAMES = ("python", "cpu", "cuda")


def get_target(name):
    """The module of a target; it imports numba only when it is "cpu" or "cuda"."""
    if name not in NAMES:
        raise UsageError(f"target must be one of {', '.join(map(repr, NAMES))}, got {name!r}")
    return importlib.import_module(f"refvi.targets.{name}")


__all__ = ["NAMES", "get_target"]
