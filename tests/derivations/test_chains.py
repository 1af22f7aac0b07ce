"""Every registered chain holds on models that Hypothesis makes, and its wrong variants are refused at the right step."""

import re

import pytest
from hypothesis import given, settings

from refvi import derivations
from refvi.derivations import check
from refvi.derivations.chain import small_models
from refvi.errors import UsageError

from .hypothesis_draws import models
from .mutants import replaced, sign_flips

NAMES = derivations.names()


def test_the_chains_that_the_documents_need_are_there():
    assert {
        "elbo.identity",
        "elbo.jensen",
        "elbo.forms",
        "elbo.gaussian",
        "kl.normal-standard",
        "kl.normal-normal",
        "gradient.score-function",
        "gradient.score-mean-zero",
        "gradient.baseline",
        "gradient.pathwise",
        "iwae.below-evidence",
        "iwae.monotone-in-k",
        "iwae.converges",
        "iwae.gradient",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_holds_on_generated_models(name):
    chosen = derivations.get(name)

    @settings(deadline=None, derandomize=True, max_examples=12)
    @given(models(chosen.models))
    def holds(model):
        check(chosen, [model]).raise_if_failed()

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_says_where_it_comes_from(name):
    chosen = derivations.get(name)
    for field in (chosen.title, chosen.statement, chosen.source, chosen.system, chosen.chain.__doc__):
        assert field


# name -> (text of the source, what a wrong author writes instead, the step that must be named)
MUTANTS = {
    "elbo.identity": [
        ("E(log(q / posterior)) + E", "E(log(q / posterior)) - E", 4),
        ("E(log(joint / posterior))", "E(log(joint / q))", 3),
        ("KL(q, posterior) + E(log(joint / q))", "KL(posterior, q) + E(log(joint / q))", 5),
    ],
    "elbo.jensen": [
        ("log(E(joint / q))", "log(E(joint))", 3),
        ("E(log(joint / q))", "-E(log(joint / q))", 4),
        ("log(total(joint))", "total(log(joint))", 2),
    ],
    "elbo.forms": [
        ("-log(q) + log(joint)", "log(q) + log(joint)", 2),
        ("-KL(q, prior) + E(log(likelihood))", "KL(q, prior) + E(log(likelihood))", 5),
        ("-log(q) + log(prior) + log(likelihood)", "-log(q) + log(likelihood)", 4),
    ],
    "evidence.fisher": [
        ("total(joint * grad_log_joint) / evidence", "total(joint * grad_log_joint)", 2),
        ("total(posterior * grad_log_joint)", "total(grad_log_joint)", 3),
        ("nabla_theta(log_evidence_at)", "-nabla_theta(log_evidence_at)", 2),
    ],
    "normal.log-density": [
        ("diag(sigma2)", "diag(sigma)", 2),
        ("-d / 2 * LOG_2_PI", "-d * LOG_2_PI", 3),
        ("log(sigma[i] ** 2)", "log(sigma[i])", 4),
    ],
    "kl.not-negative": [
        ("-E(log(posterior / q))", "E(log(posterior / q))", 2),
        ("total(q) - total(posterior)", "-total(posterior)", 4),
        ("E(1 - posterior / q)", "E(2 - posterior / q)", 3),
    ],
    "kl.normal-standard": [
        ("/ sigma[i] ** 2 - z[i] ** 2", "/ sigma[i] ** 2 + z[i] ** 2", 3),
        ("- 0.5 +", "- 1 +", 4),
        ("- 1 - log(sigma[i] ** 2)", "- log(sigma[i] ** 2)", 5),
    ],
    "kl.normal-normal": [
        ("+ (z[i] - nu[i]) ** 2 / tau[i] ** 2", "+ (z[i] - nu[i]) ** 2", 3),
        ("(sigma[i] ** 2 + (mu[i] - nu[i]) ** 2)", "(sigma[i] ** 2 + (mu[i] + nu[i]) ** 2)", 4),
        ("log(q(z)) - log(p(z))", "log(p(z)) - log(q(z))", 2),
    ],
    "elbo.gaussian": [
        ("-divergence + E(", "divergence + E(", 4),
        ("-divergence - D / 2 * LOG_2_PI - E(misfit) / 2", "-divergence - E(misfit) / 2", 5),
        ("E(misfit(g(eps))) / 2", "E(misfit(g(eps)))", 6),
    ],
    "gradient.score-mean-zero": [
        ("total(q * (grad_q / q))", "total(grad_q / q)", 2),
        ("nabla(mass)", "1 + nabla(mass)", 3),
        ("'0', 0.0", "'0', 1.0", 4),
    ],
    "gradient.score-function": [
        ("q * grad_f + f * grad_q", "q * grad_f - f * grad_q", 2),
        ("total(q * grad_f) + total(q * f * score)", "total(q * f * score)", 3),
        ("E(grad_f) + E(f * score)", "E(grad_f) + E(score)", 4),
    ],
    "gradient.baseline": [
        ("E((f - baseline) * score)", "E((f - baseline) * score ** 2)", 2),
        ("- baseline * E(score)", "- baseline", 2),
        ("nabla(mean_fixed_f)", "2 * nabla(mean_fixed_f)", 4),
    ],
    "gradient.baseline-variance": [
        ("+ (baseline - best) ** 2 * E(score ** 2)", "- (baseline - best) ** 2 * E(score ** 2)", 3),
        ("best = E(f * score ** 2) / E(score ** 2)", "best = E(f * score) / E(score ** 2)", 3),
        (
            "E(((f - baseline) * score) ** 2) - E((f - baseline) * score) ** 2",
            "E(((f - baseline) * score) ** 2)",
            2,
        ),
    ],
    "gradient.pathwise": [
        ("nabla(mean_f)", "-nabla(mean_f)", 2),
        ("E(grad_path)", "E(grad_f)", 3),
        ("E(grad_z_f * grad_g) + E(grad_f)", "E(grad_z_f * grad_g)", 4),
    ],
    "gradient.stein": [
        ("(z - mu) / sigma ** 2", "(z - mu) / sigma", 2),
        ("f_of_z * score[0]", "f_of_z * score[1]", 2),
        ("E(grad_z_f)", "-E(grad_z_f)", 3),
    ],
    "reparameterisation.change-of-variables": [
        ("f(g(eps)) * sigma", "f(g(eps))", 2),
        ("p_noise(eps) * f(g(eps))", "p_noise(eps) * f(eps)", 3),
        ("E_noise(lambda eps: f(g(eps)))", "E_noise(lambda eps: f(g(2 * eps)))", 4),
    ],
    "estimator.average": [
        ("/ samples ** 2, 'expand", "/ samples, 'expand", 2),
        ("samples * E((f - centre) ** 2)", "samples * E((f - centre) ** 2) + 1", 3),
        ("E(f ** 2) - E(f) ** 2", "E(f ** 2) + E(f) ** 2", 4),
    ],
    "estimator.surrogate": [
        ("E(f * score)", "E(f + score)", 2),
        ("total(f * grad_q)", "-total(f * grad_q)", 2),
        ("nabla(mean_fixed_f)", "nabla(mean_fixed_f) * 3", 3),
    ],
    "iwae.below-evidence": [
        ("log(E(w))", "E(log(w))", 3),
        ("total(joint)", "E(joint)", 4),
        ("log(evidence)", "-log(evidence)", 5),
    ],
    "iwae.monotone-in-k": [
        ("over_subsets(lambda part: log(mean(part)))", "over_subsets(lambda part: -log(mean(part)))", 3),
        ("lambda z: log(over_subsets(mean)(z))", "lambda z: log(over_subsets(sum)(z))", 2),
        ("E_draws(k, lambda z: log(mean(w[z])))", "E_draws(k, lambda z: mean(log(w[z])))", 4),
    ],
    "iwae.converges": [
        ("'log p(x)', log(evidence)", "'log p(x)', log(evidence) - 0.01", 2),
        ("ks, 1.0", "ks, 2.0", 2),
        ("'L_256', last", "'L_256', last + 1", 3),
    ],
    "iwae.gap": [
        ("k * (log(evidence) - E_counts(k, log))", "k * (log(evidence) + E_counts(k, log))", 2),
        ("E((w - evidence) ** 2) / (2 * evidence ** 2)", "E((w - evidence) ** 2) / evidence ** 2", 2),
        ("E(w ** 2) - evidence ** 2", "E(w ** 2)", 3),
    ],
    "iwae.gradient": [
        ("for i in range(k)]) / mean(w[z])", "for i in range(k)])", 2),
        ("w[z[i]] * grad_log_w[:, z[i]]", "grad_log_w[:, z[i]]", 3),
        ("nabla_theta(bound)", "-nabla_theta(bound)", 2),
    ],
    "iwae.gradient-pathwise": [
        ("w_one * grad_log_w_one + w_two", "w_one * grad_log_w_one - w_two", 2),
        ("nabla(bound)", "2 * nabla(bound)", 2),
        ("/ (w_one + w_two)", "/ w_one", 2),
    ],
}


@pytest.mark.parametrize(
    ("name", "old", "new", "step"),
    [
        pytest.param(name, *rest, id=f"{name}-{n}")
        for name, rows in MUTANTS.items()
        for n, rest in enumerate(rows)
    ],
)
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    chosen = derivations.get(name)
    wrong = chosen._replace(chain=replaced(chosen.chain, old, new))
    result = check(wrong, small_models(chosen, 5, 4))
    assert not result.holds
    assert f"{name}: step {step} fails" in result.message


def test_every_chain_of_this_file_has_three_wrong_variants():
    assert set(MUTANTS) <= set(NAMES)
    assert all(len(rows) >= 3 for rows in MUTANTS.values())


# signs that a chain may lose, since what they stand before has mean zero; that is what the chain is about
NEUTRAL = {
    ("gradient.baseline", "E(f * score) + baseline * E(score)"): "E score = 0",
    ("gradient.baseline", "f + baseline"): "E score = 0, so either sign leaves the mean",
    ("gradient.baseline-variance", "f + baseline"): "in (E (f - c) s)²: E score = 0",
    (
        "gradient.variance-affine",
        "E(f) ** 2 * E(away ** 2) - 2 * slope * E(f) * E(away ** 3)",
    ): "E (z - μ)³ = 0",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_other_sign_of_a_chain_carries_weight(name):
    chosen = derivations.get(name)
    for flip, wrong in sign_flips(chosen.chain):
        if (name, flip.split("now ")[1]) in NEUTRAL:
            continue
        assert re.search(
            rf"{name}: step \d", refusal(chosen._replace(chain=wrong), small_models(chosen, 5, 4))
        ), flip


def refusal(wrong, models):
    """Why a chain is refused: a step that fails, or one that cannot be computed."""
    try:
        return check(wrong, models).message
    except UsageError as error:
        return str(error)
