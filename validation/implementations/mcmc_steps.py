"""Steps of Metropolis-Hastings and Hamiltonian Monte Carlo, and what their draws are worth."""

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


@refvi.implements("hmc.momentum")
def momentum(noise, inverse_mass_cholesky, temperature):
    """Right: the factor of the inverse mass matrix, transposed and solved with."""
    return np.sqrt(temperature) * np.linalg.solve(inverse_mass_cholesky.T, noise.T).T


# Seen in stan-dev/stan#2671, aesara-devs/aehmc#92, blackjax-devs/blackjax#531: right for diagonal mass matrices only.
@refvi.implements("hmc.momentum", expect="hmc-momentum-chol-transpose")
def momentum_by_the_other_triangle(noise, inverse_mass_cholesky, temperature):
    return np.sqrt(temperature) * np.linalg.solve(inverse_mass_cholesky, noise.T).T


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


def halves(draws):
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def correlations(chains):
    """Autocorrelations of several chains, by Fourier transforms."""
    count = chains.shape[1]
    spectrum = np.fft.rfft(chains - chains.mean(1, keepdims=True), 2 * count)
    acov = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count)[:, :count].mean(0) / count
    within = chains.var(1, ddof=1).mean()
    pooled = within * (count - 1) / count + chains.mean(1).var(ddof=1)
    rho = 1 - (within - acov) / pooled
    rho[0] = 1.0
    return rho


# Seen in stan-dev/stan#2450: the sum stops at the first negative autocorrelation instead of the first negative pair.
@refvi.implements("mcmc.effective_sample_size", expect="ess-first-negative-lag")
def stops_too_early(draws):
    chains = halves(draws)
    rho = correlations(chains)[1:]
    stop = np.argmax(rho < 0) if np.any(rho < 0) else len(rho)
    tau = max(1 + 2 * rho[:stop].sum(), 1 / np.log10(chains.size))
    return chains.size / tau if np.ptp(draws) else np.nan


@refvi.implements("mcmc.split_r_hat")
def r_hat(draws):
    """Right."""
    chains = halves(draws)
    count = chains.shape[1]
    within = chains.var(1, ddof=1).mean()
    return np.sqrt((count - 1) / count + chains.mean(1).var(ddof=1) / within)


# Seen in tensorflow/probability#1054: the variance within chains is divided by N.
@refvi.implements("mcmc.split_r_hat", expect="r-hat-variance-biased")
def biased(draws):
    chains = halves(draws)
    count, within = chains.shape[1], chains.var(1).mean()
    return np.sqrt((within * (count - 1) / count + chains.mean(1).var(ddof=1)) / within)
