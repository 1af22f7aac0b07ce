"""The family laws accept a Gaussian, a Bernoulli and a gamma, and reject wrong ones by name."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from refvi.laws import family as law
from refvi.oracles import enumeration
from refvi.oracles.quadrature import line, space


class Phi(NamedTuple):
    mean: float
    log_std: float


PHI = Phi(0.5, -0.375)
STD = math.exp(PHI.log_std)
EVERYWHERE = line(breaks=(0.0, 1.0))
STATES = np.arange(3)[:, None]
LOGITS = np.array([0.3, -1.1, 0.6])
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()


def log_normal(phi, z):
    t = (z - phi.mean) * math.exp(-phi.log_std)
    return -0.5 * t * t - phi.log_std - 0.5 * math.log(2 * math.pi)


def log_q(z):
    return log_normal(PHI, z)


def score(phi, z):
    t = (z - phi.mean) * math.exp(-phi.log_std)
    return Phi(t * math.exp(-phi.log_std), t * t - 1.0)


def log_table(s):
    return math.log(PI[s[0]])


def sample(phi, noise):
    return phi.mean + math.exp(phi.log_std) * noise


def path(phi, noise):
    return [Phi(1.0, math.exp(phi.log_std) * e) for e in noise]


ENTROPY = 0.5 * math.log(2 * math.pi * math.e) + PHI.log_std
NOISE = np.array([0.7, -1.3])
DIVERGENCE = 0.5 * (PHI.mean**2 + STD**2 - 1 - 2 * PHI.log_std)


def log_standard(z):
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi)


def test_right_families_obey_every_law():
    plane = space([0.0, 1.0], [1.0, 2.0])
    outcomes = [
        law.mass_is_one(log_q, EVERYWHERE),
        law.mass_is_one(log_table, enumeration.total(STATES)),
        law.mass_is_one(lambda z: log_q(z[0]) + log_normal(Phi(0.9, 0.3), z[1]), plane),
        law.score_has_mean_zero(lambda z: score(PHI, z), log_q, EVERYWHERE),
        law.score_has_mean_zero(lambda s: np.eye(3)[s[0]] - PI, log_table, enumeration.total(STATES)),
        law.score_is_gradient(score, log_normal, PHI, 1.1),
        law.entropy_is_expectation(ENTROPY, log_q, EVERYWHERE),
        law.entropy_is_expectation(-float(PI @ np.log(PI)), log_table, enumeration.total(STATES)),
        law.moments_are_stated(log_q, EVERYWHERE, PHI.mean, STD**2),
        law.path_is_derivative(lambda p, e: sample(p, e), path, PHI, NOISE),
        law.path_is_derivative(sample, lambda p, e: path(p, [e])[0], PHI, 0.7),
        law.pullback_is_derivative(
            sample,
            lambda p, e, c: Phi(c.sum(), math.exp(p.log_std) * float(c @ e)),
            PHI,
            NOISE,
            np.array([2.0, -0.5]),
        ),
        law.divergence_is_expectation(DIVERGENCE, log_q, log_standard, EVERYWHERE),
        law.inverse_returns_the_noise(sample, lambda p, z: (z - p.mean) / math.exp(p.log_std), PHI, NOISE),
    ]
    for outcome in outcomes:
        assert outcome.holds, outcome.message
        assert outcome.message


def test_a_gamma_family_on_the_half_line():
    shape, rate = 2.5, 1.75

    def log_gamma(z):
        return shape * math.log(rate) - math.lgamma(shape) + (shape - 1) * math.log(z) - rate * z

    half = line(0.0, math.inf, breaks=(1.0, 4.0))
    assert law.mass_is_one(log_gamma, half).holds
    assert law.moments_are_stated(log_gamma, half, shape / rate, shape / rate**2).holds
    swapped = law.moments_are_stated(log_gamma, half, shape * rate, shape / rate**2)
    assert swapped.message.startswith("mean of q: expected 1.42857")


def without_z(s):
    return float(s[0])


REJECTED = [
    (
        "mass, constant dropped",
        lambda: law.mass_is_one(lambda z: log_q(z) + 0.919, EVERYWHERE),
        "mass of q: expected 1",
    ),
    (
        "mass, log std dropped",
        lambda: law.mass_is_one(lambda z: log_q(z) + PHI.log_std, EVERYWHERE),
        "mass of q",
    ),
    ("mass, sign", lambda: law.mass_is_one(lambda s: -log_table(s), enumeration.total(STATES)), "mass of q"),
    (
        "score, the minus one dropped",
        lambda: law.score_has_mean_zero(
            lambda z: Phi(score(PHI, z).mean, score(PHI, z).log_std + 1), log_q, EVERYWHERE
        ),
        r"E score\.log_std: expected 0, actual 1\.?",
    ),
    (
        "score, of the wrong table",
        lambda: law.score_has_mean_zero(
            lambda s: np.eye(3)[s[0]] - PI[::-1], log_table, enumeration.total(STATES)
        ),
        r"E score\[\d\]: expected ",
    ),
    (
        "score, absolute value",
        lambda: law.score_has_mean_zero(
            lambda s: abs(np.eye(3)[s[0]] - PI), log_table, enumeration.total(STATES)
        ),
        r"E score\[",
    ),
    (
        "score sign",
        lambda: law.score_is_gradient(
            lambda p, z: Phi(-score(p, z)[0], score(p, z)[1]), log_normal, PHI, 1.1
        ),
        r"score\.mean: .*ratio -1",
    ),
    (
        "score std for log std",
        lambda: law.score_is_gradient(
            lambda p, z: Phi(score(p, z)[0], score(p, z)[1] / STD), log_normal, PHI, 1.1
        ),
        r"score\.log_std",
    ),
    (
        "score detached",
        lambda: law.score_is_gradient(lambda p, z: Phi(0.0, score(p, z)[1]), log_normal, PHI, 1.1),
        r"score\.mean",
    ),
    (
        "entropy, sign",
        lambda: law.entropy_is_expectation(-ENTROPY, log_q, EVERYWHERE),
        "entropy: expected .*ratio -1",
    ),
    (
        "entropy, bits",
        lambda: law.entropy_is_expectation(ENTROPY / math.log(2), log_q, EVERYWHERE),
        r"ratio 1\.44",
    ),
    (
        "entropy, half dropped",
        lambda: law.entropy_is_expectation(ENTROPY - 0.5, log_q, EVERYWHERE),
        "entropy: expected",
    ),
    (
        "moments, std for variance",
        lambda: law.moments_are_stated(log_q, EVERYWHERE, PHI.mean, STD),
        "variance of q: ",
    ),
    ("moments, sign", lambda: law.moments_are_stated(log_q, EVERYWHERE, -PHI.mean), "mean of q: .*ratio -1"),
    (
        "moments, second moment",
        lambda: law.moments_are_stated(log_q, EVERYWHERE, 0.5, STD**2 + 0.25),
        "variance of q",
    ),
    (
        "path, noise dropped",
        lambda: law.path_is_derivative(sample, lambda p, e: [Phi(1.0, STD)] * 2, PHI, NOISE),
        r"path\[\d\]\.log_std",
    ),
    (
        "path, sign",
        lambda: law.path_is_derivative(
            sample, lambda p, e: [Phi(-1.0, t.log_std) for t in path(p, e)], PHI, NOISE
        ),
        r"path\[\d\]\.mean: .*ratio -1",
    ),
    (
        "path, of the std",
        lambda: law.path_is_derivative(sample, lambda p, e: [Phi(1.0, x) for x in e], PHI, NOISE),
        r"path\[\d\]\.log_std",
    ),
    (
        "path, an output dropped",
        lambda: law.path_is_derivative(sample, lambda p, e: path(p, e)[:1], PHI, NOISE),
        "expected 2 derivatives, actual 1",
    ),
    (
        "pullback, mean",
        lambda: law.pullback_is_derivative(
            sample, lambda p, e, c: Phi(c.mean(), STD * float(c @ e)), PHI, NOISE, np.array([2.0, -0.5])
        ),
        r"grad_phi\.mean.*ratio 0\.5",
    ),
    (
        "pullback, detached",
        lambda: law.pullback_is_derivative(
            sample, lambda p, e, c: Phi(c.sum(), 0.0), PHI, NOISE, np.array([2.0, -0.5])
        ),
        r"grad_phi\.log_std",
    ),
    (
        "pullback, sign",
        lambda: law.pullback_is_derivative(
            sample, lambda p, e, c: Phi(-c.sum(), STD * float(c @ e)), PHI, NOISE, np.array([2.0, -0.5])
        ),
        "ratio -1",
    ),
    (
        "divergence, half",
        lambda: law.divergence_is_expectation(0.5 * DIVERGENCE, log_q, log_standard, EVERYWHERE),
        r"kl: .*ratio 0\.5",
    ),
    (
        "divergence, direction",
        lambda: law.divergence_is_expectation(
            0.5 * ((1 + 0.25) / STD**2 - 1 + 2 * PHI.log_std), log_q, log_standard, EVERYWHERE
        ),
        "kl: ",
    ),
    (
        "divergence, sign",
        lambda: law.divergence_is_expectation(-DIVERGENCE, log_q, log_standard, EVERYWHERE),
        "ratio -1",
    ),
    (
        "inverse, variance",
        lambda: law.inverse_returns_the_noise(sample, lambda p, z: (z - p.mean) / STD**2, PHI, NOISE),
        r"noise\[",
    ),
    (
        "inverse, sign",
        lambda: law.inverse_returns_the_noise(sample, lambda p, z: (p.mean - z) / STD, PHI, NOISE),
        "ratio -1",
    ),
    (
        "inverse, mean dropped",
        lambda: law.inverse_returns_the_noise(sample, lambda p, z: z / STD, PHI, NOISE),
        r"noise\[",
    ),
]


@pytest.mark.parametrize(("name", "run", "message"), REJECTED, ids=[r[0] for r in REJECTED])
def test_mutants_are_rejected_with_the_right_message(name, run, message):
    outcome = run()
    assert outcome.worst > 1.0
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_states_without_mass_may_have_any_score():
    def log_hard(s):
        return math.log(0.5) if s[0] < 2 else -math.inf

    def score_hard(s):
        return np.array([1.0, -1.0]) * (1 - 2 * s[0]) if s[0] < 2 else np.full(2, math.nan)

    assert law.score_has_mean_zero(score_hard, log_hard, enumeration.total(STATES)).holds
    assert law.entropy_is_expectation(math.log(2), log_hard, enumeration.total(STATES)).holds
