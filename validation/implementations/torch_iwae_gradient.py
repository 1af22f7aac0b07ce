"""PyTorch: surrogates whose derivative, taken by torch.autograd, should be the gradient of the importance-weighted bound."""

import math

import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Independent, Normal

import refvi


def log_weights_of(x, mu, std, noise, weights, bias):
    """(K, B) log-weights at z = mu + std noise."""
    z = mu + std * noise
    log_px = -F.binary_cross_entropy_with_logits(
        F.linear(z, weights, bias), x.expand(len(noise), -1, -1), reduction="none"
    ).sum(-1)
    log_pz = Normal(0.0, 1.0).log_prob(z).sum(-1)
    log_qz = Normal(mu, std).log_prob(z).sum(-1)
    return log_px + log_pz - log_qz


@refvi.implements("iwae.gradient")
def bound_itself(x, mu, std, noise, weights, bias):
    """Right: differentiate the bound; autograd finds the weights by itself."""
    log_w = log_weights_of(x, mu, std, noise, weights, bias)
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


@refvi.implements("iwae.gradient", scale="log_var", sign="negative", batch="mean")
def detached_weights(x, mu, log_var, noise, weights, bias):
    """Right, and not the bound: sum of detached weight times log-weight has the bound's gradient only."""
    log_w = log_weights_of(x, mu, (0.5 * log_var).exp(), noise, weights, bias)
    w = F.softmax(log_w, dim=0).detach()
    return -(w * log_w).sum(0).mean()


@refvi.implements("iwae.bound")
def value_of_one_gradient_of_another(log_weights):
    """Right, as in pyro-ppl/numpyro#413: the bound's value on a surrogate that carries its gradient."""
    bound = torch.logsumexp(log_weights, 0) - math.log(len(log_weights))
    w = torch.softmax(log_weights, 0).detach()
    surrogate = torch.where(w > 0, w * log_weights, torch.zeros_like(w)).sum(0)
    return (bound - surrogate).detach() + surrogate


@refvi.implements("iwae.gradient_dreg")
def dreg_by_hook(x, mu, std, noise, weights, bias):
    """Right: the parameters inside log q are stopped, and a hook multiplies the gradient that reaches z by the weights."""
    z = mu + std * noise
    z_ = z.clone()
    log_px = Independent(Bernoulli(logits=z_ @ weights.T + bias), 1).log_prob(x)
    log_pz = Normal(0.0, 1.0).log_prob(z_).sum(-1)
    log_qz = Normal(mu.detach(), std.detach()).log_prob(z_).sum(-1)
    log_w = log_px + log_pz - log_qz
    w = torch.softmax(log_w, 0).detach()
    z_.register_hook(lambda g: w.unsqueeze(-1) * g)
    return (w * log_w).sum()


# Seen in AntixK/PyTorch-VAE#34 and #53: the softmax weights stay in the graph.
@refvi.implements(
    "iwae.gradient", scale="log_var", sign="negative", batch="mean", expect="iwae-weights-not-detached"
)
def weights_in_the_graph(x, mu, log_var, noise, weights, bias):
    log_w = log_weights_of(x, mu, (0.5 * log_var).exp(), noise, weights, bias)
    return -(F.softmax(log_w, dim=0) * log_w).sum(0).mean()


# Seen in pyro-ppl/pyro#2220: sequential plates sum the data before the particles meet.
@refvi.implements("iwae.gradient", expect="batch-summed-before-lse")
def data_first(x, mu, std, noise, weights, bias):
    per_particle = torch.stack([log_weights_of(x, mu, std, e[None], weights, bias).sum() for e in noise])
    return torch.logsumexp(per_particle, 0)


# Seen in jankrepl/deepdow#106, here in a multi-sample bound.
@refvi.implements("iwae.gradient", expect="sample-not-rsample")
def sampled_without_gradient(x, mu, std, noise, weights, bias):
    with torch.no_grad():
        z = mu + std * noise
    log_px = Bernoulli(logits=F.linear(z, weights, bias)).log_prob(x).sum(-1)
    log_w = log_px + Normal(0.0, 1.0).log_prob(z).sum(-1) - Normal(mu, std).log_prob(z).sum(-1)
    return torch.logsumexp(log_w, 0)
