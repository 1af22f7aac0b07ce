"""Hamiltonian Monte Carlo: momentum from noise, and the logarithm of the probability with which a path is accepted."""

import numpy as np

from refvi.specs.covariance import covariance, solve, solve_covariance
from refvi.specs.mcmc import log_probability
from refvi.specs.sized import Sized, sized, sqrt, transpose
from refvi.specs.spec import Input, Spec

NEAL = "Neal 2011, MCMC using Hamiltonian dynamics, "
METRIC = Input(
    "inverse_mass_cholesky", "D D", "cholesky", "lower factor L of the inverse mass matrix M^-1 = L L^T"
)
TEMPERATURE = Input("temperature", "", "positive", "T of the density exp(-(U + K) / T)")


def times(matrix, rows):
    """Matrix times every row; rows (B, D)."""
    return sized(rows) @ np.swapaxes(matrix, -1, -2)


def _lenient(value, factor, rows):
    """The value with an S that also admits whoever inverts the inverse mass matrix and solves with it."""
    inverse = np.linalg.inv(covariance(factor))
    solved = solve(inverse, transpose(sized(rows)))
    return Sized(value.value, value.size + transpose(solved).size)


def velocity(factor, momentum):
    """M^-1 p, rows (B, D)."""
    return _lenient(times(factor, times(factor.T, momentum)), factor, momentum)


def kinetic(factor, momentum):
    """½ p^T M^-1 p, (B,)."""
    return 0.5 * (sized(momentum) * velocity(factor, momentum)).sum(-1)


def _momentum(noise, inverse_mass_cholesky, temperature):
    """sqrt(T) L^-T z."""
    upper = inverse_mass_cholesky.T
    drawn = transpose(solve(upper, transpose(sized(noise))))
    # S of whoever forms the inverse mass matrix first: the condition of that, not of its factor
    formed = solve_covariance(inverse_mass_cholesky, times(inverse_mass_cholesky, noise).value.T).size.T
    return sqrt(sized(temperature)) * Sized(drawn.value, drawn.size + formed)


momentum = Spec(
    id="hmc.momentum",
    says="the momentum p = sqrt(T) L^-T z of Hamiltonian Monte Carlo, of covariance T M, from its noise z",
    inputs=(Input("noise", "B D", "noise", "standard normal noise"), METRIC, TEMPERATURE),
    output="B D",
    reference=lambda **inputs: {"momentum": _momentum(**inputs)},
    source=NEAL + "section 5.3.2 and equation 5.23, arXiv:1206.1901v1",
    edges=lambda: {
        "one dimension": {
            "noise": [[0.5], [-1.25]],
            "inverse_mass_cholesky": [[0.75]],
            "temperature": 1.0,
        },
        "strongly correlated": {
            "noise": [[0.5, -1.25]],
            "inverse_mass_cholesky": [[1.5, 0.0], [1.4375, 0.03125]],
            "temperature": 2.5,
        },
    },
)


@momentum.mistake(
    "hmc-momentum-chol-transpose",
    says="solves with the factor L where its transpose is wanted: covariance (L^T L)^-1 instead of (L L^T)^-1",
    seen=("blackjax-devs/blackjax#531", "stan-dev/stan#2671", "aesara-devs/aehmc#92"),
)
def _(noise, inverse_mass_cholesky, temperature):
    return sqrt(sized(temperature)) * transpose(solve(inverse_mass_cholesky, transpose(sized(noise))))


@momentum.mistake(
    "hmc-momentum-from-inverse-mass",
    says="draws from N(0, M^-1), multiplying by the factor of the inverse mass matrix",
)
def _(noise, inverse_mass_cholesky, temperature):
    return sqrt(sized(temperature)) * times(inverse_mass_cholesky, noise)


@momentum.mistake("hmc-mass-ignored", says="draws standard normal momenta whatever the mass matrix")
def _(noise, inverse_mass_cholesky, temperature):  # noqa: ARG001
    return sqrt(sized(temperature)) * noise


@momentum.mistake(
    "hmc-temperature-missing",
    says="draws the momentum at unit temperature while the energies are divided by T",
)
def _(noise, inverse_mass_cholesky, temperature):
    return _momentum(noise, inverse_mass_cholesky, 0.0 * temperature + 1.0)


@momentum.mistake("hmc-temperature-not-rooted", says="multiplies by T instead of its square root")
def _(noise, inverse_mass_cholesky, temperature):
    return _momentum(noise, inverse_mass_cholesky, temperature * temperature)


@momentum.relative(
    "hmc-momentum-by-factor-of-mass",
    says="multiplies the noise by the lower factor of M itself: other numbers of the same covariance",
    of="value",
)
def _(noise, inverse_mass_cholesky, temperature):
    factor = np.linalg.cholesky(np.linalg.inv(covariance(inverse_mass_cholesky)))
    found, drawn = times(factor, noise), _momentum(noise, inverse_mass_cholesky, temperature)
    return sqrt(sized(temperature)) * Sized(found.value, found.size + drawn.size)


# ---- acceptance


def _log_ratio(
    log_density,
    log_density_new,
    momentum,
    momentum_new,
    inverse_mass_cholesky,
    temperature,
    energy=kinetic,
):
    before = sized(log_density) - energy(inverse_mass_cholesky, momentum)
    after = sized(log_density_new) - energy(inverse_mass_cholesky, momentum_new)
    return (after - before) / sized(temperature)


def _six(log_density, log_density_new, momentum, momentum_new, factor, temperature):
    return {
        "log_density": log_density,
        "log_density_new": log_density_new,
        "momentum": momentum,
        "momentum_new": momentum_new,
        "inverse_mass_cholesky": factor,
        "temperature": temperature,
    }


hamiltonian = Spec(
    id="hmc.log_acceptance",
    says="log A of Hamiltonian Monte Carlo, A = min(1, exp(-(H' - H) / T)), H = -log pi(q) + ½ p^T M^-1 p",
    inputs=(
        Input("log_density", "B", "real", "log pi(q) where the path starts"),
        Input("log_density_new", "B", "real", "log pi(q') where it ends"),
        Input("momentum", "B D", "real", "p where it starts"),
        Input("momentum_new", "B D", "real", "p' where it ends"),
        METRIC,
        TEMPERATURE,
    ),
    output="B",
    reference=lambda **inputs: {"log_acceptance": log_probability(_log_ratio(**inputs))},
    source=NEAL + "section 5.3.2 and equations 5.21 to 5.23, arXiv:1206.1901v1",
    edges=lambda: {
        "energy kept": _six([-1.5], [-1.5], [[0.5, -0.75]], [[-0.5, 0.75]], [[0.75, 0.0], [0.5, 1.5]], 1.0),
        "far uphill": _six([-1.5], [-2000.5], [[0.5, -0.75]], [[30.5, 0.75]], [[0.75, 0.0], [0.5, 1.5]], 2.5),
        "densities near -1000": _six(
            [-1000.5, -998.25],
            [-999.75, -1000.5],
            [[0.5], [0.25]],
            [[1.5], [0.75]],
            [[0.625]],
            1.0,
        ),
    },
)


@hamiltonian.mistake(
    "accept-always",
    says="subtracts the new log density from itself, so that every proposal is accepted",
    seen=("bob-carpenter/walnuts#27",),
)
def _(log_density, **inputs):  # noqa: ARG001
    return 0.0 * sized(log_density)


@hamiltonian.mistake(
    "hmc-kinetic-missing", says="compares the log densities alone, without the kinetic energies"
)
def _(**inputs):
    return log_probability(_log_ratio(**inputs, energy=lambda _factor, p: 0.0 * p[:, 0]))


@hamiltonian.mistake("hmc-kinetic-sign", says="subtracts the kinetic energy from the potential: a Lagrangian")
def _(**inputs):
    return log_probability(_log_ratio(**inputs, energy=lambda factor, p: -kinetic(factor, p)))


@hamiltonian.mistake(
    "hmc-kinetic-half-missing", says="takes p^T M^-1 p for the kinetic energy, without one half"
)
def _(**inputs):
    return log_probability(_log_ratio(**inputs, energy=lambda factor, p: 2.0 * kinetic(factor, p)))


@hamiltonian.mistake("hmc-mass-ignored", says="takes ½ p^T p for the kinetic energy whatever the mass matrix")
def _(**inputs):
    return log_probability(_log_ratio(**inputs, energy=lambda _factor, p: 0.5 * (sized(p) ** 2).sum(-1)))


@hamiltonian.mistake(
    "hmc-metric-transposed",
    says="takes |L p|² in place of |L^T p|²: the kinetic energy of another mass matrix",
)
def _(**inputs):
    return log_probability(
        _log_ratio(**inputs, energy=lambda factor, p: 0.5 * (times(factor, p) ** 2).sum(-1))
    )


@hamiltonian.mistake(
    "hmc-mass-not-inverted", says="takes ½ p^T M p for the kinetic energy, with the mass matrix itself"
)
def _(**inputs):
    def energy(factor, p):
        solved = transpose(solve_covariance(factor, transpose(sized(p))))
        return 0.5 * (sized(p) * solved).sum(-1)

    return log_probability(_log_ratio(**inputs, energy=energy))


@hamiltonian.mistake(
    "hmc-energy-reversed",
    says="takes H' - H for H - H': it accepts what it should refuse",
)
def _(**inputs):
    return log_probability(-_log_ratio(**inputs))


@hamiltonian.mistake("hmc-temperature-missing", says="does not divide the difference of the energies by T")
def _(temperature, **inputs):
    return log_probability(_log_ratio(**inputs, temperature=0.0 * temperature + 1.0))


@hamiltonian.mistake("hmc-temperature-multiplied", says="multiplies the difference of the energies by T")
def _(temperature, **inputs):
    return log_probability(_log_ratio(**inputs, temperature=1.0 / temperature))


@hamiltonian.relative(
    "hmc-ratio-uncapped", says="leaves the ratio above one; compared with log u it accepts alike", of="value"
)
def _(**inputs):
    return _log_ratio(**inputs)


@hamiltonian.relative(
    "hmc-momentum-at-unit-temperature",
    says="divides the potential energy alone by T, which is right where the momentum is drawn at unit temperature",
    of="value",
)
def _(log_density, log_density_new, temperature, **inputs):
    kept = sized(log_density) / sized(temperature), sized(log_density_new) / sized(temperature)
    return log_probability(_log_ratio(*kept, **inputs, temperature=0.0 * temperature + 1.0))
