"""Variational chains: wrong variants are refused, and the models agree with plain sums and searches."""

import itertools
import math

import numpy as np
import pytest

from refvi import derivations
from refvi.derivations.chain import small_models
from refvi.derivations.models.factors import Factors
from refvi.derivations.numbers import number

from .refused import assert_refused, assert_three_each, cases

MUTANTS = {
    "variational.aggregate": [
        ("joint[n, z[n]] / q[n, z[n]]", "joint[n, z[0]] / q[n, z[n]]", 2),
        ("total(E(log(joint / q)))", "total(E(log(joint)))", 2),
        ("log(likelihood_of_data(theta))", "N * log(likelihood_of_data(theta))", 4),
    ],
    "variational.e-step": [
        ("posterior_one * evidence_one / q_at(lam)", "posterior_one / q_at(lam)", 2),
        (
            "log(evidence_one) - KL(q_at(lam), posterior_one)",
            "log(evidence_one) - KL(posterior_one, q_at(lam))",
            3,
        ),
        ("posterior_one * log(joint[0] / posterior_one)", "posterior_one * log(joint[0])", 5),
    ],
    "variational.coordinate-ascent": [
        ("total(total(q * log(joint))) - total", "total(total(q * log(joint))) + total", 2),
        ("elbo_of(m_step, q)", "elbo_of(theta, q)", 4),
        ("log_evidence_at(m_step)", "log_evidence_at(theta)", 6),
    ],
    "variational.is-em": [
        ("log_evidence_at(em_step)", "log_evidence_at(theta)", 2),
        ("Q(em_step, theta) + entropy_at(theta)", "Q(em_step, theta) + entropy_at(em_step)", 4),
        ("Q(theta, theta) + entropy_at(theta)", "Q(theta, theta)", 6),
    ],
    "variational.mean-field": [
        ("+ entropy(q_one) + entropy(q_two)", "+ entropy(q_one)", 2),
        ("- total(q_one * log(q_one / best_one))", "- total(best_one * log(best_one / q_one))", 3),
        ("elbo(best_one, q_two)", "elbo(q_one, q_two)", 5),
    ],
    "svi.minibatch": [
        ("lambda batch: N / B * sum(", "lambda batch: sum(", 2),
        ("float(n in batch)) * grad_theta", "float(n in batch)) / B * grad_theta", 2),
        ("nabla(elbo_at)", "B * nabla(elbo_at) / N", 4),
    ],
    "svi.inner-gradient": [
        ("- q * total(q * gain)", "- total(q * gain)", 2),
        ("q * gain - q", "gain - q", 2),
        ("-nabla_lam(lambda at", "nabla_lam(lambda at", 4),
    ],
    "svi.inner-step": [
        ("before_last + eta * grad_lam(before_last)", "before_last + eta * grad_lam(after(K))", 2),
        ("before_last + eta * grad_lam(before_last)", "before_last - eta * grad_lam(before_last)", 2),
        ("'ELBO(λ_0)', elbo_one(lam)", "'ELBO(λ_0)', -elbo_one(lam)", 4),
    ],
    "amortised.gaps": [
        ("elbo_of(theta, bounded) + KL_n(bounded)", "elbo_of(theta, bounded) - KL_n(bounded)", 2),
        ("(elbo_of(theta, best_bounded) - elbo_of(theta, bounded))", "(elbo_of(theta, best_bounded))", 3),
        ("elbo_of(theta, bounded)) + KL_n(best_bounded)", "elbo_of(theta, bounded)) + KL_n(bounded)", 3),
    ],
    "amortised.chain-rule": [
        ("on * (1 - on) * (odds - logits_phi)", "on * (odds - logits_phi)", 2),
        ("odds - logits_phi", "odds", 2),
        ("log(joint / q_phi)", "log(joint)", 3),
    ],
    "amortised.joint-ascent": [
        ("slope_at_zero(elbo_along)", "-slope_at_zero(elbo_along)", 2),
        ("+ total(nabla_phi(elbo_phi) * grad_elbo_phi)", "", 2),
        ("total(grad_elbo_theta ** 2) + total(grad_elbo_phi ** 2)", "total(grad_elbo_theta ** 2)", 3),
    ],
    "variational.envelope": [
        ("nabla(best_elbo_at)", "2 * nabla(best_elbo_at)", 2),
        ("elbo_of(at, network(fitted_phi))", "elbo_of(at, network(fitted_phi + 0.5))", 2),
        ("network(fitted_phi) * grad_log_joint", "grad_log_joint", 3),
    ],
    "vae.theta-gradient": [
        ("nabla_theta(bound_of_theta)", "-nabla_theta(bound_of_theta)", 2),
        ("q(z) * log_likelihood", "log_likelihood", 2),
        ("grad_theta[:, e[0]]", "(grad_theta[:, e[0]] + grad_theta[:, e[1]])", 4),
    ],
    "vae.phi-gradient": [
        ("- nabla(divergence_at)", "", 2),
        ("sigma - 1 / sigma", "sigma", 3),
        ("+ stack([0.0, 1 / sigma])", "", 4),
        ("log_joint(z) - log(q(z))", "log_joint(z)", 5),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    assert_refused(name, old, new, step)


def test_every_chain_has_three_wrong_variants():
    assert_three_each(MUTANTS, ("variational.", "svi.", "amortised.", "vae."))


def models_of(name, count=6):
    return small_models(derivations.get(name), 2, count)


def test_no_random_network_beats_the_fitted_one():
    rng = np.random.default_rng(0)
    for model in models_of("variational.envelope"):
        best, phi = float(model.elbo_phi(model.fitted_phi)), model.fitted_phi.value
        for _ in range(20):
            other = phi + rng.normal(size=3) * [1.0, 1.0, 0.0]
            assert float(model.elbo_phi(other)) <= best


def test_no_bounded_table_beats_the_clipped_one():
    for model in models_of("amortised.gaps"):
        best = float(model.elbo_of(model.theta, model.best_bounded))
        for odds in itertools.product((-0.5, -0.2, 0.1, 0.5), repeat=4):
            on = 1.0 / (1.0 + np.exp(-np.array(odds)))
            assert float(model.elbo_of(model.theta, number(np.stack([1.0 - on, on], axis=1)))) <= best + 1e-14


def test_the_network_of_a_product_mixture_holds_the_posterior():
    for model in models_of("amortised.gaps"):
        np.testing.assert_allclose(
            model.network(model.exact_phi).value, model.posterior.value, rtol=1e-13, atol=1e-15
        )


def test_both_gaps_are_met_with():
    gaps = []
    for m in models_of("amortised.gaps", 12):
        best = float(m.elbo_of(m.theta, m.best_bounded))
        gaps.append((float(m.KL_n(m.best_bounded)), best - float(m.elbo_of(m.theta, m.bounded))))
    assert max(g[0] for g in gaps) > 1e-2
    assert min(g[1] for g in gaps) > 1e-4


def test_mean_field_is_written_out():
    model = Factors(((3, 5, 7), (11, 2, 13)), (1, 3), (2, 3, 5))
    one, two = (0.25, 0.75), (0.2, 0.3, 0.5)
    value = 0.0
    for i, j in itertools.product(range(2), range(3)):
        value += one[i] * two[j] * math.log(model.weights[i][j] / 200 / (one[i] * two[j]))
    assert float(model.elbo(model.q_one, model.q_two)) == pytest.approx(value, rel=1e-14)
    logs = [sum(two[j] * math.log(model.weights[i][j] / 200) for j in range(3)) for i in range(2)]
    best = 1.0 / (1.0 + math.exp(logs[1] - logs[0]))
    assert float(model.best_one[0]) == pytest.approx(best, rel=1e-14)


def test_a_minibatch_of_the_first_data_is_biased():
    for model in models_of("svi.minibatch"):
        whole = model.grad_theta.value.sum(1)
        first = model.N / model.B * model.grad_theta.value[:, : model.B].sum(1)
        assert np.abs(whole - first).max() > 1e-2
