"""Expectation maximisation: the bound, Fisher's identity, the M-steps in closed form, why the likelihood never falls."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.gaussian_mixtures import gaussian_mixtures
from refvi.derivations.models.hidden import hidden
from refvi.derivations.models.mixtures import mixtures
from refvi.derivations.numbers import log, stack, total

DEMPSTER = "Dempster, Laird and Rubin 1977, JRSS B 39"
NEAL = "Neal and Hinton 1998, in Learning in Graphical Models"
FISHER = "Fisher 1925, Proc. Camb. Phil. Soc. 22"
RABINER = "Rabiner 1989, Proc. IEEE 77"


@derivation(
    "mixture.evidence",
    title="the log evidence of independent data under a mixture",
    statement="log p(x^{1:N}) = Σ_n log Σ_z p(z) p(x^n|z) = Σ_n [log p(x^n,z) - log p(z|x^n)] at any z",
    source="McLachlan and Peel 2000, Finite Mixture Models, section 1.4; D4",
    system="S5",
    models=mixtures,
)
def mixture_evidence(
    likelihood_of_data, theta, log_evidence_at, prior_at, likelihood_at, joint, posterior, N
):
    """Independent data: a product; a latent for each: a sum."""
    yield Step("", "log p(x^{1:N})", log(likelihood_of_data(theta)))
    yield Step("=", "Σ_n log p(x^n)", log_evidence_at(theta), "the data are independent given θ")
    yield Step(
        "=",
        "Σ_n log Σ_z p(z) p(x^n|z)",
        sum(log(sum(prior_at(theta)[k] * likelihood_at(theta)[n, k] for k in range(2))) for n in range(N)),
        "marginalisation, p(x,z) = p(z) p(x|z)",
    )
    yield Step(
        "=",
        "Σ_n [log p(x^n,z) - log p(z|x^n)] at z = 1 and at z = 2",
        stack([total(log(joint[:, k]) - log(posterior[:, k])) for k in range(2)]),
        "p(x,z) = p(z|x) p(x)",
    )


@derivation(
    "em.fisher-mixture",
    title="the gradient of a mixture's log likelihood is a posterior mean (Fisher's identity)",
    statement="∇_θ Σ_n log p(x^n) = Σ_n E_{p(z|x^n)} ∇_θ log p(x^n,z)",
    source=f"{FISHER}; Salakhutdinov et al. 2003 (ICML), section 2; D4",
    system="S5",
    models=mixtures,
)
def fisher_mixture(nabla, log_evidence_at, grad_joint, evidence, joint, posterior, grad_log_joint, E_now):
    """Derivative of log, derivative of a finite sum, and ∇p = p ∇ log p."""
    yield Step("", "∇_θ Σ_n log p(x^n)", nabla(log_evidence_at))
    yield Step(
        "=",
        "Σ_n Σ_z ∇_θ p(x^n,z) / p(x^n)",
        total(total(grad_joint / evidence)),
        "derivative of log, finite sum",
    )
    yield Step(
        "=",
        "Σ_n Σ_z p(x^n,z)/p(x^n) ∇_θ log p(x^n,z)",
        total(total(joint / evidence * grad_log_joint)),
        "∇p = p ∇ log p: the logarithm stays",
    )
    yield Step("=", "Σ_n E_{p(z|x^n)} ∇_θ log p(x^n,z)", E_now(grad_log_joint), "p(z|x) = p(x,z)/p(x)")


@derivation(
    "hmm.forward",
    title="the forward recursion sums over all paths",
    statement="Σ_{z_1..z_T} p(x,z) = Σ_{z_T} α_T(z_T) = Σ_{z_t} α_t(z_t) β_t(z_t) for every t",
    source=f"{RABINER}, eqs. 19 to 21 and 25; D4",
    system="S5",
    models=hidden,
)
def forward(joint, alpha, beta, log_evidence_at, theta, T):
    """A sum of products along a path is done one step at a time."""
    yield Step("", "log Σ_z p(x,z), all paths", log(total(joint)))
    yield Step("=", "log Σ_{z_T} α_T(z_T)", log_evidence_at(theta), "distributive law, from the left")
    yield Step(
        "=",
        "log Σ_{z_t} α_t(z_t) β_t(z_t), t = 1 .. T",
        stack([log(total(alpha[t] * beta[t])) for t in range(T)]),
        "cut at t: the past to the left, the future to the right",
    )


@derivation(
    "em.fisher-hmm",
    title="the gradient of a hidden Markov model's log likelihood by forward and backward messages",
    statement="∂/∂A_ij log p(x) = Σ_t [p(z_t=i, z_{t+1}=j | x) - p(z_t=i | x) p(z_{t+1}=j | z_t=i)], A logits",
    source=f"{FISHER}; Cappé et al. 2005, Inference in Hidden Markov Models, eq. 10.10; {RABINER}, eqs. 27 and 37; D4",
    system="S5",
    models=hidden,
)
def fisher_hmm(nabla, log_evidence_at, posterior, grad_log_joint, expected_counts):
    """Fisher's identity over paths; the counts in ∇ log p(x,z) need only pairs of neighbours."""
    yield Step("", "∇_θ log p(x)", nabla(log_evidence_at))
    yield Step(
        "=",
        "Σ_paths p(z|x) ∇_θ log p(x,z)",
        total(posterior * grad_log_joint),
        "Fisher's identity, all paths",
    )
    yield Step(
        "=",
        "expected counts minus their conditional means, by α and β",
        expected_counts,
        "log p(x,z) is a sum over steps: pair marginals suffice",
    )


@derivation(
    "em.bound",
    title="Q and an entropy bound the log likelihood from below",
    statement="L(θ) = Q(θ,θ') + Σ_n H[p(z|x^n;θ')] + Σ_n KL(p(z|x^n;θ') || p(z|x^n;θ)) ≥ Q(θ,θ') + Σ_n H",
    source=f"{NEAL}, Theorem 2; {DEMPSTER}, eqs. 3.1 to 3.3; D4",
    system="S5",
    models=mixtures,
)
def bound(Q, other, theta, entropy_at, E_now, joint_at, posterior, log_evidence_at, KL_posteriors):
    """The ELBO whose q is the old posterior; its divergence from the new one is what is lost."""
    yield Step("", "Q(θ,θ') + Σ_n H[p(z|x^n;θ')]", Q(other, theta) + entropy_at(theta))
    yield Step(
        "=",
        "Σ_n E_{θ'} [log p(x^n,z;θ) - log p(z|x^n;θ')]",
        E_now(log(joint_at(other)) - log(posterior)),
        "Q and H are means under p(z|x^n;θ')",
    )
    yield Step(
        "=",
        "L(θ) - Σ_n KL(p(z|x^n;θ') || p(z|x^n;θ))",
        log_evidence_at(other) - KL_posteriors(theta, other),
        "p(x,z;θ) = p(z|x;θ) p(x;θ)",
    )
    yield Step("<=", "L(θ)", log_evidence_at(other), "a divergence is never negative")


@derivation(
    "em.monotone",
    title="EM never lowers the log likelihood",
    statement="θ⁺ = arg max Q(θ,θ'): L(θ⁺) ≥ L(θ')",
    source=f"{DEMPSTER}, Theorem 1; D4",
    system="S5",
    models=mixtures,
)
def monotone(log_evidence_at, em_step, Q, theta, entropy_at, KL_posteriors):
    """The bound touches at θ'; its maximum is no lower; the likelihood lies above it."""
    yield Step("", "L(θ⁺)", log_evidence_at(em_step))
    yield Step(
        "=",
        "Q(θ⁺,θ') + Σ_n H[p(z|x^n;θ')] + Σ_n KL(p(z|x^n;θ') || p(z|x^n;θ⁺))",
        Q(em_step, theta) + entropy_at(theta) + KL_posteriors(theta, em_step),
        "em.bound",
    )
    yield Step(
        ">=",
        "Q(θ⁺,θ') + Σ_n H[p(z|x^n;θ')]",
        Q(em_step, theta) + entropy_at(theta),
        "a divergence is never negative",
    )
    yield Step(
        ">=", "Q(θ',θ') + Σ_n H[p(z|x^n;θ')]", Q(theta, theta) + entropy_at(theta), "θ⁺ maximises Q(θ,θ')"
    )
    yield Step("=", "L(θ')", log_evidence_at(theta), "the bound touches at θ = θ'")


@derivation(
    "em.generalised",
    title="any step that raises Q raises the log likelihood (generalised EM)",
    statement="θ⁺ = θ' + η ∇L(θ') with Q(θ⁺,θ') ≥ Q(θ',θ'): L(θ⁺) ≥ L(θ')",
    source=f"{DEMPSTER}, section 3 (GEM); D4",
    system="S5",
    models=mixtures,
)
def generalised(log_evidence_at, gradient_step, point, eta, nabla, Q_now, Q, theta, entropy_at):
    """EM's proof uses of the M-step only that Q does not fall."""
    yield Step("", "L(θ' + η ∇L(θ'))", log_evidence_at(gradient_step))
    yield Step(
        "=",
        "L(θ' + η ∇Q(θ',θ'))",
        log_evidence_at(point + eta * nabla(Q_now)),
        "em.q-gradient: the gradients agree at θ'",
    )
    yield Step(
        ">=",
        "Q(θ' + η ∇L(θ'),θ') + Σ_n H[p(z|x^n;θ')]",
        Q(gradient_step, theta) + entropy_at(theta),
        "em.bound",
    )
    yield Step(
        ">=", "Q(θ',θ') + Σ_n H[p(z|x^n;θ')]", Q(theta, theta) + entropy_at(theta), "Q was raised, η small"
    )
    yield Step("=", "L(θ')", log_evidence_at(theta), "the bound touches at θ = θ'")


@derivation(
    "em.q-gradient",
    title="Q and the log likelihood have one gradient at the present parameters",
    statement="∇_θ Q(θ,θ') = ∇_θ L(θ) at θ = θ'",
    source=f"{DEMPSTER}, lemma 2; D4 (to be confirmed)",
    system="S5",
    models=mixtures,
)
def q_gradient(nabla, log_evidence_at, E_now, grad_log_joint, Q_now):
    """The bound touches from below, so it is tangent."""
    yield Step("", "∇_θ L(θ) at θ'", nabla(log_evidence_at))
    yield Step("=", "Σ_n E_{p(z|x^n;θ')} ∇_θ log p(x^n,z;θ')", E_now(grad_log_joint), "em.fisher-mixture")
    yield Step("=", "∇_θ Q(θ,θ') at θ'", nabla(Q_now), "Q's posterior is held fixed, and it is this one")


@derivation(
    "em.q-gradient-elsewhere",
    title="away from the present parameters the gradients of Q and of the log likelihood differ by a divergence's",
    statement="∇_θ L(θ) = ∇_θ Q(θ,θ') + ∇_θ Σ_n KL(p(z|x^n;θ') || p(z|x^n;θ))",
    source=f"{NEAL}, Theorem 2; D4 (to be confirmed)",
    system="S5",
    models=mixtures,
)
def q_gradient_elsewhere(
    nabla_other, log_evidence_at, Q_now, KL_from, theta, posterior, posterior_at, other, grad_log_joint_at
):
    """Differentiate em.bound; the entropy does not depend on θ, the divergence does."""
    yield Step("", "∇_θ L(θ) at another θ", nabla_other(log_evidence_at))
    yield Step(
        "=",
        "∇_θ Q(θ,θ') + ∇_θ Σ_n KL(p(z|x^n;θ') || p(z|x^n;θ))",
        nabla_other(Q_now) + nabla_other(KL_from(theta)),
        "em.bound",
    )
    yield Step(
        "=",
        "∇_θ Q(θ,θ') + Σ_n Σ_z [p(z|x^n;θ) - p(z|x^n;θ')] ∇_θ log p(x^n,z;θ)",
        nabla_other(Q_now) + total(total((posterior_at(other) - posterior) * grad_log_joint_at(other))),
        "Fisher's identity at θ: what Q gets wrong is the posterior",
    )


@derivation(
    "em.m-step-bernoulli",
    title="the M-step of a mixture of Bernoulli products",
    statement="w_k = Σ_n r_nk / N, π_kd = Σ_n r_nk x_nd / Σ_n r_nk: Q(θ⁺,θ') - Q(θ,θ') is a sum of divergences",
    source="Bishop 2006, Pattern Recognition and Machine Learning, section 9.3.3; D4",
    system="S5",
    models=mixtures,
)
def m_step_bernoulli(Q_now, em_step, mass, ons, prior_at, ons_at, other, N):
    """Q is a cross entropy from frequencies: least where the parameters are the frequencies."""
    share, prior, on = mass / float(N), prior_at(other), ons_at(other)
    cells = [(k, d) for k in range(2) for d in range(2)]
    yield Step("", "Q(θ⁺,θ')", Q_now(em_step))
    yield Step(
        "=",
        "N Σ_k w_k log w_k + Σ_kd N w_k [π_kd log π_kd + (1 - π_kd) log(1 - π_kd)]",
        N * total(share * log(share))
        + sum(
            mass[k] * (ons[k, d] * log(ons[k, d]) + (1 - ons[k, d]) * log(1 - ons[k, d])) for k, d in cells
        ),
        "collect r_nk; Σ_n r_nk = N w_k, Σ_n r_nk x_nd = N w_k π_kd",
    )
    yield Step(
        "=",
        "Q(θ,θ') + N KL(w || w(θ)) + Σ_kd N w_k KL(π_kd || π_kd(θ))",
        Q_now(other)
        + N * total(share * log(share / prior))
        + sum(
            mass[k]
            * (
                ons[k, d] * log(ons[k, d] / on[k, d])
                + (1 - ons[k, d]) * log((1 - ons[k, d]) / (1 - on[k, d]))
            )
            for k, d in cells
        ),
        "add and subtract the cross entropies",
    )
    yield Step(">=", "Q(θ,θ')", Q_now(other), "divergences are never negative")


@derivation(
    "em.m-step-gaussian",
    title="the M-step of a Gaussian mixture",
    statement="w_k = m_k/N, μ_k = Σ r x/m_k, σ_k² = Σ r (x-μ_k)²/m_k solve ∇_θ Q = 0",
    source="Bishop 2006, Pattern Recognition and Machine Learning, section 9.2.2; D4",
    system="S5",
    models=gaussian_mixtures,
)
def m_step_gaussian(nabla_at, em_step, Q_now, E_now, grad_log_joint_at, mass, centre, spread, posterior, x):
    """Three sums of posterior-weighted residuals, each zero by the definition of a weighted average."""
    rest = [(x - centre[k], posterior[:, k]) for k in range(2)]
    yield Step("", "∇_θ Q at θ⁺", nabla_at(em_step, Q_now))
    yield Step("=", "Σ_n E ∇_θ log p(x^n,z;θ⁺)", E_now(grad_log_joint_at(em_step)), "finite sum")
    yield Step(
        "=",
        "m_k - N w_k, Σ_n r_nk (x_n - μ_k)/σ_k², Σ_n r_nk [(x_n - μ_k)²/σ_k² - 1]",
        stack(
            [mass[k] - total(mass) * (mass[k] / total(mass)) for k in range(2)]
            + [total(r * away) / spread[k] for k, (away, r) in enumerate(rest)]
            + [total(r * away**2) / spread[k] - mass[k] for k, (away, r) in enumerate(rest)]
        ),
        "derivatives in the logits, the means and the log deviations",
    )
    yield Step("=", "0", 0.0, "weighted averages")


@derivation(
    "em.step-is-a-gradient-step",
    title="the EM step of the mixing weights is a gradient step of length 1/N",
    statement="w⁺ = w + (1/N) ∂L/∂a, a the logits of w",
    source="Xu and Jordan 1996, Neural Computation 8, Theorem 1; D4",
    system="S5",
    models=mixtures,
)
def step_is_a_gradient_step(prior_at, em_step, theta, mass, N, posterior, nabla, log_evidence_at):
    """Fisher's identity for the logits gives responsibilities minus weights."""
    yield Step("", "w⁺", prior_at(em_step))
    yield Step("=", "Σ_n p(z|x^n) / N", mass / float(N), "em.m-step-bernoulli")
    yield Step(
        "=",
        "w + (1/N) Σ_n [p(z|x^n) - w]",
        prior_at(theta) + sum(posterior[n] - prior_at(theta) for n in range(N)) / N,
        "add and subtract w",
    )
    yield Step(
        "=",
        "w + (1/N) ∂L/∂a",
        prior_at(theta) + nabla(log_evidence_at)[:2] / float(N),
        "em.fisher-mixture: ∂ log p(x,z)/∂a_k = [z = k] - w_k",
    )
