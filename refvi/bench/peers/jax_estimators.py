"""JAX: score-function estimates of an ELBO's gradient, jitted from drawing the samples to the gradient of every parameter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def estimate(problem, leave_one_out):
    """A call that draws samples and estimates the gradient in the logits of q, and in W, b and c.

    leave_one_out   the baseline is the mean of the other samples of a group; otherwise there is none
    """
    given = tuple(jnp.asarray(a) for a in (*problem.network, problem.logits))
    samples, group = problem.samples, problem.group

    @jax.jit
    def run(key, x, W, b, c, logits):
        q = jax.nn.sigmoid(logits)
        h = (jax.random.uniform(key, (samples, logits.size), jnp.float32) < q).astype(jnp.float64)
        logit = h @ W.T + b
        tail = jnp.exp(-jnp.abs(logit))
        soft = jnp.maximum(logit, 0.0) + jnp.log1p(tail)
        f = h @ (c - logits) + logit @ x[0] - soft.sum(1)
        f += jax.nn.softplus(logits).sum() - jax.nn.softplus(c).sum()
        if leave_one_out:
            f = f.reshape(-1, group)
            f = ((f - f.mean(1, keepdims=True)) * (group / (group - 1.0))).ravel()
        phi = f @ (h - q) / samples
        residual = x[0] - jnp.where(logit >= 0, 1.0, tail) / (1.0 + tail)
        return phi, residual.T @ h / samples, residual.mean(0), h.mean(0) - jax.nn.sigmoid(c)

    key = [jax.random.key(problem.seed)]

    def call():
        key[0], use = jax.random.split(key[0])
        return tuple(np.asarray(a) for a in run(use, *given))

    return call


ESTIMATES = {
    "reinforce": partial(estimate, leave_one_out=False),
    "leave-one-out": partial(estimate, leave_one_out=True),
}
