"""Divergences as JAX code writes them; gradients by jax.vjp."""

import jax
import jax.numpy as jnp

import refvi

# ---- right ones


@refvi.implements("kl.normal_standard", scale="log_var")
def kl_divergence(mu, log_var):
    return jax.vmap(lambda m, v: -0.5 * jnp.sum(1 + v - jnp.square(m) - jnp.exp(v)))(mu, log_var)


@refvi.implements("kl.normal_standard", scale="log_std", batch="mean")
@jax.jit
def compiled(mu, log_std):
    return jnp.mean(jnp.sum(0.5 * (mu**2 + jnp.exp(2 * log_std) - 1) - log_std, axis=-1))


@refvi.implements("kl.normal_full")
def full(q_mu, q_cholesky, p_mu, p_cholesky):
    factor = jax.lax.linalg.triangular_solve(p_cholesky, q_cholesky, left_side=True, lower=True)
    shift = jax.lax.linalg.triangular_solve(p_cholesky, (p_mu - q_mu)[..., None], left_side=True, lower=True)
    log_det = jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    return 0.5 * ((factor**2).sum((-2, -1)) + (shift**2).sum((-2, -1)) - q_mu.shape[-1]) - log_det


@refvi.implements("kl.bernoulli_logits")
def bits(q_logits, p_logits):
    q = jax.nn.sigmoid(q_logits)
    ones = jax.nn.log_sigmoid(q_logits) - jax.nn.log_sigmoid(p_logits)
    zeros = jax.nn.log_sigmoid(-q_logits) - jax.nn.log_sigmoid(-p_logits)
    return (q * ones + jax.nn.sigmoid(-q_logits) * zeros).sum(-1)


# ---- wrong ones


@refvi.implements("kl.normal_standard", scale="log_var", expect="logvar-used-as-logstd")
def variance_taken_for_scale(mu, log_var):
    """As in FluxML/model-zoo#76, in another language."""
    std = jnp.exp(log_var)
    return 0.5 * jnp.sum(mu**2 + std**2 - 1 - 2 * jnp.log(std), axis=-1)
