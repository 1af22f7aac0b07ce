"""JAX: one gradient step of the importance-weighted bound of a Gaussian autoencoder, jitted autodiff."""

import math

import jax
import jax.numpy as jnp
import numpy as np

HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


def bound(parameters, x, noise):
    """Sum over data of the importance-weighted bound (Burda, Grosse and Salakhutdinov 2015, eq 8)."""
    encoder_hidden, encoder_bias, mean, mean_bias, log_var, log_var_bias = parameters[:6]
    decoder_hidden, decoder_bias, out, out_bias = parameters[6:]
    hidden = jnp.tanh(x @ encoder_hidden.T + encoder_bias)
    centre, half_log_var = hidden @ mean.T + mean_bias, 0.5 * (hidden @ log_var.T + log_var_bias)
    z = centre[:, None] + jnp.exp(half_log_var)[:, None] * noise
    features = jnp.tanh(z @ decoder_hidden.T + decoder_bias)
    residual = x[:, None] - (features @ out.T + out_bias)
    log_w = -0.5 * (residual * residual).sum(-1) - x.shape[1] * HALF_LOG_2_PI
    log_w = log_w + 0.5 * (noise * noise - z * z).sum(-1) + half_log_var.sum(-1)[:, None]
    return (jax.nn.logsumexp(log_w, axis=1) - math.log(noise.shape[1])).sum()


def step(problem):
    """The bound and its gradient in every parameter."""
    x, noise, *parameters = (jnp.asarray(a) for a in problem)
    jitted = jax.jit(jax.value_and_grad(bound))

    def call():
        value, grads = jitted(parameters, x, noise)
        return (np.asarray(value), *(np.asarray(g) for g in grads))

    return call
