"""Divergences as PyTorch code writes them; gradients by autograd."""

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Independent, MultivariateNormal, Normal, kl_divergence

import refvi

# ---- right ones


@refvi.implements("kl.normal_standard", scale="log_var")
def kld(mu, log_var):
    return -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp(), dim=-1)


@refvi.implements("kl.normal_diagonal", scale="std")
def by_distributions(q_mu, q_std, p_mu, p_std):
    return kl_divergence(Independent(Normal(q_mu, q_std), 1), Independent(Normal(p_mu, p_std), 1))


@refvi.implements("kl.normal_full")
def full(q_mu, q_cholesky, p_mu, p_cholesky):
    return kl_divergence(
        MultivariateNormal(q_mu, scale_tril=q_cholesky), MultivariateNormal(p_mu, scale_tril=p_cholesky)
    )


@refvi.implements("kl.categorical_logits")
def categorical(q_logits, p_logits):
    return kl_divergence(Categorical(logits=q_logits), Categorical(logits=p_logits))


@refvi.implements("kl.categorical_logits", batch="mean")
def by_kl_div(q_logits, p_logits):
    """F.kl_div takes the second distribution first, and `batchmean` is the reduction that is a mean of divergences."""
    q, p = F.log_softmax(q_logits, dim=-1), F.log_softmax(p_logits, dim=-1)
    return F.kl_div(p, q, log_target=True, reduction="batchmean")


# ---- wrong ones


@refvi.implements("kl.normal_standard", scale="log_var", expect="kl-mean-over-latents")
def mean_of_latents(mu, log_var):
    """As in podgorskiy/VAE#1."""
    return -0.5 * torch.mean(1 + log_var - mu.pow(2) - log_var.exp(), dim=1)


@refvi.implements("kl.categorical_logits", expect="kl-reversed")
def arguments_of_kl_div(q_logits, p_logits):
    """As in pytorch/pytorch#57459: kl_div(q, p) reads as KL(q || p) and is KL(p || q)."""
    q, p = F.log_softmax(q_logits, dim=-1), F.log_softmax(p_logits, dim=-1)
    return F.kl_div(q, p, log_target=True, reduction="none").sum(-1)
