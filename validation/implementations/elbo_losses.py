"""Training losses of VAEs given the decoder's output: what most repositories call `loss_function`."""

import numpy as np

import refvi


def kl(mu, log_var):
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var), axis=1)


def bce(x, logits):
    return np.sum(np.logaddexp(0.0, logits) - x * logits, axis=1)


# ---- right ones


@refvi.implements("elbo.bernoulli_reconstruction", scale="log_var", sign="negative", batch="sum")
def loss_function(x, logits, mu, log_var):
    """Negative, and summed: pytorch/examples#824 asked about the sign, which is right."""
    return bce(x, logits).sum() + kl(mu, log_var).sum()


@refvi.implements("elbo.bernoulli_reconstruction", scale="log_std", batch="mean")
def bound_with_log_sigma(x, logits, mu, log_std):
    return np.mean(-bce(x, logits) - kl(mu, 2 * log_std))


@refvi.implements(
    "elbo.gaussian_reconstruction", scale="log_var", sign="negative", batch="mean", constants="dropped"
)
def mse_loss(x, recon, mu, log_var):
    """Half the squared error is the negative log likelihood of unit variance, its constant dropped and declared so."""
    return np.mean(0.5 * np.sum((x - recon) ** 2, axis=1) + kl(mu, log_var))


@refvi.implements("elbo.gaussian_reconstruction", scale="std", units="bits")
def reported_in_bits(x, recon, mu, std):
    nats = -0.5 * np.sum((x - recon) ** 2 + np.log(2 * np.pi), axis=1) - kl(mu, 2 * np.log(std))
    return nats / np.log(2)


@refvi.implements("elbo.beta_vae", scale="log_var", sign="negative", batch="mean")
def beta_loss(x, logits, mu, log_var, beta):
    return bce(x, logits).mean() + beta * kl(mu, log_var).mean()


# ---- wrong ones


@refvi.implements(
    "elbo.bernoulli_reconstruction",
    scale="log_var",
    sign="negative",
    batch="mean",
    expect="bce-mean-reduction",
)
def mean_of_pixels_and_sum_of_latents(x, logits, mu, log_var):
    """As in AppliedDataSciencePartners/WorldModels#12."""
    return np.mean(np.logaddexp(0.0, logits) - x * logits) + np.mean(kl(mu, log_var))


@refvi.implements("elbo.bernoulli_reconstruction", scale="log_var", sign="negative", expect="kl-wrong-sign")
def divergence_subtracted(x, logits, mu, log_var):
    """As in dev4488/VAE_gumble_softmax#1: the loss falls without a bound."""
    return bce(x, logits) - kl(mu, log_var)


@refvi.implements(
    "elbo.bernoulli_reconstruction", scale="log_var", sign="negative", expect="kl-mean-over-latents"
)
def mean_of_latents(x, logits, mu, log_var):
    """As in mkusner/grammarVAE#2, which keeps it because it reconstructs better: it is a beta of 1/D."""
    return bce(x, logits) - 0.5 * np.mean(1 + log_var - mu**2 - np.exp(log_var), axis=1)


@refvi.implements(
    "elbo.gaussian_reconstruction",
    scale="log_var",
    sign="negative",
    constants="dropped",
    expect="mse-as-nll-without-2var",
)
def squared_error(x, recon, mu, log_var):
    """As in ratschlab/SVGP-VAE#1: the whole squared error is a variance of one half."""
    return np.sum((x - recon) ** 2, axis=1) + kl(mu, log_var)


@refvi.implements(
    "elbo.gaussian_reconstruction",
    scale="log_var",
    sign="negative",
    batch="mean",
    constants="dropped",
    expect="mse-mean-reduction",
)
def mean_squared_error(x, recon, mu, log_var):
    """As in orybkin/sigma-vae-pytorch#12."""
    return np.mean((x - recon) ** 2) + np.mean(kl(mu, log_var))


@refvi.implements("elbo.beta_vae", scale="log_var", sign="negative", expect="beta-not-applied")
def beta_forgotten(x, logits, mu, log_var, beta):
    """As in AlexanderVNikitin/tsgm#69: beta is stored, and never used."""
    return bce(x, logits) + kl(mu, log_var)
