"""Tests of samples with a stated false-alarm rate and a stated smallest bias that they see.

Nothing here estimates a variance from the samples it judges: z- and t-tests at small rates raise 26 to 300
times their nominal false alarms on skewed gradients. A test that passes still says what it could have missed.
Not here: the exact moments that the samples are compared with (`enumeration`, `quadrature`).
"""

import math
from typing import NamedTuple

import numpy as np

ALPHA = 1e-9
BETA = 1e-3
RATES = (0.5, 0.2, 0.08, 0.03, 0.012)


class SampleTest(NamedTuple):
    """A verdict on samples.

    rejected     True when the hypothesis is refused
    estimate     what the samples say: robust mean, largest distance of distribution functions, frequency
    allowed      how far the estimate may lie from the hypothesis before it is refused
    detectable   the deviation that is refused with probability 1 - beta
    alpha, beta  probability of a false alarm, probability of missing a deviation of size `detectable`
    draws        number of samples
    reason       why samples were refused before any statistics (NaN, outside the support), else ""
    """

    rejected: bool
    estimate: float
    allowed: float
    detectable: float
    alpha: float
    beta: float
    draws: int
    reason: str = ""


def log_term(alpha):
    """Logarithm of 2 / alpha: what a two-sided false-alarm rate costs; 21.4 at 1e-9."""
    return math.log(2.0 / alpha)


def catoni_radius(count, variance, alpha=ALPHA):
    """Half-width of Catoni's interval for the mean of `count` samples of variance at most `variance`.

    Formula     r = sqrt(2 v L / (n - 2 L)),  L = log(2 / alpha);  infinite for n <= 2 L
    Source      Catoni 2012, Ann. Inst. H. Poincaré 48, Prop 2.4
    Checked by  tests/oracles/test_statistics.py
    """
    cost = log_term(alpha)
    if count <= 2.0 * cost:
        return math.inf
    return math.sqrt(2.0 * variance * cost / (count - 2.0 * cost))


def detectable_bias(count, variance, alpha=ALPHA, beta=BETA, slack=0.0):
    """Smallest bias that the Catoni test refuses with probability 1 - beta, whatever the distribution.

    Formula     r(alpha) + t + slack, t the smaller root of a t - a² t² / 2 = log(1/beta) / n + a² v / 2: the
                estimator with the scale a of alpha falls short of its mean by t with probability beta at most
    Source      Catoni 2012, Ann. Inst. H. Poincaré 48, proof of Prop 2.4, one side
    Checked by  tests/oracles/test_statistics.py
    """
    radius = catoni_radius(count, variance, alpha)
    if variance == 0.0 or math.isinf(radius):
        return radius + slack
    scale = _scale(count, variance, alpha)
    root = 1.0 - 2.0 * (math.log(1.0 / beta) / count + 0.5 * scale * scale * variance)
    return radius + (1.0 - math.sqrt(root)) / scale + slack if root >= 0.0 else math.inf


def _scale(count, variance, alpha):
    """The a of Catoni's estimator."""
    cost = log_term(alpha)
    return math.sqrt(2.0 * cost / (count * (variance + 2.0 * variance * cost / (count - 2.0 * cost))))


def samples_for(bias, variance, alpha=ALPHA, beta=BETA, slack=0.0):
    """Smallest number of samples whose detectable bias is at most `bias`."""
    if bias <= slack:
        raise ValueError(f"bias must be larger than the slack {slack:g}, got {bias:g}")
    if variance == 0.0:
        return math.floor(2.0 * log_term(min(alpha, beta))) + 1
    low, high = 1, 64
    while detectable_bias(high, variance, alpha, beta, slack) > bias:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if detectable_bias(middle, variance, alpha, beta, slack) > bias:
            low = middle
        else:
            high = middle
    return high


def catoni_mean(samples, variance, alpha=ALPHA):
    """Catoni's M-estimator of the mean: the root in c of sum_i psi(a (x_i - c)).

    Formula     psi(t) = sign(t) log(1 + |t| + t²/2),  a = sqrt(2 L / (n (v + 2 v L / (n - 2 L))))
    Source      Catoni 2012, Ann. Inst. H. Poincaré 48, Eq 2.1 and Prop 2.4
    Checked by  tests/oracles/test_statistics.py
    """
    samples = np.asarray(samples, dtype=np.float64)
    count, cost = len(samples), log_term(alpha)
    low, high = float(samples.min()), float(samples.max())
    if low == high or variance == 0.0:
        return float(np.median(samples))
    if count <= 2.0 * cost:
        raise ValueError(f"alpha = {alpha:g} needs more than {2.0 * cost:.1f} samples, got {count}")
    scale = _scale(count, variance, alpha)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        t = scale * (samples - middle)
        total = float(np.sum(np.sign(t) * np.log1p(np.abs(t) + 0.5 * t * t)))
        low, high = (middle, high) if total > 0.0 else (low, middle)
    return 0.5 * (low + high)


def mean_test(samples, mean, variance, alpha=ALPHA, beta=BETA, slack=0.0):
    """Refuse that independent samples have the given mean and at most the given variance.

    Formula     refused when |Catoni's mean - mean| > r(alpha) + slack; P(false alarm) <= alpha for every
                distribution of variance at most `variance`
    Domain      `variance`: exact, from the reference, never from the samples; `slack`: rounding bias
                that is allowed; n > 2 log(2/alpha); variance 0 demands equality up to the slack
    Source      Catoni 2012, Ann. Inst. H. Poincaré 48, Prop 2.4
    Checked by  tests/oracles/test_statistics.py
    """
    samples = np.ravel(np.asarray(samples, dtype=np.float64))
    count = len(samples)
    refused = _unusable(samples, alpha, beta)
    if refused:
        return refused
    if variance == 0.0:
        far = float(samples[np.argmax(np.abs(samples - mean))])
        return SampleTest(abs(far - mean) > slack, far, slack, slack, 0.0, 0.0, count)
    estimate = catoni_mean(samples, variance, alpha)
    allowed = catoni_radius(count, variance, alpha) + slack
    smallest = detectable_bias(count, variance, alpha, beta, slack)
    return SampleTest(abs(estimate - mean) > allowed, estimate, allowed, smallest, alpha, beta, count)


def variance_test(samples, mean, variance, fourth, alpha=ALPHA, beta=BETA):
    """Refuse that samples of known mean have the given variance: the mean test of (x - mean)².

    Formula     mean of (x - mean)² is v, its variance is m4 - v²
    Domain      `fourth`: the exact fourth central moment m4
    Checked by  tests/oracles/test_statistics.py
    """
    squares = (np.ravel(np.asarray(samples, dtype=np.float64)) - mean) ** 2
    slack = 4.0 * 2.0**-53 * (variance + mean * mean)
    return mean_test(squares, variance, max(fourth - variance**2, 0.0), alpha, beta, slack)


def hoeffding_radius(count, low, high, alpha=ALPHA):
    """Half-width (high - low) sqrt(log(2 / alpha) / 2n) for the mean of samples in [low, high]."""
    return (high - low) * math.sqrt(log_term(alpha) / (2.0 * count))


def bounded_mean_test(samples, mean, low, high, alpha=ALPHA, beta=BETA):
    """Refuse that samples in [low, high] have the given mean; a sample outside is refused at once.

    Formula     |average - mean| > (high - low) sqrt(log(2/alpha) / 2n)
    Source      Hoeffding 1963, J. Amer. Statist. Assoc. 58, Eq 2.3
    Checked by  tests/oracles/test_statistics.py
    """
    samples = np.ravel(np.asarray(samples, dtype=np.float64))
    refused = _unusable(samples, alpha, beta, minimum=0.0) or _outside(samples, low, high, alpha, beta)
    if refused:
        return refused
    estimate = math.fsum(samples) / len(samples)
    allowed = hoeffding_radius(len(samples), low, high, alpha)
    smallest = allowed + hoeffding_radius(len(samples), low, high, beta)
    return SampleTest(abs(estimate - mean) > allowed, estimate, allowed, smallest, alpha, beta, len(samples))


def distribution_test(samples, distribution, low=-math.inf, high=math.inf, alpha=ALPHA, beta=BETA, left=None):
    """Refuse that samples have a distribution function; a sample outside [low, high] is refused at once.

    Formula     sup_x |F_n(x) - F(x)| > sqrt(log(2 / alpha) / 2n)
    Domain      `distribution`: F, vectorised; `left`: its limits from the left, needed where F jumps
    Source      Massart 1990, Ann. Probab. 18, Cor 1 (Dvoretzky, Kiefer and Wolfowitz with the sharp constant)
    Checked by  tests/oracles/test_statistics.py
    """
    samples = np.sort(np.ravel(np.asarray(samples, dtype=np.float64)))
    count = len(samples)
    refused = _unusable(samples, alpha, beta, minimum=0.0) or _outside(samples, low, high, alpha, beta)
    if refused:
        return refused
    values, first = np.unique(samples, return_index=True)
    below = first / count
    upto = np.append(first[1:], count) / count
    above = np.abs(upto - np.asarray(distribution(values), dtype=np.float64))
    under = np.abs(below - np.asarray((left or distribution)(values), dtype=np.float64))
    estimate = float(max(above.max(), under.max()))
    allowed = math.sqrt(log_term(alpha) / (2.0 * count))
    smallest = allowed + math.sqrt(log_term(beta) / (2.0 * count))
    return SampleTest(not estimate <= allowed, estimate, allowed, smallest, alpha, beta, count)


def frequency_tests(draws, probabilities, alpha=ALPHA, beta=BETA):
    """One test for every state, frequency against probability; a draw outside 0 ... S-1 is refused.

    Formula     each state by the mean test of its indicator (variance p (1 - p)) at rate alpha / S
    Domain      a state of probability 0 that is drawn, and one of probability 1 that is missed, is refused
    Checked by  tests/oracles/test_statistics.py
    """
    draws = np.ravel(np.asarray(draws))
    probabilities = np.ravel(np.asarray(probabilities, dtype=np.float64))
    share = alpha / len(probabilities)
    refused = _outside(draws, 0, len(probabilities) - 1, alpha, beta, whole=True)
    if refused:
        return [refused]
    return [mean_test(draws == state, p, p * (1.0 - p), share, beta) for state, p in enumerate(probabilities)]


def log_e_values(samples, mean, variance, slack=0.0):
    """Logarithm of an e-process against "mean and variance are as stated", after every sample.

    Formula     E_n = (1/2J) sum_j sum_{s=±1} prod_i (1 + y + y²/2) / (1 + c_j²/2),
                y = s c_j (x_i - mean - s slack) / sqrt(v);  P(sup_n E_n >= 1/alpha) <= alpha
    Domain      samples one at a time, in the order drawn; may be looked at, and stopped, at any time
    Source      Wang and Ramdas 2023, Stoch. Proc. Appl. 163, section 5; Ville's inequality
    Checked by  tests/oracles/test_statistics.py
    """
    samples = np.ravel(np.asarray(samples, dtype=np.float64))
    paths = []
    for rate in RATES:
        for side in (1.0, -1.0):
            y = side * rate * (samples - mean - side * slack) / math.sqrt(variance)
            paths.append(np.cumsum(np.log1p(y + 0.5 * y * y) - math.log1p(0.5 * rate * rate)))
    paths = np.array(paths)
    top = paths.max(axis=0)
    return top + np.log(np.mean(np.exp(paths - top), axis=0))


def first_alarm(log_e, alpha=ALPHA):
    """Number of samples after which the e-process first reaches 1/alpha, or None."""
    over = np.flatnonzero(np.asarray(log_e) >= -math.log(alpha))
    return int(over[0]) + 1 if len(over) else None


def average_log_e(log_e_list):
    """Join e-values of components or cases that may depend on each other: their average is an e-value."""
    logs = np.asarray(log_e_list, dtype=np.float64)
    top = logs.max(axis=0)
    return top + np.log(np.mean(np.exp(logs - top), axis=0))


def holm(p_values, alpha):
    """Which hypotheses Holm's step-down procedure refuses, at family-wise rate alpha."""
    p_values = np.asarray(p_values, dtype=np.float64)
    refused = np.zeros(len(p_values), dtype=bool)
    for rank, index in enumerate(np.argsort(p_values)):
        if not p_values[index] <= alpha / (len(p_values) - rank):
            break
        refused[index] = True
    return refused


def false_alarm_rate(tests, runs=1, alpha=ALPHA):
    """Bound of the probability of any false alarm in `runs` runs of `tests` tests at rate alpha each."""
    return min(1.0, tests * runs * alpha)


def _unusable(samples, alpha, beta, minimum=None):
    """A refusal when samples are too few, NaN or infinite, else None."""
    count = len(samples)
    bad = int(np.count_nonzero(~np.isfinite(samples)))
    if bad:
        return SampleTest(
            True, math.nan, 0.0, math.inf, alpha, beta, count, f"{bad} of {count} samples are not finite"
        )
    needed = 2.0 * log_term(alpha) if minimum is None else minimum
    if count <= needed:
        words = f"alpha = {alpha:g} needs more than {needed:.1f} samples, got {count}"
        return SampleTest(True, math.nan, 0.0, math.inf, alpha, beta, count, words)
    return None


def _outside(samples, low, high, alpha, beta, whole=False):
    """A refusal when samples leave the support (or are not whole numbers where they must be), else None."""
    out = ~((samples >= low) & (samples <= high))
    if whole:
        out |= samples != np.floor(samples)
    if not out.any():
        return None
    words = f"{int(out.sum())} of {len(samples)} samples lie outside the support, first {samples[out][0]:g}"
    return SampleTest(True, math.nan, 0.0, math.inf, alpha, beta, len(samples), words)
