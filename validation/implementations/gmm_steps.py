"""Gaussian mixtures with full covariances: evidence, E step and the three parts of the M step, as tutorials write them."""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import refvi

LOG_2_PI = np.log(2 * np.pi)


def log_densities(x, means, cholesky):
    """Log N(x_b; mean_c, L_c L_c^T), (B, C), by triangular systems."""
    columns = []
    for mean, factor in zip(means, cholesky, strict=True):
        z = solve_triangular(factor, (x - mean).T, lower=True)
        half_log_det = np.log(np.diag(factor)).sum()
        columns.append(-0.5 * (z**2).sum(0) - half_log_det - 0.5 * x.shape[1] * LOG_2_PI)
    return np.stack(columns, axis=1)


def posterior(x, weights, means, cholesky):
    log_joint = np.log(weights) + log_densities(x, means, cholesky)
    return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))


# ---- evidence


@refvi.implements("gmm.log_evidence")
def by_cholesky(x, weights, means, cholesky):
    """Right."""
    return logsumexp(log_densities(x, means, cholesky) + np.log(weights), axis=1)


@refvi.implements("gmm.log_evidence", sign="negative", batch="mean")
def by_scipy(x, weights, means, cholesky):
    """Right: frozen normals from the covariances, densities in logs."""
    columns = [
        multivariate_normal(mean, factor @ factor.T).logpdf(x)
        for mean, factor in zip(means, cholesky, strict=True)
    ]
    return -logsumexp(np.reshape(columns, (len(weights), len(x))), axis=0, b=weights[:, None]).mean()


def by_determinant(x, weights, means, cholesky, power=0.5):
    """The formula of the textbook, its determinant to a power."""
    scores = []
    for weight, mean, factor in zip(weights, means, cholesky, strict=True):
        covariance, centred = factor @ factor.T, x - mean
        quadratic = (centred * np.linalg.solve(covariance, centred.T).T).sum(1)
        log_norm = 0.5 * x.shape[1] * LOG_2_PI + power * np.linalg.slogdet(covariance)[1]
        scores.append(np.log(weight) - log_norm - 0.5 * quadratic)
    return logsumexp(scores, axis=0)


@refvi.implements("gmm.log_evidence")
def textbook(x, weights, means, cholesky):
    """Right."""
    return by_determinant(x, weights, means, cholesky)


# Not public, derived: the determinant without its square root.
@refvi.implements("gmm.log_evidence", expect="logdet-not-halved")
def without_the_root(x, weights, means, cholesky):
    return by_determinant(x, weights, means, cholesky, power=1.0)


# Seen in ratschlab/SVGP-VAE#4: the determinant is left out.
@refvi.implements("gmm.log_evidence", expect="logdet-dropped")
def without_the_determinant(x, weights, means, cholesky):
    return by_determinant(x, weights, means, cholesky, power=0.0)


# Seen in ctgk/PRML#29: a covariance stands where the precision belongs.
@refvi.implements("gmm.log_evidence", expect="covariance-as-precision")
def not_inverted(x, weights, means, cholesky):
    centred = x[:, None] - means
    quadratic = np.einsum("bcd,cde,bce->bc", centred, cholesky @ np.swapaxes(cholesky, 1, 2), centred)
    half_log_det = np.log(np.diagonal(cholesky, axis1=1, axis2=2)).sum(1)
    return logsumexp(np.log(weights) - 0.5 * quadratic - half_log_det - 0.5 * x.shape[1] * LOG_2_PI, axis=1)


# ---- E step


@refvi.implements("gmm.responsibilities")
def e_step(x, weights, means, cholesky):
    """Right."""
    return posterior(x, weights, means, cholesky)


# Seen in astroML/astroML#58: the weights are left out.
@refvi.implements("gmm.responsibilities", expect="mixing-weights-omitted")
def densities_alone(x, weights, means, cholesky):
    log_density = log_densities(x, means, cholesky)
    return np.exp(log_density - logsumexp(log_density, axis=1, keepdims=True))


# Not public, derived: the sum of the logarithms of the diagonal is half the log determinant already.
@refvi.implements("gmm.responsibilities", expect="logdet-halved")
def half_of_the_half(x, weights, means, cholesky):
    log_joint = np.log(weights) + log_densities(x, means, cholesky)
    log_joint = log_joint + 0.5 * np.log(np.diagonal(cholesky, axis1=1, axis2=2)).sum(1)
    return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))


# ---- M step: weights


@refvi.implements("gmm.em_weights")
def new_weights(x, weights, means, cholesky):
    """Right."""
    return posterior(x, weights, means, cholesky).mean(axis=0)


# Not public, derived: counts are returned for weights.
@refvi.implements("gmm.em_weights", expect="em-weights-not-normalised")
def counts(x, weights, means, cholesky):
    return posterior(x, weights, means, cholesky).sum(axis=0)


# Not public, derived: every datum votes for one component, as in k-means.
@refvi.implements("gmm.em_weights", expect="responsibilities-hard")
def votes(x, weights, means, cholesky):
    best = posterior(x, weights, means, cholesky).argmax(axis=1)
    return np.bincount(best, minlength=len(weights)) / len(x)


# ---- M step: means


@refvi.implements("gmm.em_means")
def new_means(x, weights, means, cholesky):
    """Right."""
    r = posterior(x, weights, means, cholesky)
    return (r.T @ x) / r.sum(axis=0)[:, None]


# Not public, derived: the mean over all data, not over those of the component.
@refvi.implements("gmm.em_means", expect="em-divides-by-n")
def over_all_data(x, weights, means, cholesky):
    return posterior(x, weights, means, cholesky).T @ x / len(x)


# Seen in astroML/astroML#58: the old weights are not in the responsibilities.
@refvi.implements("gmm.em_means", expect="mixing-weights-omitted")
def components_count_alike(x, weights, means, cholesky):
    log_density = log_densities(x, means, cholesky)
    r = np.exp(log_density - logsumexp(log_density, axis=1, keepdims=True))
    return (r.T @ x) / r.sum(axis=0)[:, None]


# ---- M step: covariances


def scatter(r, x, about):
    """Weighted scatter about given means, divided by the counts."""
    parts = []
    for k, mean in enumerate(about):
        centred = x - mean
        parts.append((r[:, k, None] * centred).T @ centred / r[:, k].sum())
    return np.stack(parts)


@refvi.implements("gmm.em_covariances")
def new_covariances(x, weights, means, cholesky):
    """Right: about the new means."""
    r = posterior(x, weights, means, cholesky)
    return scatter(r, x, r.T @ x / r.sum(axis=0)[:, None])


# Not public, derived: the old means are still in their variable when the covariances are updated.
@refvi.implements("gmm.em_covariances", expect="covariance-about-old-mean")
def about_the_old_means(x, weights, means, cholesky):
    return scatter(posterior(x, weights, means, cholesky), x, means)


# Not public, derived: E[x x^T] without the mean.
@refvi.implements("gmm.em_covariances", expect="covariance-second-moment")
def second_moments(x, weights, means, cholesky):
    return scatter(posterior(x, weights, means, cholesky), x, np.zeros_like(means))


# Not public, derived: numpy.cov divides weights by their sum less one unless told otherwise.
@refvi.implements("gmm.em_covariances", expect="covariance-bessel")
def by_numpy_cov(x, weights, means, cholesky):
    r = posterior(x, weights, means, cholesky)
    found = scatter(r, x, r.T @ x / r.sum(axis=0)[:, None])
    return found * (r.sum(axis=0) / (r.sum(axis=0) - 1))[:, None, None]


# Not public, derived: a pooled covariance where every component has its own.
@refvi.implements("gmm.em_covariances", expect="covariance-tied")
def pooled(x, weights, means, cholesky):
    r = posterior(x, weights, means, cholesky)
    n = r.sum(axis=0)
    within = np.einsum("k,kde->de", n, scatter(r, x, r.T @ x / n[:, None])) / len(x)
    return np.repeat(within[None], len(weights), axis=0)
