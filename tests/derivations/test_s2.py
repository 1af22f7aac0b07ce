"""Wake-sleep chains: wrong variants are refused, and the models agree with sums written out as loops."""

import math

import numpy as np
import pytest

from refvi.derivations.chain import small_models
from refvi.derivations.models.bits import Bits
from refvi.derivations.models.dreams import Dreams
from refvi.derivations.models.modes import Count
from refvi.derivations.models.rounds import Rounds

from .refused import assert_refused, assert_three_each, cases

MUTANTS = {
    "wake.objective": [
        ("E(log(joint(theta)))) - E(log(q))", "E(log(joint(theta)))) - E(q)", 2),
        ("+ E(log(prior(0)))", "", 3),
        ("- KL(q, prior(0))", "- KL(prior(0), q)", 4),
    ],
    "wake.sampled-maximum": [
        ("E_each(lambda z: average(theta, z))", "-E_each(lambda z: average(theta, z))", 2),
        ("log(likelihood(theta, i)))", "log(likelihood(theta, 0)))", 3),
        ("for i in range(N))) / N)", "for i in range(N))))", 3),
    ],
    "wake.gradient": [
        ("nabla_theta(bound_at)", "-nabla_theta(bound_at)", 2),
        ("E_wake(grad_log_p)", "E_dream(grad_log_p)", 3),
        ("keep(data) * q / p * grad_log_p", "keep(data) / p * grad_log_p", 4),
        ("keep(data / p_x) * (q / posterior)", "keep(data) * (q / posterior)", 5),
    ],
    "wake.divergence": [
        ("log(p_x) - KL(q, posterior)", "log(p_x) - KL(posterior, q)", 2),
        ("log(data[x] / p_x[x])", "log(p_x[x])", 3),
        ("log(data[x] * q[x, z] / p[x, z])", "log(q[x, z] / p[x, z])", 4),
    ],
    "wake.delta-rule": [
        ("nabla_theta(wake_at)", "2 * nabla_theta(wake_at)", 2),
        ("(x_unit(d) - reconstruction(d)) * z_unit(j)", "(x_unit(d) - reconstruction(d)) * x_unit(j)", 3),
        ("[E_wake(x_unit(d) - reconstruction(d))", "[E_wake(reconstruction(d) - x_unit(d))", 3),
    ],
    "sleep.objective": [
        ("E_x(total(posterior * log(q)))", "E_x(total(q * log(q)))", 2),
        ("-E_x(KL(posterior, q))", "-E_x(KL(q, posterior))", 3),
        ("-E_x(KL(posterior, q)) +", "E_x(KL(posterior, q)) +", 3),
    ],
    "sleep.gradient": [
        ("-nabla_phi(divergence_on_dreams_at)", "nabla_phi(divergence_on_dreams_at)", 2),
        ("log(q_at(phi))", "log(p / q_at(phi))", 2),
        ("E_dream(grad_log_q)", "E_dream(log(p / q) * grad_log_q)", 3),
    ],
    "sleep.optimum": [
        ("sleep_objective(theta, sleep(theta))", "-sleep_objective(theta, sleep(theta))", 2),
        ("keep(total(marginal(theta)))", "2", 2),
        (
            "'E_{p(x,z)} log q_sleep(z|s)', sleep_objective",
            "'E_{p(x,z)} log q_sleep(z|s)', 2 * sleep_objective",
            2,
        ),
    ],
    "sleep.delta-rule": [
        ("nabla_phi(sleep_at)", "-nabla_phi(sleep_at)", 2),
        ("(z_unit(j) - guess(j)) * x_unit(d)", "(z_unit(j) - guess(j)) * z_unit(d)", 3),
        ("[E_dream(z_unit(j) - guess(j))", "[E_dream(z_unit(j))", 3),
    ],
    "sleep.mode-averaging": [
        ("(n - z) / (1 - between)", "z / (1 - between)", 2),
        ("E_posterior(z) - n * between", "E_posterior(z) - between", 3),
        ("E_at(matched, z) - E_posterior(z)", "E_at(between, z) - E_posterior(z)", 5),
    ],
    "sleep.explaining-away": [
        ("log(single_bits(prior))", "log(single_bits(posterior))", 2),
        ("log(prior_at(theta))", "prior_at(theta)", 3),
        ("log(single_bits(posterior))", "-log(single_bits(posterior)) - 5", 4),
        ("'E_p log q(z|x)', E_dream(log(q))", "'E_p log q(z|x)', -E_dream(log(q))", 6),
    ],
    "wake-sleep.round": [
        ("log_evidence(after_em())", "log_evidence(theta)", 2),
        ("bound(theta, posterior(theta))", "bound(after_round(), posterior(theta))", 5),
        ("log_evidence(theta)", "-log_evidence(theta)", 6),
    ],
    "wake-sleep.round-lowers": [
        ("bound(wake(sleep(theta)), sleep(theta))", "bound(theta, sleep(theta))", 2),
        ("log_evidence(after_round())", "2 * log_evidence(after_round())", 3),
        ("bound(theta, best_for_the_bound(theta))", "-bound(theta, best_for_the_bound(theta))", 5),
    ],
    "wake-sleep.no-objective": [
        ("- total(u * nabla_theta(sleep_along)), '∇_φ", "+ total(u * nabla_theta(sleep_along)), '∇_φ", 2),
        ("E_wake(s_p * s_q) - E_dream", "E_wake(s_p) - E_dream", 3),
        ("- E_dream(s_p * s_q)", "- E_wake(s_p * s_q)", 3),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    assert_refused(name, old, new, step)


def test_every_chain_has_three_wrong_variants():
    assert_three_each(MUTANTS, ("wake.", "sleep.", "wake-sleep."))


def test_tables_of_dreams_are_the_softmax_of_their_logits():
    model = Dreams((0.5, -0.3, 0.2, 0.1, 0.4, -0.4), (0.3, -0.2, 0.9, 0.1), (1, 3), (0, 1))
    tilt = [1 * math.exp(0.4), 3 * math.exp(-0.4)]
    rows = [(0.5, -0.3), (0.2, 0.1)]
    for z in (0, 1):
        for x in (0, 1):
            decoder = math.exp(rows[z][x]) / sum(map(math.exp, rows[z]))
            assert float(model.p[x, z]) == pytest.approx(tilt[z] / sum(tilt) * decoder, rel=1e-14)
    assert float(model.q[1, 0]) == pytest.approx(1 / (1 + math.exp(0.1 - 0.9)), rel=1e-14)


def test_bits_are_a_sigmoid_belief_network():
    model = Bits((0.3, -0.7, 1.1, 0.2, 0.1, -0.4, 0.6, -0.5), (0.2, 0.5, -0.3, 0.9, 0.1, -0.2), (1, 2, 3, 4))

    def chance(bit, logit):
        return 1 / (1 + math.exp(-logit if bit else logit))

    for z, (z1, z2) in enumerate(model.z):
        for x, (x1, x2) in enumerate(model.x):
            p = chance(z1, 0.6) * chance(z2, -0.5)
            p *= chance(x1, 0.3 * z1 - 0.7 * z2 + 0.1) * chance(x2, 1.1 * z1 + 0.2 * z2 - 0.4)
            assert float(model.p[x, z]) == pytest.approx(p, rel=1e-13)
            q = chance(z1, 0.2 * x1 + 0.5 * x2 + 0.1) * chance(z2, -0.3 * x1 + 0.9 * x2 - 0.2)
            assert float(model.q[x, z]) == pytest.approx(q, rel=1e-13)


def test_the_matched_binomial_is_the_best_on_a_grid():
    model = Count((17, 2, 2, 2, 29), 0.5)
    best = max(np.arange(1, 1000) / 1000, key=lambda phi: float(model.sleep_at(phi)))
    assert best == pytest.approx(float(model.matched), abs=1e-3)
    assert float(model.bound_at(0.95)) > float(
        model.bound_at(float(model.matched))
    )  # the bound prefers a mode


@pytest.mark.parametrize("sees", [1, 2])
def test_the_phases_end_at_their_optima(sees):
    model = Rounds((17, 3, 5, 11), (8, 3), ((0.17, 0.31), (0.75, 0.65)), sees=sees)
    rng = np.random.default_rng(3)
    asleep, bound = model.sleep(model.theta), model.best_for_the_bound(model.theta)
    for _ in range(40):
        push = np.exp(0.2 * rng.normal(size=(4, 2)))
        push = push[[0, 0, 2, 2]] if sees == 1 else push
        for best, value in ((asleep, model.sleep_objective), (bound, model.bound)):
            other = best.value * push
            other /= other.sum(1, keepdims=True)
            assert float(value(model.theta, best)) > float(value(model.theta, other))


def test_generated_rounds_of_a_blind_q_do_lower_the_evidence():
    from refvi import derivations

    chosen = derivations.get("wake-sleep.round-lowers")
    lost = [
        float(m.log_evidence(m.theta) - m.log_evidence(m.after_round())) for m in small_models(chosen, 1, 8)
    ]
    assert min(lost) > 1e-3
