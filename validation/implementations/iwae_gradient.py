"""Hand-written gradients of the importance-weighted bound of a Bernoulli VAE, as one writes them without autodiff."""

import numpy as np
from scipy.special import expit, softmax

import refvi


def forward(x, mu, std, noise, weights, bias):
    """Samples, decoder residuals and log-weights."""
    z = mu + std * noise
    a = z @ weights.T + bias
    log_lik = (x * a - np.logaddexp(0, a)).sum(-1)
    log_prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(-1)
    log_q = (-0.5 * noise**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(-1)
    return z, x - expit(a), log_lik, log_prior, log_q


def backward(c, z, residual, std, noise, weights):
    """sum over samples and data of c times the gradient of the log-weight."""
    dz = residual @ weights - z
    c = c[..., None]
    return {
        "mu": (c * dz).sum(0),
        "std": (c * (dz * noise + 1 / std)).sum(0),
        "weights": np.einsum("kbx,kbd->xd", c * residual, z),
        "bias": (c * residual).sum((0, 1)),
    }


@refvi.implements("iwae.gradient")
def by_hand(x, mu, std, noise, weights, bias):
    """Right: softmax weights, total derivative of the log-weights."""
    z, residual, *logs = forward(x, mu, std, noise, weights, bias)
    w = softmax(logs[0] + logs[1] - logs[2], axis=0)
    return backward(w, z, residual, std, noise, weights)


@refvi.implements("iwae.gradient", scale="log_var", sign="negative", batch="mean")
def of_the_loss(x, mu, log_var, noise, weights, bias):
    """Right: gradient of minus the mean bound, with respect to the log variance; constants never enter the weights."""
    std = np.exp(0.5 * log_var)
    z, residual, log_lik, *_ = forward(x, mu, std, noise, weights, bias)
    w = softmax(log_lik - 0.5 * (z**2).sum(-1) + 0.5 * (noise**2 + log_var).sum(-1), axis=0)
    g = backward(w, z, residual, std, noise, weights)
    n = len(x)
    return -g["mu"] / n, -g["std"] * std / 2 / n, -g["weights"] / n, -g["bias"] / n


@refvi.implements("iwae.gradient_dreg")
def doubly_reparameterised(x, mu, std, noise, weights, bias):
    """Right: squared weights along the path for the encoder, plain weights for the decoder."""
    z, residual, log_lik, log_prior, log_q = forward(x, mu, std, noise, weights, bias)
    w = softmax(log_lik + log_prior - log_q, axis=0)
    d = (w**2)[..., None] * (residual @ weights - z + noise / std)
    g = backward(w, z, residual, std, noise, weights)
    return d.sum(0), (d * noise).sum(0), g["weights"], g["bias"]


# Seen in arahuja/generative-tf#1, as a gradient: every sample counts the same.
@refvi.implements("iwae.gradient", expect="iwae-mean-of-logs")
def equal_weights(x, mu, std, noise, weights, bias):
    z, residual, *_ = forward(x, mu, std, noise, weights, bias)
    return backward(np.full(noise.shape[:2], 1 / len(noise)), z, residual, std, noise, weights)


# Asked in AntixK/PyTorch-VAE#34: the closed-form KL has no place in the weights when K > 1.
# Seen in scverse/scvi-tools#369 too.
@refvi.implements("iwae.gradient", expect="iwae-analytic-kl")
def closed_form_kl(x, mu, std, noise, weights, bias):
    z, residual, log_lik, *_ = forward(x, mu, std, noise, weights, bias)
    kl = 0.5 * (mu**2 + std**2 - 1 - 2 * np.log(std)).sum(-1)
    w = softmax(log_lik - kl, axis=0)[..., None]
    through = residual @ weights
    return {
        "mu": (w * through).sum(0) - mu,
        "std": (w * through * noise).sum(0) - std + 1 / std,
        "weights": np.einsum("kbx,kbd->xd", w * residual, z),
        "bias": (w * residual).sum((0, 1)),
    }


# Not public, derived: sticking the landing carried over to K > 1 without squaring the weights.
@refvi.implements("iwae.gradient_dreg", expect="dreg-weights-not-squared")
def landing_stuck_without_squares(x, mu, std, noise, weights, bias):
    z, residual, log_lik, log_prior, log_q = forward(x, mu, std, noise, weights, bias)
    w = softmax(log_lik + log_prior - log_q, axis=0)
    d = w[..., None] * (residual @ weights - z + noise / std)
    g = backward(w, z, residual, std, noise, weights)
    return d.sum(0), (d * noise).sum(0), g["weights"], g["bias"]
