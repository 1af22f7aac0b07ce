"""Whether contenders found the same numbers: nobody is the judge, the middle one is."""

from typing import NamedTuple

import numpy as np

from refvi.bench.exact_moments import moments
from refvi.bench.problems import make, tolerance

ERRORS = 6.0  # standard errors; a right estimate of one entry is beyond them once in 5e8


class Verdict(NamedTuple):
    """What the comparison says of one contender.

    word       agrees, disagrees, alone (nobody to compare with), or none (it returns no numbers)
    gap        largest distance from the middle
    tolerance  what it may be; for estimates both are in standard errors
    """

    word: str
    gap: float | None = None
    tolerance: float | None = None


def judge(task, found):
    """Verdict of every contender from its numbers: found is {name: flat array or None}.

    Formula     distance from the elementwise median of all contenders with finite numbers, infinite where sizes differ;
                of two that differ nobody can say which is wrong, both disagree.  Estimates are held to the exact mean instead
    Checked by  tests/bench/test_agreement.py
    """
    verdicts = {name: Verdict("none") for name, values in found.items() if values is None}
    given = {name: values for name, values in found.items() if values is not None}
    if task.kind in ("reinforce", "leave-one-out"):
        return verdicts | {name: _within_errors(task, values) for name, values in given.items()}
    if len(given) < 2 or task.kind not in ("evidence", "gradient", "iwae"):
        return verdicts | {name: Verdict("alone") for name in given}
    size = int(np.median([values.size for values in given.values()]))
    sound = [values for values in given.values() if values.size == size and np.isfinite(values).all()]
    middle = np.median(sound, axis=0) if sound else np.zeros(size)
    allowed = tolerance(task.kind, task.sizes, float(np.abs(middle).max()))
    for name, values in given.items():
        gap = float(np.abs(values - middle).max()) if values.size == size else np.inf
        verdicts[name] = Verdict("agrees" if gap <= allowed else "disagrees", gap, allowed)
    return verdicts


def _within_errors(task, values):
    mean, error = moments(task.kind, make(task.kind, task.sizes))
    if values.size > mean.size or values.size < task.sizes["K"]:
        return Verdict("disagrees", np.inf, ERRORS)
    mean, error = mean[: values.size], error[: values.size]
    gap = float((np.abs(values - mean) / error).max())
    return Verdict("agrees" if gap <= ERRORS else "disagrees", gap, ERRORS)
