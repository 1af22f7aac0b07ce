"""What a sampler must obey: the same noise gives the same draw, and draws have the stated distribution.

The false-alarm rate is 1e-9 for every test, and every message says which bias the test would have seen: a
test that passes without saying so proves nothing. Not here: exact expectations (`estimator`).
"""

import math

import numpy as np

from refvi.laws.outcome import Outcome, combine
from refvi.oracles import statistics
from refvi.oracles.trees import leaves, ravel


def fixed_noise_reproduces(sampler, noise, *, name="sample"):
    """The same noise gives the same bits, twice, and stays as it was.

    Formula     sampler(noise) == sampler(noise), bit by bit; noise unchanged
    Shapes      sampler(noise) -> tree; noise: tree
    Checked by  tests/laws/test_sampler.py
    """
    law = "fixed noise reproduces the draw"
    before = [np.array(leaf, copy=True) for _, leaf in leaves(noise)]
    first, _, names = ravel(sampler(noise))
    second = ravel(sampler(noise))[0]
    for (path, leaf), copy in zip(leaves(noise), before, strict=True):
        if np.asarray(leaf).tobytes() != copy.tobytes():
            return Outcome(
                law, math.inf, 1, f"noise{'.' if path else ''}{path}: expected to stay, actual changed"
            )
    if first.shape != second.shape:
        return Outcome(law, math.inf, 1, f"{name}: expected {first.size} entries again, actual {second.size}")
    same = first.view(np.int64) == second.view(np.int64)
    if not same.all():
        i = int(np.argmin(same))
        words = f"expected {first[i]:.17g} again, actual {second[i]:.17g}, tolerance 0 = same bits"
        return Outcome(law, math.inf, len(first), f"{name} at {names[i]}: {words}")
    return Outcome(law, 0.0, max(len(first), 1), f"{name}: same bits twice")


def noise_matters(sampler, noise, other, *, name="sample"):
    """Different noise gives a different draw: nothing is drawn in secret, nothing is ignored.

    Formula     sampler(noise) != sampler(other)
    Domain      two noises that a right sampler tells apart
    Checked by  tests/laws/test_sampler.py
    """
    law = "the draw depends on the noise"
    same = np.array_equal(ravel(sampler(noise))[0], ravel(sampler(other))[0])
    found = "equal draws" if same else "different draws"
    words = f"{name}: expected different draws from different noise, actual {found}"
    return Outcome(law, math.inf if same else 0.0, 1, words)


def mean_agrees(samples, mean, variance, *, alpha=statistics.ALPHA, slack=0.0, name="mean"):
    """Independent draws have the stated mean, entry by entry, by Catoni's test.

    Formula     |Catoni mean - mean| <= r(alpha / entries) + slack
    Shapes      samples (n, ...) with mean and variance (...)
    Domain      variance: exact, an upper bound; false alarms: alpha for all entries together
    Checked by  tests/laws/test_sampler.py
    """
    rows, mean, names = _columns(samples, mean, name)
    variance = np.broadcast_to(np.asarray(variance, dtype=np.float64), np.shape(samples)[1:]).ravel()
    tests = [
        statistics.mean_test(column, m, v, alpha / len(mean), slack=slack)
        for column, m, v in zip(rows.T, mean, variance, strict=True)
    ]
    return _outcome("mean of the draws", names, mean, tests)


def variance_agrees(samples, mean, variance, fourth, *, alpha=statistics.ALPHA, name="variance"):
    """Independent draws have the stated variance: sees noise that is used twice and draws that are swapped.

    Formula     Catoni's test of (x - mean)², whose variance is fourth - variance²
    Shapes      samples (n, ...) with mean, variance, fourth (...): exact central moments
    Checked by  tests/laws/test_sampler.py
    """
    rows, variance, names = _columns(samples, variance, name)
    shape = np.shape(samples)[1:]
    mean, fourth = (np.broadcast_to(np.asarray(x, dtype=np.float64), shape).ravel() for x in (mean, fourth))
    tests = [
        statistics.variance_test(column, m, v, f, alpha / len(variance))
        for column, m, v, f in zip(rows.T, mean, variance, fourth, strict=True)
    ]
    return _outcome("variance of the draws", names, variance, tests)


def normal_moments_agree(samples, mean, variance, *, alpha=statistics.ALPHA, name="draw"):
    """Mean and variance of Gaussian draws, whose fourth central moment is 3 v².

    Formula     `mean_agrees` and `variance_agrees`, alpha / 2 each
    Checked by  tests/laws/test_sampler.py
    """
    fourth = 3.0 * np.asarray(variance, dtype=np.float64) ** 2
    half = 0.5 * alpha
    outcomes = [
        mean_agrees(samples, mean, variance, alpha=half, name=f"mean of {name}"),
        variance_agrees(samples, mean, variance, fourth, alpha=half, name=f"variance of {name}"),
    ]
    return combine("moments of Gaussian draws", outcomes)


def distribution_agrees(
    samples, distribution, *, low=-math.inf, high=math.inf, alpha=statistics.ALPHA, left=None, name="draw"
):
    """Independent scalar draws have the stated distribution function; a draw outside the support fails.

    Formula     sup |F_n - F| <= sqrt(log(2 / alpha) / 2n)
    Shapes      samples (n,); distribution (and left, its limits from the left): vectorised
    Checked by  tests/laws/test_sampler.py
    """
    test = statistics.distribution_test(samples, distribution, low, high, alpha, left=left)
    return _outcome("distribution of the draws", [f"largest distance of F_n({name})"], [0.0], [test])


def frequencies_agree(draws, probabilities, *, alpha=statistics.ALPHA, name="frequency"):
    """Independent categorical draws have the stated probabilities; a draw outside 0 ... S-1 fails.

    Formula     each state by Catoni's test of its indicator at alpha / S
    Shapes      draws (n,) of state indices, probabilities (S,)
    Checked by  tests/laws/test_sampler.py
    """
    tests = statistics.frequency_tests(draws, probabilities, alpha)
    names = [f"{name}[{state}]" for state in range(len(tests))]
    return _outcome("frequencies of the draws", names, list(np.ravel(probabilities))[: len(tests)], tests)


def states_agree(samples, states, probabilities, *, alpha=statistics.ALPHA, name="frequency"):
    """Independent vector-valued draws have the stated probabilities; a draw that is no listed state fails.

    Formula     `frequencies_agree` of the index of every draw
    Shapes      samples (n, K), states (S, K), probabilities (S,)
    Checked by  tests/laws/test_sampler.py
    """
    index = {
        tuple(state): number for number, state in enumerate(np.asarray(states, dtype=np.float64).tolist())
    }
    rows = np.asarray(samples, dtype=np.float64).tolist()
    draws = np.array([index.get(tuple(row), len(index)) for row in rows])
    return frequencies_agree(draws, probabilities, alpha=alpha, name=name)


def _columns(samples, expected, name):
    """Samples as (n, entries), the expected values flat, and a name for every entry."""
    samples = np.asarray(samples, dtype=np.float64)
    shape = samples.shape[1:]
    expected = np.broadcast_to(np.asarray(expected, dtype=np.float64), shape)
    names = [f"{name}{entry}" if entry != "value" else name for entry in ravel(expected)[2]]
    if shape == ():
        names = [name]
    return samples.reshape(len(samples), -1), expected.ravel(), names


def _outcome(law, names, expected, tests):
    """One outcome of several tests; the worst one speaks and says what it would have seen."""
    outcomes = [_spoken(law, *row) for row in zip(names, expected, tests, strict=True)]
    return combine(law, outcomes)


def _spoken(law, name, expected, test):
    """Outcome of one test."""
    if test.reason:
        return Outcome(law, math.inf, 1, f"{name}: {test.reason}")
    expected = float(expected)
    distance = abs(test.estimate - expected)
    worst = (distance / test.allowed if test.allowed > 0.0 else math.inf) if distance > 0.0 else 0.0
    if test.rejected != (worst > 1.0):
        worst = math.inf if test.rejected else min(worst, 1.0)
    rate = f"at a false-alarm rate of {test.alpha:.2g}" if test.alpha else "exactly"
    words = (
        f"{name}: expected {expected:.9g}, actual {test.estimate:.9g}, tolerance {test.allowed:.3g} {rate}; "
        f"{test.draws} draws, a deviation of {test.detectable:.3g} is seen with probability {1 - test.beta:g}"
    )
    return Outcome(law, worst, 1, words)
