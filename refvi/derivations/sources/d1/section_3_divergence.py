"""D1 section 3.1, first half: Gaussian encoder and decoder, the divergence in closed form."""

# ruff: noqa: D103 (the claim is its docstring)

from refvi.derivations.models.encoders import encoders
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d1.document import D1


@D1.claim(
    "eq-encoder",
    "3.1",
    "q_φ(z|x) = N(z | μ_φ(x), σ_φ²(x) I) with σ_φ² ∈ R^d: independent zᵢ with deviations σ_φ^i",
    models=encoders,
    expected="misprint",
    derivation="normal.log-density",
)
def encoder(q, z_hat, log_normal, mu_phi, x, sigma2, identity):
    return ln(q(z_hat)), log_normal(z_hat, mu_phi(x), sigma2 @ identity)


@encoder.corrected(
    "q_φ(z|x) = N(z | μ_φ(x), diag σ_φ²(x))",
    slip="the lines after it use one deviation σ_φ^i for each coordinate",
)
def _(q, z_hat, log_normal, mu_phi, x, sigma2, identity, diag):
    return ln(q(z_hat)), log_normal(z_hat, mu_phi(x), diag(sigma2) @ identity)


@D1.claim(
    "eq-example-elbo",
    "3.1",
    "L = -D_KL(q_φ(z|x) || p_θ(z)) + E_q(ln p_θ(x|z)), L = E_q(-ln q + ln p_θ(x, z))",
    models=encoders,
    derivation="elbo.gaussian",
)
def example_elbo(integral, q, p, likelihood, divergence, E):
    return (
        integral(lambda z: q(z) * (-ln(q(z)) + ln(p(z) * likelihood(z)))),
        -divergence + E(lambda z: ln(likelihood(z))),
    )


@D1.claim(
    "kl-analytic",
    "3.1",
    "we can analytically calculate the D_KL(q_φ(z|x) || p_θ(z)) (right: ½ Σ ((μ_φ^i)² + (σ_φ^i)² - 1 - ln (σ_φ^i)²))",
    models=encoders,
    derivation="kl.normal-standard",
)
def kl_analytic(integral, q, p, axes, mu_phi, sigma_phi, x):
    return (
        integral(lambda z: q(z) * ln(q(z) / p(z))),
        1 / 2 * sum(mu_phi(x)[i] ** 2 + sigma_phi(x)[i] ** 2 - 1 - ln(sigma_phi(x)[i] ** 2) for i in axes),
    )


@D1.claim(
    "eq-kl-integral",
    "3.1",
    "D_KL(q_φ(z|x) || p_θ(z)) = ∫ q_φ(z|x) ln [q_φ(z|x) / p_θ(z)] dz",
    models=encoders,
    derivation="kl.normal-standard",
)
def kl_integral(divergence, integral, q, p):
    return divergence, integral(lambda z: q(z) * ln(q(z) / p(z)))


@D1.claim(
    "eq-kl-expectation",
    "3.1",
    "∫ q_φ(z|x) ln [q_φ(z|x) / p_θ(z)] dz = E_q ln [q_φ(z|x) / p_θ(z)]",
    models=encoders,
    derivation="kl.normal-standard",
)
def kl_expectation(integral, q, p, E):
    return integral(lambda z: q(z) * ln(q(z) / p(z))), E(lambda z: ln(q(z) / p(z)))


@D1.claim(
    "eq-kl-second-line",
    "3.1",
    "D_KL = -E_q( Σ ln σ_φ^i + ½ Σ ( (zᵢ - μ_θ^i(x))² / (σ_φ^i)² + zᵢ² ) )",
    models=encoders,
    expected="wrong",
    derivation="kl.normal-standard",
)
def kl_second_line(divergence, E, axes, sigma_phi, mu_theta, x):
    return divergence, -E(
        lambda z: (
            sum(ln(sigma_phi(x)[i]) for i in axes)
            + 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z[i] - mu_theta(x)[i]) ** 2 + z[i] ** 2 for i in axes)
        )
    )


@kl_second_line.corrected("D_KL = -E_q( Σ ln σ_φ^i + ½ Σ ( (zᵢ - μ_φ^i(x))² / (σ_φ^i)² - zᵢ² ) )")
def _(divergence, E, axes, sigma_phi, mu_phi, x):
    return divergence, -E(
        lambda z: (
            sum(ln(sigma_phi(x)[i]) for i in axes)
            + 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z[i] - mu_phi(x)[i]) ** 2 - z[i] ** 2 for i in axes)
        )
    )


@D1.claim(
    "eq-kl-third-line-step",
    "3.1",
    "-E_q( Σ ln σ_φ^i + ½ Σ ( (zᵢ - μ_θ^i(x))² / (σ_φ^i)² + zᵢ² ) ) = "
    "-Σ ln σ_φ^i - d/2 - ½ Σ (σ_φ^i)² - ½ Σ (μ_θ^i)²",
    models=encoders,
    expected="misprint",
    derivation="kl.normal-standard",
)
def kl_third_line_step(E, axes, sigma_phi, mu_theta, x, d):
    return -E(
        lambda z: (
            sum(ln(sigma_phi(x)[i]) for i in axes)
            + 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z[i] - mu_theta(x)[i]) ** 2 + z[i] ** 2 for i in axes)
        )
    ), (
        -sum(ln(sigma_phi(x)[i]) for i in axes)
        - d / 2
        - 1 / 2 * sum(sigma_phi(x)[i] ** 2 for i in axes)
        - 1 / 2 * sum(mu_theta(x)[i] ** 2 for i in axes)
    )


@kl_third_line_step.corrected(
    "the same step with μ_φ in place of μ_θ: the wrong sign of zᵢ² is carried along rightly",
    slip="the encoder's mean is μ_φ where it is defined",
)
def _(E, axes, sigma_phi, mu_phi, x, d):
    return -E(
        lambda z: (
            sum(ln(sigma_phi(x)[i]) for i in axes)
            + 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z[i] - mu_phi(x)[i]) ** 2 + z[i] ** 2 for i in axes)
        )
    ), (
        -sum(ln(sigma_phi(x)[i]) for i in axes)
        - d / 2
        - 1 / 2 * sum(sigma_phi(x)[i] ** 2 for i in axes)
        - 1 / 2 * sum(mu_phi(x)[i] ** 2 for i in axes)
    )


@D1.claim(
    "eq-kl-third-line",
    "3.1",
    "D_KL = -Σ ln σ_φ^i - d/2 - ½ Σ (σ_φ^i)² - ½ Σ (μ_θ^i)²",
    models=encoders,
    expected="wrong",
    derivation="kl.normal-standard",
)
def kl_third_line(divergence, axes, sigma_phi, mu_theta, x, d):
    return divergence, (
        -sum(ln(sigma_phi(x)[i]) for i in axes)
        - d / 2
        - 1 / 2 * sum(sigma_phi(x)[i] ** 2 for i in axes)
        - 1 / 2 * sum(mu_theta(x)[i] ** 2 for i in axes)
    )


@kl_third_line.corrected("D_KL = -Σ ln σ_φ^i - d/2 + ½ Σ (σ_φ^i)² + ½ Σ (μ_φ^i)²")
def _(divergence, axes, sigma_phi, mu_phi, x, d):
    return divergence, (
        -sum(ln(sigma_phi(x)[i]) for i in axes)
        - d / 2
        + 1 / 2 * sum(sigma_phi(x)[i] ** 2 for i in axes)
        + 1 / 2 * sum(mu_phi(x)[i] ** 2 for i in axes)
    )


@D1.claim(
    "eq-kl-closed-form-step",
    "3.1",
    "-Σ ln σ_φ^i - d/2 - ½ Σ (σ_φ^i)² - ½ Σ (μ_θ^i)² = -½ Σ (1 + ln (σ_φ^i)² + (σ_φ^i)² + (μ_θ^i)²)",
    models=encoders,
    derivation="kl.normal-standard",
)
def kl_closed_form_step(axes, sigma_phi, mu_theta, x, d):
    return (
        -sum(ln(sigma_phi(x)[i]) for i in axes)
        - d / 2
        - 1 / 2 * sum(sigma_phi(x)[i] ** 2 for i in axes)
        - 1 / 2 * sum(mu_theta(x)[i] ** 2 for i in axes)
    ), -1 / 2 * sum(1 + ln(sigma_phi(x)[i] ** 2) + sigma_phi(x)[i] ** 2 + mu_theta(x)[i] ** 2 for i in axes)


@D1.claim(
    "eq-kl-closed-form",
    "3.1",
    "D_KL = -½ Σ (1 + ln (σ_φ^i)² + (σ_φ^i)² + (μ_θ^i)²)",
    models=encoders,
    expected="wrong",
    derivation="kl.normal-standard",
)
def kl_closed_form(divergence, axes, sigma_phi, mu_theta, x):
    return divergence, -1 / 2 * sum(
        1 + ln(sigma_phi(x)[i] ** 2) + sigma_phi(x)[i] ** 2 + mu_theta(x)[i] ** 2 for i in axes
    )


@kl_closed_form.corrected("D_KL = -½ Σ (1 + ln (σ_φ^i)² - (σ_φ^i)² - (μ_φ^i)²)")
def _(divergence, axes, sigma_phi, mu_phi, x):
    return divergence, -1 / 2 * sum(
        1 + ln(sigma_phi(x)[i] ** 2) - sigma_phi(x)[i] ** 2 - mu_phi(x)[i] ** 2 for i in axes
    )
