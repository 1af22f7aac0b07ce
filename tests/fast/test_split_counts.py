import itertools
import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np
import pytest
from test_alias import masses

from refvi.fast.alias import WHOLE
from refvi.fast.split_counts import BITS, STARTS, TRIALS, split_counts, split_tables
from refvi.kernels.philox import philox
from refvi.laws.outcome import Outcome, combine

UNIT = 2.0**-53
ALARM = 1e-9  # how often a law about random numbers may be broken by chance


@cache
def exact_binomial(trials, logit):
    """Probabilities of all outcomes, from 50 digits."""
    with localcontext() as context:
        context.prec = 50
        odds = Decimal(logit).exp()
        terms = [(1 + odds) ** -trials]
        for m in range(trials):
            terms.append(terms[-1] * odds * (trials - m) / (m + 1))
        return [float(term) for term in terms]


def law_tables_hold_binomials(subject, logit):
    """Masses are binomial to half a unit of 2^-52, and to 8 u for each step from the most probable outcome, which

    takes up the rounding of all; outcomes without a cell are less likely than a unit.
    """
    cells, lowest = subject(np.array([logit]))
    outcomes = []
    for t, trials in enumerate(TRIALS):
        exact, width = exact_binomial(int(trials), logit), 1 << BITS[t]
        found, first, top = masses(cells[0, STARTS[t] : STARTS[t + 1]]), lowest[0, t], int(np.argmax(exact))
        shown = range(first, min(first + width, trials + 1))
        outside = math.fsum(p for m, p in enumerate(exact) if m not in shown)
        outcomes.append(Outcome("binomials", outside / (2 * UNIT), 1, f"{trials} trials: outcomes left out"))
        for m in range(first, first + width):
            p = exact[m] if m in shown else 0.0
            allowed = UNIT + 8 * UNIT * p * (abs(m - top) + math.sqrt(trials) + 2)
            error = abs(found[m - first] / 2.0**WHOLE - p)
            allowed += width * UNIT * (m == top)
            outcomes.append(Outcome("binomials", error / allowed, 1, f"{trials} trials: outcome {m}"))
    return combine("tables hold binomials", outcomes)


@pytest.mark.parametrize("logit", [0.0, 0.3, -2.0, 5.0, -9.0, 40.0, -1000.0])
def test_tables_hold_binomials(logit):
    law_tables_hold_binomials(split_tables, logit).raise_if_broken()


def other_bit_value(logits):
    return split_tables(-logits)


def one_trial_less(logits):
    cells, lowest = split_tables(logits)
    cells[:, STARTS[3] : STARTS[4]] = cells[:, STARTS[2] : STARTS[3]]
    return cells, lowest


def window_shifted(logits):
    cells, lowest = split_tables(logits)
    return cells, lowest + (lowest > 0)


def single_precision(logits):
    return split_tables(logits.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("mutant", [other_bit_value, one_trial_less, window_shifted, single_precision])
def test_law_of_tables_rejects(mutant):
    assert not law_tables_hold_binomials(mutant, 0.7).holds


def by_hand(cells, lowest, samples, seed, replicate):
    """The same counts in plain Python, from words of the portable kernel."""

    def words():
        for block in itertools.count():
            drawn = [philox(0, replicate, 128 * block + q, 1, seed) for q in range(128)]
            yield from ((w[0] << 20) | (w[1] >> 12) for w in drawn)
            yield from ((w[2] << 20) | (w[3] >> 12) for w in drawn)

    def draw(t, k):
        size, word = WHOLE - int(BITS[t]), next(stream)
        cell, rest = word >> size, word & ((1 << size) - 1)
        threshold, other = divmod(int(cells[k, STARTS[t] + cell]), 1 << int(BITS[t]))
        return int(lowest[k, t]) + (cell if rest < threshold else other)

    stream, counts = words(), [samples]
    for k in range(len(cells)):
        on = []
        for n in counts:
            powers = [e for e in range(4, 12) if n >> e & 1] + [12] * (n >> 12)
            on.append(draw(n & 15, k) + sum(draw(12 + e, k) for e in powers))
        counts = [n - m for n, m in zip(counts, on)] + on
    return counts


@pytest.mark.parametrize("samples", [1, 15, 16, 300, 4095, 4096, 20011])
def test_counts_follow_from_the_portable_random_numbers(samples):
    cells, lowest = split_tables(np.array([0.4, -1.1, 3.0, 0.0, -0.2]))
    found = split_counts(cells, lowest, samples, np.uint64(2**63 + 9), np.uint64(4))
    assert found.tolist() == by_hand(cells, lowest, samples, 2**63 + 9, 4)


LOGITS = np.array([0.4, -1.1])


@cache
def tables(bits):
    return split_tables(LOGITS[:bits])


def draw(samples, replicate, bits=2):
    return split_counts(*tables(bits), samples, np.uint64(1), np.uint64(replicate))


def law_counts_have_probabilities(subject, samples, events, draws):
    """No event is seen more or less often than chance allows, by Chernoff's bound, with a false alarm below 1e-9.

    P(the share of an event in T draws lies beyond r, on that side) <= exp(-T KL(r, p)), for each of the events.
    """
    seen = [subject(samples, replicate) for replicate in range(draws)]
    limit, outcomes = math.log(2 * len(events) / ALARM), []
    for name, (holds, p) in events.items():
        r = sum(map(holds, seen)) / draws
        terms = [a * math.log(a / b) if a else 0.0 for a, b in ((r, p), (1 - r, 1 - p))]
        outcomes.append(Outcome("probabilities", draws * sum(terms) / limit, 1, name))
    return combine("counts have the probabilities of a multinomial", outcomes)


def state_probabilities():
    on = 1 / (1 + np.exp(-LOGITS))
    return [math.prod(on[k] if s >> k & 1 else 1 - on[k] for k in range(2)) for s in range(4)]


def every_outcome(samples):
    """Every vector of counts with its probability."""
    q, found = state_probabilities(), {}
    for n in itertools.product(range(samples + 1), repeat=4):
        if sum(n) == samples:
            ways = math.factorial(samples) / math.prod(map(math.factorial, n))
            p = ways * math.prod(a**b for a, b in zip(q, n))
            found[str(n)] = (lambda counts, n=n: tuple(counts) == n), p
    return found


def quantiles(samples):
    """Every state's count at most its mean, and at most one and two standard deviations more or less."""
    found = {}
    for s, q in enumerate(state_probabilities()):
        below = np.cumsum(exact_binomial(samples, math.log(q / (1 - q))))
        for z in (-2, -1, 0, 1, 2):
            most = round(samples * q + z * math.sqrt(samples * q * (1 - q)))
            found[f"{s}: {z}"] = (lambda counts, s=s, most=most: counts[s] <= most), below[most]
    return found


CASES = ((5, every_outcome(5), 8000), (40, quantiles(40), 4000), (4500, quantiles(4500), 4000))


@pytest.mark.parametrize(("samples", "events", "draws"), CASES, ids=["5", "40", "4500"])
def test_counts_have_the_probabilities_of_a_multinomial(samples, events, draws):
    law_counts_have_probabilities(draw, samples, events, draws).raise_if_broken()


def bits_exchanged(samples, replicate):
    return draw(samples, replicate)[::-1]


def one_sample_not_drawn(samples, replicate):
    return draw(samples - 1, replicate) + np.array([1, 0, 0, 0])


def every_sample_twice(samples, replicate):
    return 2 * draw(samples // 2, replicate)


def bits_tied(samples, replicate):
    """The second bit of a sample repeats the first."""
    off, on = draw(samples, replicate, bits=1)
    return np.array([off, 0, 0, on])


@pytest.mark.parametrize("mutant", [bits_exchanged, one_sample_not_drawn, every_sample_twice, bits_tied])
def test_law_of_counts_rejects(mutant):
    assert not law_counts_have_probabilities(mutant, *CASES[1]).holds


def test_other_samples_than_those_of_estimates():
    """Dimension 1 of the random numbers: no state of the first samples fixes the first counts."""
    cells, lowest = split_tables(np.zeros(1))
    ones = [split_counts(cells, lowest, 1, np.uint64(seed), np.uint64(0))[1] for seed in range(200)]
    others = [philox(0, 0, 0, 0, seed)[0] >> 31 for seed in range(200)]
    assert 50 < sum(a == b for a, b in zip(ones, others)) < 150
