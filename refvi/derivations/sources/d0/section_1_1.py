"""D0 section 1.1: the E step as a maximum over q, and Eq 4 in its place."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.discrete_vae_decoders import (
    any_decoder,
    chances_or_exponents,
    coupled_or_not,
    exact_or_not,
    logistics,
    silent_noisy_ors,
)
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d0.document import D0


@D0.claim(
    "e-step-arg-max",
    "1.1",
    "approximately inferring p(h|x) is equivalent to arg max_q Σ_h q~(h|x) log p(x,h) + H(q~): "
    "it is arg min_q KL(q~(h|x)||p(h|x))",
    models=logistics,
    derivation="discrete-vae.gap",
)
def e_step_arg_max(arg_min_mu, KL, q_at, posterior, arg_max_mu, E_at, joint, H):
    return (
        arg_min_mu(lambda mu: KL(q_at(mu), posterior)),
        arg_max_mu(lambda mu: E_at(mu, ln(joint)) + H(mu)),
    )


@D0.claim(
    "e-step-any-q",
    "1.1",
    "the maximum over any q, p(h|x) itself: Σ_h p(h|x) log p(x,h) + H(p(h|x)) is at least Σ_h q~(h|x) log p(x,h) + H(q~)",
    relation=">=",
    tight="at_posterior",
    models=logistics,
    derivation="discrete-vae.gap",
)
def e_step_any_q(posterior, joint, q):
    return total(posterior * ln(joint)) - total(posterior * ln(posterior)), total(q * ln(joint)) - total(
        q * ln(q)
    )


@D0.claim(
    "eq-e-step",
    "1.1",
    "arg max_q Σ_h q~(h|x) log p(x,h) + H(q~) = arg max_{μ_1..μ_K} of the same (both maxima have one value; "
    "over all q it is reached at p(h|x))",
    models=coupled_or_not,
    expected="depends",
    derivation="discrete-vae.gap",
)
def eq_e_step(posterior, joint, max_mu, E_at, H):
    return (
        total(posterior * ln(joint)) - total(posterior * ln(posterior)),
        max_mu(lambda mu: E_at(mu, ln(joint)) + H(mu)),
    )


@eq_e_step.when("p(h|x) factorises over h_1..h_K (or q is taken to be a product from the start)")
def _(posterior_factorises):
    return posterior_factorises


@D0.claim(
    "mu-from-eq-1",
    "1.1",
    "the maximum over factorised q of Σ_h q~(h|x) log p(x,h) + H(q~) = the maximum over "
    "the μ^h of Eq 1, the parameters of the prior",
    models=logistics,
    expected="wrong",
    derivation="surrogate.one-symbol",
)
def mu_from_eq_1(evidence, min_mu, KL, q_at, posterior, max_mu, E, product_law, likelihood, H, mu):
    return (
        ln(evidence) - min_mu(lambda m: KL(q_at(m), posterior)),
        max_mu(lambda mu_h: E(ln(product_law(mu_h) * likelihood)) + H(mu)),
    )


@mu_from_eq_1.corrected(
    "the maximum over parameters μ_1..μ_K of q~, μ^h of the prior being held: two things, two symbols "
    "(the maximum over μ^h belongs to the M step)"
)
def _(evidence, min_mu, KL, q_at, posterior, max_mu, E_at, joint, H):
    return (
        ln(evidence) - min_mu(lambda m: KL(q_at(m), posterior)),
        max_mu(lambda m: E_at(m, ln(joint)) + H(m)),
    )


@D0.claim(
    "high-variance",
    "1.1",
    "sampling h from q~(h|x) results in a high-variance estimate: Var_q~ [log p(x,h) - log q~(h|x)] ≠ 0",
    relation="!=",
    models=exact_or_not,
    expected="depends",
    derivation="discrete-vae.brackets",
)
def high_variance(E, joint, q):
    return E((ln(joint) - ln(q) - E(ln(joint) - ln(q))) ** 2), 0.0


@high_variance.when("q~(h|x) is not p(h|x); at the posterior every sample gives log p(x)")
def _(q_is_posterior):
    return not q_is_posterior


@D0.claim(
    "need-to-sample",
    "1.1",
    "we need to sample h from q~(h|x): no evaluation of log p(x,·) at one point, μ, gives Σ_h q~(h|x) log p(x,h)",
    relation="!=",
    models=any_decoder,
    expected="depends",
    derivation="surrogate.gap",
)
def need_to_sample(E, joint, log_p, mu):
    return E(ln(joint)), log_p(mu)


@need_to_sample.when("log p(x|h) is not affine in each h_k")
def _(likelihood_is_affine):
    return not likelihood_is_affine


@D0.claim(
    "eq-4-value",
    "1.1",
    "we approximate: Σ_h q~(h|x) log p(x,h) + H(q~) = log p(x,μ^h) + H(q~), μ^h the parameters of q~",
    models=any_decoder,
    expected="depends",
    derivation="surrogate.gap",
)
def eq_4_value(E, joint, H, mu, log_p):
    return E(ln(joint)) + H(mu), log_p(mu) + H(mu)


@eq_4_value.when(
    "log p(x|h), continued between the corners as f is, is affine in each h_k (e.g. a noisy-OR with x = 0)"
)
def _(likelihood_is_affine):
    return likelihood_is_affine


@D0.claim(
    "eq-4-prior",
    "1.1",
    "the part of log p(h) is no approximation: Σ_h q~(h|x) log p(h) = log p(μ^h)",
    models=any_decoder,
    derivation="surrogate.gap",
)
def eq_4_prior(E, prior, mu, mu_h):
    return E(ln(prior)), total(mu * ln(mu_h) + (1 - mu) * ln(1 - mu_h))


@D0.claim(
    "eq-4-f-of-mean",
    "1.1",
    "which is equivalent to approximate f(h) with f(μ^h): with f(μ^h) in the place of f(h), "
    "Σ_h q~(h|x) log p(x,h) + H(q~) = log p(x,μ^h) + H(q~)",
    models=any_decoder,
    derivation="surrogate.gap",
)
def eq_4_f_of_mean(E, log_p_h, h, log_p_x, f, mu, H, log_p):
    return E(log_p_h(h) + log_p_x(f(mu))) + H(mu), log_p(mu) + H(mu)


@D0.claim(
    "eq-4-mean-of-f",
    "1.1",
    "approximate f(h) with f(μ^h): f(μ^h) is the mean of f(h)",
    models=chances_or_exponents,
    expected="depends",
    derivation="surrogate.mean-decoder",
)
def eq_4_mean_of_f(E_of_f, f, mu):
    return E_of_f, f(mu)


@eq_4_mean_of_f.when(
    "f is affine in each h_k; log p(x|h) is then not, unless f ignores h, and Eq 4 still differs from the bound"
)
def _(mean_is_affine):
    return mean_is_affine


@D0.claim(
    "eq-4-one-symbol",
    "1.1",
    "log p(x,μ^h) + H(q~) with one μ^h, that of Eq 2 in log p and that of q~, is Σ_h q~(h|x) log p(x,h) + H(q~), "
    "on models where Eq 4 is exact",
    models=silent_noisy_ors,
    expected="wrong",
    derivation="surrogate.one-symbol",
)
def eq_4_one_symbol(mu, log_p_x, f, H, E, joint):
    return total(mu * ln(mu) + (1 - mu) * ln(1 - mu)) + log_p_x(f(mu)) + H(mu), E(ln(joint)) + H(mu)


@eq_4_one_symbol.corrected(
    "log p(x,μ) + H(q~), μ the parameters of q~, the prior's μ^h held; with one symbol log p(h=μ^h) and the entropy cancel, "
    "and log p(x|μ^h) is left, without a prior"
)
def _(mu, log_p_x, f, H, E, joint, mu_h):
    return total(mu * ln(mu_h) + (1 - mu) * ln(1 - mu_h)) + log_p_x(f(mu)) + H(mu), E(ln(joint)) + H(mu)


@D0.claim(
    "eq-4-arg-max",
    "1.1",
    "this is equivalent to maximizing the lower bound of Eq (3) (need to check further): "
    "arg max_μ log p(x,μ) + H(q~) = arg max_μ Σ_h q~(h|x) log p(x,h) + H(q~)",
    models=any_decoder,
    expected="settled",
    question=True,
    derivation="surrogate.gap",
)
def eq_4_arg_max(arg_max_mu, log_p, H, E_at, joint):
    return (
        arg_max_mu(lambda mu: log_p(mu) + H(mu)),
        arg_max_mu(lambda mu: E_at(mu, ln(joint)) + H(mu)),
    )


@eq_4_arg_max.when(
    "log p(x|h), continued between the corners as f is, is affine in each h_k, so that the two functions are one "
    "(always equal at the corners; elsewhere they differ by 1/2 Σ_k μ_k (1 - μ_k) ∂² log p(x|μ)/∂μ_k² to second order)"
)
def _(likelihood_is_affine):
    return likelihood_is_affine


@D0.claim(
    "eq-4-raises-bound",
    "1.1",
    "maximizing Eq 4 does not lower the bound: at its solution Σ_h q~(h|x) log p(x,h) + H(q~) "
    "is at least what it is at any other μ (at its own maximum)",
    relation=">=",
    models=any_decoder,
    expected="depends",
    derivation="surrogate.lowers-the-bound",
)
def eq_4_raises_bound(E_at, mu_surrogate, joint, H, mu_elbo):
    return E_at(mu_surrogate, ln(joint)) + H(mu_surrogate), E_at(mu_elbo, ln(joint)) + H(mu_elbo)


@eq_4_raises_bound.when(
    "log p(x|h) is affine in each h_k; elsewhere a step that raises Eq 4 can lower the bound"
)
def _(likelihood_is_affine):
    return likelihood_is_affine


@D0.claim(
    "eq-4-bound",
    "1.1",
    "Eq 4 is itself a lower bound: log p(x) ≥ max_μ log p(x,μ) + H(q~)",
    relation=">=",
    models=any_decoder,
    expected="depends",
    derivation="surrogate.above-evidence",
)
def eq_4_bound(evidence, max_mu, log_p, H):
    return ln(evidence), max_mu(lambda mu: log_p(mu) + H(mu))


@eq_4_bound.when(
    "log p(x|μ) ≤ Σ_h q~(h|x) log p(x|h) for every μ; under a logistic layer it is the other way round, "
    "log σ being concave, and Eq 4 is above the bound of Eq 3"
)
def _(likelihood_is_below):
    return likelihood_is_below
