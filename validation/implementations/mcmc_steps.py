"""Steps of Metropolis-Hastings and Hamiltonian Monte Carlo."""

import numpy as np

import refvi


@refvi.implements("mh.log_acceptance")
def acceptance(log_density, log_density_new, log_forward, log_backward):
    """Right."""
    return np.minimum(0.0, log_density_new + log_backward - log_density - log_forward)


# Seen in blei-lab/edward#788: g(x' | x) / g(x | x') the wrong way round; symmetric proposals do not show it.
@refvi.implements("mh.log_acceptance", expect="mh-hastings-reversed")
def correction_reversed(log_density, log_density_new, log_forward, log_backward):
    return np.minimum(0.0, log_density_new - log_density + log_forward - log_backward)


# Seen in openturns/openturns#1260 and dealii/code-gallery#64: the correction is left out where the proposal is not symmetric.
@refvi.implements("mh.log_acceptance", expect="mh-hastings-missing")
def as_if_symmetric(log_density, log_density_new, log_forward, log_backward):
    return np.minimum(0.0, log_density_new - log_density)


# Not public, derived: a proposal's own log_prob is subtracted, the way back forgotten.
@refvi.implements("mh.log_acceptance", expect="mh-forward-only")
def way_back_forgotten(log_density, log_density_new, log_forward, log_backward):
    return np.minimum(0.0, log_density_new - log_forward - log_density)


@refvi.implements("hmc.momentum")
def momentum(noise, inverse_mass_cholesky, temperature):
    """Right: the factor of the inverse mass matrix, transposed and solved with."""
    return np.sqrt(temperature) * np.linalg.solve(inverse_mass_cholesky.T, noise.T).T


# Seen in stan-dev/stan#2671, aesara-devs/aehmc#92, blackjax-devs/blackjax#531: right for diagonal mass matrices only.
@refvi.implements("hmc.momentum", expect="hmc-momentum-chol-transpose")
def momentum_by_the_other_triangle(noise, inverse_mass_cholesky, temperature):
    return np.sqrt(temperature) * np.linalg.solve(inverse_mass_cholesky, noise.T).T


# Not public, derived: numpy.random.multivariate_normal of the inverse mass matrix, which is the velocity's covariance.
@refvi.implements("hmc.momentum", expect="hmc-momentum-from-inverse-mass")
def velocity_for_momentum(noise, inverse_mass_cholesky, temperature):
    return np.sqrt(temperature) * noise @ inverse_mass_cholesky.T


def path(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps, drift=1.0):
    """Leapfrog with half kicks joined: half a step, whole steps, half a step."""
    q, p = phase
    precision = np.linalg.inv(cholesky @ cholesky.T)
    inverse_mass = inverse_mass_cholesky @ inverse_mass_cholesky.T
    p = p - 0.5 * step_size * (q - mean) @ precision
    for n in range(int(steps)):
        q = q + drift * step_size * p @ inverse_mass
        p = p - (step_size if n + 1 < steps else 0.5 * step_size) * (q - mean) @ precision
    return np.stack([q, p])


@refvi.implements("hmc.leapfrog")
def leapfrog(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    """Right."""
    return path(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps)


# Seen in improbable-research/keanu#492: the position moves by half a step as well.
@refvi.implements("hmc.leapfrog", expect="leapfrog-half-drift")
def half_a_drift(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    return path(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps, drift=0.5)


# Seen in CampusAI/Hamiltonian-Generative-Networks#88: the momentum is taken for the velocity.
@refvi.implements("hmc.leapfrog", expect="hmc-mass-ignored")
def without_mass(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    return path(phase, mean, cholesky, np.eye(len(mean)), step_size, steps)


# Not public, derived: whole kicks before every drift; the momentum ends half a step behind.
@refvi.implements("hmc.leapfrog", expect="leapfrog-half-step-missing")
def symplectic_euler(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    q, p = phase
    precision = np.linalg.inv(cholesky @ cholesky.T)
    for _ in range(int(steps)):
        p = p - step_size * (q - mean) @ precision
        q = q + step_size * p @ inverse_mass_cholesky @ inverse_mass_cholesky.T
    return np.stack([q, p])


@refvi.implements("hmc.log_acceptance")
def energy_difference(
    log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature
):
    """Right: kinetic energy as half the square of L^T p."""
    kinetic = 0.5 * ((momentum @ inverse_mass_cholesky) ** 2).sum(-1)
    kinetic_new = 0.5 * ((momentum_new @ inverse_mass_cholesky) ** 2).sum(-1)
    return np.minimum(0.0, (log_density_new - kinetic_new - log_density + kinetic) / temperature)


# Seen in bob-carpenter/walnuts#27: the new log density minus itself.
@refvi.implements("hmc.log_acceptance", expect="accept-always")
def new_minus_new(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
    return np.minimum(0.0, log_density_new - log_density_new)


# Not public, derived: the potential alone, as in Metropolis's walk.
@refvi.implements("hmc.log_acceptance", expect="hmc-kinetic-missing")
def density_alone(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
    return np.minimum(0.0, (log_density_new - log_density) / temperature)


# Not public, derived: the square of L p for that of L^T p; alike where the mass matrix is diagonal.
@refvi.implements("hmc.log_acceptance", expect="hmc-metric-transposed")
def other_triangle(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
    def energy(p):
        return 0.5 * ((p @ inverse_mass_cholesky.T) ** 2).sum(-1)

    change = log_density_new - energy(momentum_new) - log_density + energy(momentum)
    return np.minimum(0.0, change / temperature)
