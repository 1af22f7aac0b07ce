"""D1 section 2.1: the reparameterisation trick."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.gaussians import paths
from refvi.derivations.models.variances import (
    continuous_or_coin,
    free_or_drifting_noise,
    stepped_or_smooth,
    waves,
)
from refvi.derivations.sources.d1.document import D1


@D1.claim(
    "continuous-only",
    "2.1",
    "in case of the continuous latent variable z: ∇_φ E f(z) = E_{p(ε)} ∇_φ f(g_φ(ε))",
    models=continuous_or_coin,
    expected="depends",
    derivation="gradient.pathwise",
    system="S21",
)
def continuous_only(nabla, mean_f, E, grad_path):
    return nabla(mean_f), E(grad_path)


@continuous_only.when("z is continuous (for a coin z = [u < π] the right side is 0)")
def _(continuous):
    return continuous


@D1.claim(
    "mild-conditions",
    "2.1",
    "with certain mild conditions: ∇_φ E f(z, φ) = E_{p(ε)} ∇_φ f(g_φ(ε), φ)",
    models=stepped_or_smooth,
    expected="depends",
    derivation="gradient.pathwise",
    system="S21",
)
def mild_conditions(nabla, mean_f, E, grad_path):
    return nabla(mean_f), E(grad_path)


@mild_conditions.when("f has no steps in z")
def _(smooth):
    return smooth


@D1.claim(
    "q-theta",
    "2.1",
    "for a chosen approximate posterior q_θ(z|x): ∫ q_θ(z|x) f(z, φ) dz = ∫ p(ε) f(g_φ(ε, x), φ) dε",
    models=paths,
    expected="misprint",
    derivation="reparameterisation.change-of-variables",
    system="S21",
)
def q_theta(integral, q_theta, f, p_noise, g):
    return integral(lambda z: q_theta(z) * f(z)), integral(lambda eps: p_noise(eps) * f(g(eps)))


@q_theta.corrected(
    "for a chosen approximate posterior q_φ(z|x): ∫ q_φ(z|x) f(z, φ) dz = ∫ p(ε) f(g_φ(ε, x), φ) dε",
    slip="everywhere else the approximate posterior is q_φ",
)
def _(integral, q_phi, f, p_noise, g):
    return integral(lambda z: q_phi(z) * f(z)), integral(lambda eps: p_noise(eps) * f(g(eps)))


@D1.claim(
    "independent-noise",
    "2.1",
    "ε has an independent marginal p(ε): ∇_φ E f(z, φ) = E_{p(ε)} ∇_φ f(g_φ(ε, x), φ)",
    models=free_or_drifting_noise,
    expected="depends",
    derivation="gradient.pathwise",
    system="S21",
)
def independent_noise(nabla, mean_f, E, grad_path):
    return nabla(mean_f), E(grad_path)


@independent_noise.when("p(ε) does not depend on φ")
def _(noise_is_free):
    return noise_is_free


@D1.claim(
    "eq-reparameterisation",
    "2.1",
    "∫ q_φ(z|x) f(z, φ) dz = ∫ p(ε) f(g_φ(ε, x), φ) dε",
    models=paths,
    derivation="reparameterisation.change-of-variables",
    system="S21",
)
def reparameterisation(integral, q_phi, f, p_noise, g):
    return integral(lambda z: q_phi(z) * f(z)), integral(lambda eps: p_noise(eps) * f(g(eps)))


@D1.claim(
    "eq-reparameterisation-again",
    "2.1",
    "∫ p(ε) f(g_φ(ε, x), φ) dε = ∫ p(ε) f(g_φ(ε, x), φ) dε (printed twice; E_{p(ε)}[f(g_φ(ε, x), φ)] is what follows)",
    models=paths,
    derivation="reparameterisation.change-of-variables",
    system="S21",
)
def reparameterisation_again(integral, p_noise, f, g, E_noise):
    return integral(lambda eps: p_noise(eps) * f(g(eps))), E_noise(lambda eps: f(g(eps)))


@D1.claim(
    "eq-pathwise-law",
    "2.1",
    "∇_φ E_{q_φ(z|x)}[f(z, φ)] = ∇_φ E_{p(ε)}[f(g_φ(ε, x), φ)]",
    models=paths,
    derivation="gradient.pathwise",
    system="S21",
)
def pathwise_law(nabla, mean_f, mean_f_of_noise):
    return nabla(mean_f), nabla(mean_f_of_noise)


@D1.claim(
    "eq-pathwise-gradient",
    "2.1",
    "∇_φ E_{p(ε)}[f(g_φ(ε, x), φ)] = E_{p(ε)}[∇_φ f(g_φ(ε, x), φ)]",
    models=paths,
    derivation="gradient.pathwise",
    system="S21",
)
def pathwise_gradient(nabla, mean_f_of_noise, E, grad_z_f, grad_g, grad_f):
    return nabla(mean_f_of_noise), E(grad_z_f * grad_g + grad_f)


@D1.claim(
    "eq-pathwise-estimator",
    "2.1",
    "∇_φ E_q[f(z, φ)] ≈ 1/L Σ_{i≤L} ∇_φ f(g_φ(ε̂ᵢ, x), φ), ε̂ᵢ ~ p(ε)",
    models=paths,
    derivation="gradient.pathwise",
    system="S21",
)
def pathwise_estimator(nabla, mean_f, E_draws, samples, grad_path):
    return nabla(mean_f), E_draws(
        samples, lambda e: 1 / samples * sum(grad_path[:, e[i]] for i in range(samples))
    )


@D1.claim(
    "more-robust",
    "2.1",
    "we obtain a more robust Monte Carlo gradient estimator: Var ∇_φ f(g_φ(ε̂)) ≤ Var f(ẑ) ∇_φ ln q_φ(ẑ)",
    relation="<=",
    models=waves,
    expected="depends",
    derivation="gradient.variance-affine",
    system="S21",
)
def more_robust(var, pathwise, f, score):
    return var(pathwise), var(f * score)


@more_robust.when(
    "f = sin(ω z) is slow on the scale of q, ω σ ≤ 1/2 (where it is fast the order is reversed)"
)
def _(smooth_on_the_scale_of_q):
    return smooth_on_the_scale_of_q
