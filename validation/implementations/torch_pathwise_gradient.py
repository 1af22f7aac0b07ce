"""PyTorch: reparameterised ELBOs of a tanh decoder, differentiated by torch.autograd."""

import torch
from torch.distributions import Normal, kl_divergence

import refvi


def log_likelihood(x, z, weights, bias):
    """Unit-variance Gaussian around a tanh layer, (K, B)."""
    return Normal(torch.tanh(z @ weights.T + bias), 1.0).log_prob(x).sum(-1)


@refvi.implements("pathwise.gradient")
def single_sample_average(x, mu, std, noise, weights, bias):
    """Right: log p - log q at the sample; the value is the ELBO's estimate as well."""
    q = Normal(mu, std)
    z = q.loc + q.scale * noise
    log_p = log_likelihood(x, z, weights, bias) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return (log_p - q.log_prob(z).sum(-1)).mean(0)


@refvi.implements("pathwise.gradient_stl", sign="negative")
def landing(x, mu, std, noise, weights, bias):
    """Right: q with stopped parameters scores the sample."""
    z = mu + std * noise
    stopped = Normal(mu.detach(), std.detach())
    log_p = log_likelihood(x, z, weights, bias) + Normal(0.0, 1.0).log_prob(z).sum(-1)
    return (stopped.log_prob(z).sum(-1) - log_p).mean(0).sum()


@refvi.implements("pathwise.gradient_analytic_kl", scale="log_var", sign="negative", batch="mean")
def usual_vae_loss(x, mu, log_var, noise, weights, bias):
    """Right: squared error over two plus the closed-form KL; the constant of the Gaussian moves nothing."""
    z = mu + torch.exp(0.5 * log_var) * noise
    recon = 0.5 * ((x - torch.tanh(z @ weights.T + bias)) ** 2).sum(-1).mean(0)
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)
    return (recon + kl).mean()


# Seen in jankrepl/deepdow#106 and izmailovpavel/understandingbdl#8: .sample() where .rsample() was meant.
@refvi.implements("pathwise.gradient_analytic_kl", expect="sample-not-rsample")
def sample_for_rsample(x, mu, std, noise, weights, bias):
    q = Normal(mu, std)
    z = (mu + std * noise).detach()
    return log_likelihood(x, z, weights, bias).mean(0) - kl_divergence(q, Normal(0.0, 1.0)).sum(-1)


# Discussed in ratschlab/SVGP-VAE#1: the plain squared error stands for the negative log-likelihood.
@refvi.implements(
    "pathwise.gradient_analytic_kl", scale="log_var", sign="negative", expect="mse-as-nll-without-2var"
)
def squared_error(x, mu, log_var, noise, weights, bias):
    z = mu + torch.exp(0.5 * log_var) * noise
    recon = ((x - torch.tanh(z @ weights.T + bias)) ** 2).sum(-1).mean(0)
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)
    return recon + kl
