"""Divergences of diagonal normals from their integrals, and the Gaussian decoder's log likelihood."""

import math

from refvi.derivations.chain import Step, derivation
from refvi.derivations.models.encoders import encoders, normals, to_standard
from refvi.derivations.numbers import log

LOG_2_PI = math.log(2 * math.pi)
KINGMA = "Kingma and Welling 2014, arXiv:1312.6114v11"


@derivation(
    "normal.log-density",
    title="the log density of a diagonal normal",
    statement="log N(z; μ, diag σ²) = -½ Σᵢ (log 2π + log σᵢ² + (zᵢ-μᵢ)²/σᵢ²)",
    source="Petersen and Pedersen 2012, The Matrix Cookbook, section 8.1.1; D1 section 3.1",
    system="S1",
    models=encoders,
)
def log_density(axes, d, mu, sigma, sigma2, z_hat, q, log_normal, diag):
    """The covariance matrix is diagonal, so the density is a product."""
    yield Step("", "log N(z; μ, diag σ²)", log_normal(z_hat, mu, diag(sigma2)))
    yield Step("=", "log Πᵢ N(zᵢ; μᵢ, σᵢ²)", log(q(z_hat)), "a diagonal covariance: independent entries")
    yield Step(
        "=",
        "-d/2 log 2π - Σ log σᵢ - ½ Σ (zᵢ-μᵢ)²/σᵢ²",
        -d / 2 * LOG_2_PI
        - sum(log(sigma[i]) for i in axes)
        - sum((z_hat[i] - mu[i]) ** 2 / sigma[i] ** 2 for i in axes) / 2,
        "log of each density",
    )
    yield Step(
        "=",
        "-½ Σ (log 2π + log σᵢ² + (zᵢ-μᵢ)²/σᵢ²)",
        -sum(LOG_2_PI + log(sigma[i] ** 2) + (z_hat[i] - mu[i]) ** 2 / sigma[i] ** 2 for i in axes) / 2,
        "log σᵢ² = 2 log σᵢ",
    )


@derivation(
    "kl.normal-standard",
    title="KL of a diagonal normal from the standard normal",
    statement="KL(N(μ, diag σ²) || N(0, I)) = ½ Σᵢ (μᵢ² + σᵢ² - 1 - log σᵢ²)",
    source=f"{KINGMA}, Appendix B; D1 section 3.1",
    system="S1",
    models=to_standard,
)
def normal_standard(axes, mu, sigma, z, q, p, integral, E):
    """Insert both log densities; only second moments remain."""
    yield Step("", "∫ q(z) log q(z)/p(z) dz", integral(lambda z: q(z) * log(q(z) / p(z))))
    yield Step("=", "E_q [log q(z) - log p(z)]", E(log(q(z)) - log(p(z))), "an integral against q is E_q")
    yield Step(
        "=",
        "-E_q [Σ log σᵢ + ½ Σ ((zᵢ-μᵢ)²/σᵢ² - zᵢ²)]",
        -E(sum(log(sigma[i]) + ((z[i] - mu[i]) ** 2 / sigma[i] ** 2 - z[i] ** 2) / 2 for i in axes)),
        "the two log densities; the constants -½ log 2π cancel",
    )
    yield Step(
        "=",
        "-Σ log σᵢ - d/2 + ½ Σ (σᵢ² + μᵢ²)",
        sum(-log(sigma[i]) - 0.5 + (sigma[i] ** 2 + mu[i] ** 2) / 2 for i in axes),
        "E_q (zᵢ-μᵢ)² = σᵢ² and E_q zᵢ² = σᵢ² + μᵢ²",
    )
    yield Step(
        "=",
        "½ Σ (μᵢ² + σᵢ² - 1 - log σᵢ²)",
        sum(mu[i] ** 2 + sigma[i] ** 2 - 1 - log(sigma[i] ** 2) for i in axes) / 2,
        "log σᵢ² = 2 log σᵢ",
    )
    yield Step(">=", "0", 0.0, "t - 1 ≥ log t at t = σᵢ²")


@derivation(
    "kl.normal-normal",
    title="KL between two diagonal normals",
    statement="KL(N(μ, diag σ²) || N(ν, diag τ²)) = ½ Σᵢ ((σᵢ² + (μᵢ-νᵢ)²)/τᵢ² - 1 - log σᵢ²/τᵢ²)",
    source="Hershey and Olsen 2007 (ICASSP), eq. 2; D3 LVAE",
    system="S1",
    models=normals,
)
def normal_normal(axes, mu, sigma, nu, tau, z, q, p, integral, E):
    """The same three moments, with the second normal's mean and deviation."""
    yield Step("", "∫ q(z) log q(z)/p(z) dz", integral(lambda z: q(z) * log(q(z) / p(z))))
    yield Step("=", "E_q [log q(z) - log p(z)]", E(log(q(z)) - log(p(z))), "an integral against q is E_q")
    yield Step(
        "=",
        "E_q ½ Σ (log τᵢ²/σᵢ² - (zᵢ-μᵢ)²/σᵢ² + (zᵢ-νᵢ)²/τᵢ²)",
        E(
            sum(
                log(tau[i] ** 2 / sigma[i] ** 2)
                - (z[i] - mu[i]) ** 2 / sigma[i] ** 2
                + (z[i] - nu[i]) ** 2 / tau[i] ** 2
                for i in axes
            )
        )
        / 2,
        "the two log densities; the constants cancel",
    )
    yield Step(
        "=",
        "½ Σ (log τᵢ²/σᵢ² - 1 + (σᵢ² + (μᵢ-νᵢ)²)/τᵢ²)",
        sum(
            log(tau[i] ** 2 / sigma[i] ** 2) - 1 + (sigma[i] ** 2 + (mu[i] - nu[i]) ** 2) / tau[i] ** 2
            for i in axes
        )
        / 2,
        "E_q (zᵢ-μᵢ)² = σᵢ² and E_q (zᵢ-νᵢ)² = σᵢ² + (μᵢ-νᵢ)²",
    )
    yield Step(">=", "0", 0.0, "t - 1 ≥ log t at t = σᵢ²/τᵢ², and a square")


@derivation(
    "elbo.gaussian",
    title="the ELBO of a Gaussian auto-encoder",
    statement="L = -½ Σᵢ (μᵢ² + σᵢ² - 1 - log σᵢ²) - D/2 log 2π - ½ E_ε ||x - μ_θ(μ + σ∘ε)||²",
    source=f"{KINGMA}, eq. 10 and Appendix B; D1 section 3.1",
    system="S1",
    models=encoders,
)
def gaussian(axes, mu, sigma, D, eps, g, q, p, likelihood, misfit, integral, E, evidence):
    """The divergence in closed form, the other term through the noise."""
    divergence = sum(mu[i] ** 2 + sigma[i] ** 2 - 1 - log(sigma[i] ** 2) for i in axes) / 2
    yield Step("", "log p(x) = log ∫ p(z) p(x|z) dz", log(evidence))
    yield Step(
        ">=",
        "L = ∫ q(z|x) log [p(z) p(x|z) / q(z|x)] dz",
        integral(lambda z: q(z) * log(p(z) * likelihood(z) / q(z))),
        "Jensen: log is concave",
    )
    yield Step(
        "=",
        "-KL(q || p(z)) + E_q log p(x|z)",
        -integral(lambda z: q(z) * log(q(z) / p(z))) + E(lambda z: log(likelihood(z))),
        "collect log q/p(z)",
    )
    yield Step(
        "=",
        "-½ Σ (μᵢ² + σᵢ² - 1 - log σᵢ²) + E_q log p(x|z)",
        -divergence + E(lambda z: log(likelihood(z))),
        "kl.normal-standard",
    )
    yield Step(
        "=",
        "-½ Σ (...) - D/2 log 2π - ½ E_q ||x - μ_θ(z)||²",
        -divergence - D / 2 * LOG_2_PI - E(misfit) / 2,
        "log of D normal densities of unit variance",
    )
    yield Step(
        "=",
        "-½ Σ (...) - D/2 log 2π - ½ E_ε ||x - μ_θ(g(ε))||²",
        -divergence - D / 2 * LOG_2_PI - E(misfit(g(eps))) / 2,
        "g(ε) = μ + σ∘ε has the law q",
    )
