"""The discrete autoencoder: its bound line by line, samples of it, mean field, the M step by samples and in closed form."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.discrete_vae_decoders import logistics
from refvi.derivations.models.discrete_vae_steps import learnings, learnings_at_posterior
from refvi.derivations.numbers import log, stack, total

JORDAN = "Jordan et al. 1999, Machine Learning 37, section 6"
NEAL = "Neal and Hinton 1998, in Learning in Graphical Models"
SAUL = "Saul, Jaakkola and Jordan 1996, JAIR 4"


@derivation(
    "discrete-vae.bound",
    title="the bound of a discrete autoencoder, exact and sampled",
    statement="log p(x) ≥ Σ_h q log p(x,h) + H(q) = E (1/N) Σ_n [log p(x,h^n) - log q(h^n)], h^n ~ q",
    source=f"{JORDAN}; D0 Eq 3",
    system="S0",
    models=learnings,
)
def bound(log_evidence_at, psi, log_joint_at, q, E, entropy, E_each, N):
    """Every line of Eq 3; the samples are drawn from the q whose logarithm is subtracted."""
    log_joint = log_joint_at(psi)
    yield Step("", "log Σ_h p(x,h)", log_evidence_at(psi))
    yield Step(
        ">=", "Σ_h q log p(x,h)/q", E(log_joint - log(q)), "Jensen: log is concave, Σ_h q p(x,h)/q = p(x)"
    )
    yield Step("=", "Σ_h q log p(x,h) + H(q)", E(log_joint) + entropy, "log of a fraction")
    yield Step(
        "=",
        "E (1/N) Σ_n [log p(x,h^n) - log q(h^n)]",
        E_each(lambda h: sum(log_joint[h[n]] - log(q)[h[n]] for n in range(N)) / N),
        "every h^n has the law q",
    )


@derivation(
    "discrete-vae.gap",
    title="the gap of the bound is the divergence from the posterior",
    statement="log p(x) = Σ_h q log p(x,h) + H(q) + KL(q || p(h|x)); H(q) is a sum over the bits",
    source=f"{NEAL}, lemma 1; D0 1.1",
    system="S0",
    models=logistics,
)
def gap(evidence, E, joint, posterior, q, KL, mu, mu_elbo, H, elbo):
    """So that to maximise the bound is to infer p(h|x) as far as the family goes."""
    yield Step("", "log p(x)", log(evidence))
    yield Step("=", "E_q log p(x,h)/p(h|x)", E(log(joint / posterior)), "p(x,h) = p(x) p(h|x)")
    yield Step(
        "=", "E_q log p(x,h)/q + KL(q || p(h|x))", E(log(joint / q)) + KL(q, posterior), "multiply by q/q"
    )
    yield Step(
        "=",
        "E_q log p(x,h) + Σ_k H(μ_k) + KL(q || p(h|x))",
        E(log(joint)) + H(mu) + KL(q, posterior),
        "the entropy of a product is a sum",
    )
    yield Step(">=", "max_μ ELBO", elbo(mu_elbo), "a divergence is never negative")
    yield Step(">=", "ELBO(μ)", elbo(mu), "the maximum")


@derivation(
    "discrete-vae.brackets",
    title="what the brackets of the sampled bound decide",
    statement="Var of (1/N) Σ_n log p(x,h^n) - log q(h^N) = Var of (1/N) Σ_n log p(x,h^n)/q(h^n) + (1 - 1/N) Var log q",
    source="D0 Eq 3, last line",
    system="S0",
    models=learnings,
)
def brackets(Var, log_joint_at, psi, q, N, n_last):
    """A sum over the first term alone has the same mean; the single log q keeps its whole variance."""
    log_joint, log_q = log_joint_at(psi), log(q)
    yield Step(
        "",
        "Var [(1/N) Σ_n log p(x,h^n) - log q(h^N)]",
        Var(lambda h: sum(log_joint[h[n]] for n in range(N)) / N - log_q[h[n_last]]),
    )
    yield Step(
        "=",
        "(1/N) Var log p/q + (1 - 1/N) Var log q",
        Var(lambda h: log_joint[h[0]] - log_q[h[0]]) / N + (1 - 1 / N) * Var(lambda h: log_q[h[0]]),
        "only h^N is in both terms; Cov(log p, log q)/N as before",
    )
    yield Step(
        "=",
        "Var [(1/N) Σ_n log p(x,h^n)/q(h^n)] + (1 - 1/N) Var log q",
        Var(lambda h: sum(log_joint[h[n]] - log_q[h[n]] for n in range(N)) / N)
        + (1 - 1 / N) * Var(lambda h: log_q[h[0]]),
        "the h^n are independent",
    )
    yield Step(
        ">=",
        "Var [(1/N) Σ_n log p(x,h^n)/q(h^n)]",
        Var(lambda h: sum(log_joint[h[n]] - log_q[h[n]] for n in range(N)) / N),
        "a variance is never negative",
    )


@derivation(
    "discrete-vae.mean-field",
    title="the exact gradient of the bound in μ_k is a difference, not a derivative of f",
    statement="∂ELBO/∂μ_k = logit μ^h_k + E[log p(x|h_k=1) - log p(x|h_k=0)] - logit μ_k",
    source=f"{SAUL}, section 3; D0 1.1",
    system="S0",
    models=logistics,
)
def mean_field(nabla_mu, elbo, E, joint, q, score, mu, mu_h, likelihood, flip_gain):
    """E_q log p(x|h) is affine in each μ_k, whatever the decoder; f is asked at corners only."""
    yield Step("", "∇_μ ELBO", nabla_mu(elbo))
    yield Step(
        "=",
        "E_q [(log p(x,h) - log q) ∂ log q/∂μ_k]",
        stack([E((log(joint) - log(q)) * score(k)) for k in (0, 1)]),
        "the score function; E_q of the score is 0",
    )
    yield Step(
        "=",
        "E_{q, other bits} [log p(x,h_k=1) - log p(x,h_k=0)] - logit μ_k",
        flip_gain(log(joint)) - log(mu / (1 - mu)),
        "one bit summed out",
    )
    yield Step(
        "=",
        "logit μ^h_k + E [log p(x|h_k=1) - log p(x|h_k=0)] - logit μ_k",
        log(mu_h / (1 - mu_h)) + flip_gain(log(likelihood)) - log(mu / (1 - mu)),
        "log p(h) is a sum over the bits",
    )


@derivation(
    "discrete-vae.m-step",
    title="the M step by samples is the gradient of the bound in the mean",
    statement="E (1/N) Σ_n ∇_Ψ log p_Ψ(x,h^n) = ∇_Ψ [Σ_h q log p_Ψ(x,h) + H(q)], h^n ~ q",
    source=f"{NEAL}, section 3; D0 Eq 6",
    system="S0",
    models=learnings,
)
def m_step(nabla_psi, elbo_of_psi, E, log_p_x_at, log_p_h_at, grad_log_joint, E_each, N):
    """q does not depend on Ψ; the gradient by hand is unit less mean, times input."""
    yield Step("", "∇_Ψ ELBO", nabla_psi(elbo_of_psi))
    yield Step(
        "=",
        "∇_Ψ E_q [log p_Ψ(x|h) + log p_Ψ(h)]",
        nabla_psi(lambda psi: E(log_p_x_at(psi) + log_p_h_at(psi))),
        "Eq 6's two terms: H(q) has no Ψ",
    )
    yield Step("=", "E_q ∇_Ψ log p_Ψ(x,h)", E(grad_log_joint), "finite sum")
    yield Step(
        "=",
        "E (1/N) Σ_n ∇_Ψ log p_Ψ(x,h^n)",
        E_each(lambda h: sum(grad_log_joint[:, h[n]] for n in range(N)) / N),
        "every h^n has the law q",
    )


@derivation(
    "discrete-vae.m-step-maximum",
    title="the maximum of a sampled M step is too large",
    statement="E max_Ψ (1/N) Σ_n log p_Ψ(x,h^n) ≥ max_Ψ E_q log p_Ψ(x,h) ≥ E_q log p_Ψ(x,h)",
    source="Mak et al. 1999, Operations Research Letters 24, Theorem 1; D0 Eq 6",
    system="S0",
    models=learnings,
)
def m_step_maximum(E_each, max_psi, log_joint_at, E, N, psi):
    """A maximum is convex: Jensen."""

    def average(at, h):
        return sum(log_joint_at(at)[h[n]] for n in range(N)) / N

    yield Step("", "E max_Ψ (1/N) Σ_n log p_Ψ(x,h^n)", E_each(lambda h: max_psi(lambda at: average(at, h))))
    yield Step(
        ">=",
        "max_Ψ E (1/N) Σ_n log p_Ψ(x,h^n)",
        max_psi(lambda at: E_each(lambda h: average(at, h))),
        "each sample is fitted by its own Ψ",
    )
    yield Step(
        "=", "max_Ψ E_q log p_Ψ(x,h)", max_psi(lambda at: E(log_joint_at(at))), "every h^n has the law q"
    )
    yield Step(">=", "E_q log p_Ψ(x,h)", E(log_joint_at(psi)), "at one Ψ")


@derivation(
    "discrete-vae.prior-step",
    title="the prior's M step in closed form",
    statement="Σ_n E_q log p(h) = Σ_n Σ_k [m_k log μ^h_k + (1 - m_k) log(1 - μ^h_k)], largest at m, the mean of μ*",
    source=f"{NEAL}, section 3; D0 Eq 6",
    system="S0",
    models=learnings,
)
def prior_step(xs, E_of, log_p_h_at, psi, mu_stars, mu_h_at, average_mu, after_prior_step):
    """No samples are needed; under one x alone the prior would become its μ*."""
    data, mu_h = range(len(xs)), mu_h_at(psi)
    yield Step("", "Σ_n E_{q(h|x^n)} log p(h)", sum(E_of(n, log_p_h_at(psi)) for n in data))
    yield Step(
        "=",
        "Σ_n Σ_k μ*_nk log μ^h_k + (1 - μ*_nk) log(1 - μ^h_k)",
        sum(total(mu_stars[n] * log(mu_h) + (1 - mu_stars[n]) * log(1 - mu_h)) for n in data),
        "log p(h) is affine in h",
    )
    yield Step(
        "=",
        "N Σ_k [m_k log m_k + (1 - m_k) log(1 - m_k)] - N Σ_k KL(m_k || μ^h_k)",
        len(xs) * total(average_mu * log(average_mu) + (1 - average_mu) * log(1 - average_mu))
        - len(xs)
        * total(average_mu * log(average_mu / mu_h) + (1 - average_mu) * log((1 - average_mu) / (1 - mu_h))),
        "m_k = (1/N) Σ_n μ*_nk",
    )
    yield Step(
        "<=",
        "Σ_n E_{q(h|x^n)} log p(h) at μ^h = m",
        sum(E_of(n, log_p_h_at(after_prior_step)) for n in data),
        "a divergence is never negative",
    )


@derivation(
    "discrete-vae.em",
    title="with the posterior as q the prior's step is an EM step",
    statement="q = p_Ψ(h|x): Σ_n log p_Ψ⁺(x^n) ≥ Σ_n ELBO(Ψ⁺,q) ≥ Σ_n ELBO(Ψ,q) = Σ_n log p_Ψ(x^n)",
    source=f"Dempster, Laird and Rubin 1977, JRSS B 39; {NEAL}; D0 1.2",
    system="S0",
    models=learnings_at_posterior,
)
def em(
    xs, log_evidence_at, after_posterior_step, E_of, log_joint_at, log_p_h_at, log_p_x_at, entropy_of, psi
):
    """With any other q the last equality fails, and log p(x) may fall."""
    data, after = range(len(xs)), after_posterior_step
    yield Step("", "Σ_n log p_Ψ⁺(x^n)", sum(log_evidence_at(after, n) for n in data))
    yield Step(
        ">=",
        "Σ_n E_q log p_Ψ⁺(x^n,h) + H(q)",
        sum(E_of(n, log_joint_at(after, n)) + entropy_of(n) for n in data),
        "discrete-vae.bound",
    )
    yield Step(
        ">=",
        "Σ_n E_q [log p_Ψ(h) + log p_Ψ⁺(x^n|h)] + H(q)",
        sum(E_of(n, log_p_h_at(psi) + log_p_x_at(after, n)) + entropy_of(n) for n in data),
        "discrete-vae.prior-step",
    )
    yield Step(
        "=",
        "Σ_n E_q log p_Ψ(x^n,h) + H(q)",
        sum(E_of(n, log_joint_at(psi, n)) + entropy_of(n) for n in data),
        "the decoder has stayed",
    )
    yield Step("=", "Σ_n log p_Ψ(x^n)", sum(log_evidence_at(psi, n) for n in data), "the bound touches")
