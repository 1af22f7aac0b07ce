"""Amortised inference: gradients through the encoder, and the two gaps, each measured where the other is zero."""

import math

import numpy as np
import pytest

from refvi.algorithms import amortised, categorical_per_datum, mean_field_chain
from refvi.algorithms.amortised import Encoder, Joint
from refvi.errors import UsageError
from refvi.laws import em as em_law
from refvi.laws.compare import Tolerance, compare
from refvi.models import hidden_markov, mixture, tables
from refvi.oracles import differences
from refvi.registry import latent_cases as cases

SIZE = 1e3
X = cases.data("categorical", 8)
FLAT = cases.mixture("categorical")
HOT = amortised.one_hot(X, 4)
CHAIN = cases.hidden_markov("categorical")
SEQUENCES = hidden_markov.sequences([cases.data("categorical", 5), cases.data("categorical", 3)])
STEP_FEATURES = amortised.one_hot(SEQUENCES.x, 4)


def encoder(features, seed=0):
    rng = np.random.default_rng(seed)
    return Encoder(rng.normal(size=(3, features)), rng.normal(size=3))


SETTINGS = {
    "mixture": (mixture, categorical_per_datum, Joint(FLAT, encoder(8)), HOT, X),
    "chain": (hidden_markov, mean_field_chain, Joint(CHAIN, encoder(8)), STEP_FEATURES, SEQUENCES),
}


def test_one_hot():
    assert amortised.one_hot([[0, 2], [1, 1]], 3).tolist() == [[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]]


def test_the_encoder_is_affine():
    phi = encoder(8)
    logits = amortised.encode(phi, HOT)
    assert np.allclose(logits, HOT @ phi.weights.T + phi.bias, rtol=0, atol=1e-14)
    assert np.array_equal(logits, amortised.encode(phi, HOT, target="cpu"))
    with pytest.raises(UsageError, match=r"features must have shape \(M, 8\), got \(8, 2\)"):
        amortised.encode(phi, X)


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_by_theta_and_phi(name):
    model, family, parameters, features, data = SETTINGS[name]

    def value(joint):
        return math.fsum(amortised.elbo(family, joint, features, data, target="cpu"))

    found = differences.gradient(value, parameters, magnitude=SIZE)
    tolerance = Tolerance(
        Joint(*(scaled(part, 4.0) for part in found.error)), "4 times the error estimate of the differences"
    )
    right = amortised.grad_elbo(model, family, parameters, features, data)
    outcome = compare("gradient", found.value, right, tolerance, "grad")
    assert outcome.holds, outcome.message
    swapped = right.encoder._replace(bias=-right.encoder.bias)
    detached = right._replace(encoder=Encoder(*(np.zeros_like(g) for g in right.encoder)))
    mean = right.encoder._replace(weights=right.encoder.weights / 8)
    for wrong, words in (
        (right._replace(encoder=swapped), r"grad\.encoder\.bias.*ratio -1"),
        (detached, r"grad\.encoder\..*ratio 0"),
        (right._replace(encoder=mean), r"grad\.encoder\.weights.*ratio 0\.125"),
    ):
        with pytest.raises(AssertionError, match=words):
            compare("gradient", found.value, wrong, tolerance, "grad").raise_if_broken()


def scaled(tree, by):
    return type(tree)(*(scaled(t, by) for t in tree)) if isinstance(tree, tuple) else by * np.asarray(tree)


def exact_encoder(theta):
    """log p(k | x) of a latent class model is affine in the indicators of the symbols: the encoder that has no gap."""
    log_p = tables.log_probabilities(theta.emission.logits)
    return Encoder(log_p.reshape(len(log_p), -1), tables.log_probabilities(theta.mixing_logits))


def test_a_large_family_and_a_large_encoder_have_no_gap():
    best = categorical_per_datum.improve(FLAT, None, X)
    gaps = amortised.gaps(mixture, categorical_per_datum, Joint(FLAT, exact_encoder(FLAT)), HOT, X, best)
    assert np.abs(gaps.approximation).max() < 1e-13
    assert np.abs(gaps.amortisation).max() < 1e-13


def test_a_small_encoder_leaves_an_amortisation_gap_alone():
    """Features that hide the second symbol: the family still holds the posterior."""
    best = categorical_per_datum.improve(FLAT, None, X)
    blind = HOT.copy()
    blind[:, 4:] = 0.0
    gaps = amortised.gaps(mixture, categorical_per_datum, Joint(FLAT, exact_encoder(FLAT)), blind, X, best)
    assert np.abs(gaps.approximation).max() < 1e-13
    assert gaps.amortisation.min() > 1e-3


def test_a_small_family_leaves_an_approximation_gap_alone():
    """Mean field on a chain, the best logits looked up instead of predicted."""
    best = mean_field_chain.best(CHAIN, SEQUENCES, starts=5)
    lookup = Joint(CHAIN, Encoder(best.T, np.zeros(3)))  # one indicator per time step of the data
    gaps = amortised.gaps(hidden_markov, mean_field_chain, lookup, np.eye(len(best)), SEQUENCES, best)
    assert gaps.approximation.min() > 1e-3
    assert np.abs(gaps.amortisation).max() < 1e-13


def test_both_gaps_at_once_add_up():
    best = mean_field_chain.best(CHAIN, SEQUENCES, starts=5)
    model, family, parameters, features, data = SETTINGS["chain"]
    run = amortised.amortised_ascent(model, family, parameters, features, data, steps=15)
    assert em_law.never_decreases(run.elbo, SIZE, name="ELBO").holds
    for joint in (parameters, Joint(CHAIN, run.parameters.encoder)):
        gaps = amortised.gaps(model, family, joint, features, data, best)
        evidence = model.log_evidence(CHAIN, data)
        bounds = amortised.elbo(family, joint, features, data)
        for n in range(2):
            outcome = em_law.gaps_add_up(
                evidence[n], evidence[n] - gaps.approximation[n], bounds[n], magnitude=SIZE
            )
            assert outcome.holds, outcome.message
        assert np.allclose(gaps.approximation + gaps.amortisation, evidence - bounds, rtol=0, atol=1e-13)
        assert gaps.approximation.min() > 1e-3
        assert gaps.amortisation.min() > 1e-3


@pytest.mark.parametrize("name", SETTINGS)
def test_joint_ascent_never_lowers_the_elbo_and_stays_below_the_evidence(name):
    model, family, parameters, features, data = SETTINGS[name]
    run = amortised.amortised_ascent(model, family, parameters, features, data, steps=10)
    outcome = em_law.never_decreases(run.elbo, SIZE, name="ELBO")
    assert outcome.holds, outcome.message
    assert run.elbo[-1] > run.elbo[0] + 1.0
    assert run.elbo[-1] <= math.fsum(model.log_evidence(run.parameters.theta, data)) + 1e-12
