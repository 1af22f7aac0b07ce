"""Bounds as PyTorch code writes them; gradients by autograd."""

import torch
import torch.nn.functional as F
from torch.distributions import Normal

import refvi


def kld(mu, log_var):
    return -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)


# ---- right ones


@refvi.implements("elbo.bernoulli_reconstruction", scale="log_var", sign="negative", batch="sum")
def loss_function(x, logits, mu, log_var):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return bce + kld(mu, log_var).sum()


@refvi.implements("elbo.gaussian_vae", scale="log_var", batch="mean")
def bound(x, mu, log_var, noise, weights, bias, decoder_log_var):
    z = mu + torch.exp(0.5 * log_var) * noise
    decoder = Normal(F.linear(z, weights, bias), torch.exp(0.5 * decoder_log_var))
    return (decoder.log_prob(x).sum(-1) - kld(mu, log_var)).mean()


@refvi.implements("log_density.bernoulli_logits", sign="negative", batch="mean")
def bce(x, logits):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean()


# ---- wrong ones


@refvi.implements(
    "elbo.bernoulli_reconstruction",
    scale="log_var",
    sign="negative",
    batch="mean",
    expect="bce-mean-reduction",
)
def default_reduction(x, logits, mu, log_var):
    """As in facebookresearch/irmae#1: the default reduction is a mean over everything."""
    return F.binary_cross_entropy_with_logits(logits, x) + kld(mu, log_var).mean()


@refvi.implements("elbo.gaussian_vae", scale="log_var", expect="sample-not-rsample")
def sampled_without_gradient(x, mu, log_var, noise, weights, bias, decoder_log_var):
    """As in jankrepl/deepdow#106: `sample` where `rsample` is meant; the value is right, the encoder's gradient is not."""
    with torch.no_grad():
        z = mu + torch.exp(0.5 * log_var) * noise
    decoder = Normal(F.linear(z, weights, bias), torch.exp(0.5 * decoder_log_var))
    return decoder.log_prob(x).sum(-1).mean(0) - kld(mu, log_var)


@refvi.implements("elbo.bernoulli_vae", scale="log_var", expect="sample-with-variance")
def exp_without_half(x, mu, log_var, noise, weights, bias):
    """As in rishikksh20/vae_tacotron2#3."""
    z = mu + log_var.exp() * noise
    logits = F.linear(z, weights, bias)
    loglik = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    return loglik.mean(0) - kld(mu, log_var)


@refvi.implements("log_density.bernoulli_logits", expect="bce-args-swapped")
def target_first(x, logits):
    """As in autonomousvision/sledge#4."""
    return -F.binary_cross_entropy_with_logits(x, logits, reduction="none").sum(-1)
