"""Variational EM and its relatives: the bound of a data set, coordinate ascent, minibatches, steps in λ."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.factors import factors
from refvi.derivations.models.locals import local_mixtures
from refvi.derivations.numbers import exp, log, total

NEAL = "Neal and Hinton 1998, in Learning in Graphical Models"
HOFFMAN = "Hoffman et al. 2013, JMLR 14"
BLEI = "Blei et al. 2017, arXiv:1601.00670v9"


@derivation(
    "variational.aggregate",
    title="the bound of independent data is a sum of bounds",
    statement="E_{Π q} log p(x^{1:N},z^{1:N})/Π_n q(z^n;λ^n) = Σ_n ELBO(θ,λ^n;x^n) ≤ log p(x^{1:N})",
    source=f"{BLEI}, section 2.2; D4",
    system="S6",
    models=local_mixtures,
)
def aggregate(E_together, joint, q, N, E, log_evidence_at, theta, likelihood_of_data):
    """The logarithm of two products is a sum; each term needs its own latent only."""
    yield Step(
        "",
        "E log Π_n p(x^n,z^n)/q(z^n;λ^n), over z^{1:N}",
        E_together(lambda z: sum(log(joint[n, z[n]] / q[n, z[n]]) for n in range(N))),
    )
    yield Step(
        "=", "Σ_n E_{q(z;λ^n)} log p(x^n,z)/q(z;λ^n)", total(E(log(joint / q))), "the z^n are independent"
    )
    yield Step("<=", "Σ_n log p(x^n)", log_evidence_at(theta), "elbo.jensen for every n")
    yield Step("=", "log p(x^{1:N})", log(likelihood_of_data(theta)), "the data are independent")


@derivation(
    "variational.e-step",
    title="to maximise the bound in λ is to minimise the divergence from the posterior",
    statement="ELBO(θ,λ;x) = log p(x;θ) - KL(q(z;λ) || p(z|x;θ)); the maximum over all q is at the posterior",
    source=f"{NEAL}, lemma 1; {BLEI}, section 2.2; D4",
    system="S6",
    models=local_mixtures,
)
def e_step(elbo_one, lam, q_at, posterior_one, evidence_one, KL, joint):
    """The log evidence does not depend on λ."""
    yield Step("", "ELBO(θ,λ;x)", elbo_one(lam))
    yield Step(
        "=",
        "E_q log p(z|x;θ) p(x;θ)/q(z;λ)",
        total(q_at(lam) * log(posterior_one * evidence_one / q_at(lam))),
        "p(x,z) = p(z|x) p(x)",
    )
    yield Step(
        "=",
        "log p(x;θ) - KL(q || p(z|x;θ))",
        log(evidence_one) - KL(q_at(lam), posterior_one),
        "log p(x) is constant",
    )
    yield Step("<=", "log p(x;θ)", log(evidence_one), "a divergence is never negative")
    yield Step(
        "=",
        "ELBO at q = p(z|x;θ)",
        total(posterior_one * log(joint[0] / posterior_one)),
        "the bound touches at the posterior",
    )


@derivation(
    "variational.coordinate-ascent",
    title="variational EM never lowers the bound",
    statement="Σ_n ELBO(θ,λ) ≤ Σ_n ELBO(θ⁺,λ) ≤ Σ_n ELBO(θ⁺,λ⁺), θ⁺ the M-step for λ, λ⁺ the E-step for θ⁺",
    source=f"{NEAL}, section 3; D4",
    system="S6",
    models=local_mixtures,
)
def coordinate_ascent(elbo_of, theta, q, joint, joint_at, m_step, posterior_at, log_evidence_at):
    """Each step maximises one argument of one function."""
    yield Step("", "Σ_n ELBO(θ,λ^n;x^n)", elbo_of(theta, q))
    yield Step(
        "=",
        "Σ_n E_{q(z;λ^n)} log p(x^n,z;θ) - Σ_n E_{q(z;λ^n)} log q(z;λ^n)",
        total(total(q * log(joint))) - total(total(q * log(q))),
        "log of a fraction",
    )
    yield Step(
        "<=",
        "Σ_n E_{q(z;λ^n)} log p(x^n,z;θ⁺) - Σ_n E_{q(z;λ^n)} log q(z;λ^n)",
        total(total(q * log(joint_at(m_step)))) - total(total(q * log(q))),
        "M-step: only the first term depends on θ",
    )
    yield Step("=", "Σ_n ELBO(θ⁺,λ^n;x^n)", elbo_of(m_step, q), "log of a fraction")
    yield Step(
        "<=",
        "Σ_n ELBO(θ⁺,λ⁺)",
        elbo_of(m_step, posterior_at(m_step)),
        "E-step; here the family holds the posterior",
    )
    yield Step("=", "Σ_n log p(x^n;θ⁺)", log_evidence_at(m_step), "variational.e-step")


@derivation(
    "variational.is-em",
    title="variational EM is EM where the family holds the posteriors",
    statement="q(z;λ^n) = p(z|x^n;θ'): Σ_n ELBO(θ⁺,λ) = Q(θ⁺,θ') + Σ_n H, and L(θ⁺) ≥ L(θ')",
    source=f"{NEAL}, Theorem 2; D4",
    system="S6",
    models=local_mixtures,
)
def is_em(log_evidence_at, variational_step, em_step, elbo_of, posterior, Q, entropy_at, theta):
    """The E-step closes the gap, so that the M-step's function is Q and an entropy."""
    yield Step("", "L at θ after the variational step", log_evidence_at(variational_step))
    yield Step(
        "=", "L(θ⁺), θ⁺ after an EM step", log_evidence_at(em_step), "the same E-step, the same M-step"
    )
    yield Step(">=", "Σ_n ELBO at θ⁺ and the posteriors of θ'", elbo_of(em_step, posterior), "elbo.jensen")
    yield Step(
        "=",
        "Q(θ⁺,θ') + Σ_n H[p(z|x^n;θ')]",
        Q(em_step, theta) + entropy_at(theta),
        "log of a fraction",
    )
    yield Step(
        ">=", "Q(θ',θ') + Σ_n H[p(z|x^n;θ')]", Q(theta, theta) + entropy_at(theta), "θ⁺ maximises Q(θ,θ')"
    )
    yield Step("=", "L(θ')", log_evidence_at(theta), "the bound touches at θ'")


@derivation(
    "variational.mean-field",
    title="coordinate ascent on a factorised q",
    statement="q_1 ∝ exp E_{q_2} log p(x,z_1,z_2) maximises the ELBO in q_1",
    source=f"{BLEI}, eq. 17; Jordan et al. 1999, Machine Learning 37, section 6",
    system="S6",
    models=factors,
)
def mean_field(elbo, q_one, q_two, best_one, best_two, mean_over_two, entropy, evidence):
    """In q_1 the bound is a constant less a divergence from the tilted law."""
    tilted = exp(mean_over_two(q_two))
    yield Step("", "ELBO(q_1,q_2)", elbo(q_one, q_two))
    yield Step(
        "=",
        "E_{q_1} E_{q_2} log p(x,z) + H[q_1] + H[q_2]",
        total(q_one * mean_over_two(q_two)) + entropy(q_one) + entropy(q_two),
        "the entropy of a product is a sum",
    )
    yield Step(
        "=",
        "log Σ_{z_1} exp E_{q_2} log p(x,z) - KL(q_1 || q_1⁺) + H[q_2]",
        log(total(tilted)) - total(q_one * log(q_one / best_one)) + entropy(q_two),
        "q_1⁺ is that exponential, normalised",
    )
    yield Step(
        "<=", "log Σ_{z_1} exp E_{q_2} log p(x,z) + H[q_2]", log(total(tilted)) + entropy(q_two), "KL ≥ 0"
    )
    yield Step("=", "ELBO(q_1⁺,q_2)", elbo(best_one, q_two), "the divergence vanishes there")
    yield Step("<=", "ELBO(q_1⁺,q_2⁺)", elbo(best_one, best_two), "the same for q_2")
    yield Step("<=", "log p(x)", log(evidence), "elbo.jensen")


@derivation(
    "svi.minibatch",
    title="a minibatch gradient is unbiased when it is scaled by N/B",
    statement="E_batch (N/B) Σ_{n in batch} ∇_θ E_{q(z;λ^n)} log p(x^n,z) = ∇_θ Σ_n ELBO(θ,λ^n;x^n)",
    source=f"{HOFFMAN}, section 2.3; D4 (without the factor)",
    system="S6",
    models=local_mixtures,
)
def minibatch(E_batches, N, B, grad_theta, nabla, elbo_at):
    """Every datum is in the batch with chance B/N."""
    yield Step(
        "",
        "E_batch (N/B) Σ_{n in batch} g_n",
        E_batches(lambda batch: N / B * sum(grad_theta[:, n] for n in batch)),
    )
    yield Step(
        "=",
        "(N/B) Σ_n P(n in batch) g_n",
        N / B * sum(E_batches(lambda batch, n=n: float(n in batch)) * grad_theta[:, n] for n in range(N)),
        "the mean of a sum over a random set",
    )
    yield Step("=", "Σ_n g_n", sum(grad_theta[:, n] for n in range(N)), "P(n in batch) = B/N")
    yield Step("=", "∇_θ Σ_n ELBO(θ,λ^n;x^n)", nabla(elbo_at), "q does not depend on θ")


@derivation(
    "svi.inner-gradient",
    title="the gradient of the bound in the logits of a categorical q",
    statement="∂ELBO/∂λ_z = q_z (log p(x,z)/q_z - ELBO)",
    source=f"{HOFFMAN}, section 2.2; D4",
    system="S6",
    models=local_mixtures,
)
def inner_gradient(nabla_lam, elbo_one, lam, q_at, joint, grad_lam, posterior_one, KL):
    """The score of a softmax is an indicator less q."""
    q = q_at(lam)
    gain = log(joint[0] / q)
    yield Step("", "∇_λ ELBO(θ,λ;x)", nabla_lam(elbo_one))
    yield Step(
        "=",
        "q_z log p(x,z)/q_z - q_z E_q log p(x,z)/q",
        q * gain - q * total(q * gain),
        "E_q (log p/q) ∇ log q; E_q ∇ log q = 0",
    )
    yield Step("=", "q_z (log p(x,z)/q_z - ELBO)", grad_lam(lam), "the name of the mean")
    yield Step(
        "=",
        "-∇_λ KL(q(z;λ) || p(z|x))",
        -nabla_lam(lambda at: KL(q_at(at), posterior_one)),
        "log p(x) does not depend on λ",
    )


@derivation(
    "svi.inner-step",
    title="small steps in λ raise the bound",
    statement="λ_k = λ_{k-1} + η ∇_λ ELBO(θ,λ_{k-1};x): ELBO(λ_K) ≥ ... ≥ ELBO(λ_0) for small η",
    source=f"{HOFFMAN}, section 2.3; D4",
    system="S6",
    models=local_mixtures,
)
def inner_step(elbo_one, after, K, before_last, eta, grad_lam, lam, evidence_one):
    """Each gradient is taken where its step starts."""
    yield Step("", "ELBO(λ_K)", elbo_one(after(K)))
    yield Step(
        "=",
        "ELBO(λ_{K-1} + η ∇_λ ELBO(λ_{K-1}))",
        elbo_one(before_last + eta * grad_lam(before_last)),
        "the step, written out",
    )
    yield Step(">=", "ELBO(λ_{K-1})", elbo_one(before_last), "ascent, η small")
    yield Step(">=", "ELBO(λ_0)", elbo_one(lam), "the same for the steps before")
    yield Step("<=", "log p(x)", log(evidence_one), "elbo.jensen")
