"""JAX: the importance-weighted bound and its surrogates, differentiated by jax.vjp."""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

import refvi


def log_weights_of(x, mu, std, noise, weights, bias):
    """(K, B) log-weights at z = mu + std noise."""
    z = mu + std * noise
    a = z @ weights.T + bias
    log_px = jnp.sum(x * jax.nn.log_sigmoid(a) + (1 - x) * jax.nn.log_sigmoid(-a), -1)
    log_pz = jax.scipy.stats.norm.logpdf(z).sum(-1)
    log_qz = jax.scipy.stats.norm.logpdf(z, mu, std).sum(-1)
    return log_px + log_pz - log_qz


@refvi.implements("iwae.bound")
def bound(log_weights):
    """Right."""
    return logsumexp(log_weights, axis=0) - jnp.log(log_weights.shape[0])


@refvi.implements("iwae.gradient", batch="mean")
def vmapped(x, mu, std, noise, weights, bias):
    """Right: one datum at a time under vmap."""

    def one(x, mu, std, noise):
        return logsumexp(log_weights_of(x, mu, std, noise, weights, bias)) - jnp.log(len(noise))

    return jnp.mean(jax.vmap(one, in_axes=(0, 0, 0, 1))(x, mu, std, noise))


@refvi.implements("iwae.gradient_dreg")
def dreg(x, mu, std, noise, weights, bias):
    """Right: a vector-Jacobian product with squared weights for the encoder, weights for the decoder."""
    stop = jax.lax.stop_gradient

    def stopped(mu, std, weights, bias):
        z = mu + std * noise
        a = z @ weights.T + bias
        log_p = jnp.sum(x * a - jax.nn.softplus(a), -1) + jax.scipy.stats.norm.logpdf(z).sum(-1)
        return log_p - jax.scipy.stats.norm.logpdf(z, stop(mu), stop(std)).sum(-1)

    w = stop(jax.nn.softmax(log_weights_of(x, mu, std, noise, weights, bias), 0))
    encoder = (w**2 * stopped(mu, std, stop(weights), stop(bias))).sum(0)
    decoder = (w * stopped(stop(mu), stop(std), weights, bias)).sum(0)
    return encoder + decoder


# Seen in AntixK/PyTorch-VAE#34: without stop_gradient the weights are differentiated too.
@refvi.implements("iwae.gradient", expect="iwae-weights-not-detached")
def weights_not_stopped(x, mu, std, noise, weights, bias):
    log_w = log_weights_of(x, mu, std, noise, weights, bias)
    return (jax.nn.softmax(log_w, 0) * log_w).sum(0)
