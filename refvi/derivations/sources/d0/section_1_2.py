"""D0 section 1.2: the M step, Eq 6, together with Eq 5."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.discrete_vae_auxiliary import auxiliaries
from refvi.derivations.models.discrete_vae_steps import learnings, one_datum_or_two
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import total
from refvi.derivations.sources.d0.document import D0


@D0.claim(
    "eq-6-from-eq-3",
    "1.2",
    "it is rather straightforward based on Eq (3): max_Ψ of Eq 3's bound = "
    "max_Ψ Σ_h q~(h|x) (log p_Ψ(x|h) + log p_Ψ(h)), and H(q~), which has no Ψ",
    models=learnings,
    derivation="discrete-vae.m-step",
)
def eq_6_from_eq_3(max_psi, elbo_of_psi, E, log_p_x_at, log_p_h_at, entropy):
    return max_psi(elbo_of_psi), max_psi(lambda psi: E(log_p_x_at(psi) + log_p_h_at(psi))) + entropy


@D0.claim(
    "eq-6-mean",
    "1.2",
    "Eq 3's bound is, but for H(q~), 1/N Σ_{h^n} log p_Ψ(x|h^n) + log p_Ψ(h^n) in the mean, both terms under the sum",
    models=learnings,
    derivation="discrete-vae.m-step",
)
def eq_6_mean(elbo_of_psi, psi, entropy, E_each, N, log_p_x_at, log_p_h_at):
    return (
        elbo_of_psi(psi) - entropy,
        E_each(lambda h: 1 / N * sum(log_p_x_at(psi)[h[n]] + log_p_h_at(psi)[h[n]] for n in range(N))),
    )


@D0.claim(
    "eq-6-samples",
    "1.2",
    "h^n is the sample from the Bernoulli distribution with the parameters μ^{h,*}_1..μ^{h,*}_K: its mean is μ^{h,*}",
    models=learnings,
    derivation="discrete-vae.m-step",
)
def eq_6_samples(E_each, N, h_of, mu_star):
    return sum(E_each(lambda h, n=n: h_of(h[n])) for n in range(N)) / N, mu_star


@D0.claim(
    "eq-6-arg-max",
    "1.2",
    "max_Ψ of Eq 3's bound, less H(q~), = max_Ψ 1/N Σ_{h^n} (log p_Ψ(x|h^n) + log p_Ψ(h^n)) in the mean over h^n",
    models=learnings,
    expected="wrong",
    derivation="discrete-vae.m-step-maximum",
)
def eq_6_arg_max(max_psi, E, log_joint_at, E_each, N, log_p_x_at, log_p_h_at):
    return (
        max_psi(lambda psi: E(log_joint_at(psi))),
        E_each(
            lambda h: max_psi(
                lambda psi: 1 / N * sum(log_p_x_at(psi)[h[n]] + log_p_h_at(psi)[h[n]] for n in range(N))
            )
        ),
    )


@eq_6_arg_max.corrected(
    "= max_Ψ of the mean over h^n of Eq 6; the mean of the maxima is larger: each sample is fitted by its own Ψ"
)
def _(max_psi, E, log_joint_at, E_each, N, log_p_x_at, log_p_h_at):
    return (
        max_psi(lambda psi: E(log_joint_at(psi))),
        max_psi(
            lambda psi: E_each(
                lambda h: 1 / N * sum(log_p_x_at(psi)[h[n]] + log_p_h_at(psi)[h[n]] for n in range(N))
            )
        ),
    )


@D0.claim(
    "eq-6-one-x",
    "1.2",
    "arg max_Ψ of Eq 6, with N samples of h for one x, is the Ψ of the whole data set",
    models=one_datum_or_two,
    expected="depends",
    derivation="discrete-vae.prior-step",
)
def eq_6_one_x(gradient_of, psi_of_one):
    return gradient_of(psi_of_one), 0.0


@eq_6_one_x.when("the data are one x (N counts samples of h; the sum over the data is missing)")
def _(data_are_one):
    return data_are_one


@D0.claim(
    "eq-5-minimise",
    "1.2",
    "we minimize Eq (5): the minimum of C_q, its order exchanged, Σ_k μ^{h,*}_k log q_θ,k + (1 - μ^{h,*}_k) log(1 - q_θ,k), "
    "is at q_θ = μ^{h,*}",
    models=auxiliaries,
    expected="wrong",
    derivation="auxiliary.swapped-order",
)
def eq_5_minimise(arg_min_q, mu_star):
    return arg_min_q(lambda q: total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))), mu_star


@eq_5_minimise.corrected(
    "the minimum of -Σ_k μ^{h,*}_k log q_θ,k + (1 - μ^{h,*}_k) log(1 - q_θ,k) is there: Eq 5 is a negative cross-entropy, "
    "to be maximised; minimised it drives q_θ to the corner opposite to μ^{h,*}"
)
def _(arg_min_q, mu_star):
    return arg_min_q(lambda q: -total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))), mu_star


@D0.claim(
    "eq-5-minimise-printed",
    "1.2",
    "we minimize Eq (5) as it is printed: its minimum is at q_θ = μ^{h,*}",
    models=auxiliaries,
    expected="wrong",
    derivation="auxiliary.printed-order",
)
def eq_5_minimise_printed(arg_min_q, mu_star):
    return arg_min_q(lambda q: total(q * ln(mu_star) + (1 - q) * ln(1 - mu_star))), mu_star


@eq_5_minimise_printed.corrected(
    "the minimum of -Σ_k μ^{h,*}_k log q_θ,k + (1 - μ^{h,*}_k) log(1 - q_θ,k): order and sign changed"
)
def _(arg_min_q, mu_star):
    return arg_min_q(lambda q: -total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))), mu_star


@D0.claim(
    "together",
    "1.2",
    "along with Eq (6), we minimize Eq (5) together: max over (Ψ,θ) of Eq 6 less the cross-entropy of μ^{h,*} and q_θ "
    "= max_Ψ of Eq 6 and min_θ of the cross-entropy, each by itself",
    models=learnings,
    derivation="discrete-vae.m-step",
)
def together(max_psi, max_theta, min_theta, E, log_joint_at, mu_star):
    return (
        max_theta(
            lambda q: max_psi(
                lambda psi: E(log_joint_at(psi)) + total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))
            )
        ),
        max_psi(lambda psi: E(log_joint_at(psi)))
        - min_theta(lambda q: -total(mu_star * ln(q) + (1 - mu_star) * ln(1 - q))),
    )
