"""D4 on expectation maximisation and its generalised form."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.gaussian_mixtures import current_or_not, gaussian_mixtures
from refvi.derivations.models.mixtures import (
    mixtures,
    mixtures_with_rivals,
    small_or_large_steps,
    stationary_or_not,
)
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import stack, total
from refvi.derivations.sources.d4.document import D4


@D4.claim(
    "em-lower-bound",
    "EM",
    "it maximizes a lower bound on the log marginal likelihood at each iteration: "
    "Q(θ,θ^(i)) + Σ_n H[p(z|x^(n);θ^(i))] ≤ L(θ), attained at θ = θ^(i)",
    relation="<=",
    tight="at_current",
    models=mixtures,
    derivation="em.bound",
)
def em_lower_bound(Q_now, other, entropy_at, theta, log_evidence_at):
    return Q_now(other) + entropy_at(theta), log_evidence_at(other)


@D4.claim(
    "eq-e-step",
    "EM",
    "p(z|x^(n);θ^(i)) = p(x^(n),z;θ^(i)) / p(x^(n)) (p(x^(n)) has no θ: read as how often x^(n) occurs)",
    models=mixtures,
    expected="misprint",
    derivation="mixture.evidence",
)
def e_step(posterior, joint, frequency):
    return posterior, joint / frequency


@e_step.corrected(
    "p(z|x^(n);θ^(i)) = p(x^(n),z;θ^(i)) / p(x^(n);θ^(i))",
    slip="the posterior on its left is at θ^(i)",
)
def _(posterior, joint, evidence):
    return posterior, joint / evidence


@D4.claim(
    "eq-q",
    "EM",
    "Q(θ,θ^(i)) = Σ_n E_{p(z|x^(n);θ^(i))}[log p(x^(n),z;θ)] (left: L(θ) + Σ_n E log p(z|x^(n);θ))",
    models=mixtures,
    derivation="em.bound",
)
def q_function(log_evidence_at, other, E_now, posterior_at, joint_at):
    return log_evidence_at(other) + E_now(ln(posterior_at(other))), E_now(ln(joint_at(other)))


@D4.claim(
    "q-is-the-expected-likelihood",
    "EM",
    "Q is the expected complete data likelihood (its logarithm, Σ_n log E[p(x^(n),z;θ)])",
    models=mixtures,
    expected="misprint",
    derivation="em.bound",
)
def q_is_the_expected_likelihood(Q_now, other, posterior, joint_at):
    return Q_now(other), total(ln(total(posterior * joint_at(other))))


@q_is_the_expected_likelihood.corrected(
    "Q is the expected complete data log likelihood, Σ_n E[log p(x^(n),z;θ)]",
    slip="the display of Q has log p(x^(n),z;θ)",
)
def _(Q_now, other, posterior, joint_at):
    return Q_now(other), total(total(posterior * ln(joint_at(other))))


@D4.claim(
    "eq-m-step",
    "EM",
    "θ^(i+1) = argmax_θ Q(θ,θ^(i)): Q(θ^(i+1),θ^(i)) ≥ Q(θ,θ^(i)) at four other θ and at θ^(i)",
    relation=">=",
    models=mixtures_with_rivals,
    derivation="em.m-step-bernoulli",
)
def m_step(Q_now, em_step, thetas, theta):
    return Q_now(em_step), stack([Q_now(t) for t in (*thetas, theta)])


@D4.claim(
    "eq-em-improves",
    "EM",
    "Σ_n log p(x^(n);θ^(i+1)) ≥ Σ_n log p(x^(n);θ^(i)), with equality at a fixed point",
    relation=">=",
    tight="at_fixed_point",
    models=mixtures,
    derivation="em.monotone",
)
def em_improves(log_evidence_at, em_step, theta):
    return log_evidence_at(em_step), log_evidence_at(theta)


@D4.claim(
    "em-improves-at-each-iteration",
    "EM",
    "EM improves the log marginal likelihood at each iteration: Σ_n log p(x^(n);θ^(i+1)) ≠ Σ_n log p(x^(n);θ^(i))",
    relation="!=",
    models=stationary_or_not,
    expected="depends",
    derivation="em.monotone",
)
def em_improves_strictly(log_evidence_at, em_step, theta):
    return log_evidence_at(em_step), log_evidence_at(theta)


@em_improves_strictly.when(
    "θ^(i) is not a fixed point (a saddle is one too: equal components are never parted)"
)
def _(is_stationary):
    return not is_stationary


@D4.claim(
    "exact-m-step",
    "EM",
    "in some cases there is an exact solution to the M-step (e.g., GMMs): "
    "∇_θ Q = 0 at posterior-weighted shares, means and variances",
    models=gaussian_mixtures,
    derivation="em.m-step-gaussian",
)
def exact_m_step(nabla_at, em_step, Q_now):
    return nabla_at(em_step, Q_now), 0.0


@D4.claim(
    "same-expression",
    "EM",
    "otherwise gradient descent on Q: the expression is the same as directly optimizing the log likelihood, "
    "∇_θ Q(θ,θ^(i)) = ∇_θ L(θ) (Gaussian mixture)",
    models=current_or_not,
    expected="depends",
    derivation="em.q-gradient",
)
def same_expression(nabla_at, other, Q_now, log_evidence_at):
    return nabla_at(other, Q_now), nabla_at(other, log_evidence_at)


@same_expression.when("θ = θ^(i): in the first gradient step of an M-step, not in those after it")
def _(theta_is_current):
    return theta_is_current


@D4.claim(
    "generalised-em",
    "EM",
    "this variant (a gradient step on Q in place of its maximum) is generalized EM: L(θ^(i+1)) ≥ L(θ^(i))",
    relation=">=",
    models=small_or_large_steps,
    expected="depends",
    derivation="em.generalised",
)
def generalised_em(log_evidence_at, point, eta, gradient, theta):
    return log_evidence_at(point + eta * gradient), log_evidence_at(theta)


@generalised_em.when("the step raises Q(θ,θ^(i)), which is what makes EM generalised, maximum or not")
def _(q_was_raised):
    return q_was_raised
