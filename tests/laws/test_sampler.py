"""The sampler laws accept right samplers and reject wrong ones, with the bias they can see in the message.

Every test judges fixed seeds at a false-alarm rate of 1e-9.
"""

import math

import numpy as np
import pytest

from refvi.laws import sampler as law

RNG = np.random.default_rng(20)
NOISE = RNG.standard_normal((20000, 2))
MEAN, STD = np.array([0.5, -1.25]), np.array([0.75, 2.0])
DRAWS = MEAN + STD * NOISE
UNIFORM = RNG.random(20000)
PI = np.array([0.5, 0.3, 0.2, 0.0])
STATES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
CODES = np.searchsorted(np.cumsum(PI[:3]), UNIFORM)


def exponential(x):
    return -np.expm1(-np.maximum(x, 0.0))


def test_right_samplers_obey_every_law():
    outcomes = [
        law.fixed_noise_reproduces(lambda e: MEAN + STD * e, NOISE[0]),
        law.noise_matters(lambda e: MEAN + STD * e, NOISE[0], NOISE[1]),
        law.mean_agrees(DRAWS, MEAN, STD**2),
        law.variance_agrees(DRAWS, MEAN, STD**2, 3 * STD**4),
        law.normal_moments_agree(DRAWS, MEAN, STD**2),
        law.normal_moments_agree(DRAWS[:, 0], 0.5, 0.5625),
        law.distribution_agrees(-np.log1p(-UNIFORM), exponential, low=0.0),
        law.frequencies_agree(CODES, PI),
        law.states_agree(STATES[CODES], STATES, PI),
    ]
    for outcome in outcomes:
        assert outcome.holds, outcome.message
    assert "is seen with probability 0.999" in law.mean_agrees(DRAWS, MEAN, STD**2).message
    assert "at a false-alarm rate of 5e-10" in law.mean_agrees(DRAWS, MEAN, STD**2).message


class Secret:
    """A sampler with a state of its own."""

    def __init__(self):
        self.calls = 0

    def __call__(self, noise):
        self.calls += 1
        return noise + self.calls


def overwrite(noise):
    noise *= 2.0
    return noise


def once(draws, value):
    draws = draws.copy()
    draws[17] = value
    return draws


REJECTED = [
    (
        "reproduces, hidden state",
        lambda: law.fixed_noise_reproduces(Secret(), np.zeros(2)),
        "expected 1 again, actual 2",
    ),
    (
        "reproduces, noise overwritten",
        lambda: law.fixed_noise_reproduces(overwrite, np.ones(2)),
        "noise: expected to stay",
    ),
    (
        "reproduces, fresh shapes",
        lambda: law.fixed_noise_reproduces(lambda e, s=Secret(): np.zeros(int(s(0))), np.ones(2)),
        "expected 1 entries again, actual 2",
    ),
    (
        "noise, ignored",
        lambda: law.noise_matters(lambda e: MEAN, NOISE[0], NOISE[1]),
        "expected different draws",
    ),
    (
        "noise, another seed",
        lambda: law.noise_matters(lambda e: np.random.default_rng(0).normal(size=2), NOISE[0], NOISE[1]),
        "different",
    ),
    (
        "noise, a part is read",
        lambda: law.noise_matters(lambda e: e[0] * 0, NOISE[0], NOISE[1]),
        "equal draws",
    ),
    (
        "mean, sign",
        lambda: law.mean_agrees(-DRAWS, MEAN, STD**2),
        r"mean\[\d\]: expected .* draws, a deviation of",
    ),
    ("mean, dropped", lambda: law.mean_agrees(STD * NOISE, MEAN, STD**2), r"mean\[0\]"),
    ("mean, swapped", lambda: law.mean_agrees(DRAWS[:, ::-1], MEAN, STD.max() ** 2), r"mean\["),
    (
        "mean, NaN",
        lambda: law.mean_agrees(once(DRAWS[:, 0], math.nan), 0.5, 0.5625),
        "1 of 20000 samples are not finite",
    ),
    (
        "variance, variance for std",
        lambda: law.variance_agrees(MEAN + STD**2 * NOISE, MEAN, STD**2, 3 * STD**4),
        r"variance\[",
    ),
    (
        "variance, swapped",
        lambda: law.variance_agrees(MEAN + STD[::-1] * NOISE, MEAN, STD**2, 3 * STD**4),
        r"variance\[",
    ),
    (
        "variance, noise used twice",
        lambda: law.normal_moments_agree(2 * NOISE[:, 0], 0.0, 2.0),
        "variance of draw: expected 2",
    ),
    (
        "distribution, rate for scale",
        lambda: law.distribution_agrees(-np.log1p(-UNIFORM) / 2, exponential, low=0.0),
        r"largest distance of F_n\(draw\)",
    ),
    (
        "distribution, sign",
        lambda: law.distribution_agrees(np.log1p(-UNIFORM), exponential, low=0.0),
        "outside the support",
    ),
    (
        "distribution, one out",
        lambda: law.distribution_agrees(once(UNIFORM, -1e-9), exponential, low=0.0),
        "1 of 20000 samples lie outside",
    ),
    (
        "frequency, swapped",
        lambda: law.frequencies_agree(CODES, PI[[1, 0, 2, 3]]),
        r"frequency\[\d\]: expected 0\.",
    ),
    (
        "frequency, impossible state",
        lambda: law.frequencies_agree(once(CODES, 3), PI),
        r"frequency\[3\]: expected 0",
    ),
    ("frequency, shifted", lambda: law.frequencies_agree(CODES + 1, PI), r"frequency\["),
    ("states, bits reversed", lambda: law.states_agree(STATES[CODES][:, ::-1], STATES, PI), r"frequency\["),
    (
        "states, no such state",
        lambda: law.states_agree(STATES[CODES] + 0.5, STATES, PI),
        "outside the support",
    ),
    (
        "states, independent bits",
        lambda: law.states_agree(np.stack([UNIFORM < 0.2, np.roll(UNIFORM, 1) > 0.7], 1), STATES, PI),
        r"frequency\[3\]: expected 0,",
    ),
]


@pytest.mark.parametrize(("name", "run", "message"), REJECTED, ids=[r[0] for r in REJECTED])
def test_mutants_are_rejected_with_the_right_message(name, run, message):
    outcome = run()
    assert outcome.worst > 1.0
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_constant_draws_must_be_equal():
    assert law.mean_agrees(np.full((100, 1), 2.0), [2.0], [0.0]).holds
    assert not law.mean_agrees(once(np.full(100, 2.0), 2.1), 2.0, 0.0).holds


def test_too_few_draws_never_pass():
    outcome = law.mean_agrees(np.zeros(10), 0.0, 1.0)
    assert not outcome.holds
    assert "needs more than" in outcome.message
