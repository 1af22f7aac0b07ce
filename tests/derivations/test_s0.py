"""Chains of the discrete autoencoder: wrong variants are refused, and the models agree with sums written out as loops."""

import itertools
import math

import numpy as np
import pytest

from refvi import derivations
from refvi.derivations.chain import small_models
from refvi.derivations.models.discrete_vae_decoders import Deep, Logistic, NoisyOr, OrOfChances
from refvi.derivations.numbers import number

from .refused import assert_refused, assert_three_each, cases

MUTANTS = {
    "discrete-vae.bound": [
        ("E(log_joint - log(q))", "E(log_joint + log(q)) + 20", 2),
        ("E(log_joint) + entropy", "E(log_joint) - entropy", 3),
        ("- log(q)[h[n]] for n in range(N))) / N", "- log(q)[h[n]] for n in range(N)))", 4),
    ],
    "discrete-vae.gap": [
        ("E(log(joint / posterior))", "E(log(joint / q))", 2),
        ("E(log(joint / q)) + KL(q, posterior)", "E(log(joint / q)) + KL(posterior, q)", 3),
        ("E(log(joint)) + H(mu)", "E(log(joint)) - H(mu)", 4),
    ],
    "discrete-vae.brackets": [
        ("/ N + (1 - 1 / N) * Var(lambda h: log_q[h[0]]), 'only", "/ N, 'only", 2),
        (
            "- log_q[h[n]] for n in range(N))) / N) + (1 - 1 / N)",
            "- log_q[h[n]] for n in range(N)))) + (1 - 1 / N)",
            3,
        ),
        ("- log_q[h[n_last]]", "- log_q[h[0]] - log_q[h[n_last]]", 2),
    ],
    "discrete-vae.mean-field": [
        ("nabla_mu(elbo)", "-nabla_mu(elbo)", 2),
        ("flip_gain(log(joint)) - log(mu / (1 - mu))", "flip_gain(log(joint))", 3),
        ("flip_gain(log(likelihood))", "flip_gain(likelihood)", 4),
    ],
    "discrete-vae.m-step": [
        ("nabla_psi(elbo_of_psi)", "2 * nabla_psi(elbo_of_psi)", 2),
        ("log_p_x_at(psi) + log_p_h_at(psi)", "log_p_x_at(psi)", 2),
        ("for n in range(N))) / N", "for n in range(N)))", 4),
    ],
    "discrete-vae.m-step-maximum": [
        ("E_each(lambda h: max_psi(lambda at: average(at, h)))", "-10 + E(log_joint_at(psi))", 2),
        ("max_psi(lambda at: E(log_joint_at(at)))", "E(log_joint_at(psi)) - 1", 3),
        ("for n in range(N))) / N", "for n in range(N)))", 3),
    ],
    "discrete-vae.prior-step": [
        ("mu_stars[n] * log(mu_h) + (1 - mu_stars[n])", "mu_stars[n] * log(mu_h) + mu_stars[n]", 2),
        ("average_mu * log(average_mu / mu_h)", "mu_h * log(average_mu / mu_h)", 3),
        ("log_p_h_at(after_prior_step)", "-2 + log_p_h_at(psi)", 4),
    ],
    "discrete-vae.em": [
        ("log_joint_at(after, n)) + entropy_of(n)", "log_joint_at(after, n)) + 2 * entropy_of(n)", 2),
        ("log_p_h_at(psi) + log_p_x_at(after, n)", "log_p_x_at(after, n)", 3),
        ("log_joint_at(psi, n)) + entropy_of(n)", "log_joint_at(psi, n))", 4),
    ],
    "surrogate.gap": [
        ("log_p(mu) + H(mu) - E(log(joint)) - H(mu)", "log_p(mu) - E(log(joint)) - H(mu)", 2),
        ("log_p_h(mu) - E(log(prior)) + log_p_x", "log_p_h(mu) + log_p_x", 2),
        ("log_p(corner) - total", "log_p(mu) - total", 4),
    ],
    "surrogate.exact": [
        ("log_p_h(mu) - total(rates(mu))", "log_p_h(mu) + total(rates(mu))", 2),
        ("E(log(prior)) - E(total(rates(h)))", "E(log(prior)) - total(rates(mu * mu))", 3),
        ("elbo(mu_surrogate), 'one", "elbo(mu) - 1, 'one", 5),
    ],
    "surrogate.jensen": [
        ("log(1 + exp(-signed(mu)))", "log(1 + exp(signed(mu)))", 2),
        ("E(total(log(1 + exp(-signed(h)))))", "2 * E(total(log(1 + exp(-signed(h)))))", 4),
        ("'E_q log p(x,h) + H(q)', elbo(mu)", "'E_q log p(x,h) + H(q)', surrogate(mu)", 4),
    ],
    "surrogate.mean-decoder": [
        ("log(E_each_visible(lambda p: p))", "E_each_visible(log)", 2),
        ("log(E_each_visible(lambda p: p))", "log(E_each_visible(lambda p: p * p))", 2),
        ("'E_q log p(x_d|h)', E_each_visible(log)", "'E_q log p(x_d|h)', -E_each_visible(log)", 3),
    ],
    "surrogate.above-evidence": [
        ("elbo(mu) + log_p_x(f(mu))", "elbo(mu) - log_p_x(f(mu))", 3),
        ("log(evidence) + log_p_x(f(mu)) - E(log(likelihood))", "log(evidence) - log_p_x(f(mu))", 4),
        ("'max_μ log p(x,μ) + H(q)', surrogate(mu_surrogate)", "'max_μ log p(x,μ) + H(q)', elbo(mu)", 2),
    ],
    "surrogate.second-order": [
        ("-1 / 2 * total", "1 / 2 * total", 2),
        ("-1 / 2 * total", "-total", 2),
        ("mu * (1 - mu) * bend_at_zero", "mu * bend_at_zero", 3),
    ],
    "surrogate.stationary": [
        ("nabla_mu(surrogate)", "-nabla_mu(surrogate)", 2),
        ("nabla_mu(lambda m: log_p_x(f(m))) - log(mu / (1 - mu))", "nabla_mu(lambda m: log_p_x(f(m)))", 2),
        ("x - f(mu)", "f(mu) - x", 3),
    ],
    "surrogate.fixed-point": [
        ("log(mu_star / (1 - mu_star))", "log(mu_star)", 2),
        ("log_p_x(f(m))", "-log_p_x(f(m))", 2),
        ("x - f(mu_star)", "x - f(mu_h)", 3),
    ],
    "surrogate.concave": [
        ("log_p_x(f(middle)) + H(middle), 'log", "log_p_x(f(mu)) + H(middle), 'log", 2),
        ("log_p_x(f(mu)) + log_p_x(f(mu_h))) / 2", "log_p_x(f(mu)) + log_p_x(f(mu_h)) + 9) / 2", 3),
        ("(surrogate(mu) + surrogate(mu_h)) / 2", "-(surrogate(mu) + surrogate(mu_h))", 4),
    ],
    "surrogate.lowers-the-bound": [
        ("elbo(mu_surrogate))", "elbo(mu_elbo) + 1)", 2),
        ("elbo(mu_surrogate) + log_p_x", "elbo(mu_elbo) + log_p_x", 5),
        ("'J(μ_L)', surrogate(mu_elbo)", "'J(μ_L)', surrogate(mu_surrogate) + 1", 6),
    ],
    "surrogate.one-symbol": [
        ("mu * log(mu) + (1 - mu)", "mu * log(mu) + mu", 2),
        ("'log p(x|μ)', log_p_x(f(mu))", "'log p(x|μ)', log_p_h(mu) + log_p_x(f(mu))", 2),
        ("- KL_to_prior", "+ KL_to_prior", 5),
    ],
    "auxiliary.printed-order": [
        ("-KL(q, mu_star) - H(q)", "-KL(mu_star, q) - H(mu_star)", 2),
        ("q * log(mu_star / (1 - mu_star))", "q * log(mu_star)", 3),
        ("rounded * log(mu_star) + (1 - rounded)", "(1 - rounded) * log(mu_star) + rounded", 4),
    ],
    "auxiliary.swapped-order": [
        ("-KL(mu_star, q) - H(mu_star)", "-KL(q, mu_star) - H(q)", 2),
        ("'-H(μ*)', -H(mu_star)", "'-H(μ*)', H(mu_star)", 4),
        ("mu_star * log(mu_star) + (1 - mu_star)", "mu_star * log(mu_star) + mu_star", 4),
    ],
    "auxiliary.swapped-gradient": [
        ("-nabla_logits(lambda q: KL(mu_star, q))", "-nabla_logits(lambda q: KL(q, mu_star))", 2),
        ("q * (1 - q) * (", "(", 3),
        ("'μ*_k - q_k', mu_star - q", "'μ*_k - q_k', q - mu_star", 4),
    ],
    "auxiliary.with-entropy": [
        ("(1 - q) * log(1 - mu_star)) + H(q)", "(1 - q) * log(1 - mu_star))", 2),
        ("-KL(q, mu_star)", "-KL(mu_star, q)", 2),
        ("(1 - mu_star) * log(1 - mu_star)) + H(mu_star)", "(1 - mu_star) * log(1 - mu_star))", 4),
    ],
    "auxiliary.with-entropy-gradient": [
        ("-nabla_logits(lambda q: KL(q, mu_star))", "-nabla_logits(lambda q: KL(mu_star, q))", 2),
        ("+ nabla_logits(H)", "", 2),
        ("- log(q / (1 - q))", "+ log(q / (1 - q))", 4),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    assert_refused(name, old, new, step)


def test_every_chain_has_three_wrong_variants():
    assert_three_each(MUTANTS, ("discrete-vae.", "surrogate.", "auxiliary."))


def models_of(name, count=6):
    return small_models(derivations.get(name), 2, count)


def sigmoid(a):
    return 1.0 / (1.0 + math.exp(-a))


DECODERS = {
    "logistic": (
        Logistic((0.3, 0.6), (0.2, 0.7), (1, 0), W=((1.1, -0.7), (0.4, 1.9)), c=(0.3, -0.5)),
        lambda h, d: sigmoid((1.1, 0.4)[d] * h[0] + (-0.7, 1.9)[d] * h[1] + (0.3, -0.5)[d]),
    ),
    "noisy-or": (
        NoisyOr((0.3, 0.6), (0.2, 0.7), (1, 0), strength=((1.1, 0.7), (0.4, 1.9)), leak=(0.3, 0.1)),
        lambda h, d: 1.0 - math.exp(-((1.1, 0.4)[d] * h[0] + (0.7, 1.9)[d] * h[1] + (0.3, 0.1)[d])),
    ),
    "or of chances": (
        OrOfChances((0.3, 0.6), (0.2, 0.7), (1, 0), strength=((1.1, 0.7), (0.4, 1.9)), leak=(0.3, 0.1)),
        lambda h, d: (
            1.0
            - math.exp(-(0.3, 0.1)[d])
            * (1.0 - (1.0 - math.exp(-(1.1, 0.4)[d])) * h[0])
            * (1.0 - (1.0 - math.exp(-(0.7, 1.9)[d])) * h[1])
        ),
    ),
    "deep": (
        Deep(
            (0.3, 0.6),
            (0.2, 0.7),
            (1, 0),
            A=((1.1, -0.7), (0.4, 1.9)),
            e=(0.3, -0.5),
            V=((0.9, 0.8), (-1.2, 0.6)),
            c=(0.1, 0.2),
        ),
        lambda h, d: sigmoid(
            (0.9, -1.2)[d] * sigmoid(1.1 * h[0] - 0.7 * h[1] + 0.3)
            + (0.8, 0.6)[d] * sigmoid(0.4 * h[0] + 1.9 * h[1] - 0.5)
            + (0.1, 0.2)[d]
        ),
    ),
}


@pytest.mark.parametrize("name", DECODERS)
def test_bound_and_surrogate_are_sums_over_four_states(name):
    model, f = DECODERS[name]
    prior, mu = (0.3, 0.6), (0.2, 0.7)
    evidence, elbo = 0.0, 0.0
    for h in itertools.product((0, 1), repeat=2):
        p = math.prod(m if b else 1 - m for m, b in zip(prior, h)) * f(h, 0) * (1 - f(h, 1))
        q = math.prod(m if b else 1 - m for m, b in zip(mu, h))
        evidence += p
        elbo += q * math.log(p / q)
    surrogate = math.log(f(mu, 0)) + math.log(1 - f(mu, 1))
    for m, n in zip(mu, prior):
        surrogate -= m * math.log(m / n) + (1 - m) * math.log((1 - m) / (1 - n))
    assert float(model.evidence) == pytest.approx(evidence, rel=1e-14)
    assert float(model.evidence_bit_by_bit) == pytest.approx(evidence, rel=1e-14)
    assert float(model.elbo(number(mu))) == pytest.approx(elbo, rel=1e-13)
    assert float(model.surrogate(number(mu))) == pytest.approx(surrogate, rel=1e-13)


@pytest.mark.parametrize("name", DECODERS)
def test_no_point_beats_the_maxima(name):
    model, _ = DECODERS[name]
    rng = np.random.default_rng(1)
    for function, at in ((model.elbo, model.mu_elbo), (model.surrogate, model.mu_surrogate)):
        best = float(function(at))
        near = at.value * np.exp(1e-3 * rng.normal(size=(200, 2)))
        far = rng.uniform(0.01, 0.99, size=(200, 2))
        for points in (near, far):
            assert np.max(function(number(np.minimum(points, 0.999))).value) <= best + 1e-11


def test_the_conditions_of_the_decoders():
    kinds = {name: model for name, (model, _) in DECODERS.items()}
    assert not any(m.likelihood_is_affine for m in kinds.values())  # each has a bit that is on
    assert [name for name, m in kinds.items() if m.mean_is_affine] == ["or of chances"]
    silent = NoisyOr((0.3, 0.6), (0.2, 0.7), (0, 0), strength=((1.1, 0.7), (0.4, 1.9)), leak=(0.3, 0.1))
    assert silent.likelihood_is_affine
    assert silent.likelihood_is_below
    assert silent.posterior_factorises
    assert not kinds["logistic"].posterior_factorises
    assert not kinds["logistic"].likelihood_is_below


def test_explaining_away_puts_both_causes_half_on():
    lost, above = [], []
    for model in models_of("surrogate.lowers-the-bound", 12):
        one = float(model.elbo(model.mu_surrogate))
        lost.append(float(model.elbo(model.mu_elbo)) - one)
        above.append(float(model.surrogate(model.mu_surrogate)) - math.log(float(model.evidence)))
    assert min(lost) > 1e-2
    assert min(above) > 1e-2


def test_the_solution_of_the_e_step_is_the_fixed_point_of_an_iteration():
    for model in models_of("surrogate.fixed-point"):
        mu = [0.5, 0.5]
        for _ in range(4000):
            reached = [sum(model.W[d][k] * mu[k] for k in (0, 1)) + model.c[d] for d in (0, 1)]
            wrong = [model.bits[d] - sigmoid(reached[d]) for d in (0, 1)]
            for k in (0, 1):
                m = model.mu_prior[k]
                target = sigmoid(math.log(m / (1 - m)) + sum(model.W[d][k] * wrong[d] for d in (0, 1)))
                mu[k] = 0.8 * mu[k] + 0.2 * target
        np.testing.assert_allclose(model.mu_star.value, mu, rtol=1e-11)


def test_the_linear_cost_is_largest_at_a_corner_and_the_other_at_the_solution():
    for model in models_of("auxiliary.printed-order"):
        m, grid = model.solution, np.linspace(0.001, 0.999, 999)
        printed = [g * math.log(m[0]) + (1 - g) * math.log(1 - m[0]) for g in grid]
        swapped = [m[0] * math.log(g) + (1 - m[0]) * math.log(1 - g) for g in grid]
        corner = 0.999 if m[0] > 0.5 else 0.001
        assert grid[int(np.argmax(printed))] == pytest.approx(corner)
        assert grid[int(np.argmax(swapped))] == pytest.approx(m[0], abs=6e-4)
        assert float(model.arg_max_q(lambda q, at=model: -at.KL(at.mu_star, q))[0]) == pytest.approx(m[0])


def test_learning_is_written_out():
    for model in models_of("discrete-vae.em", 3):
        b1, b2, w11, w12, w21, w22, c1, c2 = model.psi
        for n, x in enumerate(model.xs):
            p = 0.0
            for h in itertools.product((0, 1), repeat=2):
                on = (sigmoid(w11 * h[0] + w12 * h[1] + c1), sigmoid(w21 * h[0] + w22 * h[1] + c2))
                term = math.prod(o if b else 1 - o for o, b in zip(on, x))
                p += term * math.prod(sigmoid(b if s else -b) for b, s in zip((b1, b2), h))
            assert float(model.log_evidence_at(model.psi, n)) == pytest.approx(math.log(p), rel=1e-13)


def test_no_prior_beats_the_closed_form():
    rng = np.random.default_rng(0)
    for model in models_of("discrete-vae.prior-step", 3):
        best = sum(float(model.E_of(n, model.log_p_h_at(model.after_prior_step))) for n in (0, 1))
        for _ in range(50):
            other = tuple(model.after_prior_step.value[:2] + 0.3 * rng.normal(size=2)) + model.psi[2:]
            assert sum(float(model.E_of(n, model.log_p_h_at(other))) for n in (0, 1)) <= best
