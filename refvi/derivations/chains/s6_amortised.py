"""Amortised inference: its two gaps, the chain rule, joint ascent, the gradients of the Gaussian auto-encoder."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.amortised import amortised, blind
from refvi.derivations.models.decoders import decoders
from refvi.derivations.numbers import log, stack, total

CREMER = "Cremer et al. 2018, arXiv:1801.03558v3"
KINGMA = "Kingma and Welling 2014, arXiv:1312.6114v11"


@derivation(
    "amortised.gaps",
    title="the inference gap is an approximation gap and an amortisation gap",
    statement="log p(x) - L(q_φ) = [log p(x) - L(q*)] + [L(q*) - L(q_φ)], q* the best of the family at each x",
    source=f"{CREMER}, section 3.1; D4",
    system="S6",
    models=amortised,
)
def gaps(log_evidence_at, theta, elbo_of, bounded, best_bounded, KL_n):
    """The family has log odds within ½; its best member at each x is not what one network gives."""
    yield Step("", "Σ_n log p(x^n)", log_evidence_at(theta))
    yield Step(
        "=",
        "L(q_φ) + Σ_n KL(q_φ || p(z|x^n))",
        elbo_of(theta, bounded) + KL_n(bounded),
        "elbo.identity for every n",
    )
    yield Step(
        "=",
        "L(q_φ) + [L(q*) - L(q_φ)] + Σ_n KL(q* || p(z|x^n))",
        elbo_of(theta, bounded)
        + (elbo_of(theta, best_bounded) - elbo_of(theta, bounded))
        + KL_n(best_bounded),
        "elbo.identity for q*: approximation gap",
    )
    yield Step(
        ">=",
        "L(q_φ) + Σ_n KL(q* || p(z|x^n))",
        elbo_of(theta, bounded) + KL_n(best_bounded),
        "the amortisation gap: q* is best at every x",
    )
    yield Step(">=", "L(q_φ)", elbo_of(theta, bounded), "a divergence is never negative")


@derivation(
    "amortised.chain-rule",
    title="the gradient in φ is that in λ through the network",
    statement="∇_φ Σ_n ELBO(θ,λ_φ(x^n);x^n) = Σ_n (∂λ_n/∂φ) ∂ELBO/∂λ_n = Σ_n E_q (log p/q) ∇_φ log q",
    source=f"{CREMER}, section 2.2; D4",
    system="S6",
    models=amortised,
)
def chain_rule(nabla_phi, elbo_phi, features, q_phi, odds, logits_phi, joint, grad_network):
    """λ_n = φ_0 + φ_1 x_1 + φ_2 x_2 are log odds; ∂ELBO/∂λ = q (1 - q) (posterior's log odds - λ)."""
    on = q_phi[:, 1]
    yield Step("", "∇_φ Σ_n ELBO(θ,λ_φ(x^n);x^n)", nabla_phi(elbo_phi))
    yield Step(
        "=",
        "Σ_n (1, x_1, x_2) q_n (1 - q_n) (log p(2|x^n)/p(1|x^n) - λ_n)",
        total(features * (on * (1 - on) * (odds - logits_phi))),
        "chain rule through the logit",
    )
    yield Step(
        "=",
        "Σ_n E_q log p(x^n,z)/q(z|x^n;φ) ∇_φ log q(z|x^n;φ)",
        total(total(q_phi * log(joint / q_phi) * grad_network)),
        "gradient.score-function; E_q ∇_φ log q = 0",
    )


@derivation(
    "amortised.joint-ascent",
    title="a joint step in θ and φ starts uphill",
    statement="d/dη Σ_n ELBO(θ + η ∇_θ, φ + η ∇_φ) at η = 0 is |∇_θ ELBO|² + |∇_φ ELBO|²",
    source=f"{KINGMA}, Algorithm 1; D4",
    system="S6",
    models=amortised,
)
def joint_ascent(
    slope_at_zero,
    elbo_along,
    nabla,
    elbo_of_theta_at_phi,
    nabla_phi,
    elbo_phi,
    grad_elbo_theta,
    grad_elbo_phi,
):
    """One function of both arguments: the chain rule along its own gradient."""
    yield Step("", "d/dη Σ_n ELBO(θ + η ∇_θ, φ + η ∇_φ) at 0", slope_at_zero(elbo_along))
    yield Step(
        "=",
        "∇_θ ELBO · g_θ + ∇_φ ELBO · g_φ",
        total(nabla(elbo_of_theta_at_phi) * grad_elbo_theta) + total(nabla_phi(elbo_phi) * grad_elbo_phi),
        "chain rule",
    )
    yield Step(
        "=",
        "|g_θ|² + |g_φ|²",
        total(grad_elbo_theta**2) + total(grad_elbo_phi**2),
        "g_θ and g_φ are these gradients, by hand",
    )
    yield Step(">=", "|g_θ|²", total(grad_elbo_theta**2), "a square: more than θ alone gains")


@derivation(
    "variational.envelope",
    title="at the best q the gradient in θ may ignore how q depends on θ",
    statement="V(θ) = max_φ Σ_n ELBO(θ,φ): ∇V = ∇_θ Σ_n ELBO(θ,φ) at the maximising φ, held fixed",
    source="Milgrom and Segal 2002, Econometrica 70, Theorem 1; D4",
    system="S6",
    models=blind,
)
def envelope(nabla, best_elbo_at, elbo_of, network, fitted_phi, grad_log_joint):
    """The family does not hold the posterior, and the best φ moves with θ; its effect on the bound is of second order."""
    yield Step("", "∇_θ max_φ Σ_n ELBO(θ,φ)", nabla(best_elbo_at))
    yield Step(
        "=",
        "∇_θ Σ_n ELBO(θ,φ*), φ* held fixed",
        nabla(lambda at: elbo_of(at, network(fitted_phi))),
        "chain rule; φ* is a maximum, so what comes through it is 0",
    )
    yield Step(
        "=",
        "Σ_n E_{q(z|x^n;φ*)} ∇_θ log p(x^n,z;θ)",
        total(total(network(fitted_phi) * grad_log_joint)),
        "q does not depend on θ any more",
    )


@derivation(
    "vae.theta-gradient",
    title="the gradient of the auto-encoder's bound in the decoder's parameters",
    statement="∇_θ L = E_q ∇_θ log p_θ(x|z), p(z) free of θ; one sample of z is enough for an unbiased estimate",
    source=f"{KINGMA}, section 2.3; D2 1.1.3; D4",
    system="S1",
    models=decoders,
)
def theta_gradient(nabla_theta, bound_of_theta, E, integral, q, log_likelihood, grad_theta, E_pair):
    """Neither q nor the prior depends on θ."""
    yield Step("", "∇_θ L", nabla_theta(bound_of_theta))
    yield Step(
        "=",
        "∇_θ ∫ q(z|x) log p_θ(x|z) dz",
        nabla_theta(lambda theta: integral(lambda z: q(z) * log_likelihood(z, tuple(theta)))),
        "q log q and q log p(z) have no θ",
    )
    yield Step("=", "E_q ∇_θ log p_θ(x|z)", E(grad_theta), "the gradient moves inside the integral")
    yield Step(
        "=", "E ∇_θ log p_θ(x|z_1), one of two draws", E_pair(lambda e: grad_theta[:, e[0]]), "z_1 ~ q"
    )


@derivation(
    "vae.phi-gradient",
    title="the gradient of the auto-encoder's bound in the encoder's parameters",
    statement="∇_φ L = E_ε ∇_φ log p(x|μ + σε) - (μ, σ - 1/σ)",
    source=f"{KINGMA}, section 2.4 and Appendix B; D2 1.1.3; D4 (without the second term)",
    system="S1",
    models=decoders,
)
def phi_gradient(
    nabla, bound_at, E, grad_log_likelihood, grad_log_joint, mu, sigma, divergence_at, score, z, log_joint, q
):
    """The pathwise gradient of one term, the closed form of the other; the score function gives the same."""
    yield Step("", "∇_φ L", nabla(bound_at))
    yield Step(
        "=",
        "E_ε ∇_φ log p(x|μ + σε) - ∇_φ KL(q || p(z))",
        E(grad_log_likelihood) - nabla(divergence_at),
        "gradient.pathwise",
    )
    yield Step(
        "=",
        "E_ε ∇_φ log p(x|μ + σε) - (μ, σ - 1/σ)",
        E(grad_log_likelihood) - stack([mu, sigma - 1 / sigma]),
        "kl.normal-standard, differentiated",
    )
    yield Step(
        "=",
        "E_ε ∇_φ log p(x, μ + σε) + (0, 1/σ)",
        E(grad_log_joint) + stack([0.0, 1 / sigma]),
        "the entropy of q is log σ + const",
    )
    yield Step(
        "=",
        "E_q log p(x,z)/q(z|x) ∇_φ log q(z|x)",
        E((log_joint(z) - log(q(z))) * score),
        "gradient.score-function; E_q ∇_φ log q = 0",
    )
