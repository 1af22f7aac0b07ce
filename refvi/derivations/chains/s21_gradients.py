"""Gradients of expectations: score function, baseline, pathwise, averages, and what a surrogate is good for."""

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.choices import choices, column
from refvi.derivations.models.gaussians import paths
from refvi.derivations.models.variances import lines
from refvi.derivations.numbers import mean

GLYNN = "Glynn 1990, Commun. ACM 33, section 2"
WILLIAMS = "Williams 1992, Machine Learning 8, section 4"
MOHAMED = "Mohamed et al. 2020, arXiv:1906.10652v2"
KINGMA = "Kingma and Welling 2014, arXiv:1312.6114v11"


@derivation(
    "gradient.score-mean-zero",
    title="the score has mean zero",
    statement="E_q ∇_φ log q_φ(z) = 0",
    source=f"{MOHAMED}, section 4.1; D3 HVM",
    system="S21",
    models=choices,
)
def score_mean_zero(E, q, score, grad_q, total, nabla, mass):
    """The mass stays 1 while φ moves."""
    yield Step("", "E_q ∇ log q(z)", E(score))
    yield Step("=", "Σ_z q(z) ∇q(z) / q(z)", total(q * (grad_q / q)), "derivative of log")
    yield Step("=", "∇ Σ_z q(z)", nabla(mass), "a finite sum")
    yield Step("=", "0", 0.0, "the sum is 1 for every φ")


@derivation(
    "gradient.score-function",
    title="the score-function gradient",
    statement="∇_φ E_q f(z,φ) = E_q ∇_φ f(z,φ) + E_q f(z,φ) ∇_φ log q_φ(z)",
    source=f"{GLYNN}; Paisley et al. 2012, arXiv:1206.6430v1, eq. 5; D1 section 1",
    system="S21",
    models=choices,
)
def score_function(nabla, mean_f, E, q, f, grad_f, grad_q, score, total):
    """The product rule inside the sum."""
    yield Step("", "∇ E_q f(z,φ)", nabla(mean_f))
    yield Step(
        "=", "Σ_z [q(z) ∇f(z,φ) + f(z,φ) ∇q(z)]", total(q * grad_f + f * grad_q), "product rule, finite sum"
    )
    yield Step(
        "=",
        "Σ_z q(z) ∇f(z,φ) + Σ_z q(z) f(z,φ) ∇ log q(z)",
        total(q * grad_f) + total(q * f * score),
        "∇q = q ∇ log q",
    )
    yield Step("=", "E_q ∇f(z,φ) + E_q f(z,φ) ∇ log q(z)", E(grad_f) + E(f * score), "sums against q are E_q")


@derivation(
    "gradient.baseline",
    title="a baseline leaves the mean of the score-function gradient as it is",
    statement="E_q (f(z) - c) ∇_φ log q_φ(z) = ∇_φ E_q f(z)",
    source=f"{WILLIAMS}; {MOHAMED}, section 7.4.1",
    system="S21",
    models=choices,
)
def baseline(E, f, score, baseline, nabla, mean_fixed_f):
    """The score has mean zero, so a constant times it vanishes."""
    yield Step("", "E_q (f(z) - c) ∇ log q(z)", E((f - baseline) * score))
    yield Step(
        "=",
        "E_q f(z) ∇ log q(z) - c E_q ∇ log q(z)",
        E(f * score) - baseline * E(score),
        "c is constant in z",
    )
    yield Step("=", "E_q f(z) ∇ log q(z)", E(f * score), "gradient.score-mean-zero")
    yield Step("=", "∇ E_q f(z)", nabla(mean_fixed_f), "gradient.score-function with f fixed")


@derivation(
    "gradient.baseline-variance",
    title="the baseline of least variance",
    statement="Var[(f - c) s] is least at c* = E[f s²] / E[s²], for each component of the score s",
    source=f"Greensmith et al. 2004, JMLR 5, Theorem 8; {MOHAMED}, section 7.4.1",
    system="S21",
    models=choices,
)
def baseline_variance(E, f, score, baseline):
    """A parabola in c."""
    best = E(f * score**2) / E(score**2)
    least = E(((f - column(best)) * score) ** 2)

    yield Step("", "Var[(f - c) s]", E(((f - baseline) * score) ** 2) - E((f - baseline) * score) ** 2)
    yield Step(
        "=",
        "E[(f - c)² s²] - (E f s)²",
        E(((f - baseline) * score) ** 2) - E(f * score) ** 2,
        "gradient.baseline: the mean is E f s",
    )
    yield Step(
        "=",
        "E[(f - c*)² s²] + (c - c*)² E s² - (E f s)²",
        least + (baseline - best) ** 2 * E(score**2) - E(f * score) ** 2,
        "complete the square; the cross term is zero at c* = E[f s²]/E[s²]",
    )
    yield Step(">=", "Var[(f - c*) s]", least - E(f * score) ** 2, "a square is not negative")


@derivation(
    "gradient.variance-affine",
    title="the variance of the score-function gradient of an affine f is set by its offset",
    statement="f = c + a z, q = N(μ, σ²): Var f ∂_μ log q = (E f)²/σ² + 2a², Var f' = 0; both have mean a",
    source=f"{MOHAMED}, sections 4.3.1 and 5.3.2; D1 sections 1 and 2.1",
    system="S21",
    models=lines,
)
def variance_affine(E, var, f, score, z, mu, sigma, slope, pathwise):
    """Expand f around its mean; odd moments of the noise vanish."""
    away = z - mu
    yield Step("", "Var f(z) ∂_μ log q(z)", var(f * score))
    yield Step("=", "E f² (z-μ)²/σ⁴ - a²", E(f**2 * away**2) / sigma**4 - slope**2, "the mean is a = E f'")
    yield Step(
        "=",
        "(E f)² E (z-μ)²/σ⁴ + 2a E f E (z-μ)³/σ⁴ + a² E (z-μ)⁴/σ⁴ - a²",
        (E(f) ** 2 * E(away**2) + 2 * slope * E(f) * E(away**3) + slope**2 * E(away**4)) / sigma**4
        - slope**2,
        "f = E f + a (z-μ)",
    )
    yield Step("=", "(E f)²/σ² + 2a²", E(f) ** 2 / sigma**2 + 2 * slope**2, "moments σ², 0, 3σ⁴")
    yield Step(
        ">=", "Var f'(z)", var(pathwise), "f' = a is constant, so the pathwise estimator has no variance"
    )


@derivation(
    "gradient.pathwise",
    title="the pathwise (reparameterisation) gradient",
    statement="∇_φ E_q f(z,φ) = E_ε [∂_z f(g_φ(ε),φ) ∇_φ g_φ(ε) + ∇_φ f(z,φ)]",
    source=f"{KINGMA}, section 2.4; {MOHAMED}, section 5; D1 section 2.1; D2 1.1.3; D4",
    system="S21",
    models=paths,
)
def pathwise(nabla, mean_f, mean_f_of_noise, E, grad_z_f, grad_g, grad_f, grad_path):
    """Move φ out of the density, then the gradient into the expectation."""
    yield Step("", "∇_φ ∫ q_φ(z) f(z,φ) dz", nabla(mean_f))
    yield Step("=", "∇_φ E_ε f(g_φ(ε),φ)", nabla(mean_f_of_noise), "z = g_φ(ε) has the law q_φ")
    yield Step(
        "=", "E_ε ∇_φ [f(g_φ(ε),φ)]", E(grad_path), "p(ε) does not depend on φ; f is smooth and grows slowly"
    )
    yield Step("=", "E_ε ∂_z f · ∇_φ g_φ(ε) + E_ε ∇_φ f", E(grad_z_f * grad_g) + E(grad_f), "chain rule")


@derivation(
    "gradient.stein",
    title="the score-function and the pathwise gradient have one mean, by Stein's identity",
    statement="E_q f(z) (z-μ)/σ² = E_q f'(z)",
    source="Stein 1981, Ann. Statist. 9, lemma 1",
    system="S21",
    models=paths,
)
def stein(integral, q_phi, f, mu, sigma, E, score, f_of_z, grad_z_f):
    """Integration by parts."""
    yield Step("", "∫ q(z) f(z) ∂_μ log q(z) dz", integral(lambda z: q_phi(z) * f(z) * (z - mu) / sigma**2))
    yield Step("=", "E_q f(z) ∂_μ log q(z)", E(f_of_z * score[0]), "an integral against q is E_q")
    yield Step("=", "E_q f'(z)", E(grad_z_f), "q'(z) = -q(z) (z-μ)/σ²; by parts; q f vanishes at both ends")


@derivation(
    "reparameterisation.change-of-variables",
    title="an expectation under q is one under the noise",
    statement="∫ q_φ(z) f(z) dz = ∫ p(ε) f(g_φ(ε)) dε",
    source=f"{KINGMA}, section 2.4; D1 section 2.1",
    system="S21",
    models=paths,
)
def change_of_variables(integral, q_phi, p_noise, g, f, sigma, E_noise):
    """Put z = μ + σ ε, dz = σ dε."""
    yield Step("", "∫ q_φ(z) f(z) dz", integral(lambda z: q_phi(z) * f(z)))
    yield Step(
        "=", "∫ q_φ(g(ε)) f(g(ε)) σ dε", integral(lambda eps: q_phi(g(eps)) * f(g(eps)) * sigma), "dz = σ dε"
    )
    yield Step("=", "∫ p(ε) f(g(ε)) dε", integral(lambda eps: p_noise(eps) * f(g(eps))), "q_φ(g(ε)) σ = p(ε)")
    yield Step("=", "E_ε f(g(ε))", E_noise(lambda eps: f(g(eps))), "an integral against p(ε) is E_ε")


@derivation(
    "estimator.average",
    title="an average of L draws keeps the mean and divides the variance by L",
    statement="E (1/L) Σᵢ f(zᵢ) = E_q f,  Var (1/L) Σᵢ f(zᵢ) = Var f / L",
    source=f"{MOHAMED}, section 2.2; D1 section 1",
    system="S21",
    models=choices,
)
def average(E, E_draws, f, samples):
    """Sum over all tuples of draws; the cross terms vanish."""
    centre = E(f)
    yield Step("", "E ((1/L) Σᵢ f(zᵢ) - E f)²", E_draws(samples, lambda z: (mean(f[z]) - centre) ** 2))
    yield Step(
        "=",
        "(1/L²) Σᵢ Σⱼ [E f(zᵢ) f(zⱼ) - (E f)²]",
        sum(
            E_draws(samples, lambda z, i=i, j=j: f[z[i]] * f[z[j]]) - centre**2
            for i in range(samples)
            for j in range(samples)
        )
        / samples**2,
        "expand the square; every f(zᵢ) has mean E f",
    )
    yield Step(
        "=",
        "(1/L²) L Var f",
        samples * E((f - centre) ** 2) / samples**2,
        "independent draws: i ≠ j give zero",
    )
    yield Step("=", "(E f² - (E f)²) / L", (E(f**2) - E(f) ** 2) / samples, "the variance")


@derivation(
    "estimator.surrogate",
    title="f times log q is a surrogate: right in its gradient, wrong in its value",
    statement="E_q ∇_φ [f(z) log q_φ(z)] at fixed z and f is ∇_φ E_q f(z); E_q f(z) log q(z) is not E_q f(z)",
    source="Schulman et al. 2015, arXiv:1506.05254v3, section 4; D1 section 3.1",
    system="S21",
    models=choices,
)
def surrogate(E, f, score, nabla, mean_fixed_f, total, grad_q):
    """Differentiate at fixed z; only log q depends on φ then."""
    yield Step("", "E_q ∇_φ [f(z) log q_φ(z)], z and f fixed", E(f * score))
    yield Step("=", "Σ_z f(z) ∇_φ q_φ(z)", total(f * grad_q), "q ∇ log q = ∇q")
    yield Step("=", "∇_φ Σ_z q_φ(z) f(z)", nabla(mean_fixed_f), "f does not depend on φ")
