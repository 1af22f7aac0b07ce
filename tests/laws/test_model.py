"""The model laws accept a small belief network and reject wrong ones by name."""

import math

import numpy as np
import pytest

from refvi.laws import model as law
from refvi.oracles import enumeration
from refvi.oracles.quadrature import line

H = enumeration.binary_states(2)
X = enumeration.binary_states(3)
PRIOR = np.array([0.3, -0.8])
WEIGHTS = np.array([[0.5, -1.25], [1.75, 0.4], [-0.6, 0.9]])
DATA = np.array([1, 0, 1])


def log_bernoulli(bit, logit):
    return bit * logit - math.log1p(math.exp(logit))


def log_prior(h):
    return sum(log_bernoulli(h[i], PRIOR[i]) for i in range(2))


def log_likelihood(x, h, weights=WEIGHTS):
    return sum(log_bernoulli(x[j], float(weights[j] @ h)) for j in range(3))


def log_joint(x, h):
    return log_prior(h) + log_likelihood(x, h)


def grad_weights(h):
    mean = 1 / (1 + np.exp(-(WEIGHTS @ h)))
    return np.outer(DATA - mean, h)


def fixed(h):
    return log_joint(DATA, h)


def evidence():
    return math.log(sum(math.exp(fixed(h)) for h in H))


def gradient():
    total = sum(math.exp(fixed(h)) for h in H)
    return sum(math.exp(fixed(h)) * grad_weights(h) for h in H) / total


def test_the_right_model_obeys_every_law():
    outcomes = [
        law.total_mass_is_one(log_joint, X, H),
        law.conditional_mass_is_one(log_likelihood, X, H),
        law.measure_is_one(lambda z: math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi), line()),
        law.log_evidence_is_sum(evidence(), fixed, H),
        law.gradient_of_log_evidence(gradient(), fixed, grad_weights, H),
        law.posterior_is_exact(enumeration.posterior(fixed, H), fixed, H),
        law.marginals_agree(lambda x: math.log(sum(math.exp(log_joint(x, h)) for h in H)), log_joint, X, H),
        law.joint_is_product(fixed, [log_prior, lambda h: log_likelihood(DATA, h)], H),
    ]
    for outcome in outcomes:
        assert outcome.holds, outcome.message


def no_prior(x, h):
    return log_likelihood(x, h)


def wrong_sign(x, h):
    return log_prior(h) + log_likelihood(x, h, -WEIGHTS) + math.log(1.01)


def no_normaliser(x, h):
    return log_prior(h) + sum(x[j] * float(WEIGHTS[j] @ h) for j in range(3))


REJECTED = [
    (
        "mass, prior dropped",
        lambda: law.total_mass_is_one(no_prior, X, H),
        "mass of model: expected 1, actual 4",
    ),
    (
        "mass, a constant",
        lambda: law.total_mass_is_one(wrong_sign, X, H),
        r"mass of model: expected 1, actual 1\.00999",
    ),
    ("mass, normaliser dropped", lambda: law.total_mass_is_one(no_normaliser, X, H), "mass of model"),
    ("mass, NaN", lambda: law.total_mass_is_one(lambda x, h: math.nan, X, H), "actual nan"),
    (
        "conditional, factor",
        lambda: law.conditional_mass_is_one(lambda x, h: 0.5 * log_likelihood(x, h), X, H),
        r"mass of conditional given \[",
    ),
    (
        "conditional, sign",
        lambda: law.conditional_mass_is_one(lambda x, h: -log_likelihood(x, h), X, H),
        "mass of",
    ),
    (
        "conditional, dropped",
        lambda: law.conditional_mass_is_one(lambda x, h: 0.0, X, H),
        "expected 1, actual 8",
    ),
    (
        "measure, half a density",
        lambda: law.measure_is_one(lambda z: 0.5 * math.exp(-abs(z)) / 2, line()),
        r"ratio 0\.5",
    ),
    (
        "measure, constant dropped",
        lambda: law.measure_is_one(lambda z: math.exp(-0.5 * z * z), line()),
        r"ratio 2\.50",
    ),
    (
        "measure, std for variance",
        lambda: law.measure_is_one(lambda z: math.exp(-0.5 * z * z / 4) / math.sqrt(2 * math.pi), line()),
        "mass",
    ),
    (
        "evidence, sign",
        lambda: law.log_evidence_is_sum(-evidence(), fixed, H),
        "log_evidence: expected .*ratio -1",
    ),
    (
        "evidence, mean over states",
        lambda: law.log_evidence_is_sum(evidence() - math.log(4), fixed, H),
        "log_evidence",
    ),
    (
        "evidence, largest term",
        lambda: law.log_evidence_is_sum(max(fixed(h) for h in H), fixed, H),
        "log_evidence",
    ),
    (
        "gradient, sign",
        lambda: law.gradient_of_log_evidence(-gradient(), fixed, grad_weights, H),
        r"grad_theta\[\d, \d\]: expected .*ratio -1",
    ),
    (
        "gradient, prior for posterior",
        lambda: law.gradient_of_log_evidence(
            sum(math.exp(log_prior(h)) * grad_weights(h) for h in H), fixed, grad_weights, H
        ),
        r"grad_theta\[",
    ),
    (
        "gradient, unnormalised",
        lambda: law.gradient_of_log_evidence(gradient() * math.exp(evidence()), fixed, grad_weights, H),
        r"grad_theta\[",
    ),
    (
        "posterior, prior",
        lambda: law.posterior_is_exact([math.exp(log_prior(h)) for h in H], fixed, H),
        r"posterior\[",
    ),
    (
        "posterior, order",
        lambda: law.posterior_is_exact(enumeration.posterior(fixed, H)[::-1], fixed, H),
        r"posterior\[",
    ),
    (
        "posterior, unnormalised",
        lambda: law.posterior_is_exact([math.exp(fixed(h)) for h in H], fixed, H),
        r"posterior\[",
    ),
    (
        "marginal, largest term",
        lambda: law.marginals_agree(lambda x: max(log_joint(x, h) for h in H), log_joint, X, H),
        r"log_marginal\(\[",
    ),
    (
        "marginal, one state",
        lambda: law.marginals_agree(lambda x: log_joint(x, H[0]), log_joint, X, H),
        r"log_marginal\(\[",
    ),
    (
        "marginal, mean of logs",
        lambda: law.marginals_agree(lambda x: np.mean([log_joint(x, h) for h in H]), log_joint, X, H),
        r"log_marginal\(\[",
    ),
    (
        "product, dropped",
        lambda: law.joint_is_product(log_prior, [log_prior, lambda h: log_likelihood(DATA, h)], H),
        r"log_joint\(",
    ),
    ("product, sign", lambda: law.joint_is_product(lambda h: -fixed(h), [fixed], H), "ratio -1"),
    ("product, twice", lambda: law.joint_is_product(lambda h: 2 * fixed(h), [fixed], H), "ratio 2"),
]


@pytest.mark.parametrize(("name", "run", "message"), REJECTED, ids=[r[0] for r in REJECTED])
def test_mutants_are_rejected_with_the_right_message(name, run, message):
    outcome = run()
    assert not outcome.holds
    with pytest.raises(AssertionError, match=message):
        outcome.raise_if_broken()


def test_impossible_states_are_part_of_a_model():
    def hard(x, h):
        return math.log(0.5) if tuple(x) == (h[0], h[0], h[0]) and h[1] == 0 else -math.inf

    assert law.total_mass_is_one(hard, X, H).holds
    assert law.joint_is_product(lambda h: -math.inf, [lambda h: 0.0, lambda h: -math.inf], H).holds
