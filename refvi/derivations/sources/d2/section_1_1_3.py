"""D2 section 1.1.3: the stochastic estimate of the bound, its gradients, what is said for and against it."""

# ruff: noqa: D103 (the claim is its docstring)

import math

from refvi.derivations.models.decoders import decoders, equally_wide_or_not
from refvi.derivations.models.encoders import encoders
from refvi.derivations.models.rivals import averages, coins, pictures, sampled_or_exact
from refvi.derivations.models.tables import tables
from refvi.derivations.numbers import log as ln
from refvi.derivations.numbers import stack
from refvi.derivations.sources.d2.document import D2


@D2.claim(
    "eq-estimate-bound",
    "1.1.3",
    "log p(x) ≥ ∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x), attained at q = p_θ(z|x)",
    relation=">=",
    tight="at_posterior",
    models=tables,
    derivation="elbo.jensen",
)
def estimate_bound(evidence, total, q, joint):
    return ln(evidence), total(q * ln(joint / q))


@D2.claim(
    "eq-estimate-entropy",
    "1.1.3",
    "∫ q_φ(z|x) log p_θ(x,z)/q_φ(z|x) = E_q[log p_θ(x|z)p(z)] - ∫ q_φ(z|x) log q_φ(z|x)",
    models=decoders,
    derivation="elbo.forms",
)
def estimate_entropy(integral, q, p, likelihood, E):
    return (
        integral(lambda z: q(z) * ln(p(z) * likelihood(z) / q(z))),
        E(lambda z: ln(likelihood(z) * p(z))) - integral(lambda z: q(z) * ln(q(z))),
    )


@D2.claim(
    "eq-estimate-divergence",
    "1.1.3",
    "E_q[log p_θ(x|z)p(z)] - ∫ q_φ(z|x) log q_φ(z|x) = E_q[log p_θ(x|z)] - KL(q_φ(z|x)||p(z)) := L(θ,φ;x)",
    models=decoders,
    derivation="elbo.forms",
)
def estimate_divergence(E, likelihood, p, integral, q, divergence):
    return (
        E(lambda z: ln(likelihood(z) * p(z))) - integral(lambda z: q(z) * ln(q(z))),
        E(lambda z: ln(likelihood(z))) - divergence,
    )


@D2.claim(
    "same-as-wake",
    "1.1.3",
    "optimize L w.r.t. p_θ(x|z) is the same as the wake phase: ∇_θ L = E_q ∇_θ log p_θ(x|z)",
    models=decoders,
    derivation="wake.gradient",
    system="S2",
)
def same_as_wake(nabla_theta, bound_of_theta, E, grad_theta):
    return nabla_theta(bound_of_theta), E(grad_theta)


@D2.claim(
    "eq-recognition",
    "1.1.3",
    "q_φ(z^i|x^i) = N(z^i; μ^i, σ^{2i} I) (the exponent is 2i as it is printed)",
    models=decoders,
    expected="misprint",
    derivation="normal.log-density",
)
def recognition(q, g, eps_hat, log_normal, mu, sigma, datum):
    return ln(q(g(eps_hat))), log_normal(g(eps_hat), mu, sigma ** (2 * datum))


@recognition.corrected(
    "q_φ(z^i|x^i) = N(z^i; μ^i, (σ^i)² I)",
    slip="z^(i,l) = μ^i + σ^i ε^l has the deviation σ^i",
)
def _(q, g, eps_hat, log_normal, mu, sigma):
    return ln(q(g(eps_hat))), log_normal(g(eps_hat), mu, sigma**2)


@D2.claim(
    "eq-noise",
    "1.1.3",
    "z^(i,l) = μ^i + σ^i ε^l with ε ~ N(0, I) has the law q_φ: means of log p_θ(x|z), and of it times the noise, agree",
    models=decoders,
    derivation="reparameterisation.change-of-variables",
    system="S21",
)
def noise(moments_q, likelihood, moments_noise, mu, sigma):
    return (
        moments_q(lambda z: ln(likelihood(z))),
        moments_noise(lambda eps: ln(likelihood(mu + sigma * eps))),
    )


@D2.claim(
    "eq-update",
    "1.1.3",
    "L(θ,φ;x) = E_q[log p_θ(x,z)] - KL(q_φ(z|x)||p(z))",
    models=decoders,
    expected="misprint",
    derivation="elbo.forms",
)
def update(integral, q, p, likelihood, E, log_joint, divergence):
    return integral(lambda z: q(z) * ln(p(z) * likelihood(z) / q(z))), E(log_joint) - divergence


@update.corrected(
    "L(θ,φ;x) = E_q[log p_θ(x|z)] - KL(q_φ(z|x)||p(z))",
    slip="the first display of 1.1.3 has L with log p_θ(x|z)",
)
def _(integral, q, p, likelihood, E, log_likelihood, divergence):
    return integral(lambda z: q(z) * ln(p(z) * likelihood(z) / q(z))), E(log_likelihood) - divergence


@D2.claim(
    "eq-update-noise",
    "1.1.3",
    "E_q[log p_θ(x,z)] - KL(q_φ(z|x)||p(z)) = E_{ε ~ N(0,I)}[log p_θ(x, z_φ(ε))] - KL(q_φ(z|x)||p(z))",
    models=decoders,
    derivation="reparameterisation.change-of-variables",
    system="S21",
)
def update_noise(integral, q, log_joint, divergence, E_noise, g):
    return (
        integral(lambda z: q(z) * log_joint(z)) - divergence,
        E_noise(lambda eps: log_joint(g(eps))) - divergence,
    )


@D2.claim(
    "eq-update-gradient",
    "1.1.3",
    "∇_φ E_q[log p_θ(x,z)] = E_{ε ~ N(0,I)}[∇_φ log p_θ(x, z_φ(ε))]",
    models=decoders,
    derivation="gradient.pathwise",
    system="S21",
)
def update_gradient(nabla, mean_log_joint_at, E, grad_log_joint):
    return nabla(mean_log_joint_at), E(grad_log_joint)


@D2.claim(
    "update-rule",
    "1.1.3",
    "then the update rule for q_φ(z|x) is ∇_φ E_q[log p_θ(x,z)] - ∇_φ KL(q_φ(z|x)||p(z)): the gradient of L",
    models=decoders,
    expected="wrong",
    derivation="elbo.forms",
    system="S21",
)
def update_rule(nabla, bound_at, E, grad_log_joint, mu, sigma):
    return nabla(bound_at), E(grad_log_joint) - stack([mu, sigma - 1 / sigma])


@update_rule.corrected(
    "∇_φ E_q[log p_θ(x|z)] - ∇_φ KL(q_φ(z|x)||p(z)); with the joint density the prior is counted twice: the rule as printed "
    "carries the slip of the display above it, and pulls z to 0"
)
def _(nabla, bound_at, E, grad_log_likelihood, mu, sigma):
    return nabla(bound_at), E(grad_log_likelihood) - stack([mu, sigma - 1 / sigma])


@D2.claim(
    "kl-computed",
    "1.1.3",
    "KL distance can be computed analytically: ½ (μ² + σ² - 1 - log σ²)",
    models=decoders,
    derivation="kl.normal-standard",
)
def kl_computed(divergence, mu, sigma):
    return divergence, 1 / 2 * (mu**2 + sigma**2 - 1 - ln(sigma**2))


@D2.claim(
    "kl-differentiated",
    "1.1.3",
    "KL distance can be differentiated analytically: ∇_φ KL = (μ, σ - 1/σ)",
    models=decoders,
    derivation="kl.normal-standard",
)
def kl_differentiated(nabla, divergence_at, mu, sigma):
    return nabla(divergence_at), stack([mu, sigma - 1 / sigma])


@D2.claim(
    "kl-distance",
    "1.1.3",
    "KL distance: KL(q_φ(z|x)||p(z)) = KL(p(z)||q_φ(z|x)), as a distance would be",
    models=equally_wide_or_not,
    expected="depends",
    derivation="kl.normal-normal",
)
def kl_distance(divergence, reverse_divergence):
    return divergence, reverse_divergence


@kl_distance.when("q is as wide as the prior (for normals; in general a divergence is not symmetric)")
def _(equally_wide):
    return equally_wide


@D2.claim(
    "unbiased",
    "1.1.3",
    "reparameterization yields an unbiased estimator of the lower bound: "
    "E 1/L Σ_l log p_θ(x|z_φ(ε^l)) - KL(q_φ(z|x)||p(z)) = L, L = 2 draws",
    models=decoders,
    derivation="estimator.average",
    system="S21",
)
def unbiased(E_pair, log_likelihood_of_z, divergence, bound_at, phi):
    return (
        E_pair(lambda e: 1 / 2 * sum(log_likelihood_of_z[e[i]] for i in range(2)) - divergence),
        bound_at(phi),
    )


@D2.claim(
    "differentiable",
    "1.1.3",
    "a differentiable estimator of the lower bound, easy to optimize by stochastic gradient ascent: "
    "E ∇_φ [log p_θ(x|z_φ(ε)) - KL(q_φ(z|x)||p(z))] = ∇_φ L",
    models=decoders,
    derivation="gradient.pathwise",
    system="S21",
)
def differentiable(E, grad_log_likelihood, mu, sigma, nabla, bound_at):
    return E(grad_log_likelihood) - stack([mu, sigma - 1 / sigma]), nabla(bound_at)


@D2.claim(
    "ancestral-inference",
    "1.1.3",
    "approximate posterior inference by simple ancestral sampling instead of MCMC: "
    "means under z ~ q_φ(z|x) are the posterior means that MCMC would give",
    models=sampled_or_exact,
    expected="depends",
    derivation="elbo.identity",
)
def ancestral_inference(E, states, E_posterior):
    return E(states), E_posterior(states)


@ancestral_inference.when("q_φ(z|x) is the posterior")
def _(q_is_posterior):
    return q_is_posterior


@D2.claim(
    "not-for-discrete",
    "1.1.3",
    "this model is not applicable to discrete latent variables: for a coin no estimator has the gradient of the bound as its "
    "mean, ∇_φ E f(z) ≠ E f(z) ∇_φ log q_φ(z)",
    relation="!=",
    models=coins,
    expected="wrong",
    derivation="gradient.score-function",
    system="S21",
)
def not_for_discrete(nabla, mean_f, E_z, f_of_z, score):
    return nabla(mean_f), E_z(f_of_z * score)


@not_for_discrete.corrected(
    "the pathwise estimator is not applicable to discrete latent variables, ∇_φ E f(z) ≠ E ∇_φ f(g_φ(ε)) = 0; "
    "the model is, with the score-function estimator"
)
def _(nabla, mean_f, E, grad_path):
    return nabla(mean_f), E(grad_path)


@D2.claim(
    "each-element",
    "1.1.3",
    "each element experiences reconstruction error: log p_θ(x|z) = -½ Σ_d (x_d - μ_θ^d(z))² - D/2 log 2π",
    models=encoders,
    derivation="elbo.gaussian",
)
def each_element(likelihood, z_hat, D, x, mu_theta):
    return (
        ln(likelihood(z_hat)),
        -1 / 2 * sum((x[d] - mu_theta(z_hat)[d]) ** 2 for d in range(D)) - D / 2 * math.log(2 * math.pi),
    )


@D2.claim(
    "translations",
    "1.1.3",
    "this model is sensitive to irrelevant variance, for example translations: log p_θ(translated x|z) ≠ log p_θ(x|z)",
    relation="!=",
    models=pictures,
    expected="depends",
    derivation="elbo.gaussian",
)
def translations(log_likelihood_of, translated, x):
    return sum(log_likelihood_of(translated)), sum(log_likelihood_of(x))


@translations.when("the decoder does not paint all pixels alike")
def _(mean_is_flat):
    return not mean_is_flat


@D2.claim(
    "fixed-prior",
    "1.1.3",
    "for simplicity usually a fixed prior (a disadvantage): E_data KL(q_φ(z|x)||p(z)) is at least what it is for the best "
    "prior, the average of q_φ(z|x) over the data",
    relation=">=",
    models=averages,
    derivation="kl.not-negative",
    system="S14",
)
def fixed_prior(E_data, KL, q, prior, average_q):
    return E_data(KL(q, prior)), E_data(KL(q, average_q))
