"""What a random gradient must obey: the exact mean and the exact variance that it states.

The expectation is a sum over every tuple of draws of a model of two to four states, so that a bias of one
part in 10^12 shows. Subjects: `estimator(tuple of k state indices) -> tree`. Not here: samples (`sampler`).
"""

import numpy as np

from refvi.laws.compare import UNIT_ROUNDOFF, at_most, compare, rounding
from refvi.laws.outcome import combine
from refvi.oracles import enumeration
from refvi.oracles.trees import leaves, ravel

FACTOR = 16.0


def expectation_is_target(
    estimator, log_q, k, target, *, bias=None, magnitude=None, name="E grad", factor=FACTOR
):
    """The exact expectation equals the target gradient, plus the bias that the estimator states.

    Formula     sum over tuples of prod_j q(s_j) estimator(s_1 ... s_k) = target + bias;  S = E|estimator|
    Shapes      log_q (S,), target: tree, bias: such a tree or None
    Domain      `magnitude`: S where the estimator's own terms cancel, else E|estimator| + |target|
    Checked by  tests/laws/test_estimator.py
    """
    exact = enumeration.moments(estimator, log_q, k)
    wanted, rebuild, _ = ravel(target)
    if bias is not None:
        wanted = wanted + ravel(bias)[0]
    law = "expectation is the target" if bias is None else "expectation is the target plus the stated bias"
    size = exact.magnitude if magnitude is None else magnitude
    return compare(law, rebuild(wanted), exact.mean, _joined(size, target, factor), name)


def expectation_over_is_target(
    estimator, points, weights, target, *, magnitude=None, name="E grad", factor=FACTOR
):
    """The same over any weighted points: minibatches, states of several q, quadrature nodes.

    Formula     sum_i w_i estimator(point_i) = target;  S = sum_i w_i |estimator(point_i)|
    Checked by  tests/laws/test_estimator.py
    """
    exact = enumeration.moments_over(estimator, points, weights)
    size = exact.magnitude if magnitude is None else magnitude
    return compare("expectation is the target", target, exact.mean, _joined(size, target, factor), name)


def variance_is_stated(estimator, log_q, k, variance, *, name="variance", factor=FACTOR):
    """The exact variance, entry by entry, equals the stated one.

    Formula     E (g - E g)² = variance;  S = E g²
    Shapes      variance: a tree of the structure of the estimator's output
    Checked by  tests/laws/test_estimator.py
    """
    exact = enumeration.moments(estimator, log_q, k)
    return compare(
        "variance is the stated one", variance, exact.variance, rounding(exact.second, factor), name
    )


def variance_is_not_larger(estimator, reference, log_q, k, *, name="variance", factor=FACTOR):
    """The trace of the variance is at most that of another estimator of the same target.

    Formula     sum_i var g_i <= sum_i var r_i;  S = the sums of second moments
    Checked by  tests/laws/test_estimator.py
    """
    low, high = (enumeration.moments(subject, log_q, k) for subject in (estimator, reference))
    size = factor * UNIT_ROUNDOFF * sum(float(np.sum(ravel(m.second)[0])) for m in (low, high))
    sums = [float(np.sum(ravel(m.variance)[0])) for m in (low, high)]
    return at_most("variance is not larger", *sums, size, f"{factor:g}·u·S", f"trace of the {name}")


def baseline_keeps_expectation(
    estimator, log_q, k, *, baselines=(0.0, 1.0, -37.5), name="E grad", factor=FACTOR
):
    """A baseline that does not depend on the draw leaves the expectation where it was.

    Formula     E estimator(draws, b) is the same for every b
    Shapes      estimator(draws, baseline) -> tree
    Checked by  tests/laws/test_estimator.py
    """
    law = "a baseline does not move the expectation"
    first = enumeration.moments(lambda draws: estimator(draws, baselines[0]), log_q, k)
    outcomes = []
    for b in baselines[1:]:
        other = enumeration.moments(lambda draws, b=b: estimator(draws, b), log_q, k)
        both = _joined(other.magnitude, first.magnitude, factor)
        outcomes.append(compare(law, first.mean, other.mean, both, f"{name} with baseline {b:g}"))
    return combine(law, outcomes)


def _joined(size, other, factor):
    """Tolerance factor·u·(size + |other|), entry by entry."""
    others = {path: np.abs(np.asarray(leaf, dtype=np.float64)) for path, leaf in leaves(other)}
    joined = {
        path: np.abs(np.asarray(leaf, dtype=np.float64)) + others.get(path, 0.0)
        for path, leaf in leaves(size)
    }
    return rounding(joined, factor)
