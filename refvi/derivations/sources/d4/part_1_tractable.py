"""D4 up to the gradient of the log evidence: latent variable models, the tractable case, direct optimisation."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.hidden import hidden
from refvi.derivations.models.locals import nearly_fitted
from refvi.derivations.models.mixtures import (
    current_or_not,
    mixtures,
    mixtures_with_rivals,
    small_or_large_steps,
)
from refvi.derivations.models.shared import graphs, known_or_unnormalised, twins
from refvi.derivations.models.tables import joint_tables
from refvi.derivations.models.variances import continuous_or_coin
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d4.document import D4


@D4.claim(
    "conditional-independence",
    "Latent Variable Models",
    "model constraints through conditional independence: p(x_1,x_2,z) = p(z) p(x_1|z) p(x_2|z), a directed graphical model",
    models=graphs,
    derivation="mixture.evidence",
)
def conditional_independence(joint, z_law, first_given_z, second_given_z):
    return joint, z_law * first_given_z * second_given_z


@D4.claim(
    "nondifferentiability",
    "Latent Variable Models",
    "their objectives often complicate backpropagation by introducing points of nondifferentiability: "
    "∇_φ E f(z) ≠ E ∇_φ f(g_φ(ε)), the derivative along each sample",
    relation="!=",
    models=continuous_or_coin,
    expected="depends",
    derivation="gradient.pathwise",
    system="S21",
)
def nondifferentiability(nabla, mean_f, E, grad_path):
    return nabla(mean_f), E(grad_path)


@nondifferentiability.when("z is discrete (then g_φ has jumps and its derivative is 0 almost everywhere)")
def _(continuous):
    return not continuous


@D4.claim(
    "likely-z",
    "Learning and Inference",
    "learning often involves alternatively inferring likely z values, and optimizing the model assuming these inferred z's: "
    "Σ_n log p(x^(n);θ) does not fall",
    relation=">=",
    models=nearly_fitted,
    expected="depends",
    derivation="variational.is-em",
    system="S6",
)
def likely_z(log_evidence_at, variational_step, theta):
    return log_evidence_at(variational_step), log_evidence_at(theta)


@likely_z.when(
    "all z are inferred with their probabilities p(z|x^(n);θ), which is EM; the likeliest alone can lower it"
)
def _(flexible):
    return flexible


@D4.claim(
    "eq-evidence",
    "Tractable case",
    "log p(x;θ) = log Σ_z p(x,z;θ)",
    models=joint_tables,
    derivation="mixture.evidence",
)
def evidence(p_x, over_z, p_xz):
    return ln(p_x), ln(over_z(p_xz))


@D4.claim(
    "eq-evidence-posterior",
    "Tractable case",
    "log Σ_z p(x,z;θ) = log Σ_z p(z|x;θ) p(x;θ)",
    models=joint_tables,
    derivation="mixture.evidence",
)
def evidence_posterior(over_z, p_xz, p_z_given_x, p_x):
    return ln(over_z(p_xz)), ln(over_z(p_z_given_x * p_x))


@D4.claim(
    "equivalent-tractability",
    "Tractable case",
    "a tractable log p(x;θ) is equivalent to assuming posterior inference to be tractable: "
    "log p(x) = log p(x,z) - log p(z|x) at any one z",
    models=known_or_unnormalised,
    expected="depends",
    derivation="elbo.identity",
)
def equivalent_tractability(evidence, joint, known_posterior):
    return ln(evidence), ln(joint) - ln(known_posterior)


@equivalent_tractability.when("the values of p(z|x) are known, not only up to a constant or by samples")
def _(is_normalised):
    return is_normalised


@D4.claim(
    "categorical",
    "Tractable case",
    "categorical latent variables whose K is not too big: Σ_n log p(x^(n)) by summing over K states",
    models=mixtures,
    derivation="mixture.evidence",
)
def categorical(log_evidence_at, theta, N, prior_at, likelihood_at):
    return log_evidence_at(theta), sum(
        ln(sum(prior_at(theta)[k] * likelihood_at(theta)[n, k] for k in range(2))) for n in range(N)
    )


@D4.claim(
    "dynamic-programs",
    "Tractable case",
    "HMMs, where dynamic programs sum over all the z assignments: the forward recursion is the sum over all paths",
    models=hidden,
    derivation="hmm.forward",
)
def dynamic_programs(log_evidence_at, theta, joint):
    return log_evidence_at(theta), ln(total(joint))


@D4.claim(
    "eq-maximum-likelihood",
    "Tractable case",
    "maximum likelihood: argmax_θ Σ_n log p(x^(n);θ) is the θ with the largest p(x^(1:N);θ)",
    models=mixtures_with_rivals,
    derivation="mixture.evidence",
)
def maximum_likelihood(arg_max_theta, log_evidence_at, likelihood_of_data):
    return arg_max_theta(log_evidence_at), arg_max_theta(likelihood_of_data)


@D4.claim(
    "eq-data-evidence",
    "Directly optimizing",
    "L(θ) = log p(x^(1:N);θ) = Σ_n log p(x^(n);θ)",
    models=twins,
    expected="depends",
    derivation="mixture.evidence",
)
def data_evidence(evidence_together, evidence_of):
    return ln(evidence_together), sum(ln(evidence_of(n)) for n in range(2))


@data_evidence.when("the x^(n) are independent given θ, which is first said for the ELBO")
def _(independent):
    return independent


@D4.claim(
    "eq-log-of-sum",
    "Directly optimizing",
    "Σ_n log p(x^(n);θ) = Σ_n log Σ_z p(x^(n),z;θ)",
    models=mixtures,
    derivation="mixture.evidence",
)
def log_of_sum(log_evidence_at, theta, joint_at):
    return log_evidence_at(theta), total(ln(total(joint_at(theta))))


@D4.claim(
    "eq-gradient",
    "Directly optimizing",
    "∇_θ L(θ) = Σ_n E_{p(z|x^(n);θ)}[∇_θ p(x^(n),z;θ)]",
    models=mixtures,
    expected="misprint",
    derivation="em.fisher-mixture",
)
def gradient(nabla, log_evidence_at, E_now, grad_joint):
    return nabla(log_evidence_at), E_now(grad_joint)


@gradient.corrected(
    "∇_θ L(θ) = Σ_n E_{p(z|x^(n);θ)}[∇_θ log p(x^(n),z;θ)]",
    slip="Q has log p(x^(n),z;θ) under the same expectation",
)
def _(nabla, log_evidence_at, E_now, grad_log_joint):
    return nabla(log_evidence_at), E_now(grad_log_joint)


@D4.claim(
    "gradient-hmm",
    "Directly optimizing",
    "inference is used as a subroutine in learning (the gradient with its logarithm, for an HMM): "
    "∇_θ L = expected counts from the forward and backward messages",
    models=hidden,
    derivation="em.fisher-hmm",
)
def gradient_hmm(nabla, log_evidence_at, expected_counts):
    return nabla(log_evidence_at), expected_counts


@D4.claim(
    "same-form-as-m-step",
    "Directly optimizing",
    "the gradient is the same form of the M-step in EM (to be confirmed): ∇_θ L(θ) = ∇_θ Q(θ,θ^(i))",
    models=current_or_not,
    question=True,
    expected="settled",
    derivation="em.q-gradient",
)
def same_form_as_m_step(nabla_other, log_evidence_at, Q_now):
    return nabla_other(log_evidence_at), nabla_other(Q_now)


@same_form_as_m_step.when(
    "θ = θ^(i), where the posterior is the present one: the M-step starts along ∇L and leaves it"
)
def _(theta_is_current):
    return theta_is_current


@D4.claim(
    "gradient-descent",
    "Directly optimizing",
    "by gradient descent, θ^(i) - η ∇_θ L(θ^(i)): the log likelihood does not fall",
    relation=">=",
    models=mixtures,
    expected="misprint",
    derivation="em.generalised",
)
def gradient_descent(log_evidence_at, point, eta, gradient, theta):
    return log_evidence_at(point - eta * gradient), log_evidence_at(theta)


@gradient_descent.corrected(
    "by gradient ascent, θ^(i) + η ∇_θ L(θ^(i)), η small: the log likelihood does not fall",
    slip="the step displayed adds η ∇_θ L",
)
def _(log_evidence_at, point, eta, gradient, theta):
    return log_evidence_at(point + eta * gradient), log_evidence_at(theta)


@D4.claim(
    "eq-ascent",
    "Directly optimizing",
    "θ^(i+1) = θ^(i) + η ∇_θ L(θ^(i)) solves argmax_θ L step by step: L(θ^(i+1)) ≥ L(θ^(i))",
    relation=">=",
    models=small_or_large_steps,
    expected="depends",
    derivation="em.generalised",
)
def ascent(log_evidence_at, point, eta, gradient, theta):
    return log_evidence_at(point + eta * gradient), log_evidence_at(theta)


@ascent.when("η is small (0.05 here; 8 and more overshoot)")
def _(small_step):
    return small_step
