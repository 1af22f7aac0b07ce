"""JAX: reparameterised ELBO and exact evidence of small models, differentiated by jax.vjp."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

import refvi


@refvi.implements("pathwise.gradient_analytic_kl", scale="log_std")
def elbo(x, mu, log_std, noise, weights, bias):
    """Right: the constant log 2π is left out, which no gradient sees."""
    z = mu + jnp.exp(log_std) * noise
    recon = -0.5 * jnp.sum((x - jnp.tanh(z @ weights.T + bias)) ** 2, -1).mean(0)
    kl = 0.5 * jnp.sum(mu**2 + jnp.exp(2 * log_std) - 1 - 2 * log_std, -1)
    return recon - kl


# Seen in jankrepl/deepdow#106 in PyTorch: here the sample is wrapped in stop_gradient.
@refvi.implements("pathwise.gradient", expect="sample-not-rsample")
def stopped_sample(x, mu, std, noise, weights, bias):
    z = jax.lax.stop_gradient(mu + std * noise)
    norm = jax.scipy.stats.norm.logpdf
    log_p = norm(x, jnp.tanh(z @ weights.T + bias)).sum(-1) + norm(z).sum(-1)
    return (log_p - norm(z, mu, std).sum(-1)).mean(0)


@refvi.implements("sbn.log_evidence")
def enumerated(x, weights, bias, prior_logits):
    """Right: all hidden states at once, the gradient by autodiff."""
    z = jnp.asarray(np.array(list(itertools.product([0.0, 1.0], repeat=prior_logits.shape[0]))))
    a = z @ weights.T + bias
    log_joint = x @ a.T - jax.nn.softplus(a).sum(-1) + z @ prior_logits - jax.nn.softplus(prior_logits).sum()
    return jax.scipy.special.logsumexp(log_joint, axis=1)
