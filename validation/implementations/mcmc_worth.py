"""What draws of Markov chains are worth: effective sample sizes and R-hat."""

import numpy as np
from scipy.stats import norm, rankdata

import refvi


def halves(draws):
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def correlations(chains):
    """Autocorrelations of several chains, by Fourier transforms."""
    count = chains.shape[1]
    spectrum = np.fft.rfft(chains - chains.mean(1, keepdims=True), 2 * count)
    acov = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count)[:, :count].mean(0) / count
    within = chains.var(1, ddof=1).mean()
    pooled = within * (count - 1) / count
    if len(chains) > 1:
        pooled = pooled + chains.mean(1).var(ddof=1)
    rho = 1 - (within - acov) / pooled
    rho[0] = 1.0
    return rho


def relaxation(rho):
    """Twice the initial monotone positive sequence of pairs, less one, and the single correlation after it."""
    pairs, t = [], 0
    while t + 4 < len(rho) and rho[t] + rho[t + 1] > 0:
        pairs.append(rho[t] + rho[t + 1])
        t += 2
    last = rho[t] if rho[t] > 0 or rho[t] + rho[t + 1] >= 0 else 0.0
    return 2 * np.minimum.accumulate(pairs).sum() - 1 + last if pairs else last - 1


def worth(chains):
    if np.ptp(chains) == 0:
        return np.nan
    return chains.size / max(relaxation(correlations(chains)), 1 / np.log10(chains.size))


# ---- effective sample size


@refvi.implements("mcmc.effective_sample_size")
def ess(draws):
    """Right."""
    return worth(halves(draws))


# Seen in stan-dev/stan#2450: the sum stops at the first negative autocorrelation instead of the first negative pair.
@refvi.implements("mcmc.effective_sample_size", expect="ess-first-negative-lag")
def stops_too_early(draws):
    chains = halves(draws)
    rho = correlations(chains)[1:]
    stop = np.argmax(rho < 0) if np.any(rho < 0) else len(rho)
    tau = max(1 + 2 * rho[:stop].sum(), 1 / np.log10(chains.size))
    return chains.size / tau if np.ptp(draws) else np.nan


# Not public, derived: every chain is judged on its own, so that chains at different modes look well mixed.
@refvi.implements("mcmc.effective_sample_size", expect="ess-per-chain-summed")
def added_up(draws):
    return sum(worth(half[None]) for half in halves(draws))


# Seen in blackjax-devs/blackjax#1019: a chain that is stuck has no autocovariance, and gets the highest mark.
@refvi.implements("mcmc.effective_sample_size", expect="ess-constant-draws-count")
def stuck_is_perfect(draws):
    chains = halves(draws)
    return worth(chains) if np.ptp(draws) > 0 else float(chains.size)


# ---- of ranks


def normal_scores(chains, offset=0.25):
    return norm.ppf((rankdata(chains).reshape(chains.shape) - 0.375) / (chains.size + offset))


@refvi.implements("mcmc.bulk_effective_sample_size")
def bulk(draws):
    """Right: Blom's scores of the ranks of all halves together."""
    return worth(normal_scores(halves(draws)))


# Seen in flatironinstitute/bayes-kit#37: S - 1/4, as the formula was printed.
@refvi.implements("mcmc.bulk_effective_sample_size", expect="ranks-over-s-minus-quarter")
def as_printed(draws):
    return worth(normal_scores(halves(draws), offset=-0.25))


# Seen in pints-team/pints#1063: called bulk, without ranks.
@refvi.implements("mcmc.bulk_effective_sample_size", expect="bulk-not-ranked")
def draws_themselves(draws):
    return worth(halves(draws))


# Not public, derived: ranks within each half, which hide that halves differ.
@refvi.implements("mcmc.bulk_effective_sample_size", expect="ranks-within-chains")
def each_half_ranked(draws):
    return worth(np.stack([normal_scores(half) for half in halves(draws)]))


# ---- R-hat


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


# Seen in pymc-devs/pymc2#100: the root is missing.
@refvi.implements("mcmc.split_r_hat", expect="r-hat-squared")
def ratio_of_variances(draws):
    return r_hat(draws) ** 2


# Seen in minaskar/zeus#29: walkers are joined before they are cut in halves.
@refvi.implements("mcmc.split_r_hat", expect="r-hat-chains-pooled")
def joined_first(draws):
    half = draws.shape[1] // 2
    chains = np.stack([draws[:, :half].ravel(), draws[:, -half:].ravel()])
    count, within = chains.shape[1], chains.var(1, ddof=1).mean()
    return np.sqrt((count - 1) / count + chains.mean(1).var(ddof=1) / within)
