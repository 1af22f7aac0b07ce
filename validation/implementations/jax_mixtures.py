"""JAX: evidence of mixtures and of hidden Markov models; gradients by jax.vjp."""

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jax.scipy.stats import multivariate_normal

import refvi

# ---- right ones


@refvi.implements("gmm.log_evidence")
@jax.jit
def mixture_of_normals(x, weights, means, cholesky):
    def scores(mean, factor):
        factor = jnp.tril(factor)
        return multivariate_normal.logpdf(x, mean, factor @ factor.T)

    return logsumexp(jax.vmap(scores)(means, cholesky), axis=0, b=weights[:, None])


@refvi.implements("hmm.log_evidence")
@jax.jit
def by_scan(initial, transition, log_density):
    def step(alpha, b):
        return logsumexp(alpha[:, None] + jnp.log(transition), axis=0) + b, None

    alpha, _ = jax.lax.scan(step, jnp.log(initial) + log_density[0], log_density[1:])
    return logsumexp(alpha)


# ---- wrong ones


@refvi.implements("hmm.log_evidence", expect="initial-omitted")
@jax.jit
def starts_from_nothing(initial, transition, log_density):
    def step(alpha, b):
        return logsumexp(alpha[:, None] + jnp.log(transition), axis=0) + b, None

    alpha, _ = jax.lax.scan(step, log_density[0], log_density[1:])
    return logsumexp(alpha) + 0.0 * initial.sum()


@refvi.implements("gmm.log_evidence", expect="mixing-weights-omitted")
@jax.jit
def equal_components(x, weights, means, cholesky):
    """As in astroML/astroML#58."""

    def scores(mean, factor):
        factor = jnp.tril(factor)
        return multivariate_normal.logpdf(x, mean, factor @ factor.T)

    return logsumexp(jax.vmap(scores)(means, cholesky), axis=0) + 0.0 * weights.sum()
