"""log p(x, μ) + H(q) in the place of the bound: their gap, its sign, its size, and what maximising it does to the bound."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.discrete_vae_decoders import (
    any_decoder,
    chances_or,
    explained_away,
    logistics,
    logistics_at_posterior,
    silent_noisy_ors,
)
from refvi.derivations.numbers import exp, log, number, stack, total

ROCKAFELLAR = "Rockafellar 1970, Convex Analysis, section 4"


@derivation(
    "surrogate.gap",
    title="the surrogate differs from the bound by the decoder's bend alone",
    statement="log p(x,μ) + H(q) - [E_q log p(x,h) + H(q)] = log p(x|μ) - E_q log p(x|h), 0 at every corner",
    source="D0 Eq 4",
    system="S0",
    models=any_decoder,
)
def gap(log_p, mu, H, E, joint, prior, likelihood, log_p_x, f, log_p_h, corner):
    """E_q of a function of h is its multilinear interpolation: equal for every μ if and only if log p(x|·) is that."""
    yield Step("", "log p(x,μ) + H(q) - E_q log p(x,h) - H(q)", log_p(mu) + H(mu) - E(log(joint)) - H(mu))
    yield Step(
        "=",
        "log p(μ) - E_q log p(h) + log p(x|μ) - E_q log p(x|h)",
        log_p_h(mu) - E(log(prior)) + log_p_x(f(mu)) - E(log(likelihood)),
        "p(x,h) = p(h) p(x|h)",
    )
    yield Step(
        "=",
        "log p(x|μ) - E_q log p(x|h)",
        log_p_x(f(mu)) - E(log(likelihood)),
        "log p(h) is affine in each h_k",
    )
    yield Step(
        "=",
        "the same and the gap at a corner next to μ",
        log_p_x(f(mu)) - E(log(likelihood)) + log_p(corner) - total(_at(corner, log(joint))),
        "at a corner q has one state: the gap is 0",
    )


def _at(corner, table):
    """A table times the indicator of a corner."""
    one, two = corner[0], corner[1]
    return table * stack([(1 - one) * (1 - two), (1 - one) * two, one * (1 - two), one * two])


@derivation(
    "surrogate.exact",
    title="where log p(x|h) is affine in each bit the surrogate is the bound",
    statement="noisy-OR with x = 0: log p(x|h) = -Σ_d (leak_d + Σ_k s_dk h_k), so log p(x,μ) + H(q) = E_q log p(x,h) + H(q)",
    source="Pearl 1988, Probabilistic Reasoning in Intelligent Systems, section 4.3 (noisy-OR); D0 Eq 4",
    system="S0",
    models=silent_noisy_ors,
)
def exact(surrogate, elbo, mu, log_p_h, H, rates, E, h, prior, mu_elbo, mu_surrogate, evidence):
    """Then one evaluation replaces 2^K; the posterior factorises, and both maxima are log p(x)."""
    yield Step("", "log p(x,μ) + H(q)", surrogate(mu))
    yield Step(
        "=",
        "log p(μ) - Σ_d (leak_d + Σ_k s_dk μ_k) + H(q)",
        log_p_h(mu) - total(rates(mu)) + H(mu),
        "no cause of any x_d acts",
    )
    yield Step(
        "=",
        "E_q log p(h) - E_q Σ_d (leak_d + Σ_k s_dk h_k) + H(q)",
        E(log(prior)) - E(total(rates(h))) + H(mu),
        "both are affine in h",
    )
    yield Step("=", "E_q log p(x,h) + H(q)", elbo(mu), "the bound")
    yield Step("<=", "its maximum, at the maximum of the surrogate", elbo(mu_surrogate), "one function")
    yield Step("<=", "log p(x)", log(evidence), "elbo.jensen")


@derivation(
    "surrogate.jensen",
    title="under a logistic layer the surrogate lies above the bound",
    statement="log p(x,μ) + H(q) ≥ E_q log p(x,h) + H(q) where f(h) = σ(W h + c), for every μ, W, c and x",
    source=f"{ROCKAFELLAR} (Jensen's inequality); D0 Eq 4",
    system="S0",
    models=logistics,
)
def jensen(surrogate, mu, log_p_h, signed, H, E, h, prior, elbo):
    """log σ is concave and its argument is linear in h."""
    yield Step("", "log p(x,μ) + H(q)", surrogate(mu))
    yield Step(
        "=",
        "log p(μ) - Σ_d log(1 + exp(-s_d (W_d μ + c_d))) + H(q), s_d = ±1 as x_d is 1 or 0",
        log_p_h(mu) - total(log(1 + exp(-signed(mu)))) + H(mu),
        "log p(x_d|·) = log σ(s_d (W_d · + c_d))",
    )
    yield Step(
        ">=",
        "E_q log p(h) - E_q Σ_d log(1 + exp(-s_d (W_d h + c_d))) + H(q)",
        E(log(prior)) - E(total(log(1 + exp(-signed(h))))) + H(mu),
        "Jensen: log σ is concave",
    )
    yield Step("=", "E_q log p(x,h) + H(q)", elbo(mu), "the bound")


@derivation(
    "surrogate.mean-decoder",
    title="a decoder with f(μ) = E_q f(h) does not make the surrogate the bound",
    statement="one visible bit, f affine in each h_k: log p(x|μ) = log E_q p(x|h) ≥ E_q log p(x|h)",
    source=f"{ROCKAFELLAR} (Jensen's inequality); D0 Eq 4",
    system="S0",
    models=chances_or,
)
def mean_decoder(log_p_x_each, f, mu, E_each_visible):
    """The approximation of f(h) by its mean is exact, that of its logarithm is not."""
    yield Step("", "log p(x_d|μ), every d", log_p_x_each(f(mu)))
    yield Step(
        "=",
        "log E_q p(x_d|h)",
        log(E_each_visible(lambda p: p)),
        "p(x_d|h) is f_d or 1 - f_d, affine in each h_k",
    )
    yield Step(">=", "E_q log p(x_d|h)", E_each_visible(log), "Jensen: log is concave")


@derivation(
    "surrogate.above-evidence",
    title="the surrogate's maximum exceeds the log evidence",
    statement="logistic layer, p(h|x) a product: max_μ log p(x,μ) + H(q) ≥ log p(x) + [log p(x|μ) - E log p(x|h)] ≥ log p(x)",
    source="D0 Eq 4",
    system="S0",
    models=logistics_at_posterior,
)
def above_evidence(surrogate, mu_surrogate, mu, elbo, log_p_x, f, E, likelihood, evidence):
    """At the true posterior the bound is log p(x) and the gap is positive: the surrogate is no bound there."""
    yield Step("", "max_μ log p(x,μ) + H(q)", surrogate(mu_surrogate))
    yield Step(">=", "log p(x,μ) + H(q) at q = p(h|x)", surrogate(mu), "the maximum")
    yield Step(
        "=",
        "ELBO + log p(x|μ) - E_q log p(x|h) at q = p(h|x)",
        elbo(mu) + log_p_x(f(mu)) - E(log(likelihood)),
        "surrogate.gap",
    )
    yield Step(
        "=",
        "log p(x) + log p(x|μ) - E_q log p(x|h)",
        log(evidence) + log_p_x(f(mu)) - E(log(likelihood)),
        "the bound touches at the posterior",
    )
    yield Step(">=", "log p(x)", log(evidence), "surrogate.jensen")


@derivation(
    "surrogate.second-order",
    title="the size of the gap to second order",
    statement="W → W/n: n² [log p(x|μ) - E_q log p(x|h)] → -1/2 Σ_k μ_k (1 - μ_k) ∂² log p(x|μ)/∂μ_k²",
    source="D0 Eq 4",
    system="S0",
    models=logistics,
)
def second_order(gap_of_shrunk, mu, bend_at_zero, curvature):
    """The mean of log p(x|h) loses half its curvature times the variance of each bit; for log σ that is W² σ (1 - σ)."""
    along = (64, 128, 256)
    yield Step(
        "",
        "n² [log p(x|μ) - E_q log p(x|h)] under W/n, n = 64, 128, 256",
        [n * n * gap_of_shrunk(n) for n in along],
    )
    yield Step(
        "->",
        "-1/2 Σ_k μ_k (1 - μ_k) ∂² log p(x|μ)/∂μ_k², W and n cancelled",
        -1 / 2 * total(mu * (1 - mu) * curvature),
        "Taylor: the first-order terms have mean 0",
        along,
        1.0,
    )
    yield Step(
        "=",
        "1/2 Σ_k μ_k (1 - μ_k) Σ_d W_dk² σ(c_d) σ(-c_d)",
        1 / 2 * total(mu * (1 - mu) * bend_at_zero),
        "(log σ)'' = -σ (1 - σ)",
    )


@derivation(
    "surrogate.stationary",
    title="the gradient of the E step",
    statement="∇_μ [log p(x,μ) + H(q)] = logit μ^h + ∂ log p(x|μ)/∂μ - logit μ",
    source="D0 Eq 4",
    system="S0",
    models=logistics,
)
def stationary(nabla_mu, surrogate, log_p_x, f, mu_h, mu, x, W_of):
    """Mean field with the derivative of log p(x|·) where exact mean field has a difference."""
    yield Step("", "∇_μ [log p(x,μ) + H(q)]", nabla_mu(surrogate))
    yield Step(
        "=",
        "logit μ^h_k + ∂ log p(x|μ)/∂μ_k - logit μ_k",
        log(mu_h / (1 - mu_h)) + nabla_mu(lambda m: log_p_x(f(m))) - log(mu / (1 - mu)),
        "log p(μ) is linear, H'(μ) = -logit μ",
    )
    yield Step(
        "=",
        "logit μ^h_k + Σ_d W_dk (x_d - σ(W_d μ + c_d)) - logit μ_k",
        log(mu_h / (1 - mu_h)) + total(W_of * (x - f(mu))) - log(mu / (1 - mu)),
        "d log σ(a)/da = 1 - σ(a): unit less mean",
    )


@derivation(
    "surrogate.fixed-point",
    title="the E step's fixed point",
    statement="logit μ*_k = logit μ^h_k + Σ_d W_dk (x_d - σ(W_d μ* + c_d)) at the solution μ* of Eq 4",
    source="D0 Eq 4",
    system="S0",
    models=logistics,
)
def fixed_point(mu_star, mu_h, W_of, x, f, nabla_at_star, log_p_x):
    """Prior logit plus what each visible bit says of h_k, the others at their mean."""
    yield Step("", "logit μ*_k", log(mu_star / (1 - mu_star)))
    yield Step(
        "=",
        "logit μ^h_k + ∂ log p(x|μ*)/∂μ_k",
        log(mu_h / (1 - mu_h)) + nabla_at_star(lambda m: log_p_x(f(m))),
        "surrogate.stationary: the gradient is 0",
    )
    yield Step(
        "=",
        "logit μ^h_k + Σ_d W_dk (x_d - σ(W_d μ* + c_d))",
        log(mu_h / (1 - mu_h)) + total(W_of * (x - f(mu_star))),
        "d log σ(a)/da = 1 - σ(a)",
    )


@derivation(
    "surrogate.concave",
    title="under a logistic layer the surrogate has one maximum",
    statement="log p(x,·) + H at (a+b)/2 ≥ half the sum of its values at a and b, f(h) = σ(W h + c)",
    source=f"{ROCKAFELLAR}; D0 1.1",
    system="S0",
    models=logistics,
)
def concave(surrogate, log_p_h, log_p_x, f, H, mu, mu_h):
    """Linear, concave of linear, and the entropy; any other decoder may bend the second term upwards."""
    middle = (mu + mu_h) / 2
    yield Step("", "J((a+b)/2), J(μ) = log p(x,μ) + H(q)", surrogate(middle))
    yield Step(
        "=",
        "[log p(a) + log p(b)]/2 + log p(x|(a+b)/2) + H((a+b)/2)",
        (log_p_h(mu) + log_p_h(mu_h)) / 2 + log_p_x(f(middle)) + H(middle),
        "log p(h) is affine in h",
    )
    yield Step(
        ">=",
        "[log p(a) + log p(b) + log p(x|a) + log p(x|b)]/2 + H((a+b)/2)",
        (log_p_h(mu) + log_p_h(mu_h) + log_p_x(f(mu)) + log_p_x(f(mu_h))) / 2 + H(middle),
        "log σ is concave",
    )
    yield Step(">=", "[J(a) + J(b)]/2", (surrogate(mu) + surrogate(mu_h)) / 2, "the entropy is concave")


@derivation(
    "surrogate.lowers-the-bound",
    title="maximising the surrogate lowers the bound below what mean field reaches",
    statement="two causes of one x: J(μ_J) ≥ J(μ_L) while L(μ_J) ≤ L(μ_L) ≤ log p(x) ≤ J(μ_J), L the bound, J the surrogate",
    source="Pearl 1988, Probabilistic Reasoning in Intelligent Systems, section 2.2 (explaining away); D0 Eq 4",
    system="S0",
    models=explained_away,
)
def lowers_the_bound(surrogate, elbo, mu_surrogate, mu_elbo, evidence, log_p_x, f, E_at, likelihood):
    """Where causes explain each other away the surrogate puts both half on: f sees a sum that no state has."""
    yield Step("", "L(μ_J), the bound at the surrogate's maximum", elbo(mu_surrogate))
    yield Step("<=", "L(μ_L), the bound's own maximum", elbo(mu_elbo), "the maximum")
    yield Step("<=", "log p(x)", log(evidence), "elbo.jensen")
    yield Step("<=", "J(μ_J)", surrogate(mu_surrogate), "surrogate.above-evidence (strong weights)")
    yield Step(
        "=",
        "L(μ_J) + log p(x|μ_J) - E_q log p(x|h)",
        elbo(mu_surrogate) + log_p_x(f(mu_surrogate)) - E_at(mu_surrogate, log(likelihood)),
        "surrogate.gap",
    )
    yield Step(">=", "J(μ_L)", surrogate(mu_elbo), "the maximum")


@derivation(
    "surrogate.one-symbol",
    title="one symbol for the prior's and the posterior's parameters cancels the prior",
    statement="log p(h=μ; μ^h=μ) + H(μ) = 0: Eq 4 with one μ^h is arg max_μ log p(x|μ), without prior or entropy",
    source="D0 Eqs 2, 4",
    system="S0",
    models=silent_noisy_ors,
)
def one_symbol(mu, H, log_p_x, f, log_p_h, rates, KL_to_prior, surrogate):
    """With two symbols the same terms are -KL(q || p(h))."""
    yield Step(
        "",
        "Σ_k [μ_k log μ_k + (1 - μ_k) log(1 - μ_k)] + log p(x|μ) + H(μ)",
        total(mu * log(mu) + (1 - mu) * log(1 - mu)) + log_p_x(f(mu)) + H(mu),
    )
    yield Step("=", "log p(x|μ)", log_p_x(f(mu)), "the negative entropy and the entropy")
    yield Step(
        "<=", "log p(x|μ = 0), no cause on", log_p_x(f(number([0.0, 0.0]))), "x = 0: causes only take away"
    )
    yield Step(
        ">=",
        "log p(x|μ) - KL(q || p(h)), the two-symbol Eq 4",
        log_p_x(f(mu)) - KL_to_prior,
        "a divergence is never negative",
    )
    yield Step("=", "log p(μ; μ^h) + log p(x|μ) + H(q)", surrogate(mu), "its name")
