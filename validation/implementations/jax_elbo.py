"""Bounds as JAX code writes them; gradients by jax.vjp."""

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

import refvi


def kl(mu, std):
    return jnp.sum(0.5 * (mu**2 + std**2 - 1) - jnp.log(std), axis=-1)


def log_bernoulli(x, logits):
    return -jnp.sum(jnp.logaddexp(0.0, jnp.where(x == 1, -logits, logits)), axis=-1)


# ---- right ones


@refvi.implements("elbo.bernoulli_vae", scale="log_std")
def bound(x, mu, log_std, noise, weights, bias):
    std = jnp.exp(log_std)
    per_sample = jax.vmap(lambda eps: log_bernoulli(x, (mu + std * eps) @ weights.T + bias))
    return per_sample(noise).mean(0) - kl(mu, std)


@refvi.implements("log_density.normal_diagonal", scale="std")
def log_prob(x, mu, std):
    return norm.logpdf(x, mu, std).sum(-1)


@refvi.implements("elbo.beta_vae", scale="std", sign="negative", batch="mean")
def beta_loss(x, logits, mu, std, beta):
    return jnp.mean(-log_bernoulli(x, logits) + beta * kl(mu, std))


# ---- wrong ones


@refvi.implements("elbo.bernoulli_vae", scale="log_std", expect="sample-not-rsample")
def gradient_stopped(x, mu, log_std, noise, weights, bias):
    """As in jankrepl/deepdow#106, with JAX's name for it."""
    std = jnp.exp(log_std)
    z = jax.lax.stop_gradient(mu + std * noise)
    return log_bernoulli(x, z @ weights.T + bias).mean(0) - kl(mu, std)


@refvi.implements("elbo.gaussian_vae", scale="var", expect="variance-as-scale")
def noise_variance_for_scale(x, mu, var, noise, weights, bias, decoder_var):
    """As in pyro-ppl/pyro#1643."""
    z = mu + jnp.sqrt(var) * noise
    return norm.logpdf(x, z @ weights.T + bias, decoder_var).sum(-1).mean(0) - kl(mu, jnp.sqrt(var))
