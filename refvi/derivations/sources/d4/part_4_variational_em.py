"""D4 on maximising the aggregate ELBO: variational EM, stochastic variational inference."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.locals import (
    flexible_or_not,
    local_mixtures,
    rivals,
    small_or_large_inner_steps,
)
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d4.document import D4

VEM = "Variational EM"
SVI = "SVI"


@D4.claim(
    "eq-e-step-bayes",
    VEM,
    "argmax_λ ELBO(θ^(i),λ;x) = argmax_λ E_{q(z;λ)}[log p(z|x;θ)p(x;θ)/q(z;λ)] (θ is read as another θ than θ^(i))",
    models=rivals,
    expected="misprint",
    derivation="variational.e-step",
    system="S6",
)
def e_step_bayes(arg_max_lam, elbo_one, q_at, posterior_one_at, evidence_one_at, other):
    return (
        arg_max_lam(elbo_one),
        arg_max_lam(
            lambda lam: total(q_at(lam) * ln(posterior_one_at(other) * evidence_one_at(other) / q_at(lam)))
        ),
    )


@e_step_bayes.corrected(
    "argmax_λ ELBO(θ^(i),λ;x) = argmax_λ E_{q(z;λ)}[log p(z|x;θ^(i))p(x;θ^(i))/q(z;λ)]",
    slip="its left side is at θ^(i), which is held",
)
def _(arg_max_lam, elbo_one, q_at, posterior_one_at, evidence_one_at, theta):
    return (
        arg_max_lam(elbo_one),
        arg_max_lam(
            lambda lam: total(q_at(lam) * ln(posterior_one_at(theta) * evidence_one_at(theta) / q_at(lam)))
        ),
    )


@D4.claim(
    "eq-e-step-minimum",
    VEM,
    "argmax_λ E_{q(z;λ)}[log p(z|x;θ)p(x;θ)/q(z;λ)] = argmin_λ E_{q(z;λ)}[log q(z;λ)/p(z|x;θ)], log p(x;θ) constant",
    models=rivals,
    derivation="variational.e-step",
    system="S6",
)
def e_step_minimum(arg_max_lam, q_at, posterior_one, evidence_one, arg_min_lam):
    return (
        arg_max_lam(lambda lam: total(q_at(lam) * ln(posterior_one * evidence_one / q_at(lam)))),
        arg_min_lam(lambda lam: total(q_at(lam) * ln(q_at(lam) / posterior_one))),
    )


@D4.claim(
    "e-step-constant",
    VEM,
    "the equality holds since log p(x;θ^(i)) is a constant w.r.t. λ: ELBO(θ^(i),λ;x) + KL[q(z;λ)||p(z|x;θ^(i))] "
    "is log p(x;θ^(i)) at two different λ",
    models=rivals,
    derivation="variational.e-step",
    system="S6",
)
def e_step_constant(elbo_one, KL, q_at, posterior_one, choices):
    return (
        elbo_one(choices[0]) + KL(q_at(choices[0]), posterior_one),
        elbo_one(choices[1]) + KL(q_at(choices[1]), posterior_one),
    )


@D4.claim(
    "eq-e-step-divergence",
    VEM,
    "argmin_λ E_{q(z;λ)}[log q(z;λ)/p(z|x;θ)] = argmin_λ KL[q(z;λ)||p(z|x;θ)]",
    models=rivals,
    derivation="variational.e-step",
    system="S6",
)
def e_step_divergence(arg_min_lam, q_at, posterior_one, KL):
    return (
        arg_min_lam(lambda lam: total(q_at(lam) * ln(q_at(lam) / posterior_one))),
        arg_min_lam(lambda lam: KL(q_at(lam), posterior_one)),
    )


@D4.claim(
    "eq-variational-m-step",
    VEM,
    "argmax_θ Σ_n ELBO(θ,λ^(n);x^(n)) = argmax_θ Σ_{q(z;λ^(n))} E_{q(z;λ)}[log p(x^(n),z;θ)] "
    "(one λ for all, here λ^(1); the sum over the q is read as one over n)",
    models=local_mixtures,
    expected="misprint",
    derivation="variational.coordinate-ascent",
    system="S6",
)
def variational_m_step(nabla, elbo_at, q_first, joint_at):
    return nabla(elbo_at), nabla(lambda theta: total(total(q_first * ln(joint_at(theta)))))


@variational_m_step.corrected(
    "argmax_θ Σ_n ELBO(θ,λ^(n);x^(n)) = argmax_θ Σ_n E_{q(z;λ^(n))}[log p(x^(n),z;θ)] (one gradient)",
    slip="the middle has λ^(n), and the sum was over n",
)
def _(nabla, elbo_at, q, joint_at):
    return nabla(elbo_at), nabla(lambda theta: total(total(q * ln(joint_at(theta)))))


@D4.claim(
    "m-step-entropy",
    VEM,
    "Σ_n ELBO(θ,λ^(n);x^(n)) = Σ_n E_{q(z;λ^(n))}[log p(x^(n),z;θ)] + Σ_n E_{q(z;λ)}[-log q(z;λ^(n))] (λ is λ^(1))",
    models=local_mixtures,
    expected="misprint",
    derivation="variational.coordinate-ascent",
    system="S6",
)
def m_step_entropy(elbo_at, theta, q, joint, q_first):
    return elbo_at(theta), total(total(q * ln(joint))) + total(total(q_first * -ln(q)))


@m_step_entropy.corrected(
    "Σ_n ELBO(θ,λ^(n);x^(n)) = Σ_n E_{q(z;λ^(n))}[log p(x^(n),z;θ)] + Σ_n E_{q(z;λ^(n))}[-log q(z;λ^(n))]",
    slip="the logarithm in it has λ^(n)",
)
def _(elbo_at, theta, q, joint):
    return elbo_at(theta), total(total(q * ln(joint))) + total(total(q * -ln(q)))


@D4.claim(
    "m-step-constant",
    VEM,
    "the second equality holds since E_q[-log q(z;λ^(n))] is constant w.r.t. θ: "
    "Σ_n ELBO - Σ_n E_{q(z;λ^(n))}[log p(x^(n),z;θ)] is the same at two different θ",
    models=local_mixtures,
    derivation="variational.coordinate-ascent",
    system="S6",
)
def m_step_constant(elbo_at, theta, q, joint_at, other):
    return (
        elbo_at(theta) - total(total(q * ln(joint_at(theta)))),
        elbo_at(other) - total(total(q * ln(joint_at(other)))),
    )


@D4.claim(
    "variational-m-step-maximises",
    VEM,
    "the M-step maximizes the aggregated ELBO w.r.t. θ holding the λ^(n)'s fixed: it does not fall",
    relation=">=",
    models=local_mixtures,
    derivation="variational.coordinate-ascent",
    system="S6",
)
def variational_m_step_maximises(elbo_at, m_step, theta):
    return elbo_at(m_step), elbo_at(theta)


@D4.claim(
    "variational-e-step-best",
    VEM,
    "the E-step is replaced with variational inference, which finds the best approximation to the true posterior: "
    "no λ of the family gives a larger ELBO than the posterior, if the family holds it",
    relation=">=",
    models=local_mixtures,
    derivation="variational.e-step",
    system="S6",
)
def variational_e_step_best(elbo_of, theta, posterior, q):
    return elbo_of(theta, posterior), elbo_of(theta, q)


@D4.claim(
    "reduces-to-em",
    VEM,
    "it reduces to the classic EM algorithm: θ after a variational E-step and M-step is θ after an EM step",
    models=flexible_or_not,
    expected="depends",
    derivation="variational.is-em",
    system="S6",
)
def reduces_to_em(variational_step, em_step):
    return variational_step, em_step


@reduces_to_em.when(
    "for each x^(n) there is a λ^(n) with q(z;λ^(n)) = p(z|x^(n);θ) (else, here, hard assignments)"
)
def _(flexible):
    return flexible


@D4.claim(
    "eq-svi-inner",
    SVI,
    "λ_k = λ_{k-1} + η ∇_λ ELBO(θ,λ_k;x) (left: K = 2 steps of gradient ascent; the gradient is taken where the step ends)",
    models=local_mixtures,
    expected="misprint",
    derivation="svi.inner-step",
    system="S6",
)
def svi_inner(after, K, before_last, eta, grad_lam):
    return after(K), before_last + eta * grad_lam(after(K))


@svi_inner.corrected(
    "λ_k = λ_{k-1} + η ∇_λ ELBO(θ,λ_{k-1};x)",
    slip="the steps of θ take the gradient where they start",
)
def _(after, K, before_last, eta, grad_lam):
    return after(K), before_last + eta * grad_lam(before_last)


@D4.claim(
    "svi-inner-ascent",
    SVI,
    "perform gradient ascent on the ELBO w.r.t. λ for K steps: ELBO(θ,λ_K;x) ≥ ELBO(θ,λ_0;x)",
    relation=">=",
    models=small_or_large_inner_steps,
    expected="depends",
    derivation="svi.inner-step",
    system="S6",
)
def svi_inner_ascent(elbo_one, after, K, lam):
    return elbo_one(after(K)), elbo_one(lam)


@svi_inner_ascent.when("η is small (0.05 here; 30 and more overshoot)")
def _(small_step):
    return small_step


@D4.claim(
    "eq-svi-outer",
    SVI,
    "θ^(i+1) = θ^(i) + η ∇_θ Σ_{n=1}^B E_{q(z;λ_K^(n))}[log p(x^(n),z;θ^(i))]: in the mean over minibatches a step along the "
    "gradient of the aggregate ELBO",
    models=local_mixtures,
    expected="wrong",
    derivation="svi.minibatch",
    system="S6",
)
def svi_outer(point, eta, nabla, elbo_at, E_batches, grad_theta):
    return (
        point + eta * nabla(elbo_at),
        E_batches(lambda batch: point + eta * sum(grad_theta[:, n] for n in batch)),
    )


@svi_outer.corrected(
    "θ^(i+1) = θ^(i) + η (N/B) ∇_θ Σ_{n in the minibatch} E_{q(z;λ_K^(n))}[log p(x^(n),z;θ^(i))]"
)
def _(point, eta, nabla, elbo_at, E_batches, N, B, grad_theta):
    return (
        point + eta * nabla(elbo_at),
        E_batches(lambda batch: point + eta * (N / B) * sum(grad_theta[:, n] for n in batch)),
    )


@D4.claim(
    "svi-first-data",
    SVI,
    "the minibatch of size B is n = 1 .. B: (N/B) Σ_{n=1}^B ∇_θ E_q[log p(x^(n),z;θ)] has the aggregate gradient as its mean",
    models=local_mixtures,
    expected="wrong",
    derivation="svi.minibatch",
    system="S6",
)
def svi_first_data(nabla, elbo_at, N, B, grad_theta):
    return nabla(elbo_at), N / B * sum(grad_theta[:, n] for n in range(B))


@svi_first_data.corrected(
    "(N/B) Σ_{n in the minibatch} ∇_θ E_q[log p(x^(n),z;θ)], the minibatch drawn at random"
)
def _(nabla, elbo_at, E_batches, N, B, grad_theta):
    return nabla(elbo_at), E_batches(lambda batch: N / B * sum(grad_theta[:, n] for n in batch))
