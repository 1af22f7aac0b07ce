"""The law of targets: one kernel, one schedule, the same answer everywhere.

On python, cpu and the simulator "the same" means every bit, for any number of threads; on a device it means a stated multiple
of u S, because fused multiply-adds and the device's own exp and log move the last bits. Targets arrive as modules.
"""

import numpy as np

from refvi.laws.compare import EXACT, compare, rounding
from refvi.laws.outcome import Outcome, combine
from refvi.oracles.trees import leaves

LAW = "a target agrees with plain Python"
THREADS = (1, 2, 3, 8)


def check_target_agreement(
    plain, target, schedule, kernel, inputs, *sizes, magnitude=None, factor=64.0, threads=THREADS, **options
):
    """Outcome of running one kernel on two targets, for several numbers of threads, inputs untouched.

    plain, target   modules of the targets, plain Python first
    schedule        "rows", "pairs" or "states"; sizes and options are its further arguments
    magnitude       S of the result, used on a device only; |result| when left out
    Formula         plain.schedule(kernel, ...) = target.schedule(kernel, ..., threads=n) for every n
    Checked by      tests/laws/test_target.py
    """
    before = [np.array(leaf, copy=True) for _, leaf in leaves(inputs)]
    want = getattr(plain, schedule)(kernel, inputs, *sizes, **options)
    tolerance = EXACT if target.EXACT else rounding(np.abs(want) if magnitude is None else magnitude, factor)
    name = f"{schedule}({kernel.__name__}) on {target.__name__.rpartition('.')[2]}"
    outcomes = []
    for count in threads:
        found = getattr(target, schedule)(kernel, inputs, *sizes, threads=count, **options)
        label = f"{name}, {count} thread{'s' if count > 1 else ''}"
        outcomes.append(compare(LAW, want, found, tolerance, label))
        if target.EXACT:
            outcomes.append(_same_bits(want, found, label))
    for (path, after), old in zip(leaves(inputs), before, strict=True):
        if not np.array_equal(np.asarray(after), old, equal_nan=old.dtype.kind == "f"):
            outcomes.append(Outcome(LAW, np.inf, 1, f"{name}: the kernel changes its inputs at {path}"))
    return combine(LAW, outcomes)


def _same_bits(want, found, label):
    """Signs of zeros and the rest of the bits; two NaN are the same."""
    differ = (want.view(np.int64) != found.view(np.int64)) & ~(np.isnan(want) & np.isnan(found))
    message = f"{label}: {np.count_nonzero(differ)} of {want.size} entries differ in a bit"
    return Outcome(LAW, np.inf if differ.any() else 0.0, want.size, message)
