"""Whole bounds, sampling included: the noise is handed over, the decoder is linear."""

import numpy as np
from scipy.special import expit
from scipy.stats import norm

import refvi


def kl(mu, std):
    return 0.5 * (mu**2 + std**2 - 1).sum(-1) - np.log(std).sum(-1)


# ---- right ones


@refvi.implements("elbo.gaussian_vae")
def gaussian(x, mu, std, noise, weights, bias, decoder_std):
    z = mu + std * noise
    return norm.logpdf(x, z @ weights.T + bias, decoder_std).sum(-1).mean(0) - kl(mu, std)


@refvi.implements("elbo.gaussian_vae", scale="log_var", sign="negative", batch="mean", constants="dropped")
def gaussian_loss(x, mu, log_var, noise, weights, bias, decoder_log_var):
    losses = []
    for eps in noise:
        recon = (mu + np.exp(0.5 * log_var) * eps) @ weights.T + bias
        loss = 0.5 * np.sum(decoder_log_var + (x - recon) ** 2 / np.exp(decoder_log_var), axis=1)
        losses.append(loss + kl(mu, np.exp(0.5 * log_var)))
    return np.mean(losses)


@refvi.implements("elbo.bernoulli_vae")
def bernoulli_with_gradient(x, mu, std, noise, weights, bias):
    """Value and backward pass by hand."""
    samples = len(noise)
    z = mu + std * noise
    logits = z @ weights.T + bias
    value = (x * logits - np.logaddexp(0.0, logits)).sum(-1).mean(0) - kl(mu, std)
    error = (x - expit(logits)) / samples
    by_z = error @ weights
    return value, {
        "mu": by_z.sum(0) - mu,
        "std": (by_z * noise).sum(0) - std + 1 / std,
        "weights": np.einsum("kbx,kbd->xd", error, z),
        "bias": error.sum((0, 1)),
    }


# ---- wrong ones


@refvi.implements("elbo.gaussian_vae", scale="log_var", expect="sample-with-variance")
def variance_times_noise(x, mu, log_var, noise, weights, bias, decoder_log_var):
    """As in rachtsingh/ibp_vae#3: exp(log_var) without the half, in the sample only."""
    z = mu + np.exp(log_var) * noise
    loglik = norm.logpdf(x, z @ weights.T + bias, np.exp(0.5 * decoder_log_var)).sum(-1)
    return loglik.mean(0) - kl(mu, np.exp(0.5 * log_var))


@refvi.implements("elbo.gaussian_vae", scale="var", expect="variance-as-scale")
def decoder_variance_for_scale(x, mu, var, noise, weights, bias, decoder_var):
    """As in pyro-ppl/pyro#1643."""
    z = mu + np.sqrt(var) * noise
    return norm.logpdf(x, z @ weights.T + bias, decoder_var).sum(-1).mean(0) - kl(mu, np.sqrt(var))


@refvi.implements("elbo.bernoulli_vae", expect="sample-not-rsample")
def gradient_cut_at_the_sample(x, mu, std, noise, weights, bias):
    """As in izmailovpavel/understandingbdl#8: only the divergence moves the encoder."""
    value, gradient = bernoulli_with_gradient(x, mu, std, noise, weights, bias)
    return value, {**gradient, "mu": -mu, "std": 1 / std - std}


@refvi.implements("elbo.bernoulli_vae", expect="kl-on-unused-params")
def divergence_of_other_parameters(x, mu, std, noise, weights, bias):
    """As in kumar-shridhar/PyTorch-BayesianCNN#7: the divergence is that of copies that the forward pass never sees."""
    value, gradient = bernoulli_with_gradient(x, mu, std, noise, weights, bias)
    return value, {**gradient, "mu": gradient["mu"] + mu, "std": gradient["std"] + std - 1 / std}


@refvi.implements("elbo.bernoulli_vae", expect="noise-shared-by-samples")
def one_draw_for_all_samples(x, mu, std, noise, weights, bias):
    z = np.broadcast_to(mu + std * noise[0], noise.shape)
    logits = z @ weights.T + bias
    return (x * logits - np.logaddexp(0.0, logits)).sum(-1).mean(0) - kl(mu, std)


# ---- the divergence sampled too, and minibatches


@refvi.implements("elbo.bernoulli_vae_sampled", scale="log_std")
def trace(x, mu, log_std, noise, weights, bias):
    """Log joint minus log q at the samples, as a probabilistic program scores them."""
    std = np.exp(log_std)
    z = mu + std * noise
    logits = z @ weights.T + bias
    log_joint = norm.logpdf(z).sum(-1) + (x * logits - np.logaddexp(0.0, logits)).sum(-1)
    return (log_joint - norm.logpdf(z, mu, std).sum(-1)).mean(0)


@refvi.implements("elbo.bernoulli_vae_sampled", expect="variance-as-scale")
def guide_scored_with_variance(x, mu, std, noise, weights, bias):
    """As in pyro-ppl/pyro#1643, on the side of the guide: sampled with the scale, scored with the variance."""
    z = mu + std * noise
    logits = z @ weights.T + bias
    log_joint = norm.logpdf(z).sum(-1) + (x * logits - np.logaddexp(0.0, logits)).sum(-1)
    return (log_joint - norm.logpdf(z, mu, std**2).sum(-1)).mean(0)


@refvi.implements("elbo.minibatch")
def one_minibatch(log_likelihood, kl, data_count):
    return data_count * np.mean(log_likelihood) - kl


@refvi.implements("elbo.minibatch", expect="minibatch-scale-missing")
def unscaled_minibatch(log_likelihood, kl, data_count):
    """As in tachukao/mgplvm-pytorch#19: right while the minibatch is the data set."""
    return np.sum(log_likelihood) - kl


@refvi.implements("elbo.minibatch", expect="scale-integer-division")
def whole_number_of_minibatches(log_likelihood, kl, data_count):
    """The trap of pyro-ppl/pyro#2611: N // B."""
    return np.sum(log_likelihood) * (data_count // len(log_likelihood)) - kl


@refvi.implements("elbo.epoch_mean", expect="metric-last-minibatch-only")
def overwritten(elbo, present):
    """As in scverse/scvi-tools#1032: the loop assigns where it should add."""
    for row, here in zip(elbo, present, strict=True):
        total, count = np.sum(row * here), here.sum()
    return total / count
