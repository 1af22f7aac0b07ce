"""Gradient-based inference in a VAE with binary latents: the exact bound, its surrogate, the net's objective, the prior.

No wrong one here comes from a public thread: they are what the formulas invite, each marked by its name.
"""

import numpy as np
from scipy.special import entr, expit, log_expit

import refvi


def states_of(count):
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(float)


@refvi.implements("discrete_vae.elbo")
def enumerated(x, logits, weights, bias, prior_logits):
    """Right: every state weighted with q, nothing in closed form."""
    h = states_of(len(prior_logits))
    a = h @ weights.T + bias
    log_joint = x @ log_expit(a).T + (1 - x) @ log_expit(-a).T
    log_joint = log_joint + np.where(h == 1, log_expit(prior_logits), log_expit(-prior_logits)).sum(1)
    log_q = log_expit(logits) @ h.T + log_expit(-logits) @ (1 - h).T
    return (np.exp(log_q) * (log_joint - log_q)).sum(1)


@refvi.implements("discrete_vae.elbo", sign="negative", batch="mean")
def folded(x, logits, weights, bias, prior_logits):
    """Right: the table of log-likelihoods is folded latent by latent; the gradient by the logits is a folded difference."""
    n, d = logits.shape
    h = states_of(d)[:, ::-1]  # the first latent changes slowest
    a = h @ weights.T + bias
    table = x @ a.T - np.logaddexp(0, a).sum(1)
    mu = expit(logits)

    def fold(row, means, skip=None):
        for k, m in enumerate(means):
            low, high = np.split(row, 2)
            row = high - low if k == skip else (1 - m) * low + m * high
        return row[0]

    kl = mu * (logits - prior_logits) - np.logaddexp(0, logits) + np.logaddexp(0, prior_logits)
    value = np.array([fold(row, m) for row, m in zip(table, mu)]) - kl.sum(1)
    slope = np.array([[fold(row, m, k) for k in range(d)] for row, m in zip(table, mu)])
    q = np.exp(log_expit(logits) @ h.T + log_expit(-logits) @ (1 - h).T)
    residual = x[:, None] - expit(a)
    return -value.mean(), {
        "logits": -mu * expit(-logits) * (slope + prior_logits - logits) / n,
        "weights": -np.einsum("bs,bsx,sd->xd", q, residual, h) / n,
        "bias": -np.einsum("bs,bsx->x", q, residual) / n,
        "prior_logits": -(mu - expit(prior_logits)).mean(0),
    }


@refvi.implements("discrete_vae.elbo", expect="mean-inside-the-decoder")
def decoder_at_the_mean(x, logits, weights, bias, prior_logits):
    """f(mu) for E[log p(x | h)]: quick, smooth, and no lower bound."""
    mu, prior = expit(logits), expit(prior_logits)
    a = mu @ weights.T + bias
    kl = mu * np.log(mu / prior) + (1 - mu) * np.log((1 - mu) / (1 - prior))
    return (x * a - np.logaddexp(0, a)).sum(1) - kl.sum(1)


@refvi.implements("discrete_vae.elbo", expect="likelihood-of-mean-probability")
def average_picture(x, logits, weights, bias, prior_logits):
    h = states_of(len(prior_logits))
    q = np.exp(log_expit(logits) @ h.T + log_expit(-logits) @ (1 - h).T)
    picture = q @ expit(h @ weights.T + bias)
    blank = q @ expit(-(h @ weights.T + bias))
    mu = expit(logits)
    prior = mu * log_expit(prior_logits) + (1 - mu) * log_expit(-prior_logits)
    entropy = entr(mu) + entr(expit(-logits))
    return np.where(x == 1, np.log(picture), np.log(blank)).sum(1) + (prior + entropy).sum(1)


@refvi.implements("discrete_vae.elbo", batch="sum", expect="gradient-by-means")
def gradient_on_the_cube(x, logits, weights, bias, prior_logits):
    """The value is right; the E step's gradient is that of mu, handed to an optimiser that moves logits."""
    value, grad = folded(x, logits, weights, bias, prior_logits)
    n = len(x)
    mu = expit(logits)
    grad = {name: -n * g for name, g in grad.items()}
    return -n * value, {**grad, "logits": grad["logits"] / (mu * expit(-logits))}


@refvi.implements("discrete_vae.surrogate", batch="sum")
def surrogate(x, logits, weights, bias, prior_logits):
    """Right: the decoder reads the means, and the entropy is that of q."""
    mu = expit(logits)
    a = mu @ weights.T + bias
    error = x - expit(a)
    value = (x * a - np.logaddexp(0, a)).sum()
    value += (mu * (prior_logits - logits) + np.logaddexp(0, logits) - np.logaddexp(0, prior_logits)).sum()
    return value, {
        "logits": mu * expit(-logits) * (error @ weights + prior_logits - logits),
        "weights": error.T @ mu,
        "bias": error.sum(0),
        "prior_logits": (mu - expit(prior_logits)).sum(0),
    }


@refvi.implements("discrete_vae.surrogate", expect="entropy-dropped")
def most_probable_point(x, logits, weights, bias, prior_logits):
    """Without the entropy the E step looks for a single point, and ends at a corner."""
    mu = expit(logits)
    a = mu @ weights.T + bias
    log_x = np.where(x == 1, log_expit(a), log_expit(-a)).sum(1)
    return log_x + (mu * log_expit(prior_logits) + (1 - mu) * log_expit(-prior_logits)).sum(1)


@refvi.implements("discrete_vae.surrogate", expect="prior-mean-for-q-mean")
def one_symbol_for_two(x, logits, weights, bias, prior_logits):
    """mu^h stands for the prior's means and for q's in the notes; here it is the prior's throughout log p(x, mu^h)."""
    mu_h, q = expit(prior_logits), expit(logits)
    a = weights @ mu_h + bias
    log_joint = x @ log_expit(a) + (1 - x) @ log_expit(-a)
    log_joint = log_joint + (mu_h * log_expit(prior_logits) + (1 - mu_h) * log_expit(-prior_logits)).sum()
    return log_joint + (entr(q) + entr(expit(-logits))).sum(1)


@refvi.implements("discrete_vae.surrogate", sign="negative", expect="entropy-of-prior")
def entropy_of_the_wrong_one(x, logits, weights, bias, prior_logits):
    mu, mu_h = expit(logits), expit(prior_logits)
    a = mu @ weights.T + bias
    cross = -(mu * log_expit(prior_logits) + (1 - mu) * log_expit(-prior_logits)).sum(1)
    bce = (np.logaddexp(0, a) - x * a).sum(1)
    return bce + cross - (entr(mu_h) + entr(expit(-prior_logits))).sum()


@refvi.implements("discrete_vae.auxiliary", sign="negative", batch="mean")
def soft_cross_entropy(q_logits, target_logits):
    """Right: binary cross-entropy with the refined means as soft labels."""
    target = expit(target_logits)
    value = (np.logaddexp(0, q_logits) - target * q_logits).sum(1).mean()
    return value, {"q_logits": (expit(q_logits) - target) / len(q_logits)}


@refvi.implements("discrete_vae.auxiliary", sign="negative", expect="auxiliary-arguments-swapped")
def as_the_notes_print_it(q_logits, target_logits):
    """Equation 5 of the notes, to be minimised: binary cross-entropy with prediction and target exchanged."""
    q = expit(q_logits)
    return -(q * log_expit(target_logits) + (1 - q) * log_expit(-target_logits)).sum(1)


@refvi.implements("discrete_vae.auxiliary", expect="targets-rounded")
def hard_labels(q_logits, target_logits):
    return np.where(target_logits > 0, log_expit(q_logits), log_expit(-q_logits)).sum(1)


@refvi.implements("discrete_vae.auxiliary_as_printed")
def equation_five(q_logits, target_logits):
    """Right, for who wants that formula."""
    q, log_odds = expit(q_logits), target_logits
    return (q * log_odds - np.logaddexp(0, log_odds)).sum(1), {"q_logits": q * expit(-q_logits) * log_odds}


@refvi.implements("discrete_vae.prior_step")
def average_of_the_means(means):
    return means.mean(axis=0)


@refvi.implements("discrete_vae.prior_step", expect="prior-mean-over-bits")
def one_number_for_all(means):
    """np.mean without its axis, spread over the latents again."""
    return np.full(means.shape[1], np.mean(means))


@refvi.implements("discrete_vae.prior_step", expect="prior-hard-counts")
def counting(means):
    return (means > 0.5).mean(axis=0)
