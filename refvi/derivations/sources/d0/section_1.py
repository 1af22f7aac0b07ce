"""D0 section 1: the joint density, Eqs 1 and 2, and the bound, Eq 3, line by line."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.discrete_vae_decoders import lines, logistics, some_state_left_out
from refvi.derivations.models.discrete_vae_steps import (
    learnings,
    learnings_exact_or_not,
    learnings_with_one_sample,
    one_sample_or_more,
)
from refvi.derivations.numbers import exp, total
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d0.document import D0


@D0.claim(
    "eq-1", "1", "log p(x,h) = log p(h) + log p(x|h)", models=logistics, derivation="discrete-vae.bound"
)
def eq_1(joint, prior, likelihood):
    return ln(joint), ln(prior) + ln(likelihood)


@D0.claim(
    "eq-2",
    "1",
    "log p(x,h) = Σ_k (h_k log μ^h_k + (1 - h_k) log(1 - μ^h_k)) + Σ_d (x_d log μ^x_d + (1 - x_d) log(1 - μ^x_d)), "
    "μ^x = f(h)",
    models=logistics,
    derivation="discrete-vae.bound",
)
def eq_2(joint, h, mu_h, x, f):
    return (
        ln(joint),
        total(h * ln(mu_h) + (1 - h) * ln(1 - mu_h)) + total(x * ln(f(h)) + (1 - x) * ln(1 - f(h))),
    )


@D0.claim(
    "eq-2-mass",
    "1",
    "the joint log-probability of Eq 2 is one: Σ_x Σ_h exp of it = 1",
    models=logistics,
    derivation="discrete-vae.bound",
)
def eq_2_mass(h, mu_h, visibles, f):
    return (
        sum(
            total(
                exp(
                    total(h * ln(mu_h) + (1 - h) * ln(1 - mu_h))
                    + total(x * ln(f(h)) + (1 - x) * ln(1 - f(h)))
                )
            )
            for x in visibles
        ),
        1.0,
    )


@D0.claim(
    "mu-x-is-f",
    "1",
    "μ^x = f(h) is the parameter of x in Eq 2, for any f",
    models=lines,
    expected="depends",
    derivation="discrete-vae.bound",
)
def mu_x_is_f(joint, h, log_p_h, x, f):
    return ln(joint), log_p_h(h) + total(x * ln(f(h)) + (1 - x) * ln(1 - f(h)))


@mu_x_is_f.when("f maps the states of h into (0,1)^D")
def _(f_is_a_probability):
    return f_is_a_probability


@D0.claim(
    "eq-3-marginal",
    "1",
    "log p(x) = log Σ_h p(x,h)",
    models=logistics,
    derivation="discrete-vae.bound",
)
def eq_3_marginal(evidence_bit_by_bit, joint):
    return ln(evidence_bit_by_bit), ln(total(joint))


@D0.claim(
    "eq-3-insert",
    "1",
    "log Σ_h p(x,h) = log Σ_h q~(h|x) p(x,h)/q~(h|x)",
    models=some_state_left_out,
    expected="depends",
    derivation="discrete-vae.bound",
)
def eq_3_insert(joint, q_where_positive, joint_where_positive):
    return ln(total(joint)), ln(total(q_where_positive * (joint_where_positive / q_where_positive)))


@eq_3_insert.when("q~(h|x) > 0 for every h; elsewhere the sum has only the terms with q~(h|x) > 0")
def _(q_is_positive):
    return q_is_positive


@D0.claim(
    "eq-3-jensen",
    "1",
    "log Σ_h q~(h|x) p(x,h)/q~(h|x) ≥ Σ_h q~(h|x) log p(x,h)/q~(h|x), attained where q~ is the posterior",
    relation=">=",
    tight="at_posterior",
    models=logistics,
    derivation="discrete-vae.bound",
)
def eq_3_jensen(q, joint):
    return ln(total(q * (joint / q))), total(q * ln(joint / q))


@D0.claim(
    "eq-3-entropy",
    "1",
    "Σ_h q~(h|x) log p(x,h)/q~(h|x) = Σ_h q~(h|x) log p(x,h) + H(q~)",
    models=logistics,
    derivation="discrete-vae.bound",
)
def eq_3_entropy(q, joint, mu, H):
    return total(q * ln(joint / q)), total(q * ln(joint)) + H(mu)


@D0.claim(
    "entropy-of-q",
    "1",
    "H(q) is the entropy of the approximate posterior q: -Σ_h q(h|x) log q(h|x), for a product of Bernoulli "
    "distributions the sum of their entropies",
    models=logistics,
    derivation="discrete-vae.bound",
)
def entropy_of_q(q, mu):
    return -total(q * ln(q)), -total(mu * ln(mu)) - total((1 - mu) * ln(1 - mu))


@D0.claim(
    "eq-3-sampled",
    "1",
    "Σ_h q~(h|x) log p(x,h) + H(q~) ≈ 1/N Σ_{h^n} (log p(x,h^n) - log q(h^n)): equal in the mean over h^n ~ q~, "
    "q read as q~, both terms under the sum",
    models=learnings,
    derivation="discrete-vae.bound",
)
def eq_3_sampled(E, log_joint_at, psi, entropy, E_each, N, q):
    return (
        E(log_joint_at(psi)) + entropy,
        E_each(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] - ln(q)[h[n]] for n in range(N))),
    )


@D0.claim(
    "eq-3-sampled-brackets",
    "1",
    "the same without brackets, as printed: 1/N Σ_{h^n} log p(x,h^n) - log q(h^n), the sum over the first term "
    "only, the last h^n in the second: equal in the mean (its variance is larger)",
    models=learnings,
    derivation="discrete-vae.brackets",
)
def eq_3_sampled_brackets(E, log_joint_at, psi, entropy, E_each, N, q, n_last):
    return (
        E(log_joint_at(psi)) + entropy,
        E_each(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] for n in range(N)) - ln(q)[h[n_last]]),
    )


@D0.claim(
    "eq-3-brackets-variance",
    "1",
    "without brackets the estimate varies as much: Var of 1/N Σ_{h^n} log p(x,h^n) - log q(h^N) = "
    "Var of 1/N Σ_{h^n} (log p(x,h^n) - log q(h^n))",
    models=one_sample_or_more,
    expected="depends",
    derivation="discrete-vae.brackets",
)
def eq_3_brackets_variance(Var, log_joint_at, psi, N, q, n_last):
    return (
        Var(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] for n in range(N)) - ln(q)[h[n_last]]),
        Var(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] - ln(q)[h[n]] for n in range(N))),
    )


@eq_3_brackets_variance.when("N = 1")
def _(N):
    return N == 1


@D0.claim(
    "eq-3-sampled-q",
    "1",
    "the same with q read as the recognition network's q_θ(h|x): Σ_h q~ log p(x,h) + H(q~) = "
    "1/N Σ_{h^n} (log p(x,h^n) - log q_θ(h^n)) in the mean over h^n ~ q~",
    models=learnings,
    expected="misprint",
    derivation="discrete-vae.bound",
)
def eq_3_sampled_q(E, log_joint_at, psi, entropy, E_each, N, q_theta):
    return (
        E(log_joint_at(psi)) + entropy,
        E_each(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] - ln(q_theta)[h[n]] for n in range(N))),
    )


@eq_3_sampled_q.corrected(
    "1/N Σ_{h^n} (log p(x,h^n) - log q~(h^n|x)): the q that h^n is drawn from",
    slip="the lines above average over q~",
)
def _(E, log_joint_at, psi, entropy, E_each, N, q):
    return (
        E(log_joint_at(psi)) + entropy,
        E_each(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] - ln(q)[h[n]] for n in range(N))),
    )


@D0.claim(
    "eq-3-sampled-bound",
    "1",
    "log p(x) ≥ ... ≈ 1/N Σ_{h^n} (log p(x,h^n) - log q(h^n)): every such sum is at most log p(x), "
    "and equal to it at the posterior",
    relation=">=",
    tight="at_posterior",
    models=learnings_with_one_sample,
    expected="wrong",
    derivation="discrete-vae.bound",
)
def eq_3_sampled_bound(log_evidence_at, psi, samples, log_joint_at, q, N):
    return (
        log_evidence_at(psi),
        1 / N * sum(log_joint_at(psi)[samples[n]] - ln(q)[samples[n]] for n in range(N)),
    )


@eq_3_sampled_bound.corrected(
    "its mean over h^n ~ q~ is at most log p(x); a sum exceeds it wherever q~(h|x) < p(h|x)"
)
def _(log_evidence_at, psi, E_each, log_joint_at, q, N):
    return (
        log_evidence_at(psi),
        E_each(lambda h: 1 / N * sum(log_joint_at(psi)[h[n]] - ln(q)[h[n]] for n in range(N))),
    )


@D0.claim(
    "objective",
    "1",
    "the objective is to maximize the log probability of x: the gradient of Eq 3's bound in Ψ is that of log p(x)",
    models=learnings_exact_or_not,
    expected="depends",
    derivation="discrete-vae.em",
)
def objective(E, grad_log_joint, posterior):
    return E(grad_log_joint), total(posterior * grad_log_joint)


@objective.when("q~ is p(h|x), where the bound touches; elsewhere the bound leads to another Ψ")
def _(exact):
    return exact
