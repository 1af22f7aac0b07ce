"""Chains of EM: wrong variants are refused, and the models agree with loops and with finite climbs."""

import itertools
import math

import numpy as np
import pytest

from refvi import derivations
from refvi.derivations.chain import small_models
from refvi.derivations.models.gaussian_mixtures import GaussianMixture
from refvi.derivations.models.hidden import Hidden
from refvi.derivations.models.mixtures import Mixture

from .refused import assert_refused, assert_three_each, cases

MUTANTS = {
    "mixture.evidence": [
        ("log(likelihood_of_data(theta))", "likelihood_of_data(theta)", 2),
        ("prior_at(theta)[k] * likelihood_at", "likelihood_at", 3),
        ("log(joint[:, k]) - log(posterior[:, k])", "log(joint[:, k])", 4),
    ],
    "em.fisher-mixture": [
        ("grad_joint / evidence", "grad_joint", 2),
        ("joint / evidence * grad_log_joint", "joint / evidence * grad_joint", 3),
        ("E_now(grad_log_joint)", "-E_now(grad_log_joint)", 4),
    ],
    "hmm.forward": [
        ("log(total(joint))", "total(log(joint))", 2),
        ("log_evidence_at(theta)", "-log_evidence_at(theta)", 2),
        ("alpha[t] * beta[t]", "alpha[t]", 3),
    ],
    "em.fisher-hmm": [
        ("nabla(log_evidence_at)", "-nabla(log_evidence_at)", 2),
        ("posterior * grad_log_joint", "grad_log_joint", 2),
        ("total(posterior * grad_log_joint)", "total(posterior * grad_log_joint) / 2", 2),
    ],
    "em.bound": [
        ("log(joint_at(other)) - log(posterior)", "log(joint_at(other)) + log(posterior)", 2),
        ("- KL_posteriors(theta, other)", "- KL_posteriors(other, theta)", 3),
        ("Q(other, theta) + entropy_at(theta)", "Q(other, theta) + entropy_at(other)", 2),
    ],
    "em.monotone": [
        ("KL_posteriors(theta, em_step)", "KL_posteriors(em_step, theta)", 2),
        ("Q(theta, theta) + entropy_at(theta)", "Q(theta, theta)", 5),
        ("Q(em_step, theta) + entropy_at(theta) + KL", "Q(em_step, em_step) + entropy_at(theta) + KL", 2),
    ],
    "em.generalised": [
        ("point + eta * nabla(Q_now)", "point - eta * nabla(Q_now)", 2),
        ("Q(gradient_step, theta) + entropy_at(theta)", "Q(gradient_step, theta) - entropy_at(theta)", 4),
        ("Q(theta, theta) + entropy_at(theta)", "Q(theta, theta)", 5),
    ],
    "em.q-gradient": [
        ("nabla(log_evidence_at)", "2 * nabla(log_evidence_at)", 2),
        ("E_now(grad_log_joint)", "-E_now(grad_log_joint)", 2),
        ("nabla(Q_now)", "nabla(log_evidence_at) + nabla(Q_now)", 3),
    ],
    "em.q-gradient-elsewhere": [
        ("+ nabla_other(KL_from(theta))", "", 2),
        ("nabla_other(KL_from(theta))", "nabla_other(KL_from(other))", 2),
        ("posterior_at(other) - posterior", "posterior - posterior_at(other)", 3),
    ],
    "em.m-step-bernoulli": [
        ("N * total(share * log(share)) +", "total(share * log(share)) +", 2),
        ("total(share * log(share / prior))", "total(prior * log(prior / share))", 3),
        ("(1 - ons[k, d]) * log(1 - ons[k, d])", "log(1 - ons[k, d])", 2),
    ],
    "em.m-step-gaussian": [
        ("E_now(grad_log_joint_at(em_step))", "1 + E_now(grad_log_joint_at(em_step))", 2),
        ("total(r * away ** 2) / spread[k] - mass[k]", "total(r * away ** 2) / spread[k]", 3),
        ("total(r * away) / spread[k]", "total(away) / spread[k]", 3),
    ],
    "em.step-is-a-gradient-step": [
        ("mass / float(N)", "mass", 2),
        ("posterior[n] - prior_at(theta)", "posterior[n]", 3),
        ("nabla(log_evidence_at)[:2] / float(N)", "nabla(log_evidence_at)[:2]", 4),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    assert_refused(name, old, new, step)


def test_every_chain_has_three_wrong_variants():
    assert_three_each(MUTANTS, ("em.", "hmm.", "mixture."))


def sigma(a):
    return 1 / (1 + math.exp(-a))


def test_the_mixture_is_written_out():
    theta = (0.4, -0.3, 0.9, -0.2, -1.1, 0.6)
    model = Mixture(theta, theta, (0, 2, 3, 1))
    weights = [math.exp(theta[k]) / (math.exp(theta[0]) + math.exp(theta[1])) for k in (0, 1)]
    expected = 0.0
    for x1, x2 in ((0, 0), (1, 0), (1, 1), (0, 1)):
        p = 0.0
        for k in (0, 1):
            one, two = sigma(theta[2 + 2 * k]), sigma(theta[3 + 2 * k])
            p += weights[k] * (one if x1 else 1 - one) * (two if x2 else 1 - two)
        expected += math.log(p)
    assert float(model.log_evidence_at(theta)) == pytest.approx(expected, rel=1e-14)


def test_em_climbs_to_a_point_where_the_gradient_is_zero():
    model = Mixture((0.4, -0.3, 0.9, -0.2, -1.1, 0.6), (0.0,) * 6, (0, 3, 2, 1, 0, 3))
    before, theta = -math.inf, model.theta
    for _ in range(400):
        now = float(model.log_evidence_at(theta))
        assert now >= before - 1e-12
        before, model = now, Mixture(tuple(theta), model.other, model.xs)
        theta = tuple(model.em_step.value)
    assert np.abs(model.gradient.value).max() < 1e-6


def test_q_is_largest_at_the_m_step_among_its_neighbours():
    model = GaussianMixture((0.2, -0.1, -0.8, 0.9, 0.1, -0.3), (0.0,) * 6, (-2.0, -0.7, 0.3, 1.1, 2.4))
    top, step = float(model.Q_now(model.em_step)), model.em_step.value
    rng = np.random.default_rng(0)
    for size, _ in itertools.product((1e-3, 1e-1, 1.0), range(10)):
        assert float(model.Q_now(step + size * rng.normal(size=6))) < top


def test_a_plain_gradient_of_p_would_not_be_the_gradient_of_the_log():
    chosen = derivations.get("em.fisher-mixture")
    for model in small_models(chosen, 1, 4):
        off = np.abs(model.E_now(model.grad_joint).value - model.gradient.value).max()
        assert off > 1e-2


def test_hidden_paths_are_written_out():
    theta = (0.1, -0.4, 0.5, 0.2, -0.6, 0.3, 0.8, -0.2, 0.4, 0.9)
    model = Hidden(theta, (0, 1, 1))

    def row(i):
        a, b = math.exp(theta[2 * i]), math.exp(theta[2 * i + 1])
        return a / (a + b), b / (a + b)

    start, move, emit = row(0), (row(1), row(2)), (row(3), row(4))
    value = 0.0
    for z in itertools.product((0, 1), repeat=3):
        value += start[z[0]] * emit[z[0]][0] * math.prod(move[z[t - 1]][z[t]] * emit[z[t]][1] for t in (1, 2))
    assert float(model.log_evidence_at(theta)) == pytest.approx(math.log(value), rel=1e-14)
    np.testing.assert_allclose(model.xi.value.sum((1, 2)), 1.0, rtol=1e-14)
    np.testing.assert_allclose(model.xi.value.sum(2), model.gamma.value[:-1], rtol=1e-13)
