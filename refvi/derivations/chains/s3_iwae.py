"""The importance-weighted bound: below the evidence, monotone in k, its limit, its gradient."""

import itertools

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.choices import parametrised_tables
from refvi.derivations.models.gaussians import two_draws
from refvi.derivations.models.tables import small_tables, tables
from refvi.derivations.numbers import log, mean

BURDA = "Burda et al. 2016, arXiv:1509.00519v4"


@derivation(
    "iwae.below-evidence",
    title="the importance-weighted bound lies below the log evidence",
    statement="L_k = E log (1/k) Σᵢ wᵢ ≤ log p(x)",
    source=f"{BURDA}, Theorem 1; D2 1.1.4",
    system="S3",
    models=tables,
)
def below_evidence(E, E_draws, w, k, total, joint, evidence):
    """Jensen on the average weight, whose mean is the evidence."""
    yield Step("", "L_k = E log (1/k) Σ_{i≤k} wᵢ", E_draws(k, lambda z: log(mean(w[z]))))
    yield Step(
        "<=", "log E (1/k) Σ_{i≤k} wᵢ", log(E_draws(k, lambda z: mean(w[z]))), "Jensen: log is concave"
    )
    yield Step("=", "log E_q w", log(E(w)), "every draw has the same mean")
    yield Step("=", "log Σ_z p(x,z)", log(total(joint)), "q(z|x) cancels")
    yield Step("=", "log p(x)", log(evidence), "marginalisation")


@derivation(
    "iwae.monotone-in-k",
    title="more samples never loosen the bound",
    statement="L_{k+1} ≥ L_k",
    source=f"{BURDA}, Theorem 1; D2 1.1.4; D3 IWAE",
    system="S3",
    models=tables,
)
def monotone_in_k(E_draws, w, k):
    """A mean over k+1 weights is a mean of means over k of them; Jensen moves the outer mean out."""
    subsets = [list(chosen) for chosen in itertools.combinations(range(k + 1), k)]

    def over_subsets(f):
        return lambda z: mean([f(w[z[chosen]]) for chosen in subsets])

    yield Step("", "L_{k+1} = E log (1/(k+1)) Σ_{i≤k+1} wᵢ", E_draws(k + 1, lambda z: log(mean(w[z]))))
    yield Step(
        "=",
        "E log E_I (1/k) Σ_{i∈I} wᵢ",
        E_draws(k + 1, lambda z: log(over_subsets(mean)(z))),
        "a mean is the mean of the means of its k-subsets I",
    )
    yield Step(
        ">=",
        "E E_I log (1/k) Σ_{i∈I} wᵢ",
        E_draws(k + 1, over_subsets(lambda part: log(mean(part)))),
        "Jensen: log is concave",
    )
    yield Step(
        "=",
        "E log (1/k) Σ_{i≤k} wᵢ = L_k",
        E_draws(k, lambda z: log(mean(w[z]))),
        "every k-subset is k independent draws",
    )


@derivation(
    "iwae.converges",
    title="the bound converges to the log evidence where the weights are bounded",
    statement="L_k → log p(x) as k → ∞, the distance falling like 1/k",
    source=f"{BURDA}, Theorem 1; D2 1.1.5",
    system="S3",
    models=small_tables,
)
def converges(E_counts, evidence):
    """Bounded weights on a finite table: the law of large numbers, then continuity of log."""
    ks = (64, 128, 256)
    bounds = [E_counts(k, log) for k in ks]
    last = E_counts(max(ks), log)
    yield Step("", "L_k for k = 64, 128, 256", bounds)
    yield Step(
        "->", "log p(x)", log(evidence), "the average weight tends to p(x); distance like 1/k", ks, 1.0
    )
    yield Step(">=", "L_256", last, "every L_k is a lower bound")


@derivation(
    "iwae.gap",
    title="the leading term of the gap is the variance of the weights over 2k",
    statement="k (log p(x) - L_k) → Var(w) / 2 p(x)²",
    source="Maddison et al. 2017, arXiv:1705.09279v3, Proposition 1(c); Nowozin 2018 (ICLR), Proposition 1",
    system="S3",
    models=small_tables,
)
def gap(E, E_counts, w, evidence):
    """Expand log around the mean weight."""
    ks = (64, 128, 256)
    gaps = [k * (log(evidence) - E_counts(k, log)) for k in ks]
    yield Step("", "k (log p(x) - L_k) for k = 64, 128, 256", gaps)
    yield Step(
        "->",
        "E_q (w - p(x))² / 2 p(x)²",
        E((w - evidence) ** 2) / (2 * evidence**2),
        "log t = (t - 1) - (t - 1)²/2 + ..., t = average weight / p(x); the rest falls like 1/k",
        ks,
        1.0,
    )
    yield Step("=", "(E_q w² - p(x)²) / 2 p(x)²", (E(w**2) - evidence**2) / (2 * evidence**2), "E_q w = p(x)")


@derivation(
    "iwae.gradient",
    title="the gradient of the bound weighs the gradients of the log weights",
    statement="∇_θ L_k = E Σᵢ w̃ᵢ ∇_θ log wᵢ,  w̃ᵢ = wᵢ / Σⱼ wⱼ",
    source=f"{BURDA}, eqs. 13 and 14; D3 IWAE",
    system="S3",
    models=parametrised_tables,
)
def gradient(k, E_draws, nabla_theta, bound, w, grad_w, grad_log_w):
    """Differentiate the finite sum; only the weights depend on θ."""
    yield Step("", "∇_θ L_k = ∇_θ E log (1/k) Σᵢ wᵢ", nabla_theta(bound))
    yield Step(
        "=",
        "E [∇_θ (1/k) Σᵢ wᵢ] / [(1/k) Σᵢ wᵢ]",
        E_draws(k, lambda z: mean([grad_w[:, z[i]] for i in range(k)]) / mean(w[z])),
        "q does not depend on θ; derivative of log",
    )
    yield Step(
        "=",
        "E Σᵢ wᵢ ∇_θ log wᵢ / Σⱼ wⱼ",
        E_draws(
            k, lambda z: sum(w[z[i]] * grad_log_w[:, z[i]] for i in range(k)) / sum(w[z[i]] for i in range(k))
        ),
        "∇w = w ∇log w; the 1/k cancel",
    )


@derivation(
    "iwae.gradient-pathwise",
    title="the reparameterised gradient of the bound",
    statement="∇_φ L_k = E_ε Σᵢ w̃ᵢ ∇_φ log w(g_φ(εᵢ))",
    source=f"{BURDA}, eqs. 13 and 14; D3 IWAE",
    system="S3",
    models=two_draws,
)
def gradient_pathwise(nabla, bound, E_two, w_one, w_two, grad_log_w_one, grad_log_w_two):
    """Two draws of a one-dimensional normal; the noise does not depend on φ."""
    yield Step("", "∇_φ L_2 = ∇_φ E_ε log (1/2) Σᵢ w(g_φ(εᵢ))", nabla(bound))
    yield Step(
        "=",
        "E_ε Σᵢ wᵢ ∇_φ log w(g_φ(εᵢ)) / Σⱼ wⱼ",
        E_two((w_one * grad_log_w_one + w_two * grad_log_w_two) / (w_one + w_two)),
        "the gradient moves inside E_ε; derivative of log; ∇w = w ∇log w",
    )
