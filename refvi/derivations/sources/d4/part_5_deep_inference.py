"""D4 on deep inference: amortised inference, the auto-encoder, its gradients."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.amortised import amortised, blind, blind_or_not, small_or_large_joint_steps
from refvi.derivations.models.decoders import decoders, prior_or_not
from refvi.derivations.models.dreams import movable_or_fixed_prior
from refvi.derivations.models.encoders import encoders
from refvi.derivations.models.tables import joint_tables, tables
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d4.document import D4

SECTION = "Deep inference and VAEs"


@D4.claim(
    "predicted-parameters",
    SECTION,
    "a network predicts the variational parameters rather than arriving at them by optimizing the ELBO: "
    "Σ_n ELBO at the best φ is Σ_n max_λ ELBO",
    models=blind_or_not,
    expected="depends",
    derivation="amortised.gaps",
    system="S6",
)
def predicted_parameters(elbo_phi, fitted_phi, elbo_of, theta, posterior):
    return elbo_phi(fitted_phi), elbo_of(theta, posterior)


@predicted_parameters.when(
    "the network can express the optimal λ^(n) of every datum (here: it sees both bits of x)"
)
def _(sees_everything):
    return sees_everything


@D4.claim(
    "amortisation-costs",
    SECTION,
    "instead of optimizing for each x^(n) a λ^(n), q(z|x;φ) equally across the data set: "
    "Σ_n ELBO(θ,φ;x^(n)) ≤ Σ_n max_λ ELBO, attained where the network is the posterior",
    relation="<=",
    tight="at_exact",
    models=amortised,
    derivation="amortised.gaps",
    system="S6",
)
def amortisation_costs(elbo_phi, phi, elbo_of, theta, posterior):
    return elbo_phi(phi), elbo_of(theta, posterior)


@D4.claim(
    "eq-autoencoder",
    SECTION,
    "ELBO(θ,φ;x) = E_{q(z|x;φ)}[log p(x|z;θ)p(z;θ)/q(z|x;φ)] (left: log p(x;θ) - KL[q(z|x;φ)||p(z|x;θ)])",
    models=tables,
    derivation="elbo.forms",
)
def autoencoder(evidence, KL, q, posterior, E, likelihood, prior):
    return ln(evidence) - KL(q, posterior), E(ln(likelihood * prior / q))


@D4.claim(
    "eq-autoencoder-divergence",
    SECTION,
    "E_{q(z|x;φ)}[log p(x|z;θ)p(z;θ)/q(z|x;φ)] = E_{q(z|x;φ)}[log p(x|z;θ)] - KL[q(z|x;φ)||p(z;θ)]",
    models=tables,
    derivation="elbo.forms",
)
def autoencoder_divergence(E, likelihood, prior, q, KL):
    return E(ln(likelihood * prior / q)), E(ln(likelihood)) - KL(q, prior)


@D4.claim(
    "generative-network",
    SECTION,
    "the generative network is p(z|x;θ): p(x,z;θ) = p(z|x;θ) p(z;θ)",
    models=joint_tables,
    expected="misprint",
    derivation="mixture.evidence",
)
def generative_network(p_xz, p_z_given_x, p_z):
    return p_xz, p_z_given_x * p_z


@generative_network.corrected(
    "the generative network is p(x|z;θ): p(x,z;θ) = p(x|z;θ) p(z;θ)",
    slip="the sentence before the display has p(x|z;θ)",
)
def _(p_xz, p_x_given_z, p_z):
    return p_xz, p_x_given_z * p_z


@D4.claim(
    "eq-joint-ascent",
    SECTION,
    "jointly trained by maximizing the ELBO with gradient ascent, θ + η ∇_θ ELBO and φ + η ∇_φ ELBO: the ELBO does not fall",
    relation=">=",
    models=small_or_large_joint_steps,
    expected="depends",
    derivation="amortised.joint-ascent",
    system="S6",
)
def joint_ascent(elbo_both, point, eta, grad_elbo_theta, phi_point, grad_elbo_phi, theta, phi):
    return elbo_both(point + eta * grad_elbo_theta, phi_point + eta * grad_elbo_phi), elbo_both(theta, phi)


@joint_ascent.when("η is small (0.05 here; 8 and more overshoot)")
def _(small_step):
    return small_step


@D4.claim(
    "one-datum",
    SECTION,
    "the steps use ∇ ELBO(θ,φ;x^(n)) of one datum: in the mean over n the gradient of the aggregate ELBO",
    models=amortised,
    expected="wrong",
    derivation="svi.minibatch",
    system="S6",
)
def one_datum(nabla, elbo_of_theta_at_phi, N, grad_theta_of_datum):
    return nabla(elbo_of_theta_at_phi), sum(grad_theta_of_datum(n) for n in range(N)) / N


@one_datum.corrected("in the mean over n, N ∇ ELBO(θ,φ;x^(n)) is the gradient of the aggregate ELBO")
def _(nabla, elbo_of_theta_at_phi, N, grad_theta_of_datum):
    return nabla(elbo_of_theta_at_phi), N * sum(grad_theta_of_datum(n) for n in range(N)) / N


@D4.claim(
    "unlike-coordinate-ascent",
    SECTION,
    "unlike the coordinate ascent-style training, θ and φ are trained jointly: θ after a joint step is not θ after a step "
    "in φ and then one in θ",
    relation="!=",
    models=blind,
    derivation="amortised.joint-ascent",
    system="S6",
)
def unlike_coordinate_ascent(grad_elbo_theta, grad_elbo_theta_after_phi):
    return grad_elbo_theta, grad_elbo_theta_after_phi


@D4.claim(
    "eq-theta-gradient",
    SECTION,
    "∇_θ ELBO(θ,φ;x) = E_{q(z|x;φ)}[∇_θ log p(x,z;θ)]",
    models=amortised,
    derivation="vae.theta-gradient",
    system="S6",
)
def theta_gradient(nabla, elbo_of_theta_at_phi, q_phi, grad_log_joint):
    return nabla(elbo_of_theta_at_phi), total(total(q_phi * grad_log_joint))


@D4.claim(
    "eq-theta-gradient-decoder",
    SECTION,
    "E_{q(z|x;φ)}[∇_θ log p(x,z;θ)] = E_{q(z|x;φ)}[∇_θ log p(x|z;θ)]",
    models=movable_or_fixed_prior,
    expected="depends",
    derivation="vae.theta-gradient",
    system="S6",
)
def theta_gradient_decoder(E_wake, grad_log_p, nabla_theta, mean_log_likelihood_at):
    return E_wake(grad_log_p), nabla_theta(mean_log_likelihood_at)


@theta_gradient_decoder.when(
    "the prior has no parameters, though the document writes p(z;θ) a few lines above"
)
def _(frozen_prior):
    return frozen_prior


@D4.claim(
    "theta-one-sample",
    SECTION,
    "∇_θ ELBO can be estimated with Monte Carlo samples with one sample: E_z ∇_θ log p(x|z;θ) = ∇_θ ELBO, one z ~ q(z|x;φ)",
    models=decoders,
    derivation="vae.theta-gradient",
    system="S6",
)
def theta_one_sample(nabla_theta, bound_of_theta, E_pair, grad_theta):
    return nabla_theta(bound_of_theta), E_pair(lambda e: grad_theta[:, e[0]])


@D4.claim(
    "phi-not-trivial",
    SECTION,
    "it is not trivial for ∇_φ ELBO(θ,φ;x): ∇_φ ELBO ≠ E_{q(z|x;φ)}[∇_φ log p(x,z;θ)/q(z|x;φ)], which is -E_q ∇_φ log q = 0",
    relation="!=",
    models=decoders,
    derivation="gradient.score-function",
    system="S21",
)
def phi_not_trivial(nabla, bound_at, E, score):
    return nabla(bound_at), E(score)


@D4.claim(
    "diagonal-normal",
    SECTION,
    "q(z|x;φ) = N(z; μ, diag(σ²)), z = μ + σ ∘ ε: independent z_i with deviations σ_i",
    models=encoders,
    derivation="normal.log-density",
)
def diagonal_normal(q, z_hat, log_normal, mu, diag, sigma2):
    return ln(q(z_hat)), log_normal(z_hat, mu, diag(sigma2))


@D4.claim(
    "eq-reparameterised",
    SECTION,
    "∇_φ E_{q(z|x;φ)}[log p(x|z;θ)] = ∇_φ E_{ε ~ N(0,I)}[log p(x|μ + σε;θ)]",
    models=decoders,
    derivation="vae.phi-gradient",
    system="S21",
)
def reparameterised(nabla, mean_log_likelihood_at, mean_log_likelihood_of_noise):
    return nabla(mean_log_likelihood_at), nabla(mean_log_likelihood_of_noise)


@D4.claim(
    "eq-pathwise",
    SECTION,
    "∇_φ E_{ε ~ N(0,I)}[log p(x|μ + σε;θ)] = E_{ε ~ N(0,I)}[∇_φ log p(x|μ + σε;θ)]",
    models=decoders,
    derivation="vae.phi-gradient",
    system="S21",
)
def pathwise(nabla, mean_log_likelihood_of_noise, E, grad_log_likelihood):
    return nabla(mean_log_likelihood_of_noise), E(grad_log_likelihood)


@D4.claim(
    "phi-one-sample",
    SECTION,
    "this again can be estimated with a single sample: E_ε ∇_φ log p(x|μ + σε;θ) = ∇_φ E_q[log p(x|z;θ)], one ε",
    models=decoders,
    derivation="vae.phi-gradient",
    system="S21",
)
def phi_one_sample(nabla, mean_log_likelihood_at, E_pair, grad_log_likelihood):
    return nabla(mean_log_likelihood_at), E_pair(lambda e: grad_log_likelihood[:, e[0]])


@D4.claim(
    "phi-gradient-is-whole",
    SECTION,
    "with the reparameterization trick ∇_φ ELBO(θ,φ;x) is E_ε[∇_φ log p(x|μ + σε;θ)], the only gradient in φ that is given",
    models=prior_or_not,
    expected="depends",
    derivation="vae.phi-gradient",
    system="S21",
)
def phi_gradient_is_whole(nabla, bound_at, E, grad_log_likelihood):
    return nabla(bound_at), E(grad_log_likelihood)


@phi_gradient_is_whole.when(
    "q is the prior, where ∇_φ KL[q(z|x;φ)||p(z)] = 0; elsewhere that term is to be subtracted"
)
def _(q_is_prior):
    return q_is_prior
