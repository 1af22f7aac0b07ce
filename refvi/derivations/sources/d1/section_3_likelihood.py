"""D1 section 3.1, second half: the expected log likelihood, two ways to estimate it, the estimates of L."""

# ruff: noqa: D103 (the claim is its docstring)

import math

from refvi.derivations.models.encoders import encoders
from refvi.derivations.numbers import log as ln
from refvi.derivations.sources.d1.document import D1

pi = math.pi


@D1.claim(
    "eq-second-term",
    "3.1",
    "E_q(ln p_θ(x|z)) = E_q( -D/2 ln(2π) - ½ ||x - μ_θ(z)||² )",
    models=encoders,
    derivation="elbo.gaussian",
)
def second_term(integral, q, likelihood, E, D, squared_norm, x_column, mu_theta):
    return (
        integral(lambda z: q(z) * ln(likelihood(z))),
        E(lambda z: -D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z))),
    )


@D1.claim(
    "eq-usual-approach",
    "3.1",
    "the first usual approach: E_q( -D/2 ln(2π) - ½ ||x - μ_θ(z)||² ) ≈ "
    "( -D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||² ) ln q_φ(ẑ|x), ẑ ~ q_φ(z|x)",
    models=encoders,
    expected="wrong",
    derivation="estimator.surrogate",
)
def usual_approach(integral, q, E, D, squared_norm, x_column, mu_theta):
    return (
        integral(lambda z: q(z) * (-D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z)))),
        E(
            lambda z_hat: (
                (-D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z_hat))) * ln(q(z_hat))
            )
        ),
    )


@usual_approach.corrected(
    "E_q( ... ) ≈ -D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||²; the factor ln q_φ(ẑ|x) makes a surrogate whose gradient in φ at "
    "fixed ẑ is right, and whose value is not an estimate"
)
def _(integral, q, E, D, squared_norm, x_column, mu_theta):
    return (
        integral(lambda z: q(z) * (-D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z)))),
        E(lambda z_hat: -D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z_hat))),
    )


@D1.claim(
    "eq-log-q",
    "3.1",
    "ln q_φ(ẑ|x) = -d/2 ln(2π) - Σ ln σ_φ^i(x) - ½ Σ (ẑᵢ - μ_θ^i(x))² / (σ_φ^i)²",
    models=encoders,
    expected="misprint",
    derivation="normal.log-density",
)
def log_q(q, z_hat, d, axes, sigma_phi, mu_theta, x):
    return ln(q(z_hat)), (
        -d / 2 * ln(2 * pi)
        - sum(ln(sigma_phi(x)[i]) for i in axes)
        - 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_theta(x)[i]) ** 2 for i in axes)
    )


@log_q.corrected(
    "ln q_φ(ẑ|x) = -d/2 ln(2π) - Σ ln σ_φ^i(x) - ½ Σ (ẑᵢ - μ_φ^i(x))² / (σ_φ^i)²",
    slip="the encoder's mean is μ_φ where it is defined",
)
def _(q, z_hat, d, axes, sigma_phi, mu_phi, x):
    return ln(q(z_hat)), (
        -d / 2 * ln(2 * pi)
        - sum(ln(sigma_phi(x)[i]) for i in axes)
        - 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_phi(x)[i]) ** 2 for i in axes)
    )


@D1.claim(
    "eq-usual-approach-expanded",
    "3.1",
    "E_q(ln p_θ(x|z)) ≈ ( -D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||² ) "
    "( -d/2 ln(2π) - Σ ln σ_φ^i(x) - ½ Σ (ẑᵢ - μ_θ^i(x))² / (σ_φ^i)² ), ẑ ~ q_φ(z|x)",
    models=encoders,
    expected="wrong",
    derivation="estimator.surrogate",
)
def usual_approach_expanded(
    integral, q, likelihood, E, D, squared_norm, x_column, mu_theta, d, axes, sigma_phi, x
):
    return (
        integral(lambda z: q(z) * ln(likelihood(z))),
        E(
            lambda z_hat: (
                (-D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z_hat)))
                * (
                    -d / 2 * ln(2 * pi)
                    - sum(ln(sigma_phi(x)[i]) for i in axes)
                    - 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_theta(x)[i]) ** 2 for i in axes)
                )
            )
        ),
    )


@usual_approach_expanded.corrected("E_q(ln p_θ(x|z)) ≈ -D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||²")
def _(integral, q, likelihood, E, D, squared_norm, x_column, mu_theta):
    return (
        integral(lambda z: q(z) * ln(likelihood(z))),
        E(lambda z_hat: -D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z_hat))),
    )


@D1.claim(
    "eq-usual-approach-quarter",
    "3.1",
    "( -D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||² ) ( -d/2 ln(2π) - Σ ln σ_φ^i - ½ Σ (ẑᵢ - μ_θ^i(x))² / (σ_φ^i)² ) = "
    "¼ ( D ln(2π) + ||x - μ_θ(ẑ)||² ) Σ ( ln(2π) + ln (σ_φ^i)² + (ẑᵢ - μ_θ^i(x))² / (σ_φ^i)² )",
    models=encoders,
    derivation="normal.log-density",
)
def usual_approach_quarter(z_hat, D, squared_norm, x_column, mu_theta, d, axes, sigma_phi, x):
    return (
        (-D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z_hat)))
        * (
            -d / 2 * ln(2 * pi)
            - sum(ln(sigma_phi(x)[i]) for i in axes)
            - 1 / 2 * sum(1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_theta(x)[i]) ** 2 for i in axes)
        ),
        1
        / 4
        * (D * ln(2 * pi) + squared_norm(x_column - mu_theta(z_hat)))
        * sum(
            ln(2 * pi)
            + ln(sigma_phi(x)[i] ** 2)
            + 1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_theta(x)[i]) ** 2
            for i in axes
        ),
    )


@D1.claim(
    "reparameterised-law",
    "3.1",
    "ẑ = g(ε̂) = μ_φ + σ_φ ∘ ε̂ with ε̂ ~ N(0, I) has the law q_φ(z|x): ln q_φ(g(ε)|x) + Σ ln σ_φ^i = ln N(ε|0, I)",
    models=encoders,
    derivation="reparameterisation.change-of-variables",
)
def reparameterised_law(q, g, sigma_phi, x, eps_hat, axes, log_normal, identity):
    return (
        ln(q(g(eps_hat))) + sum(ln(sigma_phi(x)[i]) for i in axes),
        log_normal(eps_hat, [0.0 for _ in axes], identity),
    )


@D1.claim(
    "eq-reparameterised-estimate",
    "3.1",
    "E_q( -D/2 ln(2π) - ½ ||x - μ_θ(z)||² ) ≈ -D/2 ln(2π) - ½ ||x - μ_θ(μ_φ + σ_φ ∘ ε̂)||², ε̂ ~ N(0, I) "
    "(in the mean, and in the mean with ε̂ᵢ)",
    models=encoders,
    derivation="elbo.gaussian",
)
def reparameterised_estimate(
    moments_q, moments_noise, D, squared_norm, x_column, mu_theta, mu_phi, sigma_phi, x, axes
):
    return (
        moments_q(lambda z: -D / 2 * ln(2 * pi) - 1 / 2 * squared_norm(x_column - mu_theta(z))),
        moments_noise(
            lambda eps: (
                -D / 2 * ln(2 * pi)
                - 1
                / 2
                * squared_norm(x_column - mu_theta([mu_phi(x)[i] + sigma_phi(x)[i] * eps[i] for i in axes]))
            )
        ),
    )


@D1.claim(
    "eq-elbo-estimate-usual",
    "3.1",
    "L ≈ -D_KL(q || p) + ¼ ( D ln(2π) + ||x - μ_θ(ẑ)||² ) "
    "Σ ( ln(2π) + ln (σ_φ^i)² + (ẑᵢ - μ_θ^i(x))² / (σ_φ^i)² ), ẑ ~ q_φ(z|x)",
    models=encoders,
    expected="wrong",
    derivation="elbo.gaussian",
)
def elbo_estimate_usual(
    integral, q, p, likelihood, divergence, E, D, squared_norm, x_column, mu_theta, sigma_phi, x, axes
):
    return (
        integral(lambda z: q(z) * ln(p(z) * likelihood(z) / q(z))),
        -divergence
        + E(
            lambda z_hat: (
                1
                / 4
                * (D * ln(2 * pi) + squared_norm(x_column - mu_theta(z_hat)))
                * sum(
                    ln(2 * pi)
                    + ln(sigma_phi(x)[i] ** 2)
                    + 1 / sigma_phi(x)[i] ** 2 * (z_hat[i] - mu_theta(x)[i]) ** 2
                    for i in axes
                )
            )
        ),
    )


@elbo_estimate_usual.corrected("L ≈ -D_KL(q || p) - D/2 ln(2π) - ½ ||x - μ_θ(ẑ)||²")
def _(integral, q, p, likelihood, divergence, E, D, squared_norm, x_column, mu_theta):
    return (
        integral(lambda z: q(z) * ln(p(z) * likelihood(z) / q(z))),
        -divergence + E(lambda z_hat: -1 / 2 * (D * ln(2 * pi) + squared_norm(x_column - mu_theta(z_hat)))),
    )


@D1.claim(
    "eq-elbo-estimate-reparameterised",
    "3.1",
    "L ≈ -D_KL(q || p) - D/2 ln(2π) - ½ ||x - μ_θ(μ_φ + σ_φ ∘ ε̂)||², ε̂ ~ N(0, I) (in the mean, and in the mean with ε̂ᵢ)",
    models=encoders,
    derivation="elbo.gaussian",
)
def elbo_estimate_reparameterised(
    moments_q,
    integral,
    q,
    p,
    likelihood,
    divergence,
    moments_noise,
    D,
    squared_norm,
    x_column,
    mu_theta,
    mu_phi,
    sigma_phi,
    x,
    axes,
):
    prior_part = integral(lambda z: q(z) * ln(p(z) / q(z)))
    return (
        moments_q(lambda z: prior_part + ln(likelihood(z))),
        moments_noise(
            lambda eps: (
                -divergence
                - D / 2 * ln(2 * pi)
                - 1
                / 2
                * squared_norm(x_column - mu_theta([mu_phi(x)[i] + sigma_phi(x)[i] * eps[i] for i in axes]))
            )
        ),
    )


@D1.claim(
    "elbo-estimate-with-closed-form",
    "3.1",
    "so, we have obtained: L ≈ ½ Σ (1 + ln (σ_φ^i)² + (σ_φ^i)² + (μ_θ^i)²) - D/2 ln(2π) - ½ ||x - μ_θ(μ_φ + σ_φ ∘ ε̂)||² "
    "(the second estimate with D_KL as printed in closed form)",
    models=encoders,
    expected="wrong",
    derivation="elbo.gaussian",
)
def elbo_estimate_with_closed_form(
    moments_q,
    integral,
    q,
    p,
    likelihood,
    moments_noise,
    D,
    squared_norm,
    x_column,
    mu_theta,
    mu_phi,
    sigma_phi,
    x,
    axes,
):
    prior_part = integral(lambda z: q(z) * ln(p(z) / q(z)))
    return (
        moments_q(lambda z: prior_part + ln(likelihood(z))),
        moments_noise(
            lambda eps: (
                1
                / 2
                * sum(1 + ln(sigma_phi(x)[i] ** 2) + sigma_phi(x)[i] ** 2 + mu_theta(x)[i] ** 2 for i in axes)
                - D / 2 * ln(2 * pi)
                - 1
                / 2
                * squared_norm(x_column - mu_theta([mu_phi(x)[i] + sigma_phi(x)[i] * eps[i] for i in axes]))
            )
        ),
    )


@elbo_estimate_with_closed_form.corrected(
    "L ≈ ½ Σ (1 + ln (σ_φ^i)² - (σ_φ^i)² - (μ_φ^i)²) - D/2 ln(2π) - ½ ||x - μ_θ(μ_φ + σ_φ ∘ ε̂)||²"
)
def _(
    moments_q,
    integral,
    q,
    p,
    likelihood,
    moments_noise,
    D,
    squared_norm,
    x_column,
    mu_theta,
    mu_phi,
    sigma_phi,
    x,
    axes,
):
    prior_part = integral(lambda z: q(z) * ln(p(z) / q(z)))
    return (
        moments_q(lambda z: prior_part + ln(likelihood(z))),
        moments_noise(
            lambda eps: (
                1
                / 2
                * sum(1 + ln(sigma_phi(x)[i] ** 2) - sigma_phi(x)[i] ** 2 - mu_phi(x)[i] ** 2 for i in axes)
                - D / 2 * ln(2 * pi)
                - 1
                / 2
                * squared_norm(x_column - mu_theta([mu_phi(x)[i] + sigma_phi(x)[i] * eps[i] for i in axes]))
            )
        ),
    )
